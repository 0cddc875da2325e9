#!/usr/bin/env python3
"""What each Go release changed: every case of the core guests over all releases, beside each other.

releases.py sweep     `deferscope diff --json` of each case over all its builds; answers are kept in --results, a file a case
releases.py check     semantics are as they must be, in what sweep kept (--sample: of some cases, which are swept first):
                        amd64 and arm64 tell the same; so do a program and its copy without symbols; so do -N -l and optimised
                        builds where native runs do; neighbouring releases differ where their native runs do (tests/guests/core/oracle),
                        and nowhere else but for KNOWN
releases.py page      docs/releases.md, from what sweep kept
releases.py evidence  what docs/releases.md prints is what its commands print (with the committed guests; --source: as they are printed, with
                        the go on PATH)
`./dev releases` is sweep, check and page.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "guests"))
import matrix  # noqa: E402

PAGE = ROOT / "docs/releases.md"
SECONDS = 600
LEFT_OUT = ("bench-", "addr", "crash-memory")  # much time and no defers; how much memory the host gives
FIRST = ("defer-", "goexit-", "panic-", "rangefunc-", "recover-", "crash-", "fault-")
SAMPLE = "recover-inlined recover-methodvalue goexit-recovered panic-values defer-closure defer-mixed rangefunc-defer".split()
SOURCE = "tests/guests/src/cases"
failures = 0


def expect(condition, text):
    global failures
    if not condition:
        failures += 1
        print(text)


def number(release):
    return int(release.split(".")[1])


def short(release):
    return "1.%d" % number(release)


class Build:
    """A guest by its name: <program>_<release>_<goos>_<goarch>_<mode>_<symbols>. `bare` ones are copies made here."""

    def __init__(self, path):
        self.path, self.name = pathlib.Path(path), pathlib.Path(path).name
        self.program, self.release, self.goos, self.goarch, self.mode, self.symbols = self.name.split("_")

    def who(self):
        return {"go": self.release, "goarch": self.goarch, "mode": self.mode}

    def usual(self, goarch):
        return (self.goarch, self.mode, self.symbols) == (goarch, "opt", "syms")


def stripped(build, folder):
    """A copy without sections: without symbol table and DWARF, as strip(1) leaves it."""
    data = bytearray(build.path.read_bytes())
    data[0x28:0x30] = bytes(8)  # e_shoff
    data[0x3C:0x40] = bytes(4)  # e_shnum, e_shstrndx
    path = folder / build.name.replace("_syms", "_bare")
    path.write_bytes(data)
    path.chmod(0o755)
    return Build(path)


def all_builds(args):
    found = [Build(p) for p in pathlib.Path(args.guests).resolve().glob("cases*_linux_*")]
    folder = pathlib.Path(args.results).resolve() / "bare"
    folder.mkdir(parents=True, exist_ok=True)
    mechanisms = {b.release for b in found if b.mode == "nopt"}  # a release of each
    bare = [stripped(b, folder) for b in found if b.usual("amd64") and b.release in mechanisms]
    order = ("syms", "dwarf", "bare").index
    return sorted(found + bare, key=lambda b: (order(b.symbols), b.goarch, number(b.release)))


# --- sweep ---


def builds_of_cases(args):
    of = collections.defaultdict(list)
    for b in all_builds(args):
        out = subprocess.run([args.program, "run", str(b.path), "list"], capture_output=True, text=True, check=True, timeout=SECONDS).stdout
        for case in out.split():
            if not case.startswith(LEFT_OUT):
                of[case].append(b)
    return {case: builds for case, builds in sorted(of.items()) if len(builds) > 1}


def result_path(args, case):
    return pathlib.Path(args.results) / (case + ".json")


def compare(args, case, builds):
    done = subprocess.run([args.program, "diff", "--json", "--argv0", "cases", *[str(b.path) for b in builds], "--", case], capture_output=True,
                          timeout=SECONDS)
    said = json.loads(done.stdout)
    for column, build in zip(said["columns"], builds):
        column["source"] = build.name
    said["storages"] = storages(args, case, next((b for b in builds if b.usual("amd64")), builds[0]))
    result_path(args, case).write_text(json.dumps(said))


def storages(args, case, build):
    """Where the first build that has the case keeps defers, and a function that has one there."""
    trace = pathlib.Path(args.results) / (case + ".trace.jsonl")
    subprocess.run([args.program, "run", "--events=%s" % trace, str(build.path), case], capture_output=True, timeout=SECONDS)
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    pushed = [e for e in events if e.get("event") == "defer.push" and e["origin"] == "user"]
    trace.unlink()
    return {e["defer"]["storage"]: e["frame"]["function"] for e in reversed(pushed)}


def sweep(args, only=None):
    of = builds_of_cases(args)
    wanted = [c for c in sorted(of, key=lambda c: (not c.startswith(FIRST), c)) if (not only or c in only) and not (args.keep and result_path(args, c).exists())]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for _ in pool.map(lambda c: compare(args, c, of[c]), wanted):
            pass
    print("releases: %d cases over up to %d builds" % (len(wanted), max(map(len, of.values()))))


class Case:
    """What sweep found of a case."""

    def __init__(self, path):
        said = json.loads(path.read_text())
        self.name = path.stem
        self.builds = [Build(c["source"]) for c in said["columns"]]
        self.trouble = [(b.name, c["trouble"]) for b, c in zip(self.builds, said["columns"]) if c["trouble"]]
        self.rows, self.mechanism = said["differences"], said["mechanism"]
        self.storages = said.get("storages", {})

    def columns(self, goarch):
        return [i for i, b in enumerate(self.builds) if b.usual(goarch)]

    def find(self, **wanted):
        return [i for i, b in enumerate(self.builds) if all(getattr(b, k) == v for k, v in wanted.items())]

    def rows_between(self, a, b):
        """Where two columns differ in semantics."""
        pairs = [(row, row["cells"][a], row["cells"][b]) for row in self.rows]
        differ = [(row, x, y) for row, x, y in pairs if None not in (x["class"], y["class"]) and x["class"] != y["class"]]
        return [row for row, x, y in differ if row["kind"] != "output" or not all((cell["text"] or "").startswith(OF_THE_BUILD) for cell in (x, y))]


def kept_cases(args, only=None):
    found = [Case(p) for p in sorted(pathlib.Path(args.results).glob("*.json")) if not only or p.stem in only]
    if not found:
        sys.exit("releases: nothing in %s: sweep first" % args.results)
    return found


# --- check ---

# Differences that the native record cannot show: case, release, and why they are real.
KNOWN = [
    ("go121-once", r"1\.2[257]", "statements of sync.OnceValue, inlined, are on other lines"),
    ("gc-finalizer", "1.25", "the runtime's goroutine that runs finalizers has another name: runtime.runFinalizers"),
    ("go-afterfunc", "1.14", "a timer's function runs in a goroutine that another one starts: the timers' own goroutine is gone"),
    ("go-context", "1.21", "a context's cancel function is another function literal of the library"),
    ("panic-goroutines", "1.13", "the value of a bounds failure has index and length; the guest does not print it"),
]
FLOATS = "1.26"  # from here on the runtime prints a float's shortest digits: 2.5, no longer +2.500000e+000
# What lies in the slots of a frame that is gone is the build's (golang/go#48898).
STALE = {"panic-openframes"}
# In which builds of one release are not held against each other, and why.
RACES = {
    "go-mutex": "who waits for the mutex follows from how many instructions a turn has, and its state, which effects show, from that",
    "go-many": "whether the last goroutine's Done has returned when main does follows from the same",
}
OF_THE_BUILD = "addr "  # lines of guests that begin so tell addresses, and what else each build has its own of


def native(records, build, case):
    """Exit status, output, and of standard error what stands before the stack traces; None: not recorded."""
    of = matrix.expected(records, build.who(), case)
    if not of:
        return None
    report = of[2] and re.split(r"\n(?:goroutine \?|runtime stack:)", of[2])[0]
    return of[0], of[1], report and re.sub(r"0x[0-9a-f?]+", "0x?", report)


def known(case, release):
    return next((why for cases, since, why in KNOWN if re.fullmatch(cases, case) and re.fullmatch(since, short(release))), None)


def only_floats(case, a, b):
    """They differ in how floats are printed, and in nothing else."""
    def canonical(text):
        return re.sub(r"[+-]?\d+\.\d+(?:e[+-]\d+)?|[+-]?\d+(?:e[+-]\d+)", lambda m: "%r" % float(m[0]), text or "")
    return all(canonical(r["cells"][a]["text"]) == canonical(r["cells"][b]["text"]) for r in case.rows_between(a, b))


def told(case, a, b):
    return "; ".join("%s | %s" % (r["cells"][a]["text"], r["cells"][b]["text"]) for r in case.rows_between(a, b)[:3])


def check_case(case, records):
    expect(not case.trouble, "%s: %s" % (case.name, case.trouble))

    def alike(a, b, what):
        expect(not case.rows_between(a, b), "%s: go%s: %s differ: %s" % (case.name, case.builds[a].release, what, told(case, a, b)))

    if case.name in STALE:
        return
    for i in case.columns("amd64"):
        b = case.builds[i]
        for j in case.find(release=b.release, symbols="bare"):
            alike(i, j, "with and without symbols")
        if case.name in RACES:
            continue
        for j in case.find(release=b.release, mode="opt", goarch="arm64"):
            alike(i, j, "amd64 and arm64")
        for j in case.find(release=b.release, mode="nopt"):
            if native(records, b, case.name) == native(records, case.builds[j], case.name):
                alike(i, j, "optimised and -N -l on %s" % case.builds[j].goarch)
    columns = case.columns("amd64")
    for i, j in zip(columns, columns[1:]):
        a, b = case.builds[i], case.builds[j]
        real, differ = (native(records, a, case.name), native(records, b, case.name)), bool(case.rows_between(i, j))
        if None in real or None in (real[0][2], real[1][2]) and real[0][:2] == real[1][:2]:
            continue
        if real[0] != real[1]:
            expect(differ, "%s: go%s and go%s differ natively, and are told alike" % (case.name, a.release, b.release))
        elif differ:
            excused = known(case.name, b.release) or (short(b.release) == FLOATS and only_floats(case, i, j))
            expect(excused, "%s: go%s and go%s do the same natively: %s" % (case.name, a.release, b.release, told(case, i, j)))


def check(args):
    if args.sample:
        sweep(args, SAMPLE)
    records = matrix.read_records(ROOT / "tests/guests/core/oracle")
    cases = kept_cases(args, args.sample and SAMPLE)
    for case in cases:
        check_case(case, records)
    print("releases: semantics of %d cases, %d failures" % (len(cases), failures))


# --- what changed ---

# Machinery: what a change is called, what it means, and what of the mechanism shows it: field, before, after, each a pattern; without counts,
# places and the guest's names. A change has what any of its rules fits and is shown by what the first one fits.
MACHINERY = [
    ("Records on the stack",
     "A `defer` that runs once a call keeps its `_defer` record in its function's frame: no allocation, `runtime.deferprocStack` links it.",
     [("defer.storage", "heap", "stack"), ("defer.registered_by", "runtime.deferproc", "runtime.deferprocStack")]),
    ("Open-coded defers",
     "A function with few defers and exits, and no defer in a loop, has no records: a bit in its frame says what is registered, and it calls the deferred "
     "functions itself at its exit. A panic finds them by scanning the stack.",
     [("defer.storage", ".*", ".*open-coded"), ("defer.registered_by", "runtime.deferproc.*", "(deferBits|slot).*"),
      ("discarded", ".*", ".*runOpenDeferFrame.*")]),
    ("A recovery no longer returns 1",
     "A recovered function goes on at its call of `deferreturn` always; `deferproc` and its like have no result that says whether a panic was recovered.",
     [("returns_1", "true", "false")]),
    ("A recovery returns through deferreturn", "A function that recovered goes on at its call of `deferreturn`, not behind the call that registered.",
     [("resumes", "deferproc", "deferreturn")]),
    ("jmpdefer is gone",
     "`deferreturn` calls deferred functions in a loop and stays on the stack. Before, `jmpdefer` replaced its frame by the deferred function's and rewrote the "
     "return address, so that each returned into the next call of `deferreturn`.",
     [("jmpdefer", "yes", ""), ("defer.run_by", "(.*, )?jmpdefer(, .*)?", "(.*, )?deferreturn(, .*)?")]),
    ("Wrappers are counted as function literals", "The closures around deferred calls have names like function literals: `funcN`, no longer `dwrap·N`.",
     [("defer.through", ".*F.dwrap.N.*", ".*F.funcN.*")]),
    ("deferwrap: wrappers have names of their own",
     "The closures around deferred calls are called `deferwrapN` and are counted apart from function literals.",
     [("defer.through", ".*F.funcN.*", ".*F.deferwrapN.*")]),
    ("Arguments travel in closures",
     "With arguments in registers the compiler wraps a deferred call with arguments in a closure without any. Stack traces hide it and `recover` looks through it.",
     [("defer.through", ".*", ".*F.dwrap.N.*|.*F.funcN.*"), ("defer.function.wrapper", "false.*", "true"), ("discarded", ".*", ".*deferCallSave.*")]),
    ("A panic walks frames by a state machine",
     "`(*_panic).nextDefer` finds the next deferred call, of a record or of an open-coded frame, and `recovery` unwinds from there. The records that stood for "
     "open-coded frames, and what ran them, are gone.",
     [("discarded", ".*", ".*nextDefer.*")]),
    ("Bounds failures have functions of their own", "A failed bounds check calls `runtime.panicIndex` and its like, by what failed.", [("discarded", ".*", ".*goPanicIndex.*")]),
    ("Bounds failures share one function", "A failed bounds check calls `runtime.panicBounds`, which finds out what failed.", [("discarded", ".*", ".*panicBounds.*")]),
]
# Where defers are kept that no older release had.
STORAGES = {
    "rangefunc": ("Range-over-func defers",
                  "A `defer` in the body of a loop over a function belongs to the function around the loop: `runtime.deferrangefunc` opens a list there, "
                  "`runtime.deferprocat` adds to it from the loop's body."),
}
# Behaviour: the minor release that changed it, what it is called, what it means, and of the first event that differs its sentence before and after.
BEHAVIOUR = [
    (13, "Bounds errors say index and length", "The value of the panic has both.", ".* panics: .*out of range", r".* panics: .*out of range \[.*"),
    (14, "Goexit survives a recovery in a deferred function",
     "Where a deferred function that `runtime.Goexit` runs panics and recovers, the goroutine still ends. Before, it went on as if nothing had ended it (golang/go#29226).",
     "the panic Goexit ends: recovery.*", "nothing of it"),
    (15, "Panics print values of named types", "An uncaught panic with a value of a named basic type prints it, not its address.", r"panic: \(main\..*", "panic: .*"),
    (16, "A deferred promoted method takes its receiver late", "`defer x.M()` of a promoted method saw changes behind the defer statement (golang/go#52025).", "sum 110", "sum 11"),
    (20, "A deferred promoted method takes its receiver at once", "golang/go#52025 is mended.", "sum 11", "sum 110"),
    (22, "A helper recovers, if inlined",
     "`recover` works in a function that the deferred function calls, once the deferred function is inlined into its wrapper (golang/go#73916): programs survive panics that "
     "ended them.", r"recover\(\) in .* returns nil.*", r"recover\(\) in .* stops.*"),
    (16, "A deferred method value recovers", "In `defer f()` of a method value `f := x.M`, `recover` in `M` stops the panic, where it returned nil.",
     r"recover\(\) in .* returns nil.*", r"recover\(\) in .* stops.*"),
    (19, "A panic while a panic is printed says its value", "", "fatal error: panic while printing panic value", "fatal error: panic while printing panic value: .*"),
    (23, "Panics indent their further lines", "The lines of a printed panic value begin with a tab, so that none looks like a goroutine's.", "lines", r".*t?lines"),
    (14, "Stack overflows say where the stack is", "", "nothing of it", "runtime: sp=.*"),
    (24, "Recovering in an inlined range-over-func loop leaves the caller too",
     "A function literal that defers in the body of a range-over-func loop is inlined, and its defers are registered for the function around it: they run, and a recovery returns, "
     "at the end of that one. Here `after` is never printed.", r"\S+ defers .*|nothing of it", r"\S+ defers .*|nothing of it"),
    (26, "Defers of range-over-func loops stay in their function", "The change of 1.24 is mended.", r"\S+ defers .*|nothing of it", r"\S+ defers .*|nothing of it"),
    (25, "An unhashable key of some maps panics with another error", "Its message has no longer the prefix `runtime error: `.",
     ".*hash of unhashable type.*", ".*unhashableTypeError.*"),
    (25, "Panics that were raised again say so", "`[recovered, repanicked]`, and the value once.", r".*\[recovered\]", r".*\[recovered, repanicked\]"),
    (26, "A helper recovers no more", "golang/go#73916 is mended: such programs end again, as before 1.22.", r"recover\(\) in .* stops.*", r"recover\(\) in .* returns nil.*"),
    (26, "Panics print floats shortest", "The value of an uncaught panic is printed as 2.5, no longer +2.500000e+000.", r".* panics: .*e\+\d+.*", ".* panics: .*"),
]
# Follow from where defers are kept, who runs them, and what that discards.
DERIVED = re.compile(r"defer\.(slot|bits\..*|stale)|steps|discarded_frames|deferreturn\.enter|transfer|what|stack\.move")
APART = re.compile(r"registered_in|reached_in|walk\..*|saved\..*")  # measured, and details of the state machine of 1.22
MAY_BE_MISSING = ("jmpdefer", "defer.through")
COUNTED = ("jmpdefer", "recovery.jump")
AREAS = ["behaviour", "machinery"]
LINES = 7  # of an evidence, some more or less


def patterns(field, before, after):
    """Values of the mechanism before and after, without counts, places and the guest's names; of what a recovery discards what is gone and what came."""
    if field in COUNTED:
        return "yes" if before else "", "yes" if after else ""
    sides = []
    for value in (before, after):
        parts = [re.sub(r" ?×\d+$", "", p) for p in value.split(", ")]
        if field == "discarded":
            parts = [p for p in parts if p.startswith("runtime.")]
        if field == "defer.through":
            parts = [re.sub(r".*\.dwrap\.\d+$", "F.dwrap.N", re.sub(r".*\.deferwrap\d+$", "F.deferwrapN", p)) for p in parts]
            parts = [re.sub(r".*\.func\d+(\.\d+)*$|.*\.\d+$", "F.funcN", p) for p in parts]
            parts = [p if p.startswith("F.") or not p else "a method's wrapper" for p in parts]
        sides.append(set(parts))
    if field == "discarded":
        sides = [sides[0] - sides[1], sides[1] - sides[0]]
    return [", ".join(sorted(side)) for side in sides]


