#!/usr/bin/env python3
"""Our text against Go's assembler (Go 1.27.4).

    tests/oracle/assembler.py roundtrip PRINTER      what objdump prints as `?` and all vector instructions: our text, given to `go tool asm`,
                                                     gives the same instruction back
    tests/oracle/assembler.py names DEFERSCOPE WORK  --asm-names and --tables against `go build -gcflags=-S` of a program, both
                                                     instruction sets; built in WORK

PRINTER is isa_text_printer of the tests. Exit 1: something differs without a rule; 77: no Go here.
"""
import collections
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

import go_text

ENV = dict(go_text.ENV, GOOS="linux", CGO_ENABLED="0")

# ---- round trip


def is_wanted(arch, code, compat, text):
    """On x86-64 without what objdump's text has and the assembler has not: IP for a register, 32-bit displacements without a sign."""
    if arch == "arm64":
        return compat == "?"
    if "(IP)" in text or re.search(r"0x[89a-f][0-9a-f]{7}\(", text):
        return False
    return code[:2] in ("c4", "c5", "62") or (compat == "?" and re.match("(66|f2|f3)?(48)?0f", code) is not None)


def wanted_codes(printer, arch):
    """Codes with a text, two of each mnemonic and shape, cut to their length."""
    rng = random.Random(1)
    if arch == "arm64":
        codes = list(go_text.arm64_codes(rng))
    else:
        codes = list(go_text.amd64_codes())
    seen, kept = collections.Counter(), []
    compat, ours = (go_text.texts([printer, arch, option], codes) for option in ("compat", "names"))
    for code, theirs, (size, text, _) in zip(codes, compat, ours):
        if text == "?" or not is_wanted(arch, code, theirs[1], text):
            continue
        shape = go_text.shape_of(text)
        seen[shape] += 1
        if seen[shape] <= 4:
            kept.append((code[: 2 * int(size)], text))
    return kept


def for_assembler(arch, text):
    """objdump's names of two registers are not the assembler's."""
    if arch == "arm64":
        return re.sub(r"\bR18\b", "R18_PLATFORM", re.sub(r"\bR28\b", "g", text))
    return text


def assemble(lines, arch, folder):
    """Hex of each line's code, or "error: …"."""
    results = ["error: nothing"] * len(lines)
    left = list(range(len(lines)))
    source = os.path.join(folder, "x.s")
    command = ["go", "tool", "asm", "-e", "-p", "main", "-S", "-o", os.path.join(folder, "x.o"), source]
    while True:
        with open(source, "w") as f:
            f.write("TEXT f(SB), 4, $0\n" + "".join("\t%s\n" % lines[i] for i in left))
        done = subprocess.run(command, env=dict(ENV, GOARCH=arch), capture_output=True, text=True)
        if done.returncode == 0:
            break
        bad = {}
        for line in (done.stdout + "\n" + done.stderr).split("\n"):
            found = re.search(r"x\.s:(\d+)[):]", line)
            if found and not line.startswith("\t0x") and 0 <= int(found[1]) - 2 < len(left):
                bad[int(found[1]) - 2] = "error: " + line
        if not bad:
            raise SystemExit(done.stderr)
        for n, error in bad.items():
            results[left[n]] = error
        left = [i for n, i in enumerate(left) if n not in bad]
    starts, code = {}, bytearray()
    for line in done.stdout.split("\n"):
        listed = re.match(r"\t0x([0-9a-f]+) \d+ \(.*x\.s:(\d+)\)\t", line)
        dumped = re.match(r"\t0x[0-9a-f]+ ((?:[0-9a-f]{2} )+)", line)
        if listed and int(listed[2]) >= 2:
            starts.setdefault(int(listed[2]) - 2, int(listed[1], 16))
        elif dumped and not listed:
            code += bytes.fromhex(dumped[1])
    for n, start in starts.items():
        results[left[n]] = code[start : starts.get(n + 1, len(code))].hex()
    return results


# Instructions whose operands Go's assembler takes in another form.
OTHER_OPERANDS = {
    "amd64": ("V4FMADDSS", "V4FNMADDSS", "VP4DPWSSD", "VP4DPWSSDS", "V4FMADDPS", "V4FNMADDPS", "UD1"),  # lists of registers, no operand
    "arm64": ("MSR",),  # it knows few fields of PSTATE
}


