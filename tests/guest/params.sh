#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The module's parameters: which netdevs get a device by themselves and how such
# a device gives way, and what the others do on the wire. The module is loaded
# anew by most of these tests.

. "$(dirname "$0")/lib.sh"
port=7174

# load [NAME=VALUE...] - the module, with these parameters and no device
load() {
	if [ -d /sys/module/siw ]; then
		until_true 10 rmmod siw 2>/dev/null || fail "cannot unload"
	fi
	insmod "$SIW_KO" "$@" || fail "cannot load with $*"
}

# parameter NAME
parameter() {
	cat "/sys/module/siw/parameters/$1"
}

devices() {
	ls /sys/class/infiniband | tr '\n' ' '
}

has() {
	[ -e "/sys/class/infiniband/$1" ]
}

# is_on DEVICE NETDEV
is_on() {
	rdma link show "$1/1" 2>/dev/null | grep -q "netdev $2 "
}

# appears DEVICE NETDEV - soon
appears() {
	until_true $((5 * ${SIW_SLOW:-1})) is_on "$1" "$2" || fail "no $1 on $2: $(devices)"
}

# absent DEVICE... - when those that come by themselves have come: a last netdev
# is made, which the module is to attach to, and looked at in order
absent() {
	local device

	ip link add "${last:-t9}" type dummy
	appears "siw_${last:-t9}" "${last:-t9}"
	for device; do
		! has "$device" || fail "there is $device"
	done
}

dummy() {
	local netdev

	for netdev; do
		ip link add name "$netdev" type dummy || fail "no $netdev"
		ip link set "$netdev" up
	done
}

values() {
	load
	[ "$(parameter loopback_enabled)" = Y ] || fail "loopback_enabled"
	[ -z "$(parameter iface_list)" ] || fail "iface_list"
	[ "$(parameter mpa_crc_required)" = N ] || fail "mpa_crc_required"
	[ "$(parameter mpa_crc_strict)" = Y ] || fail "mpa_crc_strict"
	[ "$(parameter tcp_nodelay)" = Y ] || fail "tcp_nodelay"
	[ "$(parameter zcopy_tx)" = 1 ] || fail "zcopy_tx"
	load iface_list=a,b mpa_crc_required=1 mpa_crc_strict=0 tcp_nodelay=0
	[ "$(parameter iface_list)" = a,b ] || fail "iface_list, set"
	[ "$(parameter mpa_crc_required)" = Y ] || fail "mpa_crc_required, set"
	for name in iface_list loopback_enabled; do
		[ "$(stat -c %a /sys/module/siw/parameters/$name)" = 444 ] ||
			fail "$name can be written, to no effect"
	done
}

# all - those that are there, those that appear; until they go
all() {
	dummy t0
	load
	appears siw_t0 t0
	appears siw_lo lo
	dummy t1
	appears siw_t1 t1
	ip link del t1
	until_true 10 device_gone siw_t1 || fail "it stays"
	dummy t1
	appears siw_t1 t1
	ibv_devinfo -d siw_t1 | grep -q PORT_ACTIVE || fail "of no use"
}

works() {
	ip addr add 10.97.0.1/24 dev t0
	serve $port rping -s -a 10.97.0.1 -p $port -C 3 -V
	timeout 10 rping -c -a 10.97.0.1 -p $port -C 3 -V -v >"$log.client" ||
		fail "rping: status $?"
	finish_server
}

automatic_works() {
	dummy t0
	load
	appears siw_t0 t0
	works
}

no_loopback() {
	load loopback_enabled=0
	absent siw_lo
	! rdma link add siwlo type siw netdev lo || fail "by hand"
}

listed() {
	dummy t0 t1 t2
	load iface_list=t0,t2,t9
	appears siw_t0 t0
	appears siw_t2 t2
	absent siw_t1 siw_lo siw_t
	# a part of a name is not the name
	dummy t t22
	ip link del t9
	absent siw_t siw_t22
	ip link del t22
	ip link del dev t
	rdma link add siwt1 type siw netdev t1 || fail "not by hand either"
}

# more than the twelve that the first SoftiWARP had room for
many() {
	local i list=''

	for ((i = 0; i < 20; i++)); do
		list+=,t$i
	done
	load iface_list="${list#,}"
	for ((i = 0; i < 20; i++)); do
		dummy t$i
	done
	appears siw_t19 t19
	for ((i = 0; i < 20; i++)); do
		has siw_t$i || fail "not t$i"
	done
}

none() {
	dummy t0
	load iface_list=none
	dummy t1
	rdma link add siwt0 type siw netdev t0 || fail "not by hand either"
	[ "$(devices)" = 'siwt0 ' ] || fail "$(devices)"
}

# another namespace's netdevs are not ours to take, and one that goes there
# takes no device along
elsewhere() {
	load
	ip netns add ns7
	dummy t0
	appears siw_t0 t0
	ip link set t0 netns ns7
	until_true 10 device_gone siw_t0 || fail "it stays"
	absent siw_t0
	ip netns exec ns7 rdma link add siwt0 type siw netdev t0 ||
		fail "not by hand either"
	has siwt0 || ip netns exec ns7 rdma dev show siwt0 || fail "no device"
	ip netns del ns7
	until_true 10 device_gone siwt0 || fail "it outlives its namespace"
}

