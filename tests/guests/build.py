#!/usr/bin/env python3
"""Builds the guests with every Go release, reproducibly: ./dev guests = tests/guests/build.py [options].

A guest is one program of src/ built by one release for one target in one mode with one amount of symbols:
    <out>/<program>_<release>_<goos>_<goarch>_<mode>_<symbols>
Modes: opt (default flags), nopt (-N -l for the program's own packages) and, where asked for, v3 (GOAMD64=v3, from 1.18 on). The program casessmall is cases with the tag small.
Symbols: dwarf (uncompressed DWARF), syms (-w: symbol table, no DWARF), bare (-s -w). go.mod has one go line, 1.12, except in golinesnew:
1.21 (panic(nil)) with that release, 1.22 (loop variables) from there on, and in stories: 1.21 from that release on. Builds run in one fixed directory and with
trimmed paths, so that equal inputs give equal bytes on any machine.
Targets with +cgo, +pie, +musl and +race are linked dynamically by a C compiler (Debian 12's gcc, gcc-aarch64-linux-gnu and musl-tools made those that are committed).
A build that is there already is kept; the sources' digest stands in <out>/SOURCES, another digest starts afresh.
The Go command downloads the releases it lacks as toolchain modules (GOTOOLCHAIN).
"""
import argparse
import concurrent.futures
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FIXED = pathlib.Path("/tmp/deferscope-guests")  # 1.12 has no -trimpath: this path stands in its binaries

RELEASES = ("1.12.17 1.13.15 1.14.15 1.15.15 1.16.15 1.17.13 1.18.10 1.19.13 1.20.7 1.21.13 1.22.12 1.23.12 1.24.13 1.25.14 "
            "1.26.11 1.27.4").split()
TARGETS = "linux/amd64 linux/arm64 darwin/amd64 darwin/arm64".split()
MODES = {"opt": "", "nopt": "-N -l", "v3": ""}
SYMBOLS = {"dwarf": "-compressdwarf=false", "syms": "-w", "bare": "-s -w"}
PROGRAMS = "hello fmthello defer1 defer_ret recover73916 golines golinesnew signals tricky bench far cases casessmall stories articles sandbox places level3 cgo racy".split()

# The core set (core/README.md says why no more): the releases that exist as -N -l with DWARF too, one for each mechanism of defer, those
# whose program is the whole `cases`, and those of the program `stories`, with and without DWARF.
DWARF_RELEASES = "1.12.17 1.13.15 1.17.13 1.20.7 1.22.12 1.27.4".split()
WHOLE_RELEASES = "1.13.15 1.27.4".split()
STORY_SYMBOLS = dict.fromkeys("1.12.17 1.13.15 1.14.15 1.17.13 1.22.12 1.25.14 1.27.4".split(), "dwarf") | {"1.18.10": "syms", "1.21.13": "syms"}

# Of the program articles: what the pages are about, and what became of it (docs/articles; 1.13 is `deferscope demo`'s). Few, for they have DWARF.
ARTICLE_BUILDS = {("1.12.17", "linux/amd64"), ("1.12.17", "darwin/amd64"), ("1.20.7", "darwin/arm64"), ("1.22.12", "linux/amd64"), ("1.27.4", "linux/amd64"), ("1.27.4", "linux/arm64")}
# Of the program sandbox, which is for macOS: one release is enough, and no symbols.
SANDBOX_RELEASE = "1.20.7"

# Dynamically linked: with cgo by the C compiler's linker, as they are; position-independent; with musl for a C library; with the race detector.
DYNAMIC_TARGETS = "linux/amd64+cgo linux/arm64+cgo linux/amd64+pie linux/arm64+pie linux/amd64+musl linux/amd64+race".split()
C_COMPILERS = {"amd64": "gcc", "arm64": "aarch64-linux-gnu-gcc", "amd64+musl": "musl-gcc"}
DYNAMIC_BUILDS = {(p, r, "linux/%s+cgo" % a) for p, r in (("cgo", "1.13.15"), ("cgo", "1.20.7"), ("cgo", "1.27.4")) for a in ("amd64", "arm64")}
DYNAMIC_BUILDS |= {("cgo", "1.27.4", "linux/amd64+pie"), ("cgo", "1.27.4", "linux/amd64+musl"), ("casessmall", "1.13.15", "linux/amd64+cgo"), ("casessmall", "1.20.7", "linux/arm64+pie"),
                   *((p, "1.27.4", "linux/amd64+race") for p in ("racy", "hello", "defer1", "fmthello")), ("casessmall", "1.27.4", "linux/amd64+pie"), ("casessmall", "1.27.4", "linux/arm64+cgo")}

