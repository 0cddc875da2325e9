#!/usr/bin/env python3
"""Packs the committed guests (build.py --core) into *.tar.xz, SHA256SUMS and manifest.json: pack.py [core|stories|articles|sandbox|places|level3|dynamic]. Rarely needed.

core/     One solid archive for each instruction set and half of the releases: within one, alike binaries lie together (release by release,
          Linux beside Darwin) below one long window. No archive reaches 10 MiB.
places/, dynamic/  One for each instruction set.
stories/, articles/, sandbox/, level3/  One archive for all: both builds of a release lie together, since their DWARF is alike.

core/unpack.cmake is the way back.
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


def members(programs, releases, goarch="", targets=build.TARGETS):
    for release in releases:
        for target in targets:
            if not target.endswith(goarch):
                continue
            for program in programs:
                for mode in build.MODES:
                    for symbols in build.SYMBOLS:
                        if build.exists(program, release, target, mode) and build.core(program, release, target, mode, symbols):
                            yield program, release, target, mode, symbols


def archives(which):
    """Name, filters of xz and members of each archive of a set."""
    if which == "places":
        for goarch, filters in FILTERS.items():
            yield "%s_%s.tar.xz" % (which, goarch), filters, members([which], build.RELEASES, goarch)
        return
    if which == "dynamic":
        for goarch, filters in FILTERS.items():
            yield "%s_%s.tar.xz" % (which, goarch), filters, members(["cgo", "racy", "hello", "defer1", "fmthello", "casessmall"], build.RELEASES,
                                                                     targets=[t for t in build.DYNAMIC_TARGETS if goarch in t])
        return
    if which != "core":
        yield which + ".tar.xz", FILTERS["amd64"], members([which], build.RELEASES)
        return
    for goarch, filters in FILTERS.items():
        for releases in GROUPS:
            first, last = (".".join(r.split(".")[:2]) for r in (releases[0], releases[-1]))
            yield "%s_%s-%s.tar.xz" % (goarch, first, last), filters, members(["cases", "casessmall"], releases, goarch)


def pack(archive, filters, bins, wanted):
    """The archive's bytes, and what the manifest says of each guest in it."""
    data, entries = io.BytesIO(), []
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for program, release, target, mode, symbols in wanted:
            name = build.file_name(program, release, target, mode, symbols)
            content = (bins / name).read_bytes()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
            goos, goarch = target.split("/")
            entries.append({"file": name, "archive": archive, "program": program, "go": release, "goos": goos, "goarch": goarch,
                            "mode": mode, "symbols": symbols, "ldflags": build.SYMBOLS[symbols], "gcflags": build.MODES[mode],
                            "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    command = ["xz", "--format=xz", "--check=crc64", "--threads=1", *filters, "--lzma2=preset=9e,dict=64MiB", "-c"]
    return subprocess.run(command, input=data.getvalue(), capture_output=True, check=True).stdout, entries


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", nargs="?", default="core", choices=("core", "stories", "articles", "sandbox", "places", "level3", "dynamic"))
    parser.add_argument("--bins", default=str(HERE.parent.parent / "build" / "guests"))
    parser.add_argument("--out", help="default: the set's folder beside this file")
    args = parser.parse_args()
    bins, out = pathlib.Path(args.bins), pathlib.Path(args.out or HERE / args.set)
    out.mkdir(parents=True, exist_ok=True)
    manifest, total = [], 0
    for old in out.glob("*.tar.xz"):
        old.unlink()
    for archive, filters, wanted in archives(args.set):
        packed, entries = pack(archive, filters, bins, wanted)
        (out / archive).write_bytes(packed)
        manifest += entries
        total += len(packed)
        print("%s: %d -> %d" % (archive, sum(e["size"] for e in entries), len(packed)), flush=True)
    (out / "SHA256SUMS").write_text("".join("%s  %s\n" % (e["sha256"], e["file"]) for e in manifest))
    build.write_manifest(out / "manifest.json", manifest)
    print("%d guests, %d bytes" % (len(manifest), total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