def same_literals(mechanism, a, b):
    """Without function literals where either release has one that the other has not: they are counted in another way, and names mean others."""
    def literal(m):
        name = next((x["value"] for x in m["about"] if x["field"] == "frame.function"), "")
        return re.match(r"main\.[^.-]+(?=[.-])", name)

    only_one = [m for m in mechanism if m["field"] not in MAY_BE_MISSING and bool(m["values"][a]) != bool(m["values"][b])]
    renamed = {literal(m)[0] for m in only_one if literal(m)}
    return [m for m in mechanism if not (literal(m) and literal(m)[0] in renamed) and m not in only_one]


def masked(text):
    text = re.sub(r"main\.[\w.()*-]+", "f", text or "nothing of it")
    return re.sub(r"[+-]?\b\d[\d.]*(e[+-]\d+)?", "N", text)


class Change:
    def __init__(self, release, area, title, note):
        self.release, self.area, self.title, self.note = release, area, title, note
        self.cases = {}    # name -> (how much differs, its builds before and after)
        self.fields = {}   # of the mechanism: those of the rule that leads, and others
        self.isas = set()
        self.again = False  # an older release began with it
        self.storage = None  # new, and a function that has it

    def add(self, case, size, before, after):
        self.isas.add(after.goarch)
        self.cases[case] = min(self.cases.get(case, (size, before, after)), (size, before, after), key=lambda c: (c[0], c[1].goarch))

    def named(self):
        return self.area == "behaviour" or not self.title.startswith("`")

    def witness(self):
        case = min(self.cases, key=lambda c: (self.cases[c][0], c.startswith("crash-"), c))
        return case, self.cases[case][1], self.cases[case][2]


