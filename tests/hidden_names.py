#!/usr/bin/env python3
"""Names that would mean something else where several sources are compiled as one (`./dev` does: DEFERSCOPE_FAST_BUILD).

A name in an unnamed namespace of one source hides, from the sources compiled behind it, the same name of a namespace around it: a constant of a
header would silently be another constant. Two such names in two sources are an error of the compiler; this one is not, so it is one here.
Declarations are found by the format that clang-format keeps: at the start of a line, since namespaces are not indented.
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = "isa loader emu runtime_model traces cli tests".split()
TYPE = re.compile(r"(?:template\s*<.*>\s*)?(?:struct|class|enum(?: class)?|union)\s+(\w+)|using\s+(\w+)\s*=")
VALUE = re.compile(r"(?!using|namespace|return|template|friend)[\w:<>,&*\s\[\]~\"()]*?[\s&*](\w+)\s*[(=\[{;]")
NAMESPACE = re.compile(r"namespace ([\w:]+) \{")


def declared(line):
    """What a line at namespace scope declares: at most the first name and those behind commas of `constexpr int kA = 1, kB = 2;`."""
    if m := TYPE.match(line):
        return [m[1] or m[2]]
    m = VALUE.match(line)
    return [m[1], *re.findall(r",\s*(\w+)\s*=", line if "constexpr" in line.split("(")[0] else "")] if m else []


def scopes(text):
    """(namespaces around it, is it in an unnamed one, name) of each declaration at namespace scope."""
    around, unnamed = [], False
    for line in re.sub(r"(?m)^((?:inline )?constexpr [^;{]*)\n +", r"\1 ", text).split("\n"):
        if m := NAMESPACE.match(line):
            around.append(m[1])
        elif line.startswith("namespace {"):
            unnamed = True
        elif re.match(r"\}\s*// namespace$", line):
            unnamed = False
        elif re.match(r"\}\s*// namespace \w", line):
            around.pop() if around else None
        elif line and line[0] not in " \t/#}":
            for name in declared(line):
                yield "::".join(around), unnamed, name


def main():
    sources = {p: p.read_text() for room in ROOMS for p in (ROOT / room).rglob("*") if p.suffix in (".h", ".cpp")}
    words = {p: set(re.findall(r"\w+", text)) for p, text in sources.items()}
    seen = collections.defaultdict(set)  # name → (namespace, file) of what is declared for others
    for path, text in sources.items():
        for around, unnamed, name in scopes(text):
            if path.suffix == ".h":
                seen[name].add((around, path))
    hidden = []
    for path, text in sources.items():
        for around, unnamed, name in scopes(text):
            for outer, header in seen[name] if unnamed and path.suffix == ".cpp" else ():
                room = path.relative_to(ROOT).parts[0]
                users = [p for p in sources if p != path and p.suffix == ".cpp" and p.relative_to(ROOT).parts[0] == room and name in words[p]]
                if (around + "::").startswith(outer + "::") and users:
                    hidden.append("%s: `%s` hides that of %s from %s" % tuple([path.relative_to(ROOT), name, header.relative_to(ROOT),
                                                                                ", ".join(sorted(u.name for u in users)[:4])]))
    for line in sorted(set(hidden)):
        print(line)
    print("hidden names: %d in %d files" % (len(set(hidden)), len(sources)))
    return 1 if hidden or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
