// ELF64 for x86-64 and arm64: program headers are the truth; section headers are used where they make sense (names,
// symbols, DWARF). Numbers: System V ABI, gABI chapters 4 and 5, and its two processor supplements.
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>

#include "loader/elf_dynamic.h"
#include "loader/parts.h"
#include "loader/printable.h"

namespace deferscope::loader {
namespace {

// Where position-independent programs are put: what Linux does without address randomisation, so addresses look
// familiar.
constexpr uint64_t kBaseAmd64 = 0x555555554000, kBaseArm64 = 0x5500000000;
constexpr uint64_t kUserEnd = uint64_t{1} << 47;
constexpr uint64_t kPage = 4096;
constexpr size_t kMaxSymbols = 8'000'000;
constexpr size_t kMaxSectionName = 256;

[[noreturn]] void fail(const std::string& name, const std::string& what) { throw Error(name + ": " + what); }

Elf64_Ehdr read_header(Bytes file, const std::string& name) {
  if (file.size() > EI_CLASS && file[EI_CLASS] == ELFCLASS32)
    fail(name, "a 32-bit ELF file; only amd64 and arm64 are supported (GOARCH=amd64 or arm64)");
  auto header = get<Elf64_Ehdr>(file, 0);
  if (!header) fail(name, fmt::format("truncated: {} bytes, an ELF header has 64", file.size()));
  return *header;
}

isa::Isa check_header(const Elf64_Ehdr& h, const std::string& name) {
  if (h.e_ident[EI_CLASS] != ELFCLASS64) fail(name, fmt::format("bad ELF class {}", h.e_ident[EI_CLASS]));
  if (h.e_ident[EI_DATA] != ELFDATA2LSB) fail(name, "a big-endian ELF file; only amd64 and arm64 are supported");
  if (h.e_machine != EM_X86_64 && h.e_machine != EM_AARCH64)
    fail(name, fmt::format("ELF machine {} is not supported; build with GOARCH=amd64 or arm64", h.e_machine));
  if (h.e_type == ET_REL) fail(name, "an ELF object file, not a program; link it first");
  if (h.e_type == ET_CORE) fail(name, "a core dump, not a program");
  if (h.e_type != ET_EXEC && h.e_type != ET_DYN) fail(name, fmt::format("ELF type {} is not a program", h.e_type));
  if (h.e_phnum == 0) fail(name, "no program headers: not a program");
  if (h.e_phentsize != sizeof(Elf64_Phdr))
    fail(name, fmt::format("corrupt: program header size {}, not 56", h.e_phentsize));
  return h.e_machine == EM_X86_64 ? isa::Isa::x86_64 : isa::Isa::arm64;
}

std::vector<Elf64_Phdr> read_program_headers(Bytes file, const Elf64_Ehdr& h, const std::string& name) {
  std::vector<Elf64_Phdr> headers;
  for (uint64_t i = 0; i < h.e_phnum; i++) {
    auto p = h.e_phoff <= file.size() ? get<Elf64_Phdr>(file, h.e_phoff + i * sizeof(Elf64_Phdr)) : std::nullopt;
    if (!p)
      fail(name, fmt::format("truncated: {} program headers at {:#x}, the file has {} bytes", h.e_phnum, h.e_phoff,
                             file.size()));
    headers.push_back(*p);
  }
  return headers;
}

// What is added to all addresses: position-independent files start at our base.
uint64_t choose_bias(const Elf64_Ehdr& h, const std::vector<Elf64_Phdr>& headers, isa::Isa isa) {
  if (h.e_type != ET_DYN) return 0;
  uint64_t lowest = UINT64_MAX;
  for (const Elf64_Phdr& p : headers)
    if (p.p_type == PT_LOAD && p.p_memsz != 0) lowest = std::min<uint64_t>(lowest, p.p_vaddr);
  return (isa == isa::Isa::x86_64 ? kBaseAmd64 : kBaseArm64) - (lowest == UINT64_MAX ? 0 : lowest / kPage * kPage);
}

Segment read_segment(Bytes file, const Elf64_Phdr& p, uint64_t bias, size_t number, const std::string& name) {
  Segment s;
  s.name = fmt::format("LOAD{}", number);
  s.vaddr = p.p_vaddr + bias;
  s.memsz = p.p_memsz;
  s.fileoff = p.p_offset;
  s.filesz = p.p_filesz;
  s.read = p.p_flags & PF_R;
  s.write = p.p_flags & PF_W;
  s.exec = p.p_flags & PF_X;
  if (p.p_filesz > p.p_memsz)
    fail(name, fmt::format("corrupt: segment {} is larger in the file than in memory", s.name));
  if (p.p_vaddr >= kUserEnd || s.vaddr >= kUserEnd || s.memsz > kUserEnd - s.vaddr)
    fail(name, fmt::format("corrupt: segment {} at {:#x} of {:#x} bytes is outside user memory", s.name, p.p_vaddr,
                           p.p_memsz));
  auto bytes = slice(file, p.p_offset, p.p_filesz);
  if (!bytes)
    fail(name, fmt::format("truncated: segment {} needs file bytes up to {:#x}, the file has {:#x}", s.name,
                           p.p_offset + p.p_filesz, file.size()));
  s.bytes = *bytes;
  return s;
}

void read_segments(Parts* parts, Bytes file, const std::vector<Elf64_Phdr>& headers, const std::string& name) {
  for (const Elf64_Phdr& p : headers)
    if (p.p_type == PT_LOAD && p.p_memsz != 0)
      parts->segments.push_back(read_segment(file, p, parts->bias, parts->segments.size(), name));
  if (parts->segments.empty()) fail(name, "no loadable segment: not a program");
  uint64_t bytes = 0;
  for (const Segment& s : parts->segments) bytes += s.filesz;
  if (bytes > 2 * file.size() + (1 << 20)) fail(name, "corrupt: its segments share the file's bytes many times over");
  auto& all = parts->segments;
  std::sort(all.begin(), all.end(), [](const Segment& a, const Segment& b) { return a.vaddr < b.vaddr; });
  for (size_t i = 1; i < all.size(); i++)
    if (all[i].vaddr < all[i - 1].end())
      fail(name, fmt::format("corrupt: segments {} and {} overlap", all[i - 1].name, all[i].name));
}

uint64_t find_phdrs(const Elf64_Ehdr& h, const std::vector<Segment>& segments) {
  uint64_t size = uint64_t{h.e_phnum} * sizeof(Elf64_Phdr);
  for (const Segment& s : segments)
    if (h.e_phoff >= s.fileoff && slice(s.bytes, h.e_phoff - s.fileoff, size)) return s.vaddr + (h.e_phoff - s.fileoff);
  return 0;
}

// Keeps the sections that make sense; silently leaves the others, since nothing that is needed to run depends on them.
std::vector<Section> read_sections(Bytes file, const Elf64_Ehdr& h, uint64_t bias) {
  std::vector<Section> sections;
  if (h.e_shentsize != sizeof(Elf64_Shdr) || h.e_shoff == 0 || h.e_shoff > file.size()) return sections;
  auto header = [&](uint64_t i) { return get<Elf64_Shdr>(file, h.e_shoff + i * sizeof(Elf64_Shdr)); };
  auto names_header = h.e_shstrndx < h.e_shnum ? header(h.e_shstrndx) : std::nullopt;
  auto names = names_header ? slice(file, names_header->sh_offset, names_header->sh_size) : std::nullopt;
  if (!names) return sections;
  for (uint64_t i = 1; i < h.e_shnum; i++) {
    auto s = header(i);
    if (!s) break;
    auto name = c_string(*names, s->sh_name);
    auto bytes = s->sh_type == SHT_NOBITS ? std::optional<Bytes>(Bytes{}) : slice(file, s->sh_offset, s->sh_size);
    if (!name || name->empty() || name->size() > kMaxSectionName || !bytes) continue;
    uint64_t address = s->sh_flags & SHF_ALLOC ? s->sh_addr + bias : 0;
    const bool compressed = s->sh_flags & SHF_COMPRESSED;
    sections.push_back({printable(*name), address, s->sh_size, s->sh_flags, s->sh_offset, compressed, *bytes});
  }
  return sections;
}

// A symbol table and its names.
using SymbolSections = std::pair<const Section*, const Section*>;
SymbolSections symbol_sections(const Parts& parts, std::string_view table_name = ".symtab",
                               std::string_view names_name = ".strtab") {
  const Section *table = nullptr, *names = nullptr;
  for (const Section& s : parts.sections) {
    if (s.name == table_name) table = &s;
    if (s.name == names_name) names = &s;
  }
  return {table, names};
}

// The addresses that nm takes for code, as in the file: [start, end) in order.
std::vector<std::pair<uint64_t, uint64_t>> code_ranges(const Parts& parts) {
  std::vector<std::pair<uint64_t, uint64_t>> code;
  for (const Section& s : parts.sections)
    if ((s.flags & (SHF_ALLOC | SHF_EXECINSTR | SHF_WRITE)) == (SHF_ALLOC | SHF_EXECINSTR))
      code.emplace_back(s.address - parts.bias, s.address - parts.bias + s.size);
  std::sort(code.begin(), code.end());
  for (size_t i = 1; i < code.size(); i++)  // sections that lie in one another count as one
    code[i].second = std::max(code[i].second, code[i - 1].second);
  return code;
}

}  // namespace

Parts read_elf(Bytes file, const std::string& name) {
  Parts parts;
  Elf64_Ehdr h = read_header(file, name);
  parts.isa = check_header(h, name);
  auto headers = read_program_headers(file, h, name);
  parts.elf.type = h.e_type;
  parts.elf.os_abi = h.e_ident[EI_OSABI];
  parts.headers.count = h.e_phnum;
  parts.headers.entry_size = h.e_phentsize;
  parts.bias = choose_bias(h, headers, parts.isa);
  parts.entry = h.e_entry + parts.bias;
  for (const Elf64_Phdr& p : headers)
    if (p.p_type == PT_TLS) parts.elf.tls_size = p.p_memsz, parts.elf.tls_align = p.p_align;
  read_segments(&parts, file, headers, name);
  parts.headers.address = find_phdrs(h, parts.segments);
  parts.sections = read_sections(file, h, parts.bias);
  read_dynamic(&parts, file, headers, name);
  const bool entry_mapped = std::any_of(parts.segments.begin(), parts.segments.end(),
                                        [&](const Segment& s) { return s.exec && parts.entry - s.vaddr < s.memsz; });
  if (!parts.not_runnable && h.e_type == ET_DYN && h.e_entry == 0)
    parts.not_runnable = "a shared library, not a program: it has no entry";
  else if (!parts.not_runnable && !entry_mapped)
    parts.not_runnable = fmt::format("its entry {:#x} is not in an executable segment", parts.entry);
  return parts;
}

namespace {

std::vector<Symbol> read_symbols(const Parts& parts, const SymbolSections& sections) {
  std::vector<Symbol> symbols;
  const auto [table, names] = sections;
  if (!table || !names) return symbols;
  size_t count = table->bytes.size() / sizeof(Elf64_Sym);
  if (count > kMaxSymbols)
    throw Error(fmt::format("corrupt: {} symbols; no program has more than {}", count, kMaxSymbols));
  symbols.reserve(count);
  uint64_t name_bytes = 0;  // names may share theirs, but not all one endless text
  for (size_t i = 1; i < count; i++) {
    Elf64_Sym s = *get<Elf64_Sym>(table->bytes, i * sizeof(Elf64_Sym));
    unsigned type = ELF64_ST_TYPE(s.st_info);
    bool defined = s.st_shndx != SHN_UNDEF && s.st_shndx != SHN_ABS;
    if (!defined || (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE)) continue;
    auto name = c_string(names->bytes, s.st_name);
    if (!name || name->empty()) continue;
    name_bytes += name->size();
    if (name_bytes > 16 * names->bytes.size() + (1 << 20))
      throw Error("corrupt: its symbols' names overlap without end");
    symbols.push_back({printable_name(*name), s.st_value + parts.bias, s.st_size,
                       type == STT_FUNC ? SymbolKind::function : SymbolKind::data});
  }
  return symbols;
}

}  // namespace

std::vector<Symbol> read_elf_symbols(const Parts& parts) { return read_symbols(parts, symbol_sections(parts)); }
std::vector<Symbol> read_elf_exports(const Parts& parts) {
  return read_symbols(parts, symbol_sections(parts, ".dynsym", ".dynstr"));
}

// What objdump does with symbols is in Go's src/cmd/internal/objfile/elf.go.
std::vector<ListedSymbol> list_elf_symbols(const Parts& parts) {
  std::vector<ListedSymbol> symbols;
  const auto [table, names] = symbol_sections(parts);
  if (!table || !names) return symbols;
  const auto code = code_ranges(parts);
  const auto is_code = [&](uint64_t address) {
    const auto after = std::upper_bound(code.begin(), code.end(), address,
                                        [](uint64_t a, const auto& range) { return a < range.first; });
    return after != code.begin() && address < std::prev(after)->second;
  };
  const size_t count = table->bytes.size() / sizeof(Elf64_Sym);
  symbols.reserve(count);
  for (size_t i = 1; i < count; i++) {  // entry 0 is reserved
    const auto s = *get<Elf64_Sym>(table->bytes, i * sizeof(Elf64_Sym));
    const bool defined = s.st_shndx != SHN_UNDEF;
    symbols.push_back({printable_name(c_string(names->bytes, s.st_name).value_or("")), s.st_value, s.st_size,
                       defined && is_code(s.st_value)});
  }
  return symbols;
}

}  // namespace deferscope::loader
