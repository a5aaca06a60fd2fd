#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# rdma-core of newer Debian releases, with their own C library, unpacked beside
# that of this machine; and between releases. Not run where Debian's mirror
# cannot be reached.
USIW_NET=${USIW_NET-}	# the mirror is outside of a namespace
. "$(dirname "$0")/lib.sh"
limit=60
gnu=$(uname -m)-linux-gnu

packages="libc6 libibverbs1 librdmacm1t64 ibverbs-providers ibverbs-utils
rdmacm-utils libnl-3-200 libnl-route-3-200 perftest libibumad3 libpci3"

# unpack SUITE - a script $work/SUITE that runs a program of it with its libraries
unpack() {
	local dirs d name libs='' paths='' ld='' providers=''

	# shellcheck disable=SC2086
	dirs=$("$top/tools/fetch-deb" "$1" $packages 2>"$work/client.log") ||
		return 1
	mkdir "$work/$1.d"
	for d in $dirs; do
		# a version may have a colon, the list of directories may not
		name=$(basename "$d")
		ln -s "$d" "$work/$1.d/${name%%_*}"
		d=$work/$1.d/${name%%_*}
		libs="$libs:$d/usr/lib/$gnu:$d/lib/$gnu"
		paths="$paths $d/usr/bin"
		case $d in
		*/ibverbs-providers) providers=$d/usr/lib/$gnu/libibverbs ;;
		*/libc6)	ld=$(echo "$d"/usr/lib/"$gnu"/ld-linux*.so.*) ;;
		esac
	done
	cat >"$work/$1" <<-END
		#!/bin/sh
		for d in $paths; do
			[ ! -x \$d/\$1 ] || prog=\$d/\$1
		done
		shift
		export RDMAV_DRIVERS=\${LIBSIW:-$providers/libsiw}
		exec $ld --library-path ${libs#:}:$providers \\
			--preload $usiw_lib \$prog "\$@"
	END
	chmod +x "$work/$1"
}

# between NAME SERVER_WRAP CLIENT_WRAP PORT SERVER CLIENT
between() {
	local rc=0

	# shellcheck disable=SC2086
	SIW_WRAP=$2 serve "$4" $5 || rc=1
	# shellcheck disable=SC2086
	[ $rc != 0 ] || SIW_WRAP=$3 client $6 || rc=1
	if [ $rc = 0 ] && serve_end; then
		ok "$1"
	else
		serve_stop
		not_ok "$1" 'one side failed'
	fi
}

# ours SUITE ABI - the same with our own user library for its private ABI
ours() {
	local lib

	lib=$(SIW_BUILD=$(dirname "$build") "$top/libsiw/build" "$2" \
		2>"$work/client.log") || {
		skip "$1_libsiw" 'no headers of its rdma-core'
		return
	}
	export LIBSIW=${lib%-rdmav*}
	pair "$1_libsiw_rping" 17174 'rping -s -C 20 -V -p 17174' \
		'rping -c -a 127.0.0.1 -C 20 -V -p 17174'
	pair_perftest "$1_libsiw_send_bw" 17515 \
		'ib_send_bw -R -F -p 17515 -n 200' \
		'ib_send_bw -R -F -p 17515 -n 200 127.0.0.1'
	unset LIBSIW
}

release() {
	local wrap=$work/$1 here="$siw run"

	if ! unpack "$1"; then
		skip "$1" 'its packages cannot be fetched'
		return
	fi
	SIW_WRAP=$wrap
	client ibv_devinfo -v
	check "$1_devinfo" 'no active port' \
		grep -q PORT_ACTIVE "$work/client.log"
	pair "$1_rping" 17174 'rping -s -C 20 -V -p 17174' \
		'rping -c -a 127.0.0.1 -C 20 -V -p 17174'
	pair "$1_ucmatose" 17471 'ucmatose -c 100 -p 17471' \
		'ucmatose -c 100 -p 17471 -s 127.0.0.1'
	pair "$1_rstream" 17471 'rstream -S 65536 -C 100 -p 17471' \
		'rstream -S 65536 -C 100 -p 17471 -s 127.0.0.1'
	pair "$1_synchronous" 17471 'rdma_server -p 17471' \
		'rdma_client -p 17471 -s 127.0.0.1'
	pair_perftest "$1_write_bw" 17515 'ib_write_bw -R -F -p 17515 -n 200' \
		'ib_write_bw -R -F -p 17515 -n 200 127.0.0.1'
	pair_perftest "$1_send_lat" 17515 'ib_send_lat -R -F -e -p 17515 -n 200' \
		'ib_send_lat -R -F -e -p 17515 -n 200 127.0.0.1'
	ours "$1" "$2"
	unset SIW_WRAP
	between "$1_server" "$wrap" "$here" 17174 'rping -s -C 20 -V -p 17174' \
		'rping -c -a 127.0.0.1 -C 20 -V -p 17174'
	between "$1_client" "$here" "$wrap" 17174 'rping -s -C 20 -V -p 17174' \
		'rping -c -a 127.0.0.1 -C 20 -V -p 17174'
}

release trixie 34
release sid 65
finish
