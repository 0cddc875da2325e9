"""A room includes its own headers and those of the rooms that its row names (docs/HACKING.md draws them): nothing else, and never to the right."""
import pathlib
import re
import sys

# A folder, or one header of it.
EMU = ["isa", "loader", "emu"]
ROOMS = {
    "isa": [],
    "loader": ["isa/isa.h"],
    "emu": ["isa", "loader", "emu/posix/error.h"],
    "emu/posix": EMU,
    "emu/linux": EMU + ["emu/posix"],
    "emu/darwin": EMU + ["emu/posix"],
    "runtime_model": EMU,
    "traces": EMU + ["runtime_model"],
    "session": EMU + ["runtime_model", "traces"],
    "cli": EMU + ["runtime_model", "traces", "session"],
}
# The one source that knows which systems there are.
ALSO = {"emu/machine.cpp": ["emu/darwin/darwin.h", "emu/linux/linux.h"]}

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)


def room_of(path):
    return max((r for r in ROOMS if path.startswith(r + "/")), key=len, default=None)


def allowed(source, header):
    room = room_of(source)
    return any(header == x or room_of(header) == x for x in [room, *ROOMS[room], *ALSO.get(source, [])])


def main():
    seen = wrong = 0
    for file in sorted(ROOT.glob("*/**/*")):
        source = file.relative_to(ROOT).as_posix()
        if file.suffix not in (".h", ".cpp", ".inc") or not room_of(source):
            continue
        for header in INCLUDE.findall(file.read_text()):
            if room_of(header) is None:
                continue
            seen += 1
            if not allowed(source, header):
                wrong += 1
                print(f"{source}: includes {header}, which its room does not know")
    if seen < 500:
        print(f"only {seen} includes found: this test looks in the wrong place")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
