#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# rdma-core's own tests of the verbs (python3-pyverbs). pyverbs.list says what
# must be: a test that has to pass ("ok"), one that asks for what an iWARP
# device does not have ("error"; better is welcome). Others may only be skipped
# or pass.

. "$(dirname "$0")/lib.sh"
source=/usr/share/doc/rdma-core/tests
found=$logs/results

run_all() {
	local dir=$TMPDIR/pyverbs

	mkdir -p $dir
	cp -r $source $dir/tests && gunzip $dir/tests/*.gz
	(cd $dir && python3 "$here/run-pyverbs" $dir siw0 dum0) \
		>"$log.out" 2>"$log.details" || fail "the runner: status $?"
	# tests may print, too
	grep -E '^test_[^ ]+ (ok|skip|fail|error)$' "$log.out" >"$found"
	[ "$(wc -l <"$found")" -ge 200 ] ||
		fail "only $(wc -l <"$found") tests were run"
	echo "run $(wc -l <"$found"):" \
		"$(cut -d' ' -f2 "$found" | sort | uniq -c | xargs)"
}

# one NAME - how it went
one() {
	local result

	result=$(sed -n "s/^${1//./\\.} //p" "$found")
	[ "$result" != skip ] || fail "the test skips itself"
	[ "$result" = ok ] || fail "result '$result'"
}

# others - nothing failed but what the list says
others() {
	local bad

	bad=$(awk 'NR == FNR { listed[$1] = 1; next }
		!($1 in listed) && $2 != "ok" && $2 != "skip"' \
		"$here/pyverbs.list" "$found")
	[ -z "$bad" ] || fail "${bad//$'\n'/, }"
}

tests() {
	local name want

	check all 120 run_all
	[ -s "$found" ] || return
	while read -r name want; do
		[ "$want" != ok ] || check "$name" 5 one "$name"
	done < <(grep -v '^#' "$here/pyverbs.list")
	check others 5 others
	grep -h '^run ' "$logs/dummy/all.log" | sed 's/^/# pyverbs: /'
}

main() {
	if ! python3 -c 'import pyverbs' 2>/dev/null || [ ! -d $source ]; then
		skip_test all "no pyverbs, or its tests are not installed"
		return
	fi
	each_topology dummy tests
}

guest_main "$@"
