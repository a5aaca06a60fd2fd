#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Our own user library, libsiw/, in place of the stock one: what both can do, by
# rping, perftest and rdma-core's own tests, and what only it can: libsiw.c.
#
# It is built first, since its headers may have to be fetched, and a namespace of
# its own has no network. LIBSIW: where it is, or "skip" or "fail" and why.
top=$(cd "$(dirname "$0")/../.." && pwd)
abi=$(readelf -V /usr/lib/*/libibverbs.so.1 2>/dev/null |
	sed -n 's/.*IBVERBS_PRIVATE_\([0-9]*\)$/\1/p' | head -n 1)

# build ABI - libsiw for it; print what LIBSIW says
build() {
	local suite=trixie

	[ "$1" = 34 ] || suite=sid
	case $1 in
	34 | 65)
		"$top/tools/fetch-deb" -s $suite rdma-core >/dev/null 2>&1 || {
			echo skip the source of rdma-core cannot be fetched
			return
		}
		SIW_BUILD=$(dirname "${USIW_BUILD:-$top/build/dev}") \
			"$top/libsiw/build" "$1" ||
			echo "fail it does not build, see above" ;;
	*)	echo "skip there are no headers of private ABI ${1:-none}" ;;
	esac
}

if [ -z "${LIBSIW-}" ]; then
	export LIBSIW LIBSIW_OTHER
	LIBSIW=$(build "$abi")
	LIBSIW_OTHER=$(build $((99 - ${abi:-0})))	# 34 and 65
fi
. "$(dirname "$0")/lib.sh"
list=$top/tests/guest/pyverbs.list
tests=/usr/share/doc/rdma-core/tests
python=/usr/bin/python3		# Debian's, which has pyverbs

# built NAME ANSWER - say how it went
built() {
	case $2 in
	skip*)	skip "$1" "${2#* }"; return 1 ;;
	fail*)	not_ok "$1" "${2#* }"; return 1 ;;
	*)	ok "$1" ;;
	esac
}
built build_other "$LIBSIW_OTHER"
built build "$LIBSIW" || finish
export RDMAV_DRIVERS=${LIBSIW%-rdmav*}

# ours is in the process, and it is the one that is used: the stock one would
# refuse this
program() {
	cc -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -o "$work/libsiw" \
		"$top/tests/usiw/libsiw.c" -lrdmacm -libverbs -pthread -ldl \
		>"$work/client.log" 2>&1
}
check compile 'libsiw.c does not compile' program
for t in $("$work/libsiw"); do
	ext=0
	[[ $t != ext_* ]] || ext=1
	SIW_EXT=$ext check "$t" 'see above' client "$work/libsiw" "$t"
done

for o in '-C 500' '-C 10 -S 65535' '-C 10 -S 23'; do
	name=rping${o//[- ]/_}
	pair "$name" 7174 "rping -s -V $o" "rping -c -a 127.0.0.1 -V $o"
done

# perf NAME PROGRAM OPTION... - the same on both sides
perf() {
	local name=$1 prog=$2

	shift 2
	pair_perftest "$name" 18515 "$prog -R -F $*" "$prog -R -F $* 127.0.0.1"
}

limit=120
if have ib_send_bw perftest; then
	for op in send write read; do
		perf ${op}_bw ib_${op}_bw -n 300
		perf ${op}_bw_old ib_${op}_bw --use_old_post_send -n 300
		perf ${op}_bw_both_ways ib_${op}_bw -b -n 200
		perf ${op}_lat ib_${op}_lat -n 200
	done
	export SIW_EXT=1
	for op in FETCH_AND_ADD CMP_AND_SWAP; do
		perf atomic_bw_$op ib_atomic_bw -A $op -n 200
		perf atomic_lat_$op ib_atomic_lat -A $op -n 200
	done
	perf atomic_bw_old ib_atomic_bw --use_old_post_send -q 4 -n 100
	# Debian 12's does not know it
	if ib_write_bw --help 2>&1 | grep -q -- --write_with_imm; then
		perf write_bw_imm ib_write_bw --write_with_imm -n 200
		perf write_lat_imm ib_write_lat --write_with_imm -n 200
	fi
	unset SIW_EXT
	perf send_lat_events ib_send_lat -e -n 300
	perf send_lat_inline ib_send_lat -I 64 -s 64 -n 300
	perf send_bw_srq ib_send_bw --use-srq -n 200
	perf send_bw_all_sizes ib_send_bw -a -n 10
	perf write_bw_16_qps ib_write_bw -q 16 -n 50
fi

# what the list says the stock library passes
if $python -c 'import pyverbs' 2>/dev/null && [ -d $tests ]; then
	limit=200
	cp -r $tests "$work/tests"
	gunzip "$work"/tests/*.gz
	check pyverbs 'did not end' client $python \
		"$top/tests/guest/run-pyverbs" "$work" siw0 lo
	grep -aE '^test_[^ ]+ (ok|skip|fail|error)$' "$work/client.log" \
		>"$work/found"
	lost=$(awk 'NR == FNR { ok[$1] = $2 == "ok"; next }
		/^#/ { next }
		$2 == "ok" && !ok[$1] { print $1 }' "$work/found" "$list")
	check pyverbs_as_stock "not passed: ${lost//$'\n'/, }" [ -z "$lost" ]
	# with what ours offers they go on to connect without rdma_cm
	by_hand='test_cqex.CqExTestCase.test_rc_|test_qpex.QpExTestCase.test_qp_ex_rc_'
	failed_here=$(awk -v by_hand="^($by_hand)" '
		NR == FNR { listed[$1] = $2; next }
		$2 != "ok" && $2 != "skip" && !($1 in listed) &&
			$1 !~ by_hand { print $1 }' "$list" "$work/found")
	check pyverbs_no_other "failed: ${failed_here//$'\n'/, }" \
		[ -z "$failed_here" ]
else
	skip pyverbs 'python3-pyverbs or the tests of rdma-core are missing'
fi
finish
