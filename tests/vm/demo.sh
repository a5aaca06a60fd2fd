#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# What ./demo runs in its two guests: in guest 1 the servers, in guest 0 the
# clients, whose progress is seen. $SIW_PAIR_TMP/table has a line for each, with
# tabs: ok or FAILED, the program, what it did or why it failed.

set -u
steps=6
step=0
logs=$SIW_RIG_TMP

table() {
	local IFS=$'\t'

	echo "$*" >>"$SIW_PAIR_TMP/table"
}

# listening PORT - in the hexadecimal of /proc/net/tcp
listening() {
	grep -qiE "^ *[0-9]+: [0-9A-F]*:$1 [0-9A-F]*:0000 0A" \
		/proc/net/tcp /proc/net/tcp6
}

# serve NAME PORT COMMAND... - start it, let the client come, see it end; as
# often as the client wants
serve() {
	local name=$1 hex tries=200 pid

	hex=$(printf %04X "$2")
	rm -f "$SIW_PAIR_TMP/again"
	timeout -k 2 40 "${@:3}" >"$logs/$name" 2>&1 &
	pid=$!
	until listening "$hex" || [ $((tries--)) = 0 ]; do
		sleep 0.05
	done
	barrier "$name up"
	barrier "$name done"
	# the client is through: a server that waits on has lost something
	timeout 5 tail --pid=$pid -f /dev/null || kill $pid
	wait $pid
	echo $? >"$SIW_PAIR_TMP/server-status"
	barrier "$name over"
	barrier "$name judged"
	[ ! -e "$SIW_PAIR_TMP/again" ] || serve "$@"
}

# gave_up NAME - perftest has two weak points where CPUs are kept waiting, as
# those of an emulator are now and then. It measures how fast the CPU's counter
# runs, and gives up if something disturbs that. And a server stops listening
# between its two connections: a client that is too fast finds nobody.
gave_up() {
	grep -qsE "Can't produce a report|EVENT_REJECTED; error: -111" \
		"$logs/$1" "$SIW_PAIR_TMP/1/$1"
}

# try NAME COMMAND... - one exchange; sets status and server
try() {
	local name=$1 tries=$((tries - 1))

	shift
	status=0
	barrier "$name up"
	timeout -k 2 35 "$@" >"$logs/$name" 2>&1 || status=$?
	barrier "$name done"
	barrier "$name over"
	server=$(<"$SIW_PAIR_TMP/server-status")
	if [ $tries != 0 ] && gave_up "$name"; then
		printf 'again, '
		touch "$SIW_PAIR_TMP/again"
		barrier "$name judged"
		try "$name" "$@"
	else
		barrier "$name judged"
	fi
}

# use NAME WHAT COMMAND... - the client; then a line of the table
use() {
	local name=$1 what=$2 status server start=$EPOCHREALTIME took answer
	local tries=4

	shift 2
	step=$((step + 1))
	printf '  %d of %d  %-13s %-34s ' $step $steps "$name" "$what"
	try "$name" "$@"
	took=$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $start }")
	answer=$("answer_${name%%_*}" "$logs/$name")
	if [ $status = 124 ] || [ $status = 137 ]; then
		answer="does not end, stopped after 35 s"
	elif [ $status != 0 ]; then
		answer="client: status $status, $(why "$logs/$name")"
	elif [ "$server" != 0 ]; then
		answer="server: status $server, $(why "$SIW_PAIR_TMP/1/$name")"
	elif [ -z "$answer" ]; then
		answer="no result in its output"
	else
		echo "ok, $took s"
		table ok "$name" "$what" "$answer"
		return
	fi
	echo "FAILED"
	table FAILED "$name" "$what" "$answer"
}

# why FILE - its first line that sounds like a complaint, or the last one
why() {
	{
		grep -iE "error|fail|can't|cannot|unable|bad|refused" "$1" ||
			grep '[a-z]' "$1" | tail -n 1
	} | head -n 1 | cut -c -100
}

# answer_... FILE - what the output says, for people; nothing if it says nothing
answer_rping() {
	local n

	n=$(grep -c '^ping data: rdma-ping-' "$1")
	[ "$n" != 100 ] || echo "data of $n round trips verified"
}

answer_ib() {
	awk '/#bytes/ { lat = /usec/; next }
		lat && $2 == 200 { print $5 " us, the typical one way" }
		!lat && $2 == 200 && $4 > 0 { print $4 " MB/s" }' "$1"
}

# In its ib_send_bw, perftest waits for an event when it is out of credits, which
# come without one, and the 200th message needs one: no -e.
servers() {
	serve rping 7174 rping -s -a "$MY_IP" -C 100 -S 4000 -V
	serve rping6 7174 rping -s -a "$MY_IP6" -C 100 -S 4000 -V
	serve ib_send_bw 18515 ib_send_bw -R -n 200
	serve ib_write_bw 18515 ib_write_bw -R -n 200
	serve ib_read_bw 18515 ib_read_bw -R -e -n 200
	serve ib_send_lat 18515 ib_send_lat -R -n 200
}

clients() {
	use rping "100 x 4000 bytes, IPv4" \
		rping -c -a "$PEER_IP" -C 100 -S 4000 -v -V
	use rping6 "100 x 4000 bytes, IPv6" \
		rping -c -a "$PEER_IP6" -C 100 -S 4000 -v -V
	use ib_send_bw "200 x 64 KiB, send and receive" \
		ib_send_bw -R -n 200 "$PEER_IP"
	use ib_write_bw "200 x 64 KiB, RDMA write" \
		ib_write_bw -R -n 200 "$PEER_IP"
	use ib_read_bw "200 x 64 KiB, RDMA read" \
		ib_read_bw -R -e -n 200 "$PEER_IP"
	use ib_send_lat "200 x 2 bytes, there and back" \
		ib_send_lat -R -n 200 "$PEER_IP"
}

answer_rping6() {
	answer_rping "$1"
}

if ! rdma link add siw0 type siw netdev "$NETDEV" 2>"$logs/link"; then
	table FAILED "rdma link add" "host $HOST_IDX" "$(why "$logs/link")"
	exit 1
fi
if [ "$HOST_IDX" = 1 ]; then
	servers
else
	echo "two hosts are up, $MY_IP and $PEER_IP, each with its link siw0"
	clients
fi
! grep -q '^FAILED' "$SIW_PAIR_TMP/table" 2>/dev/null
