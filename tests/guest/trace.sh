#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Tracepoints and debug messages: those of one rping, stage by stage; none
# while they are off.

. "$(dirname "$0")/lib.sh"
port=7174
tracing=/sys/kernel/tracing
debug=/sys/kernel/debug/dynamic_debug/control

mounted() {
	[ -d $tracing/events ] || mount -t tracefs none $tracing 2>/dev/null ||
		skip "no tracefs"
	[ -d $tracing/events/siw ] || fail "no events/siw"
}

# traced COMMAND... - what it makes of events goes to $log.trace
traced() {
	echo >$tracing/trace
	echo 1 >$tracing/events/siw/enable
	"$@"
	echo 0 >$tracing/events/siw/enable
	# task, CPU, flags and time first
	sed 's/^.*: \(siw_[a-z_]*\): /\1 /' $tracing/trace >"$log.trace"
}

# has REGEX [COUNT] - so many lines (default: any)
has() {
	local n

	n=$(grep -cE "^$1" "$log.trace")
	[ "$n" = "${2:-$n}" ] && [ "$n" != 0 ] ||
		fail "$n lines of '$1' where ${2:-some} are expected"
}

# in_order REGEX... - the first lines of these come one after another
in_order() {
	local last=0 line

	for re; do
		line=$(awk -v re="^$re" -v last=$last \
			'NR > last && $0 ~ re { print NR; exit }' "$log.trace")
		[ -n "$line" ] || fail "no '$re' behind line $last"
		last=$line
	done
}

ping() {
	exchange $port rping -s -a @srv -C 2 -S 5000 -V -p $port -- \
		rping -c -a @srv -C 2 -S 5000 -V -p $port
}

all_there() {
	local name

	mounted
	for name in cm mpa_send mpa_recv qp_state wr_take wr_start wr_sent cqe \
		rqe_take fpdu_cut tx_push fpdu_place msg_recv fail term_send \
		term_recv; do
		[ -e $tracing/events/siw/siw_$name/enable ] || fail "no $name"
	done
}

connection() {
	mounted
	traced ping
	in_order 'siw_cm .*-> AWAIT_REP' \
		'siw_mpa_send .* request rev=2' 'siw_mpa_recv .* request rev=2' \
		'siw_mpa_send .* reply rev=2' 'siw_mpa_recv .* reply rev=2' \
		'siw_cm .*-> OPEN'
	has 'siw_mpa_send ' 2
	has 'siw_mpa_recv ' 2
	has 'siw_qp_state .*-> RTS' 2
	has 'siw_cm .*-> CLOSED'
}

# A Send: from the send queue to the completions of both ends
request() {
	local qp

	mounted
	traced ping
	has 'siw_wr_take .* SEND ' 8
	has 'siw_wr_start .* SEND ' 8
	has 'siw_wr_sent .* SEND ' 8
	has 'siw_wr_take .* WRITE .*len=5000 ' 2
	has 'siw_wr_take .* READ ' 2
	has 'siw_msg_recv .* SEND ' 8
	has 'siw_msg_recv .* WRITE len=5000' 2
	has 'siw_msg_recv .* READ_RESP len=5000' 2
	has 'siw_cqe .* SEND status=0 ' 8
	has 'siw_cqe .* RECEIVE status=0 ' 8
	has 'siw_cqe .* READ status=0 bytes=5000' 2
	has 'siw_fpdu_cut .* READ_RESP off=0 len=5000 last' 2
	has 'siw_fpdu_place .* WRITE to=.* start err=0'
	has 'siw_tx_push .* splice bytes=50[0-9]+ taken=50[0-9]+' 2
	qp=$(sed -n 's/^siw_wr_take .* \(qp=[0-9]*\) .* SEND .*/\1/p' \
		"$log.trace" | head -n 1)
	in_order "siw_wr_take .* $qp .* SEND " "siw_wr_start .* $qp .* SEND " \
		"siw_fpdu_cut .* $qp SEND " 'siw_fpdu_place .* SEND mo=0x0 ' \
		'siw_msg_recv .* SEND ' 'siw_cqe .* RECEIVE status=0'
	in_order "siw_fpdu_cut .* $qp SEND " "siw_tx_push .* $qp copy " \
		"siw_wr_sent .* $qp .* SEND " "siw_cqe .* $qp .* SEND status=0"
}

# wire TEST - see stats.py
wire() {
	echo 0 >"/sys/class/infiniband/$srv_dev/settings/peer_to_peer"
	serve $port rping -s -P -a "$srv_ip" -p $port
	PYTHONPATH=$here/../wire PYTHONDONTWRITEBYTECODE=1 \
		timeout 20 python3 "$here/stats.py" "$srv_ip" $port "$1" ||
		fail "the peer: $1"
	kill "$server"
	wait "$server"
	echo default >"/sys/class/infiniband/$srv_dev/settings/preset"
}

errors() {
	mounted
	traced wire stag
	has 'siw_fpdu_place .* stag=0x12345678 .* err=[1-9]' 1
	has 'siw_fail ' 1
	has 'siw_term_send .* 1/1/00 ' 1
	traced wire terminate
	has 'siw_term_recv .* 0/1/00 ' 1
}

silent() {
	mounted
	echo >$tracing/trace
	ping
	! grep siw_ $tracing/trace || fail "events that are off"
}

# --- dynamic debug --------------------------------------------------------

messages() {
	kernel_log | grep -cE 'QP [0-9]+: |CEP [0-9]+: '
}

dynamic_debug() {
	[ -w $debug ] || skip "a kernel without dynamic debug"
	grep -q '\[siw\]' $debug || skip "built with DPRINT_MASK"
	ping
	[ "$(messages)" = 0 ] || fail "$(messages) messages at first"
	echo 'module siw file */cm_work.c +p' >$debug
	ping
	kernel_log | grep -q 'CEP [0-9]*: ' || fail "no messages of the CM"
	! kernel_log | grep -q 'QP [0-9]*: ' || fail "those of QPs, too"
	echo 'module siw +p' >$debug
	ping
	kernel_log | grep -q 'QP [0-9]*: completion' || fail "none of CQs"
	echo 'module siw -p' >$debug
}

tests() {
	check events 10 all_there
	check connection 20 connection
	check request 20 request
	check errors 30 errors
	check off 20 silent
	check dynamic-debug 30 dynamic_debug
}

main() {
	each_topology 'dummy' tests
}

guest_main "$@"
