#!/usr/bin/env python3
"""Traces of instructions at the command line: tests/insn.py --program PATH --guests FOLDER.

And a reader by somebody else: it knows docs/trace-format.md alone, executes by Unicorn what lies between the records, and has to arrive at the registers that `show --at` tells.
"""
import argparse
import ctypes
import ctypes.util
import json
import pathlib
import re
import signal
import struct
import subprocess
import sys
import time

import harness
from harness import expect


class Bench(harness.Bench):
    def guest(self, release, arch):
        return next(self.guests.glob("cases*_%s*_linux_%s_opt_syms" % (release, arch)))

    def call(self, *words, **more):
        status, out, err = super().call(*words, **more)
        return status, out.decode(errors="replace") if isinstance(out, bytes) else out, err

    def traced(self, guest, *words, name="t.insn", flags=()):
        path = self.folder / name
        status, out, err = self.call("trace", "--level", "insn", "-o", path, *flags, guest, *words)
        return path, status, out, err


GUESTS = [("1.13", "amd64"), ("1.27", "arm64")]


def runs_as_run_does(bench):
    for release, arch in GUESTS:
        guest = bench.guest(release, arch)
        for case in ("panic-nested", "crash-nil"):
            path, *ran = bench.traced(guest, case)
            expect(tuple(ran) == bench.call("run", guest, case), "%s %s: the guest ends otherwise" % (arch, case))
            expect(path.stat().st_size < 2_000_000, "%s is large" % path)


def shows(bench):
    guest = bench.guest("1.27", "amd64")
    path, *_ = bench.traced(guest, "defer-mixed")
    status, out, err = bench.call("show", "--from", "100000", "--to", "100099", path)
    expect(status == 0 and out.count("\n") == 100 and not err, "show: %s" % err)
    rows = [json.loads(l) for l in bench.call("show", "--json", "--from", "100000", "--to", "100099", path)[1].splitlines()]
    expect([r["position"] for r in rows] == list(range(100000, 100100)), "positions")
    for row, line in zip(rows, out.splitlines()):
        expect(line.startswith("@%d " % row["position"]) and row["instruction"] in line, line)
    for a, b in zip(rows, rows[1:]):
        expect(a["thread"] != b["thread"] or a["registers"]["PC"] == b["pc"], "%d: pc" % b["position"])
    of_main = [json.loads(l) for l in bench.call("show", "--json", "--function", r"^main\.main$", path)[1].splitlines()]
    expect(of_main and all(r["function"] == "main.main" and r["goroutine"] == 1 for r in of_main), "--function")
    expect(len(of_main) == len(bench.call("show", "--goroutine", "1", "--function", r"^main\.main$", path)[1].splitlines()), "--goroutine")
    moved = bench.folder / "moved"
    moved.write_bytes(guest.read_bytes())
    # Filters that trace is given are those of show.
    chosen, *_ = bench.traced(guest, "defer-mixed", name="chosen.insn", flags=("--function", r"^main\.main$", "--goroutine", "1"))
    status, out, err = bench.call("show", "--json", chosen)
    expect([json.loads(l) for l in out.splitlines()] == of_main, "what trace chose")
    expect(err.startswith("deferscope: note: ") and r"--function '^main\.main$' --goroutine 1; --all shows" in err, err)
    expect(bench.call("show", "--all", "--from", "100000", "--to", "100099", chosen) == bench.call("show", "--from", "100000", "--to", "100099", path), "--all")
    expect(bench.call("show", "--function", "^runtime.mallocinit$", chosen)[1].count("\n") > 10, "another choice")
    expect(bench.call("diff", chosen, path)[0] == 0, "all is there")
    expect(bench.call("show", "--binary", moved, "--at", "100000", path) == bench.call("show", "--at", "100000", path), "--binary")
    for words, what in (
        (("show", "--at", "99999999999", path), "it has the instructions from position 0"),
        (("show", "--kind", "defer.push", path), "no --kind"),
        (("show", "--scope", "all", path), "no --scope"),
        (("show", "--binary", path, path), "it is another file now"),
        (("trace", "--level", "insn", guest), "says where instructions go"),
        (("trace", "-o", bench.folder / "x.insn", guest), "is of --level insn"),
        (("trace", "--level", "insn", "-o", bench.folder / "x.jsonl", guest), "says where instructions go"),
        (("trace", "--level", "insn", "--scope", "all", "-o", bench.folder / "x.insn", guest), "no --scope"),
        (("trace", "--level", "insn", "--function", "(", "-o", bench.folder / "x.insn", guest), "--function (: missing"),
        (("trace", "--level", "insn", "--selfcheck", "-o", bench.folder / "x.insn", guest), "exclude each other"),
    ):
        status, out, err = bench.call(*words)
        expect(status in (2, 125) and err.count("\n") == 1 and what in err, "%s: %s" % (words, err))


