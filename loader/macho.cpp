// Mach-O for x86-64 and arm64: the header and its load commands are the truth; sections give names, symbols and DWARF.
// What dyld does before a program starts is in macho_fixups.cpp. Numbers: macho_format.h.
#include "loader/macho.h"

#include <algorithm>
#include <set>

namespace deferscope::loader {
namespace {

// Where a position-independent program goes that was linked for address 0, which stays unmapped. All others lie where
// they were linked for.
constexpr uint64_t kBase = 0x100000000, kLowest = 4096;
constexpr uint64_t kUserEnd = uint64_t{1} << 47;

struct FileType {
  uint32_t type;
  const char* what;
};
constexpr FileType kFileTypes[] = {
    {1, "a Mach-O object file, not a program; link it first (go build)"},
    {4, "a core dump, not a program"},
    {6, "a Mach-O library (dylib), not a program"},
    {7, "a dynamic linker, not a program"},
    {8, "a Mach-O bundle (plug-in), not a program"},
    {9, "a Mach-O library stub, not a program"},
    {10, "a Mach-O file of debug information (dSYM), not a program"},
    {11, "a Mach-O kernel extension, not a program"},
};

mach::Header read_header(Bytes file, const std::string& name) {
  auto h = get<mach::Header>(file, 0);
  if (!h) throw Error(fmt::format("{}: truncated: {} bytes, a Mach-O header has 32", name, file.size()));
  if (h->cputype != mach::kCpuX86_64 && h->cputype != mach::kCpuArm64)
    throw Error(
        fmt::format("{}: Mach-O CPU type {:#x} is not supported; build with GOARCH=amd64 or arm64", name, h->cputype));
  if (h->cputype == mach::kCpuArm64 && (h->cpusubtype & mach::kSubtypeMask) == mach::kSubtypeArm64e)
    throw Error(name + ": an arm64e program; pointer authentication is not supported, build for arm64");
  for (const FileType& t : kFileTypes)
    if (h->filetype == t.type) throw Error(name + ": " + t.what);
  if (h->filetype != mach::kExecute) throw Error(fmt::format("{}: Mach-O type {} is not a program", name, h->filetype));
  return *h;
}

// Reads the load commands, one after the other.
class Commands {
 public:
  explicit Commands(MachO& m) : m_(m) {}

  void read();
  void choose_bias();
  void finish();

 private:
  using Read = void (Commands::*)(Bytes);
  struct Row {
    uint32_t cmd;
    const char* name;
    uint32_t size;  // at least
    bool once;
    Read read;  // nullptr: passed over
  };
  static const Row kRows[];

  template <class T>
  static T as(Bytes command) {
    return *get<T>(command, 0);  // Row::size holds
  }
  // A text behind a command's struct, at an offset that the struct names.
  std::string text(Bytes command, uint32_t offset) const {
    auto s = c_string(command, offset);
    if (!s) m_.corrupt(fmt::format("{} names a text that does not end in it", where_));
    return printable(*s);
  }

  void segment(Bytes command);
  void section(const mach::SectionHeader& s, bool loaded);
  void thread(Bytes command);
  void main(Bytes command);
  void symtab(Bytes command) { m_.symtab = as<mach::SymtabCommand>(command); }
  void dysymtab(Bytes command) { m_.dysymtab = as<mach::DysymtabCommand>(command); }
  void dyld_info(Bytes command) { m_.dyld_info = as<mach::DyldInfoCommand>(command); }
  void chained(Bytes command) { m_.chained = as<mach::LinkeditDataCommand>(command); }
  void library(Bytes command) {
    m_.parts->macho.libraries.push_back(text(command, as<mach::DylibCommand>(command).name_offset));
  }
  void dynamic_linker(Bytes command) { m_.parts->macho.dynamic_linker = text(command, *get<uint32_t>(command, 8)); }
  void build_version(Bytes command) { m_.parts->macho.platform = as<mach::BuildVersionCommand>(command).platform; }
  void encryption(Bytes command) { encrypted_ = as<mach::EncryptionCommand>(command).cryptid != 0; }

