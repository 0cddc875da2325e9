#!/usr/bin/env python3
"""Runs every case of every guest under deferscope and compares it with what the real machine did: tests/matrix.py [options].

Compared are standard output, standard error and exit status, normalised as tests/guests/oracle.py says; the records are its records
(tests/guests/core/oracle). A case that a build does not list is n/a; a case without a record (the real machine gives no stable
answer) is counted as such, named, and never a pass. --shard I/N takes every N-th guest; each shard leaves its counts in --results, and --report
makes docs/matrix.md of them.

--more FOLDER takes the builds of `./dev guests` instead of the core set: all programs, releases and modes. What the real machine does is recorded at once,
by native runs of the amd64 build for Linux (kept in --results); it holds for the arm64 build and for macOS too, as far as the instruction sets agree;
where they do not, qemu-aarch64 decides. docs/matrix-macos.md is made so:
    build.py --out FOLDER --symbols bare --programs hello,fmthello,…,casessmall
    matrix.py --only _darwin_ --all --results R --shard 0/2 --whole
    matrix.py --only _darwin_ --more FOLDER --results R --shard 1/2 --whole
    matrix.py --results R --shards 2 --macos --report docs/matrix-macos.md
and docs/matrix-v3.md, on a machine with AVX2:
    build.py --out FOLDER --modes v3 --symbols syms --programs cases --targets linux/amd64,darwin/amd64
    matrix.py --more FOLDER --only _v3_ --results R
    matrix.py --results R --levels --report docs/matrix-v3.md
and docs/matrix-cgo.md, with Debian 12's gcc and gcc-aarch64-linux-gnu and libc6-arm64-cross:
    build.py --out FOLDER --modes opt --symbols syms --programs cases --targets linux/amd64+cgo,linux/arm64+cgo,linux/amd64+race
    matrix.py --more FOLDER --results R
    matrix.py --results R --linked --report docs/matrix-cgo.md
"""
import argparse
import concurrent.futures
import difflib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "guests"))
import oracle  # noqa: E402

# The benchmark's sections cost most of the time and test little by release: without --all they run on one release of each mechanism.
BENCH_RELEASES = "1.13.15 1.20.7 1.27.4".split()
WHOLE_RELEASES = ("1.12", "1.16", "1.22", "1.27")  # whole
HANGS_WITH_C = ("crash-deadlock", "crash-goexit")  # natively, for ever: with C in it the runtime never says that all goroutines are asleep
ARM64 = "/usr/aarch64-linux-gnu"  # where the libraries of dynamically linked builds for arm64 lie
SECONDS = 300  # a hang is a failure, not a timing assertion


def read_records(directory):
    """case -> {who: (exit, out, err)}; err is None where it is not compared."""
    records = {}
    for path in sorted(directory.glob("*.txt")):
        by_who, who, status, out, err = {}, [], 0, "", ""
        lines = path.read_text(encoding="latin1").split("\n")[:-1]
        for line in lines + ["@"]:
            if line.startswith("@"):
                by_who.update((w, (status, out, err and oracle.normalise(err, True))) for w in who)
                who, out, err = line[1:].split(), "", ""
            elif line.startswith("exit "):
                status = int(line[5:])
            elif line == "err*":
                err = None
            else:
                name, text = line.split("|", 1)
                text += "" if name.endswith("-") else "\n"
                if name.startswith("out"):
                    out += text
                else:
                    err += text
        records[path.stem] = by_who
    return records


def expected(records, guest, case):
    """The record of the same build for Linux, else that of amd64's, else the common one."""
    by_who = records.get(case, {})
    guest = dict(guest, goarch=guest["goarch"].split("+")[0])  # linked otherwise it does the same
    for who in ("%(go)s/%(goarch)s/%(mode)s" % guest, "%(go)s/amd64/%(mode)s" % guest, "*"):
        if who in by_who:
            return by_who[who]
    return None


