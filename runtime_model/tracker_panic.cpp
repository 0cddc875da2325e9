// Panics, recoveries, Goexit, and the other ways in which SP and PC are rewritten.
#include <algorithm>
#include <utility>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

constexpr size_t kSearched = 16;        // frames searched for the function that panics
constexpr size_t kSearchedUser = 200;   // and for the user's that called into a library where one panics
constexpr size_t kDiscardedNames = 32;  // of discarded frames that are named

}  // namespace

// Who panics: panicIndex, sigpanic … do for their callers. A library's panic that the user's code is the first to see,
// in a deferred function or as the guest's end, is that of the user's function that called the library.
FrameId Tracker::panicking(const G& g) {
  const auto unwound = [&](size_t frames) {
    return guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g.hi, frames);
  };
  const FrameId found = innermost(g, unwound(kSearched), Origin::std_);
  if (origin_of(found) == Origin::user) return found;
  size_t next = g.pushed.size();
  const auto owner = [&] { return g.pushed[next - 1].owner; };
  while (next > 0 && (!owner() || owner()->origin == Origin::runtime)) --next;  // runtime.main's own lies below all
  if (next > 0 && owner()->origin != Origin::user) return found;
  const FrameId caller = innermost(g, unwound(kSearchedUser), Origin::user);
  return origin_of(caller) == Origin::user ? caller : found;
}

void Tracker::on_gopanic(const Hook&) {
  G* g = current();
  if (!g) return;
  Event e = make<PanicStart>(*g);
  Panic& panic = e.as<PanicStart>().panic;
  const uint64_t type = guest_.argument(Arg::gopanic_type);
  // panic(nil) panics with another value from 1.21 on, unless GODEBUG says panicnil=1.
  const uint64_t setting = type ? 0 : p_.panicnil();
  uint32_t panicnil = 0;
  const bool nil_error = setting && guest_.read(setting, &panicnil, 4) && panicnil != 1;
  panic.value = nil_error ? nil_panic_value() : panic_value(guest_, type, guest_.argument(Arg::gopanic_data));
  FrameId owner = panicking(*g);
  owner.call = count_call(*g, owner, true);
  own(e, owner);
  show_call(e, before(1), guest_.return_address());
  const uint64_t depth = g->hi - guest_.caller_sp();
  drop_panics(*g, depth, Why::frame);
  find_stale(*g);
  g->walked = static_cast<bool>(p_.layouts()[F::defer_openDefer]);
  if (!g->panics.empty()) panic.nested_in = g->panics.back().event, panic.other = g->panics.back().number;
  panic.number = ++state_->panics;
  panic.ordinal = count_panic(*g, e);
  PendingPanic p{0, panic.number, panic.ordinal, depth, false, false, panic.value, owner};
  emit(e);
  p.event = e.id;
  g->station = {e.position, 0, e.id};
  state_->held += 32;
  g->panics.push_back(std::move(p));
}

void Tracker::on_goexit(const Hook&) {
  G* g = current();
  if (!g) return;
  Event e = make<Goexit>(*g);
  const uint64_t depth = g->hi - guest_.caller_sp();
  // The user's where the user's code called it, if only through a library (testing.T.FailNow), or deferred it.
  const Unwound u = guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g->hi, kSearched);
  FrameId owner = innermost(*g, u, Origin::user);
  owner.call = count_call(*g, owner, true);
  own(e, owner);
  show_call(e, before(1), guest_.return_address());
  find_stale(*g);
  g->walked = static_cast<bool>(p_.layouts()[F::defer_openDefer]);
  const uint64_t ordinal = e.as<Goexit>().panic.ordinal = count_panic(*g, e);
  emit(e);
  g->station = {e.position, 0, e.id};
  state_->held += 32;
  g->panics.push_back({e.id, 0, ordinal, depth, true, false, "Goexit", owner});
}

// Logical frames from the caller of recover to the function that runs defers: they decide whether recover may work.
std::vector<CallerFrame> Tracker::recover_callers(const G& g) const {
  std::vector<CallerFrame> out;
  const Unwound u = guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g.hi, kSearched);
  for (size_t i = 1; i < u.frames.size(); ++i) {
    const Frame& f = u.frames[i];
    const bool runs = runs_defers(f.function->name());
    try {
      for (const loader::InlineFrame& l : p_.go().funcs.inline_stack(f.function->f, f.lookup))
        out.push_back({Name(readable(l.function)), l.func_id == p_.mech().id_wrapper, l.inlined, runs, f.sp});
    } catch (const loader::Error&) {
      out.push_back({Name(readable(f.function->name())), f.function->wrapper, false, runs, f.sp});
    }
    if (f.function->name() == "runtime.gopanic" || f.function->name() == "runtime.Goexit") break;
  }
  return out;
}

