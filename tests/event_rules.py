"""What must be true of the events of any Go program: tests/outputs.py holds every stream that it makes against these rules.

Rules are methods of Goroutine and Stream; a broken one adds a line to Stream.broken. They know no guest and no Go version beyond what the stream
itself says.
"""
CALL_SIZE = {"amd64": 5, "arm64": 4}


def number(text):
    return int(text, 16)


def shown(chain):
    return " ".join(f"{storage} {at if at is None or at < 8 else hex(at)}" for storage, at in chain) or "nothing"


STATIONS = ("deferreturn.enter", "defer.end", "panic.start", "goexit")


class Goroutine:
    """Defers that are registered (oldest first), calls that run and panics that are not over (outermost first), as the events say."""

    def __init__(self):
        self.pending, self.running, self.panics = [], [], []
        self.shadowed = set()  # depths of frames whose place a stale record took: the panic that ran it passes over them
        self.hi = None
        self.stale = set()  # openDefer records of frames that are gone
        self.ordinals = {}  # what -> how often
        self.station = None  # where it was last on its way to a deferred function: a position
        self.taken = None  # the _defer record that newdefer gave last
        self.walked = None  # the walk.defer whose function did not start yet
        self.walks = {}  # panic -> SP of the last frame, as a distance from the stack's upper end

    def next(self, *what):
        self.ordinals[what] = self.ordinals.get(what, 0) + 1
        return self.ordinals[what]

    def depth(self, event):
        """Of SP at the event, from the stack's upper end; None on a system stack."""
        frame = event["frame"]
        if frame is None or event["event"] in ("transfer", "recovery.jump", "stack.move", "panic.aborted", "panic.fatal", "defer.left", "defer.stale", "exit", "goroutine.start", "output", "refused", "library.load", "walk.start", "walk.frame",
                                               "walk.defer", "record.take", "record.give"):
            return None
        self.hi = number(frame["sp"]) + frame["depth"]
        return self.hi - number(event["sp"])


