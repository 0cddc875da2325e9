"""What the tests that run the program share: how it is called, how a case fails, how cases run one by one."""
import pathlib
import subprocess
import sys
import tempfile

SECONDS = 600  # a hang is a failure
SKIPPED = 77   # exit status: ctest counts the test as skipped


class Failed(Exception):
    """A case is over, and this is what was wrong."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


def skip(why):
    print("%s: skipped" % why)
    sys.exit(SKIPPED)


class Tally:
    """Failures that end no case: they are counted, and the first ones shown."""

    def __init__(self, shown=30):
        self.failures, self.shown = 0, shown

    def expect(self, condition, text):
        if not condition:
            self.failures += 1
            if self.failures <= self.shown:
                print(text)


class Bench:
    """Where a case finds the program, the guests and a folder of its own."""

    def __init__(self, program, folder, guests=None):
        self.program = str(pathlib.Path(program).resolve())
        self.folder, self.guests = pathlib.Path(folder), guests and pathlib.Path(guests).resolve()

    def call(self, *words, stdin=b"", **more):
        """Exit status, standard output, and standard error as text."""
        if "stdin" not in more and not isinstance(stdin, bytes):
            more["stdin"] = stdin
        else:
            more["input"] = stdin
        done = subprocess.run([self.program, *map(str, words)], stdout=more.pop("stdout", subprocess.PIPE), stderr=more.pop("stderr", subprocess.PIPE),
                              timeout=SECONDS, **more)
        return done.returncode, done.stdout or b"", (done.stderr or b"").decode(errors="replace")


def named(cases, only=""):
    """Functions with their names, those that have `only` in it."""
    return [(case.__name__, case) for case in cases if only in case.__name__]


def run_cases(cases, make):
    """Runs each (name, case) with make(a folder of its own); says how each ended. The exit status."""
    failures = 0
    for name, case in cases:
        with tempfile.TemporaryDirectory(prefix="deferscope-test-") as folder:
            try:
                case(make(pathlib.Path(folder).resolve()))
                print("ok     " + name, flush=True)
            except (Failed, OSError, ValueError, subprocess.SubprocessError) as problem:
                failures += 1
                print("FAILED %s: %s" % (name, problem), flush=True)
    print("%d of %d passed" % (len(cases) - failures, len(cases)))
    return failures != 0
