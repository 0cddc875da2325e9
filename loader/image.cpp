// Image: the shared body, loading, symbol lookups.
#include "loader/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>

#include "loader/parts.h"
#include "loader/universal.h"

namespace deferscope::loader {

namespace {

struct Free {
  void operator()(void* p) const { std::free(p); }
};
using FileBytes = std::unique_ptr<uint8_t[], Free>;

// Room for a file's bytes. A large one takes huge pages, as many as it fills: touching it 4 KiB at a time for the first
// time is a tenth of a small guest's whole run. Where the system has none to give, nothing else changes.
FileBytes room_for(size_t size) {
  constexpr size_t kHugePage = 2 << 20;
  const size_t huge = size / kHugePage * kHugePage;
  void* p = nullptr;
  if (posix_memalign(&p, huge ? kHugePage : alignof(std::max_align_t), size) != 0) throw std::bad_alloc();
  if (huge) madvise(p, huge, MADV_HUGEPAGE);
  return FileBytes(static_cast<uint8_t*>(p));
}

}  // namespace

struct Image::Body {
  std::string path;
  FileBytes file;
  size_t file_size = 0;
  std::vector<FileBytes> more;  // further texts of a listing
  Beside beside;
  Parts parts;
  Memory memory;
  mutable std::once_flag symbols_once, exports_once, frames_once, go_once;
  mutable SymbolTable symbols, exports;
  mutable EhFrame frames;
  mutable std::unique_ptr<const GoProgram> go;
  mutable std::string not_go;

  const Format* format = nullptr;
  Bytes program;
  void read(std::optional<isa::Isa> wanted) {
    const Chosen chosen = choose_program({file.get(), file_size}, path, wanted);
    program = chosen.bytes;
    format = &format_of(chosen.bytes, path);
    parts = format->read(chosen.bytes, path, beside);
    if (wanted && parts.isa != *wanted)
      throw Error(
          fmt::format("{}: a program for {}, not for {}", path, isa::to_string(parts.isa), isa::to_string(*wanted)));
    parts.macho.architectures = chosen.architectures;
    memory = Memory(std::move(parts.segments));
  }
};

namespace {

constexpr uint64_t kMaxFile = uint64_t{4} << 30, kMaxListing = uint64_t{256} << 20;

// A closed-on-scope-exit descriptor.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error(fmt::format("{}: {}", path, std::generic_category().message(error)));
}

// Reads exactly what the file holds now: mapping it would let a change to it crash us.
FileBytes read_file(const std::string& path, size_t* size) {
  Descriptor d{open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};  // a pipe without a writer is not waited for
  struct stat st;
  if (d.fd < 0 || fstat(d.fd, &st) != 0) fail(path, errno);
  if (S_ISDIR(st.st_mode)) throw Error(path + ": is a directory, not a program");
  if (!S_ISREG(st.st_mode)) throw Error(path + ": not a regular file");
  if (static_cast<uint64_t>(st.st_size) > kMaxFile) throw Error(path + ": larger than 4 GiB, not loaded");
  *size = static_cast<size_t>(st.st_size);
  FileBytes bytes = room_for(*size);
  for (size_t done = 0; done < *size;) {
    ssize_t n = read(d.fd, bytes.get() + done, *size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, errno);
    if (n == 0) throw Error(path + ": shrank while it was read");
    done += static_cast<size_t>(n);
  }
  return bytes;
}

}  // namespace

