#!/usr/bin/env python3
"""Runs beside each other: tests/diff.py --program PATH --guests FOLDER --stories FOLDER [--update] [--all].

  - what changed between releases is found, and nothing else: golden matrices of the small cases over all releases (compare/*.txt), among them golang/go#73916
    (recover-inlined); where the real machine's record (guests/core/oracle) of two releases differs, so does the comparison;
  - both instruction sets tell the same, but for what the stale records of golang/go#48898 read;
  - mechanism: 1.13 to 1.14 open-coded, 1.17 to 1.18 no jmpdefer, 1.21 to 1.22 other recoveries;
  - inputs of all kinds, mixed; prefixes and damaged traces, cut at every byte of a sample; each option; exit statuses; JSON against its schema;
  - check: goldens that hold on the other instruction set, from another folder, under another name; what they say when they do not hold.
--all takes every case over all releases.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import xml.etree.ElementTree

# Debian's python3-jsonschema is Debian's python3's, which need not be the first on PATH.
sys.path.append("/usr/lib/python3/dist-packages")
try:
    import jsonschema
except ImportError:
    print("no jsonschema for Python: skipped")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "guests"))
import harness  # noqa: E402
import matrix  # noqa: E402

GOLDEN = ROOT / "tests" / "compare"
CASES = "recover-inlined defer-mixed panic-nested goexit-recovered exit-deferred".split()
STALE = {"panic-openframes"}  # what lies in the slots of a frame that is gone is the build's
tally = harness.Tally()
expect = tally.expect


def release_of(path):
    return path.name.split("_")[1]


def minor(path):
    return int(release_of(path).split(".")[1])


class Bench(harness.Bench):
    def __init__(self, args, folder):
        super().__init__(args.program, folder, args.guests)
        self.args = args
        self.schema = jsonschema.Draft202012Validator(json.loads((ROOT / "traces/schema/diff.json").read_text()))
        self.small = {}
        for arch in ("amd64", "arm64"):
            found = [p for p in pathlib.Path(args.guests).resolve().glob("cases*_linux_%s_opt_syms" % arch)]
            self.small[arch] = sorted(found, key=minor)

    def call(self, *words, stdin=b"", cwd=None):
        status, out, err = super().call(*words, stdin=stdin, cwd=cwd or self.folder, env={**os.environ, "NO_COLOR": "1"})
        return status, out.decode(), err

    def guest(self, arch, release):
        return next(p for p in self.small[arch] if release_of(p).startswith(release + "."))

    def diff_json(self, *words, stdin=b""):
        status, out, err = self.call("diff", "--json", *words, stdin=stdin)
        try:
            said = json.loads(out)
        except ValueError:
            expect(False, "diff --json %s: no JSON: %d %s" % (words, status, err))
            return {"differences": [], "mechanism": [], "columns": [], "same": None}
        for error in self.schema.iter_errors(said):
            expect(False, "diff --json %s: %s at %s" % (words, error.message, list(error.absolute_path)))
        want = 2 if sum(c["go"] is not None for c in said["columns"]) < 2 else 0 if said["same"] else 1
        expect(status == want, "diff --json %s: status %d, and same is %s" % (words, status, said["same"]))
        return said

    def trace(self, name, guest, *words):
        path = self.folder / name
        self.call("run", "--argv0", "cases", "--events=%s" % path, guest, *words)
        return path


# --- what changes between releases ---


def classes(said):
    """Columns that are alike in all of semantics have equal values."""
    out = []
    for c in range(len(said["columns"])):
        out.append(tuple(d["cells"][c]["class"] for d in said["differences"]))
    return out


def one_case(bench, records, case):
    guests = [p for p in bench.small["amd64"]] + [p for p in bench.small["arm64"]]
    said = bench.diff_json("--semantics", *guests, "--", case)
    expect(all(c["trouble"] is None for c in said["columns"]), "%s: %s" % (case, [c["trouble"] for c in said["columns"] if c["trouble"]]))
    by = dict(zip([(release_of(p), p.name.split("_")[3]) for p in guests], classes(said)))
    for (release, arch), own in by.items():
        if case not in STALE:
            expect(own == by[release, "amd64"], "%s: go%s differs between amd64 and %s" % (case, release, arch))
    # The real machine's records: other output or status is another column.
    wanted = {p: matrix.expected(records, {"go": release_of(p), "goarch": "amd64", "mode": "opt"}, case) for p in bench.small["amd64"]}
    known = [(p, w) for p, w in wanted.items() if w]
    for (a, x), (b, y) in zip(known, known[1:]):
        if x[:2] != y[:2]:
            expect(by[release_of(a), "amd64"] != by[release_of(b), "amd64"],
                   "%s: go%s and go%s print or end differently, and are told alike" % (case, release_of(a), release_of(b)))


def golden_matrix(bench, name, *words):
    status, out, _ = bench.call("diff", "--semantics", "--width", "200", *words)
    text = out.replace(str(pathlib.Path(bench.args.guests).resolve()) + "/", "").replace(str(pathlib.Path(bench.args.stories).resolve()) + "/", "")
    path = GOLDEN / (name + ".txt")
    if bench.args.update:
        path.write_text(text)
    expect(path.exists() and path.read_text() == text, "%s: not what %s says:\n%s" % (name, path.name, text))
    return status, text


def releases(bench):
    if not bench.args.all:
        for case in CASES:
            golden_matrix(bench, case, *bench.small["amd64"], "--", case)
    text = golden_matrix(bench, "recover-inlined", *bench.small["amd64"], "--", "recover-inlined")[1]
    expect("go1.21.13→go1.22.12" in text and "go1.25.14→go1.26.11" in text, "golang/go#73916 is not where it is:\n%s" % text)
    stories = {release_of(p): p for p in pathlib.Path(bench.args.stories).resolve().glob("stories_*_linux_amd64_*")}
    for case, change in (("panicnil-crash", "go1.18.10→go1.21.13"), ("embedded", "go1.14.15→go1.17.13")):
        status, text = golden_matrix(bench, "stories-" + case, *[stories[r] for r in sorted(stories, key=lambda r: int(r.split(".")[1]))], "--", case)
        expect(status == 1 and change in text, "%s: no change %s" % (case, change))
    records = matrix.read_records(ROOT / "tests/guests/core/oracle")
    cases = CASES
    if bench.args.all:
        _, out, _ = bench.call("run", bench.small["amd64"][0], "list")
        cases = [c for c in out.split() if not c.startswith("addr")]
    for case in cases:
        one_case(bench, records, case)


def mechanism(bench):
    def fields(a, b, case):
        said = bench.diff_json(bench.guest("amd64", a), bench.guest("amd64", b), "--", case)
        return {(m["field"], *m["values"]) for m in said["mechanism"]}

    found = fields("1.13", "1.14", "defer-noargs")
    expect(any(f[0] == "defer.storage" and "stack" in f[1] and "open-coded" in f[2] for f in found), "1.13 to 1.14: %s" % found)
    found = fields("1.17", "1.18", "defer-mixed")
    expect(any(f[0] == "jmpdefer" and f[1] and not f[2] for f in found), "1.17 to 1.18: %s" % found)
    found = fields("1.21", "1.22", "panic-nested")
    expect(any(f[0].startswith("discarded") for f in found), "1.21 to 1.22: %s" % found)
    status, out, _ = bench.call("diff", "--mechanism", bench.guest("amd64", "1.13"), bench.guest("amd64", "1.14"), "--", "defer-noargs")
    expect(status == 1 and re.search(r"^-   defer\.storage: .*stack", out, re.M) and re.search(r"^\+   defer\.storage: .*open-coded", out, re.M), out)
    status, out, _ = bench.call("diff", "--semantics", bench.guest("amd64", "1.13"), bench.guest("amd64", "1.14"), "--", "defer-noargs")
    expect(status == 0 and out.endswith("same: 2 runs, but for mechanism\n"), out)


# --- inputs and options ---


def inputs(bench):
    old, new = bench.guest("amd64", "1.21"), bench.guest("amd64", "1.22")
    a, b = bench.trace("a.jsonl", old, "recover-inlined"), bench.trace("b.jsonl", new, "recover-inlined")
    programs = bench.diff_json("--argv0", "cases", old, new, "--", "recover-inlined")
    packed = bench.trace("b.jsonl.zst", new, "recover-inlined")
    expect(packed.stat().st_size < b.stat().st_size / 4, "b.jsonl.zst is not compressed")
    for words, stdin in (((a, b), b""), ((a, "-"), b.read_bytes()), ((a, packed), b""), ((a, "-"), packed.read_bytes()), ((a, "--argv0", "cases", new, "--", "recover-inlined"), b"")):
        said = bench.diff_json(*words, stdin=stdin)
        expect([said[k] for k in ("differences", "mechanism")] == [programs[k] for k in ("differences", "mechanism")],
               "%s is compared otherwise than the programs" % (words,))
    expect(bench.call("diff", a, a)[0] == 0, "a trace is not the same as itself")
    status, out, err = bench.call("diff", a)
    expect(status == 2 and out == "" and err.count("\n") == 1, "one input: %d %s" % (status, err))
    status, out, _ = bench.call("diff", a, bench.folder / "missing", b)
    expect(status == 1 and "not compared: " in out and "missing: No such file" in out, "a missing input: %d %s" % (status, out))
    expect(bench.call("diff", a, bench.folder / "missing")[0] == 2, "nothing to compare with, and no trouble")
    # Standard input is read once, for all.
    expect(bench.call("diff", "--stdin", "-", old, old, "--", "defer-mixed", stdin=b"x\n")[0] == 0, "--stdin -")


def prefixes(bench):
    old = bench.guest("amd64", "1.21")
    whole = bench.trace("whole.jsonl", old, "recover-inlined")
    data, part = whole.read_bytes(), bench.folder / "part.jsonl"
    header = data.index(b"\n") + 1
    for size in (0, 1, header - 1, header, header + 1, len(data) // 3, len(data) // 2, len(data) - 2, len(data) - 1):
        part.write_bytes(data[:size])
        status, out, err = bench.call("diff", whole, part)
        if size < header:
            expect(status == 2 and "not compared: " in out, "cut at %d: %d %s%s" % (size, status, out, err))
        else:
            expect(status == 0 and "a prefix: the trace has no end" in out, "cut at %d: %d %s%s" % (size, status, out, err))
    lines = data.split(b"\n")
    lines[len(lines) // 2] = b'{"schema":"deferscope.event/1"}'
    part.write_bytes(b"\n".join(lines))
    status, out, _ = bench.call("diff", whole, part)
    expect(status == 0 and "a prefix: " in out and "part.jsonl:%d" % (len(lines) // 2 + 1) in out, "damaged: %d %s" % (status, out))
    status, out, _ = bench.call("diff", "--max-instructions", "330000", whole, old, "--", "recover-inlined")
    expect("did not end: --max-instructions 330000 reached" in out and status in (0, 1), "cut short: %d %s" % (status, out))


def options(bench):
    old, new = bench.guest("amd64", "1.21"), bench.guest("amd64", "1.22")
    a, b = bench.trace("a.jsonl", old, "recover-inlined"), bench.trace("b.jsonl", new, "recover-inlined")
    base = bench.diff_json("--semantics", a, b)
    expect(base["differences"], "nothing differs")
    kinds = {d["event"] for d in base["differences"]} | {"panic.recovered", "recover.refused"}
    said = bench.diff_json("--semantics", *sum((["--ignore", k] for k in kinds - {"recover"}), []), a, b)
    left = {d["event"] for d in said["differences"]}
    expect(not left & kinds, "--ignore leaves %s" % left)
    said = bench.diff_json("--semantics", "--ignore", "goroutine=main", "--ignore", "stdout", "--ignore", "stderr", "--ignore", "exit", a, b)
    expect(said["same"], "--ignore of all leaves %s" % said["differences"])
    status, _, err = bench.call("diff", "--ignore", "nonsense", a, b)
    expect(status == 2 and "--ignore nonsense" in err and err.count("\n") == 1, "--ignore nonsense: %d %s" % (status, err))
    expect(all(d["in"] == "all goroutines" for d in bench.diff_json("--total-order", a, b)["differences"] if d["kind"] == "goroutine"), "--total-order")
    expect(bench.diff_json("--scope", "all", a, a)["same"], "--scope all")
    short, long = bench.call("diff", "--context", "0", a, b)[1], bench.call("diff", "--context", "9", a, b)[1]
    expect(short.count("\n") < long.count("\n"), "--context")
    wide = bench.call("diff", "--width", "60", *bench.small["amd64"], "--", "recover-inlined")[1]
    expect(re.search(r"go1\.12\.17 – go1\.21\.13", wide), "columns that are alike are not folded:\n%s" % wide)
    junit = bench.folder / "out.xml"
    expect(bench.call("diff", "--junit", junit, a, b)[0] == 1, "--junit")
    suite = xml.etree.ElementTree.parse(junit).getroot().find("testsuite")
    expect(len(suite.findall("testcase")) == int(suite.get("tests")) and len(suite.findall("testcase/failure")) == int(suite.get("failures")) > 0, "junit counts")
    lines = bench.call("diff", "--github", a, b)[1].splitlines()
    expect(lines and all(re.match(r"::error (file=[^,:]+,(line=\d+,)?)?title=deferscope::", line) for line in lines), "--github: %s" % lines)
    expect(any("line=" in line for line in lines), "no annotation has a line: %s" % lines)


def reasons(bench):
    """What is proved besides who called recover: a nil function was deferred, what nil became as a panic's value."""
    stories = {release_of(p): str(p) for p in pathlib.Path(bench.args.stories).resolve().glob("stories_*_linux_amd64_*")}
    old, new = bench.trace("old.jsonl", stories["1.18.10"], "panicnil-crash"), bench.trace("new.jsonl", stories["1.21.13"], "panicnil-crash")
    why = sum((d["why"] for d in bench.diff_json(old, new)["differences"]), [])
    expect("WHY   go1.18.10  the panic's value is nil" in why and "WHY   go1.21.13  panic(nil) panics with a *runtime.PanicNilError" in why, "panic(nil): %s" % why)
    nil, other = bench.trace("nil.jsonl", stories["1.27.4"], "nilfunc-crash"), bench.trace("other.jsonl", stories["1.27.4"], "once")
    why = sum((d["why"] for d in bench.diff_json(other, nil)["differences"] if d["event"] == "panic.start"), [])
    expect(why and all(w.endswith("the deferred function is nil: its call panics") for w in why), "a nil function: %s" % why)


