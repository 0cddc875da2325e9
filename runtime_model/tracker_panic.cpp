// Panics, recoveries, Goexit, and the other ways in which SP and PC are rewritten.
#include <algorithm>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

constexpr size_t kSearched = 16;        // frames searched for the function that panics
constexpr size_t kDiscardedNames = 32;  // of discarded frames that are named

Origin origin_of(const FrameId& f) { return f.function ? f.function->origin : Origin::runtime; }

}  // namespace

void Tracker::on_gopanic(const Hook&) {
  G* g = current();
  if (!g) return;
  const Unwound u = guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g->hi, kSearched);
  Event e = make(EventKind::panic_start, *g);
  const uint64_t type = guest_.argument(Arg::gopanic_type);
  // panic(nil) panics with another value from 1.21 on, unless GODEBUG says panicnil=1.
  const uint64_t setting = type ? 0 : p_.panicnil();
  uint32_t panicnil = 0;
  const bool nil_error = setting && guest_.read(setting, &panicnil, 4) && panicnil != 1;
  e.value = nil_error ? nil_panic_value() : panic_value(guest_, type, guest_.argument(Arg::gopanic_data));
  e.frame = frame_id(*g, guest_.return_address(), guest_.caller_sp());
  for (size_t i = 1; i < u.frames.size(); ++i) {  // panicIndex, sigpanic …: the function that made them panic
    const Frame& f = u.frames[i];
    e.frame = {f.function, f.sp, g->hi - f.sp, f.pc};
    if (f.function->origin != Origin::runtime) break;
  }
  e.origin = e.frame.function ? e.frame.function->origin : Origin::runtime;
  show_call(e, before(1), guest_.return_address());
  const uint64_t depth = g->hi - guest_.caller_sp();
  drop_panics(*g, depth, Why::frame);
  find_stale(*g);
  g->walked = static_cast<bool>(p_.layouts()[F::defer_openDefer]);
  if (!g->panics.empty()) e.nested_in = g->panics.back().event, e.nested_number = g->panics.back().number;
  e.panic_number = ++state_->panics;
  PendingPanic p{0, e.panic_number, depth, false, false, e.value, e.frame};
  emit(e);
  p.event = e.id;
  state_->held += 32;
  g->panics.push_back(std::move(p));
}

void Tracker::on_goexit(const Hook&) {
  G* g = current();
  if (!g) return;
  Event e = make(EventKind::goexit, *g);
  e.frame = frame_id(*g, guest_.return_address(), guest_.caller_sp());
  const uint64_t depth = e.frame.depth;
  // The user's where the user's code called it, if only through a library (testing.T.FailNow), or deferred it.
  const Unwound u = guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g->hi, kSearched);
  for (size_t i = 1; i < u.frames.size(); ++i)
    if (const Frame& f = u.frames[i]; f.function->origin == Origin::user) {
      e.frame = {f.function, f.sp, g->hi - f.sp, f.pc};
      break;
    }
  e.origin = e.frame.function ? e.frame.function->origin : Origin::runtime;
  show_call(e, before(1), guest_.return_address());
  find_stale(*g);
  g->walked = static_cast<bool>(p_.layouts()[F::defer_openDefer]);
  emit(e);
  state_->held += 32;
  g->panics.push_back({e.id, 0, depth, true, false, "Goexit", e.frame});
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
        out.push_back({readable(l.function), l.func_id == p_.mech().id_wrapper, l.inlined, runs, f.sp});
    } catch (const loader::Error&) {
      out.push_back({readable(f.function->name()), f.function->wrapper, false, runs, f.sp});
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
    return c.wrapper && (p_.mech().method_value_adjusts || !c.function.ends_with("-fm"));
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
  Event e = make(recovered ? EventKind::panic_recovered : EventKind::recover_refused, *g);
  e.frame = frame_id(*g, guest_.return_address(), guest_.caller_sp());
  e.origin = e.frame.function ? e.frame.function->origin : Origin::runtime;
  // `defer recover()`: whoever runs defers calls it, and it is the deferring function's.
  if (e.origin == Origin::runtime && !g->running.empty())
    e.origin = std::min(e.origin, origin_of(g->running.back().owner));
  e.panic = top.event, e.panic_number = top.number;
  e.value = top.value;
  e.callers = recover_callers(*g);
  e.decided_by = deciding_frame(e.callers);
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
  Event e = make(EventKind::recovery_jump, *g);
  e.to_pc = guest_.field(sched, F::gobuf_pc);
  e.to_sp = guest_.field(sched, F::gobuf_sp);
  e.returns_one = guest_.field(sched, F::gobuf_ret) == 1;
  e.resumes = resume_at(e.to_pc);
  e.frame = frame_id(*g, e.to_pc + 1, e.to_sp);
  e.frame.pc = e.to_pc;
  e.origin = e.frame.function ? e.frame.function->origin : Origin::runtime;
  for (const Frame& f : w.frames) {
    if (f.sp >= e.to_sp) break;
    ++e.discarded_count;
    if (e.discarded.size() < kDiscardedNames) e.discarded.push_back(readable(f.function->name()));
  }
  discard(*g, e);
  w.frames.clear();
  w.gp = 0;
}

