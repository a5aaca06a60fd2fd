#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The settings of a device, in sysfs: each of them by what it does to a
# connection, with the module parameters saying something else.

. "$(dirname "$0")/lib.sh"
port=7174

# setting NAME [VALUE] - of the client's device: read it, or write it
setting() {
	local file=/sys/class/infiniband/$cli_dev/settings/$1

	if [ $# = 1 ]; then
		$cli_in cat "$file"
	else
		# shellcheck disable=SC2016
		$cli_in sh -c 'echo "$1" >"$2"' - "$2" "$file" 2>&1
	fi
}

# set NAME VALUE - and it must be there afterwards
set_to() {
	setting "$1" "$2" || fail "cannot set $1 to $2"
	[ "$(setting "$1")" = "$2" ] || fail "$1 is $(setting "$1"), not $2"
}

# wire IN ADDRESS TEST [ARG...] - a peer on a plain socket
wire() {
	local in=$1

	shift
	$in env PYTHONPATH="$here/../wire" PYTHONDONTWRITEBYTECODE=1 \
		python3 "$here/settings.py" "$1" $port "${@:2}"
}

says_listening() {
	grep -qs '^listening' "$log.wire" || ! kill -0 "$peer" 2>/dev/null
}

# called TEST [ARG...] - our client calls the peer; what the peer saw, in
# $log.wire
called() {
	rm -f "$log.wire"
	wire "$srv_in" "$srv_ip" "$@" >"$log.wire" 2>&1 &
	peer=$!
	until_true 20 says_listening
	$cli_in rping -c -a "$srv_ip" -p $port -S "${size:-64}" -C 1 \
		>"$log.rping" 2>&1 &
	rping=$!
}

saw() {
	wait $peer || fail "$(sed -n 's/^why: //p' "$log.wire")"
	kill -KILL $rping 2>/dev/null
	cat "$log.wire"
}

# seen TEST [ARG...]
seen() {
	called "$@"
	saw
}

# want LINE... - in what the peer saw
want() {
	local line

	for line; do
		grep -qx "$line" "$log.wire" ||
			fail "'$line' expected: $(tr '\n' ' ' <"$log.wire")"
	done
}

# value WORD - what the peer saw of it
value() {
	sed -n "s/^$1 //p" "$log.wire"
}

# answered FLAGS [REV] - a peer calls our server
answered() {
	srv_in=$cli_in serve $port rping -s -P -a "$cli_ip" -p $port
	wire "$cli_in" "$cli_ip" reply "$@" >"$log.wire" 2>&1
	cat "$log.wire"
	end_server
}

all_settings() {
	local name

	for name in crc_required crc_strict tcp_nodelay mpa_rev peer_to_peer \
		rtr cut_through fpdu_max fpdu_segments keepalive user_timeout \
		listen_backlog zcopy_tx markers_wanted preset; do
		[ -n "$(setting $name)" ] || fail "no $name"
	done
	[ "$(setting preset)" = default ] || fail "at first: $(setting preset)"
}

# refused NAME VALUE - and nothing changes
refused() {
	local before

	before=$(setting "$1")
	! setting "$1" "$2" || fail "$1 can be $2"
	[ "$(setting "$1")" = "$before" ] || fail "$1 changes nevertheless"
}

limits() {
	refused crc_required 2
	refused crc_required yes!
	refused mpa_rev 0
	refused mpa_rev 3
	refused rtr 0
	refused rtr 8
	refused fpdu_max 65536
	refused fpdu_segments 0
	refused keepalive 32768
	refused listen_backlog -1
	refused zcopy_tx 3
	refused preset nobody
	refused preset custom
}

# follow - the parameter, until there is a value of the device's own
follow() {
	local file=/sys/module/siw/parameters/mpa_rev

	echo 1 >$file
	[ "$(setting mpa_rev)" = 1 ] || fail "the parameter is not followed"
	set_to mpa_rev 2
	[ "$(setting preset)" = custom ] || fail "preset: $(setting preset)"
	seen request
	want 'rev 2'
	setting mpa_rev default
	[ "$(setting mpa_rev)" = 1 ] || fail "the parameter is forgotten"
	[ "$(setting preset)" = default ] || fail "preset: $(setting preset)"
	seen request
	want 'rev 1'
	echo 2 >$file
}

# another - device has nothing to do with it
another() {
	local other

	ip link add t7 type dummy
	rdma link add siwt7 type siw netdev t7 || fail "no second device"
	set_to fpdu_max 1000
	other=$(cat /sys/class/infiniband/siwt7/settings/fpdu_max)
	rdma link del siwt7
	ip link del t7
	[ "$other" = 0 ] || fail "it is that of the other device, too"
}

requests() {
	seen request
	want 'rev 2' 'crc 0' 'p2p 1' 'rtr 7'
	set_to crc_required 1
	seen request
	want 'crc 1'
	set_to peer_to_peer 0
	seen request
	want 'rev 2' 'p2p 0' 'rtr 0'
	set_to peer_to_peer 1
	set_to rtr 4
	seen request
	want 'p2p 1' 'rtr 4'
	set_to mpa_rev 1
	seen request
	want 'rev 1'
}

# strict - flags: C is 0x40
strict() {
	answered 0x40
	want rejected 'reason peer wants CRC, mpa_crc_strict forbids it'
	kernel_log | grep -q 'refused.*mpa_crc_strict' ||
		fail "the log does not name the parameter"
	answered 0
	want accepted 'crc 0'
	set_to crc_strict 0
	answered 0x40
	want accepted 'crc 1'
	answered 0
	want accepted 'crc 0'
	set_to crc_required 1
	set_to crc_strict 1
	answered 0x40
	want accepted 'crc 1'
	answered 0
	want accepted 'crc 1'
}

replies() {
	answered 0 2
	want accepted 'rtr 4'
	set_to rtr 2
	answered 0 2
	want accepted 'rtr 2'
	set_to mpa_rev 1
	answered 0 2
	want 'closed RST'
}

cut_through() {
	set_to crc_strict 0
	seen half flags=0x40
	want 'placed 0' 'in the end 1'
	set_to cut_through 1
	seen half flags=0x40
	want 'placed 1' 'in the end 1'
}

fpdu_max() {
	size=20000 seen fpdus
	want 'count 1'
	set_to fpdu_max 4120
	size=20000 seen fpdus
	want 'longest 4120' 'count 5'
	# an FPDU has room for 128 octets of ULPDU at least
	set_to fpdu_max 1
	size=2000 seen fpdus
	want 'longest 136'
}

fpdu_segments() {
	local one

	size=20000 seen fpdus mss=600
	one=$(value longest)
	[ "$one" -le 600 ] && [ "$one" -ge 500 ] || fail "one segment: $one"
	set_to fpdu_segments 4
	size=20000 seen fpdus mss=600
	[ "$(value longest)" -le 2400 ] && [ "$(value longest)" -ge 2200 ] ||
		fail "four segments: $(value longest)"
	set_to fpdu_max 1200
	size=20000 seen fpdus mss=600
	want 'longest 1200'
}

# sockets - the client's connection, with its timers
sockets() {
	$cli_in ss -tnoH "dport = :$port" | grep ESTAB
}

is_up() {
	grep -q '^up' "$log.wire"
}

keepalive() {
	set_to keepalive 7
	called hold
	until_true 20 is_up || fail "no connection"
	sockets
	# 6.970ms is what ss calls that many seconds
	sockets | grep -qE 'timer:\(keepalive,[0-7](\.[0-9]+ms|sec),' ||
		fail "no keepalive within 7 s"
	kill -KILL $rping $peer
	wait $rping $peer
	set_to keepalive 0
	called hold
	until_true 20 is_up || fail "no connection"
	sockets
	! sockets | grep -q 'timer:(keepalive' || fail "a keepalive timer"
	kill -KILL $rping $peer
}

# lost - our client talks to a peer that has vanished: how long does it?
lost() {
	serve $port rping -s -a "$srv_ip" -p $port
	$cli_in rping -c -a "$srv_ip" -p $port >"$log.rping" 2>&1 &
	rping=$!
	until_true 20 connected || fail "no connection"
	$srv_in tc qdisc add dev veth1 root netem loss 100% || fail "no netem"
}

connected() {
	[ "$($cli_in rdma resource show qp | grep -c 'state RTS')" -ge 1 ]
}

# An end that has nothing to send sees a loss by its keepalive only, and after
# many of them without the time limit.
user_timeout() {
	set_to user_timeout 1500
	set_to keepalive 1
	lost
	until_true 25 gone $rping || fail "our client still waits"
	kill -KILL "$server"
	$srv_in tc qdisc del dev veth1 root
	setting user_timeout default
	lost
	! until_true 6 gone $rping || fail "our client gives up by itself"
	kill -KILL "$server" $rping
}

backlog() {
	srv_in=$cli_in serve $port rping -s -P -a "$cli_ip" -p $port
	$cli_in ss -ltnH "sport = :$port"
	[ "$($cli_in ss -ltnH "sport = :$port" | awk '{ print $3 }')" = 3 ] ||
		skip "rping wants another backlog than it used to"
	end_server
	set_to listen_backlog 77
	srv_in=$cli_in serve $port rping -s -P -a "$cli_ip" -p $port
	$cli_in ss -ltnH "sport = :$port"
	[ "$($cli_in ss -ltnH "sport = :$port" | awk '{ print $3 }')" = 77 ] ||
		fail "not 77"
	end_server
}

# The second small answer has to wait for the acknowledgement of the first
nodelay() {
	$srv_in tc qdisc add dev veth1 root netem delay 800ms || fail "no netem"
	seen pause
	[ "$(value pause)" -lt 450 ] || fail "held back $(value pause) ms"
	set_to tcp_nodelay 0
	seen pause
	[ "$(value pause)" -gt 450 ] || fail "only $(value pause) ms apart"
	setting tcp_nodelay default
	echo 0 >/sys/module/siw/parameters/tcp_nodelay
	seen pause
	echo 1 >/sys/module/siw/parameters/tcp_nodelay
	[ "$(value pause)" -gt 450 ] || fail "the parameter has no effect"
}

presets() {
	local name

	for name in rfc fast chelsio-t4 chelsio intel qlogic windows-smbd \
		default; do
		setting preset $name || fail "no preset $name"
		[ "$(setting preset)" = $name ] ||
			fail "$name reads $(setting preset)"
	done
	setting preset chelsio-t4
	seen request
	want 'rev 1' 'crc 1'
	setting preset intel
	seen request
	want 'rev 2' 'crc 1' 'p2p 1' 'rtr 6'
	setting preset qlogic
	size=20000 seen fpdus
	want 'longest 4120'
	set_to fpdu_max 4000
	[ "$(setting preset)" = custom ] || fail "changed: $(setting preset)"
	setting preset fast
	seen request
	want 'crc 0'
}

# fresh TEST - with nothing set, and leave nothing
fresh() {
	local status

	("$@")
	status=$?
	setting preset default
	$srv_in tc qdisc del dev veth1 root 2>/dev/null
	return $status
}

tests() {
	if [ $topo = veth ]; then
		check tcp-nodelay 60 fresh nodelay
		check user-timeout 60 fresh user_timeout
		return
	fi
	check all 10 all_settings
	check limits 10 fresh limits
	check parameter 20 fresh follow
	check another-device 10 fresh another
	check request 20 fresh requests
	check crc-strict 20 fresh strict
	check reply 20 fresh replies
	check cut-through 20 fresh cut_through
	check fpdu-max 20 fresh fpdu_max
	check fpdu-segments 20 fresh fpdu_segments
	check keepalive 20 fresh keepalive
	check backlog 20 fresh backlog
	check presets 30 fresh presets
}

main() {
	each_topology 'dummy veth' tests
}

guest_main "$@"
