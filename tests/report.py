#!/usr/bin/env python3
"""Checks the page of `deferscope report`: its data against a trace of the same run and against itself, its HTML, its size, what guests may
write into it, the command lines under its figures; and in a headless browser its timeline, keys, search, links, dark mode and narrow screens.

    tests/report.py --program build/release/deferscope --guests build/guests-core --stories build/guests-stories [--browser] [--shots DIR]

--browser fails where Debian's chromium, chromium-driver and python3-selenium are missing, else that part is skipped by name; it also lets
axe-core look at the pages where there is npm.
"""
import argparse, html.parser, json, os, pathlib, re, shlex, shutil, subprocess, sys, tarfile, tempfile, time

# Debian's packages are Debian's python3's, which need not be the first on PATH.
DEBIAN = "/usr/bin/python3"
if os.path.realpath(sys.executable) != os.path.realpath(DEBIAN) and os.path.exists(DEBIAN):
    os.execv(DEBIAN, [DEBIAN, *sys.argv])

HOSTILE = "</script><img src=x onerror='document.title=1'><!--\u202e"
# Guest, its arguments, flags of report.
HELLO = "hello"
RUNS = [(HELLO, [], []), ("stories_1.12.17_linux_amd64_opt_dwarf", ["named"], []), ("stories_1.27.4_linux_arm64_opt_dwarf", ["named"], []),
        ("stories_1.14.15_linux_amd64_opt_dwarf", ["goexit"], []), ("cases_1.27.4_linux_amd64_opt_syms", ["os-args", HOSTILE], [])]
VOID = {"meta", "link", "input", "br", "img", "hr"}
MOST = 5_000_000
ROOT = pathlib.Path(__file__).resolve().parent.parent
# What README links: the page of the demo's program.
DEMO = ROOT / "docs/demo-report.html"


class Shape(html.parser.HTMLParser):
    """Whether the tags balance; the scripts' texts; every address that an attribute could load."""

    def __init__(self):
        super().__init__()
        self.open, self.errors, self.loads, self.scripts, self.ids = [], [], [], [], set()

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href", "action", "data", "srcset", "poster"):
                self.loads.append((tag, name, value))
            if name == "id":
                if value in self.ids:
                    self.errors.append("id %s twice" % value)
                self.ids.add(value)
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.errors.append("</%s> closes %s" % (tag, self.open[-1:]))
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts[-1] += data


def unrolled(runs):
    """A list in which a negative number stands for so many that follow the one before it."""
    out = []
    for n in runs:
        out += [n] if n >= 0 else range(out[-1] + 1, out[-1] + 1 - n)
    return out


class Page:
    def __init__(self, text):
        self.text, self.shape = text, Shape()
        self.shape.feed(text)
        self.shape.close()
        self.data = json.loads(self.shape.scripts[0])
        for table, column in (("frames", 5), ("boxes", 2)):
            for row in self.data[table]:
                row[column] = unrolled(row[column])
        for drawing in filter(None, self.data["drawings"]):
            drawing[3] = self.data["arrows"][drawing[3]]

    def events(self):
        d = self.data
        for e in d["events"]:
            yield {"event": d["kinds"][e[0]], "origin": d["origins"][e[1]], "goroutine": e[2], "position": e[3]}


