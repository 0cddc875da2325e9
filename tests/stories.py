#!/usr/bin/env python3
"""What deferscope says about the program stories (guests/src/stories): tests/stories.py --program PATH [--guests FOLDER] [--only TEXT] [--update] [--sample].

Each case of each build (release and instruction set) runs three times: as text (`run --events`), as JSON (`run --events --snapshots`) and, for some, under a script
of the stepper. Held against it are
  - the real machine's record (guests/stories/oracle): output and status;
  - the rules of event_rules.py: true of any program;
  - stories_truth.py: what happens, by hand from Go's source; also that at every line of it the defers that the lines before have registered are pending, in the order in
    which they would run, and those that have started are running, each in one place;
  - golden transcripts (stories/<case>.txt), without what differs from build to build: positions, addresses, offsets. Builds that say the same share a
    section. stories/digests.txt has a digest of every transcript as it is. --update writes both anew: read the difference.
--sample takes each case once, in turn of four builds: for instrumented programs.

--more FOLDER takes other builds, as those of `./dev guests` (all releases, also -N -l), without golden files; the real machine's record is made by running the one
for amd64. --testing FOLDER takes programs/once_test.go under the real testing package; what is missing in the folder is built with `go test -c` (needs Go).
"""
import argparse
import collections
import concurrent.futures
import difflib
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "guests"))
import event_rules  # noqa: E402
import matrix  # noqa: E402
import oracle  # noqa: E402
import stories_truth  # noqa: E402
import trace_lines  # noqa: E402

GOLDEN = ROOT / "tests" / "stories"
SAMPLE = ("1.12.17_linux_amd64", "1.17.13_linux_arm64", "1.22.12_linux_amd64", "1.27.4_linux_arm64")
OWN = ("main.", "once.")  # the packages of the programs
os.environ["COLUMNS"] = "10000"  # step's lines are compared whole
SECONDS = 300  # a hang is a failure, not a timing assertion
# The runtime's function that a builtin's call is, where no wrapper stands between.
BUILTINS = (("runtime.closechan", "close"), ("runtime.gorecover", "recover"), ("runtime.mapdelete", "delete"), ("runtime.slicecopy", "copy"),
            ("runtime.slicestringcopy", "copy"))
# Events that stories_truth.py has lines for.
TOLD = {"defer.push", "defer.start", "defer.end", "defer.left", "panic.start", "panic.recovered", "recover.refused", "panic.aborted", "panic.fatal",
        "recovery.jump", "goexit", "exit"}


class Build:
    def __init__(self, path):
        self.path = path
        _, self.release, _, self.arch, self.mode, self.symbols = path.name.split("_")
        self.minor = int(self.release.split(".")[1])
        self.name = "1.%d/%s" % (self.minor, self.arch) + ("/nopt" if self.mode == "nopt" else "")

    def fits(self, condition):
        """Of "<=1.16", "1.14-1.17/arm64/opt", "!…"."""
        if condition.startswith("!"):
            return not self.fits(condition[1:])
        releases, arch, mode, *_ = condition.split("/") + ["", ""]
        low, high = 0, 99
        if releases.startswith("<="):
            high = int(releases[4:])
        elif releases.startswith(">="):
            low = int(releases[4:])
        else:
            low, high = (int(r[2:]) for r in releases.split("-"))
        return low <= self.minor <= high and arch in ("", self.arch) and mode in ("", self.mode)

    def storage(self, loop):
        if self.minor == 12 or loop:
            return "heap"
        return "stack" if self.minor == 13 or self.mode == "nopt" else "open-coded"

    def runner(self, whom, storage, function):
        if whom not in ("exit", "unwound"):
            return whom
        if storage == "open-coded":
            return "inline" if whom == "exit" else "deferreturn"
        return "jmpdefer" if self.minor <= (13 if function == "nil" else 17) else "deferreturn"


# --- what the events say ---


def plain(name):
    for prefix, word in BUILTINS:
        if name.startswith(prefix):
            return word
    return name[5:] if name.startswith(OWN) else name


