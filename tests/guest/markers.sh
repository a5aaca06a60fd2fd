#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# MPA markers, which a device asks for if it is set to: one way, the other, both,
# with and without CRC. rping verifies what it moves; what is on the wire is for
# tshark (SIW_CAPTURE) and, with wrong markers in it, for markers.py.

. "$(dirname "$0")/lib.sh"
# see perftest.sh
retry_re='REJECTED|Connection refused|Failed to connect RDMA CM events'
port=7174
perf_port=18515

# set_to DEVICE NAME VALUE
set_to() {
	local file=/sys/class/infiniband/$1/settings/$2

	echo "$3" >"$file" && [ "$(cat "$file")" = "$3" ] ||
		fail "cannot set $2 of $1 to $3"
}

# wanted SERVER CLIENT CRC - 0 or 1 each
wanted() {
	set_to "$srv_dev" markers_wanted "$1"
	set_to "$cli_dev" markers_wanted "$2"
	set_to "$srv_dev" crc_required "$3"
	set_to "$cli_dev" crc_required "$3"
}

# ping SIZE COUNT
ping() {
	exchange $port rping -s -a @srv -C "$2" -S "$1" -V -- \
		rping -c -a @srv -C "$2" -S "$1" -v -V
	expect_client '^ping data: rdma-ping-' "$2"
}

# pings SERVER CLIENT CRC - the second marker on every place of an FPDU
pings() {
	local size

	wanted "$@"
	for size in 64 416 440 464 470 471 472 476 480 500 1448 4096; do
		ping $size 8
	done
	ping 65535 20
}

# perf SERVER CLIENT CRC PROGRAM OPTION...
perf() {
	wanted "$1" "$2" "$3"
	shift 3
	exchange $perf_port "$1" -d @srvdev -R -F "${@:2}" -- \
		"$1" -d @clidev -R -F "${@:2}" @srv
	expect_client '^ *[0-9]+ +[0-9]+ +([0-9.]+|inf) +([0-9.]+|inf)' 1
}

# agreed SERVER CLIENT - what the devices say about it
agreed() {
	local switch=(off on) tx rx

	wanted "$1" "$2" 0
	serve $port rping -s -a "$srv_ip" -S 1000
	$cli_in rping -c -a "$dst_ip" -S 1000 >"$log.client" 2>&1 &
	client=$!
	until_true 10 grep -q 'phase=OPEN .*role=initiator' \
		"/sys/kernel/debug/siw/$cli_dev/cep"
	cat /sys/kernel/debug/siw/"$cli_dev"/cep
	tx=${switch[$1]} rx=${switch[$2]}
	grep -q "role=initiator .*markers_tx=$tx markers_rx=$rx" \
		"/sys/kernel/debug/siw/$cli_dev/cep" || fail "not tx $tx, rx $rx"
	kill -KILL $client $server
}

# wire TEST - a peer that makes its markers itself
wire() {
	wanted 1 0 0
	serve $port rping -s -P -a "$srv_ip"
	$cli_in env PYTHONPATH="$here/../wire" PYTHONDONTWRITEBYTECODE=1 \
		python3 "$here/markers.py" "$srv_ip" $port "$1" ||
		fail "see above"
	end_server
}

tests() {
	local way crc

	for crc in 0 1; do
		for way in '0 1' '1 0' '1 1'; do
			# shellcheck disable=SC2086
			check "rping-${way/ /}$crc" 60 pings $way $crc
		done
	done
	for way in '0 1' '1 0' '1 1'; do
		# shellcheck disable=SC2086
		check "agreed-${way/ /}" 20 agreed $way
	done
	check send-bw 30 perf 1 1 0 ib_send_bw -n 100
	check write-bw 30 perf 1 1 0 ib_write_bw -n 50
	check read-bw 30 perf 1 1 1 ib_read_bw -e -n 100
	check read-lat 30 perf 1 1 0 ib_read_lat -n 50
	for way in accepted refused early; do
		check $way 20 wire $way
	done
}

main() {
	! two_hosts || return 0
	each_topology veth tests
}

guest_main "$@"
