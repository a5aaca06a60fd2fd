#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Weak points that other soft iWARP drivers are known for, one named test each;
# the programs and what they look for are in weak/.

. "$(dirname "$0")/lib.sh"

# program NAME - built on the host (tests/guest/run), else here
program() {
	local dir=${SIW_WEAK:-$TMPDIR/weak}

	if [ ! -x "$dir/$1" ]; then
		mkdir -p "$dir"
		make -s -C "$here/weak" O="$dir" "$dir/$1" >"$logs/make.log" 2>&1
	fi
	echo "$dir/$1"
}

# run PROGRAM TEST
run() {
	"$1" "$srv_ip" "$2"
}

# listed PROGRAM - the names of its tests, from the source
listed() {
	sed -n 's/^\t{ "\([a-z0-9-]*\)", .*/\1/p' "$here/weak/$1.c"
}

# parameter NAME VALUE - of the module, if it has it
parameter() {
	local file=/sys/module/siw/parameters/$1

	[ ! -e "$file" ] || echo "$2" >"$file"
}

# wire TEST... - our side is played by weak/dut, the other one by Python, all in
# one process of it; each has 30 s
wire() {
	local name status id dir=$logs/$topo/wire

	mkdir -p "$dir"
	echo 'siw test: weak/wire' >/dev/kmsg
	while read -r name status; do
		id=weak/$topo/wire/${name//_/-}
		if [ "$status" = 0 ]; then
			result "$id" ok
		else
			result "$id" "not ok - $(reason "$dir/$name.log")"
		fi
	done < <(PYTHONPATH=$here/../wire:$here/weak PYTHONDONTWRITEBYTECODE=1 \
		python3 "$here/weak/wire.py" "$(program dut)" "$srv_ip" \
		$((30 * ${SIW_SLOW:-1})) "$dir" "$@")
	! test_id=weak/wire trouble || not_ok wire/log 'the kernel complains'
}

# wanted TEST... - those that match SIW_ONLY
wanted() {
	local test

	for test; do
		# shellcheck disable=SC2053
		[[ weak/$topo/wire/${test//_/-} != ${SIW_ONLY:-*} ]] ||
			echo "$test"
	done
}

tests() {
	local name test file

	for name in access queue objects ring; do
		file=$(program $name)
		[ -x "$file" ] || {
			not_ok $name "does not build: $(tail -n 1 "$logs/make.log")"
			continue
		}
		for test in $(listed $name); do
			check $name/$test 15 run "$file" $test
		done
	done
	# these peers want CRC, as hardware does
	parameter mpa_crc_strict 0
	# shellcheck disable=SC2046
	wire $(wanted $(sed -n 's/^def test_\([a-z0-9_]*\)(.*/\1/p' \
		"$here/weak/wire.py"))
}

main() {
	each_topology dummy tests
}

guest_main "$@"
