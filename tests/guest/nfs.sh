#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# NFS over RDMA, the kernel's server and client, versions 3, 4.1 and 4.2: small
# and large files, fio, the server restarted under load, unmounted without a rest.
#
#	tests/vm/run -b 2048 -t 1200 tests/guest/nfs.sh
#	tests/vm/run -b 2048 -t 1200 -n 2 tests/guest/nfs.sh
#
# Arguments (see lib.sh) set
#	SIW_NFS_MIB	size of the large file of version 4.2 (default 1024; the
#			other versions have a sixteenth of it)

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/storage-lib.sh"
port=20049
nfsd=/proc/fs/nfsd
exported=/srv/siw
mounted=/mnt

# -- the server's side

listens() {
	grep -q "^rdma $port" $nfsd/portlist 2>/dev/null
}

# server_up - newer kernels start no threads without a listener
server_up() {
	write "rdma $port" $nfsd/portlist
	write 8 $nfsd/threads
	until_true 10 listens || fail "the server does not listen"
}

server_down() {
	write 0 $nfsd/threads
}

# daemons - answers for the kernel: who may mount, who was a client before a
# restart
daemons() {
	mkdir -p /run/rpcbind /run/rpc_pipefs /var/lib/nfs/nfsdcld \
		/var/lib/nfs/rpc_pipefs
	mount -t rpc_pipefs rpc /var/lib/nfs/rpc_pipefs
	mount -t rpc_pipefs rpc /run/rpc_pipefs
	setsid rpcbind || fail "rpcbind: status $?"
	setsid nfsdcld || fail "nfsdcld: status $?"
	# version 4 sees it as the root of all
	exportfs -o rw,no_root_squash,insecure,no_subtree_check,fsid=0 \
		"*:$exported" || fail "exportfs: status $?"
	setsid rpc.mountd || fail "rpc.mountd: status $?"
}

serve_nfs() {
	is_server || return 0
	modprobe -a nfsd rpcrdma ext4 || fail "no modules"
	mkfs.ext4 -q -F "$SIW_DISK" || fail "mkfs: status $?"
	mkdir -p $exported
	mount "$SIW_DISK" $exported || fail "mount: status $?"
	mountpoint -q $nfsd || mount -t nfsd nfsd $nfsd
	daemons
	# the time that a restarted server waits for its old clients
	write 10 $nfsd/nfsv4leasetime
	write 10 $nfsd/nfsv4gracetime
	server_up
}

end_nfs() {
	is_server || return 0
	server_down
	exportfs -ua
	pkill rpc.mountd
	until_true 10 umount $exported || fail "the file system is in use"
	until_true 10 no_qps "$srv_dev" || fail "queue pairs are left"
}

# -- the client's side

mount_nfs() {
	local path=/ more=

	is_client || return 0
	[ "$1" != 3 ] || path=$exported more=,nolock,mountproto=tcp
	modprobe -a nfs rpcrdma
	mount -t nfs -o "rdma,port=$port,vers=$1$more" \
		"$srv_ip:$path" $mounted || fail "mount: status $?"
	grep -q " $mounted nfs.*vers=$1,.*proto=rdma" /proc/mounts ||
		fail "not mounted as asked: $(grep $mounted /proc/mounts)"
}

there() {
	mountpoint -q $mounted || fail "not mounted"
}

small() {
	is_client || return 0
	there
	some_files $mounted
}

# large MIB - the server finds the same in its own file
large() {
	! is_client || there
	! is_client || there_and_back $mounted/large "$1"
	meet written
	is_server || return 0
	"$pages" check $exported/large "$1" $mounted/large ||
		fail "not what was written"
	rm $exported/large
}

fio_nfs() {
	is_client || return 0
	there
	fio_verify --directory=$mounted --size=16M
	rm -f $mounted/verify*
}

restart() {
	! is_client || there
	! is_client || load_start $mounted/load
	meet load
	if is_server; then
		server_down
		server_up
	fi
	meet restarted
	! is_client || load_stop
}

umount_nfs() {
	is_client || return 0
	umount $mounted || fail "umount: status $?"
	[ "$topo" = dummy ] || until_true 10 no_qps "$cli_dev" ||
		fail "queue pairs are left"
}

# version V MIB
version() {
	check "$1/mount" 20 mount_nfs "$1"
	check "$1/small" 30 small
	check "$1/large" 200 large "$2"
	check "$1/fio" 60 fio_nfs
	check "$1/restart" 60 restart
	check "$1/umount" 20 umount_nfs
}

tests() {
	local mib=${SIW_NFS_MIB:-1024}

	check serve 20 serve_nfs
	version 3 $((mib / 16))
	version 4.1 $((mib / 16))
	version 4.2 "$mib"
	check end 20 end_nfs
}

main() {
	local why

	why=$(programs mount.nfs exportfs rpc.mountd nfsdcld rpcbind mkfs.ext4)
	[ -n "${SIW_DISK:-}" ] || why='no disk (tests/vm/run -b 2048)'
	if [ -n "$why" ]; then
		skip_test all "$why"
		return
	fi
	each_topology 'dummy two' tests
}

guest_main "$@"
