# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=sh
#
# Shared by the scripts of this tree; source it, POSIX sh is enough:
#
#	. "$(dirname "$0")/lib.sh"
#
# siw_cache	where everything large or downloaded lives, outside the checkout
# siw_top	the checkout

siw_cache=${SIW_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/softiwarp}
siw_top=${siw_top:-$(git -C "$(dirname "$0")" rev-parse --show-toplevel \
	2>/dev/null || (cd "$(dirname "$0")/.." && pwd))}

# say WORD... - progress, on stderr: stdout belongs to a script's answer
say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die WORD... - say why and fail
die() {
	say "$@"
	exit 1
}

# as_root COMMAND... - run it as root, by sudo if we are not
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "needs root, and there is no sudo: $*"
	fi
}

# lock NAME - take the machine-wide lock NAME (one per process, on fd 9) and
# keep it until unlock or exit. Long-lived children must be started with 9>&-.
lock() {
	mkdir -p "$siw_cache/lock"
	exec 9>"$siw_cache/lock/$1"
	flock -n 9 && return
	say "waiting for another run ($1)"
	flock -w 3600 9 || die "waited an hour for the lock '$1'"
}

unlock() {
	exec 9>&-
}

# hash_stdin - a short name for what is read: cat inputs | hash_stdin
hash_stdin() {
	sha256sum | cut -c1-16
}

# room N - wait until fewer than N jobs run in the background; bash only
room() {
	while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do
		wait -n
	done
}
