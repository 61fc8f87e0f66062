#!/usr/bin/env python3
"""Judges the demo from outside the binary: judge_demo.py FIRSTBELL

Runs `firstbell demo --once --json` in a folder of its own, then works out what became of every
notification from what the schools' relays took, from the mails as they arrived and from the facts,
and compares that with what the demo says of itself. Each mail's signature is checked with gpg and
with sqv. Prints every difference; exit 1 if there is one.

Python 3.11 or newer, standard library only; gpg and sqv (tests/packages).
"""

import email
import email.policy
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The night as it is posted: child_ref -> (name as a letter prints it, URNs that must be told). None
# stands for a school that nobody knows. Written from the story, not read from the binary.
NIGHT = {
    "c-1": ("Amelia OKAFOR", {"990001"}),
    "c-2": ("Łukasz NOWAK", {"990003"}),
    "c-3": ("Niamh O'DOWD", {"990002", "990005"}),
    "c-4": ("Yusuf RAHMAN", {"990001"}),
    "c-5": ("Zahra RAHMAN", {"990002"}),
    "c-6": ("Esme HART", {"990004"}),
    "c-7": ("Freddie LANE", {None}),
}
# The demo says that it ends within a minute; the rest is for a busy machine.
DEMO_SECONDS_MAX = 120
COMMAND_SECONDS_MAX = 30
TOKEN = re.compile(r"<([0-9a-z]{26})@[^<>@]+>")


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 64
    binary = Path(arguments[0]).resolve()
    with tempfile.TemporaryDirectory(prefix="firstbell-judge-") as folder:
        return judge(binary, Path(folder))


def judge(binary, folder):
    ready_file, state = folder / "ready.json", folder / "demo"
    demo = subprocess.run(
        [binary, "demo", "--once", "--json", "--state-dir", state, "--ready-file", ready_file],
        capture_output=True, text=True, timeout=DEMO_SECONDS_MAX, stdin=subprocess.DEVNULL,
    )
    faults = []
    if demo.returncode != 0:
        faults.append(f"the demo exits {demo.returncode}: {demo.stderr.strip()}")
    if not ready_file.exists():
        return tell(faults + ["there is no ready file"], 0)
    ready = json.loads(ready_file.read_text())
    said = [json.loads(line) for line in demo.stdout.splitlines()]
    said = {line["notification"]: line for line in said if "notification" in line}
    told = [(trace_of(binary, ready, id), line) for id, line in said.items()]

    mails = read_mails(Path(ready["mail_dir"]))
    journal = read_journals(Path(ready["state_dir"]))
    addresses = contacts(Path(ready["directory"]))
    faults += compare_files(mails, journal)
    for file, mail in mails.items():
        faults += verify(Path(ready["mail_dir"]) / file, mail, Path(ready["openpgp_cert"]), folder)
    faults += who_was_told([trace for trace, _ in told])
    claimed = {}
    for trace, line in told:
        faults += compare(trace, line, mails, journal, addresses, claimed)
    for file in mails.keys() - claimed.keys():
        faults.append(f"{file} belongs to no notification")
    return tell(faults, len(told), len(mails))


def tell(faults, notifications, mails=0):
    for fault in faults:
        print(fault)
    verdict = f"{len(faults)} differences" if faults else "no difference"
    print(f"{notifications} notifications and {mails} mails judged: {verdict}")
    return 1 if faults else 0


def trace_of(binary, ready, notification):
    settings = [word for file in ready["config"] for word in ("--config", file)]
    command = [binary, *settings, "notification", "trace", notification, "--json"]
    answer = subprocess.run(
        command, capture_output=True, check=True, timeout=COMMAND_SECONDS_MAX, stdin=subprocess.DEVNULL
    )
    return json.loads(answer.stdout)


def read_mails(folder):
    """Every mail as it arrived: its bytes, its token, its recipient and its decoded text."""
    mails = {}
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        message = email.message_from_bytes(data, policy=email.policy.default)
        text = next(part for part in message.walk() if part.get_content_type() == "text/plain")
        token = TOKEN.fullmatch(str(message["Message-ID"]).strip())
        mails[path.name] = {
            "data": data,
            "token": token and token.group(1),
            "to": str(message["To"]),
            "text": text.get_content(),
        }
    return mails


def read_journals(folder):
    """What the relays noted, in order, each line with the relay's name."""
    lines = []
    for path in sorted(folder.glob("relay-*.journal")):
        route = path.stem.removeprefix("relay-")
        lines += [{"route": route, **json.loads(line)} for line in path.read_text().splitlines()]
    return lines


def contacts(folder):
    """URN -> addresses that the directory allows there, with their routes."""
    rows = [line.split(",") for line in (folder / "contacts.csv").read_text().splitlines()]
    columns = {name: place for place, name in enumerate(rows[0])}
    allowed = {}
    for row in rows[1:]:
        entry = (row[columns["address"]], row[columns["route"]])
        allowed.setdefault(row[columns["urn"]], set()).add(entry)
    return allowed


def compare_files(mails, journal):
    noted = [line["file"] for line in journal if line["event"] == "taken"]
    faults = [f"{name} is noted more than once" for name in set(noted) if noted.count(name) > 1]
    faults += [f"{name} is noted and is not there" for name in set(noted) - mails.keys()]
    faults += [f"{name} is there and not noted" for name in mails.keys() - set(noted)]
    faults += [f"a relay lost a connection: {line}" for line in journal if line["event"] == "lost"]
    return faults


