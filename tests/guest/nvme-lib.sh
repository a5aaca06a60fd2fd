# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# NVMe over Fabrics, for tests that source it after storage-lib.sh: the kernel's
# target with one namespace, nvme-cli at the other end.

config=/sys/kernel/config/nvmet
nqn=siw-test
host=11111111-1111-1111-1111-111111111111
nvme_port=4420

# -- the target

# nvme_target DEVICE - on srv_ip
nvme_target() {
	local sub=$config/subsystems/$nqn port_dir=$config/ports/1

	modprobe nvmet-rdma || fail "no module"
	mountpoint -q /sys/kernel/config ||
		mount -t configfs none /sys/kernel/config
	mkdir -p "$sub" && write 1 "$sub/attr_allow_any_host"
	mkdir -p "$sub/namespaces/1"
	write "$1" "$sub/namespaces/1/device_path"
	write 1 "$sub/namespaces/1/enable"
	mkdir -p "$port_dir"
	write "$srv_ip" "$port_dir/addr_traddr"
	write rdma "$port_dir/addr_trtype"
	write $nvme_port "$port_dir/addr_trsvcid"
	write ipv4 "$port_dir/addr_adrfam"
	ln -s "$sub" "$port_dir/subsystems/$nqn" ||
		fail "the target does not listen"
}

nvme_target_gone() {
	is_server || return 0
	rm -f $config/ports/1/subsystems/$nqn
	rmdir $config/ports/1 $config/subsystems/$nqn/namespaces/1 \
		$config/subsystems/$nqn || fail "the target is in use"
	modprobe -r nvmet-rdma || fail "the module is in use"
}

# -- the client's side

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

disk() {
	echo "/dev/$(controller)n1"
}

live() {
	grep -qx live "/sys/class/nvme/$(controller)/state" && [ -b "$(disk)" ]
}

# nvme_connect - a target that is gone is given up after 30 s
nvme_connect() {
	modprobe nvme-rdma || fail "no module"
	nvme connect -t rdma -a "$srv_ip" -s $nvme_port -n $nqn -i 2 -l 30 \
		-q "nqn.2014-08.org.nvmexpress:uuid:$host" -I $host ||
		fail "connect: status $?"
	until_true 20 live || fail "no disk"
}

nvme_disconnect() {
	timeout $((20 * ${SIW_SLOW:-1})) nvme disconnect -n $nqn ||
		fail "disconnect: status $?"
	until_true 10 no_controller || fail "the controller is still there"
}
