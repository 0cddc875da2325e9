// Running: slices of the engine between the moments at which something else is due, and everything that is due then.
#include "emu/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "emu/darwin/darwin.h"
#include "emu/hash.h"
#include "emu/linux/linux.h"
#include "emu/self_check.h"
#include "isa/fp_env.h"
#include "isa/lift.h"

namespace deferscope::emu {
namespace {

constexpr Position kSlice = 20'000;            // instructions a thread runs before another gets its turn
constexpr Position kEvenSlices = 100'000'000;  // as many instructions have slices of this length
constexpr Position kLook = 250'000;            // instructions between two looks at what a companion has heard
constexpr uint64_t kHeard = 500;  // so many instructions of distance between marks are worth one thing heard

// Later ones differ, 20'000 on average. Where one thread stops the others in a loop (runtime.ReadMemStats), each round
// can lie within a slice: those that it lets go wake up to find themselves stopped again, and never do anything.
// Processors that run at the same time do not stay in step like that.
Position slice_at(Position p) { return p < kEvenSlices ? kSlice : 1 + mix(0, p) % (2 * kSlice); }

// A system that guests believe in: what it makes of the CPU's model, and its value.
struct System {
  loader::Os os;
  isa::CpuModel (*cpu)(isa::CpuModel model);
  std::unique_ptr<Os> (*make)(isa::Isa isa);
};
constexpr System kSystems[] = {{loader::Os::linux_, linux_::linux_cpu, linux_::make_linux},
                               {loader::Os::darwin, darwin::darwin_cpu, darwin::make_darwin}};

const System* find_system(loader::Os os) {
  for (const System& s : kSystems)
    if (s.os == os) return &s;
  return nullptr;
}

const System& system_of(const loader::Image& image) {
  if (const System* s = find_system(image.os())) return *s;
  throw Error(image.path() + ": programs for this system cannot be run");
}

// "libc.so.6 at 0x12345", as addr2line takes it; empty: the address is in none of them.
std::string in_library(const MachineState& s, uint64_t address) {
  const auto& maps = s.memory.mappings();
  auto it = maps.upper_bound(address);
  if (it == maps.begin() || std::prev(it)->second.end <= address) return {};
  const std::string& path = (--it)->second.name.text();
  while (it != maps.begin() && std::prev(it)->second.name.text() == path) --it;  // its parts lie side by side
  const auto is = [&](const std::string& name, const std::shared_ptr<const loader::Image>& image) {
    return name == path && image;
  };
  const std::string said = fmt::format("{} at {:#x}", path.substr(path.rfind('/') + 1), address - it->first);
  for (const Library& l : s.os->libraries())
    if (is(l.path, l.image)) return said;
  for (const auto& l : s.os->loaded())
    if (is(l->path, l->image)) return said;
  return {};
}

const loader::Image& runnable(const loader::Image& image) {
  if (auto why = image.not_runnable()) throw Error(image.path() + ": " + *why);
  return image;
}

}  // namespace

std::unique_ptr<Os> make_os(loader::Os os, isa::Isa isa) {
  const System* s = find_system(os);
  return s ? s->make(isa) : nullptr;
}

isa::CpuModel system_cpu(loader::Os os, const isa::CpuModel& model) {
  const System* s = find_system(os);
  return s ? s->cpu(model) : model;
}

Machine::Machine(const loader::Image& image, const GuestOptions& options, unsigned max_block)
    : image_(runnable(image)),
      options_(options),
      recording_(options),
      cpu_(system_of(image).cpu(options.cpu ? *options.cpu : isa::default_cpu_model(image.isa()))),
      engine_(image.isa(), cpu_, max_block) {
  options_.cpu = &cpu_;
  reference_ = max_block == 0;
  // For tests: all machines of the process, unless more is said (Engine::use_host_code).
  if (const char* engine = std::getenv("DEFERSCOPE_ENGINE")) engine_.use_host_code(engine);
  if (std::getenv("DEFERSCOPE_SELFCHECK")) check_itself();
  state_.isa = image.isa();
  state_.level = cpu_.level;
  state_.memory.byte_limit = options.max_memory;
  state_.os = system_of(image).make(image.isa());
  state_.os->boot(state_, recording_, image_, options_);
  state_.slice_end = kSlice;
  engine_.set_hook_listener(this);
  engine_.set_host_calls([this](uint64_t pc) { return state_.os->is_host_call(pc); });
  settle();
}

Machine::~Machine() = default;

// --- what is due at a position ---

uint64_t Machine::next_due() const { return state_.os->next_due_ns(state_); }

// Chooses the thread that executes next: the following runnable one in order.
void Machine::schedule() {
  MachineState& s = state_;
  const size_t n = s.threads.size();
  for (size_t i = 1; i <= n; ++i) {
    const size_t next = (s.current + i) % n;
    if (s.threads[next].status != ThreadStatus::Runnable) continue;
    if (next != s.current) s.cpu().monitor = {};
    s.current = next;
    s.cpu().monitor = {};
    break;
  }
  s.slice_end = s.position + slice_at(s.position);
}

// All threads sleep: time goes to the next thing that is due. False: nothing is.
bool Machine::jump_clock() {
  const uint64_t due = state_.os->next_wake_ns(state_);
  if (due == kNever) return false;
  if (due > state_.now_ns()) state_.clock_skew += due - state_.now_ns();
  state_.os->wake_due(state_, recording_);
  return true;
}

// One position is one state: wake-ups, clock jumps, thread switches and signal deliveries due here all happen now.
// While all sleep, time may pass for long. False: an interrupt ended that; called again it goes on.
bool Machine::settle() {
  MachineState& s = state_;
  while (!s.exited) {
    if (s.now_ns() >= next_due()) s.os->wake_due(s, recording_);
    const bool can_run = s.thread().status == ThreadStatus::Runnable;
    if (!can_run || s.position >= s.slice_end) schedule();
    if (s.thread().status != ThreadStatus::Runnable) {
      if (recording_.interrupted()) return false;
      if (!jump_clock()) return true;  // deadlock: advance() says so
      continue;
    }
    s.os->deliver_signals(s, recording_);
    if (s.exited || s.thread().status == ThreadStatus::Runnable) return true;
  }
  return true;
}

Stop Machine::give_up() {
  Stop stop;
  stop.kind = recording_.take_interrupt() ? Stop::Interrupted : Stop::Limit;
  return stop;
}

// What a companion hears costs as much as hundreds of instructions: where it hears much, marks stand closer, so that
// going back is as quick there.
bool Machine::mark_is_due() const {
  if (state_.position < horizon_) return false;
  return marks_.empty() || state_.position >= marks_.rbegin()->first + spacing_ || heard_ >= spacing_ / kHeard;
}

Position Machine::next_limit(Position target) const {
  const MachineState& s = state_;
  Position limit = std::min(target, s.slice_end);
  const uint64_t due = next_due();
  if (due != kNever) limit = std::min(limit, s.position + std::max<uint64_t>(1, due - std::min(due, s.now_ns())));
  if (recording_on_ && s.position >= horizon_) {
    const Position last = marks_.empty() ? 0 : marks_.rbegin()->first;
    limit = std::min(limit, std::max(s.position + 1, last + spacing_));
    if (companion_) limit = std::min(limit, s.position + kLook);
  }
  if (recording_on_ && budget_) {  // an instruction writes to two pages at most, which snapshots then hold alone
    constexpr Position kLeast = 1000;
    const uint64_t used = going_back_bytes(), most = budget_ + budget_ / 8;
    limit = std::min(limit, s.position + std::max<Position>(kLeast, used < most ? (most - used) / (2 * kPage) : 0));
  }
  if (witness_longest_ != kNever) limit = std::min(limit, s.position + witness_longest_);
  return std::min(limit, options_.max_instructions);
}

std::string Machine::place(uint64_t pc) const {
  std::string where = fmt::format("{:#x}", pc);
  if (auto sym = image_.symbol_at(pc))
    where += fmt::format(" ({}+{})", sym->name, sym->offset);
  else if (const std::string part = in_library(state_, pc); !part.empty())
    where += fmt::format(" ({})", part);
  return where;
}

void Machine::unsupported(const std::string& what) {
  throw Unsupported(fmt::format("{} at {}, position {}", what, place(state_.cpu().pc), state_.position));
}

// The instruction at hand is undefined for this processor: for a better one too?
void Machine::note_undefined() {
  MachineState& s = state_;
  uint8_t bytes[15];
  const unsigned n = s.memory.fetch(s.cpu().pc, bytes, isa::longest(s.isa));
  const auto undefined = [&](isa::Level level) {
    isa::Lifted in;
    isa::lift(s.isa, {bytes, n}, s.cpu().pc, in, level);
    return in.fault == isa::Fault::Undefined;
  };
  if (!undefined(s.level)) return;  // UD2
  for (const char* name : {"v2", "v3", "v8.1", "v8.2"}) {
    const isa::CpuModel* const model = isa::find_cpu_model(s.isa, name);
    if (!model || model->level <= s.level || undefined(model->level)) continue;
    beyond_cpu_ = fmt::format("the instruction at {} is not in the CPU model {}: --cpu {} has it", place(s.cpu().pc),
                              cpu_.name, name);
    return;
  }
}

// What an engine's exit asks for. The instruction counts already. False: a call was interrupted, and is not yet made.
bool Machine::finish(const RunExit& exit) {
  MachineState& s = state_;
  const isa::Isa isa = s.isa;
  switch (exit.kind) {
    case RunExit::Syscall: try { s.os->system_call(s, recording_);
      } catch (const Unsupported& e) {
        --s.position;
        s.cpu().pc -= isa == isa::Isa::x86_64 ? 2 : 4;
        unsupported(e.what());
      } catch (const Interrupted&) {
        --s.position;
        s.cpu().pc -= isa == isa::Isa::x86_64 ? 2 : 4;
        return false;
      }
      break;
    case RunExit::Fault:
      if (exit.outcome.fault == isa::Fault::Unimplemented) {
        --s.position;
        uint8_t bytes[15];
        const unsigned n = s.memory.fetch(s.cpu().pc, bytes, isa::longest(isa));
        isa::Lifted in;
        isa::lift(isa, {bytes, n}, s.cpu().pc, in, s.level);
        std::string text;
        for (unsigned i = 0; i < std::min<unsigned>(n, in.length); ++i) text += fmt::format("{:02x}", bytes[i]);
        unsupported("an instruction that is not implemented (bytes " + text + ")");
      }
      if (exit.outcome.fault == isa::Fault::Undefined) note_undefined();
      s.os->fault(s, recording_, exit.outcome);
      break;
    case RunExit::HostCall:
      ++s.position;
      try {
        s.os->host_call(s, recording_);
      } catch (const Unsupported& e) {
        --s.position;
        unsupported(e.what());
      } catch (const Interrupted&) {
        --s.position;
        return false;
      }
      break;
    default: break;
  }
  return true;
}

// The pc at hand is hooked. Companions hear of it once; true: a stop for the user. Called from inside the engine's run:
// for the companion the state is made what it will be if the run ends here, floating-point environment included.
bool Machine::stops_at_hook(Position p) {
  const uint64_t pc = state_.cpu().pc;
  if (recording_.interrupted()) return interrupted_at_hook_ = true;  // it was not passed: asked again
  if (companion_ && companion_seen_ != p && (user_hooks_.empty() || companion_hooks_.count(pc))) {
    companion_seen_ = p;
    ++heard_;
    const Position began = std::exchange(state_.position, p);
    isa::fp_fold(state_.cpu(), state_.isa);
    isa::fp_leave();
    companion_->reached(pc);
    isa::fp_enter(state_.cpu(), state_.isa);
    state_.position = began;
  }
  const bool stop = !silent_ && passed_at_ != p && !user_hooks_.empty() && user_hooks_.count(pc);
  passed_at_ = p;
  return stop;
}

// Executes one instruction with the reference evaluator and sees its accesses.
RunExit Machine::step_watched(Stop& stop, bool& touched) {
  struct Bus final : isa::Bus {
    Memory& m;
    const std::vector<Watch>& watches;
    Stop& stop;
    bool& touched;
    Bus(Memory& mem, const std::vector<Watch>& w, Stop& st, bool& t) : m(mem), watches(w), stop(st), touched(t) {}
    void look(uint64_t a, unsigned n, bool is_write) {
      for (const Watch& w : watches) {
        if (a + n <= w.address || a >= w.address + w.size || !(is_write ? w.write : w.read)) continue;
        stop.begin = touched ? std::min(stop.begin, a) : a;
        stop.end = touched ? std::max(stop.end, a + n) : a + n;
        stop.kind = Stop::Watchpoint;
        stop.address = std::max(a, w.address);
        stop.write = is_write;
        touched = true;
      }
    }
    bool done(bool ok) {
      fault_address = m.fault_address;
      fault = m.fault;
      return ok;
    }
    bool read(uint64_t a, void* out, unsigned n) override {
      const bool ok = m.read(a, out, n);
      if (ok) look(a, n, false);
      return done(ok);
    }
    bool write(uint64_t a, const void* in, unsigned n) override {
      const bool ok = m.write(a, in, n);
      if (ok) look(a, n, true);
      return done(ok);
    }
    bool check_write(uint64_t a, unsigned n) override { return done(m.check_write(a, n)); }
  } bus(state_.memory, watches_, stop, touched);

  isa::CpuState& c = state_.cpu();
  uint8_t bytes[16] = {};
  const unsigned n = state_.memory.fetch(c.pc, bytes, isa::longest(state_.isa));
  isa::Lifted in;
  isa::lift(state_.isa, {bytes, n}, c.pc, in, state_.level);
  RunExit exit;
  exit.again = in.count > 0 && in.uops[in.count - 1].rep != 0;
  exit.outcome = isa::evaluate(in, c, bus, *options_.cpu, state_.position);
  exit.executed = 1;
  exit.kind = exit.outcome.kind == isa::Outcome::Next      ? RunExit::Budget
              : exit.outcome.kind == isa::Outcome::Syscall ? RunExit::Syscall
                                                           : RunExit::Fault;
  if (in.fault == isa::Fault::Page) exit.outcome.address = c.pc + n;
  return exit;
}

// The slow twin of Engine::run.
RunExit Machine::run_reference(Position limit) {
  RunExit exit;
  bool pass = passed_at_ == state_.position, touched = false;
  Stop ignored;
  while (state_.position < limit) {
    const uint64_t pc = state_.cpu().pc;
    if (!pass && engine_.hooks().count(pc) && stops_at_hook(state_.position)) {
      exit.kind = RunExit::Hook;
      break;
    }
    if (state_.os->is_host_call(pc)) {
      exit.kind = RunExit::HostCall;
      break;
    }
    engine_.tell_mark(pc, state_.position);
    exit = step_watched(ignored, touched);
    ++state_.position;
    exit.again = pass = exit.kind == RunExit::Budget && state_.cpu().pc == pc && exit.again;
    if (exit.kind != RunExit::Budget) break;
  }
  exit.executed = 0;  // counted above
  return exit;
}

// A call was left in its middle: the run ends before it. A recording goes there; without one the machine stays as it is
// and never runs again.
void Machine::leave_call(Position before) {
  const auto after = marks_.upper_bound(before);
  if (!recording_on_ || after == marks_.begin()) {
    state_.position = before;
    in_call_ = true;
    return;
  }
  const bool silent = silent_;
  recording_.hold_back_interrupts(true);
  restore(*std::prev(after)->second);
  advance(before, false);
  recording_.hold_back_interrupts(false);
  silent_ = silent;
}

Stop Machine::advance(Position target, bool stops) {
  MachineState& s = state_;
  Stop stop;
  silent_ = !stops;
  bool settled = true;
  size_t thread = s.current;
  uint64_t pc = s.cpu().pc;
  const auto settled_here = [&] {
    if (!s.exited && (s.current != thread || s.cpu().pc != pc)) s.resumed_at = s.position;
  };
  if (!s.exited && !in_call_ && s.thread().status != ThreadStatus::Runnable) {  // an interrupted settling goes on
    recording_.begin_call(options_.max_instructions - s.position);
    try {
      settled = settle();
      settled_here();
    } catch (const CallEnded&) {
      stop = give_up();
      leave_call(s.position);
      return stop;
    }
  }
  while (true) {
    horizon_ = std::max(horizon_, s.position);
    if (s.exited) {
      ended_ = ended_ || s.position == horizon_;
      stop.kind = Stop::Exited;
      return stop;
    }
    if (!settled) return give_up();
    if (s.position >= target) return stop;
    if (s.thread().status != ThreadStatus::Runnable) {
      stop.kind = Stop::Deadlock;
      return stop;
    }
    if (s.position >= options_.max_instructions || in_call_) {
      stop.kind = Stop::Limit;
      return stop;
    }
    if (recording_.interrupted()) return give_up();
    if (recording_on_ && mark_is_due())
      take_mark();
    else if (recording_on_ && going_back_bytes() > budget_ + budget_ / 8)
      hold_budget();

    const Position limit = next_limit(target);
    if (witness_) witness_->resumes(s);
    isa::fp_enter(s.cpu(), s.isa);
    RunExit exit = reference_
                       ? run_reference(limit)
                       : engine_.run(s.cpu(), s.memory, limit - s.position, s.position, passed_at_ == s.position);
    bool touched = false;
    thread = s.current;
    s.position += exit.executed;
    if (exit.kind == RunExit::Watch) {
      exit = step_watched(stop, touched);
      s.position += 1;
    }
    isa::fp_fold(s.cpu(), s.isa);
    isa::fp_leave();
    if (witness_) witness_->pauses(s, exit.kind == RunExit::Fault);
    if (exit.again) passed_at_ = s.position;
    if (exit.kind == RunExit::Hook) {
      if (std::exchange(interrupted_at_hook_, false)) return give_up();
      stop.kind = Stop::Hook;
      horizon_ = std::max(horizon_, s.position);
      return stop;
    }
    // In the middle of a slice, with nothing due, settling would change nothing: single steps are spared it.
    if (exit.kind != RunExit::Budget || s.position >= s.slice_end || s.now_ns() >= next_due()) {
      const Position before = exit.kind == RunExit::HostCall ? s.position : s.position - 1;
      recording_.begin_call(options_.max_instructions - before);
      pc = s.cpu().pc;
      try {
        if (!finish(exit)) {
          stop = give_up();
          if (recording_on_) leave_call(before);
          return stop;
        }
        settled = settle();
        settled_here();
      } catch (const CallEnded&) {
        stop = give_up();
        leave_call(before);
        return stop;
      } catch (const InputLost&) {
        leave_call(before);
        throw;
      }
    }
    if (touched && stops) {
      horizon_ = std::max(horizon_, s.position);
      return stop;
    }
    stop = Stop{};
    if (thread_stops_ && stops && s.current != thread && !s.exited) {
      horizon_ = std::max(horizon_, s.position);
      stop.kind = Stop::Thread;
      return stop;
    }
  }
}

// One position is one state: what the companion hears of the instruction at hand is part of it, whether a run
// or a seek came here, by a hook or not.
void Machine::tell_companion() {
  const MachineState& s = state_;
  if (!companion_ || s.exited || in_call_ || s.thread().status != ThreadStatus::Runnable) return;
  if (companion_seen_ == s.position || !companion_hooks_.count(s.cpu().pc)) return;
  companion_seen_ = s.position;
  companion_->reached(s.cpu().pc);
}

Stop Machine::run_to(Position target) {
  const Stop stop = advance(target, true);
  tell_companion();
  return stop;
}

// --- user settings ---

void Machine::apply_hooks() {
  std::unordered_set<uint64_t> all = user_hooks_;
  all.insert(companion_hooks_.begin(), companion_hooks_.end());
  if (all != engine_.hooks()) engine_.set_hooks(std::move(all));
}

void Machine::set_hooks(std::unordered_set<uint64_t> addresses) {
  if (addresses == user_hooks_) return;
  user_hooks_ = std::move(addresses);
  apply_hooks();
}

void Machine::set_companion(Companion* companion, std::unordered_set<uint64_t> addresses) {
  companion_ = companion;
  companion_hooks_ = std::move(addresses);
  companion_seen_ = kNever;
  Recording::Sink heard;
  if (companion) heard = [companion](int fd, const uint8_t* bytes, size_t n) { companion->wrote(fd, bytes, n); };
  recording_.set_listener(std::move(heard));
  Recording::RefusalListener refused;
  if (companion) refused = [companion](Refused what, const std::string& name) { companion->refused(what, name); };
  recording_.set_refusal_listener(std::move(refused));
  Recording::LoadListener loaded;
  if (companion) loaded = [companion](const LoadedLibrary& library) { companion->loaded(library); };
  recording_.set_load_listener(std::move(loaded));
  apply_hooks();
}

void Machine::set_witness(Witness* w, Position longest) {
  witness_ = w;
  witness_longest_ = w ? longest : kNever;
  state_.memory.set_witness(w);
}

void Machine::check_itself() {
  self_check_ = std::make_unique<SelfCheck>(cpu_);
  set_witness(self_check_.get(), SelfCheck::kLongest);
}

void Machine::set_watches(std::vector<Watch> watches) {
  watches_ = std::move(watches);
  std::unordered_set<uint64_t> pages;
  for (const Watch& w : watches_)
    for (uint64_t p = page_of(w.address); p < w.address + w.size; p += kPage) pages.insert(p);
  state_.memory.set_watched_pages(std::move(pages));
}

}  // namespace deferscope::emu
