#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The driver's user ABI at the hands of a hostile program (fuzz-abi/): spoilt
# rings, commands that no library writes, mappings and processes that come and
# go, with traffic under way. What goes wrong shows in the kernel's log, in a
# process that cannot be killed, or in a device that does not work afterwards.
#
# SIW_FUZZ_SECONDS (40) says for how long; SIW_FUZZ_SEED repeats one worker,
# whose seed abi.log has.

. "$(dirname "$0")/lib.sh"

build() {
	make -s -C "$here/fuzz-abi" O="$TMPDIR" >"$logs/make.log" 2>&1 &&
		[ -x "$TMPDIR/fuzz-abi" ]
}

abi() {
	if [ -n "${SIW_FUZZ_SEED:-}" ]; then
		"$TMPDIR/fuzz-abi" "$srv_ip" 0 "$SIW_FUZZ_SEED"
	else
		"$TMPDIR/fuzz-abi" "$srv_ip" "${SIW_FUZZ_SECONDS:-40}"
	fi
}

tests() {
	check abi $((${SIW_FUZZ_SECONDS:-40} + 90)) abi
}

main() {
	build || {
		not_ok build "$(tail -n 1 "$logs/make.log")"
		return
	}
	each_topology dummy tests
}

guest_main "$@"
