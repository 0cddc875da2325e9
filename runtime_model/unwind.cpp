// Frames from pcsp tables, as the runtime's own unwinder walks them, on both instruction sets; and where a trace goes
// on from one stack of a thread to the next.
//
//   amd64                                  arm64
//   caller_sp ─▶ caller's frame            caller_sp ─▶ caller's frame (its saved LR)
//                return address                         saved FP
//                saved BP      ◀─ varp                  locals …      ◀─ varp = caller_sp - 8
//                locals …                  sp ────────▶ saved LR
//   sp ────────▶ outgoing arguments
//
//   signal stack: sighandler … sigtramp ──▶ what the signal came to, by the kernel's frame
//   system stack: park_m, mcall         ──▶ the goroutine, by its g.sched
#include <fmt/format.h>

#include "runtime_model/c_frames.h"
#include "runtime_model/guest.h"

namespace deferscope::model {
namespace {

// Functions behind which there is no Go frame of this stack.
constexpr std::string_view kOutermost[] = {
    "runtime.goexit",   "runtime.mstart",   "runtime.mstart0",          "runtime.mstart1",
    "runtime.rt0_go",   "runtime.clone",    "runtime._rt0_amd64_linux", "_rt0_amd64",
    "_rt0_amd64_linux", "_rt0_arm64_linux", "runtime.sigreturn",        "runtime.sigreturn__sigaction"};
// The same where they run on the system's stack; on the goroutine's they have a caller.
constexpr std::string_view kSwitches[] = {"runtime.systemstack", "runtime.mcall", "runtime.asmcgocall",
                                          "runtime.morestack"};
// They resume a goroutine: with SP set its gobuf says where.
constexpr std::string_view kResuming[] = {"runtime.gogo", "gogo"};

template <size_t N>
bool any_of(const std::string_view (&names)[N], std::string_view name) {
  for (std::string_view n : names)
    if (n == name) return true;
  return false;
}

// What the kernel left on the signal stack, from SP behind the handler's return (arch/x86/include/asm/sigframe.h,
// arch/arm64/kernel/signal.c): where pc, SP and LR of the interrupted code are.
struct KernelFrame {
  uint64_t pc, sp, lr;  // lr 0: none
};
constexpr KernelFrame kAmd64Frame{40 + 16 * 8, 40 + 15 * 8, 0};  // ucontext, uc_mcontext.rip and .rsp
constexpr uint64_t kArm64Registers = 128 + 176 + 8;              // siginfo, ucontext, fault_address
constexpr KernelFrame kArm64Frame{kArm64Registers + 32 * 8, kArm64Registers + 31 * 8, kArm64Registers + 30 * 8};

// arm64's jmpdefer, the same nine words from 1.12 to 1.17 (src/runtime/asm_arm64.s), has no frame of its own: SP is
// deferreturn's up to the MOV at +20, is argp at the SUB $8 at +24, and is the deferring function's behind it. LR is
// that function's from +12 on. The closure is in the context register behind the load at +12; on amd64 behind the
// first instruction.
constexpr uint64_t kJmpdeferLoads = 12, kJmpdeferSetsSp = 20, kJmpdeferSubtracts = 24;

uint64_t behind_call(const Program& p, std::string_view in, const Function& callee) {
  if (const Function* f = p.function_named(in))
    for (const Call& c : p.calls_in(*f))
      if (c.target == callee.f.entry) return c.next;
  return 0;
}

bool is_morestack(std::string_view name) { return name.substr(0, 17) == "runtime.morestack"; }

// Where a trace stands.
struct At {
  uint64_t pc = 0, sp = 0, lr = 0;
  bool at_call = false;
  StackKind stack = StackKind::goroutine;
  uint64_t stack_hi = 0;  // 0: not known
};

class Walk {
 public:
  Walk(const Guest& guest, const Standing& who, At from, size_t limit)
      : g_(guest), who_(who), at_(from), limit_(limit) {}