def roundtrip(printer):
    status = 0
    for arch in ("arm64", "amd64"):
        cases = wanted_codes(printer, arch)
        with tempfile.TemporaryDirectory() as folder:
            made = assemble([for_assembler(arch, text) for _, text in cases], arch, folder)
        again = go_text.texts([printer, arch, "names"], [m if not m.startswith("error") else "00" for m in made])
        counts, unknown, bad = collections.Counter(), set(), []
        for (code, text), result, (_, second, _) in zip(cases, made, again):
            name = text.split(" ")[0]
            if result == code:
                counts["same bytes"] += 1
            elif second == text and not result.startswith("error"):
                counts["another encoding of the same"] += 1
            elif "unrecognized instruction" in result:
                unknown.add(name)
            elif name.split(".")[0] in OTHER_OPERANDS[arch]:
                counts["operands in another form"] += 1
            else:
                bad.append((code, text, result, second))
        print(arch, len(cases), dict(counts), "\n  no word of Go's assembler:", *sorted(unknown), flush=True)
        for b in bad[:40]:
            print("  DIFFERENT", *b)
        status |= bool(bad)
    return status


# ---- names

PROGRAM = """package main

import (
	"fmt"
	"math/big"
	"os"
	"sort"
	"strconv"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	x := big.NewInt(int64(n))
	x.Exp(x, x, nil)
	f, _ := strconv.ParseFloat(os.Args[2], 64)
	s := []string{os.Args[1], os.Args[2]}
	sort.Strings(s)
	defer fmt.Println(x, f, s)
}
"""
PACKAGES = ("names", "runtime", "fmt", "strconv", "math/big", "sort", "slices")

Compiled = collections.namedtuple("Compiled", "lines pcdata")


def compile_program(work, arch):
    """The program's path and {(function, size): Compiled}."""
    os.makedirs(work, exist_ok=True)
    for name, text in (("go.mod", "module names\n\ngo 1.21\n"), ("main.go", PROGRAM)):
        with open(os.path.join(work, name), "w") as f:
            f.write(text)
    program = os.path.join(work, "names_" + arch)
    flags = ["-gcflags=%s=-S" % p for p in PACKAGES]
    done = subprocess.run(["go", "build", *flags, "-o", program, "."], env=dict(ENV, GOARCH=arch), cwd=work, check=True, capture_output=True, text=True)
    functions, current = {}, None
    for line in done.stderr.split("\n"):
        head = re.match(r"(\S.*?) STEXT .*?size=(\d+)", line)
        entry = re.match(r"\t0x[0-9a-f]+ (\d+) \(.*?\)\t(\S+)(?:\t(.*))?$", line)
        if head:
            current = functions.setdefault((head[1], int(head[2])), Compiled({}, []))
        elif not line.startswith("\t"):
            current = None
        elif entry and current and entry[2] == "PCDATA":
            current.pcdata.append((int(entry[1]), entry[3]))
        elif entry and current and entry[2] not in ("TEXT", "FUNCDATA"):
            current.lines[int(entry[1])] = (entry[2], entry[3] or "")
    return program, {key: one for key, one in functions.items() if not is_wrapper(key[0], one)}


def is_wrapper(name, compiled):
    """Of another calling convention: it calls or jumps to its own name, and would be taken for that function."""
    return any(op in ("CALL", "JMP") and operands == name + "(SB)" for op, operands in compiled.lines.values())


def name_rule(arch, name, operands, ours, our_operands):
    """The rule by which the compiler's line and our instruction have different names; None if there is none."""
    if arch == "amd64":
        if name == "NOP" and ours in ("NOPL", "NOPW", "XCHGL"):
            return "padding: NOP of some length"
        if (name, ours) == ("MOVQ", "MOVL") and operands.startswith("$"):
            return "a constant of 32 bits: the assembler takes the shorter move"
        return None
    if ours == "ADRP" and "(SB)" in operands:
        return "the line is several instructions: an address by ADRP"
    if our_operands.endswith(", R27") and not operands.endswith(", R27"):
        return "the line is several instructions: R27 holds the first part"
    if ours == "ADD" and "RSP" in our_operands and re.search(r"\((SP|FP)\)", operands):
        return "an address in the frame"
    if (name, ours) in (("CSINC", "CINC"), ("CSNEG", "CNEG"), ("CSINV", "CINV")):
        return "the alias of a conditional select"
    if ours == "MOVWU" and our_operands.startswith("ZR"):
        return "zero: its sign does not show"
    return None


