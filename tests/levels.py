#!/usr/bin/env python3
"""Guests built with GOAMD64=v3 (tests/guests/src/level3), for Linux and macOS: tests/levels.py [--program P] [--guests DIR].

They get the processor they were built for by themselves, print what the native run prints (where the host has AVX2; else what it printed), whatever executes them,
and say so on an older one. One for v4 is refused by a line.
"""
import argparse
import hashlib
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXPECTED = "1bb3080fa5f6fa568babdd76d5fa469a034c9ca11db060723c30668afd83cc00"  # of standard output, from a native run
ENGINES = ("--engine interp", "--engine jit", "--block 1", "--block 7")
SLOW = ("--selfcheck",)  # with DEFERSCOPE_ALL


def run(program, guest, *flags):
    done = subprocess.run([program, "run", *flags, str(guest)], capture_output=True, timeout=600)
    return done.returncode, done.stdout, done.stderr.decode("latin1")


def host_has_v3():
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return all(f in flags for f in "avx2 bmi1 bmi2 fma f16c movbe abm".split())


def check(problems, what, ok, said):
    print("%s %s" % ("ok    " if ok else "FAILED", what))
    if not ok:
        problems.append(what)
        print("  " + str(said)[-1500:].replace("\n", "\n  "))


# What watchpoints see of instructions whose lanes are chosen by a mask: all lanes of the gather but the one at 12 are read, of the store only that at 4 is written.
LANES = """
.intel_syntax noprefix
.globl _start
_start:
  lea rsi, data[rip]; vpcmpeqd xmm2, xmm2, xmm2; movups xmm1, index[rip]
  vpgatherdd xmm0, [rsi + xmm1*4], xmm2
  movups xmm2, mask[rip]; vmaskmovps [rsi], xmm2, xmm0
  mov eax, 60; xor edi, edi; syscall
.data
data: .long 10, 11, 12, 13, 14, 15, 16, 17
index: .long 1, 2, 5, 7
mask: .long 0, 0x80000000, 0, 0
"""
LANES_DATA = 0x402000
WATCHES = (("-r", 8, "VPGATHERDD"), ("-r", 20, "VPGATHERDD"), ("-r", 12, None), ("-w", 4, "VMASKMOVPS"), ("-w", 8, None))


def check_lanes(problems, program):
    if platform.machine() != "x86_64":
        print("skip   lanes: no assembler for x86-64")
        return
    with tempfile.TemporaryDirectory() as there:
        source, obj, guest = (pathlib.Path(there) / ("lanes" + end) for end in (".s", ".o", ""))
        source.write_text(LANES)
        subprocess.run(["as", "-o", obj, source], check=True)
        subprocess.run(["ld", "-Tdata", hex(LANES_DATA), "-o", guest, obj], check=True)
        for how, offset, by in WATCHES:
            command = "watch %s -size 4 %#x; c; quit" % (how, LANES_DATA + offset)
            done = subprocess.run([program, "step", "--cpu", "v3", "-c", command, str(guest)], capture_output=True, text=True, timeout=60)
            stopped = re.search(r"^watchpoint 1: .*\n.*\n +\S+ (\w+)", done.stdout.split("c\n", 1)[-1], re.M)
            right = stopped and stopped[1] == by if by else "the guest has ended" in done.stdout
            check(problems, "lanes: %s" % command, right, done.stdout + done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--guests", default=str(ROOT / "build/guests-level3"))
    args = parser.parse_args()
    problems = []
    guests = sorted(pathlib.Path(args.guests).glob("level3_*"))
    if not os.environ.get("DEFERSCOPE_ALL"):
        print("skip   %s: with DEFERSCOPE_ALL only" % " ".join(SLOW))
    check(problems, "there are guests", len(guests) == 3, args.guests)
    for guest in guests:
        linux = "_linux_" in guest.name
        for flags in ("", *ENGINES, *(SLOW if os.environ.get("DEFERSCOPE_ALL") else ())):
            status, out, err = run(args.program, guest, *flags.split())
            right = hashlib.sha256(out).hexdigest() == EXPECTED
            check(problems, "%s %s" % (guest.name, flags), status == 0 and right and not err, out.decode("latin1") + err)
        status, out, err = run(args.program, guest, "--cpu", "v2")
        check(problems, guest.name + " --cpu v2", status == 1 and b"v3 microarchitecture" in out + err.encode(), out.decode("latin1") + err)
        if linux and host_has_v3():
            done = subprocess.run([str(guest)], capture_output=True)
            check(problems, guest.name + " natively", hashlib.sha256(done.stdout).hexdigest() == EXPECTED, done.stdout)
        elif linux:
            print("skip   %s natively: the host is below level v3" % guest.name)
    check_lanes(problems, args.program)
    # The upper halves of YMM are shown, and go back in time.
    script = "goto 3000000\nregs -a\ngoto 6000000\nregs -a\ngoto 3000000\nregs -a\nquit\n"
    done = subprocess.run([args.program, "step", str(guests[-1])], input=script, capture_output=True, text=True, timeout=600)
    shown = re.findall(r"^ +Y\d+ 0x[0-9a-f]{64}$", done.stdout, re.M)
    in_use = any(int(line.split("0x")[1][:32], 16) for line in shown[:16])  # in SHA-256's vector code
    check(problems, "regs -a", len(shown) == 48 and shown[:16] == shown[32:] and in_use, done.stdout)
    # The level stands in the build information as text.
    with tempfile.TemporaryDirectory() as there:
        v4 = pathlib.Path(there) / "v4"
        v4.write_bytes(guests[-1].read_bytes().replace(b"GOAMD64=v3", b"GOAMD64=v4"))
        status, out, err = run(args.program, v4)
        check(problems, "v4 is refused", status == 125 and not out and err.count("\n") == 1 and "GOAMD64=v4" in err and "AVX-512" in err, err)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