def of_any_isa(result):
    """A crash report without what differs by instruction set: the runtime's assembly files and calls, distances in code, the size of
    frames, and a call's argument words, whose number follows the frame's layout before 1.18."""
    status, out, err = oracle.without_numbers(result)
    if err is not None:
        err = re.sub(r"\((?:0x\?|\.\.\.)(?:, (?:0x\?|\.\.\.))*\)", "(...)", err)
        err = re.sub(r"(runtime/(?:asm|memclr|memmove|sys_linux|rt0_linux)_)(amd64|arm64)\.s:\d+", r"\1?.s:?", err)
        err = re.sub(r"(?m)^(runtime\.call\d+)\(.*\)$", r"\1(...)", err)
        err = re.sub(r"\d+ frames elided", "? frames elided", err)
    return status, out, err


def of_any_os(result):
    """A crash report without what differs by system: the runtime's files and functions below system calls."""
    status, out, err = of_any_isa(result)
    if err is not None:
        err = re.sub(r"_(linux|darwin)(_amd64|_arm64)?\.(s|go):\d+", r"_?.\3:?", err)
    return status, out, err


def with_codes_of_darwin(result, goarch):
    """Linux' record with the codes that XNU gives: of arm64's SIGSEGV always SEGV_ACCERR (sendsig() of bsd/dev/arm/unix_signal.c)."""
    status, out, err = result
    if err is not None and goarch == "arm64":
        err = err.replace("SIGSEGV: segmentation violation code=0x1 ", "SIGSEGV: segmentation violation code=0x2 ")
    return status, out, err


def without_stale_words(result):
    """A crash report without the words of calls. Go 1.17 on amd64 passes arguments in registers and prints what their slots on the stack hold by
    chance (real runs differ); from 1.18 on it marks such words with a question mark, which oracle.normalise leaves out."""
    status, out, err = result
    return status, out, err and re.sub(r"(?m)^(\S.*\))$", lambda line: re.sub(r"\b0x[0-9a-f?]+", "0x?", line[1]), err)


def left_out(guest, case):
    """What only --all runs."""
    if "+" in guest["goarch"] and zlib.crc32((guest["file"] + case).encode()) % 6:
        return True
    if guest["go"].rpartition(".")[0] not in WHOLE_RELEASES and zlib.crc32((guest["file"] + case).encode()) % (4 if guest["goos"] == "darwin" else 2):
        return True
    return case.startswith("bench-") and (case == "bench-all" or guest["go"] not in BENCH_RELEASES)


