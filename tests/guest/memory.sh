#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# For a while the kernel has no memory for callers that cannot wait (failure
# injection; only in the UML kernel `sanitize`). Whatever was under way then goes
# on afterwards: a sender that TCP told to wait is not forgotten.

. "$(dirname "$0")/lib.sh"
inject=/sys/kernel/debug/failslab
port=7174

# scarce PERCENT - of allocations fail
scarce() {
	echo 1 >$inject/interval
	echo -1 >$inject/times
	echo 0 >$inject/verbose
	# those that can wait are left alone
	echo Y >$inject/ignore-gfp-wait
	echo "$1" >$inject/probability
}

# sent - FPDUs so far
sent() {
	# shellcheck disable=SC2154
	sed -n 's/^tx_fpdus //p' "/sys/kernel/debug/siw/$cli_dev/stats"
}

goes_on() {
	[ "$(sent)" -gt $(($1 + 20)) ]
}

# spells SIZE - several, in one connection. The programs poll: the kernel itself
# loses events when it has no memory.
spells() {
	local i before

	before=$(sent)
	# shellcheck disable=SC2154
	serve $port ib_read_lat -d "$srv_dev" -R -F -p $port -s "$1" -n 1000000
	client ib_read_lat -d "$cli_dev" -R -F -p $port -s "$1" -n 1000000 \
		"$srv_ip" &
	until_true 20 goes_on $((before + 30)) || fail "no data"
	for ((i = 0; i < 10; i++)); do
		scarce 60
		sleep 0.5
		scarce 0
		until_true 20 goes_on "$(sent)" ||
			fail "the connection stands still since spell $i"
	done
}

tests() {
	check small 120 spells 8
	check large 120 spells 60000
}

main() {
	[ -d $inject ] || {
		skip_test all "this kernel has no failure injection"
		return
	}
	each_topology dummy tests
	scarce 0
}

guest_main "$@"
