#!/usr/bin/env python3
"""The bench: deferscope beside its peers, in one run: ./dev bench [--quick] [--guests DIR] [--write].

Every figure is the median of repetitions that are interleaved with the peers', so that a noisy minute hits all alike; the spread beside it
is (largest - smallest) / median. Peers that are absent are left out by name. --write puts the tables into docs/performance.md.
"""
import argparse
import json
import os
import pathlib
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import big
import loop

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests"))
import programs  # noqa: E402: where esbuild comes from

SECTIONS = "loopdefers defers recovers calls maps sort fmt strings sieve floats trees hash memmove atomics".split()
RELEASE = "1.20.7"
ESBUILD = next(version for version, (go, _) in programs.ESBUILD.items() if go == "go" + RELEASE)
QEMU = {"amd64": "qemu-x86_64", "arm64": "qemu-aarch64"}
HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())


class Missing(Exception):
    """Something that a row needs is not there: the row is left out, with this reason."""


class Sample:
    """One run of a command: seconds of wall time and of CPU, peak KiB, output."""

    launch = None  # the program that measures: bench/launch.cpp

    def __init__(self, argv, cwd=None, statuses=(0,)):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile("r") as took:
            subprocess.run([self.launch, took.name, *(str(a) for a in argv)], stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, check=True)
            self.seconds, self.cpu, self.kib, status = (float(x) for x in took.read().split())
            out.seek(0), err.seek(0)
            self.out, self.err = out.read(), err.read().decode(errors="replace")
        if status not in statuses:
            raise Missing(f"{pathlib.Path(str(argv[0])).name} ended with {status:.0f}: {self.err.strip().splitlines()[-1:] or ''}")


class Prompt:
    """A stepper that is spoken to line by line."""

    def __init__(self, argv):
        self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.count = 10**9
        self.ask("si")

    def ask(self, command):
        """Seconds until the command's answer is there, told by the answer to a print behind it."""
        self.count += 1
        start = time.perf_counter()
        self.process.stdin.write(f"{command}\nprint {self.count}\n".encode())
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith(f"{self.count} =".encode()):
                return time.perf_counter() - start
        raise Missing(f"the stepper ended at {command!r}")

    def end(self):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait()


def interleaved(cases, repetitions):
    """{name: function} → {name: [result, …]}. One that fails in its first run is dropped and its reason is noted."""
    results = {}
    for turn in range(repetitions):
        for name, run in cases.items():
            if turn and name not in results:
                continue
            try:
                results.setdefault(name, []).append(run())
            except Missing as e:
                results.pop(name, None)
                note(f"{name}: {e}")
    return results


NOTES = []


def note(text):
    if text not in NOTES:
        NOTES.append(text)
        print(f"bench: {text}", file=sys.stderr)


def median(samples, get=lambda s: s.seconds):
    return statistics.median(get(s) for s in samples)


def spread(samples, get=lambda s: s.seconds):
    values = [get(s) for s in samples]
    return (max(values) - min(values)) / statistics.median(values)


def number(x):
    """Three significant digits."""
    if x == 0:
        return "0"
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.3g}"


def timed(samples):
    return f"{number(median(samples))} ±{100 * spread(samples) / 2:.0f} %" if samples else "–"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows])


def rate(seconds_of, count, repetitions):
    """Items a second: what `count` of them take beyond none at all, seconds_of(n). As many more as it needs for that to stand out of the
    noise; Missing if it does not, so that no row shows the noise."""
    for factor in (1, 4, 16):
        with_them, without = [], []
        for _ in range(repetitions):
            with_them.append(seconds_of(count * factor)), without.append(seconds_of(0))
        slow = statistics.median(with_them) - statistics.median(without)
        if slow > 3 * (max(without) - min(without)) / 2 and slow > 0.1:
            return count * factor / slow
    raise Missing(f"{count * factor} take no longer than starting up does, within the noise")


