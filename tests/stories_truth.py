"""What is true of each case of the program stories (guests/src/stories), written by hand from Go's source; tests/stories.py holds what deferscope
says against it.

A case is a list of lines, one for each thing that happens to the program's own defers and panics, in order:

    push F in O              O defers F. Storage follows from the release; "loop" behind it: the statement is in a loop
    run F by WHOM            F is called: by panic, by goexit; "exit": O returns normally; "unwound": O returns after a recovery in it
    end F                    F has returned
    left F returns|runs WHY  F never returns, or never runs, and why
    panic P = VALUE [in Q]   a panic, named P below, while Q (a panic or "goexit") is not over. Numbers follow from the order
    recovered P by F         recover stops P; F is the function that decided it may
    refused P by F           recover returns nil though P runs, because of F
    aborted P WHY, fatal P   P ends otherwise
    jump P to F              the recovery resumes in F
    goexit                   runtime.Goexit begins
    stale O                  a record of O, whose frame is gone, is run
    exit WHY STATUS          the guest's end

{COND} before a line: it holds for those releases only; "1.14-1.17", "<=1.16", ">=1.22", "/arm64" or "/arm64/opt" (not -N -l) behind it, "!" before it. F may be several names (a|b): any is
right; "F?": a compiler's wrapper from which it can't be read off is right too.

Where the rules come from (files of GOROOT/src; the release in brackets has the lines):
  storage    cmd/compile/internal/gc/ssa.go [1.12]: every defer calls deferproc: a heap record. [1.13]: (s *state) call, deferprocStack where
             n.Esc == EscNever, which is not so in a loop: a stack record. [1.14] open-coded (ssa.go hasOpenDefers) unless a defer is in a loop or
             there are more than 8 (walk.go SetOpenCodedDeferDisallowed), or returns × defers > 15; a loop keeps heap records in all releases.
  by whom    runtime/panic.go: [1.12–1.17] deferreturn calls one function through jmpdefer, which returns onto the CALL deferreturn; [1.18] on a loop
             `for { d := gp._defer … fn() }`, [1.22] on `for { fn, ok := p.nextDefer() … fn() }`. Open-coded exits call their functions themselves
             (ssagen: openDeferExit); after a recovery the frame's tail calls deferreturn, which runs what is left: [1.14–1.21] runOpenDeferFrame.
  recover    runtime/panic.go gorecover: [≤1.25] p.argp must be that of the caller's arguments: only the function that gopanic calls may, wrappers
             adjust argp (cmd/internal/obj/*/obj*.go: the prologue for WRAPPER); [1.26] on it walks frames and skips wrappers by funcID.
  Goexit     runtime/panic.go Goexit runs all defers of the goroutine; [1.14] on it has a _panic with goexit set. Panics that it passes are aborted and never
             reported; one that no deferred function stops ends the process (fatalpanic), whatever runs it.
"""
NIL = "runtime error: invalid memory address or nil pointer dereference"
# runtime/panic.go PanicNilError.Error [1.21]
NIL_ERROR = '*runtime.PanicNilError("panic called with nil argument (use GODEBUG=panicnil=1 to disable)")'
RETURNED = "exit main.main returned 0"

TRUTH = {}

