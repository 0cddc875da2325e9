#include "runtime_model/calls.h"

#include <algorithm>
#include <utility>

#include "isa/fp_env.h"
#include "runtime_model/code.h"

namespace deferscope::model {
namespace {

// While a mark is told the host's floating-point state is the guest's: what is not sure to leave it alone stands
// behind one of these.
class HostFloat {
 public:
  explicit HostFloat(emu::MachineState& s) : s_(s) {
    isa::fp_fold(s_.cpu(), s_.isa);
    isa::fp_leave();
  }
  ~HostFloat() { isa::fp_enter(s_.cpu(), s_.isa); }
  HostFloat(const HostFloat&) = delete;

 private:
  emu::MachineState& s_;
};

constexpr std::string_view kBySignal[] = {"runtime.sigpanic", "runtime.sigpanic0", "runtime.asyncPreempt",
                                          "runtime.sigtramp"};
// Their CALLs are the first on the stack that they change to.
constexpr std::string_view kChangers[] = {"runtime.systemstack", "runtime.mcall", "runtime.morestack",
                                          "runtime.asmcgocall"};

template <size_t n>
bool one_of(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

CallTracer::Special CallTracer::special_of(const Function& f) {
  const std::string_view name = f.name();
  if (name == "runtime.copystack") return Special::copystack;
  if (name == "runtime.gogo" || name == "gogo") return Special::gogo;
  if (name == "runtime.goexit1") return Special::goroutine_ends;
  if (name == "runtime.morestack" || name == "runtime.morestack_noctxt") return Special::morestack;
  return Special::none;
}

CallTracer::CallTracer(const Program& program, emu::Machine& machine, CallOptions options)
    : p_(program), m_(machine), options_(std::move(options)), guest_(program, machine.state()), naming_(program) {
  emu::Marks marks;
  for (size_t i = 0; i < p_.go().funcs.size(); ++i) try {
      const loader::Func f = p_.go().funcs.func(i);
      if (const Function* known = f.entry < f.end ? p_.function_at(f.entry) : nullptr) add(*known, marks);
    } catch (const loader::Error&) {  // a damaged row of the table
    }
  m_.engine().set_marks(this, std::move(marks));
}

CallTracer::~CallTracer() { m_.engine().set_marks(nullptr, {}); }

void CallTracer::add(const Function& f, emu::Marks& marks) {
  const Special special = special_of(f);
  // What only changes stacks is no call: execution goes on elsewhere, or the function that called it begins anew.
  const bool told = (special == Special::none || special == Special::copystack) && options_.chooses(f);
  if (!told && special == Special::none) return;
  const uint64_t tag = places_.size() * kIndex;
  places_.push_back({&f, naming_.function(&f), one_of(kBySignal, f.name()), special});
  const auto mark = [&](uint64_t pc, What what) { marks.try_emplace(pc, tag).first->second |= what; };
  if (special != Special::none) mark(f.f.entry, kSpecial);
  if (!told) return;
  mark(f.f.entry, kEntry);
  each_instruction(p_.image(), f.f.entry, f.f.end, [&](const Insn& i) {
    const auto to = as_jump(i);
    if (is_return(i))
      mark(i.pc, kReturn);
    else if (to && !f.f.contains(*to))
      mark(i.pc, kTail);
    return true;
  });
}

// --- where execution stands ---

CallTracer::Stack* CallTracer::stack_at(uint64_t sp) {
  const uint64_t g = guest_.g_of(m_.state().thread());
  Stack* s = current_;
  if (s && s->g == g && s->moves == moves_ && sp > s->lo && sp <= s->hi) return s;
  const HostFloat host(m_.mutable_state());
  s = find_stack(g, sp);
  current_ = s && s->g == g ? s : nullptr;
  return s;
}

CallTracer::Stack* CallTracer::find_stack(uint64_t g, uint64_t sp) {
  const uint64_t m = guest_.field(g, F::g_m), signal = guest_.field(m, F::m_gsignal), system = guest_.field(m, F::m_g0);
  for (const uint64_t on : {g, system, signal, guest_.field(m, F::m_curg)}) {
    if (!guest_.on_stack(on, sp)) continue;
    const auto [s, fresh] = stacks_.at(on);
    if (fresh) order_.push_back(s), s->g = on;
    const uint64_t goid = guest_.goid(on);
    if (goid != s->goid) leave_deeper(*s, 0, CallEnd::left);  // of a goroutine that had this g before
    s->goid = goid;
    s->kind = goid ? OnStack::goroutine : on == signal ? OnStack::signal : OnStack::system;
    s->lo = guest_.stack_lo(on), s->hi = guest_.stack_hi(on), s->moves = moves_;
    return s;
  }
  return nullptr;  // the runtime has none yet
}

void CallTracer::stand(EventHead& e, const Stack& s) {
  e.position = position_;
  e.goid = s.kind == OnStack::goroutine ? s.goid : s.works_for;
  e.tid = s.tid;
}

const CallTracer::From& CallTracer::from(uint64_t return_address) {
  if (const From* known = from_.find(return_address)) return *known;
  const HostFloat host(m_.mutable_state());
  From& f = from_[return_address];
  const Function* caller = return_address ? p_.function_at(return_address - 1) : nullptr;
  if (!caller) return f;
  if (caller->name() == "runtime.goexit") return f.by = CallBy::go, f;
  if (one_of(kChangers, caller->name())) f.by = CallBy::change;
  f.caller = naming_.function(caller);
  const int32_t line = p_.location(return_address - 1).line;
  f.line = line > 0 ? static_cast<uint64_t>(line) : 0;
  return f;
}

// --- what happens ---

void CallTracer::marked(uint64_t pc, uint64_t count, uint64_t tag) {
  if (count == last_) return;  // the instruction is begun a second time
  last_ = position_ = count, pc_ = pc, sp_ = guest_.sp();
  Stack* s = stack_at(sp_);
  if (!s) return;
  s->tid = static_cast<uint64_t>(m_.state().thread().tid);
  if (s->kind != OnStack::goroutine) s->works_for = guest_.who().goid;
  const auto place = static_cast<uint32_t>(tag / kIndex);
  const uint64_t below = s->hi - sp_;
  if (tag & kSpecial) happens(places_[place].special, *s);
  if (tag & kEntry) enter(*s, place, below);
  s->jumped = kNowhere;
  if (!(tag & (kReturn | kTail))) return;
  leave_deeper(*s, below + 1, CallEnd::left);
  if (s->open.empty() || s->open.back().below != below || s->open.back().place != place) return;
  leave(*s, tag & kReturn ? CallEnd::returned : CallEnd::tail);
  if (tag & kTail) s->jumped = below;
}

void CallTracer::happens(Special what, Stack& s) {
  switch (what) {
    case Special::copystack: ++moves_; break;
    case Special::gogo:
      if (s.kind != OnStack::goroutine) leave_deeper(s, 0, CallEnd::left);
      break;
    case Special::goroutine_ends:
      leave_deeper(s, 0, CallEnd::left);
      current_ = nullptr;  // g may be another's the next time
      break;
    case Special::morestack:
      s.again = !s.open.empty() && places_[s.open.back().place].function->f.contains(guest_.return_address() - 1);
      break;
    case Special::none: break;
  }
}

// Where no CALL pushes, a call of a function that has no frame yet begins at the same SP as that one's.
bool CallTracer::begins_within(const Open& caller, uint64_t return_address) const {
  return !p_.amd64() && places_[caller.place].function->f.contains(return_address - 1);
}

void CallTracer::enter(Stack& s, uint32_t place, uint64_t below) {
  if (std::exchange(s.again, false) && s.open.back().place == place && s.open.back().below == below) return;
  const uint64_t return_address = guest_.return_address();
  const From& origin = from(return_address);
  CallBy by = origin.by;
  if (by == CallBy::change && s.kind == OnStack::goroutine) by = CallBy::call;
  if (s.jumped == below) by = CallBy::tail;
  if (places_[place].by_signal) by = CallBy::signal;
  leave_deeper(s, below + 1, CallEnd::left);
  while (!s.open.empty() && s.open.back().below == below && !begins_within(s.open.back(), return_address))
    leave(s, CallEnd::tail), by = CallBy::tail;

  const Place& at = places_[place];
  auto& call = enter_.as<CallEnter>();
  call.deferred = kNoEvent;
  if (pc_ == deferred_at_) {
    call.deferred = std::exchange(deferred_, kNoEvent), deferred_at_ = 0;
    if (deferred_by_jump_) by = CallBy::tail;
  }
  stand(enter_, s);
  enter_.id = options_.next_id();
  enter_.origin = at.function->origin;
  call.function = at.name, call.depth = below;
  call.level = s.open.size(), call.by = by, call.stack = s.kind;
  call.caller = origin.caller, call.caller_line = origin.line;
  s.open.push_back({enter_.id, below, place});
  options_.sink(enter_);
}

void CallTracer::leave(Stack& s, CallEnd how) {
  const Open& open = s.open.back();
  const Place& at = places_[open.place];
  stand(leave_, s);
  leave_.id = options_.next_id();
  leave_.origin = at.function->origin;
  auto& call = leave_.as<CallLeave>();
  call.function = at.name, call.enter = open.id, call.level = s.open.size() - 1, call.how = how, call.stack = s.kind;
  s.open.pop_back();
  s.again = false;
  options_.sink(leave_);
}

void CallTracer::leave_deeper(Stack& s, uint64_t below, CallEnd how) {
  while (!s.open.empty() && s.open.back().below >= below) leave(s, how);
}

// The machine stands at the event: its state is exact.
void CallTracer::hear(const Event& e) {
  const EventKind kind = e.kind();
  if (kind == EventKind::defer_start) {
    deferred_ = e.id, deferred_at_ = e.defer()->function.entry;
    deferred_by_jump_ = e.defer()->run_by == RunBy::jmpdefer;
  } else if (kind == EventKind::recovery_jump) {
    const uint64_t g = guest_.current_g(), to = e.as<RecoveryJump>().to_sp;
    pc_ = e.pc, sp_ = e.sp, position_ = m_.state().position;
    Stack* s = stacks_.find(g);
    if (s && guest_.on_stack(g, to)) leave_deeper(*s, guest_.stack_hi(g) - to, CallEnd::unwound);
  }
}

void CallTracer::finish() {
  position_ = m_.state().position, pc_ = guest_.pc(), sp_ = guest_.sp();
  for (Stack* s : order_) leave_deeper(*s, 0, CallEnd::ended);
}

}  // namespace deferscope::model
