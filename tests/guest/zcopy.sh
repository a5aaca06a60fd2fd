#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# zcopy_tx: that data is right in each mode, that it goes the way that the mode
# says (by counters), and that memory is the program's again when it is told so.

. "$(dirname "$0")/lib.sh"
port=7174
# see perftest.sh
retry_re='REJECTED|Connection refused|Failed to connect RDMA CM events'

# counter NAME - of both devices, or of this host's
counter() {
	{
		$srv_in rdma statistic show link "$srv_dev/1"
		[ "$srv_dev" = "$cli_dev" ] ||
			$cli_in rdma statistic show link "$cli_dev/1"
	} | tr ' ' '\n' | awk -v name="$1" '
		word == name { sum += $1 }
		{ word = $1 }
		END { print sum + 0 }'
}

# since begin: zcopied, copied - octets
begin() {
	zcopy0=$(counter tx_zcopy_bytes) copy0=$(counter tx_copy_bytes)
}

zcopied() {
	echo $(($(counter tx_zcopy_bytes) - zcopy0))
}

copied() {
	echo $(($(counter tx_copy_bytes) - copy0))
}

set_mode() {
	echo "$1" >/sys/module/siw/parameters/zcopy_tx || fail "cannot set $1"
}

# both NAME VALUE - a setting of both devices
both() {
	$srv_in sh -c "echo $2 >/sys/class/infiniband/$srv_dev/settings/$1" &&
	$cli_in sh -c "echo $2 >/sys/class/infiniband/$cli_dev/settings/$1" ||
		fail "cannot set $1 to $2"
}

# --- programs that verify what they get ----------------------------------

pings() {
	set_mode "$1"
	exchange $port rping -s -a @srv -C 30 -S 65535 -V -- \
		rping -c -a @srv -C 30 -S 65535 -v -V
	expect_client '^ping data: rdma-ping-' 30
}

copy_file() {
	local file=${log%@?} to=/dev/shm/zcopy.dst

	set_mode "$1"
	! is_client || head -c 3000001 /dev/urandom >"$file.src"
	! is_server || rm -f $to
	exchange -k 7427 rcopy -- rcopy "$file.src" "@srv:$to"
	! is_server || { end_server; cmp "${log%@?}.src" $to || fail "other data"; }
}

# bw OP MODE [OPTION...] - perftest, messages of 64 KiB; most are not signalled
bw() {
	local op=$1 e=

	[ "$op" != read ] || e=-e
	set_mode "$2"
	shift 2
	begin
	# shellcheck disable=SC2086
	exchange 18515 ib_${op}_bw -d @srvdev -R -F $e -s 65536 -n 200 "$@" -- \
		ib_${op}_bw -d @clidev -R -F $e -s 65536 -n 200 "$@" @srv
	meet counted
	echo "zero copy $(zcopied), copied $(copied), undone $(counter tx_zcopy_undone)"
}

# sends - octets: 200 messages, which one end sends; with two hosts that may be
# the other one
sends() {
	if [ "$1" = read ]; then is_server; else is_client; fi
}

whole=$((200 * 65536))

no_zcopy() {
	bw "$@"
	[ "$(zcopied)" = 0 ] || fail "$(zcopied) octets by zero copy"
	! sends "$1" || [ "$(copied)" -ge $whole ] || fail "$(copied) octets"
}

# all READ responses go without a copy
read_zcopy() {
	bw read 1
	sends read || return 0
	[ "$(zcopied)" -ge $whole ] || fail "$(zcopied) octets by zero copy"
}

# Whoever delivers lent pages on the same host copies them, and says so, as does
# a network interface that cannot compute checksums (those of the rigs): then
# the connection goes on with copies.
lent() {
	local before

	before=$(counter tx_zcopy_undone)
	bw "$@"
	sends "$1" || return 0
	[ "$(zcopied)" -ge 65536 ] || fail "$(zcopied) octets"
	if [ "$(counter tx_zcopy_undone)" = "$before" ]; then
		checksums || fail "nothing undone"
		[ "$(zcopied)" -ge $((whole * 9 / 10)) ] ||
			fail "$(zcopied) octets by zero copy"
	else
		! checksums || fail "undone, though the card has checksums"
		[ "$(zcopied)" -lt $((whole / 2)) ] || fail "and again"
	fi
}

# checksums - does the card between two hosts compute them?
checksums() {
	two_hosts && ethtool -k "$NETDEV" | grep '^tx-checksumming: on'
}

# small messages, and all with CRC, are copied whatever the mode
small() {
	set_mode 2
	begin
	exchange 18515 ib_write_bw -d @srvdev -R -F -s 4095 -n 200 -- \
		ib_write_bw -d @clidev -R -F -s 4095 -n 200 @srv
	[ "$(zcopied)" = 0 ] || fail "$(zcopied) octets by zero copy"
}

crc() {
	both crc_required 1
	no_zcopy read 2
	both crc_required default
}

