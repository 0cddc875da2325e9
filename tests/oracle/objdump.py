#!/usr/bin/env python3
"""What `go tool objdump` of Go 1.27.4 prints for guests, as digests to commit, or compared in full with ours.

    tests/oracle/objdump.py digests GUEST...            writes tests/digests/objdump/<guest>.txt
    tests/oracle/objdump.py diff DEFERSCOPE GUEST...    runs both on each guest; exit 1 if a line differs
    tests/oracle/objdump.py diff DEFERSCOPE -S GUEST... the same with source lines

A digest is the FNV-1a 32 of one function's lines, the TEXT line first, each with its newline. A file holds one digest a function, in
the order of the listing, sixteen a line. Only guests with a symbol table: objdump refuses the others. Needs GOTOOLCHAIN=go1.27.4.
"""
import difflib
import itertools
import os
import subprocess
import sys

VERSION = "go1.27.4"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENV = dict(os.environ, GOENV="off", GOFLAGS="", GOTOOLCHAIN=VERSION)


def objdump(guest, flags=()):
    return subprocess.run(["go", "tool", "objdump", *flags, guest], env=ENV, check=True, capture_output=True).stdout


def functions(listing):
    """The listing cut into functions; the blank line between two belongs to neither."""
    parts = listing.split(b"\nTEXT ")
    return [p if i == 0 else b"TEXT " + p for i, p in enumerate(parts)]


def fnv(data):
    h = 0x811C9DC5
    for b in data:
        h = ((h ^ b) * 0x01000193) & 0xFFFFFFFF
    return h


def digests(guests):
    folder = os.path.join(ROOT, "tests/digests/objdump")
    os.makedirs(folder, exist_ok=True)
    for guest in guests:
        found = ["%08x" % fnv(f) for f in functions(objdump(guest))]
        with open(os.path.join(folder, os.path.basename(guest) + ".txt"), "w") as out:
            out.write(f"# {VERSION} objdump, {len(found)} functions; made by tests/oracle/objdump.py digests\n")
            for i in range(0, len(found), 16):
                out.write("".join(found[i : i + 16]) + "\n")
        print(os.path.basename(guest), len(found))
    return 0


def diff(ours, arguments):
    flags = [a for a in arguments if a.startswith("-")]
    status = 0
    for guest in (a for a in arguments if not a.startswith("-")):
        want = objdump(guest, flags)
        got = subprocess.run([ours, "disasm", "--objdump-compat", *flags, guest], check=True, capture_output=True).stdout
        if want == got:
            print("same", want.count(b"\n"), os.path.basename(guest))
            continue
        status = 1
        print("DIFFERENT", guest)
        for a, b in itertools.islice(((a, b) for a, b in zip(functions(want), functions(got)) if a != b), 3):
            sys.stdout.writelines(difflib.unified_diff(a.decode().splitlines(True), b.decode().splitlines(True), "objdump", "ours", n=1))
    return status


def main(argv):
    if len(argv) >= 3 and argv[1] == "digests":
        return digests(argv[2:])
    if len(argv) >= 4 and argv[1] == "diff":
        return diff(argv[2], argv[3:])
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
