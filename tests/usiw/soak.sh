#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Peers that connect, transfer and are killed leave nothing behind in the process
# that they talk to: soak.c. $SIW_SOAK: how many of them (300), for instance
# 10000, which takes a few minutes.
. "$(dirname "$0")/lib.sh"
cycles=${SIW_SOAK:-300}
limit=$((60 + cycles / 5))

if ! ${CC:-cc} -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -o "$work/soak" \
	"$top/tests/usiw/soak.c" -lrdmacm -libverbs >"$work/client.log" 2>&1
then
	not_ok soak 'does not compile'
	finish
fi
SIW_WRAP="$siw run -q"	# it would say something about many of them
for role in server client; do
	check $role 'something is left, or too few connected' \
		client "$work/soak" $role "$cycles"
	[ "$cycles" = 300 ] || cat "$work/client.log"
done
finish