def compares(bench):
    guest = bench.guest("1.27", "arm64")
    one, *_ = bench.traced(guest, "panic-nested", name="one.insn")
    two, *_ = bench.traced(guest, "panic-nested", name="two.insn", flags=("--seed", "7"))
    expect(bench.call("diff", one, one)[0] == 0, "not the same as itself")
    status, out, _ = bench.call("diff", one, two)
    at = int(re.search(r"up to position (\d+)", out)[1])
    expect(status == 1 and out.count("*") >= 2, "seeds: %s" % out)
    registers = lambda p, trace: re.findall(r"^ +\w+ 0x.*", bench.call("show", "--at", str(p), trace)[1], re.M)
    before, now = ([registers(p, trace) for trace in (one, two)] for p in (at - 1, at))
    expect(before[0] == before[1] and now[0] != now[1], "position %d is not the first that differs" % at)
    expect(bench.call("check", one, guest, "panic-nested")[0] == 0, "check: the same run differs")
    expect(bench.call("check", one, guest, "defer-mixed")[0] == 1, "check: another run is the same")
    expect(bench.call("check", "--update", one, guest, "panic-nested")[0] == 2, "check --update")
    expect(bench.call("diff", one, guest)[0] == 2, "a trace and a program")


def beginnings(bench):
    """What is left of a run that was stopped: by a limit, by a signal that it can hear of, by one that it cannot."""
    guest = bench.guest("1.27", "amd64")
    path, status, _, err = bench.traced(guest, "bench-sort", flags=("--max-instructions", "20000000"))
    expect(status == 125 and "--max-instructions" in err, err)
    last = bench.call("show", "--at", "19999999", path)
    expect(last[0] == 0 and "did not end" in last[2], last[2])
    for sig in (signal.SIGTERM, signal.SIGKILL):
        path.unlink()
        process = subprocess.Popen([bench.program, "trace", "--level", "insn", "-o", path, guest, "bench-all"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not path.exists() or path.stat().st_size < 400_000 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(sig)
        process.wait()
        status, out, err = bench.call("show", "--from", "100000", "--to", "100009", path)
        expect(status == 0 and out.count("\n") == 10, "%s: %s" % (sig, err))
        expect(sig == signal.SIGTERM or "a prefix" in err or process.returncode == 0, err)
    path, status, _, err = bench.traced(guest, "bench-all", flags=("--max-trace", "1"))
    expect(status == 125 and "--max-trace 1 reached" in err and path.stat().st_size <= 1 << 20, err)
    expect(bench.call("show", "--from", "100", "--to", "109", path)[1].count("\n") == 10, "--max-trace")


# --- somebody else's reader ---

def enumeration(header, name):
    """C's enumeration in a header of Unicorn's: its names with their numbers."""
    text = re.search(r"typedef enum %s \{(.*?)\}" % name, pathlib.Path("/usr/include/unicorn", header).read_text(), re.S)[1]
    numbers, next_number = {}, 0
    for word in re.sub(r"//.*|/\*.*?\*/", "", text).split(","):
        key, _, value = (w.strip() for w in word.partition("="))
        if not key:
            continue
        base, _, more = value.partition(" + ")
        number = next_number if not value else (numbers[base] if base in numbers else int(base, 0)) + int(more or "0")
        numbers[key], next_number = number, number + 1
    return numbers


class Machine:
    """Unicorn, with the registers as docs/trace-format.md numbers them."""
    KINDS = {"amd64": (4, 1 << 3, "x86.h", "uc_x86_reg"), "arm64": (2, 0, "arm64.h", "uc_arm64_reg")}

    def __init__(self, library, arch):
        self.uc, self.arch = library, arch
        kind, mode, header, names = self.KINDS[arch]
        self.engine = ctypes.c_void_p()
        expect(self.uc.uc_open(kind, mode, ctypes.byref(self.engine)) == 0, "uc_open")
        n = enumeration(header, names)
        if arch == "amd64":
            order = "RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15".split()
            self.ids = {i: n["UC_X86_REG_" + r] for i, r in enumerate(order)} | {32: n["UC_X86_REG_RIP"], 33: n["UC_X86_REG_EFLAGS"], 34: n["UC_X86_REG_FS_BASE"], 36: n["UC_X86_REG_MXCSR"]}
            self.vectors = {i: n["UC_X86_REG_XMM%d" % i] for i in range(16)}
        else:
            self.ids = {i: n["UC_ARM64_REG_X%d" % i] for i in range(31)} | {31: n["UC_ARM64_REG_SP"], 32: n["UC_ARM64_REG_PC"], 33: n["UC_ARM64_REG_NZCV"], 34: n["UC_ARM64_REG_TPIDR_EL0"]}
            self.vectors = {i: n["UC_ARM64_REG_V%d" % i] for i in range(32)}
            enable = ctypes.c_uint64(3 << 20)
            self.uc.uc_reg_write(self.engine, n["UC_ARM64_REG_CPACR_EL1"], ctypes.byref(enable))
        self.mapped = set()
        # What the system does is in the records; SYSCALL itself leaves its return address and the flags.
        syscall = next(v for k, v in enumeration("x86.h", "uc_x86_insn").items() if k == "UC_X86_INS_SYSCALL")
        if arch == "amd64":
            self.hook = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: (self.set(1, self.get(32) + 2), self.set(11, self.get(33))))
            hooked = self.uc.uc_hook_add(self.engine, ctypes.byref(ctypes.c_size_t()), 2, self.hook, None, ctypes.c_uint64(1), ctypes.c_uint64(0), syscall)
        else:
            self.hook = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)(lambda *_: None)
            hooked = self.uc.uc_hook_add(self.engine, ctypes.byref(ctypes.c_size_t()), 1, self.hook, None, ctypes.c_uint64(1), ctypes.c_uint64(0))
        expect(hooked == 0, "uc_hook_add")

    def get(self, number):
        out = (ctypes.c_uint64 * 2)()
        if number >= 40:
            self.uc.uc_reg_read(self.engine, self.vectors[(number - 40) // 2], out)
            return out[(number - 40) % 2]
        self.uc.uc_reg_read(self.engine, self.ids[number], out)
        return out[0] & (0xffffffff if number in (33, 36) else 2**64 - 1)

    def set(self, number, value):
        if number >= 40:
            out = (ctypes.c_uint64 * 2)()
            self.uc.uc_reg_read(self.engine, self.vectors[(number - 40) // 2], out)
            out[(number - 40) % 2] = value
            self.uc.uc_reg_write(self.engine, self.vectors[(number - 40) // 2], out)
        elif number in self.ids:
            self.uc.uc_reg_write(self.engine, self.ids[number], (ctypes.c_uint64 * 2)(value, 0))

    def page(self, address, data):
        if address not in self.mapped:
            expect(self.uc.uc_mem_map(self.engine, ctypes.c_uint64(address), ctypes.c_size_t(4096), 7) == 0, "map %#x" % address)
            self.mapped.add(address)
        self.write(address, data)

    def write(self, address, data):
        self.uc.uc_mem_write(self.engine, ctypes.c_uint64(address), data, ctypes.c_size_t(len(data)))

    def execute(self, count):
        if count:
            error = self.uc.uc_emu_start(self.engine, ctypes.c_uint64(self.get(32)), ctypes.c_uint64(0), ctypes.c_uint64(0), ctypes.c_size_t(count))
            behind = error == 8 and self.get(32) >> 12 == 0xffffffffff600  # it looks at what follows: the vsyscall page is the system's
            expect(error == 0 or behind, "Unicorn: error %d at %#x" % (error, self.get(32)))

    def numbers(self):
        return sorted(self.ids) + [40 + i for v in self.vectors for i in (2 * v, 2 * v + 1)]


def pieces(data, unpack):
    expect(data[:16] == b"deferscope.insn\n", "magic")
    at = 16
    while at + 32 <= len(data):
        kind, stored, raw, records, position, pages = struct.unpack_from("<IIIIQQ", data, at)
        if kind > 4 or at + 32 + stored > len(data):
            return
        text = unpack(data[at + 32:at + 32 + stored], raw)
        yield kind, text[:records], text[records:], position, pages
        at += 32 + stored
        if kind == 4:
            offset, magic = struct.unpack_from("<Q8s", data, at)
            expect(magic == b"insn.idx" and offset == at - 32 - stored and len(data) == at + 16, "the end")
            return


class Records:
    def __init__(self, text):
        self.text, self.at = text, 0

    def more(self):
        return self.at < len(self.text)

    def number(self):
        value = shift = 0
        while True:
            b = self.text[self.at]
            self.at += 1
            value |= (b & 127) << shift
            shift += 7
            if b < 128:
                return value

    def difference(self):
        z = self.number()
        return z >> 1 if z % 2 == 0 else -(z >> 1) - 1

    def bytes(self, n):
        self.at += n
        return self.text[self.at - n:self.at]


def replay(data, library, unpack, arch, at_position):
    """Executes a trace's first chunk; at_position(position, machine) is called where instructions pause."""
    machine, stored, threads = Machine(library, arch), [], {}
    position = page = 0
    current = None
    waiting = False  # for resume
    for kind, text, pages, _, _ in pieces(data, unpack):
        if kind not in (1, 2):
            continue
        if kind == 1 and current is not None:
            return position
        records = Records(text)
        fresh = 0
        while records.more():
            what = records.number()
            if what == 1:
                position, current = records.number(), records.number()
                for _ in range(records.number()):
                    tid = records.number()
                    threads[tid] = {records.number(): records.number() for _ in range(records.number())}
                for n, v in ({n: 0 for n in machine.numbers()} | threads[current]).items():
                    machine.set(n, v)
            elif what in (2, 3, 4):
                page += records.difference()
                if what == 3:
                    stored.append(pages[fresh:fresh + 4096])
                    fresh += 4096
                machine.page(page * 4096, bytes(4096) if what == 2 else stored[-1] if what == 3 else stored[len(stored) - records.number()])
            elif what in (5, 6):
                until = position + records.number()
                machine.execute(until - position - (what == 6))
                position = until
                at_position(position, machine, what == 6)
            elif what == 7:
                records.bytes(records.number())
            elif what == 8:
                address = records.number()
                machine.write(address, records.bytes(records.number()))
            elif what == 9:
                position += records.number()
                tid = records.number()
                changes = {records.number(): records.difference() for _ in range(records.number())}
                threads[current] = {n: machine.get(n) for n in machine.numbers()}
                now = {n: 0 for n in machine.numbers()} | threads.get(tid, {})
                for n, d in changes.items():
                    now[n] = (now.get(n, 0) + d) % 2**64
                for n, v in now.items():
                    machine.set(n, v)
                current = tid
            elif what == 10:
                return position
            else:
                expect(False, "record %d" % what)
    return position


def somebody_else_reads_it(bench):
    unicorn, zstd = ctypes.util.find_library("unicorn"), ctypes.util.find_library("zstd")
    if not unicorn or not zstd or not pathlib.Path("/usr/include/unicorn/x86.h").exists():
        harness.skip("no Unicorn")
    library, packed = ctypes.CDLL(unicorn), ctypes.CDLL(zstd)
    packed.ZSTD_decompress.restype = ctypes.c_size_t

    def unpack(stored, raw):
        out = ctypes.create_string_buffer(max(1, raw))
        expect(packed.ZSTD_decompress(out, ctypes.c_size_t(raw), stored, ctypes.c_size_t(len(stored))) == raw, "Zstandard")
        return out.raw[:raw]

    for release, arch in (("1.27", "amd64"), ("1.13", "amd64"), ("1.16", "arm64"), ("1.13", "arm64")):  # 1.27 asks arm64 for the time
        guest = bench.guest(release, arch)
        # Not from the start on: what CPUID says is deferscope's. Unicorn 2.0 has no POPCNT.
        path, *_ = bench.traced(guest, "panic-nested", flags=("--from", "400000", "--cpu", "v1" if arch == "amd64" else "v8.0"))
        seen = []

        def compare(position, machine, faulted):
            if faulted or len(seen) >= 25 or (seen and position < seen[-1] + 7000):
                return
            seen.append(position)
            shown = bench.call("show", "--at", str(position - 1), path)[1]  # before the last instruction: its own effect is not the system's
            after = json.loads(bench.call("show", "--at", str(position - 1), "--json", path)[1])["registers"]
            told = {n: int(v, 16) for n, v in re.findall(r"[ *]+(\w+) (0x[0-9a-f]+)", shown)} | {n: int(v, 16) for n, v in after.items()}
            names = "AX CX DX BX SP BP SI DI R8 R9 R10 R11 R12 R13 R14 R15".split() if arch == "amd64" else ["R%d" % i for i in range(30)] + ["LR", "SP"]
            for i, name in enumerate(names):
                expect(machine.get(i) == told[name], "%s %s at %d: %s is %#x by Unicorn, %#x by show" % (release, arch, position, name, machine.get(i), told[name]))
            expect(machine.get(32) == told["PC"], "%s %s at %d: pc" % (release, arch, position))

        end = replay(path.read_bytes(), library, unpack, arch, compare)
        expect(len(seen) >= 10 and end > 800_000, "%s %s: it says little: %s, up to %d" % (release, arch, seen, end))


PARTS = [runs_as_run_does, shows, compares, beginnings, somebody_else_reads_it]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    if not any(args.guests.glob("cases_*")):
        harness.skip("no guests")
    sys.exit(harness.run_cases(harness.named(PARTS, args.only), lambda folder: Bench(args.program, folder, args.guests)))


if __name__ == "__main__":
    main()
