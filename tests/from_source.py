#!/usr/bin/env python3
"""Programs built from Go source: tests/from_source.py --program PATH --guests FOLDER [--real].

Without --real the `go` on PATH is one of ours, which knows two releases, writes down how it was called and gives committed guests for programs: what is
tested is what deferscope asks of it and makes of its answers. With --real it is Go's own, with the network, and what is built is compared with what
`go build` gives and with what the program prints natively.
"""
import argparse
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as xml

import harness
from harness import expect

FAKE_GO = """#!%(python)s
import json, os, pathlib, shutil, sys
args, guests, log = sys.argv[1:], pathlib.Path(%(guests)r), open(%(log)r, "a")
chain = os.environ.get("GOTOOLCHAIN", "local")
release = chain if chain.startswith("go1.") else "go1.27.4"
print(json.dumps({"args": args, "cwd": os.getcwd(), "env": {k: os.environ.get(k) for k in ("GOOS", "GOARCH", "GOTOOLCHAIN", "GOFLAGS", "GOENV", "GOPROXY", "CGO_ENABLED")}}), file=log)
def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)
if args[0] == "env":
    print(json.dumps({"GOPROXY": "http://proxy.invalid", "GOMODCACHE": %(modcache)r, "GOTOOLCHAIN": "auto"}))
elif args[0] == "version":
    if os.environ.get("OLD_GO"):
        release = "go1.19.13"
    if release == "go1.13.99":
        fail("go: downloading go1.13.99 (linux/amd64)\\ngo: download go1.13.99: not found")
    print("go version", release, "linux/amd64")
elif args[:3] == ["list", "-m", "-versions"]:
    if os.environ.get("NO_NETWORK"):
        fail("go: no route")
    print("go 1.13 1.13.15 1.13.2 1.26.11 1.27.4 1.27rc1 1.28rc1")
elif args[0] == "list":
    source = args[-1] if args[-1] != "." else "p.go"
    if not os.path.exists(source):
        fail("no Go files in " + os.getcwd())
    text = open(source).read()
    if "BROKEN" in text:
        fail("# command-line-arguments\\n./p.go:3:1: undefined: x\\n./p.go:4:1: undefined: y")
    name = text.split()[1]
    print("runtime\\truntime\\t/cache/runtime")
    print("m\\t%%s\\t/cache/%%d\\t%%s" %% (name, hash(text) %% 1, os.path.abspath(source)))
    if "-test" in args and "TESTS" in text:
        print("m.test\\tmain\\t/cache/t")
elif args[0] in ("build", "test"):
    out = args[args.index("-o") + 1]
    arch, minor = os.environ.get("GOARCH", "amd64"), release.split(".")[1]
    shutil.copy(min(guests.glob("cases*_1.%%s*_linux_%%s_opt_syms" %% (minor, arch))), out)
else:
    fail("unknown: %%r" %% args)
"""


