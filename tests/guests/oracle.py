#!/usr/bin/env python3
"""Records what the committed guests do on the real machine: amd64 natively, arm64 under qemu-aarch64, into <set>/oracle/<case>.txt. Sets: core, stories.

A record names who it holds for and gives exit status, standard output and standard error:

    @ *                              every build that no other record of the file fits
    @ 1.12.17/amd64/opt ...          these builds (release/goarch/mode), and arm64's same build if no record names it
    exit 2
    out|one line of standard output
    out-|a last line without newline
    err|one line of standard error
    err*                             standard error is not compared (it differs between native runs)

Each case runs as `<guest> <case>` with standard input INPUT (below), an empty environment but PATH and the working directory /.
Before comparing, both sides are normalised:
  - in both streams an address, 0x followed by five or more hex digits, becomes 0x?, but for code=0x… and addr=0x… of a signal's line;
    smaller numbers stay: argument words and the +0x… of a traceback's lines, but for words with a question mark, of which Go itself says
    that they may be stale;
  - lines that start with "addr facts" are dropped;
  - in standard error "goroutine N" becomes "goroutine ?", "m=N" becomes "m=?", "(N in use)" becomes "(? in use)", and everything after
    the empty line that ends the first goroutine's trace is dropped (which other goroutines are shown is the scheduler's business); so is the runtime's own stack below a deadlock (that of
    whichever thread saw it).
A crash killed by a signal has the shell's status, 128 + signal. The case `list` names the cases of a build.
The set's manifest.json says of each guest which oracle it has: native, qemu-aarch64, or amd64 (what the same program built for amd64 does).
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import pathlib
import re
import subprocess
import sys

import build

HERE = pathlib.Path(__file__).resolve().parent
INPUT = b"first line\nsecond\nno newline at the end"
RUNS = 5
# qemu takes long: of the core set one release of each mechanism, the others have amd64's record.
ARM64_RELEASES = "1.12.17 1.13.15 1.17.13 1.20.7 1.22.12 1.27.4".split()
# Cases whose outcome is the host's business: how much address space it gives.
SKIPPED = {"crash-memory"}


def normalise(text, crash):
    text = re.sub(r"(?<!code=)(?<!addr=)0x[0-9a-f]{5,}", "0x?", text)
    text = re.sub(r"(?m)^addr facts.*\n", "", text)
    if not crash:
        return text
    text = re.sub(r"\b0x[0-9a-f]+\?", "0x??", text)
    text = re.sub(r"goroutine \d+", "goroutine ?", text)
    text = re.sub(r"\bm=\d+", "m=?", text)
    text = re.sub(r"\(\d+ in use\)", "(? in use)", text)
    if "- deadlock!" in text:
        text = re.sub(r"\n\nruntime stack:\n(?:.+\n)*", "\n", text)
    start = re.search(r"(?m)^goroutine \?", text)
    if start:
        end = text.find("\n\n", start.start())
        if end >= 0:
            text = text[:end + 1]
    return text


def without_numbers(result):
    """The result with 0x? for small numbers too: where real runs differ in them, and in what qemu recorded before they were kept. A traceback's
    +0x? shows that a record is such a one."""
    status, out, err = result
    return status, out, err and re.sub(r"(?<!code=)(?<!addr=)0x[0-9a-f]+", "0x?", err)


def run(command, seconds, **more):
    try:
        done = subprocess.run(command, input=INPUT, capture_output=True, timeout=seconds, cwd="/", env={"PATH": "/usr/bin:/bin", **more})
    except subprocess.TimeoutExpired:
        return None
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return status, normalise(done.stdout.decode("latin1"), False), normalise(done.stderr.decode("latin1"), True)


def record(guest, case):
    """One (exit, out, err); err without numbers or None if native runs differ; None if it can't be recorded."""
    native = "_amd64" in guest.name
    linked = ["-L", "/usr/aarch64-linux-gnu"] if "+" in guest.name else []
    prefix = [] if native else ["qemu-aarch64", *linked]
    quick = {"GORACE": "atexit_sleep_ms=0"} if "+race" in guest.name else {}  # the detector waits a second at the end
    results = [run(prefix + [str(guest), *([case] if case else [])], 20 if native else 120, **quick) for _ in range(RUNS)]
    if None in results:
        return None
    if len({r[:2] for r in results}) > 1:
        return None
    if len(set(results)) > 1:
        results = [without_numbers(r) for r in results]
    if len(set(results)) > 1:
        return results[0][:2] + (None,)
    return results[0]


