#!/usr/bin/env python3
"""Writes a static amd64 ELF: a loop over a body of 2,000 instructions, mixed at random (fixed seed) with a forward branch at about every
seventh, then exit(0). loop.py FILE ITERATIONS. It needs no system but exit, so every emulator runs it."""
import random
import struct
import sys

BASE, DATA = 0x400000, 0x600000
FREE = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13]  # r14: data, r15: iterations left; rsp and rbp stay


def rex(w, reg, index, base):
    return 0x40 | w << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3


def rr(op, reg, rm):
    return bytes([rex(1, reg, 0, rm), op, 0xC0 | (reg & 7) << 3 | rm & 7])


def at_data(op, reg, disp):
    return bytes([rex(1, reg, 0, 14), op, 0x80 | (reg & 7) << 3 | 6]) + struct.pack("<i", disp)


def one(r):
    """One instruction without a branch."""
    a, b = r.choice(FREE), r.choice(FREE)
    kind = r.randrange(10)
    if kind < 4:
        return rr(r.choice([0x01, 0x29, 0x31, 0x21, 0x09]), a, b)
    if kind == 4:
        return rr(0x89, a, b)
    if kind == 5:  # lea a, [b + b*2 + 8-bit displacement]
        return bytes([rex(1, a, b, b), 0x8D, 0x44 | (a & 7) << 3, 0x40 | (b & 7) << 3 | b & 7, r.randrange(128)])
    if kind == 6:
        return at_data(0x8B, a, 8 * r.randrange(1024))
    if kind == 7:
        return at_data(0x89, a, 8 * r.randrange(1024))
    if kind == 8:  # shl or shr a, imm
        return bytes([rex(1, 0, 0, a), 0xC1, (0xE0 if r.random() < 0.5 else 0xE8) | a & 7, r.randrange(1, 30)])
    return bytes([rex(1, 0, 0, a), 0x81, 0xC0 | a & 7]) + struct.pack("<i", r.randrange(1 << 20))


def branch(r):
    """cmp a, b; jcc over one to three instructions: two instructions and what is jumped over."""
    skipped = [one(r) for _ in range(r.randrange(1, 4))]
    body = b"".join(skipped)
    jcc = bytes([0x70 | r.choice([2, 3, 4, 5, 6, 7, 12, 13, 14, 15]), len(body)])
    return rr(0x39, r.choice(FREE), r.choice(FREE)) + jcc + body, 2 + len(skipped)


def body(r, length):
    out, n = b"", 0
    while n < length:
        if r.randrange(4) == 0:
            code, count = branch(r)
        else:
            code, count = one(r), 1
        out, n = out + code, n + count
    return out


def code(iterations):
    start = b"\x49\xBE" + struct.pack("<Q", DATA) + b"\x49\xBF" + struct.pack("<Q", iterations)
    loop = body(random.Random(7), 2000) + b"\x49\xFF\xCF"  # dec r15
    back = -(len(loop) + 6)
    return start + loop + b"\x0F\x85" + struct.pack("<i", back) + b"\xB8\x3C\0\0\0\x31\xFF\x0F\x05"


def elf(text):
    head = 64 + 2 * 56
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    ehdr = ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + head, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    size = head + len(text)
    text_segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 4096)
    data_segment = struct.pack("<IIQQQQQQ", 1, 6, 0, DATA, DATA, 0, 8192, 4096)
    return ehdr + text_segment + data_segment + text


def write(path, iterations):
    with open(path, "wb") as out:
        out.write(elf(code(iterations)))
    import os
    os.chmod(path, 0o755)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
