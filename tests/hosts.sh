#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A donor that is a machine of its own: an emulated host lends memory to another one over a link
# between them, and the test in that one says when the donor's machine is stopped, goes on, or is
# killed as by a power cut. Prints the test's TAP. Usage: hosts.sh LOG-FOLDER
# The test writes STOP, CONT or KILL to out/hosts/run/ask and waits for out/hosts/run/done; what
# else happens to the donor's machine it asks of donor.sh there.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
logs=$1 run=$top/out/hosts/run limit=1200

cd "$top"
rm -rf "$run"
mkdir -p "$run"
(umask 077 && od -An -vtx1 -N32 /dev/urandom | tr -d ' \n' >"$run/key")
# Paths of sockets are short.
sockets=$(mktemp -d /tmp/dmem-hosts.XXXXXX)
helpers=()
clean_up() {
	touch "$run/over"
	wait "${helpers[@]}" 2>/dev/null || true
	rm -rf "$sockets"
}
trap clean_up EXIT

donor_host() {
	"$top/tests/vm/host.sh" --cpus 1 --memory 1G --timeout "$limit" \
		--link "client:$sockets/1:1" --pidfile "$run/donor.pid" \
		--log "$logs/hosts-donor.log" -- "$top/tests/vm/donor.sh" "$run" 1 \
		>"$logs/hosts-donor.out" 2>&1 || :
	touch "$run/donor-1.ended"
}

do_as_asked() {
	local asked
	until [ -e "$run/over" ]; do
		sleep 0.2
		[ -e "$run/ask" ] || continue
		asked=$(cat "$run/ask")
		rm "$run/ask"
		kill "-$asked" "$(cat "$run/donor.pid")"
		touch "$run/done"
	done
}

donor_host &
helpers+=($!)
do_as_asked &
helpers+=($!)
"$top/tests/vm/host.sh" --memory 1G --timeout "$limit" --log "$logs/hosts.log" \
	--link "server:$sockets/1:1" -- tests/selftests.sh out/hosts/tests/*
