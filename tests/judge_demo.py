#!/usr/bin/env python3
"""Judges the demo from outside the binary: judge_demo.py FIRSTBELL

Runs `firstbell demo --once --json` in a folder of its own, then works out what became of every
notification from what the schools' relays took, from the mails as they arrived, from the mails that
schools and relays sent back, and from what the desk did, and compares that with what the demo says of
itself and with the facts. Each letter's signature is checked with gpg and with sqv. Prints every
difference; exit 1 if there is one.

Python 3.11 or newer, standard library only; gpg and sqv (tests/packages).
"""

import email
import email.policy
import email.utils
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The night as it is posted: child_ref -> (name as a letter prints it, URNs that must be told, a re-routed
# child's in turn). None stands for a school that nobody knows. Written from the story, not read from the
# binary.
NIGHT = {
    "c-1": ("Amelia OKAFOR", ["990001"]),
    "c-2": ("Łukasz NOWAK", ["990003"]),
    "c-3": ("Niamh O'DOWD", ["990002", "990005"]),
    "c-4": ("Yusuf RAHMAN", ["990001"]),
    "c-5": ("Zahra RAHMAN", ["990002"]),
    "c-6": ("Esme HART", ["990004"]),
    "c-7": ("Freddie LANE", [None]),
    "c-8": ("Tomos REES", ["990006"]),
    "c-9": ("Aisha BEGUM", ["990007"]),
    "c-10": ("Noah FINCH", ["990008"]),
    "c-11": ("Ivy STONE", ["990001"]),
    "c-12": ("Kofi MENSAH", ["990009", None, "990004"]),
    "c-13": ("Maisie DOYLE", ["990010"]),
    "c-14": ("Jacob PRYCE", ["990011"]),
    "c-15": ("Sana IQBAL", ["990012"]),
    "c-16": ("Oscar BLYTHE", ["990013"]),
}
# How each must have ended, by the story: of several notifications of a child, in the order of NIGHT.
ENDINGS = {
    "c-7": ["overdue"],
    "c-11": ["overdue"],
    "c-12": ["refused", "closed", "acknowledged"],
    "c-15": ["told"],
}
NOTIFICATIONS_MIN = 15
# Words beside a verdict that say nothing more.
COURTESY = {"with", "many", "thanks", "thank", "you"}
SIGN_OFFS = ("kind regards", "regards")
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
    sent = read_sent(Path(ready["state_dir"]))
    desk = read_lines(Path(ready["state_dir"]) / "desk.journal")
    people = contacts(Path(ready["directory"]))
    faults += compare_files(mails, journal)
    faults += who_was_told([trace for trace, _ in told])
    faults += [f"{one['file']}: the gateway said {one['reply']}" for one in sent if not one["reply"].startswith("250")]
    owners = {}
    for trace, _ in told:
        faults += claim_mails(trace, mails, owners)
    faults += [f"{file} belongs to no notification" for file in mails.keys() - owners.keys()]
    by_token = {mails[file]["token"]: owner for file, owner in owners.items()}
    for file, (_, message, _) in owners.items():
        if message == "letter" or b"multipart/signed" in mails[file]["data"]:
            faults += verify(Path(ready["mail_dir"]) / file, mails[file], Path(ready["openpgp_cert"]), folder)
    faults += counted_once(told, sent, by_token)
    for trace, line in told:
        faults += compare(trace, line, World(mails, journal, sent, desk, people, owners, by_token))
    faults += endings([line for _, line in told])
    if len(told) < NOTIFICATIONS_MIN:
        faults.append(f"only {len(told)} notifications")
    return tell(faults, len(told), len(mails) + len(sent))


class World:
    """Everything that was seen outside the gateway."""

    def __init__(self, mails, journal, sent, desk, people, owners, by_token):
        self.mails, self.journal, self.sent, self.desk = mails, journal, sent, desk
        self.people, self.owners, self.by_token = people, owners, by_token


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
            "note": message["Auto-Submitted"] is not None,
            "text": text.get_content(),
        }
    return mails


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def read_journals(folder):
    """What the relays noted, in order, each line with the relay's name."""
    lines = []
    for path in sorted(folder.glob("relay-*.journal")):
        route = path.stem.removeprefix("relay-")
        lines += [{"route": route, **line} for line in read_lines(path)]
    return lines


