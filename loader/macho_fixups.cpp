// What dyld does to a program before its first instruction: pointers into itself move with it (rebases), pointers into
// libraries get addresses (binds). Rebases are applied here; binds become the list of imports, for the system to fill.
// Sources: <mach-o/loader.h>, <mach-o/fixup-chains.h>; cmd/link/internal/ld/macho.go writes the opcodes.
#include <algorithm>

#include "loader/macho.h"
#include "loader/patcher.h"

namespace deferscope::loader {
namespace {

// More than any program has; a table of a few bytes could ask for endlessly many.
constexpr size_t kMaxImports = 1'000'000, kMaxImportText = 64 << 20;

class Fixups {
 public:
  explicit Fixups(MachO& m) : m_(m), patcher_(m.parts), bias_(m.parts->bias) {
    uint64_t words = 0;
    for (const Segment& s : m.parts->segments) words += s.filesz / 8;
    left_ = 2 * words + 1000;
  }

  void rebase_opcodes(Bytes code);
  enum class Table : uint8_t { bind, weak, lazy };
  void bind_opcodes(Bytes code, Table table);
  void chains(Bytes data);
  void indirect_symbols();

 private:
  // What one bind opcode leaves for the next.
  struct Bind {
    std::string_view name;
    int ordinal = 0;
    bool weak = false, lazy = false;
    int64_t addend = 0;
  };

  const char* table_ = "";  // what is being read, for messages
  uint64_t number(Bytes code, uint64_t* at) const {
    auto n = uvarint(code, at);
    if (!n) m_.corrupt(fmt::format("{} end within a number", table_));
    return *n;
  }
  uint64_t start_of(uint64_t segment) const {
    if (segment >= m_.segments.size())
      m_.corrupt(fmt::format("{} name segment {}, there are {}", table_, segment, m_.segments.size()));
    return m_.segments[static_cast<size_t>(segment)].vmaddr;
  }
  // Once for each word: tables of a few bytes could go round and round.
  void count_word() {
    if (left_-- == 0) m_.corrupt(fmt::format("{} are of more words than the program has", table_));
  }
  void rebase(uint64_t address);
  void rebase_run(uint64_t* address, uint64_t count, uint64_t skip);
  void import(uint64_t address, const Bind& b);
  void bind_run(uint64_t* address, uint64_t count, uint64_t skip, const Bind& b, Table table);
  bool has_own(uint64_t address) const;
  void pointers(const mach::SectionHeader& s, Bytes indirect);

  struct Chained {
    std::string_view name;
    int ordinal;
    bool weak;
    int64_t addend;
  };
  std::vector<Chained> chained_imports(Bytes data, const mach::ChainedHeader& h) const;
  void chained_segment(Bytes starts, const MachO::Seg& segment, const std::vector<Chained>& imports);
  void chain(uint64_t address, uint64_t end, uint16_t format, const std::vector<Chained>& imports);

