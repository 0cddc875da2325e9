#!/usr/bin/env python3
"""A run that a signal ends: every event up to there is in the file, and the status says the signal: tests/signals.py --program PATH --guests FOLDER."""
import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile


def ended(program, guest, number):
    """What is wrong; empty if nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        events = pathlib.Path(folder) / "events.jsonl"
        run = subprocess.Popen([program, "run", f"--events={events}", guest, "bench-all"], stdout=subprocess.PIPE)
        run.stdout.readline()  # the first section of many is over
        run.send_signal(number)
        run.stdout.read()
        if run.wait() != -number:
            return f"ended with {run.returncode}"
        lines = events.read_text().split("\n")
    if lines.pop() != "" or len(lines) < 100:
        return f"{len(lines)} whole lines"
    ids = [json.loads(line)["id"] for line in lines]
    return "" if ids == list(range(len(ids))) else "an event is missing"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    args = parser.parse_args()
    guest = next(args.guests.glob("cases_*_linux_amd64_*"), None)
    if not guest:
        print("no guests: skipped")
        sys.exit(77)
    wrong = {n.name: text for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if (text := ended(args.program, guest, n))}
    print(wrong or "3 signals")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
