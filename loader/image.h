// A program as read from its file: segments, entry, symbols, Go metadata. The loader's main header.
//
//     auto image = loader::Image::load("./hello");         // throws Error: one clear line
//     if (image.not_runnable()) …                          // e.g. for another system
//     if (const loader::GoProgram* go = image.go())        // nullptr: not Go; image.not_go() says why
//       if (auto f = go->funcs.at(pc)) … f->name, go->funcs.line(*f, pc)
//     if (auto s = image.symbol_at(address)) … s->name + s->offset
//
// Everything is a view into the Image, which is a cheap, immutable value: copies share one body; views live as long as
// any copy. Thread-safe. All addresses are relocated guest addresses.
#pragma once
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isa/isa.h"
#include "loader/build_info.h"
#include "loader/eh_frame.h"
#include "loader/error.h"
#include "loader/memory.h"
#include "loader/moduledata.h"
#include "loader/pclntab.h"
#include "loader/symbols.h"
#include "loader/version.h"

namespace deferscope::loader {

struct ListingInfo;  // loader/listing.h
struct ListingOptions;

enum class Os : uint8_t { linux_, darwin };

const char* to_string(Os os);  // "linux", "darwin": GOOS

// A named part of the file. Section headers may lie; only those that stay inside the file are kept.
struct Section {
  std::string name;
  uint64_t address = 0;     // relocated; 0 if it is not loaded
  uint64_t size = 0;        // in memory
  uint64_t flags = 0;       // as in the file: ELF sh_flags, Mach-O section_64 flags
  uint64_t fileoff = 0;     // of a universal file: in the program's part of it
  bool compressed = false;  // ELF SHF_COMPRESSED
  Bytes bytes;              // as in the file: not relocated, not decompressed; empty for .bss
};

// The file's own list of its segments, as it lies in the program's memory.
struct ProgramHeaders {
  uint64_t address = 0;  // 0: it is in no segment
  uint16_t count = 0, entry_size = 0;
};

// What an ELF file says beyond that.
struct ElfInfo {
  uint16_t type = 0;                     // ET_EXEC 2, ET_DYN 3
  uint8_t os_abi = 0;                    // EI_OSABI
  uint64_t tls_size = 0, tls_align = 0;  // PT_TLS: a thread's own block; 0: none
  std::string interpreter;               // PT_INTERP; empty if none
  bool interpreted = false;              // only its interpreter can start it: libraries, or relocations that take them
  std::vector<std::string> needed;       // DT_NEEDED
  std::vector<std::string> search;       // DT_RUNPATH, else DT_RPATH: where it says that they lie
};

// A word that Darwin's dyld fills with the address of something in a library before the program starts.
struct Import {
  std::string name;      // as in the file, with its underscore: "_write", "_fdopendir$INODE64"
  std::string library;   // install name; empty where any may have it
  uint64_t pointer = 0;  // relocated address of the 8-byte word; it lies in a writable segment's memory
  int64_t addend = 0;    // added to the address
  bool weak = false;     // may be missing: then the word is 0
  bool lazy = false;     // used by calls only
};

// What a Mach-O file says beyond that.
struct MachOInfo {
  uint32_t filetype = 0, flags = 0;        // MH_EXECUTE 2; MH_PIE 0x200000
  uint32_t platform = 0;                   // LC_BUILD_VERSION: 1 macOS; 0: not said
  uint64_t header = 0;                     // relocated address of the Mach header
  bool unixthread = false;                 // starts as LC_UNIXTHREAD says (argc at the stack pointer), not by LC_MAIN
  uint64_t stack_size = 0;                 // LC_MAIN: of the first thread; 0: the system's own
  std::vector<std::string> architectures;  // of a universal file: all that it holds; empty: it is none
  std::string dynamic_linker;              // LC_LOAD_DYLINKER; empty if none
  std::vector<std::string> libraries;      // install names, in the file's order
  std::vector<Import> imports;             // in the file's order; the same name may stand here more than once
};

// What is known because a program is Go's.
struct GoProgram {
  GoVersion version;
  BuildInfo build;  // empty where the program has none
  std::string goos, goarch;
  PclnHeader pclntab;
  std::optional<ModuleData> moduledata;  // nothing if its layout was not recognised
  FuncTable funcs;
};

// Where a symbol's name came from.
enum class SymbolSource : uint8_t { pclntab, symtab };

// An address told as name + offset.
struct SymbolAt {
  std::string_view name;
  uint64_t offset = 0;
  uint64_t address = 0;  // of the symbol
  uint64_t size = 0;     // 0: unknown
  SymbolKind kind = SymbolKind::function;
  SymbolSource source = SymbolSource::pclntab;
};

class Image {
 public:
  // Reads the file once. Throws Error for everything that is not a 64-bit ELF or Mach-O program for x86-64 or
  // arm64. A Go program
  // of 2 MB takes well under 5 ms; tables are decoded when first asked for.
  // Of a universal file it reads the program for `isa`, which any other file must be for; without one, that for this
  // machine's instruction set if there is one, else the first that it can.
  // An assembly listing is a program too (loader/listing.h); `listing` says what is not in it. "-": standard input,
  // which must be one.
  static Image load(const std::string& path, std::optional<isa::Isa> isa = {}, const ListingOptions* listing = nullptr);
  // The same from bytes; `name` stands for the path in messages.
  static Image parse(std::vector<uint8_t> bytes, const std::string& name, std::optional<isa::Isa> isa = {},
                     const ListingOptions* listing = nullptr);

