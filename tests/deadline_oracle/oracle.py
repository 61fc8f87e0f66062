#!/usr/bin/env python3
"""Deadlines worked out a second time, from the interface text alone.

    oracle.py --directory DIR [--division NAME] < lines

Each line is `URN AT [INCIDENT]`, instants in RFC 3339 with an offset. One JSON
object per line comes out. Exit 64 for wrong usage, 65 for data that cannot be
read (the message names the file or line). Where the text leaves a choice, the
comment beside the code begins with "Reading:".

Needs the time zone database: Debian package `tzdata`.
"""

import argparse
import csv
import io
import json
import re
import sys
from bisect import bisect_right
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
DEFAULT_START, DEFAULT_HOME = "08:30", "15:15"
GAP_DAYS_MAX = 60
SEARCH_DAYS_MAX = 400
ONE_DAY = timedelta(days=1)
NOT_PUPIL_KINDS = {"half-term", "holiday", "inset", "staff_day", "closure"}

RFC_3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
SCOPE = re.compile(r"la:\d{3}|urn:\d{6,7}", re.ASCII)
# Reading: the text shows no spelling of an academic year; any of 2024/25,
# 2024-25, 2024/2025 and 2024-2025 is taken.
ACADEMIC_YEAR = re.compile(r"(\d{4})[/-](\d{4}|\d{2})", re.ASCII)


class BadData(Exception):
    """Input that cannot be used; the message says where it is."""


def main():
    parser = argparse.ArgumentParser(description="deadlines from the interface text")
    parser.add_argument("--directory", required=True, type=Path)
    parser.add_argument("--division", default="england-and-wales")
    try:
        options = parser.parse_args()
    except SystemExit as stop:
        sys.exit(64 if stop.code else 0)
    try:
        directory = Directory(options.directory, options.division)
        answers = answer_all(directory, read_questions(sys.stdin))
    except (BadData, OSError, OverflowError) as fault:  # overflow: a year near 1 or 9999
        print(f"oracle: {fault}", file=sys.stderr)
        sys.exit(65)
    sys.stdout.write("".join(json.dumps(a, separators=(",", ":")) + "\n" for a in answers))


def read_questions(lines):
    questions = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) > 3 or len(fields) < 2:
            raise BadData(f"line {number}: expected URN AT [INCIDENT]")
        try:
            at = parse_instant(fields[1])
            incident = parse_instant(fields[2]) if len(fields) == 3 else None
        except (ValueError, OverflowError):
            raise BadData(f"line {number}: not an RFC 3339 time with offset") from None
        questions.append((fields[0], at, incident))
    return questions


def parse_instant(text):
    found = RFC_3339.fullmatch(text)
    if not found:
        raise ValueError("not RFC 3339")
    day, clock, fraction, offset = found.groups()
    # Microseconds are all Python keeps; further digits cannot change a whole second.
    fraction = (fraction or ".0")[:7]
    offset = "+00:00" if offset in "Zz" else offset
    return datetime.fromisoformat(f"{day}T{clock}{fraction}{offset}").astimezone(timezone.utc)


def answer_all(directory, questions):
    """Answers in order. Pupil days are worked out once per school, over all its questions."""
    spans = {}
    for urn, at, incident in questions:
        days = {local_day(at), local_day(incident or at)}
        spans.setdefault(urn, set()).update((min(days), max(days)))
    schools = {
        urn: SchoolDays(directory, urn, min(days), max(days)) for urn, days in spans.items()
    }
    return [answer(schools[urn], urn, at, incident) for urn, at, incident in questions]


def answer(school, urn, at, incident):
    day, due, assumed = school.next_start(at)
    late = incident is not None and school.start_between(incident, at)
    return {
        "urn": urn,
        "at": utc_text(at),
        "due_at": utc_text(due),
        "act_by": utc_text(act_by(school, at, due, late)),
        "pupil_day": day.isoformat(),
        "assumed": assumed,
        "late_on_arrival": late,
    }


