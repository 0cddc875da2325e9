// Registration, the normal return, and what runs a deferred function.
#include <algorithm>
#include <bit>

#include "runtime_model/tracker_state.h"
#include "runtime_model/typed.h"

namespace deferscope::model {
namespace {

constexpr uint64_t kMaxArguments = 1 << 16;

bool on_stack(uint64_t address, uint64_t sp, uint64_t hi) { return address >= sp && address < hi; }

Anchored anchored(uint64_t address, bool stack, uint64_t hi) {
  return stack ? Anchored::on_stack(address, hi) : Anchored{address, 0};
}

// The function that runs a defer, seen from the frame that calls it or faults on the way.
RunBy run_by(const std::vector<Frame>& frames, size_t from) {
  static constexpr std::pair<std::string_view, RunBy> kRunners[] = {{"runtime.gopanic", RunBy::panic},
                                                                    {"runtime.Goexit", RunBy::goexit},
                                                                    {"runtime.deferreturn", RunBy::deferreturn},
                                                                    {"runtime.jmpdefer", RunBy::jmpdefer}};
  for (; from < frames.size(); ++from)
    for (const auto& [name, by] : kRunners)
      if (frames[from].function->name() == name) return by;
  return RunBy::none;
}

Origin origin_of(const FrameId& f) { return f.function ? f.function->origin : Origin::runtime; }

}  // namespace

// --- registration ---

// Captured words and arguments as values.
void Tracker::describe(const G& g, Event& e) const {
  if (e.deferred.captured.empty() && e.argument_bytes.empty()) return;
  const StackPlaces places(guest_, guest_.sp(), g.hi, e.frame);
  describe_captured(guest_, e.deferred, places);
  if (!e.argument_bytes.empty()) e.arguments = typed_arguments(guest_, e.deferred.function, e.argument_bytes, places);
}

// ≤ 1.17: they follow the record.
std::vector<uint8_t> Tracker::record_arguments(uint64_t record) const {
  const uint64_t siz = guest_.field(record, F::defer_siz);
  std::vector<uint8_t> out;
  if (!record || !siz || siz > kMaxArguments) return out;
  out.resize(siz);
  if (!guest_.read(record + p_.layouts().size(S::defer_), out.data(), siz)) out.clear();
  return out;
}

void Tracker::push(G& g, Event& e) {
  e.origin = origin_of(e.frame);
  describe(g, e);
  drop_deeper(g, e.frame.depth, Why::frame);
  find_stale(g);
  PendingPush p;
  p.event = state_->next;
  p.storage = e.storage;
  p.depth = e.frame.depth;
  p.owner = e.frame.function;
  p.funcval = anchored(e.deferred.funcval, on_stack(e.deferred.funcval, e.sp, g.hi), g.hi);
  p.slot = static_cast<int8_t>(e.slot);
  p.site = e.site;
  p.record = anchored(e.record, e.storage == Storage::stack, g.hi);
  ++state_->held;
  g.pushed.push_back(p);
  emit(e);  // last: who asks at the event sees it pending
}

// First instruction of the functions that register.
void Tracker::on_registering(const Hook&) {
  G* g = current();
  if (g) g->registering = {before(1), guest_.return_address(), g->hi - guest_.caller_sp()};
}

// RET of deferproc and deferprocStack: the record is linked and complete.
void Tracker::on_pushed(const Hook& h) {
  G* g = current();
  if (!g) return;
  const uint64_t d = guest_.field(g->g, F::g_defer);
  Event e = make(EventKind::defer_push, *g);
  e.site = guest_.return_address();
  e.frame = frame_id(*g, e.site, guest_.caller_sp());
  if (!d || guest_.field(d, F::defer_sp) != e.frame.sp) return;  // 1.12+: deferproc returns 1 after a recovery
  if (g->registering.return_address == e.site && g->registering.depth == e.frame.depth)
    show_call(e, g->registering.call, e.site);
  e.call = h.text;
  e.record = d;
  e.storage = on_stack(d, e.sp, g->hi) ? Storage::stack : Storage::heap;
  e.link = guest_.field(d, F::defer_link);
  e.deferred = read_deferred(guest_, guest_.field(d, F::defer_fn));
  e.argument_bytes = record_arguments(d);
  e.arguments_known = !guest_.field(d, F::defer_siz) || !e.argument_bytes.empty();
  push(*g, e);
}

void Tracker::on_deferprocat(const Hook& h) {
  on_registering(h);
  if (G* g = current()) g->head = guest_.argument(Arg::deferprocat_head);
}

// RET of deferprocat: the record is the first of the list. Its owner is the frame whose record opened that list.
void Tracker::on_listed(const Hook& h) {
  G* g = current();
  if (!g || !g->head) return;
  const uint64_t head = std::exchange(g->head, 0), d = guest_.word(head);
  if (d <= 1) return;
  Event e = make(EventKind::defer_push, *g);
  e.site = guest_.return_address();
  if (g->registering.return_address == e.site && g->registering.depth == g->hi - guest_.caller_sp())
    show_call(e, g->registering.call, e.site);
  e.call = h.text;
  e.record = d;
  e.storage = Storage::rangefunc;
  e.link = guest_.field(d, F::defer_link);
  e.deferred = read_deferred(guest_, guest_.field(d, F::defer_fn));
  size_t bound = 10'000;
  for (uint64_t o = guest_.field(g->g, F::g_defer); o && bound--; o = guest_.field(o, F::defer_link))
    if (guest_.field(o, F::defer_rangefunc) && guest_.field(o, F::defer_head) == head) {
      e.frame = frame_id(*g, guest_.field(o, F::defer_pc), guest_.field(o, F::defer_sp));
      break;
    }
  e.origin = origin_of(e.frame);
  describe(*g, e);
  // The body of the loop is deeper than the owner: frames between the two are alive.
  PendingPush p;
  p.event = state_->next, p.storage = e.storage, p.depth = e.frame.depth, p.owner = e.frame.function, p.site = e.site;
  p.record = {d, 0};
  p.funcval = anchored(e.deferred.funcval, on_stack(e.deferred.funcval, e.sp, g->hi), g->hi);
  size_t at = g->pushed.size();
  while (at > 0 && g->pushed[at - 1].depth > p.depth) --at;
  ++state_->held;
  g->pushed.insert(at, p);
  emit(e);
}

// A store to deferBits: bits that it sets register, bits that it clears start.
void Tracker::on_bit_store(const Hook& h) {
  const auto& b = *static_cast<const BitStore*>(h.data);
  G* g = current();
  if (!g) return;
  const uint64_t at = guest_.sp() + static_cast<uint64_t>(b.store.offset);
  uint8_t before = 0;
  if (!guest_.read(at, &before, 1)) return;
  const uint8_t after = static_cast<uint8_t>(b.store.constant ? b.store.value : guest_.cpu().r[b.store.from]);
  if (b.starts >= 0) return bit_started(*g, h, b.starts, before, after, at);
  const int missed = register_pending(*g, h, before, after, at);
  if (missed >= 0) return bit_started(*g, h, missed, before, after, at);
  const uint8_t set = after & static_cast<uint8_t>(~before), cleared = before & static_cast<uint8_t>(~after);
  const uint64_t varp = at + p_.open_coded(*h.function)->bits_offset;
  for (int i = 0; i < 8; ++i)
    if (set & (1 << i)) bit_registered(*g, h, i, before, after, at, "deferBits", slot_word(*h.function, varp, i));
  if (cleared && !set) bit_started(*g, h, std::bit_width(cleared) - 1, before, after, at);
}

// Slots whose bit was never stored and is not stored here: they are registered, and this store starts the highest. -1:
// none.
int Tracker::register_pending(G& g, const Hook& h, uint8_t before, uint8_t after, uint64_t bits) {
  const auto& b = *static_cast<const BitStore*>(h.data);
  const uint64_t varp = bits + p_.open_coded(*h.function)->bits_offset;
  int highest = -1;
  for (const SlotStore& x : b.pending) {
    if ((before | after | b.sets) >> x.slot & 1) continue;
    Hook there = h;
    there.pc = x.pc;  // its site
    bit_registered(g, there, x.slot, before, before, bits, "slot", slot_word(*h.function, varp, x.slot));
    highest = std::max(highest, x.slot);
  }
  return highest;
}

// A closure went to its slot and the compiler dropped the store to deferBits that would follow.
void Tracker::on_slot_store(const Hook& h) {
  const auto& s = *static_cast<const SlotStore*>(h.data);
  G* g = current();
  if (!g) return;
  const OpenCoded& o = *p_.open_coded(*h.function);
  const uint64_t varp = guest_.sp() + static_cast<uint64_t>(s.store.offset) + o.slots[static_cast<size_t>(s.slot)];
  uint8_t bits = 0;
  if (!guest_.read(varp - o.bits_offset, &bits, 1)) return;
  bit_registered(*g, h, s.slot, bits, bits, varp - o.bits_offset, "slot", slot_word(*h.function, varp, s.slot));
}

// The closure in slot i of a frame; 0 if there is none.
uint64_t Tracker::slot_word(const Function& f, uint64_t varp, int slot) const {
  const OpenCoded& o = *p_.open_coded(f);
  const auto i = static_cast<size_t>(slot);
  return i < o.slots.size() ? guest_.word(varp - o.slots[i]) : 0;
}

// 1.14–1.17: what the frame keeps for the call of slot i, as deferproc would have copied it.
std::vector<uint8_t> Tracker::slot_arguments(const Function& f, uint64_t varp, int slot) const {
  std::vector<uint8_t> out;
  const OpenCoded& o = *p_.open_coded(f);
  const auto i = static_cast<size_t>(slot);
  if (i >= o.arguments.size()) return out;
  for (const OpenCoded::Argument& a : o.arguments[i]) {
    if (a.call_offset > kMaxArguments || a.size > kMaxArguments) return {};
    out.resize(std::max<size_t>(out.size(), a.call_offset + a.size));
    if (!guest_.read(varp - a.offset, out.data() + a.call_offset, a.size)) return {};
  }
  return out;
}

void Tracker::bit_registered(G& g, const Hook& h, int slot, uint8_t before, uint8_t after, uint64_t bits,
                             const char* call, uint64_t funcval) {
  Event e = make(EventKind::defer_push, g);
  e.frame = {h.function, e.sp, g.hi - e.sp, h.pc};
  e.site = h.pc;
  e.call = call;
  e.storage = Storage::open_coded;
  e.slot = slot;
  e.bits_address = bits, e.bits_before = before, e.bits_after = after;
  e.deferred = read_deferred(guest_, funcval);
  e.argument_bytes = slot_arguments(*h.function, bits + p_.open_coded(*h.function)->bits_offset, slot);
  push(g, e);
}

void Tracker::bit_started(G& g, const Hook& h, int slot, uint8_t before, uint8_t after, uint64_t bits) {
  const auto& b = *static_cast<const BitStore*>(h.data);
  Event e = make(EventKind::defer_start, g);
  e.frame = {h.function, e.sp, g.hi - e.sp, b.call.pc ? b.call.next : h.pc + 1};
  e.by = RunBy::inline_exit;
  e.storage = Storage::open_coded;
  e.slot = slot;
  e.bits_address = bits, e.bits_before = before, e.bits_after = after;
  const uint64_t varp = bits + p_.open_coded(*h.function)->bits_offset;
  const uint64_t funcval = slot_word(*h.function, varp, slot);
  for (size_t i = g.pushed.size(); i-- > 0;)
    if (g.pushed[i].depth == e.frame.depth && g.pushed[i].slot == slot && g.pushed[i].owner == h.function) {
      e.push = g.pushed[i].event, e.site = g.pushed[i].site;
      g.pushed.erase(i);
      break;
    }
  start(g, e, funcval, b.call.next, slot_arguments(*h.function, varp, slot));
}

// --- running ---

void Tracker::start(G& g, Event& e, uint64_t funcval, uint64_t return_pc, std::vector<uint8_t> arguments) {
  e.deferred = read_deferred(guest_, funcval);
  e.origin = origin_of(e.frame);
  describe(g, e);
  for (size_t i = g.panics.size(); i-- > 0 && (e.by == RunBy::panic || e.by == RunBy::goexit);)
    if (g.panics[i].goexit == (e.by == RunBy::goexit)) {
      e.panic = g.panics[i].event;
      break;
    }
  // Whatever was called from here or deeper is over: frames that the guest left without our seeing it.
  drop_running(g, g.hi - e.sp, Why::frame);
  Running r;
  r.push = e.push, r.start = state_->next, r.by = e.by, r.storage = e.storage, r.slot = e.slot;
  r.record = anchored(e.record, e.storage == Storage::stack, g.hi);
  r.owner = e.frame;
  r.call_depth = g.hi - e.sp;
  r.return_pc = return_pc;
  r.panic = e.panic;
  r.funcval = e.deferred.funcval, r.entry = e.deferred.entry, r.target = e.deferred.target;
  r.stale = e.stale;
  if (options_.effects && e.origin == Origin::user) r.probe = effects_.before(guest_, e.frame, e.deferred, arguments);
  state_->held += 8;
  g.running.push_back(std::move(r));
  emit(e);  // last: who asks at the event sees it running
}

// The newest registered defer with this closure; with `same_frame` only of e.frame. Fills what the event says about it.
// Its place, or the number of all.
size_t Tracker::find_push(const G& g, Event& e, uint64_t funcval, bool same_frame) {
  for (size_t i = g.pushed.size(); i-- > 0;) {
    const PendingPush& p = g.pushed[i];
    const uint64_t fv = p.funcval.at(g.hi);
    if (fv != funcval || (same_frame && (p.depth != e.frame.depth || p.owner != e.frame.function))) continue;
    e.push = p.event, e.storage = p.storage, e.slot = p.slot, e.site = p.site;
    e.record = p.record.at(g.hi);
    if (!same_frame) {
      const uint64_t sp = g.hi - p.depth;
      e.frame = {p.owner, sp, p.depth, 0};
      e.frame.pc = owner_pc(g, e.frame);
    }
    return i;
  }
  return g.pushed.size();
}

void Tracker::take_push(G& g, Event& e, uint64_t funcval, bool same_frame) {
  const size_t i = find_push(g, e, funcval, same_frame);
  if (i < g.pushed.size()) g.pushed.erase(i);
}

// Where the owner frame stands while a panic runs its defers.
uint64_t Tracker::owner_pc(const G& g, const FrameId& owner) const {
  const Unwound u = guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g.hi, 500);
  for (const Frame& f : u.frames)
    if (f.sp == owner.sp && f.function == owner.function) return f.pc;
  return 0;
}

