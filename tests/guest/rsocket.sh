#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Sockets over RDMA: a byte stream whose end must not be lost, files copied.

. "$(dirname "$0")/lib.sh"

# stream PROGRAM SIZE COUNT - both ends show their table
stream() {
	exchange 7471 "$1" -b @srv -S "$2" -C "$3" -- \
		"$1" -s @srv -S "$2" -C "$3"
	expect_client '[0-9]+ +[0-9.]+[kmg]? '
	expect_server '[0-9]+ +[0-9.]+[kmg]? '
}

# verified PROGRAM - the program compares what it got
verified() {
	exchange 7471 "$1" -b @srv -T v -S 16384 -C 20 -- \
		"$1" -s @srv -T v -S 16384 -C 20
}

# same FILE - what came is what was sent; hosts share $log's directory
same() {
	cmp "${log%@?}.src" "$1" || fail "what arrived differs"
	rm -f "${log%@?}.src" "$1"
}

# copy BYTES - a file. rcopy's server maps what it writes, which cannot be done
# with a file of the emulator's host
copy() {
	local file=${log%@?} to=/dev/shm/rcopy.dst

	! is_client || head -c "$1" /dev/urandom >"$file.src"
	! is_server || rm -f "$to"
	exchange -k 7427 rcopy -- rcopy "$file.src" "@srv:$to"
	! is_server || { end_server; same "$to"; }
}

rdma_listener() {
	rdma resource show cm_id | grep -q 'state LISTEN'
}

# preload - netcat, which knows nothing of RDMA, moves a file
preload() {
	local lib file=${log%@?}

	lib=$(ls /usr/lib/*/rsocket/librspreload.so 2>/dev/null | head -n 1)
	[ -n "$lib" ] || skip "no librspreload.so"
	command -v nc.traditional >/dev/null || skip "no nc.traditional"
	if is_server; then
		seq 150000 >"$file.src"
		serve 9000 bash -c "LD_PRELOAD=$lib exec nc.traditional -l \
			-p 9000 >'$file.dst'"
		rdma_listener || fail "not a listener of rdma_cm"
	fi
	meet up
	if is_client; then
		client bash -c "LD_PRELOAD=$lib exec nc.traditional -q 1 \
			$dst_ip 9000 <'$file.src'" || fail "client: status $?"
	fi
	meet done
	! is_server || { finish_server; same "$file.dst"; }
}

tests() {
	check rstream-65536x20 30 stream rstream 65536 20
	check rstream-64x1000 30 stream rstream 64 1000
	check rstream-verify 30 verified rstream
	check riostream 30 stream riostream 65536 20
	check riostream-verify 30 verified riostream
	check rcopy 30 copy 5000001
	check preload-nc 30 preload
}

main() {
	each_topology 'dummy veth two lo' tests
}

guest_main "$@"
