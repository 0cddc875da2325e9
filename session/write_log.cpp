// A frame is opened by the write of its return address: by CALL, or by the prologue where LR has it.
#include "session/write_log.h"

#include <algorithm>

namespace deferscope::session {

using model::Role;

void WriteLog::forget() {
  pages_.clear();
  near_.fill({});
  moved_.clear();
}

WriteLog::Page& WriteLog::page_of(uint64_t address) {
  const uint64_t number = address / kPage;
  Near& n = near_[number % near_.size()];
  if (n.number == number) return *n.page;
  std::unique_ptr<Page>& page = pages_[number];
  if (!page) page = std::make_unique<Page>();
  n = {number, page.get()};
  return *page;
}

void WriteLog::wrote(uint64_t address, unsigned bytes) {
  if (++now_ == 0 || pages_.size() > kMostPages) {
    forget();
    now_ = 1;
  }
  while (bytes > 0) {
    const uint64_t in = address % kPage, n = std::min<uint64_t>(bytes, kPage - in);
    std::fill_n(page_of(address).begin() + static_cast<ptrdiff_t>(in), n, now_);
    address += n, bytes -= static_cast<unsigned>(n);
  }
}

void WriteLog::moved(uint64_t lo, uint64_t hi) {
  constexpr size_t kMostStacks = 10'000;
  if (moved_.size() > kMostStacks) forget();
  moved_[lo] = {hi, now_};
}

uint32_t WriteLog::last(uint64_t address) const {
  const auto page = pages_.find(address / kPage);
  return page == pages_.end() ? 0 : (*page->second)[address % kPage];
}

uint32_t WriteLog::last_of(uint64_t address, uint64_t bytes) const {
  uint32_t latest = 0;
  for (uint64_t i = 0; i < bytes; ++i) latest = std::max(latest, last(address + i));
  return latest;
}

uint32_t WriteLog::opened(const model::Frame& f) const {
  if (!f.return_slot || f.stack != model::StackKind::goroutine) return 0;
  const uint32_t at = last_of(f.return_slot, 8);
  const auto stack = moved_.upper_bound(f.return_slot);
  if (stack == moved_.begin()) return at;
  const auto& [hi, since] = std::prev(stack)->second;
  return f.return_slot < hi && at <= since ? 0 : at;
}

void WriteLog::mark(model::Slot& s, uint32_t opened, const WriteLog& log) {
  if (s.untold() || s.role == Role::return_address || (s.role == Role::saved_fp && !s.of.empty())) return;
  s.stale = log.last_of(s.address, s.size) <= opened;
}

void WriteLog::mark(model::Roles& r) const {
  // Outermost first: a callee's results and what it may keep in its caller's frame are as old as the callee.
  for (size_t i = r.frames.size(); i-- > 0;) {
    model::FrameRoles& f = r.frames[i];
    const uint32_t at = !f.whole ? 0 : f.entering() && !f.frame.return_slot ? now_ : opened(f.frame);
    if (!at) continue;
    for (model::Slot& s : f.slots) mark(s, at, *this);
    if (i + 1 < r.frames.size() && r.frames[i + 1].lo == f.frame.caller_sp)
      for (model::Slot& s : r.frames[i + 1].slots)
        if (r.frames[i + 1].callee_writes(s)) mark(s, at, *this);
  }
}

}  // namespace deferscope::session
