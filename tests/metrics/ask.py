#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Asks a Prometheus on this host, and says nothing where all is as it should be.

Usage: ask.py up PORT JOB...            each job's only target is up
       ask.py value PORT QUERY VALUE    the query has one sample, of this value
       ask.py none PORT QUERY           it has none
       ask.py some PORT <queries        each of these queries, a line each, has samples
"""
import json
import sys
import urllib.parse
import urllib.request


def get(port, path, **parameters):
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)["data"]
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{path} {parameters}: {error}")


def query(port, expression):
    return get(port, "query", query=expression)["result"]


def main():
    what, port, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
    if what == "up":
        targets = {t["labels"]["job"]: t for t in get(port, "targets")["activeTargets"]}
        for job in arguments:
            target = targets.get(job, {})
            if target.get("health") != "up":
                sys.exit(f"{job}: {target.get('health')}: {target.get('lastError')}")
    elif what == "value":
        result = query(port, arguments[0])
        if [float(sample["value"][1]) for sample in result] != [float(arguments[1])]:
            sys.exit(f"{arguments[0]} is not {arguments[1]}: {result}")
    elif what == "none":
        result = query(port, arguments[0])
        if result:
            sys.exit(f"{arguments[0]} is there: {result}")
    elif what == "some":
        for line in sys.stdin:
            if not query(port, line.strip()):
                sys.exit(f"nothing: {line.strip()}")
    else:
        sys.exit(__doc__)


main()
