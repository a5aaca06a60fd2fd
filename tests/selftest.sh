# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# For the rigs' tests of themselves; source it. `rig` is the rig's run script.
# One line a test, "ok NAME" or "not ok NAME - why"; `failed` becomes 1.

guest=tests/uml/broken/guest.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/siw-selftest.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

# expect NAME STATUS PATTERN RUN_ARG... - this run ends so and (with a PATTERN)
# says that
expect() {
	local name=selftest__$1 status=$2 pattern=$3 got=0

	shift 3
	"$rig" -d none -o "$work/run" "$@" >"$work/out" 2>"$work/err" ||
		got=$?
	if [ $got != "$status" ]; then
		echo "not ok $name - status $got, not $status"
	elif [ "$pattern" ] &&
		! cat "$work/out" "$work/err" | grep -qE "$pattern"; then
		echo "not ok $name - nothing like '$pattern' is reported"
	else
		echo "ok $name"
		return
	fi
	sed 's/^/    /' "$work/out" "$work/err"
	failed=1
}

# same NAME WANTED GOT
same() {
	if [ "$2" = "$3" ]; then
		echo "ok selftest__$1"
	else
		echo "not ok selftest__$1 - '$3', not '$2'"
		failed=1
	fi
}

# test_rig - output, status, time limit and link
test_rig() {
	expect echo 0 'to stderr' $guest echo 'a  b' "c'd" '$e'
	same stdout "$(printf '[%s]\n' 'a  b' "c'd" '$e')" "$(cat "$work/out")"
	same shared_directory "$1 none 0 unlimited" "$(cat "$work/run/0/left")"
	expect status 7 '' $guest exit 7
	expect link 0 ' 0% packet loss' -n 2 $guest link
	expect second_guest 5 '' -n 2 $guest second
	expect left_behind 0 '' -d intree $guest behind
	expect time_limit 124 '' -t 3 $guest hang
}

# test_trouble BROKEN.KO - a kernel that complains, or dies
test_trouble() {
	expect module 0 '' $guest broken "$1" none
	expect warning 99 'on purpose' $guest broken "$1" warn
	expect panic 98 'without an answer' $guest broken "$1" panic
}
