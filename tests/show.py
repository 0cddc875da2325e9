#!/usr/bin/env python3
"""Traces that are kept: tests/show.py --program PATH --guests FOLDER [--shard I/N].

`run --events=FILE.jsonl`, shown, is byte for byte what `run --events=FILE` writes of the same guest: every core guest, some cases in turn. Filters choose
whole events. What is a prefix is shown and said to be one; what is no trace, or damaged, gets one line and status 2; no cut crashes. Memory does not grow
with the trace.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import harness
import trace_lines

CASES = ("panic-nested panic-repanic panic-loopframes recover-depths goexit-recovered stack-growloop defer-argsmany recover-inlined fault-nil "
         "panic-openframes rangefunc-defer defer-mixed crash-repanic defer-nilfunc exit-deferred defer-results").split()
SECONDS = 300  # a hang is a failure
tally = harness.Tally()
expect = tally.expect


class Bench(harness.Bench):
    def __init__(self, program, folder):
        super().__init__(program, folder)
        self.trace, self.text = folder / "t.jsonl", folder / "t.txt"

    def show(self, *words, stdin=b""):
        return self.call("show", *words, stdin=stdin)

    def refused(self, data, pattern):
        status, out, err = self.show("-", stdin=data)
        expect(status == 2 and err.count("\n") == 1 and re.search(pattern, err), "not refused with %s: %d %s%s" % (pattern, status, out[-200:], err))


def same_text(bench, guest, case):
    for scope in ("user", "all"):
        text = bench.call("run", "--scope", scope, "--events=%s" % bench.text, guest, case)
        json = bench.call("run", "--events=%s" % bench.trace, guest, case)
        expect(text == json, "%s %s: text and JSON end differently" % (guest.name, case))
        shown = bench.show("--scope", scope, bench.trace)
        expect(shown == (0, bench.text.read_bytes(), ""), "%s %s --scope %s: shown otherwise than run prints it: %s" % (guest.name, case, scope, shown[2]))
        expect(shown[1].count(b"\n") > 1, "%s %s: nothing is shown" % (guest.name, case))


def paragraphs(text):
    """The events of a text: a line with a position and those below it; goroutines and the summary left out."""
    out = []
    for line in text.decode().splitlines():
        if re.match(r" +@[\d,]+ ", line):
            out.append(line)
        elif out and line.startswith("   "):
            out[-1] += "\n" + line
    return out


def filters(bench, guest, case):
    bench.call("run", "--events=%s" % bench.trace, guest, case)
    _, events, _ = trace_lines.split(bench.trace.read_text())
    everything = paragraphs(bench.show("--scope", "all", bench.trace)[1])

    def at(e):
        return (e["shown"] or e)["position"]

    def names(e):
        function = (e.get("defer") or {}).get("function") or {}
        return [n for n in ((e["frame"] or {}).get("function"), (e["shown"] or {}).get("function"), function.get("symbol"), function.get("wraps")) if n]

    middle = at(events[len(events) // 2])
    user = next(e for e in events if e["event"] == "defer.push" and e["origin"] == "user")
    tried = [(["--kind", "defer.push"], lambda e: e["event"] == "defer.push"),
             (["--kind", "defer.push", "--kind", "stack.move"], lambda e: e["event"] in ("defer.push", "stack.move")),
             (["--goroutine", user["goroutine"]], lambda e: e["goroutine"] == user["goroutine"]), (["--goroutine", "77777"], lambda e: False),
             (["--from", middle], lambda e: at(e) >= middle), (["--to", middle], lambda e: at(e) <= middle),
             (["--from", at(user), "--to", at(user), "--kind", "defer.push"], lambda e: at(e) == at(user) and e["event"] == "defer.push"),
             (["--function", "^main[.]"], lambda e: any(n.startswith("main.") for n in names(e)))]
    for words, wanted in tried:
        status, out, err = bench.show("--scope", "all", *words, bench.trace)
        got = paragraphs(out)
        told = "%s %s %s" % (guest.name, case, words)
        # jmpdefer is several paragraphs, and an exit as everybody expects it none.
        plain = [e for e in events if wanted(e) and e["event"] not in ("jmpdefer", "exit")]
        if not any(e["event"] == "jmpdefer" and wanted(e) for e in events):
            expect(abs(len(got) - len(plain)) <= 1 and len(got) >= len(plain), "%s: %d events, not %d" % (told, len(got), len(plain)))
        expect(status == 0 and not err, "%s: %d %s" % (told, status, err))
        expect(b" pushed, " not in out, "%s: counts what it does not show" % told)
        expect(set(got) <= set(everything), "%s: shows what is not there: %s" % (told, (set(got) - set(everything)) or ""))


def prefixes(bench, guest):
    bench.call("run", "--events=%s" % bench.trace, guest, "defer-mixed")
    data = bench.trace.read_bytes()
    whole = bench.show("--scope", "all", bench.trace)[1]
    lines = data.splitlines(keepends=True)
    header = len(lines[0])
    cuts = sorted({0, 1, header - 1, header, header + 1, len(data) // 3, len(data) // 2, len(data) - 2, len(data) - 1, len(data) - len(lines[-1]),
                   *range(header, len(data), len(data) // 40)})
    for n in cuts:
        status, out, err = bench.show("--scope", "all", "-", stdin=data[:n])
        if n < header:
            expect((status, out) == (2, b"") and re.fullmatch(r"deferscope: standard input: no trace: .*\n", err), "cut at %d: %d %s" % (n, status, err))
        else:
            expect(status == 0 and whole.startswith(out), "cut at %d: %d, not a beginning" % (n, status))
            expect(err == "deferscope: note: standard input: a prefix: the trace has no end\n", "cut at %d: %s" % (n, err))
    # Runs that are ended.
    status, _, why = bench.call("run", "--max-instructions", "900000", "--events=%s" % bench.trace, guest, "defer-mixed")
    bench.call("run", "--max-instructions", "900000", "--events=%s" % bench.text, guest, "defer-mixed")
    shown = bench.show(bench.trace)
    expect(status == 125 and shown == (0, bench.text.read_bytes(), "deferscope: note: %s: the guest did not end: %s" % (bench.trace, why.removeprefix("deferscope: "))), "a limit: %r" % (shown,))
    # Damage.
    for bad, pattern in ((b"", "no trace: it is empty"), (b"hello\n", "standard input:1: no trace: column 1"), (b"".join(lines[1:]), "standard input:1: no trace: .*another schema"),
                         (data.replace(b"trace/1", b"trace/9"), "standard input:1: no trace: .*trace/9.* is another schema than deferscope.trace/1"),
                         (b"".join(lines[:5] + [b"{}\n"] + lines[5:]), "standard input:6: "), (b"".join(lines[:5] + lines[6:]), r"standard input:%d: the end counts" % (len(lines) - 1)),
                         (data + b"\n", "standard input:%d: something stands behind the end" % (len(lines) + 1)), (b"\x7fELF" + bytes(5000), "no trace"),
                         (pathlib.Path(bench.program).read_bytes()[:1 << 20], "no trace")):
        bench.refused(bad, pattern)
    for words, pattern in (([bench.folder], "Is a directory"), ([bench.folder / "none"], "No such file"), (["--function", "(", bench.trace], "--function"),
                           (["--kind", "defer", bench.trace], "--kind"), ([], "FILE")):
        status, out, err = bench.show(*words)
        expect((status, out) == (2, b"") and err.count("\n") == 1 and pattern in err, "%s: %d %s" % (words, status, err))
    # Names that would write on the reader's screen.
    status, out, _ = bench.show("--scope", "all", "-", stdin=re.sub(rb'"main[.](?!main returned)', rb'"main\\u001b[31m\\u202e.', data))
    expect(status == 0 and b"\x1b" not in out and "\u202e".encode() not in out and rb"main\x1b[31m\u202e." in out, "names are not escaped: %d" % status)
    # A reader that is gone.
    gone = subprocess.run("'%s' show --scope all '%s' | head -n 1" % (bench.program, bench.trace), shell=True, capture_output=True, timeout=SECONDS)
    expect(gone.returncode == 0, "a reader that is gone: %s" % gone)
    full = os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run([bench.program, "show", "--scope", "all", bench.trace], stdout=full, stderr=subprocess.PIPE, timeout=SECONDS)
    os.close(full)
    expect(done.returncode == 2 and b"No space left" in done.stderr, "a full disk: %s" % done)


def constant_memory(bench, guest):
    """A trace of forty thousand events more takes no more memory."""
    sizes = []
    for n in (4_000_000, 9_000_000):
        bench.call("run", "--max-instructions", n, "--events=%s" % bench.trace, guest, "bench-all")
        child = os.spawnvp(os.P_NOWAIT, "/bin/sh", ["/bin/sh", "-c", "exec '%s' show '%s' >/dev/null 2>&1" % (bench.program, bench.trace)])
        _, status, used = os.wait4(child, 0)
        expect(status == 0, "show ended with %d" % status)
        sizes.append((bench.trace.stat().st_size, used.ru_maxrss))
    expect(sizes[1][0] > sizes[0][0] + 20_000_000, "the traces are of one size: %s" % sizes)
    expect(sizes[1][1] < sizes[0][1] + 3000, "memory grows with the trace: %s" % sizes)


def same_everywhere(bench, guest):
    """The same guest in another folder gives the same bytes. (A guest reads its absolute path: of the same length here.)"""
    copies = []
    for name in ("here", "over"):
        folder = bench.folder / name
        folder.mkdir()
        (folder / "guest").write_bytes(guest.read_bytes())
        subprocess.run([bench.program, "run", "--events=%s" % bench.trace, "./guest", "defer-mixed"], cwd=folder, stdout=subprocess.DEVNULL, timeout=SECONDS)
        copies.append(bench.trace.read_text())
    expect(copies[0] == copies[1] and str(bench.folder) not in copies[0], "two traces of the same run differ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    parser.add_argument("--shard", default="0/1")
    args = parser.parse_args()
    shard, shards = map(int, args.shard.split("/"))
    guests = sorted(args.guests.glob("cases*_linux_*"))
    if not guests:
        harness.skip("no guests")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args.program.resolve(), pathlib.Path(folder))
        runs = 0
        for n, guest in enumerate(guests):
            if n % shards != shard:
                continue
            listed = bench.call("run", guest, "list")[1].decode().split()
            for i, case in enumerate(CASES):
                if (n + i) % 4 == 0 and case in listed:
                    same_text(bench, guest, case)
                    runs += 1
            if n % 4 == shard % 4:
                filters(bench, guest, "panic-nested")
        if shard == 0:
            prefixes(bench, guests[0])
            same_everywhere(bench, guests[0])
            constant_memory(bench, next(g for g in guests if g.name.startswith("cases_")))
    print("%d runs of %d guests, %d failures" % (runs, len(guests), tally.failures))
    sys.exit(tally.failures != 0)


if __name__ == "__main__":
    main()
