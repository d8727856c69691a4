#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What a page of metrics, docs/metrics.md and the Grafana dashboard say, in one form.

Usage: pages.py families <page     a line for each: NAME TYPE LABELS, of an OpenMetrics page
       pages.py documented <page   the same, of docs/metrics.md
       pages.py sizes <page        the samples of a page that docs/metrics.md's formula counts
       pages.py queries <dashboard each query, its variables replaced by values
       pages.py unknown PAGE... <dashboard   metrics and labels in queries that no page has
"""
import json
import re
import sys

SUFFIX = {"counter": "_total", "info": "_info"}
PARTS = ("_bucket", "_sum", "_count")
SAMPLE = re.compile(r'^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="(?:[^"\\]|\\.)*"')
# What Grafana puts in.
VALUES = {"$__rate_interval": "5m", "$vm": ".*"}


def families(page):
    """[(name as it is queried, type, labels)] of an OpenMetrics page."""
    found, types = {}, {}
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:4]
            types[name + SUFFIX.get(kind, "")] = kind
            found.setdefault(name + SUFFIX.get(kind, ""), [])
        sample = SAMPLE.match(line)
        if not sample:
            continue
        name = sample.group(1)
        if name not in types:
            name = next(name[:-len(part)] for part in PARTS if name.endswith(part))
        for label in LABEL.findall(sample.group(2) or ""):
            if label != "le" and label not in found[name]:
                found[name].append(label)
    return [(name, types[name], labels) for name, labels in found.items()]


def documented(text):
    """The same of the rows "| `name` | type | `label`, ... | meaning |"."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[1].startswith("`dmem_"):
            yield cells[1].strip("`"), cells[2], re.findall(r"`([a-z_]+)`", cells[3])


def sizes(page):
    """VM memories, pairs of these and an order, all samples."""
    samples = [line for line in page.splitlines() if SAMPLE.match(line)]
    vms = {re.search('id="([^"]*)"', line).group(1) for line in samples if 'id="' in line}
    orders = sum(line.startswith("dmem_vm_fetch_seconds_count{") for line in samples)
    return f"{len(vms)} {orders} {len(samples)}"


def queries(dashboard):
    """Every expression of every panel, and of the variables."""
    dashboard = json.loads(dashboard)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield "variable " + variable["name"], re.sub(
                r"label_values\((.*), *[a-z_]+\)", r"\1", variable["query"]["query"])


def replaced(expression):
    for name, value in VALUES.items():
        expression = expression.replace(name, value)
    return expression


def unknown(dashboard, pages):
    names, labels = {"up"}, {"job", "instance", "le"}
    for name, kind, own in (family for page in pages for family in families(page)):
        names |= {name + part for part in PARTS} if kind == "histogram" else {name}
        labels |= set(own)
    for title, expression in queries(dashboard):
        used = re.findall(r"\b(dmem_[a-z0-9_]+|up)\b", expression)
        if not used:
            yield f"{title}: no metric in {expression}"
        for name in used:
            if name not in names:
                yield f"{title}: no page has {name}"
        groups = ",".join(re.findall(r"(?:by|on|without|group_left) *\(([^)]*)\)", expression))
        inside = re.findall(r"([a-z_]+) *(?:=~|!~|!=|=)", ",".join(
            re.findall(r"\{([^}]*)\}", expression)))
        for label in re.findall(r"[a-z_]+", groups) + inside:
            if label not in labels:
                yield f"{title}: no page has the label {label}"


def main():
    what, text = sys.argv[1], sys.stdin.read()
    if what in ("families", "documented"):
        for name, kind, labels in {"families": families, "documented": documented}[what](text):
            print(name, kind, ",".join(labels))
    elif what == "sizes":
        print(sizes(text))
    elif what == "queries":
        for _, expression in queries(text):
            print(replaced(expression))
    elif what == "unknown":
        for line in unknown(text, [open(name, encoding="utf-8").read() for name in sys.argv[2:]]):
            print(line)
    else:
        sys.exit(__doc__)


main()
