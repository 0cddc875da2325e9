// What never happens: defers that will not run or not return, panics that nobody recovers, and how the guest ends.
#include <algorithm>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

constexpr uint64_t kMaxMessage = 200;

// Who calls runtime.exit, by the frame that tells: a status that a program gives, or the runtime's own end of it.
struct Ender {
  std::string_view function;
  Why why;
};
constexpr Ender kEnders[] = {
    {"runtime.main", Why::main_returned}, {"os.Exit", Why::os_exit}, {"syscall.Exit", Why::os_exit}};

}  // namespace

void Tracker::never_runs(const G& g, const PendingPush& p, Why why, const std::string& doing) {
  Event e = make<DeferLeft>(g);
  DeferLeft& left = e.as<DeferLeft>();
  left.why = why;
  left.goroutine_is = doing;
  Defer& d = left.defer;
  tell(d, p);
  d.record = p.record.at(g.hi);
  d.function = naming_.deferred(read_deferred(guest_, p.funcval.at(g.hi)));
  own(e, p.frame(g.hi));
  emit(e);
}

void Tracker::never_returns(const G& g, const Running& r, Why why, const std::string& doing) {
  Event e = make(DeferLeft{defer_of(g, r), r.start, true, why, doing}, g);
  own(e, {r.owner.function, g.hi - r.owner.depth, r.owner.depth, r.owner.pc, r.owner.call});
  emit(e);
}

// True if a panic or Goexit left a record for that open-coded frame on the chain (1.14–1.21): the next one will run it,
// frame or not (golang/go#48898).
bool Tracker::has_open_record(const G& g, uint64_t sp, const Function* owner) const {
  if (!p_.layouts()[F::defer_openDefer]) return false;
  const auto chain = guest_.linked(g.g, F::g_defer, F::defer_link, ReadBudget::kRecords);
  return std::any_of(chain.records.begin(), chain.records.end(), [&](uint64_t d) {
    return guest_.field(d, F::defer_openDefer) && guest_.field(d, F::defer_sp) == sp &&
           p_.location(guest_.field(d, F::defer_pc)).function == owner;
  });
}

// What a panic or Goexit put on the list for frames that are gone since: said once of each.
void Tracker::find_stale(G& g) {
  if (!g.walked) return;
  const auto chain = guest_.linked(g.g, F::g_defer, F::defer_link, ReadBudget::kRecords);
  std::vector<uint64_t> open;
  for (uint64_t d : chain.records)
    if (guest_.field(d, F::defer_openDefer)) open.push_back(d);
  std::erase_if(g.stale, [&](uint64_t d) { return std::find(open.begin(), open.end(), d) == open.end(); });
  g.walked = !open.empty() || !g.panics.empty();
  if (open.size() == g.stale.size()) return;
  const Unwound u = guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g.hi, 500);
  for (uint64_t d : open) {
    const uint64_t sp = guest_.field(d, F::defer_sp);
    const Function* owner = p_.location(guest_.field(d, F::defer_pc)).function;
    // Another function's frame may stand in its place.
    const bool alive = std::any_of(u.frames.begin(), u.frames.end(),
                                   [&](const Frame& f) { return f.sp == sp && f.function == owner; });
    const bool seen = u.complete || (!u.frames.empty() && u.frames.back().sp > sp);
    if (alive || !seen || std::find(g.stale.begin(), g.stale.end(), d) != g.stale.end()) continue;
    g.stale.push_back(d);
    Event e = make(DeferStale{d}, g);
    own(e, {owner, sp, g.hi - sp, 0});
    emit(e);
  }
}

// The frames below are gone: what they registered and did not run will never run.
void Tracker::drop_deeper(G& g, uint64_t depth, Why why) {
  for (size_t i = g.pushed.size(); i-- > 0;) {
    const PendingPush p = g.pushed[i];
    if (p.stale) continue;
    if (p.depth <= depth) return;
    if (p.storage == Storage::open_coded && has_open_record(g, g.hi - p.depth, p.owner)) {
      g.pushed.edit(i).stale = true;
      continue;
    }
    g.pushed.erase(i);
    never_runs(g, p, why, {});
  }
}