  Unwound take() {
    out_.frames.reserve(std::min<size_t>(limit_, 8));
    while (one()) {
    }
    return std::move(out_);
  }

  // Of the thread `who` stands on: from its registers.
  static At registers(const Guest& g, const Standing& s) {
    At at{s.pc, s.sp, s.lr, s.at_call, StackKind::goroutine, 0};
    if (s.thread && g.state().os->is_host_call(s.pc)) {  // in a function of the system, which has no frame: its caller
      at.pc = g.program().amd64() ? g.word(s.sp) : s.lr;
      at.sp += g.program().amd64() ? 8 : 0;
      at.lr = 0;  // was given to the call
      at.at_call = true;
    }
    if (s.thread && g.program().in_c(s.pc))
      if (const auto caller = go_caller(g, *s.thread)) at.pc = caller->pc, at.sp = caller->sp, at.at_call = true;
    Walk(g, s, at, 0).place(at);
    return at;
  }

 private:
  bool stop(std::string why) { return out_.stopped = std::move(why), false; }
  bool end() { return out_.complete = true, false; }
  const Program& p() const { return g_.program(); }

  // On which stack at.sp lies.
  void place(At& at) const {
    const uint64_t own = who_.who.g;
    at.stack = StackKind::goroutine;
    at.stack_hi = own ? g_.stack_hi(own) : 0;
    if (!who_.thread || g_.on_stack(own, at.sp)) return;
    const uint64_t now = g_.g_of(*who_.thread), m = g_.field(now, F::g_m);
    const uint64_t signal = g_.field(m, F::m_gsignal);
    const bool on_signal = g_.on_stack(signal, at.sp);
    at.stack = on_signal ? StackKind::signal : StackKind::system;
    at.stack_hi = g_.stack_hi(on_signal ? signal : g_.field(m, F::m_g0));
  }

  // One frame, and on to its caller; false at the end.
  bool one() {
    Frame f;
    f.pc = at_.pc;
    f.lookup = at_.at_call && !is_marker(at_.pc) ? at_.pc - 1 : at_.pc;
    f.sp = at_.sp;
    f.stack = at_.stack;
    f.innermost = out_.frames.empty() && who_.thread && !at_.at_call && at_.pc == who_.thread->cpu.pc;
    if (out_.frames.size() >= limit_) return stop("more than " + std::to_string(limit_) + " frames");
    f.function = p().location(f.lookup).function;
    if (!f.function) return through_c() || stop(fmt::format("no Go function at {:#x}", at_.pc));
    if (!measure(f)) return false;
    const std::string_view name = f.function->name();
    if (at_.stack == StackKind::goroutine && any_of(kResuming, name) && f.innermost)
      return out_.frames.push_back(f), resumed();
    if (at_.stack == StackKind::signal && name == "runtime.sigtramp") return out_.frames.push_back(f), interrupted(f);
    const bool last = any_of(kOutermost, name) || (f.function->f.flag & 1) != 0 ||  // TopFrame
                      (at_.stack == StackKind::system && any_of(kSwitches, name));
    const bool saved = last || return_of(f);
    out_.frames.push_back(f);
    if (!saved) return stop(fmt::format("unreadable stack at {:#x}", f.sp));
    if (last || f.return_address == 0) return at_.stack == StackKind::system ? switched() : end();
    return to_caller(f);
  }

  // From Go code that C called to the Go code that called C, on the same stack.
  bool through_c() {
    if (out_.frames.empty() || at_.stack != StackKind::system || !at_.at_call) return false;
    auto c = caller_in_c(g_, who_, out_.frames.back());
    for (size_t i = 0; c && i < limit_ && c->leave(); ++i) {
      if (!c->in_go()) continue;
      at_ = {c->pc(), c->sp(), 0, true, StackKind::system, at_.stack_hi};
      return true;
    }
    return false;
  }