  MachO& m_;
  Patcher patcher_;
  uint64_t bias_;
  uint64_t left_;    // words that may still be fixed up
  size_t text_ = 0;  // bytes of imports' names
};

void Fixups::rebase(uint64_t address) {
  count_word();
  const Segment* s = segment_at(m_.parts, address);
  const auto word = s ? get<uint64_t>(s->bytes, address - s->vaddr) : std::nullopt;
  if (!word) m_.corrupt(fmt::format("{} move the word at {:#x}, which is in no segment's file bytes", table_, address));
  if (bias_) patcher_.write(address, *word + bias_);
}

void Fixups::rebase_run(uint64_t* address, uint64_t count, uint64_t skip) {
  for (; count > 0; count--, *address += 8 + skip) rebase(*address);
}

void Fixups::rebase_opcodes(Bytes code) {
  table_ = "its rebase opcodes";
  uint64_t address = 0;
  for (uint64_t at = 0; at < code.size();) {
    const uint8_t opcode = code[static_cast<size_t>(at++)], low = opcode & 0x0f;
    switch (opcode & 0xf0) {
      case 0x00: return;
      case 0x10:  // type: 1 is a pointer, the others are of 32-bit code
        if (low != 1) m_.corrupt(fmt::format("{} have pointers of type {}", table_, low));
        break;
      case 0x20: address = start_of(low) + number(code, &at); break;
      case 0x30: address += number(code, &at); break;
      case 0x40: address += uint64_t{8} * low; break;
      case 0x50: rebase_run(&address, low, 0); break;
      case 0x60: rebase_run(&address, number(code, &at), 0); break;
      case 0x70: rebase_run(&address, 1, number(code, &at)); break;
      case 0x80: {
        const uint64_t count = number(code, &at), skip = number(code, &at);
        rebase_run(&address, count, skip);
        break;
      }
      default: m_.corrupt(fmt::format("{} have {:#04x}, which is none", table_, opcode));
    }
  }
}

void Fixups::import(uint64_t address, const Bind& b) {
  if (b.name.empty()) m_.corrupt(fmt::format("{} bind the word at {:#x} to no name", table_, address));
  const auto& all = m_.parts->segments;
  const auto after =
      std::upper_bound(all.begin(), all.end(), address, [](uint64_t a, const Segment& s) { return a < s.vaddr; });
  const Segment* s = after == all.begin() ? nullptr : &*std::prev(after);
  if (!s || !s->write || address >= s->end() || s->end() - address < 8)
    m_.corrupt(fmt::format("{} bind {} at {:#x}, which is in no writable segment", table_, printable(b.name), address));
  Import i{printable(b.name), m_.library(b.ordinal), address, b.addend, b.weak, b.lazy};
  auto& imports = m_.parts->macho.imports;
  text_ += i.name.size() + i.library.size();
  if (imports.size() >= kMaxImports || text_ > kMaxImportText)
    m_.corrupt(fmt::format("{} bind more than any program has: {} words", table_, imports.size()));
  imports.push_back(std::move(i));
}

// A weak bind of a word that a rebase has filled: the program has its own definition, and no library overrides it.
bool Fixups::has_own(uint64_t address) const {
  const Segment* s = segment_at(m_.parts, address);
  return s && get<uint64_t>(s->bytes, address - s->vaddr).value_or(0) != 0;
}

void Fixups::bind_run(uint64_t* address, uint64_t count, uint64_t skip, const Bind& b, Table table) {
  for (; count > 0; count--, *address += 8 + skip) {
    count_word();
    if (table == Table::weak && has_own(*address)) continue;
    import(*address, b);
  }
}

void Fixups::bind_opcodes(Bytes code, Table table) {
  table_ = table == Table::lazy   ? "its lazy bind opcodes"
           : table == Table::weak ? "its weak bind opcodes"
                                  : "its bind opcodes";
  Bind b;
  b.lazy = table == Table::lazy;
  if (table == Table::weak) b.ordinal = mach::kWeakLookup;
  uint64_t address = 0;
  for (uint64_t at = 0; at < code.size();) {
    const uint8_t opcode = code[static_cast<size_t>(at++)], low = opcode & 0x0f;
    switch (opcode & 0xf0) {
      case 0x00:
        if (table != Table::lazy) return;  // there it stands behind each
        break;
      case 0x10: b.ordinal = low; break;
      case 0x20: b.ordinal = static_cast<int>(std::min<uint64_t>(number(code, &at), INT32_MAX)); break;
      case 0x30: b.ordinal = low ? low - 16 : 0; break;
      case 0x40: {
        auto name = c_string(code, at);
        if (!name) m_.corrupt(fmt::format("{} have a name without end", table_));
        b.name = *name;
        b.weak = low & 1;
        at += name->size() + 1;
        break;
      }
      case 0x50:
        if (low != 1) m_.corrupt(fmt::format("{} have pointers of type {}", table_, low));
        break;
      case 0x60: {
        auto addend = svarint(code, &at);
        if (!addend) m_.corrupt(fmt::format("{} end within a number", table_));
        b.addend = *addend;
        break;
      }
      case 0x70: address = start_of(low) + number(code, &at); break;
      case 0x80: address += number(code, &at); break;
      case 0x90: bind_run(&address, 1, 0, b, table); break;
      case 0xa0: bind_run(&address, 1, number(code, &at), b, table); break;
      case 0xb0: bind_run(&address, 1, uint64_t{8} * low, b, table); break;
      case 0xc0: {
        const uint64_t count = number(code, &at), skip = number(code, &at);
        bind_run(&address, count, skip, b, table);
        break;
      }
      default: m_.corrupt(fmt::format("{} have {:#04x}, which is none", table_, opcode));
    }
  }
}

// --- chained fixups: each word says what it becomes and how far away the next one is ---

std::vector<Fixups::Chained> Fixups::chained_imports(Bytes data, const mach::ChainedHeader& h) const {
  if (h.symbols_format != 0) m_.corrupt(fmt::format("{} have compressed names, which are not read", table_));
  const uint32_t size = h.imports_format == 1 ? 4 : h.imports_format == 2 ? 8 : h.imports_format == 3 ? 16 : 0;
  if (size == 0) m_.corrupt(fmt::format("{} have imports of format {}", table_, h.imports_format));
  const auto all = slice(data, h.imports_offset, uint64_t{h.imports_count} * size);
  const auto names = slice(data, h.symbols_offset, data.size() - std::min<uint64_t>(data.size(), h.symbols_offset));
  if (!all || !names) m_.corrupt(fmt::format("{} have {} imports, which are not all there", table_, h.imports_count));
  if (h.imports_count > kMaxImports) m_.corrupt(fmt::format("{} have {} imports", table_, h.imports_count));
  std::vector<Chained> imports;
  uint64_t name_bytes = 0;  // names may share theirs, but not all one endless text
  for (uint64_t at = 0; at < all->size(); at += size) {
    Chained c{};
    uint64_t name_at;
    if (size == 16) {  // library:16, weak:1, :15, name:32, addend:64
      const uint64_t bits = *get<uint64_t>(*all, at);
      const auto library = static_cast<uint16_t>(bits);
      c.ordinal = library > 0xfff0 ? static_cast<int16_t>(library) : library;
      c.weak = bits >> 16 & 1;
      name_at = bits >> 32;
      c.addend = *get<int64_t>(*all, at + 8);
    } else {  // library:8, weak:1, name:23, (addend:32)
      const uint32_t bits = *get<uint32_t>(*all, at);
      const auto library = static_cast<uint8_t>(bits);
      c.ordinal = library > 0xf0 ? static_cast<int8_t>(library) : library;
      c.weak = bits >> 8 & 1;
      name_at = bits >> 9;
      c.addend = size == 8 ? *get<int32_t>(*all, at + 4) : 0;
    }
    auto name = c_string(*names, name_at);
    if (!name) m_.corrupt(fmt::format("{} have an import whose name at {:#x} is not there", table_, name_at));
    c.name = *name;
    name_bytes += name->size();
    if (name_bytes > 16 * names->size() + (1 << 20))
      m_.corrupt(fmt::format("{} have names that overlap without end", table_));
    imports.push_back(c);
  }
  return imports;
}

void Fixups::chain(uint64_t address, uint64_t end, uint16_t format, const std::vector<Chained>& imports) {
  for (;;) {
    const Segment* s = segment_at(m_.parts, address);
    const auto word = s && address < end ? get<uint64_t>(s->bytes, address - s->vaddr) : std::nullopt;
    if (!word) m_.corrupt(fmt::format("{} lead to {:#x}, out of their page", table_, address));
    const uint64_t next = *word >> 51 & 0xfff;
    if (*word >> 63) {  // ordinal:24, addend:8, :19, next:12, 1
      const uint64_t ordinal = *word & 0xffffff;
      if (ordinal >= imports.size())
        m_.corrupt(fmt::format("{} at {:#x} name import {}, there are {}", table_, address, ordinal, imports.size()));
      const Chained& c = imports[static_cast<size_t>(ordinal)];
      patcher_.write(address, 0);
      import(address, {c.name, c.ordinal, c.weak, false, c.addend + static_cast<int64_t>(*word >> 24 & 0xff)});
    } else {  // target:36, high:8, :7, next:12, 0
      const uint64_t target = *word & 0xfffffffff, high = *word >> 36 & 0xff;
      patcher_.write(address, (target + (format == mach::kPointer64Offset ? m_.base : bias_)) | high << 56);
    }
    if (next == 0) return;
    address += 4 * next;
  }
}

void Fixups::chained_segment(Bytes starts, const MachO::Seg& segment, const std::vector<Chained>& imports) {
  const auto h = get<mach::ChainedStarts>(starts, 0);
  if (!h) m_.corrupt(fmt::format("{} of segment {} are not there", table_, segment.name));
  if (h->pointer_format != mach::kPointer64 && h->pointer_format != mach::kPointer64Offset)
    throw Error(
        fmt::format("{}: {} have pointers of format {}; only those of programs for x86-64 and arm64 (2, 6) are read",
                    m_.name, table_, h->pointer_format));
  if (h->page_size != 0x1000 && h->page_size != 0x4000)
    m_.corrupt(fmt::format("{} have pages of {:#x} bytes", table_, h->page_size));
  if (h->segment_offset != segment.vmaddr - m_.base)
    m_.corrupt(fmt::format("{} put segment {} at {:#x} behind the header", table_, segment.name, h->segment_offset));
  for (uint64_t page = 0; page < h->page_count; page++) {
    const auto start = get<uint16_t>(starts, sizeof *h + 2 * page);
    if (!start) m_.corrupt(fmt::format("{} of segment {} end before its last page", table_, segment.name));
    if (*start == mach::kNoFixups) continue;
    const uint64_t at = segment.vmaddr + page * h->page_size;
    chain(at + *start, at + h->page_size, h->pointer_format, imports);
  }
}

void Fixups::chains(Bytes data) {
  table_ = "its chained fixups";
  const auto h = get<mach::ChainedHeader>(data, 0);
  if (!h) m_.corrupt(fmt::format("{} have no header", table_));
  if (h->version != 0) m_.corrupt(fmt::format("{} have version {}", table_, h->version));
  const auto imports = chained_imports(data, *h);
  const auto segments = get<uint32_t>(data, h->starts_offset);
  if (!segments || *segments > m_.segments.size())
    m_.corrupt(fmt::format("{} are of {} segments, there are {}", table_, segments.value_or(0), m_.segments.size()));
  for (uint64_t i = 0; i < *segments; i++) {
    const auto offset = get<uint32_t>(data, h->starts_offset + 4 + 4 * i);
    if (!offset) m_.corrupt(fmt::format("{} end before their last segment", table_));
    if (*offset == 0) continue;  // none in this one
    const auto starts = slice(data, uint64_t{h->starts_offset} + *offset, 0);
    if (!starts) m_.corrupt(fmt::format("{} of segment {} are not there", table_, i));
    chained_segment(data.subspan(h->starts_offset + *offset), m_.segments[static_cast<size_t>(i)], imports);
  }
}

// --- programs without either: dyld goes through the sections of pointers and the indirect symbol table ---

void Fixups::pointers(const mach::SectionHeader& s, Bytes indirect) {
  const SymbolBytes& table = m_.parts->symbols;
  const bool two_level = m_.header.flags & mach::kTwoLevel;
  const bool lazy = (s.flags & mach::kTypeMask) != mach::kNonLazyPointers;
  for (uint64_t i = 0; i < s.size / 8; i++) {
    count_word();
    const auto index = get<uint32_t>(indirect, 4 * (s.reserved1 + i));
    if (!index) m_.corrupt(fmt::format("{} end before pointer {} of {}", table_, i, fixed_name(s.sectname)));
    if (*index & (mach::kIndirectLocal | mach::kIndirectAbsolute)) continue;
    const auto symbol = get<mach::Nlist>(table.entries, uint64_t{*index} * sizeof(mach::Nlist));
    if (!symbol) m_.corrupt(fmt::format("{} name symbol {}, which is not there", table_, *index));
    const uint64_t address = s.addr + bias_ + 8 * i;
    if ((symbol->type & mach::kSymbolType) == mach::kUndefined) {
      const auto name = c_string(table.names, symbol->strx);
      const int library = two_level ? static_cast<int8_t>(symbol->desc >> 8) : mach::kFlatLookup;
      import(address, {name.value_or(""), library, (symbol->desc & mach::kWeakReference) != 0, lazy, 0});
    } else if (!patcher_.write(address, symbol->value + bias_)) {
      m_.corrupt(fmt::format("{} fill {:#x}, which is in no segment's file bytes", table_, address));
    }
  }
}

void Fixups::indirect_symbols() {
  table_ = "its indirect symbols";
  if (!m_.dysymtab || !m_.symtab) return;
  const mach::DysymtabCommand& d = *m_.dysymtab;
  const Bytes indirect = m_.table(d.indirectsymoff, uint64_t{4} * d.nindirectsyms, "indirect symbol table");
  for (const mach::SectionHeader& s : m_.sections) {
    const uint32_t type = s.flags & mach::kTypeMask;
    if (type == mach::kNonLazyPointers || type == mach::kLazyPointers || type == mach::kLazyDylibPointers)
      pointers(s, indirect);
  }
  if (d.nextrel != 0 && !m_.parts->not_runnable)
    m_.parts->not_runnable = "its imports are relocations, a form of before macOS 10.6, which is not read";
}

}  // namespace

void read_fixups(MachO& m) {
  Fixups fixups(m);
  if (m.chained) return fixups.chains(m.table(m.chained->dataoff, m.chained->datasize, "table of chained fixups"));
  if (!m.dyld_info) return fixups.indirect_symbols();
  const mach::DyldInfoCommand& d = *m.dyld_info;
  fixups.rebase_opcodes(m.table(d.rebase_off, d.rebase_size, "rebase opcodes"));
  fixups.bind_opcodes(m.table(d.bind_off, d.bind_size, "bind opcodes"), Fixups::Table::bind);
  fixups.bind_opcodes(m.table(d.weak_bind_off, d.weak_bind_size, "weak bind opcodes"), Fixups::Table::weak);
  fixups.bind_opcodes(m.table(d.lazy_bind_off, d.lazy_bind_size, "lazy bind opcodes"), Fixups::Table::lazy);
}

}  // namespace deferscope::loader
