#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# `rdma statistic` and `rdma -dd resource`: each counter by what makes it count,
# and that it counts right where one device is both ends.

. "$(dirname "$0")/lib.sh"
port=7174

# counter NAME
counter() {
	rdma statistic show link "$srv_dev/1" | tr ' ' '\n' |
		awk -v name="$1" 'word == name { print $1 } { word = $1 }'
}

# begin, then counted NAME - how often since
begin() {
	rdma statistic show link "$srv_dev/1" | tr ' ' '\n' |
		awk '/^[0-9]+$/ { print word, $1 } { word = $1 }' >"$log.begin"
}

counted() {
	echo $(($(counter "$1") - $(sed -n "s/^$1 //p" "$log.begin")))
}

# is NAME NUMBER
is() {
	[ "$(counted "$1")" = "$2" ]
}

# must NAME NUMBER
must() {
	is "$1" "$2" || fail "$1: $(counted "$1"), not $2"
}

at_least() {
	[ "$(counted "$1")" -ge "$2" ] || fail "$1: only $(counted "$1")"
}

# A ping: the client offers a buffer (Send), the server reads it (Read Request
# and Response) and says so (Send), the client offers another (Send), the server
# writes to it (Write) and says so (Send).
messages() {
	local name

	begin
	exchange $port rping -s -a @srv -C 10 -S 4000 -p $port -- \
		rping -c -a @srv -C 10 -S 4000 -p $port
	rdma statistic show link "$srv_dev/1"
	must tx_sends 40
	must tx_writes 10
	# the first may be that of the start
	at_least tx_read_requests 10
	at_least tx_read_responses 10
	[ "$(counted tx_read_requests)" -le 11 ] || fail "too many reads"
	for name in fpdus bytes sends writes read_requests read_responses; do
		must rx_$name "$(counted tx_$name)"
	done
	# two times 10 of 4000 octets, at least 18 octets around each
	at_least tx_bytes 80360
	[ "$(counted tx_bytes)" -le 90000 ] || fail "$(counted tx_bytes) octets"
	at_least tx_batches 60
	at_least tx_direct 50
	at_least tx_queued 10
	must tx_terminates 0
}

connections() {
	begin
	exchange $port rping -s -a @srv -C 1 -p $port -- \
		rping -c -a @srv -C 1 -p $port
	must connect_tries 2
	must connects 2
	must connect_fails 0
	begin
	! client rping -c -a "$dst_ip" -C 1 -p 7999 || fail "connected to nobody"
	must connect_tries 1
	must connect_fails 1
	must connects 0
}

# wire TEST - against our server
wire() {
	serve $port rping -s -P -a "$srv_ip" -p $port
	begin
	PYTHONPATH=$here/../wire PYTHONDONTWRITEBYTECODE=1 \
		timeout 20 python3 "$here/stats.py" "$srv_ip" $port "$1" ||
		fail "the peer: $1"
	kill "$server"
	wait "$server"
}

# set NAME VALUE
set_to() {
	echo "$2" >"/sys/class/infiniband/$srv_dev/settings/$1" ||
		fail "no setting $1"
}

errors() {
	set_to crc_strict 0
	set_to peer_to_peer 0
	wire crc
	must rx_crc_errors 1
	must tx_terminates 1
	must tx_terminates_mpa 1
	wire stag
	must rx_access_errors 1
	must tx_terminates_ddp 1
	must tx_terminates_mpa 0
	wire terminate
	must rx_terminates 1
	must rx_terminates_rdmap 1
	must rx_terminates_ddp 0
	set_to crc_strict 1
	wire refused
	must rejects 1
	must connects 0
}

timed_out() {
	is connect_timeouts 1
}

# Who connects has half a minute to say what he wants.
timeouts() {
	serve $port rping -s -P -a "$srv_ip" -p $port
	begin
	exec 7<>"/dev/tcp/$srv_ip/$port"
	until_true 50 timed_out || fail "$(counted connect_timeouts) timeouts"
	exec 7>&-
	end_server
}

# more than the socket takes before the first acknowledgment
full() {
	tc qdisc replace dev lo root netem delay 50ms || skip "no netem"
	begin
	exchange 18515 ib_write_bw -d @srvdev -R -F -s 262144 -n 100 -- \
		ib_write_bw -d @clidev -R -F -s 262144 -n 100 @srv
	at_least tx_socket_full 1
	at_least tx_queued "$(counted tx_socket_full)"
}

connected() {
	[ "$(rdma resource show qp | grep -c 'state RTS')" = 2 ]
}

# word NAME VALUE - the client's queue pair has that
word() {
	grep -qE "(^| )(drv_)?$1 $2( |$)" "$log.resource" ||
		fail "no $1 $2: $(cat "$log.resource")"
}

resources() {
	local client

	set_to crc_required 1
	serve $port rping -s -a "$srv_ip" -p $port
	rping -c -a "$dst_ip" -p $port >"$log.client" 2>&1 &
	client=$!
	until_true 20 connected || fail "no connection"
	rdma -dd resource show qp | tr '\n' ' ' | sed 's/link /\n&/g' |
		tr -s ' \t' ' ' >"$log.resources"
	cat "$log.resources"
	grep -E "remote [^ ]*:$port " "$log.resources" >"$log.resource" ||
		fail "no remote address"
	word siw_state RTS
	word local "$srv_ip:[0-9]+"
	word mpa_rev 2
	word crc 1
	word markers_tx 0
	word rtr '[124]'
	word ird '[1-9][0-9]*'
	word sq_size '[1-9][0-9]*'
	kill -KILL $client "$server"
}

# fresh TEST - and leave nothing
fresh() {
	local status

	("$@")
	status=$?
	tc qdisc del dev lo root 2>/dev/null
	set_to preset default
	return $status
}

tests() {
	check messages 20 fresh messages
	check connections 20 fresh connections
	check errors 40 fresh errors
	check timeouts 60 fresh timeouts
	check full 40 fresh full
	check resources 20 fresh resources
}

main() {
	each_topology 'dummy' tests
}

guest_main "$@"
