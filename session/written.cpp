// One run from the first of the openings, all of whose writes are logged.
#include "session/written.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "session/write_log.h"

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
    time_.machine().set_hooks({});
    time_.seek(here_);
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
    bool passed = false;  // only what its callee writes: opened with that
    emu::Position at = 0;
    std::vector<uint64_t> words;  // of the frame's slots, then
    uint32_t writes = 0;          // the log's number, then
  };

  using Openings = std::map<FrameRoles*, Opened>;

  static std::string name(const FrameRoles& f) { return model::readable(f.frame.function->name()); }
  static bool may_be_stale(const FrameRoles& f) {
    return std::any_of(f.slots.begin(), f.slots.end(), [](auto& s) { return s.role != Role::return_address; });
  }
  bool looked_at(const FrameRoles& f) const {
    return std::any_of(opened_.begin(), opened_.end(), [&](const Opened& o) { return o.frame == &f && !o.passed; });
  }
  uint64_t hi() const { return reader_.guest()->stack_hi(who_.g); }

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
    time_.machine().set_watches({});
    time_.seek(here_ - std::min(here_, kWatchedInstructions));
    time_.machine().set_hooks(entries);
    Openings last, passed;
    while (time_.position() < here_) {
      const emu::Position from = time_.position();
      const emu::Stop s = time_.run(here_);
      if (s.kind != emu::Stop::Hook || time_.position() >= here_) break;
      const auto f = by_depth.find(reader_.who().same(who_) ? hi() - reader_.guest()->caller_sp() : 0);
      if (f != by_depth.end() && f->second->frame.function->f.entry == reader_.pc() && hi() == roles_.stack_hi)
        found(*f->second, last, passed);
      if (time_.position() == from) time_.run(from + 1);
    }
    if (time_.position() < here_) time_.seek(here_);
    if (roles_.frames[0].entering()) found(roles_.frames[0], last, passed);
    for (auto* all : {&last, &passed})
      for (auto& [f, o] : *all) opened_.push_back(std::move(o));
    std::stable_sort(opened_.begin(), opened_.end(), [](const Opened& a, const Opened& b) { return a.at < b.at; });
  }

  // Entered here: f, and what it has in its caller's frame.
  void found(FrameRoles& f, Openings& last, Openings& passed) const {
    last[&f] = open(f);
    FrameRoles* caller = &f + 1;
    if (caller >= roles_.frames.data() + roles_.frames.size() || caller->lo != f.frame.caller_sp) return;
    passed[&f] = open(*caller);
    passed[&f].passed = true;
  }

  Opened open(FrameRoles& f) const {
    Opened o;
    o.frame = &f, o.at = time_.position();
    for (const model::Slot& s : f.slots) {
      o.words.push_back(0);
      if (!s.untold()) reader_.state().memory.peek(s.address, &o.words.back(), s.size);
    }
    return o;
  }

  // From the first opening to here, every write logged.
  void watch() {
    time_.machine().set_hooks({});
    time_.seek(opened_.front().at);
    emu::Engine& engine = time_.machine().engine();
    engine.set_observer(&log_, true);
    for (Opened& o : opened_) {
      if (time_.position() < o.at) time_.run(o.at);
      o.writes = log_.now();
    }
    if (time_.position() < here_) time_.run(here_);
    engine.set_observer(nullptr);
  }

  // What the kernel wrote shows by its value alone.
  void finish() {
    for (const Opened& o : opened_)
      for (size_t i = 0; i < o.words.size(); ++i) {
        model::Slot& s = o.frame->slots[i];
        // The caller wrote the others before: with its CALL; on arm64 its own prologue.
        if (s.untold() || (o.passed && !o.frame->callee_writes(s))) continue;
        if (s.role == Role::return_address || (s.role == Role::saved_fp && !s.of.empty())) continue;
        s.stale = !log_.written_since(o.writes, s.address, s.size) && s.word == o.words[i];
      }
  }

  Timeline& time_;
  const Reader& reader_;
  model::Roles& roles_;
  const Who who_;
  const emu::Position here_;
  std::vector<Opened> opened_;
  WriteLog log_;
};

}  // namespace

void find_stale(Timeline& time, const Reader& reader, model::Roles& roles) {
  if (roles.frames.empty() || !reader.guest() || !reader.who().same(roles.standing.who)) return;
  const emu::Position here = time.position();
  try {
    Watched(time, reader, roles).run();
  } catch (...) {
    time.machine().set_hooks({});
    time.machine().engine().set_observer(nullptr);
    time.seek(here);
    throw;
  }
}

}  // namespace deferscope::session
