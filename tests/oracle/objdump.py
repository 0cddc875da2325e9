#!/usr/bin/env python3
"""What `go tool objdump` of Go 1.27.4 prints for guests: as digests to commit, or compared in full with ours.

    tests/oracle/objdump.py digests GUEST...                  writes tests/digests/objdump/<guest>.txt
    tests/oracle/objdump.py diff DEFERSCOPE [FLAG] GUEST... [0xSTART 0xEND]
                                                              both with --objdump-compat; FLAG is -S, -gnu or -s=REGEXP; exit 1 if a line
                                                              differs
    tests/oracle/objdump.py rules DEFERSCOPE GUEST...         without --objdump-compat: every difference must fall under a rule
    tests/oracle/objdump.py all DEFERSCOPE FOLDER CACHE       diff (plain, -gnu, -S) and rules over the ELF guests of FOLDER, gofmt, and
                                                              esbuild for both instruction sets, built in CACHE; exit 77: no Go here

A digest file holds CRC-32 and length of the whole listing, plain and -gnu, then for each function the low 16 bits of the CRC-32 of its
lines, in the order of the listing: what differs is found by the first and placed by the second. Only guests with a symbol table:
objdump refuses the others. Needs Go (GOTOOLCHAIN=go1.27.4 is fetched when missing).
"""
import collections
import difflib
import glob
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import zlib

VERSION = "go1.27.4"
ESBUILD = "github.com/evanw/esbuild@v0.25.10"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENV = dict(os.environ, GOENV="off", GOFLAGS="", GOTOOLCHAIN=VERSION)


def objdump(guest, flags=(), span=()):
    return subprocess.run(["go", "tool", "objdump", *flags, guest, *span], env=ENV, check=True, capture_output=True).stdout


def ours(deferscope, guest, flags=(), span=()):
    flags = ["--gnu" if f == "-gnu" else "-s" + f[3:] if f.startswith("-s=") else f for f in flags]
    return subprocess.run([deferscope, "disasm", *flags, guest, *span], check=True, capture_output=True).stdout


def functions(listing):
    """The listing cut into functions; the blank line between two belongs to neither."""
    parts = listing.split(b"\nTEXT ")
    return [p if i == 0 else b"TEXT " + p for i, p in enumerate(parts)]


# ---- digests


def digests(guests):
    folder = os.path.join(ROOT, "tests/digests/objdump")
    os.makedirs(folder, exist_ok=True)
    for guest in guests:
        plain = objdump(guest)
        found = ["%04x" % (zlib.crc32(f) & 0xFFFF) for f in functions(plain)]
        with open(os.path.join(folder, os.path.basename(guest) + ".txt"), "w") as out:
            out.write(f"# {VERSION} objdump, {len(found)} functions; made by tests/oracle/objdump.py digests\n")
            for name, listing in (("plain", plain), ("gnu", objdump(guest, ["-gnu"]))):
                out.write("%s %08x %d\n" % (name, zlib.crc32(listing), len(listing)))
            for i in range(0, len(found), 32):
                out.write("".join(found[i : i + 32]) + "\n")
        print(os.path.basename(guest), len(found))
    return 0


# ---- in full, byte for byte


def diff(deferscope, arguments):
    flags = [a for a in arguments if a.startswith("-")]
    span = [a for a in arguments if a.startswith("0x")]
    status = 0
    for guest in (a for a in arguments if not a.startswith(("-", "0x"))):
        want, got = objdump(guest, flags, span), ours(deferscope, guest, ["--objdump-compat", *flags], span)
        if want == got:
            print("same", *flags, *span, want.count(b"\n"), os.path.basename(guest), flush=True)
            continue
        status = 1
        print("DIFFERENT", *flags, guest)
        for a, b in itertools.islice(((a, b) for a, b in zip(functions(want), functions(got)) if a != b), 3):
            lines = [x.decode(errors="replace").splitlines(True) for x in (a, b)]
            sys.stdout.writelines(difflib.unified_diff(*lines, "objdump", "ours", n=1))
    return status


# ---- without --objdump-compat: what may differ, by rule

Line = collections.namedtuple("Line", "pc code text")


def lines_of(function):
    found = []
    for raw in function.decode(errors="replace").split("\n")[1:]:
        cells = [c for c in raw.split("\t") if c]
        if len(cells) >= 4:
            found.append(Line(int(cells[1], 16), cells[2], cells[3].strip()))
    return found


