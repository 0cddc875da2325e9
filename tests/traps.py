#!/usr/bin/env python3
"""Floating-point exceptions that are not masked: tests/traps.py [--program P].

Small programs (assembled here by `as` and `ld`) unmask one, raise it, and tell what their handler of SIGFPE sees: si_code, where si_addr points, the trap's number, MXCSR, the
x87's words and registers as the frame has them, and what the instruction gives once the handler has masked everything. They run natively and in deferscope, which must be the same.
"""
import argparse
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENGINES = ("--engine interp", "--engine jit", "--block 1", "--block 0")
PROGRAM = """
.intel_syntax noprefix
.globl _start
_start:
  mov eax, 13; mov edi, 8; lea rsi, action[rip]; xor edx, edx; mov r10d, 8; syscall  # rt_sigaction
  movups xmm0, zero[rip]; movups xmm1, one[rip]; movups xmm2, large[rip]; movups xmm3, third[rip]; movups xmm4, nan[rip]
  {before}
  ldmxcsr unmasked[rip]
  call work
  stmxcsr told[rip]; movups told[rip + 16], xmm0; movups told[rip + 32], xmm5
  call tell
  mov eax, 60; xor edi, edi; syscall
work:
  mov ecx, 3
1: addps xmm6, xmm6; dec ecx; jnz 1b
here:
  {instruction}
  ret
tell:
  mov eax, 1; mov edi, 1; lea rsi, told[rip]; mov edx, 80; syscall
  ret
handler:
  mov eax, [rsi + 8]; mov told[rip], eax
  lea rcx, here[rip]; mov rax, [rsi + 16]; sub rax, rcx; mov told[rip + 8], rax
  mov rax, [rdx + 200]; mov told[rip + 16], rax
  movups told[rip + 64], xmm1
  mov rcx, [rdx + 224]; mov eax, [rcx + 24]; mov told[rip + 24], eax
  movups xmm7, [rcx + 160]; movups told[rip + 32], xmm7; stmxcsr told[rip + 48]
  mov eax, [rcx]; mov told[rip + 56], eax
  mov dword ptr [rcx + 24], 0x1f80; mov word ptr [rcx + 2], 0
  call tell
  ret
restorer:
  mov eax, 15; syscall
.data
action: .quad handler, 0x04000004, restorer, 0
zero: .float 0, 0, 0, 0
one: .float 1, 1, 1, 1
large: .float 3e38, 3e38, 3e38, 3e38
third: .float 3, 3, 3, 3
nan: .long 0x7f800001, 0, 0, 0
unmasked: .long {mxcsr}
.balign 16
told: .fill 80
"""
X87 = "fninit; push %d; fldcw [rsp]; pop rax; "  # control word
# name, MXCSR, instruction, what comes before it
CASES = (
    ("division by zero", 0x1d80, "divps xmm1, xmm0", ""),
    ("invalid", 0x1f00, "divss xmm0, xmm0", ""),
    ("invalid by a signalling NaN, compared", 0x1f00, "comiss xmm4, xmm1", ""),
    ("overflow", 0x1b80, "mulps xmm2, xmm3", ""),
    ("underflow", 0x1780, "divps xmm1, xmm2", ""),
    ("inexact", 0x0f80, "divps xmm1, xmm3", ""),
    ("inexact, converted", 0x0f80, "cvttss2si eax, xmm5", "movss xmm5, third[rip]; divss xmm5, large[rip]"),
    ("all of them, none raised", 0x0000, "addps xmm1, xmm1", ""),
    ("only others raised", 0x1d80, "divps xmm1, xmm3", ""),
    ("flags from before", 0x1d84, "addps xmm1, xmm3", ""),
    ("x87, division by zero", 0x1f80, "fwait", X87 % 0x33b + "fld1; fldz; fdivp"),
    ("x87, invalid, found by MMX", 0x1f80, "paddb mm0, mm1", X87 % 0x33e + "fldz; fldz; fdivp"),
    ("x87, overflow", 0x1f80, "fld1", X87 % 0x337 + "fld1; push 32767; fild word ptr [rsp]; pop rax; fxch; fscale"),
    ("x87, inexact, unmasked later", 0x1f80, "fnop", X87 % 0x37f + "fld1; fldpi; fdivp; push 0x35f; fldcw [rsp]; pop rax"),
    ("x87, what does not wait", 0x1f80, "fnstcw [rsp - 8]; fnclex; fwait", X87 % 0x33b + "fld1; fldz; fdivp"),
)


def build(there, number, case):
    _, mxcsr, instruction, before = case
    source, obj, program = (pathlib.Path(there) / ("%d%s" % (number, end)) for end in (".s", ".o", ""))
    source.write_text(PROGRAM.replace("{mxcsr}", str(mxcsr)).replace("{instruction}", instruction).replace("{before}", before))
    subprocess.run(["as", "-o", obj, source], check=True)
    subprocess.run(["ld", "-o", program, obj], check=True)
    return program


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, timeout=60)
    return (128 - done.returncode if done.returncode < 0 else done.returncode), done.stdout.hex(" ", 4), done.stderr.decode("latin1")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    args = parser.parse_args()
    if platform.machine() != "x86_64":
        print("skip   the host is not x86-64")
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as there:
        for number, case in enumerate(CASES):
            program = build(there, number, case)
            natively = run(program)
            for flags in ENGINES:
                ours = run(args.program, "run", *flags.split(), program)
                print("%s %s %s" % ("ok    " if ours == natively else "FAILED", case[0], flags))
                if ours != natively:
                    failed += 1
                    print("  natively %s\n  here     %s" % (natively, ours))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
