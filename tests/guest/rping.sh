#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# rping of librdmacm: sends, RDMA reads and writes of a pattern that the
# program itself verifies (-V).

. "$(dirname "$0")/lib.sh"
port=7174

# ping SIZE COUNT [OPTION...] - the client shows COUNT good answers
ping() {
	local size=$1 count=$2

	shift 2
	exchange $port rping -s -a @srv -C "$count" -S "$size" -V "$@" -- \
		rping -c -a @srv -C "$count" -S "$size" -v -V "$@"
	expect_client '^ping data: rdma-ping-' "$count"
}

wildcard() {
	local any=0.0.0.0

	[[ $srv_ip != *:* ]] || any=::
	exchange $port rping -s -a $any -C 10 -V -- rping -c -a @srv -C 10 -v -V
	expect_client '^ping data: rdma-ping-' 10
}

# source_address - the client asks for the address it comes from
source_address() {
	exchange $port rping -s -a @srv -C 5 -V -- \
		rping -c -a @srv -I @cli -C 5 -v -V
	expect_client '^ping data: rdma-ping-' 5
}

sizes() {
	local size

	for size in 23 24 63 64 100 1447 1448 1449 4095 4096 4097 65534 65535; do
		ping $size 3
	done
}

# persistent CLIENTS - many at a time, but not started at the same time: rping's
# server forgets a request when the next one comes before it took the first
persistent() {
	local i pids='' bad=0

	if is_server; then
		serve $port rping -s -P -a "$srv_ip" -S 1000 -V
	fi
	meet up
	if is_client; then
		for ((i = 0; i < $1; i++)); do
			$cli_in rping -c -a "$dst_ip" -C 300 -S 1000 -v -V \
				>"$log.client$i" 2>&1 &
			pids+=" $!"
			until_true 60 grep -q '^ping data' "$log.client$i" ||
				fail "client $i does not get through"
		done
		for i in $pids; do
			wait "$i" || bad=$((bad + 1))
		done
		[ $bad = 0 ] || fail "$bad of $1 clients failed"
		for ((i = 0; i < $1; i++)); do
			expect_in "$log.client$i" '^ping data: rdma-ping-' 300
		done
	fi
	meet done
	end_server
}

# refused - nobody listens
refused() {
	! is_client || ! client timeout 5 rping -c -a "$dst_ip" -C 1 -p 7199 ||
		fail "connected to nobody"
	expect_client 'REJECTED|refused|CONNECT_ERROR|error -111'
}

tests() {
	check 100 30 ping 64 100
	check wildcard 20 wildcard
}

more_tests() {
	tests
	check sizes 60 sizes
	check source-address 20 source_address
	check persistent-8 80 persistent 8
	check refused 15 refused
}

main() {
	each_topology 'dummy veth two' more_tests
	each_topology 'dummy6 veth6 link-local lo lo6 two6' tests
}

guest_main "$@"