void Tracker::end(G& g, size_t index, emu::Position ret) {
  Event e = make(EventKind::defer_end, g);
  const Running r = g.running[index];
  g.running.resize_down(index);
  e.push = r.push, e.start = r.start, e.by = r.by, e.storage = r.storage, e.slot = r.slot;
  e.record = r.record.at(g.hi);
  e.panic = r.panic;
  e.frame = r.owner;
  e.frame.sp = g.hi - r.owner.depth;
  e.origin = origin_of(e.frame);
  if (r.by == RunBy::jmpdefer) e.return_address = guest_.return_address();
  e.deferred.funcval = r.funcval;
  e.deferred.entry = r.entry;
  e.deferred.function = p_.location(r.entry).function;
  e.deferred.target = r.target;
  e.stale = r.stale;
  show_return(e, ret);
  e.deferred.captured_complete = false;  // not read again
  effects_.after(guest_, r.probe, e);
  emit(e);
}

void Tracker::on_inline_end(const Hook& h) {
  G* g = current();
  if (!g || g->running.empty()) return;
  const uint64_t depth = g->hi - guest_.sp();
  for (size_t i = g->running.size(); i-- > 0;)
    if (g->running[i].by == RunBy::inline_exit && g->running[i].call_depth == depth && g->running[i].return_pc == h.pc)
      return end(*g, i, g->preempted == h.pc ? kUncertain : before(1));
}

