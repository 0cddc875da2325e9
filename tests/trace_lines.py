"""A JSON trace (`run --events=FILE.jsonl`) as Python values: its header, its events, its end."""
import json

SCHEMA = "deferscope.trace/1"


class NoTrace(ValueError):
    pass


def split(text):
    """Header, events and end; None what a prefix does not have. What is no trace raises NoTrace."""
    if isinstance(text, bytes):
        text = text.decode()
    if text and not text.endswith("\n"):
        raise NoTrace("it ends within a line: %r" % text[-80:])
    lines = [json.loads(line) for line in text.splitlines()]
    if not lines:
        return None, [], None
    if (lines[0].get("schema"), lines[0].get("line")) != (SCHEMA, "header"):
        raise NoTrace("no header: %r" % text[:80])
    end = lines.pop() if lines[-1].get("line") == "end" else None
    events = lines[1:]
    for e in events:
        if e.get("schema", "deferscope.event/1") != "deferscope.event/1":
            raise NoTrace("no event: %r" % e)
    if end:
        counts = {}
        for e in events:
            counts[e["event"]] = counts.get(e["event"], 0) + 1
        said = {c["event"]: c["count"] for c in end["counts"]}
        if said != counts:
            raise NoTrace("the end counts %r, and there are %r" % (said, counts))
        if events and end["instructions"] < events[-1]["position"]:
            raise NoTrace("it ends before its last event")
        if end["complete"] != (end["why"] is None) or end["complete"] != (end["status"] is not None):
            raise NoTrace("an end that contradicts itself: %r" % end)
    return lines[0], events, end


def events(text):
    return split(text)[1]


def without_ends(text):
    """The lines of a trace but for its header and its end."""
    header, told, _ = split(text)
    return "".join(text.splitlines(keepends=True)[bool(header):][:len(told)])
