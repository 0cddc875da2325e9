#!/usr/bin/env python3
"""Dynamically linked programs: tests/dynamic.py --program build/release/deferscope --guests build/guests-dynamic --core build/guests-core [--only TEXT].

guests    Programs with C in them (tests/guests/src/cgo), of three releases, both instruction sets, position-independent too: each case prints what it
          prints natively (amd64) or under qemu-user (arm64), with the same status; the same whatever runs it, to the position.
told      Calls of C and callbacks are events, bt shows C's frames between Go's, what was refused is an event and a closing line.
static    The same cases as the core guests, linked dynamically: `diff --semantics` finds no difference from the static build.
system    Programs of this machine (ls, sh) do what they do natively.
refused   Interpreters and libraries that are missing, of another machine, scripts, loops, cut off, mutated: one line and status 125, or what the guest's
          own loader says; `info` says the same line.

Libraries: this machine's for amd64, Debian's libc6-arm64-cross for arm64; without them the test is skipped and says so.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

ARM64 = "/usr/aarch64-linux-gnu"
CASES = "call callback deep panic-callback panic-through goexit threads tls signal fault-go fault-callback dlopen memory stack many refused".split()
SAME_AS_STATIC = "defer-mixed panic-nested fault-nil go-select go-timers goexit-recovered".split()
failures = []
count = 0


def check(condition, text):
    global count
    count += 1
    if not condition:
        failures.append(text)
        print("FAILED: " + text)


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **more)
    return done.returncode, done.stdout, done.stderr


class Test:
    def __init__(self, args):
        self.program, self.guests, self.core = args.program, pathlib.Path(args.guests), pathlib.Path(args.core)
        self.only, self.folder = args.only, pathlib.Path(args.folder)

    def flags(self, guest):
        return ["--sysroot", ARM64] if "arm64" in guest.name else []

    def native(self, guest):
        return ["qemu-aarch64", "-L", ARM64, guest] if "arm64" in guest.name else [guest]

    def guests_named(self, program):
        return [g for g in sorted(self.guests.glob(program + "_*")) if self.only in g.name]

    def cases(self):
        for guest in self.guests_named("cgo"):
            for i, case in enumerate(CASES):
                ours = run(self.program, "run", *self.flags(guest), guest, case)
                check(ours == run(*self.native(guest), case), "%s %s: %r" % (guest.name, case, ours))
                if i % 5 == 0:
                    self.whatever_runs_it(guest, case, ours)

    def whatever_runs_it(self, guest, case, ours):
        """The events, with their positions, are the same from every engine."""
        told = []
        for how in ["--engine", "interp"], ["--engine", "jit"], ["--block", "1"], ["--selfcheck"]:
            trace = self.folder / "trace.jsonl"
            again = run(self.program, "run", *how, "--events=%s" % trace, *self.flags(guest), guest, case)
            check(again == ours, "%s %s %s: %r" % (guest.name, case, how, again))
            told.append(trace.read_bytes())
        check(len(set(told)) == 1 and b'"line":"end"' in told[0], "%s %s: the engines tell different events" % (guest.name, case))
        header = json.loads(told[0].splitlines()[0])
        names = [lib["path"].rsplit("/", 1)[1] for lib in header["libraries"]]
        check((names == ["libc.so"] if "+musl" in guest.name else names[0].startswith("ld-linux") and "libc.so.6" in names) and all(re.fullmatch("[0-9a-f]{64}", lib["sha256"]) for lib in header["libraries"]),
              "%s: the header says %s" % (guest.name, header["libraries"]))

    def told(self):
        """Calls of C and back, frames of C, and what was refused."""
        for guest in self.guests_named("cgo"):
            trace = self.folder / "trace.jsonl"
            run(self.program, "run", "--events=%s" % trace, *self.flags(guest), guest, "callback", "threads")
            transfers = [e["what"] for e in map(json.loads, trace.read_text().splitlines()) if e.get("event") == "transfer"]
            check(transfers.count("cgocallback") == 6 and transfers.count("cgocall") >= 6, "%s: transfers %s" % (guest.name, transfers))
            _, out, _ = run(self.program, "step", *self.flags(guest), "-c", "break main.goCallback", "-c", "continue", "-c", "bt", "-c", "finish", "-c", "bt", guest, "callback")
            text = re.split(r"^\(ds\) bt$", out.decode(), flags=re.M)[1]
            check(re.search(r"runtime\.cgocallback.*\n   C  0x\w+  goCallback\+\d+\n(   C .*\n)*   C  0x\w+  _cgo_\w+_Cfunc_callBack\+\d+\n.*runtime\.(asmcgocall|systemstack_switch)", text)
                  and "runtime.main+" in text, "%s: bt in a callback\n%s" % (guest.name, text))
            status, _, err = run(self.program, "run", "--events", "--stats", *self.flags(guest), guest, "refused")
            text = err.decode()
            for what in "look-up of no-such-program in PATH", "exec of /no/such/program", "connect to 127.0.0.1:1":
                check(status == 0 and re.search(r"^ +@.*refused  %s$" % what, text, re.M), "%s: %s is no event\n%s" % (guest.name, what, text))
            line = "refused: exec of /no/such/program, connect to 127.0.0.1:1, look-up of no-such-program in PATH"
            check("deferscope: %s\n" % line in text and " %s." % line in text, "%s: closing lines\n%s" % (guest.name, text))

    def static(self):
        for guest in self.guests_named("casessmall"):
            release, arch = re.match(r"casessmall_([\d.]+)_linux_(\w+)\+", guest.name).groups()
            twin = next(t for t in (self.core / ("%s_%s_linux_%s_opt_syms" % (p, release, arch)) for p in ("casessmall", "cases")) if t.exists())
            for case in SAME_AS_STATIC:
                done = run(self.program, "diff", "--semantics", *self.flags(guest), "--argv0", "cases", guest, twin, "--", case)
                check(done[0] == 0, "%s %s: not as the static build: %s" % (guest.name, case, done[1].decode()[-400:]))

    def system(self):
        (self.folder / "list").mkdir()
        for name in "b", "a", ".c":
            (self.folder / "list" / name).write_text("x" * 10)
        for command in (["/bin/ls", "-a", self.folder / "list"], ["/bin/sh", "-c", "echo $((6 * 7)); exit 3"]):
            ours = run(self.program, "run", "--allow-read", self.folder / "list", *command)
            check(ours == run(*command), "%s: %r" % (command, ours))
        status, out, _ = run(self.program, "info", "/bin/ls")
        check(status == 0 and re.search(rb"^  run +yes$", out, re.M) and re.search(rb"^  needs +libc.so.6 \xe2\x86\x92 /", out, re.M), "info /bin/ls: %s" % out)

    def refused_line(self, what, flags, guest, wanted):
        """`run` ends with one line, and `info` says it."""
        status, out, err = run(self.program, "run", *flags, guest)
        line = err.decode()
        check((status, out) == (125, b"") and re.fullmatch(r"deferscope: [^\n]*%s[^\n]*\n" % wanted, line), "%s: status %d, %s%s" % (what, status, out, line))
        status, out, _ = run(self.program, "info", *flags, guest)
        said = re.search(r"^  run +no: (.*)$", out.decode(), re.M)
        check(status == 0 and said and line == "deferscope: %s: %s\n" % (guest, said[1]), "%s: info says %s" % (what, said and said[0]))

    def refused(self):
        guest = self.guests / "cgo_1.27.4_linux_arm64+cgo_opt_syms"
        native = self.guests / "cgo_1.27.4_linux_amd64+pie_opt_syms"
        root = self.folder / "sysroot"
        loader, libc = root / "lib/ld-linux-aarch64.so.1", root / "lib/libc.so.6"
        (root / "lib").mkdir(parents=True)
        flags = ["--sysroot", root]
        self.refused_line("another machine's", [], guest, r"--sysroot DIR names the folder with /lib/ld-linux-aarch64.so.1")
        self.refused_line("no interpreter", flags, guest, r"its interpreter /lib/ld-linux-aarch64.so.1 is not below .*--sysroot DIR")
        self.refused_line("no interpreter, amd64", flags, native, r"its interpreter /lib64/ld-linux-x86-64.so.2 is not below .*--sysroot DIR")
        good, bad = pathlib.Path(ARM64, "lib/ld-linux-aarch64.so.1").read_bytes(), pathlib.Path(ARM64, "lib/libc.so.6").read_bytes()
        for what, content, wanted in (("a script", b"#!/bin/sh\n", "a script, not a program"), ("empty", b"", "the file is empty"), ("cut off", good[:5000], "truncated"),
                                      ("another machine's file", pathlib.Path("/lib64/ld-linux-x86-64.so.2").read_bytes(), "a program for amd64, not for arm64"),
                                      ("an interpreter with an interpreter", bad, "names an interpreter itself"), ("no ELF file", b"\0" * 1000, "neither an ELF")):
            loader.write_bytes(content)
            self.refused_line("an interpreter that is " + what, flags, guest, r"its interpreter [^\n]*" + wanted)
        loader.unlink()
        loader.symlink_to("ld-linux-aarch64.so.1")
        self.refused_line("an interpreter that is a link to itself", flags, guest, "is not below")
        loader.unlink()
        loader.write_bytes(good)
        self.refused_line("no library", flags, guest, "its library lib[a-z]+.so.[0-9] is not below")
        libc.write_bytes(bad[:4000])
        self.refused_line("a library that is cut off", flags, guest, "its library .*truncated")
        libc.write_bytes(pathlib.Path("/lib64/ld-linux-x86-64.so.2").read_bytes())
        self.refused_line("a library of another machine", flags, guest, "its library .*a program for amd64, not for arm64")
        self.mutated(guest, flags, {loader: good, libc: bad})

    def mutated(self, guest, flags, files):
        """Never a crash of ours, never more than a line; whatever the guest does is its own affair."""
        for name in "libpthread.so.0", "libdl.so.2", "libm.so.6":
            shutil.copy(pathlib.Path(ARM64, "lib", name), files and next(iter(files)).parent / name)
        ended = {}
        for seed in range(60):
            change = random.Random(seed)
            for path, content in files.items():
                damaged = bytearray(content)
                for _ in range(change.choice((1, 4, 30))):
                    at = change.choice((change.randrange(64), change.randrange(0x400), change.randrange(len(damaged))))
                    damaged[at] = change.randrange(256)
                path.write_bytes(damaged if change.random() < 0.7 else content)
            status, _, err = run(self.program, "run", "--max-instructions", 30_000_000, *flags, guest, "call")
            ours = [line for line in err.decode(errors="replace").splitlines() if line.startswith("deferscope: ")]
            check(0 <= status < 256 and status != 1 and len(ours) == (status == 125), "mutated with seed %d: status %d, %s" % (seed, status, err))
            ended[status] = ended.get(status, 0) + 1
        print("mutated libraries ended runs with: %s" % ended)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True)
    parser.add_argument("--core", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("tests", nargs="*", default=["cases", "told", "static", "system", "refused"])
    args = parser.parse_args()
    for needed, package in (ARM64 + "/lib/ld-linux-aarch64.so.1", "libc6-arm64-cross"), ("/lib64/ld-linux-x86-64.so.2", "libc6 of amd64"), ("/lib/ld-musl-x86_64.so.1", "musl"), (shutil.which("qemu-aarch64") or "/", "qemu-user"):
        if needed == "/" or not os.path.exists(needed):
            print("(not tried: %s is not installed)" % package)
            return 77
    args.program = os.path.abspath(args.program)
    with tempfile.TemporaryDirectory(prefix="deferscope-dynamic-", dir="/var/tmp") as folder:
        args.folder = os.path.realpath(folder)
        test = Test(args)
        for name in args.tests:
            getattr(test, name)()
    print("dynamic: %d checks, %s" % (count, "%d FAILED" % len(failures) if failures else "all held"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
