"""Mach-O files for the tests of damaged ones: what is where in them, fields by name, and the same program with chained fixups."""
import struct

SEGMENT, SYMTAB, DYSYMTAB, MAIN, DYLD_INFO, CHAINS = 0x19, 2, 0xb, 0x80000028, 0x80000022, 0x80000034
# Load command -> its fields of 4 bytes, from its ninth byte on.
FIELDS = {
    SYMTAB: "symoff nsyms stroff strsize".split(),
    DYSYMTAB: ("ilocalsym nlocalsym iextdefsym nextdefsym iundefsym nundefsym tocoff ntoc modtaboff nmodtab extrefsymoff nextrefsyms "
               "indirectsymoff nindirectsyms").split(),
    DYLD_INFO: "rebase_off rebase_size bind_off bind_size weak_bind_off weak_bind_size lazy_bind_off lazy_bind_size export_off export_size".split(),
    CHAINS: "dataoff datasize".split(),
}


def commands(data):
    """(number, offset, size) of each load command."""
    at = 32
    for _ in range(struct.unpack_from("<I", data, 16)[0]):
        number, size = struct.unpack_from("<II", data, at)
        yield number, at, size
        at += size


def segments(data):
    """(offset of the command, name, vmaddr, vmsize, fileoff, filesize, sections)"""
    for number, at, _ in commands(data):
        if number == SEGMENT:
            name, *numbers = struct.unpack_from("<16sQQQQ", data, at + 8)
            yield (at, name.rstrip(b"\0").decode(), *numbers, struct.unpack_from("<I", data, at + 64)[0])


def sections(data):
    """(offset of the header, name, address, size, file offset)"""
    for at, _, _, _, _, _, count in segments(data):
        for i in range(count):
            header = at + 72 + 80 * i
            name, address, size, offset = struct.unpack_from("<16s16xQQI", data, header)
            yield header, name.rstrip(b"\0").decode(), address, size, offset


def places(data):
    """(start, size) of header, load commands, sections, and what __LINKEDIT holds: fixups, symbols, indirect symbols."""
    size = struct.unpack_from("<I", data, 20)[0]
    found = [(0, 32), (32, size), (32, size)]
    for _, _, _, length, offset in sections(data):
        found += [(offset, min(length, 4096)), (offset, length)] if offset and length else []
    for number, at, _ in commands(data):
        f = dict(zip(FIELDS.get(number, []), struct.unpack_from("<%dI" % len(FIELDS.get(number, [])), data, at + 8)))
        if number in (DYLD_INFO, CHAINS):
            offsets = list(f.values())
            found += [(offsets[i], offsets[i + 1]) for i in range(0, len(offsets), 2) if offsets[i + 1]]
        elif number == SYMTAB:
            found += [(f["symoff"], 16 * f["nsyms"]), (f["stroff"], f["strsize"])]
        elif number == DYSYMTAB and f["nindirectsyms"]:
            found += [(f["indirectsymoff"], 4 * f["nindirectsyms"])]
    return [(start, length) for start, length in found if length and start + length <= len(data)]


def imports(data):
    """(address of the word, name) of each import, from the indirect symbols: in the order of the words."""
    tables = {number: at for number, at, _ in commands(data)}
    symoff, _, stroff, _ = struct.unpack_from("<4I", data, tables[SYMTAB] + 8)
    indirect = struct.unpack_from("<I", data, tables[DYSYMTAB] + 56)[0]
    for header, _, address, size, _ in sections(data):
        if struct.unpack_from("<I", data, header + 64)[0] & 0xff != 6:  # S_NON_LAZY_SYMBOL_POINTERS
            continue
        first = struct.unpack_from("<I", data, header + 68)[0]
        for i in range(size // 8):
            symbol = struct.unpack_from("<I", data, indirect + 4 * (first + i))[0]
            name = stroff + struct.unpack_from("<I", data, symoff + 16 * symbol)[0]
            yield address + 8 * i, bytes(data[name:data.index(0, name)])


def with_chains(whole):
    """The same program as an external linker packs it: LC_DYLD_CHAINED_FIXUPS (<mach-o/fixup-chains.h>) binds what opcodes, or indirect symbols
    alone, bound. It is not slid, so that pointers into itself need nothing."""
    data = bytearray(whole)
    words = list(imports(data))
    every = list(segments(data))
    number = next(i for i, s in enumerate(every) if s[2] <= words[0][0] < s[2] + s[3])
    _, _, start, _, fileoff, _, _ = every[number]
    page = 0x4000
    firsts = {}
    for i, (address, _) in enumerate(words):
        follows = i + 1 < len(words) and words[i + 1][0] // page == address // page
        struct.pack_into("<Q", data, fileoff + address - start, 1 << 63 | (2 if follows else 0) << 51 | i)  # DYLD_CHAINED_PTR_64: in steps of 4
        firsts.setdefault((address - start) // page, (address - start) % page)
    pages = [firsts.get(i, 0xffff) for i in range(max(firsts) + 1)]
    names, offsets = b"\0", []
    for _, name in words:
        offsets.append(len(names))
        names += name + b"\0"
    starts = struct.pack("<IHHQIH", 22 + 2 * len(pages), page, 2, start - every[1][2], 0, len(pages)) + struct.pack("<%dH" % len(pages), *pages)
    in_image = struct.pack("<I", len(every)) + b"".join(struct.pack("<I", 4 + 4 * len(every) if i == number else 0) for i in range(len(every))) + starts
    table = b"".join(struct.pack("<I", 1 | offset << 9) for offset in offsets)  # the first library
    at = 32 + (len(in_image) + 7) // 8 * 8
    header = struct.pack("<7I4x", 0, 32, at, at + len(table), len(words), 1, 0)
    blob = (header + in_image).ljust(at, b"\0") + table + names
    return with_command(data, CHAINS, blob)


def with_command(data, number, blob):
    """With a load command that points at the blob, at the file's end; it takes the place of LC_DYLD_INFO or LC_DYSYMTAB and must not be longer."""
    old = {n: (at, size) for n, at, size in commands(data)}
    at, size = old.get(DYLD_INFO) or old[DYSYMTAB]
    length, last = len(data), list(segments(data))[-1]
    data[at:at + size] = struct.pack("<IIII", number, size, length, len(blob)).ljust(size, b"\0")
    struct.pack_into("<Q", data, last[0] + 48, length + len(blob) - last[4])  # __LINKEDIT's filesize
    struct.pack_into("<Q", data, last[0] + 32, (length + len(blob) - last[4] + 0x3fff) & ~0x3fff)
    return data + blob