def who_was_told(traces):
    """The schools of each child, by the night's list."""
    found = {}
    for trace in traces:
        found.setdefault(trace["child_ref"], []).append(trace["urn"])
    wanted = {child: sorted(urns, key=str) for child, (_, urns) in NIGHT.items()}
    found = {child: sorted(urns, key=str) for child, urns in found.items()}
    return [] if found == wanted else [f"told are {found}, not {wanted}"]


def compare(trace, line, mails, journal, addresses, claimed):
    """One notification: its state and deliveries, worked out anew."""
    id, urn = trace["notification"], trace["urn"]
    faults, deliveries = [], []
    for delivery in trace["deliveries"]:
        letter = next(one for one in trace["letters"] if one["letter"] == delivery["letter"])
        mine = {
            name: mail for name, mail in mails.items()
            if hashlib.sha256(mail["data"]).hexdigest() == letter["sha256"]
        }
        taken = [one for one in journal if one["event"] == "taken" and one["file"] in mine]
        to = {one["rcpt"] for one in taken}
        put_off = [one for one in journal if one["event"] == "put_off" and one["rcpt"] in to]
        faults += look_at(trace, mine, taken, addresses.get(urn, set()), claimed)
        deliveries.append({
            "delivery": delivery["delivery"],
            "route": taken[0]["route"] if taken else delivery["route"],
            "state": "relayed" if taken else "queued",
            "attempts": len(taken) + len(put_off),
            "repeats": max(len(taken) - 1, 0),
        })
    kinds = [fact["kind"] for fact in trace["facts"]]
    ended = [fact["body"] for fact in trace["facts"] if fact["kind"] == "attempt_ended"]
    if len(ended) != sum(one["attempts"] for one in deliveries):
        faults.append(f"{id}: {len(ended)} attempts ended, the relays saw {deliveries}")
    if [one for one in ended if not one["tls_version"]]:
        faults.append(f"{id}: an attempt without TLS")
    state = "held" if "held" in kinds else "open"
    if (state == "held") == bool(deliveries):
        faults.append(f"{id}: {state} with {len(deliveries)} deliveries")
    said = [{key: one[key] for key in deliveries[0]} for one in line["deliveries"]] if deliveries else line["deliveries"]
    pairs = [("urn", urn, line["urn"]), ("state", state, line["state"]), ("deliveries", deliveries, said),
             ("expected", state, line["expected"]), ("acknowledged_by", None, line["acknowledged_by"])]
    faults += [f"{id}: {name} is {found}, the demo says {told}" for name, found, told in pairs if found != told]
    return faults


def look_at(trace, mine, taken, allowed, claimed):
    """The mails of one delivery: to whom, about which child and no other, under which names."""
    id, faults = trace["notification"], []
    own_name = NIGHT[trace["child_ref"]][0]
    if len(mine) != 1:
        faults.append(f"{id}: {len(mine)} mails hold its letter, not one")
    for one in taken:
        mail = mine[one["file"]]
        if claimed.setdefault(one["file"], id) != id:
            faults.append(f"{one['file']} belongs to {claimed[one['file']]} and to {id}")
        if (one["rcpt"], one["route"]) not in allowed:
            faults.append(f"{one['file']}: {one['rcpt']} over {one['route']} is no contact of {trace['urn']}")
        if mail["to"] != one["rcpt"]:
            faults.append(f"{one['file']}: To is {mail['to']}, the envelope {one['rcpt']}")
        if not mail["token"] or mail["token"] != one["envid"]:
            faults.append(f"{one['file']}: Message-ID and ENVID differ")
        if trace["reference"] not in mail["text"]:
            faults.append(f"{one['file']}: not under the reference {trace['reference']}")
        if f"Child: {own_name}" not in mail["text"]:
            faults.append(f"{one['file']}: not about {trace['child_ref']}")
        for child, (name, _) in NIGHT.items():
            given = name.split()[0]
            if child != trace["child_ref"] and given in mail["text"]:
                faults.append(f"{one['file']}: speaks of {child} too")
    return faults


def verify(path, mail, certificate, folder):
    """gpg and sqv on the bytes between the boundaries (RFC 3156, section 5)."""
    boundary = re.search(rb'boundary="([^"]+)"', mail["data"])
    parts = mail["data"].split(b"\r\n--" + boundary.group(1)) if boundary else []
    if len(parts) != 4 or parts[3] != b"--\r\n":
        return [f"{path.name} is not two parts"]
    signed, signature = folder / "signed", folder / "signature.asc"
    signed.write_bytes(parts[1].removeprefix(b"\r\n"))
    signature.write_bytes(parts[2].split(b"\r\n\r\n", 1)[1])
    home = folder / "gnupg"
    if not home.exists():
        home.mkdir(mode=0o700)
        run(["gpg", "--homedir", home, "--batch", "--no-autostart", "--import", certificate])
    gpg = run(["gpg", "--homedir", home, "--batch", "--no-autostart", "--trust-model", "always",
               "--status-fd", "1", "--verify", signature, signed])
    sqv = run(["sqv", "--keyring", certificate, signature, signed])
    faults = []
    if gpg.returncode != 0 or "[GNUPG:] GOODSIG " not in gpg.stdout:
        faults.append(f"{path.name}: gpg does not accept the signature: {gpg.stderr.strip()}")
    if sqv.returncode != 0:
        faults.append(f"{path.name}: sqv does not accept the signature: {sqv.stderr.strip()}")
    return faults


def run(command):
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace",
        timeout=COMMAND_SECONDS_MAX, stdin=subprocess.DEVNULL
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