def names_of(function):
    """All that a deferred function is called: itself, and what it stands for."""
    if function is None or not int(function["funcval"], 16):
        return {"nil"}
    names = {plain(function["symbol"])} if function["symbol"] else set()
    if function["wraps"]:
        names.add(plain(function["wraps"] if isinstance(function["wraps"], str) else function["wraps"]["symbol"]))
    elif function["wrapper"]:
        names.add("?")
    return names


def is_one_of(names, wanted):
    return bool(names & set(wanted.replace("?", "|?").split("|")))


class Telling:
    """A stream of events against the lines of a case."""

    def __init__(self, build, lines, events, snapshots):
        self.build, self.snapshots = build, {s["event"]: s for s in snapshots}
        self.events = [e for e in events if e["event"] in TOLD and (e["origin"] == "user" or e["event"] == "exit")]
        self.lines = []
        for line in filter(None, map(str.strip, lines.split("\n"))):
            condition = re.match(r"\{(.*?)\} ", line)
            if not condition or build.fits(condition[1]):
                self.lines.append(line[condition.end():] if condition else line)
        self.panics, self.ids, self.numbers = [], {"goexit": None}, {}
        self.pending = collections.defaultdict(list)  # goroutine -> ids of pushes
        self.running = collections.defaultdict(list)
        self.defers = {}  # id of the push -> names wanted, storage
        self.wrong = []

    def complain(self, line, event, why):
        at = "event %d (%s)" % (event["id"], event["event"]) if event else "no event"
        self.wrong.append("%s: `%s`: %s" % (at, line, why))

    def check(self):
        for n, line in enumerate(self.lines):
            event = self.events[n] if n < len(self.events) else None
            if event is None:
                self.complain(line, None, "nothing of it is told")
                break
            before = len(self.wrong)
            self.one(line, event)
            if event["event"] not in ("defer.left", "exit"):
                self.places(line, event)
            if len(self.wrong) > before and "is told" in self.wrong[-1]:
                break  # out of step
        else:
            for event in self.events[len(self.lines):]:
                self.complain("", event, "too much is told")
        return self.wrong

    def want(self, line, event, what, got, wanted):
        if got != wanted:
            self.complain(line, event, "%s is %r, not %r" % (what, got, wanted))

    def function(self, line, event, wanted):
        got = names_of(event["defer"]["function"])
        if not is_one_of(got, wanted):
            self.complain(line, event, "the function is %s" % " or ".join(sorted(got)))

    def one(self, line, event):
        verb, _, rest = line.partition(" ")
        kinds = {"push": "defer.push", "run": "defer.start", "end": "defer.end", "left": "defer.left", "panic": "panic.start", "recovered": "panic.recovered",
                 "refused": "recover.refused", "aborted": "panic.aborted", "fatal": "panic.fatal", "jump": "recovery.jump", "goexit": "goexit",
                 "stale": "defer.start", "exit": "exit"}
        if event["event"] != kinds[verb]:
            return self.complain(line, event, "something else is told")
        getattr(self, "at_" + verb)(line, event, rest)

    def at_push(self, line, event, rest):
        wanted, owner = re.fullmatch(r"(.*) in (\S+)(?: loop)?", rest).groups()
        self.function(line, event, wanted)
        self.want(line, event, "its owner", plain(event["frame"]["function"]), owner)
        storage = self.build.storage(rest.endswith(" loop"))
        self.want(line, event, "its storage", event["defer"]["storage"], storage)
        self.defers[event["id"]] = wanted, storage
        self.pending[event["goroutine"]].append(event["id"])

    def at_run(self, line, event, rest):
        wanted, whom = rest.rsplit(" by ", 1)
        self.function(line, event, wanted)
        at, pending = event["defer"]["id"], self.pending[event["goroutine"]]
        if at not in pending:
            return self.complain(line, event, "defer %s is not pending" % at)
        self.want(line, event, "who runs it", event["defer"]["run_by"], self.build.runner(whom, self.defers[at][1], wanted))
        pending.remove(at)
        self.running[event["goroutine"]].append(at)

    def at_stale(self, line, event, owner):
        self.want(line, event, "stale", event["defer"]["stale"], True)
        self.want(line, event, "its owner", plain(event["frame"]["function"]), owner)
        self.running[event["goroutine"]].append(None)

    def at_end(self, line, event, rest):
        wanted, _, effect = rest.partition(": ")
        self.function(line, event, wanted)
        running = self.running[event["goroutine"]]
        self.want(line, event, "the innermost that runs", event["defer"]["id"], running[-1] if running else None)
        if running:
            running.pop()
        if effect:
            name, before, after = effect.split()
            for e in event["effects"]:
                if e["name"] == name:
                    self.want(line, event, "the effect on " + name, (e["before"], e["after"]), (before, after))

    def at_left(self, line, event, rest):
        wanted, verb, why = rest.rsplit(" ", 2)
        g, at = event["goroutine"], event["defer"]["id"]
        if wanted == "stale":
            self.want(line, event, "stale", event["defer"]["stale"], True)
        else:
            self.function(line, event, wanted)
        self.want(line, event, "started", event["started"], verb == "returns")
        self.want(line, event, "the reason", event["why"], why)
        held = self.running[g] if verb == "returns" else self.pending[g]
        if at in held:
            held.remove(at)
        else:
            self.complain(line, event, "defer %s is not there" % at)

    def at_panic(self, line, event, rest):
        name, value = rest.split(" = ", 1)
        value, _, around = value.partition(" in ") if re.search(r" in \S+$", value) else (value, "", "")
        if around not in self.ids:
            value, around = rest.split(" = ", 1)[1], ""
        self.ids[name] = event["panic"]["id"]
        self.numbers[name] = len(self.numbers) + 1
        self.panics.append(name)
        self.want(line, event, "its number", event["panic"]["number"], self.numbers[name])
        self.want(line, event, "its value", event["panic"]["value"], value)
        self.want(line, event, "the one around it", event["panic"]["nested_in"], self.ids[around] if around else None)

    def of_panic(self, line, event, name):
        self.want(line, event, "the panic", (event["panic"]["id"], event["panic"]["number"]), (self.ids.get(name), self.numbers.get(name)))

    def at_recovered(self, line, event, rest):
        name, wanted = rest.split(" by ", 1)
        self.of_panic(line, event, name)
        by = "-" if event["decided_by"] is None else plain(event["decided_by"])
        if wanted and not is_one_of({by}, wanted):
            self.complain(line, event, "%s decided" % by)

    at_refused = at_recovered

    def at_aborted(self, line, event, rest):
        name, why = rest.split()
        self.of_panic(line, event, name)
        self.want(line, event, "the reason", event["why"], why)

    def at_fatal(self, line, event, name):
        self.of_panic(line, event, name)

    def at_jump(self, line, event, rest):
        name, to = rest.split(" to ")
        self.of_panic(line, event, name)
        self.want(line, event, "the frame", plain(event["frame"]["function"]), to)

    def at_goexit(self, line, event, _):
        self.ids["goexit"] = event["id"]

    def at_exit(self, line, event, rest):
        why, status = rest.rsplit(" ", 1)
        self.want(line, event, "the reason", event["why"], why)
        self.want(line, event, "the status", event["status"], int(status))
        for what, held in (("pending", self.pending), ("running", self.running)):
            for g, ids in held.items():
                if ids:
                    self.complain(line, event, "goroutine %d: %s %s have no end" % (g, what, ids))

    def places(self, line, event):
        """The program's own defers in the snapshot at this event."""
        seen = self.snapshots.get(event["id"])
        g = seen and next((g for g in seen["goroutines"] if g["id"] == event["goroutine"]), None)
        if not g:
            return self.complain(line, event, "there is no snapshot of it")

        def own(owner):
            return owner is not None and owner.startswith(OWN)
        read = [names_of(e["function"]) for e in g["chain"] if own(e["owner"]) and not e["stale"]]
        wanted = [self.defers[d][0] for d in reversed(self.pending[event["goroutine"]])]
        if len(read) != len(wanted) or not all(map(is_one_of, read, wanted)):
            self.complain(line, event, "pending are %s, not %s" % ([sorted(r) for r in read], wanted))
        read = [r["defer"] for r in g["running"] if r["defer"] is None or r["defer"] in self.defers]
        self.want(line, event, "running", read, self.running[event["goroutine"]])