  // To 1.20 a goroutine that left its stack has the entry of systemstack_switch for its pc, which is behind no call.
  bool is_marker(uint64_t pc) const {
    const Function* const before = p().location(pc - 1).function;
    if (!before || before->f.end != pc) return false;
    const Function* const f = p().location(pc).function;
    return f && f->f.entry == pc && f->name() == "runtime.systemstack_switch";
  }

  // The frame's size.
  bool measure(Frame& f) {
    std::optional<int32_t> delta;
    try {
      delta = p().sp_delta(*f.function, f.lookup);
    } catch (const loader::Error& e) {
      return stop(e.what());
    }
    if (delta && !p().amd64() && f.function->name() == "runtime.jmpdefer") {
      delta = 0;  // pcsp counts its SUB $8, RSP
      const uint64_t offset = f.lookup - f.function->f.entry;
      if (offset <= kJmpdeferSetsSp) at_.lr = behind_call(p(), "runtime.deferreturn", *f.function);
      if (offset == kJmpdeferSubtracts) at_.sp -= 8;
    }
    if (!delta || *delta < 0) return stop("no frame size for " + std::string(f.function->name()));
    f.entered = *delta > 0;
    f.caller_sp = at_.sp + static_cast<uint64_t>(*delta) + (p().amd64() ? 8 : 0);
    f.varp = f.caller_sp - static_cast<uint64_t>(varp_below_caller_sp(p().isa()));
    return true;
  }

  bool return_of(Frame& f) const {
    f.return_slot = p().amd64() ? f.caller_sp - 8 : f.entered ? f.sp : 0;
    const auto saved = f.return_slot ? g_.try_word(f.return_slot) : std::optional<uint64_t>(at_.lr);
    f.return_address = saved.value_or(0);
    return saved.has_value();
  }

  bool to_caller(const Frame& f) {
    const bool amd64 = p().amd64();
    const bool leaf = !amd64 && f.caller_sp == at_.sp;  // no frame at all, or not yet, or no longer
    if (f.caller_sp <= at_.sp && !leaf) return stop("the stack does not grow");
    if (at_.stack_hi && f.caller_sp > at_.stack_hi) return stop("beyond the stack's upper end");
    const Mechanism& mech = p().mech();
    const uint8_t id = f.function->f.func_id;
    const bool injected = id && (id == mech.id_sigpanic || id == mech.id_async_preempt || id == mech.id_debug_call);
    // arm64's morestack is called before LR is saved: the prologue keeps it in R3.
    const bool grows = !amd64 && f.innermost && is_morestack(f.function->name());
    at_.sp = f.caller_sp;
    at_.pc = f.return_address;
    at_.lr = grows ? who_.thread->cpu.r[3] : 0;
    at_.at_call = !injected;
    if (injected && !amd64) {  // preparePanic and asyncPreempt pushed LR for a function that had not saved it
      at_.lr = g_.word(at_.sp);
      at_.sp += 16;
      if (!p().location(at_.pc).function) at_.pc = at_.lr, at_.at_call = true;  // a call of nil: its caller
    }
    return true;
  }

  // From the system stack to the goroutine's.
  bool switched() {
    const Standing s = g_.parked(who_.who);
    if (!g_.on_stack(who_.who.g, s.sp)) return end();
    at_ = {s.pc, s.sp, s.lr, s.at_call, StackKind::goroutine, g_.stack_hi(who_.who.g)};
    return true;
  }

  // SP is the goroutine's already, and what gogo loads from the gobuf may be in registers: its pc stays there.
  bool resumed() {
    const Standing s = g_.parked(who_.who);
    at_ = {s.pc, at_.sp, s.lr ? s.lr : at_.lr, s.at_call, StackKind::goroutine, at_.stack_hi};
    return true;
  }

