#!/usr/bin/env python3
"""Checks `deferscope draw`: drawings of the articles' moments against golden ones (tests/drawings/), every JSON drawing against its schema and
against itself (words fill their frames, arrows lead to words), SVG pictures against their JSON (texts, no arrow over a word), names of
variables against DWARF as pyelftools reads it, and names, addresses and values against what a guest prints of its own variables (&x and x).

    tests/draw.py --program build/release/deferscope --guests build/guests-core --stories build/guests-stories [--update] [--source]
"""
import argparse, json, os, pathlib, re, subprocess, sys, tempfile
import xml.etree.ElementTree as xml

# Debian's packages are Debian's python3's, which need not be the first on PATH.
try:
    import jsonschema
    from elftools.elf.elffile import ELFFile
except ImportError as missing:
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("%s: skipped (python3-jsonschema, python3-pyelftools)" % missing)
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "oracle"))
from variables import Variables

ROOT = pathlib.Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"
RELEASES = ["1.12.17", "1.13.15", "1.14.15", "1.17.13", "1.22.12", "1.27.4"]
BOTH = ["amd64", "arm64"]

# Golden drawings: name, guest (HELLO: the demo's program), its arguments, flags.
HELLO = "hello"
GOLDEN = [("jmpdefer_1.13_amd64.txt", HELLO, [], ["--at", "jmpdefer#1", "--columns", "before,after"]),
          ("jmpdefer_1.13_amd64.svg", HELLO, [], ["--at", "jmpdefer#1", "--columns", "before,after", "--style", "svg"]),
          ("../../docs/trick.svg", HELLO, [], ["--at", "jmpdefer#1", "--columns", "before,after", "--style", "svg"]),  # README's
          ("steps_1.13_amd64.txt", HELLO, [], ["--at", "main.main", "--steps", "--relative"])]
for release in RELEASES:
    for arch in BOTH:
        GOLDEN.append(("result_%s_%s.txt" % (release.rsplit(".", 1)[0], arch), "stories_%s_linux_%s_opt_dwarf" % (release, arch), ["named"],
                       ["--at", "main.namedAddressed.func1"]))
for release, arch in [("1.12.17", "amd64"), ("1.27.4", "arm64")]:
    GOLDEN.append(("result_%s_%s.svg" % (release.rsplit(".", 1)[0], arch), "stories_%s_linux_%s_opt_dwarf" % (release, arch), ["named"],
                   ["--at", "main.namedAddressed.func1", "--style", "svg"]))

# The first article's function, built from source (--source, as `./dev test --all` does).
DEFERFUNC = ["--go", "1.12", "--target", "linux/amd64", "--at", "main.DeferFunc1+77", "--to", "main.DeferFunc1.func1+9"]
SOURCE = ROOT / "tests/drawings/deferfunc.go"
FROM_SOURCE = [("deferfunc_1.12_amd64.txt", DEFERFUNC), ("deferfunc_1.12_amd64.svg", DEFERFUNC + ["--style", "svg"])]

# Moments whose JSON is checked in every way: argument, flags.
MOMENTS = [("named", ["--at", "main.namedAddressed.func1"]), ("named", ["--at", "main.namedLooped.func1#2", "--frames", "3"]),
           ("named", ["--at", "runtime.deferproc#3"]), ("named", ["--at", "runtime.gopanic#1", "--columns", "before,after"]),
           ("wraps", ["--at", "60%"]), ("goexit", ["--at", "runtime.Goexit#1", "--frames", "4"])]


