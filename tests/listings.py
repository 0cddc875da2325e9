#!/usr/bin/env python3
"""Listings as programs: tests/listings.py --program PATH [--only WORD] [--seeds FOLDER].

The archive of tests/guests/listings has, of each release and instruction set, the listing of tests/guests/src/listings and what the compiled program did.
With --seeds the listings are those of the articles in that folder (seed 003, seed 001), which is not part of the project: without it the test is skipped.
"""
import argparse
import pathlib
import re
import sys
import tarfile

import harness
from harness import expect

ARCHIVE = pathlib.Path(__file__).resolve().parent / "guests" / "listings" / "listings.tar.xz"
NOTE = re.compile(r"^deferscope: note: .*\n", re.MULTILINE)


def release_of(name):
    return name.split("_")[0]


class Archive:
    def __init__(self):
        with tarfile.open(ARCHIVE) as tar:
            self.files = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
        self.listings = sorted(name for name in self.files if name.endswith(".s"))

    def expected(self, listing, end):
        """Of Go 1.11, whose programs the runtime model does not know, what 1.12's does."""
        name = listing[:-2].replace("1.11.13", "1.12.17")
        return self.files["%s.%s" % (name, end)]

    def put(self, folder, listing):
        (folder / listing).write_bytes(self.files[listing])
        return folder / listing


def version_cases(archive):
    """Of each listing: output and semantics are the compiled program's, whatever runs it and however its version is known."""
    def case_of(listing):
        def case(bench):
            path, golden = archive.put(bench.folder, listing), bench.folder / "expected.golden"
            golden.write_bytes(archive.expected(listing, "golden"))
            wanted = archive.expected(listing, "err").decode()
            minor = ".".join(release_of(listing).split(".")[:2])
            for words in ([], ["--go", minor], ["--block", "0"], ["--engine", "jit"]):
                status, out, err = bench.call("run", *words, path)
                expect(status == 0, "run %s: status %d: %s" % (" ".join(words), status, err[-300:]))
                expect(out == b"" and NOTE.sub("", err) == wanted, "run %s: another output:\n%s" % (" ".join(words), err))
            status, out, err = bench.call("check", golden, path)
            expect(status == 0, "check: status %d: %s%s" % (status, out.decode()[:2000], err))
            status, out, err = bench.call("info", path)
            expect(status == 0 and b"a listing of go tool compile -S" in out, "info: %s%s" % (out.decode(), err))
            shape = re.search(r"version +(\S+), from its shape: go(1\.\d+)(?: to go(1\.\d+))?", out.decode())
            expect(shape, "info says no shape: " + out.decode())
            first, last = (int(v.split(".")[1]) for v in (shape[2], shape[3] or shape[2]))
            expect(first <= int(minor.split(".")[1]) <= last, "the shape says %s to %s" % (first, last))
        case.__name__ = listing[:-2]
        return case
    return [case_of(listing) for listing in archive.listings]


def calls_one_function(archive):
    def one_function(bench):
        for listing in archive.listings:
            path = archive.put(bench.folder, listing)
            for name, argument, result in (("main.namedResult", 1, 4), ("namedResult", -7, -4), ('"".local', 5, 5), ("main.setByReturn", 40, 42)):
                status, out, err = bench.call("run", "--call", name, path, argument)
                text = out.decode()
                expect(status == 0 and re.search(r"returned: (AX = |R0 = )?%d$" % result, text.strip()),
                       "%s --call %s %d: status %d: %s%s" % (listing, name, argument, status, text, err))
            status, out, err = bench.call("run", "--call", "main.absent", path)
            expect(status == 125 and "--call main.absent: it has no such function" in err, "an absent function: %d %s" % (status, err))
    return one_function


def stepped(archive):
    def stepper(bench):
        path = archive.put(bench.folder, "1.13.15_amd64.s")
        commands = "break main.namedResult\\nc\\ndis\\nstack\\nq\\n".replace("\\n", "\n")
        status, out, err = bench.call("step", path, stdin=commands.encode())
        text = out.decode()
        expect(status == 0, "step: status %d: %s" % (status, err))
        for wanted in ('MOVQ $0, "".result+', 'LEAQ "".namedResult.func1·f(SB), AX', "main.namedResult  main.go:"):
            expect(wanted in text, "the stepper shows no %s:\n%s" % (wanted, text[:3000]))
        for arch, text_of in (("amd64", 'CALL runtime.deferproc'), ("arm64", 'CALL runtime.deferproc')):
            path = archive.put(bench.folder, "1.12.17_%s.s" % arch)
            status, out, err = bench.call("disasm", "-s", "^main.namedResult$", path)
            expect(status == 0 and text_of in out.decode() and '"".result' in out.decode(), "disasm: %s%s" % (out.decode(), err))
            status, out, err = bench.call("defers", path)
            expect(status == 0 and "main.inLoop" in out.decode(), "defers: %s%s" % (out.decode(), err))
    return stepper