namespace {

// All of standard input: a listing.
FileBytes read_stdin(size_t* size) {
  std::vector<uint8_t> all;
  for (size_t done = 0;;) {
    all.resize(done + (1 << 16));
    const ssize_t n = read(STDIN_FILENO, all.data() + done, all.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("standard input", errno);
    done += static_cast<size_t>(n);
    if (done > kMaxListing) throw Error("standard input: more than 256 MiB, not read");
    if (n == 0) {
      *size = done;
      FileBytes bytes = room_for(done);
      std::copy(all.begin(), all.begin() + static_cast<ptrdiff_t>(done), bytes.get());
      return bytes;
    }
  }
}

}  // namespace

const char* to_string(Os os) { return os == Os::linux_ ? "linux" : "darwin"; }

Image Image::load(const std::string& path, std::optional<isa::Isa> isa, const ListingOptions* listing) {
  auto body = std::make_shared<Body>();
  body->path = path == "-" ? "standard input" : path;
  body->file = path == "-" ? read_stdin(&body->file_size) : read_file(path, &body->file_size);
  if (listing) body->beside.listing = *listing;
  for (const std::string& further : body->beside.listing.more) {
    size_t size = 0;
    body->more.push_back(read_file(further, &size));
    body->beside.more.emplace_back(further, Bytes{body->more.back().get(), size});
  }
  body->read(isa);
  return Image(std::move(body));
}

Image Image::parse(std::vector<uint8_t> bytes, const std::string& name, std::optional<isa::Isa> isa,
                   const ListingOptions* listing) {
  auto body = std::make_shared<Body>();
  if (listing) body->beside.listing = *listing;
  body->path = name;
  body->file_size = bytes.size();
  body->file = room_for(bytes.size());
  std::copy(bytes.begin(), bytes.end(), body->file.get());
  body->read(isa);
  return Image(std::move(body));
}

const std::string& Image::path() const { return body_->path; }
isa::Isa Image::isa() const { return body_->parts.isa; }
Os Image::os() const { return body_->parts.os; }
uint64_t Image::entry() const { return body_->parts.entry; }
const Memory& Image::memory() const { return body_->memory; }
const std::vector<Section>& Image::sections() const { return body_->parts.sections; }
uint64_t Image::bias() const { return body_->parts.bias; }
const ProgramHeaders& Image::program_headers() const { return body_->parts.headers; }
const ElfInfo& Image::elf() const { return body_->parts.elf; }
const MachOInfo& Image::macho() const { return body_->parts.macho; }
const ListingInfo* Image::listing() const { return body_->parts.listing.get(); }
uint64_t Image::file_size() const { return body_->file_size; }
Bytes Image::file() const { return body_->program; }
std::optional<std::string> Image::not_runnable() const { return body_->parts.not_runnable; }

const Section* Image::section(std::string_view name) const {
  for (const Section& s : sections())
    if (s.name == name) return &s;
  return nullptr;
}

const Section* Image::section_of(std::initializer_list<std::string_view> names) const {
  for (std::string_view name : names)
    if (const Section* s = section(name)) return s;
  return nullptr;
}

std::vector<ListedSymbol> Image::listed_symbols() const { return body_->format->listed(body_->parts); }

const SymbolTable& Image::symbols() const {
  std::call_once(body_->symbols_once, [this] { body_->symbols = SymbolTable(body_->format->symbols(body_->parts)); });
  return body_->symbols;
}

const SymbolTable& Image::exports() const {
  std::call_once(body_->exports_once, [this] { body_->exports = SymbolTable(read_elf_exports(body_->parts)); });
  return body_->exports;
}

const EhFrame& Image::eh_frame() const {
  std::call_once(body_->frames_once, [this] {
    if (const Section* s = section(".eh_frame")) body_->frames = EhFrame(s->bytes, s->address);
  });
  return body_->frames;
}

const GoProgram* Image::go() const {
  std::call_once(body_->go_once, [this] { body_->go = find_go(*this, &body_->not_go); });
  return body_->go.get();
}

const std::string& Image::not_go() const {
  go();
  return body_->not_go;
}

std::optional<SymbolAt> Image::symbol_at(uint64_t address, SymbolSource prefer) const {
  auto from_table = [&]() -> std::optional<SymbolAt> {
    auto s = symbols().at(address);
    if (!s) return std::nullopt;
    return SymbolAt{s->name, address - s->address, s->address, s->size, s->kind, SymbolSource::symtab};
  };
  if (prefer == SymbolSource::symtab)
    if (auto s = from_table()) return s;
  if (const GoProgram* program = go())
    if (auto f = program->funcs.at(address))
      return SymbolAt{f->name,           address - f->entry,   f->entry,
                      f->end - f->entry, SymbolKind::function, SymbolSource::pclntab};
  return prefer == SymbolSource::symtab ? std::nullopt : from_table();
}

std::optional<SymbolAt> Image::find_symbol(std::string_view name) const {
  if (auto s = symbols().find(name)) return SymbolAt{s->name, 0, s->address, s->size, s->kind, SymbolSource::symtab};
  const GoProgram* program = go();
  auto f = program ? program->funcs.find_first(name) : std::nullopt;
  if (!f) return std::nullopt;
  return SymbolAt{f->name, 0, f->entry, f->end - f->entry, SymbolKind::function, SymbolSource::pclntab};
}

}  // namespace deferscope::loader
