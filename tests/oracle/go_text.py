#!/usr/bin/env python3
"""Makes tests/unit/data/text_{amd64,arm64}.tsv: machine code and the text that `go tool objdump` of Go 1.27.4 gives it,
in Go's syntax and in GNU's.

    tests/oracle/go_text.py            needs that Go (GOTOOLCHAIN=go1.27.4) and a checkout; writes both files

The decoder is the one the toolchain carries (GOROOT/src/cmd/vendor/golang.org/x/arch), called by a small Go program in a scratch folder.
arm64 words fill the fields of every row of isa/arm64/plan9_table.inc; amd64 code takes every opcode of each map with a few prefixes and
ModRM shapes, and random bytes behind prefixes; one instance of each mnemonic is kept.

    tests/oracle/go_text.py compare PRINTER
                                       all of them, not only those kept, against PRINTER (isa_text_printer of the tests); exit 1: a
                                       difference has no rule; 77: no Go here
"""
import collections
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

VERSION = "go1.27.4"
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ENV = dict(os.environ, GOENV="off", GOFLAGS="", GOTOOLCHAIN=VERSION)
PC = 0x401000

PROGRAM = """package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"

	"oracle/arch/arm64/arm64asm"
	"oracle/arch/x86/x86asm"
)

func main() {
	in, out := bufio.NewScanner(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		code, _ := hex.DecodeString(in.Text())
		size, text, gnu := 1, "?", "?"
		if os.Args[1] == "arm64" {
			size = 4
			if i, err := arm64asm.Decode(code); err == nil && i.Op != 0 {
				text, gnu = arm64asm.GoSyntax(i, 0x401000, nil, nil), arm64asm.GNUSyntax(i)
			}
		} else if i, err := x86asm.Decode(code, 64); err == nil && i.Len != 0 && i.Op != 0 {
			size, text, gnu = i.Len, x86asm.GoSyntax(i, 0x401000, nil), x86asm.GNUSyntax(i, 0x401000, nil)
		}
		fmt.Fprintf(out, "%d\\t%s\\t%s\\n", size, text, gnu)
	}
}
"""


