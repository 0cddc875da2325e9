#!/usr/bin/env python3
"""The limits suite: guests that take as much as they can get of one thing run with a small --memory: limits.c, and for macOS (--darwin)
tests/guests/src/sandbox, half of its rows by turns among these guests, with --all each row on each. Each must end by an errno that its system
gives or by deferscope's own line, and the process may never hold more than --memory, 64 MiB and the block cache's bound."""
import argparse
import os
import re
import resource
import sys
import tempfile

MEMORY = 64  # MiB
SLACK = 64  # MiB, beside --memory
CACHE = 96  # MiB, the bound of the block cache (emu/engine/engine.cpp) and of what one run adds to it
TIMEOUT = 40  # seconds of --timeout: a guest that needs it ends with a line that its row does not know
CPU = 12  # seconds of the processor after which the host ends it: --timeout did not

FULL = r"^deferscope: the guest needs more memory than --memory allows"
MANY = r"\d+ then "  # that often it went well
EAGAIN, ENOMEM, EINVAL, ENFILE, EMFILE, ENOSPC, ENAMETOOLONG, ELOOP, ENOBUFS = 11, 12, 22, 23, 24, 28, 36, 40, 105


def ends(*errnos, at_least=1, at_most=1 << 40):
    return errnos, at_least, at_most


# What each guest's run must show: deferscope's line (a string that stderr matches), all of stdout (a string of a status 0), or how often a
# call went well and the errnos with which it may end.
CASES = {
    "nothing": "nothing\n",
    # memory
    "pages": FULL,
    "far_pages": FULL,
    "mappings": ends(ENOMEM, at_least=30000, at_most=65530),
    "more_mappings": ends(ENOMEM, at_least=65000, at_most=65530),
    "mapped_file": ends(1, at_least=300, at_most=300),
    "mapped_versions": ends(ENOMEM, at_least=8, at_most=16),
    "maps_text": (FULL, ends(ENOMEM, at_least=50)),
    "write_vectors": f"{16 << 20} {16 << 20}\n",
    # /tmp
    "file_bytes": ends(ENOSPC, at_least=30, at_most=64),
    "sparse_file": ends(ENOSPC, at_least=1000, at_most=16384),
    "files": ends(ENOSPC, at_least=30000, at_most=65536),
    "hard_links": ends(ENOSPC, at_least=60000, at_most=65536),
    "directories": ends(ENOSPC, at_least=30000, at_most=65536),
    "symlinks": ends(ENOSPC, at_least=5000, at_most=16384),
    "deep_directories": ends(ENAMETOOLONG, EINVAL, at_least=200, at_most=400),
    "open_deep": ends(ENOMEM, EMFILE, at_least=500),
    "directory_lists": ends(ENOMEM, EMFILE, at_least=100),
    # descriptors and what is behind them
    "descriptors": "1021 then -24\n-9\n",
    "pipes": ends(ENOMEM, ENFILE, at_least=200),
    "streams": ends(ENOBUFS, at_least=50),
    "datagrams": ends(ENOBUFS, at_least=50),
    "socket_options": (FULL, ends(ENOBUFS, at_least=100000)),
    "events": ends(EMFILE, at_least=4000, at_most=4096),
    "epoll_items": ends(ENOSPC, at_least=100000),
    "timers": ends(EAGAIN, at_least=4000, at_most=4096),
    "signals": ends(EAGAIN, at_least=4000, at_most=4096),
    "thread_stacks": ends(EAGAIN, at_least=999, at_most=999),
    "entry_points": "ran\n",
    # work
    "nested_links": "3\n",
    "lost_in_a_directory": "listed\n",
    "diamonds": f"{-ELOOP}\n",
    "wide_sets": "looked\n",
    "silent_timers": "slept\n",
    "ignored_timers": "slept\n",
    "blocked_timers": "slept\n",
    "endless_timers": "slept\n",
    "reservations": "moved0\n",
    "present_bytes": FULL,
    "dead_peers": "-1\n",
    "woken_readers": "woken\n",
    "shared_views": (FULL, "stored\n"),
}

