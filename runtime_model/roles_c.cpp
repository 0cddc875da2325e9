#include "runtime_model/roles_c.h"

#include <fmt/format.h>

#include <algorithm>

namespace deferscope::model {
namespace {

constexpr uint64_t kWord = 8;

class Words {
 public:
  Words(const Guest& g, const std::vector<CFrameRoles>& all) : g_(g) {
    for (const CFrameRoles& f : all)
      if (f.frame.caller_sp) lo_ = std::min(lo_, f.frame.sp), hi_ = std::max(hi_, f.frame.caller_sp);
  }

  // Of a large frame both ends, as of Go's.
  std::vector<Slot> of(const CFrame& f) const {
    std::vector<Slot> out;
    const uint64_t size = f.caller_sp > f.sp ? f.caller_sp - f.sp : 0, half = kMaxFrame / 2;
    const bool large = size > kMaxFrame;
    for (uint64_t at = f.sp; at + kWord <= f.sp + size; at += kWord) {
      if (large && at == f.sp + half) {
        Slot s;
        s.address = at, s.size = static_cast<uint32_t>(size - kMaxFrame), s.c = true;
        s.name = fmt::format("{} bytes, not told", s.size), s.value = "…";
        out.push_back(std::move(s));
        at += size - kMaxFrame;
      }
      out.push_back(word(f, at));
    }
    return out;
  }

 private:
  Slot word(const CFrame& f, uint64_t at) const {
    Slot s;
    s.address = at, s.size = kWord, s.c = true;
    s.readable = g_.read(at, &s.word, kWord);
    s.value = s.readable ? fmt::format("{:#x}", s.word) : "unreadable";
    s.pointer = s.word >= lo_ && s.word < hi_;
    const auto saved = std::find_if(f.saved.begin(), f.saved.end(), [&](const auto& x) { return x.address == at; });
    if (saved == f.saved.end()) return s;
    const bool frame_pointer = saved->reg == "RBP" || saved->reg == "X29";
    s.role = saved->reg.empty() ? Role::return_address : frame_pointer ? Role::saved_fp : Role::unknown;
    s.name = saved->reg.empty() ? "return address" : "caller's " + saved->reg;
    if (!saved->reg.empty()) return s;
    s.pointer = false;
    s.value = g_.program().location(s.word).function ? g_.program().describe(s.word) : c_place(g_, s.word).text();
    return s;
  }

  const Guest& g_;
  uint64_t lo_ = UINT64_MAX, hi_ = 0;  // what is drawn of C's stacks
};

}  // namespace

std::vector<CFrameRoles> roles_of_c(const Guest& guest, const Standing& standing, const Unwound& all, size_t frames) {
  std::vector<CFrameRoles> out;
  for (CFrame& f : c_frames(guest, standing, all))
    if (f.before < frames) out.push_back({std::move(f), {}});
  const Words words(guest, out);
  for (CFrameRoles& f : out) f.slots = words.of(f.frame);
  return out;
}

}  // namespace deferscope::model
