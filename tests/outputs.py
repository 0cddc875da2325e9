#!/usr/bin/env python3
"""Everything that deferscope writes as JSON, against its schema (traces/schema) and, for events, against what must be true of any program's
(tests/event_rules.py): tests/outputs.py --program PATH --guests FOLDER [--all] [--shard I/N], or --program PATH --others FILE….

The guests are the core set's for Linux. Each runs two cases of CASES in turn, with --all every one. --others are any programs for Linux: each
runs once, with the arguments of --with, and need not succeed.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# Debian's python3-jsonschema is Debian's python3's, which need not be the first on PATH.
try:
    import jsonschema
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["python3", *sys.argv])
    print("no jsonschema for Python: skipped")
    sys.exit(77)

import event_rules
import trace_lines

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASES = ("panic-nested panic-repanic panic-loopframes recover-depths goexit-recovered stack-growloop defer-argsmany recover-inlined fault-nil "
         "panic-openframes rangefunc-defer rangefunc-return crash-repanic defer-nilfunc crash-badmethod").split()
SECONDS = 300  # a hang is a failure, not a timing assertion


def shape(value):
    """Keys in their order, and the same for the objects below: lines of one shape differ in values only."""
    if isinstance(value, dict):
        return "{" + ",".join(k + shape(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + "|".join(sorted(set(map(shape, value)))) + "]"
    return "" if value is None else type(value).__name__[0]


class Schema:
    """Each new shape is checked, and of a known one every fiftieth: patterns and numbers hardly differ within one."""

    def __init__(self, name):
        self.name, self.seen = name, {}
        root = json.loads((ROOT / "traces" / "schema" / f"{name}.json").read_text())
        jsonschema.Draft202012Validator.check_schema(root)
        self.validator = jsonschema.Draft202012Validator(root)

    def check(self, value, where):
        n = self.seen[shape(value)] = self.seen.get(shape(value), -1) + 1
        if n % 50 == 0:
            for e in self.validator.iter_errors(value):
                fail(f"{where}: {self.name}.json: {'.'.join(map(str, e.absolute_path))}: {e.message[:300]}")


failures = 0


def fail(text):
    global failures
    failures += 1
    if failures <= 100:
        print(text)


class Checks:
    def __init__(self, program):
        self.program = program
        self.schemas = {n: Schema(n) for n in ("info", "defers", "disasm", "snapshot", "event", "trace")}
        self.inventories = {}
        self.strict = set()  # kinds of events of which the schema was tried
        self.top = {}  # event kind -> its keys: the same in the same order, always

    def deferscope(self, *arguments, status=0):
        p = subprocess.run([self.program, *map(str, arguments)], capture_output=True, timeout=SECONDS)
        if status is not None and p.returncode != status:
            fail(f"{' '.join(map(str, arguments))}: status {p.returncode}: {p.stderr.decode(errors='replace')[:500]}")
        return p

    def trace(self, text, where, plain):
        """The events of a trace; its header and its end."""
        try:
            header, events, end = trace_lines.split(text)
        except trace_lines.NoTrace as problem:
            fail(f"{where}: no trace: {problem}")
            return {}, []
        if not header or not end:
            fail(f"{where}: a trace without {'end' if header else 'header'}")
            return {}, []
        for line in (header, end):
            self.schemas["trace"].check(line, where)
        self.trace_schema_is_strict(header, end)
        if end["complete"] and end["status"] != plain.returncode or not end["complete"] and plain.returncode != 125:
            fail(f"{where}: ended with {plain.returncode}, and the trace says {end}")
        ran = re.search(rb"^deferscope: (\d+) instructions, ", plain.stderr, re.M)
        if ran and int(ran[1]) != end["instructions"]:
            fail(f"{where}: {ran[1].decode()} instructions, and the trace says {end['instructions']}")
        self.lines("event", events, where)
        return header, events

    def trace_schema_is_strict(self, *lines):
        validator = self.schemas["trace"].validator
        for line in lines:
            if line["line"] in self.strict:
                continue
            self.strict.add(line["line"])
            other = "end" if line["line"] == "header" else "header"
            for w in [{k: v for k, v in line.items() if k != key} for key in line] + [{**line, "another": 1}, {**line, "line": other}]:
                if validator.is_valid(w):
                    fail(f"trace.json takes a {line['line']} with the keys {list(w)}")

    def lines(self, schema, values, where):
        if not isinstance(values, list):
            values = [json.loads(line) for line in values.splitlines()]
        for v in values:
            self.schemas[schema].check(v, where)
        if not values:
            fail(f"{where}: no {schema}")
        return values

    def commands(self, guest):
        where = guest.name
        self.schemas["info"].check(json.loads(self.deferscope("info", "--json", guest).stdout), where)
        self.schemas["defers"].check(json.loads(self.deferscope("defers", "--json", "--scope", "all", guest).stdout), where)
        listing = self.deferscope("disasm", "--json", "--tables", "--inline", "-s", r"^main\.main$|^runtime\.(main|gopanic|deferreturn|newstack)$", guest)
        functions = self.lines("disasm", listing.stdout, where)
        notes = sum("tables" in i for f in functions for i in f["instructions"])
        if len(functions) < 4 or notes <= len(functions) or not any(f["tables"]["deferreturn"] for f in functions):
            fail(f"{where}: disasm says too little: {len(functions)} functions, {notes} notes")
        snap = self.deferscope("snap", "--raw", "--at", "main.mark8", guest, "panic-loopframes")
        self.schemas["snapshot"].check(json.loads(snap.stdout), where)
        self.words(json.loads(self.deferscope("snap", "--words", "4", "--at", "main.mark8", guest, "panic-loopframes").stdout), where)

    def words(self, snap, where):
        """snap --words: each byte of a frame has one role, return addresses are the frames', fields of records the chain's."""
        self.schemas["snapshot"].check(snap, where)
        told = [(g, f) for g in snap["goroutines"] for f in g["frames"] if f["words"] is not None]
        if len(told) != 4 or any(g["id"] != snap["goroutine"] for g, _ in told):
            fail(f"{where}: words of {len(told)} frames")
        for g, f in told:
            at = int(f["sp"], 16)
            records = {e["record"]: {x["name"]: int(x["value"], 16) for x in e["fields"]} for e in g["chain"] if e["record"] and not e["unlinked"]}
            for w in f["words"]:
                if int(w["address"], 16) != at or w["offset"] != at - int(f["sp"], 16):
                    fail(f"{where}: a gap or overlap at {at:#x} of {f['at']['symbol']}")
                at += w["size"]
                if w["role"] == "return address" and int(w["address"], 16) + 8 == int(f["caller_sp"], 16) and snap["binary"]["goarch"] == "amd64" and w["word"] != f["return_address"]:
                    fail(f"{where}: {f['at']['symbol']} returns to {f['return_address']}, its word is {w['word']}")
                if w["role"] == "_defer" and w["name"] == "sp":
                    record = next((r for r in records if int(r, 16) <= int(w["address"], 16) < int(r, 16) + 72), None)
                    if record and records[record]["sp"] != int(w["word"], 16):
                        fail(f"{where}: sp of {record} is {w['word']}")
            if at != int(f["caller_sp"], 16):
                fail(f"{where}: the words of {f['at']['symbol']} end at {at:#x}, its frame at {f['caller_sp']}")

    def sites(self, guest):
        """Kinds of the inventory's registration sites by pc."""
        if guest not in self.inventories:
            kinds = self.inventories[guest] = {}
            defers = json.loads(self.deferscope("defers", "--json", "--scope", "all", guest).stdout)
            for f in defers["functions"]:
                for s in f["sites"]:
                    kinds.setdefault(int(f["entry"], 16) + s["offset"], set()).add(s["storage"])
        return self.inventories[guest]

    def registered_at_sites(self, guest, stream, where):
        for e in stream:
            if e["event"] == "defer.push" and e["defer"]["storage"] not in self.sites(guest).get(int(e["defer"]["site"]["pc"], 16), ()):
                site = e["defer"]["site"]
                fail(f"{where}: event {e['id']}: no {e['defer']['storage']} site of the inventory: {site['symbol']}+{site['offset']}")

    def schema_is_strict(self, stream):
        """Of each kind of event one: without one of its keys, or with another, it is none."""
        validator = self.schemas["event"].validator
        for e in stream:
            if e["event"] in self.strict:
                continue
            self.strict.add(e["event"])
            wrong = [{k: v for k, v in e.items() if k != key} for key in e] + [{**e, "another": 1}]
            if isinstance(e.get("defer"), dict):
                wrong += [{**e, "defer": {**e["defer"], "another": 1}}, {**e, "defer": {k: v for k, v in e["defer"].items() if k != "bits"}}]
            for w in wrong:
                if validator.is_valid(w):
                    fail(f"event.json takes a {e['event']} with the keys {list(w)}")

    def run(self, guest, *arguments):
        where = f"{guest.name} {' '.join(arguments)}"
        with tempfile.TemporaryDirectory() as folder:
            events, snaps = pathlib.Path(folder, "events.jsonl"), pathlib.Path(folder, "snaps.jsonl")
            plain = self.deferscope("run", "--stats", guest, *arguments, status=None)
            watched = self.deferscope("run", "--stats", f"--events={events}", f"--snapshots={snaps}", guest, *arguments, status=None)
            same(where, plain, watched)
            header, stream = self.trace(events.read_text(), where, watched)
            self.header_is_true(header, guest, arguments, where)
            self.schema_is_strict(stream)
            chains = self.lines("snapshot", snaps.read_text(), where)
        for e in stream:
            keys = self.top.setdefault(e["event"], list(e))
            if list(e) != keys:
                fail(f"{where}: event {e['id']} has the keys {list(e)}, others {keys}")
        for broken in event_rules.check(stream, chains[0]["binary"]["goarch"] if chains else "amd64", chains):
            fail(f"{where}: {broken}")
        self.registered_at_sites(guest, stream, where)
        if watched.stdout != written(stream, 1) or written(stream, 2) not in watched.stderr:
            fail(f"{where}: the outputs are not what the guest wrote")

    def header_is_true(self, header, guest, arguments, where):
        """What others say of the same file and command line."""
        if not header:
            return
        info = json.loads(self.deferscope("info", "--json", guest).stdout)["go"]
        settings = info["settings"]
        told = {"sha256": hashlib.sha256(guest.read_bytes()).hexdigest(), "go": info["version"]["text"], "goos": info["goos"], "goarch": info["goarch"],
                "package": info["package"] or None, "settings": settings, "arguments": [str(guest), *arguments],
                "default_godebug": next((s["value"] for s in settings if s["key"] == "DefaultGODEBUG"), None)}
        for key, value in told.items():
            if header[key] != value:
                fail(f"{where}: the header's {key} is {header[key]!r}, not {value!r}")


