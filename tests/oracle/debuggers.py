#!/usr/bin/env python3
"""_defer records as debuggers read them from the running program, against `deferscope snap`: tests/oracle/debuggers.py gdb|delve [options].

gdb    The program runs by itself (no address randomisation, a hardware breakpoint at the same pc, reached as often); gdb reads g._defer and
       follows the links. Every field of every record must agree. Addresses that the run decides are compared by what they are: a distance from
       the stack's upper end, the n-th record, a closure of that function.
delve  Of the releases that delve supports, the linked records that `stack -defer` lists must be among those of deferscope, with the same
       function and the same frame that deferred it. Delve is fetched through the Go module proxy; this needs Go and runs with --all only.

Exit status 77: the tool is not here (skipped).
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What runs, and where it stops: at a function's first call of another of main (behind the check of the stack, which may run twice), and for the how manieth
# time. The goroutine there has linked records of several kinds.
POINTS = [("defer-mixed", "main.markString", 1), ("defer-loop", "main.mark8", 2), ("panic-loopframes", "main.mark8", 3),
          ("panic-through", "main.mark8", 1), ("defer-argsbig", "main.markBulk", 2), ("stack-growloop", "main.descend", 700)]
DELVE = "1.27.2"
DELVE_RELEASES = ("1.25.14", "1.26.11", "1.27.4")

GDB = r"""
set pagination off
set confirm off
set disable-randomization on
set startup-with-shell off
set auto-load off
# A preempting signal at the breakpoint would count as one more arrival; they come when the machine is busy.
set environment GODEBUG asyncpreemptoff=1
starti %(case)s
hbreak *%(pc)s
ignore 1 %(ignore)d
continue
python
import gdb, json
memory = gdb.selected_inferior()
def read(address, n):
    return bytes(memory.read_memory(address, n))
def word(address):
    return int.from_bytes(read(address, 8), "little")
g = word(int(gdb.parse_and_eval("$fs_base")) - 8)
out = {"pc": int(gdb.parse_and_eval("$pc")), "lo": word(g), "hi": word(g + 8), "records": []}
d = word(g + %(g_defer)d)
while d and len(out["records"]) < 100:
    fn = word(d + %(fn)d)
    entry = word(fn) if fn else 0
    out["records"].append({"at": d, "bytes": read(d, %(size)d).hex(), "entry": entry})
    d = word(d + %(link)d)