def act_by(school, at, due, late):
    today = local_day(at)
    if not school.is_pupil_day(today):
        return due
    home = civil(today, school.home)
    if not civil(today, school.start) <= at < home - timedelta(minutes=45):
        return due
    if late:
        return at + timedelta(minutes=30)
    wanted = min(at + timedelta(minutes=90), home - timedelta(minutes=60))
    return max(wanted, at + timedelta(minutes=15))


class SchoolDays:
    """The pupil days of one school, from the day of its first question to 400 days past the last."""

    def __init__(self, directory, urn, first, last):
        if urn not in directory.authority_of:
            raise BadData(f"{urn} is not in schools.csv or schools-extra.csv")
        authority = directory.authority_of[urn]
        self.bank_holidays = directory.bank_holidays
        self.own = directory.calendar(f"urn:{urn}")
        self.authority = directory.calendar(f"la:{authority}")
        self.start, self.home = directory.day_times(urn, authority)

        self.days, self.starts, self.assumed = [], [], {}
        day = first
        while day <= last + SEARCH_DAYS_MAX * ONE_DAY:
            base, is_pupil_day = self.judge(day)
            if is_pupil_day:
                self.days.append(day)
                self.starts.append(civil(day, self.start))
                self.assumed[day] = base is None
            day += ONE_DAY

    def judge(self, day):
        """The base calendar of a day (None: there is none), and whether pupils come."""
        base = next((c for c in (self.own, self.authority) if c.covers(day)), None)
        if not self.is_working_weekday(day) or self.own.excludes(day):
            return base, False
        if base is None:
            # The authority's half terms and closures say nothing here: it is not the base.
            return None, True
        return base, base.in_term(day) and not base.excludes(day)

    def is_working_weekday(self, day):
        return day.weekday() < 5 and day not in self.bank_holidays

    def is_pupil_day(self, day):
        return day in self.assumed

    def start_between(self, after, until):
        """Is there a start strictly after `after` and at or before `until`?"""
        # Reading: a fallback day (see next_start) is not a pupil day, so its start
        # does not count, nor is a child in school on it.
        position = bisect_right(self.starts, until)
        return position > 0 and self.starts[position - 1] > after

    def next_start(self, at):
        """(day, start, assumed) of the earliest start strictly after `at`."""
        # Reading: "within 400 days" counts London calendar days from the day of
        # `at`, the 400th included.
        horizon = local_day(at) + SEARCH_DAYS_MAX * ONE_DAY
        position = bisect_right(self.starts, at)
        if position < len(self.days) and self.days[position] <= horizon:
            day = self.days[position]
            return day, self.starts[position], self.assumed[day]
        # Reading: the fallback's "next weekday" is today when today's start is still to come.
        day = local_day(at)
        while not self.is_working_weekday(day) or civil(day, self.start) <= at:
            day += ONE_DAY
        return day, civil(day, self.start), True


class Calendar:
    """The rows of one scope."""

    def __init__(self):
        self.terms, self.exclusions = [], []

    def covers(self, day):
        """Inside a term, or in a gap between two terms short enough to be a holiday."""
        if self.in_term(day):
            return True
        for (_, end), (start, _) in zip(self.terms, self.terms[1:]):
            if end < day < start:
                return (start - end).days - 1 <= GAP_DAYS_MAX
        return False

    def in_term(self, day):
        return any(start <= day <= end for start, end in self.terms)

    def excludes(self, day):
        return any(start <= day <= end for start, end in self.exclusions)


class Directory:
    """The files of a folder, as far as a deadline depends on them."""

    def __init__(self, folder, division):
        self.authority_of = {}
        for name, column in (("schools-extra.csv", ("urn", "la_code")),
                             ("schools.csv", ("URN", "LA (code)"))):
            for _, row in read_table(folder / name, column, required=name == "schools.csv"):
                self.authority_of[row[column[0]]] = row[column[1]]
        self.calendars = read_calendars(folder / "term-dates.csv")
        self.day_starts = read_day_starts(folder / "day-starts.csv")
        self.bank_holidays = read_bank_holidays(folder / "bank-holidays.json", division)

    def calendar(self, scope):
        return self.calendars.get(scope) or Calendar()

    def day_times(self, urn, authority):
        """Start and home time: the school's row wins over the authority's over the default."""
        # Reading: cell by cell, so a row that leaves one cell blank inherits that cell.
        found = [self.day_starts.get(scope, {}) for scope in (f"urn:{urn}", f"la:{authority}")]
        found.append({"start": DEFAULT_START, "home_time": DEFAULT_HOME})
        return tuple(
            time.fromisoformat(next(row[column] for row in found if row.get(column)))
            for column in ("start", "home_time")
        )