# --- text ---

TEXT = {"push": "push .*{0}", "run": "run .*{0}", "end": "(RET|has returned)", "left": "{0}.*never {1}", "panic": "panic p{2}.*{3}", "recovered": r"recover\(\).*p{2}\b",
        "refused": r"recover\(\) returns nil", "aborted": r"p{2}\b.*(aborted|dropped|not recovered)", "fatal": r"p{2}\b.*ends?\b", "jump": r"resume at \w+\.{4}\+",
        "goexit": r"runtime\.Goexit", "stale": "stale.*{0}", "exit": ""}


def told_in_text(telling, text):
    """The first line whose stable words are not in the text, in order; else None."""
    at = 0
    for line in telling.lines:
        verb, _, rest = line.partition(" ")
        if verb == "exit" and rest.startswith("main.main"):
            continue
        name = re.split(r" in | by |: | returns| runs| = | to ", rest)[0]
        known = [re.escape(n) for n in name.rstrip("?").split("|")] if not name.endswith("?") else [""]
        function = "(%s)" % "|".join({"nil": "nil func", "delete": "(delete|mapdelete)", "copy": "(copy|slicecopy|slicestringcopy)", "stale": "", "close": "(close|closechan)",
                                      "recover": "(recover|gorecover)"}.get(n, n) for n in known)
        verb_left = "run" if rest.endswith(tuple(" runs " + w for w in ("recovery", "panic", "Goexit"))) else "return"
        panic = telling.numbers.get(name.split()[0] if name else "", "")
        value = re.escape(rest.split(" = ")[1].split(" in ")[0]) if " = " in rest else ""
        pattern = TEXT[verb].format(function, verb_left, panic, value, re.escape(rest.split(" to ")[-1]))
        found = re.compile(pattern).search(text, at)
        if not found:
            return "`%s`: no %s behind line %d" % (line, pattern, text.count("\n", 0, at) + 1)
        at = found.end() if verb == "end" else text.find("\n", found.end()) if "\n" in text[found.end():] else len(text)
        if verb in ("push", "run", "left", "panic", "goexit", "jump"):
            at = max(at, found.end())
    return None