print("RECORDS " + json.dumps(out))
end
kill
"""


def first_call(program, guest, function):
    done = subprocess.run([program, "disasm", "--json", "-s", "^%s$" % re.escape(function), guest], capture_output=True, text=True, check=True)
    for i in json.loads(done.stdout.splitlines()[0])["instructions"]:
        if i["go"].startswith("CALL main."):
            return i["pc"]
    sys.exit("%s: %s calls nothing of main" % (guest, function))


def snap(program, guest, case, where):
    done = subprocess.run([program, "snap", "--raw", "--at", where, guest, case], capture_output=True, text=True)
    if done.returncode:
        sys.exit("snap %s %s: %s" % (guest, case, done.stderr))
    j = json.loads(done.stdout)
    g = next(g for g in j["goroutines"] if g["id"] == j["goroutine"])
    return j, g


def linked(g):
    """Records that g._defer reaches by links, with their fields (an open-coded slot has none of its own): pending ones, and those that a panic
    has started and left there (to 1.21). The list is in order of frames; of one frame those come first that were started first."""
    running = [e for e in g["running"] if e["storage"] in ("heap", "stack") and e["record"]]
    pending = [e for e in g["chain"] if e["storage"] in ("heap", "stack") and e["fields"] and not e["unlinked"]]
    return sorted(running + pending, key=lambda e: int(e["sp"], 16))


def meaning(value, name, lo, hi, records, entry):
    if name == "fn" and value:
        return ("closure of", entry)
    if value in records:
        return ("record", records.index(value))
    if lo <= value <= hi:
        return ("below the stack's end", hi - value)
    if value >> 32 == 0xc0:
        return ("heap",)
    return value


def fields(raw, entry, layout, lo, hi, records):
    out = {}
    for f in layout:
        value = int.from_bytes(raw[f["offset"]:f["offset"] + f["size"]], "little")
        out[f["name"]] = meaning(value, f["name"], lo, hi, records, entry)
    return out


def gdb_point(args, guest, case, function, nth):
    j, g = snap(args.program, guest, case, "*%s#%d" % (first_call(args.program, guest, function), nth))
    ours = linked(g)
    if not ours:  # all of them open-coded
        return 0, []
    layout = ours[0]["fields"]
    offset = {f["name"]: f["offset"] for f in layout}
    with tempfile.NamedTemporaryFile("w", suffix=".gdb") as script:
        script.write(GDB % {"case": case, "pc": j["at"]["pc"], "ignore": nth - 1, "g_defer": 40, "fn": offset["fn"],
                            "link": offset["link"], "size": len(ours[0]["bytes"]) // 2})
        script.flush()
        done = subprocess.run(["gdb", "-nx", "-batch", "-x", script.name, guest], capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL)
    found = re.search(r"^RECORDS (.*)$", done.stdout, re.M)
    if not found:
        return 0, ["%s %s: gdb says\n%s%s" % (guest, case, done.stdout[-800:], done.stderr[-800:])]
    theirs = json.loads(found.group(1))
    # An openDefer record (1.14 to 1.21) stands for its frame's slots, which the chain shows instead of it.
    their_records = [r for r in theirs["records"] if not ("openDefer" in offset and bytes.fromhex(r["bytes"])[offset["openDefer"]])]
    wrong, same_bytes = [], 0
    if theirs["pc"] != int(j["at"]["pc"], 16):
        wrong.append("pc %#x" % theirs["pc"])
    if len(their_records) != len(ours):
        wrong.append("%d records, gdb has %d" % (len(ours), len(their_records)))
    every = [int(e["record"], 16) for e in ours]
    open_ours = [int(e["record"], 16) for e in g["chain"] if e["storage"] == "open-coded" and e["record"]]
    open_theirs = [r["at"] for r in theirs["records"] if r not in their_records]
    lo, hi = int(g["stack"]["lo"], 16), int(g["stack"]["hi"], 16)
    for i, (a, b) in enumerate(zip(ours, their_records)):
        raw_a, raw_b = bytes.fromhex(a["bytes"]), bytes.fromhex(b["bytes"])
        same_bytes += raw_a == raw_b
        entry = a["function"] and (a["function"].get("entry") or a["function"].get("pc"))
        fa = fields(raw_a, int(entry or "0", 16), layout, lo, hi, every + sorted(set(open_ours)))
        fb = fields(raw_b, b["entry"], layout, theirs["lo"], theirs["hi"], [r["at"] for r in their_records] + sorted(set(open_theirs)))
        for name in fa:
            if fa[name] != fb[name]:
                wrong.append("record %d, %s: %s, gdb reads %s" % (i, name, fa[name], fb[name]))
    print("%-45s %-18s %2d records, %2d of them with the very same bytes" % (pathlib.Path(guest).name, case, len(ours), same_bytes))
    return len(ours), ["%s %s: %s" % (pathlib.Path(guest).name, case, w) for w in wrong]


def core(args, part):
    names = sorted(p.name for p in pathlib.Path(args.guests).iterdir() if part in p.name and p.name.startswith("cases"))
    return [str(pathlib.Path(args.guests) / n) for n in names if args.only in n]


def with_gdb(args):
    if not shutil.which("gdb"):
        print("skipped: no gdb")
        return 77
    if os.uname().machine != "x86_64":
        print("skipped: gdb runs the programs itself, they are for amd64")
        return 77
    wrong, n, points = [], 0, 0
    for i, guest in enumerate(core(args, "_linux_amd64_")):
        for k, point in enumerate(POINTS):
            if not args.all and (i + k) % len(POINTS):
                continue
            found, why = gdb_point(args, guest, *point)
            n, points, wrong = n + found, points + 1, wrong + why
    print("\n".join(wrong))
    print("gdb: %d records at %d points, %d differences" % (n, points, len(wrong)))
    return 1 if wrong or not n else 0


def delve(args):
    folder = pathlib.Path(args.tools) / ("delve-" + DELVE)
    dlv = folder / "dlv"
    if not dlv.exists():
        if not shutil.which("go"):
            print("skipped: no Go to build delve with")
            return None
        env = dict(os.environ, GOBIN=str(folder), GOFLAGS="", GOENV="off", GOTOOLCHAIN="auto", CGO_ENABLED="0")
        done = subprocess.run(["go", "install", "github.com/go-delve/delve/cmd/dlv@v" + DELVE], env=env, capture_output=True, text=True,
                              cwd="/")
        if done.returncode:
            print("skipped: delve could not be built: " + done.stderr.strip()[-300:])
            return None
    return str(dlv)


def delve_point(args, dlv, guest, case, function, nth):
    j, g = snap(args.program, guest, case, "*%s#%d" % (first_call(args.program, guest, function), nth))
    # Delve names what a wrapper calls, not the wrapper.
    ours = {(name, e["owner"]) for e in g["chain"] for name in (e["function"]["symbol"], e["function"]["wraps"])}
    with tempfile.NamedTemporaryFile("w", suffix=".dlv") as script:
        script.write("break b1 %s\ncondition -hitcount b1 == %d\ncontinue\nstack 2000 -defer\nexit\n" % ("*" + j["at"]["pc"], nth))
        script.flush()
        command = [dlv, "exec", "--check-go-version=false", "--allow-non-terminal-interactive=true", "--init", script.name, guest, "--", case]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, TERM="dumb", HOME=args.tools))
    listed = re.findall(r"defer \d+: 0x[0-9a-f]+ in (\S+)\n(?:.*\n)?\s*deferred by (\S+)", done.stdout)
    wrong = ["%s %s: delve lists %s deferred by %s" % (pathlib.Path(guest).name, case, f, o) for f, o in listed if (f, o) not in ours]
    print("%-45s %-18s %2d listed by delve, %2d in our chain" % (pathlib.Path(guest).name, case, len(listed), len(g["chain"])))
    if "hits" not in done.stdout and not listed:
        wrong.append("%s %s: delve says\n%s%s" % (guest, case, done.stdout[-800:], done.stderr[-800:]))
    return len(listed), wrong


LINES = "forms.go", range(320, 420)  # of the guests' source: conditional defers, loops, closures


def delve_lines(args, dlv, guest):
    """Line breakpoints: the addresses (or how many there are) that delve chooses are ours. Where its own is a jump to where paths join, one path
    only stops there: ours stands where the jump leads."""
    file, lines = LINES
    with tempfile.NamedTemporaryFile("w", suffix=".dlv") as script:
        script.write("".join("break b%d %s:%d\n" % (n, file, n) for n in lines) + "exit\n")
        script.flush()
        command = [dlv, "exec", "--check-go-version=false", "--allow-non-terminal-interactive=true", "--init", script.name, guest]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, env=dict(os.environ, TERM="dumb", HOME=args.tools))
    theirs = {int(n): [int(a, 16) for a in at.split(",")] for n, at in re.findall(r"Breakpoint b(\d+) set at (\S+) for", done.stdout)}
    said = subprocess.run([args.program, "step", "-x", "/dev/stdin", guest], input="".join("break %s:%d\n" % (file, n) for n in sorted(theirs)),
                          capture_output=True, text=True).stdout
    wrong = [] if theirs else ["%s: delve says\n%s" % (guest, done.stdout[-800:])]
    for n, at in theirs.items():
        one = re.search(r"^breakpoint \d+: %s:%d  \(0x([0-9a-f]+) " % (file, n), said, re.M)
        several = re.search(r"^breakpoint \d+: %s:%d  \((\d+) places" % (file, n), said, re.M)
        ours = int(one.group(1), 16) if one else None
        if (1 if one else int(several.group(1)) if several else 0) != len(at) or (one and ours != at[0] and not jumps_to(args, guest, at[0], ours)):
            wrong.append("%s %s:%d: %s, delve has %s" % (pathlib.Path(guest).name, file, n, one and hex(ours) or several and several.group(0), [hex(a) for a in at]))
    print("%-45s line breakpoints: %d compared" % (pathlib.Path(guest).name, len(theirs)))
    return len(theirs), wrong


def jumps_to(args, guest, at, to):
    text = subprocess.run([args.program, "step", "-c", "dis *%#x" % at, guest], capture_output=True, text=True).stdout
    return re.search(r"%#x \+\d+ +JMP %#x" % (at, to), text) is not None


os.environ["COLUMNS"] = "10000"  # step's answers are read by lines
STORIES = "ifdefer opengrow named watch next nilfunc missed wraps".split()  # no wrappers with lines of their own, one goroutine
STORY_RELEASES = ("1.13.15", "1.17.13", "1.22.12", "1.25.14", "1.27.4")
STOPS = 24  # of each case


def story_delve(args, dlv, guest, case, lines):
    """Breakpoints on all lines of the case's file that delve takes, and for each of the first stops: pc and variables."""
    with tempfile.NamedTemporaryFile("w", suffix=".dlv") as script:
        script.write("".join("break b%d stories/%s.go:%d\n" % (n, case, n) for n in lines))
        script.write("continue\nlocals\nargs\n" * STOPS + "exit\n")
        script.flush()
        command = [dlv, "exec", "--check-go-version=false", "--allow-non-terminal-interactive=true", "--init", script.name, guest, "--", case]
        out = subprocess.run(command, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL, env=dict(os.environ, TERM="dumb", HOME=args.tools)).stdout
    places = {int(n): [int(a, 16) for a in at.split(",")] for n, at in re.findall(r"Breakpoint b(\d+) set at (\S+) for", out)}
    stops = []
    for stop in re.split(r"(?m)^(?:> )", out)[1:]:
        pc = re.search(r"\(PC: (0x[0-9a-f]+)\)", stop)
        # Of several goroutines at breakpoints the first line is the one that stopped.
        function = re.match(r"(?:\[\w+\] )?(\S+)\(", stop)
        stops.append((int(pc[1], 16), function[1], re.findall(r"(?m)^\(?(\S+?)\)? = (.*)$", stop)))
    return places, stops


