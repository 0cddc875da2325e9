#!/usr/bin/env python3
"""Packs the core guests (build.py --core) into core/*.tar.xz, core/SHA256SUMS and core/manifest.json. Rarely needed.

One solid archive for each instruction set and half of the releases: within one, alike binaries lie together (release by release,
Linux beside Darwin) below one long window. No archive reaches 10 MB. unpack.cmake is the way back.
"""
import argparse
import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile

import build

HERE = pathlib.Path(__file__).resolve().parent
GROUPS = [build.RELEASES[0:8], build.RELEASES[8:16]]
# The branch filters make call targets absolute, so that equal calls from other places look equal. (arm64's needs xz 5.4: Debian 12 has it.)
FILTERS = {"amd64": ["--x86"], "arm64": ["--arm64"]}


def members(goarch, releases):
    for release in releases:
        for target in build.TARGETS:
            if not target.endswith(goarch):
                continue
            for program in ("cases", "casessmall"):
                for mode in build.MODES:
                    for symbols in build.SYMBOLS:
                        if build.exists(program, release, target) and build.core(program, release, target, mode, symbols):
                            yield program, release, target, mode, symbols


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bins", default=str(HERE.parent.parent / "build" / "guests"))
    parser.add_argument("--out", default=str(HERE / "core"))
    args = parser.parse_args()
    bins, out = pathlib.Path(args.bins), pathlib.Path(args.out)
    manifest, sums, total = [], [], 0
    for old in out.glob("*.tar.xz"):
        old.unlink()
    for goarch in FILTERS:
        for releases in GROUPS:
            first, last = (".".join(r.split(".")[:2]) for r in (releases[0], releases[-1]))
            archive = "%s_%s-%s.tar.xz" % (goarch, first, last)
            data = io.BytesIO()
            with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for program, release, target, mode, symbols in members(goarch, releases):
                    name = build.file_name(program, release, target, mode, symbols)
                    content = (bins / name).read_bytes()
                    info = tarfile.TarInfo(name)
                    info.size, info.mode = len(content), 0o755
                    tar.addfile(info, io.BytesIO(content))
                    sha = hashlib.sha256(content).hexdigest()
                    goos = target.split("/")[0]
                    manifest.append({"file": name, "archive": archive, "program": program, "go": release, "goos": goos,
                                     "goarch": goarch, "mode": mode, "symbols": symbols, "ldflags": build.SYMBOLS[symbols],
                                     "gcflags": build.MODES[mode], "size": len(content), "sha256": sha})
                    sums.append("%s  %s\n" % (sha, name))
            command = ["xz", "--format=xz", "--check=crc64", "--threads=1", *FILTERS[goarch], "--lzma2=preset=9e,dict=64MiB", "-c"]
            packed = subprocess.run(command, input=data.getvalue(), capture_output=True, check=True).stdout
            (out / archive).write_bytes(packed)
            total += len(packed)
            print("%s: %d -> %d" % (archive, data.getbuffer().nbytes, len(packed)), flush=True)
    (out / "SHA256SUMS").write_text("".join(sums))
    build.write_manifest(out / "manifest.json", manifest)
    print("%d guests, %d bytes" % (len(manifest), total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
