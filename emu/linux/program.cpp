#include "emu/linux/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "emu/posix/boot.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kMinAddress = 0x10000;  // vm.mmap_min_addr

uint8_t prot_of(const loader::Segment& seg) {
  return static_cast<uint8_t>((seg.read ? kRead : 0) | (seg.write ? kWrite : 0) | (seg.exec ? kExec : 0));
}

// The file's own bytes, page by page, as a mapping of it shows them: what stands beside a segment in its first and last
// page is there too, but where the segment goes on in memory that begins with zeros.
void map_segment(MachineState& m, const loader::Image& image, const loader::Segment& seg, uint64_t delta,
                 const MappingName& name) {
  const uint64_t head = seg.vaddr % kPage;
  if (seg.fileoff % kPage != head)
    throw emu::Error(fmt::format("{}: segment at {:#x} does not begin where its page of the file does", image.path(),
                                 seg.vaddr - image.bias()));
  const uint64_t shown = head + seg.filesz, from = seg.fileoff - head;
  const uint64_t there =
      std::min<uint64_t>(seg.memsz > seg.filesz ? shown : page_up(shown), image.file().size() - from);
  const loader::Bytes bytes = image.file().subspan(static_cast<size_t>(from), static_cast<size_t>(there));
  m.memory.map(page_of(seg.vaddr + delta), page_up(head + seg.memsz), prot_of(seg),
               Backing{std::make_shared<const loader::Image>(image), bytes}, name);
}

void map_segments(MachineState& m, const loader::Image& image, uint64_t delta, const MappingName& name) {
  for (const loader::Segment& seg : image.segments()) map_segment(m, image, seg, delta, name);
}

}  // namespace

Program map_program(State& s, MachineState& m, HostPort& host, const loader::Image& image, uint64_t limit) {
  const bool relocated = image.elf().type != 3 || (!image.elf().interpreter.empty() && !image.elf().interpreted);
  if (relocated && !image.elf().interpreted) return {image.entry(), 0, map_image(s, m, image, limit)};
  Program p{image.entry(), 0, 0};
  for (const loader::Segment& seg : image.segments()) {
    if (seg.end() > limit)
      throw emu::Error(fmt::format("{}: segment at {:#x} lies outside user space", image.path(), seg.vaddr));
    p.end = std::max(p.end, page_up(seg.end()));
  }
  map_segments(m, image, 0, image.path());
  if (!image.elf().interpreted) return p;
  s.libraries = std::make_shared<const std::vector<Library>>(find_libraries(image, *s.options, host.files()));
  if (const auto why = missing_library(image, *s.libraries, s.options->sysroot))
    throw emu::Error(image.path() + ": " + *why);
  const loader::Image& interpreter = *s.libraries->front().image;
  const uint64_t low = page_of(interpreter.segments().front().vaddr);
  const uint64_t size = page_up(interpreter.segments().back().end()) - low;
  const uint64_t at = m.memory.find_free_down(size, kMinAddress, s.mmap_top);
  if (at == 0) throw emu::Error(fmt::format("{}: no room for its interpreter", image.path()));
  map_segments(m, interpreter, at - low, s.libraries->front().path);
  p.base = at - (low - interpreter.bias());
  p.entry = interpreter.entry() + (at - low);
  return p;
}

}  // namespace deferscope::emu::linux_
