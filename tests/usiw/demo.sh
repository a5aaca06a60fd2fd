#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The first part of the demonstration, and the benchmark's programs with it: all
# of its figures are there.
USIW_NET=	# it makes its own, and installs what it needs
. "$(dirname "$0")/lib.sh"
out=$work/client.log

USIW_BUILD=$(realpath "$build") timeout 120 "$top/demo" native >"$out" 2>&1
status=$?
check native "status $status" [ $status = 0 ]
check rping 'three pings are not seen' \
	[ "$(grep -c '^ *ping data: rdma-ping-' "$out")" = 3 ]
for f in 'ib_write_bw .* Gb/s .* Gb/s (iperf3' \
	'ib_send_lat .* us .* us (sockperf'; do
	check "${f%% *}" 'a figure is missing' grep -qE "^ok +${f/(/\\(}" "$out"
done

# one round of it, of what is quick
bench() {
	"$top/tests/bench/run" --build "$build" --rounds 1 --out "$work/bench" \
		--only tcp_pingpong,send_events >"$out" 2>&1 &&
		python3 - "$work/bench" <<-END >>"$out" 2>&1
			import csv, json, sys
			d = sys.argv[1]
			figures = json.load(open(d + '/bench.json'))['figures']
			rows = list(csv.DictReader(open(d + '/bench.csv')))
			assert [r['name'] for r in rows] == \\
			    [f['name'] for f in figures] == \\
			    ['tcp_pingpong', 'send_events'], rows
			assert float(rows[1]['ratio']) > 0
			assert abs(figures[1]['median'] / figures[0]['median'] -
			           figures[1]['ratio']) < 1e-6
		END
}
check bench 'no table, CSV or JSON' bench
finish
