# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# Shared by the functional tests, which run as root in a guest of tests/uml or
# tests/vm (see tests/guest/README.md). A test script is
#
#	. "$(dirname "$0")/lib.sh"
#	some_test() { exchange 7174 SERVER... -- CLIENT...; }
#	main() { each_topology 'dummy veth two' tests; }
#	tests() { check NAME SECONDS some_test [ARG...]; }
#	guest_main "$@"
#
# Each test runs in a process group of its own, is killed when its time is up, and
# gives one line: "ok NAME", "not ok NAME - why" or "skip NAME - why". Its output is
# kept in $logs/NAME.*. Starting a program takes a guest 0.1 s where the kernel
# checks everything: what a test does besides its subject is done by the shell.
#
# A topology sets
#	srv_ip, cli_ip		addresses of the two ends
#	dst_ip			what the client calls the server (link-local
#				addresses: with the scope there)
#	srv_dev, cli_dev	RDMA devices
#	srv_in, cli_in		prefix to run a command there (empty, or a
#				network namespace)
#	cap_if			where the traffic passes (without a topology: lo)
# Arguments NAME=VALUE before others set
#	SIW_TOPO	only these topologies
#	SIW_ONLY	only tests whose names match this pattern
#	SIW_CAPTURE	not empty: the traffic of each test to $logs/NAME.pcap,
#			at most SIW_CAPTURE_MAX (4000) packets; `whole`: that of
#			each topology to $logs/TOPOLOGY.pcap, which is quicker
#	SIW_SLOW	multiply time limits by this
#
# With two hosts this script runs on both, HOST_IDX 0 is the server's side, and
# an `exchange` runs its own half. Host 0 says how a test went as a whole.

set -u
script=$(realpath "$0")
suite=$(basename "$0" .sh)
here=$(dirname "$script")
logs=${SIW_PAIR_TMP:-${SIW_RIG_TMP:?to be run in a guest}}/$suite
failures=$logs/failures${HOST_IDX:-}

# what may never appear in the kernel's log
trouble_re='WARNING:|BUG:|KASAN|UBSAN|INFO: |Oops|refcount_t|general protection'
trouble_re+='|unable to handle|inconsistent lock|possible (recursive|circular)'

. "$here/topology.sh"

fail() {
	echo "why: $*"
	! two_hosts || [ -z "${log:-}" ] || : >"${log%@?}.failed$HOST_IDX"
	exit 1
}

skip() {
	echo "why: $*"
	exit 77
}

two_hosts() {
	[ "${NHOSTS:-1}" = 2 ]
}

is_server() {
	! two_hosts || [ "$HOST_IDX" = 0 ]
}

is_client() {
	! two_hosts || [ "$HOST_IDX" = 1 ]
}

# speaks - this host reports
speaks() {
	is_server
}

# meet NAME - both hosts have come this far
meet() {
	two_hosts || return 0
	if [ -n "${log:-}" ]; then
		: >"${log%@?}.$1.met$HOST_IDX"
		until_true $((60 * ${SIW_SLOW:-1})) other_came "$1" ||
			fail "the other host did not come"
	else
		barrier "$suite-$1" 120 || {
			echo "why: the other host did not come"
			exit 1
		}
	fi
}

# other_came NAME - or will not
other_came() {
	local other=$((1 - HOST_IDX))

	[ -e "${log%@?}.$1.met$other" ] && return
	[ -e "${log%@?}.failed$other" ] || return
	fail "the other host failed"
}

# nap SECONDS - nothing ever comes from there
nap() {
	read -r -t "$1" -u "$never" || return 0
}

# until_true SECONDS COMMAND... - poll; false when the time is up
until_true() {
	local end=$((${EPOCHREALTIME%.*} + $1))

	shift
	until "$@"; do
		[ "${EPOCHREALTIME%.*}" -lt $end ] || return 1
		nap 0.03
	done
}

