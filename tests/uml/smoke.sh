#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Does data move at all? For tests/uml/run with one guest, in which both ends
# are: a link, rping with the data compared, a bandwidth test. About a second.

set -euo pipefail

# serve COMMAND... - start a server and wait until it listens
serve() {
	"$@" >"$SIW_RIG_TMP/server.out" 2>&1 &
	server=$!
	for _ in {1..200}; do
		! rdma resource show cm_id | grep -q LISTEN || return 0
		sleep 0.02
	done
	cat "$SIW_RIG_TMP/server.out"
	echo "it does not listen: $*"
	exit 1
}

rdma link add siw0 type siw netdev "$NETDEV"
rdma link show siw0/1 | grep 'state ACTIVE'

serve rping -s -a "$MY_IP" -C 10 -S 4000 -V
rping -c -a "$MY_IP" -C 10 -S 4000 -V -v | grep -c '^ping data: rdma-ping' |
	grep -qx 10
wait $server
echo "rping: 10 of 10"

# On a busy machine the program may fail to calibrate its clock at the end, on
# one side; that is no word about the data.
calibration='Correlation coefficient'
serve timeout 30 ib_send_bw -d siw0 -R -e -n 100
timeout 30 ib_send_bw -d siw0 -R -e -n 100 "$MY_IP" \
	>"$SIW_RIG_TMP/client.out" 2>&1 || bad=1
wait $server || bad=1
if [ -z "${bad:-}" ]; then
	grep -A 1 '#bytes' "$SIW_RIG_TMP/client.out"
elif ! grep "$calibration" "$SIW_RIG_TMP"/{client,server}.out; then
	cat "$SIW_RIG_TMP"/{server,client}.out
	exit 1
fi
rdma link del siw0
