#!/usr/bin/env python3
"""What README and docs print is what happens when it is typed: tests/docs.py --program PROGRAM [FILE…].

Every command line of theirs runs in a fresh folder that holds the names which they use (BIN, ./yours, ./hello-defer, DIR, defer_ret.s):
  $ COMMAND in a code block   the lines below it, to the next $, are its output, standard error included;
  (ds) COMMAND                all of a page are one session of `deferscope step`; lines below are in what it prints, in this order;
  deferscope … in a block     exits with 0;
  `deferscope VERB …`         a synopsis: with each [optional] part left out and each NAME filled in it exits with 0, and its flags exist;
  ./dev WORD                  is a word of ./dev;
  cmake …                     is parsed as far as its preset.
docs/releases.md is left to tests/releases.py: its commands take Go of many releases.
Code blocks of a language (```sh, ```yaml) belong to other tests: tests/ci.py.
--update writes what $ commands print now into the page: read the diff.
"""
import argparse
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What a placeholder of a synopsis stands for; SHELL, VERB: each one is tried elsewhere (completion's and help's own tests).
MEANING = {"BIN": "./BIN", "WHERE": "main.main", "FILE": "out.txt", "FILE.jsonl": "out.jsonl", "SHELL": "bash", "VERB": "run", "DIR": "DIR",
           "FUNC": "main.main", "RE": "^main", "START": "0x401000", "END": "0x401200", "K=V": "K=V", "CMD": "si", "'CMD; CMD'": "'si; si'",
           "MIB": "64", "SECONDS": "60", "N": "1000"}


def blocks(text):
    """The code blocks, fenced or indented, as lists of lines."""
    out, block, fenced, plain = [], [], False, True
    for line in text.split("\n") + [""]:
        if line.startswith("```"):
            fenced = not fenced
            if fenced:
                plain = line == "```"
            elif plain:
                out.append(block)
            block = []
        elif fenced:
            block.append(line)
        elif line.startswith("    ") and line.strip():
            block.append(line[4:])
        elif block:
            out.append(block)
            block = []
    return out


def without_comment(line):
    return re.sub(r"\s{2,}#.*$", "", line).strip()


