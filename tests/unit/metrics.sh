#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The pages of metrics that are kept in tests/unit/golden, looked at by promtool; that
# docs/metrics.md has all of them, and the dashboard nothing else. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/result.sh
export LC_ALL=C.UTF-8

golden=tests/unit/golden
dashboard=docs/grafana-dashboard.json

pages() {
	python3 -IS tests/metrics/pages.py "$@"
}

# What promtool check metrics finds: names, units, help, and whether it can be read at all.
lint() {
	promtool check metrics <"$1" 2>&1 || echo "promtool: status $?"
}

# Both formats must have the same samples.
differences_of_formats() {
	diff <(grep -v '^#' "$golden/$1.om") <(grep -v '^#' "$golden/$1.prom")
}

documented() {
	diff <(pages documented <docs/metrics.md | sort) \
		<(cat $golden/{tuner,memnode}.om | pages families | sort) |
		sed -n 's/^< /only in docs\/metrics.md: /p; s/^> /not in docs\/metrics.md: /p'
}

# "10 + N (23 + 24 k) samples" of the page, where N k is the pairs of a VM memory and an order.
counted() {
	local alone of_vm of_order vms orders samples
	read -r alone of_vm of_order < <(
		sed -nE 's/^([0-9]+) \+ N \(([0-9]+) \+ ([0-9]+) k\) samples.*/\1 \2 \3/p' \
			docs/metrics.md)
	read -r vms orders samples < <(pages sizes <"$golden/tuner.om")
	[ "$((alone + of_vm * vms + of_order * orders))" -eq "$samples" ] ||
		echo "$samples samples of $vms VM memories and $orders orders"
}

# As rules, which promtool reads without a server.
queries_are_promql() {
	pages queries <"$dashboard" | python3 -IS -c '
import json, sys
rules = [{"record": f"query:{n}", "expr": line} for n, line in enumerate(sys.stdin)]
json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)' >"$work/rules.yml"
	promtool check rules "$work/rules.yml" >"$work/said" 2>&1 || cat "$work/said"
	[ "$(grep -o '"expr"' "$work/rules.yml" | wc -l)" -gt 10 ] || echo "hardly a query"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for page in tuner memnode; do
	result "promtool has nothing to say about the page of the $page" "$(lint $golden/$page.prom)"
	result "both formats of the $page have the same samples" "$(differences_of_formats $page)"
done
result "docs/metrics.md lists what is served, with types and labels" "$(documented)"
result "docs/metrics.md says how many samples that makes" "$(counted)"
result "the dashboard is JSON" "$(python3 -IS -m json.tool "$dashboard" 2>&1 >/dev/null)"
result "the dashboard's metrics and labels exist" \
	"$(pages unknown $golden/tuner.om $golden/memnode.om <"$dashboard" 2>&1)"
result "the dashboard's queries are PromQL" "$(queries_are_promql)"
echo "1..$number"
exit "$failed"
