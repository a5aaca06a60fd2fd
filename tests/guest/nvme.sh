#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Clients inside the kernel: an NVMe over Fabrics target on a RAM disk and its
# initiator, in one guest. Fast registration, invalidation by the peer and
# locally, reads and writes of both kinds, from many contexts at once; the
# controller's own recovery; a link that is taken away in the middle.

. "$(dirname "$0")/lib.sh"
config=/sys/kernel/config/nvmet
nqn=siw-test
host=11111111-1111-1111-1111-111111111111

write() {
	echo "$1" >"$2" || fail "cannot write '$1' to $2"
}

controller() {
	local dir

	for dir in /sys/class/nvme/nvme*; do
		[ -e "$dir" ] && basename "$dir" && return
	done
	return 1
}

no_controller() {
	! controller >/dev/null
}

has_disk() {
	[ -b "/dev/$(controller)n1" ]
}

live() {
	grep -qx live "/sys/class/nvme/$(controller)/state" && has_disk
}

target() {
	local sub=$config/subsystems/$nqn port=$config/ports/1

	mountpoint -q /sys/kernel/config ||
		mount -t configfs none /sys/kernel/config
	mkdir -p "$sub" && write 1 "$sub/attr_allow_any_host"
	mkdir -p "$sub/namespaces/1"
	write /dev/ram0 "$sub/namespaces/1/device_path"
	write 1 "$sub/namespaces/1/enable"
	mkdir -p "$port"
	write "$srv_ip" "$port/addr_traddr"
	write rdma "$port/addr_trtype"
	write 4420 "$port/addr_trsvcid"
	write ipv4 "$port/addr_adrfam"
	ln -s "$sub" "$port/subsystems/$nqn" || fail "the target does not listen"
}

connect() {
	write "transport=rdma,traddr=$srv_ip,trsvcid=4420,nqn=$nqn,nr_io_queues=2,\
hostnqn=nqn.2014-08.org.nvmexpress:uuid:$host,hostid=$host" /dev/nvme-fabrics
	until_true 10 live || fail "no disk"
}

# data - what is written is read back, in commands of other sizes
data() {
	local disk size

	disk=/dev/$(controller)n1
	head -c 8M /dev/urandom >"$TMPDIR/wrote"
	for size in 4k 60k 256k 1M; do
		dd if="$TMPDIR/wrote" of="$disk" bs=$size oflag=direct status=none ||
			fail "writing $size"
		dd if="$disk" of="$TMPDIR/read" bs=64k count=128 iflag=direct \
			status=none || fail "reading back $size"
		cmp "$TMPDIR/wrote" "$TMPDIR/read" || fail "$size: data differ"
	done
}

# verify - random sizes and places, many at a time, checksums in the data
verify() {
	fio --name=v --filename="/dev/$(controller)n1" --direct=1 --rw=randwrite \
		--bsrange=4k-128k --size=16M --iodepth=16 --ioengine=libaio \
		--verify=crc32c --verify_fatal=1 --do_verify=1 || fail "fio: $?"
}

reset() {
	write 1 "/sys/class/nvme/$(controller)/reset_controller"
	until_true 10 live || fail "not live after a reset"
	data
}

# removal - of the device, while the disk is in use
removal() {
	dd if="/dev/$(controller)n1" of=/dev/null bs=64k iflag=direct &
	sleep 0.3
	timeout 20 rdma link del siw0 || fail "status $?"
	until_true 10 no_controller || fail "the controller is still there"
}

tests() {
	check target 20 target
	check connect 20 connect
	check data 60 data
	check verify 60 verify
	check reset 60 reset
	check removal 30 removal
	rm -f $config/ports/1/subsystems/$nqn
	rmdir $config/ports/1 $config/subsystems/$nqn/namespaces/1 \
		$config/subsystems/$nqn
	modprobe -r nvmet-rdma nvme-rdma
}

main() {
	if ! modprobe -a brd nvmet-rdma nvme-rdma 2>/dev/null; then
		skip_test all 'this kernel has no NVMe over RDMA'
		return
	fi
	each_topology dummy tests
}

guest_main "$@"