# --- check ---


def check(bench):
    folder = bench.folder / "golden"
    folder.mkdir()
    new, other = bench.guest("amd64", "1.27"), bench.guest("arm64", "1.27")
    shutil.copy(new, folder / "prog")
    status, _, err = bench.call("check", "prog.golden", "./prog", "recover-inlined", cwd=folder)
    expect(status == 2 and "check --update prog.golden ./prog recover-inlined" in err and err.count("\n") == 1, "no golden: %d %s" % (status, err))
    expect(bench.call("check", "--update", "prog.golden", "./prog", "recover-inlined", cwd=folder)[:2] == (0, "prog.golden: written\n"), "--update")
    text = (folder / "prog.golden").read_text()
    expect('arguments: ["recover-inlined"]' in text and not re.search(r"0x[0-9a-f]|/tmp|@\d", text), "what a golden must not say:\n%s" % text)
    expect(bench.call("check", "--update", "prog.golden", "./prog", cwd=folder)[1] == "prog.golden: as it was\n", "it is rewritten")
    for words, cwd in ((("prog.golden", "./prog"), folder), ((folder / "prog.golden", other), None), ((".",), folder), ((folder,), "/")):
        status, out, err = bench.call("check", *words, cwd=cwd)
        expect(status == 0 and out.startswith("same: "), "check %s: %d %s%s" % (words, status, out, err))
    status, out, _ = bench.call("check", folder / "prog.golden", bench.guest("amd64", "1.25"))
    expect(status == 1 and re.search(r"^- ", out, re.M) and re.search(r"^\+ ", out, re.M), "1.25 against the golden of 1.27: %d %s" % (status, out))
    why = re.findall(r"^  WHY   (.*)$", out, re.M)
    expect(why and all(w.startswith("go1.25.14  recover ← main.inlinedHelper ← ") for w in why), "no WHY of the run alone:\n%s" % out)
    junit = bench.folder / "check.xml"
    status, out, _ = bench.call("check", "--junit", junit, "--github", folder / "prog.golden", bench.guest("amd64", "1.25"))
    expect(status == 1 and out.startswith("::error "), "check --github: %s" % out)
    expect(xml.etree.ElementTree.parse(junit).getroot().find("testsuite/testcase/failure") is not None, "check --junit")
    (folder / "prog.golden").write_text(text.replace("deferscope golden 1", "something else"))
    expect(bench.call("check", folder)[0] == 2, "a damaged golden")
    (folder / "prog.golden").write_text(text)
    expect(bench.call("check", "--update", "--mechanism", folder)[0] == 0, "--update of a folder")
    for words, want in ((("--mechanism", folder), 0), ((folder,), 0), (("--mechanism", folder / "prog.golden", other), 0), ((folder / "prog.golden", other), 0)):
        status, out, err = bench.call("check", *words)
        expect(status == want, "check %s: %d %s%s" % (words, status, out, err))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True)
    parser.add_argument("--stories", required=True)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, pathlib.Path(folder))
        for part in (inputs, prefixes, options, reasons, check, mechanism, releases):
            try:
                part(bench)
            except Exception as e:
                expect(False, "%s: %r" % (part.__name__, e))
                raise
    print("diff: %d failures" % tally.failures)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