def story_ours(args, guest, case, lines):
    script = "".join("break stories/%s.go:%d\n" % (case, n) for n in lines) + "c\nlocals\nargs\n" * STOPS
    out = subprocess.run([args.program, "step", "-x", "/dev/stdin", guest, case], input=script, capture_output=True, text=True).stdout
    counts = {int(n): 1 if one else int(several) for n, one, several in re.findall(r"(?m)^breakpoint \d+: stories/%s\.go:(\d+)  \((?:0x([0-9a-f]+) |(\d+) places)" % case, out)}
    stops = []
    for answer in out.split("(ds) c\n")[1:]:
        pc = re.search(r"(?m)^▶ 0x([0-9a-f]+)", answer)
        if pc:
            values = collections.defaultdict(list)
            for name, value in re.findall(r"(?m)^&?(\S+) = (.*?)(?:  \(of inlined .*\))?$", answer):
                values[name].append(value)
            stops.append((int(pc[1], 16), values))
    return counts, stops


def plain_value(value):
    """A number, truth value, string or nil as both write it; None for all else."""
    if re.search(r"\bnil$", value):
        return "nil"
    if value == "0x0":
        return "0"
    # A number of seven digits is what an uninitialised variable holds by chance.
    return value.replace("−", "-") if re.fullmatch(r"[-−]?\d{1,6}|true|false|\".*\"", value) else None