def compare_names(arch, compiled, function, counts, bad):
    base = int(function["address"], 16)
    ours = {int(i["pc"], 16) - base: i["go"] for i in function["instructions"]}
    for pc, (name, operands) in compiled.lines.items():
        text = ours.get(pc) or ours.get(pc - 1, "")  # LOCK and REP are lines of their own in the compiler's listing
        words = text.split(" ")
        if words[0] in ("LOCK", "REP;", "REPN;", "REPNE;"):
            words = words[1:] if pc not in ours else [words[0].rstrip(";")] + words[1:]
        if words[0] == name:
            counts["same"] += 1
            continue
        rule = name_rule(arch, name, operands, words[0], " ".join(words[1:]))
        counts[rule or "NO RULE"] += 1
        if not rule:
            bad.append((function["function"], pc, name + " " + operands, text))


def compare_pcdata(compiled, listing, base, counts, bad, function):
    """PCDATA lines: what the compiler says, as the linker kept it."""
    wanted = {}
    for pc, operands in compiled.pcdata:
        table, value = re.match(r"\$(\d+), \$(-?\d+)", operands).groups()
        if table == "0":  # the unsafe points; the other tables are renumbered by the linker
            wanted[pc] = int(value)
    got, pending = {}, []
    for line in listing:
        note = re.match(r"  // PCDATA \$0, \$(-?\d+)", line)
        code = re.match(r"  \S+:-?\d+\s+(0x[0-9a-f]+)\s", line)
        if note:
            pending.append(int(note[1]))
        elif code and pending:
            got[int(code[1], 16) - base] = pending.pop()
            pending = []
    value, mine = -1, -1
    for pc in sorted(set(wanted) | set(got)):
        value, mine = wanted.get(pc, value), got.get(pc, mine)
        counts["PCDATA $0 same" if value == mine else "NO RULE"] += 1
        if value != mine:
            bad.append((function, pc, "PCDATA $0", value, mine))


def names(deferscope, work):
    status = 0
    for arch in ("amd64", "arm64"):
        program, compiled = compile_program(os.path.join(work, arch), arch)
        listed = subprocess.run([deferscope, "disasm", "--asm-names", "--json", program], check=True, capture_output=True, text=True).stdout
        tables = subprocess.run([deferscope, "disasm", "--tables", program], check=True, capture_output=True, text=True).stdout
        notes = {t.split("(SB) ", 1)[0]: t.split("\n") for t in tables.removeprefix("TEXT ").split("\n\nTEXT ")}
        counts, bad, found = collections.Counter(), [], 0
        for line in listed.splitlines():
            function = json.loads(line)
            one = compiled.get((function["function"], function["size"]))
            if not one or not one.lines:
                continue
            found += 1
            compare_names(arch, one, function, counts, bad)
            if not function["function"].startswith("type:."):  # those are made in many packages; the linker keeps one
                compare_pcdata(one, notes[function["function"]], int(function["address"], 16), counts, bad, function["function"])
        print(arch, found, "functions", *("\n  %7d %s" % (n, what) for what, n in counts.most_common()), flush=True)
        for b in bad[:20]:
            print("  DIFFERENT", *b)
        status |= bool(bad) or found < 1000
    return status


def main(argv):
    word, rest = (argv[1], argv[2:]) if len(argv) > 1 else ("", [])
    if word in ("roundtrip", "names") and not shutil.which("go"):
        print("no Go here")
        return 77
    if word == "roundtrip" and len(rest) == 1:
        return roundtrip(os.path.abspath(rest[0]))
    if word == "names" and len(rest) == 2:
        return names(*rest)
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