def read_sent(folder):
    """What schools and relays sent back: kind, which letter's token it names, and what it says."""
    sent = []
    for line in read_lines(folder / "sent.journal"):
        data = (folder / "sent" / line["file"]).read_bytes()
        message = email.message_from_bytes(data, policy=email.policy.default)
        one = {**line, "from": email.utils.parseaddr(str(message["From"]))[1]}
        if message.get_content_type() == "multipart/report":
            status = next(part for part in message.walk() if part.get_content_type() == "message/delivery-status")
            fields = {name.lower(): value for block in status.get_payload() for name, value in block.items()}
            one |= {"kind": "report", "token": fields["original-envelope-id"], "action": fields["action"]}
        else:
            token = TOKEN.fullmatch(str(message["In-Reply-To"]).strip())
            one |= {"kind": "automatic" if message["Auto-Submitted"] else "reply", "token": token and token.group(1)}
            one["verdict"], one["more"] = read_reply(message.get_content())
        sent.append(one)
    return sent


def read_reply(text):
    """A verdict, and whether the reply says more, from the words above the quoted letter."""
    words = []
    for line in text.splitlines():
        if line.startswith(">") or re.fullmatch(r"On .* wrote:", line) or line.lower().strip() in SIGN_OFFS:
            break
        words += re.findall(r"[a-z']+", line.lower())
    for verdict in (["received"], ["not", "ours"]):
        if words[:len(verdict)] == verdict:
            return " ".join(verdict), bool(set(words[len(verdict):]) - COURTESY)
    return None, True


def contacts(folder):
    """URN -> address -> (role, route), as the directory allows."""
    rows = [line.split(",") for line in (folder / "contacts.csv").read_text().splitlines()]
    columns = {name: place for place, name in enumerate(rows[0])}
    allowed = {}
    for row in rows[1:]:
        entry = (row[columns["role"]], row[columns["route"]])
        allowed.setdefault(row[columns["urn"]], {})[row[columns["address"]]] = entry
    return allowed


def compare_files(mails, journal):
    noted = [line["file"] for line in journal if line["event"] in ("taken", "died")]
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


def claim_mails(trace, mails, owners):
    """Whose each mail is, by its bytes: (notification, what it is, delivery)."""
    faults = []
    digests = {letter["letter"]: letter["sha256"] for letter in trace["letters"]}
    for fact in trace["facts"]:
        if fact["kind"] != "delivery_queued" or fact["body"]["after_attempt"] != 0:
            continue
        body = fact["body"]
        for name, mail in mails.items():
            if hashlib.sha256(mail["data"]).hexdigest() == digests[body["letter"]]:
                owner = (trace["notification"], body["message"], body["delivery"])
                if owners.setdefault(name, owner) != owner:
                    faults.append(f"{name} belongs to {owners[name]} and to {owner}")
    return faults


def counted_once(told, sent, by_token):
    """Each mail that was sent back is one fact of the notification that it names."""
    kinds = ("answer_received", "report_received", "absence_noted", "receipt_received")
    faults = [f"{one['file']} names no letter that arrived" for one in sent if one["token"] not in by_token]
    for trace, _ in told:
        counted = [fact for fact in trace["facts"] if fact["kind"] in kinds]
        mine = [one for one in sent if by_token.get(one["token"], ("",))[0] == trace["notification"]]
        if len(counted) != len(mine) or len({fact["body"]["inbound"] for fact in counted}) != len(mine):
            faults.append(f"{trace['notification']}: {len(mine)} mails came back, {len(counted)} were counted")
    return faults


def endings(lines):
    """Each child's states against the story."""
    faults = []
    for child, (_, urns) in NIGHT.items():
        wanted = sorted(zip(map(str, urns), ENDINGS.get(child, ["acknowledged"] * len(urns))))
        found = sorted((str(line["urn"]), line["state"]) for line in lines if line["child_ref"] == child)
        if found != wanted:
            faults.append(f"{child} ended as {found}, not as {wanted}")
    return faults


def compare(trace, line, world):
    """One notification: its state and deliveries, worked out anew."""
    id, urn = trace["notification"], trace["urn"]
    faults, deliveries = [], []
    for delivery in trace["deliveries"]:
        seen = seen_outside(delivery["delivery"], world)
        faults += look_at(trace, delivery, seen, world)
        deliveries.append({
            "delivery": delivery["delivery"],
            "route": seen["route"],
            "state": seen["state"],
            "attempts": seen["attempts"],
            "repeats": seen["repeats"],
        })
    ended = [fact["body"] for fact in trace["facts"] if fact["kind"] == "attempt_ended"]
    if len(ended) != sum(one["attempts"] for one in deliveries):
        faults.append(f"{id}: {len(ended)} attempts ended, the relays saw {deliveries}")
    if [one for one in ended if not one["tls_version"]]:
        faults.append(f"{id}: an attempt without TLS")
    state, by, tasks = outcome(trace, deliveries, world)
    said = [{key: one[key] for key in ("delivery", "route", "state", "attempts", "repeats")} for one in line["deliveries"]]
    of_mails = {"read_reply", "check_sender", "choose_ending"}
    pairs = [("urn", urn, line["urn"]), ("state", state, line["state"]), ("state", state, trace["state"]),
             ("deliveries", deliveries, said), ("expected", state, line["expected"]),
             ("acknowledged_by", by, line["acknowledged_by"]),
             ("tasks", tasks, of_mails & set(line["tasks"]))]
    faults += [f"{id}: {name} is {found}, the demo says {told}" for name, found, told in pairs if found != told]
    return faults


