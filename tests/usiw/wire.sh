#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# What usiw sends, as tshark reads it: no malformed frame, every CRC right.
. "$(dirname "$0")/lib.sh"

if [ -z "$own_net" ]; then
	skip wire 'no network namespace to capture in'
	finish
fi
have dumpcap wire && have tshark wire || finish

# capture NAME OPTIONS COMMAND... - what COMMAND causes; then judged
capture() {
	local name=$1 options=$2 pid

	shift 2
	# tcpdump wants to become another user, which does not exist here
	dumpcap -q -P -i lo -B 64 -w "$work/$name" -f tcp 2>"$work/dumpcap" &
	pid=$!
	until_true 10 grep -q '^File:' "$work/dumpcap"
	"$@"
	# all that was sent before this is in the file, then
	sync_capture "$name"
	kill -INT $pid
	wait $pid
	# shellcheck disable=SC2086
	check "$name" 'see above' judged $options "$work/$name"
}

# knock at port 9999, and look for that SYN in the file
sync_capture() {
	(exec 3<>/dev/tcp/127.0.0.1/9999) 2>/dev/null
	until_true 10 python3 -c '
import re, sys
data = open(sys.argv[1], "rb").read()
sys.exit(not re.search(rb"(?s)\x27\x0f.{4}\0{4}\xa0\x02", data))' "$work/$1" ||
		not_ok "$1_end" 'the capture has no end'
}

judged() {
	"$top/tests/wire/check-pcap" "$@" >"$work/client.log" 2>&1
}

rping_pair() {
	pair "$1" 7174 'rping -s -V -C 20' 'rping -c -a 127.0.0.1 -V -C 20'
}

# each of a kind, small and large
all_ops() {
	local op

	for op in send write read; do
		pair_perftest "$1_$op" 18515 \
			"ib_${op}_bw -R -F -n 10 -s $2" \
			"ib_${op}_bw -R -F -n 10 -s $2 127.0.0.1"
	done
	pair "$1_rstream" 7471 'rstream -S 4096 -C 50' \
		'rstream -S 4096 -C 50 -s 127.0.0.1'
}

capture rping '-n 60 -c off' rping_pair plain
capture small '-n 60' all_ops small 64
ip link set lo mtu 1500
capture mtu_1500 '-n 600' all_ops mtu 200000
SIW_CRC=1
export SIW_CRC
capture rping_crc '-n 60 -c on' rping_pair crc
capture crc '-n 60 -c on' all_ops crc 100000
SIW_MARKERS=1 capture markers '-n 60 -c on' all_ops markers 100000
export SIW_MPA_REV=1
capture rev1 '-n 60 -c on' rping_pair rev1
finish
