#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a build does not show: licence lines, clean sources, user space under clang too. TAP.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/result.sh

sources() {
	git ls-files | grep -Ev '^(LICENSE|vmlinux\.h|.*\.md|\.gitignore|tests/unit/golden/.*)$'
}

without_licence() {
	local file
	sources | while read -r file; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0' || echo "$file"
	done
}

# Messages are left whole, to be found by those who see them; so is a title in a manual page.
too_wide() {
	local file
	sources | grep -v '^docs/man/' | while read -r file; do
		expand "$file" | grep -nE '^.{101,}' | grep -v '"' | sed "s|^|$file:|"
	done
}

compiles_with_clang() {
	local file
	git ls-files 'lib/*.c' 'tuner/*.c' 'dmemctl/*.c' 'dmemtop/*.c' 'memnode/*.c' \
		'tests/*.c' |
		grep -v '\.bpf\.c$' | while read -r file; do
		clang -D_GNU_SOURCE -I. -Ilib -Icore-kmod -Ibpf -Iout/bpf -std=gnu17 -Wall -Wextra \
			-Werror -fsyntax-only "$file" 2>&1
	done
}

result "every source names its licence" "$(without_licence)"
result "no source has blanks at line ends" "$(sources | xargs grep -nE '[[:blank:]]+$' /dev/null)"
result "no source is wider than 100 columns" "$(too_wide)"
result "user space compiles with clang" "$(compiles_with_clang)"
result "scripts parse" "$(git ls-files '*.sh' | xargs -n 1 bash -n 2>&1)"
echo "1..$number"
exit "$failed"
