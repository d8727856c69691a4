#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The stress test, short: what `make stress` runs for as long as asked. Prints TAP.
cd "${DMEM_TOP:-.}" || exit 1
exec out/stress --seconds 24
