#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What a debug kernel knows at the end of a run and does not say by itself: leaks that kmemleak
# finds, and whether its checkers have switched themselves off. Prints nothing when all is well;
# host.sh runs it. Usage: aftermath.sh leaks|objects|kcsan
debug=/sys/kernel/debug
[ -d $debug/tracing ] || mount -t debugfs none $debug 2>/dev/null

if [ "$1" = kcsan ]; then
	# How many accesses were watched; none where it is off.
	grep -qs '^enabled: 1' $debug/kcsan && grep -qs '^setup_watchpoints: [1-9]' $debug/kcsan ||
		echo "KCSAN is not there or off"
	exit 0
fi
if ! grep -qs '^ *debug_locks: *1$' /proc/lockdep_stats; then
	echo "lockdep is not there or has switched itself off"
fi
case $1 in
leaks)
	# Objects younger than five seconds are not looked at, and the second scan takes back what
	# the first one saw in the hands of somebody who was moving it.
	sleep 6
	for scan in first second; do
		echo scan >$debug/kmemleak || echo "kmemleak is off ($scan scan)"
	done
	cat $debug/kmemleak
	;;
objects)
	# Objects tracked now; none when the tracking has run out of memory and is off.
	if ! grep -qs '^pool_used *:[1-9]' $debug/debug_objects/stats; then
		echo "the tracking of timers, work items and RCU heads is off"
	fi
	;;
esac
