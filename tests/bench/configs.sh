# SPDX-License-Identifier: GPL-2.0
# What the macro part runs; macro-inside.sh says what each is. Baselines first, then the longest,
# so that two hosts that share the list end at about the same time.
# shellcheck shell=bash disable=SC2034 # for who includes this
all_configs=(footprint local static-9@25 uffd@50 static-9@50 auto@25 static-0@25 swap-0@50
	record@25 static-6@50 buddy@50 auto@50 static-0@50 swap-3@50 static-4@50 static-2@50
	static-9@75 auto@75 static-0@75)
