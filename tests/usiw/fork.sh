#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A server that forks while it has a connection: fork.c.
. "$(dirname "$0")/lib.sh"
limit=70

if ! ${CC:-cc} -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -o "$work/fork" \
	"$top/tests/usiw/fork.c" -lrdmacm -libverbs >"$work/client.log" 2>&1
then
	not_ok fork 'does not compile'
	finish
fi
for t in $("$work/fork"); do
	check "$t" 'see above' client "$work/fork" "$t"
	case $t in
	both)	check says_so 'no word on stderr, or many' \
			[ "$(grep -c 'inherited by fork' "$work/client.log")" = 1 ]
	esac
done
finish
