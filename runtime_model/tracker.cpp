// Which addresses are hooked, and how an event is made and given out once.
#include "runtime_model/tracker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {

Tracker::Tracker(const Program& program, emu::Machine& machine, TrackerOptions options)
    : p_(program),
      m_(machine),
      options_(std::move(options)),
      guest_(program, machine.state()),
      effects_(program),
      naming_(program),
      state_(std::make_unique<State>()) {
  add_registration();
  add_returning();
  add_panics();
  add_open_coded();
  add_goroutines();
  add_transfers();
  add_walks();
  add_pools();
  std::unordered_set<uint64_t> addresses;
  hooks_.each([&](uint64_t pc, const auto&) { addresses.insert(pc); });
  m_.set_companion(this, std::move(addresses));
}

Tracker::~Tracker() { m_.set_companion(nullptr, {}); }

// --- hooks ---

void Tracker::add(uint64_t pc, Handler h, const Function* f, const void* data, uint64_t number) {
  hooks_[pc].push_back({h, pc, data, f, number});
}

// Several functions can share a name (a body and its ABI wrapper); the wrapper ends in the body.
template <class Each>
void Tracker::each_function(std::string_view name, Each each) {
  std::vector<loader::Func> all = p_.go().funcs.find(name);
  if (all.size() > 1)
    all.erase(std::remove_if(all.begin(), all.end(),
                             [&](const loader::Func& f) { return f.func_id == p_.mech().id_wrapper; }),
              all.end());
  for (const loader::Func& f : all)
    if (const Function* known = p_.function_at(f.entry)) each(*known);
}

void Tracker::add_entry(std::string_view name, Handler h, uint64_t number) {
  each_function(name, [&](const Function& f) {
    add(f.f.entry, h, &f, nullptr, number);
    hooks_[f.f.entry].back().entry = true;
  });
}

void Tracker::add_returns(std::string_view name, Handler h, uint64_t number) {
  each_function(name, [&](const Function& f) {
    for (uint64_t pc : p_.returns_in(f)) add(pc, h, &f, nullptr, number);
  });
}

// In the functions that run defers, a call through a register or of reflectcall calls a deferred function.
void Tracker::add_deferred_calls(std::string_view name) {
  each_function(name, [&](const Function& f) {
    for (const Call& c : p_.calls_in(f)) {
      const Function* target = c.target ? p_.function_at(c.target) : nullptr;
      const bool reflect = target && target->name() == "runtime.reflectcall";
      if (c.target && !reflect) continue;
      // `data` set: the closure is reflectcall's argument, not in the context register.
      add(c.pc, &Tracker::on_deferred_call, &f, reflect ? target : nullptr, c.next);
      add(c.next, &Tracker::on_call_end, &f, reflect ? target : nullptr);
    }
  });
}

// Where reflectcall's own calls return to: call32, call64 … each have one.
void Tracker::add_reflected() {
  for (uint64_t size = 16; size <= uint64_t{1} << 30; size *= 2)
    each_function(fmt::format("runtime.call{}", size), [&](const Function& f) {
      for (const Call& c : p_.calls_in(f))
        if (!c.target) add(c.next, &Tracker::on_reflected, &f);
    });
}

std::vector<uint64_t> Tracker::deferred_calls() const {
  std::vector<uint64_t> out;
  hooks_.each([&](uint64_t pc, const std::vector<Hook>& hooks) {
    const bool calls = std::any_of(hooks.begin(), hooks.end(), [](const Hook& h) {
      return h.handler == &Tracker::on_deferred_call || (h.handler == &Tracker::on_jmpdefer && h.number != 0);
    });
    if (calls) out.push_back(pc);
  });
  std::sort(out.begin(), out.end());
  return out;
}

void Tracker::add_registration() {
  add_entry("runtime.deferproc", &Tracker::on_registering);
  add_entry("runtime.deferprocStack", &Tracker::on_registering);
  add_returns("runtime.deferproc", &Tracker::on_pushed, number_of(Registrar::deferproc));
  add_returns("runtime.deferprocStack", &Tracker::on_pushed, number_of(Registrar::deferproc_stack));
  add_entry("runtime.deferprocat", &Tracker::on_deferprocat);
  add_returns("runtime.deferprocat", &Tracker::on_listed, number_of(Registrar::deferprocat));
}

