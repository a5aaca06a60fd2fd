#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# rping with its data verification on.
. "$(dirname "$0")/lib.sh"
port=7174

# both NAME ADDRESS OPTION... - the same options on both sides
both() {
	local name=$1 addr=$2

	shift 2
	pair "$name" $port "rping -s -a $addr -V $*" \
		"rping -c -a $addr -V $*"
}

both basic 127.0.0.1 -C 10
both ipv6 ::1 -C 10
both small 127.0.0.1 -C 10 -S 23
both large 127.0.0.1 -C 10 -S 65535
both many 127.0.0.1 -C 2000
both port 127.0.0.1 -C 3 -p $port -v
pair any 7174 'rping -s -V -C 3' 'rping -c -a 127.0.0.1 -V -C 3'
if [ "$own_net" ]; then
	both address $addr4 -C 10
	both address6 $addr6 -C 10
	pair source $port "rping -s -V -C 3" \
		"rping -c -a $addr4 -I 127.0.0.1 -V -C 3"
fi

# a server for many clients; one after the other, since rping mixes up two
# requests that come at once
persistent() {
	local rc=0

	serve $port rping -s -P -S 4096 || return 1
	for _ in 1 2 3; do
		client rping -c -a 127.0.0.1 -V -C 200 || rc=1
	done
	serve_stop
	return $rc
}
check persistent 'one of three clients failed' persistent

# nobody listens: the client says so and ends
refused() {
	! client rping -c -a 127.0.0.1 -p 7999 -C 1 &&
		grep -qi 'reject' "$work/client.log"
}
check refused 'no word of a rejection' refused

for o in --crc --mpa-rev=1 --no-peer-to-peer --rtr-mask=2; do
	SIW_WRAP="$siw run $o" pair "option${o//[-=]/_}" $port \
		"rping -s -V -C 10" "rping -c -a 127.0.0.1 -V -C 10"
done

# both sides add the offset, so no TCP socket has the port that is named
offset() {
	local rc=0

	export SIW_PORT_OFFSET=1000
	serve $((port + 1000)) rping -s -V -C 5 -p $port || rc=1
	listening $port && rc=1
	client rping -c -a 127.0.0.1 -V -C 5 -p $port || rc=1
	[ $rc = 0 ] || serve_stop
	[ $rc != 0 ] || serve_end || rc=1
	unset SIW_PORT_OFFSET
	return $rc
}
check port_offset 'no connection at the port plus 1000' offset
finish