  const std::string& path() const;
  isa::Isa isa() const;
  Os os() const;
  uint64_t entry() const;
  const Memory& memory() const;
  const std::vector<Segment>& segments() const { return memory().segments(); }
  const std::vector<Section>& sections() const;
  const Section* section(std::string_view name) const;  // the first with this name, or nullptr
  // The section of the first of these names that there is: formats spell them in their own ways.
  const Section* section_of(std::initializer_list<std::string_view> names) const;
  const Section* text() const { return section_of({".text", "__text"}); }  // the program's code
  uint64_t bias() const;  // added to every address of the file; 0: it is where it was linked for
  const ProgramHeaders& program_headers() const;
  const ElfInfo& elf() const;          // empty for other formats
  const MachOInfo& macho() const;      // empty for other formats
  const ListingInfo* listing() const;  // nullptr: a linked program
  uint64_t file_size() const;
  Bytes file() const;  // as it is, not relocated; of a universal file the program's part

  // Why `run` must refuse, as the text behind "PATH: "; nothing if it can be run.
  std::optional<std::string> not_runnable() const;

  // Go's metadata, or nullptr; then not_go() says why in a few words.
  const GoProgram* go() const;
  const std::string& not_go() const;
  bool uses_race_detector() const;
  bool uses_cgo() const;

  // Reads of initial memory, see Memory.
  std::optional<Bytes> bytes_at(uint64_t vaddr, uint64_t size) const { return memory().bytes_at(vaddr, size); }
  std::optional<uint64_t> read_u64(uint64_t vaddr) const { return memory().read_u64(vaddr); }

  // The file's symbol table, read and sorted when first asked for; empty for stripped files.
  const SymbolTable& symbols() const;

  // What it defines for others to link with (.dynsym), read and sorted when first asked for: all that stripped
  // libraries have. Empty for other formats.
  const SymbolTable& exports() const;
  // How the frames of its C code are unwound (.eh_frame), read when first asked for; empty where it has none.
  const EhFrame& eh_frame() const;

  // All entries of that table in the file's order, read each time. Throws Error where there are endlessly many.
  std::vector<ListedSymbol> listed_symbols() const;

  // Name of an address in code or data. In code pclntab is asked first, because its names are the runtime's and are
  // there in stripped files; `prefer` symtab for the linker's names (the same for most functions; `F.abi0`,
  // `F.dwrap.1`, type arguments spelled out).
  std::optional<SymbolAt> symbol_at(uint64_t address, SymbolSource prefer = SymbolSource::pclntab) const;
  // Address of a function or data symbol by exact name, in either spelling: symbol table first, then pclntab.
  std::optional<SymbolAt> find_symbol(std::string_view name) const;

 private:
  struct Body;
  explicit Image(std::shared_ptr<const Body> body) : body_(std::move(body)) {}
  std::shared_ptr<const Body> body_;
};

}  // namespace deferscope::loader