void Tracker::on_call_end(const Hook& h) {
  G* g = current();
  if (!g || g->running.empty()) return;
  const uint64_t depth = g->hi - guest_.sp();
  for (size_t i = g->running.size(); i-- > 0;)
    if (g->running[i].return_pc == h.pc && g->running[i].call_depth == depth)
      return end(*g, i, h.data ? g->reflected : before(1));
}

// Behind the call of a callN: that function's RET brought us here.
void Tracker::on_reflected(const Hook&) {
  G* g = current();
  if (g) g->reflected = before(1);
}

// --- deferreturn ---

void Tracker::on_deferreturn_enter(const Hook&) {
  G* g = current();
  if (!g) return;
  const FrameId owner = frame_id(*g, guest_.return_address(), guest_.caller_sp());
  for (size_t i = g->running.size(); i-- > 0;)  // the deferred function returned onto the CALL
    if (g->running[i].by == RunBy::jmpdefer && g->running[i].owner.depth == owner.depth) {
      end(*g, i, g->preempted == p_.call_site(owner.pc) ? kUncertain : before(2));
      break;
    }
  Event e = make(EventKind::deferreturn_enter, *g);
  e.frame = owner;
  e.origin = origin_of(owner);
  e.return_address = owner.pc;
  show_call(e, before(1), owner.pc);
  emit(e);
}

