#!/usr/bin/env python3
"""Damages real programs and gives them to every verb of deferscope: never a crash, never a hang; a refusal is one line and status 125 (run) or 2.

A damaged file is said by one line, which regressions.txt keeps when something was found (all of them run first):
    <guest>|<edit> <edit> ...        edit: <offset>=<hex bytes>   or   cut=<size>
Where it is damaged decides what is tested: half of the edits hit the headers, the tables that they point at and Go's own (pclntab,
build info, moduledata), others the code, which then runs as it is. Of some Mach-O files the fixups are made chains before (macho.py).
"""
import argparse
import pathlib
import random
import struct
import sys
import tempfile
import time

import macho
import verbs

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SEEDS = ("casessmall_1.12.17_linux_amd64_opt_syms casessmall_1.13.15_linux_arm64_nopt_dwarf casessmall_1.17.13_linux_amd64_nopt_dwarf "
         "casessmall_1.20.7_linux_arm64_opt_syms casessmall_1.22.12_linux_amd64_opt_syms cases_1.27.4_linux_arm64_opt_syms "
         "casessmall_1.13.15_darwin_amd64_opt_syms casessmall_1.22.12_darwin_amd64_opt_syms casessmall_1.27.4_darwin_arm64_opt_syms").split()
CHAINED = "+chains"  # behind a guest's name: its binds are a chain of fixups
MAGICS = [struct.pack("<I", m) + b"\0\0" for m in (0xfffffffb, 0xfffffffa, 0xfffffff0, 0xfffffff1)]
BYTES = (0x00, 0x01, 0x7f, 0x80, 0xff)
HUGE = [struct.pack("<Q", n) for n in (0, 1, 0x7fffffff, 0xffffffff, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 4096)]


def elf_places(data):
    places = [(0, 64)]
    phoff, shoff = struct.unpack_from("<QQ", data, 32)
    phnum, shnum = struct.unpack_from("<H", data, 56)[0], struct.unpack_from("<H", data, 60)[0]
    places += [(phoff, 56 * phnum)]
    if shoff:
        places += [(shoff, 64 * shnum)]
        for i in range(shnum):
            offset, size = struct.unpack_from("<QQ", data, shoff + 64 * i + 24)
            if offset + size <= len(data) and size:
                places.append((offset, min(size, 4096)))
                places.append((offset, size))
    return places


def interesting(data):
    """(start, size) of the places worth hitting."""
    places = macho.places(data) if data.startswith(b"\xcf\xfa\xed\xfe") else elf_places(data)
    places += [(data.find(m), 256) for m in MAGICS if data.find(m) >= 0]
    at = data.find(b"\xff Go buildinf:")
    if at >= 0:
        places.append((at, 64))
    return places


def damage(data, rng):
    edits, places = [], interesting(data)
    if rng.random() < 0.1:
        edits.append("cut=%d" % rng.choice([rng.randrange(len(data)), rng.randrange(4096), 64, 63]))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        start, size = rng.choice(places)
        at = start + rng.randrange(size)
        kind = rng.random()
        if kind < 0.4:
            at, bits = start + (at - start) // 8 * 8, rng.choice(HUGE)
        elif kind < 0.7:
            bits = bytes([rng.choice(BYTES)])
        else:
            bits = bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 4, 8))))
        edits.append("%d=%s" % (at, bits.hex()))
    return " ".join(edits)


def apply(data, edits):
    data = bytearray(data)
    for edit in edits.split():
        where, what = edit.split("=")
        if where == "cut":
            del data[int(what):]
            continue
        bits = bytes.fromhex(what)
        if int(where) + len(bits) <= len(data):
            data[int(where):int(where) + len(bits)] = bits
    return bytes(data)


def read(guests, name):
    data = (pathlib.Path(guests) / name.removesuffix(CHAINED)).read_bytes()
    return bytes(macho.with_chains(data)) if name.endswith(CHAINED) else data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/asan/deferscope"))
    parser.add_argument("--guests", default=str(ROOT / "build/guests-core"))
    parser.add_argument("--seconds", type=float, default=60, help="begin no further file after this time")
    parser.add_argument("--files", type=int, help="so many damaged files instead")
    parser.add_argument("--seed", type=int, help="default: the time")
    parser.add_argument("--only", default="", help="guests whose names have this")
    parser.add_argument("--verbs", type=int, default=len(verbs.ALL), help="so many verbs a file, by turns (default: all)")
    parser.add_argument("--limit", type=int, default=60, help="seconds after which a run hangs")
    args = parser.parse_args()
    seed = int(time.time()) if args.seed is None else args.seed
    rng, start, tried, found = random.Random(seed), time.monotonic(), 0, []
    lines = [line for line in (HERE / "regressions.txt").read_text().splitlines() if line and not line.startswith("#")]
    known = len(lines)
    seeds = [s for s in SEEDS + [s + CHAINED for s in SEEDS if "darwin" in s] if args.only in s]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "damaged"
        while lines or (tried - known < args.files if args.files is not None else time.monotonic() - start < args.seconds):
            if lines:
                guest, edits = lines.pop(0).split("|")
                data = read(args.guests, guest)
            else:
                guest = rng.choice(seeds)
                data = read(args.guests, guest)
                edits = damage(data, rng)
            path.write_bytes(apply(data, edits))
            for verb in verbs.by_turns(tried, args.verbs):
                words = verbs.command(args.program, verb, path, "main.main", "defer-loop")
                problem = verbs.trouble(words, verb, args.limit)
                if problem:
                    found.append(edits)
                    print("FAILED %s\n%s|%s\n  %s" % (verb, guest, edits, problem.strip().replace("\n", "\n  ")), flush=True)
            tried += 1
    print("fuzz: %d damaged files (%d known ones), seed %d, %d problems" % (tried, known, seed, len(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
