#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Two hosts, one with this driver, the other with the one of the kernel's own
# tree (or any two). To be run with either in both roles:
#
#	tests/uml/run -n 2 -d siw -D intree tests/guest/interop.sh
#	tests/uml/run -n 2 -d intree -D siw tests/guest/interop.sh
#
# CRC on and off, MPA revision 1 and 2, by the parameters of our end. On one CPU
# the other driver may overlook a first FPDU that comes right behind its Reply
# (with revision 2 our RTR wakes it): two are better.

. "$(dirname "$0")/lib.sh"
# perftest connects twice, and its server listens a second time without saying
# when: a client that is too early may come again
retry_re='REJECTED|Connection refused|Failed to connect RDMA CM events'

# parameters NAME VALUE... - of this driver, if this is the end that has them
parameters() {
	local dir=/sys/module/siw/parameters

	[ -e $dir/mpa_rev ] || return 0
	while [ $# -gt 0 ]; do
		echo "$2" >"$dir/$1" || return
		shift 2
	done
}

ping() {
	exchange 7174 rping -s -a @srv -C "$2" -S "$1" -V -- \
		rping -c -a @srv -C "$2" -S "$1" -v -V
	expect_client '^ping data: rdma-ping-' "$2"
}

perf() {
	exchange 18515 "$1" -d @srvdev -R -F "${@:2}" -- \
		"$1" -d @clidev -R -F "${@:2}" @srv
	expect_client '^ *[0-9]+ +[0-9]+ +([0-9.]+|inf) +([0-9.]+|inf)' 1
}

# with NAME - all programs, with the parameters as they are. In its ib_send_bw,
# perftest waits for events that it does not get when credits are short: no -e.
with() {
	check "$1/send-bw" 20 perf ib_send_bw -n 100
	check "$1/write-bw" 20 perf ib_write_bw -n 100
	check "$1/send-lat" 20 perf ib_send_lat -e -n 100
	# without revision 2 the other driver allows no Reads
	[[ $1 != rev1* ]] || return 0
	check "$1/rping" 20 ping 64 100
	check "$1/rping-4097" 20 ping 4097 20
	check "$1/rping-65535" 20 ping 65535 10
	check "$1/read-bw" 20 perf ib_read_bw -e -n 100
}

# client_driver - what the initiator runs
client_driver() {
	echo "$SIW_DRIVER" >"$logs/driver$HOST_IDX"
	(meet drivers)
	cat "$logs/driver1"
}

tests() {
	local crc rev revs='1 2'

	# the other driver always begins with revision 2, and does not come again
	# with 1; so that is only to be seen with us as the initiator
	[ "$(client_driver)" = siw ] || revs=2
	for rev in $revs; do
		for crc in 0 1; do
			parameters mpa_rev $rev mpa_crc_required $crc \
				mpa_crc_strict 0 || not_ok parameters "status $?"
			with "rev$rev-crc$crc"
		done
	done
	parameters mpa_rev 2 mpa_crc_required 0 mpa_crc_strict 1
}

main() {
	each_topology 'two' tests
}

guest_main "$@"
