#!/usr/bin/env python3
"""What deferscope does with bad input and at its limits: tests/bad_input.py [--only TEXT] [--real].

A file that is no program for us gives one line and status 125 (run) or 2 (other verbs). What the emulator cannot do names itself with
address, bytes, symbol and position, status 125, and what was written before is the beginning of what an undamaged run writes: standard
output, events, snapshots. --real builds cgo, -race, c-shared, PIE and foreign programs with Go (./dev test --all).
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import struct
import subprocess
import sys

import harness
import trace_lines
from harness import Failed, expect

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASES = "1.13.15 1.20.7 1.27.4".split()
VERBS = {"run": ["run"], "info": ["info"], "disasm": ["disasm"], "defers": ["defers"], "snap": ["snap", "--at", "0"], "draw": ["draw", "--at", "0"],
         "report": ["report", "-o", "-"], "step": ["step", "-c", "si"]}


class Bench(harness.Bench):
    def __init__(self, args, folder):
        super().__init__(args.program, folder, args.guests)
        self.sample, self.turn = args.sample, 0
        self.releases = RELEASES[-1:] if args.sample else RELEASES

    def guest(self, release, goarch):
        for program in ("casessmall", "cases"):
            path = self.guests / ("%s_%s_linux_%s_opt_syms" % (program, release, goarch))
            if path.exists():
                return path
        raise Failed("no guest %s %s" % (release, goarch))

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        path.chmod(0o755)
        return path

    def call(self, *args, **more):
        status, out, err = super().call(*args, **more)
        return status, out.decode("latin1"), err

    def refused(self, args, status, pattern, **more):
        """One line that fits the pattern, the status, and nothing on standard output but the command that step was given."""
        got, out, err = self.call(*args, **more)
        told = "deferscope %s: status %d, standard error:\n%s" % (" ".join(map(str, args)), got, err)
        expect(got == status, told + "not status %d" % status)
        expect(err.count("\n") == 1 and err.startswith("deferscope: "), told + "not one line")
        expect(re.search(pattern, err), told + "does not fit " + pattern)
        expect(re.fullmatch(r"(\(ds\) .*\n)?", out), told + "and standard output: " + out[:200])

    def every_verb_refuses(self, path, pattern, verbs=VERBS, **more):
        if self.sample:  # one verb each, by turns
            self.turn += 1
            verbs = [list(verbs)[self.turn % len(verbs)]]
        for verb in verbs:
            self.refused(VERBS[verb] + [path], 125 if verb == "run" else 2, pattern, **more)


# ---- files that are no programs


def elf(machine=62, type=2, elf_class=2, order=1, phnum=1, code=b"\x0f\x0b", os_abi=0):
    """A whole ELF file of one segment with `code` at its entry."""
    base, size = 0x400000, 64 + 56
    ident = b"\x7fELF" + bytes([elf_class, order, 1, os_abi]) + bytes(8)
    mark = "<" if order == 1 else ">"
    header = ident + struct.pack(mark + "HHIQQQIHHHHHH", type, machine, 1, base + size, 64, 0, 0, 64, 56, phnum, 0, 0, 0)
    segment = struct.pack(mark + "IIQQQQQQ", 1, 5, 0, base, base, size + len(code), size + len(code), 4096)
    return header + segment + code


def macho(cpu=0x01000007, subtype=3, filetype=2, commands=()):
    """A Mach-O file with these load commands, each (number, bytes behind its size)."""
    body = b"".join(struct.pack("<II", cmd, 8 + len(rest)) + rest for cmd, rest in commands)
    return struct.pack("<8I", 0xfeedfacf, cpu, subtype, filetype, len(commands), len(body), 0x200085, 0) + body


def macho_segment(vmaddr=0x100000000, vmsize=0x1000, fileoff=0, filesize=0, nsects=0, name=b"__TEXT"):
    return 0x19, struct.pack("<16sQQQQIIII", name, vmaddr, vmsize, fileoff, filesize, 7, 5, nsects, 0)


def foreign_files(bench):
    guest = bench.guest("1.20.7", "amd64").read_bytes()
    refused = [
        ("empty", b"", "empty"),
        ("text", b"just text\n", "neither an ELF nor a Mach-O file"),
        ("three bytes", b"\x7fEL", "truncated"),
        ("header cut", guest[:63], "truncated: 63 bytes"),
        ("program headers cut", guest[:100], "truncated"),
        ("half", guest[:len(guest) // 2], "truncated|not a Go program"),
        ("32 bit", elf(elf_class=1), "32-bit ELF"),
        ("big-endian", elf(order=2), "big-endian"),
        ("riscv", elf(machine=243), "machine 243 is not supported"),
        ("object", elf(type=1), "object file"),
        ("core", elf(type=4), "core dump"),
        ("no segments", elf(phnum=0), "no program headers"),
        ("PE", b"MZ" + bytes(200), "Windows PE"),
        ("script", b"#!/bin/sh\nexit 0\n", "script"),
        ("wasm", b"\0asm" + bytes(100), "WebAssembly"),
        ("archive", b"!<arch>\n" + bytes(100), "archive"),
        ("Go object", b"go object linux amd64 go1.20\n", "Go object file"),
        ("Mach-O cut", b"\xcf\xfa\xed\xfe" + bytes(20), "Mach-O|truncated"),
        ("fat Mach-O cut", b"\xca\xfe\xba\xbe" + bytes(20), "Mach-O|truncated"),
        ("32-bit Mach-O", b"\xce\xfa\xed\xfe" + bytes(200), "32-bit"),
        ("Mach-O big-endian", b"\xfe\xed\xfa\xcf" + bytes(200), "big-endian"),
        ("Mach-O for POWER", macho(cpu=0x01000012), "CPU type 0x1000012 is not supported"),
        ("Mach-O arm64e", macho(cpu=0x0100000c, subtype=2), "arm64e"),
        ("Mach-O object", macho(filetype=1), "Mach-O object file"),
        ("Mach-O library", macho(filetype=6), "library .dylib., not a program"),
        ("Mach-O bundle", macho(filetype=8), "bundle"),
        ("Mach-O without segments", macho(), "no loadable segment"),
        ("Mach-O load commands cut", macho(commands=[macho_segment()])[:50], "truncated"),
        ("Mach-O command of size 0", macho(commands=[macho_segment()])[:36] + bytes(70), "load command 0 .* size 0x0"),
        ("Mach-O sections that are not there", macho(commands=[macho_segment(nsects=1 << 30)]), "1073741824 sections"),
        ("Mach-O outside memory", macho(commands=[macho_segment(vmaddr=(1 << 64) - 4096)]), "outside user memory"),
        ("Mach-O segment cut", macho(commands=[macho_segment(filesize=0x1000)]), "truncated: its segment __TEXT"),
        ("Mach-O of overlapping segments", macho(commands=[macho_segment(), macho_segment(name=b"__DATA")]), "overlap"),
        ("fat of none", b"\xca\xfe\xba\xbe" + bytes(4), "universal file of 0 programs"),
        ("fat, of others", struct.pack(">7I", 0xcafebabe, 1, 7, 3, 28, 0, 0), "without a program for amd64 or arm64; it has cpu 0x7"),
        ("Java", b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(100), "Java class file"),
    ]
    for name, data, pattern in refused:
        bench.every_verb_refuses(bench.file(name, data), pattern)


def no_files(bench):
    bench.every_verb_refuses(bench.folder / "nothing here", "No such file")
    bench.every_verb_refuses(bench.folder, "is a directory")
    fifo = bench.folder / "fifo"
    os.mkfifo(fifo)
    keep = os.open(fifo, os.O_RDWR)
    bench.every_verb_refuses(fifo, "not a regular file")
    os.close(keep)
    locked = bench.file("locked", b"x")
    locked.chmod(0)
    if os.geteuid() != 0:
        bench.every_verb_refuses(locked, "Permission denied")
    else:  # root reads everything; the system's smallest user does not
        os.chmod(bench.folder, 0o755)
        try:
            bench.every_verb_refuses(locked, "Permission denied", user=65534, group=65534, extra_groups=[])
        except PermissionError:
            print("  (not tried: another user cannot run %s)" % bench.program)


def not_go(bench):
    """A program of another language: nothing here knows its runtime."""
    path = bench.file("not go", elf())
    bench.every_verb_refuses(path, "not a Go program|no Go program", [v for v in VERBS if v not in ("run", "info", "disasm", "step")])
    bench.refused(["run", "--events", path], 125, "not a Go program|no Go program")


def dynamic(bench):
    """What needs a dynamic linker runs with one (tests/dynamic.py); where there is none, a line says so."""
    host = shutil.which("sh")
    if open(host, "rb").read(4) == b"\x7fELF":
        for verb, status in (["run"], 125), (["step", "-c", "si"], 2), (["snap", "--at", "0"], 2):
            bench.refused([*verb, "--sysroot", bench.folder, host], status, "its interpreter /lib.* is not below .*; --sysroot DIR names")
            bench.refused([*verb, "--sysroot", "/no/such/folder", host], status, "--sysroot /no/such/folder: No such file or directory")


def flags(bench):
    guest = bench.guest("1.20.7", "amd64")
    for args, pattern in ((["--no-such-flag", guest], "no-such-flag"), ([], "command|BIN"), (["--cpu", "z80", guest, "list"], "--cpu z80"),
                          (["--clock", "noon", guest, "list"], "--clock"), (["--stdin", bench.folder / "none", guest, "os-stdin"], "No such file"),
                          (["--events=" + str(bench.folder / "no" / "dir"), guest, "list"], "No such file"),
                          (["--snapshots", bench.folder, guest, "list"], "Is a directory"),
                          (["--allow-read", bench.folder / "none", guest, "list"], "No such file"),
                          (["--cwd", bench.folder, guest, "list"], "--cwd .*sees no such directory"),
                          (["--env", "NOEQUALS", guest, "list"], "NOEQUALS"), (["--cpus", "0", guest, "list"], "--cpus"),
                          (["--scope", "mine", "--events", guest, "list"], "--scope")):
        bench.refused(["run", *args], 125, pattern)
    for args in (["snap", guest], ["snap", "--at", "nowhere at all", guest], ["info"], ["disasm", "-s", "(", guest], ["defers", "--nothing", guest],
                 ["step", "-x", bench.folder / "none", guest], ["nothing"], ["snap", "--at", "no.such.function", guest, "list"],
                 ["draw", guest], ["draw", "--at", "nowhere at all", guest], ["draw", "--at", "end", guest, "list"], ["draw", "--at", "1", "--style", "png", guest],
                 ["draw", "--at", "main.main", "-o", bench.folder / "no" / "dir.svg", guest], ["draw", "--at", "main.main", "--to", "1", guest],
                 ["report", guest], ["report", "-o", bench.folder / "no" / "dir.html", guest, "list"], ["report", "-o", bench.folder, guest, "list"],
                 ["report", "-o", "-", "--source", bench.folder / "none", guest, "list"]):
        bench.refused(args, 2, ".")


# ---- what the emulator cannot do, in the middle of a run

# What is written over a function of the guest: a far return; system calls of a number that Linux does not have; a futex wait that nobody ends.
PATCHES = {
    "amd64": {"instruction": "cb", "bytes": "cb", "call": "b8 0f270000 0f05",
              "deadlock": "488d7c24f8 48c70700000000 31f6 31d2 4d31d2 b8ca000000 0f05"},
    "arm64": {"call": "e8e184d2 010000d4", "deadlock": "e04300d1 1f0000f9 010080d2 020080d2 030080d2 480c80d2 010000d4"},
}


def symbol_offset(data, name):
    """Offset in the file of a function's code."""
    shoff, shnum = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + 64 * i) for i in range(shnum)]
    table = next(s for s in sections if s[1] == 2)
    strings = sections[table[6]][4]
    for at in range(table[4], table[4] + table[5], 24):
        where, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
        if data[strings + where:strings + where + len(name) + 1] == name.encode() + b"\0":
            section = next(s for s in sections if s[3] <= value < s[3] + s[5] and s[2] & 4)
            return value - section[3] + section[4], value
    raise Failed("no symbol " + name)


