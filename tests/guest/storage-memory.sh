#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Storage must get on without memory, since it may be what memory is waiting for.
#
#	tests/uml/run -k sanitize tests/guest/storage-memory.sh
#	tests/vm/run -n 2 -m 384 -b 1024 -t 600 tests/guest/storage-memory.sh
#
# One guest: TCP gets no memory. Two: a client with little memory, most of it
# taken by a program, has a swap file and a large file on the other's disk.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/storage-lib.sh"
. "$(dirname "$0")/nvme-lib.sh"
faults=/sys/kernel/debug/failslab
cache=/sys/kernel/slab/skbuff_fclone_cache

# -- TCP without memory

pinging() {
	[ -s "$log.client" ]
}

more_pings() {
	[ "$(stat -c %s "$log.client")" -gt $((before + 8192)) ]
}

faults_made() {
	[ "$(cat $faults/times)" = 0 ]
}

# starved - TCP has no memory for what is to be sent, and nothing in flight whose
# acknowledgment would wake the sender up. Later it has.
starved() {
	local pid

	[ -e $faults ] || skip "the kernel cannot let allocations fail"
	serve 7174 rping -s -a "$srv_ip"
	rping -c -a "$dst_ip" -v >"$log.client" 2>&1 &
	pid=$!
	until_true 10 pinging || fail "no pings"
	kill -STOP $pid
	# longer than acknowledgments are delayed
	sleep 0.5
	write 1 $cache/failslab
	write Y $faults/cache-filter
	write N $faults/ignore-gfp-wait
	write 1 $faults/verbose
	write 20 $faults/times
	write 100 $faults/probability
	before=$(stat -c %s "$log.client")
	kill -CONT $pid
	until_true 10 faults_made || fail "no allocation has failed"
	until_true 10 more_pings || fail "nothing is sent any more"
}

# -- NVMe below a file system, without memory

target() {
	! is_server || nvme_target "$SIW_DISK"
}

files_up() {
	is_client || return 0
	modprobe ext4
	nvme_connect
	mkfs.ext4 -q -F "$(disk)" || fail "mkfs: status $?"
	mount "$(disk)" /mnt || fail "mount: status $?"
}

available() {
	awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo
}

total() {
	awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo
}

# hog MIB - a program that has so much memory, and goes on to use a part of it
hog() {
	python3 -c '
import sys
memory = bytearray(b"x" * 4096) * (int(sys.argv[1]) * 256)
print("has it", flush=True)
while True:
    for i in range(0, min(len(memory), 16 << 20), 4096):
        memory[i] ^= 1' "$1" >"$log.hog" 2>&1 &
	hog=$!
	until_true $((15 * ${SIW_SLOW:-1})) grep -q 'has it' "$log.hog" ||
		fail "$1 MiB cannot be had: $(<"$log.hog")"
}

hog_end() {
	kill -0 $hog 2>/dev/null || fail "the program is gone: $(<"$log.hog")"
	kill $hog
	wait $hog
	return 0
}

# dirty - a file of more than all memory, where only a part of it is left
dirty() {
	is_client || return 0
	hog $(($(available) / 2))
	there_and_back /mnt/large $(($(total) * 3 / 2))
	rm /mnt/large
	hog_end
}

# swapping - a program that has more than there is, the rest on the disk
swapping() {
	local before

	is_client || return 0
	dd if=/dev/zero of=/mnt/swap bs=1M count=256 status=none
	chmod 600 /mnt/swap
	mkswap -q /mnt/swap && swapon /mnt/swap || fail "no swap"
	before=$(swapped_out)
	hog $(($(available) + 60))
	there_and_back /mnt/large 64
	[ "$(swapped_out)" -gt $((before + 10000)) ] ||
		fail "only $(($(swapped_out) - before)) pages swapped"
	hog_end
	swapoff /mnt/swap || fail "swapoff: status $?"
}

swapped_out() {
	awk '$1 == "pswpout" { print $2 }' /proc/vmstat
}

# reconnect - the way back of a disk that memory is waiting for
reconnect() {
	is_client || return 0
	hog $(($(available) / 2))
	load_start /mnt/load
	write 1 "/sys/class/nvme/$(controller)/reset_controller"
	load_stop
	until_true 20 live || fail "not live after a reset"
	hog_end
}

files_down() {
	is_client || return 0
	umount /mnt || fail "umount: status $?"
	e2fsck -fn "$(disk)" || fail "the file system is damaged"
	nvme_disconnect
}

tests() {
	if ! two_hosts; then
		check starved 40 starved
		return
	fi
	check target 20 target
	check files-up 20 files_up
	check dirty 100 dirty
	check swapping 100 swapping
	check reconnect 60 reconnect
	check files-down 20 files_down
	check target-gone 20 nvme_target_gone
}

main() {
	local why=

	if two_hosts; then
		why=$(programs nvme mkfs.ext4 mkswap python3)
		[ -n "${SIW_DISK:-}" ] || why='no disk (tests/vm/run -b 1024)'
	fi
	if [ -n "$why" ]; then
		skip_test all "$why"
		return
	fi
	each_topology 'dummy two' tests
}

guest_main "$@"
