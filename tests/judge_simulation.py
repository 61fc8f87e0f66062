#!/usr/bin/env python3
"""Plays force-years with the simulator and holds them to what they must show.

tests/judge_simulation.py BINARY [YEARS [YEARS_OF_MUTANTS [MUTANT,...]]]

Nothing missed, unseen, after an answer or outside hours in YEARS force-years with faults; the same digest
when a year is played again; each scheduler that is wrong on purpose, or each of those that are named, caught
within YEARS_OF_MUTANTS, if that is not 0. From 100 YEARS on every fault must have struck, and years are played again with few faults
and with many, one after the other and side by side. Prints every figure; a failure with what plays it
again."""

import json
import os
import re
import subprocess
import sys
import time

SEED = 20261122
FAULTS, FEW_FAULTS = "0.3", "0.05"
REFERRALS_A_YEAR = 400
MUTANTS = ["ignore-slack", "fixed-ten-minutes", "drop-timer", "late-ladder", "lost-deputies"]
NEVER = ["missed", "unseen", "after_answer", "outside_hours", "dropped", "stuck"]
# From so many years on each of these must have struck, and more than one year is played again.
YEARS_OF_ALL = 100
PHASES = "greeting ehlo starttls handshake auth mail rcpt data".split()
STRUCK = ["down", "slow", "last_reply_lost", "address_gone"]
STRUCK += ["restart", "kill", "disk_full", "clock_forward", "clock_back"]
STRUCK += ["4xx_for_hours", "slow_for_hours", "suspended", "stopped_for_hours"]
STRUCK += [f"{what}_{phase}" for what in ("4xx", "cut", "wrong_code", "silent") for phase in PHASES]
PEOPLE = "report_lost report_late report_out_of_order report_forged bounced".split()
PEOPLE += "answer_late absence closed contradictory free_text not_ours call wrong_person".split()
PEOPLE += "school_rings not_on_roll call_wrong_number call_closed".split()

failed = []


def hold(is_so, otherwise):
    if not is_so:
        failed.append(otherwise)
        print(f"  FAILED: {otherwise}")


def simulate(binary, *arguments, faults=FAULTS):
    command = [binary, "simulate", "--json", "--seed", str(SEED), "--faults", faults, *arguments]
    began = time.monotonic()
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if ended.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: exit {ended.returncode}")
    found = json.loads(ended.stdout)
    found["seconds"] = round(time.monotonic() - began, 1)
    return found


def commit():
    here = os.path.dirname(os.path.abspath(__file__))
    asked = ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not known"


def tell(name, found):
    tally = found["tally"]
    print(f"{name}, {found['seconds']} s:")
    counts = {k: v for k, v in tally.items() if isinstance(v, int)}
    for words in (counts, tally["struck"], tally["people"]):
        print("  " + ", ".join(f"{word} {count}" for word, count in words.items()))
    for failure in tally["failures"]:
        again = f"--seed {failure['seed']} --first-year {failure['year']} --years 1 --faults {FAULTS}"
        which = f" {failure['notification']}" if failure["notification"] else ""
        build = failure["build"]
        print(f"  {failure['what']}\n    {build}: firstbell simulate {again} --timeline{which}")
    return tally


def clean_years(binary, years):
    found = simulate(binary, "--years", str(years))
    tally = tell(f"{years} force-years", found)
    for count in NEVER:
        hold(tally[count] == 0, f"{tally[count]} {count}")
    hold(not tally["failures"], "the run is not clean")
    hold(tally["years"] == years, "not every year was played")
    hold(tally["referrals"] >= REFERRALS_A_YEAR * years, "a force-year has fewer referrals")
    if commit() != "not known":
        hold(re.search(r" \([0-9a-f]{12}\)$", found["build"]), "the build names no commit")
    judged = tally["achievable"] + tally["unachievable"]
    hold(judged == tally["notifications"], "not every notification was judged")
    if years >= YEARS_OF_ALL:
        for words, wanted in ((tally["struck"], STRUCK), (tally["people"], PEOPLE)):
            for word in wanted:
                hold(words.get(word), f"{word} never happened")


def same_again(binary, years):
    for faults in (FAULTS, FEW_FAULTS)[: 2 if years >= YEARS_OF_ALL else 1]:
        played = "2" if years >= YEARS_OF_ALL else "1"
        digests = []
        for side_by_side in ("1", "2"):
            found = simulate(binary, "--years", played, "--side-by-side", side_by_side, faults=faults)
            digests.append(found["tally"]["digest"])
        print(f"{played} force-years with faults {faults}, played twice: {digests}")
        hold(digests[0] == digests[1], f"with faults {faults} one seed gave two different years")


def mutants(binary, years, names):
    for mutant in names if years else []:
        found = simulate(binary, "--years", str(years), "--mutant", mutant)
        caught = found["tally"]["failures"]
        played, took = found["tally"]["years"], found["seconds"]
        print(f"{mutant}: {played} force-years, {took} s: {caught[0]['what'] if caught else 'nothing'}")
        hold(caught, f"{mutant} was not caught within {years} force-years")


def main():
    binary = sys.argv[1]
    given = sys.argv[2:] + ["250", "50", ",".join(MUTANTS)][len(sys.argv) - 2 :]
    years, of_mutants, names = int(given[0]), int(given[1]), given[2].split(",")
    print(f"seed {SEED}, faults {FAULTS}, commit {commit()}")
    clean_years(binary, years)
    same_again(binary, years)
    mutants(binary, of_mutants, names)
    print("\n".join(failed) or "as it must be")
    sys.exit(1 if failed else 0)


main()