def patched(bench, guest, function, code):
    data = bytearray(guest.read_bytes())
    offset, address = symbol_offset(data, function)
    code = bytes.fromhex(code)
    data[offset:offset + len(code)] = code
    return bytes(data), address


def beginning(bench, guest, case, damaged, flags=()):
    """Runs both with events and snapshots; what the damaged one wrote must be how the other one begins. Gives its line on standard error."""
    texts = []
    for data, more in ((guest.read_bytes(), ()), (damaged, flags)):
        path = bench.file("guest", data)  # one path: its length is on the stack
        events, snapshots, text = (bench.folder / n for n in ("e.jsonl", "s.jsonl", "e.txt"))
        status, out, err = bench.call("run", "--events=%s" % events, "--snapshots", snapshots, *more, path, case)
        text_status, _, text_err = bench.call("run", "--events=%s" % text, *more, path, case)
        expect((text_status, text_err) == (status, err), "text and JSON end differently:\n" + err + text_err)
        texts.append((out, re.sub(r'"sha256":"\w+"', '"sha256":""', events.read_text()), re.sub(r'"sha256":"\w+"', '"sha256":""', snapshots.read_text()), text.read_text()))
    expect(status == 125 and err.startswith("deferscope: ") and err.count("\n") == 1, "status %d, standard error:\n%s" % (status, err))
    for what, whole, part in zip(("output", "events", "snapshots", "text"), *texts):
        if what == "events":
            end = trace_lines.split(part)[2]
            part, whole = trace_lines.without_ends(part), trace_lines.without_ends(whole)
            expect(end and not end["complete"] and "deferscope: %s\n" % end["why"] == err, "the trace's end: %s" % end)
        expect(whole.startswith(part) and (part != whole or what in ("output", "text")), "%s is not the beginning:\n%s" % (what, part[-1000:]))
        if what != "output":
            expect(not part or part.endswith("\n"), what + " ends within a line")
    for line in texts[1][1].splitlines() + texts[1][2].splitlines():
        json.loads(line)
    expect(flags or all(texts[1]), "nothing was written before")
    return err


