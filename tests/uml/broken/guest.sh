#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The guest's half of tests/uml/selftest: guest.sh WHAT [ARG...]

set -u
what=$1
shift
case $what in
echo)	for arg; do
		echo "[$arg]"
	done
	echo "to stderr" >&2
	echo "$RIG $SIW_DRIVER $(id -u) $(ulimit -l)" >"$SIW_RIG_TMP/left"
	;;
exit)	exit "$1" ;;
link)	barrier up && ping -q -c 2 -i 0.2 "$PEER_IP" &&
		ping -q -c 2 -i 0.2 "$PEER_IP6" && barrier down
	;;
second)	exit $((HOST_IDX * 5)) ;;
behind)	rdma link add siw0 type siw netdev "$NETDEV"
	for port in 7001 7002 7003 7004 7005 7006; do
		rping -s -p $port &
	done
	sleep 0.5
	;;
hang)	sleep 1000 ;;
alias)	rmmod siw && modprobe rdma-link-siw && lsmod | grep '^siw ' ;;
stalled) echo 'NETDEV WATCHDOG: on purpose' >/dev/kmsg
	exit 1 ;;
alone)	[ "$HOST_IDX" = 1 ] || sleep 1000
	insmod "$1" how=panic ;;
broken)	insmod "$1" how="$2" && rmmod broken ;;
*)	echo "what is '$what'?" >&2
	exit 2 ;;
esac
