#!/usr/bin/env python3
"""Instructions that a CPU model does not report raise SIGILL: tests/undefined.py [--program P].

A program of one instruction and exit(0) for each of the tables below, run with --cpu MODEL and with qemu-user's processor of the same kind, which says whether there is
such an instruction. Of models that qemu has no processor for the tables say it. What ends by SIGILL is followed by a line that names the model that has the instruction.
"""
import argparse
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXIT = {62: "b83c000000 31ff 0f05", 183: "000080d2 a80b80d2 010000d4"}  # by e_machine: exit(0)

# Instruction, bytes, the first model that has it (None: none). qemu decides where it can.
AMD64 = (
    ("pshufb xmm0, xmm1", "660f3800c1", "v2"), ("pmulld xmm0, xmm1", "660f3840c1", "v2"), ("pcmpgtq xmm0, xmm1", "660f3837c1", "v2"),
    ("crc32 eax, ecx", "f20f38f1c1", "v2"), ("popcnt eax, ecx", "f30fb8c1", "v2"), ("haddps xmm0, xmm1", "f20f7cc1", "v2"),
    ("aesenc xmm0, xmm1", "660f38dcc1", "v2"), ("pclmulqdq xmm0, xmm1, 0", "660f3a44c100", "v2"), ("pabsb mm0, mm1", "0f381cc1", "v2"),
    ("fisttp dword [rsp-8]", "db4c24f8", "v2"), ("rdtscp", "0f01f9", "v2"), ("lddqu xmm0, [rsp]", "f20ff00424", "v2"),
    ("vaddps xmm0, xmm1, xmm2", "c5f058c2", "v3"), ("vzeroupper", "c5f877", "v3"), ("vpaddb ymm0, ymm1, ymm2", "c5f5fcc2", "v3"),
    ("vfmadd231ps xmm0, xmm1, xmm2", "c4e271b8c2", "v3"), ("vcvtph2ps xmm0, xmm1", "c4e27913c1", "v3"), ("andn eax, ecx, edx", "c4e270f2c2", "v3"),
    ("mulx eax, ecx, edx", "c4e273f6c2", "v3"), ("rorx eax, ecx, 3", "c4e37bf0c103", "v3"), ("vaesenc xmm0, xmm1, xmm2", "c4e271dcc2", "v3"),
    ("vpclmulqdq xmm0, xmm1, xmm2, 0", "c4e37144c200", "v3"), ("movbe eax, [rsp]", "0f38f00424", "v3"), ("xgetbv", "31c9 0f01d0", "v3"),
    ("lzcnt eax, ecx, which is bsr", "f30fbdc1", "v1"), ("tzcnt eax, ecx, which is bsf", "f30fbcc1", "v1"), ("prefetchw [rsp]", "0f0d0c24", "v1"),
    ("endbr64", "f30f1efa", "v1"), ("addps xmm0, xmm1", "0f58c1", "v1"), ("cvtpi2ps xmm0, mm1", "0f2ac1", "v1"), ("fsin", "d9fe", "v1"),
    ("adcx eax, ecx", "660f38f6c1", None), ("rdrand eax", "0fc7f0", None), ("rdseed eax", "0fc7f8", None), ("sha1nexte xmm0, xmm1", "0f38c8c1", None),
    ("rdfsbase rax", "f3480faec0", None), ("clwb [rsp]", "660fae3424", None), ("vaddps zmm0, zmm1, zmm2", "62f1744858c2", None),
    ("kandw k1, k2, k3", "c5ec41cb", None), ("vpermil2pd xmm0, xmm1, xmm2, xmm3, 0", "c4e37149c230", None), ("pfadd mm0, mm1", "0f0fc19e", None),
    ("extrq xmm0, xmm1", "660f79c1", None), ("vaesenc ymm0, ymm1, ymm2", "c4e275dcc2", None), ("monitor", "0f01c8", None), ("ud2", "0f0b", None),
)
ARM64 = (
    ("casal w0, w1, [sp]", "e1ffe088", "v8.1"), ("ldadd w0, w1, [sp]", "e10320b8", "v8.1"), ("swp w0, w1, [sp]", "e18320b8", "v8.1"),
    ("crc32b w0, w1, w2", "2040c21a", "v8.1"), ("aese v0.16b, v1.16b", "2048284e", "v8.1"), ("sha1h s0, s1", "2008285e", "v8.1"),
    ("sha256su0 v0.4s, v1.4s", "2028285e", "v8.1"), ("pmull v0.1q, v1.1d, v2.1d", "20e0e20e", "v8.1"), ("mrs x0, id_aa64isar0_el1", "000638d5", "v8.1"),
    ("sha512su0 v0.2d, v1.2d", "2080c0ce", "v8.2"), ("eor3 v0.16b, v1.16b, v2.16b, v3.16b", "200c02ce", "v8.2"), ("rax1 v0.2d, v1.2d, v2.2d", "208c62ce", "v8.2"),
    ("pmull v0.8h, v1.8b, v2.8b", "20e0220e", "v8.0"), ("add x0, x1, x2", "2000028b", "v8.0"), ("fmla v0.4s, v1.4s, v2.4s", "20cc224e", "v8.0"),
    ("paciasp, a hint", "3f2303d5", "v8.0"), ("sb", "ff3003d5", None), ("msr dit, #1", "5f4103d5", None), ("mrs x0, dit", "a0423bd5", None),
    ("fadd h0, h1, h2", "2028e21e", None), ("sdot v0.4s, v1.16b, v2.16b", "2094824e", None), ("ptrue p0.b", "e0e31825", None),
    ("ldapr w0, [sp]", "e0c3bfb8", None), ("jcvt", "20007e1e", None), ("udf #0", "00000000", None),
)
# By model: qemu's processor, and what that one has besides.
ORACLES = {
    "v1": ("qemu-x86_64", "qemu64,-sse3,-cx16,-lahf-lm,-svm", ()),
    "v2": ("qemu-x86_64", "Westmere,+rdtscp", ()),
    "v3": ("qemu-x86_64", "Haswell-noTSX,-rdrand,-fsgsbase", ()),
    "v8.0": ("qemu-aarch64", "cortex-a53", ("crc32b", "aese", "sha1h", "sha256su0", "pmull v0.1q", "mrs x0, id_aa64")),
    "v8.1": ("qemu-aarch64", "cortex-a76", ("fadd h0", "sdot", "ldapr")),
    "v8.2": (None, None, ()),
}
# qemu has it always.
NOT_ASKED = ("fisttp",)


