#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# In a guest: run the unit tests inside its kernel.
#
#	tests/uml/run [-k fast|sanitize] -d none tests/unit/kunit.sh \
#		KUNIT_MODULE MODULE

set -u
insmod "$1" enable=1 autorun=1 || exit 1
dmesg --clear
insmod "$2" || exit 1
dmesg --notime | awk '
	# "    # Subtest: siw_mpa", "    ok 1 fn__case", "ok 1 siw_mpa"
	/^ *# Subtest: siw_/ { suite = $3; sub(/^siw_/, "", suite); next }
	/^    ok / { print "ok " suite "/" $3; next }
	/^    not ok / { print "not ok " suite "/" $4 " - see above"; next }
	/EXPECTATION FAILED|ASSERTION FAILED|Expected|==/ { print }'
rmmod "$(basename "$2" .ko)" kunit
