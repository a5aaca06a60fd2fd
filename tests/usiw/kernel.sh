#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The kernel-less mode and siw.ko, in one guest: both devices are visible, and
# each connects to the other; then with the kernel's own driver instead. Needs
# the guest kernel of the job "uml".
USIW_NET=
. "$(dirname "$0")/lib.sh"
. "$top/tools/lib.sh"

if ! ls -d "$siw_cache"/uml/fast-* >/dev/null 2>&1; then
	skip interop 'there is no guest kernel yet (tests/uml/build)'
	finish
fi
for driver in siw intree; do
	"$top/tests/uml/run" -d $driver -t 400 \
		"$top/tests/usiw/guest/interop.sh" "$(realpath "$build")" \
		>"$work/out" 2>&1 || failed=1
	sed -E "s/^(ok|not ok|skip) /\1 $driver-/" "$work/out"
	grep -q '^ok ' "$work/out" || not_ok $driver 'the guest ran no test'
done
finish
