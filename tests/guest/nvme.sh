#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# NVMe over Fabrics: the kernel's target on a RAM disk, nvme-cli. Fast
# registration, invalidation by the peer and locally, reads and writes of both
# kinds, from many contexts at once; a reset and a disconnect under load; a link
# that is taken away in the middle. With CRC and without, with data copied to TCP
# and not.
#
#	tests/vm/run -t 900 tests/guest/nvme.sh
#	tests/vm/run -t 900 -n 2 tests/guest/nvme.sh

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/storage-lib.sh"
. "$(dirname "$0")/nvme-lib.sh"
mib=192

target() {
	is_server || return 0
	modprobe brd rd_nr=1 rd_size=$((mib * 1024)) || fail "no RAM disk"
	nvme_target /dev/ram0
}

discover() {
	is_client || return 0
	modprobe nvme-rdma || fail "no module"
	nvme discover -t rdma -a "$srv_ip" -s $nvme_port |
		grep -q "subnqn: *$nqn\$" ||
		fail "the target is not found"
}

# agreed NAME - has a connection with this been made?
agreed() {
	grep -q "phase=OPEN .*$1" /sys/kernel/debug/siw/*/cep
}

connect() {
	is_client || return 0
	nvme_connect
	[ "$SIW_DRIVER" != siw ] || agreed "crc=$1" ||
		fail "not with CRC $1: $(cat /sys/kernel/debug/siw/*/cep)"
}

# settings CRC ZCOPY - of both ends, on or off
settings() {
	local dev dir
	local -A value=([on]=1 [off]=0)

	[ "$SIW_DRIVER" = siw ] || return 0
	dev=$srv_dev
	is_server || dev=$cli_dev
	dir=/sys/class/infiniband/$dev/settings
	write "${value[$1]}" "$dir/crc_required"
	write "${value[$2]}" "$dir/zcopy_tx"
}

on_client() {
	is_client || return 0
	live || fail "no disk"
	"$@"
}

counter() {
	cat "/sys/class/infiniband/$cli_dev/ports/1/hw_counters/$1"
}

# data ZCOPY - and were they sent without a copy?
data() {
	local before after

	disk_data
	[ "$SIW_DRIVER" = siw ] || return 0
	before=$(counter tx_zcopy_bytes)
	disk_verify
	after=$(counter tx_zcopy_bytes)
	case $1 in
	on)	[ "$after" -gt "$before" ] || fail "all was copied" ;;
	off)	[ "$after" = "$before" ] || fail "not all was copied" ;;
	esac
}

reset() {
	local i

	for i in 1 2 3; do
		write 1 "/sys/class/nvme/$(controller)/reset_controller"
		until_true 20 live || fail "not live after reset $i"
	done
}

# use - commands that never end; wait until they flow
use() {
	fio --name=busy --filename="$(disk)" --direct=1 --rw=randrw --bs=16k \
		--iodepth=16 --ioengine=libaio --time_based --runtime=600 \
		--size=64M >"$log.fio" 2>&1 &
	user=$!
	before=$(fpdus)
	until_true 30 flows || fail "fio does nothing"
}

flows() {
	[ "$(fpdus)" -gt $((before + 500)) ]
}

# user_ends - with errors; it does not wait for ever
user_ends() {
	until_true $((10 * ${SIW_SLOW:-1})) gone $user || fail "fio does not end"
	! wait $user || fail "fio has noticed nothing"
}

disconnect_busy() {
	use
	nvme_disconnect
	user_ends
	[ "$topo" = dummy ] || until_true 10 no_qps "$cli_dev" ||
		fail "queue pairs are left"
}

# removal - of the device, while the disk is in use
removal() {
	use
	timeout $((20 * ${SIW_SLOW:-1})) rdma link del "$cli_dev" ||
		fail "status $?"
	until_true 10 no_controller || fail "the controller is still there"
	user_ends
}

# with CRC ZCOPY - what depends on it
with() {
	local name=crc-$1-zcopy-$2

	settings "$1" "$2" || not_ok "$name" "no such settings"
	check "$name/connect" 20 connect "$1"
	# with CRC all is copied, whatever the setting
	[ "$1" = off ] || set -- on off
	check "$name/data" 60 on_client data "$2"
	check "$name/files" 60 on_client disk_files 16
	check "$name/disconnect" 60 on_client nvme_disconnect
}

tests() {
	check target 20 target
	check discover 20 discover
	with on off
	with on on
	with off off
	settings off on
	check connect 20 connect off
	check data 60 on_client data on
	check verify 60 on_client disk_verify
	check files 90 on_client disk_files 64
	check reset 60 on_client disk_load reset
	check disconnect-busy 60 on_client disconnect_busy
	check connect-again 20 connect off
	check data-again 60 on_client data on
	check removal 60 on_client removal
	check target-gone 20 nvme_target_gone
}

main() {
	local why

	why=$(programs nvme fio mkfs.ext4)
	modprobe -a -n brd nvmet-rdma nvme-rdma 2>/dev/null ||
		why='this kernel has no NVMe over RDMA'
	if [ -n "$why" ]; then
		skip_test all "$why"
		return
	fi
	each_topology 'dummy two' tests
}

guest_main "$@"
