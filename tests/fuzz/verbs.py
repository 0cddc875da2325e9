"""Every verb on a program that may be damaged, and what its answer must be, for fuzz.py and liars.py."""
import pathlib
import re
import resource
import subprocess

# Verb -> its words around the program and its arguments; whether the exit status is the guest's. FUNCTION is one of the user's, FOLDER is empty
# before. The instructions suffice for Go's start and a case.
LIMIT = ["--max-instructions", "900000"]
STEPS = "break FUNCTION; c; bt; defers; locals; args; goroutines; dis; si 3; rsi 2; q"
RUNS = {
    "info": (["info"], []),
    "info --json": (["info", "--json"], []),
    "defers": (["defers", "--scope", "all"], []),
    "disasm": (["disasm", "-s", "FUNCTION"], []),
    "run": (["run", *LIMIT], ["CASE"]),
    "run --events": (["run", "--events", *LIMIT], ["CASE"]),
    "trace": (["trace", "-o", "FOLDER/trace.jsonl", *LIMIT], ["CASE"]),
    "step": (["step", *LIMIT, "-c", STEPS], ["CASE"]),
    "snap": (["snap", "--at", "300000", *LIMIT], ["CASE"]),
    "draw": (["draw", "--at", "300000", *LIMIT], ["CASE"]),
    "report": (["report", "-o", "-", *LIMIT], ["CASE"]),
    "diff": (["diff", *LIMIT, "PROGRAM"], ["--", "CASE"]),
    "check": (["check", "--update", *LIMIT, "FOLDER/golden"], ["CASE"]),
}
OF_GUEST = ("run", "trace")  # the exit status is the guest's, or 125
STATUSES = {"diff": (0, 1, 2), "check": (0, 1, 2), "step": (0, 1, 2)}  # different; a command of the stepper failed. diff says in its table what is wrong
ALL = list(RUNS)


def by_turns(turn, count):
    """So many of the verbs, others in the next turn."""
    return [ALL[(turn * count + i) % len(ALL)] for i in range(count)]


def command(program, verb, path, function, case):
    before, behind = RUNS[verb]
    places = {"FUNCTION": function, "CASE": case, "PROGRAM": str(path), "FOLDER": str(pathlib.Path(path).parent)}

    def put(word):
        for name, text in places.items():
            word = word.replace(name, text)
        return word
    return [program, *map(put, before), str(path), *map(put, behind)]


def peak():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def bounded():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def trouble(words, verb, seconds, memory=None):
    """What is wrong with deferscope's answer; empty if nothing. `memory`: most bytes that it may hold."""
    before = peak()
    try:
        done = subprocess.run(["/usr/bin/env", *words], capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL, preexec_fn=bounded)
    except subprocess.TimeoutExpired:
        return "no end after %d s" % seconds
    err = done.stderr.decode("latin1")
    if done.returncode < 0:  # a guest that is killed by its damage has 128 and its signal
        return "killed by signal %d\n%s" % (-done.returncode, err[-2000:])
    if "Sanitizer" in err or re.search(r"\.(cpp|h):\d+:\d+: runtime error", err):
        return err[-4000:]
    if "bad_alloc" in err or "length_error" in err or "vector::" in err:
        return "an error that says nothing: " + err[-300:]
    own = err[max(err.rfind("deferscope: "), 0):]  # the guest may have written before, and not to its line's end
    one_line = own.startswith("deferscope: ") and own.count("\n") == 1
    if verb.split()[0] in OF_GUEST:
        if done.returncode == 125 and not one_line:
            return "status 125 without its line:\n" + err[-500:]
    elif done.returncode not in STATUSES.get(verb, (0, 2)) or done.returncode == 2 and not one_line and not (verb == "diff" and done.stdout):
        return "status %d, standard error:\n%s" % (done.returncode, err[-500:])
    if memory and peak() > before and peak() << 10 > memory:
        return "%d MiB" % (peak() >> 10)
    return ""
