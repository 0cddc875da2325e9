// From Go 1.22: how the runtime walks the frames that have defers. The state of a walk is a _panic record, of a panic,
// a Goexit or a deferreturn.
#include <bit>
#include <utility>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

constexpr size_t kSearched = 500;  // frames that may lie between a panic and a frame with defers

}  // namespace

// First instruction of the three: the record is their argument.
void Tracker::on_walking(const Hook&) {
  G* g = current();
  if (!g) return;
  g->walk = Anchored::on_stack(guest_.argument(Arg::panic_p), g->hi);
}

// What a record says, with the words that it points at. Any _panic of 1.22 and later.
Walk Tracker::read_walk(const G& g, uint64_t record) {
  Walk w;
  w.record = record;
  const bool goexit = guest_.field(record, F::panic_goexit) & 0xff;
  w.by = guest_.field(record, F::panic_deferreturn) & 0xff ? RunBy::deferreturn : goexit ? RunBy::goexit : RunBy::panic;
  for (size_t i = g.panics.size(); i-- > 0 && w.by != RunBy::deferreturn && w.panic == kNoEvent;)
    if (g.panics[i].goexit == goexit) w.panic = g.panics[i].event;
  w.start_pc = guest_.field(record, F::panic_startPC);
  w.start_sp = guest_.field(record, F::panic_startSP);
  w.sp = guest_.field(record, F::panic_sp);
  w.fp = guest_.field(record, F::panic_fp);
  w.lr = guest_.field(record, p_.layouts()[F::panic_lr] ? F::panic_lr : F::panic_pc);
  w.retpc = guest_.field(record, F::panic_retpc);
  w.recovered = guest_.field(record, F::panic_recovered) & 0xff;
  w.bits_at = guest_.field(record, F::panic_deferBitsPtr);
  w.slots_at = guest_.field(record, F::panic_slotsPtr);
  if (!guest_.read(w.bits_at, &w.bits, 1)) w.bits = 0;
  for (uint64_t i = 0; i < 8; ++i) {
    if (!(w.bits >> i & 1)) continue;
    WalkSlot s;
    s.slot = i;
    s.address = w.slots_at + 8 * i;
    s.funcval = guest_.word(s.address);
    s.function = naming_.function(p_.location(guest_.word(s.funcval)).function);
    w.slots.push_back(s);
  }
  return w;
}

// The frame in which the walk stands.
FrameId Tracker::walked_frame(G& g, const Walk& w) {
  if (!w.sp) return {};
  if (g.walks_in.function && g.hi - g.walks_in.depth == w.sp) {
    g.walks_in.sp = w.sp;
    return g.walks_in;
  }
  const Unwound u = guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g.hi, kSearched);
  for (const Frame& f : u.frames)
    if (f.sp == w.sp) return g.walks_in = frame_id(g, f.lookup + 1, f.sp);
  return {};
}

// What a recovery leaves for the deferreturn of the frame that goes on.
SavedWalk Tracker::read_saved(uint64_t gp) const {
  SavedWalk out;
  const uint64_t saved = guest_.field(gp, F::g_param);
  out.retpc = guest_.field(saved, F::saved_retpc);
  out.bits_at = guest_.field(saved, F::saved_deferBitsOffset);
  out.slots_at = guest_.field(saved, F::saved_slotsOffset);
  return out;
}

// An event of the runtime's own doing, whoever's frame it is about.
void Tracker::tell_of_runtime(Event& e, const FrameId& frame) {
  if (frame.function) e.frame = naming_.frame(frame);
  e.origin = Origin::runtime;
  emit(e);
}

// RET of start. A deferreturn stands in its caller's frame; a panic has gone on to the first one with defers.
void Tracker::on_walk_start(const Hook&) {
  G* g = current();
  const uint64_t record = g ? std::exchange(g->walk, {}).at(g->hi) : 0;
  if (!record) return;
  Event e = make<WalkStart>(*g);
  WalkStart& start = e.as<WalkStart>();
  start.walk = read_walk(*g, record);
  FrameId from;
  if (start.walk.by == RunBy::deferreturn) {
    start.resumed = start.walk.bits_at != 0;
    from = g->walks_in = frame_id(*g, g->returning, start.walk.sp);
  } else {
    from = walked_frame(*g, start.walk);
  }
  tell_of_runtime(e, from);
}

// RET of nextFrame. Where deferreturn asks, there is never another: it tells nothing.
void Tracker::on_walk_frame(const Hook&) {
  G* g = current();
  const uint64_t record = g ? g->walk.at(g->hi) : 0;
  if (!record || guest_.field(record, F::panic_deferreturn) & 0xff) return;
  Event e = make<WalkFrame>(*g);
  WalkFrame& next = e.as<WalkFrame>();
  next.walk = read_walk(*g, record);
  next.found = guest_.argument(Arg::nextFrame_ok) & 0xff;
  tell_of_runtime(e, next.found ? walked_frame(*g, next.walk) : FrameId{});
}

// RET of nextDefer: what runs next. The end of all defers is told by who walked.
void Tracker::on_walk_defer(const Hook&) {
  G* g = current();
  const uint64_t record = g ? std::exchange(g->walk, {}).at(g->hi) : 0;
  if (!record || !(guest_.argument(Arg::nextDefer_ok) & 0xff)) return;
  Event e = make<WalkDefer>(*g);
  WalkDefer& next = e.as<WalkDefer>();
  next.walk = read_walk(*g, record);
  next.funcval = guest_.argument(Arg::nextDefer_fn);
  next.function = naming_.function(p_.location(guest_.word(next.funcval)).function);
  // While the frame has open-coded defers they come first; deferBitsPtr is nil once none is left to look for.
  if (next.walk.bits_at) {
    const auto below = std::bit_width(static_cast<unsigned>(next.walk.bits));
    for (int i = static_cast<int>(below); i < 8 && next.slot < 0; ++i)
      if (guest_.word(next.walk.slots_at + 8 * static_cast<uint64_t>(i)) == next.funcval) next.slot = i;
  }
  tell_of_runtime(e, walked_frame(*g, next.walk));
}

}  // namespace deferscope::model