void Tracker::drop_running(G& g, uint64_t depth, Why why) {
  while (!g.running.empty() && g.running.back().call_depth >= depth) {
    const Running r = g.running.back();
    g.running.pop_back();
    never_returns(g, r, why, {});
  }
}

// Everything that this goroutine still has.
void Tracker::leave_all(G& g, Why why, const std::string& doing) {
  drop_panics(g, 0, why);
  while (!g.running.empty()) {
    const Running r = g.running.back();
    g.running.pop_back();
    never_returns(g, r, why, doing);
  }
  while (!g.pushed.empty()) {
    const PendingPush p = g.pushed.back();
    g.pushed.pop_back();
    never_runs(g, p, why, doing);
  }
  g.panics = {};
}

// Panics at that depth and deeper, newest first. Those that no recover stopped were ended by something else.
void Tracker::drop_panics(G& g, uint64_t depth, Why why) {
  uint64_t goexit = kNoEvent;
  for (size_t i = 0; i < g.panics.size(); ++i)
    if (g.panics[i].goexit) goexit = g.panics[i].event;
  while (!g.panics.empty() && g.panics.back().depth >= depth) {
    const PendingPanic p = g.panics.back();
    g.panics.pop_back();
    if (p.goexit || p.recovered) continue;
    Event e = make(PanicAborted{panic_of(p), why}, g);
    own(e, p.frame);
    Panic& panic = e.as<PanicAborted>().panic;
    if (why == Why::goexit) panic.aborted_by = goexit;
    if (why == Why::panic) panic.aborted_by = state_->fatal, panic.other = state_->fatal_number;
    emit(e);
  }
}

// First instruction of fatalpanic: the newest panic ends the guest, and the older ones with it.
void Tracker::on_fatalpanic(const Hook&) {
  G* g = current();
  if (!g || g->panics.empty()) return;
  size_t i = g->panics.size();
  while (i > 0 && (g->panics[i - 1].goexit || g->panics[i - 1].recovered)) --i;
  if (i == 0) return;
  const PendingPanic p = g->panics[i - 1];
  g->panics.erase(i - 1);
  state_->ending = Why::panic, state_->message = p.value;
  state_->fatal = p.event, state_->fatal_number = p.number;
  drop_panics(*g, 0, Why::panic);
  Event e = make(PanicFatal{panic_of(p)}, *g);
  own(e, p.frame);
  emit(e);
}

// First instruction of throw and fatal: the first message is the reason.
void Tracker::on_throw(const Hook&) {
  if (state_->ending != Why::none) return;
  std::string text(std::min(guest_.argument(Arg::throw_size), kMaxMessage), '\0');
  if (!guest_.read(guest_.argument(Arg::throw_text), text.data(), text.size())) text.clear();
  state_->ending = text.find("deadlock") != std::string::npos ? Why::deadlock : Why::fatal_error;
  state_->message = std::move(text);
}

// First instruction of runtime.exit, whoever calls it.
void Tracker::on_exit(const Hook&) {
  G* current_g = current();
  Why why = state_->ending;
  const Unwound u = guest_.unwind(guest_.standing(m_.state().thread()), 16);
  for (const Frame& f : u.frames)
    for (const Ender& e : kEnders)
      if (why == Why::none && f.function->name() == e.function) why = e.why;
  if (why == Why::none) why = Why::fatal_error;
  const uint64_t here = current_g ? current_g->id : 0;
  std::vector<uint64_t> ids;
  state_->goroutines.each([&](uint64_t id, const G& g) {
    if (!g.empty()) ids.push_back(id);
  });
  for (uint64_t id : ids) {
    G& g = state_->goroutines[id];
    std::string doing;
    if (const auto seen = id == here ? std::nullopt : guest_.goroutine(g.g); seen && seen->id == id) {
      const std::string waits = guest_.wait_reason(*seen);
      doing = waits.empty() ? std::string(status_name(seen->status)) : "waiting: " + waits;
    }
    leave_all(g, why, doing);
  }
  G none;
  const uint64_t status = guest_.word(guest_.sp() + 8) & 0xff;  // exit(code int32), stack ABI in all versions
  Event e = make(Exit{why, status, state_->message, state_->fatal, state_->fatal_number},
                 current_g ? state_->goroutines[here] : none);
  e.origin = Origin::user;
  emit(e);
}

}  // namespace deferscope::model