# Of the program places: arguments on the stack, and in registers.
PLACES_BUILDS = {("1.12.17", "linux/arm64"), ("1.17.13", "linux/amd64")}

# Of the program level3.
LEVEL3_BUILDS = {("1.20.7", "linux/amd64"), ("1.27.4", "linux/amd64"), ("1.27.4", "darwin/amd64")}


def minor(release):
    return int(release.split(".")[1])


def exists(program, release, target, mode="opt"):
    """False where the matrix says n/a."""
    if mode == "v3" and not (target.endswith("/amd64") and minor(release) >= 18):
        return False
    if program in ("cgo", "racy") and target not in DYNAMIC_TARGETS:
        return False
    if target == "darwin/arm64" and minor(release) < 16:
        return False
    if program == "sandbox":
        return target.startswith("darwin") and release == SANDBOX_RELEASE
    if program == "level3":
        return mode == "v3"
    return program != "golinesnew" or minor(release) >= 21


def core(program, release, target, mode, symbols):
    """What is committed under core/ and, of the programs stories, articles, sandbox, places and level3, under folders of their names; what is linked dynamically
    under dynamic/."""
    goos, goarch = target.split("/")
    if target in DYNAMIC_TARGETS:
        return (program, release, target) in DYNAMIC_BUILDS and (mode, symbols) == ("opt", "syms")
    if program == "sandbox":
        return (mode, symbols) == ("opt", "bare")
    if program == "stories":
        return goos == "linux" and mode == "opt" and symbols == STORY_SYMBOLS.get(release)
    if program == "articles":
        return (mode, symbols) == ("opt", "dwarf") and (release, target) in ARTICLE_BUILDS
    if program == "level3":
        return (mode, symbols) == ("v3", "bare") and (release, target) in LEVEL3_BUILDS
    if program == "places":
        return (mode, symbols) == ("opt", "dwarf") and (release, target) in PLACES_BUILDS
    if goos == "linux" and release in DWARF_RELEASES and (program, mode, symbols) == ("casessmall", "nopt", "dwarf"):
        return True
    whole = goos == "linux" and release in WHOLE_RELEASES
    return (program, mode, symbols) == ("cases" if whole else "casessmall", "opt", "syms")


def write_manifest(path, entries):
    path.write_text("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")


def digest():
    h = hashlib.sha256()
    for path in sorted((HERE / "src").rglob("*")):
        if path.is_file():
            h.update(str(path.relative_to(HERE)).encode() + b"\0" + path.read_bytes())
    return h.hexdigest()


def goroot(release, env):
    """1.12 only: its own tree under the fixed path, because its paths go into the binary as they are."""
    found = subprocess.run(["go", "env", "GOROOT"], cwd=FIXED / "src", env=env, check=True, capture_output=True, text=True)
    link = FIXED / ("go" + release)
    if not link.is_symlink():
        link.symlink_to(found.stdout.strip())
    return link


def file_name(program, release, target, mode, symbols):
    return "_".join([program, release, target.replace("/", "_"), mode, symbols])


