#!/usr/bin/env python3
"""What a program's defers do is the same on macOS as on Linux: tests/darwin_semantics.py --program PROGRAM --bins FOLDER.

For every release and instruction set of the core set's darwin guests two cases are compared with the Linux build of the same source by `deferscope
diff --semantics`, which says that nothing differs; each release takes others, so that together they have all kinds. --all takes all cases.
--more FOLDER takes the builds of casessmall in a folder of build.py's instead, each against its own for Linux: stripped ones, and -N -l.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ("defer-", "panic-", "recover-", "goexit-", "fault-", "go-")
# Their output or order follows time or the system.
OTHER = ("go-preempt", "go-threads", "go-procs", "fault-unmapped")


def cases_of(program, guest):
    done = subprocess.run([program, "run", guest, "list"], capture_output=True, text=True)
    return [c for c in done.stdout.split() if c.startswith(KINDS) and c not in OTHER]


def only_the_end(text):
    """Whether all that differs is how far a goroutine came before main.main returned: the programs wait for a goroutine's last deferred call to begin,
    not for its return, and who is quicker is the scheduler's business."""
    sides = {"-": [], "+": []}
    for line in text.splitlines():
        if line[:1] in sides and not line.startswith(("---", "+++")):
            line = line[0] + re.sub(r"(, deferred by [^,]+), never returns: main\.main returned while its goroutine is running$", r" returns\1", line[1:])
            sides[line[0]].append(line[1:])
    return bool(sides["-"]) and sides["-"] == sides["+"]


def builds(args):
    if not args.more:
        return json.loads((ROOT / "tests/guests/core/manifest.json").read_text())
    return [{"file": path.name, "goos": "darwin"} for path in sorted(args.more.glob("casessmall_*_darwin_*"))]


def linux_build(bins, entry):
    if "go" not in entry:
        return bins / entry["file"].replace("_darwin_", "_linux_")
    for name in ("casessmall", "cases"):
        path = bins / ("%s_%s_linux_%s_opt_syms" % (name, entry["go"], entry["goarch"]))
        if path.exists():
            return path
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--bins", default=str(ROOT / "build/guests-core"), type=pathlib.Path)
    parser.add_argument("--more", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="", help="guests whose name contains this")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    jobs, bins = [], args.more or args.bins
    for n, entry in enumerate(builds(args)):
        if entry["goos"] != "darwin" or args.only not in entry["file"]:
            continue
        guest, linux = bins / entry["file"], linux_build(bins, entry)
        cases = cases_of(args.program, guest)
        if linux is None or not cases:
            print("FAILED %s: %s" % (entry["file"], "lists no cases" if linux else "the core set has no Linux build"))
            return 1
        for kind in KINDS if args.all else (KINDS[n % len(KINDS)], KINDS[(n + 1) % len(KINDS)]):
            own = [c for c in cases if c.startswith(kind)]
            jobs += [(linux, guest, c) for c in (own if args.all else [own[n % len(own)]])]

    def one(job):
        linux, guest, case = job
        done = subprocess.run([args.program, "diff", "--semantics", "--argv0", "cases", str(linux), str(guest), "--", case], capture_output=True, text=True)
        return job, done

    failures = ends = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for (linux, guest, case), done in pool.map(one, jobs):
            if done.returncode == 1 and only_the_end(done.stdout):
                ends += 1
            elif done.returncode != 0:
                failures += 1
                print("FAILED deferscope diff --semantics %s %s -- %s: status %d\n%s" % (linux, guest, case, done.returncode, (done.stdout + done.stderr)[:1500]))
    print("darwin_semantics: %d of %d comparisons say that nothing differs%s" %
          (len(jobs) - failures - ends, len(jobs), ", %d that only the end of main.main came sooner or later" % ends if ends else ""))
    return 1 if failures or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
