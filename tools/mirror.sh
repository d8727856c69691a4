#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Prints the mirror that the machine's own apt sources take its Debian release from.
. /etc/os-release
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
	awk -v release="$VERSION_CODENAME" '$1 == release { print $2; exit }')
if [ -z "$mirror" ]; then
	echo "deps: the machine's apt sources have no mirror of $VERSION_CODENAME to take" \
		"the packages from" >&2
	exit 1
fi
echo "$mirror"
