#!/usr/bin/env python3
"""Events against what the programs say themselves: tests/oracle/said.py --program PATH [--go RELEASES] FILE.go…

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


def said_natively(binary, folder):
    done = subprocess.run([binary], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    literals, lines = set(), []
    for line in done.stderr.decode(errors="replace").splitlines():
        at = line.find("@@ ")
        if at < 0:
            continue
        goroutine, what, number = line[at + 3 :].split()[:3]
        if what == "pushlit":
            literals.add(int(number))
            what = "push"
        lines.append((goroutine, (what, 0 if what == "recover" else int(number))))
    return done.returncode, literals, lines


def said_by_events(path, name, literals):
    pushed, lines = {}, []
    for e in trace_lines.events(pathlib.Path(path).read_text()):
        kind = e["event"]
        if e["origin"] != "user":
            continue
        if kind == "defer.push":
            site = e["defer"]["site"]
            if not site or not site["file"].endswith("/" + name):
                continue
            pushed[e["id"]] = site["line"]
            lines.append((e["goroutine"], ("push", site["line"])))
        elif kind == "defer.start" and pushed.get(e["defer"]["id"]) in literals:
            lines.append((e["goroutine"], ("run", pushed[e["defer"]["id"]])))
        elif kind == "panic.start":
            lines.append((e["goroutine"], ("panic", e["frame"])))
        elif kind == "panic.recovered":
            lines.append((e["goroutine"], ("recover", 0)))
    return lines


def without_own_panics(native, events):
    """Panics that no statement makes (nil maps) are in the events alone, those of library code too: both sides keep pushes, runs and recoveries."""
    keep = lambda lines: [(g, w) for g, w in lines if w[0] != "panic"]
    return keep(native), keep(events)


def compare(options, source, release, folder):
    own, other = folder / "own", folder / "other"
    for place in (own, other):
        place.mkdir()
        (place / "go.mod").write_text("module said\n\ngo %s\n" % ".".join(release[2:].split(".")[:2]))
    name = source.name
    (own / name).write_bytes(source.read_bytes())
    made = subprocess.run([options.instrument, own / name], capture_output=True)
    if made.returncode:
        return "cannot be rewritten"
    (other / name).write_bytes(made.stdout)
    built = subprocess.run(["go", "build", "-o", "p", name], cwd=other, env=go_env(release), capture_output=True, text=True)
    if built.returncode:
        return "does not build: " + built.stderr.strip().splitlines()[-1][:100]
    try:
        status, literals, native = said_natively(other / "p", other)
    except subprocess.TimeoutExpired:
        return "native run takes too long"
    events = folder / "events.jsonl"
    try:
        run = subprocess.run([options.program, "run", "--go", release[2:], "--max-instructions", "1000000000", "--events=%s" % events, own / name], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return "takes too long"
    if run.returncode != status:
        return "ends with %d, natively %d: %s" % (run.returncode, status, run.stderr.strip().splitlines()[-1:] if run.stderr else "")
    a, b = without_own_panics(native, said_by_events(events, name, literals))
    if options.kinds:
        a, b = ([(g, (w[0],)) for g, w in lines] for lines in (a, b))
    a, b = story(a), story(b)
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
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    options.program = options.program.resolve()
    counts = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="deferscope-said-") as folder:
        folder = pathlib.Path(folder)
        options.instrument = folder / "instrument"
        subprocess.run(["go", "build", "-o", options.instrument, pathlib.Path(__file__).parent / "instrument" / "main.go"], check=True, env={**go_env("local"), "GO111MODULE": "off"})
        for source in options.files:
            for release in options.go.split(","):
                place = folder / ("%d" % sum(counts.values()))
                place.mkdir()
                why = compare(options, source.resolve(), "go" + release, place)
                subprocess.run(["rm", "-rf", place])
                counts["same" if why is None else "different" if why.startswith("DIFFERENT") else "passed over"] += 1
                if why:
                    print("%s go%s: %s" % (source, release, why), flush=True)
    print(", ".join("%d %s" % (n, w) for w, n in sorted(counts.items())))
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
