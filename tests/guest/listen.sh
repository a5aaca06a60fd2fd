#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Listeners and devices: a listener without an address serves every device, and
# a device can go away whatever its connections are at.

. "$(dirname "$0")/lib.sh"
port=7174

# device N - siwtN on dummy tN with 10.90.N.1 and fd90:N::1
device() {
	ip link add "t$1" type dummy &&
		ip addr add "10.90.$1.1/24" dev "t$1" &&
		ip addr add "fd90:$1::1/64" dev "t$1" nodad &&
		ip link set "t$1" up &&
		rdma link add "siwt$1" type siw netdev "t$1" ||
		fail "no device $1"
}

link_local() {
	echo "$(ip -6 -o addr show dev "$1" scope link |
		awk '{ print $4 }' | cut -d/ -f1)%$1"
}

# listen ADDRESS - a server for many clients
listen() {
	srv_in=
	serve $port rping -s -P -S 1000 -a "$1"
}

# pings ADDRESS
pings() {
	timeout 10 rping -c -a "$1" -C 3 -S 1000 -v >"$log.$1" 2>&1
	[ "$(grep -c '^ping data: rdma-ping-' "$log.$1")" = 3 ] ||
		fail "no answer from $1"
}

wildcard() {
	local to

	device 0
	device 1
	ip link set lo up
	rdma link add siwt7 type siw netdev lo || fail "no device on lo"
	listen "$1"
	for to in 10.90.0.1 10.90.1.1 127.0.0.1; do
		pings $to
	done
	[ "$1" = :: ] || return 0
	for to in fd90:0::1 fd90:1::1 ::1 "$(link_local t0)" \
		"$(link_local t1)"; do
		pings "$to"
	done
}

# come_and_go - devices, while somebody listens on all of them
come_and_go() {
	device 0
	listen 0.0.0.0
	device 1
	sleep 0.3
	pings 10.90.1.1
	rdma link del siwt0 || fail "cannot delete"
	pings 10.90.1.1
}

# peer PYTHON - a peer on a plain socket; s is one, REQ and REP are frames
peer() {
	python3 -c "
import socket, time, struct
def frame(key): return (b'MPA ID ' + key + b' Frame' + bytes([0x10, 2]) +
	struct.pack('>HHH', 4, 0x8020, 0x4020))
REQ, REP = frame(b'Req'), frame(b'Rep')
A = ('10.90.0.1', $port)
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
$1
time.sleep(60)" &
	sleep 0.4
}

pinging() {
	rping -c -a 10.90.0.1 -S 1000 >"$log.pinging" 2>&1 &
	sleep 0.5
}

# Phases of a connection. Each leaves something at work in the background.
phase_listening() {
	listen 0.0.0.0
}

phase_traffic() {
	listen 10.90.0.1
	pinging
}

phase_connecting() {
	ip neigh add 10.90.0.99 lladdr 02:00:00:00:00:99 dev t0
	rping -c -a 10.90.0.99 >"$log.pinging" 2>&1 &
	sleep 0.4
}

phase_no_reply() {
	peer 's.bind(A); s.listen(); c, _ = s.accept()'
	pinging
}

phase_no_accept() {
	listen 10.90.0.1
	kill -STOP "$server"
	pinging
}

phase_half_open() {
	listen 10.90.0.1
	peer 's.connect(A); s.send(REQ[:11])'
}

phase_no_rtr() {
	listen 10.90.0.1
	peer 's.connect(A); s.send(REQ)'
}

phase_no_fin() {
	peer 's.bind(A); s.listen(); c, _ = s.accept(); c.recv(24); c.send(REP)'
	pinging
	kill -KILL $!
	sleep 0.1
}

gone() {
	[ ! -e /sys/class/infiniband/siwt0 ]
}

# remove HOW PHASE
remove() {
	device 0
	"phase_$2"
	case $1 in
	link) timeout 10 rdma link del siwt0 ;;
	netdev) timeout 10 ip link del t0 ;;
	esac || fail "cannot remove the $1"
	until_true 10 gone || fail "the device stays"
}

# clean - in the test's process, whatever its result
clean() {
	local dev pids

	pids=$(jobs -p)
	kill -CONT $pids
	kill -KILL $pids
	for dev in t0 t1; do
		[ ! -e "/sys/class/net/$dev" ] || timeout -k 1 10 ip link del $dev
	done
	[ ! -e /sys/class/infiniband/siwt7 ] || rdma link del siwt7
	until_true 10 no_device
}

no_device() {
	# siw_*: automatic devices
	[ -z "$(find /sys/class/infiniband -mindepth 1 ! -name 'siw_*')" ]
}

alone() {
	local status

	trap 'clean >/dev/null 2>&1' EXIT
	"$@"
	status=$?
	trap - EXIT
	clean >/dev/null 2>&1 || fail "a device is left (status $status)"
	return $status
}

main() {
	local how phase

	! two_hosts || return 0
	check wildcard 40 alone wildcard 0.0.0.0
	check wildcard6 60 alone wildcard ::
	check come-and-go 30 alone come_and_go
	for how in link netdev; do
		for phase in listening traffic connecting no_reply no_accept \
			half_open no_rtr no_fin; do
			check "$how-${phase//_/-}" 30 alone remove $how $phase
		done
	done
}

guest_main "$@"
