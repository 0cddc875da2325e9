// One run from the first of the openings: each frame's words are watched from its own on.
#include "session/written.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace deferscope::session {
namespace {

using model::FrameRoles;
using model::Role;

class Watched {
 public:
  Watched(Timeline& time, const Reader& reader, model::Roles& roles)
      : time_(time), reader_(reader), roles_(roles), who_(roles.standing.who), here_(time.position()) {}

  void run() {
    find_openings();
    if (!opened_.empty()) watch();
    finish();
    std::string unknown;
    for (const FrameRoles& f : roles_.frames)
      if (f.whole && may_be_stale(f) && !looked_at(f)) unknown += (unknown.empty() ? "" : ", ") + name(f);
    if (!unknown.empty())
      roles_.notes.push_back(
          fmt::format("opened more than {} instructions ago, so that words that it never wrote are not told: {}",
                      kWatchedInstructions, unknown));
  }

 private:
  struct Opened {
    FrameRoles* frame = nullptr;
    emu::Position at = 0;
    std::vector<uint8_t> bytes;  // of the frame, then
    std::vector<bool> written;   // by byte
    bool spills = false;         // only where its callee keeps arguments: opened with that
  };

  static std::string name(const FrameRoles& f) { return model::readable(f.frame.function->name()); }
  static bool may_be_stale(const FrameRoles& f) {
    return std::any_of(f.slots.begin(), f.slots.end(), [](auto& s) { return s.role != Role::return_address; });
  }
  bool looked_at(const FrameRoles& f) const {
    return std::any_of(opened_.begin(), opened_.end(), [&](const Opened& o) { return o.frame == &f && !o.spills; });
  }
  uint64_t hi() const { return reader_.guest()->stack_hi(who_.g); }

  void clear() {
    time_.machine().set_hooks({});
    time_.machine().set_watches({});
  }

  // The last time before here that the frame's function was entered at its depth.
  void find_openings() {
    std::unordered_set<uint64_t> entries;
    std::map<uint64_t, FrameRoles*> by_depth;
    for (FrameRoles& f : roles_.frames) {
      if (!f.whole || f.slots.empty() || f.frame.stack != model::StackKind::goroutine) continue;
      entries.insert(f.frame.function->f.entry);
      by_depth[roles_.stack_hi - f.frame.caller_sp] = &f;
    }
    if (by_depth.empty() || !who_.g) return;
    clear();
    time_.seek(here_ - std::min(here_, kWatchedInstructions));
    time_.machine().set_hooks(entries);
    std::map<FrameRoles*, Opened> last, spills;
    while (time_.position() < here_) {
      const emu::Position from = time_.position();
      const emu::Stop s = time_.run(here_);
      if (s.kind != emu::Stop::Hook || time_.position() >= here_) break;
      const auto f = by_depth.find(reader_.who().same(who_) ? hi() - reader_.guest()->caller_sp() : 0);
      if (f != by_depth.end() && f->second->frame.function->f.entry == reader_.pc() && hi() == roles_.stack_hi) {
        last[f->second] = open(*f->second);
        FrameRoles* caller = f->second + 1;
        if (caller < roles_.frames.data() + roles_.frames.size() && caller->lo == f->second->frame.caller_sp) {
          spills[f->second] = open(*caller);
          spills[f->second].spills = true;
        }
      }
      if (time_.position() == from) time_.run(from + 1);
    }
    for (auto* all : {&last, &spills})
      for (auto& [f, o] : *all) opened_.push_back(std::move(o));
    std::stable_sort(opened_.begin(), opened_.end(), [](const Opened& a, const Opened& b) { return a.at < b.at; });
  }

  Opened open(FrameRoles& f) const {
    Opened o;
    o.frame = &f, o.at = time_.position();
    o.bytes.resize(f.hi - f.lo), o.written.resize(f.hi - f.lo);
    reader_.state().memory.peek(f.lo, o.bytes.data(), o.bytes.size());
    return o;
  }

  // What no one has written of the frames that are open at p, in runs.
  void arm(emu::Position p) const {
    std::vector<emu::Watch> watches;
    for (const Opened& o : opened_) {
      if (o.at > p) break;
      for (size_t i = 0; i < o.written.size();) {
        size_t end = i;
        while (end < o.written.size() && !o.written[end]) ++end;
        if (end > i) {
          emu::Watch w;
          w.address = o.frame->lo + i, w.size = end - i;
          watches.push_back(w);
        }
        i = std::max(end, i + 1);
      }
    }
    time_.machine().set_watches(std::move(watches));
  }

  void watch() {
    clear();
    time_.seek(opened_.front().at);
    size_t next = 1;
    while (time_.position() < here_) {
      time_.check_interrupt();
      while (next < opened_.size() && opened_[next].at <= time_.position()) ++next;
      arm(time_.position());
      const emu::Stop s = time_.run(next < opened_.size() ? opened_[next].at : here_);
      if (s.kind == emu::Stop::Watchpoint)
        write(s.begin, s.end);
      else if (s.kind != emu::Stop::Reached)
        break;
    }
    clear();
    time_.seek(here_);
  }

  void write(uint64_t begin, uint64_t end) {
    for (Opened& o : opened_)
      for (uint64_t a = std::max(begin, o.frame->lo); o.at < time_.position() && a < std::min(end, o.frame->hi); ++a)
        o.written[a - o.frame->lo] = true;
  }

  // What the kernel wrote shows by its value alone.
  void finish() {
    clear();
    if (time_.position() != here_) time_.seek(here_);
    for (Opened& o : opened_) {
      std::vector<uint8_t> now(o.bytes.size());
      reader_.state().memory.peek(o.frame->lo, now.data(), now.size());
      for (model::Slot& s : o.frame->slots) {
        // The caller wrote these before: with its CALL; on arm64 its own prologue.
        if (o.spills && s.role != Role::spill) continue;
        if (s.role == Role::return_address || (s.role == Role::saved_fp && !s.of.empty())) continue;
        bool written = false;
        for (uint64_t i = s.address - o.frame->lo; i < s.end() - o.frame->lo; ++i)
          written = written || o.written[i] || now[i] != o.bytes[i];
        s.stale = !written;
      }
    }
  }

  Timeline& time_;
  const Reader& reader_;
  model::Roles& roles_;
  const Who who_;
  const emu::Position here_;
  std::vector<Opened> opened_;
};

}  // namespace

void find_stale(Timeline& time, const Reader& reader, model::Roles& roles) {
  if (roles.frames.empty() || !reader.guest() || !reader.who().same(roles.standing.who)) return;
  const emu::Position here = time.position();
  try {
    Watched(time, reader, roles).run();
  } catch (...) {
    time.machine().set_hooks({});
    time.machine().set_watches({});
    time.seek(here);
    throw;
  }
}

}  // namespace deferscope::session
