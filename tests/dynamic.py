#!/usr/bin/env python3
"""Dynamically linked programs: tests/dynamic.py --program build/release/deferscope --guests build/guests-dynamic --core build/guests-core [--only TEXT].

guests    Programs with C in them (tests/guests/src/cgo), of three releases, both instruction sets, position-independent too: each case prints what it
          prints natively (amd64) or under qemu-user (arm64), with the same status; the same whatever runs it, to the position.
told      Calls of C and callbacks are events, bt shows C's frames between Go's, what was refused is an event and a closing line.
frames    C frames at the same instruction as gdb has them natively (amd64): places relative to their file, bounds, saved registers.
replay    A recording is gone through again with its sysroot removed and changed: the libraries were read once.
race      Programs built with the race detector: what they print, their status and reports are the native run's, but for addresses and numbers of goroutines.
search    Which of several libraries is taken is what the guest's own loader takes: glibc-hwcaps by the CPU's level, LD_LIBRARY_PATH, ld.so.cache.
static    The same cases as the core guests, linked dynamically: `diff --semantics` finds no difference from the static build.
system    Programs of this machine (ls, sh) do what they do natively.
refused   Interpreters and libraries that are missing, of another machine, scripts, loops, cut off, mutated: one line and status 125, or what the guest's
          own loader says; `info` says the same line.

Libraries: this machine's for amd64, Debian's libc6-arm64-cross for arm64; without them the test is skipped and says so.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

ARM64 = "/usr/aarch64-linux-gnu"
CASES = "call callback deep panic-callback panic-through goexit threads tls signal fault-go fault-callback dlopen memory stack many refused".split()
SAME_AS_STATIC = "defer-mixed panic-nested fault-nil go-select go-timers goexit-recovered".split()
# Run by gdb: to the instruction at ADDRESS (in a PIE: from its begin), then all frames as JSON.
GDB = r"""
import gdb, json, re
def maps():
    out = {}
    for line in open("/proc/%d/maps" % gdb.selected_inferior().pid):
        words = line.split()
        if len(words) > 5 and words[5].startswith("/"):
            out.setdefault(words[5], int(words[0].split("-")[0], 16))
    return out
program = gdb.current_progspace().filename
gdb.Breakpoint("*%d" % (ADDRESS + (maps()[program] if PIE else 0)))
gdb.execute("continue" if PIE else "run")
out, at, f = [], maps(), gdb.newest_frame()
while f and len(out) < 12:
    f.select()
    pc, file = f.pc(), gdb.solib_name(f.pc()) or program
    import os
    file = os.path.realpath(file)
    info = gdb.execute("info frame", to_string=True)
    cfa = int(re.search(r"frame at (0x[0-9a-f]+)", info)[1], 16)
    sp = int(f.read_register("sp"))
    saved = {r: int(a, 16) - cfa for r, a in re.findall(r"\b(r\w+) at (0x[0-9a-f]+)", info) if r != "rip"}
    if f.type() == gdb.INLINE_FRAME:
        f = f.older()
        continue
    go = bool(f.name() and "." in f.name())
    out.append([os.path.basename(file), pc - at[file], cfa - sp, saved, go])
    f = f.older()
