# SPDX-License-Identifier: GPL-2.0
# For mkinitramfs.sh and bench/guest/mkimage.sh, which source it: what initramfs images of tests
# are made of. The same input gives the same file.

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# image_begin INIT: a root tree with busybox (static) and INIT. Sets work (goes at exit), tree.
image_begin() {
	local busybox=/bin/busybox applet
	[ -x "$busybox" ] || fail "no $busybox: install busybox-static"
	! ldd "$busybox" >/dev/null 2>&1 || fail "$busybox is not statically linked"
	[ -x "$(command -v cpio)" ] || fail "no cpio: install cpio"
	[ -r "$1" ] || fail "no $1"

	work=$(mktemp -d) new=
	trap 'rm -rf "$work" ${new:+"$new"}' EXIT
	tree=$work/tree
	mkdir -p "$tree"/{bin,dev,proc,sys,tmp,root,etc}
	install -m 755 "$1" "$tree/init"
	install -m 755 "$busybox" "$tree/bin/busybox"
	for applet in $("$busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
	done
}

# image_add PROGRAM...: the programs, stripped, and what the dynamic linker would load for each,
# where it would look for it.
image_add() {
	local program libraries library
	for program in "$@"; do
		rm -f "$tree/bin/${program##*/}"
		install -s -m 755 "$program" "$tree/bin/${program##*/}"
		libraries=$(ldd "$program") || fail "ldd $program failed"
		! grep 'not found' <<<"$libraries" >&2 || fail "$program lacks libraries"
		awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$libraries"
	done | sort -u >"$work/libraries"
	while read -r library; do
		install -D -m 755 "$library" "$tree$library"
	done <"$work/libraries"
}

# image_end OUT [FILTER...]: packs the tree, through FILTER if there is one, and puts it in place.
image_end() {
	local out=$1
	shift
	[ $# -gt 0 ] || set -- cat
	find "$tree" -exec touch -h -d @0 {} +
	(cd "$tree" && find . -print0 | LC_ALL=C sort -z |
		cpio -0 -o -H newc -R 0:0 --reproducible --quiet) | "$@" >"$work/cpio"
	mkdir -p "$(dirname "$out")"
	new=$(mktemp "$out.XXXXXX")
	cp "$work/cpio" "$new"
	chmod 644 "$new"
	mv -f "$new" "$out"
}
