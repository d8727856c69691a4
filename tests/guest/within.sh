# SPDX-License-Identifier: GPL-2.0
# What scripts that wait for guests share; sourced by bash.
# shellcheck shell=bash

# within SECONDS COMMAND...: the command comes true by then.
within() {
	local tries=$(($1 * 5 * ${DMEM_SLOW:-1}))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.2
	done
}

# show_threads PID: what a QEMU whose guest hangs waits for, each of its threads.
show_threads() {
	local task
	for task in /proc/"$1"/task/*; do
		echo "$(<"$task/comm"): $(sed -n 's/^State:[[:space:]]*//p' "$task/status")," \
			"in $(tr '\n' ' ' <"$task/stack")"
	done
}
