// PT_INTERP, PT_DYNAMIC and relocations. A Go PIE with internal linking names an interpreter but needs no library:
// relocating it here and starting at its entry is all that the interpreter would do.
#include "loader/elf_dynamic.h"

#include <fmt/format.h>

#include <map>

#include "loader/patcher.h"
#include "loader/printable.h"

namespace deferscope::loader {
namespace {

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

// Applies the RELA table. Other relocation kinds need a dynamic linker: the first one makes the program not runnable.
void relocate(Parts* parts, Bytes rela, const std::string& name) {
  Patcher patcher(parts);
  const uint32_t relative = parts->isa == isa::Isa::x86_64 ? uint32_t{R_X86_64_RELATIVE} : uint32_t{R_AARCH64_RELATIVE};
  for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= rela.size(); at += sizeof(Elf64_Rela)) {
    Elf64_Rela r = *get<Elf64_Rela>(rela, at);
    uint32_t type = ELF64_R_TYPE(r.r_info);
    if (type == relative) {
      if (!patcher.write(r.r_offset + parts->bias, static_cast<uint64_t>(r.r_addend) + parts->bias))
        throw Error(
            fmt::format("{}: corrupt: relocation of {:#x}, which is in no segment's file bytes", name, r.r_offset));
    } else if (type != 0 && !parts->not_runnable) {
      parts->not_runnable =
          fmt::format("needs a dynamic linker (relocation type {}); rebuild with CGO_ENABLED=0", type);
    }
  }
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void read_dynamic(Parts* parts, Bytes file, const std::vector<Elf64_Phdr>& headers, const std::string& name) {
  Tags tags;
  for (const Elf64_Phdr& p : headers) {
    auto bytes = slice(file, p.p_offset, p.p_filesz);
    if (p.p_type == PT_INTERP) parts->elf.interpreter = bytes ? printable(c_string(*bytes, 0).value_or("")) : "";
    if (p.p_type == PT_DYNAMIC && bytes) tags = read_tags(*bytes);
  }
  Bytes strings = bytes_from(parts, tag(tags, DT_STRTAB) + parts->bias);
  constexpr size_t kMaxNeeded = 1000;  // one is enough to know that it needs a dynamic linker
  for (uint64_t offset : tags[DT_NEEDED])
    if (parts->elf.needed.size() < kMaxNeeded)
      parts->elf.needed.push_back(printable(c_string(strings, offset).value_or("(unreadable name)")));

  if (uint8_t abi = parts->elf.os_abi; abi != ELFOSABI_SYSV && abi != ELFOSABI_LINUX)
    parts->not_runnable = "a program for another system than Linux; rebuild with GOOS=linux";
  else if (!parts->elf.needed.empty())
    parts->not_runnable =
        fmt::format("dynamically linked ({}); rebuild with CGO_ENABLED=0",
                    parts->elf.interpreter.empty() ? parts->elf.needed.front() : file_name(parts->elf.interpreter));

  if (uint64_t size = tag(tags, DT_RELASZ); size != 0 && parts->elf.type == ET_DYN) {
    auto rela = slice(bytes_from(parts, tag(tags, DT_RELA) + parts->bias), 0, size);
    if (!rela)
      throw Error(fmt::format("{}: corrupt: its relocations at {:#x} are in no segment", name, tag(tags, DT_RELA)));
    relocate(parts, *rela, name);
  }
}

}  // namespace deferscope::loader