# The same for macOS, in its numbers. What buffers hold counts as the guest's memory, and these are Go programs: when buffers have taken
# the last of it, a page that the runtime touches first then ends the run.
D_EAGAIN, D_ENOMEM, D_ENFILE, D_EMFILE, D_ENOSPC, D_ENAMETOOLONG, D_ELOOP, D_ENOBUFS = 35, 12, 23, 24, 28, 63, 62, 55
DARWIN_CASES = {
    "nothing": "nothing\n",
    "cpus": "3\n",
    "pages": FULL,
    "far_pages": FULL,
    "heap": FULL,
    "small_heap": (FULL, ends(D_ENOMEM, at_least=10000)),
    "mappings": ends(D_ENOMEM, at_least=30000, at_most=65530),
    "more_mappings": ends(D_ENOMEM, at_least=60000, at_most=65530),
    "mapped_file": ends(1, at_least=300, at_most=300),
    "mapped_versions": ends(D_ENOMEM, at_least=6, at_most=16),
    "file_bytes": ends(D_ENOSPC, at_least=300, at_most=1024),
    "sparse_file": ends(D_ENOSPC, at_least=1000, at_most=16384),
    "files": ends(D_ENOSPC, at_least=30000, at_most=65536),
    "hard_links": ends(D_ENOSPC, at_least=60000, at_most=65536),
    "directories": ends(D_ENOSPC, at_least=30000, at_most=65536),
    "symlinks": ends(D_ENOSPC, at_least=5000, at_most=65536),
    "deep_directories": ends(D_ENAMETOOLONG, at_least=3, at_most=400),
    "open_deep": ends(D_ENOMEM, D_EMFILE, at_least=500),
    "directory_lists": ends(D_ENOMEM, D_EMFILE, at_least=100),
    "descriptors": ends(D_EMFILE, at_least=61000, at_most=61440),  # package syscall raises the limit
    "pipes": (FULL, ends(D_ENOMEM, D_ENFILE, at_least=200)),
    "streams": (FULL, ends(D_ENOBUFS, at_least=50)),
    "datagrams": (FULL, ends(D_ENOBUFS, at_least=50)),
    "socket_options": (FULL, ends(D_ENOBUFS, at_least=100000)),
    "queues": ends(D_EMFILE, at_least=4000, at_most=4096),
    "queue_events": (FULL, ends(D_ENOSPC, D_ENOMEM, at_least=50000)),
    "queue_timers": (FULL, ends(D_ENOSPC, D_ENOMEM, at_least=50000)),
    "queue_files": (FULL, ends(D_ENOSPC, D_ENOMEM, at_least=50000)),
    "diamonds": f"{-D_ELOOP}\n",
    "thread_stacks": ends(D_EAGAIN, at_least=900, at_most=999),
    "thread_keys": ends(D_EAGAIN, at_least=200, at_most=512),
    "addresses": (FULL, ends(6, at_least=10000)),  # EAI_MEMORY
    "ignored_timers": "slept\n",
    "present_bytes": FULL,
    "shared_views": (FULL, "stored\n"),
}

# Honest guests: what runs, --memory, what it may take beside the guest's pages and the block cache (MiB), and the end of stdout. HOST is a
# directory with a large file and a small one.
READS = ["--allow-read", "HOST"]
HONEST = [
    ("a file through a window", ["run", *READS], ["read_much", "HOST/big"], 16, 40, f"{512 << 20}\n"),
    ("many small files", ["run", *READS], ["read_often", "HOST/small"], 16, 40, "60000000\n"),
    ("a recording of the file", ["step", *READS, "--snapshots", "16", "-c", "c; goto 1000; c; goto 2000"], ["read_much", "HOST/big"], 16, 60, None),
    ("a recording of many files", ["step", *READS, "--snapshots", "16", "-c", "c; goto 1000; c; goto 2000"], ["read_often", "HOST/small"], 16, 60, None),
    ("snapshots of a heap", ["step", "--snapshots", "16", "-c", "c; goto 7000000; goto 9000000; goto 2000000"], ["churn"], 130, 60, None),
]

# Long calls, ended in their middle: the flags, the guest, deferscope's line.
ENDED = [
    (["--max-instructions", "20000", "--memory", "4096"], "present_bytes", r"^deferscope: --max-instructions 20000 reached"),
]


