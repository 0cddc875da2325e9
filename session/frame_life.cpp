#include "session/frame_life.h"

#include <algorithm>

namespace deferscope::session {

std::optional<emu::Position> last_hook_before(Timeline& time, emu::Position p, const std::unordered_set<uint64_t>& pcs,
                                              const std::function<bool()>& want) {
  std::vector<emu::Position> marks = time.machine().snapshot_positions();
  if (marks.empty() || marks.front() != 0) marks.insert(marks.begin(), 0);
  time.machine().set_hooks(pcs);
  time.machine().set_watches({});
  emu::Position end = p;
  for (auto it = marks.rbegin(); it != marks.rend(); ++it) {
    if (*it >= end) continue;
    time.check_interrupt();
    std::optional<emu::Position> found;
    time.seek(*it);
    emu::Position seen = emu::kNever;
    while (time.position() < end) {
      const emu::Stop s = time.run(end);
      if (s.kind != emu::Stop::Hook || time.position() >= end) break;
      if (time.position() != seen && want()) found = time.position();
      seen = time.position();
    }
    if (found) return found;
    time.tell({*it, true});
    end = *it;
  }
  return std::nullopt;
}

FrameLife::FrameLife(const Reader& reader, const Who& who, const Frame& f)
    : who_(who), function_(f.function), return_address_(f.return_address), from_(reader.position()), to_(from_) {
  who_.system = f.stack != model::StackKind::goroutine;
  depth_ = reader.depth(who_, f.caller_sp);
  if (!reader.program() || who.goid == 0) return;
  for (const char* name : {"runtime.gogo", "runtime.goexit0"}) {
    if (const auto s = reader.machine().image().find_symbol(name)) cuts_.insert(s->address);
    for (const loader::Func& at : reader.program()->go().funcs.find(name)) cuts_.insert(at.entry);
  }
}

std::unordered_set<uint64_t> FrameLife::hooks() const {
  if (dropped_) return {};
  std::unordered_set<uint64_t> out = cuts_;
  if (function_) out.insert(function_->f.entry);
  if (return_address_) out.insert(return_address_);
  if (resumes_at_) out.insert(*resumes_at_);
  return out;
}

bool FrameLife::hooked(uint64_t pc) const {
  return pc == return_address_ || cuts_.count(pc) || (resumes_at_ && pc == *resumes_at_);
}

// At one of its hooks: has it returned, was it cut, or is its goroutine at its end?
bool FrameLife::gone_here(const Reader& reader) {
  const Who now = reader.who();
  if (!now.same(who_)) return false;
  const uint64_t pc = reader.pc();
  if (pc == return_address_ && now.system == who_.system && reader.depth() <= depth_) return true;
  if (resumes_at_ && pc == *resumes_at_ && !now.system) return cut_ = true;
  if (!cuts_.count(pc)) return false;
  const model::Function* f = reader.function(pc);
  if (f && f->name() == "runtime.goexit0") return cut_ = true;
  const Standing resumed = reader.guest()->parked(now);
  if (reader.guest()->stack_hi(resumed.who.g) - resumed.sp <= depth_) resumes_at_ = resumed.pc;
  return false;
}

bool FrameLife::ran(const Reader& reader, emu::Position from) {
  const emu::Position here = reader.position();
  if (dropped_ || here == from) return false;
  if (end_ || !alive_at(from) || from > to_) return begin_ == here || end_ == here;
  if (here > to_ && hooked(reader.pc()) && gone_here(reader)) {
    end_ = here;
    resumes_at_.reset();
    return true;
  }
  to_ = std::max(to_, here);
  return false;
}

void FrameLife::find(Timeline& time, const Reader& reader) {
  const emu::Position here = time.position();
  if (reaches(here)) return;
  if (here < from_) {
    const auto at_entry = [&] {
      return reader.who().same(who_) && reader.depth(reader.who(), reader.guest()->caller_sp()) == depth_;
    };
    if (function_) begin_ = last_hook_before(time, from_, {function_->f.entry}, at_entry);
    if (!begin_) begin_ = from_;
    time.seek(here);
  } else {
    time.seek(to_);
    time.machine().set_watches({});
    while (time.position() < here && !end_) {
      time.check_interrupt();
      const emu::Position from = time.position();
      time.machine().set_hooks(hooks());  // a cut at work adds one
      const emu::Stop s = time.run(here);
      ran(reader, from);
      if (s.kind != emu::Stop::Hook) break;
      if (time.position() == from) time.run(from + 1);
    }
    time.seek(here);
  }
  time.machine().set_hooks({});
  time.machine().set_watches({});
}

void FrameLife::drop_after(emu::Position p) {
  if (begin_.value_or(from_) > p) dropped_ = true;
  if (end_ && *end_ > p) end_.reset(), cut_ = false;
  resumes_at_.reset();
  from_ = std::min(from_, std::max(p, begin_.value_or(from_)));
  to_ = std::min(to_, p);
}

}  // namespace deferscope::session