def rule_of(theirs, mine):
    """The rule that permits `mine` in place of `theirs`, two lists of lines that cover the same bytes; None if there is none."""
    first, text = theirs[0], mine[0].text
    if any(l.text == "?" for l in theirs):
        return "objdump shows ? for an instruction"
    if first.text in ("VZEROUPPER", "VZEROALL"):
        return "objdump takes the byte after VZEROUPPER for its ModRM"
    if any(l.text == "?" for l in mine):
        return "objdump decodes what no processor executes"
    if len(theirs) == len(mine) == 1 and first.code == mine[0].code:
        vector = first.text.startswith("V")
        if vector and re.search(r"\(SB\)|\(IP\)", text) and re.search(r"(^|[ ,-])(0x[0-9a-f]+|\S+\(SB\))(, |$)", first.text):
            return "objdump forgets the base of an AVX operand relative to IP"
        if vector and first.code.startswith("62"):
            return "objdump misnames a register or a rounding mode of AVX-512"
        if re.match(r"(MOVL|PUSHL|MOVQ|PUSHQ) \$", first.text) and "(SB)" in first.text:
            return "objdump takes a constant for an address"
    return None


def hunks(theirs, mine):
    """Lists of lines that differ and cover the same bytes."""
    i = j = 0
    while i < len(theirs) and j < len(mine):
        if theirs[i] == mine[j]:
            i, j = i + 1, j + 1
            continue
        a, b = i, j
        i, j = i + 1, j + 1
        while i < len(theirs) and j < len(mine) and theirs[i].pc != mine[j].pc:
            if theirs[i].pc < mine[j].pc:
                i += 1
            else:
                j += 1
        if i == len(theirs) or j == len(mine):  # the last ones of the function
            i, j = len(theirs), len(mine)
        yield theirs[a:i], mine[b:j]
    if theirs[i:] or mine[j:]:
        yield theirs[i:] or theirs[-1:], mine[j:] or mine[-1:]


def rules(deferscope, guests):
    status = 0
    for guest in guests:
        counts, bad = collections.Counter(), []
        for a, b in zip(functions(objdump(guest)), functions(ours(deferscope, guest)), strict=True):
            if a == b:
                continue
            for theirs, mine in hunks(lines_of(a), lines_of(b)):
                rule = rule_of(theirs, mine)
                counts[rule or "NO RULE"] += 1
                if not rule:
                    bad.append((theirs, mine))
        print("rules", os.path.basename(guest), *(f"\n  {n:6} {rule}" for rule, n in sorted(counts.items())), flush=True)
        for theirs, mine in bad[:5]:
            print("  objdump:", *theirs, "\n  ours:", *mine)
        status |= bool(bad)
    return status


# ---- everything


def with_symbols(path):
    with open(path, "rb") as f:
        if f.read(4) != b"\x7fELF":
            return False
    return subprocess.run(["go", "tool", "objdump", "-s", "^$", path], env=ENV, capture_output=True).returncode == 0


def esbuild(cache):
    """esbuild for both instruction sets, with symbols."""
    os.makedirs(cache, exist_ok=True)
    told = subprocess.run(["go", "mod", "download", "-json", ESBUILD], env=ENV, check=True, capture_output=True, cwd=cache).stdout
    made = []
    for arch in ("amd64", "arm64"):
        out = os.path.join(os.path.abspath(cache), "esbuild_" + arch)
        if not os.path.exists(out):
            env = dict(ENV, GOOS="linux", GOARCH=arch, CGO_ENABLED="0", GOFLAGS="-mod=mod")
            subprocess.run(["go", "build", "-o", out, "./cmd/esbuild"], env=env, check=True, cwd=json.loads(told)["Dir"])
        made.append(out)
    return made


def gofmt():
    root = subprocess.run(["go", "env", "GOROOT"], env=ENV, check=True, capture_output=True, text=True).stdout.strip()
    return [p for p in (os.path.join(root, "bin/gofmt"),) if os.path.exists(p)]


def everything(deferscope, folder, cache):
    if not shutil.which("go"):
        print("no Go here: nothing to compare with")
        return 77
    guests = [g for g in sorted(glob.glob(os.path.join(folder, "*"))) if os.path.isfile(g) and with_symbols(g)]
    guests += gofmt() + esbuild(cache)
    print(len(guests), "programs", flush=True)
    status = diff(deferscope, guests) | diff(deferscope, ["-gnu", *guests])
    status |= diff(deferscope, ["-S", *gofmt()]) | diff(deferscope, ["-S", "-gnu", r"-s=(?i)^go/PRINTER\.\(", *gofmt()])
    status |= diff(deferscope, [*gofmt(), "0x480123", "0x490000"])
    return status | rules(deferscope, guests)


def main(argv):
    word, rest = (argv[1], argv[2:]) if len(argv) > 1 else ("", [])
    if word == "digests" and rest:
        return digests(rest)
    if word == "diff" and len(rest) >= 2:
        return diff(rest[0], rest[1:])
    if word == "rules" and len(rest) >= 2:
        return rules(rest[0], rest[1:])
    if word == "all" and len(rest) == 3:
        return everything(*rest)
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