def seen_outside(delivery, world):
    """What the relays saw of a delivery, and what they reported."""
    files = [file for file, owner in world.owners.items() if owner[2] == delivery]
    route, attempts, put_off = None, 0, {}
    for one in world.journal:
        if one["event"] == "put_off":
            # It is put off until it is taken: nothing else goes to that address meanwhile.
            put_off[one["rcpt"]] = put_off.get(one["rcpt"], 0) + 1
        elif one["event"] in ("taken", "died"):
            before = put_off.pop(one["rcpt"], 0)
            if one["file"] in files:
                route, attempts = one["route"], attempts + 1 + before
    tokens = {world.mails[file]["token"] for file in files}
    actions = {one["action"] for one in world.sent if one["kind"] == "report" and one["token"] in tokens}
    state = "failed" if "failed" in actions else "delivered" if "delivered" in actions else "relayed"
    return {"files": files, "route": route, "state": state if files else "queued", "attempts": attempts,
            "repeats": max(len(files) - 1, 0)}


def outcome(trace, deliveries, world):
    """The state's word, whose answer was believed, and which tasks mails left behind."""
    id, child = trace["notification"], trace["child_ref"]
    listed = world.people.get(trace["urn"], {})
    state, by, tasks = None, None, set()
    for one in world.sent:
        if one["kind"] != "reply" or world.by_token.get(one["token"], ("",))[0] != id:
            continue
        role = listed.get(one["from"], (None,))[0]
        if role in (None, "office"):
            tasks.add("check_sender")
            continue
        if one["more"]:
            tasks.add("read_reply")
        if state is None and one["verdict"] == "received":
            state, by = "acknowledged", role
        elif state is None and one["verdict"] == "not ours":
            state = "refused"
    acts = {act["act"].split()[0] for act in world.desk if act["child_ref"] == child}
    if state is None and "route" in acts and trace["urn"] is None:
        state = "closed"
    elif state is None and "told" in acts:
        state = "told"
    if state is None:
        # Nobody answered, and the morning is over.
        state = "unanswered" if "delivered" in {one["state"] for one in deliveries} else "overdue"
        tasks.add("choose_ending")
    return state, by, tasks


def look_at(trace, delivery, seen, world):
    """The mails of one delivery: to whom, about which child and no other, under which names."""
    id, faults = trace["notification"], []
    allowed = world.people.get(trace["urn"], {})
    own_name = NIGHT[trace["child_ref"]][0]
    if not seen["files"]:
        faults.append(f"{id}: no relay saw {delivery['delivery']}")
    for one in world.journal:
        if one.get("file") not in seen["files"]:
            continue
        mail = world.mails[one["file"]]
        if allowed.get(one["rcpt"]) != (delivery["role"], one["route"]):
            faults.append(f"{one['file']}: {one['rcpt']} over {one['route']} is no {delivery['role']} of {trace['urn']}")
        if mail["to"] != one["rcpt"]:
            faults.append(f"{one['file']}: To is {mail['to']}, the envelope {one['rcpt']}")
        if world.owners[one["file"]][1] != "letter":
            # What says of itself that a program wrote it is a note, and a note names no child.
            names = [name.split()[0] for name, _ in NIGHT.values()] if mail["note"] else []
            faults += [f"{one['file']}: a note that says {name}" for name in names
                       if re.search(rf"\b{name}\b", mail["text"])]
            continue
        if not mail["token"] or mail["token"] != one["envid"]:
            faults.append(f"{one['file']}: Message-ID and ENVID differ")
        if trace["reference"] not in mail["text"]:
            faults.append(f"{one['file']}: not under the reference {trace['reference']}")
        if f"Child: {own_name}" not in mail["text"]:
            faults.append(f"{one['file']}: not about {trace['child_ref']}")
        for child, (name, _) in NIGHT.items():
            given = name.split()[0]
            if child != trace["child_ref"] and re.search(rf"\b{given}\b", mail["text"]):
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