# The receiver of a promoted method is evaluated at the defer statement; t.base is &base later, recover works in a promoted method that the panic calls.
# A method value's -fm function is a WRAPPER from 1.16 on (cmd/compile/internal/gc/closure.go makepartialcall [1.15]: fn.Func.SetDupok only; [1.16]: SetWrapper
# too): before that recover, one call deeper, is refused and panic C leaves all the rest undone.
TRUTH["embedded"] = f"""
push embedded.func1 in embedded
push (*base).Done in promoted
panic A = A
run (*base).Done by panic
recovered A by (*base).Done
end (*base).Done
jump A to promoted
push (*base).Done|(*top).Done in throughInterface
panic B = B
run (*base).Done|(*top).Done by panic
recovered B by (*base).Done
end (*base).Done|(*top).Done
jump B to throughInterface
push (*base).Rec in methodValue
panic C = C
run (*base).Rec by panic
{{<=1.15}} refused C by (*base).Rec-fm
{{<=1.15}} end (*base).Rec
{{<=1.15}} run embedded.func1 by panic
{{<=1.15}} recovered C by embedded.func1
{{<=1.15}} end embedded.func1
{{<=1.15}} jump C to embedded
{{>=1.16}} recovered C by (*base).Rec
{{>=1.16}} end (*base).Rec
{{>=1.16}} jump C to methodValue
{{>=1.16}} push (*base).Rec in methodExpression
{{>=1.16}} panic D = D
{{>=1.16}} run (*base).Rec by panic
{{>=1.16}} recovered D by (*base).Rec
{{>=1.16}} end (*base).Rec
{{>=1.16}} jump D to methodExpression
{{>=1.16}} push base.Print in valueCopy
{{>=1.16}} run base.Print by exit
{{>=1.16}} end base.Print
{{>=1.16}} push nilReceiver.func1 in nilReceiver
{{>=1.16}} panic copy = {NIL}
{{>=1.16}} run nilReceiver.func1 by panic
{{>=1.16}} recovered copy by nilReceiver.func1
{{>=1.16}} end nilReceiver.func1
{{>=1.16}} jump copy to nilReceiver
{{>=1.16}} run embedded.func1 by exit
{{>=1.16}} end embedded.func1
{RETURNED}
"""

# Goexit, called by the panic as a deferred function, runs the other defers and never returns: the panic "hidden" is dropped with it, and so is "first". The recovered
# "second" needs no end; "third" begins while Goexit runs goexitLoud.func1 and is stopped within it.
TRUTH["goexit"] = f"""
push close in apart.func1
push say in goexitQuiet
push runtime.Goexit in goexitQuiet
panic hidden = hidden by Goexit
run runtime.Goexit by panic
goexit
run say by goexit
end say
run close by goexit
end close
aborted hidden Goexit
left runtime.Goexit returns Goexit
push close in apart.func1
push goexitLoud.func1 in goexitLoud
push leave in goexitLoud
push goexitLoud.func2 in goexitLoud
panic first = first
run goexitLoud.func2 by panic
push leave in goexitLoud.func2
panic second = second in first
run leave by panic
recovered second by leave
goexit
run leave by goexit
goexit
run goexitLoud.func1 by goexit
push goexitLoud.func1.1 in goexitLoud.func1
panic third = third in goexit
run goexitLoud.func1.1 by panic
recovered third by goexitLoud.func1.1
end goexitLoud.func1.1
jump third to goexitLoud.func1
end goexitLoud.func1
run close by goexit
end close
aborted first Goexit
left leave returns Goexit
left leave returns Goexit
left goexitLoud.func2 returns Goexit
{RETURNED}
"""

# Nobody recovers "after", which a deferred function raises while Goexit runs it: fatalpanic prints both and exits with 2.
TRUTH["goexit-crash"] = """
push goexitLoudest.func1 in goexitLoudest
push runtime.Goexit in goexitLoudest
panic before = before Goexit
run runtime.Goexit by panic
goexit
run goexitLoudest.func1 by goexit
panic after = after Goexit in goexit
aborted before panic
fatal after
left goexitLoudest.func1 returns panic
left runtime.Goexit returns panic
exit panic 2
"""

# A condition is no loop: open-coded from 1.14 on, and only the second of three calls registers.
TRUTH["ifdefer"] = f"""
push say in conditional
run say by exit
end say
{RETURNED}
"""