void Tracker::on_deferreturn_leave(const Hook&) {
  G* g = current();
  if (!g) return;
  Event e = make(EventKind::deferreturn_leave, *g);
  e.return_address = guest_.return_address();
  e.frame = frame_id(*g, e.return_address, guest_.caller_sp());
  e.origin = origin_of(e.frame);
  emit(e);
}

// Every instruction of jmpdefer; h.number: the jump at its end.
void Tracker::on_jmpdefer(const Hook& h) {
  G* g = current();
  if (!g) return;
  const bool amd64 = p_.amd64();
  const int tid = m_.state().thread().tid;
  std::vector<JmpStep>& steps = state_->work[tid].steps;
  if (h.pc == h.function->f.entry || steps.size() > 32) steps.clear();
  const auto& r = guest_.cpu().r;
  JmpStep s;
  s.position = m_.state().position;
  s.pc = h.pc, s.sp = guest_.sp();
  s.frame_pointer = r[amd64 ? isa::kRbp : 29];
  s.link = amd64 ? 0 : r[isa::kX30];
  s.scratch = amd64 ? 0 : r[0];
  if (amd64) {
    const uint64_t argp = steps.empty() ? guest_.argument(Arg::jmpdefer_argp) : steps[0].scratch;
    s.scratch = argp;
    s.return_word = guest_.word(argp - 8);
  } else {
    s.return_word = steps.empty() ? guest_.word(guest_.sp()) : steps[0].return_word;
  }
  steps.push_back(s);
  if (!h.number) return;
  Event e = make(EventKind::jmpdefer, *g);
  e.steps = std::exchange(steps, {});
  e.return_address = e.steps[0].return_word;
  e.return_after = amd64 ? s.return_word : s.link;
  e.at = {e.steps[0].position, e.steps[0].pc, h.function};
  e.sp_after = e.sp;
  e.sp = e.steps[0].sp;
  const uint64_t owner_sp = amd64 ? e.sp_after + 8 : e.sp_after;
  e.frame = frame_id(*g, e.return_address, owner_sp);
  e.origin = origin_of(e.frame);
  const uint64_t funcval = guest_.jmpdefer_closure();
  const size_t found = find_push(*g, e, funcval, true);
  e.deferred = read_deferred(guest_, funcval);
  describe(*g, e);
  emit(e);  // it is pending until it starts
  if (found < g->pushed.size()) g->pushed.erase(found);
  Event s2 = make(EventKind::defer_start, *g);
  s2.by = RunBy::jmpdefer;
  s2.frame = e.frame, s2.push = e.push, s2.storage = e.storage, s2.slot = e.slot, s2.record = e.record,
  s2.site = e.site;
  // deferreturn has copied the arguments to where the call leaves them, and freed the record.
  std::vector<uint8_t> arguments(e.deferred.function ? std::max(0, e.deferred.function->f.args) : 0);
  if (!guest_.read(e.sp_after + 8, arguments.data(), arguments.size())) arguments.clear();
  start(*g, s2, funcval, 0, std::move(arguments));
}

