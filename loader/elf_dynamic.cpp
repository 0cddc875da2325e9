// PT_INTERP, PT_DYNAMIC and relocations. What a position-independent program's words point to is known before it runs:
// relative relocations are applied here, so that tables are read where they will be. A program that names an
// interpreter but needs no library (Go's own linker makes such) is started that way; every other gets its file's bytes
// and its interpreter, or relocates itself.
#include "loader/elf_dynamic.h"

#include <fmt/format.h>

#include <bit>
#include <map>

#include "loader/patcher.h"
#include "loader/printable.h"

namespace deferscope::loader {
namespace {

constexpr int64_t kRelr = 36, kRelrSize = 35;  // DT_RELR, DT_RELRSZ, which older headers lack
constexpr size_t kMaxNeeded = 1000;
constexpr size_t kMaxInterpreter = 4096;  // PATH_MAX, as the kernel has it

using Tags = std::map<int64_t, std::vector<uint64_t>>;  // DT_* → values in file order

Tags read_tags(Bytes dynamic) {
  Tags tags;
  for (uint64_t at = 0;; at += sizeof(Elf64_Dyn)) {
    auto entry = get<Elf64_Dyn>(dynamic, at);
    if (!entry || entry->d_tag == DT_NULL) return tags;
    tags[entry->d_tag].push_back(entry->d_un.d_val);
  }
}

uint64_t tag(const Tags& tags, int64_t which) {
  auto i = tags.find(which);
  return i == tags.end() ? 0 : i->second.front();
}

// File bytes from a (biased) address to its segment's end.
Bytes bytes_from(Parts* parts, uint64_t vaddr) {
  const Segment* s = segment_at(parts, vaddr);
  return s ? s->bytes.subspan(static_cast<size_t>(vaddr - s->vaddr)) : Bytes{};
}

// The program's relocations, applied as far as its own addresses are all that they take.
class Relocations {
 public:
  Relocations(Parts* parts, const Tags& tags, const std::string& name)
      : parts_(parts), tags_(tags), name_(name), patcher_(parts) {}

  // Whether there are others too.
  bool apply() {
    bool others = tag(tags_, DT_PLTRELSZ) != 0;
    const Bytes rela = table(DT_RELA, DT_RELASZ), relr = table(kRelr, kRelrSize);
    for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= rela.size(); at += sizeof(Elf64_Rela)) {
      const auto r = *get<Elf64_Rela>(rela, at);
      const uint32_t type = ELF64_R_TYPE(r.r_info);
      if (type == relative())
        write(r.r_offset, static_cast<uint64_t>(r.r_addend));
      else
        others = others || type != 0;
    }
    apply_packed(relr);
    return others;
  }

 private:
  uint32_t relative() const {
    return parts_->isa == isa::Isa::x86_64 ? uint32_t{R_X86_64_RELATIVE} : uint32_t{R_AARCH64_RELATIVE};
  }

  Bytes table(int64_t address, int64_t size) {
    if (tag(tags_, size) == 0) return {};
    const auto bytes = slice(bytes_from(parts_, tag(tags_, address) + parts_->bias), 0, tag(tags_, size));
    if (!bytes)
      throw Error(fmt::format("{}: corrupt: its relocations at {:#x} are in no segment", name_, tag(tags_, address)));
    return *bytes;
  }

  void write(uint64_t offset, uint64_t value) {
    if (parts_->elf.type != ET_DYN) return;
    if (!patcher_.write(offset + parts_->bias, value + parts_->bias))
      throw Error(fmt::format("{}: corrupt: relocation of {:#x}, which is in no segment's file bytes", name_, offset));
  }

  // DT_RELR (gABI, "Relative Relocations"): an even word is an address; an odd one has a bit for each of the 63 words
  // behind the last.
  void apply_packed(Bytes relr) {
    uint64_t next = 0;
    for (uint64_t at = 0; at + 8 <= relr.size(); at += 8) {
      const uint64_t entry = *get<uint64_t>(relr, at);
      if (entry % 2 == 0) {
        add_bias(entry);
        next = entry + 8;
        continue;
      }
      for (uint64_t bits = entry >> 1; bits; bits &= bits - 1)
        add_bias(next + 8 * static_cast<uint64_t>(std::countr_zero(bits)));
      next += 63 * 8;
    }
  }

  void add_bias(uint64_t offset) {
    const auto old = get<uint64_t>(bytes_from(parts_, offset + parts_->bias), 0);
    write(offset, old.value_or(0));
  }

  Parts* parts_;
  const Tags& tags_;
  const std::string& name_;
  Patcher patcher_;
};

std::vector<std::string> split_paths(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty() && out.size() < kMaxNeeded) {
    const size_t colon = std::min(text.find(':'), text.size());
    if (colon > 0) out.push_back(printable(text.substr(0, colon)));
    text.remove_prefix(std::min(colon + 1, text.size()));
  }
  return out;
}

}  // namespace

void read_dynamic(Parts* parts, Bytes file, const std::vector<Elf64_Phdr>& headers, const std::string& name) {
  Tags tags;
  ElfInfo& elf = parts->elf;
  for (const Elf64_Phdr& p : headers) {
    auto bytes = slice(file, p.p_offset, p.p_filesz);
    if (p.p_type == PT_INTERP) {
      const auto path = bytes ? c_string(*bytes, 0) : std::nullopt;
      if (!path || path->empty() || path->size() >= kMaxInterpreter)
        parts->not_runnable = "corrupt: it names an interpreter whose path cannot be read";
      else
        elf.interpreter = printable(*path);
    }
    if (p.p_type == PT_DYNAMIC && bytes) tags = read_tags(*bytes);
  }
  const Bytes strings = bytes_from(parts, tag(tags, DT_STRTAB) + parts->bias);
  for (uint64_t offset : tags[DT_NEEDED])
    if (elf.needed.size() < kMaxNeeded)
      elf.needed.push_back(printable(c_string(strings, offset).value_or("(unreadable name)")));
  for (int64_t which : {DT_RUNPATH, DT_RPATH})
    if (elf.search.empty() && tag(tags, which))
      elf.search = split_paths(c_string(strings, tag(tags, which)).value_or(""));
  if (elf.os_abi != ELFOSABI_SYSV && elf.os_abi != ELFOSABI_LINUX)
    parts->not_runnable = "a program for another system than Linux; rebuild with GOOS=linux";
  const bool others = Relocations(parts, tags, name).apply();
  elf.interpreted = !elf.interpreter.empty() && (others || !elf.needed.empty());
}

}  // namespace deferscope::loader
