#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# qperf's tests of reliable connections, set up by rdma_cm (-cm1). Those that
# go one way make queue pairs that have no send queue at one end.

. "$(dirname "$0")/lib.sh"

# ask TEST - the client. The server tells it the port before it listens there:
# a client that came too early asks again. In rc_bi_bw both ends send as fast as
# they can and rely on the other's being as quick to receive: three tries.
ask() {
	local i

	for i in 1 2 3 4 5 6; do
		nice -n 10 qperf "$dst_ip" -cm1 -t 1 "$1" \
			>"$log.try" 2>&1 && break
		[ "$1" = rc_bi_bw ] && [ $i -lt 3 ] && continue
		grep -q 'Event rejected' "$log.try" || break
	done
	cat "$log.try"
	! grep -qE 'expecting|failed' "$log.try"
}

# measure TEST - a value greater than nothing
measure() {
	local status=0 immediate=

	! is_server || serve 19765 qperf
	meet up
	if is_client; then
		$cli_in bash -c "$(declare -f ask); log=$log dst_ip=$dst_ip
			ask $1" >"$log.client" || status=$?
		# nothing that version 1 of the siw ABI has
		! grep -q 'failed to post rdma write with imm' "$log.client" ||
			immediate=yes
		[ $status = 0 ] || [ $immediate ] ||
			fail "$(tail -n 1 "$log.client")"
		[ $immediate ] ||
			expect_client '^ *(bw|latency|send_bw) += +[0-9.]*[1-9]' 1
	fi
	meet done
	end_server
	[ ! $immediate ] || skip "wants RDMA writes with immediate data"
}

both_ways() {
	[ "$(nproc)" -gt 1 ] || skip "overruns its receive queue on one CPU"
	measure rc_bi_bw
}

tests() {
	local name

	for name in rc_lat rc_bw rc_rdma_read_lat rc_rdma_read_bw \
		rc_rdma_write_lat rc_rdma_write_bw rc_rdma_write_poll_lat; do
		check $name 25 measure $name
	done
	check rc_bi_bw 25 both_ways
}

main() {
	each_topology 'dummy two' tests
}

guest_main "$@"