def stream(name, text):
    if text is None:
        return name + "*\n"
    lines = text.split("\n")
    tail = lines.pop()
    return "".join("%s|%s\n" % (name, line) for line in lines) + ("%s-|%s\n" % (name, tail) if tail else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", nargs="?", default="core", choices=("core", "stories"))
    parser.add_argument("--bins", help="the unpacked set; default: build/guests-<set>")
    parser.add_argument("--out", help="default: <set>/oracle beside this file")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--arch", default="amd64,arm64")
    parser.add_argument("--cache", default=str(HERE.parent.parent / "build" / "oracle.json"), help="results so far; remove to start afresh")
    args = parser.parse_args()
    programs = "stories_*_linux_*" if args.set == "stories" else "cases*_linux_*"
    cache = pathlib.Path(args.cache)
    known = json.loads(cache.read_text()) if cache.exists() else {}
    jobs, keys, kinds, bad = {}, {}, {}, 0
    found = collections.defaultdict(dict)  # case -> who -> result
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for guest in sorted(pathlib.Path(args.bins or HERE.parent.parent / "build" / ("guests-" + args.set)).resolve().glob(programs)):
            program, release, _, goarch, mode, symbols = guest.name.split("_")
            if goarch not in args.arch.split(",") or not build.core(program, release, "linux/" + goarch, mode, symbols):
                continue
            if goarch == "arm64" and args.set == "core" and release not in ARM64_RELEASES:
                continue
            kinds[guest.name] = "native" if goarch == "amd64" else "qemu-aarch64"
            sha = hashlib.sha256(guest.read_bytes()).hexdigest()
            prefix = [] if goarch == "amd64" else ["qemu-aarch64"]
            for case in subprocess.run(prefix + [str(guest), "list"], capture_output=True, text=True, check=True).stdout.split() + ["list"]:
                if goarch == "arm64" and case.startswith("bench-") and case != "bench-all":
                    continue  # bench-all has the same checksums
                if case in SKIPPED or mode == "nopt" and case.startswith("bench-"):
                    continue
                who = case, "/".join([release, goarch, mode])
                keys[who] = sha + " " + case
                if keys[who] in known:
                    found[who[0]][who[1]] = tuple(known[keys[who]])
                else:
                    jobs[who] = pool.submit(record, guest, case)
        for (case, who), job in jobs.items():
            result = job.result()
            if result is None:
                bad += 1
                print("oracle: %s %s: no stable result" % (case, who), file=sys.stderr)
            else:
                found[case][who] = known[keys[case, who]] = result
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps(known))
    out = pathlib.Path(args.out or HERE / args.set / "oracle")
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.txt"):
        old.unlink()
    for case, by_who in found.items():
        groups = collections.defaultdict(list)
        for who, result in by_who.items():
            groups[result].append(who)
        ordered = sorted(groups.items(), key=lambda g: (-len(g[1]), g[1]))
        text = ""
        common = set(ordered[0][1])
        for i, (result, who) in enumerate(ordered):
            if i == 0:  # builds whose amd64 sibling is named below must be named too
                who = ["*"] + [w for w in who if "/arm64/" in w and w.replace("/arm64/", "/amd64/") in by_who.keys() - common]
            text += "@ %s\nexit %d\n%s%s" % (" ".join(who), result[0], stream("out", result[1]), stream("err", result[2]))
        (out / (case + ".txt")).write_text(text, encoding="latin1")
    manifest = HERE / args.set / "manifest.json"
    if manifest.exists() and args.arch == "amd64,arm64":
        entries = json.loads(manifest.read_text())
        for entry in entries:
            entry["oracle"] = kinds.get(entry["file"], "amd64") if entry["goos"] == "linux" else "none"
        build.write_manifest(manifest, entries)
    print("oracle: %d cases, %d runs, %d without a stable result" % (len(found), len(jobs), bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