// recover works if its caller is the deferred function. That is the outermost frame below those that run defers that is
// no wrapper: among the physical frames where gorecover compares addresses of arguments (what was inlined into a
// wrapper is not seen, golang/go#73916), among the logical ones where it walks the stack (1.26+).
int Tracker::deciding_frame(const std::vector<CallerFrame>& callers) const {
  // A method value's wrapper adjusts argp only where the compiler gave it that prologue.
  const auto passed_over = [&](const CallerFrame& c) {
    return c.wrapper && (p_.mech().method_value_adjusts || !c.function.text().ends_with("-fm"));
  };
  size_t i = callers.size();
  while (i > 0 && callers[i - 1].runs_defers) --i;
  while (i-- > 0)
    if (!passed_over(callers[i]) && !(callers[i].inlined && p_.mech().recover_by_argp)) return static_cast<int>(i);
  return -1;
}

void Tracker::on_gorecover_return(const Hook&) {
  G* g = current();
  const uint64_t p = g ? guest_.field(g->g, F::g_panic) : 0;
  if (!p || g->panics.empty() || (guest_.field(p, F::panic_goexit) & 0xff)) return;
  const PendingPanic& top = g->panics.back();
  if (top.recovered || top.goexit) return;
  const bool recovered = guest_.field(p, F::panic_recovered) & 0xff;
  PanicRecovered recover;
  recover.panic = panic_of(top);
  recover.callers = recover_callers(*g);
  recover.decider = deciding_frame(recover.callers);
  if (recover.decider >= 0) recover.decided_by = recover.callers[static_cast<size_t>(recover.decider)].function;
  const Name by = recover.callers.empty() ? Name() : recover.callers[0].function;
  EventBody body = std::move(recover);
  if (!recovered) {
    auto& r = std::get<PanicRecovered>(body);
    body = RecoverRefused{std::move(r.panic), std::move(r.callers), r.decided_by, r.decider};
  }
  Event e = make(std::move(body), *g);
  FrameId caller = frame_id(*g, guest_.return_address(), guest_.caller_sp());
  if (by && caller.function && by != naming_.function(caller.function)) caller.inlined = by;
  own(e, caller);
  // `defer recover()`: whoever runs defers calls it, and it is the deferring function's.
  if (e.origin == Origin::runtime && !g->running.empty())
    e.origin = std::min(e.origin, origin_of(g->running.back().owner));
  if (recovered) g->panics.edit(g->panics.size() - 1).recovered = true;
  emit(e);
}

Resume Tracker::resume_at(uint64_t pc) const {
  const Function* to = p_.location(pc).function;
  if (!to) return Resume::none;
  if (to->f.deferreturn && pc == to->f.entry + to->f.deferreturn) return Resume::deferreturn;
  if (to->name() == "runtime.Goexit" || to->name() == "runtime.runOpenDeferFrame") return Resume::goexit;
  for (const Call& c : p_.calls_in(*to))
    if (const Function* f = c.next == pc && c.target ? p_.function_at(c.target) : nullptr)
      if (f->name().starts_with("runtime.deferproc")) return Resume::deferproc;
  return Resume::none;
}

// Entry of recovery, on g0: the goroutine still stands where it called mcall.
void Tracker::on_recovery(const Hook&) {
  ThreadWork& w = state_->work[m_.state().thread().tid];
  w.gp = guest_.argument(Arg::recovery_gp);
  w.frames.clear();
  if (const G* g = current(); g && p_.mech().on_return == ReturnMechanism::machine)
    w.walk = read_walk(*g, guest_.field(w.gp, F::g_panic));
  if (auto g = guest_.goroutine(w.gp)) {
    const uint64_t sched = guest_.address_of(w.gp, F::g_sched);
    w.frames =
        guest_.unwind(guest_.field(sched, F::gobuf_pc), guest_.field(sched, F::gobuf_sp), 0, true, g->hi, 500).frames;
  }
}

// CALL gogo in recovery: sched says where execution resumes.
void Tracker::on_recovery_jump(const Hook&) {
  G* g = current();
  if (!g) return;
  ThreadWork& w = state_->work[m_.state().thread().tid];
  const uint64_t gp = w.gp ? w.gp : g->g, sched = guest_.address_of(gp, F::g_sched);
  Event e = make<RecoveryJump>(*g);
  RecoveryJump& jump = e.as<RecoveryJump>();
  jump.to = guest_.field(sched, F::gobuf_pc);
  jump.to_sp = guest_.field(sched, F::gobuf_sp);
  jump.returns_one = guest_.field(sched, F::gobuf_ret) == 1;
  FrameId to = frame_id(*g, jump.to + 1, jump.to_sp);
  to.pc = jump.to;
  own(e, to);
  jump.resumes = resume_at(jump.to);
  for (const Frame& f : w.frames) {
    if (f.sp >= jump.to_sp) break;
    ++jump.discarded_count;
    if (jump.discarded.size() < kDiscardedNames) jump.discarded.push_back(naming_.function(f.function));
  }
  jump.walk = std::exchange(w.walk, {});
  g->walk = {};
  if (!jump.walk.none()) jump.saved = read_saved(gp);
  discard(*g, e, to.depth);
  w.frames.clear();
  w.gp = 0;
}