# Panic "one" is recovered by the last of missedInner's two defers; the other one runs on the way out (unwound), panics "two", and the panic "three" of a function that "two" runs
# takes its place: "two" is aborted when "three" is recovered in missedInner.func1. missedMiddle knows nothing of it and returns normally.
# [1.14–1.17] When "three" has run the record of missedInner.func1, gopanic adds one for the next open-coded frame (addOneOpenDeferFrame), past missedInner's, which is
# in progress: missedMiddle's. After the recovery it drops records up to the first that is in progress, so this one stays while missedMiddle returns
# (golang/go#48898; [1.18] addOneOpenDeferFrame stops at a record in progress). Panic "four" finds it. On amd64 its frame lay elsewhere than missedOuter's and its deferBits happen to be 0 by then; on arm64 both frames
# have the same SP: the record stands for missedOuter's, whose own defer is passed over, and slot 0 of missedMiddle's layout is called: a word of another variable.
# The call faults; missed.func1 recovers that fault, and tell never runs.
_STALE = "1.14-1.17/arm64/opt"
TRUTH["missed"] = f"""
push missed.func1 in missed
push missedMiddle.func1 in missedMiddle
push missedInner.func1 in missedInner
push missedInner.func2 in missedInner
panic one = one
run missedInner.func2 by panic
recovered one by missedInner.func2
end missedInner.func2
jump one to missedInner
run missedInner.func1 by unwound
push missedInner.func1.1 in missedInner.func1
push missedInner.func1.2 in missedInner.func1
panic two = two
run missedInner.func1.2 by panic
panic three = three in two
run missedInner.func1.1 by panic
recovered three by missedInner.func1.1
end missedInner.func1.1
aborted two recovery
left missedInner.func1.2 returns recovery
jump three to missedInner.func1
end missedInner.func1
run missedMiddle.func1 by exit
end missedMiddle.func1
push tell in missedOuter
push missedOuter.func1.1 in missedOuter.func1
panic four = four
run missedOuter.func1.1 by panic
end missedOuter.func1.1
{{{_STALE}}} stale missedMiddle
{{{_STALE}}} panic fault = {NIL} in four
{{!{_STALE}}} run tell by panic
{{!{_STALE}}} end tell
run missed.func1 by panic
{{{_STALE}}} recovered fault by missed.func1
{{!{_STALE}}} recovered four by missed.func1
push missed.func1.1 in missed.func1
push missed.func1.2.1 in missed.func1.2
{{{_STALE}}} panic five = five in fault
{{!{_STALE}}} panic five = five in four
run missed.func1.2.1 by panic
panic six = six in five
run missed.func1.1 by panic
recovered six by missed.func1.1
end missed.func1.1
aborted five recovery
left missed.func1.2.1 returns recovery
jump six to missed.func1
end missed.func1
{{{_STALE}}} left tell runs recovery
{{{_STALE}}} aborted four recovery
{{{_STALE}}} left stale returns recovery
{{{_STALE}}} jump fault to missed
{{!{_STALE}}} jump four to missed
{RETURNED}
"""

# The loop's four records are on the heap in every release; the newest recovers and deferreturn runs the other three.
TRUTH["named"] = f"""
push namedTuple.func1 in namedTuple
panic p = {NIL}
run namedTuple.func1 by panic
recovered p by namedTuple.func1
end namedTuple.func1
jump p to namedTuple
push namedLooped.func1 in namedLooped loop
push namedLooped.func1 in namedLooped loop
push namedLooped.func1 in namedLooped loop
push namedLooped.func1 in namedLooped loop
panic next = {NIL}
run namedLooped.func1 by panic
recovered next by namedLooped.func1
end namedLooped.func1: x 100 103
jump next to namedLooped
run namedLooped.func1 by unwound
end namedLooped.func1: x 103 105
run namedLooped.func1 by unwound
end namedLooped.func1: x 105 106
run namedLooped.func1 by unwound
end namedLooped.func1
push namedAddressed.func1 in namedAddressed
panic map = assignment to entry in nil map
run namedAddressed.func1 by panic
recovered map by namedAddressed.func1
end namedAddressed.func1: r 21 42
jump map to namedAddressed
{RETURNED}
"""

TRUTH["next"] = f"""
push (*file).Close in copyFile
push (*file).Close in copyFile
run (*file).Close by exit
end (*file).Close
run (*file).Close by exit
end (*file).Close
push safe.func1 in safe
run safe.func1 by exit
end safe.func1
push safe.func1 in safe
panic k = k
run safe.func1 by panic
recovered k by safe.func1
end safe.func1
jump k to safe
{RETURNED}
"""

