#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The floor: guests on plain memory, disturbed by clear_refs, must all survive in the emulated
# host, or nothing that a guest on dmem does there can be judged. Runs on the build machine.
# Usage: floor.sh [COUNT]. Logs of guests that died, and of their hosts: out/floor/.
# Exit status: 0 all survived and no host complained, 1 otherwise.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
count=${1:-50}
per_host=5
guest_limit=180
host_limit=$((per_host * (guest_limit + 15) + 120))

[[ $count =~ ^[1-9][0-9]*$ ]] || {
	echo "usage: floor.sh [COUNT]" >&2
	exit 2
}
if [ ! -r "$top/out/guest.cpio.gz" ]; then
	echo "floor.sh: no $top/out/guest.cpio.gz: tests/guest/mkinitramfs.sh makes it" >&2
	exit 2
fi
floor=$top/out/floor
rm -rf "$floor"
mkdir -p "$floor"
: >"$floor/survived"

bad_hosts=0
for ((first = 1; first <= count; first += per_host)); do
	last=$((first + per_host - 1 < count ? first + per_host - 1 : count))
	log=$floor/host-$first.log
	status=0
	# Through cat: virtme-ng opens its standard output anew, which empties a plain file.
	"$top/tests/vm/host.sh" --timeout "$host_limit" --log "$log" -- \
		"$top/tests/vm/floor-inside.sh" "$floor" "$first" "$last" "$guest_limit" |
		cat || status=$?
	case $status in
	0) rm -f "$log" ;;
	1) ;; # a guest died: it is counted below
	*) bad_hosts=$((bad_hosts + 1)) ;;
	esac
	echo "guests $first to $last: $(wc -l <"$floor/survived") of $last survived so far"
done

survived=$(wc -l <"$floor/survived")
[ "$bad_hosts" -eq 0 ] || echo "floor.sh: $bad_hosts hosts failed; logs in $floor" >&2
echo "$survived of $count guests survived"
[ "$survived" -eq "$count" ] && [ "$bad_hosts" -eq 0 ]