def build(out, program, release, target, mode, symbols, cache=None):
    name = file_name(program, release, target, mode, symbols)
    path = out / name
    if path.exists():
        return None
    goos, goarch = target.split("/")
    goarch, _, way = goarch.partition("+")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GO", "CGO"))}
    for keep in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY"):
        if keep in os.environ:
            env[keep] = os.environ[keep]
    env.update(GOENV="off", GOFLAGS="", GO111MODULE="on", CGO_ENABLED="0", GOTOOLCHAIN="go" + release, GOOS=goos, GOARCH=goarch)
    if way:
        env.update(CGO_ENABLED="1", CC=C_COMPILERS.get(goarch + "+" + way, C_COMPILERS[goarch]))
    if cache:
        env["GOCACHE"] = str(cache)
    if mode == "v3":
        env["GOAMD64"] = "v3"
    gcflags, command = MODES[mode], ["go", "build"]
    if minor(release) == 12:
        root = goroot(release, env)
        env.update(GOROOT=str(root), GOTOOLCHAIN="local", GO111MODULE="on")
        command = [str(root / "bin" / "go"), "build"]
    else:
        command.append("-trimpath")
    if minor(release) >= 18:
        command.append("-buildvcs=false")
    package = program
    if program == "golinesnew":
        package = "golines"
        command.append("-modfile=go.121.mod" if minor(release) == 21 else "-modfile=go.122.mod")
    if program == "stories" and minor(release) >= 21:
        command.append("-modfile=go.121.mod")
    if program == "casessmall":
        package = "cases"
        command.append("-tags=small")
    if gcflags:
        command.append("-gcflags=example.com/guests/...=" + gcflags)
    if way == "pie":
        command.append("-buildmode=pie")
    if way == "race":
        command.append("-race")
    command += ["-ldflags=" + SYMBOLS[symbols] + (" -linkmode=external" if way not in ("", "race") else ""), "-o", str(path) + ".part", "./" + package]
    done = subprocess.run(command, cwd=FIXED / "src", env=env, capture_output=True, text=True)
    if done.returncode:
        return "%s: %s" % (name, done.stderr.strip())
    os.replace(str(path) + ".part", path)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=str(HERE.parent.parent / "build" / "guests"))
    parser.add_argument("--core", action="store_true", help="only the committed guests")
    parser.add_argument("--releases", default=",".join(RELEASES))
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--programs", default=",".join(PROGRAMS))
    parser.add_argument("--modes", help="default: opt,nopt; with --core all")
    parser.add_argument("--symbols", default=",".join(SYMBOLS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--twice", action="store_true", help="build each a second time with an empty build cache: equal bytes or an error")
    parser.add_argument("--list", action="store_true", help="print the names, build nothing")
    args = parser.parse_args()

    modes = args.modes.split(",") if args.modes else MODES if args.core else ["opt", "nopt"]
    wanted = [(p, r, t, m, s) for r in args.releases.split(",") for t in args.targets.split(",") for m in modes
              for p in args.programs.split(",") for s in args.symbols.split(",")
              if exists(p, r, t, m) and (not args.core or core(p, r, t, m, s))]
    if args.list:
        print("\n".join(file_name(*w) for w in wanted))
        return 0
    out = pathlib.Path(args.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    stamp, now = out / "SOURCES", digest()
    if stamp.exists() and stamp.read_text() != now:
        print("guests: sources changed, starting afresh", file=sys.stderr)
        for path in out.iterdir():
            if path.is_file():
                path.unlink()
    stamp.write_text(now)
    FIXED.mkdir(parents=True, exist_ok=True)
    lock = open(FIXED / "LOCK", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # one build at a time: they share the fixed directory
    shutil.rmtree(FIXED / "src", ignore_errors=True)
    shutil.copytree(HERE / "src", FIXED / "src")
    failures = 0
    again = tempfile.TemporaryDirectory() if args.twice else None

    def one(job):
        problem = build(out, *job)
        if problem or not again:
            return problem
        folder = pathlib.Path(again.name)
        problem = build(folder, *job, cache=folder / "cache")
        name = file_name(*job)
        if not problem and (out / name).read_bytes() != (folder / name).read_bytes():
            problem = name + ": the second build differs from the first"
        (folder / name).unlink(missing_ok=True)
        return problem

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for error in pool.map(one, wanted):
            if error:
                failures += 1
                print("guests: FAILED", error, file=sys.stderr)
    print("guests: %d of %d in %s" % (len(wanted) - failures, len(wanted), out))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