# --- golden transcripts ---


def without_build(text):
    """What differs from build to build of one source left out: positions, addresses, offsets in code, argument bytes."""
    text = re.sub(r"@[\d,]+", "@", text)
    text = re.sub(r"0x[0-9a-f]{4,}|(?<=: )[0-9a-f]{16,}", "0x?", text)
    text = re.sub(r"(?<=[\w)·])\+\d+ *", lambda m: "+? " if m[0].endswith(" ") else "+?", text)
    text = re.sub(r"(?m)^( *)@ +(\S+) +", r"\1@ \2  ", text)
    return re.sub(r"(?m)^( *0x\? )(.*?)  +(?=\S)", r"\1\2  ", text)


LEFT_OUT = {"schema", "id", "position", "thread", "pc", "sp", "offset", "file", "depth", "address", "funcval", "entry", "to_sp", "sp_before", "sp_after", "link", "start",
            "steps", "captured", "captured_complete", "return_before", "return_after", "return_address", "arguments", "origin", "goroutine", "callers", "discarded"}


def without_build_json(value):
    if isinstance(value, dict):
        if str(value.get("symbol")).startswith("runtime."):
            value = {k: v for k, v in value.items() if k != "line"}
        return {k: v for k, v in ((k, without_build_json(v)) for k, v in value.items() if k not in LEFT_OUT) if v not in (None, False, [], {}, "")}
    if isinstance(value, list):
        return [without_build_json(v) for v in value]
    if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]{4,}", value):
        return "0x?"
    return value