# listening PORT - on the server's side, any address
listening() {
	local hex sockets

	printf -v hex '%04X' "$1"
	# shellcheck disable=SC2154
	if [ -n "$srv_in" ]; then
		sockets=$($srv_in cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	else
		sockets=$(</proc/net/tcp)$(</proc/net/tcp6)
	fi 2>/dev/null
	[[ $sockets =~ :$hex\ [0-9A-F]*:0000\ 0A\  ]]
}

quiet() {
	! listening "$1"
}

came_up() {
	listening "$1" || ! kill -0 "$server" 2>/dev/null
}

# serve PORT COMMAND... - start a server, wait until it listens
serve() {
	local port=$1

	shift
	until_true 5 quiet "$port" || fail "somebody listens on port $port"
	$srv_in "$@" >"$log.server" 2>"$log.server.err" \
		</dev/null &
	server=$!
	until_true 20 came_up "$port" || fail "server does not listen: $*"
	kill -0 $server 2>/dev/null || {
		tail -q -n 5 "$log.server" "$log.server.err"
		fail "server ended before the client came: $*"
	}
}

# client COMMAND... - what it prints goes to $log.client
client() {
	# shellcheck disable=SC2154
	$cli_in "$@" >"$log.client" 2>"$log.client.err" </dev/null
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# finish_server - wait for its exit status; it has 10 s
finish_server() {
	local status=0

	until_true 10 gone "$server" || {
		kill -KILL "$server"
		wait "$server"
		fail "the server did not end after the client did"
	}
	wait "$server" || status=$?
	[ $status = 0 ] || {
		tail -q -n 5 "$log.server" "$log.server.err"
		fail "server: status $status"
	}
}

# end_server - for those that go on for ever; it must still be there
end_server() {
	is_server || return 0
	kill -0 "$server" 2>/dev/null || fail "the server died"
	kill -TERM "$server"
	until_true 5 gone "$server" || kill -KILL "$server"
	wait "$server"
	return 0
}

# words ADDRESS WORD... - into the array `words`, with what @srv and so on mean
words() {
	local ip=$1 word

	shift
	words=()
	for word; do
		# shellcheck disable=SC2154
		word=${word//@srvdev/$srv_dev} word=${word//@clidev/$cli_dev}
		# shellcheck disable=SC2154
		word=${word//@srv/$ip} word=${word//@cli/$cli_ip}
		words+=("$word")
	done
}

# once PORT - server_words and client_words against each other, one time.
# Return: 0; 1 after the client's end; 2 if it is worth to try again.
once() {
	local status=0 file

	exchanges=$((${exchanges:-0} + 1))
	file=${log%@?}.again$exchanges
	! is_server || serve "$1" "${server_words[@]}"
	meet up$exchanges
	if is_client; then
		client "${client_words[@]}" || status=$?
		[ $status = 0 ] || [ -z "${retry_re:-}" ] ||
			! grep -qE "$retry_re" "$log.client" "$log.client.err" ||
			: >"$file"
		[ $status = 0 ] || [ -e "$file" ] || {
			tail -q -n 5 "$log.client" "$log.client.err"
			fail "client: status $status: ${client_words[*]}"
		}
	fi
	meet done$exchanges
	[ ! -e "$file" ] || return 2
}

# exchange [-k] PORT SERVER... -- CLIENT... - both must end well. @srv and @cli
# become addresses, @srvdev and @clidev devices, anywhere in a word. -k: the
# server does not end by itself; the test does it. A client that fails and says
# something that matches retry_re may try again, against a new server.
exchange() {
	local keep='' port try
	local -a words client_words server_words=()

	[ "$1" != -k ] || { keep=yes; shift; }
	port=$1
	shift
	while [ "$1" != -- ]; do
		server_words+=("$1")
		shift
	done
	shift
	words "$dst_ip" "$@"
	client_words=("${words[@]}")
	words "$srv_ip" "${server_words[@]}"
	server_words=("${words[@]}")
	for try in 1 2 3 4 5; do
		once "$port" && break
		[ $try != 5 ] || fail "the client failed $try times"
		echo "try $((try + 1))"
		! is_server || {
			kill -KILL "$server"
			wait "$server"
		}
	done
	if is_server && [ -z "$keep" ]; then
		finish_server
	fi
}

# expect_client REGEX [COUNT] - its output has that many such lines (default: any)
expect_client() {
	is_client || return 0
	expect_in "$log.client" "$@"
}

expect_server() {
	is_server || return 0
	expect_in "$log.server" "$@"
}

expect_in() {
	local n

	n=$(cat "$1" "$1.err" 2>/dev/null | grep -cE -e "$2")
	[ "$n" = "${3:-$n}" ] && [ "$n" != 0 ] && return
	tail -q -n 5 "$1" "$1.err"
	fail "${1##*.}: $n lines of '$2' where ${3:-some} are expected"
}

# kernel_log - messages since this test began, but for programs' own crashes
# (librdmacm's of rdma-core 44, when a connect is refused), which show elsewhere
kernel_log() {
	dmesg | sed "1,/siw test: ${test_id//\//.}\$/d; /\] traps: /d"
}

# trouble - does the kernel complain? The lines, if so. What is before the test is
# cut off roughly here, since other names may begin like this one's
trouble() {
	local text

	text=$(dmesg)
	[[ ${text#*"siw test: $test_id"} =~ $trouble_re ]] &&
		kernel_log | grep -E -m 3 "$trouble_re"
}

# capture_start, capture_stop - the wire to $log.pcap, from before the first
# connection
capture_start() {
	[ -n "${cap_if:-}" ] || { cap_if=lo && ip link set lo up; }
	: >"$log.tcpdump"
	# the buffer is cut into slots of the length of -s: no more than can come
	# shellcheck disable=SC2154
	$srv_in tcpdump -i "$cap_if" --immediate-mode -U -w "$log.pcap" \
		-B 65536 -s 66000 -Z root -c "${SIW_CAPTURE_MAX:-4000}" tcp \
		>"$log.tcpdump" 2>&1 &
	tcpdump=$!
	until_true 10 captures
}

captures() {
	[[ $(<"$log.tcpdump") == *'listening on'* ]]
}

capture_stop() {
	[ -n "${tcpdump:-}" ] || return 0
	nap 0.1
	kill -INT "$tcpdump" 2>/dev/null
	wait "$tcpdump"
	tcpdump=
}

# quit STATUS - of a test; why it failed may have been said already
quit() {
	[ "$1" = 1 ] || [ "$1" = 77 ] || echo "why: status $1"
	exit "$1"
}

# run_one LOG ID FUNCTION [ARG...] - the inside of a test
run_one() {
	log=$1 test_id=$2
	shift 2
	trap 'capture_stop; kill -KILL $(jobs -p) 2>/dev/null' EXIT
	echo "siw test: $test_id" >/dev/kmsg
	case ${SIW_CAPTURE:-whole} in
	whole)	tcpdump= ;;
	*)	capture_start ;;
	esac
	"$@" || quit $?
	! trouble || fail "the kernel complains"
	exit 0
}

# bounded SECONDS COMMAND... - in a process group of its own, which is killed when
# the time is up; the status is 124 then
bounded() {
	local limit=$1 late=$log.late job watch status=0

	shift
	set -m
	"$@" &
	job=$!
	{
		nap "$limit"
		: >"$late"
		kill -TERM -- -$job
		nap 2
		kill -KILL -- -$job
	} &
	watch=$!
	set +m
	{
		wait $job || status=$?
		kill -KILL -- -$watch
		wait $watch
	} 2>/dev/null	# bash tells who was killed
	[ ! -e "$late" ] || status=124
	return $status
}

# reason LOG - the last one it gives
reason() {
	local why

	why=$(sed -n 's/^why: //p' "$1" | tail -n 1)
	[ -n "$why" ] || why=$(tail -n 1 "$1")
	printf '%.150s\n' "$why"
}

# verdict STATUS LOG - in words, as it is printed
verdict() {
	case $1 in
	0)	echo ok ;;
	77)	echo "skip - $(reason "$2")" ;;
	124)	echo "not ok - not done in time; $(reason "$2")" ;;
	*)	echo "not ok - $(reason "$2")" ;;
	esac
}

# combine FILE VERDICT - that of both hosts: a failure, a skip, ok
combine() {
	local other=$1@$((1 - HOST_IDX)).verdict both

	echo "$2" >"$1@$HOST_IDX.verdict"
	(log='' meet "${test_id//\//-}-verdict")
	both=$(cat "$other" 2>/dev/null || echo "not ok - no verdict there")
	case $2/$both in
	*'other host failed'/*) echo "$both (on the other host)" ;;
	'not ok'*) echo "$2" ;;
	*/'not ok'*) echo "$both (on the other host)" ;;
	skip*)	echo "$2" ;;
	*)	echo "$both" ;;
	esac
	rm -f "$other"
}

