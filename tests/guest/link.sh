#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# RDMA links: made on each kind of network device, found by the tools, taken
# away in every order, also while in use.

. "$(dirname "$0")/lib.sh"
port=7174

# attribute NAME [DEVICE] - of the device, in sysfs
attribute() {
	cat "/sys/class/infiniband/${2:-siwt}/$1"
}

# state STATE - the port's, as `rdma link` shows it
state() {
	rdma link show siwt/1 | grep -q " state $1 "
}

# usable - a GUID and a GID that are not zero, an iWARP transport
usable() {
	local guid gid

	guid=$(attribute node_guid)
	[[ $guid =~ [1-9a-f] ]] || fail "node GUID is zero: $guid"
	gid=$(attribute ports/1/gids/0)
	[[ $gid =~ [1-9a-f] ]] || fail "GID is zero: $gid"
	ibv_devinfo -d siwt | grep -q 'transport:.*iWARP' ||
		fail "ibv_devinfo does not see an iWARP device"
}

# made NETDEV... - a link on each; all of them usable, then deleted
made() {
	local netdev

	for netdev; do
		rdma link add siwt type siw netdev "$netdev" ||
			fail "no link on $netdev"
		rdma link show siwt/1 | grep -q "netdev $netdev" ||
			fail "rdma link does not show $netdev"
		usable
		until_true 5 state ACTIVE || fail "$netdev is up, the port not"
		rdma link del siwt || fail "cannot delete the link on $netdev"
		device_gone siwt || fail "siwt is still there"
	done
}

on_dummy() {
	ip link add t0 type dummy
	ip link set t0 up
	made t0
}

on_veth() {
	ip link add t0 type veth peer name t1
	ip link set t0 up
	ip link set t1 up
	made t0 t1
}

on_vlan() {
	ip link add t0 type dummy
	ip link set t0 up
	ip link add link t0 name t0.7 type vlan id 7 || skip "no VLANs"
	ip link set t0.7 up
	made t0.7
}

on_bridge() {
	ip link add t1 type bridge || skip "no bridges"
	ip link add t0 type dummy
	ip link set t0 master t1
	ip link set t0 up
	ip link set t1 up
	made t1
}

on_bond() {
	ip link add t1 type bond || skip "no bonds"
	ip link add t0 type dummy
	ip link set t0 master t1 || fail "cannot enslave a dummy"
	ip link set t1 up
	made t1
}

on_macvlan() {
	ip link add t0 type dummy
	ip link set t0 up
	ip link add link t0 name t1 type macvlan || skip "no macvlans"
	ip link set t1 up
	made t1
}

# a device without a MAC address must not give a GUID of zero
on_tun() {
	ip tuntap add dev t0 mode tun || skip "no tun devices"
	ip addr add 10.97.0.1/24 dev t0
	ip link set t0 up
	rdma link add siwt type siw netdev t0 || fail "no link on a tun"
	usable
}

on_lo() {
	made lo
}

duplicate() {
	ip link add t0 type dummy
	rdma link add siwt type siw netdev t0 || fail "no link"
	rdma link add siwu type siw netdev t0 2>&1 |
		grep -q 'File exists' || fail "a second device on one netdev"
	ip link add t1 type dummy
	rdma link add siwt type siw netdev t1 2>&1 |
		grep -E 'File exists|error' || fail "two devices of one name"
	rdma link add siwu type siw netdev t1 || fail "a second device"
	rdma link del siwt && rdma link del siwu
}

no_such_netdev() {
	rdma link add siwt type siw netdev none0 2>&1 |
		grep -qE 'No such device|error: Invalid' || fail "not refused"
}

port_state() {
	ip link add t0 type veth peer name t1
	rdma link add siwt type siw netdev t0 || fail "no link"
	until_true 3 state DOWN || fail "down at first, the port is not"
	ip link set t0 up
	ip link set t1 up
	until_true 3 state ACTIVE || fail "up, but the port is not active"
	ip link set t0 down
	until_true 3 state DOWN || fail "down, but the port is not"
}

# several - at once, each with its own GUID; the tools list them all
several() {
	local i guids

	for i in 0 1 2 3 4 5 6 7; do
		ip link add t$i type dummy
		ip link set t$i up
		rdma link add siwt$i type siw netdev t$i || fail "no link $i"
	done
	guids=$(for i in 0 1 2 3 4 5 6 7; do
		attribute node_guid siwt$i
	done | sort -u | wc -l)
	[ "$guids" = 8 ] || fail "$guids different GUIDs of 8"
	[ "$(ibv_devices | grep -c siwt)" = 8 ] || fail "ibv_devices"
	[ "$(rdma dev show | grep -c siwt)" = 8 ] || fail "rdma dev show"
	rdma link del siwt3 || fail "cannot delete one"
	[ "$(ibv_devices | grep -c siwt)" = 7 ] || fail "one deleted"
}