def machinery(field, before, after):
    for title, note, rules in MACHINERY:
        for i, (f, x, y) in enumerate(rules):
            if re.fullmatch(f, field) and re.fullmatch(x, before) and re.fullmatch(y, after):
                return title, note, i == 0
    return "`%s`: %s → %s" % (field, before or "nothing", after or "nothing"), "", True


def behaviour(release, before, after):
    for changed, title, note, x, y in BEHAVIOUR:
        if number(release) == changed and re.fullmatch(x, before) and re.fullmatch(y, after):
            return title, note
    return "%s → %s" % (masked(before), masked(after)), ""


def changes(cases):
    """release -> what it changed."""
    found = collections.defaultdict(dict)

    def change(release, area, title, note):
        return found[release].setdefault((area, title), Change(release, area, title, note))

    for case in cases:
        for goarch in ("amd64", "arm64"):
            columns = case.columns(goarch)
            for a, b in zip(columns, columns[1:]):
                before, after = case.builds[a], case.builds[b]
                if number(after.release) != number(before.release) + 1:
                    continue
                rows = case.rows_between(a, b)
                if rows:  # what else happens has other machinery
                    lead = [rows[0]["cells"][c]["text"] or "nothing of it" for c in (a, b)]
                    change(after.release, "behaviour", *behaviour(after.release, *lead)).add(case.name, len(rows), before, after)
                    continue
                of_both = same_literals([m for m in case.mechanism if not APART.fullmatch(m["field"])], a, b)
                seen = [(m["field"], str(m["about"]), *patterns(m["field"], m["values"][a], m["values"][b])) for m in of_both]
                seen = [s for s in seen if s[2] != s[3] and not DERIVED.fullmatch(s[0])]
                told = sum(20 + len(m["values"][a]) + len(m["values"][b]) for m in of_both if m["values"][a] != m["values"][b])
                kept_elsewhere = {s[1] for s in seen if s[0] == "defer.storage"}  # who runs those follows from it
                for field, about, x, y in seen:
                    if about in kept_elsewhere and field not in ("defer.storage", "defer.registered_by"):
                        continue
                    title, note, leads = machinery(field, x, y)
                    of = change(after.release, "machinery", title, note)
                    of.fields[field] = of.fields.get(field, False) or leads
                    of.add(case.name, told + (0 if leads else 10**6), before, after)
    known = set()
    for case in sorted(cases, key=lambda c: min(number(b.release) for b in c.builds)):
        first = next(b for b in case.builds if b.usual("amd64"))
        for storage in set(case.storages) - known if known else ():
            of = change(first.release, "machinery", *STORAGES.get(storage, ("`defer.storage`: nothing → %s" % storage, "")))
            of.storage = of.storage or (storage, case.storages[storage])
            for goarch in case.columns("arm64"):
                of.add(case.name, len(case.rows), first, first)
                of.isas.add("arm64")
        known |= set(case.storages) | {s for m in case.mechanism if m["field"] == "defer.storage" for v in m["values"] for s in patterns("defer.storage", v, "")[0].split(", ")}
    for of in found.values():
        for c in of.values():
            if c.fields and not any(c.fields.values()):  # not the change itself
                c.title, c.note = "%s, as in “%s”" % (", ".join("`%s`" % f for f in sorted(c.fields)), c.title), ""
    titles = set()
    out = {release: list(of.values()) for release, of in sorted(found.items(), key=lambda r: number(r[0]))}
    for of in out.values():
        for c in of:
            c.again = c.title in titles
        titles |= {c.title for c in of}
    return out


