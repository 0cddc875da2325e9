#!/usr/bin/env python3
"""Darwin's numbers and structs are what Go's own packages say: tests/darwin_abi.py [--go GOROOT…].

emu/darwin/abi.h, frame.h (signal frames) and errors.cpp (texts) are held against syscall/zerrors_darwin_*.go, ztypes_darwin_*.go and
runtime/defs_darwin_*.go of every Go release that is there (the module cache's toolchains, or --go), for amd64 and, from 1.16, arm64: each number
that Go names, the place of every field of each struct, every text of an error. Without a toolchain there is nothing to hold it against, and that is said (status 77).
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ABI, FRAME, ERRORS = ((ROOT / "emu/darwin" / name).read_text() for name in ("abi.h", "frame.h", "errors.cpp"))

# Namespace of abi.h -> how Go spells its names.
PREFIXES = {"err": ["E"], "sig": ["SIG"], "open_flag": ["O_"], "map_flag": ["MAP_"], "ev": ["EV_"], "evfilt": ["EVFILT_"], "note": ["NOTE_"],
            "rlimit": ["RLIMIT_"]}
OTHER = {("ev", "END"): "EV_EOF", ("note", "FFLAGSMASK"): "NOTE_FFLAGSMASK", ("note", "FFCTRLMASK"): "NOTE_FFCTRLMASK"}
# Struct of abi.h -> Go's, and the width of what has no own field there.
STRUCTS = {"Stat64": "Stat_t", "StatFs64": "Statfs_t", "KEvent": "Kevent_t", "MsgHdr": "Msghdr", "RUsage": "Rusage", "TimeVal": "Timeval", "Dirent64": "Dirent"}
# The same of Go's runtime.
RUNTIME_STRUCTS = {"USigAction": "usigactiont", "StackT": "stackt", "ITimerVal": "itimerval", "KEvent": "keventt", "TimeVal": "timeval"}
PTHREAD_SIZES = {"PthreadMutex": "pthreadmutex", "PthreadCond": "pthreadcond", "PthreadAttr": "pthreadattr"}  # what is inside is ours
WIDTH = {"int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "byte": 1, "uintptr": 8, "unsafe.Pointer": 8}
# Numbers of frame.h -> the runtime's names.
FRAME_NUMBERS = {"kOnstack": "_SA_ONSTACK", "kRestart": "_SA_RESTART", "kSiginfo": "_SA_SIGINFO", "kFpeIntdiv": "_FPE_INTDIV", "kBusAdraln": "_BUS_ADRALN",
                 "kBusAdrerr": "_BUS_ADRERR", "kSegvMaperr": "_SEGV_MAPERR", "kSegvAccerr": "_SEGV_ACCERR"}
# Offsets of frame.h, by namespace -> the runtime's struct, and its fields; kSize is the struct's.
FRAME_OFFSETS = {
    "siginfo": ("siginfo", {"kSigno": "si_signo", "kCode": "si_code", "kPid": "si_pid", "kUid": "si_uid", "kAddr": "si_addr"}),
    "ucontext": ("ucontext", {"kOnstack": "uc_onstack", "kMask": "uc_sigmask", "kStackSp": "uc_stack.ss_sp", "kStackSize": "uc_stack.ss_size",
                              "kStackFlags": "uc_stack.ss_flags", "kLink": "uc_link", "kMcsize": "uc_mcsize", "kMcontext": "uc_mcontext"}),
    "amd64_mcontext": ("mcontext64", {"kTrapno": "es.trapno", "kErr": "es.err", "kFaultvaddr": "es.faultvaddr", "kRegs": "ss.rax", "kRip": "ss.rip",
                                      "kRflags": "ss.rflags", "kCs": "ss.cs", "kFloat": "fs.fpu_reserved", "kFcw": "fs.fpu_fcw", "kMxcsr": "fs.fpu_mxcsr",
                                      "kMxcsrMask": "fs.fpu_mxcsrmask", "kXmm": "fs.fpu_xmm0"}),
    "arm64_mcontext": ("mcontext64", {"kFar": "es.far", "kEsr": "es.esr", "kX": "ss.x", "kSp": "ss.sp", "kPc": "ss.pc", "kCpsr": "ss.cpsr", "kV": "ns.v",
                                      "kFpsr": "ns.fpsr", "kFpcr": "ns.fpcr"}),
}
BEHIND = {"arm64_mcontext": 8}  # XNU's vectors are 16-aligned: so much more than Go's struct has


def ours():
    """(namespace, name) -> number."""
    out = {}
    for space, body in re.findall(r"namespace (\w+) \{\n(.*?)\}  // namespace", ABI, re.S):
        for name, value in re.findall(r"\b([A-Z][A-Z0-9_]+) =\s*(-?\w+)", body):
            out[space, name] = int(value, 0)
    return out


def go_numbers(goroot, arch):
    text = "".join(p.read_text() for p in (goroot / "src/syscall").glob("zerrors_darwin_%s.go" % arch))
    found = re.findall(r"(?m)^\s+([A-Z][A-Za-z0-9_]*)\s*= (?:Errno\(|Signal\()?(-?0x[0-9a-f]+|-?\d+)\)?$", text)
    return {name: int(value, 0) for name, value in found}


def runtime_numbers(goroot, arch):
    text = (goroot / ("src/runtime/defs_darwin_%s.go" % arch)).read_text()
    return {name: int(value, 0) for name, value in re.findall(r"(?m)^\s+(_[A-Z][A-Za-z0-9_]*)\s*= (-?0x[0-9a-f]+)$", text)}


def go_texts(goroot, arch):
    """Number -> the text of the error, whose first letter Go makes small if it begins a word."""
    text = "".join(p.read_text() for p in (goroot / "src/syscall").glob("zerrors_darwin_%s.go" % arch))
    table = re.search(r"(?ms)^var errors = [^\n]*\n(.*?)^\}", text)[1]
    return {int(number): words for number, words in re.findall(r'(\d+):\s+"(.*)",', table)}


def our_frame():
    """(namespace, name) -> number, of frame.h; those of the namespace sig too."""
    out = {}
    for space, body in re.findall(r"(?s)namespace (\w+) \{\n(.*?)\n\}", re.sub(r"//.*", "", FRAME)):
        known = {}
        for name, value in re.findall(r"\b(k\w+) =\s*([^,;]+)", body):
            known[name] = out[space, name] = eval(value, {}, known)
    return out


def go_structs(path, names):
    """Name -> fields (name, offset, width), size, alignment; a struct's own fields too, with a dot between."""
    text = path.read_text()
    bodies = dict(re.findall(r"(?ms)^type (\w+) struct \{\n(.*?)^\}", text))

    def measure(kind):  # width, alignment
        array = re.match(r"\[(\d+)\](.*)", kind)
        if array:
            width, align = measure(array[2])
            return int(array[1]) * width, align
        if kind.startswith("*"):
            return 8, 8
        if kind in WIDTH:
            return WIDTH[kind], WIDTH[kind]
        width, align = layout(kind)[1:]
        return width, align

    def layout(name):
        at, most, fields = 0, 1, []
        for line in bodies[name].strip().split("\n"):
            field, kind = line.split()[:2]
            width, align = measure(kind)
            at = (at + align - 1) // align * align
            fields.append((field.lower(), at, width))
            if kind in bodies:
                fields += [("%s.%s" % (field, inner), at + offset, n) for inner, offset, n in layout(kind)[0]]
            at, most = at + width, max(most, align)
        return fields, (at + most - 1) // most * most, most

    return {name: layout(go) for name, go in names.items()}


