#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs the stress test in the host that this was started in: loads the module, passes its options
# on, unloads the module. Prints TAP.
cd "$DMEM_TOP" || exit 1
insmod core-kmod/dmem.ko || exit 1
status=0
out/stress "$@" || status=$?
if rmmod dmem; then
	echo "ok the module unloads"
else
	echo "not ok the module does not unload"
	status=1
fi
echo 1..1
exit "$status"
