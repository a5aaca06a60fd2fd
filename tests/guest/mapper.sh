#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The iWARP port mapper, iwpmd: RDMA listens on a port number that TCP uses
# already, if the device's setting port_mapper is on.

. "$(dirname "$0")/lib.sh"
port=7174

# the port of UDP that port mappers speak to each other by
iwpmd_runs() {
	grep -q ': [0-9A-F]*:0F5F ' /proc/net/udp
}

iwpmd_up() {
	setsid iwpmd || fail "iwpmd: status $?"
	until_true 10 iwpmd_runs || fail "iwpmd does not run"
}

iwpmd_down() {
	pkill -x iwpmd
	return 0
}

# mapper ON - of the device
mapper() {
	! is_server ||
		echo "$1" >"/sys/class/infiniband/$srv_dev/settings/port_mapper"
}

# mapper_all ON - of the automatic devices, too
mapper_all() {
	local file

	for file in /sys/class/infiniband/*/settings/port_mapper; do
		echo "$1" >"$file"
	done
}

# occupy ADDRESS - the port, for TCP, until the test ends
occupy() {
	is_server || return 0
	python3 -c '
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
time.sleep(1000)' "$1" $port &
	until_true 10 listening $port || fail "cannot occupy the port"
}

# ping SERVER-ARG... - rping, whose server is looked for in its output
ping() {
	if is_server; then
		rping -s -v -C 10 -S 1000 -p $port "$@" >"$log.server" 2>&1 &
		server=$!
		until_true 10 rdma_listens || fail "$(tail -n 1 "$log.server")"
	fi
	meet up
	! is_client || client rping -c -a "$srv_ip" -p $port -C 10 -S 1000 -v ||
		fail "rping: $(tail -n 1 "$log.client.err")"
	expect_client '^ping data: rdma-ping-' 10
	! is_server || finish_server
}

rdma_listens() {
	rdma resource show cm_id | grep -q "state LISTEN .*rping" ||
		gone "$server"
}

# refused - without a mapper that is asked, the port is the host's
refused() {
	mapper "$1"
	occupy "$srv_ip"
	is_server || return 0
	! timeout -k 1 10 rping -s -a "$srv_ip" -p $port 2>&1 |
		grep -q 'already in use' || return 0
	fail "not refused"
}

# mapped - and the connection has another port than the one that was asked for
mapped() {
	mapper 1
	occupy "$srv_ip"
	ping -a "$srv_ip"
}

# free - nobody minds; the mapper is asked all the same
free() {
	mapper 1
	ping -a "$srv_ip"
}

# without - the setting is on, but there is no mapper: ports are as they are
without() {
	mapper 1
	ping -a "$srv_ip"
}

# wildcard - a listener on all devices, which want the same
wildcard() {
	mapper_all 1
	occupy "$(any)"
	ping -a "$(any)"
}

any() {
	[[ $srv_ip != *:* ]] && echo 0.0.0.0 || echo ::
}

tests() {
	check without 30 without
	check without-occupied 30 refused 1
	check start 20 iwpmd_up
	check off-occupied 30 refused 0
	check mapped 30 mapped
	check free 30 free
	check wildcard 30 wildcard
	check off 30 off
	check stop 20 iwpmd_down
}

off() {
	mapper_all 0
	ping -a "$srv_ip"
}

main() {
	if ! command -v iwpmd >/dev/null; then
		skip_test all 'no iwpmd here'
		return
	fi
	each_topology 'dummy dummy6 two' tests
}

guest_main "$@"