# A nil function is registered like any other and faults when it is called: jmpdefer loads its code address [≤1.13], deferreturn before it calls jmpdefer [1.14–1.17], the
# exit code itself when open-coded; a nil channel's close panics; a nil interface faults at the defer statement, which evaluates the method.
_VIA_FUNC = f"""
push say in viaFunc
push nil in viaFunc
run nil by exit
panic fault = {NIL}
run say by panic
end say
"""
TRUTH["nilfunc"] = f"""
push attempt.func1 in attempt
{_VIA_FUNC}
run attempt.func1 by panic
recovered fault by attempt.func1
end attempt.func1
left nil returns recovery
jump fault to attempt
push attempt.func1 in attempt
push close in viaChan
run close by exit
panic chan = close of nil channel
run attempt.func1 by panic
recovered chan by attempt.func1
end attempt.func1
left close returns recovery
jump chan to attempt
push attempt.func1 in attempt
panic interface = {NIL}
run attempt.func1 by panic
recovered interface by attempt.func1
end attempt.func1
jump interface to attempt
{RETURNED}
"""
TRUTH["nilfunc-crash"] = f"""
{_VIA_FUNC}
fatal fault
left nil returns panic
exit panic 2
"""

# SkipNow and FailNow are Goexit: in Once.Do's function, in a deferred function that has recovered, and as a deferred function that a panic runs.
TRUTH["once"] = f"""
push runTest.func1.1 in runTest.func1
push (*test).Log in onceSetup.func1
goexit
run (*test).Log by goexit
end (*test).Log
run runTest.func1.1 by goexit
end runTest.func1.1
push runTest.func1.1 in runTest.func1
run runTest.func1.1 by exit
end runTest.func1.1
push runTest.func1.1 in runTest.func1
push (*test).Log in onceFatal
push onceFatal.func1 in onceFatal
panic real = real reason
run onceFatal.func1 by panic
recovered real by onceFatal.func1
goexit
run (*test).Log by goexit
end (*test).Log
run runTest.func1.1 by goexit
end runTest.func1.1
left onceFatal.func1 returns Goexit
push runTest.func1.1 in runTest.func1
push (*test).FailNow in onceMasked
panic masked = masked
run (*test).FailNow by panic
goexit
run runTest.func1.1 by goexit
end runTest.func1.1
aborted masked Goexit
left (*test).FailNow returns Goexit
{RETURNED}
"""

# The stack is copied while the panic runs: frames are the same ones at other addresses.
TRUTH["opengrow"] = f"""
push load.func1 in load
run load.func1 by exit
end load.func1
push load.func1 in load
push load.func2 in load
panic nil = {NIL}
run load.func2 by panic
end load.func2
run load.func1 by panic
recovered nil by load.func1
end load.func1
jump nil to load
push load.func1 in load
panic val = {NIL}
run load.func1 by panic
recovered val by load.func1
end load.func1
jump val to load
{RETURNED}
"""

# panic(nil) and panic of a nil error: gopanic [1.21] makes a PanicNilError of it unless GODEBUG=panicnil=1. print's floats: runtime/print.go printfloat, [1.26] shortest form.
_CLASSIFY = "push classify.func1.1 in classify.func1\npush classify.func1.2.1 in classify.func1.2\n"
_NORMAL = "run classify.func1.2.1 by exit\nend classify.func1.2.1\nrun classify.func1.1 by exit\nend classify.func1.1\n"
_DROPPED = "goexit\nrun classify.func1.2.1 by goexit\nend classify.func1.2.1\nrun classify.func1.1 by goexit\nend classify.func1.1\n"


def _caught(name, *values):
    return ("".join(f"{cond}panic {name} = {value}\n" for cond, value in values) +
            f"run classify.func1.2.1 by panic\nrecovered {name} by classify.func1.2.1\nend classify.func1.2.1\njump {name} to classify.func1.2\n"
            "run classify.func1.1 by exit\nend classify.func1.1\n")


