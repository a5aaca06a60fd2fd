#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# qperf, fio, libfabric.
. "$(dirname "$0")/lib.sh"
limit=60

# one server, which leaves each test to a child
if have qperf qperf; then
	check qperf_server 'does not listen' serve 19765 qperf
	for t in rc_lat rc_bw rc_rdma_read_lat rc_rdma_read_bw \
		rc_rdma_write_poll_lat; do
		check qperf_$t 'the client failed' \
			client qperf 127.0.0.1 -t 1 -cm1 $t
	done
	serve_stop
fi

# both_ways - both ends of rc_bi_bw send as fast as they can and rely on the
# other's being as quick to receive: five tries, with a server each, since one
# whose connection broke may wait for ever
both_ways() {
	local i

	for i in 1 2 3 4 5; do
		serve 19765 qperf || return
		client qperf 127.0.0.1 -t 1 -cm1 rc_bi_bw
		serve_stop
		grep -q 'bw *=' "$work/client.log" && return
		grep -q 'no receive buffer' "$work/client.log" "$work/server.log" ||
			return
	done
	overrun=yes
}

if have qperf qperf; then
	overrun=
	if both_ways; then
		if [ $overrun ]; then
			skip qperf_rc_bi_bw 'overruns its receive queue'
		else
			ok qperf_rc_bi_bw
		fi
	else
		not_ok qperf_rc_bi_bw 'it failed'
	fi
fi

# fio_job VERB OPTION... - both sides verify nothing, but count what arrived
fio_job() {
	local name=fio_$1${2:+_${2#--}}

	cat >"$work/r.fio" <<-END
		[r]
		ioengine=rdma
		port=9876
		bs=64k
		size=1m
		rw=read
		iodepth=32
	END
	cat >"$work/s.fio" <<-END
		[s]
		ioengine=rdma
		hostname=127.0.0.1
		port=9876
		verb=$1
		bs=64k
		size=1m
		rw=write
		iodepth=16
	END
	shift
	pair "$name" 9876 "fio $* $work/r.fio" "fio $* $work/s.fio"
}
if have fio fio; then
	for verb in write read send; do
		fio_job $verb
		fio_job $verb --thread
	done
fi

if have fi_pingpong libfabric; then
	pair libfabric_msg 47592 'fi_pingpong -p verbs -e msg -I 50' \
		'fi_pingpong -p verbs -e msg -I 50 127.0.0.1'
	before=$failed
	# libfabric 1.17 posts receives to an end point that it has closed, if a
	# message comes at the wrong moment of the end: once more, then
	for _ in 1 2 3; do
		pair libfabric_rdm 47592 \
			'fi_pingpong -p verbs;ofi_rxm -e rdm -I 10' \
			'fi_pingpong -p verbs;ofi_rxm -e rdm -I 10 127.0.0.1' \
			>"$work/rdm.out" && break
		grep -q 'terminated with signal 11' "$work/rdm.out" || break
		failed=$before
	done
	cat "$work/rdm.out"
	! grep -q '^not ok' "$work/rdm.out" || failed=1
fi
finish
