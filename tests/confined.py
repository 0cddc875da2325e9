#!/usr/bin/env python3
"""deferscope confines itself before the guest's first instruction: tests/confined.py --program PATH --guests FOLDER.

Seen from outside: by strace, and by what /proc says of a running guest. What the walls hold back is tried in tests/unit/cli_confine_test.cpp.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import harness
from harness import expect

ROOT = pathlib.Path(__file__).resolve().parent.parent
HANG = 120
OPENS = re.compile(r"\b(open|openat|openat2|creat)\(.*= \d")
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")  # LeakSanitizer does not work below strace


class Bench(harness.Bench):
    def __init__(self, args, folder):
        super().__init__(args.program, folder)
        self.guest = next(args.guests.glob("casessmall_1.2*_linux_amd64_*"), None)
        self.strace = shutil.which("strace")
        self.busy = next(args.guests.glob("cases_*_linux_amd64_*"), None)

    def traced(self, *args, inject=()):
        """The system calls of a run, one a line, and the finished process."""
        log = self.folder / "strace"
        flags = [x for i in inject for x in ("-e", "inject=" + i)]
        done = subprocess.run([self.strace, "-f", "-o", str(log), *flags, self.program, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=HANG, env=ENVIRONMENT)
        return log.read_text().splitlines(), done

    def fill(self):
        path = self.folder / "fill"
        subprocess.run(["g++", "-x", "c", "-static", "-nostdlib", "-fno-stack-protector", "-O1", "-o", str(path),
                        str(ROOT / "tests/guests/freestanding/fill.c")], check=True)
        return path


def wall(lines):
    """The index of the line behind which both walls stand."""
    landlock = [i for i, line in enumerate(lines) if "landlock_restrict_self(" in line and line.endswith("= 0")]
    seccomp = [i for i, line in enumerate(lines) if "SECCOMP_SET_MODE_FILTER" in line and line.endswith("= 0")]
    expect(len(landlock) == 1 and len(seccomp) == 1 and landlock[0] < seccomp[0], "landlock at %s, seccomp at %s" % (landlock, seccomp))
    return seccomp[0]


def every_verb(bench):
    """Behind the walls nothing is opened any more, and no byte of the guest has come before."""
    guest = bench.guest
    for args in (["run", guest, "defer-mixed"], ["run", "--events=%s" % (bench.folder / "e.jsonl"), "--snapshots", bench.folder / "s.jsonl", guest, "defer-mixed"],
                 ["run", "--events", guest, "defer-mixed"], ["run", "--max-instructions", "1", guest, "list"], ["demo"],
                 ["snap", "--at", "event:3", guest, "defer-mixed"], ["draw", "--at", "event:3", guest, "defer-mixed"],
                 ["report", "-o", "-", guest, "defer-mixed"], ["step", "-c", "c; rsi; list; bt; c", guest, "defer-mixed"], ["step", "-c", "si"]):
        lines, done = bench.traced(*args)
        at = wall(lines)
        behind = [line for line in lines[at:] if OPENS.search(line)]
        expect(not behind, "%s: opened behind the wall: %s" % (args, behind))
        before = [line for line in lines[:at] if re.search(r"write\(1, ", line) and "demo" not in args]
        expect(not before, "%s: written before: %s" % (args, before))


def granted_directories(bench):
    """What is opened behind the walls lies beneath a descriptor that was there before."""
    writable = bench.folder / "writable"
    writable.mkdir()
    lines, done = bench.traced("run", "--allow-write", writable, "--max-file-output", "1", bench.fill(), writable / "f")
    behind = [line for line in lines[wall(lines):] if OPENS.search(line)]
    expect(behind and (writable / "f").stat().st_size == 1 << 20, "the guest wrote nothing: " + done.stderr)
    expect(not [line for line in behind if re.search(r"\((AT_FDCWD, )?\"/|AT_FDCWD", line)], "from the root: %s" % behind)


def what_the_kernel_says(bench):
    for flags, seccomp in (([], "2"), (["--no-confine"], "0")):
        run = subprocess.Popen([bench.program, "run", *flags, str(bench.busy), "bench-all"], stdout=subprocess.PIPE)
        run.stdout.readline()  # the guest runs
        status = dict(line.split(":\t", 1) for line in pathlib.Path("/proc/%d/status" % run.pid).read_text().splitlines() if ":\t" in line)
        core = re.search(r"Max core file size +(\d+|unlimited)", pathlib.Path("/proc/%d/limits" % run.pid).read_text()).group(1)
        run.send_signal(signal.SIGKILL)
        run.stdout.read()
        run.wait()
        expect(status["Seccomp"] == seccomp, "Seccomp %s with %s" % (status["Seccomp"], flags))
        if not flags:
            expect(status["NoNewPrivs"] == "1" and core == "0", "NoNewPrivs %s, core %s" % (status["NoNewPrivs"], core))


OFF = "deferscope: note: --no-confine: Landlock and seccomp are off\n"


def switched_off(bench):
    lines, done = bench.traced("run", "--no-confine", "--stats", bench.guest, "list")
    expect(not [line for line in lines if "landlock" in line or "SECCOMP" in line], "confined")
    expect("confined: Landlock off, seccomp off" in done.stderr, done.stderr)
    lines, done = bench.traced("run", "--stats", bench.guest, "list")
    expect(re.search(r"confined: Landlock version \d+, seccomp on", done.stderr), done.stderr)
    for verb in (["snap", "--at", "0", "--no-confine", bench.guest], ["step", "--no-confine", "-c", "si", bench.guest]):
        lines, done = bench.traced(*verb)
        expect(done.returncode == 0 and not [line for line in lines if "landlock" in line or "SECCOMP" in line], "%s: confined" % verb)


def older_kernels(bench):
    """Where the kernel lacks something the run goes on; a line says so where the guest may reach the host's files."""
    landlock, seccomp = "landlock_create_ruleset:error=ENOSYS", "seccomp:error=EINVAL"
    no_filter = "prctl:error=EINVAL:when=2"  # PR_SET_SECCOMP, behind PR_SET_NO_NEW_PRIVS
    note = r"deferscope: note: %s is not to be had here: .*\n"
    for inject, what in (([landlock], "Landlock"), ([seccomp, no_filter], "seccomp"), ([landlock, seccomp, no_filter], "neither Landlock nor seccomp")):
        lines, done = bench.traced("run", bench.guest, "list", inject=inject)
        expect((done.returncode, done.stderr) == (0, ""), "%s without grants: %d %s" % (what, done.returncode, done.stderr))
        lines, done = bench.traced("run", "--allow-read", bench.folder, bench.guest, "list", inject=inject)
        expect(done.returncode == 0 and re.fullmatch(note % what, done.stderr), "%s: %d %s" % (what, done.returncode, done.stderr))
        lines, done = bench.traced("run", "--no-confine", "--allow-read", bench.folder, bench.guest, "list", inject=inject)
        expect((done.returncode, done.stderr) == (0, OFF), "%s, --no-confine: %d %s" % (what, done.returncode, done.stderr))


CASES = [every_verb, granted_directories, what_the_kernel_says, switched_off, older_kernels]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    bench = Bench(args, ".")
    if not bench.guest or not bench.busy:
        harness.skip("no guests")
    if not bench.strace or subprocess.run([bench.strace, "-o", os.devnull, "true"], capture_output=True).returncode:
        harness.skip("no strace, or it may not trace here")
    stats = subprocess.run([args.program, "run", "--stats", str(bench.guest), "list"], capture_output=True, text=True).stderr
    if "off" in stats:
        harness.skip("this kernel lacks Landlock or seccomp")
    sys.exit(harness.run_cases(harness.named(CASES, args.only), lambda folder: Bench(args, folder)))


if __name__ == "__main__":
    main()