def _panicnil(*nil):
    return (_CLASSIFY + _NORMAL + _CLASSIFY + _caught("nil", *nil) + _CLASSIFY + _DROPPED + _CLASSIFY + _caught("error", *nil) +
            _CLASSIFY + _caught("value", ("{<=1.25} ", "+3.500000e+000"), ("{>=1.26} ", "3.5")) + RETURNED)


_NILS = ("{<=1.20} ", "nil"), ("{>=1.21} ", NIL_ERROR)
TRUTH["panicnil"] = _panicnil(*_NILS)
TRUTH["panicnil GODEBUG=panicnil=1"] = _panicnil(("", "nil"))
TRUTH["panicnil-crash"] = "".join(f"{cond}panic nil = {value}\n" for cond, value in _NILS) + "fatal nil\nexit panic 2\n"

TRUTH["watch"] = f"""
push count.func1 in count
panic map = assignment to entry in nil map
run count.func1 by panic
recovered map by count.func1
end count.func1
jump map to count
{RETURNED}
"""


# Whether a recover one call below a wrapper works has changed often (golang/go#73916: an inlined callee of a wrapper passes for it; mended in 1.26), so the real machine's record
# decides, line by line: `what recovers nil` says that an inner recover stopped the panic. Who decides follows from the rule: the frame below gopanic
# that is no wrapper; with inlining into a wrapper [≤1.25], the one that recover's caller appears to be.
def wrapper(output):
    lines = output.split("\n")
    # what, deferred function, who decides if it is stopped, if it is refused
    tries = [("direct helper", "help", "help", "help"),
             ("helper in closure", "wrapper.func2.1", "wrapper.func2.1|help", "wrapper.func2.1"),
             ("helper in function with argument", "withArgument", "withArgument|help", "withArgument"),
             ("method expression", "(*V).Direct|V.Direct", "V.Direct", "V.Direct"),
             ("method expression, indirect", "V.Indirect", "V.Indirect|help", "V.Indirect"),
             ("interface", "P.Direct|V.Direct", "V.Direct", "V.Direct"),
             ("method value", "V.Direct-fm|P.Direct-fm", "V.Direct", "V.Direct-fm|P.Direct-fm"),
             ("method value, indirect", "V.Indirect-fm|P.Indirect-fm", "V.Indirect|help", "V.Indirect|V.Indirect-fm|P.Indirect-fm"),
             ("recover itself", "recover", "", "-"),
             ("nested closure", "wrapper.func10.1", "", "wrapper.func10.1"),
             ("deferred in deferred", "wrapper.func11.1", "", "wrapper.func11.1"),
             ("too early", None, "", "")]
    story = ""
    for n, (what, deferred, stopped_by, refused_by) in enumerate(tries, 1):
        stopped = what + " recovers nil" in lines
        assert stopped or "%s recovers %d" % (what, n) in lines, what
        story += "push attempt.func1 in attempt\n"
        if deferred == "recover":  # it has no operand, at which escape.go augmentParamHole [1.13–1.14] would mark the statement as not in a loop
            story += f"{{1.13-1.14}} push recover in wrapper.func{n} loop\n{{!1.13-1.14}} push recover in wrapper.func{n}\n"
        elif deferred:
            story += f"push {deferred} in wrapper.func{n}\n"
        story += f"panic p{n} = {n}\n"
        if deferred:
            story += f"run {deferred} by panic\n"
        if what == "deferred in deferred":
            story += f"push wrapper.func11.1.1 in {deferred}\nrun wrapper.func11.1.1 by exit\nrefused p{n} by {refused_by}\nend wrapper.func11.1.1\n"
        elif deferred:
            story += f"recovered p{n} by {stopped_by}\n" if stopped else f"refused p{n} by {refused_by}\n"
        if deferred:
            story += f"end {deferred}\n"
        if stopped:
            story += f"jump p{n} to wrapper.func{n}\nrun attempt.func1 by exit\nend attempt.func1\n"
        else:
            story += f"run attempt.func1 by panic\nrecovered p{n} by attempt.func1\nend attempt.func1\njump p{n} to attempt\n"
    return story + RETURNED


