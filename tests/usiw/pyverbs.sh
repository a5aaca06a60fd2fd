#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# rdma-core's own tests of the verbs (python3-pyverbs), held to the same list as
# the kernel module's: tests/guest/pyverbs.list.
. "$(dirname "$0")/lib.sh"
source=/usr/share/doc/rdma-core/tests
python=/usr/bin/python3		# Debian's, which has the package
list=$top/tests/guest/pyverbs.list
limit=200

if ! $python -c 'import pyverbs' 2>/dev/null || [ ! -d $source ]; then
	skip pyverbs 'python3-pyverbs and the tests of rdma-core are not installed'
	finish
fi
cp -r $source "$work/tests"
gunzip "$work"/tests/*.gz
client $python "$top/tests/guest/run-pyverbs" "$work" siw0 lo
status=$?
found=$work/found
grep -aE '^test_[^ ]+ (ok|skip|fail|error)$' "$work/client.log" >"$found"

enough() {
	[ $status = 0 ] && [ "$(wc -l <"$found")" -ge 200 ]
}
check all "status $status, or not all were run" enough

while read -r name want; do
	[ "$want" = ok ] || continue
	check "${name##*.}" 'not passed' grep -qxF "$name ok" "$found"
done < <(grep -v '^#' "$list")

# nothing failed but what the list says
others=$(awk 'NR == FNR { listed[$1] = 1; next }
	!($1 in listed) && $2 != "ok" && $2 != "skip" { print $1 }' \
	"$list" "$found")
check others "failed: ${others//$'\n'/, }" [ -z "$others" ]
finish