def unimplemented(bench, what, pattern):
    for goarch, patch in PATCHES.items():
        for release in bench.releases if what in patch else ():
            guest = bench.guest(release, goarch)
            # markString runs as the third deferred call of defer-mixed, behind pushes, runs and output.
            damaged, address = patched(bench, guest, "main.markString", patch[what])
            err = beginning(bench, guest, "defer-mixed", damaged)
            told = pattern.format(address=r"%#x|%#x" % (address, address + 5 if goarch == "amd64" else address + 4), bytes=patch.get("bytes"))
            expect(re.search(told, err), "%s %s: %snot %s" % (release, goarch, err, told))


def unimplemented_instruction(bench):
    unimplemented(bench, "instruction", r"instruction .*not implemented \(bytes {bytes}\) at ({address}) \(main\.markString\+\d+\), position \d+\n")


def unimplemented_call(bench):
    unimplemented(bench, "call", r"system call 9999 is not implemented.* at ({address}) \(main\.markString\+\d+\), position \d+\n")


def deadlock(bench):
    """All threads wait for ever: the first instructions of the program do, before there are others."""
    for goarch, patch in PATCHES.items():
        guest = bench.guest("1.20.7", goarch)
        damaged, _ = patched(bench, guest, "_rt0_%s_linux" % goarch, patch["deadlock"])
        damaged = bench.file("deadlock", damaged)
        for flags in ([], ["--events"]):
            bench.refused(["run", *flags, damaged, "list"], 125, r"deadlock at position \d+: all threads wait.*futex")
        bench.refused(["snap", "--at", "100", damaged, "list"], 2, "came to a deadlock at position 7")