# What a defer of a builtin, an inlined, variadic or dynamic call calls. atomic.AddInt64 is an instruction in its wrapper, small.get nothing at all (its value is unused).
_LIBRARY = ("fmt.Println", "fmt.Printf", "sync.(*Mutex).Unlock", "sync.(*RWMutex).RUnlock", "sync/atomic.AddInt64?", "close", "delete", "print")
_OWN = ("(*small).inc", "small.get?", "(*small).inc", "wraps.func1", "two", "copy", "wrapsOwn.func1")
TRUTH["wraps"] = "".join("".join(f"push {f} in {o}\n" for f in fs) + "".join(f"run {f} by exit\nend {f}\n" for f in reversed(fs))
                         for o, fs in (("wrapsLibrary", _LIBRARY), ("wrapsOwn", _OWN))) + RETURNED

# The real testing package (programs/once_test.go), whose FailNow and SkipNow are the program's where it calls or defers them.
TESTING = """
push testing.(*common).Log in setup.func1
goexit
run testing.(*common).Log by goexit
end testing.(*common).Log
push testing.(*common).Log in TestFatalInDefer
push TestFatalInDefer.func1 in TestFatalInDefer
panic real = real reason
run TestFatalInDefer.func1 by panic
recovered real by TestFatalInDefer.func1
goexit
run testing.(*common).Log by goexit
end testing.(*common).Log
left TestFatalInDefer.func1 returns Goexit
push testing.(*common).FailNow in TestMasked
panic masked = masked
run testing.(*common).FailNow by panic
goexit
aborted masked Goexit
left testing.(*common).FailNow returns Goexit
exit os.Exit 1
"""

# Scripts of the stepper: case, name, script, and for each line that must be there (in this order, others between): a regular expression.
SCRIPTS = {
    # The line behind the condition is reached three times, by a jump and by falling through.
    "ifdefer": ("break ifdefer.go:12; c; c; c; c",
                [r"\(hit 1\)", r"ifdefer\.go:12", r"\(hit 2\)", r"pending.*main\.say", r"\(hit 3\)", r"has ended, exit status 0"]),
    # One stop a call of load: three.
    "opengrow": ("break opengrow.go:34; c; defers; c; c; c", [r"\(hit 1\)", r"\(hit 2\)", r"\(hit 3\)", r"exit status 0"]),
    # n stays in the frame: over the deferred calls of copyFile, over the inlined fmt.Println, over a function that panics and recovers.
    "next": ("break main.next; c; n; n; n; n; n",
             [r"main\.next.*next\.go:45", r"close dst", r"close srcfile", r"main\.next.*next\.go:46", r"main\.next.*next\.go:47", r"main\.next.*next\.go:48",
              r"main\.next.*next\.go:49"]),
    # seen: 1 → 11, by the deferred function, after the stack has moved; then its frame ends.
    "watch": ("break watch.go:24; c; watch seen; c; c", [r"\(hit 1\)", r"watchpoint 2: seen", r"watchpoint 2\b.*seen.*\(hit 1\)", r"main\.count\.func1", r"watchpoint 2\b.*seen.*main\.count"]),
    # The deferred function is running when it is entered, and no longer pending; the other pending ones are the caller's.
    "named": ("break main.namedAddressed.func1; c; defers; bt", [r"\(hit 1\)", r"running.*main\.namedAddressed\.func1"]),
    "nilfunc": ("break main.say; c; c; defers", [r"\(hit 1\)", r"pending.*nil"]),
    "missed": ("break main.tell; c; c; c; c; c; defers; bt", [r"\(hit 1\)", r"\(hit 5\)"]),
    "goexit": ("break runtime.Goexit; c; bt; defers", [r"\(hit 1\)", r"running.*runtime\.Goexit", r"pending.*main\.say"]),
}
# Where a script can't be held to that: without DWARF there are no variables, and from 1.17 to 1.25 the compiler gives `seen` no location (delve can't read it either).
ONLY_WITH = {"watch": ("dwarf", "!1.17-1.25")}
