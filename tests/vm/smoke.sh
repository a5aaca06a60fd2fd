#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The least that a driver must do; for tests/vm/run with one guest or two:
# create a link, rping with data, a perftest.

set -euo pipefail

# server_and_client SERVER CLIENT - commands; with one guest the server is in the
# background, with two it is in guest 0 and the client in the other
server_and_client() {
	local server=$1 client=$2 pid

	if [ "${HOST_IDX:-0}" = 0 ]; then
		$server &
		pid=$!
		sleep 1
		barrier "$server"
		[ "$NHOSTS" = 2 ] || $client
		wait $pid
	else
		barrier "$server"
		$client
	fi
	barrier "$server done"
}

# pings - the client's output, of which only the number of good answers matters
pings() {
	timeout 30 rping -c -a "$server_ip" -C 10 -S 4000 -v -V |
		grep -c '^ping data: rdma-ping-' | grep -qx 10
}

server_ip=10.77.0.1
rdma link add siw0 type siw netdev "$NETDEV"
rdma link show siw0/1 | grep 'state ACTIVE'
server_and_client "timeout 30 rping -s -a $server_ip -C 10 -S 4000 -V" pings
echo "rping: 10 of 10"
server_and_client "timeout 30 ib_send_bw -R -e -n 500" \
	"timeout 30 ib_send_bw -R -e -n 500 $server_ip"
rdma link del siw0