def run(command, directory):
    """Status, stdout, stderr, peak MiB, CPU seconds."""
    names = [os.path.join(directory, n) for n in ("out", "err")]
    actions = [(os.POSIX_SPAWN_OPEN, i + 1, n, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for i, n in enumerate(names)]
    before = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, before[1]))
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    resource.setrlimit(resource.RLIMIT_CPU, before)
    _, status, usage = os.wait4(pid, 0)
    texts = [open(n, errors="replace").read() for n in names]
    return os.waitstatus_to_exitcode(status), *texts, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def fault(wanted, status, out, err):
    """Why this is not what was wanted; None: it is."""
    if isinstance(wanted, tuple) and isinstance(wanted[0], str):  # one of several
        faults = [fault(w, status, out, err) for w in wanted]
        return None if None in faults else "; ".join(faults)
    if isinstance(wanted, str) and wanted.startswith("^"):
        if status == 125 and re.match(wanted, err) and err.count("\n") == 1:
            return None
        return f"status {status}, {err!r}, not the line {wanted!r}"
    if status != 0 or err:
        return f"status {status}, {err!r}"
    if isinstance(wanted, str):
        return None if out == wanted else f"{out!r}, not {wanted!r}"
    errnos, at_least, at_most = wanted
    m = re.fullmatch(r"(\d+) then -(\d+)\n", out)
    if not m or int(m[2]) not in errnos:
        return f"{out!r}, not errno {' or '.join(map(str, errnos))}"
    return None if at_least <= int(m[1]) <= at_most else f"{m[1]} times, not {at_least} to {at_most}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="deferscope")
    parser.add_argument("--guest", required=True, help="limits.c, compiled")
    parser.add_argument("--darwin", nargs="*", default=[], help="guests for macOS")
    parser.add_argument("--all", action="store_true", help="every row on each of these")
    parser.add_argument("--slack", type=int, default=SLACK, help="MiB beside --memory and the block cache (sanitizers need more)")
    parser.add_argument("names", nargs="*", help="of the table; none: all")
    o = parser.parse_args()
    failed, total = 0, 0.0
    with tempfile.TemporaryDirectory() as directory:
        rows = [("", o.guest, name, CASES[name], []) for name in CASES]
        for i, guest in enumerate(o.darwin):
            rows += [("darwin ", guest, name, DARWIN_CASES[name], ["--cpus", "3"]) for k, name in enumerate(DARWIN_CASES) if o.all or o.names or k % (2 * len(o.darwin)) == 2 * i]
        for prefix, guest, name, wanted, flags in rows:
            if o.names and name not in o.names:
                continue
            command = [o.program, "run", "--timeout", str(TIMEOUT), "--memory", str(MEMORY), *flags, guest, name]
            status, out, err, peak, seconds = run(command, directory)
            total += seconds
            bound = MEMORY + o.slack + CACHE
            why = fault(wanted, status, out, err)
            if not why and peak > bound:
                why = f"{peak:.0f} MiB at its peak, more than {bound}"
            print(f"{'FAIL' if why else 'ok':4} {prefix + name:24} {peak:6.0f} MiB {seconds:6.2f} s  {why or out.strip() or err.strip()}", flush=True)
            failed += bool(why)
        for flags, name, line in ENDED if not o.names or "ended" in o.names else []:
            status, out, err, peak, seconds = run([o.program, "run", *flags, o.guest, name], directory)
            total += seconds
            why = fault(line, status, out, err) or (f"{peak:.0f} MiB" if peak > MEMORY + o.slack + CACHE else None)
            print(f"{'FAIL' if why else 'ok':4} {name:20} {peak:6.0f} MiB {seconds:6.2f} s  {why or err.strip()}", flush=True)
            failed += bool(why)
        big, small = (os.path.join(directory, n) for n in ("big", "small"))
        with open(big, "wb") as f:
            f.truncate(512 << 20)
        with open(small, "wb") as f:
            f.write(os.urandom(3000))
        for name, verb, words, memory, beside, wanted in HONEST if not o.names or "honest" in o.names else []:
            words = [w.replace("HOST", directory) for w in [*verb, "--memory", str(memory), o.guest, *words]]
            status, out, err, peak, seconds = run([o.program, *words], directory)
            total += seconds
            why = f"status {status}, {err!r}" if status or err else None
            if not why and wanted is not None and out != wanted:
                why = f"{out!r}, not {wanted!r}"
            if not why and peak > memory + beside:
                why = f"{peak:.0f} MiB at its peak, more than {memory + beside}"
            print(f"{'FAIL' if why else 'ok':4} {name:26} {peak:6.0f} MiB {seconds:6.2f} s  {why or ''}", flush=True)
            failed += bool(why)
    print(f"{failed} failed; {total:.0f} s")
    return failed != 0


sys.exit(main())
