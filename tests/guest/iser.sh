#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# iSER: the kernel's iSCSI target (LIO) and open-iscsi.
#
#	tests/vm/run -t 600 tests/guest/iser.sh
#	tests/vm/run -t 600 -n 2 tests/guest/iser.sh
#
# LIO listens for TCP and for RDMA on one port number. Here these are ports of
# one TCP, so the port mapper (iwpmd) has to find another one for RDMA.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/storage-lib.sh"
. "$(dirname "$0")/lio-lib.sh"
iqn=iqn.2026-11.test.siw:disk
group=$config/iscsi/$iqn/tpgt_1
port=3260
mib=256

# -- the target

# portal - LIO's TCP side
portal() {
	is_server || return 0
	modprobe -a target_core_mod iscsi_target_mod ib_isert ||
		fail "no modules"
	lio_disk $mib
	lio_offer $group
	write 0 "$group/attrib/authentication"
	write 1 "$group/attrib/generate_node_acls"
	write 1 "$group/attrib/cache_dynamic_acls"
	write 0 "$group/attrib/demo_mode_write_protect"
	mkdir "$group/np/$srv_ip:$port" || fail "no portal"
	write 1 "$group/enable"
	listening $port || fail "LIO does not listen"
}

# refused - our port is the host's, unless something maps it
refused() {
	is_server || return 0
	echo 1 >"$group/np/$srv_ip:$port/iser" &&
		fail "the port of TCP can be had a second time"
	kernel_log | grep 'failed: -98' ||
		fail "refused, but for another reason"
}

# the port of UDP that port mappers speak to each other by
iwpmd_runs() {
	grep -q ': [0-9A-F]*:0F5F ' /proc/net/udp
}

# mapper - on both sides; only who listens needs another port
mapper() {
	setsid iwpmd || fail "iwpmd: status $?"
	until_true 10 iwpmd_runs || fail "iwpmd does not run"
	is_server || return 0
	write 1 "/sys/class/infiniband/$srv_dev/settings/port_mapper"
	write 1 "$group/np/$srv_ip:$port/iser"
}

target_gone() {
	is_server || return 0
	write 0 "$group/enable"
	rmdir "$group/np/$srv_ip:$port" || fail "the portal is in use"
	lio_gone $group
}

# -- the initiator

# disk - of the session
disk() {
	local dir

	for dir in /sys/class/iscsi_session/session*/device/target*/*/block/*; do
		[ -e "$dir" ] && echo "/dev/${dir##*/}" && return
	done
	return 1
}

has_disk() {
	[ -b "$(disk)" ]
}

no_session() {
	[ -z "$(ls /sys/class/iscsi_session)" ]
}

admin() {
	iscsiadm -m node -T $iqn -p "$srv_ip:$port" -I iser "$@" ||
		fail "iscsiadm $*: status $?"
}

discover() {
	is_client || return 0
	modprobe -a ib_iser sd_mod || fail "no modules"
	mkdir -p /run/lock/iscsi
	echo "InitiatorName=iqn.2026-11.test.siw:$(hostname)" \
		>/etc/iscsi/initiatorname.iscsi
	setsid iscsid || fail "iscsid: status $?"
	iscsiadm -m discovery -t sendtargets -p "$srv_ip:$port" -I iser ||
		fail "discovery: status $?"
	# give up late, look for the target often
	admin -o update -n node.session.timeo.replacement_timeout -v 120
	admin -o update -n 'node.conn[0].timeo.noop_out_interval' -v 0
}

login() {
	is_client || return 0
	admin --login
	until_true 20 has_disk || fail "no disk"
	iscsiadm -m session | grep '^iser:' || fail "not over iSER"
}

logout() {
	is_client || return 0
	admin --logout
	until_true 20 no_session || fail "the session is still there"
}

again() {
	logout
	login
}

on_client() {
	is_client || return 0
	has_disk || fail "no disk"
	"$@"
}

# restart - of the target; without it sessions end
restart() {
	! is_client || {
		has_disk || fail "no disk"
		mount "$(disk)" /mnt || fail "mount: status $?"
		load_start /mnt/load
	}
	meet load
	if is_server; then
		write 0 "$group/enable"
		write 1 "$group/enable"
	fi
	meet restarted
	is_client || return 0
	load_stop
	umount /mnt || fail "umount: status $?"
	e2fsck -fn "$(disk)" || fail "the file system is damaged"
}

tests() {
	check portal 20 portal
	check refused 20 refused
	check mapper 20 mapper
	check discover 40 discover
	check login 40 login
	check data 60 on_client disk_data
	check verify 60 on_client disk_verify
	check files 60 on_client disk_files 64
	check again 40 again
	check restart 90 restart
	check logout 40 logout
	check target-gone 20 target_gone
	pkill -x iscsid
	pkill -x iwpmd
}

main() {
	local why

	why=$(programs iscsid iscsiadm iwpmd mkfs.ext4 fio)
	modprobe -a -n ib_isert ib_iser 2>/dev/null ||
		why='this kernel has no iSER'
	if [ -n "$why" ]; then
		skip_test all "$why"
		return
	fi
	each_topology 'dummy two' tests
}

guest_main "$@"