def delve_story(args, dlv, guest, case):
    """Where lines break, in which order they are reached, and what variables hold there."""
    source = (ROOT / "tests/guests/src/stories" / (case + ".go")).read_text().split("\n")
    places, theirs = story_delve(args, dlv, guest, case, range(1, len(source)))
    entries = {at for n, all_at in places.items() if re.search(r"\bfunc\b.*\{$", source[n - 1]) for at in all_at}  # results hold anything there
    counts, ours = story_ours(args, guest, case, sorted(places))
    name, wrong, values = "%s %s" % (pathlib.Path(guest).name, case), [], 0
    for n, at in places.items():
        if counts.get(n, 0) != len(at):
            wrong.append("%s:%d: %d places, delve has %s" % (name, n, counts.get(n, 0), [hex(a) for a in at]))
    for k, (a, b) in enumerate(zip(ours, theirs)):
        if a[0] != b[0] and not jumps_to(args, guest, b[0], a[0]):
            wrong.append("%s: stop %d is at %#x, delve's at %#x" % (name, k, a[0], b[0]))
            break
        for variable, value in b[2]:
            wanted, got = plain_value(value), a[1].get(variable, [])
            # What a closure has captured and not yet loaded has no place in DWARF; delve takes it from the closure.
            if wanted is None or b[0] in entries or (not got and re.search(r"\.func\d", b[1])):
                continue
            # An error with its first word alone: delve takes the other one for nil.
            if wanted == "nil" and got == ["(optimised away)"]:
                continue
            values += 1
            if wanted not in map(plain_value, got) and not any(re.fullmatch(r"[-−]?\d{7,}", v) for v in got):
                wrong.append("%s: stop %d (%#x): %s is %s, delve has %s" % (name, k, b[0], variable, " ".join(got) or "not there", value))
    else:
        if len(ours) != len(theirs):
            wrong.append("%s: %d stops, delve has %d" % (name, len(ours), len(theirs)))
    print("%-60s %2d lines, %2d stops, %3d values" % (name, len(places), min(len(ours), len(theirs)), values))
    return len(theirs), wrong