class Checks:
    def __init__(self, args):
        self.args, self.failures, self.stale = args, [], 0
        self.folder = tempfile.TemporaryDirectory()
        self.hello = pathlib.Path(self.folder.name, "hello-defer")
        subprocess.run([args.program, "demo", "--extract", self.hello], check=True, stdout=subprocess.DEVNULL)
        self.hello.chmod(0o755)

    # The committed page is what report writes now.
    def demo(self, update):
        page = pathlib.Path(self.folder.name, "demo-report.html")
        subprocess.run([os.path.abspath(self.args.program), "report", "--argv0", "/hello-defer", "-o", page.name, "./hello-defer"], cwd=self.folder.name, check=True)
        if update:
            shutil.copy(page, DEMO)
        self.check(DEMO.exists() and page.read_bytes() == DEMO.read_bytes(), "docs/demo-report.html is not what report writes now: tests/report.py --update")

    def check(self, good, what):
        if not good:
            self.failures.append(what)
            print("FAILED: " + what)

    def guest(self, name):
        if name == HELLO:
            return self.hello
        for folder in (self.args.guests, self.args.stories):
            if (path := pathlib.Path(folder, name)).is_file():
                return path
        raise SystemExit("no guest " + name)

    def run(self, *words):
        return subprocess.run([self.args.program, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)

    def page(self, name, guest, arguments, flags):
        path = pathlib.Path(self.folder.name, name + ".html")
        start = time.monotonic()
        done = self.run("report", "-o", path, *flags, guest, *arguments)
        self.check(done.returncode == 0, "%s: status %d, %s" % (name, done.returncode, done.stderr.decode()[:300]))
        print("%s: %.2f s, %d bytes" % (name, time.monotonic() - start, path.stat().st_size))
        return path, Page(path.read_text())

    # --- one page ---
    def html_of(self, name, page):
        shape = page.shape
        self.check(not shape.errors and not shape.open, "%s: tags: %s %s" % (name, shape.errors, shape.open))
        self.check(all(value.startswith("#") for _, _, value in shape.loads), "%s: loads %s" % (name, shape.loads))
        self.check(len(shape.scripts) == 2, "%s: %d scripts" % (name, len(shape.scripts)))
        own = page.text.replace(shape.scripts[0], "").replace("http://www.w3.org/2000/svg", "")
        for word in ("http:", "https:", "//cdn", "@import", "url(", "fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "innerHTML",
                     "document.write", "eval("):
            self.check(word not in own, "%s: has %s" % (name, word))
        self.check("default-src 'none'" in own and "connect-src" not in own, name + ": no policy that forbids the network")
        self.check(len(page.text.encode()) < MOST, "%s: %d bytes" % (name, len(page.text.encode())))
        try:
            import html5lib
        except ImportError:
            return
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(page.text)
        self.check(not parser.errors, "%s: html5lib: %s" % (name, parser.errors[:3]))

    def references(self, name, page):
        """Every number leads to something; the user's events have all that a moment shows."""
        d = page.data
        words = lambda rows: [self.check(0 <= r < len(d["rows"]), name + ": row") for r in rows]
        for row in d["rows"]:
            self.check(row[3] < len(d["texts"]) and row[4] < len(d["texts"]) and row[2] < len(d["roles"]), "%s: word %s" % (name, row))
        for f in d["frames"]:
            words(f[5])
        for b in d["boxes"]:
            words(b[2])
        for x in filter(None, d["drawings"]):
            size = sum(len(d["frames"][f][5]) for f in x[0]) + sum(len(d["boxes"][b][2]) for b in x[1])
            self.check(len(x[3]) % 2 == 0 and all(k < size for k in x[3]), name + ": an arrow leads nowhere")
        listed = [{line[0] for line in f[2]} for f in d["functions"]]
        at = lambda f, o: self.check(o in listed[f] or d["functions"][f][0] == "?", "%s: %s+%d is not listed" % (name, d["functions"][f][0], o))
        drawn = 0
        for e in d["events"]:
            at(e[7], e[8])
            if d["origins"][e[1]] == "user":
                self.check(len(e) == 14, name + ": a user's event without details")
                stack = d["stacks"][e[9]]
                for k in range(0, len(stack), 2):
                    at(stack[k], stack[k + 1])
                drawn += e[12] >= 0 and d["drawings"][e[12]] is not None
        self.check(drawn > 0, name + ": nothing is drawn")
        for event, steps in d["windows"].items():
            position = d["events"][int(event)][3]
            self.check(any(s[0] == position for s in steps), "%s: event %s is not in its window" % (name, event))
            for s in steps:
                at(s[1], s[2])

    def printable(self, name, page):
        """No text of the guest acts on the reader's screen."""
        def strings(x):
            if isinstance(x, str):
                yield x
            elif isinstance(x, (list, dict)):
                for y in x.values() if isinstance(x, dict) else x:
                    yield from strings(y)
        acts = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
        bad = [x for x in strings([page.data, page.text]) if acts.search(x)]
        self.check(not bad, "%s: %s" % (name, ascii([x[:80] for x in bad[:3]])))

    def against_trace(self, name, page, guest, arguments):
        trace = pathlib.Path(self.folder.name, "trace.jsonl")
        self.run("trace", "-o", trace, "--stdin", "/dev/null", guest, *arguments)
        told = [json.loads(line) for line in trace.read_text().splitlines()]
        told = [{k: e[k] for k in ("event", "origin", "goroutine", "position")} for e in told if e.get("schema") == "deferscope.event/1"]
        self.check(list(page.events()) == told, "%s: its events are not the trace's (%d, %d)" % (name, len(page.data["events"]), len(told)))
        self.check(sum(e["origin"] == "user" for e in told) > 0, name + ": no event of the user's")

    def drawings(self, name, page, guest, arguments):
        """The page's drawing of an event is `draw`'s."""
        d = page.data
        of = [e for e in d["events"] if len(e) == 14 and d["origins"][e[1]] == "user" and e[12] >= 0 and d["drawings"][e[12]]]
        for e in of[:: max(1, len(of) // 3)]:
            done = self.run("draw", "--at", e[3], "--style", "json", "--relative", guest, *arguments)
            drawing = json.loads(done.stdout)["drawings"][0]
            ours = [[d["texts"][d["frames"][f][0]], [d["rows"][r][0] for r in d["frames"][f][5]],
                     [d["rows"][r][5] for r in d["frames"][f][5]]] for f in d["drawings"][e[12]][0]]
            theirs = [[f["function"], [w["offset"] for w in f["words"]], ["stale" if w["stale"] else w["value"] for w in f["words"]]] for f in drawing["frames"]]
            # Of frames that were opened long ago draw does not tell what was never written.
            for mine, other in zip(ours, theirs):
                if any(other[0] in note for note in drawing["notes"]):
                    other[2] = ["stale" if a == "stale" else b for a, b in zip(mine[2], other[2])]
            unlike = [(f[0], o, a, b) for f, t in zip(ours, theirs) for o, a, b in zip(f[1], f[2], t[2]) if a != b]
            self.check(ours == theirs, "%s: the drawing at %d is not draw's: %s" % (name, e[3], unlike[:4]))
            self.stale += sum(v == "stale" for f in ours for v in f[2])

    def steps(self, name, page, guest, arguments):
        """The drawing of a single instruction in a window is draw's; that a word was never written need not be known there."""
        d, compared = page.data, 0
        for steps in list(d["windows"].values())[:3]:
            for s in (steps[0], steps[-1]):
                if s[4] < 0 or not d["drawings"][s[4]]:
                    continue
                done = self.run("draw", "--at", s[0], "--style", "json", "--relative", guest, *arguments)
                drawing = json.loads(done.stdout)["drawings"][0]
                ours = [(r[0], r[5]) for f in d["drawings"][s[4]][0] for r in (d["rows"][k] for k in d["frames"][f][5])]
                theirs = [(w["offset"], "stale" if w["stale"] else w["value"]) for f in drawing["frames"] for w in f["words"]]
                self.check(len(ours) == len(theirs) and all(a == b or a[0] == b[0] and b[1] == "stale" for a, b in zip(ours, theirs)),
                           "%s: the drawing of the instruction at %d is not draw's" % (name, s[0]))
                compared += 1
        self.check(compared > 0, name + ": no instruction is drawn")

    def beside(self):
        """Of several builds: the same defers, told by their statements, as each build's own trace has them."""
        own, others = "stories_1.13.15_linux_amd64_opt_dwarf", ["stories_1.17.13_linux_amd64_opt_dwarf", "stories_1.27.4_linux_arm64_opt_dwarf"]
        flags = ["--argv0", "/guest"] + [w for o in others for w in ("--beside", self.guest(o))]
        path, page = self.page("beside", self.guest(own), ["named"], flags)
        self.html_of("beside", page)
        rows = page.data["releases"]
        kinds = lambda guest: self.kinds(guest, ["named"])
        stories = [kinds(self.guest(g)) for g in [own, *others]]
        self.check(len(rows) == len(stories[0]) > 3, "beside: %d of %d defers" % (len(rows), len(stories[0])))
        for subject, table in rows.items():
            statement = next(s for s, d in stories[0].items() if d["subject"] == subject)
            self.check(len(table) == 3, "beside: %s has %d rows" % (subject, len(table)))
            for row, told in zip(table, stories):
                d = told.get(statement)
                right = row[1:] == [d["storage"], d["registered_by"], d["registered"], d["run_by"], d["ran"]] if d else len(row) == 2
                self.check(right, "beside: %s: %s, but its trace has %s" % (subject, row, d))
        self.check(len({tuple(r[1:3:1]) + (r[4],) for t in rows.values() for r in t}) > 2, "beside: all builds are alike: nothing is tested")
        return path

    def kinds(self, guest, arguments):
        trace, out, seen = pathlib.Path(self.folder.name, "trace.jsonl"), {}, {}
        self.run("trace", "-o", trace, "--argv0", "/guest", "--stdin", "/dev/null", guest, *arguments)
        for e in map(json.loads, trace.read_text().splitlines()):
            d = e.get("defer") if e.get("origin") == "user" else None
            if not d:
                continue
            if e["event"] == "defer.push":
                statement = (e["frame"]["function"], d["line"], d["ordinal"])
                seen[statement] = seen.get(statement, -1) + 1
                out[(*statement, seen[statement])] = {"subject": "defer-%d" % d["number"], "storage": d["storage"], "registered_by": d["registered_by"],
                                                      "registered": e["position"], "run_by": "never runs", "ran": 0}
            for known in out.values():
                if known["subject"] == "defer-%s" % d["number"] and e["event"] == "defer.start":
                    known["run_by"], known["ran"] = d["run_by"], e["position"]
        return out

    def commands(self, name, page, arguments):
        """Lines as they stand under the figures."""
        d = page.data
        shown = [a.replace("\u202e", "\\u202e") for a in arguments]
        self.check(not shown or shlex.split(d["command"])[-len(shown):] == shown, name + ": " + d["command"])
        e = next(e for e in d["events"] if d["origins"][e[1]] == "user")
        place = d["functions"][e[7]][0]
        for verbs in ("", "; draw", "; defers", "; regs", "; frame 1; dis"):
            line = "step -c 'goto %d%s' %s" % (e[3], verbs, d["command"])
            done = self.run(*shlex.split(line))
            self.check(done.returncode == 0 and place in done.stdout.decode(), "%s: %s: %s" % (name, line, done.stderr.decode()))

    # --- the browser ---
    def browse(self, pages, hostile, large, beside):
        browser = Browser(self)
        try:
            for name, path in pages:
                browser.look(name, path)
            if self.args.browser and shutil.which("npm"):
                script = axe_core(self.folder.name)
                for name, path in [*pages, ("large", large)]:
                    browser.axe(name, path, script)
            browser.hostile(hostile)
            browser.beside(beside)
            browser.smooth(dict(pages)["hello"], large)
        finally:
            browser.driver.quit()


class Browser:
    def __init__(self, checks):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(180)  # others may work on this machine
        self.check, self.shots = checks.check, pathlib.Path(checks.args.shots)
        self.shots.mkdir(parents=True, exist_ok=True)

    def js(self, text, *values):
        return self.driver.execute_script("return " + text, *values)

    def press(self, keys):
        self.driver.find_element("tag name", "body").send_keys(keys)

    def size(self, width, height=900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def dark(self, on):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]})

    def open(self, path, anchor=""):
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + anchor)

    def shot(self, name):
        self.driver.save_screenshot(str(self.shots / (name + ".png")))

    def quiet(self, name, path):
        """No request but the page itself, no script error."""
        asked = [json.loads(x["message"])["message"] for x in self.driver.get_log("performance")]
        urls = {m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"}
        self.check(all(u.split("#")[0] in (path.as_uri(), "about:blank") for u in urls), "%s: requests %s" % (name, urls))
        said = [x["message"] for x in self.driver.get_log("browser")]
        self.check(not said, "%s: the browser says %s" % (name, said))

    def look(self, name, path):
        from selenium.webdriver.common.keys import Keys
        self.size(1600), self.dark(False), self.open(path)
        title = lambda: self.js("document.getElementById('title').textContent")
        first = title()
        self.check(first and self.js("document.querySelectorAll('#code .here').length") == 1, name + ": no code at the first event")
        self.check(self.js("document.querySelectorAll('#drawing .word').length") > 3, name + ": no drawing")
        # Keys: there and back, by instruction, by defer, to the ends.
        self.press(Keys.ARROW_RIGHT)
        self.check(self.js("event") == self.js("shown[1]"), name + ": right")
        self.press(Keys.ARROW_LEFT)
        self.check(title() == first, name + ": left")
        before = self.js("here().position")
        self.press(".")
        self.check(self.js("step") >= 0 and self.js("here().position") > before, name + ": the next instruction")
        self.press(",")
        self.check(self.js("here().position") == before, name + ": the instruction before")
        self.press(Keys.END)
        self.check(self.js("event") == self.js("shown[shown.length - 1]"), name + ": End")
        self.press(Keys.HOME)
        self.press("]")
        self.check(self.js("subjectOf(event)") == self.js("subjectOf(shown[0])"), name + ": the same defer's next event")
        # The timeline: a click goes there; zoom keeps what is chosen in view.
        self.press(Keys.HOME)
        self.driver.execute_script("const r = $('plot').getBoundingClientRect(); $('plot').dispatchEvent(new MouseEvent('click', {clientX: r.right - 12, "
                                   "clientY: r.top + 8, bubbles: true}))")
        self.check(self.js("event") == self.js("shown[shown.length - 1]"), name + ": a click on the timeline's end")
        self.press("+")
        self.check(self.js("view[0] <= indexOf(event) && indexOf(event) < view[1]"), name + ": zoom")
        self.press("0")
        # A link to a moment.
        self.open(path, "#defer-1-run")
        self.check(self.js("kindOf(event)") == "defer.start" and self.js("subjectOf(event)") == "defer-1", name + ": #defer-1-run")
        self.shot(name + "-1600")
        # What was never written has a mark that a printer shows, and says so.
        hatched = self.js("[...document.querySelectorAll('#drawing .stale')].filter(e => getComputedStyle(e).backgroundImage.includes('gradient') && "
                          "e.textContent.includes('not written yet')).length")
        self.check(hatched > 0 and hatched == self.js("document.querySelectorAll('#drawing .stale').length"), "%s: %d words are hatched" % (name, hatched))
        # jmpdefer by its instructions: what each changes is marked, and what the next one does is said.
        if self.js("slugs.has('defer-1-jump')"):
            self.open(path, "#defer-1-jump")
            self.check(self.js("step") < 0 and not self.js("document.querySelector('[data-move=step][data-by=\"-1\"]').disabled"), name + ": no window")
            changed = 0
            while self.js("moved('step', -1) !== null"):
                self.press(",")
            while "jmpdefer" in self.js("D.functions[here().function][0]"):
                changed += self.js("document.querySelectorAll('#drawing .changed').length")
                self.check(self.js("document.querySelectorAll('#code .why').length") > 0, name + ": an instruction without explanation")
                if "SUBQ" in self.js("document.querySelector('#code .here').textContent"):
                    self.shot(name + "-jmpdefer")
                self.press(".")
            self.check(changed > 0, name + ": jmpdefer changes no word")
        # Search.
        self.press("/")
        self.driver.switch_to.active_element.send_keys("return")
        found = self.js("shown.length")
        self.check(0 < found < self.js("events.length") and "found" in self.js("$('count').textContent"), name + ": search")
        self.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        self.check(self.js("shown.length") > found, name + ": search is left")
        # Scope.
        self.driver.execute_script("$('scope').value = 'all'; refilter()")
        self.check(self.js("shown.length") == self.js("events.length"), name + ": all events")
        # Dark, narrow, paper.
        self.dark(True), self.open(path, "#defer-1-run")
        self.check(self.luminance("background-color") < .2 < .6 < self.luminance("color"), name + ": dark")
        self.contrast(name + ", dark")
        self.shot(name + "-dark")
        self.dark(False), self.size(360, 780), self.open(path, "#defer-1-run")
        self.check(self.js("document.documentElement.scrollWidth") <= 360, "%s: %d wide at 360" % (name, self.js("document.documentElement.scrollWidth")))
        self.contrast(name)
        self.size(360, self.js("document.documentElement.scrollHeight"))
        self.shot(name + "-360")
        self.names(name)
        self.quiet(name, path)

    def luminance(self, of):
        parts = re.findall(r"[\d.]+", self.js("getComputedStyle(document.body).getPropertyValue(arguments[0])", of))[:3]
        linear = [c / 12.92 if c <= .03928 else ((c + .055) / 1.055) ** 2.4 for c in (float(p) / 255 for p in parts)]
        return .2126 * linear[0] + .7152 * linear[1] + .0722 * linear[2]

    def contrast(self, name):
        """WCAG's 4.5 of every text on what lies behind it."""
        poor = self.js("""(() => {
          const rgb = s => (s.match(/[\\d.]+/g) || []).map(Number);
          const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
          const mix = (top, below, a) => top.slice(0, 3).map((v, i) => v * a + below[i] * (1 - a));
          const poor = [];
          for (const e of document.querySelectorAll('body *')) {
            if (e.tagName === 'SCRIPT' || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
            if (e.disabled) continue;
            let b = e, back = [0, 0, 0, 0], opacity = 1;
            for (let x = e; x; x = x.parentElement) opacity *= getComputedStyle(x).opacity;
            while (b) { back = rgb(getComputedStyle(b).backgroundColor); if (back.length === 3 || back[3] > 0) break; b = b.parentElement; }
            const front = mix(rgb(getComputedStyle(e).color), back, opacity), a = light(front), c = light(back);
            const ratio = (Math.max(a, c) + .05) / (Math.min(a, c) + .05);
            if (ratio < 4.5) poor.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2) + ' ' + e.textContent.slice(0, 20));
          }
          return poor.slice(0, 8);
        })()""")
        self.check(not poor, "%s: contrast: %s" % (name, poor))

    def names(self, name):
        """What can be used by keyboard has a name for screen readers."""
        bare = self.js("""[...document.querySelectorAll('button, input, select, [tabindex]')].filter(e =>
          !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label'))).map(e => e.outerHTML.slice(0, 80))""")
        self.check(not bare, "%s: without a name: %s" % (name, bare))

    def axe(self, name, path, script):
        """What axe-core finds."""
        for dark in (False, True):
            self.size(1400), self.dark(dark), self.open(path)
            self.driver.execute_script(script)
            found = self.driver.execute_async_script(
                "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
                ".then(r => done(r.violations.map(v => v.id + ': ' + v.help + ' ' + v.nodes[0].html.slice(0, 100))))")
            self.check(not found, "%s: axe: %s" % (name, found))
        self.driver.get_log("performance"), self.driver.get_log("browser")  # axe's own

    def hostile(self, path):
        self.size(1600), self.open(path)
        self.press("\ue010")  # End
        self.check("onerror" in self.js("document.getElementById('output').textContent"), "hostile: what the guest printed is not shown")
        self.check(self.js("document.querySelectorAll('img').length") == 0 and self.driver.title != "1", "hostile: the guest's text became HTML")
        self.quiet("hostile", path)

    def beside(self, path):
        self.size(1600), self.dark(False), self.open(path, "#defer-2-run")
        rows = "document.querySelectorAll('#releases tbody tr').length"
        self.check(self.js(rows) == 3 and self.js("document.querySelectorAll('#releases .differs').length") > 0, "beside: the builds are not shown")
        self.contrast("beside")
        self.shot("beside-1600")
        self.size(360, 780), self.open(path, "#defer-2-run")
        self.check(self.js("document.documentElement.scrollWidth") <= 360, "beside: wider than 360")
        self.quiet("beside", path)

    def move_time(self, path):
        """Milliseconds; the best of several, since others work on this machine."""
        self.open(path)
        return self.js("Math.min(...Array.from({length: 16}, (_, k) => { const t = performance.now(); move('event', k % 2 ? -1 : 1), "
                       "document.body.offsetHeight; return performance.now() - t; }))")

    def smooth(self, small, path):
        self.size(1600), self.dark(False)
        usual = self.move_time(small)
        self.quiet("small", small)
        each = self.move_time(path)
        n = self.js("events.length")
        self.driver.execute_script("go(shown[shown.length >> 1])")
        print("large page: %d events, %.1f ms a move; a small page: %.1f ms" % (n, each, usual))
        self.check(each < 5 * usual + 10, "a move takes %.1f ms, on a small page %.1f ms" % (each, usual))
        self.check(self.js("document.querySelectorAll('#rows .row').length") < 100, "more rows than are seen")
        self.check(self.js("document.querySelectorAll('*').length") < 5000, "more elements than are seen")
        self.shot("large-1600")
        self.quiet("large", path)


def axe_core(folder):
    """The checker of accessibility, from npm."""
    subprocess.run(["npm", "pack", "--silent", "axe-core@4.14.1"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(pathlib.Path(folder, "axe-core-4.14.1.tgz")) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


def has_browser():
    try:
        import selenium
    except ImportError:
        return False
    return bool(shutil.which("chromium") and os.path.exists("/usr/bin/chromedriver"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="build/release/deferscope")
    parser.add_argument("--guests", default="build/guests-core")
    parser.add_argument("--stories", default="build/guests-stories")
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--update", action="store_true", help="write docs/demo-report.html anew")
    parser.add_argument("--shots", default="build/report")
    checks = Checks(parser.parse_args())
    args = checks.args
    pages = []
    for guest, arguments, flags in RUNS:
        name = "hostile" if HOSTILE in arguments else "-".join([guest.replace("_linux", ""), *arguments])
        path, page = checks.page(name, checks.guest(guest), arguments, flags)
        pages.append((name, path))
        checks.html_of(name, page)
        checks.references(name, page)
        checks.printable(name, page)
        checks.against_trace(name, page, checks.guest(guest), arguments)
        checks.commands(name, page, arguments)
        checks.drawings(name, page, checks.guest(guest), arguments)
        checks.steps(name, page, checks.guest(guest), arguments)
    checks.check(checks.stale > 20, "hardly a word was not written: %d" % checks.stale)
    beside = checks.beside()
    checks.demo(args.update)
    # A page that is cut says so.
    _, page = checks.page("cut", checks.hello, [], ["--max-events", "5"])
    checks.check(len(page.data["events"]) == 5 and any("--max-events" in n for n in page.data["notes"]), "a page that is cut does not say so")
    large, page = checks.page("large", checks.guest(LARGE[0]), LARGE[1], [])
    checks.html_of("large", page)
    checks.references("large", page)
    if has_browser():
        checks.browse([p for p in pages if p[0] in ("hello", "stories_1.12.17_amd64_opt_dwarf-named")],
                      dict(pages)["hostile"], large, beside)
    elif args.browser:
        checks.check(False, "no browser: apt-get install chromium chromium-driver python3-selenium")
    else:
        print("browser: skipped (chromium, chromium-driver, python3-selenium)")
    print("%d failures" % len(checks.failures))
    return 1 if checks.failures else 0


# Some 10,000 events.
LARGE = ("cases_1.27.4_linux_amd64_opt_syms", ["bench-recovers"])

if __name__ == "__main__":
    sys.exit(main())