void Tracker::add_returning() {
  add_entry("runtime.deferreturn", &Tracker::on_deferreturn_enter);
  add_returns("runtime.deferreturn", &Tracker::on_deferreturn_leave);
  add_deferred_calls("runtime.deferreturn");
  each_function("runtime.jmpdefer", [&](const Function& f) {
    each_instruction(p_.image(), f.f.entry, f.f.end, [&](const Insn& i) {
      const bool jump = is_indirect_jump(i);
      add(i.pc, &Tracker::on_jmpdefer, &f, nullptr, jump);
      return !jump;
    });
  });
}

void Tracker::add_panics() {
  add_entry("runtime.gopanic", &Tracker::on_gopanic);
  add_entry("runtime.Goexit", &Tracker::on_goexit);
  for (const char* runner : {"runtime.gopanic", "runtime.Goexit", "runtime.runOpenDeferFrame", "runtime.deferCallSave",
                             "runtime.reflectcallSave"})
    add_deferred_calls(runner);
  if (p_.minor() <= 17) add_reflected();  // they call the function by it (1.17: deferCallSave)
  add_returns("runtime.gorecover", &Tracker::on_gorecover_return);
  add_entry("runtime.recovery", &Tracker::on_recovery);
  each_function("runtime.recovery", [&](const Function& f) {
    for (const Call& c : p_.calls_in(f)) {
      const Function* target = c.target ? p_.function_at(c.target) : nullptr;
      if (target && target->name() == "runtime.gogo") add(c.pc, &Tracker::on_recovery_jump, &f);
    }
  });
}

void Tracker::add_open_coded() {
  for (const Function* f : p_.open_coded_functions()) {
    for (const SlotStore& s : p_.open_coded(*f)->dropped) add(s.pc, &Tracker::on_slot_store, f, &s);
    for (const BitStore& b : p_.open_coded(*f)->stores) {
      if (b.initial) continue;
      add(b.pc, &Tracker::on_bit_store, f, &b);
      if (b.call.pc) {
        std::vector<Hook>& at = hooks_[b.call.next];
        const bool there =
            std::any_of(at.begin(), at.end(), [](const Hook& h) { return h.handler == &Tracker::on_inline_end; });
        // The end of one defer comes before the next one's store, should both stand at one address.
        if (!there) at.insert(at.begin(), Hook{&Tracker::on_inline_end, b.call.next, nullptr, f, 0});
      }
    }
  }
}

void Tracker::add_calls(std::string_view in, std::string_view of, Handler h, bool behind) {
  each_function(in, [&](const Function& f) {
    for (const Call& c : p_.calls_in(f))
      if (const Function* target = c.target ? p_.function_at(c.target) : nullptr; target && target->name() == of)
        add(behind ? c.next : c.pc, h, &f, nullptr, behind);
  });
}

// A function may begin anew behind its stack check, maybe on another P: what is read there is read again.
void Tracker::add_begin(std::string_view name, Handler h) {
  each_function(name, [&](const Function& f) { add(f.f.entry, h, &f); });
}

// From 1.22 on: the steps of a _panic.
void Tracker::add_walks() {
  for (const char* step : {"runtime.(*_panic).start", "runtime.(*_panic).nextFrame", "runtime.(*_panic).nextDefer"})
    add_begin(step, &Tracker::on_walking);
  add_returns("runtime.(*_panic).start", &Tracker::on_walk_start);
  add_returns("runtime.(*_panic).nextFrame", &Tracker::on_walk_frame);
  add_returns("runtime.(*_panic).nextDefer", &Tracker::on_walk_defer);
}

void Tracker::add_pools() {
  add_begin("runtime.newdefer", &Tracker::on_taking);
  add_calls("runtime.newdefer", "runtime.newobject", &Tracker::on_fresh, false);
  for (const char* closure : {"runtime.newdefer.func1", "runtime.newdefer.func2"})  // to 1.17: on the system stack
    add_calls(closure, "runtime.mallocgc", &Tracker::on_fresh, false);
  add_returns("runtime.newdefer", &Tracker::on_taken);
  const char* gives = p_.function_named("runtime.popDefer") ? "runtime.popDefer" : "runtime.freedefer";  // 1.23+
  add_begin(gives, &Tracker::on_giving);
  add_returns(gives, &Tracker::on_given);
}

// A new goroutine is complete where it goes to the run queue; a coroutine (1.23+: iter.Pull) goes to none.
void Tracker::add_goroutines() {
  add_entry("runtime.newproc", &Tracker::on_registering);
  const Handler made = &Tracker::on_goroutine_made;
  add_calls("runtime.newproc1", "runtime.runqput", made, false);       // to 1.15
  add_calls("runtime.newproc.func1", "runtime.runqput", made, false);  // 1.16+
  add_calls("runtime.newcoro.func1", "runtime.newproc1", made, true);
}

