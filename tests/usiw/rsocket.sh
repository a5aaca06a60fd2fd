#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# rsockets: the programs of rdmacm-utils, and programs that know only sockets.
. "$(dirname "$0")/lib.sh"
port=7471

pair rstream $port 'rstream -S 65536 -C 200' \
	'rstream -S 65536 -C 200 -s 127.0.0.1'
pair rstream_small $port 'rstream -S 64 -C 5000' \
	'rstream -S 64 -C 5000 -s 127.0.0.1'
pair rstream_nonblocking $port 'rstream -S 4096 -C 500 -T n' \
	'rstream -S 4096 -C 500 -T n -s 127.0.0.1'
pair rstream_verify $port 'rstream -S 4096 -C 100 -T v' \
	'rstream -S 4096 -C 100 -T v -s 127.0.0.1'
pair rstream_fork $port 'rstream -S 4096 -C 100 -T f' \
	'rstream -S 4096 -C 100 -T f -s 127.0.0.1'
pair rstream_ipv6 $port 'rstream -S 4096 -C 100 -b ::1' \
	'rstream -S 4096 -C 100 -s ::1'
pair riostream $port 'riostream -S 65536 -C 100' \
	'riostream -S 65536 -C 100 -s 127.0.0.1'

copy() {
	head -c 5000000 /dev/urandom >"$work/in"
	serve 7427 rcopy || return 1
	client rcopy "$work/in" "127.0.0.1:$work/out" || return 1
	serve_stop
	cmp "$work/in" "$work/out"
}
check rcopy 'the file did not arrive' copy
[ -z "$server" ] || serve_stop

# the library of librdmacm that puts rsockets under a sockets program
rspreload=$(find /usr/lib -name librspreload.so -path '*rsocket*' 2>/dev/null |
	head -n 1)
netcat() {
	local rc=0
	head -c 1000000 /dev/urandom >"$work/in"
	LD_PRELOAD=$rspreload under nc.traditional -l -p 7500 \
		>"$work/out" 2>"$work/server.log" </dev/null &
	server=$!
	until_true 10 listening 7500 || rc=1
	(LD_PRELOAD=$rspreload under nc.traditional -q 1 127.0.0.1 7500) \
		<"$work/in" >"$work/client.log" 2>&1 || rc=1
	serve_end || rc=1
	[ $rc = 0 ] && cmp "$work/in" "$work/out"
}
if [ -z "$rspreload" ]; then
	skip netcat 'no librspreload.so'
elif have nc.traditional netcat; then
	check netcat 'the data did not arrive' netcat
fi
finish
