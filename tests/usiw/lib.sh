# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# For the tests of the kernel-less mode; source it. They run on this machine with
# the programs as Debian ships them, one line a test:
#
#	ok NAME		not ok NAME - why	skip NAME - why
#
# and end with `finish`. Each script runs in a network namespace of its own where
# that is allowed, with 127.0.0.1, ::1, $addr4 and $addr6 as local addresses, so
# port numbers are free; where it is not, $own_net is empty.
#
# USIW_BUILD	directory of the build to test (build/dev)
# SIW_WRAP	what to run programs under instead of `siw run`

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${USIW_BUILD:-$top/build/dev}
siw=$build/bin/siw
usiw_lib=$build/lib/libusiw.so
addr4=192.0.2.1
addr6=fd00:5177::1

net_up() {
	ip link set lo up && ip addr add $addr4/24 dev lo &&
		ip addr add $addr6/64 dev lo nodad
}

if [ "${USIW_NET-unset}" = unset ]; then
	if unshare -rn true 2>/dev/null; then
		USIW_NET=own exec unshare -rn "$BASH" "$0" "$@"
	fi
	export USIW_NET=
elif [ "$USIW_NET" = own ]; then
	net_up || exit 1
	export USIW_NET=up
fi
own_net=$USIW_NET

work=$(mktemp -d "${TMPDIR:-/tmp}/usiw.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
failed=0 limit=30 server='' server_status=0

ok() {
	echo "ok $1"
}

# not_ok NAME WHY - and what the programs said
not_ok() {
	local f

	echo "not ok $1 - $2"
	failed=1
	for f in "$work"/server.log "$work"/client.log; do
		[ -s "$f" ] || continue
		tail -n 15 "$f" | cut -c1-200 |
			sed "s/^/    $(basename "$f" .log): /"
		mv "$f" "${f%.log}.last"
	done
}

skip() {
	echo "skip $1 - $2"
}

finish() {
	exit $failed
}

# check NAME WHY COMMAND... - ok if it succeeds
check() {
	local name=$1 why=$2

	shift 2
	if "$@"; then ok "$name"; else not_ok "$name" "$why"; fi
}

# under COMMAND... - run it without RDMA hardware, within the time limit. Ends
# the (sub)shell: in parentheses or in the background, so that $! is what to stop.
under() {
	# shellcheck disable=SC2086
	exec timeout -s KILL "$limit" ${SIW_WRAP-$siw run} "$@"
}

# listening PORT - does a TCP socket?
listening() {
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v port=":$(printf '%04X' "$1")" '
			$4 == "0A" && substr($2, length($2) - 4) == port {
				found = 1
			}
			END { exit !found }'
}

# until_true SECONDS COMMAND... - look every 50 ms until it succeeds
until_true() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

server_ready() {
	listening "$1" || ! kill -0 "$server" 2>/dev/null
}

# serve PORT COMMAND... - in the background, until it listens
serve() {
	local port=$1

	shift
	under "$@" >"$work/server.log" 2>&1 </dev/null &
	server=$!
	until_true 10 server_ready "$port" || return 1
	listening "$port"
}

# serve_end - wait for the server to end by itself; its status
serve_end() {
	wait "$server"
	server_status=$?
	server=
	return $server_status
}

# serve_stop - a server that would go on for ever
serve_stop() {
	kill "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	server=
}

# client COMMAND...
client() {
	(under "$@") >"$work/client.log" 2>&1 </dev/null
}

# pair NAME PORT SERVER CLIENT - two commands (words); both must succeed
pair() {
	local name=$1 port=$2 rc=0

	# shellcheck disable=SC2086
	if ! serve "$port" $3; then
		serve_stop
		not_ok "$name" 'the server does not listen'
		return 1
	fi
	# shellcheck disable=SC2086
	client $4 || rc=$?
	if [ $rc != 0 ]; then
		serve_stop
		not_ok "$name" "the client ends with status $rc"
	elif ! serve_end; then
		not_ok "$name" "the server ends with status $server_status"
	else
		ok "$name"
		return 0
	fi
	return 1
}

# pair_stop NAME PORT SERVER CLIENT - the same, the server does not end itself
pair_stop() {
	local name=$1 rc=0

	# shellcheck disable=SC2086
	if ! serve "$2" $3; then
		serve_stop
		not_ok "$name" 'the server does not listen'
		return 1
	fi
	# shellcheck disable=SC2086
	client $4 || rc=$?
	serve_stop
	if [ $rc != 0 ]; then
		not_ok "$name" "the client ends with status $rc"
		return 1
	fi
	ok "$name"
}

# pair_perftest NAME PORT SERVER CLIENT - tries again for what says nothing about
# us. perftest's server closes its listener and opens another one; a client that
# is quick enough comes in between and is refused. And on a busy machine either
# may fail to calibrate its clock.
pair_perftest() {
	local log=$work/perftest.out before=$failed

	for _ in 1 2 3; do
		failed=$before
		rm -f "$work"/*.last
		pair "$@" >"$log" 2>&1 && break
		cat "$work"/*.last 2>/dev/null |
			grep -qE "$perftest_troubles" || break
	done
	cat "$log"
}

perftest_troubles='EVENT_REJECTED; error: -111|Correlation coefficient'

# have PROGRAM NAME - or skip the test NAME
have() {
	command -v "$1" >/dev/null && return
	skip "$2" "$1 is not installed"
	return 1
}