INLINED = "main.openFile main.withArgument main.V.Indirect main.pair main.small.get main.(*test).Fail main.leave".split()


def delve_inlined(args, dlv, guest):
    """Functions that are inlined somewhere have a breakpoint in each copy."""
    with tempfile.NamedTemporaryFile("w", suffix=".dlv") as script:
        script.write("".join("break b%d %s\n" % (n, f) for n, f in enumerate(INLINED)) + "exit\n")
        script.flush()
        command = [dlv, "exec", "--check-go-version=false", "--allow-non-terminal-interactive=true", "--init", script.name, guest, "--", "list"]
        out = subprocess.run(command, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL, env=dict(os.environ, TERM="dumb", HOME=args.tools)).stdout
    theirs = {INLINED[int(n)]: at.count(",") + 1 for n, at in re.findall(r"Breakpoint b(\d+) set at (\S+) for", out)}
    said = subprocess.run([args.program, "step", "-x", "/dev/stdin", guest, "list"], input="".join("break %s\n" % f for f in theirs), capture_output=True, text=True).stdout
    ours = {f: int(several or 1) for f, several in re.findall(r"(?m)^breakpoint \d+: (\S+)  \((?:(\d+) places|0x)", said)}
    wrong = ["%s %s: %s places, delve has %d" % (pathlib.Path(guest).name, f, ours.get(f), n) for f, n in theirs.items() if ours.get(f) != n]
    print("%-60s %2d functions, %2d copies" % (pathlib.Path(guest).name, len(theirs), sum(theirs.values())))
    return len(theirs), wrong


def with_delve(args):
    if not args.all:
        print("skipped: runs with ./dev test --all")
        return 77
    if os.uname().machine != "x86_64":
        print("skipped: delve runs the programs itself, they are for amd64")
        return 77
    dlv = delve(args)
    if not dlv:
        return 77
    wrong, n = [], 0
    guests = [g for g in core(args, "_linux_amd64_nopt_dwarf") + core(args, "_linux_amd64_opt_dwarf") if any(r in g for r in DELVE_RELEASES)]
    for guest in guests:
        found, why = delve_lines(args, dlv, guest)
        n, wrong = n + found, wrong + why
        for point in POINTS:
            found, why = delve_point(args, dlv, guest, *point)
            n, wrong = n + found, wrong + why
    stories = sorted(g for g in map(str, pathlib.Path(args.stories).glob("stories_*_linux_amd64_opt_dwarf")) if args.only in g)
    for k, guest in enumerate(g for g in stories if any(r in g for r in STORY_RELEASES)):
        found, why = delve_inlined(args, dlv, guest)
        n, wrong = n + found, wrong + why
        for case in STORIES if args.only else STORIES[k % 2::2]:  # half of them: each takes seconds
            found, why = delve_story(args, dlv, guest, case)
            n, wrong = n + found, wrong + why
    print("\n".join(wrong))
    print("delve: %d records listed, %d differences" % (n, len(wrong)))
    return 1 if wrong or not n else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=["gdb", "delve"])
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--guests", default=str(ROOT / "build/guests-core"))
    parser.add_argument("--stories", default=str(ROOT / "build/guests-stories"))
    parser.add_argument("--tools", default=str(ROOT / "build/tools"), help="where delve is built")
    parser.add_argument("--only", default="", help="guests whose name contains this")
    parser.add_argument("--all", action="store_true", default=bool(os.environ.get("DEFERSCOPE_ALL")), help="every point in every guest")
    args = parser.parse_args()
    return with_gdb(args) if args.tool == "gdb" else with_delve(args)


if __name__ == "__main__":
    sys.exit(main())