# result ID VERDICT
result() {
	! speaks || case $2 in
	ok)	echo "ok $1" ;;
	*)	echo "${2%% - *} $1 - ${2#* - }" ;;
	esac
	[[ $2 != 'not ok'* ]] || echo "$1" >>"$failures"
}

# check NAME SECONDS FUNCTION [ARG...] - run a test and say how it went
check() {
	local id=$suite/${topo:+$topo/}$1 limit=$2 status=0 file verdict log

	shift 2
	# shellcheck disable=SC2053
	[[ $id == ${SIW_ONLY:-*} ]] || return 0
	file=$logs/${id#*/}
	log=$file
	! two_hosts || log=$file@$HOST_IDX
	[ -d "${file%/*}" ] || mkdir -p "${file%/*}"
	[ ! -e "$log.log" ] || rm -f "$log".*
	bounded $((limit * ${SIW_SLOW:-1})) run_one "$log" "$id" "$@" \
		>"$log.log" 2>&1 </dev/null || status=$?
	verdict=$(verdict $status "$log.log")
	[[ $verdict != skip* ]] || rm -f "$log.pcap"
	! two_hosts || verdict=$(test_id=$id combine "$file" "$verdict")
	result "$id" "$verdict"
}

# skip_test NAME WHY, not_ok NAME WHY - outside of a test
skip_test() {
	result "$suite/${topo:+$topo/}$1" "skip - $2"
}

not_ok() {
	echo "not ok $suite/${topo:+$topo/}$1 - $2"
	echo "$1" >>"$failures"
}

# each_topology LIST FUNCTION - those of LIST that this rig has (SIW_TOPO: of
# these only)
each_topology() {
	local wanted=$1 name

	for name in $wanted; do
		[[ " ${SIW_TOPO:-$name} " == *" $name "* ]] || continue
		case $name in
		two*)	two_hosts || continue ;;
		*)	! two_hosts || continue ;;
		esac
		topology_up "$name" || {
			not_ok setup "$(tail -n 1 "$logs/topology${HOST_IDX:-}.log")"
			topology_down
			continue
		}
		[ "${SIW_CAPTURE:-}" != whole ] || log=$logs/$name capture_start
		"$2"
		capture_stop
		topology_down || not_ok removal "$(tail -n 1 "$logs/topology${HOST_IDX:-}.log")"
	done
}

guest_main() {
	exec {never}<> <(:)
	topo='' srv_in='' cli_in=''
	# what an earlier run left there
	is_client && two_hosts || rm -rf "$logs"
	meet start
	mkdir -p "$logs"
	: >"$failures"
	while [[ ${1:-} == SIW_*=* ]]; do
		export "${1?}"
		shift
	done
	main "$@"
	[ ! -s "$failures" ]
}
