#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The RFC conformance suite (tests/conformance) against siw.ko: the same cases
# as over the kernel-less mode. What came out is kept as siw.ko.json, for
# tests/conformance/report.py. SIW_ONLY is a pattern of case names, as in
# conformance/dummy/rdmap_read/*.

. "$(dirname "$0")/lib.sh"

# build - the program on our side
build() {
	make -s -C "$here/weak" O="$TMPDIR/weak" "$TMPDIR/weak/dut"
}

tests() {
	local only=${SIW_ONLY:-*} line why

	mkdir -p "$TMPDIR/weak"
	build >"$logs/make.log" 2>&1 || {
		not_ok dut "does not build: $(tail -n 1 "$logs/make.log")"
		return
	}
	echo 'siw test: conformance' >/dev/kmsg
	only=${only#*"$suite/${topo:+$topo/}"}
	while read -r line; do
		case $line in
		'ok '*)	result "$suite/${topo:+$topo/}${line#ok }" ok ;;
		'skip '*|'not ok '*)
			why=${line#* - }
			line=${line% - "$why"}
			case $line in
			skip*)	skip_test "${line#skip }" "$why" ;;
			*)	not_ok "${line#not ok }" "$why" ;;
			esac ;;
		esac
	done < <(timeout $((300 * ${SIW_SLOW:-1})) python3 -B \
		"$here/../conformance/run.py" -t siw.ko -k "$only" \
		-o "$logs/siw.ko.json" "$srv_ip" "$TMPDIR/weak/dut" \
		2>"$logs/run.log")
	[ -e "$logs/siw.ko.json" ] ||
		not_ok suite "did not end: $(tail -n 1 "$logs/run.log")"
	! test_id=conformance trouble || not_ok log 'the kernel complains'
}

main() {
	each_topology dummy tests
}

guest_main "$@"
