#include "emu/posix/boot.h"

#include <fmt/format.h>

#include <memory>

#include "emu/posix/files.h"
#include "emu/posix/host_files.h"

namespace deferscope::emu::posix {
namespace {

uint8_t prot_of(const loader::Segment& seg) {
  return static_cast<uint8_t>((seg.read ? kRead : 0) | (seg.write ? kWrite : 0) | (seg.exec ? kExec : 0));
}

// A segment as whole pages. What a first page holds before the segment's first byte comes from the segment before it,
// if that ends in the same page; else it is zero.
void map_segment(State& s, MachineState& m, const loader::Image& image, const loader::Segment& seg) {
  if (seg.memsz == 0) return;
  uint64_t begin = page_of(seg.vaddr);
  const uint64_t end = page_up(seg.end());
  const uint8_t prot = prot_of(seg);
  auto owner = std::make_shared<const loader::Image>(image);
  if (begin == seg.vaddr && !m.memory.any_mapped(begin, 1)) {
    m.memory.map(begin, end - begin, prot, Backing{owner, seg.bytes}, image.path());
    return;
  }
  // Unaligned: bytes are copied to a buffer that starts at the page. Each of many segments may be all of a file.
  const size_t size = seg.vaddr - begin + seg.bytes.size();
  if (!s.holdings.take(size)) throw emu::Error(image.path() + ": its segments need more memory than --memory allows");
  auto bytes = std::make_shared<std::vector<uint8_t>>(size);
  m.memory.peek(begin, bytes->data(), seg.vaddr - begin);
  std::copy(seg.bytes.begin(), seg.bytes.end(), bytes->begin() + static_cast<std::ptrdiff_t>(seg.vaddr - begin));
  const std::span<const uint8_t> view(*bytes);
  m.memory.map(begin, end - begin, prot, Backing{std::move(bytes), view}, image.path());
}

}  // namespace

uint64_t map_image(State& s, MachineState& m, const loader::Image& image, uint64_t limit) {
  uint64_t end = 0;
  for (const loader::Segment& seg : image.segments()) {
    if (seg.end() > limit)
      throw emu::Error(fmt::format("{}: segment at {:#x} lies outside user space", image.path(), seg.vaddr));
    map_segment(s, m, image, seg);
    end = std::max(end, page_up(seg.end()));
  }
  return end;
}

namespace {
constexpr std::string_view kPath = "PATH=/usr/local/bin:/usr/bin:/bin";
}

std::string last_of_path(const GuestOptions& options) {
  std::string_view path = kPath;
  for (const std::string& kv : options.env)
    if (kv.starts_with("PATH=")) path = kv;
  return std::string(path.substr(path.find_last_of("=:") + 1));
}

std::vector<std::string> environment(const GuestOptions& options) {
  std::vector<std::string> env{std::string(kPath), "HOME=/", "USER=guest"};
  for (const std::string& kv : options.env) {
    const std::string key = kv.substr(0, kv.find('=') + 1);
    std::erase_if(env, [&](const std::string& e) { return e.starts_with(key); });
    env.push_back(kv);
  }
  return env;
}

void hold_start_directory(State& s, MachineState& m, HostPort& host) {
  if (s.roots->empty() || s.cwd == "/") return;
  Context c{s, m, host, 0};
  OpenFile f;
  if (!host_enter(c, s.cwd, f)) return;
  if (const Result file = new_file(s, f)) change_directory(s, s.cwd, static_cast<int>(file.value()));
}

}  // namespace deferscope::emu::posix