void Tracker::add_transfers() {
  add_entry("runtime.copystack", &Tracker::on_copystack);
  add_returns("runtime.copystack", &Tracker::on_copystack_return);
  add_entry("runtime.goexit1", &Tracker::on_goroutine_end);
  add_entry("runtime.fatalpanic", &Tracker::on_fatalpanic);
  add_entry("runtime.throw", &Tracker::on_throw);
  add_entry("runtime.fatal", &Tracker::on_throw);
  add_entry("runtime.exit", &Tracker::on_exit);
  add_entry("runtime.morestack", &Tracker::on_morestack);
  // amd64 1.17+: the signal handler injects sigpanic0, which goes on to sigpanic.
  const bool zero = p_.function_named("runtime.sigpanic0") != nullptr;
  add_entry(zero ? "runtime.sigpanic0" : "runtime.sigpanic", &Tracker::on_transfer, number_of(TransferBy::sigpanic));
  add_entry("runtime.asyncPreempt", &Tracker::on_transfer, number_of(TransferBy::async_preempt));
  add_entry("runtime.mcall", &Tracker::on_transfer, number_of(TransferBy::mcall));
  add_entry("runtime.systemstack", &Tracker::on_transfer, number_of(TransferBy::systemstack));
  add_entry("runtime.gogo", &Tracker::on_transfer, number_of(TransferBy::gogo));
  add_entry("runtime.cgocall", &Tracker::on_transfer, number_of(TransferBy::cgocall));
  // Back on the goroutine's stack; a thread that C made has a goroutine only there.
  add_entry("runtime.cgocallbackg", &Tracker::on_transfer, number_of(TransferBy::cgocallback));
}

// --- the companion ---

void Tracker::reached(uint64_t pc) {
  const std::vector<Hook>* hooks = hooks_.find(pc);
  if (state_->held > kMaxHeld || state_->known > state_->known_bound || state_->counted > kMaxCounted) tidy();
  if (!hooks || (state_->beginning_anew && hooks->front().entry && entered_again(pc))) return;
  for (const Hook& h : *hooks) (this->*h.handler)(h);
}

// Drops the goroutines that hold nothing; where all hold too much, the older half of what each holds; where they count
// too much, all counts.
void Tracker::tidy() {
  constexpr size_t kFew = 1024;
  SharedMap<G> kept;
  size_t held = 0, known = 0;
  state_->goroutines.each([&](uint64_t, const G& g) { held += g.held(); });
  const bool too_much = held > kMaxHeld / 2;
  if (state_->counted > kMaxCounted) state_->uncounted = true;
  uint64_t anew = 0;
  held = 0;
  state_->goroutines.each([&](uint64_t id, const G& g) {
    if (g.empty()) return;
    G& k = kept[id] = g;
    if (state_->uncounted) k.counts = {};
    if (too_much) k.forget_older_half();
    held += k.held(), ++known, anew += k.again != 0;
  });
  state_->goroutines = std::move(kept);
  state_->held = held, state_->known = known, state_->beginning_anew = anew;
  if (state_->uncounted) state_->counted = 0;
  state_->known_bound = std::max(kFew, 2 * known);
  if (too_much && !std::exchange(forgot_, true) && options_.note)
    options_.note(
        fmt::format("more than {} defers are pending or running: the oldest are forgotten, their runs will be "
                    "\"registered unseen\"",
                    kMaxHeld / 2));
}

std::shared_ptr<const void> Tracker::save() const { return std::make_shared<const State>(*state_); }

void Tracker::restore(const std::shared_ptr<const void>& saved) { *state_ = *static_cast<const State*>(saved.get()); }

// Its own, and the piece of each list that the run changes next, which it then holds alone (shared.h).
uint64_t Tracker::bytes(const std::shared_ptr<const void>& saved) const {
  constexpr uint64_t kGoroutine = sizeof(G) + 64, kPiece = 1024;
  const auto& s = *static_cast<const State*>(saved.get());
  return sizeof(State) + s.known * kGoroutine + std::min<uint64_t>(s.held, kPiece) * sizeof(PendingPush);
}

uint64_t Tracker::events_before() const { return state_->next; }

uint64_t Tracker::take_id() { return ++found_, state_->next++; }

std::vector<Running> Tracker::running(uint64_t goid) const {
  std::vector<Running> out;
  const G* g = state_->goroutines.find(goid);
  for (size_t i = 0; g && i < g->running.size(); ++i) out.push_back(g->running[i]);
  return out;
}