// Frames deeper than the target are gone: their panics, running calls and registered defers with them.
void Tracker::discard(G& g, Event& jump, uint64_t depth) {
  Panic& over = jump.as<RecoveryJump>().panic;
  std::vector<PendingPanic> gone;
  // gopanic's own frame is deeper than its caller's, where the depth was taken.
  while (!g.panics.empty() && g.panics.back().depth >= depth) {
    gone.push_back(g.panics.back());
    g.panics.pop_back();
  }
  for (const PendingPanic& p : gone)
    if (p.recovered) {
      over = panic_of(p);
      if (p.frame.function) jump.origin = std::min(jump.origin, origin_of(p.frame));
      break;
    }
  drop_deeper(g, depth, Why::recovery);  // first: from here on no frame has them
  while (!g.frames.empty() && g.frames.back().depth > depth) g.frames.pop_back();
  for (const PendingPanic& p : gone) {
    if (p.event == over.id) continue;  // all others: also one whose deferred function recovered it and panicked
    Event e = make(PanicAborted{panic_of(p), Why::recovery}, g);
    own(e, p.frame);
    Panic& aborted = e.as<PanicAborted>().panic;
    aborted.aborted_by = over.id, aborted.other = over.number;
    emit(e);
  }
  // Those made from the target's own SP (by its exit code; by Goexit, if that is where execution resumes) are over too.
  drop_running(g, depth, Why::recovery);
  emit(jump);
}

// --- stacks ---

void Tracker::on_copystack(const Hook&) {
  ThreadWork& w = state_->work[m_.state().thread().tid];
  w.gp = guest_.argument(Arg::copystack_gp);
  w.old_lo = guest_.word(guest_.address_of(w.gp, F::g_stack));
  w.old_hi = guest_.word(guest_.address_of(w.gp, F::g_stack) + 8);
}

void Tracker::on_copystack_return(const Hook&) {
  ThreadWork& w = state_->work[m_.state().thread().tid];
  const auto g = guest_.goroutine(std::exchange(w.gp, 0));
  if (!g || !g->id) return;
  G known;
  known.g = g->g, known.id = g->id, known.hi = g->hi;
  Event e = make(StackMove{{w.old_lo, w.old_hi}, {g->lo, g->hi}, {}}, known);
  e.origin = Origin::runtime;
  size_t bound = 10'000;
  for (uint64_t d = g->defer; d && bound--; d = guest_.field(d, F::defer_link)) {
    if (d < g->lo || d >= g->hi) continue;
    e.as<StackMove>().records.push_back({d - g->hi + w.old_hi, d});
    const uint64_t pc = guest_.field(d, F::defer_pc);
    const Function* owner = pc ? p_.location(pc - 1).function : nullptr;
    if (owner && owner->origin < e.origin) e.origin = owner->origin;
  }
  emit(e);
}

// First instruction of the function that control was transferred to (sigpanic, asyncPreempt) or that transfers it.
void Tracker::on_transfer(const Hook& h) {
  G* g = current();
  if (!g) return;
  const auto what = static_cast<TransferBy>(h.number);
  const bool sigpanic = what == TransferBy::sigpanic;
  const bool nil = sigpanic && nil_called(*g, guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false,
                                                            g->hi, kSearched));
  Event e = make<Transfer>(*g);
  Transfer& t = e.as<Transfer>();
  t.what = what;
  t.to = e.pc.value;
  t.to_sp = e.sp;
  const uint64_t from = guest_.return_address();
  FrameId left = {p_.location(from).function, guest_.caller_sp(), depth_of(*g, guest_.caller_sp()), from};
  if (what == TransferBy::async_preempt) g->preempted = from;
  if (sigpanic) {
    if (const uint64_t fault = guest_.field(g->g, F::g_sigpc))
      left.pc = fault, left.function = p_.location(fault).function;
  } else if (what == TransferBy::gogo) {
    const uint64_t buf = guest_.word(e.sp + 8);
    t.to = guest_.field(buf, F::gobuf_pc);
    t.to_sp = guest_.field(buf, F::gobuf_sp);
  } else if (what == TransferBy::mcall || what == TransferBy::systemstack || what == TransferBy::cgocall) {
    // cgocall's first argument lies where mcall's does, and is the C function itself.
    const ArgPlace fn = p_.place(what == TransferBy::systemstack ? Arg::systemstack_fn : Arg::mcall_fn);
    const uint64_t given = fn.kind == ArgPlace::reg ? guest_.cpu().r[fn.number] : guest_.word(e.sp + 8);
    t.to = what == TransferBy::cgocall ? given : guest_.word(given);
    const uint64_t g0 = guest_.field(guest_.field(g->g, F::g_m), F::m_g0);
    const uint64_t self = guest_.g_of(m_.state().thread());
    t.to_sp = self == g0 ? e.sp.value : guest_.field(guest_.address_of(g0, F::g_sched), F::gobuf_sp);
  }
  t.from = left.pc;
  own(e, left);
  if (!sigpanic) e.origin = Origin::runtime;
  if (nil) e.origin = origin_of(g->running.back().owner);
  emit(e);
}

}  // namespace deferscope::model