class Bench:
    def __init__(self, args):
        self.args = args
        self.quick = args.quick
        self.repetitions = 3 if args.quick else 5
        self.ds = pathlib.Path(args.build).resolve() / "deferscope"
        self.bin = pathlib.Path(args.build).resolve() / "bench"
        Sample.launch = self.bin / "launch"
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="deferscope-bench-"))
        self.parts = []
        self.reached = {}  # target → (value as text, must, aim: bool)
        for peer in [*QEMU.values(), "gdb"]:
            if not shutil.which(peer):
                note(f"{peer} is not installed: its columns are left out")
        if not (self.bin / "unicorn_hook").exists():
            note("Unicorn is not installed: its columns are left out")

    # --- guests ---
    def guest(self, program, arch):
        names = [f"{program}_{RELEASE}_linux_{arch}", f"{program}_{RELEASE}_linux_{arch}_opt_dwarf"]
        for folder in self.args.guests:
            for name in names:
                if (pathlib.Path(folder) / name).is_file():
                    return pathlib.Path(folder) / name
        raise Missing(f"guest {names[0]} is neither in {' nor in '.join(map(str, self.args.guests))}: ./dev guests builds it")

    def bench_guests(self):
        """(architecture, [its benchmark guest]) of those that are there; the others are noted."""
        for arch in QEMU:
            try:
                argv = [self.guest("bench", arch)]
            except Missing as e:
                note(str(e))
                continue
            yield arch, argv

    def loop(self, iterations):
        path = self.tmp / f"loop{iterations}"
        if not path.exists():
            loop.write(path, iterations)
        return path

    # --- ways to run ---
    def deferscope(self, argv, flags=(), **more):
        return Sample([self.ds, "run", "--stats", *flags, *argv], **more)

    def qemu(self, arch, argv, **more):
        if not shutil.which(QEMU[arch]):
            raise Missing("not installed")
        return Sample([QEMU[arch], *argv], **more)

    def native(self, arch, argv, **more):
        if arch != HOST:
            raise Missing(f"this host is not {arch}")
        return Sample(argv, **more)

    def api(self, measure, argv, flags=()):
        s = Sample([self.bin / "bench_api", *flags, measure, *argv])
        s.json = json.loads(s.out)
        return s

    def unicorn(self, measure, path):
        if not (self.bin / "unicorn_hook").exists():
            raise Missing("not installed")
        s = Sample([self.bin / "unicorn_hook", measure, path])
        s.json = json.loads(s.out)
        return s

    def instructions(self, sample):
        return int(re.search(r"deferscope: (\d+) instructions", sample.err).group(1))

    def add(self, title, text):
        self.parts.append(f"### {title}\n\n{text}\n")
        print(f"\n{title}\n\n{text}", flush=True)

    # --- the tables ---
    def plain_row(self, label, arch, argv, repetitions, flags=(), cwd=None, statuses=(0,)):
        cases = {
            f"{label}, deferscope": lambda: self.deferscope(argv, flags, cwd=cwd, statuses=statuses),
            f"{label}, interpreter": lambda: self.deferscope(argv, ("--engine", "interp", *flags), cwd=cwd, statuses=statuses),
            f"{label}, {QEMU[arch]}": lambda: self.qemu(arch, argv, cwd=cwd, statuses=statuses),
        }
        if arch == HOST:
            cases[f"{label}, native"] = lambda: self.native(arch, argv, cwd=cwd, statuses=statuses)
        if not shutil.which(QEMU[arch]):
            cases.pop(f"{label}, {QEMU[arch]}")
        got = list(interleaved(cases, repetitions).items())
        by = {name.split(", ")[-1]: samples for name, samples in got}
        ours, slots, qemu, native = by.get("deferscope"), by.get("interpreter"), by.get(QEMU[arch]), by.get("native")
        if not ours:
            raise Missing("deferscope did not run it")
        for peer, samples in by.items():
            if samples[0].out != ours[0].out:
                note(f"{label}: {peer}'s output differs from deferscope's")
        n = self.instructions(ours[0])
        guest = float(re.search(r"([0-9.]+) MiB guest memory", ours[0].err).group(1))
        ratio = median(qemu) / median(ours) if qemu else None
        memory = median(ours, lambda s: s.kib) / median(qemu, lambda s: s.kib) if qemu else None
        interpreted = median(qemu) / median(slots) if qemu and slots else None
        row = [label, f"{n / 1e6:,.1f}", timed(native), timed(qemu), timed(ours), number(n / median(ours) / 1e6),
               f"{ratio:.2f}×" if ratio else "–", f"{interpreted:.2f}×" if interpreted else "–", f"{median(ours, lambda s: s.kib) / 1024:.1f}", f"{memory:.2f}×" if memory else "–",
               f"{median(ours, lambda s: s.kib) / 1024 - guest:.1f}"]
        return row, ratio, memory, interpreted

    PLAIN = ["work", "M instructions", "native s", "qemu-user s", "deferscope s", "M/s", "speed : qemu's", "interpreter : qemu's", "peak MiB", "memory : qemu's",
             "MiB beyond the guest's"]

    def plain(self):
        rows, memories, own = [], [], []
        for arch in QEMU:
            try:
                row, ratio, memory, interpreted = self.plain_row(f"bench {arch}", arch, [self.guest("bench", arch)], self.repetitions)
            except Missing as e:
                note(str(e))
                continue
            rows.append(row)
            own.append(float(row[-1]))
            if ratio:
                self.reach(f"plain run of the benchmark guest ({arch})", f"{ratio:.2f}×", ratio >= 0.9, ratio >= 1.3)
            if interpreted:
                self.reach(f"the interpreter itself ({arch})", f"{interpreted:.2f}×", interpreted >= 0.4, interpreted >= 0.5)
            memories += [memory] if memory else []
        rows += self.esbuild_rows()
        if rows:
            self.add("Plain run", table(self.PLAIN, rows))
        if memories:
            self.reach("peak memory of the benchmark run", f"{max(memories):.2f}×", max(memories) <= 1, max(memories) <= 0.8)
        if own:
            self.reach("memory beyond the guest's own", f"{max(own):.0f} MiB", max(own) <= 64, max(own) <= 64)

    FAR = {"heap": "a list of 256 MiB in scattered order", "tree": "a search tree of a million nodes", "deep": "a stack a million frames deep"}

    def far(self):
        """What lies far apart in memory."""
        rows = []
        for arch in QEMU:
            for section, what in self.FAR.items():
                try:
                    row, ratio, *_ = self.plain_row(f"{what}, {arch}", arch, [self.guest("far", arch), section], 1 if self.quick else 3)
                except Missing as e:
                    note(str(e))
                    continue
                rows.append(row)
                if ratio:
                    self.reach(f"far apart: {what} ({arch})", f"{ratio:.2f}×", ratio >= 0.8, ratio >= 1.1)
        if rows:
            self.add("Far apart in memory", table(self.PLAIN, rows))

    def esbuild_rows(self):
        rows = []
        for arch in QEMU:
            package = programs.NEW[arch == "arm64"]
            try:  # the release of esbuild that the bench's release of Go built
                binary = programs.fetched(ROOT / "build" / "esbuild", package, ESBUILD, arch)
            except (OSError, subprocess.CalledProcessError):
                note(f"esbuild for {arch} is not there (build/esbuild/{ESBUILD}_{arch}) and npm does not fetch {package}@{ESBUILD}: its row is left out")
                continue
            source = self.tmp / "input.js"
            if not source.exists():
                source.write_text(javascript(200_000 if self.quick else 1_000_000))
            argv = [binary, "--bundle", "--minify", "--log-level=error", "input.js"]
            try:
                row, ratio, *_ = self.plain_row(f"esbuild {arch}, {source.stat().st_size // 1000} kB", arch, argv, 1 if self.quick else 3,
                                           ["--allow-read", self.tmp, "--cwd", self.tmp], self.tmp)
                rows.append(row)
                if ratio:
                    self.reach(f"esbuild bundling a program ({arch})", f"{ratio:.2f}×", ratio >= 0.8, ratio >= 1.2)
            except Missing as e:
                note(f"esbuild {arch}: {e}")
        return rows

    def big(self):
        """Programs that are mostly cold code."""
        rows = []
        for arch in QEMU:
            ratios = []
            try:
                for label, argv, reads, statuses in big.rows(ROOT / "build" / "big", self.tmp, arch):
                    flags = [word for folder in reads for word in ("--allow-read", folder)] + ["--cwd", self.tmp, "--timeout", "600"]
                    row, ratio, *_ = self.plain_row(f"{label}, {arch}", arch, argv, 1 if self.quick else 3, flags, self.tmp, statuses)
                    rows.append(row)
                    ratios.append(ratio or 0)
            except (Missing, OSError, subprocess.CalledProcessError) as e:
                note(f"big programs, {arch}: {e}")
                continue
            if all(ratios):
                mean = statistics.geometric_mean(ratios)
                self.reach(f"four big real programs, geometric mean ({arch})", f"{mean:.2f}×", mean >= 0.8, mean >= 1.1)
        if rows:
            self.add("Big programs", table(self.PLAIN, rows))

    def kernels(self):
        rows = []
        for arch in QEMU:
            for section in SECTIONS:
                try:
                    rows.append(self.plain_row(f"{section} {arch}", arch, [self.guest("bench", arch), section], 1 if self.quick else 3)[0])
                except Missing as e:
                    note(str(e))
        if rows:
            self.add("Kernels: sections of the benchmark guest, start-up included", table(self.PLAIN, rows))

    def callbacks(self):
        path = self.loop(20_000 if self.quick else 50_000)
        cases = {}
        for m in ("plain", "pc", "segments", "memory"):
            cases[f"deferscope {m}"] = lambda m=m: self.api(m, [path])
            if m != "segments" and (self.bin / "unicorn_hook").exists():
                cases[f"Unicorn {m}"] = lambda m=m: self.unicorn(m, path)
        if shutil.which(QEMU["amd64"]):
            cases["qemu plain"] = lambda: self.qemu("amd64", [path])
        got = interleaved(cases, self.repetitions)
        if "deferscope plain" not in got:
            return
        n = got["deferscope plain"][0].json["instructions"]
        rate = lambda s: n / (s.json["seconds"] if hasattr(s, "json") else s.seconds) / 1e6
        rows, labels = [], {"plain": "nothing", "pc": "pc", "segments": "pc, a straight run of instructions a call", "memory": "pc, and address of each access"}
        for m, label in labels.items():
            ours, theirs = got[f"deferscope {m}"], got.get(f"Unicorn {m}")
            if theirs and m != "plain" and theirs[0].json["mixed"] != ours[0].json["mixed"]:
                note(f"callbacks {m}: Unicorn was shown something else")
            ratio = median(ours, rate) / median(theirs, rate) if theirs else None
            qemu = got.get("qemu plain") if m == "plain" else None
            rows.append([label, *(f"{number(median(x, rate))} ±{50 * spread(x, rate):.0f} %" if x else "–" for x in (qemu, theirs, ours)),
                         f"{ratio:.1f}×" if ratio else "–"])
            if m == "pc" and ratio:
                self.reach("a native callback per instruction, pc only", f"{ratio:.1f}× Unicorn, {number(median(ours, rate))} M/s", median(ours, rate) >= 430, median(ours, rate) >= 516)
        self.add(f"A native callback per instruction: branchy loop of 2,000 instructions, amd64, {n / 1e6:.0f} M instructions, M/s",
                 table(["shown", "qemu-x86_64", "Unicorn", "deferscope", ": Unicorn's"], rows))

    def watching(self):
        """What watching costs, against our own plain run."""
        rows = []
        for arch, argv in self.bench_guests():
            cases = {m: (lambda m=m: self.api(m, argv)) for m in ("plain", "hooks", "record", "pc", "segments", "memory")}
            got = interleaved(cases, self.repetitions if not self.quick else 2)
            seconds = lambda s: s.json["seconds"] if hasattr(s, "json") else s.seconds
            base = median(got["plain"], seconds)
            n = got["plain"][0].json["instructions"]
            for name, samples in got.items():
                x = median(samples, seconds) / base
                what, j = "", getattr(samples[0], "json", {})
                if name == "hooks":
                    what = f"{j['events']:,} events, one in {n // max(1, j['events']):,} instructions"
                if name == "record":
                    per = j["frame_bytes"] / n
                    what = f"{j['snapshots']} snapshots, {j['frame_bytes'] / 2**20:.0f} MiB of pages, {per:.3f} B an instruction"
                    self.reach(f"recording for time travel ({arch})", f"{x:.2f}×, {per:.3f} B", x <= 1.2, x <= 1.1 and per <= 0.1)
                rows.append([f"{name} {arch}", f"{number(median(samples, seconds))} ±{50 * spread(samples, seconds):.0f} %", number(n / median(samples, seconds) / 1e6),
                             f"{x:.2f}×", what])
        if rows:
            self.add("Watching the benchmark guest, against the plain run", table(["run", "s", "M/s", "time : plain", ""], rows))

    EVENTS = {"text": ("events.txt", []), "text, --scope all": ("all.txt", ["--scope", "all"]), "JSON": ("events.jsonl", [])}

    def events(self):
        """run --events, whole processes, against run without."""
        rows = []
        for arch, argv in self.bench_guests():
            cases = {"plain": lambda: self.deferscope(argv)}
            for name, (file, flags) in self.EVENTS.items():
                cases[name] = lambda file=file, flags=flags: self.fresh(self.tmp / file, lambda path: self.deferscope(argv, [f"--events={path}", *flags]))
            got = interleaved(cases, self.repetitions)
            n, base = self.instructions(got["plain"][0]), median(got["plain"])
            for name, samples in got.items():
                if samples[0].out != got["plain"][0].out:
                    note(f"events, {name}: the guest's output differs")
                what, x = "", median(samples) / base
                if name == "JSON":
                    path = self.tmp / "events.jsonl"
                    count = sum(1 for _ in open(path, "rb")) - 2  # a header, an end
                    what = f"{count:,} events, one in {n // count:,} instructions; {path.stat().st_size / 1e6:,.0f} MB"
                elif name != "plain":
                    what = f"{(self.tmp / self.EVENTS[name][0]).stat().st_size / 1e6:,.0f} MB"
                if name in ("text", "JSON"):
                    self.reach(f"events on ({name}, {arch})", f"{1 / x:.2f}×", 1 / x >= 0.85, 1 / x >= 0.95)
                rows.append([f"{name}, {arch}", timed(samples), number(n / median(samples) / 1e6), f"{x:.2f}×",
                             number(median(samples, lambda s: s.cpu)), what])
        if rows:
            self.add("Events to a file, against the run without", table(["run", "s", "M/s", "time : plain", "CPU s of all threads", ""], rows))

    CALLS = {".jsonl": [], ".jsonl.zst": [], ".pftrace": [], ".pftrace, --scope all": ["--scope", "all"]}

    def calls(self):
        """trace --level call, whole processes, against run."""
        rows = []
        for arch, argv in self.bench_guests():
            cases = {"plain": lambda: self.deferscope(argv)}
            for name, flags in self.CALLS.items():
                path = self.tmp / ("calls" + name.split(",")[0])
                words = [self.ds, "trace", "--stats", "--level", "call", "--max-trace", "65536", "-o", path, *flags, *argv]
                cases[name] = lambda path=path, words=words: self.fresh(path, lambda _: Sample(words))
            got = interleaved(cases, self.repetitions)
            n, base = self.instructions(got["plain"][0]), median(got["plain"])
            for name, samples in got.items():
                if samples[0].out != got["plain"][0].out:
                    note(f"calls, {name}: the guest's output differs")
                x = median(samples) / base
                if name in self.CALLS and not self.CALLS[name]:
                    self.reach(f"calls told ({name}, {arch})", f"{1 / x:.2f}×", 1 / x >= 0.3, 1 / x >= 0.5)
                rows.append([f"{name}, {arch}", timed(samples), number(n / median(samples) / 1e6), f"{x:.2f}×",
                             number(median(samples, lambda s: s.cpu))])
        if rows:
            self.add("Calls to a file, against the run without", table(["run", "s", "M/s", "time : plain", "CPU s of all threads"], rows))

    def instructions_kept(self):
        """trace --level insn, whole processes, against run; and what reading it back takes."""
        rows = []
        for arch, argv in self.bench_guests():
            path = self.tmp / "all.insn"
            words = [self.ds, "trace", "--stats", "--level", "insn", "-o", path, *argv]
            got = interleaved({"plain": lambda: self.deferscope(argv), "insn": lambda: self.fresh(path, lambda _: Sample(words))}, self.repetitions)
            n = self.instructions(got["plain"][0])
            at = Sample([self.ds, "show", "--at", str(n - 1000), path]).seconds
            lines = Sample([self.ds, "show", "--from", str(n // 2), "--to", str(n // 2 + 200_000), path])
            each = path.stat().st_size / n
            for name, samples in got.items():
                rate = n / median(samples) / 1e6
                what = f"{each:.3f} B an instruction; `show --at` the end {1000 * at:.0f} ms, `show` {lines.out.count(bytes([10])) / lines.seconds / 1000:,.0f} thousand lines/s"
                rows.append([f"{name}, {arch}", timed(samples), number(rate), f"{median(samples) / median(got['plain']):.2f}×", number(median(samples, lambda s: s.cpu)), what if name == "insn" else ""])
            self.reach(f"full trace, registers and memory ({arch})", f"{number(rate)} M/s, {each:.3f} B", rate >= 50 and each <= 4, rate >= 200 and each <= 2)
        if rows:
            self.add("Every instruction to a file, against the run without", table(["run", "s", "M/s", "time : plain", "CPU s of all threads", ""], rows))

    def fresh(self, path, run):
        """A run that writes a file which was not there: giving back the old one's pages is not its work."""
        path.unlink(missing_ok=True)
        return run(path)

    def travel(self):
        lengths = "1000000,10000000,100000000" + ("" if self.quick else ",1000000000")
        rows = []
        for arch in QEMU:
            try:
                argv = [self.guest("bench", arch), "-n", "2"]
                s = self.api("seek", argv, [f"--lengths={lengths}", f"--samples={40 if self.quick else 200}"])
            except Missing as e:
                note(str(e))
                continue
            for r in s.json["rows"]:
                rows.append([f"{arch}, {r['length']:,}", str(r["snapshots"])] + [number(r[k][p]) for k in ("seek", "reverse_step") for p in ("p50_ms", "p95_ms", "max_ms")])
            last = s.json["rows"][-1]
            seek, back = last["seek"]["p95_ms"], last["reverse_step"]["p95_ms"]
            self.reach(f"seek, reverse step in {last['length']:,} instructions ({arch})", f"p95 {number(seek)} ms, {number(back)} ms",
                       seek <= 10 and back <= 1, seek <= 5 and back <= 0.1)
        if rows:
            self.add("Seeks to random positions and reverse steps there, ms",
                     table(["within", "snapshots", "seek p50", "p95", "max", "reverse step p50", "p95", "max"], rows))

    def stepping(self):
        rows = []
        steps = 500_000 if self.quick else 5_000_000
        for arch in QEMU:
            try:
                s = interleaved({f"steps {arch}": lambda: self.api("steps", [self.guest("bench", arch)], [f"--steps={steps}"])}, self.repetitions)[f"steps {arch}"]
            except (Missing, KeyError):
                continue
            rate = median(s, lambda x: x.json["steps"] / x.json["seconds"])
            rows.append([f"deferscope, Machine::step, {arch}", number(rate)])
            self.reach(f"single steps through the API ({arch})", f"{rate / 1e6:.2f} M/s", rate >= 1e7, rate >= 2e7)
        rows += self.prompt_rows()
        rows += self.gdb_rows()
        rows += self.delve_rows()
        self.add("Steps a second", table(["who", "steps/s"], rows))

    def prompt_rows(self):
        rows = []
        for arch in QEMU:
            try:
                guest = self.guest("bench", arch)
            except Missing:
                continue
            timed_steps = lambda commands: Sample([self.ds, "step", "-c", "; ".join(["si"] + commands), guest]).seconds
            ways = {"si, each shown with its explanation": (lambda n: timed_steps(["si"] * n), 2000),
                    "si 1000000 in one command": (lambda n: timed_steps(["si 1000000"] * (n // 1_000_000)), 1_000_000),
                    "si 30000000 in one command": (lambda n: timed_steps(["si 30000000"] * (n // 30_000_000)), 30_000_000)}
            for label, (seconds_of, count) in ways.items():
                try:
                    steps = rate(seconds_of, count, 3)
                except Missing as e:
                    note(f"prompt, {label}, {arch}: {e}")
                    continue
                rows.append([f"deferscope's prompt, {label}, {arch}", number(steps)])
                if "30000000" in label:
                    self.reach(f"single steps at the prompt ({arch})", f"{steps / 1e6:.2f} M/s", steps >= 1e6, steps >= 1e7)
        return rows

    def prompt(self):
        """goto and rsi as a user meets them: from the line typed to the answer shown."""
        rows, random_positions = [], random.Random(5)
        lengths = [10**6, 10**7, 10**8] + ([] if self.quick else [10**9])
        for arch in QEMU:
            try:
                argv = [self.ds, "step", self.guest("bench", arch), "-n", "2"]
            except Missing as e:
                note(str(e))
                continue
            live = Prompt(argv)
            for length in lengths:
                live.ask(f"goto {length}")
                times = {"goto": [], "rsi": []}
                for _ in range(10 if self.quick else 40):
                    times["goto"].append(live.ask(f"goto {random_positions.randrange(length // 10, length)}"))
                    times["rsi"].append(live.ask("rsi"))
                cells = [number(1e3 * sorted(t)[int(p * (len(t) - 1))]) for t in times.values() for p in (0.5, 0.95)]
                rows.append([f"{arch}, {length:,}"] + cells)
            live.end()
        if rows:
            self.add("goto to random positions and rsi there at the prompt, ms, from the line typed to the answer shown",
                     table(["within", "goto p50", "p95", "rsi p50", "p95"], rows))

    def gdb_rows(self):
        if not shutil.which("gdb") or HOST != "amd64":
            return []
        path = self.loop(1_000_000)
        def gdb(commands):
            script = self.tmp / "gdb"
            script.write_text("set pagination off\nset confirm off\nstarti\n" + commands)
            return Sample(["gdb", "-nx", "-q", "-batch", "-x", script, path]).seconds
        recorded = "record full\nstepi 20000\n"  # the same with and without the steps back
        ways = {"stepi": (lambda n: gdb("stepi\n" * n), 1000), "stepi + info registers": (lambda n: gdb("stepi\ninfo registers\n" * n), 500),
                "stepi 5000 in one command": (lambda n: gdb("stepi 5000\n" * (n // 5000)), 10_000),
                "record full (the loop; on Go guests it fails)": (lambda n: gdb("record full\n" + "stepi 5000\n" * (n // 5000)), 10_000),
                "reverse-stepi": (lambda n: gdb(recorded + "reverse-stepi\n" * n), 1000)}
        return self.peer_rows("gdb", ways)

    def delve_rows(self):
        if not shutil.which("dlv") or HOST != "amd64":
            note("delve is not installed: its row is left out")
            return []
        try:
            guest = self.guest("bench", "amd64")
        except Missing:
            return []
        def delve(n):
            script = self.tmp / "delve"
            script.write_text("break main.main\ncontinue\n" + "step-instruction\n" * n + "exit\n")
            return Sample(["dlv", "exec", "--allow-non-terminal-interactive=true", "--init", script, guest]).seconds
        return self.peer_rows("delve", {"step-instruction": (delve, 200)})

    def peer_rows(self, peer, ways):
        rows = []
        for label, (seconds_of, count) in ways.items():
            try:
                rows.append([f"{peer}, {label}", number(rate(seconds_of, count, 2 if self.quick else 3))])
            except Missing as e:
                note(f"{peer}, {label}: {e}")
        return rows

    def first_instruction(self, program, arch):
        """Whole process, ended after the first instruction."""
        guest = self.guest(program, arch)
        samples = [self.deferscope([guest], ["--max-instructions", "1"], statuses=(125,)) for _ in range(10 if self.quick else 30)]
        ms = 1e3 * median(samples)
        self.reach(f"first instruction ({program} {arch}, {guest.stat().st_size / 1e6:.1f} MB)", f"{ms:.1f} ms", ms <= 20, ms <= 20)
        return [f"{program} {arch}, {guest.stat().st_size / 1e6:.1f} MB", f"{number(ms)} ±{50 * spread(samples):.0f} %"]

    def start_up(self):
        rows, firsts = [], []
        for arch in QEMU:
            try:
                row, ratio, *_ = self.plain_row(f"hello {arch}", arch, [self.guest("hello", arch)], 10 if self.quick else 30)
            except Missing as e:
                note(str(e))
                continue
            rows.append(row)
            firsts.append(self.first_instruction("hello", arch)), firsts.append(self.first_instruction("bench", arch))
            if ratio:
                self.reach(f"boot to exit of a println program ({arch})", f"{1 / ratio:.2f}×", 1 / ratio <= 0.25, 1 / ratio <= 0.15)
        if rows:
            self.add("Start-up: println, boot to exit", table(self.PLAIN, rows))
            self.add("From the command to the guest's first instruction, and the end there, ms", table(["guest", "ms"], firsts))

    def listing(self):
        """Lines of disassembly a second, beside go tool objdump where there is Go."""
        try:
            objdump = subprocess.run(["go", "tool", "-n", "objdump"], capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            note("no Go here: go tool objdump's column is left out")
            objdump = None
        rows = []
        for arch in QEMU:
            try:
                guest = self.guest("bench", arch)
            except Missing as e:
                note(str(e))
                continue
            cases = {"ours": lambda: Sample([self.ds, "disasm", guest]), "gnu": lambda: Sample([self.ds, "disasm", "--gnu", guest])}
            if objdump:
                cases["objdump"] = lambda: Sample([objdump, guest])
            got = interleaved(cases, self.repetitions)
            rate = lambda name: number(got[name][0].out.count(b"\n") / median(got[name]) / 1000) if name in got else "–"
            rows.append([f"bench {arch}", f"{got['ours'][0].out.count(bytes([10])):,}", rate("ours"), rate("gnu"), rate("objdump")])
            lines = got["ours"][0].out.count(b"\n") / median(got["ours"])
            self.reach(f"disassembly ({arch})", f"{lines / 1000:,.0f} thousand lines/s", lines >= 100_000, lines >= 500_000)
        if rows:
            self.add("Disassembly, thousand lines a second", table(["guest", "lines", "deferscope", "with --gnu", "go tool objdump"], rows))

    def pieces(self):
        micro = self.bin / "micro"
        if not micro.exists():
            note("Google Benchmark is not installed: the pieces are left out")
            return
        seconds = "0.05" if self.quick else "0.3"
        out = subprocess.run([micro, f"--benchmark_min_time={seconds}", "--benchmark_format=json"], capture_output=True, text=True)
        rows = []
        for b in json.loads(out.stdout)["benchmarks"]:
            each = 1e9 / b["items_per_second"] if "items_per_second" in b else b["real_time"]
            rows.append([b["name"], number(each), number(b["bytes_per_second"] / 1e9) if "bytes_per_second" in b else ""])
        self.add("Pieces", table(["piece", "ns each", "GB/s"], rows))

    # --- targets ---
    TARGETS = [
        ("plain run of the benchmark guest", "≥ 0.9× qemu-user's speed", "≥ 1.3×"),
        ("esbuild bundling a program", "≥ 0.8×", "≥ 1.2×"),
        ("four big real programs, geometric mean", "≥ 0.8×", "≥ 1.1×"),
        ("far apart", "≥ 0.8×", "≥ 1.1×"),
        ("the interpreter itself", "≥ 0.4×", "≥ 0.5×"),
        ("events on", "≥ 0.85× own plain run", "≥ 0.95×"),
        ("calls told", "≥ 0.3× own plain run", "≥ 0.5×"),
        ("full trace, registers and memory", "≥ 50 M/s, ≤ 4 B an instruction", "≥ 200 M/s, ≤ 2 B"),
        ("a native callback per instruction, pc only", "≥ 430 M/s (qemu's plugin, measured once)", "≥ 516 M/s"),
        ("recording for time travel", "≤ 1.2× own plain run", "≤ 1.1×, ≤ 0.1 B an instruction"),
        ("seek, reverse step", "p95 ≤ 10 ms, ≤ 1 ms", "p95 ≤ 5 ms, ≤ 0.1 ms"),
        ("single steps through the API", "≥ 10 M/s", "≥ 20 M/s"),
        ("single steps at the prompt", "≥ 1 M/s", "≥ 10 M/s"),
        ("boot to exit of a println program", "≤ 0.25× qemu-user's time", "≤ 0.15×"),
        ("peak memory of the benchmark run", "≤ 1× qemu-user's", "≤ 0.8×"),
        ("memory beyond the guest's own", "≤ 64 MiB", "≤ 64 MiB"),
        ("first instruction", "≤ 20 ms", "≤ 20 ms"),
        ("disassembly", "≥ 100,000 lines/s", "≥ 500,000 lines/s"),
    ]

    def reach(self, what, value, must, aim):
        self.reached[what] = (value, must, aim)

    def targets(self):
        rows = []
        for name, must, aim in self.TARGETS:
            hits = {k: v for k, v in self.reached.items() if k.startswith(name)}
            for k, (value, is_must, is_aim) in hits.items():
                rows.append([k, must, aim, value, "aim" if is_aim else "must" if is_must else "**not reached**"])
            if not hits:
                rows.append([name, must, aim, "not measured here", "–"])
        return table(["work", "must", "aim", "measured", "reached"], rows)

    def go(self):
        for part in (self.plain, self.far, self.big, self.callbacks, self.watching, self.events, self.calls, self.instructions_kept, self.travel, self.stepping, self.prompt, self.start_up, self.kernels, self.listing, self.pieces):
            part()
        text = self.targets()
        print(f"\nTargets\n\n{text}")
        if self.args.write:
            self.write(text)
        shutil.rmtree(self.tmp, ignore_errors=True)

    def write(self, targets):
        head, tail = ((ROOT / "bench" / f"performance.{p}.md").read_text() for p in ("head", "tail"))
        left_out = "\n".join(f"- {n}" for n in NOTES) or "- nothing"
        text = (f"<!-- Generated by ./dev bench --write from bench/performance.head.md, its measurements and bench/performance.tail.md. -->\n{head}\n"
                f"## Targets\n\n{targets}\n\n## Measured\n\n{self.machine()}\n\n" + "\n".join(self.parts) + f"\n### Left out of this run\n\n{left_out}\n\n{tail}")
        (ROOT / "docs" / "performance.md").write_text(text)

    def machine(self):
        model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
        version = lambda argv: (subprocess.run(argv, capture_output=True, text=True).stdout.splitlines() or [""])[0] if shutil.which(argv[0]) else ""
        peers = "; ".join(filter(None, (version([p, "--version"]) for p in ("qemu-x86_64", "gdb"))))
        load = os.getloadavg()[0]
        return (f"{os.cpu_count()} × {model}, load {load:.1f} at the end of the run; {peers}; guests built by Go {RELEASE}; "
                f"{'quick' if self.quick else 'full'} run of {time.strftime('%Y-%m-%d')}. Trust ratios, not the last digit.")


def javascript(size):
    """A module of about `size` bytes: functions with loops, objects, strings and templates; the same every time."""
    r, out, n = random.Random(3), [], 0
    while n < size:
        i = len(out)
        text = (f"export function work{i}(a, b) {{\n  const table = {{ first: a + {r.randrange(1000)}, second: [b, {r.random():.6f}, 'text {i}'] }};\n"
                f"  for (let i = 0; i < table.second.length; i++) {{\n    if (a > {r.randrange(99)} && b !== null) {{ table.first += i * {r.randrange(1, 9)}; }}\n"
                f"    else {{ table[`key${{i}}`] = function () {{ return work{r.randrange(i + 1)}(i, a); }}; }}\n  }}\n  return table;\n}}\n")
        out.append(text)
        n += len(text)
    return "".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 2 minutes: fewer repetitions, shorter runs")
    parser.add_argument("--guests", action="append", metavar="DIR", help="where the guests are (also DEFERSCOPE_GUESTS); default build/guests, build/guests-core")
    parser.add_argument("--build", default=ROOT / "build" / "release", help="the build to measure")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--only", action="append", help="only these parts: plain far big callbacks watching events calls instructions_kept travel stepping prompt start_up kernels listing pieces")
    args = parser.parse_args()
    environment = os.environ.get("DEFERSCOPE_GUESTS")
    args.guests = args.guests or ([environment] if environment else [ROOT / "build" / "guests", ROOT / "build" / "guests-core"])
    if not (pathlib.Path(args.build) / "bench" / "bench_api").exists():
        sys.exit(f"bench: {args.build} has no bench_api: ./dev bench builds it (cmake -DDEFERSCOPE_BENCH=ON)")
    bench = Bench(args)
    if args.only:
        for name in args.only:
            getattr(bench, name)()
        print("\n" + bench.targets())
    else:
        bench.go()


if __name__ == "__main__":
    main()