def limits(bench):
    for goarch in PATCHES:
        guest = bench.guest("1.20.7", goarch)
        # Somewhere behind the first events.
        events = bench.folder / "all.jsonl"
        bench.call("run", "--events=%s" % events, guest, "defer-mixed")
        positions = [e["position"] for e in trace_lines.events(events.read_text())]
        for n in (positions[len(positions) // 2], positions[len(positions) * 3 // 4]):
            err = beginning(bench, guest, "defer-mixed", guest.read_bytes(), ["--max-instructions", str(n)])
            expect("--max-instructions %d reached" % n in err, err)
        status, out, err = bench.call("run", "--max-output", "0", guest, "list")
        expect((status, out) == (125, "") and "--max-output" in err and err.count("\n") == 1, "--max-output: %d\n%s" % (status, err))
        # Go itself says what it lacks; we don't crash.
        status, out, err = bench.call("run", "--memory", "4", guest, "gc-big")
        expect(status in (2, 125) and err, "--memory: %d\n%s" % (status, err))
        status, out, err = bench.call("run", "--max-threads", "2", guest, "go-threads")
        expect(status == 2 and "thread" in err, "--max-threads: %d\n%s" % (status, err))


# ---- where the output goes


def outputs(bench):
    guest = bench.guest("1.20.7", "amd64")
    full = os.open("/dev/full", os.O_WRONLY)
    for flags, pattern in ((["--events=/dev/full"], "/dev/full: .*No space left"), (["--snapshots", "/dev/full"], "/dev/full: .*No space left")):
        status, out, err = bench.call("run", *flags, guest, "defer-mixed")
        expect(status == 125 and err.count("\n") == 1 and re.search(pattern, err), "%s: %d\n%s" % (flags, status, err))
        expect(out.endswith("end\n"), "the guest did not run to its end: " + out)
    for args, status in ((["run", guest, "defer-mixed"], 125), (["info", guest], 2), (["info", "--json", guest], 2), (["disasm", guest], 2),
                         (["disasm", "-s", "main.main", guest], 2), (["defers", guest], 2), (["snap", "--at", "1000", guest, "list"], 2), (["demo"], 2)):
        bench.refused(args, status, "No space left", stdout=full)
    os.close(full)
    # A reader that is gone: what the flags write is complete up to there.
    events = bench.folder / "gone.jsonl"
    read, write = os.pipe()
    os.close(read)
    bench.refused(["run", "--events=%s" % events, guest, "defer-mixed"], 125, "standard output: Broken pipe", stdout=write)
    os.close(write)
    lines = events.read_text().splitlines()
    expect(lines and all(json.loads(line) for line in lines), "events before the pipe broke")
    read, write = os.pipe()
    os.close(read)
    status, _, _ = bench.call("run", guest, "defer-mixed", stdout=write, stderr=write)
    os.close(write)
    expect(status == 125, "standard output and standard error gone: status %d" % status)
    # Closed streams: their numbers must not go to the files that we open.
    closed = bench.folder / "closed.jsonl"
    for redirection, pattern in ((">&-", "standard output: Bad file descriptor"), ("<&- >&- ", "standard output: Bad file descriptor")):
        done = subprocess.run("'%s' run --events='%s' '%s' defer-mixed %s" % (bench.program, closed, guest, redirection), shell=True,
                              stderr=subprocess.PIPE, text=True)
        expect(done.returncode == 125 and re.search(pattern, done.stderr), "%s: %d\n%s" % (redirection, done.returncode, done.stderr))
        expect(all(json.loads(line) for line in closed.read_text().splitlines()), "the guest's output went to the events")
    done = subprocess.run("'%s' run --events='%s' '%s' defer-mixed 2>&-" % (bench.program, closed, guest), shell=True, stdout=subprocess.PIPE, text=True)
    expect(done.returncode == 0 and done.stdout.endswith("end\n"), "2>&-: %d %s" % (done.returncode, done.stdout))


# ---- what is written has an end: limits, full disks, files that are none


def fill(bench):
    """A guest for this machine that writes without end (tests/guests/freestanding/fill.c)."""
    path = bench.folder / "fill"
    if not path.exists():
        made = subprocess.run(["g++", "-x", "c", "-static", "-nostdlib", "-fno-stack-protector", "-O1", "-o", str(path),
                               str(ROOT / "tests/guests/freestanding/fill.c")], capture_output=True, text=True)
        expect(made.returncode == 0, made.stderr)
    return path


def whole_lines(path):
    text = path.read_text()
    expect(text == "" or text.endswith("\n"), "%s ends within a line: %r" % (path.name, text[-80:]))
    return [json.loads(line) for line in text.splitlines()]


def output_limits(bench):
    guest, writable = bench.guest("1.20.7", "amd64"), bench.folder / "writable"
    big = bench.guest("1.13.15", "amd64")
    writable.mkdir()
    status, out, err = bench.call("run", "--max-output", "1", fill(bench), "-")
    expect((status, len(out)) == (125, 1 << 20) and re.fullmatch(r"deferscope: --max-output 1 reached at position \d+\n", err), "%d %d %s" % (status, len(out), err))
    status, out, err = bench.call("run", "--max-file-output", "1", "--allow-write", writable, fill(bench), writable / "f")
    expect(status == 125 and re.fullmatch(r"deferscope: --max-file-output 1 reached at position \d+\n", err), "%d %s" % (status, err))
    expect((writable / "f").stat().st_size == 1 << 20, "the guest's file")
    status, out, err = bench.call("run", "--max-file-output", "0", "--allow-write", writable, fill(bench), writable / "none")
    expect(status == 125 and "--max-file-output 0 reached" in err and (writable / "none").stat().st_size == 0, "%d %s" % (status, err))
    events, snapshots = bench.folder / "e.jsonl", bench.folder / "s.jsonl"
    for flags in (["--events=%s" % events], ["--snapshots", snapshots], ["--events=%s" % events, "--snapshots", snapshots]):
        events.write_text(""), snapshots.write_text("")
        status, out, err = bench.call("run", "--max-trace", "1", *flags, big, "bench-all")
        expect(status == 125 and re.fullmatch(r"deferscope: --max-trace 1 reached: \S+ ends there\n", err), "%d %s" % (status, err))
        sizes = [f.stat().st_size for f in (events, snapshots)]
        expect(max(sizes) <= 1 << 20 and max(sizes) > 900_000, "files of %s bytes" % sizes)
        _, told, end = trace_lines.split(events.read_text())
        expect(not end or not end["complete"] and "--max-trace 1 reached: %s" % snapshots in end["why"], "a trace that --max-trace cut off ends with %s" % end)
        ids = [e["id"] for e in told]
        expect(ids == list(range(len(ids))), "events are missing")
        whole_lines(snapshots)
    events_text = bench.folder / "e.txt"
    status, out, err = bench.call("run", "--max-trace", "1", "--events=%s" % events_text, big, "bench-all")
    expect(status == 125 and events_text.read_text().endswith("\n"), "%d %s" % (status, err))


def full_disks(bench):
    """The host's limit of a file's size, and a disk that is full: the guest gets the errno, our files hold whole lines."""
    writable = bench.folder / "writable"
    writable.mkdir()
    big = bench.guest("1.13.15", "amd64")
    events, snapshots = bench.folder / "e.jsonl", bench.folder / "s.jsonl"
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_001, 100_001))}
    status, out, err = bench.call("run", "--allow-write", writable, fill(bench), writable / "f", **limit)
    expect((status, err) == (27, "") and (writable / "f").stat().st_size == 100_001, "not EFBIG: %d %s" % (status, err))
    for flags in (["--events=%s" % events], ["--snapshots", snapshots]):
        status, out, err = bench.call("run", "--max-instructions", "5000000", *flags, big, "bench-all", **limit)
        expect(status == 125 and err.count("\n") == 1, "%d %s" % (status, err))
    expect(whole_lines(events) and whole_lines(snapshots), "nothing was written")
    status, out, err = bench.call("demo", "--extract", bench.folder / "demo", **limit)
    expect(status == 2 and re.search("File too large", err) and err.count("\n") == 1, "%d %s" % (status, err))
    small = bench.folder / "small"
    small.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(small)], capture_output=True).returncode:
        print("  (not tried: a small disk needs root)")
        return
    try:
        status, out, err = bench.call("run", "--allow-write", small, fill(bench), small / "f")
        expect((status, err) == (28, ""), "not ENOSPC: %d %s" % (status, err))
        (small / "f").unlink()
        events, snapshots = small / "e.jsonl", small / "s.jsonl"
        for flags in (["--events=%s" % events], ["--snapshots", snapshots], ["--events=%s" % events, "--snapshots", snapshots]):
            for f in (events, snapshots):
                f.unlink(missing_ok=True)
            status, out, err = bench.call("run", "--max-instructions", "5000000", *flags, big, "bench-all")
            expect(status == 125 and err.count("\n") == 1, "%d %s" % (status, err))
            expect(sum(len(whole_lines(f)) for f in (events, snapshots) if f.exists()), "nothing was written")
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        bench.refused(["run", "--events=%s" % (small / "new"), big, "list"], 125, "Read-only file system")
        status, out, err = bench.call("run", "--allow-write", small, fill(bench), small / "g")
        expect((status, err) == (30, ""), "not EROFS: %d %s" % (status, err))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def file_arguments(bench):
    """What a flag names is no file, or a file without end."""
    guest = bench.guest("1.20.7", "amd64")
    fifo = bench.folder / "fifo"
    os.mkfifo(fifo)
    bench.every_verb_refuses(fifo, "not a regular file")  # nobody writes to it
    bench.every_verb_refuses("/dev/zero", "not a regular file")
    bench.refused(["step", "-x", bench.folder, guest], 2, "^deferscope: -x .*: Is a directory")
    bench.refused(["step", "-x", "/dev/zero", guest], 2, "^deferscope: -x /dev/zero: longer than 16 MiB")
    bench.refused(["step", "-x", "/proc/self/mem", guest], 2, "^deferscope: -x /proc/self/mem: Input/output error")
    for name, pattern in (("/dev/zero", "longer than"), (bench.folder, "Is a directory"), ("/no/such", "No such file|Permission denied")):
        bench.refused(["step", "-c", "source %s" % name, guest, "list"], 1, "cannot read .*(%s|Permission denied)" % pattern)
    for verb, status in ((["run"], 125), (["snap", "--at", "0"], 2), (["step", "-c", "si"], 2)):
        bench.refused([*verb, "--stdin", bench.folder, guest, "os-stdin"], status, "--stdin .*: Is a directory")
    bench.refused(["run", "--snapshots", "/no/such/file", guest, "list"], 125, "No such file")
    bench.refused(["demo", "--extract", bench.folder], 2, "Is a directory")
    bench.refused(["step", "--timeout", "1", guest, "list"], 2, "--timeout needs -c or -x")
    bench.refused(["step", "-c", "save out.ds", guest, "list"], 1, "Permission denied .step --save DIR", cwd=bench.folder)
    status, out, err = bench.call("step", "--save", bench.folder, "-c", "b main.main; save out.ds", guest, "list", cwd=bench.folder)
    expect(status == 0 and (bench.folder / "out.ds").read_text() == "break main.main\n", "%d %s%s" % (status, out, err))


