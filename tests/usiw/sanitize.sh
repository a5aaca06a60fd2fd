#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# libusiw.so made with ASan and UBSan, and with TSan, under the stock programs:
# short runs, and nothing reported. $USIW_BUILD-asan and $USIW_BUILD-tsan are the
# builds.
#
# The programs themselves are not instrumented. So leaks are not looked for, and
# TSan knows nothing of how they wait for data: what its interceptors see of them
# does not count (ignore_noninstrumented_modules). For that our functions have to
# stand before TSan's, or a write() that comes to us would not count either. ASan
# insists on standing first.
. "$(dirname "$0")/lib.sh"
limit=120

# quiet NAME - have all runs so far reported nothing?
quiet() {
	cat "$work"/report.* >"$work/client.log" 2>/dev/null
	check "$1" 'it has something to say' [ ! -s "$work/client.log" ]
	rm -f "$work"/report.*
}

# rping destroys its event channel while a thread of it waits there; slowed down,
# the thread sees that
rping_pair() {
	local own='rdma_get_cm_event: Bad file descriptor'

	serve 7174 rping -s -V -C 200 || return
	client rping -c -a 127.0.0.1 -V -C 200 ||
		grep -q "$own" "$work/client.log" || return
	serve_end || grep -q "$own" "$work/server.log"
}

programs() {
	local s=$1

	check "${s}_rping" 'see above' rping_pair
	pair "${s}_ucmatose" 7471 'ucmatose -c 20 -C 10' \
		'ucmatose -c 20 -C 10 -s 127.0.0.1'
	pair "${s}_synchronous" 7471 rdma_server 'rdma_client -s 127.0.0.1'
	pair_stop "${s}_cmtime" 7471 'cmtime -c 50' 'cmtime -c 50 -s 127.0.0.1'
	pair "${s}_rstream" 7471 'rstream -S 4096 -C 100 -T v' \
		'rstream -S 4096 -C 100 -T v -s 127.0.0.1'
	pair_perftest "${s}_write_bw" 18515 'ib_write_bw -R -F -n 200 -q 4' \
		'ib_write_bw -R -F -n 200 -q 4 127.0.0.1'
	pair_perftest "${s}_read_bw" 18515 'ib_read_bw -R -F -n 200 -b' \
		'ib_read_bw -R -F -n 200 -b 127.0.0.1'
	pair_perftest "${s}_send_lat" 18515 'ib_send_lat -R -F -n 200 -e' \
		'ib_send_lat -R -F -n 200 -e 127.0.0.1'
	SIW_ENGINE_THREADS=3 pair_perftest "${s}_write_bw_3_threads" 18515 \
		'ib_write_bw -R -F -n 200 -q 8 -b' \
		'ib_write_bw -R -F -n 200 -q 8 -b 127.0.0.1'
	SIW_CRC=1 pair_perftest "${s}_send_bw_crc" 18515 \
		'ib_send_bw -R -F -n 200 --use-srq' \
		'ib_send_bw -R -F -n 200 --use-srq 127.0.0.1'
	for t in $("$work/files"); do
		check "${s}_$t" 'see above' client "$work/files" "$t"
	done
	for t in $("$work/fork"); do
		check "${s}_fork_$t" 'see above' client "$work/fork" "$t"
	done
}

for f in files fork; do
	${CC:-cc} -D_GNU_SOURCE -O1 -o "$work/$f" "$top/tests/usiw/$f.c" \
		-pthread -lrdmacm -libverbs || exit 1
done

for s in asan tsan; do
	usiw_lib=$build-$s/lib/libusiw.so
	if [ ! -e "$usiw_lib" ]; then
		skip $s "there is no $usiw_lib"
		continue
	fi
	runtime=$(ldd "$usiw_lib" | awk -v s="lib$s" \
		'index($1, s) == 1 { print $3 }')
	check ${s}_instrumented 'it does not use the run time' \
		[ -e "$runtime" ]
	o=log_path=$work/report:exitcode=66
	case $s in
	asan)	SIW_WRAP="env LD_PRELOAD=$runtime:$usiw_lib
			ASAN_OPTIONS=detect_leaks=0:$o UBSAN_OPTIONS=$o" ;;
	tsan)	SIW_WRAP="env LD_PRELOAD=$usiw_lib:$runtime TSAN_OPTIONS=$o"
		SIW_WRAP=$SIW_WRAP:ignore_noninstrumented_modules=1
		SIW_WRAP=$SIW_WRAP:die_after_fork=0:atexit_sleep_ms=0 ;;
	esac
	programs $s
	quiet ${s}_quiet
done
finish
