# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# For what runs as root inside a guest, around a test's script.
#
# rig_out	prefix of the files left for the host: ${rig_out}trouble,
#		${rig_out}dmesg, ${rig_out}rmmod.err
# SIW_DRIVER, SIW_KO	what is to be tested

# a kernel report that no test may cause
trouble_re='WARNING:|BUG:|BUG |KASAN|UBSAN|INFO: |ODEBUG|Oops|kernel panic'
trouble_re+='|possible recursive|possible circular|inconsistent lock'
trouble_re+='|suspicious RCU|bad unlock|held lock freed|unreferenced object'
trouble_re+='|sleeping function|refcount_t|corruption|leaked|stall'
trouble_re+='|general protection|unable to handle|blocked for more than'
trouble_re+='|waiting for .* to become free|Invalid wait context'

# report WORD... - something is wrong that the script may not have noticed
report() {
	echo "$*" >>"${rig_out}trouble"
}

# mark - from here on, the kernel log is the test's
mark() {
	echo "siw rig: start" >/dev/kmsg
}

load() {
	[ "$SIW_DRIVER" = none ] && return
	insmod "$SIW_KO" || report "cannot load the driver"
}

# living - is any process left that is neither this one, a kernel thread, nor a
# zombie? Only a zombie has closed its files, which hold the driver.
living() {
	local file line pid state parent

	for file in /proc/[0-9]*/stat; do
		read -r line <"$file" || continue
		pid=${line%% *}
		read -r state parent _ <<<"${line##*) }"
		case $pid:$parent:$state in
		$$:* | 2:* | *:2:* | *:[ZX]) ;;
		*) return 0 ;;
		esac
	done 2>/dev/null
	return 1
}

# end every process but this one, wherever it is; it has 10 s to go
end_processes() {
	local i

	kill -KILL -1 2>/dev/null
	for ((i = 0; i < 100; i++)); do
		living || return
		sleep 0.1
	done
	report "processes that do not die:" "$(ps -eo pid,stat,wchan,args)"
}

# unload the driver; it has 30 s to get rid of what the script left
unload() {
	local i

	[ -d /sys/module/siw ] || return
	rmmod siw 2>"${rig_out}rmmod.err" &
	for ((i = 0; i < 300; i++)); do
		[ -d /sys/module/siw ] || return
		kill -0 $! 2>/dev/null || break
		sleep 0.1
	done
	[ -d /sys/module/siw ] || return
	report "cannot unload the driver: $(cat "${rig_out}rmmod.err")" \
		"refcnt $(cat /sys/module/siw/refcnt)"
	cat "/proc/$!/stack" >>"${rig_out}trouble" 2>/dev/null
}

# kernel messages since mark
inspect() {
	local found

	dmesg >"${rig_out}dmesg"
	# traps: a program's own crash, for its test to notice; and names of tests
	found=$(sed '1,/siw rig: start/d; /\] traps: /d; /\] siw test: /d' "${rig_out}dmesg" |
		grep -iE -B 2 -A 30 "$trouble_re" | head -n 60)
	[ -z "$found" ] || report "kernel log:" "$found"
}