def drawn(archive):
    def drawing(bench):
        for listing in ("1.12.17_amd64.s", "1.16.15_arm64.s", "1.27.4_amd64.s"):
            path = archive.put(bench.folder, listing)
            status, out, err = bench.call("draw", "--at", "main.namedResult.func1", path)
            text = out.decode()
            expect(status == 0 and "main.namedResult" in text and "result" in text, "draw of %s: status %d: %s%s" % (listing, status, text[:1500], err))
    return drawing


ARTICLE = """# An article

The call of `deferproc` is at +77:

    0x004d 00077 (main.go:17)\tCALL\truntime.deferproc(SB)

%s

and that is all.
"""


def articles(archive):
    """What pages do to a listing: prose, entities, typographic quotes, mojibake, numbers before lines, Windows' line ends, comments, twice the same."""
    def article(bench):
        plain = archive.files["1.13.15_amd64.s"].decode()
        wanted = archive.expected("1.13.15_amd64.s", "err").decode()
        instruction = re.compile(r"^(\t0x[0-9a-f]{4} \d{5} \([^)]*\)\t(?:MOVQ|CALL)\t[^{;]*)$", re.MULTILINE)
        forms = {
            "prose": ARTICLE % plain,
            "build": "# command-line-arguments\n" + plain,
            "windows": plain.replace("\n", "\r\n"),
            "entities": plain.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;"),
            "quotes": plain.replace('"".', "“”.").replace('go.string."', "go.string.“"),
            "mojibake": plain.replace("·", "Â·"),
            "unknown": plain.replace("·", "\ufffd"),
            "numbered": "".join("%d-%s\n" % (i, line) for i, line in enumerate(plain.splitlines(), 7)),
            "columns": "".join("%5d  %s\n" % (i, line) for i, line in enumerate(plain.splitlines(), 7)),
            "quoted": "".join("> %s\n" % line for line in plain.splitlines()),
            "comments": instruction.sub(r"\1 ; what this is // for", plain),
            "twice": plain + "\nAgain:\n\n" + plain,
            "latin-1": None,
        }
        for form, text in forms.items():
            path = bench.folder / (form + ".md")
            path.write_bytes(plain.encode().replace("·".encode(), b"\xb7") if text is None else text.encode())
            status, out, err = bench.call("run", path)
            expect(status == 0 and NOTE.sub("", err) == wanted, "%s: status %d: %s" % (form, status, err[-600:]))
        status, out, err = bench.call("run", bench.folder / "prose.md")
        expect("1 lines of pieces" in err, "no note of the piece: " + err[:300])
        status, out, err = bench.call("run", bench.folder / "twice.md")
        expect("stand there again" in err, "no note of the repetition: " + err[:300])
        with open(bench.folder / "prose.md", "rb") as text:
            status, out, err = bench.call("run", "-", stdin=text)
        expect(status == 0 and NOTE.sub("", err) == wanted, "standard input: status %d: %s" % (status, err[-600:]))
        cut = plain.index('"".slices STEXT')
        (bench.folder / "one.s").write_text(plain[:cut])
        (bench.folder / "two.s").write_text(plain[cut:])
        status, out, err = bench.call("run", bench.folder / "one.s", bench.folder / "two.s")
        expect(status == 0 and NOTE.sub("", err) == wanted, "two files: status %d: %s" % (status, err[-600:]))
        status, out, err = bench.call("run", bench.folder / "one.s")
        expect(status == 125 or NOTE.sub("", err) != wanted, "half of it did all")
    return article


def without_bytes(archive):
    def bare(bench):
        plain = archive.files["1.13.15_amd64.s"].decode()
        path = bench.folder / "bare.s"
        path.write_text("".join(line for line in plain.splitlines(keepends=True) if not re.match(r"\t0x[0-9a-f]{4}( [0-9a-f]{2})+ ", line)))
        status, out, err = bench.call("run", path)
        expect(status == 125 and err.count("\n") == 1, "no bytes: status %d: %s" % (status, err))
        expect("a listing without bytes" in err and "go tool compile -S main.go > listing.s" in err, "no bytes: " + err)
        status, out, err = bench.call("run", "--assemble", path)
        expect(status == 125 and "main.go is not there" in err, "--assemble without source: %d %s" % (status, err))
    return bare


