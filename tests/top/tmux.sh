# SPDX-License-Identifier: GPL-2.0
# A terminal for dmemtop's tests: tmux with a server of its own, real keys, and what the screen
# shows. To be sourced, with $work a folder and $number and $failed the results so far.

# What ends a test, which is a function that is run in a shell of its own.
no() {
	echo "$*" >"$work/why"
	exit 1
}

run_test() {
	number=$((number + 1))
	if ("test_$1"); then
		echo "ok $number $1"
	else
		echo "not ok $number $1"
		sed 's/^/# /' "$work/why"
		failed=$((failed + 1))
	fi
	end_terminal
}

mux() {
	tmux -S "$work/tmux" -f /dev/null "$@"
}

# terminal WIDTH HEIGHT COMMAND...: its exit status is in $work/status when it has ended.
terminal() {
	width=$1 height=$2
	shift 2
	rm -f "$work/status"
	printf '%s\n' "$*; echo \$? >$work/status; sleep 600" >"$work/command"
	mux new-session -d -x "$width" -y "$height" "sh $work/command" 2>"$work/err" ||
		no "tmux: $(cat "$work/err")"
	mux set-option -g escape-time 0 >/dev/null
}

end_terminal() {
	mux kill-server 2>/dev/null
	rm -f "$work/tmux"
}

screen() {
	mux capture-pane -p
}

press() {
	for key; do
		mux send-keys "$key"
		sleep 0.1
	done
}

# click COLUMN LINE, from 0 on, as a terminal of the type xterm says it.
click() {
	for button in 040 043; do
		mux send-keys -l "$(printf '\033[M%b%b%b' "\\0$button" \
			"\\0$(printf %o $(($1 + 33)))" "\\0$(printf %o $(($2 + 33)))")"
	done
}

# shows TEXT: within a while.
shows() {
	for _ in $(seq $((750 * ${DMEM_SLOW:-1}))); do
		screen >"$work/screen"
		! grep -qF -- "$1" "$work/screen" || return 0
		sleep 0.2
	done
	no "the screen does not show '$1': $(cat "$work/screen")"
}

# hides TEXT: within a while.
hides() {
	for _ in $(seq $((750 * ${DMEM_SLOW:-1}))); do
		screen >"$work/screen"
		grep -qF -- "$1" "$work/screen" || return 0
		sleep 0.2
	done
	no "the screen still shows '$1': $(cat "$work/screen")"
}

# ended STATUS: dmemtop has, with this exit status.
ended_with() {
	for _ in $(seq 150); do
		[ -s "$work/status" ] && break
		sleep 0.2
	done
	[ "$(cat "$work/status" 2>/dev/null)" = "$1" ] ||
		no "dmemtop: status '$(cat "$work/status" 2>&1)', not $1: $(screen)"
}