  void check_order();
  void find_entry();
  std::optional<std::string> not_runnable() const;

  MachO& m_;
  std::string where_;  // the command that is being read, for messages
  std::optional<uint64_t> pc_, main_offset_;
  std::optional<uint32_t> unknown_;
  bool encrypted_ = false;
};

constexpr Commands::Row Commands::kRows[] = {
    {0x19, "LC_SEGMENT_64", sizeof(mach::SegmentCommand), false, &Commands::segment},
    {0x05, "LC_UNIXTHREAD", 16, true, &Commands::thread},
    {0x28 | mach::kRequired, "LC_MAIN", sizeof(mach::EntryPointCommand), true, &Commands::main},
    {0x02, "LC_SYMTAB", sizeof(mach::SymtabCommand), true, &Commands::symtab},
    {0x0b, "LC_DYSYMTAB", sizeof(mach::DysymtabCommand), true, &Commands::dysymtab},
    {0x22, "LC_DYLD_INFO", sizeof(mach::DyldInfoCommand), true, &Commands::dyld_info},
    {0x22 | mach::kRequired, "LC_DYLD_INFO_ONLY", sizeof(mach::DyldInfoCommand), true, &Commands::dyld_info},
    {0x34 | mach::kRequired, "LC_DYLD_CHAINED_FIXUPS", sizeof(mach::LinkeditDataCommand), true, &Commands::chained},
    {0x0c, "LC_LOAD_DYLIB", sizeof(mach::DylibCommand), false, &Commands::library},
    {0x18 | mach::kRequired, "LC_LOAD_WEAK_DYLIB", sizeof(mach::DylibCommand), false, &Commands::library},
    {0x1f | mach::kRequired, "LC_REEXPORT_DYLIB", sizeof(mach::DylibCommand), false, &Commands::library},
    {0x20, "LC_LAZY_LOAD_DYLIB", sizeof(mach::DylibCommand), false, &Commands::library},
    {0x23 | mach::kRequired, "LC_LOAD_UPWARD_DYLIB", sizeof(mach::DylibCommand), false, &Commands::library},
    {0x0e, "LC_LOAD_DYLINKER", 12, true, &Commands::dynamic_linker},
    {0x32, "LC_BUILD_VERSION", sizeof(mach::BuildVersionCommand), false, &Commands::build_version},
    {0x2c, "LC_ENCRYPTION_INFO_64", sizeof(mach::EncryptionCommand), true, &Commands::encryption},
    {0x1c | mach::kRequired, "LC_RPATH", 12, false, nullptr},
    {0x33 | mach::kRequired, "LC_DYLD_EXPORTS_TRIE", sizeof(mach::LinkeditDataCommand), true, nullptr},
};

void Commands::read() {
  const mach::Header& h = m_.header;
  auto all = slice(m_.file, sizeof h, h.sizeofcmds);
  if (!all)
    throw Error(fmt::format("{}: truncated: {:#x} bytes of load commands behind the header, the file has {:#x}",
                            m_.name, h.sizeofcmds, m_.file.size()));
  std::set<const Row*> seen;
  uint64_t at = 0;
  for (uint32_t i = 0; i < h.ncmds; i++) {
    auto c = get<mach::LoadCommand>(*all, at);
    if (!c)
      m_.corrupt(
          fmt::format("{} load commands, but load command {} lies behind their {:#x} bytes", h.ncmds, i, h.sizeofcmds));
    auto command = slice(*all, at, c->cmdsize);
    if (c->cmdsize < sizeof *c || !command)
      m_.corrupt(fmt::format("load command {} ({:#x}) has size {:#x} at {:#x} of {:#x}", i, c->cmd, c->cmdsize, at,
                             h.sizeofcmds));
    at += c->cmdsize;
    const Row* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.cmd == c->cmd; });
    if (row == std::end(kRows)) {
      if (c->cmd & mach::kRequired && !unknown_) unknown_ = c->cmd;
      continue;
    }
    where_ = fmt::format("load command {} ({})", i, row->name);
    if (c->cmdsize < row->size) m_.corrupt(fmt::format("{} has {} bytes, it takes {}", where_, c->cmdsize, row->size));
    if (row->once && !seen.insert(row).second) m_.corrupt(fmt::format("{} is the second of its kind", where_));
    if (row->read) (this->*row->read)(*command);
  }
}