# ---- programs that only Go can make (--real)

CGO = 'package main\n\n// static int two(void) { return 2; }\nimport "C"\n\nfunc main() { defer println("deferred"); if C.two() == 2 { println("body") } }\n'
PURE = 'package main\n\nfunc main() { defer println("deferred"); println("body") }\n'
SHARED = 'package main\n\nimport "C"\n\n//export Two\nfunc Two() int { defer println("x"); return 2 }\n\nfunc main() {}\n'
STATIC = PURE.replace("package main", 'package main\n\nimport "C"')  # g lies where the C linker put it
STATIC_FLAGS = "-linkmode=external -extldflags=-static"
REAL = [  # name, source, flags, environment, what `run` says (None: runs and prints; or by release), whether info, disasm and defers work
    ("cgo", CGO, [], {"CGO_ENABLED": "1"}, None, True),
    ("race", PURE, ["-race"], {"CGO_ENABLED": "1"}, None, True),
    ("c-shared", SHARED, ["-buildmode=c-shared"], {"CGO_ENABLED": "1"}, "shared library, not a program|is not in an executable segment", True),
    ("external", CGO, ["-ldflags=-linkmode=external"], {"CGO_ENABLED": "1"}, None, True),
    ("static_cgo", STATIC, ["-ldflags=" + STATIC_FLAGS], {"CGO_ENABLED": "1"}, None, True),
    ("static_cgo_stripped", STATIC, ["-ldflags=-s -w " + STATIC_FLAGS], {"CGO_ENABLED": "1"}, None, True),
    ("pie", PURE, ["-buildmode=pie"], {"CGO_ENABLED": "0"}, None, True),
    ("windows", PURE, [], {"GOOS": "windows"}, "Windows PE", False),
    ("386", PURE, [], {"GOARCH": "386"}, "32-bit ELF", False),
    ("mips64", PURE, [], {"GOARCH": "mips64"}, "big-endian", False),
    ("ppc64le", PURE, [], {"GOARCH": "ppc64le"}, "machine 21 is not supported", False),
    ("freebsd", PURE, [], {"GOOS": "freebsd"}, "another system than Linux", True),
    ("wasm", PURE, [], {"GOOS": "js", "GOARCH": "wasm"}, "WebAssembly", False),
    ("archive", PURE.replace("package main", "package other").replace("main()", "Other()"), [], {}, "archive", False),
]