# --- the page ---


def command(area, case, before, after):
    """As a reader types it: the guests are built from this source."""
    flags = "--semantics --context 1" if area == "behaviour" else "--mechanism"
    target = "" if before.goarch == "amd64" else " --target linux/arm64"
    return "deferscope diff %s --go %s,%s%s %s -- %s" % (flags, short(before.release), short(after.release), target, SOURCE, case)


def run_defers(args, path, function):
    return subprocess.run([args.program, "defers", path, function], capture_output=True, text=True, timeout=SECONDS).stdout.split("\n")


def run_diff(args, area, case, before, after):
    flags = ["--semantics", "--context", "1"] if area == "behaviour" else ["--mechanism"]
    done = subprocess.run([args.program, "diff", *flags, "--argv0", "cases", before, after, "--", case], capture_output=True, text=True, timeout=SECONDS)
    return done.stdout.split("\n")


def evidence(args, change):
    """The lines of diff that show the change."""
    case, before, after = change.witness()
    if change.storage:
        return [line for line in run_defers(args, args.guests + "/" + after.name, change.storage[1]) if change.storage[0] in line]
    bins = [str(pathlib.Path(args.guests) / b.name) for b in (before, after)]
    lines = run_diff(args, change.area, case, *bins)[2:-2]  # without the columns' lines and the verdict
    if change.area == "machinery":
        return mechanism_lines(lines[lines.index("MECHANISM") + 1:], change)
    lines = [line for line in lines if not line.startswith(("  … ", "MECHANISM"))]
    if len(lines) <= LINES:
        return lines
    output = next((i for i, line in enumerate(lines) if line.startswith(("@@ standard", "@@ the end"))), len(lines))
    head, tail = lines[:min(output, LINES - 3)], [line for line in lines[output:] if not line.startswith("  ")][:3]
    return head + ["… %d lines more" % (len(lines) - len(head) - len(tail))] + tail