void Commands::segment(Bytes command) {
  const auto c = as<mach::SegmentCommand>(command);
  const std::string name = fixed_name(c.segname);
  if (c.nsects > (command.size() - sizeof c) / sizeof(mach::SectionHeader))
    m_.corrupt(
        fmt::format("{}: segment {} has {} sections, its {} bytes hold fewer", where_, name, c.nsects, command.size()));
  m_.segments.push_back({name, c.vmaddr, c.vmsize, (c.initprot & mach::kProtWrite) != 0});
  // __PAGEZERO takes addresses, not memory; __DWARF, as Go links it, neither.
  const bool loaded = c.vmsize != 0 && (c.filesize != 0 || c.initprot != 0);
  for (uint32_t i = 0; i < c.nsects; i++)
    section(*get<mach::SectionHeader>(command, sizeof c + i * sizeof(mach::SectionHeader)), loaded);
  if (!loaded) return;
  if (c.filesize > c.vmsize) m_.corrupt(fmt::format("segment {} is larger in the file than in memory", name));
  if (c.vmaddr >= kUserEnd || c.vmsize > kUserEnd - c.vmaddr)
    m_.corrupt(fmt::format("segment {} at {:#x} of {:#x} bytes is outside user memory", name, c.vmaddr, c.vmsize));
  const Bytes bytes = m_.table(c.fileoff, c.filesize, ("segment " + name).c_str());
  Segment s;
  s.name = name;
  s.vaddr = c.vmaddr;
  s.memsz = c.vmsize;
  s.fileoff = c.fileoff;
  s.filesz = c.filesize;
  s.read = c.initprot & mach::kProtRead;
  s.write = c.initprot & mach::kProtWrite;
  s.exec = c.initprot & mach::kProtExec;
  s.sealed = c.flags & mach::kSegmentReadOnly;
  s.bytes = bytes;
  m_.parts->segments.push_back(s);
}

void Commands::section(const mach::SectionHeader& s, bool loaded) {
  const uint32_t type = s.flags & mach::kTypeMask;
  const bool zero = type == mach::kZeroFill || type == mach::kGbZeroFill || type == mach::kThreadZeroFill;
  const bool code = (s.flags & mach::kInstructions) != 0;
  const bool text = fixed_name(s.segname) == "__TEXT" && fixed_name(s.sectname) == "__text";
  m_.sections.push_back(s);
  m_.parts->symbols.sections.push_back(
      {s.addr, s.size > UINT64_MAX - s.addr ? UINT64_MAX : s.addr + s.size, code, text});
  auto bytes = zero ? std::optional<Bytes>(Bytes{}) : slice(m_.file, s.offset, s.size);
  if (!bytes) return;
  m_.parts->sections.push_back({fixed_name(s.sectname), loaded ? s.addr : 0, s.size, s.flags, s.offset, false, *bytes});
}

void Commands::thread(Bytes command) {
  m_.parts->macho.unixthread = true;
  for (uint64_t at = 8; at < command.size();) {
    auto flavor = get<uint32_t>(command, at), count = get<uint32_t>(command, at + 4);
    auto state = count ? slice(command, at + 8, uint64_t{4} * *count) : std::nullopt;
    if (!state) m_.corrupt(fmt::format("{} ends within a thread state", where_));
    for (const mach::ThreadFlavor& f : mach::kThreadFlavors)
      if (f.cputype == m_.header.cputype && f.flavor == *flavor && f.count == *count)
        pc_ = get<uint64_t>(*state, f.pc_offset);
    at += 8 + state->size();
  }
  if (!pc_) m_.corrupt(fmt::format("{} has no state of a 64-bit thread", where_));
}