def said_of(function):
    """What a deferred function stands for, if that is known; else its own name."""
    names = names_of(function) - {"?"}
    return max(names - {plain(function["symbol"])} or names, default="?") if function and function["symbol"] else "nil"


def shown_json(events, snapshots):
    """One line an event of the program's own, with what is pending and running then."""
    ids = {e["id"]: n for n, e in enumerate((e for e in events if e["event"] == "defer.push" and e["origin"] == "user"), 1)}
    of_event = {s["event"]: s for s in snapshots}
    panics = {e["id"]: "p%d" % e["panic"]["number"] if e["event"] == "panic.start" else "Goexit" for e in events if e["event"] in ("panic.start", "goexit")}
    out, goroutines = "", {}
    for e in events:
        if e["origin"] != "user" or e["event"] not in TOLD:  # the others are in the text
            continue
        short = {"event": e["event"], "g": goroutines.setdefault(e["goroutine"], len(goroutines) + 1), **without_build_json(e)}
        if e.get("defer"):
            short["defer"] = {"number": ids.get(e["defer"]["id"]), **short["defer"]}
        for key in ("nested_in", "aborted_by"):
            if isinstance(e.get("panic"), dict) and e["panic"].get(key) is not None:
                short["panic"][key] = panics.get(e["panic"][key])
        if isinstance(e.get("panic"), int):
            short["panic"] = panics.get(e["panic"])
        seen = of_event.get(e["id"])
        for g in seen["goroutines"] if seen else []:
            if g["id"] == e["goroutine"]:
                short["pending"] = [plain(c["owner"]) + ": " + (said_of(c["function"])) + (" (stale)" if c["stale"] else "") for c in g["chain"]
                                    if c["owner"] and c["owner"].startswith(OWN)]
                short["running"] = [ids.get(r["defer"]) for r in g["running"]]
        out += json.dumps(short, ensure_ascii=False) + "\n"
    return out


def sections(path):
    """Golden file -> {(part, build): text}. A section is "=== PART BUILD…" and its lines, or "=== PART BUILD… as BUILD" and what differs from that one's:
    -FROM,COUNT takes lines away, and those that follow it are put there."""
    found, keys, base, lines = {}, [], None, []
    for line in (path.read_text().split("\n")[:-1] if path.exists() else []) + ["==="]:
        if not line.startswith("==="):
            lines.append(line)
            continue
        text = "".join(x + "\n" for x in lines) if base is None else patched(found[base], lines)
        found.update((k, text) for k in keys)
        part, *builds = line[4:].split() or [""]
        base = (part, builds.pop()) if "as" in builds else None
        keys, lines = [(part, b) for b in builds if b != "as"], []
    return found


def patched(text, edits):
    old, new, at = text.split("\n"), [], 0
    for line in edits:
        if line.startswith("-"):
            start, count = map(int, line[1:].split(","))
            new += old[at:start]
            at = start + count
        else:
            new.append(line[1:])
    return "\n".join(new + old[at:])


def edits(old, new):
    old, new, out = old.split("\n"), new.split("\n"), ""
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            out += "-%d,%d\n" % (a, b - a) + "".join("+%s\n" % line for line in new[c:d])
    return out


def written(found):
    """The reverse of sections: what several builds share is written once, and of the others what differs from the one that is most alike."""
    out = ""
    for part in ("text", "json", "step"):
        groups = collections.defaultdict(list)
        for (p, build), text in found.items():
            if p == part:
                groups[text].append(build)
        done = []
        for text, builds in groups.items():
            best = min(((edits(t, text), b) for t, b in done), key=lambda e: len(e[0]), default=None)
            if best and len(best[0]) < len(text):
                out += "=== %s %s as %s\n%s" % (part, " ".join(builds), best[1], best[0])
            else:
                out += "=== %s %s\n%s" % (part, " ".join(builds), text)
            done.append((text, builds[0]))
    return out


# --- runs ---


