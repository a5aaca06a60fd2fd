# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# For the tests of storage over RDMA: sourced after lib.sh.
#
# Data are written, read back from the other side and compared, page by page
# (pages.py) and by fio's own checksums. So that a cache is not mistaken for the
# wire, the FPDUs of a transfer are counted.

pages=$here/pages.py

# write WORD FILE
write() {
	echo "$1" >"$2" || fail "cannot write '$1' to $2"
}

# programs NAME... - are they all there?
programs() {
	local name

	for name; do
		command -v "$name" >/dev/null || {
			echo "no $name here (tools/need @storage)"
			return 1
		}
	done
}

# fpdus - that the client's device has sent and received; 0 for a driver that
# does not count them
fpdus() {
	# shellcheck disable=SC2154
	cat "/sys/class/infiniband/$cli_dev"/ports/1/hw_counters/[rt]x_fpdus \
		2>/dev/null | awk '{ n += $1 } END { print n + 0 }'
}

# over_rdma MIB COMMAND... - it must move so much data. A segment of lo has 64
# KiB, so there are 16 FPDUs in a MiB at least.
over_rdma() {
	local mib=$1 before after

	shift
	before=$(fpdus)
	"$@" || fail "$*: status $?"
	after=$(fpdus)
	[ "$after" != 0 ] || return 0
	[ $((after - before)) -ge $((mib * 16)) ] ||
		fail "$((after - before)) FPDUs for $mib MiB: $*"
}

forget() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# there_and_back FILE MIB - write a file, read it back
there_and_back() {
	over_rdma "$2" "$pages" write "$1" "$2" "$1"
	forget
	over_rdma "$2" "$pages" check "$1" "$2" "$1"
}

# fio_verify ARG... - random places and sizes, many at a time, checksums in the
# data
fio_verify() {
	fio --name=verify --direct=1 --rw=randwrite --bsrange=4k-128k \
		--iodepth=16 --ioengine=libaio --verify=crc32c --verify_fatal=1 \
		--do_verify=1 --fallocate=none "$@" || fail "fio: status $?"
}

# some_files DIR - of odd sizes
some_files() {
	local size

	for size in 0 1 4095 4096 4097 65535 65537 1000003; do
		head -c $size /dev/urandom >"$TMPDIR/$size"
		cp "$TMPDIR/$size" "$1/$size" || fail "writing $size octets"
	done
	forget
	for size in 0 1 4095 4096 4097 65535 65537 1000003; do
		cmp "$TMPDIR/$size" "$1/$size" || fail "$size octets differ"
	done
	rm -f "$TMPDIR"/[0-9]* "$1"/[0-9]*
}

# load_start FILE - write and check it, again and again, until load_stop
load_start() {
	rm -f "$log.stop" "$log.load"
	(
		exec >"$log.load" 2>&1
		until [ -e "$log.stop" ]; do
			"$pages" write "$1" 4 "$1" && echo wrote || exit 1
			"$pages" check "$1" 4 "$1" && echo read || exit 1
		done
	) &
	load=$!
	until_true 30 grep -q read "$log.load" || fail "no load: $(<"$log.load")"
}

# load_stop - it must have gone on, and right to the end
load_stop() {
	local before status=0

	before=$(grep -c read "$log.load")
	until_true $((30 * ${SIW_SLOW:-1})) load_goes_on "$before" ||
		fail "does not go on: $(tail -n 1 "$log.load")"
	: >"$log.stop"
	wait "$load" || status=$?
	[ $status = 0 ] || fail "the load: $(tail -n 1 "$log.load")"
}

load_goes_on() {
	[ "$(grep -c read "$log.load")" -ge $(($1 + 2)) ] || gone "$load"
}

# no_qps DEVICE
no_qps() {
	[ -z "$(rdma resource show qp link "$1/1" | grep RC)" ]
}

# -- block devices; disk is a function that prints the device file

# disk_data - what is written is read back, in commands of other sizes
disk_data() {
	local size

	head -c 8M /dev/urandom >"$TMPDIR/wrote"
	for size in 4k 60k 256k 1M; do
		dd if="$TMPDIR/wrote" of="$(disk)" bs=$size oflag=direct \
			status=none || fail "writing $size"
		dd if="$(disk)" of="$TMPDIR/read" bs=64k count=128 iflag=direct \
			status=none || fail "reading back $size"
		cmp "$TMPDIR/wrote" "$TMPDIR/read" || fail "$size: data differ"
	done
}

disk_verify() {
	over_rdma 16 fio_verify --filename="$(disk)" --size=16M
}

# disk_files MIB - a file system on it, small files and a large one
disk_files() {
	modprobe ext4
	mkfs.ext4 -q -F "$(disk)" || fail "mkfs: status $?"
	mount "$(disk)" /mnt || fail "mount: status $?"
	some_files /mnt
	there_and_back /mnt/large "$1"
	rm /mnt/large
	umount /mnt || fail "umount: status $?"
	# what it says itself
	e2fsck -fn "$(disk)" || fail "the file system is damaged"
}

# disk_load COMMAND... - while files are written and checked on it
disk_load() {
	mount "$(disk)" /mnt || fail "mount: status $?"
	load_start /mnt/load
	"$@"
	load_stop
	umount /mnt || fail "umount: status $?"
	e2fsck -fn "$(disk)" || fail "the file system is damaged"
}
