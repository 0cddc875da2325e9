#!/usr/bin/env python3
"""The escape suite: tests/sandbox/escape.py --program build/release/deferscope --escape build/release/tests/escape [--only TEXT] [-v].

A guest (escape.cpp; tests/guests/src/sandbox for macOS, with --darwin) makes each of its attempts to leave the sandbox; what comes back must be the errno in its table, the host's own answer
where its row says that the host may be asked, and outside the writable directories nothing may change: names, types, modes, sizes,
contents, link targets and inodes are compared. All of it with openat2 and without it, with deferscope's own confinement and without it
(--no-confine, where the program has it); swaps of files and links for links that lead outside are made by a second host process and by a
second guest; on a sample strace says that no path leaves a directory that is held open. Guests for macOS go one of these ways each, all of
them with --all; of them the host is not asked.
"""
import argparse
import errno
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile

SKIPPED = 77
failures = []
NOT_MODELLED = r"deferscope: (system call \S+|_\w+ of libSystem, called from 0x[0-9a-f]+,) is not implemented.*\n"


def check(condition, text):
    if not condition:
        failures.append(text)
        print("FAILED: " + text)


# ---- the directories


def build(top, escape):
    """TOP with what is granted (w, w2, r, w/data, w/mid/deep), libraries (sys), and what is not."""
    for name in "outside/folder w/sub w/data w/mid/deep w/swap/d w2 r sys/lib/deep sys/etc sys/usr".split():
        (top / name).mkdir(parents=True)
    (top / "outside/secret").write_text("secret\n")
    (top / "outside/secret").chmod(0o600)
    (top / "outside/suid").write_text("#!/bin/sh\n")
    (top / "outside/suid").chmod(0o4755)
    (top / "outside/link").symlink_to("secret")
    for name in "w/f w/data/x w/mid/deep/x w/swap/f w/swap/d/secret r/f".split():
        (top / name).write_text("inside")
    (top / "w/stdin.txt").write_text("input")
    (top / "w/link_out").symlink_to("../outside/secret")
    (top / "w/dir_out").symlink_to("../outside")
    os.mkfifo(top / "w/fifo")
    for name in "outside/socket", "w/socket":
        here = os.getcwd()
        os.chdir((top / name).parent)  # sun_path is short
        with socket.socket(socket.AF_UNIX) as s:
            s.bind("socket")
        os.chdir(here)
    shutil.copy(escape, top / "w/escape")
    (top / "sys/lib/libok.so").write_text("library")
    (top / "sys/etc/ld.so.conf").write_text("inside")
    for name in "sys/lib/secret", "sys/etc/shadow":
        (top / name).write_text("secret\n")
    os.mkfifo(top / "sys/lib/libfifo.so")
    for name, target in {"lib/libok.so.1": "libok.so", "usr/lib": "/lib", "lib/libup.so": "../../../../../../../../etc/ld.so.conf", "lib/libout.so": "../../outside/secret",
                         "lib/libabs.so": str(top / "outside/secret"), "lib/libname.so": "../etc/shadow", "lib/libloop.so": "libloop.so"}.items():
        (top / "sys" / name).symlink_to(target)


def described(path):
    st = path.lstat()
    what = [oct(st.st_mode), st.st_ino, st.st_uid, st.st_gid, st.st_nlink if not stat.S_ISDIR(st.st_mode) else 0]
    if stat.S_ISLNK(st.st_mode):
        what.append(os.readlink(path))
    elif stat.S_ISREG(st.st_mode):
        what += [st.st_size, st.st_mtime_ns, path.read_bytes()]
    return what


def outside_of(top):
    """Everything but what lies in the writable directories; their own entries are part of it."""
    seen = {"..": described(top.parent)[:3], ".": described(top)[:4]}
    for folder, names, files in os.walk(top):
        here = pathlib.Path(folder)
        for name in names + files:
            seen[str((here / name).relative_to(top))] = described(here / name)
        names[:] = [n for n in names if (here / n) not in (top / "w", top / "w2")]
    for name in "w/data", "w/data/x", "w/mid", "w/mid/deep", "w/mid/deep/x":
        seen[name] = described(top / name)
    for name in "w", "w2":
        seen[name] = seen[name][:4]
    return seen


def inside_is_harmless(top, what):
    for folder, names, files in os.walk(top / "w"):
        for name in names + files:
            st = os.lstat(os.path.join(folder, name))
            check(not st.st_mode & 0o6000, "%s: %s/%s has mode %o" % (what, folder, name, st.st_mode))
            plain = stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode) or stat.S_ISLNK(st.st_mode)
            check(plain or name in ("fifo", "socket"), "%s: %s/%s is no file" % (what, folder, name))