def errors(archive):
    def says_why(bench):
        path = archive.put(bench.folder, "1.22.12_arm64.s")
        for words, text in ((["--go", "1.9"], "listings of go1.11 to go1.27 are known"), (["--call", "main.local"], "")):
            status, out, err = bench.call("run", *words, path)
            expect(not text or (status == 125 and text in err), "%s: status %d: %s" % (words, status, err))
        plain = archive.files["1.22.12_arm64.s"].decode()
        other = bench.folder / "other.s"
        other.write_text(plain.replace("runtime.printint", "example.com/unknown.F"))
        status, out, err = bench.call("run", other)
        expect(status == 125 and "example.com/unknown.F" in err and "neither in the listing nor modelled" in err and "main.main+" in err, "an unknown function: %d %s" % (status, err))
        other.write_text(plain.replace("R_ADDRARM64", "R_ARM64_GOTPCREL"))
        status, out, err = bench.call("run", other)
        expect(status == 125 and re.search(r": line \d+: relocation t=R_ARM64_GOTPCREL is for position-independent code", err), "-dynlink: %d %s" % (status, err))
        text = re.search(r'^main\.\.(stmp_\d+) SRODATA .*\n\t.*\n\trel 0\+8 t=R_ADDR go:string\."bottom"', plain, re.MULTILINE)[1]  # what panic("bottom") carries
        other.write_text(plain.replace("main..%s SRODATA" % text, "main..else SRODATA"))
        status, out, err = bench.call("run", other)
        expect("main..%s, which is neither in it nor modelled: touching it ends the run" % text in err, "no note of a missing symbol: " + err[:600])
        expect(status == 125 and re.search(r"main\.\S+ at 0x[0-9a-f]+, position \d+, uses main\.\.%s, which is neither in the listing nor modelled" % text, err),
               "a missing symbol: status %d: %s" % (status, err[-600:]))
        cut = plain[:plain.index("main.setByReturn STEXT") + 3000]
        other.write_text(cut)
        status, out, err = bench.call("run", "--call", "main.namedResult", other, 1)
        expect(status == 0 and "returned: R0 = 4" in out.decode() and re.search(r"other.s:\d+: main.setByReturn is passed over: \d+ of its \d+ bytes are missing", err),
               "a cut listing: %d %s%s" % (status, out.decode(), err[:600]))
        status, out, err = bench.call("run", other)
        expect(status == 125 and "it has no main.main" in err, "a listing without main: %d %s" % (status, err[-300:]))
    return says_why


def seed_cases(folder):
    def find(number):
        found = sorted(folder.glob("%s_*.txt" % number))
        expect(found, "seed %s is not in %s" % (number, folder))
        return found[0]

    def runs_as_it_stands(bench):
        status, out, err = bench.call("run", find("003"))
        expect(status == 0 and NOTE.sub("", err) == "4\n1\n3\n", "status %d: %s" % (status, err))

    def functions_alone(bench):
        for name, result in (("DeferFunc1", 4), ("DeferFunc2", 1), ("DeferFunc3", 3)):
            status, out, err = bench.call("run", "--call", '"".' + name, find("003"), 1)
            expect(status == 0 and out.decode() == '"".%s returned: %d\n' % (name, result), "%s: status %d: %s%s" % (name, status, out.decode(), err))

    def stack_before_deferproc(bench):
        """The article's picture: deferproc's two arguments and the closure's at the bottom, then the frame's end, then i and t in the caller's."""
        status, out, err = bench.call("draw", "--at", "main.DeferFunc1+77", "--frames", "2", find("003"))
        text = out.decode()
        expect(status == 0 and "main.DeferFunc1+77  CALL runtime.deferproc(SB)" in text, "draw: status %d: %s%s" % (status, text, err))
        for sp, word, what in ((0, "8", "siz  argument of runtime.deferproc"), (8, "main.DeferFunc1.func1·f", "fn  argument of runtime.deferproc"), (16, "→ [0-9a-f]+ \\(t\\)", "argument \\+0 of main.DeferFunc1.func1"),
                               (24, "→ [0-9a-f]+", "main.main's BP  ◀ BP"), (32, "main.main\\+46", "return address"),
                               (40, "1", "i  argument of main.DeferFunc1"), (48, "1", "t  result of main.DeferFunc1")):
            expect(re.search(r"^[0-9a-f]+ +\+%d +%s +%s" % (sp, word, what), text, re.MULTILINE), "no word +%d like that in:\n%s" % (sp, text))

    def the_listings_lines(bench):
        status, out, err = bench.call("step", find("003"), stdin=b"break main.DeferFunc1+77\nc\ndis\nq\n")
        text = out.decode()
        for wanted in ('LEAQ "".DeferFunc1.func1·f(SB), AX', "▶ 0x40112d +77 CALL runtime.deferproc(SB)", 'MOVQ $0, "".t+48(SP)', 'MOVQ "".i+40(SP), AX'):
            expect(wanted in text, "no %s in:\n%s" % (wanted, text[:3000]))

    def without_bytes(bench):
        status, out, err = bench.call("run", find("001"))
        expect(status == 125 and "without bytes" in err and "go tool compile -S defer.go" in err, "status %d: %s" % (status, err))

    return [runs_as_it_stands, functions_alone, stack_before_deferproc, the_listings_lines, without_bytes]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=pathlib.Path)
    args = parser.parse_args()
    if args.seeds:
        if not args.seeds.is_dir():
            harness.skip("the articles' own listings: no folder %s" % args.seeds.name)
        cases = seed_cases(args.seeds)
    else:
        archive = Archive()
        cases = [make(archive) for make in (calls_one_function, stepped, drawn, articles, without_bytes, errors)] + version_cases(archive)
    return harness.run_cases(harness.named(cases, args.only), lambda folder: harness.Bench(args.program, folder))


if __name__ == "__main__":
    sys.exit(main())
