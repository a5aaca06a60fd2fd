#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The device is found, and what programs are told about it.
. "$(dirname "$0")/lib.sh"

has() {
	grep -qE "$1" "$work/client.log"
}

client ibv_devices
check devices 'siw0 is not listed' has 'siw0[[:space:]]+[0-9a-f]{16}$'

client ibv_devinfo -v
check devinfo 'no active iWARP port' has 'PORT_ACTIVE'
check transport 'not iWARP' has 'transport:.*iWARP'
check mtu 'no active MTU' has 'active_mtu:[[:space:]]+(256|512|1024|2048|4096) '
check gid_loopback 'no GID of 127.0.0.1' has ':ffff:7f00:0001|ffff:127\.0\.0\.1'
if [ "$own_net" ]; then
	check gid_ipv4 "no GID of $addr4" \
		has ':ffff:c000:0201|ffff:192\.0\.2\.1'
	check gid_ipv6 "no GID of $addr6" \
		has 'fd00:5177:(0000:)*0001|fd00:5177::1'
fi

client ibv_devinfo -d siw0
check devinfo_by_name 'status' has 'hca_id:[[:space:]]siw0'

client ibv_devinfo -l
check one_device 'not just one' has '^1 HCA'

# waits for events until it is stopped
under ibv_asyncwatch -d siw0 >"$work/client.log" 2>&1 </dev/null &
server=$!
check asyncwatch 'does not wait for events' until_true 5 has 'async event FD'
serve_stop

if have fi_info libfabric; then
	client fi_info -p verbs
	check libfabric 'no iWARP end points' has 'FI_PROTO_IWARP'
fi

# without the library there is no such device
ibv_devices >"$work/client.log" 2>&1
check only_inside 'siw0 is visible outside' eval '! has siw0'
finish
