#!/usr/bin/env python3
"""Runs a program on the hand-worked cases and reports each difference.

    check_cases.py                          the oracle
    check_cases.py -- PROGRAM ARGUMENT...   another program: it gets `--directory DIR`
                                            appended, lines on stdin, and must print
                                            one JSON object per line
Exit 0 if every case agrees, 1 if not.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMPARED = ("due_at", "act_by", "pupil_day", "assumed", "late_on_arrival")


def main():
    program = sys.argv[2:] if sys.argv[1:2] == ["--"] else [sys.executable, str(HERE / "oracle.py")]
    with open(HERE / "cases.tsv", encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    differing = 0
    for calendar in dict.fromkeys(case["calendar"] for case in cases):
        group = [case for case in cases if case["calendar"] == calendar]
        for case, found in zip(group, ask(program, calendar, group), strict=True):
            differing += report(case, found)
    print(f"{len(cases)} cases, {differing} differ")
    sys.exit(1 if differing else 0)


def ask(program, calendar, cases):
    lines = [
        " ".join([case["urn"], case["at"]] + ([] if case["incident"] == "-" else [case["incident"]]))
        for case in cases
    ]
    run = subprocess.run(
        [*program, "--directory", str(HERE / "calendars" / calendar)],
        input="\n".join(lines) + "\n", capture_output=True, text=True,
    )
    if run.returncode != 0:
        sys.exit(f"{calendar}: the program ended with {run.returncode}: {run.stderr.strip()}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def report(case, found):
    """Prints how an answer differs; 1 if it does, 0 if not."""
    expected = {name: case[name] for name in COMPARED}
    # The table holds words; JSON holds booleans. str() would write True.
    got = {name: json.dumps(found.get(name)).strip('"') for name in COMPARED}
    if got == expected:
        return 0
    print(f"{case['calendar']} {case['urn']} {case['at']} {case['incident']}: {case['why']}")
    for name in COMPARED:
        if got[name] != expected[name]:
            print(f"    {name}: expected {expected[name]}, got {got[name]}")
    return 1


if __name__ == "__main__":
    main()