  // From the signal stack to what was interrupted.
  bool interrupted(const Frame& sigtramp) {
    if (p().image().os() != loader::Os::linux_) return end();
    const KernelFrame& k = p().amd64() ? kAmd64Frame : kArm64Frame;
    const uint64_t at = sigtramp.caller_sp;
    at_ = {g_.word(at + k.pc), g_.word(at + k.sp), k.lr ? g_.word(at + k.lr) : 0, false, StackKind::goroutine, 0};
    place(at_);
    return at_.stack != StackKind::signal || stop("a signal within a signal");
  }

  const Guest& g_;
  const Standing& who_;
  At at_;
  size_t limit_;
  Unwound out_;
};

}  // namespace

const char* to_string(StackKind k) {
  static constexpr const char* names[] = {"goroutine", "system", "signal"};
  return names[static_cast<size_t>(k)];
}

Standing Guest::standing(const emu::Thread& t) const {
  const isa::CpuState& c = t.cpu;
  const bool amd64 = p_.amd64();
  Standing s;
  s.who = who(t), s.thread = &t;
  s.pc = c.pc, s.sp = c.r[amd64 ? isa::kRsp : isa::kSp], s.fp = c.r[amd64 ? isa::kRbp : isa::Reg{29}];
  s.lr = amd64 ? 0 : c.r[isa::kX30];
  return s;
}

Standing Guest::standing(const Who& wanted) const {
  if (who().same(wanted)) return standing(s_.thread());
  for (const emu::Thread& t : s_.threads)
    if (t.status != emu::ThreadStatus::Exited && who(t).same(wanted)) return standing(t);
  return parked(wanted);
}

Standing Guest::parked(const Who& wanted) const {
  Standing s;
  s.who = wanted;
  if (!wanted.g) return s;
  const uint64_t sched = address_of(wanted.g, F::g_sched);
  s.pc = field(sched, F::gobuf_pc), s.sp = field(sched, F::gobuf_sp);
  s.fp = field(sched, F::gobuf_bp), s.lr = field(sched, F::gobuf_lr);
  const Function* f = p_.location(s.pc).function;
  // Behind a call, unless it has not begun, or recovery sends it to the CALL deferreturn, behind a RET.
  s.at_call = f && f->f.entry != s.pc && !(f->f.deferreturn && s.pc == f->f.entry + f->f.deferreturn);
  return s;
}

Unwound Guest::unwind(const Standing& s, size_t limit) const {
  return Walk(*this, s, Walk::registers(*this, s), limit).take();
}

Unwound Guest::unwind(const Goroutine& g, size_t limit) const {
  if (g.thread >= 0) return unwind(standing(s_.threads[static_cast<size_t>(g.thread)]), limit);
  Who who;
  who.goid = g.id, who.g = g.g;
  return unwind(standing(who), limit);
}

Unwound Guest::unwind(uint64_t pc, uint64_t sp, uint64_t lr, bool at_call, uint64_t stack_hi, size_t limit) const {
  return Walk(*this, standing(s_.thread()), {pc, sp, lr, at_call, StackKind::goroutine, stack_hi}, limit).take();
}

std::vector<loader::InlineFrame> Guest::calls_of(const Frame& f) const {
  try {
    return p_.go().funcs.inline_stack(f.function->f, f.lookup);
  } catch (const loader::Error&) {
    const Location& l = p_.location(f.lookup);
    return {{f.function->name(), {l.file, l.line}, f.function->f.func_id, f.function->f.start_line, false}};
  }
}

uint64_t Guest::jmpdefer_closure() const {
  const Location& l = p_.location(pc());
  if (!l.function || l.function->name() != "runtime.jmpdefer") return 0;
  const bool argument_still = l.offset <= (p_.amd64() ? 0 : kJmpdeferLoads);
  return argument_still ? argument(Arg::jmpdefer_fv) : cpu().r[context_register(p_.isa())];
}

}  // namespace deferscope::model
