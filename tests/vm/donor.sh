#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a host of host.sh that donates: lends 512 MiB at the other end of link NUMBER, with FOLDER/key,
# until there is FOLDER/over. FOLDER, in out/, gets donor-NUMBER.ready once it does, and its log.
# FOLDER/donor-ask has it do something first, and is gone when it is done: restart (the daemon, by
# kill -9), forget (the same, with what it lent lost), cut, join (this end of the link).
# Usage: donor.sh FOLDER NUMBER
set -euo pipefail
folder=$1 number=$2 backing=/run/dmem-lent
exec 2>&1
cd "$DMEM_TOP"

log=$folder/donor-$number.memnode.log
start_daemon() {
	: >"$log"
	# Three emulators on two CPUs may leave one alone for seconds.
	out/dmem-memnode --listen "10.88.$number.2" --memory 512M --key-file "$folder/key" \
		--backing "$backing" --allow "10.88.$number.0/24" --renew 5000 >"$log" 2>&1 &
	memnode=$!
	until grep -q ': lends ' "$log"; do
		kill -0 "$memnode"
		sleep 0.5
	done
}

kill_daemon() {
	kill -KILL "$memnode"
	wait "$memnode" || :
	cat "$log"
}

do_as_asked() {
	case $(cat "$folder/donor-ask") in
	restart) kill_daemon; start_daemon ;;
	forget) kill_daemon; rm -r "$backing"/*; start_daemon ;;
	cut) tests/vm/link.sh "$number" cut ;;
	join) tests/vm/link.sh "$number" join ;;
	esac
	rm "$folder/donor-ask"
}

tests/vm/link.sh "$number" "10.88.$number.2"
modprobe -q rdma_ucm || :
mkdir "$backing"
mount -t tmpfs -o size=640M lent "$backing"
start_daemon
touch "$folder/donor-$number.ready"
until [ -e "$folder/over" ]; do
	kill -0 "$memnode"
	[ ! -e "$folder/donor-ask" ] || do_as_asked
	sleep 0.2
done
# No draining: the pool is gone, or what was to be shown has failed.
kill -INT "$memnode"
wait "$memnode"
