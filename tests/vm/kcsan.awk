# SPDX-License-Identifier: GPL-2.0
# A console log without the data races that have nothing of dmem.ko on either side's stack: the
# kernel has many of its own. A report stands between two lines of equals signs.
/====================/ {
	if (inside) {
		report = report $0 "\n"
		if (report !~ /BUG: KCSAN/ || report ~ /\[dmem\]/)
			printf "%s", report
		report = ""
	} else {
		report = $0 "\n"
	}
	inside = !inside
	next
}
inside { report = report $0 "\n"; next }
{ print }
END { printf "%s", report }