replaced() {
	dummy t0
	load
	appears siw_t0 t0
	rdma link add siwt type siw netdev t0 || fail "the place is taken"
	is_on siwt t0 || fail "no device"
	! has siw_t0 || fail "both"
	works
	! rdma link add siwu type siw netdev t0 2>"$log.again" || fail "twice"
	grep -q 'File exists' "$log.again" || fail "$(cat "$log.again")"
}

# what cannot be is not, and the automatic device is back
not_replaced() {
	dummy t0 t1
	load
	appears siw_t0 t0
	appears siw_t1 t1
	rdma link add siwt type siw netdev t0 || fail "no link"
	! rdma link add siwt type siw netdev t1 || fail "two of one name"
	appears siw_t1 t1
}

# has_open PID - a device
has_open() {
	local fd

	for fd in "/proc/$1/fd"/*; do
		[[ $(readlink "$fd") != /dev/infiniband/uverbs* ]] || return 0
	done
	return 1
}

# in_use - by a program that has done nothing but open it, by one that talks
in_use() {
	dummy t0
	load
	appears siw_t0 t0
	ip addr add 10.97.0.1/24 dev t0
	ibv_asyncwatch -d siw_t0 >"$log.watch" 2>&1 &
	until_true 10 has_open $! || fail "not open: $(cat "$log.watch")"
	! rdma link add siwt type siw netdev t0 2>"$log.busy" ||
		fail "taken away from a program"
	grep -q 'busy' "$log.busy" || fail "$(cat "$log.busy")"
	kernel_log | grep -q 'siw_t0: in use: siwt cannot take its place on t0' ||
		fail "the log does not say why"
	kill -0 $! || fail "the program died"
	kill -KILL $!
	wait $! 2>/dev/null
	is_on siw_t0 t0 || fail "siw_t0 has gone nevertheless"
	works
	rdma link add siwt type siw netdev t0 || fail "idle again, but refused"
}

# deleted - it stays away, until it is asked for
deleted() {
	dummy t0
	load
	appears siw_t0 t0
	rdma link del siw_t0 || fail "cannot delete"
	ip link set t0 down
	ip link set t0 up
	ip link set t0 name t1
	absent siw_t0 siw_t1
	rdma link add siw_t1 type siw netdev t1 || fail "asked for, but refused"
	rdma link del siw_t1
	ip link del t9
	absent siw_t1
}

# listened - a program that listens on all devices gets connections by the new
# one
listened() {
	dummy t0
	load
	appears siw_t0 t0
	ip addr add 10.97.0.1/24 dev t0
	serve $port rping -s -P -a 0.0.0.0 -p $port
	rdma link add siwt type siw netdev t0 || fail "the place is taken"
	timeout 10 rping -c -a 10.97.0.1 -p $port -C 3 -V -v >"$log.client" ||
		fail "rping: status $?"
	end_server
}

# race - netdevs come and go, and scripts ask for devices at once
race() {
	local i

	load
	for ((i = 0; i < 40; i++)); do
		ip link add t0 type dummy
		[ $((i % 3)) = 0 ] || sleep 0.0$((RANDOM % 4))
		rdma link add siwt type siw netdev t0 || fail "refused, $i"
		is_on siwt t0 || fail "none on t0"
		[ $((i % 2)) = 0 ] || rdma link del siwt
		ip link del t0
		! has siwt && ! has siw_t0 || fail "outlives its netdev"
	done
	for ((i = 0; i < 10; i++)); do
		ip link add t0 type dummy
		ip link del t0 &
		rmmod siw
		wait $!
		insmod "$SIW_KO" || fail "insmod $i"
	done
}

# --- on the wire: parameters of a module that is loaded

# reply FLAGS - of the Request of a peer
reply() {
	serve $port rping -s -P -a 10.97.0.1 -p $port
	PYTHONPATH=$here/../wire PYTHONDONTWRITEBYTECODE=1 \
		python3 "$here/settings.py" 10.97.0.1 $port reply "$1" \
		>"$log.wire" 2>&1 || fail "$(cat "$log.wire")"
	end_server
}

want() {
	local line

	for line; do
		grep -qx "$line" "$log.wire" ||
			fail "'$line' expected: $(tr '\n' ' ' <"$log.wire")"
	done
}

wire_device() {
	dummy t0
	ip addr add 10.97.0.1/24 dev t0
	load
	rdma link add siwt type siw netdev t0 || fail "no link"
}

# crc REQUIRED STRICT - what becomes of a peer that asks for CRC, and of one
# that does not
crc() {
	wire_device
	echo "$1" >/sys/module/siw/parameters/mpa_crc_required
	echo "$2" >/sys/module/siw/parameters/mpa_crc_strict
	reply 0x40
	if [ "$1$2" = 01 ]; then
		want rejected
		kernel_log | grep -q 'refused.*mpa_crc_strict' ||
			fail "the log does not name the parameter"
	else
		want accepted 'crc 1'
	fi
	reply 0
	want accepted "crc $1"
}

# --- how the module was built (see modinfo): these want a module of their own,
# tests/uml/run -d FILE

built() {
	modinfo -F "$1" "$SIW_KO"
}

# debug_classes - messages of those it was built with, and of no others
debug_classes() {
	local mask

	mask=$(built dprint_mask)
	[ -n "$mask" ] || skip "not built with DPRINT_MASK"
	wire_device
	works
	rdma link del siwt
	kernel_log >"$log.kernel"
	expect_class DBG_CM 'siwt: (CEP [0-9]+: |listener )'
	expect_class DBG_QP 'siwt: QP [0-9]+: .* in [A-Z_]+: '
	expect_class DBG_TX 'siwt: QP [0-9]+: [0-9]+ octets to TCP'
	expect_class DBG_RX 'siwt: QP [0-9]+: message, opcode'
	expect_class DBG_MM 'siwt: STag 0x'
	expect_class DBG_CQ 'siwt: QP [0-9]+: completion'
	expect_class DBG_DM 'siwt: the device goes'
}

# expect_class CLASS REGEX
expect_class() {
	local n

	n=$(grep -cE "$2" "$log.kernel")
	case $mask in
	*$1*|*DBG_ALL*)
		[ "$n" != 0 ] || fail "no messages of $1" ;;
	*)	[ "$n" = 0 ] || fail "$n messages of $1" ;;
	esac
}

# dma - only hardware gets a device
dma() {
	[ -n "$(built check_dma_capabilities)" ] ||
		skip "not built with CHECK_DMA_CAPABILITIES"
	dummy t0
	load
	appears siw_lo lo
	! rdma link add siwt type siw netdev t0 || fail "a dummy has no DMA"
	! has siw_t0 || fail "by itself"
	[ "$NETDEV" = dummy0 ] || appears "siw_$NETDEV" "$NETDEV"
}

# full_segments - messages of several FPDUs, through a socket that has little
# room: how many FPDUs begin a segment. Without the flag it is one in a hundred
# (SIW_BASELINE=1 to see that), with it one in six.
full_segments() {
	local n

	[ -n "$(built tx_fullsegs)${SIW_BASELINE:-}" ] ||
		skip "not built with SIW_TX_FULLSEGS"
	load iface_list=none
	topology_up veth || fail "no veth"
	for n in 1 2; do
		ip netns exec ns$n ip link set dev veth$n gso_max_segs 1 ||
			fail "no limit of segments"
		ip netns exec ns$n sysctl -q -w \
			net.ipv4.tcp_wmem='4096 32768 32768'
	done
	$cli_in tc qdisc add dev veth2 root netem delay 2ms || fail "no netem"
	serve 18515 ib_write_bw -d siw1 -R -F -s 10000 -n 240
	$srv_in tcpdump -i veth1 --immediate-mode -U -w "$log.pcap" -B 65536 -s 66000 \
		-Z root 'tcp dst port 18515' >"$log.tcpdump" 2>&1 &
	until_true 10 grep -q 'listening on' "$log.tcpdump"
	$cli_in timeout 60 ib_write_bw -d siw2 -R -F -s 10000 -n 240 "$srv_ip" \
		>"$log.client" 2>&1 || cat "$log.client"
	until_true 10 captured 1920 || fail "too few: $(cat "$log.count")"
	kill -INT %2
	cat "$log.count"
	topology_down
	n=$(counted fpdus)
	[ $(($(counted aligned) * 100)) -ge $((n * 8)) ] ||
		fail "$(counted aligned) of $n begin a segment"
}

# captured FPDUS - at least that many
captured() {
	python3 "$here/alignment.py" "$log.pcap" 18515 >"$log.count" 2>&1 &&
		[ "$(counted fpdus)" -ge "$1" ]
}

counted() {
	sed -n "s/^$1 //p" "$log.count"
}

# clean - as it was, in the test's process
clean() {
	local dev

	# shellcheck disable=SC2046
	kill -KILL $(jobs -p) 2>/dev/null
	wait 2>/dev/null
	ip netns del ns7
	ip netns del ns1
	ip netns del ns2
	for dev in /sys/class/net/t /sys/class/net/t[0-9]*; do
		[ ! -e "$dev" ] || timeout -k 1 10 ip link del dev "${dev##*/}"
	done
	load
} >/dev/null 2>&1

alone() {
	local status=0

	trap 'clean' EXIT
	("$@") || status=$?
	trap - EXIT
	clean || fail "cannot clean up (status $status)"
	return $status
}

main() {
	local name

	! two_hosts || return 0
	[ "$SIW_DRIVER" = siw ] || return 0
	for name in values all automatic_works no_loopback listed many none \
		elsewhere replaced not_replaced in_use deleted listened; do
		check "${name//_/-}" 20 alone $name
	done
	check race 60 alone race
	for name in '0 0' '0 1' '1 0' '1 1'; do
		# shellcheck disable=SC2086
		check "crc-${name// /-}" 20 alone crc $name
	done
	check debug-classes 20 alone debug_classes
	check dma 20 alone dma
	check full-segments 90 alone full_segments
}

guest_main "$@"
