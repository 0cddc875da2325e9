#!/usr/bin/env python3
"""Programs that nobody here wrote, under deferscope (./dev test --all): tests/programs.py [--std] [--esbuild] [--mapped].

--std      test binaries of Go's standard library (`go test -c`), -test.short, in the package's source directory: each must pass. What is
           missing in --std-bins is built (needs Go); what needs processes is left out (NOT_RUN); names are <release>_<goarch>/<package with _>.test, and <release>_darwin_<goarch> for macOS.
--esbuild  npm's esbuild of several Go releases: --version, a small file from standard input (minified, bundled) and one bundled from file to file
           must be what the native run (amd64) or the same release's amd64 (arm64) gives. What is missing in --esbuild-bins is fetched
           with npm; names are <version>_<goarch>, and <version>_darwin_<goarch> for some that are built for macOS.
--mapped   programs/mapped.go against its native run, output and file, in the guest's own /tmp and on the host; the own tests of bbolt, a database
           in a mapped file, fetched through the module proxy. Both ISAs.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASES = "1.13.15 1.17.13 1.20.7 1.23.12 1.27.4".split()
PACKAGES = ("strconv math math/bits sort strings bytes unicode/utf8 sync/atomic container/heap hash/crc32 crypto/sha256 "
            "crypto/aes").split()
SYSTEM_PACKAGES = "io bufio regexp encoding/json sync time".split()  # they ask the system for more: of the releases that are run for macOS too
OS_RELEASE = "1.20.7"  # whose package os is tested in part
# What cannot pass on any system here, and why. Linux and macOS differ in none of these.
PROCESS, HOST = "starts processes, of which a guest has none", "looks at /etc, /bin, FIFOs or a terminal of the host, which a guest does not have"
NOT_RUN = {
    "sync": {"TestMutexMisuse|TestIssue76126": PROCESS},
    "os": {"TestErrProcessDone|TestExecutable(Deleted)?|Test(Kill)?StartProcess|TestGetppid|TestKillFindProcess|TestStdPipe|TestStatStdin": PROCESS,
           "TestFifoEOF|TestFileRead(dirnames|dir|Dir)|TestReaddirnamesOneAtATime|TestChdirAndGetwd|TestOpenError|TestDoubleCloseError|TestReadNonblockingFd": HOST},
}
# Directories of GOROOT that the tests read beside the package's own.
READS = {"time": ["lib/time"]}
# esbuild's own version -> the Go release that built it, npm package for amd64, for arm64 (there was none before 0.3.7).
OLD, NEW = ("esbuild-linux-64", "esbuild-linux-arm64"), ("@esbuild/linux-x64", "@esbuild/linux-arm64")
ESBUILD = {
    "0.0.2": ("go1.12.9", OLD[:1]), "0.1.0": ("go1.13.8", OLD[:1]), "0.3.7": ("go1.14.2", OLD), "0.8.9": ("go1.15.5", OLD),
    "0.12.15": ("go1.16.3", OLD), "0.14.0": ("go1.17.2", OLD), "0.14.30": ("go1.18", OLD), "0.15.0": ("go1.19", OLD),
    "0.18.20": ("go1.20.7", NEW), "0.23.1": ("go1.22.5", NEW), "0.24.0": ("go1.23.1", NEW), "0.28.2": ("go1.26.5", NEW),
}
# Those that are run as built for macOS too, by the same releases.
DARWIN = "0.8.9 0.14.0 0.18.20 0.23.1 0.28.2".split()
DARWIN_RELEASES = "1.13.15 1.20.7 1.27.4".split()
SOURCE = b"""export function greet(name: string, times = 2): string { let out = ''; for (let i = 0; i < times; i++) { out += `hello ${name}\\n` } return out }
class A<T> { private x?: T; constructor(readonly y: number = 3.25e10) {} get v() { return this.x ?? this.y ** 2 } }
enum Color { Red, Green = 'g', Blue = 1 << 4 }
console.log(greet('w\\u00f6rld'), new A<string>().v, Color.Red, /a[b-z]+/giu.test('abc'), 0.1 + 0.2, 123456789012345678901234567890n)
"""


def go(release, *args, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GO", "CGO")) or k in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY")}
    env.update(GOENV="off", GOFLAGS="", GO111MODULE="on", CGO_ENABLED="0", GOTOOLCHAIN="go" + release, **more)
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "go.mod").write_text("module example.com/x\n")
        return subprocess.run(["go", *args], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout.strip()


def std_jobs(args):
    for release in RELEASES:
        goroot = pathlib.Path(go(release, "env", "GOROOT"))
        targets = ["linux/amd64", "linux/arm64"]
        if release in DARWIN_RELEASES:
            targets += ["darwin/amd64"] + (["darwin/arm64"] if int(release.split(".")[1]) >= 16 else [])
        for target in targets:
            folder = release + "_" + target.replace("linux/", "").replace("/", "_")
            more = SYSTEM_PACKAGES + ["os"] * (release == OS_RELEASE) if release in DARWIN_RELEASES else []
            for package in PACKAGES + more:
                path = pathlib.Path(args.std_bins) / folder / (package.replace("/", "_") + ".test")
                if args.only in str(path):
                    yield "std %s %s %s" % (release, target, package), std, (args, release, target, package, path, goroot)


def std(args, release, target, package, path, goroot):
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        goos, goarch = target.split("/")
        go(release, "test", "-c", "-o", str(path), package, GOOS=goos, GOARCH=goarch)
    source = goroot / "src" / package
    grants = [word for folder in [source, *(goroot / r for r in READS.get(package, []))] for word in ("--allow-read", str(folder))]
    command = [args.program, "run", *grants, "--cwd", str(source), str(path)]

    def tested(*flags):
        done = subprocess.run([*command, *flags], capture_output=True, timeout=args.seconds, stdin=subprocess.DEVNULL)
        out = done.stdout.decode("latin1")
        return done.returncode == 0 and (out.rstrip().endswith("PASS") or "-test.list" in flags), out, done
    flags = ["-test.short"]
    if package in NOT_RUN:
        ok, out, done = tested("-test.list", "^(Test|Example)")
        names = [line for line in out.splitlines() if line.startswith(("Test", "Example")) and not any(re.fullmatch(n, line) for n in NOT_RUN[package])]
        if not ok or not names:
            return "no list of tests: %s" % (done.stdout[-500:] + done.stderr[-500:]).decode("latin1")
        flags += ["-test.run", "^(%s)$" % "|".join(names)]
    ok, _, done = tested(*flags)
    return "" if ok else "exit status %d\n%s" % (done.returncode, (done.stdout[-1500:] + done.stderr[-1500:]).decode("latin1"))


def esbuild_jobs(args):
    for version, (release, packages) in ESBUILD.items():
        for i in range(len(packages)):
            goarch = ("amd64", "arm64")[i]
            if args.only in version + "_" + goarch:
                yield "esbuild %s %s %s" % (version, goarch, release), esbuild, (args, version, release, packages, i)
            if version in DARWIN and args.only in version + "_darwin_" + goarch and (i == 0 or version not in ("0.8.9",)):
                yield "esbuild %s darwin/%s %s" % (version, goarch, release), esbuild, (args, version, release, packages, i, "darwin")


def fetched(folder, package, version, goarch):
    path = pathlib.Path(folder) / (version + "_" + goarch)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as there:
            name = subprocess.run(["npm", "pack", "--silent", package + "@" + version], cwd=there, check=True, capture_output=True, text=True).stdout.split()[-1]
            with tarfile.open(pathlib.Path(there) / name) as tar:
                path.write_bytes(tar.extractfile("package/bin/esbuild").read())
        path.chmod(0o755)
    return str(path)


def esbuild_run(command, flags, source, guest):
    """(exit status, standard output, what was written) of one run in a folder of its own. `guest`: the flags go to a program under deferscope."""
    with tempfile.TemporaryDirectory() as there:
        (pathlib.Path(there) / "in.ts").write_bytes(SOURCE)
        command = command + ["--allow-read", there, "--allow-write", there, "--cwd", there] if guest else command
        done = subprocess.run([*command, *([guest] if guest else []), *flags], input=source, capture_output=True, cwd=there, timeout=900)
        out = pathlib.Path(there) / "out.js"
        # What goes to stderr has times in it (esbuild's summary): compared is the result.
        return (done.returncode, done.stdout, out.read_bytes() if out.exists() else b""), done.stderr


def esbuild(args, version, release, packages, i, goos="linux"):
    native = guest = fetched(args.esbuild_bins, packages[0], version, "amd64")
    if goos == "darwin":
        guest = fetched(args.esbuild_bins, packages[i].replace("linux", "darwin"), version, "darwin_" + ("amd64", "arm64")[i])
    elif i == 1:
        guest = fetched(args.esbuild_bins, packages[1], version, "arm64")
    told = json.loads(subprocess.run([args.program, "info", "--json", guest], check=True, capture_output=True).stdout)
    if release not in json.dumps(told):
        return "not built by " + release
    worked = 0
    for flags, source in ((["--version"], b""), (["--loader=ts", "--minify"], SOURCE), (["--loader=ts", "--bundle", "--format=iife"], SOURCE),
                          (["--bundle", "--outfile=out.js", "in.ts"], b"")):
        want, _ = esbuild_run([native], flags, source, None)
        got, err = esbuild_run([args.program, "run"], flags, source, guest)
        if want != got:
            return "%s: %s, not %s\n%s" % (" ".join(flags), [str(x)[-300:] for x in got], [str(x)[-300:] for x in want], err[-1500:].decode("latin1"))
        worked += want[0] == 0 and bool(want[1] or want[2])
    # The first ones know less; the file they all bundle.
    return "" if worked >= 1 else "only %d of the runs work natively" % worked


MAPPED_RELEASES = "1.13.15 1.20.7 1.27.4".split()
BBOLT, BBOLT_RELEASE = "v1.3.10", "1.22.12"
BBOLT_TESTS = "TestOpen|TestDB_|TestTx_|TestCursor_|TestBucket_|TestFreelist"


def mapped_jobs(args):
    for goarch in ("amd64", "arm64"):
        for release in MAPPED_RELEASES:
            yield "mapped %s %s" % (release, goarch), mapped, (args, release, goarch)
        yield "bbolt %s %s" % (BBOLT, goarch), bbolt, (args, goarch)


def mapped(args, release, goarch):
    with tempfile.TemporaryDirectory() as there:
        there = pathlib.Path(there)
        source, native, guest = str(ROOT / "tests/programs/mapped.go"), str(there / "native"), str(there / "guest")
        go(release, "build", "-o", native, source, GOOS="linux", GOARCH="amd64")
        go(release, "build", "-o", guest, source, GOOS="linux", GOARCH=goarch)
        want = subprocess.run([native, str(there / "want")], check=True, capture_output=True).stdout
        for path, flags in ((str(there / "got"), ["--allow-write", str(there)]), ("/tmp/inside", [])):
            done = subprocess.run([args.program, "run", *flags, guest, path], capture_output=True, timeout=args.seconds)
            if done.stdout != want:
                return "%s: %s" % (path, (done.stdout + done.stderr)[-1500:].decode("latin1"))
        return "" if (there / "want").read_bytes() == (there / "got").read_bytes() else "the file differs"


def bbolt(args, goarch):
    with tempfile.TemporaryDirectory() as there:
        there = pathlib.Path(there)
        source = there / "bbolt"
        shutil.copytree(json.loads(go(BBOLT_RELEASE, "mod", "download", "-json", "go.etcd.io/bbolt@" + BBOLT))["Dir"], source)
        env = dict(os.environ, GOENV="off", GOFLAGS="-mod=mod", GOWORK="off", GOTOOLCHAIN="go" + BBOLT_RELEASE, CGO_ENABLED="0", GOOS="linux", GOARCH=goarch)
        for path in [source, *source.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
        subprocess.run(["go", "test", "-c", "-o", str(there / "bbolt.test"), "."], cwd=source, env=env, check=True, capture_output=True, text=True)
        for flags in ([], ["--allow-write", str(there), "--env", "TMPDIR=" + str(there)]):
            done = subprocess.run([args.program, "run", *flags, str(there / "bbolt.test"), "-test.short", "-test.run", BBOLT_TESTS],
                                  capture_output=True, timeout=args.seconds, stdin=subprocess.DEVNULL)
            if done.returncode or not done.stdout.decode("latin1").rstrip().endswith("PASS"):
                return "%s: exit status %d\n%s" % (flags, done.returncode, (done.stdout[-1500:] + done.stderr[-1500:]).decode("latin1"))
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--std", action="store_true")
    parser.add_argument("--esbuild", action="store_true")
    parser.add_argument("--mapped", action="store_true")
    parser.add_argument("--std-bins", default=str(ROOT / "build/std"))
    parser.add_argument("--esbuild-bins", default=str(ROOT / "build/esbuild"))
    parser.add_argument("--only", default="", help="only names that contain this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=900, help="a run that takes longer hangs")
    args = parser.parse_args()
    jobs = (list(std_jobs(args)) if args.std else []) + (list(esbuild_jobs(args)) if args.esbuild else [])
    jobs += list(mapped_jobs(args)) if args.mapped else []

    def one(job):
        try:
            return job[1](*job[2])
        except subprocess.TimeoutExpired:
            return "no end after %d s" % args.seconds
        except (OSError, subprocess.CalledProcessError) as error:
            return "can't be tried: %s %s" % (error, getattr(error, "stderr", ""))

    failures = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for job, problem in zip(jobs, pool.map(one, jobs)):
            failures += bool(problem)
            print("%s %s%s" % ("FAILED" if problem else "ok    ", job[0], "\n  " + problem.replace("\n", "\n  ") if problem else ""), flush=True)
    print("programs: %d of %d pass" % (len(jobs) - failures, len(jobs)))
    return 1 if failures or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
