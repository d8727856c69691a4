#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# floor.sh's part inside the host: runs guests FIRST...LAST one after another, notes each that
# survived in FOLDER/survived and leaves the log of each that did not. Usage:
#   floor-inside.sh FOLDER FIRST LAST GUEST_TIMEOUT
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=$1 first=$2 last=$3 limit=$4

dead=0
for ((guest = first; guest <= last; guest++)); do
	log=$folder/guest-$guest.log
	if "$top/tests/guest/run.sh" --memory 256 --backing memfd --disturb clear_refs \
		--work dirty --timeout "$limit" --log "$log" 2>"$log.why"; then
		echo "$guest" >>"$folder/survived"
		rm -f "$log" "$log.why"
	else
		cat "$log.why"
		dead=$((dead + 1))
	fi
done
[ "$dead" -eq 0 ]