def run(program, guest, case):
    sysroot = ["--sysroot", ARM64] if guest["goarch"].startswith("arm64+") else []
    race = ["--env", "GORACE=atexit_sleep_ms=0"] if guest["goarch"].endswith("+race") else []  # as oracle.record has it
    command = [program, "run", *sysroot, *race, guest["path"], *([case] if case else [])]
    try:
        done = subprocess.run(command, input=oracle.INPUT, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return 124, "", "no end after %d s\n" % SECONDS
    return done.returncode, oracle.normalise(done.stdout.decode("latin1"), False), oracle.normalise(done.stderr.decode("latin1"), True)


def difference(want, got):
    text = "" if want[0] == got[0] else "  exit status %d, not %d\n" % (got[0], want[0])
    for name, a, b in (("stdout", want[1], got[1]), ("stderr", want[2], got[2])):
        if a is not None and a != b:
            lines = list(difflib.unified_diff(a.split("\n"), b.split("\n"), "real " + name, "deferscope " + name, lineterm="", n=1))
            text += "".join("  %s\n" % line[:200] for line in lines[:24])
    return text


def compared(guest, want, got):
    """The difference as the guest's oracle allows, "" if there is none."""
    if guest["go"].startswith("1.17.") and guest["goarch"].startswith("amd64"):
        want, got = without_stale_words(want), without_stale_words(got)
    if guest["goos"] == "darwin":
        want, got = of_any_os(with_codes_of_darwin(want, guest["goarch"])), of_any_os(got)
    elif guest["oracle"] == "amd64":
        want, got = of_any_isa(want), of_any_isa(got)
    elif want[2] and "+0x?" in want[2]:
        got = oracle.without_numbers(got)
    return difference(want, got)


def guests(args):
    """The guests: of the core set's manifest, or of a folder by name."""
    found = []
    if args.more:
        for path in sorted(p for goos in ("linux", "darwin") for p in pathlib.Path(args.more).glob("*_%s_*" % goos)):
            *program, release, goos, goarch, mode, symbols = path.name.split("_")
            # One amount of symbols is enough for hundreds of cases and for what takes long; the small programs run stripped too, for macOS most cases.
            if program == ["casessmall"] and (goos, symbols) != ("darwin", "bare") or program in (["cases"], ["bench"], ["stories"]) and symbols != "syms":
                continue
            found.append({"file": path.name, "path": str(path), "program": "_".join(program), "go": release, "goarch": goarch, "mode": mode,
                          "symbols": symbols, "goos": goos, "oracle": "native" if goos == "linux" and goarch.startswith("amd64") else "amd64"})
    elif args.dynamic:
        for entry in json.loads((ROOT / "tests/guests/dynamic/manifest.json").read_text()):
            if entry["program"].startswith("cases"):
                found.append(dict(entry, path=str(pathlib.Path(args.dynamic) / entry["file"]), oracle="native" if entry["goarch"].startswith("amd64") else "amd64"))
    else:
        for entry in json.loads((ROOT / "tests/guests/core/manifest.json").read_text()):
            found.append(dict(entry, path=str(pathlib.Path(args.bins) / entry["file"])))
    return [g for g in found if args.only in g["file"]]


def native_name(file):
    """The build that this machine runs itself."""
    return re.sub("_arm64([_+])", r"_amd64\1", file.replace("_darwin_", "_linux_"))


def of_shard(all_guests, shard, shards):
    """Every `shards`-th guest; all targets' builds of one program together, since one native run is the record of all."""
    groups = sorted({native_name(g["file"]) for g in all_guests})
    mine = set(groups[shard::shards])
    return [g for g in all_guests if native_name(g["file"]) in mine]


def cases_of(program, guest):
    """The cases that a build lists; the empty one for a program that has no cases."""
    if not guest["program"].startswith(("cases", "stories")):
        return {""}
    status, out, _ = run(program, guest, "list")
    return set(out.split()) if status == 0 else None


class Live:
    """Records made now, by native runs of the amd64 builds of a folder; those of an earlier time are kept in a file."""

    def __init__(self, folder, file):
        self.folder, self.file = pathlib.Path(folder).resolve(), pathlib.Path(file)
        self.able = platform.machine() == "x86_64" and platform.system() == "Linux"
        stamp = self.folder / "SOURCES"
        self.sources = stamp.read_text() if stamp.exists() else ""
        self.known = json.loads(self.file.read_text()) if self.file.exists() else {}
        if self.known.get("sources") != self.sources:
            self.known = {"sources": self.sources}

    def expected(self, guest, case):
        return self.recorded(native_name(guest["file"]), case, self.able)

    def of_qemu(self, guest, case):
        return self.recorded(guest["file"].replace("_darwin_", "_linux_"), case, shutil.which("qemu-aarch64"))

    def recorded(self, name, case, able):
        key = name + " " + case
        if key not in self.known and able and (self.folder / name).exists():
            self.known[key] = oracle.record(self.folder / name, case)
        result = self.known.get(key)
        return tuple(result) if result else None

    def save(self):
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(self.known))


