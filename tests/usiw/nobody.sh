#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A user without any right: nobody, with no capability and no way to get one, in
# the network namespace of this machine. From a copy of what is installed.
USIW_NET=
. "$(dirname "$0")/lib.sh"
port=27174

mkdir -p "$work/bin" "$work/lib"
cp "$siw" "$work/bin/" && cp "$usiw_lib" "$work/lib/"
SIW_WRAP="$work/bin/siw run"
if [ "$(id -u)" = 0 ]; then
	drop='setpriv --reuid=65534 --regid=65534 --clear-groups'
	drop="$drop --bounding-set=-all --inh-caps=-all --no-new-privs"
	SIW_WRAP="$drop -- $SIW_WRAP"
fi

client ibv_devinfo
check devinfo 'no active port' grep -q PORT_ACTIVE "$work/client.log"
pair rping $port "rping -s -V -C 20 -p $port" \
	"rping -c -a 127.0.0.1 -V -C 20 -p $port"
pair write_bw 27515 'ib_write_bw -R -F -p 27515 -n 200' \
	'ib_write_bw -R -F -p 27515 -n 200 127.0.0.1'

# an address of this machine that is not the loopback's
addr=$(ip -o -4 addr show up scope global 2>/dev/null |
	awk '{ split($4, a, "/"); print a[1]; exit }')
if [ "$addr" ]; then
	pair own_address $port "rping -s -a $addr -V -C 20 -p $port" \
		"rping -c -a $addr -V -C 20 -p $port"
else
	skip own_address 'this machine has none but 127.0.0.1'
fi

# such a program ignores the preloaded library; root's are none to root
setuid=$(find /usr/bin /bin -maxdepth 1 -perm -4000 -user root 2>/dev/null |
	head -n 1)
if [ "$setuid" ]; then
	client "$setuid"
	check setuid_program 'does not say why it cannot run' \
		grep -q 'set-user-ID' "$work/client.log"
else
	skip setuid_program 'there is none'
fi
finish
