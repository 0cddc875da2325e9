#!/usr/bin/env python3
"""`deferscope trace`: tests/trace.py --program PATH --guests FOLDER [--oracle].

Level defer is what `run --events` writes, in every format; level call is held against its own rules and against the other instruction set; timelines are held
against the JSON of the same run, and against each other. A run that is killed, or whose disk is full, leaves a beginning. --oracle, with a `go` on PATH: a program
that says itself which of its functions begin and return (oracle/calls), by several releases.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import harness
import perfetto_trace
import trace_lines
from harness import expect

SECONDS = 300  # a hang is a failure
CASES = "panic-nested recover-depths goexit-recovered stack-growloop fault-nil rangefunc-defer defer-mixed crash-repanic exit-deferred".split()
SUFFIXES = (".jsonl", ".jsonl.zst", ".pftrace", ".json")


class Bench(harness.Bench):
    def trace(self, file, *words):
        """What the guest says, and the file's bytes."""
        path = self.folder / file
        path.unlink(missing_ok=True)
        status, out, err = self.call("trace", "-o", path, *words)
        return status, out, err, path.read_bytes() if path.exists() else None

    def events(self, *words):
        _, _, err, data = self.trace("events.jsonl", *words)
        expect(data, "no trace: %s" % err)
        return trace_lines.split(data)[1]

    def guest(self, release, arch):
        return next(self.guests.glob("cases_%s*_linux_%s_opt_syms" % (release, arch)))


# --- level defer, and what is chosen of it ---

def as_run_writes_it(bench):
    for guest in (bench.guest("1.13", "amd64"), bench.guest("1.27", "arm64")):
        for case in ("panic-nested", "defer-mixed"):
            text = bench.call("run", "--events", guest, case)
            expect(bench.call("trace", guest, case) == text and "push  #1" in text[2], "%s: without -o another text" % case)
            for suffix in SUFFIXES:
                path = bench.folder / ("run" + suffix)
                ran = bench.call("run", "--events=%s" % path, guest, case)
                status, out, err, data = bench.trace("trace" + suffix, guest, case)
                expect((status, out, err) == ran, "%s %s: the guest ends otherwise" % (case, suffix))
                expect(data == path.read_bytes(), "%s %s: not the bytes of run --events" % (case, suffix))