def read_calendars(path):
    # A missing file is no calendar at all: weekdays are assumed, which is earlier, never later.
    calendars = {}
    columns = ("scope", "academic_year", "kind", "start", "end")
    for where, row in read_table(path, columns):
        start, end = parse_day(row["start"], where), parse_day(row["end"], where)
        if end < start:
            raise BadData(f"{where}: ends before it starts")
        if not SCOPE.fullmatch(row["scope"]):
            raise BadData(f"{where}: unknown scope")
        check_academic_year(row["academic_year"], start, where)
        calendar = calendars.setdefault(row["scope"], Calendar())
        if row["kind"] == "term":
            if any(start <= e and s <= end for s, e in calendar.terms):
                raise BadData(f"{where}: overlaps another term of {row['scope']}")
            calendar.terms.append((start, end))
            calendar.terms.sort()
        elif row["kind"] in NOT_PUPIL_KINDS:
            calendar.exclusions.append((start, end))
        else:
            raise BadData(f"{where}: unknown kind")
    return calendars


def check_academic_year(text, start, where):
    found = ACADEMIC_YEAR.fullmatch(text)
    if not found:
        raise BadData(f"{where}: academic year not understood")
    first, second = int(found[1]), found[2]
    if str(first + 1)[-len(second):] != second:
        raise BadData(f"{where}: academic year is not two years running")
    if not date(first, 9, 1) <= start <= date(first + 1, 8, 31):
        raise BadData(f"{where}: starts outside its academic year")


def read_day_starts(path):
    rows = {}
    for where, row in read_table(path, ("scope", "start", "home_time")):
        if not SCOPE.fullmatch(row["scope"]) or row["scope"] in rows:
            raise BadData(f"{where}: unknown or repeated scope")
        for column in ("start", "home_time"):
            if row[column] and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", row[column]):
                raise BadData(f"{where}: {column} is not HH:MM")
        rows[row["scope"]] = row
    return rows


def read_bank_holidays(path, division):
    if not path.exists():
        return set()
    try:
        events = json.loads(path.read_text(encoding="utf-8"))[division]["events"]
        return {date.fromisoformat(event["date"]) for event in events}
    except (KeyError, TypeError, ValueError) as fault:
        raise BadData(f"{path.name}: {type(fault).__name__}: {fault}") from None


def read_table(path, columns, required=False):
    """(where, row) for each line of a CSV file, its cells trimmed; nothing if it may be absent and is."""
    if not path.exists() and not required:
        return
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")  # GIAS publishes cp1252
    table = csv.DictReader(io.StringIO(text, newline=""))
    missing = [c for c in columns if c not in (table.fieldnames or [])]
    if missing:
        raise BadData(f"{path.name}: no column {missing[0]}")
    for row in table:
        yield f"{path.name} line {table.line_num}", {c: (row[c] or "").strip() for c in columns}


def parse_day(text, where):
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise BadData(f"{where}: not an ISO date")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadData(f"{where}: no such date") from None


def local_day(instant):
    return instant.astimezone(LONDON).date()


def civil(day, clock):
    """The instant at which London's clocks show this time on this day."""
    # Clock changes fall at 01:00 on a Sunday, so no school time is skipped or doubled.
    return datetime.combine(day, clock, LONDON).astimezone(timezone.utc)


def utc_text(instant):
    # Reading: a fraction of a second is cut off in print, never in a comparison.
    return instant.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


if __name__ == "__main__":
    main()
