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

Bits bits_of(uint64_t address, uint8_t before, uint8_t after) { return {address, before, after}; }

}  // namespace

// --- registration ---

// What is deferred, with its captured words and arguments as values.
void Tracker::describe(const G& g, Defer& d, const FrameId& owner, Deferred& what) {
  if (!what.captured.empty() || !d.argument_bytes.empty()) {
    const StackPlaces places(guest_, guest_.sp(), g.hi, owner);
    describe_captured(guest_, what, places);
    if (!d.argument_bytes.empty())
      static_cast<std::vector<TypedValue>&>(d.arguments) =
          typed_arguments(guest_, what.function, d.argument_bytes, places);
  }
  naming_.tell(what, d.function);
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

// Of a defer that is being registered.
uint64_t Tracker::number_of(const Event& push) {
  return push.origin == Origin::user ? ++state_->user_defers : ++state_->other_defers;
}

// The CALL that returns to p's site; a store is its own place.
uint64_t Tracker::registered_at(const PendingPush& p) const {
  const uint64_t call = p.storage == Storage::open_coded ? 0 : p_.call_site(p.site);
  return call ? call : p.site;
}

// `stated`: code of the defer statement, if that is not where it is registered.
void Tracker::push(G& g, Event& e, FrameId owner, Deferred what, uint64_t stated) {
  Defer& d = *e.defer();
  owner.call = count_call(g, owner, false);
  own(e, owner);
  describe(g, d, owner, what);
  drop_deeper(g, owner.depth, Why::frame);
  find_stale(g);
  PendingPush p;
  p.event = state_->next;
  p.number = d.number = number_of(e);
  p.storage = d.storage;
  p.depth = owner.depth;
  p.owner = owner.function;
  p.funcval = anchored(d.function.funcval, on_stack(d.function.funcval, e.sp, g.hi), g.hi);
  p.slot = static_cast<int8_t>(d.slot);
  p.site = d.site;
  p.record = anchored(d.record, d.storage == Storage::stack, g.hi);
  d.site = registered_at(p);
  count_defer(g, owner, d, p, stated);
  ++state_->held;
  g.pushed.push_back(p);
  g.station = {};
  emit(e);  // last: who asks at the event sees it pending
}

// First instruction of the functions that register.
void Tracker::on_registering(const Hook&) {
  G* g = current();
  if (g) g->registering = {before(1), guest_.return_address(), g->hi - guest_.caller_sp()};
}

// At the RET of the newest function that registers.
void Tracker::registered(Event& push, const G& g) {
  show_call(push, g.registering.call, g.registering.return_address);
  const uint64_t instructions = since(g.registering.call);
  push.as<DeferPush>().registered_in = instructions ? instructions + 1 : 0;
}

// RET of deferproc and deferprocStack: the record is linked and complete.
void Tracker::on_pushed(const Hook& h) {
  G* g = current();
  if (!g) return;
  const uint64_t record = guest_.field(g->g, F::g_defer), site = guest_.return_address();
  const FrameId owner = frame_id(*g, site, guest_.caller_sp());
  if (!record || guest_.field(record, F::defer_sp) != owner.sp) return;  // 1.12+: deferproc returns 1 after a recovery
  Event e = make<DeferPush>(*g);
  if (g->registering.return_address == site && g->registering.depth == owner.depth) registered(e, *g);
  Defer& d = e.as<DeferPush>().defer;
  d.site = site;
  d.registered_by = static_cast<Registrar>(h.number);
  d.record = record;
  d.storage = on_stack(record, e.sp, g->hi) ? Storage::stack : Storage::heap;
  d.link = guest_.field(record, F::defer_link);
  d.argument_bytes = record_arguments(record);
  d.arguments.known = !guest_.field(record, F::defer_siz) || !d.argument_bytes.empty();
  push(*g, e, owner, read_deferred(guest_, guest_.field(record, F::defer_fn)));
}

void Tracker::on_deferprocat(const Hook& h) {
  on_registering(h);
  if (G* g = current()) g->head = guest_.argument(Arg::deferprocat_head);
}

// RET of deferprocat: the record is the first of the list. Its owner is the frame whose record opened that list.
void Tracker::on_listed(const Hook& h) {
  G* g = current();
  if (!g || !g->head) return;
  const uint64_t head = std::exchange(g->head, 0), record = guest_.word(head);
  if (record <= 1) return;
  Event e = make<DeferPush>(*g);
  Defer& d = e.as<DeferPush>().defer;
  d.site = guest_.return_address();
  if (g->registering.return_address == d.site && g->registering.depth == g->hi - guest_.caller_sp()) registered(e, *g);
  d.registered_by = static_cast<Registrar>(h.number);
  d.record = record;
  d.storage = Storage::rangefunc;
  d.link = guest_.field(record, F::defer_link);
  FrameId owner;
  size_t bound = 10'000;
  for (uint64_t o = guest_.field(g->g, F::g_defer); o && bound--; o = guest_.field(o, F::defer_link))
    if (guest_.field(o, F::defer_rangefunc) && guest_.field(o, F::defer_head) == head) {
      owner = frame_id(*g, guest_.field(o, F::defer_pc), guest_.field(o, F::defer_sp));
      break;
    }
  owner.call = count_call(*g, owner, false);
  own(e, owner);
  Deferred what = read_deferred(guest_, guest_.field(record, F::defer_fn));
  describe(*g, d, owner, what);
  // The body of the loop is deeper than the owner: frames between the two are alive.
  PendingPush p;
  p.number = d.number = number_of(e);
  p.event = state_->next, p.storage = d.storage, p.depth = owner.depth, p.owner = owner.function, p.site = d.site;
  p.record = {record, 0};
  p.funcval = anchored(d.function.funcval, on_stack(d.function.funcval, e.sp, g->hi), g->hi);
  size_t at = g->pushed.size();
  while (at > 0 && g->pushed[at - 1].depth > p.depth) --at;
  d.site = registered_at(p);
  count_defer(*g, owner, d, p);
  ++state_->held;
  g->pushed.insert(at, p);
  g->station = {};
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
  const bool several = !std::has_single_bit(set);
  for (size_t i = 0; i < b.stated.size(); ++i)
    if (set & (1 << i))
      bit_registered(*g, h, static_cast<int>(i), before, after, at, Registrar::bits,
                     slot_word(*h.function, varp, static_cast<int>(i)), nullptr, several ? b.stated[i] : 0);
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
    bit_registered(g, h, x.slot, before, before, bits, Registrar::slot, slot_word(*h.function, varp, x.slot), &x);
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
  bit_registered(*g, h, s.slot, bits, bits, varp - o.bits_offset, Registrar::slot, slot_word(*h.function, varp, s.slot),
                 &s);
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

void Tracker::bit_registered(G& g, const Hook& h, int slot, uint8_t before, uint8_t after, uint64_t bits, Registrar by,
                             uint64_t funcval, const SlotStore* store, uint64_t stated) {
  Event e = make<DeferPush>(g);
  Defer& d = e.as<DeferPush>().defer;
  d.site = store ? store->at : h.pc;
  if (store && h.pc == store->pc && !store->more) show(e, this->before(1), store->at, h.function);
  d.registered_by = by;
  d.storage = Storage::open_coded;
  d.slot = slot;
  d.bits = bits_of(bits, before, after);
  d.argument_bytes = slot_arguments(*h.function, bits + p_.open_coded(*h.function)->bits_offset, slot);
  push(g, e, {h.function, e.sp, g.hi - e.sp, h.pc}, read_deferred(guest_, funcval), stated);
}

void Tracker::bit_started(G& g, const Hook& h, int slot, uint8_t before, uint8_t after, uint64_t bits) {
  const auto& b = *static_cast<const BitStore*>(h.data);
  Event e = make<DeferStart>(g);
  Defer& d = e.as<DeferStart>().defer;
  FrameId owner = {h.function, e.sp, g.hi - e.sp, b.call.pc ? b.call.next : h.pc + 1};
  d.run_by = RunBy::inline_exit;
  d.storage = Storage::open_coded;
  d.slot = slot;
  d.bits = bits_of(bits, before, after);
  const uint64_t varp = bits + p_.open_coded(*h.function)->bits_offset;
  const uint64_t funcval = slot_word(*h.function, varp, slot);
  for (size_t i = g.pushed.size(); i-- > 0;)
    if (g.pushed[i].depth == owner.depth && g.pushed[i].slot == slot && g.pushed[i].owner == h.function) {
      tell(d, g.pushed[i]);
      owner.call = g.pushed[i].call;
      g.pushed.erase(i);
      break;
    }
  start(g, e, owner, funcval, b.call.next, slot_arguments(*h.function, varp, slot));
}

// --- running ---

void Tracker::start(G& g, Event& e, const FrameId& owner, uint64_t funcval, uint64_t return_pc,
                    std::vector<uint8_t> arguments) {
  DeferStart& s = e.as<DeferStart>();
  Defer& d = s.defer;
  Deferred what = read_deferred(guest_, funcval);
  exits(g, owner);
  own(e, owner);
  describe(g, d, owner, what);
  for (size_t i = g.panics.size(); i-- > 0 && (d.run_by == RunBy::panic || d.run_by == RunBy::goexit);)
    if (g.panics[i].goexit == (d.run_by == RunBy::goexit)) {
      s.panic = g.panics[i].event;
      break;
    }
  const bool reached = s.panic != kNoEvent ? g.station.panic == s.panic : g.station.depth == owner.depth;
  if (reached) s.reached_in = since(g.station.at);
  // Whatever was called from here or deeper is over: frames that the guest left without our seeing it.
  drop_running(g, g.hi - e.sp, Why::frame);
  Running r;
  r.push = d.id, r.number = d.number, r.line = d.line, r.ordinal = d.ordinal, r.start = state_->next, r.by = d.run_by,
  r.storage = d.storage, r.slot = d.slot;
  r.record = anchored(d.record, d.storage == Storage::stack, g.hi);
  r.owner = owner;
  r.call_depth = g.hi - e.sp;
  r.return_pc = return_pc;
  r.panic = s.panic;
  r.funcval = what.funcval, r.entry = what.entry, r.target = what.target;
  r.stale = d.stale;
  if (options_.effects && e.origin == Origin::user) r.probe = effects_.before(guest_, owner, what, arguments);
  state_->held += 8;
  g.running.push_back(std::move(r));
  emit(e);  // last: who asks at the event sees it running
}

// The newest registered defer with this closure; with `same_frame` only of the owner, else that is filled. Fills what
// the event says about it. Its place, or the number of all.
size_t Tracker::find_push(const G& g, Defer& d, FrameId& owner, uint64_t funcval, bool same_frame) {
  for (size_t i = g.pushed.size(); i-- > 0;) {
    const PendingPush& p = g.pushed[i];
    const uint64_t fv = p.funcval.at(g.hi);
    if (fv != funcval || (same_frame && (p.depth != owner.depth || p.owner != owner.function))) continue;
    tell(d, p);
    d.record = p.record.at(g.hi);
    if (!same_frame) {
      owner = p.frame(g.hi);
      owner.pc = owner_pc(g, owner);
    }
    owner.call = p.call;
    return i;
  }
  return g.pushed.size();
}

void Tracker::take_push(G& g, Defer& d, FrameId& owner, uint64_t funcval, bool same_frame) {
  const size_t i = find_push(g, d, owner, funcval, same_frame);
  if (i < g.pushed.size()) g.pushed.erase(i);
}

// Where the owner frame stands while a panic runs its defers.
uint64_t Tracker::owner_pc(const G& g, const FrameId& owner) const {
  const Unwound u = guest_.unwind(guest_.pc(), guest_.sp(), guest_.cpu().r[isa::kX30], false, g.hi, 500);
  for (const Frame& f : u.frames)
    if (f.sp == owner.sp && f.function == owner.function) return f.pc;
  return 0;
}

Defer Tracker::defer_of(const G& g, const Running& r) {
  Defer d;
  d.id = r.push, d.number = r.number, d.line = r.line, d.ordinal = r.ordinal;
  d.storage = r.storage, d.run_by = r.by, d.slot = r.slot;
  d.record = r.record.at(g.hi);
  d.function = naming_.deferred({r.funcval, r.entry, p_.location(r.entry).function, r.target, {}, {}});
  d.stale = r.stale;
  return d;
}

void Tracker::end(G& g, size_t index, emu::Position ret) {
  Event e = make<DeferEnd>(g);
  DeferEnd& end = e.as<DeferEnd>();
  const Running r = g.running.take_down(index);
  end.defer = defer_of(g, r);
  end.start = r.start;
  end.panic = r.panic;
  const FrameId owner = {r.owner.function, g.hi - r.owner.depth, r.owner.depth, r.owner.pc, r.owner.call};
  own(e, owner);
  if (r.by == RunBy::jmpdefer) end.returns_to = guest_.return_address();
  show_return(e, ret, p_.location(r.entry).function);
  end.defer.function.captured_complete = false;  // not read again
  effects_.after(guest_, r.probe, owner, end);
  g.station = {e.position, owner.depth, r.panic};
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
  g->returning = owner.pc;
  for (size_t i = g->running.size(); i-- > 0;)  // the deferred function returned onto the CALL
    if (g->running[i].by == RunBy::jmpdefer && g->running[i].owner.depth == owner.depth) {
      end(*g, i, g->preempted == p_.call_site(owner.pc) ? kUncertain : before(2));
      break;
    }
  Event e = make(DeferreturnEnter{owner.pc}, *g);
  own(e, owner);
  show_call(e, before(1), owner.pc);
  g->station = {e.position, owner.depth, kNoEvent};
  emit(e);
}

void Tracker::on_deferreturn_leave(const Hook&) {
  G* g = current();
  if (!g) return;
  Event e = make(DeferreturnLeave{guest_.return_address()}, *g);
  own(e, frame_id(*g, guest_.return_address(), guest_.caller_sp()));
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
    const uint64_t argp = steps.empty() ? guest_.argument(Arg::jmpdefer_argp) : steps[0].scratch.value;
    s.scratch = argp;
    s.return_word = guest_.word(argp - 8);
  } else {
    s.return_word = steps.empty() ? guest_.word(guest_.sp()) : steps[0].return_word.value;
  }
  steps.push_back(s);
  if (!h.number) return;
  Event e = make<Jmpdefer>(*g);
  Jmpdefer& j = e.as<Jmpdefer>();
  j.steps = std::exchange(steps, {});
  show(e, j.steps[0].position, j.steps[0].pc, h.function);
  j.return_before = j.steps[0].return_word.value;
  j.return_after = amd64 ? s.return_word.value : s.link.value;
  j.sp_after = e.sp;
  e.sp = j.sp_before = j.steps[0].sp;
  FrameId owner = frame_id(*g, j.return_before, amd64 ? j.sp_after + 8 : j.sp_after.value);
  own(e, owner);
  const uint64_t funcval = guest_.jmpdefer_closure();
  const size_t found = find_push(*g, j.defer, owner, funcval, true);
  const Defer which = j.defer;
  Deferred what = read_deferred(guest_, funcval);
  describe(*g, j.defer, owner, what);
  emit(e);  // it is pending until it starts
  if (found < g->pushed.size()) g->pushed.erase(found);
  Event started = make(DeferStart{which, {}}, *g);
  started.as<DeferStart>().defer.run_by = RunBy::jmpdefer;
  // deferreturn has copied the arguments to where the call leaves them, and freed the record.
  std::vector<uint8_t> arguments(what.function ? std::max(0, what.function->f.args) : 0);
  if (!guest_.read(j.sp_after + 8, arguments.data(), arguments.size())) arguments.clear();
  start(*g, started, owner, funcval, 0, std::move(arguments));
}

// A call through a register, or of reflectcall, in a function that runs defers.
void Tracker::on_deferred_call(const Hook& h) {
  G* g = current();
  if (!g) return;
  const uint64_t funcval = h.data ? guest_.argument(Arg::reflectcall_fn) : guest_.cpu().r[context_register(p_.isa())];
  Event e = make<DeferStart>(*g);
  Defer& d = e.as<DeferStart>().defer;
  FrameId owner;
  const Unwound u = guest_.unwind(e.pc, e.sp, guest_.cpu().r[isa::kX30], false, g->hi, 6);
  d.run_by = run_by(u.frames, 0);
  const uint64_t open_record = open_record_that_runs(*g, u, owner);
  bool owner_known = open_record != 0;
  for (size_t i = 0; i + 1 < u.frames.size() && d.run_by == RunBy::deferreturn; ++i)
    if (u.frames[i].function->name() == "runtime.deferreturn") {
      const Frame& o = u.frames[i + 1];
      owner = {o.function, o.sp, g->hi - o.sp, o.pc};
      owner_known = true;
      break;
    }
  take_push(*g, d, owner, funcval, owner_known);
  if (d.id == kNoEvent && open_record && !g->forgotten) run_of_stale(d, owner, open_record, funcval);
  start(*g, e, owner, funcval, h.number, record_arguments(d.record));
}

// 1.14–1.21: runOpenDeferFrame runs the first record; that says whose defers these are, as the closure does not. 0: it
// does not run.
uint64_t Tracker::open_record_that_runs(const G& g, const Unwound& u, FrameId& owner) const {
  if (std::none_of(u.frames.begin(), u.frames.end(),
                   [](const Frame& f) { return f.function->name() == "runtime.runOpenDeferFrame"; }))
    return 0;
  const uint64_t d = guest_.field(g.g, F::g_defer);
  if (!d || !guest_.field(d, F::defer_openDefer)) return 0;
  const uint64_t sp = guest_.field(d, F::defer_sp);
  owner = {p_.location(guest_.field(d, F::defer_pc)).function, sp, g.hi - sp, 0};
  owner.pc = owner_pc(g, owner);
  return d;
}

// Nobody registered it. Where its frame is gone, the record outlived that (golang/go#48898), and what lies there now is
// called.
void Tracker::run_of_stale(Defer& d, const FrameId& owner, uint64_t record, uint64_t funcval) const {
  const OpenCoded* o = owner.function ? p_.open_coded(*owner.function) : nullptr;
  if (!o || owner.pc) return;
  d.stale = true;
  d.storage = Storage::open_coded;
  d.record = record;
  const uint64_t varp = guest_.field(record, F::defer_varp);
  uint8_t bits = 0;
  guest_.read(varp - o->bits_offset, &bits, 1);
  d.slot = 0;
  for (size_t i = 0; i < o->slots.size(); ++i)
    if (!(bits >> i & 1) && guest_.word(varp - o->slots[i]) == funcval) d.slot = static_cast<int>(i);
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
  Event e = make<DeferStart>(g);
  Defer& d = e.as<DeferStart>().defer;
  FrameId owner;
  d.run_by = run_by(u.frames, i);
  // 1.14–1.17: deferreturn itself reads the code address, so that jmpdefer does not fault.
  const auto work = state_->work.find(m_.state().thread().tid);
  const bool in_jmpdefer = work != state_->work.end() && !work->second.steps.empty();
  if (d.run_by == RunBy::deferreturn && in_jmpdefer) d.run_by = RunBy::jmpdefer;
  const size_t found = find_push(g, d, owner, 0, false);
  if (d.run_by == RunBy::jmpdefer) nil_jump(g, d, owner);
  if (found < g.pushed.size()) g.pushed.erase(found);
  start(g, e, owner, 0, 0);
  return true;
}

// jmpdefer up to the load of the code address that faults.
void Tracker::nil_jump(const G& g, const Defer& defer, const FrameId& owner) {
  std::vector<JmpStep>& steps = state_->work[m_.state().thread().tid].steps;
  if (steps.empty()) return;
  Event e = make<Jmpdefer>(g);
  Jmpdefer& j = e.as<Jmpdefer>();
  j.steps = std::exchange(steps, {});
  show(e, j.steps[0].position, j.steps[0].pc, p_.location(j.steps[0].pc).function);
  j.defer = defer;
  j.defer.run_by = RunBy::none;
  own(e, owner);
  j.return_before = j.steps[0].return_word.value;
  j.return_after = p_.amd64() ? j.steps.back().return_word.value : j.steps.back().link.value;
  e.sp = j.sp_before = j.steps[0].sp;
  j.sp_after = j.steps.back().sp;
  emit(e);
}

}  // namespace deferscope::model