// Frames deeper than the target are gone: their panics, running calls and registered defers with them.
void Tracker::discard(G& g, Event& jump) {
  const uint64_t depth = jump.frame.depth;
  std::vector<PendingPanic> gone;
  // gopanic's own frame is deeper than its caller's, where the depth was taken.
  while (!g.panics.empty() && g.panics.back().depth >= depth) {
    gone.push_back(g.panics.back());
    g.panics.pop_back();
  }
  for (const PendingPanic& p : gone)
    if (p.recovered) {
      jump.panic = p.event, jump.panic_number = p.number;
      jump.value = p.value;
      if (p.frame.function) jump.origin = std::min(jump.origin, p.frame.function->origin);
      break;
    }
  drop_deeper(g, depth, Why::recovery);  // first: from here on no frame has them
  for (const PendingPanic& p : gone) {
    if (p.event == jump.panic) continue;  // all others: also one whose deferred function recovered it and panicked
    Event e = make(EventKind::panic_aborted, g);
    e.panic = p.event, e.panic_number = p.number;
    e.value = p.value;
    e.frame = p.frame;
    e.origin = p.frame.function ? p.frame.function->origin : Origin::runtime;
    e.nested_in = jump.panic, e.nested_number = jump.panic_number;
    e.why = Why::recovery;
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
  Event e = make(EventKind::stack_move, known);
  e.old_lo = w.old_lo, e.old_hi = w.old_hi, e.new_lo = g->lo, e.new_hi = g->hi;
  e.origin = Origin::runtime;
  size_t bound = 10'000;
  for (uint64_t d = g->defer; d && bound--; d = guest_.field(d, F::defer_link)) {
    if (d < g->lo || d >= g->hi) continue;
    e.moved.push_back({d - g->hi + e.old_hi, d});
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
  const bool sigpanic = std::string_view(h.text) == "sigpanic";
  const bool nil = sigpanic && nil_called(*g, guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false,
                                                            g->hi, kSearched));
  Event e = make(EventKind::transfer, *g);
  e.what = h.text;
  e.to_pc = e.pc;
  e.to_sp = e.sp;
  const uint64_t from = guest_.return_address();
  e.frame = {p_.location(from).function, guest_.caller_sp(), depth_of(*g, guest_.caller_sp()), from};
  e.return_address = from;
  const std::string_view what = h.text;
  if (what == "asyncPreempt") g->preempted = from;
  if (what == "sigpanic") {
    if (const uint64_t fault = guest_.field(g->g, F::g_sigpc))
      e.frame.pc = fault, e.frame.function = p_.location(fault).function;
  } else if (what == "gogo") {
    const uint64_t buf = guest_.word(e.sp + 8);
    e.to_pc = guest_.field(buf, F::gobuf_pc);
    e.to_sp = guest_.field(buf, F::gobuf_sp);
  } else if (what == "mcall" || what == "systemstack") {
    const Place fn = p_.place(what == "mcall" ? Arg::mcall_fn : Arg::systemstack_fn);
    e.to_pc = guest_.word(fn.kind == Place::reg ? guest_.cpu().r[fn.number] : guest_.word(e.sp + 8));
    const uint64_t g0 = guest_.field(guest_.field(g->g, F::g_m), F::m_g0);
    const uint64_t self = guest_.g_of(m_.state().thread());
    e.to_sp = self == g0 ? e.sp : guest_.field(guest_.address_of(g0, F::g_sched), F::gobuf_sp);
  }
  e.origin = sigpanic && e.frame.function ? e.frame.function->origin : Origin::runtime;
  if (nil) e.origin = origin_of(g->running.back().owner);
  emit(e);
}

}  // namespace deferscope::model
