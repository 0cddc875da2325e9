#!/usr/bin/env python3
"""Programs whose tables lie: tests/fuzz/liars.py --program PATH --guests FOLDER [--only TEXT].

fuzz.py damages bytes at random; here a field that means something is given a value that hurts: counts of 2^63, offsets that overflow,
tables in circles, one endless text for all names, versions of the future, compressed sections that become gigabytes. Whatever the lie:
no signal, no bad_alloc, an end within --limit seconds, at most 1 GiB of memory, and a refusal is one line.
"""
import argparse
import pathlib
import re
import struct
import sys
import tempfile
import time
import zlib

import macho
import verbs

GUESTS = ("casessmall_1.13.15_linux_amd64_nopt_dwarf casessmall_1.17.13_linux_arm64_nopt_dwarf casessmall_1.22.12_linux_amd64_nopt_dwarf "
          "casessmall_1.27.4_linux_arm64_nopt_dwarf casessmall_1.13.15_darwin_amd64_opt_syms casessmall_1.17.13_darwin_arm64_opt_syms "
          "casessmall_1.22.12_darwin_amd64_opt_syms casessmall_1.27.4_darwin_arm64_opt_syms").split()
MAGICS = {0xfffffffb: 12, 0xfffffffa: 16, 0xfffffff0: 18, 0xfffffff1: 20}
HUGE = (0, 1, 0x7fffffff, 0xffffffff, 1 << 40, (1 << 63) - 1, (1 << 64) - 1, (1 << 64) - 4096)
MEMORY = 1 << 30


