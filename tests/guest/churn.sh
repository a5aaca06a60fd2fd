#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Connections that come and go, programs that are killed at any moment, devices
# and the module that are taken away under load. What is wanted is that nothing
# is left and that the kernel has nothing to say; the rig looks for leaks.
#
#	churn.sh [SIW_X=Y...] [CYCLES]		(40)

. "$(dirname "$0")/lib.sh"
cycles=${SIW_CYCLES:-40}
addr=10.96.0.1

device() {
	# what a test left that was killed
	if [ -e /sys/class/net/t0 ]; then
		timeout -k 1 20 rdma link del siwt
		ip link del t0
	fi
	[ -d /sys/module/siw ] || insmod "$SIW_KO"
	ip link add t0 type dummy
	ip addr add $addr/24 dev t0
	ip link set t0 up
	rdma link add siwt type siw netdev t0 || fail "no link"
}

no_device() {
	# shellcheck disable=SC2046
	kill -KILL $(jobs -p) 2>/dev/null
	wait
	[ ! -e /sys/class/infiniband/siwt ] || timeout -k 1 20 rdma link del siwt ||
		fail "cannot delete the link: status $?"
	ip link del t0
}

# count KIND - of what `rdma resource` knows, but for the core's own
count() {
	rdma resource show siwt | sed -n "s/.* $1 \([0-9]*\).*/\1/p"
}

# settled QP CM PD CQ MR - as many as there were
settled() {
	[ "$(count qp) $(count cm_id) $(count pd) $(count cq) $(count mr)" = \
		"$*" ]
}

# soon PORT - the client may come, maybe too early
soon() {
	if [ $((RANDOM % 3)) = 0 ]; then
		sleep 0.0$((RANDOM % 9 + 1))
	else
		until_true 5 listening "$1"
	fi
}

connected() {
	rdma resource show qp | grep -q 'state RTS'
}

# load PORT - two programs that would talk for ever; pids in $pids
load() {
	case $((RANDOM % 3)) in
	0)
		rping -s -a $addr -p "$1" -S 60000 &
		pids=$!
		soon "$1"
		rping -c -a $addr -p "$1" -S 60000 &
		pids+=" $!"
		;;
	1)
		rping -s -P -a $addr -p "$1" -S 1000 &
		pids=$!
		soon "$1"
		rping -c -a $addr -p "$1" -S 1000 &
		pids+=" $!"
		rping -c -a $addr -p "$1" -S 1000 &
		pids+=" $!"
		;;
	2)
		rstream -b $addr -p "$1" -S 65536 -C 100000 &
		pids=$!
		soon "$1"
		rstream -s $addr -p "$1" -S 65536 -C 100000 &
		pids+=" $!"
		;;
	esac >/dev/null 2>&1
}

# cycle N - load, a moment, and one of the two dies, or both
cycle() {
	local pid

	load $((20000 + $1 % 10000))
	sleep 0.$((RANDOM % 3))$((RANDOM % 10))
	[ $((RANDOM % 4)) != 0 ] || {
		looks=$((looks + 1))
		! until_true 2 connected || busy=$((busy + 1))
	}
	# shellcheck disable=SC2086
	for pid in $(shuf -e $pids); do
		kill -KILL "$pid" 2>/dev/null
		[ $((RANDOM % 2)) = 0 ] || sleep 0.0$((RANDOM % 10))
	done
	# not for the capture
	# shellcheck disable=SC2086
	wait $pids
}

killed() {
	local i before looks=0 busy=0

	device
	before="$(count qp) $(count cm_id) $(count pd) $(count cq) $(count mr)"
	for ((i = 0; i < cycles; i++)); do
		cycle $i 2>/dev/null
		[ $((i % 50)) != 49 ] || echo "$((i + 1)) cycles"
	done
	echo "$busy of $looks looks saw connected queue pairs"
	[ $((busy * 4)) -ge $looks ] ||
		fail "too few were connected when they died: $busy of $looks"
	# shellcheck disable=SC2086
	until_true 20 settled $before ||
		fail "resources: $(rdma resource show siwt), before: $before"
	no_device
}

# proof that data moves again, after all that
works() {
	local server

	rping -s -a $addr -C 3 -V >/dev/null 2>&1 &
	server=$!
	srv_in='' until_true 10 listening 7174 || fail "rping does not listen"
	timeout 10 rping -c -a $addr -C 3 -V >/dev/null 2>&1 ||
		fail "rping, afterwards: status $?"
	wait $server
}

# removed COMMAND... - while programs talk; they end, the command, too
removed() {
	local i

	for ((i = 0; i < (cycles + 9) / 10; i++)); do
		device
		load $((21000 + i)) 2>/dev/null
		sleep 0.$((RANDOM % 4))$((RANDOM % 10))
		timeout -k 1 20 "$@" || fail "$*: status $?"
		until_true 10 device_gone siwt || fail "the device stays"
		# shellcheck disable=SC2086
		kill -KILL $pids 2>/dev/null
		# shellcheck disable=SC2086
		wait $pids
		[ ! -e /sys/class/net/t0 ] || ip link del t0
	done
	device
	works
	no_device
}

# unloaded - under load; it may be refused for as long as programs have the
# device open, but it must work as soon as they are gone
unloaded() {
	local i

	for ((i = 0; i < (cycles + 9) / 10; i++)); do
		device
		load $((22000 + i)) 2>/dev/null
		sleep 0.$((RANDOM % 4))$((RANDOM % 10))
		timeout -k 1 20 rmmod siw 2>/dev/null
		[ $? -lt 124 ] || fail "rmmod waits"
		# shellcheck disable=SC2086
		kill -KILL $pids 2>/dev/null
		[ ! -d /sys/module/siw ] || until_true 20 rmmod siw 2>/dev/null ||
			fail "rmmod: $(cat /sys/module/siw/refcnt) users"
		# shellcheck disable=SC2086
		wait $pids
		ip link del t0
		insmod "$SIW_KO" || fail "insmod: status $?"
	done
	device
	works
	no_device
}

# half_open - connections that are given up while they are set up
half_open() {
	local i

	device
	rping -s -P -a $addr >/dev/null 2>&1 &
	srv_in='' until_true 10 listening 7174 || fail "rping does not listen"
	for ((i = 0; i < cycles; i++)); do
		rping -c -a $addr -C 1 >/dev/null 2>&1 &
		pids=$!
		sleep 0.0$((RANDOM % 6))
		kill -KILL $pids 2>/dev/null
		wait $pids
	done 2>/dev/null
	no_device
}

main() {
	[ $# = 0 ] || export SIW_CYCLES=$1
	cycles=${SIW_CYCLES:-40}
	! two_hosts || return 0
	check killed $((60 + cycles * 2)) killed
	check half-open $((30 + cycles)) half_open
	check link-del $((60 + cycles * 2)) removed rdma link del siwt
	check netdev-del $((60 + cycles * 2)) removed ip link del t0
	check rmmod $((60 + cycles * 2)) unloaded
}

guest_main "$@"
