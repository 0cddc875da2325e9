// The making of goroutines.
#include <algorithm>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

constexpr size_t kSearched = 16;  // frames searched for the one that makes it

}  // namespace

// The frame that the call of newproc returns to.
FrameId Tracker::creator(const G& g, uint64_t return_address) {
  FrameId f = {p_.location(return_address - 1).function, 0, 0, return_address};
  if (g.registering.return_address == return_address) {
    f.sp = g.hi - g.registering.depth, f.depth = g.registering.depth;
  } else {
    const emu::Thread& thread = m_.state().thread();
    const uint64_t hi = g.hi ? g.hi : guest_.stack_hi(guest_.g_of(thread));
    for (const Frame& frame : guest_.unwind(guest_.standing(thread), kSearched).frames)
      if (frame.pc == return_address) f.sp = frame.sp, f.depth = hi - frame.sp;
  }
  f.call = call_of(g, f);
  return f;
}

// h.number: behind newproc1.
void Tracker::on_goroutine_made(const Hook& h) {
  const uint64_t made = guest_.argument(h.number ? Arg::newproc1_result : Arg::runqput_gp);
  const uint64_t id = guest_.goid(made), return_address = guest_.field(made, F::g_gopc);
  if (!id || !return_address) return;
  const G none;
  G* const known = current();
  const G& g = known ? *known : none;
  Event e = make<GoroutineStart>(g);
  GoroutineStart& start = e.as<GoroutineStart>();
  const FrameId frame = creator(g, return_address);
  own(e, frame);
  if (g.registering.return_address == return_address) show_call(e, g.registering.call, return_address);
  const uint64_t funcval = guest_.field(guest_.address_of(made, F::g_sched), F::gobuf_ctxt);
  const DeferredFunction function = naming_.deferred(read_deferred(guest_, funcval));
  start.started = id;
  start.function = function.wraps ? function.wraps : function.symbol;
  start.site = p_.call_site(return_address);
  start.line = static_cast<uint64_t>(std::max(0, p_.location(return_address - 1).line));
  start.ordinal = known ? count(*known, Counted::goroutines, naming_.function(frame), start.line) : 1;
  emit(e);
}

void Tracker::on_goroutine_end(const Hook&) {
  G* g = current();
  if (!g) return;
  bool by_goexit = false;
  for (size_t i = 0; i < g->panics.size(); ++i) by_goexit = by_goexit || g->panics[i].goexit;
  leave_all(*g, by_goexit ? Why::goexit : Why::frame, {});
  state_->counted -= g->counts.size();
  state_->goroutines.erase(g->id);
}

}  // namespace deferscope::model
