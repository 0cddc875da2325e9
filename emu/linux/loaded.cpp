#include "emu/linux/loaded.h"

#include <algorithm>

#include "emu/posix/mappings.h"
#include "loader/sha256.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kMaxFile = 256 << 20;  // bytes; of a larger one nothing is kept
constexpr uint64_t kCost = 1024;          // of one that is kept, beside its bytes

bool starts_with(const State& s, const std::string& path) {
  return !s.libraries ||
         std::any_of(s.libraries->begin(), s.libraries->end(), [&](const Library& l) { return l.path == path; });
}

// Where it lies, from the segment that begins there in the file; without one it is where it is mapped.
uint64_t slide_of(const loader::Image* image, uint64_t address, uint64_t offset) {
  if (!image) return address - offset;
  for (const loader::Segment& s : image->segments())
    if (s.exec && page_of(s.fileoff) == offset) return address - page_of(s.vaddr);
  return address - offset - page_of(image->segments().front().vaddr);
}

std::shared_ptr<const loader::Image> parsed(const State& s, std::vector<uint8_t> bytes, const std::string& path) {
  try {
    loader::Image image = loader::Image::parse(std::move(bytes), path, s.isa);
    if (image.segments().empty()) return nullptr;
    return std::make_shared<const loader::Image>(std::move(image));
  } catch (const std::runtime_error&) {  // the guest's own loader has its word for it
    return nullptr;
  }
}

}  // namespace

Result note_code(Call& c, const OpenFile& file, uint64_t address, uint64_t offset) {
  if (starts_with(c.s, file.path) || !file.is<HostFile, ScratchFile>()) return 0;
  std::vector<uint8_t> bytes;
  const auto give_back = [&] { c.s.holdings.give_back(bytes.size()); };
  if (const Result e = whole_file(c, file, kMaxFile, bytes); !e) return give_back(), e;
  LoadedLibrary l;
  l.path = file.path, l.sha256 = loader::sha256_hex(bytes);
  c.host.work(bytes.size() / kPage);
  const auto have = std::find_if(c.s.loaded.begin(), c.s.loaded.end(),
                                 [&](const auto& known) { return known->path == l.path && known->sha256 == l.sha256; });
  if (have != c.s.loaded.end()) {
    l.image = (*have)->image;
    give_back();
  } else if (const uint64_t size = bytes.size(); !(l.image = parsed(c.s, std::move(bytes), l.path))) {
    c.s.holdings.give_back(size);
  }
  l.slide = slide_of(l.image.get(), address, offset);
  const bool known = std::any_of(c.s.loaded.begin(), c.s.loaded.end(), [&](const auto& x) {
    return x->path == l.path && x->sha256 == l.sha256 && x->slide == l.slide;
  });
  if (known) return 0;
  if (!c.s.holdings.take(kCost + 2 * l.path.size())) return Error::NOMEM;
  c.s.loaded.push_back(std::make_shared<const LoadedLibrary>(std::move(l)));
  c.host.loaded(*c.s.loaded.back());
  return 0;
}

}  // namespace deferscope::emu::linux_
