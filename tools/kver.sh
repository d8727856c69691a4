#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Prints the kernel to build for and to test on: KVER, or the newest installed Debian kernel of at
# least 6.12 that has headers to build against; nothing when there is none.
if [ -n "$KVER" ]; then
	[ -e "/lib/modules/$KVER/build/Makefile" ] || {
		echo "kver.sh: KVER=$KVER: no headers in /lib/modules/$KVER/build" >&2
		exit 1
	}
	echo "$KVER"
	exit 0
fi
for dir in /lib/modules/*/build; do
	release=${dir#/lib/modules/}
	release=${release%/build}
	[ -e "$dir/Makefile" ] || continue
	[ "$(printf '%s\n6.12\n' "$release" | sort -V | head -n 1)" = 6.12 ] && echo "$release"
done | sort -V | tail -n 1
