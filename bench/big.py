"""Programs that nobody here wrote, big and mostly cold: fetched once into build/big by their registries' own commands.

Each is a row: what it is called, how its binary for an architecture is made, and the work that it is given.
"""
import os
import pathlib
import subprocess
import tarfile
import tempfile

GO = {"amd64": "x64", "arm64": "arm64"}


def of_npm(folder, arch, package, member, keep):
    """The file `member` of an npm package, and with it those below the folder `keep`."""
    there = folder / (package.replace("/", "+").replace("@", "_", 2) + "_" + arch)
    if not (there / member).exists():
        with tempfile.TemporaryDirectory() as tmp:
            name = subprocess.run(["npm", "pack", "--silent", package], cwd=tmp, check=True, capture_output=True, text=True).stdout.split()[-1]
            with tarfile.open(pathlib.Path(tmp) / name) as tar:
                for m in tar:
                    path = m.name.removeprefix("package/")
                    if m.isfile() and ".." not in path and (path == member or (keep and path.startswith(keep))):
                        (there / path).parent.mkdir(parents=True, exist_ok=True)
                        (there / path).write_bytes(tar.extractfile(m).read())
        (there / member).chmod(0o755)
    return there / member


def of_go(folder, arch, package):
    """A command built from the module proxy's sources by the go on PATH."""
    path = folder / (package.partition("@")[0].rpartition("/")[2] + "_" + arch)
    if not path.exists():
        with tempfile.TemporaryDirectory() as tmp:
            run = lambda *words: subprocess.run(words, cwd=tmp, check=True, capture_output=True, env=env)
            env = os.environ | {"GOENV": "off", "GOFLAGS": "-mod=mod -trimpath", "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": arch}
            module, _, version = package.partition("@")
            run("go", "mod", "init", "bench")
            run("go", "get", package)
            folder.mkdir(parents=True, exist_ok=True)
            run("go", "build", "-o", path.resolve(), module)
    return path


# Work of a second or so under qemu-user. Each ends with output that the peers' is compared with.
TYPES = "\n".join("interface Shape%d { kind: 'shape%d'; size: number; next?: Shape%d }\nfunction area%d(s: Shape%d): number { return s.size * %d + (s.next ? 1 : 0); }" % (
    i, i, (i + 1) % 300, i, i, i) for i in range(300)) + "\nconst wrong: number = area7({ kind: 'shape7', size: 'large' });\n"
SCRIPT = """
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
var words = {}, all = [];
for (var i = 0; i < 30000; i++) { var w = 'w' + (i * 7919 % 1013); words[w] = (words[w] || 0) + 1; }
for (var k in words) all.push([words[k], k]);
all.sort(function (a, b) { return a[0] - b[0] || (a[1] < b[1] ? -1 : 1); });
console.log(fib(20), all.length, JSON.stringify(all.slice(0, 5)));
"""
AWK = "BEGIN { for (i = 0; i < 200000; i++) { n[i % 1013] += i; s = s substr(\"abcdefgh\", i % 8 + 1, 1); if (length(s) > 60) s = \"\" } for (k in n) t += n[k] * k; print t, length(n), s }"


def rows(folder, tmp, arch):
    """(label, argv, folders that it may read)"""
    (tmp / "x.ts").write_text(TYPES), (tmp / "x.js").write_text(SCRIPT)
    tsgo = of_npm(folder, arch, "@typescript/native-preview-linux-%s@7.0.0-dev.20260707.2" % GO[arch], "lib/tsgo", "lib/")
    yield "TypeScript compiler", [tsgo, "--noEmit", "--singleThreaded", "x.ts"], [tmp, tsgo.parent], (1, 2)
    yield "JavaScript interpreter", [of_go(folder, arch, "github.com/dop251/goja/goja@v0.0.0-20260917113740-793a2a65c13b"), "x.js"], [tmp], (0,)
    yield "awk interpreter", [of_go(folder, arch, "github.com/benhoyt/goawk@v1.29.1"), AWK], [tmp], (0,)
    buf = "@bufbuild/buf-linux-%s@1.75.0" % ("x64" if arch == "amd64" else "aarch64")
    yield "help page of a 47 MB tool", [of_npm(folder, arch, buf, "bin/buf", ""), "--help"], [tmp], (0,)
