#!/usr/bin/env python3
"""Runs that end from outside: tests/signals.py --program PATH --guests FOLDER.

Signals and --timeout end a run wherever it is: computing, waiting for input, for a reader of its output or of its events. Then, and when it is
killed in the middle of writing, what is written is whole lines. A signal is the status; --timeout gives one line.
"""
import argparse
import fcntl
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import harness
import trace_lines
from harness import expect

HANG = 120  # seconds: a hang is a failure
F_SETPIPE_SZ = 1031


def whole_lines(data, what):
    """JSON lines, all of them whole; how many."""
    expect(data == b"" or data.endswith(b"\n"), "%s ends within a line: %r" % (what, data[-80:]))
    for line in data.splitlines():
        json.loads(line)
    return data.count(b"\n")


def full_pipe():
    """A pipe that takes nothing more, and what it holds."""
    read, write = os.pipe()
    fcntl.fcntl(write, F_SETPIPE_SZ, 4096)
    os.set_blocking(write, False)
    held = 0
    try:
        while True:
            held += os.write(write, b"." * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(write, True)
    return read, write, held


def waits_in(pid, calls):
    """A thread of the process sleeps in one of these system calls, as /proc names it: 'number first-argument'."""
    for task in pathlib.Path("/proc/%d/task" % pid).iterdir():
        try:
            words = (task / "syscall").read_text().split()
        except (OSError, ProcessLookupError):
            continue
        if len(words) > 1 and (int(words[0]), int(words[1], 16)) in calls:
            return True
    return False


READ, WRITE = (0, 1) if os.uname().machine == "x86_64" else (63, 64)


class Bench(harness.Bench):
    def __init__(self, args, folder):
        super().__init__(args.program, folder)
        self.guest = next(args.guests.glob("cases_*_linux_amd64_*"), None)

    def start(self, *args, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        return subprocess.Popen([self.program, *map(str, args)], **more)

    def until(self, run, condition):
        end = time.monotonic() + HANG
        while not condition():
            expect(run.poll() is None, "ended too early: %s" % run.returncode)
            expect(time.monotonic() < end, "never got there")
            time.sleep(0.01)

    def until_confined(self, run):
        """The guest runs, or is about to."""
        self.until(run, lambda: "\nSeccomp:\t2" in pathlib.Path("/proc/%d/status" % run.pid).read_text())


def ended_by(end, number):
    expect(end and not end["complete"] and end["why"] == signal.Signals(number).name and end["status"] is None, "the trace ends with %s" % end)


def computing(bench, number):
    """Every event up to there is in the file."""
    events = bench.folder / "events.jsonl"
    run = bench.start("run", "--events=%s" % events, bench.guest, "bench-all")
    run.stdout.readline()  # the first section of many is over
    run.send_signal(number)
    run.stdout.read()
    expect(run.wait(HANG) == -number, "ended with %s" % run.returncode)
    lines = events.read_bytes()
    expect(whole_lines(lines, "events") >= 100, "too few events")
    _, events, end = trace_lines.split(lines)
    expect([e["id"] for e in events] == list(range(len(events))), "an event is missing")
    ended_by(end, number)


def waiting_for_input(bench, number):
    read, write = os.pipe()
    events = bench.folder / "events.jsonl"
    run = bench.start("run", "--events=%s" % events, "--stdin", "-", bench.guest, "os-stdin", stdin=read)
    bench.until(run, lambda: waits_in(run.pid, [(READ, 0)]))
    run.send_signal(number)
    run.stdout.read()
    expect(run.wait(HANG) == -number, "ended with %s" % run.returncode)
    _, told, end = trace_lines.split(events.read_bytes())
    expect(told, "no events")
    ended_by(end, number)
    os.close(read), os.close(write)


def waiting_for_a_reader(bench, number):
    read, write, _ = full_pipe()
    run = bench.start("run", bench.guest, "list", stdout=write)
    bench.until(run, lambda: waits_in(run.pid, [(WRITE, 1)]))
    run.send_signal(number)
    expect(run.wait(HANG) == -number, "ended with %s" % run.returncode)
    os.close(read), os.close(write)


def waiting_for_a_reader_of_events(bench, number):
    read, write, held = full_pipe()
    run = bench.start("run", "--events=/dev/fd/%d" % write, bench.guest, "bench-all", pass_fds=[write])
    # Its own descriptor of the pipe, whichever number it has.
    bench.until(run, lambda: waits_in(run.pid, [(WRITE, n) for n in range(3, 64)]))
    os.read(read, held)  # some of what it has goes through, the rest never
    bench.until(run, lambda: waits_in(run.pid, [(WRITE, n) for n in range(3, 64)]))
    run.send_signal(number)
    run.stdout.read()
    expect(run.wait(HANG) == -number, "ended with %s" % run.returncode)
    os.close(write)
    text = b""
    while part := os.read(read, 1 << 16):
        text += part
    os.close(read)
    expect(text == b"" or text.endswith(b"\n"), "the pipe's reader got half a line: %r" % text[-80:])


def other_verbs(bench, number):
    for args in (["snap", "--at", "event:99999999", bench.guest, "bench-all"], ["draw", "--at", "event:99999999", bench.guest, "bench-all"],
                 ["report", "-o", "-", bench.guest, "bench-all"], ["step", "-c", "c; c; c", bench.guest, "bench-all"]):
        if number == signal.SIGINT and args[0] == "step":
            continue  # a command of its own: tests/unit/cli_step_test.cpp
        run = bench.start(*args)
        bench.until_confined(run)
        run.send_signal(number)
        run.stdout.read()
        expect(run.wait(HANG) == -number, "%s ended with %s" % (args[0], run.returncode))


def no_hang_up(bench, _):
    """nohup: SIGHUP that is ignored stays so."""
    run = bench.start("run", bench.guest, "bench-sort", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    bench.until_confined(run)
    run.send_signal(signal.SIGHUP)
    run.stdout.read()
    expect(run.wait(HANG) == 0, "ended with %s" % run.returncode)


def timeouts(bench, _):
    read, write, _held = full_pipe()
    idle_read, idle_write = os.pipe()
    line = r"deferscope: --timeout 1 reached at position \d+\n"
    slow = ["--timeout", "1", "--engine", "interp"]  # host code ends in that time
    for args, status, pattern, more in (
        (["run", *slow, bench.guest, "bench-all"], 125, line, {}),
        (["trace", "--timeout", "1", "--engine", "jit", "--level", "call", "--scope", "all", "-o", bench.folder / "calls.jsonl", bench.guest, "bench-all"], 125, line, {}),
        (["run", "--timeout", "1", "--block", "0", bench.guest, "bench-all"], 125, line, {}),
        (["run", "--timeout", "1", "--stdin", "-", bench.guest, "os-stdin"], 125, line, {"stdin": idle_read}),
        (["run", "--timeout", "1", bench.guest, "list"], 125, line, {"stdout": write}),
        (["run", *slow, "--events=/dev/fd/%d" % write, bench.guest, "bench-all"], 125, "deferscope: --timeout", {"pass_fds": [write]}),
        (["snap", *slow, "--at", "event:99999999", bench.guest, "bench-all"], 2, line, {}),
        (["draw", *slow, "--at", "event:99999999", bench.guest, "bench-all"], 2, line, {}),
        (["step", *slow, "-c", "c main.main; c; c; c", bench.guest, "bench-all"], 2, line, {}),
    ):
        run = bench.start(*args, stderr=subprocess.PIPE, **more)
        out, err = run.communicate(timeout=HANG)
        told = "%s: status %s, %s" % (" ".join(map(str, args)), run.returncode, err.decode())
        expect(run.returncode == status and re.fullmatch(pattern if pattern == line else pattern + ".*\n", err.decode()), told)
    for end in (read, write, idle_read, idle_write):
        os.close(end)


def killed_while_writing(bench, _):
    """SIGKILL at the n-th write of any thread: files hold whole lines."""
    strace = shutil.which("strace")
    if not strace or subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True).returncode:
        print("  (not tried: no strace here)")
        return
    events, snapshots = bench.folder / "events.jsonl", bench.folder / "snapshots.jsonl"
    lines = 0
    for n in (1, 2, 3, 5):
        for flags in (["--events=%s" % events], ["--snapshots", snapshots], ["--events=%s" % events, "--snapshots", snapshots]):
            for file in (events, snapshots):
                file.write_bytes(b"")
            done = subprocess.run([strace, "-f", "-o", os.devnull, "-e", "inject=write,writev:signal=SIGKILL:when=%d" % n, bench.program, "run",
                                   *map(str, flags), bench.guest, "bench-all"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=HANG)
            expect(done.returncode in (-9, 137), "not killed: %s %s" % (done.returncode, done.stderr.decode()))
            for file in (events, snapshots):
                lines += whole_lines(file.read_bytes(), "%s after write %d" % (file.name, n))
            expect(trace_lines.split(events.read_bytes())[2] is None, "a killed run has an end")
    expect(lines, "nothing was written")


ANY = [computing, waiting_for_input, waiting_for_a_reader, waiting_for_a_reader_of_events, other_verbs]
ONCE = [no_hang_up, timeouts, killed_while_writing]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    if not Bench(args, ".").guest:
        harness.skip("no guests")
    cases = [(case, n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) for case in ANY] + [(case, 0) for case in ONCE]
    named = [(case.__name__ + (" " + signal.Signals(n).name if n else ""), functools.partial(lambda c, number, bench: c(bench, number), case, n)) for case, n in cases]
    sys.exit(harness.run_cases([c for c in named if args.only in c[0]], lambda folder: Bench(args, folder)))


if __name__ == "__main__":
    main()
