#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Connection management by the programs of librdmacm.

. "$(dirname "$0")/lib.sh"

# cmatose CONNECTIONS - each with ten messages both ways
cmatose() {
	ulimit -n 8192
	exchange 7471 ucmatose -b @srv -c "$1" -C 10 -S 64 -- \
		ucmatose -s @srv -c "$1" -C 10 -S 64
	expect_client '^return status 0$' 1
	expect_client '^data transfers complete$' 1
	expect_server '^return status 0$' 1
	expect_server '^data transfers complete$' 1
}

# times CONNECTIONS - a table, one line a step
times() {
	ulimit -n 8192
	exchange -k 7471 cmtime -b @srv -c "$1" -- cmtime -s @srv -c "$1"
	expect_client '^(create id|resolve addr|connect|disconnect|destroy) ' 5
	end_server
}

server_client() {
	exchange 7471 rdma_server -s @srv -- rdma_client -s @srv
	expect_client '^rdma_client: end 0$' 1
	expect_server '^rdma_server: end 0$' 1
}

xserver_xclient() {
	exchange 7471 rdma_xserver -c r -- rdma_xclient -c r -s @srv
	expect_client '^rdma_xclient: end 0$' 1
	expect_server '^rdma_xserver: end 0$' 1
}

tests() {
	check ucmatose-10 20 cmatose 10
	check ucmatose-40 20 cmatose 40
	check ucmatose-1000 90 cmatose 1000
	check cmtime 30 times 100
	check rdma-server-client 10 server_client
	check rdma-xserver-xclient 10 xserver_xclient
}

main() {
	each_topology 'dummy veth two lo' tests
}

guest_main "$@"