def mechanism_lines(lines, change):
    """The first statement, or events, whose lines tell what leads."""
    leads = {f for f, leads in change.fields.items() if leads} or set(change.fields)
    blocks = []
    for line in lines:
        if line.startswith("  "):
            blocks.append([line])
        else:
            blocks[-1].append(line)

    def told(line, fields):
        return any(line[1:].strip().startswith(f + ":") for f in fields)

    best = next((b for b in blocks if any(told(line, leads) for line in b)), blocks[0])
    return [best[0]] + [line for line in best[1:] if told(line, change.fields)][:LINES - 2]


def anchor(title):
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def title_of(change):
    again = "" if not change.again else "on arm64 too: " if change.isas == {"arm64"} else "more: "
    return "Go %s: %s" % (short(change.release), again + change.title)


HEAD = """# What each Go release changed

Defer, panic, recover and Goexit from Go 1.12 to 1.27: found by comparing the cases of the guests (`tests/guests/src/cases`) over the last patch of each
release, for linux/amd64 and linux/arm64, event by event (docs/comparing.md). *Behaviour* is what a program can tell: which deferred functions run, in
which order, for which panic, what is recovered and printed. *Machinery* is how the runtime and the compiler do it: what profiles, stack traces, debuggers
and tools that read memory see, by its fields in docs/events.md. Both instruction sets behave alike everywhere; where machinery came to one later, its section says so.

Generated by `./dev releases` from the comparison; a test runs what it prints. Each section: the shortest case that shows the change, the command that
compares the two releases from source, and what it prints (`-` before, `+` after). A case that behaves in another way is not counted for machinery.

| Go | behaviour | machinery |
|---|---|---|
"""