void Commands::main(Bytes command) {
  const auto c = as<mach::EntryPointCommand>(command);
  main_offset_ = c.entryoff;
  m_.parts->macho.stack_size = c.stacksize;
}

// Moves everything that was read: addresses are relocated from here on.
void Commands::choose_bias() {
  auto& segments = m_.parts->segments;
  if (segments.empty()) throw Error(m_.name + ": no loadable segment: not a program");
  std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) { return a.vaddr < b.vaddr; });
  check_order();
  const bool movable = m_.header.flags & mach::kPie && (m_.dyld_info || m_.chained);
  const uint64_t bias = movable && segments.front().vaddr < kLowest ? kBase : 0;
  if (bias && segments.back().end() > kUserEnd - bias) m_.corrupt("its segments have no room in user memory");
  m_.parts->bias = bias;
  for (Segment& s : segments) s.vaddr += bias;
  for (MachO::Seg& s : m_.segments) s.vmaddr += bias;
  for (Section& s : m_.parts->sections)
    if (s.address) s.address += bias;
  for (auto& s : m_.parts->symbols.sections) s.start += bias, s.end += bias;
  for (const Segment& s : segments)
    if (s.fileoff == 0 && s.filesz != 0) m_.base = s.vaddr;
  m_.parts->macho.header = m_.base;
}

void Commands::check_order() {
  const auto& all = m_.parts->segments;
  uint64_t bytes = 0;
  for (const Segment& s : all) bytes += s.filesz;
  if (bytes > 2 * m_.file.size() + (1 << 20)) m_.corrupt("its segments share the file's bytes many times over");
  for (size_t i = 1; i < all.size(); i++)
    if (all[i].vaddr < all[i - 1].end())
      m_.corrupt(fmt::format("segments {} and {} overlap", all[i - 1].name, all[i].name));
}

void Commands::finish() {
  find_entry();
  if (m_.symtab) {
    m_.parts->symbols.entries =
        m_.table(m_.symtab->symoff, uint64_t{m_.symtab->nsyms} * sizeof(mach::Nlist), "symbol table");
    m_.parts->symbols.names = m_.table(m_.symtab->stroff, m_.symtab->strsize, "table of symbols' names");
  }
  read_fixups(m_);
  if (!m_.parts->not_runnable) m_.parts->not_runnable = not_runnable();
}

void Commands::find_entry() {
  if (pc_) m_.parts->entry = *pc_ + m_.parts->bias;
  if (main_offset_) m_.parts->entry = m_.base + *main_offset_;
  m_.parts->macho.unixthread = pc_ && !main_offset_;
}

std::optional<std::string> Commands::not_runnable() const {
  const uint32_t platform = m_.parts->macho.platform;
  const uint64_t entry = m_.parts->entry;
  if (encrypted_) return "its code is encrypted";
  if (unknown_) return fmt::format("load command {:#x} is not known and must not be passed over", *unknown_);
  if (platform > 1) return fmt::format("a program for another system than macOS (platform {})", platform);
  if (!pc_ && !main_offset_) return "it says no entry (neither LC_MAIN nor LC_UNIXTHREAD)";
  const auto holds = [&](const Segment& s) { return s.exec && entry - s.vaddr < s.memsz; };
  if (!std::any_of(m_.parts->segments.begin(), m_.parts->segments.end(), holds))
    return fmt::format("its entry {:#x} is not in an executable segment", entry);
  if (m_.parts->segments.front().vaddr < kLowest) return "it is linked for address 0, which no program gets";
  return std::nullopt;
}

}  // namespace

Parts read_macho(Bytes file, const std::string& name) {
  Parts parts;
  MachO m(&parts, file, name, read_header(file, name));
  parts.isa = m.header.cputype == mach::kCpuX86_64 ? isa::Isa::x86_64 : isa::Isa::arm64;
  parts.os = Os::darwin;
  parts.macho.filetype = m.header.filetype;
  parts.macho.flags = m.header.flags;
  Commands commands(m);
  commands.read();
  commands.choose_bias();
  commands.finish();
  return parts;
}

}  // namespace deferscope::loader
