#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# debugfs siw/DEVICE/{stats,qp,cep}: what they say of known connections, and
# that they can be read while everything comes and goes.

. "$(dirname "$0")/lib.sh"
port=7174
top=/sys/kernel/debug/siw

device() {
	ip link add t0 type dummy
	ip addr add 10.97.0.1/24 dev t0
	ip link set t0 up
	rdma link add siwt type siw netdev t0 || fail "no link"
}

# stat NAME - one number
stat_of() {
	sed -n "s/^$1 //p" $top/siwt/stats
}

# is NAME NUMBER
is() {
	[ "$(stat_of "$1")" = "$2" ]
}

# lines FILE REGEX - how many lines have it
lines() {
	grep -cE "$2" "$top/siwt/$1"
}

talking() {
	[ "$(lines qp ' state=RTS .*gate=open')" = 2 ]
}

talk() {
	serve $port rping -s -a 10.97.0.1 -p $port -S 1000
	rping -c -a 10.97.0.1 -p $port -S 1000 >"$log.client" 2>&1 &
	pings="$server $!"
	until_true 10 talking || fail "no connection: $(cat $top/siwt/qp)"
}

hush() {
	# shellcheck disable=SC2086
	kill -KILL $pings
	# shellcheck disable=SC2086
	wait $pings 2>/dev/null || :
}

nothing() {
	device
	[ "$(cd $top/siwt && echo *)" = 'cep qp stats' ] || fail "files"
	for name in contexts pds cqs srqs qps wqes mrs ceps tx_fpdus; do
		[ "$(stat_of $name)" = 0 ] || fail "$name: $(stat_of $name)"
	done
	[ ! -s $top/siwt/qp ] && [ -z "$(cat $top/siwt/qp $top/siwt/cep)" ] ||
		fail "queue pairs, or end points"
}

connected() {
	local name

	device
	talk
	is qps 2 && is cqs 2 && is ceps 2 || fail "$(cat $top/siwt/stats)"
	for name in contexts pds wqes mrs tx_fpdus rx_fpdus connects; do
		[ "$(stat_of $name)" -gt 0 ] || fail "no $name"
	done
	cat $top/siwt/qp $top/siwt/cep
	[ "$(lines qp 'owner=user cep=[1-9]')" = 2 ] || fail "qp"
	[ "$(lines cep 'local=10.97.0.1:7174 remote=10.97.0.1:[0-9]+ ')" = 1 ] ||
		fail "cep: no address of the server"
	[ "$(lines cep ' role=initiator .*remote=10.97.0.1:7174 ')" = 1 ] ||
		fail "cep: no address of the client"
	[ "$(lines cep ' rev=2 crc=off markers_tx=off markers_rx=off ird=[1-9]')" = 2 ] ||
		fail "cep: not what was agreed"
	[ "$(lines cep '^listener .*local=10.97.0.1:7174 ')" = 1 ] ||
		fail "cep: no listener"
	hush
	until_true 10 is qps 0 || fail "a queue pair is left"
	until_true 10 is ceps 0 || fail "an end point is left"
	for name in contexts pds cqs wqes mrs; do
		until_true 5 is $name 0 || fail "$name: $(stat_of $name)"
	done
}

agreed() {
	device
	echo 1 >/sys/class/infiniband/siwt/settings/crc_required
	talk
	[ "$(lines cep ' crc=on ')" = 2 ] || fail "$(cat $top/siwt/cep)"
	hush
}

waits() {
	[ "$(lines cep ' role=responder .*timer=[0-9]+ms')" = 1 ]
}

# timers - of a peer that says nothing
timers() {
	device
	serve $port rping -s -P -a 10.97.0.1 -p $port
	exec 7<>/dev/tcp/10.97.0.1/$port
	until_true 5 waits || fail "$(cat $top/siwt/cep)"
	cat $top/siwt/cep
	[ "$(lines cep '^listener .*half_open=1/')" = 1 ] || fail "half open"
	exec 7>&-
	end_server
}

# names - the directory has that of the device
names() {
	device
	rdma dev set siwt name siwu || fail "cannot rename"
	[ -e $top/siwu/stats ] && [ ! -e $top/siwt ] || fail "$(ls $top)"
	cat $top/siwu/* >/dev/null || fail "cannot read"
	ip link add t1 type dummy
	rdma link add siwt type siw netdev t1 || fail "no second device"
	[ -e $top/siwt/stats ] || fail "nothing of the second"
	rdma link del siwu
	[ ! -e $top/siwu ] && [ -e $top/siwt/stats ] || fail "$(ls $top)"
}

# held - a file that is open does not keep the device, and says so
held() {
	device
	exec 7<$top/siwt/cep 8<$top/siwt/stats
	timeout 10 rdma link del siwt || fail "waits"
	! cat <&7 || fail "cep of a device that has gone"
	! cat <&8 || fail "stats of a device that has gone"
}

reader() {
	while :; do
		cat $top/*/stats $top/*/qp $top/*/cep
	done >/dev/null 2>&1
}

# load - connections for a moment, some of which are given up half way
load() {
	local i

	rping -s -P -a 10.97.0.1 -p $port >/dev/null 2>&1 &
	pids=$!
	srv_in='' until_true 10 listening $port || return
	for i in 1 2 3; do
		rping -c -a 10.97.0.1 -p $port >/dev/null 2>&1 &
		pids+=" $!"
		sleep 0.0$((RANDOM % 10))
	done
	(exec 7<>/dev/tcp/10.97.0.1/$port)
}

race() {
	local i readers

	reader &
	readers=$!
	reader &
	readers+=" $!"
	for ((i = 0; i < 12; i++)); do
		device
		load
		sleep 0.$((RANDOM % 4))
		case $((i % 3)) in
		0) timeout 20 rdma link del siwt || fail "link del: $?" ;;
		1) timeout 20 ip link del t0 || fail "ip link del: $?" ;;
		2) rdma dev set siwt name siwu; rdma dev set siwu name siwt ;;
		esac
		# shellcheck disable=SC2086
		kill -KILL $pids
		# shellcheck disable=SC2086
		wait $pids
		[ ! -e $top/siwt ] || timeout 20 rdma link del siwt ||
			fail "link del, at the end: $?"
		[ ! -e /sys/class/net/t0 ] || ip link del t0
	done 2>/dev/null
	[ ! -e $top/siwt ] || fail "files are left"
	# shellcheck disable=SC2086
	kill $readers
}

clean() {
	local dev

	# shellcheck disable=SC2046
	kill -KILL $(jobs -p)
	for dev in t0 t1; do
		[ ! -e /sys/class/net/$dev ] || timeout -k 1 10 ip link del $dev
	done
	! ls -d /sys/class/infiniband/siwt
} >/dev/null 2>&1

alone() {
	local status=0

	("$@") || status=$?
	clean || fail "a device is left (status $status)"
	return $status
}

main() {
	local name

	! two_hosts || return 0
	[ -d $top ] || {
		skip_test files "no debugfs here, or not this driver"
		return
	}
	for name in nothing connected agreed timers names held; do
		check $name 20 alone $name
	done
	check race 60 alone race
}

guest_main "$@"
