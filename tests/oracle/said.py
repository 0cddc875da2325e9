#!/usr/bin/env python3
"""Events against what the programs say themselves: tests/oracle/said.py --program PATH [--go RELEASES] FILE.go|FOLDER…

Each program is built twice with each release: as it is, for `deferscope run --events`, and with its source rewritten (instrument/) so that it says when a
defer is registered, when a deferred function literal begins, when it panics and when recover stops that; this one runs natively. Both must tell the same
story, goroutine by goroutine. Programs that do not build, that end natively by a signal or whose two native runs differ are passed over, by name.
Needs Go and the network.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import trace_lines  # noqa: E402

TIMEOUT = 120


def go_env(release):
    return {**os.environ, "GOFLAGS": "", "GOENV": "off", "GOTOOLCHAIN": release, "CGO_ENABLED": "0", "GOOS": "linux"}


def story(lines):
    """{goroutine: [what happened]} as a bag of stories: goroutines have other numbers elsewhere."""
    told = collections.defaultdict(list)
    for goroutine, what in lines:
        told[goroutine].append(what)
    return sorted(tuple(t) for t in told.values())


def said_natively(binary, folder, arguments):
    done = subprocess.run([binary, *arguments], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    literals, lines = set(), []
    for line in done.stderr.decode(errors="replace").splitlines():
        at = line.find("@@ ")
        if at < 0:
            continue
        goroutine, what, place = line[at + 3 :].split()[:3]
        if what == "pushlit":
            literals.add(place)
            what = "push"
        lines.append((goroutine, (what, "" if what == "recover" else place)))
    return done.returncode, literals, lines


def said_by_events(path, names, literals):
    pushed, lines = {}, []
    for e in trace_lines.events(pathlib.Path(path).read_text()):
        kind = e["event"]
        if e["origin"] != "user":
            continue
        if kind == "defer.push":
            site = e["defer"]["site"]
            if not site or not site["file"] or os.path.basename(site["file"]) not in names:
                continue
            place = pushed[e["id"]] = "%s:%d" % (os.path.basename(site["file"]), e["defer"]["line"] or site["line"])
            lines.append((e["goroutine"], ("push", place)))
        elif kind == "defer.start" and pushed.get(e["defer"]["id"]) in literals:
            lines.append((e["goroutine"], ("run", pushed[e["defer"]["id"]])))
        elif kind == "panic.recovered" and e["panic"]["value"] != "nil":  # of that recover returns nothing to say
            lines.append((e["goroutine"], ("recover", "")))
    return lines


class Program:
    """A source, as it is and as it says what it does, for one release. `trouble`: why there is none."""

    def __init__(self, options, source, release, folder):
        self.options, self.release, self.folder, self.trouble = options, release, folder, None
        files = [f for f in sorted(source.glob("*.go")) if not f.name.endswith("_test.go")] if source.is_dir() else [source]
        self.names = {f.name for f in files}
        own, self.other = (self.place(source, folder / name, release) for name in ("own", "other"))
        for f in files:
            (own / f.name).write_bytes(f.read_bytes())
        self.input = own if source.is_dir() else own / source.name
        if subprocess.run([options.instrument, self.other, *sorted(own.glob("*.go"))], capture_output=True).returncode:
            self.trouble = "cannot be rewritten"
            return
        built = subprocess.run(["go", "build", "-o", "p", *([] if source.is_dir() else [source.name, "said__.go"])], cwd=self.other, env=go_env(release), capture_output=True, text=True)
        if built.returncode:
            self.trouble = "does not build: " + built.stderr.strip().splitlines()[-1][:100]

    def place(self, source, root, release):
        """A folder for the program in a module of its own; with the packages beside it, where it is one of several in a module."""
        module, folder = "said", root
        root.mkdir()
        if source.is_dir() and (source.parent / "go.mod").exists():
            module = (source.parent / "go.mod").read_text().split()[1]
            folder = root / source.name
            folder.mkdir()
            for package in source.parent.iterdir():
                if package.is_dir() and package != source and any('"%s/%s"' % (module, package.name) in f.read_text() for f in source.glob("*.go")):
                    shutil.copytree(package, root / package.name)
        (root / "go.mod").write_text("module %s\n\ngo %s\n" % (module, ".".join(release[2:].split(".")[:2])))
        return folder

    def cases(self):
        """A program of several files takes the name of one of its cases (`list` has them)."""
        if len(self.names) == 1:
            return [()]
        listed = subprocess.run([self.other / "p", "list"], capture_output=True, text=True).stdout
        return [(name,) for name in listed.split() if not (self.options.skip and re.search(self.options.skip, name))]

    def natively(self, case):
        """(status, literals, what it says), or why not."""
        try:
            first, second = (said_natively(self.other / "p", self.other, case) for _ in range(2))
        except subprocess.TimeoutExpired:
            return "native run takes too long"
        if first[0] < 0:
            return "ends natively by signal %d" % -first[0]
        if first[:2] != second[:2] or story(first[2]) != story(second[2]):
            return "two native runs differ"
        return first

    def compare(self, case):
        """None: both tell the same."""
        native = self.natively(case)
        if isinstance(native, str):
            return native
        status, literals, lines = native
        events = self.folder / "events.jsonl"
        command = [self.options.program, "run", "--go", self.release[2:], "--max-instructions", "1000000000", "--events=%s" % events, self.input, *case]
        try:
            run = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return "takes too long"
        if run.returncode != status:
            return "ends with %d, natively %d: %s" % (run.returncode, status, run.stderr.strip().splitlines()[-1:] if run.stderr else "")
        # Panics are told by one side alone: those that no statement makes, and libraries' that deferred functions meet.
        a = [(g, w) for g, w in lines if w[0] != "panic"]
        b = said_by_events(events, self.names, literals)
        if self.options.kinds:
            a, b = ([(g, (w[0],)) for g, w in side] for side in (a, b))
        return difference(story(a), story(b))


def difference(a, b):
    if a == b:
        return None
    for one in a:
        if one in b:
            b.remove(one)
        else:
            mine = min(b, key=lambda s: abs(len(s) - len(one)), default=())
            first = next((i for i, (x, y) in enumerate(zip(one, mine)) if x != y), min(len(one), len(mine)))
            return "DIFFERENT at its step %d: natively %s, events %s" % (first, one[first : first + 3], mine[first : first + 3])
    return "DIFFERENT: only the events tell %s" % (b[0][:4],)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--go", default="1.13.15,1.17.13,1.21.13,1.27.4")
    parser.add_argument("--kinds", action="store_true", help="compare what happens, not the lines")
    parser.add_argument("--skip", help="a pattern of cases that are not looked at: what they do is in packages that are not rewritten, or takes long")
    parser.add_argument("files", nargs="+", type=pathlib.Path, help="programs of one file, and folders of programs that take the name of a case")
    options = parser.parse_args()
    options.program = options.program.resolve()
    counts = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="deferscope-said-") as folder:
        folder = pathlib.Path(folder)
        options.instrument = folder / "instrument"
        subprocess.run(["go", "build", "-o", options.instrument, pathlib.Path(__file__).parent / "instrument" / "main.go"], check=True, env={**go_env("local"), "GO111MODULE": "off"})
        for source in options.files:
            for release in options.go.split(","):
                place = folder / "program"
                place.mkdir()
                program = Program(options, source.resolve(), "go" + release, place)
                for case in [()] if program.trouble else program.cases():
                    why = program.trouble or program.compare(case)
                    counts["same" if why is None else "different" if why.startswith("DIFFERENT") else "passed over"] += 1
                    if why:
                        print("%s go%s: %s" % (" ".join([str(source), *case]), release, why), flush=True)
                shutil.rmtree(place)
    print(", ".join("%d %s" % (n, w) for w, n in sorted(counts.items())))
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