// A call through a register, or of reflectcall, in a function that runs defers.
void Tracker::on_deferred_call(const Hook& h) {
  G* g = current();
  if (!g) return;
  const uint64_t funcval = h.data ? guest_.argument(Arg::reflectcall_fn) : guest_.cpu().r[context_register(p_.arch())];
  Event e = make(EventKind::defer_start, *g);
  const Unwound u = guest_.unwind(e.pc, e.sp, guest_.cpu().r[isa::kX30], false, g->hi, 6);
  e.by = run_by(u.frames, 0);
  const uint64_t open_record = open_record_that_runs(*g, u, e);
  bool owner_known = open_record != 0;
  for (size_t i = 0; i + 1 < u.frames.size() && e.by == RunBy::deferreturn; ++i)
    if (u.frames[i].function->name() == "runtime.deferreturn") {
      const Frame& o = u.frames[i + 1];
      e.frame = {o.function, o.sp, g->hi - o.sp, o.pc};
      owner_known = true;
      break;
    }
  take_push(*g, e, funcval, owner_known);
  if (e.push == kNoEvent && open_record && !g->forgotten) run_of_stale(e, open_record, funcval);
  start(*g, e, funcval, h.number, record_arguments(e.record));
}

// 1.14–1.21: runOpenDeferFrame runs the first record; that says whose defers these are, as the closure does not. 0: it
// does not run.
uint64_t Tracker::open_record_that_runs(const G& g, const Unwound& u, Event& e) const {
  if (std::none_of(u.frames.begin(), u.frames.end(),
                   [](const Frame& f) { return f.function->name() == "runtime.runOpenDeferFrame"; }))
    return 0;
  const uint64_t d = guest_.field(g.g, F::g_defer);
  if (!d || !guest_.field(d, F::defer_openDefer)) return 0;
  const uint64_t sp = guest_.field(d, F::defer_sp);
  e.frame = {p_.location(guest_.field(d, F::defer_pc)).function, sp, g.hi - sp, 0};
  e.frame.pc = owner_pc(g, e.frame);
  return d;
}