def program(machine, code):
    body = bytes.fromhex(code) + bytes.fromhex(EXIT[machine])
    base, start = 0x400000, 64 + 56
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + start, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, start + len(body), start + len(body), 4096) + body


def status_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return (128 - done.returncode if done.returncode < 0 else done.returncode), done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    args = parser.parse_args()
    problems, asked = [], 0
    with tempfile.TemporaryDirectory() as there:
        for machine, table, models in ((62, AMD64, ("v1", "v2", "v3")), (183, ARM64, ("v8.0", "v8.1", "v8.2"))):
            for number, (name, code, first) in enumerate(table):
                path = pathlib.Path(there) / ("%d-%d" % (machine, number))
                path.write_bytes(program(machine, code))
                path.chmod(0o755)
                for model in models:
                    has = first is not None and models.index(first) <= models.index(model)
                    status, err = status_of(args.program, "run", "--cpu", model, path)
                    line = "" if has or not first else "--cpu %s has it" % first
                    if status != (0 if has else 132) or (line not in err if line else err):
                        problems.append("%s, --cpu %s: status %d, said: %s" % (name, model, status, err))
                    qemu, cpu, more = ORACLES[model]
                    if not qemu or not shutil.which(qemu) or name.startswith(more + NOT_ASKED):
                        continue
                    asked += 1
                    theirs, _ = status_of(qemu, "-cpu", cpu, path)
                    if theirs != (0 if has else 132):
                        problems.append("%s, --cpu %s: the table is wrong, %s -cpu %s ends with %d" % (name, model, qemu, cpu, theirs))
    print("\n".join(problems))
    print("%d instructions, qemu asked %d times, %d problems" % (len(AMD64) + len(ARM64), asked, len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