def build(folder):
    goroot = subprocess.run(["go", "env", "GOROOT"], env=ENV, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    vendored = os.path.join(goroot, "src/cmd/vendor/golang.org/x/arch")
    for part in ("x86", "arm64"):
        shutil.copytree(os.path.join(vendored, part), os.path.join(folder, "arch", part))
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    with open(os.path.join(folder, "go.mod"), "w") as f:
        f.write("module oracle\n\ngo 1.25\n")
    with open(os.path.join(folder, "main.go"), "w") as f:
        f.write(PROGRAM)
    subprocess.run(["go", "build", "-o", "oracle", "."], env=ENV, cwd=folder, check=True)
    return os.path.join(folder, "oracle")


def texts(command, codes):
    """[size, Go syntax, GNU syntax] of each code."""
    done = subprocess.run(command, input="\n".join(codes) + "\n", check=True, capture_output=True, text=True)
    return [line.split("\t") for line in done.stdout.split("\n")[:-1]]


def arm64_codes(rng, each=4):
    with open(os.path.join(ROOT, "isa/arm64/plan9_table.inc")) as f:
        for row in re.finditer(r'^(?:ROW|BEYOND)\("[^"]*", ((?:"[01a-z]*" ?)+),', f.read(), re.M):
            bits = "".join(re.findall(r'"([^"]*)"', row[1]))
            for _ in range(each):
                word = int("".join(b if b in "01" else rng.choice("01") for b in bits), 2)
                yield word.to_bytes(4, "little").hex()


def amd64_codes():
    shapes = ["00", "c1", "45f8", "0500010000", "8424f8ffffff", "04d8"]
    tail = "85f0a1b3c4d5e6f7"
    for prefix in ("", "66", "f2", "f3", "48", "6648", "f348", "f0", "64"):
        for opcode_map in ("", "0f", "0f38", "0f3a"):
            for opcode in range(256):
                for shape in shapes + ["%02x" % (d << 3 | 3) for d in range(8)] + ["%02x" % (0xc2 | d << 3) for d in range(8)]:
                    yield (prefix + opcode_map + "%02x" % opcode + shape + tail)[:30]
    for opcode in range(256):
        for shape in shapes:
            for pp in range(4):
                for m in (1, 2, 3):
                    for w in (0, 0x80):
                        for l in (0, 4):
                            yield ("c4%02x%02x%02x" % (0xe0 | m, w | 0x68 | l | pp, opcode) + shape + tail)[:30]
                            yield ("c4%02x%02x%02x" % (0xe0 | m, w | 0x78 | l | pp, opcode) + shape + tail)[:30]
                        for b3 in (0x08, 0x29, 0x5a, 0xc9):
                            yield ("62%02x%02x%02x%02x" % (0xf0 | m, w | 0x6c | pp, b3, opcode) + shape + tail)[:30]


def random_amd64_codes(rng, count):
    prefixes = ["", "66", "f2", "f3", "67", "64", "48", "4f", "f0", "2e", "f366", "6667", "66f2"]
    for _ in range(count):
        yield (rng.choice(prefixes) + rng.choice(["", "48", "41", "4c", ""]) + rng.choice(["", "", "0f"]) + "%028x" % rng.getrandbits(112))[:30]


def shape_of(text):
    """REP; MOVSB DS:0(SI), … and all its like: the mnemonic and whether there is a memory operand."""
    return re.sub(r" [^;]*$", "", text) + (" m" if "(" in text else "")


def all_codes(arch, each=4):
    rng = random.Random(1)
    return list(arm64_codes(rng, each)) if arch == "arm64" else [*amd64_codes(), *random_amd64_codes(rng, 300000)]


def make_data(oracle):
    for arch in ("arm64", "amd64"):
        codes, seen, kept = all_codes(arch), {}, []
        for code, (size, text, gnu) in zip(codes, texts([oracle, arch], codes)):
            key = code if arch == "arm64" else shape_of(text) + shape_of(gnu)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= (1 if text != "?" else 60):
                kept.append(f"{code}\t{size}\t{text}\t{gnu}\n")
        path = os.path.join(ROOT, "tests/unit/data", f"text_{arch}.tsv")
        with open(path, "w") as f:
            f.write(f"# {VERSION}, pc {PC:#x}; made by tests/oracle/go_text.py\n")
            f.writelines(kept)
        print(path, len(kept))
    return 0


def rule_of(code, theirs, ours):
    """The rule by which our text may differ from objdump's decoder's; None if there is none."""
    if ours[1] == "?":
        return "not known to Zydis: no instruction of any processor, or one younger than Zydis 4.0"
    if re.search(r" [CD]R\d", theirs[1]):
        return "moves of control and debug registers have no memory form, so take no displacement or segment"
    if re.search(r"V\w+PH ", theirs[1]):
        return "half precision: objdump leaves .BCST out"
    if theirs[1] == "?" and "0f01" in code[:12]:
        return "0F 01: its decoder knows them without prefixes only"
    return None


def compare(oracle, printer):
    status = 0
    for arch in ("arm64", "amd64"):
        codes, counts, bad = all_codes(arch, 200), collections.Counter(), []
        for code, theirs, ours in zip(codes, texts([oracle, arch], codes), texts([printer, arch, "compat"], codes)):
            rule = "same" if theirs == ours else rule_of(code, theirs, ours)
            counts[rule or "NO RULE"] += 1
            if not rule:
                bad.append((code, theirs, ours))
        print(arch, len(codes), *("\n  %7d %s" % (n, what) for what, n in counts.most_common()), flush=True)
        for b in bad[:20]:
            print("  DIFFERENT", *b)
        status |= bool(bad)
    return status


def main(argv):
    if not shutil.which("go"):
        print("no Go here")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        oracle = build(folder)
        if argv[1:2] == ["compare"] and len(argv) == 3:
            return compare(oracle, os.path.abspath(argv[2]))
        return make_data(oracle) if len(argv) == 1 else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
