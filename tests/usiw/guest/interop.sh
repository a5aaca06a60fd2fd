#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# In a guest with siw.ko or the kernel's own driver: the kernel-less mode beside a
# real device, and against it. One end is a program under `siw run`, the other the
# same program on the device.
#
#	interop.sh BUILD
set -u
siw=$1/bin/siw
failed=0

listening() {
	grep -qiE ":$(printf '%04X' "$1") [0-9A-F:]+ 0A" /proc/net/tcp \
		/proc/net/tcp6 || rdma resource show cm_id | grep -q LISTEN
}

# exchange PORT SERVER_PREFIX CLIENT_PREFIX SERVER CLIENT
exchange() {
	local rc=0 server i

	# shellcheck disable=SC2086
	timeout -s KILL 30 $2 $4 >"$TMPDIR/server.log" 2>&1 </dev/null &
	server=$!
	for ((i = 0; i < 250; i++)); do
		! listening "$1" || break
		sleep 0.02
	done
	# shellcheck disable=SC2086
	timeout -s KILL 30 $3 $5 >"$TMPDIR/client.log" 2>&1 </dev/null || rc=$?
	[ $rc = 0 ] || kill $server
	wait $server || rc=1
	return $rc
}

# both NAME PORT SERVER_PREFIX CLIENT_PREFIX SERVER CLIENT - once more if it met
# perftest's server between its two listeners, or if rping closed its event channel
# while its own thread was on the way to read it
both() {
	local name=$1

	shift
	for _ in 1 2 3; do
		if exchange "$@"; then
			echo "ok $name"
			return
		fi
		grep -qE 'EVENT_REJECTED; error: -111|cm_event: Bad file desc' \
			"$TMPDIR/client.log" || break
	done
	echo "not ok $name - one side failed"
	tail -n 10 "$TMPDIR/server.log" "$TMPDIR/client.log" | sed 's/^/    /'
	failed=1
}

# ways NAME PORT OPTION SERVER CLIENT - in both roles
ways() {
	both "$1_server" "$2" "$siw run $3" '' "$4" "$5"
	both "$1_client" "$2" '' "$siw run $3" "$4" "$5"
}

rdma link add siw0 type siw netdev "$NETDEV" || exit 1
"$siw" run ibv_devices >"$TMPDIR/client.log" 2>&1
if grep -qw siw0 "$TMPDIR/client.log" && grep -qw siw1 "$TMPDIR/client.log"; then
	echo 'ok real_device_beside'
else
	echo 'not ok real_device_beside - not both are listed'
	sed 's/^/    /' "$TMPDIR/client.log"
	failed=1
fi

rping="rping -s -a $MY_IP -C 20 -S 4000 -V" ping="rping -c -a $MY_IP -C 20 -S 4000 -V"
ways rping 7174 '' "$rping" "$ping"
ways no_peer_to_peer 7174 --no-peer-to-peer "$rping" "$ping"
if [ "$SIW_DRIVER" = siw ]; then
	ways mpa_rev_1 7174 --mpa-rev=1 "$rping" "$ping"
	for mask in 1 2 4; do
		ways rtr_$mask 7174 --rtr-mask=$mask "$rping" "$ping"
	done
	echo 0 >/sys/module/siw/parameters/mpa_crc_strict
else
	# It always begins with revision 2, allows no Reads with 1, and its kernel
	# does not survive the Terminate for an RTR kind that does not match.
	both mpa_rev_1_client 18515 '' "$siw run --mpa-rev=1" \
		'ib_send_bw -R -F -n 50' "ib_send_bw -R -F -n 50 $MY_IP"
fi
ways crc 7174 --crc "$rping" "$ping"
# ucmatose's server speaks first, which a responder may not do before the first
# FPDU of an initiator: the kernel's own driver sends none by itself
[ "$SIW_DRIVER" = intree ] || both ucmatose_server 7471 "$siw run" '' \
	'ucmatose -c 20' "ucmatose -c 20 -s $MY_IP"
both ucmatose_client 7471 '' "$siw run" 'ucmatose -c 20' \
	"ucmatose -c 20 -s $MY_IP"
ways rstream 7471 '' 'rstream -S 65536 -C 50' \
	"rstream -S 65536 -C 50 -s $MY_IP"
for op in send write read; do
	ways ${op}_bw 18515 '' "ib_${op}_bw -R -F -n 50" \
		"ib_${op}_bw -R -F -n 50 $MY_IP"
done
exit $failed
