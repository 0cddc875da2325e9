// What names frames, defers, panics and goroutines in every run: of a goroutine, which call of a function it is, and
// which time that a statement is executed. Nothing here depends on addresses, or on who else runs.
#include <algorithm>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

// Of the frames known, the first at that depth or deeper.
size_t first_at(const SharedStack<KnownFrame>& frames, uint64_t depth) {
  size_t low = 0, high = frames.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (frames[middle].depth < depth)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// That frame, or how many there are.
size_t find(const SharedStack<KnownFrame>& frames, uint64_t depth, Name function) {
  for (size_t i = first_at(frames, depth); i < frames.size() && frames[i].depth == depth; ++i)
    if (frames[i].function == function) return i;
  return frames.size();
}

}  // namespace

Origin Tracker::origin_of(const FrameId& f) const {
  if (f.inlined) return p_.origin_of(f.inlined.text());
  return f.function ? f.function->origin : Origin::runtime;
}

// The innermost function above u's first frame that is of that origin, or nearer to the user: inlined or not, it is the
// same in every build. Not one that the compiler made, if there is another. If there is none, the one just above.
FrameId Tracker::innermost(const G& g, const Unwound& u, Origin at_most) {
  const auto id = [&](const Frame& f) { return FrameId{f.function, f.sp, g.hi - f.sp, f.pc}; };
  FrameId found = u.frames.size() > 1 ? id(u.frames[1]) : FrameId{};
  bool wrapper = false;
  for (size_t i = 1; i < u.frames.size(); ++i)
    for (const loader::InlineFrame& call : guest_.calls_of(u.frames[i])) {
      const bool made = call.func_id == p_.mech().id_wrapper;
      const Origin origin = call.inlined ? p_.origin_of(call.function) : u.frames[i].function->origin;
      if (origin > at_most || (made && wrapper)) continue;
      found = id(u.frames[i]);
      if (call.inlined) found.inlined = Name(readable(call.function));
      if (!made) return found;
      wrapper = true;
    }
  return found;
}

// Which call it is, if that is known.
uint64_t Tracker::call_of(const G& g, const FrameId& f) {
  const size_t i = g.frames.empty() ? 0 : find(g.frames, f.depth, naming_.function(f));
  return i < g.frames.size() ? g.frames[i].call : 0;
}

// The same for a frame in which something is registered, or panics (`ends`: nothing else happens in it then). The first
// time that it is heard of, it counts. Another call may stand where one stood that is gone: that one had run its
// defers, and none of them runs any more.
uint64_t Tracker::count_call(G& g, const FrameId& f, bool ends) {
  if (g.forgotten || state_->uncounted || !f.function) return 0;
  const auto over = [&](const KnownFrame& known) {
    if (!known.exits) return false;
    for (size_t i = g.running.size(); i-- > 0;)
      if (g.running[i].owner.depth == known.depth && naming_.function(g.running[i].owner.function) == known.function)
        return false;
    return true;
  };
  const uint64_t here = g.hi - guest_.sp();
  while (!g.frames.empty() && (g.frames.back().depth > here || over(g.frames.back()))) g.frames.pop_back();
  const Name function = naming_.function(f);
  const size_t known = find(g.frames, f.depth, function);
  if (known < g.frames.size() && !over(g.frames[known])) return g.frames[known].call;
  const KnownFrame frame{f.depth, function, count(g, Counted::calls, function, 0), ends};
  if (known < g.frames.size())
    g.frames.edit(known) = frame;
  else
    g.frames.insert(first_at(g.frames, f.depth), frame);
  return frame.call;
}

// Its defers run.
void Tracker::exits(G& g, const FrameId& f) {
  if (g.frames.empty()) return;
  const size_t i = find(g.frames, f.depth, naming_.function(f));
  if (i < g.frames.size() && !g.frames[i].exits) g.frames.edit(i).exits = true;
}

uint64_t Tracker::count(G& g, Counted what, Name function, uint64_t line) {
  return state_->uncounted ? 0 : g.counts.next(what, function, line, state_->counted);
}

void Tracker::count_defer(G& g, const FrameId& owner, Defer& d, PendingPush& p, uint64_t stated) {
  const int32_t line = p_.location(stated ? stated : uint64_t{d.site}).line;
  p.line = static_cast<uint32_t>(std::max(0, line));
  p.call = owner.call;
  p.ordinal = count(g, Counted::defers, naming_.function(owner), p.line);
  d.line = p.line, d.ordinal = p.ordinal;
}

// The libraries' have numbers of their own: how many they are is not the program's doing.
uint64_t Tracker::count_panic(G& g, const Event& e) {
  return count(g, e.origin == Origin::user ? Counted::panics : Counted::other_panics, {}, 0);
}

}  // namespace deferscope::model
