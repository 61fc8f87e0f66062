#!/usr/bin/env python3
"""Runs the simulator and holds it to what it must show: tests/judge_simulation.py BINARY [YEARS]

Clean over YEARS force-years with faults; the same digest when a year is played again; and, from
50 YEARS on, each scheduler that is wrong on purpose is caught within 50 force-years. Prints every figure."""

import json
import subprocess
import sys

SEED = 20261122
FAULTS = "0.05"
YEARS_OF_MUTANTS = 50
MUTANTS = ["ignore-slack", "fixed-ten-minutes", "drop-timer"]


def simulate(binary, *arguments):
    command = [binary, "simulate", "--json", "--seed", str(SEED), "--faults", FAULTS, *arguments]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if ended.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: exit {ended.returncode}")
    return json.loads(ended.stdout)


def tell(name, found):
    tally = found["tally"]
    counts = {k: v for k, v in tally.items() if k not in ("failures", "struck", "people", "digest")}
    print(f"{name}: {counts}")
    print(f"  struck: {tally['struck']}")
    for failure in tally["failures"]:
        print(f"  {failure}")


def main():
    binary, years = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "250"
    failed = []

    found = simulate(binary, "--years", years)
    tell(f"{years} force-years", found)
    if not found["clean"]:
        failed.append("the run is not clean")
    if found["tally"]["referrals"] < 400 * int(years):
        failed.append("a force-year has fewer than 400 referrals")
    if int(years) > 0 and not found["tally"]["struck"]:
        failed.append("no fault ever struck")

    digests = {simulate(binary, "--years", "1")["tally"]["digest"] for _ in range(2)}
    print(f"one year, played twice: {digests}")
    if len(digests) != 1:
        failed.append("the same seed gave two different years")

    for mutant in MUTANTS if int(years) >= YEARS_OF_MUTANTS else []:
        found = simulate(binary, "--years", str(YEARS_OF_MUTANTS), "--mutant", mutant)
        tell(f"mutant {mutant}", found)
        if found["clean"]:
            failed.append(f"{mutant} was not caught within {YEARS_OF_MUTANTS} force-years")

    print("\n".join(failed) or "as it must be")
    sys.exit(1 if failed else 0)


main()
