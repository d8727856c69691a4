#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Prints the newest installed Debian kernel of at least 6.12 that has headers to build against.
for dir in /lib/modules/*/build; do
	release=${dir#/lib/modules/}
	release=${release%/build}
	[ -e "$dir/Makefile" ] || continue
	[ "$(printf '%s\n6.12\n' "$release" | sort -V | head -n 1)" = 6.12 ] && echo "$release"
done | sort -V | tail -n 1