// Nobody registered it. Where its frame is gone, the record outlived that (golang/go#48898), and what lies there now is
// called.
void Tracker::run_of_stale(Event& e, uint64_t record, uint64_t funcval) const {
  const OpenCoded* o = e.frame.function ? p_.open_coded(*e.frame.function) : nullptr;
  if (!o || e.frame.pc) return;
  e.stale = true;
  e.storage = Storage::open_coded;
  e.record = record;
  const uint64_t varp = guest_.field(record, F::defer_varp);
  uint8_t bits = 0;
  guest_.read(varp - o->bits_offset, &bits, 1);
  e.slot = 0;
  for (size_t i = 0; i < o->slots.size(); ++i)
    if (!(bits >> i & 1) && guest_.word(varp - o->slots[i]) == funcval) e.slot = static_cast<int>(i);
}

// At sigpanic: a nil function, whose caller faults on its way to the CALL. It starts, and the panic is its doing.
bool Tracker::nil_called(G& g, const Unwound& u) {
  static constexpr std::string_view kCallers[] = {"runtime.deferreturn",   "runtime.jmpdefer",
                                                  "runtime.gopanic",       "runtime.Goexit",
                                                  "runtime.deferCallSave", "runtime.runOpenDeferFrame"};
  if (g.pushed.empty() || g.pushed.back().funcval) return false;
  const auto name = [&](size_t i) { return i < u.frames.size() ? u.frames[i].function->name() : std::string_view(); };
  size_t i = 0;
  while (name(i).starts_with("runtime.sigpanic")) ++i;
  while (name(i).starts_with("runtime.reflectcall") || name(i).starts_with("runtime.call")) ++i;  // call32 …
  if (std::find(std::begin(kCallers), std::end(kCallers), name(i)) == std::end(kCallers)) return false;
  Event e = make(EventKind::defer_start, g);
  e.by = run_by(u.frames, i);
  // 1.14–1.17: deferreturn itself reads the code address, so that jmpdefer does not fault.
  const auto work = state_->work.find(m_.state().thread().tid);
  const bool in_jmpdefer = work != state_->work.end() && !work->second.steps.empty();
  if (e.by == RunBy::deferreturn && in_jmpdefer) e.by = RunBy::jmpdefer;
  const size_t found = find_push(g, e, 0, false);
  if (e.by == RunBy::jmpdefer) nil_jump(g, e);
  if (found < g.pushed.size()) g.pushed.erase(found);
  start(g, e, 0, 0);
  return true;
}

// jmpdefer up to the load of the code address that faults.
void Tracker::nil_jump(const G& g, const Event& start) {
  std::vector<JmpStep>& steps = state_->work[m_.state().thread().tid].steps;
  if (steps.empty()) return;
  Event e = make(EventKind::jmpdefer, g);
  e.steps = std::exchange(steps, {});
  e.at = {e.steps[0].position, e.steps[0].pc, p_.location(e.steps[0].pc).function};
  e.push = start.push, e.storage = start.storage, e.slot = start.slot, e.record = start.record, e.site = start.site;
  e.frame = start.frame;
  e.origin = origin_of(e.frame);
  e.return_address = e.steps[0].return_word;
  e.return_after = p_.amd64() ? e.steps.back().return_word : e.steps.back().link;
  e.sp = e.steps[0].sp;
  e.sp_after = e.steps.back().sp;
  emit(e);
}

}  // namespace deferscope::model