CORE_PAGE = """Every case of every guest of the core set under deferscope against the real machine (tests/matrix.py; generated by `./dev test`, do
not edit). A cell says passed/compared; *n/a* counts cases that need newer Go or a bigger program than this build, *no record* those for
which the real machine gives no stable answer. A dash: the core set has no such build. Cases bench-* run on Go %s,
those of Go %s all the others; of the other releases half is run, for macOS a quarter: `./dev test --all` runs all everywhere, and all builds (docs/matrix-all.md).
Builds for macOS are held against the record of the same source for Linux; docs/matrix-macos.md has all their cases, stripped and -N -l too.""" % (", ".join(BENCH_RELEASES), ", ".join(WHOLE_RELEASES))
MACOS_PAGE = """Builds for macOS under deferscope, all cases, against what the real machine does with the same source built for Linux (tests/matrix.py, which says how
this page is made; do not edit). With symbols: the core set's program, in docs/matrix.md too. Stripped: that program, built anew, and the
small ones; their records are native runs of the stripped builds for Linux, or qemu-aarch64's where the instruction sets differ. A cell says passed/compared; *n/a* counts cases that need
newer Go or a bigger program."""
V3_PAGE = """Builds with GOAMD64=v3 under deferscope, all cases, against native runs of the build for Linux (tests/matrix.py, which says how this page is
made; do not edit). A cell says passed/compared."""
LINKED_PAGE = """Builds that are linked dynamically with C in them (runtime/cgo, by the C compiler's linker), and builds with the race detector, as `go build -race` links them, under
deferscope, all cases, against native runs of the build for amd64 (tests/matrix.py, which says how this page is made; do not edit). The libraries are Debian 12's, for
arm64 those of libc6-arm64-cross. A race build for arm64 has no oracle here: qemu-aarch64 does not give it the room for its shadow. A cell says passed/compared; n/a are cases that need newer Go,
and two that hang natively, since with C in a program the runtime does not tell that all goroutines are asleep; a dash: not run for this
page (`./dev test --all` runs every release)."""
WHOLE_PAGE = """Every guest of `./dev guests` in every build under deferscope, all cases, against native runs of the amd64 build for Linux (tests/matrix.py; generated by
`./dev test --all`, do not edit). A cell says passed/compared; *n/a* counts cases that need newer Go, *no record* those for which the
real machine gives no stable answer: they are named below."""