def section(args, change):
    case, before, after = change.witness()
    isas = "" if len(change.isas) > 1 else " On %s only." % next(iter(change.isas))
    what = (change.note + " " if change.note and not change.again else "") + "Shown by %s.%s" % (plural(len(change.cases), "case"), isas)
    lines = "\n".join(line.rstrip() for line in evidence(args, change))
    shown = "deferscope defers --go %s %s %s" % (short(after.release), SOURCE, change.storage[1]) if change.storage else command(change.area, case, before, after)
    return "### %s\n%s\n```diff\n$ %s\n%s\n```\n" % (title_of(change), what, shown, lines)


# What go.mod's go line decides, not the release that builds: before, after, what it is called, what it means.
GO_LINES = [("", "121", "panic(nil) is a panic", "With `go 1.21` or newer `panic(nil)` panics with a `*runtime.PanicNilError`, and `recover` returns it, not nil (golang/go#25448)."),
            ("121", "122", "Loop variables are new in each turn", "With `go 1.22` or newer deferred function literals see the value of their turn, not the last one (golang/go#60078).")]
GO_LINE_RELEASE = "1.27.4"


def go_line_build(line):
    return "go build -modfile=%s -o %s ./golines" % ("go.%s.mod" % line if line else "go.mod", go_line_program(line))


