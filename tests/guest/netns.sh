#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Containers: devices belong to the network namespace of their netdev, also with
# `rdma system set netns exclusive`, and can be moved. Taken away with programs
# attached, they go at once, and the programs get errors.
#
# Two namespaces of a shared system are a topology of all tests (veth); plain
# removals are in link.sh.

. "$(dirname "$0")/lib.sh"

# -- rooms: namespaces a and b with a link between

in_a='ip netns exec a'
in_b='ip netns exec b'

# room NAME NUMBER
room() {
	ip netns add "$1"
	ip link set "t$2" netns "$1"
	ip -n "$1" addr add "10.97.0.$2/24" dev "t$2"
	ip -n "$1" link set lo up
	ip -n "$1" link set "t$2" up
	ip netns exec "$1" rdma link add "siw$1" type siw netdev "t$2" ||
		fail "no link in namespace $1"
}

rooms() {
	ip link add t1 type veth peer name t2
	room a 1
	room b 2
}

# devices [PREFIX...] - as `rdma` and ibv_devices see them there, without the
# automatic ones
devices() {
	"$@" rdma dev show | sed -n 's/^[0-9]*: \([^:]*\):.*/\1/p' |
		grep -v '^siw_' | sort | xargs
}

# sees WHAT [PREFIX...] - these devices, no others
sees() {
	local what=$1

	shift
	[ "$(devices "$@")" = "$what" ] ||
		fail "${*:-outside}: '$(devices "$@")' instead of '$what'"
	[ "$("$@" ibv_devices | awk 'NR > 2 && $1 !~ /^siw_/ { print $1 }' |
		sort | xargs)" = "$what" ] || fail "ibv_devices: ${*:-outside}"
}

# exclusive - no namespace may exist then; those of before take their time to go
exclusive() {
	until_true 10 rdma system set netns exclusive ||
		fail "cannot set exclusive"
	rdma system show | grep -q 'netns exclusive' || fail "not exclusive"
}

# own_rooms - each with its own device. Older kernels make devices in the first
# namespace, whoever asks; from there they have to be moved.
own_rooms() {
	local name

	exclusive
	rooms
	for name in a b; do
		[ -z "$(devices | grep -w siw$name)" ] ||
			rdma dev set siw$name netns $name ||
			fail "cannot move siw$name"
	done
}

# serve_a PORT COMMAND... - a server in a
serve_a() {
	srv_in=$in_a serve "$@"
}

# works - between the rooms, both ways of setting up
works() {
	serve_a 7174 rping -s -a 10.97.0.1 -C 20 -S 4000 -V
	$in_b rping -c -a 10.97.0.1 -C 20 -S 4000 -V -v >"$log.client" 2>&1 ||
		fail "rping: status $?"
	[ "$(grep -c '^ping data: rdma-ping' "$log.client")" = 20 ] ||
		fail "rping: data are missing"
	finish_server
	serve_a 18515 ib_write_bw -d siwa -R -F -n 100
	$in_b ib_write_bw -d siwb -R -F -n 100 10.97.0.1 >"$log.perf" 2>&1 ||
		fail "ib_write_bw: $(tail -n 1 "$log.perf")"
	finish_server
}

# -- tests

shared() {
	rooms
	# all see all
	sees "siwa siwb"
	sees "siwa siwb" $in_a
	works
}

own() {
	own_rooms
	sees ""
	sees siwa $in_a
	sees siwb $in_b
	works
	# not by name either
	! $in_b ibv_devinfo -d siwa >/dev/null 2>&1 || fail "b can use siwa"
}

# busy - a ping that does not end, from b to a, in $pings
busy() {
	serve_a 7174 rping -s -a 10.97.0.1
	$in_b rping -c -a 10.97.0.1 -v >"$log.client" 2>&1 &
	pings="$server $!"
	until_true 10 test -s "$log.client" || fail "no pings"
}

ended() {
	# shellcheck disable=SC2086
	! kill -0 $pings 2>/dev/null
}

# promptly COMMAND... - it does not wait for programs, and these end
promptly() {
	"$@" &
	until_true 5 gone $! || fail "$*: waits for the programs"
	wait $! || fail "$*: status $?"
	until_true 10 ended || fail "programs are left after: $*"
}

deleted() {
	own_rooms
	busy
	promptly $in_a rdma link del siwa
	sees "" $in_a
	sees siwb $in_b
}

# moved - the netdev leaves for another namespace. The peer finds out when TCP
# does, as with a cable that was pulled.
moved() {
	rooms
	busy
	pings=$server
	promptly ip -n a link set t1 netns b
	sees siwb
	ip -n b addr add 10.97.1.1/24 dev t1
	ip -n b link set t1 up
	$in_b rdma link add siwc type siw netdev t1 ||
		fail "no link where it went"
	sees "siwb siwc"
}

# sent_away - the device leaves, the netdev does not; and comes back
sent_away() {
	own_rooms
	busy
	promptly $in_a rdma dev set siwa netns b
	sees "" $in_a
	sees "siwa siwb" $in_b
	$in_b rdma dev set siwa netns a || fail "does not come back"
	sees siwa $in_a
	works
}

# removed - a whole namespace, while programs outside use the link, both ends of
# which go with it
removed() {
	own_rooms
	busy
	promptly eval 'ip netns pids a | xargs kill -KILL; ip netns del a'
	until_true 10 nobody || fail "a device outlives its namespace"
}

nobody() {
	[ -z "$(devices; devices $in_b)" ]
}

no_devices() {
	[ -z "$(devices)" ]
}

# clean - nothing is left
clean() {
	local name

	# shellcheck disable=SC2046
	kill -KILL $(jobs -p) 2>/dev/null
	for name in a b; do
		ip netns pids $name | xargs -r kill -KILL
		ip netns exec $name rdma link del siw$name
		ip netns del $name
	done
	ip link del t1
	until_true 10 rdma system set netns shared
} >/dev/null 2>&1

# apart TEST - in a process of its own, and leave nothing
apart() {
	("$@")
	local status=$?

	clean || fail "a namespace is left (status $status)"
	[ $status != 0 ] || until_true 5 no_devices ||
		fail "a device is left: $(devices)"
	return $status
}

main() {
	local name

	! two_hosts || return 0
	for name in shared own deleted moved sent_away removed; do
		check "${name//_/-}" 40 apart $name
	done
}

guest_main "$@"
