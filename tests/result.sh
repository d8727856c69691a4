# SPDX-License-Identifier: GPL-2.0
# What the native scripts that print TAP share; sourced by bash.
# shellcheck shell=bash
number=0 failed=0

# result NAME COMPLAINTS: it is well where there are none.
result() {
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number $1"
	else
		echo "$2" | head -n 20 | sed 's/^/# /'
		echo "not ok $number $1"
		failed=1
	fi
}
