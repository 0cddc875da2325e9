#!/usr/bin/env python3
"""Makes listings.tar.xz: tests/guests/src/listings as each release prints it (go tool compile -S), with what the compiled program does.

For each release and instruction set: NAME.s (the listing, without the symbols of its DWARF, which no program needs), NAME.err (what the compiled
program wrote, run by deferscope) and NAME.golden (what its defers, panics and recoveries did: deferscope check). Go 1.11's program is older than the runtime model: it is compared with 1.12's.

    build.py --program build/release/deferscope
"""
import argparse
import io
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent / "src" / "listings" / "main.go"
RELEASES = ["1.11.13", "1.12.17", "1.13.15", "1.14.15", "1.16.15", "1.17.13", "1.18.10", "1.20.14", "1.22.12", "1.25.14", "1.27.4"]
ARCHITECTURES = ["amd64", "arm64"]
HEAD = re.compile(r"^\S.* S(TEXT|RODATA|NOPTRDATA|DATA|BSS|NOPTRBSS|DWARF\w*)\b.* size=\d+")


def go(release, arch, folder, *words):
    env = dict(os.environ, GOENV="off", GOFLAGS="", GOTOOLCHAIN="go" + release, GOOS="linux", GOARCH=arch, CGO_ENABLED="0")
    done = subprocess.run(["go", *words], cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit("go%s %s: %s" % (release, " ".join(words), done.stderr.strip()))
    return done.stdout


def without_dwarf(text):
    out, keep = [], True
    for line in text.splitlines(keepends=True):
        head = HEAD.match(line)
        if head:
            keep = not head.group(1).startswith("DWARF")
        if keep:
            out.append(line)
    return "".join(out)


def made(release, arch, program):
    """The files of one release: (end of the name, bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "main.go").write_bytes(SOURCE.read_bytes())
        (folder / "go.mod").write_text("module main\n\ngo %s\n" % ".".join(release.split(".")[:2]))
        yield "s", without_dwarf(go(release, arch, folder, "tool", "compile", "-S", "-o", "main.o", "main.go")).replace(str(folder) + "/", "").encode()
        if release.startswith("1.11."):
            return
        go(release, arch, folder, "build", "-trimpath" if release >= "1.13" else "-a", "-o", "main", ".")
        golden = folder / "main.golden"
        for words in (["run"], ["check", "--update", golden]):
            done = subprocess.run([program, *words, folder / "main"], capture_output=True)
            if done.returncode:
                sys.exit("%s/%s: %s: status %d: %s" % (release, arch, words[0], done.returncode, done.stderr.decode()))
            if words[0] == "run":
                yield "err", done.stderr
        yield "golden", golden.read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    args = parser.parse_args()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        files = [("%s_%s.%s" % (release, arch, end), content) for arch in ARCHITECTURES for release in RELEASES
                 for end, content in made(release, arch, str(pathlib.Path(args.program).resolve()))]
        for name, content in sorted(files, key=lambda f: (f[0].rsplit(".", 1)[1], f[0].split("_")[1], RELEASES.index(f[0].split("_")[0]))):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    packed = subprocess.run(["xz", "-9e", "--threads=1", "-c"], input=data.getvalue(), capture_output=True, check=True).stdout
    (HERE / "listings.tar.xz").write_bytes(packed)
    print("listings.tar.xz: %d files, %d bytes of %d" % (len(files), len(packed), len(data.getvalue())))


if __name__ == "__main__":
    main()
