# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# The kernel's SCSI target (LIO), for tests that source it after storage-lib.sh:
# a disk of memory, whatever offers it.

config=/sys/kernel/config/target
backstore=$config/core/rd_mcp_0/disk

# lio_disk MIB
lio_disk() {
	mountpoint -q /sys/kernel/config ||
		mount -t configfs none /sys/kernel/config
	mkdir -p $backstore
	write rd_pages=$(($1 * 256)) $backstore/control
	write 1 $backstore/enable
}

# lio_offer GROUP - the disk as LUN 0 of a target port group
lio_offer() {
	mkdir -p "$1/lun/lun_0"
	ln -s $backstore "$1/lun/lun_0/disk" || fail "no LUN"
}

# lio_gone GROUP - with its target; nobody may be using it
lio_gone() {
	rm "$1/lun/lun_0/disk"
	rmdir "$1/lun/lun_0" "$1" "${1%/*}" || fail "the target is in use"
	rmdir $backstore ${backstore%/*}
	until_true 10 no_qps "$srv_dev" || fail "queue pairs are left"
}
