#!/usr/bin/env python3
"""The job of docs/ci.md, run as printed: tests/ci.py --program PATH --guests FOLDER [--real].

Its shell blocks run one after the other in a repository (ci/project), and so do the steps of its workflow, which must be the same commands. Then a golden is
changed, and both must fail. Without --real the `go` on PATH is that of from_source.py, which gives committed guests for programs; with --real it is Go's own, with
the network, and it is also shown what the page says of go.mod's `go` line.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

# Debian's python3-yaml is Debian's python3's, which need not be the first on PATH.
sys.path.append("/usr/lib/python3/dist-packages")
try:
    import yaml
except ImportError:
    print("no yaml for Python: skipped")
    sys.exit(77)

import from_source  # noqa: E402
import harness  # noqa: E402
from harness import expect  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/ci.md").read_text()
ONCE, JOB, GO_LINES = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
(WORKFLOW,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
SECONDS = 600


class Repository(from_source.Place):
    def __init__(self, options, folder):
        super().__init__(options, folder)
        self.repository = self.root / "repository"
        shutil.copytree(ROOT / "tests/ci/project", self.repository)
        if options.real:
            (self.root / "bin/go").unlink()
            self.env = {**os.environ, "XDG_CACHE_HOME": str(self.cache), "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "auto"}
        else:
            shutil.copy(self.root / "p.go", self.repository)  # what that go looks for
        (self.root / "bin/deferscope").symlink_to(options.program)
        self.env["PATH"] = "%s:%s" % (self.root / "bin", self.env["PATH"])

    def shell(self, text, status=0):
        done = subprocess.run(["bash", "-c", text], cwd=self.repository, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
        expect(done.returncode == status, "status %d, not %d:\n%s\n%s" % (done.returncode, status, text, done.stdout))
        return done.stdout


def steps():
    """What the workflow runs, as one script; each step as GitHub runs it: bash -e."""
    (job,) = yaml.safe_load(WORKFLOW)["jobs"].values()
    lines = ["export %s=%s" % item for item in job["env"].items()]
    for step in job["steps"]:
        lines += step.get("run", "").splitlines()
    return "".join(line + "\n" for line in ["set -e", *lines])


def reports(repository, failures):
    for name in ("goldens.xml", "releases.xml"):
        path = repository.repository / name
        if failures and name == "releases.xml":
            continue  # the job ended before it
        suites = xml.etree.ElementTree.parse(path).getroot().findall("testsuite")
        expect(suites and all(int(s.get("tests")) > 0 for s in suites), "%s: no tests" % name)
        expect(sum(int(s.get("failures")) for s in suites) == failures, "%s: not %d failures:\n%s" % (name, failures, path.read_text()))
        path.unlink()


def test_workflow_is_the_job(_):
    expect(steps().replace(" --github", "") == JOB, "the workflow runs\n%s\nand the shell\n%s" % (steps(), JOB))
    expect(steps().count(" --github") == 2, "--github is missing in the workflow")


def test_job(r):
    r.shell("set -e\n" + ONCE)
    kept = {p.name for p in (r.repository / "defers").iterdir()}
    expect(kept == {"hello", "hello.golden", "hello.test", "hello.test.golden", ".gitignore"}, "%s" % kept)
    r.shell("git init -q . && git add . && rm -r defers/hello defers/hello.test && git diff --quiet")
    said = r.shell(JOB)
    expect(said.count("same: defers/") == 2 and "different" not in said, said)
    reports(r, 0)
    expect("::error" not in r.shell(steps()), "an annotation where nothing differs")
    reports(r, 0)
    # Behaviour changes: as if the golden had been written by another program.
    golden = r.repository / "defers/hello.golden"
    text = golden.read_text()
    golden.write_text(re.sub(r"(?m)^\| .*\n", "| something else\n", text, count=1))
    expect(golden.read_text() != text, "the golden has no output:\n" + text)
    said = r.shell(JOB, 1)
    expect("- something else\n" in said and "same: defers/hello.test.golden" in said, said)
    reports(r, 1)
    said = r.shell(steps(), 1)
    expect(re.search(r"(?m)^::error .*something else", said), said)
    r.shell("deferscope check --update defers")
    expect(golden.read_text() == text, "--update does not write what was there")


def real_goldens_hold(r):
    """On other releases, another instruction set and with -trimpath: a test binary's goroutines are the testing package's."""
    r.shell("set -e\n" + ONCE)
    for build in ("GOTOOLCHAIN=go1.25.14", "GOARCH=arm64 GOFLAGS=-trimpath", "GOTOOLCHAIN=go1.27.4"):
        said = r.shell("export CGO_ENABLED=0 %s && go build -o defers/hello . && go test -c -o defers/hello.test . && deferscope check defers" % build)
        expect(said.count("same: ") == 2, "%s: %s" % (build, said))


def real_go_lines(r):
    """What the go line decides, and which toolchains it refuses."""
    shutil.copy(ROOT / "tests/guests/src/golines/main.go", r.repository)
    said = r.shell("set -e\n" + GO_LINES, 1)
    for part in ("the deferred function captures i by address", "the deferred function captures i by value", "loop variable 3", "loop variable 0"):
        expect(part in said, "%r is not in\n%s" % (part, said))
    r.shell("go mod edit -go=1.27")
    said = r.shell("deferscope diff --semantics --go 1.26,1.27 .", 2)
    expect(re.search(r"go1\.26\.\d+  not compared: .*go\.mod requires go >= 1\.27", said), said)
    said = r.shell("deferscope run --events=before.jsonl ./before >before.txt && deferscope diff --semantics --go 1.25..1.27 . before.jsonl", 1)
    expect(said.count("not compared") == 2, said)
    r.shell("go mod edit -go=1.12")
    said = r.shell("go build -o before . && go mod edit -go=1.21 && go build -o after . && deferscope diff --semantics before after", 1)
    for part in ("the panic's value is nil", "panic(nil) panics with a *runtime.PanicNilError"):
        expect(part in said, "%r is not in\n%s" % (part, said))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    options.program, options.guests = options.program.resolve(), options.guests.resolve()
    tests = [f for n, f in sorted(globals().items()) if n.startswith("test_") or (options.real and n.startswith("real_"))]
    return harness.run_cases(harness.named(tests), lambda folder: Repository(options, folder))


if __name__ == "__main__":
    sys.exit(main())