class Place:
    """A folder with source, a cache and a PATH of its own."""

    def __init__(self, options, folder):
        self.options, self.root = options, pathlib.Path(folder)
        self.log, self.cache = self.root / "log", self.root / "cache"
        bin_ = self.root / "bin"
        bin_.mkdir()
        modcache = self.root / "mod"
        (modcache / "golang.org" / "toolchain@v0.0.1-go1.13.7.linux-amd64").mkdir(parents=True)
        go = bin_ / "go"
        go.write_text(FAKE_GO % {"python": sys.executable, "guests": str(options.guests), "log": str(self.log), "modcache": str(modcache)})
        go.chmod(go.stat().st_mode | stat.S_IXUSR)
        self.source("package main\nfunc main() {}\n")
        self.env = {"PATH": "%s:/usr/bin:/bin" % bin_, "HOME": str(self.root), "XDG_CACHE_HOME": str(self.cache), "GOFLAGS": "-buildvcs=false"}

    def source(self, text, name="p.go"):
        (self.root / name).write_text(text)

    def run(self, *words, **env):
        done = subprocess.run([self.options.program, *words], cwd=self.root, env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        return done

    def calls(self):
        """How go was called since the last time."""
        calls = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return calls

    def go(self, done, status=0):
        expect(done.returncode == status, "status %d: %s%s" % (done.returncode, done.stdout, done.stderr))
        return done

    def line(self, done, status, *parts):
        """It fails with one line that holds these parts."""
        self.go(done, status)
        expect(done.stderr.count("\n") == 1 and done.stderr.startswith("deferscope: "), "not one line: %r" % done.stderr)
        for part in parts:
            expect(part in done.stderr, "%r is not in %r" % (part, done.stderr))


def test_builds_what_is_asked(p):
    done = p.go(p.run("run", "--go", "1.13", "--target", "linux/arm64", "--gcflags", "-N -l", "p.go", "list"))
    expect("defer" in done.stdout, done.stdout)
    calls = p.calls()
    build = [c for c in calls if c["args"][0] == "build"]
    expect(len(build) == 1, "%r" % calls)
    expect("-gcflags=-N -l" in build[0]["args"] and build[0]["args"][-1] == "./p.go", "%r" % build)
    want = {"GOOS": "linux", "GOARCH": "arm64", "GOTOOLCHAIN": "go1.13.15", "GOFLAGS": "", "GOENV": "off", "GOPROXY": "http://proxy.invalid", "CGO_ENABLED": "0"}
    expect(build[0]["env"] == want, "%r" % build[0]["env"])
    expect(build[0]["cwd"] == str(p.root), build[0]["cwd"])
    info = p.go(p.run("info", "--json", "--go", "1.13", "--target", "linux/arm64", "--gcflags", "-N -l", "p.go"))
    expect('"go1.13.15"' in info.stdout and "arm64" in info.stdout, info.stdout[:400])
    expect(not [c for c in p.calls() if c["args"][0] == "build"], "built twice")


def test_all_verbs(p):
    target = ["--target", "linux/amd64"]
    for words in (["run", *target, "p.go", "list"], ["defers", *target, "p.go"], ["disasm", "-s", "^main.main$", *target, "p.go"], ["info", *target, "p.go"], ["snap", "--at", "100", *target, "p.go"], ["step", "-c", "si", *target, "p.go"]):
        done = p.go(p.run(*words))
        expect(done.stdout, "%r says nothing" % words)
    expect(len([c for c in p.calls() if c["args"][0] == "build"]) == 1, "one build serves all")


def test_draws_releases_beside_each_other(p):
    """The same moment of each; what cannot be had, or has no such moment, is one line, and the others come."""
    words = ["draw", "--go", "1.13,1.13.99,1.27", "--target", "linux/amd64", "p.go", "defer-loop"]
    at = ["--at", "runtime.deferproc#1", "--relative"]
    done = p.go(p.run(*words[:1], *at, *words[1:]))
    expect(done.stderr.count("\n") == 1 and done.stderr.startswith("deferscope: go1.13.99: "), done.stderr)
    heads = [i for i, line in enumerate(done.stdout.split("\n")) if line.startswith("go1.")]
    expect([done.stdout.split("\n")[i] for i in heads] == ["go1.13.15 linux/amd64", "go1.27.4 linux/amd64"], done.stdout)
    wide = p.go(p.run(*words[:1], *at, "--width", "140", *words[1:])).stdout.split("\n")
    expect(wide[0].startswith("go1.13.15 linux/amd64  ") and wide[0].endswith("go1.27.4 linux/amd64"), wide[0])
    expect(max(map(len, wide)) <= 140, "too wide")
    data = json.loads(p.go(p.run(*words[:1], *at, "--style", "json", *words[1:])).stdout)
    expect([d["program"] for d in data["drawings"]] == ["go1.13.15 linux/amd64", "go1.27.4 linux/amd64"], data["drawings"])
    expect([m["program"] for m in data["missing"]] == ["go1.13.99"], data["missing"])
    picture = p.go(p.run(*words[:1], *at, "--style", "svg", *words[1:])).stdout
    svg = "{http://www.w3.org/2000/svg}"
    figures = [[(float(r.get("x")), float(r.get("x")) + float(r.get("width"))) for r in g.iter(svg + "rect")]
               for g in xml.fromstring(picture).iter(svg + "g") if g.get("id", "").startswith("figure-")]
    expect(len(figures) == 2 and max(end for _, end in figures[0]) < min(begin for begin, _ in figures[1]), "not side by side")
    none = p.run("draw", "--at", "runtime.jmpdefer", "--go", "1.26.11,1.27", "--target", "linux/amd64", "p.go", "defer-loop")
    expect(none.returncode == 2 and none.stdout == "" and none.stderr.count("\n") == 2, "%r" % none)


def test_cache_is_by_content(p):
    p.go(p.run("run", "p.go", "list"))
    p.source("package main\nfunc main() { println() }\n")
    p.calls()
    p.go(p.run("run", "p.go", "list"))
    expect([c for c in p.calls() if c["args"][0] == "build"], "a changed file is built again")
    for key in (p.cache / "deferscope" / "builds").iterdir():
        expect(not key.name.startswith("making"), "left over: %s" % key)
        os.utime(key, (0, 0))
    p.source("package main\nfunc main() { println(1) }\n")
    p.go(p.run("run", "p.go", "list"))
    expect(len(list((p.cache / "deferscope" / "builds").iterdir())) == 1, "what nobody used goes")


def test_folders_tests_and_names(p):
    folder = p.root / "tool"
    folder.mkdir()
    shutil.copy(p.root / "p.go", folder / "p.go")
    p.go(p.run("run", "tool", "list"))
    build = [c for c in p.calls() if c["args"][0] == "build"][0]
    expect(build["args"][-1] == "." and build["cwd"] == str(folder) and build["args"][2].endswith("/tool"), "%r" % build)
    p.line(p.run("run", "--test", "tool"), 125, "the package has no tests")
    (folder / "p.go").write_text("package lib // TESTS\n")
    p.line(p.run("run", "tool"), 125, "package lib is no program", "--test")
    p.calls()
    p.go(p.run("run", "--test", "tool", "list"))
    build = [c for c in p.calls() if c["args"][0] == "test"][0]
    expect(build["args"][:3] == ["test", "-c", "-o"] and build["args"][3].endswith("/tool.test"), "%r" % build)
    p.line(p.run("defers", "bin"), 2, "is a directory")


def test_releases(p):
    p.line(p.run("run", "--go", "1.13..1.27", "p.go"), 125, "--go 1.13..1.27", "one release")
    for text, why in (("2.1", "no Go release"), ("1.13..", "no Go release"), ("1.11", "before 1.12"), ("1.13.1..1.14", "patch"), ("1.14..1.13", "before it begins"), ("1.13,,1.14", "no Go release"), ("1.27rc1", "no Go release")):
        p.line(p.run("snap", "--at", "1", "--go", text, "p.go"), 2, "--go " + text, why)
    p.line(p.run("run", "--go", "1.28", "p.go"), 125, "--go 1.28", "no such release")
    p.line(p.run("run", "--go", "1.13.99", "p.go"), 125, "go1.13.99", "not found")
    p.line(p.run("run", "--go", "1.13", "p.go", OLD_GO="1"), 125, "go1.19.13", "1.21")
    p.go(p.run("run", "--go", "go1.13.15", "p.go", "list"))
    p.calls()
    p.go(p.run("run", "--go", "1.13", "p.go", "list", NO_NETWORK="1"))
    expect([c for c in p.calls() if c["env"]["GOTOOLCHAIN"] == "go1.13.7"], "what was fetched before serves")


def test_trouble_is_one_line(p):
    p.source("package main // BROKEN\n")
    p.line(p.run("run", "p.go"), 125, "p.go: go1.27.4: ./p.go:3:1: undefined: x (1 more line)")
    guest = str(next(p.options.guests.glob("cases_1.13*_linux_amd64_opt_syms")))
    for flags in (["--go", "1.13"], ["--target", "linux/amd64"], ["--gcflags", "-N"], ["--test"]):
        p.line(p.run("run", *flags, guest), 125, "is no Go source", flags[0])
    p.line(p.run("step", "--go", "1.13", "-c", "si"), 2, "BIN is missing")
    p.line(p.run("run", "--target", "arm64", "p.go"), 125, "--target arm64", "GOOS/GOARCH")
    p.source("package main\n")
    p.line(p.run("run", "p.go", PATH="/nowhere"), 125, "needs a go on PATH")
    p.line(p.run("run", "p.go", XDG_CACHE_HOME="", HOME=""), 125, "XDG_CACHE_HOME")
    for flags in ([], ["--go", "1.13"]):
        p.line(p.run("run", *flags, "q.go"), 125, "q.go: No such file or directory")


REAL = """package main

import "os"

func f() (n int) {
	defer func() { n++ }()
	return 1
}
func main() { println(f(), os.Args[0]) }
"""


def real(p):
    """Go's own go: each release and both ISAs give the program that go build gives, and it prints what it prints natively."""
    p.env = {**os.environ, "XDG_CACHE_HOME": str(p.cache)}
    p.source(REAL)
    for release in ("1.12", "1.13", "1.17", "1.21", "1.27"):
        for arch in ("amd64", "arm64"):
            done = p.go(p.run("run", "--go", release, "--target", "linux/" + arch, "p.go"))
            expect(done.stderr.endswith("2 p\n"), "%s %s: %r" % (release, arch, done.stderr))
            info = json.loads(p.go(p.run("info", "--json", "--go", release, "--target", "linux/" + arch, "p.go")).stdout)
            expect(str(info["go"]).count("go" + release + "."), "%r" % info["go"])
    built = [f for f in (p.cache / "deferscope" / "builds").glob("*/p")]
    expect(len(built) == 10, "%r" % built)
    native = [subprocess.run([f], capture_output=True, text=True, timeout=60) for f in built if b"\x3e\x00" == f.read_bytes()[18:20]]
    expect(len(native) == 5 and all(n.stderr.startswith("2 ") for n in native), "%r" % native)


LENGTH = """package main

func length(k int, s string, more []int) int { return k + len(s) + cap(more) }

func main() {
	defer func(k int, s string) { println(length(k, s, make([]int, 2, 5))) }(3, "four")
}
"""


def real_arguments(p):
    """Of a string only the length is used: Go 1.12 and 1.13 say that it lies where that lies."""
    p.env = {**os.environ, "XDG_CACHE_HOME": str(p.cache)}
    p.source(LENGTH)
    for release in ("1.12", "1.13", "1.16"):
        for arch in ("amd64", "arm64"):
            flags = ["--go", release, "--target", "linux/" + arch]
            told = p.go(p.run("step", "-c", "break main.main.func1; c; args", *flags, "p.go")).stdout
            expect('k = 3\ns = "four"\n' in told, "%s %s: %s" % (release, arch, told[-300:]))
            drawn = json.loads(p.go(p.run("draw", "--at", "main.main.func1", "--frames", "3", "--style", "json", *flags, "p.go")).stdout)
            names = [w.get("name") for f in drawn["drawings"][0]["frames"] for w in f["words"]]
            expect(names.count("s.len") == names.count("s.ptr") >= 1, "%s %s: %s" % (release, arch, names))  # a record has it too


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    options.program, options.guests = options.program.resolve(), options.guests.resolve()
    tests = [real, real_arguments] if options.real else [f for n, f in sorted(globals().items()) if n.startswith("test_")]
    return harness.run_cases(harness.named(tests), lambda folder: Place(options, folder))


if __name__ == "__main__":
    sys.exit(main())