def go_line_program(line):
    return "/tmp/golines%s" % line


def go_line_diff(args, before, after):
    env = {k: v for k, v in os.environ.items() if not k.startswith("GO")} | {"GOENV": "off", "GOTOOLCHAIN": "go" + GO_LINE_RELEASE}
    env |= {k: os.environ[k] for k in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY") if k in os.environ}
    for line in (before, after):
        subprocess.run(shlex.split(go_line_build(line)), cwd=ROOT / "tests/guests/src", env=env, check=True)
    words = ["diff", "--semantics", "--context", "1", go_line_program(before), go_line_program(after)]
    out = subprocess.run([args.program, *words], capture_output=True, text=True, timeout=SECONDS).stdout
    return "deferscope " + " ".join(words), [line for line in out.split("\n")[2:-2] if not line.startswith("  … ")]


def go_lines(args):
    text = "\n## Changes of the go line\n\nThese come with the `go` line of go.mod, whichever release builds: here Go %s, in `tests/guests/src`.\n" % short(GO_LINE_RELEASE)
    for before, after, title, note in GO_LINES:
        line, below = go_line_diff(args, before, after)
        builds = "\n".join("$ " + go_line_build(x) for x in (before, after))
        text += "\n### %s\n%s\n```diff\n%s\n$ %s\n%s\n```\n" % (title, note, builds, line, "\n".join(x.rstrip() for x in below[:LINES]))
    return text


def plural(n, what):
    return "%d %s%s" % (n, what, "" if n == 1 else "s")


def page(args):
    cases = [c for c in kept_cases(args) if c.name.startswith(FIRST)]
    found = changes(cases)
    releases = sorted({b.release for c in cases for b in c.builds}, key=number)[1:]
    text = HEAD
    for release in releases:
        cells = ["; ".join("[%s](#%s)" % (title_of(c).partition(": ")[2], anchor(title_of(c))) for c in found.get(release, []) if c.area == area and c.named()) or "–" for area in AREAS]
        text += "| %s | %s |\n" % (short(release), " | ".join(cells))
    for release in releases:
        of = sorted(found.get(release, []), key=lambda c: (AREAS.index(c.area), -len(c.cases)))
        for c in (c for c in of if c.named()):
            text += "\n" + section(args, c)
        rest = [c for c in of if not c.named()]
        if rest:
            text += "\n### Go %s: smaller changes of machinery\n" % short(release)
        for field in dict.fromkeys(c.title.split(":")[0] for c in rest):
            same = [c for c in rest if c.title.split(":")[0] == field]
            what = "; ".join("%s (%s)" % (c.title.partition(": ")[2] or "other", plural(len(c.cases), "case")) for c in same)
            text += "- %s: %s. `%s`\n" % (field, what, command(same[0].area, *same[0].witness()))
    text += go_lines(args)
    PAGE.write_text(text)
    print("releases: %s: %d lines" % (PAGE.name, text.count("\n")))


def printed(text):
    """Each command of the page, and what stands below it."""
    for block in re.findall(r"```diff\n\$ (.*?)\n(.*?)```", text, re.S):
        yield block[0], block[1].split("\n")[:-1]


def check_page(args):
    """The commands of the page print what it says, in this order. Without --source they run the committed guests, which are builds of that source."""
    of = {(b.goarch, short(b.release)): str(b.path) for b in all_builds(args) if b.mode == "opt" and b.symbols == "syms"}
    count = 0
    for line, below in printed(PAGE.read_text()):
        words = shlex.split(line)
        if "--go" not in words:  # GO_LINES
            continue
        flag, go, case = words[2], words[words.index("--go") + 1].split(","), words[-1]
        goarch = "arm64" if "linux/arm64" in words else "amd64"
        area = "behaviour" if flag == "--semantics" else "machinery"
        if args.source:
            run = [args.program, *words[1:]]
            got = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, timeout=SECONDS).stdout.split("\n")
        elif words[1] == "defers":
            got = run_defers(args, of[goarch, go[0]], words[-1])
        else:
            got = run_diff(args, area, case, of[goarch, go[0]], of[goarch, go[1]])
        got, at = [g.rstrip() for g in got], 0
        for wanted in below:
            if wanted.startswith("… "):
                continue
            expect(wanted in got[at:], "docs/releases.md: `%s` does not print\n%s" % (line, wanted))
            at = got.index(wanted, at) + 1 if wanted in got[at:] else at
        count += 1
    expect(count > 10, "docs/releases.md: only %d commands" % count)
    print("releases: %d commands of docs/releases.md, %d failures" % (count, failures))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="+", choices=("sweep", "check", "page", "evidence"))
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--guests", default=str(ROOT / "build/guests-core"))
    parser.add_argument("--results", default=str(ROOT / "build/releases"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="sweep only cases without a result")
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--source", action="store_true")
    args = parser.parse_args()
    if "sweep" in args.verbs:
        sweep(args)
    if "check" in args.verbs:
        check(args)
    if "page" in args.verbs:
        page(args)
    if "evidence" in args.verbs:
        check_page(args)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
