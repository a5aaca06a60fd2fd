#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# perftest with connections by rdma_cm (-R). It prints one line for each message
# size; that all are there is what tells success from an early end. -e: wait
# for events; polling two ends on one CPU measures the scheduler.

. "$(dirname "$0")/lib.sh"
# perftest connects twice, and its server listens a second time without saying
# when: a client that is too early may come again
retry_re='REJECTED|Connection refused|Failed to connect RDMA CM events'
port=18515

# perf LINES PROGRAM OPTION... - the table has LINES sizes, none with zero
# bandwidth or time (unless the program says that it cannot trust its clock)
perf() {
	local lines=$1 program=$2

	shift 2
	exchange $port "$program" -d @srvdev -R -F "$@" -- \
		"$program" -d @clidev -R -F "$@" @srv
	expect_client '^ *[0-9]+ +[0-9]+ +([0-9.]+|inf) +([0-9.]+|inf)' "$lines"
	is_client || return 0
	grep -q 'Correlation coefficient' "$log.client.err" ||
		! nothing "$log.client" || fail "a rate or time of nothing"
}

# nothing FILE - the message rate, last of 5 columns, or the shortest time is none;
# few small messages a second are 0.00 MB/s indeed
nothing() {
	awk '/^ *[0-9]+ +[0-9]+ / && (/inf/ || (NF == 5 ? $5 : $3) == 0) {
			print
			bad = 1
		}
		END { exit !bad }' "$1"
}

# all_sizes OP - each size costs half a second: perftest measures the clock
all_sizes() {
	local e=-e

	check $1-bw-all 90 perf 23 ib_$1_bw -a -n 5
	# one CPU: 10 ms a message without events, and long enough with them
	[ "$(nproc)" = 1 ] && return
	[ $1 != write ] || e=
	check $1-lat-all 90 perf 23 ib_$1_lat $e -a -n 5
}

tests() {
	local op e

	for op in send write read; do
		# perftest has no events for writes. With sends it waits for an
		# event when it has no credits left; they come without one.
		e=
		[ $op != read ] || e=-e
		check $op-bw 20 perf 1 ib_${op}_bw $e -n 100
		check $op-bw-8qp 30 perf 1 ib_${op}_bw $e -q 8 -n 20
		check $op-bw-bi 20 perf 1 ib_${op}_bw $e -b -n 20
		check $op-lat 20 perf 1 ib_${op}_lat -n 20
	done
}

more_tests() {
	tests
	all_sizes send
	all_sizes write
	all_sizes read
	check send-bw-inline 20 perf 1 ib_send_bw -I 64 -s 64 -n 200
	check write-bw-inline 20 perf 1 ib_write_bw -I 64 -s 64 -n 200
	check send-lat-inline 20 perf 1 ib_send_lat -e -I 64 -s 64 -n 200
	check send-bw-srq 20 perf 1 ib_send_bw --use-srq -n 50
	check send-lat-srq 20 perf 1 ib_send_lat -e --use-srq -n 100
	check send-bw-odd-size 20 perf 1 ib_send_bw -s 4999 -n 100
	check write-bw-cq-mod 20 perf 1 ib_write_bw -Q 1 -n 50
}

few_tests() {
	check send-bw 20 perf 1 ib_send_bw -n 100
	check write-bw 20 perf 1 ib_write_bw -n 50
	check read-bw 20 perf 1 ib_read_bw -e -n 100
}

main() {
	each_topology 'dummy two' more_tests
	each_topology 'veth' tests
	# no IPv6: perftest 4.5 looks names up for IPv4 only
	each_topology 'lo' few_tests
}

guest_main "$@"