class Case:
    """One case of one build: what is wrong with it, and its transcripts."""

    def __init__(self, program, build, name, truth, record, scripts=True):
        self.program, self.build, self.name = program, build, name
        self.case, *self.env = name.split()
        self.wrong, self.parts, self.raw = [], {}, {}
        guest = {"go": build.release, "goos": "linux", "goarch": build.arch, "mode": build.mode, "oracle": "native" if record else "none"}
        lines = truth(record[1]) if callable(truth) else truth
        environment = [x for e in self.env for x in ("--env", e)]
        with tempfile.TemporaryDirectory() as folder:
            text, events, snaps = (os.path.join(folder, f) for f in ("text", "events.jsonl", "snaps.jsonl"))
            self.run("run", "--events=" + text, *environment)
            done = self.run("run", "--events=" + events, "--snapshots", snaps, *environment)
            text, events, snaps = (pathlib.Path(f).read_text() for f in (text, events, snaps))
        if record and not self.env:
            got = done.returncode, oracle.normalise(done.stdout.decode("latin1"), False), oracle.normalise(done.stderr.decode("latin1"), True)
            if difference := matrix.compared(guest, record, got):
                self.wrong.append(difference)
        self.keep("text", text, without_build(text))
        stream, chains = trace_lines.events(events), [json.loads(line) for line in snaps.splitlines()]
        self.keep("json", trace_lines.without_ends(events) + snaps, shown_json(stream, chains))
        self.wrong += event_rules.check(stream, build.arch, chains)
        telling = Telling(build, lines, stream, chains)
        self.wrong += telling.check()
        if not telling.wrong and (missing := told_in_text(telling, text)):
            self.wrong.append("text: " + missing)
        if scripts and not self.env and self.case in stories_truth.SCRIPTS:
            self.step(*stories_truth.SCRIPTS[self.case])

    def run(self, verb, *options):
        return subprocess.run([self.program, verb, "--argv0", "/stories", *options, str(self.build.path), self.case], capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)

    def keep(self, part, raw, short):
        self.raw[part] = hashlib.sha256(raw.encode()).hexdigest()[:12]
        self.parts[part] = short if short.endswith("\n") or not short else short + "\n"

    def step(self, script, wanted):
        done = self.run("step", "-c", script)
        text = done.stdout.decode("utf-8", "replace")
        # The listing of instructions is tests/unit/data/walks' business.
        self.keep("step", text, without_build("".join(line + "\n" for line in text.splitlines() if not re.match(r"[ ▶] +0x|  {20,}|changed:", line))))
        symbols, releases = stories_truth.ONLY_WITH.get(self.case, (self.build.symbols, ">=1.12"))
        if self.build.symbols != symbols or not self.build.fits(releases):
            return
        at = 0
        for pattern in wanted:
            found = re.compile(pattern).search(text, at)
            if not found:
                return self.wrong.append("step -c '%s': no %s behind line %d" % (script, pattern, text.count("\n", 0, at) + 1))
            at = found.end()


def recorded(build, case, kept={}):
    """What the build does natively, an arm64 one under qemu."""
    key = build.path.name, case
    if key not in kept:
        kept[key] = oracle.record(build.path, case)
    return kept[key]