def compressed(bench):
    guest = bench.guest("1.27", "amd64")
    for level in ("defer", "call"):
        plain = bench.trace("a.jsonl", "--level", level, guest, "defer-mixed")[3]
        packed = bench.trace("a.jsonl.zst", "--level", level, guest, "defer-mixed")[3]
        expect(packed[:4] == b"\x28\xb5\x2f\xfd" and len(packed) < len(plain) / 4, "not compressed: %d of %d bytes" % (len(packed), len(plain)))
        shown = bench.call("show", bench.folder / "a.jsonl")
        expect(shown == bench.call("show", bench.folder / "a.jsonl.zst"), "the compressed trace is shown otherwise")
        expect(shown[:2] == bench.call("show", "-", stdin=packed)[:2], "and from standard input")
        expect(shown[:2] == bench.call("show", "-", stdin=packed[:0] + packed)[:2] and shown[1], "nothing is shown")
        for cut in list(range(0, len(packed), max(1, len(packed) // 40))) + [len(packed) - 1]:
            status, out, err = bench.call("show", "-", stdin=packed[:cut])
            expect(status in (0, 2) and err.count("\n") <= 1 and shown[1].startswith(out.rsplit(b"\n", 1)[0][:0]), "cut at %d: %d %s" % (cut, status, err))
            expect(shown[1].startswith(out), "cut at %d: another text" % cut)
        broken = bytearray(packed)
        broken[len(packed) // 2] ^= 0xff
        status, _, err = bench.call("show", "-", stdin=bytes(broken))
        expect(status == 2 and re.search(r"damaged|column|:\d+:", err), "damage is not seen: %d %s" % (status, err))


def unlike(a, b, key=""):
    """The values that differ in two JSON values, with their keys."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for k in a:
            yield from unlike(a[k], b[k], k)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for x, y in zip(a, b):
            yield from unlike(x, y, key)
    elif a != b:
        yield key, a, b


def started_by_other_names(bench):
    """./p and its absolute path: the same trace with one --argv0; without it argv[0] differs, and what follows from its length."""
    place = bench.folder / "started"
    place.mkdir()
    shutil.copy(bench.guest("1.27", "amd64"), place / "p")
    for level in ("defer", "call"):
        told = []
        for name in ("./p", str(place / "p")):
            for flags in ([], ["--argv0", "p"]):
                out = place / ("%d.jsonl" % len(told))
                bench.call("trace", "-o", out, "--level", level, *flags, name, "panic-nested", cwd=place)
                told.append(out.read_bytes())
        relative, named, absolute, same = told
        expect(named == same, "level %s: --argv0 does not make them alike" % level)
        header, _, _ = trace_lines.split(relative)
        other, _, _ = trace_lines.split(absolute)
        expect(header.pop("arguments")[0] == "./p" and other.pop("arguments")[0] == str(place / "p"), "arguments are not those given")
        expect(header == other, "level %s: the headers differ in more than the arguments" % level)
        # What remains: the runtime measures argv[0] before the first event, and the first thread's own stack begins below the arguments.
        later = set()
        for line, other in zip(relative.splitlines()[1:], absolute.splitlines()[1:]):
            for key, one, two in unlike(json.loads(line), json.loads(other)):
                if key in ("position", "instructions"):
                    later.add(two - one)
                else:
                    expect(one.startswith("0x7ff") and two.startswith("0x7ff"), "level %s: %s is %s and %s" % (level, key, one, two))
        expect(len(later) <= 1 and relative.count(b"\n") == absolute.count(b"\n"), "level %s: positions are shifted by %s" % (level, later))


def chosen(bench):
    guest, case = bench.guest("1.27", "amd64"), "panic-nested"
    whole = bench.events(guest, case)
    defers = [e for e in whole if e["event"].startswith("defer.")]
    middle = defers[len(defers) // 2]["position"]
    for flags, takes in (
        (["--kind", "defer.push", "--kind", "exit"], lambda e: e["event"] in ("defer.push", "exit")),
        (["--goroutine", "1"], lambda e: e["goroutine"] == 1),
        (["--from", middle], lambda e: (e["shown"] or e)["position"] >= middle),
        (["--to", middle], lambda e: (e["shown"] or e)["position"] <= middle),
        (["--scope", "user"], lambda e: e["origin"] == "user"),
    ):
        _, _, _, data = bench.trace("part.jsonl", *flags, guest, case)
        header, part, _ = trace_lines.split(data)
        expect(part == [e for e in whole if takes(e)] and 0 < len(part) < len(whole), "%s: other events: %d of %d" % (flags, len(part), len(whole)))
        expect(header["filter"] == " ".join(map(str, flags)), "the header says %r" % header["filter"])
    _, _, _, data = bench.trace("part.jsonl", "--function", r"^main\.", guest, case)
    part = trace_lines.split(data)[1]
    bench.trace("whole.jsonl", guest, case)
    shown = bench.call("show", "--function", r"^main\.", bench.folder / "whole.jsonl")
    expect(part and bench.call("show", "--function", r"^main\.", bench.folder / "part.jsonl") == shown, "--function: other events than show's")


def refused(bench):
    guest = bench.guest("1.27", "amd64")
    for flags, pattern in (
        (["-o", bench.folder / "x.txt"], r"-o .*x\.txt: the name says the format, and ends in one of: \.jsonl .*\.zst.*\.pftrace.*\.json"),
        (["-o", "-"], "standard output is the guest's"),
        (["-o", bench.folder / "no" / "x.jsonl"], "No such file"),
        (["--function", "(", "-o", bench.folder / "x.jsonl"], r"--function \(: "),
    ):
        status, out, err = bench.call("trace", *flags, guest, "hello")
        expect(status == 125 and not out and err.count("\n") == 1 and re.search(pattern, err), "%s: %d %s" % (flags, status, err))


# --- level call ---

def place(e):
    stack = e.get("stack", "goroutine")  # what is usual is left out
    return ("g", e["goroutine"]) if stack == "goroutine" else (stack, e["thread"])


def calls_nest(events, what):
    """Every call ends once, calls of a stack nest, levels say how deep, deferred calls are what was about to run."""
    stacks, position, starting = {}, 0, {}
    for e in events:
        if e["event"] == "defer.start":
            starting[e["goroutine"]] = e
        if e["event"] not in ("call.enter", "call.leave"):
            continue
        expect(e["position"] >= position, "%s: time goes back at %d" % (what, e["id"]))
        position = e["position"]
        stack = stacks.setdefault(place(e), [])
        if e["event"] == "call.enter":
            expect(e["level"] == len(stack), "%s: level %d in %d calls at %d" % (what, e["level"], len(stack), e["id"]))
            expect(not stack or stack[-1]["depth"] <= e["depth"], "%s: less deep than its caller: %d" % (what, e["id"]))
            if "deferred" in e:
                start = starting.get(e["goroutine"])
                expect(start and start["id"] == e["deferred"] and start["defer"]["function"]["symbol"] == e["function"], "%s: %d is not that deferred call" % (what, e["id"]))
            stack.append(e)
        else:
            expect(stack and stack[-1]["id"] == e["enter"] and e["level"] == len(stack) - 1, "%s: %d ends another call" % (what, e["id"]))
            begun = stack.pop()
            expect(begun["function"] == e["function"], "%s: %d is another function" % (what, e["id"]))
    expect(not any(stacks.values()), "%s: calls without an end" % what)


def calls_stand(bench, guest, case, events, what):
    """The machine itself, asked at some of their positions: a call stands at its function's first instruction, or at a RET of it."""
    asked = [e for e in events if e["event"] == "call.enter" or e["event"] == "call.leave" and "how" not in e]
    asked = asked[::max(1, len(asked) // 40)]
    words = [w for e in asked for w in ("-c", "goto %d" % e["position"], "-c", "p $pc", "-c", "x/i $pc")]
    status, out, err = bench.call("step", *words, guest, case)
    at = re.findall(r"\(ds\) p \$pc\n\d+ = 0x[0-9a-f]+  (\S+)\n\(ds\) x/i \$pc\n(.*)\n", out.decode())
    expect(status == 0 and len(at) == len(asked), "%s: %d of %d answered: %s" % (what, len(at), len(asked), err))
    for e, (place, instruction) in zip(asked, at):
        entered, name = e["event"] == "call.enter", re.sub(r"\[.*\]", "[…]", e["function"])
        stands = place == name if entered else place.rpartition("+")[0] == name and "RET" in instruction
        expect(stands, "%s: %s %d of %s stands at %s %s" % (what, e["event"], e["id"], e["function"], place, instruction))


def deferred_are_told(events, what):
    """A defer of the user's functions that runs is a call."""
    told = {e.get("deferred") for e in events if e["event"] == "call.enter"}
    mine = [e for e in events if e["event"] == "defer.start" and e["defer"]["function"]["entry"] and re.match(r"main\.", e["defer"]["function"]["symbol"] or "")]
    for e in mine:
        expect(e["id"] in told, "%s: deferred call %d is not told" % (what, e["id"]))
    return len(mine)


def sequence(events):
    """Calls of the user's functions, of each goroutine, by name; the order of goroutines is not the program's."""
    out = {}
    for e in events:
        if e["event"] == "call.enter":
            out.setdefault(e["goroutine"], []).append((">", e["level"], e["function"], e.get("by"), "deferred" in e))
        elif e["event"] == "call.leave":
            out.setdefault(e["goroutine"], []).append(("<", e["level"], e["function"], e.get("how")))
    return sorted(out.values(), key=repr)


def calls(bench):
    deferred = 0
    for release in ("1.13", "1.27"):
        for case in CASES:
            by_isa = []
            for arch in ("amd64", "arm64"):
                what = "%s %s %s" % (release, arch, case)
                events = bench.events("--level", "call", bench.guest(release, arch), case)
                expect(any(e["event"] == "call.enter" for e in events), "%s: no calls" % what)
                expect(all(e["origin"] == "user" for e in events if e["event"].startswith("call.")), "%s: calls of others" % what)
                calls_nest(events, what)
                deferred += deferred_are_told(events, what)
                by_isa.append(sequence(events))
            if case not in ("fault-nil",):  # what is inlined differs between the two there
                expect(by_isa[0] == by_isa[1], "%s %s: other calls on the other instruction set" % (release, case))
    expect(deferred > 20, "few deferred calls: %d" % deferred)


def all_calls(bench):
    for release, arch in (("1.13", "amd64"), ("1.13", "arm64"), ("1.27", "amd64"), ("1.27", "arm64")):
        guest, what = bench.guest(release, arch), "%s %s, all" % (release, arch)
        events = bench.events("--level", "call", "--scope", "all", guest, "panic-nested")
        calls_nest(events, what)
        calls_stand(bench, guest, "panic-nested", events, what)
        words = {(e.get("by", "call"), e.get("stack", "goroutine")) for e in events if e["event"] == "call.enter"}
        expect({("call", "goroutine"), ("stack change", "system"), ("go", "goroutine")} <= words, "%s: only %s" % (what, words))
        ends = {e.get("how", "returned") for e in events if e["event"] == "call.leave"}
        expect({"returned", "unwound", "left", "tail", "ended"} <= ends, "%s: only %s" % (what, ends))
        # The same calls of the user's functions as are told alone; the machine does not notice who looks.
        user = bench.events("--level", "call", guest, "panic-nested")
        mine = [(e["position"], e["function"]) for e in events if e["event"] == "call.enter" and e["origin"] == "user"]
        expect(mine == [(e["position"], e["function"]) for e in user if e["event"] == "call.enter"], "%s: other calls than alone" % what)
        plain = bench.events(guest, "panic-nested")
        others = [(e["position"], e["event"]) for e in events if not e["event"].startswith("call.")]
        expect(others == [(e["position"], e["event"]) for e in plain], "%s: the defers happen otherwise" % what)


def as_the_schema_says(bench):
    try:
        import outputs
    except SystemExit:  # no jsonschema for Python
        return
    checks = outputs.Checks(bench.program)
    for guest, case in ((bench.guest("1.13", "arm64"), "panic-nested"), (bench.guest("1.27", "amd64"), "goexit-recovered")):
        header, events, end = trace_lines.split(bench.trace("s.jsonl", "--level", "call", "--function", "main", guest, case)[3])
        for line in (header, end):
            checks.schemas["trace"].check(line, case)
        for e in events:
            checks.schemas["event"].check(e, case)
        checks.schema_is_strict(events)
        expect({"call.enter", "call.leave"} <= {e["event"] for e in events} and header["level"] == "call", "no calls")
    expect(not outputs.failures, "%d lines are not what their schema says" % outputs.failures)


def blocks_do_not_matter(bench):
    guest, told = bench.guest("1.27", "amd64"), set()
    for block in (64, 7, 1, 0):
        told.add(bench.trace("b.jsonl", "--level", "call", "--block", block, guest, "stack-growloop")[3])
    expect(len(told) == 1, "calls depend on the length of blocks")


# --- timelines ---

def chrome(data):
    """slices, points, flows and tracks of Chrome's JSON, checked while it is read."""
    tracks, slices, points, flows, stacks, last = {}, [], [], {}, {}, {}
    for e in json.loads(data):
        track, time = e["tid"], round(e["ts"] * 1000)
        if e["ph"] == "M":
            if e["name"] == "thread_name":
                tracks[track] = e["args"]["name"]
            continue
        expect(track in tracks and time >= last.get(track, 0), "a track without a name, or time goes back: %r" % e)
        last[track] = time
        stack = stacks.setdefault(track, [])
        if e["ph"] == "B":
            stack.append([track, time, None, e["cat"], e["name"]])
            slices.append(stack[-1])
        elif e["ph"] == "E":
            expect(stack, "a slice ends that did not begin: %r" % e)
            stack.pop()[2] = time
        elif e["ph"] == "i":
            expect(e["s"] == "t", "a point of what? %r" % e)
            points.append([track, time, e["cat"], e["name"]])
        else:
            expect(e["ph"] in ("s", "f") and e["bp"] == "e" and stack, "a flow from or to nowhere: %r" % e)
            expect((e["ph"] == "s") == (e["id"] not in flows), "flow %d begins twice, or ends and did not begin" % e["id"])
            flows.setdefault(e["id"], []).append(time)
    return tracks, slices, points, flows


def timelines(bench):
    flows = recoveries = 0
    for guest in (bench.guest("1.13", "arm64"), bench.guest("1.27", "amd64")):
        for case in CASES:
            for flags in ([], ["--level", "call"], ["--level", "call", "--scope", "all"]):
                if flags and flags[-1] == "all" and case != "panic-nested":
                    continue
                what = "%s %s %s" % (guest.name, case, flags)
                t = perfetto_trace.Trace(bench.trace("t.pftrace", *flags, guest, case)[3])
                tracks, slices, points, other = chrome(bench.trace("t.json", *flags, guest, case)[3])
                expect([s[1:] for s in t.slices] == [s[1:] for s in slices] and [p[1:] for p in t.points] == [p[1:] for p in points], "%s: two timelines" % what)
                expect(t.flows == other and list(t.tracks.values()) == list(tracks.values()), "%s: other flows or tracks: %s" % (what, set(map(str, t.flows.items())) ^ set(map(str, other.items()))))
                expect(all(s[2] is not None for s in t.slices), "%s: a slice without an end" % what)
                events = bench.events(*flags, guest, case)
                ends = {e["enter"]: e["position"] for e in events if e["event"] == "call.leave"}
                calls_ = [(e["position"], ends[e["id"]], e["function"]) for e in events if e["event"] == "call.enter"]
                drawn = [(s[1], s[2], s[4]) for s in t.slices if s[3] == "call"]
                # What runs in jmpdefer's place begins a moment before its first instruction.
                early = [c for c, s in zip(calls_, drawn) if c != s and not (c[2] in ("runtime.deferreturn", "runtime.jmpdefer") and c[::2] == s[::2] and 0 < c[1] - s[1] < 3)]
                expect(len(calls_) == len(drawn) and not early, "%s: the slices are not the calls: %s" % (what, early[:3]))
                scope = ("user",) if "all" not in flags else ("user", "std", "runtime")
                runs = [e for e in events if e["event"] == "defer.start" and e["origin"] in scope]
                over = {e["start"]: e["position"] for e in events if e["event"] == "defer.end"}
                drawn = [s for s in t.slices if s[3] == "defer"]
                expect([e["position"] for e in runs] == [s[1] for s in drawn], "%s: the slices are not the runs" % what)
                for e, s in zip(runs, drawn):
                    expect(e["id"] not in over or over[e["id"]] == s[2], "%s: run %d ends elsewhere" % (what, e["id"]))
                    if e["defer"]["id"] is not None:
                        flow = t.flows[e["defer"]["id"] + 1]
                        expect(len(flow) == 2 and flow[1] == s[1], "%s: no flow to run %d" % (what, e["id"]))
                        flows += 1
                for e in events:
                    if e["event"] == "panic.recovered" and e["origin"] in scope:
                        expect(t.flows[e["panic"]["id"] + 1][-1] == e["position"], "%s: no flow to recovery %d" % (what, e["id"]))
                        recoveries += 1
    expect(flows > 50 and recoveries > 5, "few flows: %d, %d" % (flows, recoveries))


# --- what a run that does not end leaves ---

def beginning(suffix, data, what):
    """It reads as one; how much is in it."""
    if suffix == ".pftrace":
        ends = perfetto_trace.ends_of_packets(data)
        expect(ends[-1] == len(data), "%s: half a packet" % what)
        return len(perfetto_trace.Trace(data).slices)
    if suffix == ".json":  # an array may lack its end, after a comma too
        text = data.decode().rstrip().rstrip(",")
        return len(json.loads(text if text.endswith("]") else (text or "[") + "]"))
    if suffix == ".jsonl":
        return len(trace_lines.split(data)[1])
    return None


def ends_from_outside(bench):
    guest = bench.guest("1.27", "amd64")
    for suffix in SUFFIXES:
        for number in (signal.SIGTERM, signal.SIGKILL):
            path, what = bench.folder / ("end" + suffix), "%s after %s" % (suffix, number.name)
            run = subprocess.Popen([bench.program, "trace", "--level", "call", "-o", path, guest, "bench-all"], stdout=subprocess.PIPE)
            run.stdout.readline()  # the first of many sections is over
            run.send_signal(number)
            run.stdout.read()
            expect(run.wait(SECONDS) == -number, "%s: %s" % (what, run.returncode))
            data = path.read_bytes()
            if suffix == ".jsonl.zst":
                status, out, err = bench.call("show", "--kind", "call.enter", path)
                expect(status == 0 and out.count(b"\n") > 100, "%s: %d lines: %s" % (what, out.count(b"\n"), err))
                expect(("a prefix" if number == signal.SIGKILL else number.name) in err, "%s: %s" % (what, err))
            elif number == signal.SIGKILL:  # the kernel may cut a write at a page: readers take what is whole
                data = data[:perfetto_trace.ends_of_packets(data)[-2]] if suffix == ".pftrace" else data[:data.rfind(b"\n") + 1]
                expect(beginning(suffix, data, what) > 100, "%s: next to nothing" % what)
            else:
                expect(beginning(suffix, data, what) > 100, "%s: next to nothing" % what)


def full(bench):
    guest = bench.guest("1.27", "amd64")
    for suffix in SUFFIXES:
        link = bench.folder / ("full" + suffix)
        link.symlink_to("/dev/full")
        status, out, err = bench.call("trace", "-o", link, guest, "defer-mixed")
        expect(status == 125 and out and re.fullmatch(r"deferscope: .*: not everything was written: No space left on device\n", err), "%s: %d %s" % (suffix, status, err))
        path = bench.folder / ("limit" + suffix)
        status, _, err = bench.call("trace", "--level", "call", "--scope", "all", "--max-trace", "1", "-o", path, guest, "bench-all")
        expect(status == 125 and "--max-trace 1 reached" in err, "%s: %d %s" % (suffix, status, err))
        data = path.read_bytes()
        expect(len(data) <= 1 << 20 and beginning(suffix, data, "--max-trace " + suffix) != 0, "%s: %d bytes" % (suffix, len(data)))
        if suffix == ".jsonl.zst":
            status, out, err = bench.call("show", "--scope", "all", path)
            expect(status == 0 and out and "a prefix" in err, "%s: %d %s" % (suffix, status, err))


def broken_pipe(bench):
    guest = bench.guest("1.27", "amd64")
    for suffix in SUFFIXES:
        fifo = bench.folder / ("pipe" + suffix)
        os.mkfifo(fifo)
        run = subprocess.Popen([bench.program, "trace", "--level", "call", "--scope", "all", "-o", fifo, guest, "defer-mixed"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(fifo, "rb") as reader:
            got = reader.read(10)
        _, err = run.communicate(timeout=SECONDS)
        expect(got and run.returncode == 125 and re.fullmatch(rb"deferscope: .*: not everything was written: Broken pipe\n", err), "%s: %d %s" % (suffix, run.returncode, err))


# --- the oracle ---

def said_by_the_program(bench):
    """oracle/calls says its own calls."""
    source = pathlib.Path(__file__).resolve().parent / "oracle" / "calls"
    text = (source / "main.go").read_text()
    bodies = re.findall(r"^func (?:\(\w+ (\w+)\) )?(\w+)\([^\n]*\{\n(.*?)^\}", text, re.M | re.S)
    defer_in = {".".join(filter(None, (receiver, name))): "\tdefer " in body for receiver, name, body in bodies}
    sequences = set()
    for release in ("1.12", "1.13", "1.14", "1.17", "1.18", "1.21", "1.22", "1.25", "1.27"):
        for arch in ("amd64", "arm64"):
            flags = ["--go", release, "--target", "linux/" + arch, "--gcflags=all=-l"]
            status, out, err, data = bench.trace("said.jsonl", "--level", "call", *flags, source)
            what = "go%s %s" % (release, arch)
            expect(status == 0 and err == "thrown\n", "%s: %d %s" % (what, status, err))
            lines = [line.split() for line in out.decode().splitlines() if line[:2] in ("> ", "< ")]
            # A function with defers says "<" before they run, so it is no oracle for when it returned.
            said = [(mark, name) for mark, name in lines if mark == ">" or not defer_in[name]]
            names = {name for _, name in said}
            events = trace_lines.split(data)[1]
            told = []
            for e in events:
                name = e.get("function", "")
                name = name[5:] if name.startswith("main.") else ""
                if name in names and e["event"] == "call.enter":
                    told.append((">", name))
                elif name in names and e["event"] == "call.leave" and "how" not in e and not defer_in[name]:
                    told.append(("<", name))
            expect(told == said, "%s: told and said differ at %s" % (what, next(((i, a, b) for i, (a, b) in enumerate(zip(told + [None], said + [None])) if a != b), None)))
            expect(len(said) > 300, "%s: it says little" % what)
            calls_nest(events, what)
            sequences.add(tuple(told))
            thrown = {e["function"] for e in events if e["event"] == "call.leave" and e.get("how") == "unwound"}
            expect({"main.between", "main.throws", "main.index", "main.null", "main.panicsAgain"} <= thrown, "%s: thrown away: %s" % (what, thrown))
            gone = {e["function"] for e in events if e["event"] == "call.leave" and e.get("how") == "left"}
            expect({"main.goexit", "main.quits"} <= gone, "%s: left: %s" % (what, gone))
            expect(subprocess.run([bench.program, "run", *flags, source], capture_output=True).stdout == out, "%s: the guest notices" % what)
    expect(len(sequences) == 1, "releases differ: %d sequences" % len(sequences))


PARTS = [as_run_writes_it, compressed, started_by_other_names, chosen, refused, calls, all_calls, as_the_schema_says, blocks_do_not_matter, timelines, ends_from_outside, full, broken_pipe]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    parser.add_argument("--oracle", action="store_true")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    if args.oracle and not shutil.which("go"):
        harness.skip("no go")
    if not args.oracle and not any(args.guests.glob("cases_*")):
        harness.skip("no guests")
    parts = [said_by_the_program] if args.oracle else PARTS
    sys.exit(harness.run_cases(harness.named(parts, args.only), lambda folder: Bench(args.program, folder, args.guests)))


if __name__ == "__main__":
    main()
