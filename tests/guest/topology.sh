# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash disable=SC2034
#
# Where two programs meet; sourced by lib.sh, which says what is set.
#
#	dummy dummy6	one device on a dummy with an address; TCP uses lo
#	lo lo6		a device on lo: 127.0.0.1, ::1
#	veth veth6	two namespaces, a device in each, a real link between
#	link-local	the same, with fe80:: addresses
#	two two6	two machines (MY_IP, PEER_IP, NETDEV; MY_IP6, PEER_IP6)

export srv_ip cli_ip dst_ip srv_dev cli_dev srv_in cli_in cap_if topo

link_local() {
	ip -6 -o addr show dev "$1" scope link | awk '{ print $4 }' |
		cut -d/ -f1
}

dummy_up() {
	ip link add dum0 type dummy
	ip addr add 10.99.0.1/24 dev dum0
	ip addr add fd99::1/64 dev dum0 nodad
	ip link set dum0 up
	rdma link add siw0 type siw netdev dum0
	srv_ip=10.99.0.1 cli_ip=10.99.0.1 srv_dev=siw0 cli_dev=siw0 cap_if=lo
}

dummy6_up() {
	dummy_up || return
	srv_ip=fd99::1 cli_ip=fd99::1
}

lo_up() {
	ip link set lo up
	rdma link add siwlo type siw netdev lo
	srv_ip=127.0.0.1 cli_ip=127.0.0.1 srv_dev=siwlo cli_dev=siwlo cap_if=lo
}

lo6_up() {
	lo_up || return
	srv_ip=::1 cli_ip=::1
}

# end_up N - one end of the pair
end_up() {
	local in="ip netns exec ns$1"

	ip netns add "ns$1"
	ip link set "veth$1" netns "ns$1"
	$in ip link set lo up
	$in ip addr add "10.98.0.$1/24" dev "veth$1"
	$in ip addr add "fd98::$1/64" dev "veth$1" nodad
	$in sysctl -q -w "net.ipv6.conf.veth$1.accept_dad=0"
	$in ip link set "veth$1" up
	$in rdma link add "siw$1" type siw netdev "veth$1"
}

veth_up() {
	ip link add veth1 type veth peer name veth2
	end_up 1 && end_up 2 || return
	srv_in='ip netns exec ns1' cli_in='ip netns exec ns2'
	srv_ip=10.98.0.1 cli_ip=10.98.0.2 srv_dev=siw1 cli_dev=siw2 cap_if=veth1
}

veth6_up() {
	veth_up || return
	srv_ip=fd98::1 cli_ip=fd98::2
}

link_local_up() {
	veth_up || return
	srv_ip=$($srv_in bash -c "$(declare -f link_local); link_local veth1")
	cli_ip=$($cli_in bash -c "$(declare -f link_local); link_local veth2")
	[ -n "$srv_ip" ] && [ -n "$cli_ip" ] || return
	dst_ip=$srv_ip%veth2 srv_ip+=%veth1 cli_ip+=%veth2
}

two_up() {
	rdma link add siw0 type siw netdev "$NETDEV" || return
	srv_dev=siw0 cli_dev=siw0 cap_if=$NETDEV
	if [ "$HOST_IDX" = 0 ]; then
		srv_ip=$MY_IP cli_ip=$PEER_IP
	else
		srv_ip=$PEER_IP cli_ip=$MY_IP
	fi
}

two6_up() {
	two_up || return
	if [ "$HOST_IDX" = 0 ]; then
		srv_ip=$MY_IP6 cli_ip=$PEER_IP6
	else
		srv_ip=$PEER_IP6 cli_ip=$MY_IP6
	fi
}

topology_up() {
	topo=$1 srv_in='' cli_in='' dst_ip=''
	"${1//-/_}_up" >"$logs/topology${HOST_IDX:-}.log" 2>&1 || return
	dst_ip=${dst_ip:-$srv_ip}
	(meet "$topo")
}

# device_gone NAME
device_gone() {
	[ ! -e "/sys/class/infiniband/$1" ]
}

topology_down() {
	local dev status=0

	(meet "$topo-end") || return
	for dev in $(ls /sys/class/infiniband 2>/dev/null); do
		timeout -k 2 20 rdma link del "$dev" >>"$logs/topology${HOST_IDX:-}.log" 2>&1 ||
			status=1
	done
	{
		ip netns del ns1
		ip netns del ns2
		ip link del veth1
		ip link del dum0
	} 2>/dev/null
	topo=
	return $status
}