class File:
    """Fields by offset."""
    data = bytearray()

    def u16(self, at): return struct.unpack_from("<H", self.data, at)[0]
    def u32(self, at): return struct.unpack_from("<I", self.data, at)[0]
    def u64(self, at): return struct.unpack_from("<Q", self.data, at)[0]
    def put(self, at, value, size=8): self.data[at:at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")


class Elf(File):
    def __init__(self, data):
        self.data = bytearray(data)
        self.shoff, self.shnum, self.shstr = self.u64(40), self.u16(60), self.u16(62)
        names = self.header(self.shstr)
        self.sections = {}
        for i in range(self.shnum):
            name, kind, flags, addr, offset, size = self.header(i)
            at = names[4] + name
            self.sections[bytes(self.data[at:self.data.index(0, at)]).decode()] = (i, flags, addr, offset, size)

    def header(self, i):
        return struct.unpack_from("<IIQQQQ", self.data, self.shoff + 64 * i)

    def offset(self, address):
        for i in range(self.u16(56)):
            kind, _, offset, vaddr, _, filesz = struct.unpack_from("<IIQQQQ", self.data, self.u64(32) + 56 * i)
            if kind == 1 and vaddr <= address < vaddr + filesz:
                return offset + address - vaddr
        raise KeyError(hex(address))

    def replace_section(self, name, content, flags=None, new_name=None):
        i, old, _, _, _ = self.sections[name]
        at = self.shoff + 64 * i
        self.put(at + 8, old if flags is None else flags)
        self.put(at + 24, len(self.data)), self.put(at + 32, len(content))
        self.data += content
        if new_name:
            where = self.header(self.shstr)[4] + self.u32(at)
            self.data[where:where + len(name)] = new_name.encode().ljust(len(name), b"\0")


class MachO(File):
    """Sections by the names that ELF has for them."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.sections = {}
        for at, name, address, size, offset in macho.sections(data):
            self.sections.setdefault(name.replace("__", ".", 1).replace(".go_", ".go."), (at, 0, address, offset, size))
        self.commands = {}
        for number, at, _ in macho.commands(data):
            self.commands.setdefault(number, at)
        self.segments = list(macho.segments(data))

    def field(self, command, name):
        return self.commands[command] + 8 + 4 * macho.FIELDS[command].index(name)

    def add(self, command, name, content):
        """The table that the field points at is this one, at the file's end."""
        self.put(self.field(command, name), len(self.data), 4)
        self.data += content
        at, _, _, _, fileoff, _, _ = self.segments[-1]
        self.put(at + 48, len(self.data) - fileoff)


def file_of(whole): return Elf(whole) if whole.startswith(b"\x7fELF") else MachO(whole)


class Pcln:
    """Where the fields of pclntab are (loader/pclntab.cpp, facts §1)."""

    def __init__(self, elf):
        self.elf = elf
        self.at = elf.sections[".gopclntab"][3]
        self.minor = MAGICS[elf.u32(self.at)]
        self.nfunc = elf.u64(self.at + 8)
        self.relative = self.minor >= 18
        self.offsets = {12: None, 16: 24, 18: 32, 20: 32}[self.minor]
        part = (lambda i: self.at + elf.u64(self.at + self.offsets + 8 * i)) if self.offsets else (lambda i: self.at)
        self.names, self.pctab, self.pcln = part(0), part(3), part(4)
        self.functab = self.pcln if self.offsets else self.at + 16
        self.fields = dict(zip("name args deferreturn pcsp pcfile pcln npcdata".split(), range(4 if self.relative else 8, 36, 4)))
        self.fields["nfuncdata"] = {12: 39, 16: 43, 18: 39, 20: 43}[self.minor]
        self.fields["funcid"] = {12: 36, 16: 40, 18: 36, 20: 40}[self.minor]

    def row(self, i): return self.functab + i * (8 if self.relative else 16)
    def record(self, i): return self.pcln + (self.elf.u32(self.row(i) + 4) if self.relative else self.elf.u64(self.row(i) + 8))

    def set_all(self, field, value, size=4, every=1):
        for i in range(0, self.nfunc, every):
            self.elf.put(self.record(i) + self.fields[field], value, size)


def pclntab_lies(whole):
    def lie(change):
        def made():
            elf = file_of(whole)
            change(elf, Pcln(elf))
            return elf.data
        return made

    def endless_names(elf, p):  # all names share one text without an end
        at = p.pctab if p.offsets else p.record(1)
        elf.data[p.names:p.names + 200000] = b"x" * 200000
        p.set_all("name", 1)

    def shared_names(elf, p):
        elf.data[p.names:p.names + 12000] = b"x" * 12000
        p.set_all("name", 1)

    def endless_pc_tables(elf, p):
        at = p.pctab + 64 if p.offsets else p.record(p.nfunc // 2)
        elf.data[at:at + 100000] = b"\x02\x00" * 50000
        for f in ("pcsp", "pcfile", "pcln"):
            p.set_all(f, at - p.pctab)

    def long_pc_tables(elf, p):
        at = p.pctab + 64 if p.offsets else p.record(p.nfunc // 2)
        elf.data[at:at + 100000] = b"\x02\x01" * 50000
        for f in ("pcsp", "pcfile", "pcln"):
            p.set_all(f, at - p.pctab)

    for value in HUGE:
        yield "pclntab nfunc=%#x" % value, lie(lambda e, p, v=value: e.put(p.at + 8, v))
        yield "pclntab first offset=%#x" % value, lie(lambda e, p, v=value: e.put(p.at + (p.offsets or 16), v))
        yield "pclntab pcln offset=%#x" % value, lie(lambda e, p, v=value: e.put(p.at + (p.offsets + 32 if p.offsets else 24), v))
    for value in (0, 0x7fffffff, 0xffffffff, 0x80000000):
        for field in ("name", "args", "deferreturn", "pcsp", "pcfile", "pcln", "npcdata"):
            yield "all functions %s=%#x" % (field, value), lie(lambda e, p, f=field, v=value: p.set_all(f, v, every=2))
    for value in (0, 255):
        yield "all functions nfuncdata=%d" % value, lie(lambda e, p, v=value: p.set_all("nfuncdata", v, 1))
        yield "all functions funcid=%d" % value, lie(lambda e, p, v=value: p.set_all("funcid", v, 1))
    for id_ in (8, 10, 18, 19, 20, 21, 22, 23):
        yield "all functions funcid=%d" % id_, lie(lambda e, p, v=id_: p.set_all("funcid", v, 1))
    yield "endless names", lie(endless_names)
    yield "names that share 12,000 bytes", lie(shared_names)
    yield "pc tables that go nowhere", lie(endless_pc_tables)
    yield "pc tables of 50,000 runs", lie(long_pc_tables)

    def rows(elf, p, how):
        width, off = (8, 4) if p.relative else (16, 8)
        for i in range(1, p.nfunc - 1):
            how(elf, p, i, p.row(i), off)
    yield "functab backwards", lie(lambda e, p: rows(e, p, lambda e, p, i, at, w: e.put(at, e.u32(p.row(0)) + 0x1000000 - 64 * i, w)))
    yield "functab all at one", lie(lambda e, p: rows(e, p, lambda e, p, i, at, w: e.put(at, e.u32(p.row(0)), w)))
    yield "functab far", lie(lambda e, p: rows(e, p, lambda e, p, i, at, w: e.put(at, (1 << 8 * w) - 1 - 16 * (p.nfunc - i), w)))
    yield "functab records far", lie(lambda e, p: rows(e, p, lambda e, p, i, at, w: e.put(at + w, (1 << 8 * w) - 8, w)))
    yield "functab records one", lie(lambda e, p: rows(e, p, lambda e, p, i, at, w: e.put(at + w, e.u32(p.row(0) + w), w)))


def module_lies(whole):
    elf = file_of(whole)
    p = Pcln(elf)
    address = elf.sections[".gopclntab"][2]
    section = elf.sections.get(".go.module") or elf.sections.get(".noptrdata")
    at = elf.data.find(struct.pack("<Q", address), section[3])
    for field in range(0, 560, 8):
        def made(field=field):
            e = file_of(whole)
            for k, v in enumerate((HUGE[field // 8 % len(HUGE)],)):
                e.put(at + field + 8 * k, v)
            return e.data
        yield "moduledata+%d" % field, made


def build_lies(whole):
    data = bytes(whole)
    version = re.search(rb"go1\.[0-9]+\.[0-9]+", data).group()
    for text in (b"go1.99.9", b"go1.9999", b"go1.-1.1", b"go2.0.00", b"devel +x", b"go1.1.11", b"go1.\xff\xff\xff\xff", b"go1.28-x"):
        new = text[:len(version)].ljust(len(version), b"9")
        yield "version %r" % new, lambda new=new: data.replace(version, new)
    at = data.find(b"\xff Go buildinf:")
    if at >= 0:
        for where in (14, 15, 16, 24, 32, 33, 40):
            for value in (b"\xff" * 9 + b"\x01", b"\0" * 8, struct.pack("<Q", 1 << 63)):
                yield "buildinfo+%d=%s" % (where, value.hex()), lambda w=where, v=value: data[:at + w] + v + data[at + w + len(v):]


def format_lies(whole):
    return (elf_lies if whole.startswith(b"\x7fELF") else macho_lies)(whole)


def elf_lies(whole):
    def lie(change):
        def made():
            elf = Elf(whole)
            change(elf)
            return elf.data
        return made
    headers = lambda e: e.u64(32)
    for value in HUGE:
        for name, off in (("offset", 8), ("vaddr", 16), ("filesz", 32), ("memsz", 40)):
            yield "segment 1 %s=%#x" % (name, value), lie(lambda e, o=off, v=value: e.put(headers(e) + 56 + o, v))
        for s in (".symtab", ".strtab", ".gopclntab", ".text"):
            for name, off in (("offset", 24), ("size", 32)):
                yield "section %s %s=%#x" % (s, name, value), lie(lambda e, s=s, o=off, v=value: e.put(e.shoff + 64 * e.sections[s][0] + o, v))
    yield "65535 sections", lie(lambda e: e.put(60, 65535, 2))
    yield "65535 segments", lie(lambda e: e.put(56, 65535, 2))

    def many_segments(e):  # each with all of the file
        old, n = headers(e), 30000
        table = bytes(e.data[old:old + 56 * e.u16(56)])
        e.put(32, len(e.data)), e.put(56, e.u16(56) + n, 2)
        size = len(e.data)
        e.data += table + b"".join(struct.pack("<IIQQQQQQ", 1, 4, 0, 0x10_0000_0000 + i * 0x1000_0000, 0, size, size, 4096) for i in range(n))

    def endless_symbols(e):
        _, _, _, at, size = e.sections[".symtab"]
        _, _, _, s, length = e.sections[".strtab"]
        e.data[s + 1:s + 15001] = b"x" * 15000
        for i in range(1, size // 24):
            e.put(at + 24 * i, 1, 4)

    def many_symbols(e):
        e.replace_section(".symtab", struct.pack("<IBBHQQ", 1, 2, 0, 1, 0x401000, 16) * 2_000_000)

    def many_sections(e):
        table = bytes(e.data[e.shoff:e.shoff + 64 * e.shnum])
        one = table[64:128]
        e.put(40, len(e.data)), e.put(60, e.shnum + 60000, 2)
        e.data += table + one * 60000
    yield "30000 segments of the whole file", lie(many_segments)
    yield "symbols that share 15,000 bytes", lie(endless_symbols)
    yield "2,000,000 symbols", lie(many_symbols)
    yield "60,000 sections", lie(many_sections)


def macho_lies(whole):
    def lie(change, of=whole):
        def made():
            m = MachO(of)
            change(m)
            return m.data
        return made
    m = MachO(whole)
    for value in HUGE:
        for at, name, *_ in m.segments:
            for field, off in (("vmaddr", 24), ("vmsize", 32), ("fileoff", 40), ("filesize", 48)):
                yield "segment %s %s=%#x" % (name, field, value), lie(lambda e, a=at + off, v=value: e.put(a, v))
        for s in (".text", ".gopclntab"):
            for field, off, size in (("addr", 32, 8), ("size", 40, 8), ("offset", 48, 4)):
                yield "section %s %s=%#x" % (s, field, value), lie(lambda e, a=m.sections[s][0] + off, v=value, n=size: e.put(a, v, n))
        for name, kind in (("initialisers", 9), ("offsets of initialisers", 0x16), ("threads' variables", 0x11), ("threads' zeros", 0x12)):
            def of_kind(e, k=kind, v=value):
                e.put(e.sections[".text"][0] + 64, k, 4)  # what lies in it is code: no addresses
                e.put(e.sections[".noptrdata"][0] + 64, k, 4), e.put(e.sections[".noptrdata"][0] + 40, v)
            yield "sections of %s, size=%#x" % (name, value), lie(of_kind)
        if macho.MAIN in m.commands:
            for name, off in (("entry", 8), ("stack", 16)):
                yield "main %s=%#x" % (name, value), lie(lambda e, o=off, v=value: e.put(e.commands[macho.MAIN] + o, v))
        if 5 in m.commands:  # LC_UNIXTHREAD: flavour, count, registers
            for off in (8, 12, 16 + 8 * 16):
                yield "thread+%d=%#x" % (off, value), lie(lambda e, o=off, v=value: e.put(e.commands[5] + o, v, 4 if o < 16 else 8))
    chained = bytes(macho.with_chains(whole))
    for number in macho.FIELDS:
        of = chained if number == macho.CHAINS else whole
        if number not in MachO(of).commands:
            continue
        for field in macho.FIELDS[number]:
            for value in (0, 1, 0x7fffffff, 0xffffffff, len(of), len(of) - 1):
                yield "%s=%#x" % (field, value), lie(lambda e, n=number, f=field, v=value: e.put(e.field(n, f), v, 4), of)
    for value in (0, 1, 7, 9, 0x7fffffff, 0xffffffff):
        yield "ncmds=%#x" % value, lie(lambda e, v=value: e.put(16, v, 4))
        yield "sizeofcmds=%#x" % value, lie(lambda e, v=value: e.put(20, v, 4))
        yield "sections of __TEXT=%#x" % value, lie(lambda e, v=value: e.put(e.segments[1][0] + 64, v, 4))
        for number in m.commands:
            yield "size of command %#x=%#x" % (number, value), lie(lambda e, n=number, v=value: e.put(e.commands[n] + 4, v, 4))

    def of_chains(at, value, size):  # in the table of chained fixups
        return lie(lambda e: e.put(e.u32(e.field(macho.CHAINS, "dataoff")) + at, value, size), chained)
    segments = len(m.segments)
    starts = 32 + 4 + 4 * segments
    for value in (0, 1, 0x7fffffff, 0xffffffff):
        for i, name in enumerate("version starts imports symbols count format compression".split()):
            yield "chains %s=%#x" % (name, value), of_chains(4 * i, value, 4)
        for i in range(segments + 1):
            yield "chains segments+%d=%#x" % (4 * i, value), of_chains(32 + 4 * i, value, 4)
        for name, off, size in (("size", 0, 4), ("page size", 4, 2), ("format", 6, 2), ("segment", 8, 8), ("pages", 20, 2), ("first", 22, 2)):
            yield "chains starts %s=%#x" % (name, value), of_chains(starts + off, value, size)
    word = next(macho.imports(whole))[0]
    place = next(s[4] + word - s[2] for s in m.segments if s[2] <= word < s[2] + s[3])
    for what, value in (("far", 0xfff << 51 | 1 << 63), ("import", 1 << 63 | 0xffffff), ("rebase", 0xfffffffff), ("round and round", 1 << 51)):
        yield "a chain's %s" % what, lie(lambda e, v=value: e.put(place, v), chained)

    # Opcodes (0x10: segment and offset are set, and so on) that mean much in a few bytes, or end within something.
    opcodes = {"endless rebases": b"\x11\x22\0" + b"\x60" + b"\xff" * 9 + b"\1", "rebases far": b"\x11\x22" + b"\xff" * 9 + b"\1\x51", "no end": b"\x11\x22",
               "a segment that is not there": b"\x11\x2f\0\x51", "backwards": b"\x11\x22\0" + (b"\x51\x30" + b"\xf0" + b"\xff" * 8 + b"\1") * 5000,
               "skips": b"\x11\x22\0\x80" + b"\xff" * 4 + b"\1" + b"\xff" * 9 + b"\1"}
    bind = b"\x11\x51\x40_write\0\x72\0"
    binds = {"endless binds": bind + b"\xc0" + b"\xff" * 9 + b"\1\0", "many binds": bind + (b"\xc0\xff\xff\3\0" + b"\x72\0") * 20000, "no name": b"\x11\x51\x72\0\x90",
             "a name without end": b"\x11\x51\x40" + b"x" * 100000, "many names": b"\x11\x51\x72\0" + b"\x40" + b"y" * 60 + b"\0\x90\x72\0" * 1,
             "names": b"\x11\x51" + b"".join(b"\x40z%d\0\x72\0\x90" % i for i in range(50000)), "an opcode that is none": bind + b"\xf0", "a library that is none": b"\x1f" + bind[1:] + b"\x90"}
    for field, table in (("rebase", opcodes), ("bind", binds), ("lazy_bind", binds), ("weak_bind", binds)):
        for name, code in table.items() if macho.DYLD_INFO in m.commands else []:
            def with_code(e, f=field, c=code):
                e.add(macho.DYLD_INFO, f + "_off", c)
                e.put(e.field(macho.DYLD_INFO, f + "_size"), len(c), 4)
            yield "%s opcodes: %s" % (field, name), lie(with_code)

    def symbols(e, count, name, value):
        e.add(macho.SYMTAB, "symoff", struct.pack("<IBBHQ", name, 0xf, 1, 0, value) * count)
        e.put(e.field(macho.SYMTAB, "nsyms"), count, 4)

    def shared_name(e):
        at = e.u32(e.field(macho.SYMTAB, "stroff"))
        e.data[at + 1:at + 15001] = b"x" * 15000
        symbols(e, 50000, 1, m.sections[".text"][2])

    def many_commands(e, count):  # behind the others, over the first pages of __TEXT
        end = 32 + e.u32(20)
        at, size = e.segments[1][0], 72
        for i in range(count):
            e.data[end + 72 * i:end + 72 * i + 72] = e.data[at:at + 4] + struct.pack("<I", size) + b"__MORE".ljust(16, b"\0") + struct.pack(
                "<QQQQIIII", 0x2_0000_0000 + i * 0x1000_0000, 0x1000_0000, 0, len(whole), 7, 5, 0, 0)
        e.put(16, e.u32(16) + count, 4), e.put(20, e.u32(20) + 72 * count, 4)
    yield "2,000,000 symbols", lie(lambda e: symbols(e, 2_000_000, 1, m.sections[".text"][2]))
    yield "symbols that share 15,000 bytes", lie(shared_name)
    yield "5,000 segments of the whole file", lie(lambda e: many_commands(e, 5000))
    fat = lambda rows: struct.pack(">II", 0xcafebabe, len(rows)) + b"".join(struct.pack(">5I", *r) for r in rows)
    cpu = struct.unpack_from("<II", whole, 4)
    yield "universal, far", lambda: fat([(*cpu, 0xfffff000, 0xffffffff, 12)]) + whole
    yield "universal, in itself", lambda: fat([(*cpu, 0, len(whole), 0)]) + whole
    yield "universal, twice", lambda: fat([(*cpu, 4096, len(whole), 12)] * 2).ljust(4096, b"\0") + whole
    yield "universal, of 2^32", lambda: struct.pack(">II", 0xcafebabe, 0xffffffff) + whole


def dwarf_lies(whole):
    if not whole.startswith(b"\x7fELF"):  # the core set has none for macOS; tests/unit/loader_macho_test.cpp packs ELF's as Go's linker does
        return
    elf = Elf(whole)
    packed = {n for n in elf.sections if n.startswith(".zdebug_") or n.startswith(".debug_") and elf.sections[n][1] & 0x800}

    def opened():
        """The file with its DWARF as it is when it is not compressed, and where each section begins."""
        e, where = Elf(whole), {}
        for n in packed:
            _, flags, _, at, size = e.sections[n]
            raw = zlib.decompress(bytes(e.data[at + (12 if n.startswith(".z") else 24):at + size]))
            where[n.replace(".zdebug", ".debug")] = (len(e.data), len(raw))
            e.replace_section(n, raw, flags & ~0x800, n.replace(".zdebug", ".debug"))
        return e, where

    info = next((n for n in elf.sections if n in (".debug_info", ".zdebug_info")), None)
    if not info:
        return

    def bomb(claim):
        def made():
            e = Elf(whole)
            content = zlib.compress(bytes(256 << 20), 6)
            head = struct.pack("<IIQQ", 1, 0, claim, 1) if not info.startswith(".z") else b"ZLIB" + struct.pack(">Q", claim)
            e.replace_section(info, head + content, None if info.startswith(".z") else 0x800)
            return e.data
        return made
    yield "256 MiB in 256 KiB", bomb(256 << 20)
    for claim in (1 << 30, 1 << 62, (1 << 64) - 1, 16):
        yield "a bomb that says %#x" % claim, bomb(claim)
    import random
    for seed in range(12):
        def made(seed=seed):
            e, where = opened()
            rng = random.Random(seed)
            for name in (".debug_info", ".debug_abbrev", ".debug_loc", ".debug_ranges", ".debug_loclists", ".debug_rnglists", ".debug_addr"):
                if name not in where:
                    continue
                at, size = where[name]
                for _ in range(200 if name == ".debug_info" else 10):
                    spot = at + rng.randrange(max(1, size - 8))
                    kind = rng.randrange(4)
                    if kind == 0:
                        e.put(spot, rng.choice(HUGE), rng.choice((1, 4, 8)))
                    elif kind == 1:
                        e.put(spot, rng.randrange(size), 4)  # a reference to somewhere
                    elif kind == 2:
                        e.data[spot:spot + 4] = e.data[at + (seed * 97) % max(1, size - 8):][:4]
                    else:
                        e.data[spot] ^= 1 << rng.randrange(8)
            return e.data
        yield "DWARF of seed %d" % seed, made


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--guests", required=True, type=pathlib.Path)
    parser.add_argument("--limit", type=int, default=120)
    parser.add_argument("--only", default="")
    parser.add_argument("--all", action="store_true", help="each lie on each guest, every verb; else by turns")
    args = parser.parse_args()
    guests = [g for n in GUESTS if (g := args.guests / n).exists()]
    if not guests:
        print("no guests: skipped")
        sys.exit(77)
    tried, wrong = 0, []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "liar"
        for guest in guests:
            whole = guest.read_bytes()
            for lies in (pclntab_lies, module_lies, build_lies, format_lies, dwarf_lies):
                # What a format has of its own goes around among its guests, of Mach-O's many a quarter; the rest among all.
                among = guests if lies not in (format_lies, dwarf_lies) else [g for g in guests if ("darwin" in g.name) == ("darwin" in guest.name)]
                turns = len(among) * (4 if "darwin" in guest.name and lies == format_lies else 1)
                for name, made in lies(whole):
                    if args.only not in guest.name + ", " + name:
                        continue
                    if not (args.all or args.only) and zlib.crc32(name.encode()) % turns != among.index(guest):
                        continue
                    path.write_bytes(bytes(made()))
                    for verb in verbs.ALL if args.all or args.only else verbs.by_turns(tried, 2):
                        tried += 1
                        start = time.monotonic()
                        text = verbs.trouble(verbs.command(args.program, verb, path, "main.panicNested", "panic-nested"), verb, args.limit, MEMORY)
                        if text or time.monotonic() - start > args.limit / 4:
                            print("%s, %s: %s: %.1f s %s" % (guest.name, name, verb, time.monotonic() - start, text), flush=True)
                        if text:
                            wrong.append(name)
    print("liars: %d runs, %d problems" % (tried, len(wrong)))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
