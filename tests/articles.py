#!/usr/bin/env python3
"""The pages of docs/articles, from live runs: what articles on defer say, claim by claim, with the command that shows it. A page that differs from what
the runs say now, or a claim whose proof is not in its command's output, is a failure.

    tests/articles.py --program build/release/deferscope --articles build/guests-articles --guests build/guests-core [--update]
    ./dev articles                                                                                                 the same with --update

What the pages say stands in tests/articles/*.toml, one file a page. A claim has
    says     what the article says, in our words
    verdict  "so", "not so", "so, with other numbers" and the like: the heading's end
    here     what the run shows
    runs     commands: `run` is the command line behind "deferscope" (its last words: the program and its arguments), `show` a pattern of the
             lines to print (all without it; `from`, `to` of the first and last, counted from 1), `proves` patterns that the output must have; `figure` the file of a picture
Programs are members of tests/guests/articles, or "hello-defer", which `deferscope demo --extract hello-defer` writes.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

try:
    import tomllib
except ImportError:
    print("no tomllib (Python 3.11): skipped")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs/articles"
SUMMARY = "README.md"
# Who runs a deferred function, by the words of `run_by`.
WHO = {"inline": "the function itself", "deferreturn": "the loop in `deferreturn`", "jmpdefer": "`jmpdefer`, from `deferreturn`", "panic": "the panic", "goexit": "`Goexit`"}
WHERE = {"open-coded": "slot and bit in the frame", "stack": "record on the stack", "heap": "record on the heap", "rangefunc": "list of a range-over-func loop"}
CASES = ["defer-mixed", "panic-loopframes", "panic-openframes", "goexit-loop", "rangefunc-recover"]


class Maker:
    def __init__(self, args):
        self.args, self.failures, self.claims = args, [], 0
        self.folder = tempfile.TemporaryDirectory()
        hello = pathlib.Path(self.folder.name, "hello-defer")
        subprocess.run([args.program, "demo", "--extract", hello], check=True, stdout=subprocess.DEVNULL)
        hello.chmod(0o755)
        for guest in pathlib.Path(args.articles).glob("articles_*"):
            os.symlink(guest.resolve(), pathlib.Path(self.folder.name, guest.name))

    def deferscope(self, words):
        # The guest's own name is given: positions follow from its length.
        verb, rest = words[0], words[1:]
        named = ["--argv0", "/guest"] if verb in ("draw", "run", "snap", "step", "trace") else []
        return subprocess.run([self.args.program, verb, *named, *rest], cwd=self.folder.name, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)

    def output(self, page, run):
        for part in run["run"].split(" && deferscope "):  # of several, what the last one prints
            done = self.deferscope(shlex.split(part))
        out = done.stdout.decode() + (done.stderr.decode() if run.get("stderr") else "")
        if done.returncode and not run.get("fails"):
            self.failures.append("%s: deferscope %s: exit status %d: %s" % (page, run["run"], done.returncode, done.stderr.decode().strip()[:300]))
        for pattern in run.get("proves", []):
            if not re.search(pattern, out, re.M):
                self.failures.append("%s: deferscope %s: nothing says %s" % (page, run["run"], pattern))
        lines = [line.rstrip() for line in out.split("\n")]
        if "show" in run:
            lines = [line for line in lines if re.search(run["show"], line)]
            if not lines:
                self.failures.append("%s: deferscope %s: no line is shown by %s" % (page, run["run"], run["show"]))
        lines = lines[run.get("from", 1) - 1:run.get("to", len(lines))]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def page(self, path):
        data = tomllib.loads(path.read_text())
        name = path.stem + ".md"
        out = ["# " + data["title"], "", data["intro"].strip(), ""]
        figures = {}
        for number, claim in enumerate(data["claims"], 1):
            self.claims += 1
            out += ["## %d. %s" % (number, claim["title"]), "", "*The article:* " + claim["says"].strip(), "", "*Here: %s.* %s" % (claim["verdict"], claim["here"].strip()), ""]
            if not claim.get("runs") or not any(r.get("proves") for r in claim["runs"]):
                self.failures.append("%s: claim %d proves nothing" % (name, number))
            for run in claim.get("runs", []):
                lines = self.output(name, run)
                if "figure" in run:
                    figures[run["figure"]] = "\n".join(lines) + "\n"
                    out += ["```console", "$ deferscope " + run["run"], "```", "", "![%s](%s)" % (claim["title"], run["figure"]), ""]
                    continue
                out += ["```console", "$ deferscope " + run["run"], *lines, "```", ""]
        if "close" in data:
            out += [data["close"].strip(), ""]
        return {name: "\n".join(out).rstrip() + "\n", **figures}

    # --- who runs a deferred function, by release ---

    def who(self):
        """(where it is registered, who ran it) -> releases."""
        seen = collections.defaultdict(set)
        for guest in sorted(pathlib.Path(self.args.guests).glob("casessmall_*_linux_amd64_opt_syms")) + sorted(pathlib.Path(self.args.guests).glob("cases_*_linux_amd64_opt_syms")):
            release = int(guest.name.split("_")[1].split(".")[1])
            listed = subprocess.run([self.args.program, "run", guest, "list"], capture_output=True, text=True).stdout.split()
            for case in CASES:
                if case not in listed:
                    continue
                trace = pathlib.Path(self.folder.name, "who.jsonl")
                subprocess.run([self.args.program, "trace", "--kind", "defer.start", "-o", trace, guest, case], capture_output=True, timeout=300)
                for line in trace.read_text().splitlines():
                    event = json.loads(line)
                    if event.get("event") == "defer.start" and event["origin"] == "user" and not event["defer"]["stale"]:
                        seen[event["defer"]["storage"], event["defer"]["run_by"]].add(release)
        return seen

    def summary(self, pages):
        data = tomllib.loads((ROOT / "tests/articles/README.toml").read_text())
        seen = self.who()
        releases = sorted(set().union(*seen.values()))
        out = ["# " + data["title"], "", data["intro"].strip(), "", "| page | about |", "|---|---|"]
        out += ["| [%s](%s) | %s |" % (p["title"], name, p["about"]) for name, p in pages]
        out += ["", "## " + data["who_title"], "", data["who"].strip(), ""]
        groups = []
        for release in releases:
            answer = frozenset(k for k, v in seen.items() if release in v)
            if groups and groups[-1][1] == answer:
                groups[-1][0].append(release)
            else:
                groups.append(([release], answer))
        heads = ["1.%d" % g[0] if len(g) == 1 else "1.%d to 1.%d" % (g[0], g[-1]) for g, _ in groups]
        out += ["| the defer is a … | run by | " + " | ".join(heads) + " |", "|---|---|" + "---|" * len(heads)]
        for storage in WHERE:
            for by in WHO:
                if (storage, by) in seen:
                    out.append("| %s | %s | %s |" % (WHERE[storage], WHO[by], " | ".join("✓" if (storage, by) in answer else "" for _, answer in groups)))
        out += ["", "An empty field: no such call in the cases that were run (%s)." % ", ".join("`%s`" % c for c in CASES), "", data["who_text"].strip(), "", data["close"].strip()]
        for check in data["checks"]:
            for release in releases:
                here = (check["storage"], check["run_by"]) in {k for k, v in seen.items() if release in v}
                if here != (check["from"] <= release <= check["to"]):
                    self.failures.append("%s: 1.%d: %s run by %s: %s" % (SUMMARY, release, check["storage"], check["run_by"], here))
        return {SUMMARY: "\n".join(out).rstrip() + "\n"}

    def all(self):
        files, pages = {}, []
        for path in sorted((ROOT / "tests/articles").glob("*.toml")):
            if path.stem == "README" or self.args.page not in (None, path.stem):
                continue
            files.update(self.page(path))
            data = tomllib.loads(path.read_text())
            pages.append((path.stem + ".md", data))
        return files if self.args.page else {**files, **self.summary(pages)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/deferscope")
    parser.add_argument("--articles", default=str(ROOT / "build/guests-articles"))
    parser.add_argument("--guests", default=str(ROOT / "build/guests-core"))
    parser.add_argument("--page", help="one page alone, without the summary")
    parser.add_argument("--update", action="store_true", help="write docs/articles anew")
    args = parser.parse_args()
    args.program = args.program.resolve()
    if not os.path.isdir(args.articles) or not os.path.isdir(args.guests):
        print("no guests: skipped")
        return 77
    maker = Maker(args)
    files = maker.all()
    for name, text in files.items():
        path = PAGES / name
        if args.update:
            PAGES.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            old = path.read_text().split("\n") if path.exists() else []
            line = next((i for i, (a, b) in enumerate(zip(text.split("\n"), old)) if a != b), min(len(old), len(text.split("\n"))) - 1)
            maker.failures.append("docs/articles/%s: line %d is now\n    %s" % (name, line + 1, (text.split("\n") + [""])[line]))
    for left in set() if args.page else {p.name for p in PAGES.glob("*")} - set(files):
        maker.failures.append("docs/articles/%s is nobody's" % left)
    print("\n".join(maker.failures))
    print("articles: %d files, %d claims, %d failures" % (len(files), maker.claims, len(maker.failures)))
    return 1 if maker.failures or not maker.claims else 0


if __name__ == "__main__":
    sys.exit(main())