class Stream:
    def __init__(self, arch):
        self.arch = arch
        self.broken = []
        self.goroutines = {}
        self.pushes, self.starts, self.panics = {}, {}, {}
        self.started, self.ended = set(), set()
        self.first_seen_by = {}  # of a panic: whose deferred function it ran first
        self.last = self.last_exit = None
        self.counts = {}
        self.made = set()  # goroutines
        self.in_use, self.pooled = set(), set()  # _defer records from newdefer; those that a pool has

    def complain(self, event, why):
        self.broken.append(f"event {event['id']} ({event['event']}): {why}")

    def goroutine(self, event):
        return self.goroutines.setdefault(event["goroutine"], Goroutine())

    def see(self, event):
        g = self.goroutine(event)
        kind = event["event"]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.ordered(event)
        self.nothing_left_behind(g, event)
        if self.last and self.last["event"] == "jmpdefer" and kind != "defer.start":
            self.complain(event, "jmpdefer is not followed by the start of its defer")
        handler = getattr(self, kind.replace(".", "_"), None)
        if handler:
            handler(g, event)
        if kind in STATIONS:
            g.station = event["position"]
        elif kind == "defer.push":
            g.station = None
        self.last = event

    # --- all events ---

    def ordered(self, event):
        if event["id"] != (self.last["id"] + 1 if self.last else 0):
            self.complain(event, "ids do not count up")
        if self.last_exit:
            self.complain(event, "comes after the guest's end")
        if self.last and event["position"] < self.last["position"]:
            self.complain(event, "positions go back")
        if event["shown"] and event["shown"]["position"] >= event["position"]:
            self.complain(event, "it is shown by an instruction that did not run yet")

    def nothing_left_behind(self, g, event):
        """A frame that has returned left no defer behind that did not run."""
        depth = g.depth(event)
        if depth is None:
            return
        for p in g.pending:
            # deferreturn and gopanic stand below the owner's SP; at the owner's own level it is still there.
            if p["frame"]["depth"] > depth:
                self.complain(event, f"the frame of defer {p['id']} ({p['frame']['function']}) is gone and it did not run")
                g.pending.remove(p)
                return

    # --- defers ---

    def defer_push(self, g, event):
        d = event["defer"]
        if d["id"] != event["id"]:
            self.complain(event, "a push with another id")
        if event["registered_in"] is not None and (not event["shown"] or event["registered_in"] != event["position"] + 1 - event["shown"]["position"]):
            self.complain(event, f"registered in {event['registered_in']} instructions, and the CALL is elsewhere")
        if d["storage"] == "open-coded":
            if d["slot"] is None or d["record"]:
                self.complain(event, "an open-coded defer has a slot and no record")
            for p in g.pending:
                if p["frame"]["depth"] == event["frame"]["depth"] and p["defer"]["slot"] == d["slot"]:
                    self.complain(event, f"slot {d['slot']} of this frame is registered already, by {p['id']}")
        else:
            self.record_is_new(g, event)
        if d["storage"] in ("heap", "rangefunc") and d["record"] != g.taken:
            self.complain(event, f"its record is {d['record']}, newdefer gave {g.taken}")
        if d["storage"] == "stack" and not number(event["sp"]) <= number(d["record"]) < g.hi:
            self.complain(event, "a stack record lies elsewhere")
        self.counted(g, event, d["ordinal"], "defer", event["frame"]["function"], d["line"])
        self.called(g, event, g.pending)
        event["hi"] = g.hi
        self.pushes[event["id"]] = event
        # The list of a range-over-func loop belongs to a frame that others stand on.
        at = len(g.pending)
        while d["storage"] == "rangefunc" and at and g.pending[at - 1]["frame"]["depth"] > event["frame"]["depth"]:
            at -= 1
        g.pending.insert(at, event)

    def counted(self, g, event, ordinal, *what):
        n = g.next(*what)
        if ordinal != n:
            self.complain(event, f"{' '.join(map(str, what))}: it is number {ordinal}, counted are {n}")

    def called(self, g, event, pending):
        """A frame with pending defers is the call that they said; another one is the function's next."""
        frame = event["frame"]
        same = [p["frame"]["call"] for p in pending if (p["frame"]["function"], p["frame"]["depth"]) == (frame["function"], frame["depth"])]
        last = g.ordinals.get(("call", frame["function"]), 0)
        if same:
            if frame["call"] != same[-1]:
                self.complain(event, f"call {frame['call']} of {frame['function']}, whose pending defers are of call {same[-1]}")
        elif frame["call"] not in (last, last + 1) or not frame["call"]:
            self.complain(event, f"call {frame['call']} of {frame['function']}, after {last}")
        g.ordinals[("call", frame["function"])] = max(last, frame["call"] or 0)

    def record_is_new(self, g, event):
        d = event["defer"]
        for p in g.pending:
            if p["defer"]["record"] and self.record_now(g, p) == number(d["record"]):
                self.complain(event, f"the record is that of defer {p['id']}, which did not run yet")

    @staticmethod
    def record_now(g, push):
        record = number(push["defer"]["record"])
        return record if push["defer"]["storage"] != "stack" else record - push["hi"] + g.hi

    def same_defer(self, g, event):
        """Whatever speaks of a registered defer says of it what its registration said."""
        d, push = event["defer"], self.pushes.get(event["defer"]["id"])
        if d.get("stale"):  # nobody registered what lies there
            if d["id"] is not None or d["storage"] != "open-coded" or d["slot"] is None or d["record"] is None:
                self.complain(event, "a stale run is of a slot and a record, and of no registered defer")
            return None
        if push is None:
            return self.complain(event, "a defer that was not registered")
        p = push["defer"]
        if event["frame"]["call"] != push["frame"]["call"]:
            self.complain(event, f"call {event['frame']['call']}, registered by call {push['frame']['call']}")
        for key in ("storage", "slot", "line", "ordinal"):
            if d[key] != p[key]:
                self.complain(event, f"{key} {d[key]}, registered as {p[key]}")
        if d["record"] and number(d["record"]) != self.record_now(g, push):
            self.complain(event, f"record {d['record']} is not {self.record_now(g, push):#x}")
        if d["function"]["entry"] != p["function"]["entry"]:
            self.complain(event, f"{d['function']['symbol']} was registered as {p['function']['symbol']}")
        if push["goroutine"] != event["goroutine"]:
            self.complain(event, "registered by another goroutine")
        if (push["frame"]["function"], push["frame"]["depth"]) != (event["frame"]["function"], event["frame"]["depth"]):
            self.complain(event, "registered by another frame")
        return push

    def defer_start(self, g, event):
        d = event["defer"]
        push = self.same_defer(g, event)
        self.follows_walk(g, event)
        if d["stale"]:
            g.shadowed.add(event["frame"]["depth"])
        elif d["id"] in self.started:
            self.complain(event, "starts a second time")
        self.started.add(d["id"])
        if push is not None and push in g.pending:
            later = [p for p in g.pending[g.pending.index(push) + 1:] if p["frame"]["depth"] not in g.shadowed]
            if later:
                self.complain(event, f"defer {later[-1]['id']} was registered later and did not run yet")
            g.pending.remove(push)
        if (d["run_by"] in ("panic", "goexit")) != (event["panic"] is not None):
            self.complain(event, "run by a panic or Goexit that is not named")
        if event["panic"] is not None and event["panic"] not in g.panics:
            self.complain(event, "the panic that runs it is over")
        if event["panic"] in g.panics:
            self.first_seen_by.setdefault(event["panic"], event["origin"])
        if event["reached_in"] is not None and (g.station is None or event["reached_in"] != event["position"] - g.station):
            self.complain(event, f"reached in {event['reached_in']} instructions, and what came before it is elsewhere")
        self.starts[event["id"]] = event
        g.running.append({"event": event, "depth": g.hi - number(event["sp"])})

    def defer_end(self, g, event):
        self.same_defer(g, event)
        start = self.starts.get(event["start"])
        if start is None or start["goroutine"] != event["goroutine"]:
            return self.complain(event, "ends what did not start")
        if event["start"] in self.ended:
            self.complain(event, "ends a second time")
        self.ended.add(event["start"])
        if not g.running or g.running[-1]["event"] is not start:
            self.complain(event, "is not the innermost that runs")
        g.running = [r for r in g.running if r["event"]["id"] < start["id"]]
        if g.panics and g.panics[-1] > start["id"]:
            self.complain(event, "returns though a panic that began in it is not over")

    def defer_stale(self, g, event):
        if event["record"] in g.stale:
            self.complain(event, "said before")
        g.stale.add(event["record"])

    def defer_left(self, g, event):
        """It never runs, or never returns: the last that is said of it."""
        push = self.same_defer(g, event)
        if event["started"]:
            start = self.starts.get(event["start"])
            if start is None or not any(r["event"] is start for r in g.running):
                return self.complain(event, "never returns, and does not run")
            g.running = [r for r in g.running if r["event"] is not start]
            self.ended.add(event["start"])
        elif push is not None and push in g.pending:
            g.pending.remove(push)
        else:
            self.complain(event, "never runs, and is not pending")

    def exit(self, g, event):
        """Nothing is open when the guest has ended."""
        for number, other in self.goroutines.items():
            open_panics = [p for p in other.panics if not self.panics[p].get("recovered") and self.panics[p]["event"] != "goexit"]
            for what, left in (("pending", [p["id"] for p in other.pending]), ("running", [r["event"]["id"] for r in other.running]), ("panics", open_panics)):
                if left:
                    self.complain(event, f"goroutine {number}: {what} {left} have no end")
        self.last_exit = event

    # --- what the runtime does for it ---

    def record_take(self, g, event):
        record = event["record"]
        if event["pool"] == "heap":
            self.pooled.discard(record)  # the garbage collector had it
        elif record not in self.pooled:
            self.complain(event, f"{record} is in no pool")
        elif record in self.in_use:
            self.complain(event, f"{record} is in use")
        if (event["pool"] == "central") != (event["moved"] > 0) or event["pool"] == "central" and event["moved"] != event["left"] + 1:
            self.complain(event, f"{event['moved']} records moved, {event['left']} are left")
        self.pooled.discard(record)
        self.in_use.add(record)
        g.taken = record

    def record_give(self, g, event):
        record = event["record"]
        if record not in self.in_use:
            self.complain(event, f"{record} was not taken")
        self.in_use.discard(record)
        if event["pool"] != "heap":
            self.pooled.add(record)
            if not event["left"]:
                self.complain(event, "it is given back and the pool is empty")

    def walk_state(self, event):
        walk = event["walk"]
        if walk["deferBitsPtr"] is None and walk["deferBits"] or bin(walk["deferBits"]).count("1") != len(walk["slots"]):
            self.complain(event, f"deferBits {walk['deferBits']:#b} and {len(walk['slots'])} slots")
        if (walk["by"] == "deferreturn") != (walk["panic"] is None):
            self.complain(event, f"a walk of {walk['by']} and the panic {walk['panic']}")
        return walk

    def walk_start(self, g, event):
        walk = self.walk_state(event)
        g.walks.pop(walk["panic"], None)
        if walk["panic"] is not None and walk["panic"] not in g.panics:
            self.complain(event, "its panic is over")

    def walk_frame(self, g, event):
        walk = self.walk_state(event)
        if not event["found"]:
            return
        if walk["sp"] != event["frame"]["sp"]:
            self.complain(event, f"the walk stands at {walk['sp']}, the frame at {event['frame']['sp']}")
        depth = event["frame"]["depth"]
        if depth >= g.walks.get(walk["panic"], depth + 1):
            self.complain(event, "the walk goes inward")
        g.walks[walk["panic"]] = depth

    def walk_defer(self, g, event):
        self.walk_state(event)
        if g.walked is not None:
            self.complain(event, f"the function of event {g.walked['id']} did not start")
        g.walked = event

    # What the walk has found is what starts.
    def follows_walk(self, g, event):
        if self.counts.get("walk.start") is None or event["defer"]["run_by"] not in ("deferreturn", "panic", "goexit"):
            return
        walked, g.walked = g.walked, None
        if walked is None:
            return self.complain(event, "no walk found it")
        if (walked["funcval"] or "0x0") != event["defer"]["function"]["funcval"]:
            self.complain(event, f"the walk found {walked['funcval']}")
        if (walked["slot"] is not None) != (event["defer"]["storage"] == "open-coded"):
            self.complain(event, f"the walk found slot {walked['slot']}")

    # --- the normal return ---

    def jmpdefer(self, g, event):
        self.same_defer(g, event)
        before, after = number(event["return_before"]["pc"]), number(event["return_after"]["pc"])
        if before - after != CALL_SIZE[self.arch]:
            self.complain(event, f"the return address went from {before:#x} to {after:#x}")
        if event["return_after"]["symbol"] != event["frame"]["function"]:
            self.complain(event, "returns elsewhere than into the owner")
        if not event["steps"] or event["steps"][0]["sp"] != event["sp_before"]:
            self.complain(event, "the steps begin elsewhere")
        owner = number(event["sp_after"]) + (8 if self.arch == "amd64" else 0)
        if owner != number(event["frame"]["sp"]):
            self.complain(event, f"SP of the owner is {event['frame']['sp']}, jmpdefer leaves {owner:#x}")

    def deferreturn_leave(self, g, event):
        for p in g.pending:
            if p["frame"]["depth"] == event["frame"]["depth"]:
                self.complain(event, f"defer {p['id']} of this frame is left")

    # --- panics ---

    def panic_start(self, g, event):
        if event["panic"]["nested_in"] != (g.panics[-1] if g.panics else None):
            self.complain(event, f"nested in {event['panic']['nested_in']}, known are {g.panics}")
        self.panic_begins(g, event)

    def goexit(self, g, event):
        self.panic_begins(g, event)

    def panic_begins(self, g, event):
        g.panics.append(event["id"])
        self.panics[event["id"]] = event
        self.counted(g, event, event["panic"]["ordinal"], "panic", event["origin"] == "user")
        last = g.ordinals.get(("call", event["frame"]["function"]), 0)
        g.ordinals[("call", event["frame"]["function"])] = max(last, event["frame"]["call"] or 0)

    def of_a_panic(self, g, event):
        if event["panic"]["id"] not in g.panics:
            self.complain(event, f"panic {event['panic']['id']} is not one of {g.panics}")
            return False
        return True

    def panic_recovered(self, g, event):
        if self.of_a_panic(g, event):
            if event["panic"]["id"] != g.panics[-1]:
                self.complain(event, "recovers another than the newest panic")
            if event["decided_by"] is None:
                self.complain(event, "no frame decided")
            elif all(c["sp"] != event["callers"][0]["sp"] for c in event["callers"] if c["function"] == event["decided_by"]):
                self.complain(event, f"{event['decided_by']} decided, and recover was called by another")
            started = self.panics[event["panic"]["id"]]
            if started["panic"]["ordinal"] != event["panic"]["ordinal"]:
                self.complain(event, f"panic {event['panic']['ordinal']} began as {started['panic']['ordinal']}")
            if event["origin"] == "user" != started["origin"] and self.first_seen_by.get(event["panic"]["id"]) == "user":
                self.complain(event, "the user's code is the first to see this panic, and it is not said to be the user's")
            if started["panic"]["value"] != event["panic"]["value"]:
                self.complain(event, f"{event['panic']['value']} began as {started['panic']['value']}")
            started["recovered"] = True

    def recover_refused(self, g, event):
        self.of_a_panic(g, event)
        if event["callers"] and event["decided_by"] == event["callers"][0]["function"]:
            self.complain(event, f"{event['decided_by']} decided and called recover itself")

    def panic_aborted(self, g, event):
        if self.of_a_panic(g, event):
            g.panics.remove(event["panic"]["id"])

    def panic_fatal(self, g, event):
        if self.of_a_panic(g, event):
            g.panics.remove(event["panic"]["id"])

    def recovery_jump(self, g, event):
        panic = event["panic"]["id"]
        if event["walk"] and event["resumes"] != "goexit":
            if event["walk"]["sp"] != event["to_sp"] or event["walk"]["retpc"]["symbol"] != event["to"]["symbol"]:
                self.complain(event, f"the walk says {event['walk']['retpc']['symbol']}, SP {event['walk']['sp']}")
            if (event["saved"] is not None) != (event["walk"]["deferBits"] != 0):
                self.complain(event, f"deferBits {event['walk']['deferBits']:#b}, and what is left behind is {event['saved']}")
        if panic is not None and self.of_a_panic(g, event):
            if not self.panics[panic].get("recovered"):
                self.complain(event, "nothing recovered this panic")
            if g.panics[-1] != panic:
                self.complain(event, f"panics {g.panics} are newer and not said to be aborted")
            g.panics.remove(panic)
        depth = event["frame"]["depth"]
        over = [p for p in g.panics if self.panics[p]["frame"]["depth"] >= depth]
        if over:
            self.complain(event, f"panics {over} of frames that are thrown away are not said to be aborted")
        g.running = [r for r in g.running if r["depth"] < depth]
        g.shadowed = {d for d in g.shadowed if d <= depth}
        left = [p["id"] for p in g.pending if p["frame"]["depth"] > depth]
        if left:
            self.complain(event, f"defers {left} of frames that are thrown away did not run")
        g.pending = [p for p in g.pending if p["frame"]["depth"] <= depth]

    # --- goroutines and output ---

    def goroutine_start(self, g, event):
        if event["started"] in self.made:
            self.complain(event, "made before")
        self.made.add(event["started"])
        if event["goroutine"]:
            self.counted(g, event, event["ordinal"], "goroutine", event["frame"]["function"] if event["frame"] else None, event["go_line"])

    def output(self, g, event):
        if event["descriptor"] not in (1, 2) or (event["text"] is None) == (event["bytes"] is None):
            self.complain(event, "it is to another descriptor, or not either text or bytes")

    def refused(self, g, event):
        if event["what"] not in ("process", "connect", "look_up") or (event["name"] is None and event["what"] != "process"):
            self.complain(event, "refused what?")

    def library_load(self, g, event):
        if len(event["sha256"]) != 64 or not event["path"].startswith("/") or number(event["base"]) % 4096:
            self.complain(event, "loaded what?")

    # --- stacks ---

    def stack_move(self, g, event):
        g.hi = number(event["new"]["hi"])
        distance = g.hi - number(event["old"]["hi"])
        for record in event["records"]:
            if number(record["after"]) - number(record["before"]) != distance:
                self.complain(event, "a record moved by another distance than the stack")

    # --- what memory says ---

    def chain(self, event, snapshot):
        """Each defer is in one place: registered and not started, it is in the merged chain; started and not ended, it runs."""
        # What is given up stays in memory; to 1.13 newdefer links what is no defer yet.
        if event["event"] in ("defer.left", "exit", "record.take"):
            return
        g = self.goroutine(event)
        for seen in snapshot["goroutines"]:
            if seen["id"] != event["goroutine"] or not seen["frames_complete"]:
                continue
            for e in seen["chain"]:
                if e["stale"] and e["record"] not in g.stale and event["event"] in ("defer.push", "panic.start"):
                    self.complain(event, f"the record {e['record']} is stale and no event said so")
            # Records of a range-over-func list are ordinary ones from deferconvert on.
            known = [(p["defer"]["storage"].replace("rangefunc", "heap"), self.identity(g, p)) for p in reversed(g.pending)]
            read = [(e["storage"].replace("rangefunc", "heap"), e["slot"] if e["record"] is None or e["slot"] is not None else number(e["record"]))
                    for e in seen["chain"] if not e["list_head"] and not e["stale"]]
            if known != read:
                self.complain(event, f"the chain is {shown(read)}, the events say {shown(known)}")
            known, read = [r["event"]["defer"]["id"] for r in g.running], [r["defer"] for r in seen["running"]]
            if known != read:
                self.complain(event, f"{read} run, the events say {known}")

    def identity(self, g, push):
        return push["defer"]["slot"] if push["defer"]["record"] is None else self.record_now(g, push)


def check(events, arch, snapshots=()):
    """What is broken in a stream: events as JSON gives them, in order; the guest's instruction set; the snapshots of some of the events."""
    s, of_event = Stream(arch), {snap["event"]: snap for snap in snapshots}
    for e in events:
        s.see(e)
        if e["id"] in of_event:
            s.chain(e, of_event[e["id"]])
    return s.broken
