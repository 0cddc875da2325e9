#!/usr/bin/env python3
"""Debian's own Go programs, which nobody here built (./dev test --all): tests/debian.py --program build/release/deferscope [--bins build/debian] [--arm64] [--only TEXT].

Each does a piece of its real work twice, natively (arm64: under qemu-aarch64) and under deferscope, in two copies of one folder: output, status and the files afterwards
must be the same. Packages are fetched with apt-get and unpacked, not installed; libraries are this machine's, those of libc6-arm64-cross for arm64, and what
packages here bring themselves. A package that apt does not have is named and not tried. `./dev test` itself runs `--only gron`, for both.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ARM64 = "/usr/aarch64-linux-gnu"
JSON = '{"name": "w\\u00f6rld", "list": [1, 2.5, {"deep": [true, null]}], "html": "<b>&</b>"}\n'
CSV = "name,age,city\nAnn,31,Oslo\nBob,9,Rome\nCy,77,Bern\n"
TS = "enum Colour { Red, Green = 'g' }\nexport class A<T> { private x?: T; get v() { return this.x ?? 2 ** 8 } }\nconsole.log(new A<string>().v, Colour.Red)\n"
SHELL = "if   true ; then\necho  'hi'   \nfi\nfor i in 1 2;do echo $i;done\n"
MARKDOWN = "# title 1 \"date\"\n# NAME\nprog - *does* things\n\n* one\n* `two`\n"
HTML = "<!doctype html>\n<html>\n  <head> <title> A  title </title> </head>\n  <body class='a'>\n   <p>  some   text <a href=x>link</a> </p>\n  </body>\n</html>\n"
GO = "package a\n\nimport \"fmt\"\nfunc  F( a,b int)(int){ return a+b }\nvar _=fmt.Sprint\n"
MTAIL = "counter lines\n/$/ {\n  lines++\n}\n"
KEY = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
FILES = {"a.json": JSON, "a.csv": CSV, "a.ts": TS, "a.sh": SHELL, "a.md": MARKDOWN, "a.html": HTML, "a.go": GO, "go.mod": "module a\n", "a.mtail": MTAIL, "key.txt": KEY + "\n",
         "tree/one": "1" * 5000, "tree/sub/two": "2\n" * 3000, ".env": "A=1\nexport B='two words'\n"}

# Package, program, arguments; standard input.
PROGRAMS = [
    ("gron", "gron", "a.json", ""), ("gron", "gron", "--ungron", 'json.a = 1;\njson.b[0] = "x";\n'),
    ("minify", "minify", "a.html", ""), ("minify", "minify", "--mime application/json", JSON),
    ("age", "age-keygen", "-y key.txt", ""), ("age", "age", "--version", ""),
    ("gojq", "gojq", "-c .list[2] a.json", ""), ("gojq", "gojq", "--yaml-output .", JSON),
    ("shfmt", "shfmt", "-i 2 a.sh", ""), ("shfmt", "shfmt", "-tojson", SHELL),
    ("fzf", "fzf", "-f on", "one\ntwo\nbone\nnothing\n"),
    ("esbuild", "esbuild", "--bundle --minify a.ts --outfile=out.js --sourcemap --log-level=error", ""),
    ("direnv", "direnv", "dump", ""), ("direnv", "direnv", "version", ""),
    ("mtail", "mtail", "--one_shot --compile_only --progs a.mtail --dump_bytecode", ""),
    ("miller", "mlr", "--icsv --ojson sort -nr age then put $k=strlen($name) a.csv", ""), ("miller", "mlr", "--icsv --oxtab stats1 -a mean,p50 -f age a.csv", ""),
    ("fq", "fq", "-d json .list a.json", ""), ("fq", "fq", "-V .name", JSON),
    ("go-md2man", "go-md2man", "-in a.md", ""), ("pup", "pup", "title", HTML), ("xq", "xq", "-x /a/b", "<a><b>1</b><b>2</b></a>\n"),
    ("gopls", "gopls", "version", ""), ("golang-easyjson", "easyjson", "-help", ""),
    ("rclone", "rclone", "copy --config /dev/null tree copied", ""), ("rclone", "rclone", "size --config /dev/null tree", ""),
    ("gh", "gh", "completion -s bash", ""), ("hcloud-cli", "hcloud", "completion bash", ""),
    ("umoci", "umoci", "init --layout image", ""), ("etcd-client", "etcdctl", "version", ""),
    ("gocryptfs", "gocryptfs", "-version", ""), ("restic", "restic", "version", ""), ("micro", "micro", "-version", ""),
    ("mkcert", "mkcert", "-CAROOT", ""), ("jid", "jid", "-version", ""), ("hey", "hey", "", ""), ("fscrypt", "fscrypt", "--version", ""),
]


def fetch(bins, packages, arm64):
    """What is not there yet, through apt-get with lists of its own for arm64."""
    missing = [p for p in packages if not (bins / p).is_dir()]
    if not missing:
        return
    options = []
    with tempfile.TemporaryDirectory(prefix="deferscope-apt-") as folder:
        if arm64:
            os.makedirs(folder + "/lists/partial")
            options = ["-o", "APT::Architecture=arm64", "-o", "APT::Architectures=arm64", "-o", "Dir::State::lists=%s/lists" % folder, "-o", "Dir::Cache=%s/cache" % folder]
            subprocess.run(["apt-get", *options, "update", "-qq"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # without it no package is found below
        for package in missing:
            here = pathlib.Path(folder, package)
            here.mkdir()
            done = subprocess.run(["apt-get", *options, "download", "-qq", package], cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for deb in here.glob("*.deb"):
                subprocess.run(["dpkg", "-x", deb, bins / package], check=True)
            if done.returncode:
                print("(not tried: apt has no package %s)" % package)


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def ran(folder, command, stdin):
    """What a command writes and leaves, in a fresh copy of the files that is always in the same place."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/", "USER": "guest", "TZ": "UTC"}
    done = subprocess.run([str(c) for c in command], cwd=folder, env=env, input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    return {"status": done.returncode, "stdout": done.stdout, "stderr": done.stderr, "files": tree(folder)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--bins", default="build/debian")
    parser.add_argument("--arm64", action="store_true")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        print("(not tried: this is not Debian)")
        return 77
    bins = pathlib.Path(args.bins, "arm64" if args.arm64 else "amd64").resolve()
    bins.mkdir(parents=True, exist_ok=True)
    jobs = [p for p in PROGRAMS if args.only in p[1]]
    fetch(bins, sorted({p[0] for p in jobs}), args.arm64)
    failures, tried, programs = 0, 0, set()
    with tempfile.TemporaryDirectory(prefix="deferscope-debian-", dir="/var/tmp") as top:
        folder = pathlib.Path(os.path.realpath(top)) / "work"
        ours = [os.path.abspath(args.program), "run", "--allow-write", folder, "--env", "TZ=UTC", "--clock", "1764547200"]
        ours += ["--sysroot", ARM64] if args.arm64 else []
        for package, name, arguments, stdin in jobs:
            binary = next((b for b in (bins / package / "usr/bin" / name, bins / package / "usr/sbin" / name) if b.exists()), None)
            if not binary:
                continue
            command = [binary, *arguments.split()]
            native = ran(folder, [*(["qemu-aarch64", "-L", ARM64] if args.arm64 else []), *command], stdin)
            if b"error while loading shared libraries" in native["stderr"]:
                print("(not tried: %s needs a library that is not here)" % name)
                continue
            here = ran(folder, [*ours, *command], stdin)
            tried += 1
            programs.add(name)
            different = [k for k in native if native[k] != here[k]]
            if different:
                failures += 1
                print("FAILED: %s %s: %s differ: natively %.300r, here %.300r" % (name, arguments, ", ".join(different), native[different[-1]], here[different[-1]]))
    print("debian %s: %d programs, %d pieces of work, %s" % (bins.name, len(programs), tried, "%d FAILED" % failures if failures else "all as natively"))
    return 1 if failures else 0 if tried else 77


if __name__ == "__main__":
    sys.exit(main())
