#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Descriptors and processes: what programs do with the files besides using them,
# who may run it, and what `siw run` says when it cannot.
. "$(dirname "$0")/lib.sh"
port=7174

# --- descriptors: files.c -----------------------------------------------------

if ${CC:-cc} -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -o "$work/files" \
	"$top/tests/usiw/files.c" -pthread -lrdmacm -libverbs \
	>"$work/client.log" 2>&1
then
	for t in $("$work/files"); do
		check "$t" 'see above' client "$work/files" "$t"
	done
else
	not_ok files 'does not compile'
fi

# --- siw run --------------------------------------------------------------------

# says NAME STATUS PATTERN ARGUMENT... - siw run ends so and says that
says() {
	local name=$1 status=$2 pattern=$3 rc=0

	shift 3
	"$siw" run "$@" >"$work/client.log" 2>&1 </dev/null || rc=$?
	if [ $rc != "$status" ]; then
		not_ok "$name" "status $rc, not $status"
	elif [ "$pattern" ] && ! grep -qE "$pattern" "$work/client.log"; then
		not_ok "$name" "does not say '$pattern'"
	else
		ok "$name"
	fi
}

says no_program 127 'not found' /nonexistent
says no_command 2 'which program'
says no_library 1 'cannot find the library' --library=/nonexistent true
says bad_option 2 'try siw run --help' --nonsense true
says bad_number 2 'not a number' --mpa-rev=3 true
says bad_threads 2 'not a number from 1 to 16' --threads=17 true
says status 7 '' sh -c 'exit 7'
says passes_arguments 0 '^a  b$' -- echo 'a  b'
echo 'int main(void) { return 0; }' >"$work/main.c"
if ${CC:-cc} -static -o "$work/static" "$work/main.c" 2>/dev/null; then
	says static_program 126 'linked statically' "$work/static"
else
	skip static_program 'no static C library'
fi
cp /bin/true "$work/script-target"
printf '#!%s\n' "$work/static" >"$work/script"
chmod +x "$work/script"
[ ! -x "$work/static" ] ||
	says static_interpreter 126 'linked statically' "$work/script"

# --- killed ------------------------------------------------------------------------

# established PORT - is there a TCP connection to it?
established() {
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v port=":$(printf '%04X' "$1")" '
			$4 == "01" && substr($2, length($2) - 4) == port {
				found = 1
			}
			END { exit !found }'
}
# The other end is told when one end is killed: it sees the connection go.
killed() {
	local rc=0 pid

	serve $port rping -s -C 1000000 || return 1
	(under rping -c -a 127.0.0.1 -C 1000000) >"$work/client.log" 2>&1 \
		</dev/null &
	pid=$!
	until_true 10 established $port || rc=1
	pkill -KILL -P $pid
	wait $pid 2>/dev/null
	until_true 10 eval '! kill -0 $server 2>/dev/null' || rc=1
	[ $rc = 0 ] || serve_stop
	return $rc
}

# engines PID - how many has the process that `timeout` PID runs?
engines() {
	local pid

	pid=$(pgrep -P "$1") && cat /proc/"$pid"/task/*/comm | grep -cx usiw
}

# threads NUMBER OPTION... - a listener has so many of them
threads() {
	local n

	SIW_WRAP="$siw run ${*:2}" serve $port rping -s || return 1
	n=$(engines "$server")
	serve_stop
	[ "$n" = "$1" ]
}

check threads_1 'not one engine' threads 1
check threads_3 'not three engines' threads 3 --threads=3
check killed 'the server does not notice' killed

finish