def written(stream, descriptor):
    """What the guest wrote there, as its events say."""
    pieces = [e for e in stream if e["event"] == "output" and e["descriptor"] == descriptor]
    return b"".join(bytes.fromhex(e["bytes"]) if e["text"] is None else e["text"].encode() for e in pieces)


def same(where, plain, watched):
    """Watching changes nothing: output, status and the number of instructions."""
    def told(p):
        report = p.stderr.decode(errors="replace").splitlines()
        stats = [line.split(" instructions")[0] for line in report if line.startswith("deferscope: ") and " instructions, " in line]
        return p.returncode, p.stdout, [line for line in report if not line.startswith("deferscope: ")], stats
    if told(plain) != told(watched):
        fail(f"{where}: a run with events differs from one without: {told(plain)} {told(watched)}"[:1000])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", type=pathlib.Path)
    parser.add_argument("--others", nargs="+", type=pathlib.Path, default=[], metavar="FILE")
    parser.add_argument("--with", dest="arguments", default="", metavar="ARGS", help="what --others are called with")
    parser.add_argument("--all", action="store_true", default=bool(os.environ.get("DEFERSCOPE_ALL")), help="every one of CASES")
    parser.add_argument("--shard", default="0/1")
    args = parser.parse_args()
    shard, shards = map(int, args.shard.split("/"))
    checks = Checks(args.program)
    runs = 0
    for other in args.others:
        checks.run(other, *args.arguments.split())
        runs += 1
    guests = sorted(args.guests.glob("*_linux_*")) if args.guests else []
    for n, guest in enumerate(guests):
        if n % shards != shard:
            continue
        listed = checks.deferscope("run", guest, "list").stdout.decode().split()
        if n % 4 == shard % 4 or args.all:
            checks.commands(guest)
        wanted = [c for i, c in enumerate(CASES) if ((n + i) % 7 == 0 or args.all) and c in listed]
        for case in wanted:
            checks.run(guest, case)
            runs += 1
    if not runs:
        print("no guests: skipped")
        sys.exit(77)
    print(f"{runs} runs of {len(guests) + len(args.others)} guests, {failures} failures")
    sys.exit(failures != 0)


if __name__ == "__main__":
    main()
