#!/usr/bin/env python3
"""Names in a file and texts of a guest reach the reader escaped only: tests/hostile_names.py --program PATH --guests FOLDER.

Functions, files, types, symbols, sections and texts of committed guests are renamed in place: escape sequences, C1, bytes that are no
UTF-8, bidirectional and invisible characters, new lines. Every verb, its text and its JSON, is UTF-8 without a control character but
\\n and \\t (the guest's own output is not looked at), a name never begins a line, and JSON is JSON.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unicodedata

RELEASES = ("1.12.17_linux_amd64_nopt_dwarf", "1.13.15_linux_arm64_nopt_dwarf", "1.17.13_linux_amd64_opt_syms", "1.22.12_linux_amd64_opt_syms",
            "1.27.4_linux_arm64_nopt_dwarf")
NASTY = ("\x1b]0;pwned\x07".encode(), b"\x1b[31m", "\u202e".encode(), b"\x9b\xff", "\u009b\u2066".encode(), b"\nLINE\r", "\u200f\ufeff".encode(), b"\x7f\b",
         b"\xe2\x80")  # the last: a character that is cut off
FILE_NAME = b"bad\x1b[2J\xe2\x80\xae\xff\nLINE"


def nasty(size, text=b""):
    """So many bytes of it, without NUL."""
    out = text
    for part in NASTY * 9:
        if len(out) + len(part) <= size:
            out += part
    return (out + b"\x1b" * size)[:size]


def renamed(data):
    """Each name becomes one of its length, wherever it stands in the file: tables find it by its place, not by its text."""
    for name in (b"panicCustom", b"panicNested", b"recovered", b"failure", b"panics.go", b"main.go", b".noptrbss", b"second", b"-tags=small"):
        data = data.replace(b"main." + name, b"main." + nasty(len(name)))
        if name.endswith(b".go") or name in (b".noptrbss", b"second", b"-tags=small"):
            data = data.replace(name, nasty(len(name)))
    return data


def problem(out, is_json=False):
    try:
        text = out.decode()
    except UnicodeDecodeError as e:
        return "no UTF-8: %s in %r" % (e, out[max(0, e.start - 40):e.end + 10])
    for c in text:
        if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp"):
            return "%r in %r" % (c, text[max(0, text.index(c) - 60):text.index(c) + 10])
    if re.search(r"^LINE", text, re.M):
        return "a name begins a line"
    if is_json:
        for line in ([text] if text.startswith("{\n") else text.splitlines()):
            json.loads(line)
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    args = parser.parse_args()
    guests = [g for r in RELEASES if (g := args.guests / ("casessmall_" + r)).exists()]
    if not guests:
        print("no guests: skipped")
        sys.exit(77)
    tried, wrong, escaped = 0, [], 0
    with tempfile.TemporaryDirectory() as folder:
        bad = pathlib.Path(folder).joinpath(FILE_NAME.decode("utf-8", "surrogateescape"))
        events, snapshots = pathlib.Path(folder) / "events.jsonl", pathlib.Path(folder) / "snapshots.jsonl"
        stepping = "break main.main; c; break runtime.gopanic; c; bt; where; defers; panics; args; locals; info; dis; list; goroutines; regs; x sp; c; bt; panics; q"
        for guest in guests:
            bad.write_bytes(renamed(guest.read_bytes()))
            for verb in (["info", bad], ["info", "--json", bad], ["defers", bad], ["defers", "--json", bad], ["disasm", bad, "main.main"],
                         ["disasm", "--json", bad, "main.main"], ["disasm", "-s", "main.", bad], ["snap", "--at", "660000", bad, "panic-nested"],
                         ["draw", "--at", "runtime.gopanic", bad, "panic-custom"], ["draw", "--at", "runtime.gopanic", "--style", "svg", bad, "panic-custom"],
                         ["draw", "--at", "runtime.gopanic", "--style", "json", bad, "panic-custom"], ["report", "-o", "-", bad, "panic-custom"],
                         ["run", "--events", "--scope", "all", bad, "panic-custom"], ["run", "--events=%s" % events, "--snapshots", snapshots, bad, "panic-nested"],
                         ["run", "--events=%s" % events.with_suffix(".txt"), bad, "panic-nested"], ["step", "-c", stepping, bad, "panic-custom"],
                         ["step", "-c", "break runtime.gopanic; c; panics; bt; c; panics; defers; dp 1; q", bad, "panic-nested"],
                         ["run", "--max-instructions", "700", bad], ["disasm", bad, "no\x1b\n"], ["snap", "--at", "no\x1b\x9b", bad], ["info", "%s\udcff" % bad],
                         ["run", bad.parent], ["fly\x1b[1m"], ["info", "--\x1b[1m"], ["step", "-x", bad.with_suffix(".\x1bno"), bad]):
                tried += 1
                done = subprocess.run([args.program, *verb], capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
                own = verb[0] != "run" and not (verb[0] == "step" and "panic-nested" in verb)  # else the guest's output is there too
                outputs = [(done.stdout, "--json" in verb or (verb[0] == "snap" or "json" in verb) and done.returncode == 0)] if own else []
                outputs += [(done.stderr, False)]
                for f in (events, snapshots, events.with_suffix(".txt")):
                    if f.exists():
                        outputs.append((f.read_bytes(), f.suffix == ".jsonl"))
                        f.unlink()
                for out, is_json in outputs:
                    escaped += out.count(rb"\x1b") + out.count(rb"\u001b")
                    if text := problem(out, is_json):
                        wrong.append("%s: %r\n  %s" % (guest.name, [str(v) for v in verb], text))
                if done.returncode < 0:
                    wrong.append("%s: %r: signal %d" % (guest.name, verb, -done.returncode))
    if escaped < 50 * len(guests):
        wrong.append("only %d escaped: what is tested here?" % escaped)
    print("\n".join(wrong[:40]))
    print("%d runs of %d guests, %d texts escaped, %d problems" % (tried, len(guests), escaped, len(wrong)))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