def not_changed(before, after, what):
    for name in sorted(before.keys() | after.keys()):
        check(before.get(name) == after.get(name), "%s: %s changed: %s, then %s" % (what, name, before.get(name), after.get(name)))


# ---- runs


class Suite:
    def __init__(self, args, folder, guest, darwin=False):
        self.args, self.folder, self.count, self.cwd, self.guest, self.darwin = args, pathlib.Path(folder), 0, "w", guest, darwin
        self.folder.mkdir(exist_ok=True)
        rows = subprocess.run([args.program, "run", guest] if darwin else [guest], stdout=subprocess.PIPE, check=True, text=True).stdout
        self.rows = dict(line.split("\t") for line in rows.splitlines())

    def fresh(self):
        self.count += 1
        top = self.folder / ("t%d" % self.count)
        build(top, self.guest)
        return top

    def command(self, top, flags, words):
        grants = ["--allow-write", "w", "--allow-write", "w2", "--allow-read", "r", "--allow-read", "w/data", "--allow-read", "w/mid/deep"]
        paths = [str(top / x) if not x.startswith("-") else x for x in grants]
        return [self.args.program, "run", *flags, *paths, "--cwd", str(top / self.cwd), "--stdin", str(top / "w/stdin.txt"), "--sysroot", str(top / "sys"), "--max-threads", "20",
                str(top / "w/escape"), str(top), *words]

    def run(self, top, flags, env, words, before=()):
        """Status, rows and standard error. Two descriptors that lead outside are left open, as a careless parent's would be."""
        secret, folder = os.open(top / "outside/secret", os.O_RDWR), os.open(top / "outside", os.O_RDONLY)
        os.dup2(secret, 77), os.dup2(folder, 78)
        done = subprocess.run([*before, *self.command(top, flags, words)], env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(77, 78), timeout=600)
        for fd in secret, folder, 77, 78:
            os.close(fd)
        out = done.stdout.decode("latin1").splitlines()
        said = done.stderr.decode("latin1").replace("deferscope: note: --no-confine: Landlock and seccomp are off\n", "")
        return done.returncode, [line.split("\t") for line in out[1:]], said

    def judge(self, rows, what):
        for name, got, want, _ in rows:
            if self.args.verbose:
                print("  %-32s %s" % (name, got))
            check(got == want, "%s: %s gave %s, not %s" % (what, name, *((got, want) if self.darwin else (error(got), error(want)))))

    def wanted(self, kind):
        return [name for name, k in self.rows.items() if k == kind and self.args.only in name]

    def attempts(self, flags, env, what):
        top = self.fresh()
        before = outside_of(top)
        status, rows, err = self.run(top, flags, env, self.wanted("all"))
        check(status == 0 and err == "", "%s: status %d, %s" % (what, status, err))
        check([r[0] for r in rows] == self.wanted("all"), "%s: not all rows ended" % what)
        self.judge(rows, what)
        for name in self.wanted("last"):
            status, rows, err = self.run(top, flags, env, [name])
            check(status == 0 and len(rows) == 1, "%s: %s: status %d, %s" % (what, name, status, err))
            self.judge(rows, what)
        self.cwd = "w/sub"
        for name in self.wanted("in sub"):
            status, rows, err = self.run(top, flags, env, [name])
            check(status == 0 and len(rows) == 1, "%s: %s: status %d, %s" % (what, name, status, err))
            self.judge(rows, what)
        self.cwd = "w"
        for name in self.wanted("ends"):
            status, rows, err = self.run(top, flags, env, [name])
            check(status == 125 and rows == [] and re.fullmatch(NOT_MODELLED, err),
                  "%s: %s: status %d, %s" % (what, name, status, err))
        not_changed(before, outside_of(top), what)
        inside_is_harmless(top, what)

    def swaps(self, flags, env, what, by_guest):
        """A second process, ours or a second guest in the same directory, swaps names for links that lead outside."""
        top = self.fresh()
        before = outside_of(top)
        command = self.command(top, flags, ["swapper"]) if by_guest else [sys.executable, __file__, "--swap-in", str(top)]
        other = subprocess.Popen(command, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        other.stdout.readline()  # it has begun
        status, rows, err = self.run(top, flags, env, self.wanted("swaps"))
        other.terminate()
        other.communicate()
        check(status == 0 and len(rows) == len(self.wanted("swaps")), "%s: status %d, %s" % (what, status, err))
        self.judge(rows, what)
        not_changed(before, outside_of(top), what)
        inside_is_harmless(top, what)

    def native(self):
        """The host's own answers, where they are harmless and the sandbox's are the same."""
        top = self.fresh()
        done = subprocess.run([str(top / "w/escape"), str(top), "native"], cwd=top / "w", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              timeout=60, text=True, umask=0o022)
        rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
        self.judge([r for r in rows if self.args.only in r[0]], "the host itself")
        return len(rows)

    def traced(self, flags, env, what):
        """After the start every path that the kernel is given lies beneath a descriptor."""
        top = self.fresh()
        log = self.folder / "strace"
        names = [n for n in self.wanted("all") if not n.startswith(("process.", "size.", "kernel.ioctl-any", "fd.all"))]
        env = {**env, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}  # under strace it cannot
        status, rows, err = self.run(top, flags, env, names,
                                     before=["strace", "-f", "-qq", "-s", "9000", "-o", str(log), "-e", "trace=%file,write"])
        check(status == 0 and len(rows) == len(names), "%s: status %d, %s" % (what, status, err))
        lines = log.read_text(errors="replace").splitlines()
        start = next((i for i, line in enumerate(lines) if 'write(1, "start' in line), None)
        check(start is not None, what + ": the log has no start")
        calls = 0
        for line in lines[start or 0:]:
            text = re.sub(r"^\d+ +", "", line)
            name = text.split("(")[0]
            if name in ("write", "+++ exited with 0 +++") or not re.match(r"\w+\(", text):
                continue
            calls += 1
            given = re.findall(r'(AT_FDCWD|\d+(?:<[^>]*>)?), "((?:[^"\\]|\\.)*)"', text)
            if not given:
                given = [("AT_FDCWD", p) for p in re.findall(r'"((?:[^"\\]|\\.)*)"', text)[:1]]
            for folder, path in given:
                held = re.fullmatch(r"/proc/self/fd/\d+", path) or (
                    folder != "AT_FDCWD" and not path.startswith("/") and ".." not in path.split("/"))
                check(held, "%s: %s" % (what, line))
        check(calls > 100, "%s: only %d calls seen" % (what, calls))
        return calls


def error(text):
    number = int(text)
    return errno.errorcode.get(-number, text) if number < 0 else text


def swap_in(top):
    """As the guest's swapper, until ended."""
    top = pathlib.Path(top)
    print("start", flush=True)
    for name, target in ("lf", "secret"), ("ld", ""):
        os.symlink(top / "outside" / target, top / "w/swap" / name)
    os.chdir(top / "w/swap")
    parent = os.getppid()
    while os.getppid() == parent:
        for name, link in ("f", "lf"), ("d", "ld"):
            for old, new in (name, "spare"), (link, name), (name, link), ("spare", name):
                try:
                    os.rename(old, new)
                except OSError:
                    pass  # the guest was there


def tried(suite, flag, env, of=""):
    what = of + " ".join(["without openat2" if env else "openat2", *flag])
    suite.attempts(flag, env, what)
    if suite.wanted("swaps"):
        suite.swaps(flag, env, what + ", a process swaps", False)
        suite.swaps(flag, env, what + ", a guest swaps", True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program")
    parser.add_argument("--escape")
    parser.add_argument("--darwin", nargs="*", default=[], help="guests for macOS")
    parser.add_argument("--all", action="store_true", help="guests for macOS in every way to run")
    parser.add_argument("--only", default="")
    parser.add_argument("--swap-in")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    if args.swap_in:
        return swap_in(args.swap_in)
    args.program, args.escape = os.path.abspath(args.program), os.path.abspath(args.escape)
    os.umask(0o022)
    flags = [[]]
    if "--no-confine" in subprocess.run([args.program, "run", "--help"], stdout=subprocess.PIPE, text=True).stdout:
        flags.append(["--no-confine"])
    # Not below the guest's own /tmp, which would hide what it may see there.
    with tempfile.TemporaryDirectory(prefix="deferscope-escape-", dir="/var/tmp") as folder:
        folder = pathlib.Path(os.path.realpath(folder))
        ways = [(flag, env) for flag in flags for env in ({}, {"DEFERSCOPE_NO_OPENAT2": "1"})]
        suite = Suite(args, folder / "linux", args.escape)
        oracle = suite.native()
        for flag, env in ways:
            tried(suite, flag, env)
        if not shutil.which("strace"):
            print("(not tried: strace is not installed)")
        elif args.only == "":
            for env in {}, {"DEFERSCOPE_NO_OPENAT2": "1"}:
                print("strace: %d calls with paths" % suite.traced(flags[-1], env, "strace" + (" without openat2" if env else "")))
        for i, guest in enumerate(args.darwin):
            darwin = Suite(args, folder / ("darwin%d" % i), os.path.abspath(guest), True)
            for flag, env in ways if args.all else ways[3 * i % len(ways):][:1]:
                tried(darwin, flag, env, os.path.basename(guest) + ", ")
            print("%s: %d rows" % (os.path.basename(guest), len(darwin.rows)))
        print("escape: %d rows, %d of them asked of the host too, %d ways to run: %s" % (len(suite.rows), oracle, len(ways), "FAILED" if failures else "held"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
