#include "session/chains.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime_model/naming.h"
#include "runtime_model/typed.h"
#include "session/error.h"

namespace deferscope::session {

std::optional<Chains> read_chains(const Reader& reader, const model::Tracker* tracker, uint64_t g) {
  if (!reader.guest() || g == 0) return std::nullopt;
  const model::Guest& guest = *reader.guest();
  const auto goroutine = guest.goroutine(g);
  if (!goroutine) return std::nullopt;
  Chains out;
  out.goid = goroutine->id;
  const model::Unwound frames = guest.unwind(*goroutine, 200);
  model::ReadBudget budget;
  if (!tracker) return out.chain = model::read_chain(guest, *goroutine, frames, budget), out;
  out.chain = tracker->chain(guest, *goroutine, frames, budget);
  const auto list = guest.linked(g, model::F::g_defer, model::F::defer_link, model::ReadBudget::kRecords).records;
  for (model::Running& r : tracker->running(goroutine->id)) {
    RunningDefer d;
    d.function = r.entry ? reader.function(r.entry) : nullptr;
    const uint64_t record = r.record.at(goroutine->hi);
    d.linked = r.record && std::find(list.begin(), list.end(), record) != list.end();
    d.run = std::move(r);
    out.running.push_back(std::move(d));
  }
  return out;
}

DeferredValues deferred_values(const Reader& reader, uint64_t g, const model::ChainEntry& entry) {
  const model::Guest& guest = *reader.guest();
  DeferredValues out;
  const auto goroutine = guest.goroutine(g);
  if (!goroutine) return out;
  const model::Unwound frames = guest.unwind(*goroutine, 200);
  const model::StackPlaces places(guest, frames.frames.empty() ? goroutine->hi : frames.frames[0].sp, goroutine->hi,
                                  frames);
  model::Deferred deferred = entry.deferred;
  model::describe_captured(guest, deferred, places);
  for (const model::Captured& c : model::Naming(guest.program()).deferred(deferred).captured) {
    std::string value = model::captured_text(guest.program(), c);
    if (value.empty()) continue;  // a later part of the variable before it
    out.captured.push_back({c.name ? std::string(c.name.text()) : fmt::format("+{}", c.offset),
                            std::string(c.type.text()), std::move(value)});
  }
  out.all_captured = entry.deferred.captured_complete;
  if (!entry.incomplete)
    out.arguments = model::typed_arguments(guest, entry.deferred.function, entry.arguments, places);
  return out;
}

std::vector<GoroutineSeen> goroutines(const Reader& reader, const Focus& focus) {
  if (!reader.guest()) throw Error("this program is no Go program that the model reads");
  const model::Guest& guest = *reader.guest();
  const uint64_t mine = focus.who().g;
  std::vector<GoroutineSeen> out;
  for (const model::Goroutine& g : guest.goroutines()) {
    GoroutineSeen seen;
    seen.goroutine = g;
    seen.in_focus = g.g == mine;
    if (g.thread >= 0) seen.tid = reader.state().threads[static_cast<size_t>(g.thread)].tid;
    const model::Unwound u = guest.unwind(g, 1);
    if (!u.frames.empty()) seen.pc = u.frames[0].pc, seen.sp = u.frames[0].sp;
    seen.waits_for = guest.wait_reason(g);
    out.push_back(std::move(seen));
  }
  return out;
}

std::vector<ThreadSeen> threads(const Reader& reader) {
  const emu::MachineState& s = reader.state();
  std::vector<ThreadSeen> out;
  for (size_t i = 0; i < s.threads.size(); ++i) {
    const emu::Thread& t = s.threads[i];
    ThreadSeen seen{&t, reader.who(t), i == s.current, ""};
    if (t.status == emu::ThreadStatus::Blocked) seen.waits_in = s.os->describe_thread(s, t);
    out.push_back(std::move(seen));
  }
  return out;
}

}  // namespace deferscope::session
