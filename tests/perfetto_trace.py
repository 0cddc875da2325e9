"""A decoder of Perfetto's trace format of its own (protobuf.dev/programming-guides/encoding), for what tests ask of a file: the packets, and what is drawn.

Checked while it reads: every packet is of one sequence, says what it needs of the packets before, names what it uses, and belongs to a track that was
described; on a track time does not go back, and no slice ends that did not begin."""


class Broken(ValueError):
    pass


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data):
            raise Broken("it ends in a number")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of each: a number, or the bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire in (1, 2):
            length, at = (8, at) if wire == 1 else varint(data, at)
            if at + length > len(data):
                raise Broken("field %d ends too early" % number)
            value, at = data[at:at + length], at + length
            if wire == 1:
                value = int.from_bytes(value, "little")
        else:
            raise Broken("wire type %d" % wire)
        yield number, value


def message(data):
    """The last value of each field; lists of those that repeat are asked of `fields`."""
    return dict(fields(data))


class Trace:
    """tracks: names by uuid. slices: [track, begin, end or None, category, name]. points: [track, time, category, name]. flows: by number, times of both ends."""

    def __init__(self, data):
        self.tracks, self.slices, self.points, self.flows, self.process = {}, [], [], {}, None
        self.interned = {1: {}, 2: {}, 3: {}}  # categories, event names, annotation names
        self.open, self.last = {}, {}
        for n, (number, packet) in enumerate(fields(data)):
            if number != 1:
                raise Broken("field %d of Trace" % number)
            self.packet(n, packet)

    def packet(self, n, data):
        p = message(data)
        if p.get(10) != 1 or p.get(13) != (2 if n else 1):
            raise Broken("packet %d: sequence %r, flags %r" % (n, p.get(10), p.get(13)))
        for kind, text in fields(p.get(12, b"")):
            entry = message(text)
            if self.interned[kind].setdefault(entry[1], entry[2].decode()) != entry[2].decode():
                raise Broken("two texts of number %d" % entry[1])
        if 60 in p:
            track = message(p[60])
            if 3 in track:
                self.process = message(track[3])[6].decode()
            else:
                self.tracks[track[1]] = track[2].decode()
        if 11 in p:
            self.event(p[8], p[11])

    def event(self, time, data):
        e = message(data)
        track, kind = e[11], e[9]
        if track not in self.tracks:
            raise Broken("track %d was not described" % track)
        if time < self.last.get(track, 0):
            raise Broken("time goes back on track %d" % track)
        self.last[track] = time
        stack = self.open.setdefault(track, [])
        if kind == 2:
            if not stack:
                raise Broken("a slice ends that did not begin, at %d" % time)
            stack.pop()[2] = time
            return
        category, name = self.interned[1][e[3]], self.interned[2][e[10]]
        for annotation in (value for number, value in fields(data) if number == 4):
            if message(annotation)[1] not in self.interned[3]:
                raise Broken("an annotation without a name")
        if kind == 1:
            stack.append([track, time, None, category, name])
            self.slices.append(stack[-1])
        elif kind == 3:
            self.points.append([track, time, category, name])
        else:
            raise Broken("type %d" % kind)
        if 47 in e:
            if e[47] in self.flows:
                raise Broken("flow %d begins twice" % e[47])
            self.flows[e[47]] = [time]
        if 48 in e:
            if len(self.flows.get(e[48], ())) != 1:
                raise Broken("flow %d ends and did not begin" % e[48])
            self.flows[e[48]].append(time)


def ends_of_packets(data):
    """Where whole packets end."""
    at, ends = 0, [0]
    while at < len(data):
        _, at = varint(data, at)
        length, at = varint(data, at)
        at += length
        ends.append(at)
    return ends
