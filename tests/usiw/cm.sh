#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# rdma_cm: many connections, synchronous and asynchronous, refusals.
. "$(dirname "$0")/lib.sh"
port=7471

pair ucmatose $port 'ucmatose -c 10 -C 10' 'ucmatose -c 10 -C 10 -s 127.0.0.1'
pair ucmatose_ipv6 $port 'ucmatose -b ::1 -f ip' 'ucmatose -s ::1 -f ip'
# the 37th connection of a process is the one that the mapping keys of the
# in-tree driver break
pair ucmatose_100 $port 'ucmatose -c 100' 'ucmatose -c 100 -s 127.0.0.1'
pair ucmatose_1000 $port 'ucmatose -c 1000 -C 1' \
	'ucmatose -c 1000 -C 1 -s 127.0.0.1'
pair ucmatose_migrate $port 'ucmatose -c 5 -m' 'ucmatose -c 5 -m -s 127.0.0.1'
pair synchronous $port rdma_server 'rdma_client -s 127.0.0.1'
pair xserver $port 'rdma_xserver -c r' 'rdma_xclient -c r -s 127.0.0.1'
pair_stop cmtime $port 'cmtime -c 500' 'cmtime -c 500 -s 127.0.0.1'

refused() {
	! client rdma_client -s 127.0.0.1 -p 7999 &&
		grep -qi 'refused' "$work/client.log"
}
check refused 'connecting to a closed port does not say so' refused

# an address without a route
unreachable() {
	! client rdma_client -s 203.0.113.9 &&
		grep -qiE 'unreachable|no such' "$work/client.log"
}
if [ "$own_net" ]; then
	check unreachable 'no route, but no error' unreachable
fi

# an address of somebody else cannot be bound
foreign() {
	! client ucmatose -b 203.0.113.9 &&
		grep -qi 'no such device' "$work/client.log"
}
check foreign_address 'bound to an address of somebody else' foreign

in_use() {
	local rc=0

	serve $port ucmatose || return 1
	client ucmatose && rc=1
	grep -qi 'in use' "$work/client.log" || rc=1
	serve_stop
	return $rc
}
check address_in_use 'two servers on one port' in_use
finish