tools() {
	ip link add t0 type dummy
	ip link set t0 up
	rdma link add siwt type siw netdev t0 || fail "no link"
	rdma dev show siwt | grep -q 'node_type rnic' || fail "rdma dev"
	rdma resource show siwt | grep -qE 'qp [0-9]+ ' || fail "rdma resource"
	rdma system show | grep -q 'netns ' || fail "rdma system"
	ibv_devinfo -v -d siwt | grep -qE 'max_qp:[[:space:]]+[1-9]' || fail "ibv_devinfo"
	rdma dev set siwt name siwu || fail "cannot rename"
	ibv_devinfo -d siwu | grep -q PORT_ACTIVE || fail "after the rename"
	rdma link del siwu
}

statistic() {
	ip link add t0 type dummy
	rdma link add siwt type siw netdev t0 || fail "no link"
	rdma statistic show link siwt/1 | grep -qE ' [a-z_]+ [0-9]+' ||
		fail "no counters"
}

# in_use - a device with an address, and a ping that does not end, in $pings
in_use() {
	ip link add t0 type dummy
	ip addr add 10.97.0.1/24 dev t0
	ip link set t0 up
	rdma link add siwt type siw netdev t0 || fail "no link"
	serve $port rping -s -a 10.97.0.1
	rping -c -a 10.97.0.1 >"$log.client" 2>&1 &
	pings="$server $!"
	until_true 10 connected || fail "no connection"
	sleep 0.2
}

connected() {
	[ "$(rdma resource show qp | grep -c 'state RTS')" -ge 2 ]
}

ended() {
	# shellcheck disable=SC2086
	! kill -0 $pings 2>/dev/null
}

# delete_in_use COMMAND... - it takes the device away without waiting for the
# programs that use it
delete_in_use() {
	in_use
	"$@" &
	until_true 5 gone $! || fail "$1 $2 $3 waits for the programs"
	wait $! || fail "$*: status $?"
	until_true 5 device_gone siwt || fail "siwt is still there"
}

delete_netdev() {
	delete_in_use ip link del t0
}

delete_link() {
	delete_in_use rdma link del siwt
}

# unload - with links, but nobody who uses them
unload() {
	ip link add t0 type dummy
	rdma link add siwt type siw netdev t0 || fail "no link"
	rdma link add siwu type siw netdev lo || fail "no second link"
	timeout 10 rmmod siw || fail "rmmod: status $?"
	device_gone siwt && device_gone siwu || fail "devices outlive the module"
	insmod "$SIW_KO" || fail "cannot load it again"
	rdma link add siwt type siw netdev t0 || fail "no link after a reload"
}

# unload_in_use - refused, or done, but not a wait for ever
unload_in_use() {
	in_use
	timeout 5 rmmod siw
	[ $? != 124 ] || fail "rmmod waits for the programs"
	kill $pings
	until_true 5 ended || fail "the programs do not end"
	[ -d /sys/module/siw ] || insmod "$SIW_KO" || fail "cannot load it again"
}

# a netdev goes down and comes back: the program ends or goes on, as TCP does
flap() {
	in_use
	ip link set t0 down
	sleep 0.3
	ip link set t0 up
	until_true 5 state ACTIVE || fail "the port did not come back"
	kill $pings
	until_true 5 ended || fail "the programs do not end"
	rdma link del siwt || fail "cannot delete the link"
}

# many times, as fast as it goes
again() {
	local i

	ip link add t0 type dummy
	ip link set t0 up
	for ((i = 0; i < 50; i++)); do
		rdma link add siwt type siw netdev t0 || fail "link $i"
		rdma link del siwt || fail "delete $i"
	done
}

# clean - in the test's process, whatever its result
clean() {
	local dev

	# shellcheck disable=SC2046
	kill -KILL $(jobs -p) 2>/dev/null
	for dev in /sys/class/infiniband/*; do
		timeout -k 1 10 rdma link del "${dev##*/}"
	done
	for dev in t{0..7} t0.7; do
		[ ! -e "/sys/class/net/$dev" ] || timeout -k 1 10 ip link del $dev
	done
	# siw_*: automatic devices
	[ -z "$(find /sys/class/infiniband -mindepth 1 ! -name 'siw_*')" ]
}

# alone TEST [ARG...] - and leave nothing
alone() {
	("$@")
	local status=$?

	clean >/dev/null 2>&1 || fail "a device is left (status $status)"
	return $status
}

main() {
	local name

	! two_hosts || return 0
	for name in on_dummy on_veth on_vlan on_bridge on_bond on_macvlan \
		on_tun on_lo duplicate no_such_netdev port_state several \
		tools statistic again flap unload unload_in_use \
		delete_netdev delete_link; do
		check "${name//_/-}" 30 alone $name
	done
}

guest_main "$@"