print("FRAMES " + json.dumps(out))
gdb.execute("kill")
"""
failures = []
count = 0


def check(condition, text):
    global count
    count += 1
    if not condition:
        failures.append(text)
        print("FAILED: " + text)


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **more)
    return done.returncode, done.stdout, done.stderr


class Test:
    def __init__(self, args):
        self.program, self.guests, self.core = args.program, pathlib.Path(args.guests), pathlib.Path(args.core)
        self.only, self.folder = args.only, pathlib.Path(args.folder)

    def flags(self, guest):
        return ["--sysroot", ARM64] if "arm64" in guest.name else []

    def native(self, guest):
        return ["qemu-aarch64", "-L", ARM64, guest] if "arm64" in guest.name else [guest]

    def guests_named(self, program):
        return [g for g in sorted(self.guests.glob(program + "_*")) if self.only in g.name]

    def cases(self):
        for guest in self.guests_named("cgo"):
            for i, case in enumerate(CASES):
                ours = run(self.program, "run", *self.flags(guest), guest, case)
                check(ours == run(*self.native(guest), case), "%s %s: %r" % (guest.name, case, ours))
                if i % 5 == 0:
                    self.whatever_runs_it(guest, case, ours)

    def whatever_runs_it(self, guest, case, ours):
        """The events, with their positions, are the same from every engine."""
        told = []
        for how in ["--engine", "interp"], ["--engine", "jit"], ["--block", "1"], ["--selfcheck"]:
            trace = self.folder / "trace.jsonl"
            again = run(self.program, "run", *how, "--events=%s" % trace, *self.flags(guest), guest, case)
            check(again == ours, "%s %s %s: %r" % (guest.name, case, how, again))
            told.append(trace.read_bytes())
        check(len(set(told)) == 1 and b'"line":"end"' in told[0], "%s %s: the engines tell different events" % (guest.name, case))
        header = json.loads(told[0].splitlines()[0])
        names = [lib["path"].rsplit("/", 1)[1] for lib in header["libraries"]]
        check((names == ["libc.so"] if "+musl" in guest.name else names[0].startswith("ld-linux") and "libc.so.6" in names) and all(re.fullmatch("[0-9a-f]{64}", lib["sha256"]) for lib in header["libraries"]),
              "%s: the header says %s" % (guest.name, header["libraries"]))

    def told(self):
        """Calls of C and back, frames of C, and what was refused."""
        for guest in self.guests_named("cgo"):
            trace = self.folder / "trace.jsonl"
            run(self.program, "run", "--events=%s" % trace, *self.flags(guest), guest, "callback", "threads")
            transfers = [e["what"] for e in map(json.loads, trace.read_text().splitlines()) if e.get("event") == "transfer"]
            check(transfers.count("cgocallback") == 6 and transfers.count("cgocall") >= 6, "%s: transfers %s" % (guest.name, transfers))
            _, out, _ = run(self.program, "step", *self.flags(guest), "-c", "break main.goCallback", "-c", "continue", "-c", "bt", "-c", "finish", "-c", "bt", guest, "callback")
            text = re.split(r"^\(ds\) bt$", out.decode(), flags=re.M)[1]
            check(re.search(r"runtime\.cgocallback.*\n   C  0x\w+  goCallback\+\d+\n(   C .*\n)*   C  0x\w+  _cgo_\w+_Cfunc_callBack\+\d+\n.*runtime\.(asmcgocall|systemstack_switch)", text)
                  and "runtime.main+" in text, "%s: bt in a callback\n%s" % (guest.name, text))
            status, _, err = run(self.program, "run", "--events", "--stats", *self.flags(guest), guest, "refused")
            text = err.decode()
            for what in "look-up of no-such-program in PATH", "exec of /no/such/program", "connect to 127.0.0.1:1":
                check(status == 0 and re.search(r"^ +@.*refused  %s$" % what, text, re.M), "%s: %s is no event\n%s" % (guest.name, what, text))
            line = "refused: exec of /no/such/program, connect to 127.0.0.1:1, look-up of no-such-program in PATH"
            check("deferscope: %s\n" % line in text and " %s." % line in text, "%s: closing lines\n%s" % (guest.name, text))

    def drawn(self, *command):
        status, out, err = run(self.program, "draw", "--style", "json", *command)
        check(status == 0, "draw %s: %s" % (command, err))
        return json.loads(out)["drawings"][0]["frames"] if status == 0 else []

    def draws(self):
        """The stack across the border: every C frame of bt, on a stack of its own, with its words; instructions say where they lie and lead."""
        for guest in self.guests_named("cgo"):
            frames = self.drawn("--at", "main.goCallback", *self.flags(guest), guest, "callback")
            names = [f["function"] for f in frames]
            c = [i for i, f in enumerate(frames) if f.get("language") == "C"]
            check(len(c) >= 2 and names[c[0]].endswith("_Cfunc_callBack") and names[c[-1]] == "goCallback" and "main.callback" in names[:c[0]] and names[-1] == "main.goCallback"
                  and all(frames[i]["stack"] == "thread" and frames[i]["library"] is None for i in c), "%s: draw in a callback has %s" % (guest.name, names))
            back = [w["value"] for i in c for w in frames[i]["words"] if w["role"] == "return address"]
            check(len(back) == len(c) and back[0].startswith("runtime.asmcgocall") and names[c[0]] + "+" in back[1], "%s: draw in a callback: return addresses %s" % (guest.name, back))
            check(all(sum(w["size"] for w in frames[i]["words"]) == frames[i]["size"] for i in c), "%s: draw in a callback: sizes" % guest.name)
            status, out, _ = run(self.program, "draw", "--at", "main.goCallback", *self.flags(guest), guest, "callback")
            check(re.search(r"── goCallback  C ─+ frame \d+ bytes, another stack ──\n([0-9a-f].*\n)*.*caller's (RBX|X\d+)\n", out.decode()) and b"unknown C data" in out, "%s: drawn as\n%s" % (guest.name, out.decode()))
            status, out, _ = run(self.program, "draw", "--at", "main.goCallback", "--style", "svg", *self.flags(guest), guest, "callback")
            check(status == 0 and b">goCallback  C   frame " in out and b"another stack" in out, "%s: no C frame in SVG" % guest.name)
            self.explained(guest)

    def explained(self, guest):
        """From cgocall to the callback and back: what each instruction says of C."""
        script = self.folder / "steps"
        script.write_text("break runtime.cgocall\ncontinue\nclear runtime.cgocall\n" + "si\n" * 2500)
        _, out, _ = run(self.program, "step", *self.flags(guest), "-x", script, guest, "callback")
        text = re.sub(r"\n +(?=\S)", " ", out.decode())
        for what in (r"calls C: _cgo_\w+_Cfunc_callBack, on the system's stack", r"C code: goCallback\+\d+", r"C code: \S+ calls goCallback", r"calls through the PLT of the program", r"jumps to pthread_\w+ \(lib(c|pthread)\.so",
                     r"calls Go: crosscall2", r"returns to Go: runtime\.asmcgocall\+\d+", r"returns to C: goCallback\+\d+"):
            # musl's linker binds without a table of jumps where it may
            check(re.search(what, text) or ("musl" in guest.name and "PLT" in what + "pthread" in what), "%s: no instruction says %s" % (guest.name, what))
        check("defer" not in "".join(re.findall(r"C code: .*", text)), "%s: C code is told as Go's" % guest.name)

    def later(self):
        """What dlopen brings is told, with its hash and its base, and its frames have names."""
        for guest in self.guests_named("cgo"):
            trace = self.folder / "trace.jsonl"
            run(self.program, "run", "--events=%s" % trace, *self.flags(guest), guest, "dlopen")
            loads = [e for e in map(json.loads, trace.read_text().splitlines()) if e.get("event") == "library.load"]
            if "musl" in guest.name:  # libm is libc there
                check(loads == [], "%s: loads %s" % (guest.name, loads))
                continue
            check(len(loads) == 1 and loads[0]["go"] is None, "%s: loads %s" % (guest.name, loads))
            path = pathlib.Path((ARM64 if "arm64" in guest.name else "") + loads[0]["path"])
            check(path.name == "libm.so.6" and hashlib.sha256(path.read_bytes()).hexdigest() == loads[0]["sha256"] and loads[0]["frame"]["function"] == "main._Cfunc_dynamicAbs", "%s: loads %s" % (guest.name, loads))
            err = run(self.program, "run", "--events", *self.flags(guest), guest, "dlopen")[2].decode()
            check("loads    %s  at %s\n" % (loads[0]["path"], loads[0]["base"]) in err, "%s: in text %s" % (guest.name, err))
            status, out, _ = run(self.program, "step", *self.flags(guest), "-c", "goto %d" % (loads[0]["position"] + 1), "-c", "info mem", "-c", "bt", guest, "dlopen")
            mapped = re.search(r"(0x\w+)-\w+ r-[x-] \S*/libm\.so\.6", out.decode())
            check(mapped and mapped[1] == loads[0]["base"], "%s: libm lies at %s, told is %s" % (guest.name, mapped, loads[0]["base"]))
            check(re.search(r"   C .*  (_dl_)?\w+\+\d+  (ld-linux|libc)", out.decode()), "%s: bt in dlopen\n%s" % (guest.name, out.decode()[-2000:]))

    def frames(self):
        """gdb on the native process, stopped at the same instruction, unwinds C to the same frames."""
        if not shutil.which("gdb") or os.uname().machine != "x86_64":
            return print("(frames not tried: no gdb, or this machine is not amd64)")
        for guest in self.guests_named("cgo"):
            if "amd64" not in guest.name or "musl" in guest.name:
                continue
            symbols = {line.split()[2]: int(line.split()[0], 16) for line in run("nm", guest)[1].decode().splitlines() if len(line.split()) == 3}
            for case, function in ("threads", "goCallback"), ("deep", "goCallback"), ("panic-through", "goPanic"), ("fault-callback", "goFault"):
                native = self.of_gdb(guest, case, symbols[function], "+pie" in guest.name)
                if native is None:
                    return
                self.as_gdb(guest, case, symbols[function], native)

    def of_gdb(self, guest, case, address, pie):
        """Of each frame its place in its file, its bounds and where it keeps registers; None: this machine does not let us."""
        script = self.folder / "frames.py"
        script.write_text(GDB)
        start = ["-ex", "starti"] if pie else []  # it lies somewhere from then on
        _, out, err = run("gdb", "-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", "-ex", "set startup-with-shell off", "-ex", "handle all nostop noprint pass", *start, "-ex", "python ADDRESS, PIE = %d, %s" % (address, pie),
                          "-x", script, "--args", guest, case)
        found = re.search(r"^FRAMES (.*)$", out.decode(), re.M)
        if not found and re.search("ptrace|Operation not permitted|Couldn't get registers", err.decode()):
            return print("(frames not tried: this machine's kernel lets nobody trace: %s)" % err.decode().strip().splitlines()[-1])
        check(found, "gdb %s %s: %s %s" % (guest.name, case, out, err))
        return json.loads(found[1]) if found else None

    def as_gdb(self, guest, case, address, native):
        if "+pie" in guest.name:
            address += int(re.search(r"(0x\w+)-\w+ r-- .*%s$" % re.escape(guest.name), run(self.program, "step", "-c", "info mem", guest, case)[1].decode(), re.M)[1], 16)
        _, out, _ = run(self.program, "step", "-c", "break *%#x" % address, "-c", "continue", "-c", "bt", "-c", "info mem", guest, case)
        maps, places = {}, []
        for begin, path in re.findall(r"^  (0x\w+)-\w+ ... (/\S+|build\S+|\S*cgo_\S+)$", out.decode(), re.M):
            maps.setdefault(path.rsplit("/", 1)[1], int(begin, 16))
        for pc in re.findall(r"^   C  (0x\w+)", out.decode(), re.M):
            file = max((f for f in maps if maps[f] <= int(pc, 16)), key=maps.get)
            places.append([file, int(pc, 16) - maps[file]])
        frames = [f for f in reversed(self.drawn("--at", "*%#x" % address, guest, case)) if f.get("language") == "C"]
        ours = []
        for place, f in zip(places, frames):
            saved = {w["name"][9:].lower(): w["offset"] - f["size"] for w in f["words"] if (w["name"] or "").startswith("caller's ")}
            ours.append(place + [f["size"], saved])
        upto = [f for f in native if f[0] != guest.name or not f[4]]  # C's, up to Go's
        wanted = [[f[0], f[1], f[2], f[3]] for f in upto[:len(ours)]]
        if ours and not ours[-1][2]:  # the outermost, which began the thread: clone here, clone3 natively
            ours.pop(), wanted.pop()
        check(len(ours) >= 2 and ours == wanted, "%s %s at %#x: frames\n%s\nof gdb\n%s" % (guest.name, case, address, ours, native))

    def replay(self):
        """Backwards and forwards with the sysroot gone, then with other files in it: what was read is kept."""
        for name, change in ("removed", None), ("changed", b"\0" * 4096), ("cut", b""):
            guest = self.guests / "cgo_1.27.4_linux_arm64+cgo_opt_syms"
            root = self.folder / ("sysroot-" + name)
            shutil.copytree(ARM64 + "/lib", root / "lib", symlinks=True)
            process = subprocess.Popen([self.program, "step", "--sysroot", root, guest, "dlopen", "callback"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            # The prompt is reached when what it printed before is there.
            said = self.until(process, "break main.goCallback\ncontinue\nwhen\nbt\n", "@@1")
            if change is None:
                shutil.rmtree(root)
            else:
                for path in (root / "lib").rglob("*.so*"):
                    if path.is_file() and not path.is_symlink():
                        path.write_bytes(change)
            back = self.until(process, "goto 20000\nwhen\nbt\ngoto 100000\nwhen\n", "@@2")
            again = self.until(process, "restart\nclear\nbreak main.goCallback\ncontinue\nwhen\nbt\n", "@@3")
            process.stdin.close()
            err = process.stderr.read()
            process.wait()
            stops = [re.findall(r"^@([\d,]+)  \(", text, re.M)[-1:] + re.findall(r"^(▶  0 (?:.*\n)*)", text, re.M) for text in (said, again)]
            stops = [[s.split("@@")[0].rstrip('"\n') for s in stop] for stop in stops]
            check(len(stops[0]) == 2 and stops[0] == stops[1] and "C  " in stops[0][1], "sysroot %s: again it stops at\n%s\nnot\n%s" % (name, again, said))
            check(re.findall(r"^@([\d,]+)  \(", back, re.M) == ["20,000", "100,000"] and "ld-linux" in back and not err, "sysroot %s: backwards\n%s%s" % (name, back, err))

    def until(self, process, commands, mark):
        """What it says to commands, up to an echo that only the last one makes."""
        process.stdin.write(commands + "print \"%s\"\n" % mark)
        process.stdin.flush()
        out = ""
        while mark not in out.replace("print \"%s\"" % mark, ""):
            line = process.stdout.readline()
            if not line:
                break
            out += line
        return out

    def race(self):
        def plain(text):
            return re.sub("[Gg]oroutine \\d+", "goroutine N", re.sub("0x[0-9a-f]+", "ADDRESS", text.decode("latin1")))
        guests = [g for g in sorted(self.guests.glob("*+race_*")) if self.only in g.name]
        for guest in guests:
            want, ours = run(guest), run(self.program, "run", guest)
            check(want[0] == ours[0] and plain(want[1]) == plain(ours[1]) and plain(want[2]) == plain(ours[2]), "%s: %r, natively %r" % (guest.name, ours, want))
            told = run(self.program, "run", "--events", guest)
            check(told[0] == ours[0] and re.search(rb"(^|\n)\d+ defers? pushed, ", told[2]), "%s: events %r" % (guest.name, told[2][-400:]))
        check(len(guests) == 4 and b"WARNING: DATA RACE" in run(self.program, "run", guests[-1])[2], "%s: no race is reported" % guests)

    def search(self):
        """The header names what the loader then maps: else library.load tells of another file."""
        guest = self.guests / "cgo_1.27.4_linux_amd64+cgo_opt_syms"
        root = self.folder / "search"
        (root / "lib64").mkdir(parents=True)
        shutil.copy("/lib64/ld-linux-x86-64.so.2", root / "lib64")
        host = re.findall(r"=> (/\S+)", run("/lib64/ld-linux-x86-64.so.2", "--list", guest)[1].decode())

        def taken(what, wanted, *flags):
            trace = self.folder / "trace.jsonl"
            status, out, err = run(self.program, "run", "--events=%s" % trace, "--sysroot", root, *flags, guest, "call")
            lines = [json.loads(line) for line in trace.read_text().splitlines()] if status == 0 else [{"libraries": []}]
            paths = {lib["path"].rsplit("/", 1)[0] for lib in lines[0]["libraries"][1:]}
            check(status == 0 and out.endswith(b"end\n") and paths == {wanted} and not any(e.get("event") == "library.load" for e in lines), "%s: status %d, libraries in %s, not %s %s" % (what, status, paths, wanted, err))

        def put(folder):
            (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
            for path in host:
                shutil.copy(path, root / folder.lstrip("/"))
        plain, own = "/lib/x86_64-linux-gnu", ("--env", "LD_LIBRARY_PATH=/none:/own")
        v1, v2, v3 = ("--cpu", "v1"), ("--cpu", "v2"), ("--cpu", "v3")
        put(plain + "/glibc-hwcaps/x86-64-v3")
        taken("only level v3", plain + "/glibc-hwcaps/x86-64-v3", *v3)
        status, _, err = run(self.program, "run", "--sysroot", root, guest, "call")
        check(status == 125 and b"is not below" in err, "only level v3, at v2: status %d, %s" % (status, err))
        put(plain + "/glibc-hwcaps/x86-64-v2")
        taken("levels v2 and v3, at v2", plain + "/glibc-hwcaps/x86-64-v2", *v2)
        taken("levels v2 and v3, at v3", plain + "/glibc-hwcaps/x86-64-v3", *v3)
        put(plain)
        taken("all levels, at v1", plain, *v1)
        taken("all levels, at v2", plain + "/glibc-hwcaps/x86-64-v2", *v2)
        put("/own")
        taken("LD_LIBRARY_PATH", "/own", *own, *v2)
        put("/own/glibc-hwcaps/x86-64-v2")
        taken("LD_LIBRARY_PATH with levels", "/own/glibc-hwcaps/x86-64-v2", *own, *v3)
        put("/cached/glibc-hwcaps/x86-64-v3"), put("/cached")
        (root / "etc").mkdir()
        (root / "etc/ld.so.conf").write_text("/cached\n")
        ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin")
        if not ldconfig or run(ldconfig, "-r", root)[0]:
            return print("(a cache of libraries not tried: no ldconfig, or nobody may call it)")
        taken("ld.so.cache, at v2", plain + "/glibc-hwcaps/x86-64-v2", *v2)
        taken("ld.so.cache, at v1", "/cached", *v1)
        taken("ld.so.cache, at v3", "/cached/glibc-hwcaps/x86-64-v3", *v3)

    def static(self):
        for guest in self.guests_named("casessmall"):
            release, arch = re.match(r"casessmall_([\d.]+)_linux_(\w+)\+", guest.name).groups()
            twin = next(t for t in (self.core / ("%s_%s_linux_%s_opt_syms" % (p, release, arch)) for p in ("casessmall", "cases")) if t.exists())
            for case in SAME_AS_STATIC:
                done = run(self.program, "diff", "--semantics", *self.flags(guest), "--argv0", "cases", guest, twin, "--", case)
                check(done[0] == 0, "%s %s: not as the static build: %s" % (guest.name, case, done[1].decode()[-400:]))

    def system(self):
        (self.folder / "list").mkdir()
        for name in "b", "a", ".c":
            (self.folder / "list" / name).write_text("x" * 10)
        for command in (["/bin/ls", "-a", self.folder / "list"], ["/bin/sh", "-c", "echo $((6 * 7)); exit 3"]):
            ours = run(self.program, "run", "--allow-read", self.folder / "list", *command)
            check(ours == run(*command), "%s: %r" % (command, ours))
        status, out, _ = run(self.program, "info", "/bin/ls")
        check(status == 0 and re.search(rb"^  run +yes$", out, re.M) and re.search(rb"^  needs +libc.so.6 \xe2\x86\x92 /", out, re.M), "info /bin/ls: %s" % out)

    def refused_line(self, what, flags, guest, wanted):
        """`run` ends with one line, and `info` says it."""
        status, out, err = run(self.program, "run", *flags, guest)
        line = err.decode()
        check((status, out) == (125, b"") and re.fullmatch(r"deferscope: [^\n]*%s[^\n]*\n" % wanted, line), "%s: status %d, %s%s" % (what, status, out, line))
        status, out, _ = run(self.program, "info", *flags, guest)
        said = re.search(r"^  run +no: (.*)$", out.decode(), re.M)
        check(status == 0 and said and line == "deferscope: %s: %s\n" % (guest, said[1]), "%s: info says %s" % (what, said and said[0]))

    def refused(self):
        guest = self.guests / "cgo_1.27.4_linux_arm64+cgo_opt_syms"
        native = self.guests / "cgo_1.27.4_linux_amd64+pie_opt_syms"
        root = self.folder / "sysroot"
        loader, libc = root / "lib/ld-linux-aarch64.so.1", root / "lib/libc.so.6"
        (root / "lib").mkdir(parents=True)
        flags = ["--sysroot", root]
        self.refused_line("another machine's", [], guest, r"--sysroot DIR names the folder with /lib/ld-linux-aarch64.so.1")
        self.refused_line("no interpreter", flags, guest, r"its interpreter /lib/ld-linux-aarch64.so.1 is not below .*--sysroot DIR")
        self.refused_line("no interpreter, amd64", flags, native, r"its interpreter /lib64/ld-linux-x86-64.so.2 is not below .*--sysroot DIR")
        good, bad = pathlib.Path(ARM64, "lib/ld-linux-aarch64.so.1").read_bytes(), pathlib.Path(ARM64, "lib/libc.so.6").read_bytes()
        for what, content, wanted in (("a script", b"#!/bin/sh\n", "a script, not a program"), ("empty", b"", "the file is empty"), ("cut off", good[:5000], "truncated"),
                                      ("another machine's file", pathlib.Path("/lib64/ld-linux-x86-64.so.2").read_bytes(), "a program for amd64, not for arm64"),
                                      ("an interpreter with an interpreter", bad, "names an interpreter itself"), ("no ELF file", b"\0" * 1000, "neither an ELF")):
            loader.write_bytes(content)
            self.refused_line("an interpreter that is " + what, flags, guest, r"its interpreter [^\n]*" + wanted)
        loader.unlink()
        loader.symlink_to("ld-linux-aarch64.so.1")
        self.refused_line("an interpreter that is a link to itself", flags, guest, "is not below")
        loader.unlink()
        loader.write_bytes(good)
        self.refused_line("no library", flags, guest, "its library lib[a-z]+.so.[0-9] is not below")
        libc.write_bytes(bad[:4000])
        self.refused_line("a library that is cut off", flags, guest, "its library .*truncated")
        libc.write_bytes(pathlib.Path("/lib64/ld-linux-x86-64.so.2").read_bytes())
        self.refused_line("a library of another machine", flags, guest, "its library .*a program for amd64, not for arm64")
        self.mutated(guest, flags, {loader: good, libc: bad})

    def mutated(self, guest, flags, files):
        """Never a crash of ours, never more than a line; whatever the guest does is its own affair."""
        for name in "libpthread.so.0", "libdl.so.2", "libm.so.6":
            shutil.copy(pathlib.Path(ARM64, "lib", name), files and next(iter(files)).parent / name)
        ended = {}
        for seed in range(60):
            change = random.Random(seed)
            for path, content in files.items():
                damaged = bytearray(content)
                for _ in range(change.choice((1, 4, 30))):
                    at = change.choice((change.randrange(64), change.randrange(0x400), change.randrange(len(damaged))))
                    damaged[at] = change.randrange(256)
                path.write_bytes(damaged if change.random() < 0.7 else content)
            status, _, err = run(self.program, "run", "--max-instructions", 30_000_000, *flags, guest, "call")
            ours = [line for line in err.decode(errors="replace").splitlines() if line.startswith("deferscope: ")]
            check(0 <= status < 256 and status != 1 and len(ours) == (status == 125), "mutated with seed %d: status %d, %s" % (seed, status, err))
            ended[status] = ended.get(status, 0) + 1
        print("mutated libraries ended runs with: %s" % ended)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True)
    parser.add_argument("--core", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("tests", nargs="*", default=["cases", "told", "draws", "later", "frames", "replay", "search", "race", "static", "system", "refused"])
    args = parser.parse_args()
    for needed, package in (ARM64 + "/lib/ld-linux-aarch64.so.1", "libc6-arm64-cross"), ("/lib64/ld-linux-x86-64.so.2", "libc6 of amd64"), ("/lib/ld-musl-x86_64.so.1", "musl"), (shutil.which("qemu-aarch64") or "/", "qemu-user"):
        if needed == "/" or not os.path.exists(needed):
            print("(not tried: %s is not installed)" % package)
            return 77
    args.program = os.path.abspath(args.program)
    with tempfile.TemporaryDirectory(prefix="deferscope-dynamic-", dir="/var/tmp") as folder:
        args.folder = os.path.realpath(folder)
        test = Test(args)
        for name in args.tests:
            getattr(test, name)()
    print("dynamic: %d checks, %s" % (count, "%d FAILED" % len(failures) if failures else "all held"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