def go_test(folder):
    """once_test.go built by one release of each mechanism for both instruction sets."""
    folder.mkdir(parents=True, exist_ok=True)
    source = (ROOT / "tests/programs/once_test.go").read_bytes()
    for release in "1.13.15 1.17.13 1.22.12 1.25.14 1.27.4".split():
        for arch in ("amd64", "arm64"):
            path = folder / ("once_%s_linux_%s_opt_dwarf" % (release, arch))
            if not path.exists():
                with tempfile.TemporaryDirectory() as package:
                    pathlib.Path(package, "once_test.go").write_bytes(source)
                    pathlib.Path(package, "go.mod").write_text("module once\n\ngo 1.12\n")
                    env = {k: v for k, v in os.environ.items() if not k.startswith(("GO", "CGO")) or k in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY")}
                    env.update(GOENV="off", GOFLAGS="", GO111MODULE="on", CGO_ENABLED="0", GOTOOLCHAIN="go" + release, GOOS="linux", GOARCH=arch)
                    subprocess.run(["go", "test", "-c", "-o", str(path), "."], cwd=package, env=env, check=True)
            yield Build(path)


def against_golden(results, golden, digests):
    """What differs from the golden files, as text."""
    out = ""
    for r in results:
        for part, text in r.parts.items():
            key = (part, r.build.name)
            want = golden[r.name].get(key)
            if want != text:
                lines = difflib.unified_diff((want or "").split("\n"), text.split("\n"), "stories/%s.txt" % file_name(r.name), "now", lineterm="", n=1)
                out += "%s %s %s:\n%s\n" % (r.name, r.build.name, part, "\n".join(line[:240] for line in list(lines)[:30]))
            elif digests.get((file_name(r.name), *key)) != r.raw[part]:
                out += "%s %s %s: positions, addresses or offsets differ (stories/digests.txt)\n" % (r.name, r.build.name, part)
    return out


def file_name(case):
    return case.replace(" ", "_").replace("=", "-")


def update(results):
    GOLDEN.mkdir(exist_ok=True)
    by_case = collections.defaultdict(dict)
    for r in results:
        for part, text in r.parts.items():
            by_case[r.name][part, r.build.name] = text
    for old in GOLDEN.glob("*.txt"):
        old.unlink()
    for name, found in by_case.items():
        (GOLDEN / (file_name(name) + ".txt")).write_text(written(found))
    (GOLDEN / "digests.txt").write_text("".join("%s %s %s\n" % (file_name(r.name), r.build.name, " ".join("%s:%s" % p for p in r.raw.items())) for r in results))


def read_digests():
    path = GOLDEN / "digests.txt"
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        case, build, *parts = line.split()
        found.update({(case, p.split(":")[0], build): p.split(":")[1] for p in parts})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--guests", type=pathlib.Path, default=ROOT / "build/guests-stories")
    parser.add_argument("--more", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--testing", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--only", default="", help="builds or cases whose name has this, as 1.17/arm64 or missed")
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--update", action="store_true", help="write the golden files anew")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    truth = {**stories_truth.TRUTH, "wrapper": stories_truth.wrapper}
    if args.testing:
        jobs = [(b, "-test.v", stories_truth.TESTING, None) for b in go_test(args.testing)]
    else:
        builds = sorted(map(Build, (args.more or args.guests).glob("stories_*_linux_*")), key=lambda b: (b.minor, b.arch, b.path.name))
        sample = [next(b for b in builds if s in b.path.name) for s in SAMPLE] if args.sample else []
        records = matrix.read_records(ROOT / "tests/guests/stories/oracle")

        def record(b, case):
            guest = {"go": b.release, "goarch": b.arch, "mode": b.mode}
            return recorded(b, case) if args.more else matrix.expected(records, guest, case)
        jobs = [(b, c, truth[c], record(b, c.split()[0])) for n, c in enumerate(sorted(truth)) for b in ([sample[n % len(sample)]] if sample else builds)
                if (args.only in b.name or args.only in c) and not ("GODEBUG" in c and b.minor < 21)]
    if not jobs:
        sys.exit("no guests")
    golden_files = not (args.more or args.testing)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(lambda j: Case(args.program, *j, golden_files), jobs))
    failed = [r for r in results if r.wrong]
    for r in failed:
        print("%s %s:\n  %s" % (r.name, r.build.name, "\n  ".join(str(w) for w in r.wrong[:12])))
    if args.update:
        update(results)
    differs = ""
    if golden_files:
        golden = {c: sections(GOLDEN / (file_name(c) + ".txt")) for c in truth}
        differs = against_golden(results, golden, read_digests())
    if differs:
        print(differs + "\nIf it is right: tests/stories.py --update")
    print("%d cases of %d builds: %d said wrongly%s" % (len(results), len({r.build.name for r in results}), len(failed), ", transcripts differ" if differs else ""))
    return 1 if failed or differs else 0


if __name__ == "__main__":
    sys.exit(main())
