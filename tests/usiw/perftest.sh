#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# perftest over rdma_cm (-R): all tests, and the options that change how queues
# are used.
. "$(dirname "$0")/lib.sh"
port=18515
limit=180	# it calibrates its clock for every size, slowly where others work, too

# perf NAME PROGRAM OPTION... - the same on both sides
perf() {
	local name=$1 prog=$2

	shift 2
	pair_perftest "$name" $port "$prog -R -F $*" \
		"$prog -R -F $* 127.0.0.1"
}

have ib_send_bw perftest || finish
for op in send write read; do
	perf ${op}_bw ib_${op}_bw -n 500
	perf ${op}_bw_all_sizes ib_${op}_bw -a -n 10
	perf ${op}_bw_both_ways ib_${op}_bw -b -n 200
	perf ${op}_bw_16_qps ib_${op}_bw -q 16 -n 50
	perf ${op}_bw_odd_size ib_${op}_bw -s 4999 -n 200
	perf ${op}_lat ib_${op}_lat -n 200
	perf ${op}_lat_large ib_${op}_lat -s 65536 -n 50
done
# not ib_send_bw: it waits for an event when it has no credits left, which come
# without one, as RDMA WRITEs
perf read_bw_events ib_read_bw -e -n 500
for op in send read; do
	perf ${op}_lat_events ib_${op}_lat -e -n 500
	perf ${op}_lat_all_sizes ib_${op}_lat -e -a -n 10
done
perf send_lat_inline ib_send_lat -I 64 -s 64 -n 500
perf write_lat_inline ib_write_lat -I 64 -s 64 -n 500
perf send_bw_srq ib_send_bw --use-srq -n 200
perf send_lat_srq ib_send_lat -e --use-srq -n 200
perf write_bw_cq_mod ib_write_bw -Q 1 -n 200
perf write_bw_1_mib ib_write_bw -s 1048576 -n 200
SIW_WRAP="$siw run --threads=4" perf write_bw_4_threads ib_write_bw -b -q 16 -n 50
SIW_WRAP="$siw run --threads=4" perf send_lat_4_threads ib_send_lat -e -n 500
SIW_WRAP="$siw run --crc" perf write_bw_crc ib_write_bw -n 200
SIW_WRAP="$siw run --crc" perf send_bw_crc ib_send_bw -a -n 10
finish