# Our field -> Go's, where the names differ by more than underscores and case.
FIELDS = {"atime": "atimespec", "mtime": "mtimespec", "ctime": "ctimespec", "birthtime": "birthtimespec", "name_size": "namelen", "iov_count": "iovlen",
          "control_size": "controllen", "user": "utime", "system": "stime"}
RUNTIME_FIELDS = {"handler": "__sigaction_u", "mask": "sa_mask", "flags": "sa_flags"}


def our_offsets(compiler):
    """Struct -> [(field, offset, width)], size: as the compiler lays them out."""
    source = ["#include <cstddef>", "#include <cstdio>", '#include "emu/darwin/abi.h"', "using namespace deferscope::emu::darwin;", "int main() {"]
    for name in dict.fromkeys([*STRUCTS, *RUNTIME_STRUCTS, *PTHREAD_SIZES]):
        body = re.search(r"(?s)struct %s \{\n(.*?)\n\};" % name, ABI)[1]
        for line in re.sub(r"//.*", "", body).split(";"):
            line = " ".join(line.split())
            if not line:
                continue
            for field in re.sub(r"^\S+ ", "", line).split(","):
                field = re.sub(r"(\[.*| = .*|\{.*)", "", field).strip()
                source.append('std::printf("%s %s %%zu %%zu %%zu\\n", offsetof(%s, %s), sizeof(%s::%s), sizeof(%s));' % (name, field, name, field, name, field, name))
    program = "\n".join(source + ["}"])
    binary = "/tmp/darwin-abi-%d" % __import__("os").getpid()
    try:
        subprocess.run([compiler, "-std=c++20", "-x", "c++", "-Wno-invalid-offsetof", "-I", str(ROOT), "-o", binary, "-"], input=program.encode(), check=True)
        lines = subprocess.run([binary], capture_output=True, text=True, check=True).stdout.split("\n")
    finally:
        pathlib.Path(binary).unlink(missing_ok=True)
    out = {}
    for line in filter(None, lines):
        name, field, offset, width, size = line.split()
        out.setdefault(name, ([], int(size)))[0].append((field, int(offset), int(width)))
    return out


def toolchains():
    cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True)
    folder = pathlib.Path(cache.stdout.strip() or "/nonexistent") / "golang.org"
    return sorted(p for p in folder.glob("toolchain@v0.0.1-go1.*") if int(p.name.split("go1.")[1].split(".")[0]) >= 12)