def real(bench):
    if not shutil.which("go"):
        raise Failed("Go is not on PATH")
    for release in bench.releases:
        for name, source, flags, env, pattern, readable in REAL:
            pattern = pattern.get(release) if isinstance(pattern, dict) else pattern
            folder = bench.folder / "src"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "main.go").write_text(source)
            (folder / "go.mod").write_text("module example.com/x\n\ngo 1.12\n")
            out = bench.folder / ("real_" + name)
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("GO", "CGO")) or k in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY")}
            environment.update(GOENV="off", GOFLAGS="", GO111MODULE="on", GOTOOLCHAIN="go" + release, GOOS="linux", GOARCH="amd64", CGO_ENABLED="0")
            environment.update(env)
            made = subprocess.run(["go", "build", "-o", str(out), *flags, "."], cwd=folder, env=environment, capture_output=True, text=True)
            if made.returncode:
                raise Failed("go %s, %s: %s" % (release, name, made.stderr))
            try:
                if pattern is None:
                    status, _, err = bench.call("run", out)
                    expect((status, err) == (0, "body\ndeferred\n"), "%d %s" % (status, err))
                    found = bench.folder / "real.jsonl"
                    bench.call("run", "--events=%s" % found, out)
                    mine = [e for e in map(json.loads, found.read_text().splitlines()) if e.get("origin") == "user"]
                    expect({"defer.push", "defer.start", "defer.end"} <= {e["event"] for e in mine}, "events: %s" % mine)
                else:
                    bench.refused(["run", out], 125, pattern)
                for verb in ("info", "disasm", "defers"):
                    if readable:
                        status, text, err = bench.call(verb, out)
                        expect(status == 0 and text and not err, "%s: %d %s" % (verb, status, err))
                    else:
                        bench.refused([verb, out], 2, pattern)
                if pattern is not None:
                    bench.refused(["snap", "--at", "0", out], 2, pattern)
                    bench.refused(["step", "-c", "si", out], 2, pattern)
            except Failed as problem:
                raise Failed("go %s, %s: %s" % (release, name, problem))


CASES = [foreign_files, no_files, not_go, dynamic, flags, unimplemented_instruction, unimplemented_call, deadlock, limits, outputs, output_limits, full_disks,
         file_arguments]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--guests", default=str(ROOT / "build/guests-core"))
    parser.add_argument("--only", default="")
    parser.add_argument("--sample", action="store_true", help="one release instead of three, one verb instead of all")
    parser.add_argument("--real", action="store_true", help="only the programs that Go must build")
    args = parser.parse_args()
    return harness.run_cases(harness.named([real] if args.real else CASES, args.only), lambda folder: Bench(args, folder))


if __name__ == "__main__":
    sys.exit(main())
