#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The manual pages are without fault, and say of options what the programs say. TAP.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/result.sh

long_options() {
	grep -oE -- '(^|[^-a-z])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | sort -u
}

# What one says and the other does not.
differences() {
	diff <(long_options <"$1") <(long_options <"$2") |
		sed -n 's/^< /only in --help: /p; s/^> /only in the page: /p'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for page in docs/man/*.[58]; do
	result "${page##*/} is without fault" "$(mandoc -T lint -W warning "$page" 2>&1)"
	MANWIDTH=100 mandoc -T utf8 -O width=100 "$page" 2>/dev/null | col -b >"$work/page"
	program=out/$(basename "${page%.*}")
	if [ -x "$program" ]; then
		"$program" --help >"$work/help" 2>&1
		# dmemctl tells a command's options in its usage, and these for all of them.
		[ "$program" != out/dmemctl ] || echo '--options --help --version --json' >>"$work/help"
		result "options of ${page##*/}" "$(differences "$work/help" "$work/page")"
	fi
done
for program in out/dmem*; do
	[ -f "$program" ] && [ -x "$program" ] || continue
	[ "$program" = out/demo-report ] || [[ $program == *.* ]] || result "${program##*/} has a page" \
		"$(ls docs/man/"${program##*/}".8 2>&1 >/dev/null)"
done
echo "1..$number"
exit "$failed"