def of_runtime(root, arch, structs, numbers):
    """(comparisons, what is wrong) with the runtime's definitions, and with the texts of errors."""
    compared, wrong = 0, []

    def same(what, theirs, ours):
        nonlocal compared
        compared += 1
        if theirs != ours:
            wrong.append("%s %s: %s is %s, ours %s" % (root.name, arch, what, theirs, ours))

    constants, path = runtime_numbers(root, arch), root / ("src/runtime/defs_darwin_%s.go" % arch)
    for (space, name), value in numbers.items():
        for go in ["_" + OTHER[space, name]] if (space, name) in OTHER else ["_" + p + name for p in PREFIXES.get(space, [])]:
            if go in constants:
                same(go, constants[go] & 0xffffffff, value & 0xffffffff)
    frame = our_frame()
    for name, go in FRAME_NUMBERS.items():
        same(go, constants[go], frame["sig", name])
    for space, (struct, fields) in FRAME_OFFSETS.items():
        if space.startswith(("amd64", "arm64")) and not space.startswith(arch):
            continue
        theirs, size, _ = go_structs(path, {space: struct})[space]
        places = {field: offset for field, offset, _ in theirs}
        for name, field in fields.items():
            same("%s.%s" % (struct, field), places[field], frame[space, name])
        same("the size of " + struct, size, frame[space, "kSize"] - BEHIND.get(space, 0))
    for name, (fields, size, _) in go_structs(path, RUNTIME_STRUCTS).items():
        places = {re.sub(r"^(tv|it|ss)_", "", field): (offset, width) for field, offset, width in fields}
        for field, offset, width in structs[name][0]:
            key = field if field in places else RUNTIME_FIELDS.get(field)
            if not field.startswith("pad"):
                same("%s.%s" % (name, field), places.get(key), (offset, width))
        same("the size of " + name, size, structs[name][1])
    for name, (_, size, _) in go_structs(path, {n: g for n, g in PTHREAD_SIZES.items() if "type %s struct" % g in path.read_text()}).items():
        same("the size of " + name, size, structs[name][1])
    ours = re.findall(r'(?m)^    "(.*)",$', ERRORS)
    for number, text in go_texts(root, arch).items():
        mine = ours[number - 1]
        same("error %d" % number, text, mine if mine[1].isupper() else mine[0].lower() + mine[1:])
    return compared, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--go", nargs="*", type=pathlib.Path)
    parser.add_argument("--compiler", default="c++")
    args = parser.parse_args()
    try:
        roots = args.go or toolchains()
    except FileNotFoundError:
        roots = []
    if not roots:
        print("darwin_abi: no Go toolchain to compare with")
        return 77
    numbers, structs, wrong, compared = ours(), our_offsets(args.compiler), [], 0
    unknown = set(numbers)
    for root in roots:
        minor = int(re.search(r"go1\.(\d+)", root.name)[1]) if "go1." in root.name else 99
        for arch in ("amd64",) if minor < 16 else ("amd64", "arm64"):
            theirs = go_numbers(root, arch)
            for (space, name), value in numbers.items():
                for go in [OTHER.get((space, name))] if (space, name) in OTHER else [p + name for p in PREFIXES.get(space, [])]:
                    if go not in theirs:
                        continue
                    unknown.discard((space, name))
                    compared += 1
                    width = 0xffffffff
                    if theirs[go] & width != value & width:
                        wrong.append("%s %s: %s is %#x, abi.h has %#x" % (root.name, arch, go, theirs[go], value))
            for name, (fields, size, _) in go_structs(root / ("src/syscall/ztypes_darwin_%s.go" % arch), STRUCTS).items():
                go = {field.replace("_", ""): (offset, width) for field, offset, width in fields}
                for field, offset, width in structs[name][0]:
                    key = FIELDS.get(field, field).replace("_", "")
                    if key not in go:
                        if not re.match(r"pad\d*$|other$|flags$", field):
                            wrong.append("%s %s: %s has no %s" % (root.name, arch, STRUCTS[name], key))
                        continue
                    compared += 1
                    if go[key] != (offset, width):
                        wrong.append("%s %s: %s.%s is at %d, %d bytes; ours at %d, %d" % (root.name, arch, name, key, *go[key], offset, width))
                if size != structs[name][1]:
                    wrong.append("%s %s: %s has %d bytes, ours %d" % (root.name, arch, name, size, structs[name][1]))
            more, bad = of_runtime(root, arch, structs, numbers)
            compared += more
            wrong += bad
    print("\n".join(sorted(set(wrong))))
    named = sorted("%s::%s" % x for x in unknown if x[0] in PREFIXES)
    print("darwin_abi: %d comparisons over %d toolchains, %d wrong; of no Go name: %s" % (compared, len(roots), len(wrong), " ".join(named) or "none"))
    return 1 if wrong or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