def report(results, shards, page, words):
    """docs/matrix.md (or matrix-all.md, matrix-macos.md) from the counts of all shards."""
    counts, nameless = {}, set()
    for path in (pathlib.Path(results) / ("shard-%d.json" % i) for i in range(shards)):
        shard = json.loads(path.read_text())
        nameless |= set(shard["no record"])
        for name, n in shard["counts"].items():
            have = counts.setdefault(name, [0, 0, 0, 0])
            for i in range(4):
                have[i] += n[i]
    releases = sorted({k.split("/")[0] for k in counts}, key=lambda r: [int(x) for x in r.split(".")])
    columns = ["/".join((target, mode)) for target in ("linux/amd64", "linux/arm64", "linux/amd64+cgo", "linux/arm64+cgo", "linux/amd64+race", "darwin/amd64", "darwin/arm64")
               for mode in ("opt", "opt stripped", "nopt", "nopt stripped", "v3")]
    columns = [c for c in columns if any(k.endswith("/" + c) for k in counts)]
    text = ["# The matrix", "", words, "",
            "| Go | " + " | ".join(c.replace("/opt", "").replace("+", " ").replace("/nopt", " -N -l").replace("/v3", " v3") for c in columns) + " |",
            "|---|" + "---|" * len(columns)]
    total = [0, 0, 0, 0]
    for release in releases:
        row = [release]
        for column in columns:
            n = counts.get(release + "/" + column)
            if not n:
                row.append("–")
                continue
            total = [a + b for a, b in zip(total, n)]
            row.append("%d/%d%s%s" % (n[0], n[1], ", %d n/a" % n[2] if n[2] else "", ", %d no record" % n[3] if n[3] else ""))
        text.append("| " + " | ".join(row) + " |")
    text += ["", "In all %d of %d; %d n/a, %d without record." % tuple(total), ""]
    if nameless:
        text += ["No stable answer of the real machine:", "", *("- " + name for name in sorted(nameless)), ""]
    pathlib.Path(page).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(page).write_text("\n".join(text))
    print("matrix: %d of %d pass, %s" % (total[0], total[1], page))
    return 0 if total[1] and total[0] == total[1] else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--bins", default=str(ROOT / "build/guests-core"), help="the unpacked core set")
    parser.add_argument("--more", help="a folder with all builds (./dev guests) instead of the core set")
    parser.add_argument("--dynamic", help="the unpacked dynamic guests instead: a sample of their cases, against the records of the core set's builds")
    parser.add_argument("--oracle", default=str(ROOT / "tests/guests/core/oracle"))
    parser.add_argument("--only", default="", help="guests whose name contains this")
    parser.add_argument("--cases", default="", help="cases whose name contains this")
    parser.add_argument("--all", action="store_true", default=bool(os.environ.get("DEFERSCOPE_ALL")), help="the benchmark's cases on every release too")
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--results", help="folder for the counts")
    parser.add_argument("--shards", type=int, default=1, help="with --report: how many there are")
    parser.add_argument("--report", help="only write this page from the counts")
    parser.add_argument("--macos", action="store_true", help="with --report: the page of the builds for macOS")
    parser.add_argument("--levels", action="store_true", help="with --report: the page of the builds for level v3")
    parser.add_argument("--linked", action="store_true", help="with --report: the page of the builds with cgo and with the race detector")
    parser.add_argument("--whole", action="store_true", help="the shard's number is only the name of its counts: take all guests")
    parser.add_argument("--slow", action="store_true", help="print each run's seconds")
    args = parser.parse_args()
    if args.report:
        if args.all and not args.more:  # other cases than the page says: it stays that of `./dev test`
            args.report = pathlib.Path(args.results) / "matrix.md"
        return report(args.results, args.shards, args.report, MACOS_PAGE if args.macos else V3_PAGE if args.levels else LINKED_PAGE if args.linked else WHOLE_PAGE if args.more else CORE_PAGE)

    records = read_records(pathlib.Path(args.oracle))
    shard, shards = (int(n) for n in args.shard.split("/"))
    live = Live(args.more, pathlib.Path(args.results or args.more) / ("live-%d-%d.json" % (shards, shard))) if args.more else None
    runs, counts, nameless = [], {}, []
    for guest in guests(args) if args.whole else of_shard(guests(args), shard, shards):
        have = cases_of(args.program, guest)
        key = "%(go)s/%(goos)s/%(goarch)s/%(mode)s" % guest + (" stripped" if guest["goos"] == "darwin" and guest["symbols"] == "bare" else "")
        n = counts.setdefault(key, [0, 0, 0, 0])
        for case in sorted((have or set()) | (set(records) if guest["program"].startswith("cases") else set())):
            if case == "list" and (args.dynamic or guest["goos"] == "darwin"):  # what the bigger program for Linux lists
                continue
            if args.cases not in case or case in oracle.SKIPPED or not (args.all or args.more) and left_out(guest, case):
                continue
            if case in HANGS_WITH_C and "+" in guest["goarch"]:
                n[2] += 1
                continue
            runs.append((guest, case, key, have is None or case == "list" or case in have))
    todo = []
    for guest, case, key, listed in runs:
        if not listed:
            counts[key][2] += 1
            continue
        want = live.expected(guest, case) if live else expected(records, guest, case)
        if want is None:
            counts[key][3] += 1
            nameless.append("%s %s" % (guest["file"], case))
        else:
            counts[key][1] += 1
            todo.append((guest, case, key, want))

    def one(job):
        guest, case, key, want = job
        start = time.monotonic()
        got = run(args.program, guest, case)
        return job, got, time.monotonic() - start

    failures = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for (guest, case, key, want), got, seconds in pool.map(one, todo):
            if args.slow:
                print("%6.2f %s %s" % (seconds, guest["file"], case))
            text = compared(guest, want, got)
            if text and live and guest["goarch"].startswith("arm64"):
                real = live.of_qemu(guest, case)
                text = compared(dict(guest, oracle="qemu-aarch64"), real, got) if real else text
            if text:
                failures += 1
                print("FAILED deferscope run %s %s\n%s" % (guest["file"], case, text), flush=True)
            else:
                counts[key][0] += 1
    if args.results:
        folder = pathlib.Path(args.results)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ("shard-%d.json" % shard)).write_text(json.dumps({"counts": counts, "no record": nameless}))
    if live:
        live.save()
    for name in nameless:
        print("no record: " + name)
    print("matrix: shard %s: %d of %d pass" % (args.shard, len(todo) - failures, len(todo)))
    return 1 if failures or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
