#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# SRP over the RDMA connection manager: the kernel's target (ib_srpt, a part of
# LIO) and its initiator (ib_srp). No daemon takes part.
#
#	tests/vm/run -t 600 tests/guest/srp.sh
#	tests/vm/run -t 600 -n 2 tests/guest/srp.sh

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/storage-lib.sh"
. "$(dirname "$0")/lio-lib.sh"
srpt=$config/srpt
port=5555
guid=5349570000000001	# the target's, chosen by who sets it up
mib=128

# -- the target

# target_port - as ib_srpt names the port of a device: by the second half of its
# GID. (By the whole GID, too, but then initiators do not go by address.)
target_port() {
	cut -d: -f5- "/sys/class/infiniband/$srv_dev/ports/1/gids/0"
}

group() {
	echo "$srpt/$(target_port)/tpgt_1"
}

# allow ADDRESS - whoever ib_srpt knows by that
allow() {
	local acl

	acl=$(group)/acls/$1
	mkdir -p "$acl/lun_0" || fail "no rights for $1"
	ln -s "$(group)/lun/lun_0" "$acl/lun_0/lun" || fail "no LUN for $1"
}

allow_nobody() {
	local acl

	for acl in "$(group)"/acls/*; do
		rm "$acl/lun_0/lun"
		rmdir "$acl/lun_0" "$acl" || fail "$acl is in use"
	done
}

target() {
	is_server || return 0
	modprobe target_core_mod || fail "no module"
	modprobe ib_srpt srpt_service_guid=0x$guid || fail "no module"
	lio_disk $mib
	mkdir -p "$srpt" "$(group)" || fail "no target port $(target_port)"
	lio_offer "$(group)"
	write 1 "$(group)/enable"
	write $port $srpt/discovery_auth/rdma_cm_port
	until_true 5 listening $port || fail "the target does not listen"
}

# allowed - what it takes for the initiator's address is that of its own end
allowed() {
	! is_server || allow "$srv_ip"
}

target_gone() {
	is_server || return 0
	write 0 $srpt/discovery_auth/rdma_cm_port
	! listening $port || fail "still listens"
	write 0 "$(group)/enable"
	allow_nobody
	lio_gone "$(group)"
	rmdir $srpt
	modprobe -r ib_srpt || fail "the module is in use"
}

# -- the initiator: disks are below the SCSI host, as the port is

remote() {
	local dir

	for dir in /sys/class/srp_remote_ports/port-*; do
		[ -e "$dir" ] && echo "$dir" && return
	done
	return 1
}

disk() {
	local dir

	for dir in "$(remote)"/device/../target*/*/block/*; do
		[ -e "$dir" ] && echo "/dev/${dir##*/}" && return
	done
	return 1
}

has_disk() {
	[ -b "$(disk)" ]
}

no_remote() {
	! remote >/dev/null
}

# add_target GUID [OPTION] - id_ext and ioc_guid are what the target checks
add_target() {
	echo "id_ext=$1,ioc_guid=$1,dest=$srv_ip:$port${2:+,$2}" \
		>"/sys/class/infiniband_srp/srp-$cli_dev-1/add_target"
}

# login [OPTION] - ib_srp may not be done with a session that is gone
login() {
	is_client || return 0
	modprobe -a ib_srp sd_mod || fail "no modules"
	until_true 5 add_target $guid "$@" || fail "cannot log in"
	until_true 20 has_disk || fail "no disk"
}

# stranger - who names another target is rejected with a reason of SRP's own
stranger() {
	is_client || return 0
	modprobe ib_srp || fail "no module"
	! add_target 5349570000000002 ||
		fail "logged in to a target that is not there"
	kernel_log | grep 'ib_srp: REJ received' || fail "not rejected by SRP"
}

rejected() {
	for _ in 1 2 3 4 5; do
		! add_target $guid || fail "logged in without a right to"
	done
	kernel_log | grep 'ib_srp: REJ received\|REJ reason' || fail "not rejected"
}

# not_allowed - the target rejects it when it has a queue pair with receives
# already, and frees them with it: it must not hear of them any more
not_allowed() {
	! is_client || rejected
	meet rejected
	! kernel_log | grep 'receiving failed for ioctx' ||
		fail "completions for a queue pair that is gone"
}

logout() {
	is_client || return 0
	write 1 "$(remote)/delete"
	until_true 20 no_remote || fail "the target is still there"
}

again() {
	logout
	login queue_size=32
}

on_client() {
	is_client || return 0
	has_disk || fail "no disk"
	"$@"
}

tests() {
	check target 20 target
	check stranger 20 stranger
	check not-allowed 30 not_allowed
	check allowed 10 allowed
	check login 40 login
	check data 60 on_client disk_data
	check verify 60 on_client disk_verify
	check files 60 on_client disk_files 64
	check again 40 again
	check data-again 60 on_client disk_data
	check logout 40 logout
	check target-gone 20 target_gone
}

main() {
	local why

	why=$(programs mkfs.ext4 fio)
	modprobe -a -n ib_srpt ib_srp 2>/dev/null ||
		why='this kernel has no SRP'
	if [ -n "$why" ]; then
		skip_test all "$why"
		return
	fi
	each_topology 'dummy two' tests
}

guest_main "$@"