# a device's own setting, read each time
own() {
	both zcopy_tx 0
	no_zcopy read 2
	both zcopy_tx 1
	bw read 0
	[ "$(zcopied)" -ge $whole ] || fail "the device's setting has no effect"
	both zcopy_tx default
	[ "$($cli_in cat "/sys/class/infiniband/$cli_dev/settings/zcopy_tx")" = 0 ] ||
		fail "the parameter is not followed"
}

# while a connection is at work
switched() {
	local pid

	set_mode 0
	begin
	serve $port rping -s -a "$srv_ip" -S 65535 -V -p $port
	$cli_in rping -c -a "$dst_ip" -S 65535 -V -p $port >"$log.client" 2>&1 &
	pid=$!
	until_true 20 busy || fail "no traffic"
	[ "$(zcopied)" = 0 ] || fail "mode 0: $(zcopied) octets"
	set_mode 1
	until_true 20 zcopies || fail "mode 1 has no effect"
	set_mode 0
	kill -0 $pid || fail "the client died"
	kill -KILL $pid "$server"
}

busy() {
	[ "$(copied)" -ge 1000000 ]
}

zcopies() {
	[ "$(zcopied)" -ge 1000000 ]
}

# --- whose memory it is, see zcopy.py -------------------------------------

wire() {
	both mpa_rev 1
	both crc_strict 0
	PYTHONPATH=$here/../wire PYTHONDONTWRITEBYTECODE=1 \
		"$here/zcopy.py" "$srv_ip" $port "$@" >"$log.wire" 2>"$log.wire.err" || {
		tail -n 3 "$log.wire.err"
		fail "$(sed -n 's/^why: //p' "$log.wire")"
	}
	cat "$log.wire"
}

ms() {
	sed -n 's/^ms //p' "$log.wire"
}

# kept MODE KIND ZCOPIED
kept() {
	set_mode "$1"
	begin
	wire kept "$2"
	if [ "$3" = yes ]; then
		[ "$(zcopied)" -ge 65536 ] || fail "nothing by zero copy"
	else
		[ "$(zcopied)" = 0 ] || fail "$(zcopied) octets by zero copy"
	fi
}

delay() {
	tc qdisc replace dev lo root netem "$@" || skip "no netem"
}

# A round trip is 600 ms; a copy completes at once.
waits() {
	delay delay 300ms
	set_mode 0
	wire wait unsignalled
	[ "$(ms)" -lt 300 ] || fail "a copy takes $(ms) ms"
	set_mode 1
	wire wait signalled
	[ "$(ms)" -lt 300 ] || fail "mode 1, signalled: $(ms) ms"
	wire wait unsignalled
	[ "$(ms)" -ge 590 ] || fail "mode 1: only $(ms) ms"
	set_mode 2
	wire wait signalled
	[ "$(ms)" -ge 590 ] || fail "mode 2: only $(ms) ms"
}

flushes() {
	set_mode 2
	begin
	wire flush
	[ "$(zcopied)" -gt 0 ] || fail "nothing by zero copy"
}

served() {
	set_mode 1
	begin
	wire read
	[ "$(zcopied)" = 262144 ] || fail "$(zcopied) octets by zero copy"
	both crc_required 1
	begin
	wire read 0x40
	[ "$(zcopied)" = 0 ] || fail "with CRC: $(zcopied) octets"
	[ "$(copied)" = 262144 ] || fail "with CRC: $(copied) octets copied"
}

# nothing holds a program that ends, nor its device
left() {
	set_mode 1
	begin
	wire leave
	[ "$(zcopied)" -gt 0 ] || fail "nothing by zero copy"
	rdma resource show qp
	! rdma resource show qp | grep -q 'state RTS' || fail "its QP is left"
}

# alone TEST - and leave nothing behind
alone() {
	local status

	("$@")
	status=$?
	tc qdisc del dev lo root 2>/dev/null
	both preset default
	return $status
}

tests() {
	local mode

	for mode in 0 1 2; do
		check rping-$mode 30 pings $mode
	done
	check read-0 30 no_zcopy read 0
	check read-1 30 read_zcopy
	check write-0 30 no_zcopy write 0 -Q 50
	check write-1 30 lent write 1 -Q 50
	check write-2 30 lent write 2
	check write-1-signalled 30 no_zcopy write 1
	check crc 30 alone crc
	[ "$topo" = dummy ] || return 0
	for mode in 0 1 2; do
		check rcopy-$mode 30 copy_file $mode
	done
	check send-2 30 lent send 2
	check small 30 small
	check setting 40 alone own
	check switched 30 switched
	check kept-0 20 alone kept 0 unsignalled no
	check kept-1 20 alone kept 1 unsignalled yes
	check kept-1-signalled 20 alone kept 1 signalled no
	check kept-2 20 alone kept 2 signalled yes
	check waits 40 alone waits
	check flush 30 alone flushes
	check read-content 20 alone served
	check left 30 alone left
}

main() {
	each_topology 'dummy veth two' tests
}

guest_main "$@"