class Page:
    def __init__(self, path, args, folder):
        self.path, self.folder, self.failures, self.commands = path, folder, [], 0
        self.text, self.update = path.read_text(), args.update
        self.env = {**os.environ, "PATH": "%s:%s" % (pathlib.Path(args.program).resolve().parent, os.environ["PATH"]), "NO_COLOR": "1"}

    def fail(self, command, text):
        self.failures.append("%s: `%s`: %s" % (self.path.name, command, text))

    def run(self, command):
        self.commands += 1
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=300)
        return done.returncode, done.stdout.decode(errors="replace")

    def must_work(self, command):
        status, out = self.run(command)
        if status:
            self.fail(command, "exit status %d: %s" % (status, out.strip()[-300:]))

    def transcript(self, block):
        command, expected = None, []
        for line in block + ["$ "]:
            if not line.startswith("$ "):
                expected.append(line.rstrip())
                continue
            if command:
                self.must_print(command, expected)
            command, expected = without_comment(line[2:]), []

    def must_print(self, command, expected):
        status, out = self.run(command)
        if self.update and expected:
            self.text = self.text.replace("\n".join(expected).rstrip() + "\n", out, 1)
            expected[:] = out.rstrip("\n").split("\n")
        got = [line.rstrip() for line in out.rstrip("\n").split("\n")]
        while expected and not expected[-1]:
            expected.pop()
        if status:
            self.fail(command, "exit status %d" % status)
        for i, line in enumerate(expected):
            if i >= len(got) or got[i] != line:
                return self.fail(command, "line %d is\n    %s\n  but the page says\n    %s" % (i + 1, got[i] if i < len(got) else "(none)", line))
        if len(got) > len(expected):
            self.fail(command, "the page leaves out\n    %s" % got[len(expected)])

    def session(self, lines):
        """(ds) lines and what stands below them."""
        commands = [without_comment(line[5:]) for line in lines if line.startswith("(ds) ")]
        if not commands:
            return
        status, out = self.run("deferscope step -c " + shlex.quote("; ".join(commands)))
        if status:
            self.fail("step", "exit status %d: %s" % (status, out[-300:]))
        at, got = 0, [line.rstrip() for line in out.split("\n")]
        for line in (line.rstrip() for line in lines if not line.startswith(("(ds) ", "$ ")) and line.strip()):
            if line not in got[at:]:
                return self.fail("step", "no such line, or not in this order:\n    %s" % line)
            at = got.index(line, at) + 1

    def synopsis(self, text):
        words = re.sub(r"\s*\[[^\[\]]*\]", "", re.sub(r"\s*\[[^\[\]]*\[[^\[\]]*\]\s*\]", "", text)).replace("…", "").strip()
        for name in sorted(MEANING, key=len, reverse=True):
            words = re.sub(r"(?<![\w.'-])%s(?![\w.])" % re.escape(name), lambda m, n=name: MEANING[n], words)
        verb = words.split()[1] if len(words.split()) > 1 else ""
        if verb.startswith("-") or not verb:
            return self.must_work(words)
        _, help_text = self.run("deferscope %s --help" % verb)
        for flag in re.findall(r"(?<![\w-])--?[a-z][\w-]*", text):
            if not re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(flag), help_text):
                self.fail(text, "%s --help does not know %s" % (verb, flag))
        if verb == "step" and " -c" not in words and " -x" not in words:
            words = words.replace("step", "step -c si", 1)
        self.must_work(words)

    def dev_word(self, command):
        self.commands += 1
        word = (command.split() + ["help"])[1]
        if not re.search(r"^  %s\)" % re.escape(word), (ROOT / "dev").read_text(), re.M):
            self.fail(command, "./dev has no such word")

    def cmake(self, command):
        self.commands += 1
        presets = {p["name"] for p in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]}
        for preset in re.findall(r"--preset (\w+)|build/(\w+)", command):
            if "".join(preset) not in presets:
                self.fail(command, "no preset %s" % "".join(preset))

    def check(self):
        text, stepping = self.text, []
        for block in blocks(text):
            if any(line.startswith("(ds) ") for line in block):
                stepping += block
            elif any(line.startswith("$ ") for line in block):
                self.transcript(block)
            else:
                for line in map(without_comment, block):
                    if line.startswith("deferscope "):
                        self.must_work(line)
                    elif line.startswith("./dev"):
                        self.dev_word(line)
                    elif line.startswith("cmake "):
                        self.cmake(line)
        self.session(stepping)
        prose = re.sub(r"```.*?```", "", text, flags=re.S)
        for code in dict.fromkeys(re.findall(r"`([^`\n]+)`", prose)):
            code = code.replace("\\|", "|")
            if code.startswith("deferscope "):
                self.synopsis(code)
            elif code.startswith("./dev "):
                self.dev_word(code)
        if self.text != text:
            self.path.write_text(self.text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--update", action="store_true")
    parser.add_argument("files", nargs="*", type=pathlib.Path, default=[ROOT / "README.md", *sorted(p for p in (ROOT / "docs").glob("**/*.md") if p.name != "releases.md")])
    args = parser.parse_args()
    failures, commands = [], 0
    for path in args.files:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("hello-defer", "BIN", "yours"):
                target = pathlib.Path(folder, name)
                subprocess.run([args.program, "demo", "--extract", target], check=True, stdout=subprocess.DEVNULL)
                target.chmod(0o755)
            subprocess.run([pathlib.Path(args.program).resolve(), "run", "--events=out.jsonl", "./BIN"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            shutil.copytree(ROOT / "tests/guests/src/hello", pathlib.Path(folder, "DIR"))
            shutil.copy(ROOT / "tests/unit/data/listing/defer_ret_1.11.13-amd64.s", pathlib.Path(folder, "defer_ret.s"))
            page = Page(path, args, folder)
            page.check()
            failures += page.failures
            commands += page.commands
    print("\n".join(failures))
    print("docs: %d commands in %d pages, %d failures" % (commands, len(args.files), len(failures)))
    return 1 if failures or not commands else 0


if __name__ == "__main__":
    sys.exit(main())