uint64_t Tracker::forgotten(uint64_t goid) const {
  const G* g = state_->goroutines.find(goid);
  return g ? g->forgotten : 0;
}

// Where a stack check fails, the function runs from its first instruction a second time when the stack has grown (or
// the goroutine was preempted): that is one entry.
void Tracker::on_morestack(const Hook&) {
  G* g = current();
  const Function* f = g ? p_.location(guest_.return_address() - 1).function : nullptr;
  const std::vector<Hook>* hooks = f ? hooks_.find(f->f.entry) : nullptr;
  if (!hooks || !hooks->front().entry || g->again) return;
  g->again = f->f.entry;
  ++state_->beginning_anew;
}

bool Tracker::entered_again(uint64_t entry) {
  G* g = current();
  if (!g || g->again != entry) return false;
  g->again = 0;
  --state_->beginning_anew;
  return true;
}

// --- making events ---

// The goroutine at hand; nullptr before the runtime has one.
Tracker::G* Tracker::current() {
  const Who who = guest_.who();
  if (!who.g || !who.goid) return nullptr;
  const auto [known, fresh] = state_->goroutines.edit(who.goid);
  state_->known += fresh;
  known->g = who.g;
  known->id = who.goid;
  known->hi = guest_.stack_hi(who.g);
  return known;
}

Event Tracker::make(EventBody body, const G& g) {
  Event e(std::move(body));
  stand(e, g);
  return e;
}

// Where the guest stands.
void Tracker::stand(Event& e, const G& g) {
  e.position = m_.state().position;
  e.goid = g.id;
  e.tid = static_cast<uint64_t>(m_.state().thread().tid);
  e.pc = guest_.pc();
  e.sp = guest_.sp();
}

// The position so many instructions ago, if the thread that is here ran straight on since; else kUncertain.
emu::Position Tracker::before(unsigned instructions) const {
  const emu::MachineState& s = m_.state();
  return s.position >= s.resumed_at + instructions ? s.position - instructions : kUncertain;
}

// Instructions since then, if the thread that is here ran straight on; else 0.
uint64_t Tracker::since(emu::Position begin) const {
  const emu::MachineState& s = m_.state();
  return begin != kUncertain && begin >= s.resumed_at ? s.position - begin : 0;
}

void Tracker::show(Event& e, emu::Position position, uint64_t pc, const Function* f) {
  if (position != e.position) e.shown = {position, naming_.function(f), pc};
}

void Tracker::show_call(Event& e, emu::Position call, uint64_t return_address) {
  const uint64_t pc = call == kUncertain ? 0 : p_.call_site(return_address);
  if (pc) show(e, call, pc, p_.location(pc).function);
}

// The RET of the deferred function, where it is certain that it was that one's.
void Tracker::show_return(Event& e, emu::Position ret, const Function* f) {
  if (ret == kUncertain || !f) return;
  const Program::Ends& ends = p_.ends_of(*f);
  if (ends.function) show(e, ret, ends.ret, ends.function);
}

void Tracker::own(Event& e, const FrameId& f) {
  e.frame = naming_.frame(f);
  e.origin = origin_of(f);
}

void Tracker::emit(Event& e) {
  e.id = state_->next++;
  if (e.kind() == EventKind::defer_push) e.as<DeferPush>().defer.id = e.id;
  if (e.kind() == EventKind::panic_start) e.as<PanicStart>().panic.id = e.id;
  if (e.kind() == EventKind::goexit) e.as<Goexit>().panic.id = e.id;
  if (e.id < found_) return;  // behind the horizon: known already
  ++found_;
  if (options_.positions) positions_.push_back(e.position);
  if (options_.sink) options_.sink(e);
}

// Distance from the upper end of the goroutine's stack, or of the system stack of the thread that runs it.
uint64_t Tracker::depth_of(const G& g, uint64_t sp) const {
  if (sp <= g.hi && sp >= guest_.word(guest_.address_of(g.g, F::g_stack))) return g.hi - sp;
  const uint64_t m = guest_.field(g.g, F::g_m);
  for (const F system : {F::m_g0, F::m_gsignal}) {
    const uint64_t s = guest_.field(m, system);
    if (s && sp <= guest_.stack_hi(s) && sp >= guest_.word(guest_.address_of(s, F::g_stack)))
      return guest_.stack_hi(s) - sp;
  }
  return 0;
}

FrameId Tracker::frame_id(const G& g, uint64_t pc, uint64_t sp) {
  FrameId f = {p_.location(pc ? pc - 1 : 0).function, sp, g.hi - sp, pc};
  f.call = call_of(g, f);
  return f;
}

}  // namespace deferscope::model