class Checks:
    def __init__(self, args):
        self.args, self.failures, self.counts = args, [], {}
        self.folder = tempfile.TemporaryDirectory()
        self.hello = pathlib.Path(self.folder.name, "hello")
        subprocess.run([args.program, "demo", "--extract", self.hello], check=True, stdout=subprocess.DEVNULL)
        self.hello.chmod(0o755)

    def fail(self, what):
        self.failures.append(what)

    def count(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    def guest(self, name):
        return self.hello if name == HELLO else pathlib.Path(self.args.stories, name)

    def draw(self, guest, arguments, flags):
        done = subprocess.run([self.args.program, "draw", "--argv0", "/guest", *flags, str(guest), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    # --- golden drawings ---

    def golden(self):
        of_source = [(name, SOURCE, [], flags) for name, flags in FROM_SOURCE] if self.args.source else []
        for name, guest, arguments, flags in of_source or GOLDEN:
            path = ROOT / "tests/drawings" / name
            status, out, err = self.draw(guest if of_source else self.guest(guest), arguments, flags)
            if status:
                self.fail("%s: exit status %d: %s" % (name, status, err.strip()))
                continue
            if self.args.update:
                path.parent.mkdir(exist_ok=True)
                path.write_text(out)
            expected = path.read_text() if path.exists() else ""
            if of_source:  # file names in the program, hence positions and the heap, depend on where Go's toolchain lies
                out, expected = (re.sub(r"@[\d,]+|\bc000[0-9a-f]{6}\b", "…", text) for text in (out, expected))
            if out != expected:
                line = next((i for i, (a, b) in enumerate(zip(out.split("\n"), expected.split("\n"))) if a != b), 0)
                self.fail("%s: line %d is\n    %s\n  but was\n    %s" % (name, line + 1, out.split("\n")[line], (expected.split("\n") + [""])[line]))
            for i, row in enumerate(out.split("\n")) if name.endswith(".txt") else []:
                if len(row) > 100:
                    self.fail("%s: line %d has %d columns" % (name, i + 1, len(row)))
            self.count("golden drawings")

    # --- JSON ---

    def words(self, drawing):
        for frame in drawing["frames"]:
            for word in frame["words"]:
                yield frame, word
        for box in drawing["boxes"]:
            for word in box["fields"]:
                yield box, word

    def consistent(self, name, data):
        for drawing in data["drawings"]:
            ids = [w["id"] for _, w in self.words(drawing)]
            if len(drawing["moments"]) == 1:
                if len(set(ids)) != len(ids):
                    self.fail("%s: two words have one id" % name)
                for frame in drawing["frames"]:
                    inside = [w for w in frame["words"] if w["offset"] >= 0]
                    if frame["whole"] and frame["stack"] == "goroutine":
                        widths = sum(w["size"] for w in inside)
                        if widths != frame["size"] and widths != frame["size"] + 16:
                            self.fail("%s: the words of %s are %d bytes, its frame %d" % (name, frame["function"], widths, frame["size"]))
                    for high, low in zip(inside, inside[1:]):
                        if low["offset"] + low["size"] != high["offset"]:
                            self.fail("%s: %s: a gap or overlap below %+d" % (name, frame["function"], high["offset"]))
                    self.count("words", len(frame["words"]))
            for _, word in self.words(drawing):
                if word["target"] and word["target"] not in ids:
                    self.fail("%s: %s points at %s, which is not drawn" % (name, word["id"], word["target"]))

    def at_entry(self, name, drawing):
        """At a callee's first instruction: it has written nothing, so it has made no record."""
        place = drawing["moments"][0]["place"]
        if len(drawing["moments"]) != 1 or place != "runtime.deferproc":
            return
        for box in drawing["boxes"]:
            if "half filled" in (box["state"] or ""):
                self.fail("%s: %s is half filled before deferproc has begun" % (name, box["title"]))
        for _, word in self.words(drawing):
            if word["of"] == place and word["role"] in ("spill place", "result"):
                self.count("words of a callee that has written nothing")
                if not word["stale"]:
                    self.fail("%s: %s of %s is not stale" % (name, word["name"], place))

    # --- SVG ---

    def picture(self, name, text):
        root = xml.fromstring(text)
        if root.find(SVG + "title") is None or not root.find(SVG + "desc").text:
            self.fail("%s: no title or description" % name)
        words = []
        for group in root.iter(SVG + "g"):
            rect = group.find(SVG + "rect")
            if group.get("class", "").startswith("word") and rect is not None:
                x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
                words.append((x, y, x + w, y + h))
                for label in group.findall(SVG + "text"):
                    if label.get("class") != "offset" and not x <= float(label.get("x")) < x + w:
                        self.fail("%s: a text stands outside its word" % name)
        for path in root.iter(SVG + "path"):
            if path.get("class") != "arrow":
                continue
            self.count("arrows")
            x1, y1, lane, y2, x2 = map(float, re.fullmatch(r"M([-\d.]+) ([-\d.]+)H([-\d.]+)V([-\d.]+)H([-\d.]+)", path.get("d")).groups())
            for line in [(min(x1, lane), y1, max(x1, lane), y1), (lane, min(y1, y2), lane, max(y1, y2)), (min(x2, lane), y2, max(x2, lane), y2)]:
                for left, top, right, bottom in words:
                    if line[0] < right and left < line[2] and line[1] < bottom and top < line[3] or left < line[0] == line[2] < right and line[1] < bottom and top < line[3]:
                        self.fail("%s: an arrow crosses a word" % name)
        if re.search(r"https?://(?!www\.w3\.org/2000/svg)", text):
            self.fail("%s: it names something outside" % name)
        self.count("pictures")
        return " ".join("".join(t.itertext()) for t in root.iter(SVG + "text"))

    def moments(self):
        rules = json.loads((ROOT / "traces/schema/drawing.json").read_text())
        rules.pop("$id")  # older releases of jsonschema take references within it for addresses
        schema = jsonschema.Draft202012Validator(rules)
        for release in RELEASES:
            for arch in BOTH:
                guest = "stories_%s_linux_%s_opt_dwarf" % (release, arch)
                for argument, flags in MOMENTS:
                    name = "%s %s %s" % (guest, argument, " ".join(flags))
                    status, out, err = self.draw(self.guest(guest), [argument], flags + ["--style", "json"])
                    if status and re.search(r"never reached|is shorter|no function|ended before|no such|within|begins an instruction|not reached", err):
                        self.count("moments that the program has not")
                        continue
                    if status:
                        self.fail("%s: exit status %d: %s" % (name, status, err.strip()))
                        continue
                    data = json.loads(out)
                    for error in list(schema.iter_errors(data))[:3]:
                        self.fail("%s: %s: %s" % (name, "/".join(map(str, error.absolute_path)), error.message[:200]))
                    self.consistent(name, data)
                    self.at_entry(name, data["drawings"][0])
                    self.count("JSON drawings")
                    status, svg, err = self.draw(self.guest(guest), [argument], flags + ["--style", "svg"])
                    shown = self.picture(name, svg)
                    for drawing in data["drawings"]:
                        for frame in drawing["frames"]:
                            if frame["function"].split("[")[0] not in shown:
                                self.fail("%s: the picture does not name %s" % (name, frame["function"]))

    # While the signal's stack is in use, words of either stack count from that stack's own SP.
    def two_stacks(self):
        for release in ("1.12.17", "1.27.4"):
            guest = self.guest("stories_%s_linux_amd64_opt_dwarf" % release)
            status, out, err = self.draw(guest, ["named"], ["--at", "runtime.sighandler#1", "--frames", "9"])
            if status:
                self.fail("%s: %s" % (release, err.strip()))
                continue
            origins, system, sp = {True: set(), False: set()}, False, None
            for line in out.split("\n"):
                if line.startswith("── "):
                    system = "another stack" in line
                row = re.match(r"([0-9a-f]{6,}) {1,4}([+-]\d+) ", line)  # behind more, -1 is the word itself
                if row:
                    origins[system].add(int(row[1], 16) - int(row[2]))
                    sp = int(row[1], 16) if line.endswith("◀ SP") else sp
            if len(origins[False]) > 1 or origins[True] != {sp}:  # there may be no goroutine
                self.fail("%s: words of two stacks count from %s, SP is %s" % (release, origins, sp))
            self.count("two stacks", len(origins[False]))

    # A long array is one row.
    def arrays(self):
        out = self.draw(pathlib.Path(self.args.places, "places_1.12.17_linux_arm64_opt_dwarf"), [], ["--at", "main.grown#3", "--to", "main.grown#4", "--frames", "4"])[1]
        rows = [line for line in out.split("\n") if "room[" in line]
        if not any(re.search(r"… \d\d words: room\[0\] … room\[63\]  local", row) for row in rows):
            self.fail("an array of 64 words is not one row:\n%s" % "\n".join(rows[:4]))
        self.count("arrays")

    # A relative drawing says nothing of where a run's memory lies.
    def relative(self):
        guest = self.guest("stories_1.27.4_linux_amd64_opt_dwarf")
        at = ["--at", "main.namedAddressed.func1", "--style", "text"]
        one, other = (self.draw(guest, ["named"], at + ["--relative", "--seed", seed])[1] for seed in ("1", "2"))
        first, second = (self.draw(guest, ["named"], at + ["--seed", seed])[1] for seed in ("1", "2"))
        body = lambda text: "\n".join(line for line in text.split("\n") if not line.startswith("@"))
        if first == second:
            self.fail("two seeds place the stack alike: nothing is tested")
        if body(one) != body(other):
            self.fail("relative drawings of two runs differ:\n%s\n%s" % (one, other))
        self.count("relative")

    # --- what the guest says itself ---

    def printed(self):
        guests = [(name, pathlib.Path(self.args.places, name)) for name in ("places_1.12.17_linux_arm64_opt_dwarf", "places_1.17.13_linux_amd64_opt_dwarf")]
        if self.args.source:
            guests = self.places_of_all_releases()
        for name, guest in guests:
            said, moments = self.said(guest), set()
            with open(guest, "rb") as file:
                self.silent = Variables(ELFFile(file)).silent
            for nth, function in enumerate(dict.fromkeys(line[0] for line in said), 1):
                status, out, err = self.draw(guest, [], ["--at", "main.here#%d" % nth, "--frames", "8", "--style", "json"])
                if status:
                    self.fail("%s: main.here#%d: %s" % (name, nth, err.strip()))
                    continue
                drawing, lines = json.loads(out)["drawings"][0], [line for line in said if line[0] == function]
                differences = self.unlike(drawing, lines)
                for difference in differences:
                    self.fail("%s: %s" % (name, difference))
                # The comparison sees it if two variables change names, or one its value.
                swapped = [[f, lines[(i + 1) % len(lines)][1], a, v] for i, (f, _, a, v) in enumerate(lines)]
                other = [[f, n, a, v + "1"] for f, n, a, v in lines]
                at = {int(w["address"], 16): w for _, w in self.words(drawing)}
                told = sum(not self.untold(at.get(int(a, 16)), f, n) for f, n, a, _ in lines)
                if not differences and not (len(self.unlike(drawing, swapped)) and len(self.unlike(drawing, other)) == told > 1):
                    self.fail("%s: %s: a wrong name or value is not seen" % (name, function))
                self.count("variables that the guest printed", told)
                self.count("of which DWARF tells nothing", len(lines) - told)
                moments.add(function)
            if len(moments) < 3:
                self.fail("%s: it spoke of %s only" % (name, moments))

    def said(self, guest):
        """Function, name, address, value of each variable, as it was when the function called here."""
        done = subprocess.run([self.args.program, "run", "--argv0", "/guest", str(guest)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        lines = [line.split() for line in done.stderr.decode().splitlines()]
        lines = [line for line in lines if len(line) == 4 and line[2].startswith("0x")]
        last = {}
        for i, (function, variable, address, _) in enumerate(lines):  # said before and after: the stack has not moved
            if last.setdefault((function, variable), address) != address:
                raise SystemExit("%s: %s of %s moved meanwhile" % (guest, variable, function))
        return [line for i, line in enumerate(lines) if line[:2] not in [x[:2] for x in lines[:i]]]

    def unlike(self, drawing, lines):
        out = []
        words = {int(w["address"], 16): (frame, w) for frame, w in self.words(drawing)}
        for function, variable, address, value in lines:
            frame, word = words.get(int(address, 16), (None, None))
            if self.untold(word, function, variable):
                continue
            if word is None:
                out.append("%s: %s at %s is not drawn" % (function, variable, address))
                continue
            texts = {value, '"%s"' % value, value.removeprefix("+")}
            if word["name"] != variable:
                out.append("%s: %s at %s is drawn as %s (%s)" % (function, variable, address, word["name"], word["role"]))
            if word["stale"] or word["value"] not in texts:
                out.append("%s: %s at %s holds %s, drawn is %s" % (function, variable, address, value, "stale" if word["stale"] else word["value"]))
        return out

    def untold(self, word, function, variable):
        """DWARF tells nothing of it, and nobody else's name stands there."""
        return (word is None or word["role"] == "unknown") and self.silent(function, re.split(r"[.\[]", variable)[0])

    def places_of_all_releases(self):
        """Built from source, by each release for both instruction sets."""
        sys.path.insert(0, str(ROOT / "tests/guests"))
        import build
        out = pathlib.Path(self.folder.name, "places")
        subprocess.run([sys.executable, ROOT / "tests/guests/build.py", "--out", out, "--programs", "places", "--modes", "opt", "--symbols", "dwarf", "--targets",
                        "linux/amd64,linux/arm64"], check=True)
        return [(path.name, path) for path in sorted(out.glob("places_*"))]

    # --- names ---

    def names(self):
        for release in RELEASES:
            for arch in BOTH:
                guest = "stories_%s_linux_%s_opt_dwarf" % (release, arch)
                with open(self.guest(guest), "rb") as file:
                    variables = Variables(ELFFile(file))
                    for argument, flags in MOMENTS:
                        if "--columns" in flags or any("%" in f for f in flags):
                            continue
                        status, out, _ = self.draw(self.guest(guest), [argument], flags + ["--style", "json"])
                        for drawing in json.loads(out)["drawings"] if not status else []:
                            self.names_agree("%s %s" % (guest, " ".join(flags)), drawing, variables)

    def names_agree(self, name, drawing, variables):
        for i, frame in enumerate(drawing["frames"]):
            if frame["stack"] != "goroutine":
                continue
            function, _, offset = frame["place"].partition("+")
            cfa = int(frame["sp"], 16) + frame["size"]
            around = {w["offset"] + int(frame["sp"], 16): w for w in frame["words"]}
            for up in drawing["frames"][:i]:
                around.update({w["offset"] + int(up["sp"], 16): w for w in up["words"] if w["offset"] >= 0})
            innermost = i == len(drawing["frames"]) - 1
            for variable, role, offset_from_cfa, size in variables.at(function, int(offset or 0), innermost):
                word = around.get(cfa + offset_from_cfa)
                if word is None or not frame["whole"] and offset_from_cfa < 0:
                    continue
                self.count("names")
                # Records are named by their fields, parts by the variable and themselves.
                if word["object"] or word["role"] in ("frame pointer", "return address", "closure slot", "deferBits"):
                    continue
                drawn = word["name"] or ""
                if drawn != variable and re.split(r"[.\[+]", drawn)[0] != variable:
                    self.fail("%s: %s at CFA%+d of %s is drawn as %s (%s)" % (name, variable, offset_from_cfa, function, drawn, word["role"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/deferscope"))
    parser.add_argument("--stories", default=str(ROOT / "build/guests-stories"))
    parser.add_argument("--places", default=str(ROOT / "build/guests-places"))
    parser.add_argument("--update", action="store_true", help="write tests/drawings anew")
    parser.add_argument("--source", action="store_true", help="what takes Go's own toolchain: the drawing of the first article, what guests of all releases print")
    args = parser.parse_args()
    if not os.path.isdir(args.stories):
        print("no guests in %s: skipped" % args.stories)
        return 77
    checks = Checks(args)
    checks.golden()
    checks.printed()
    if not args.source:
        checks.moments()
        checks.relative()
        checks.two_stacks()
        checks.arrays()
        checks.names()
    print("\n".join(checks.failures[:40]))
    print("draw: %s; %d failures" % (", ".join("%s: %d" % c for c in sorted(checks.counts.items())), len(checks.failures)))
    return 1 if checks.failures or not checks.counts.get("golden drawings") else 0


if __name__ == "__main__":
    sys.exit(main())
