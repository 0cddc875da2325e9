// Frames from pcsp tables, as the runtime's own unwinder walks them, on both instruction sets.
//
//   amd64                                  arm64
//   caller_sp ─▶ caller's frame            caller_sp ─▶ caller's frame (its saved LR)
//                return address                         saved FP
//                saved BP      ◀─ varp                  locals …      ◀─ varp = caller_sp - 8
//                locals …                  sp ────────▶ saved LR
//   sp ────────▶ outgoing arguments
#include <fmt/format.h>

#include "runtime_model/guest.h"

namespace deferscope::model {
namespace {

// Functions behind which there is no Go frame of this stack.
constexpr std::string_view kOutermost[] = {"runtime.goexit", "runtime.mstart", "runtime.rt0_go", "runtime.mstart1",
                                           "runtime.sigreturn__sigaction"};
// The same where they run on the system's stack; on the goroutine's they have a caller.
constexpr std::string_view kSwitches[] = {"runtime.systemstack", "runtime.mcall", "runtime.asmcgocall"};

template <size_t N>
bool any_of(const std::string_view (&names)[N], std::string_view name) {
  for (std::string_view n : names)
    if (n == name) return true;
  return false;
}

bool outermost(const Function& f, bool system_stack) {
  if (any_of(kSwitches, f.name())) return system_stack;
  return any_of(kOutermost, f.name()) || (f.f.flag & 1) != 0;  // TopFrame
}

constexpr uint64_t kMaxStack = uint64_t{1} << 30;  // runtime.maxstacksize

// arm64's jmpdefer, the same nine words from 1.12 to 1.17 (src/runtime/asm_arm64.s), has no frame of its own: SP is
// deferreturn's up to the MOV at +20, is argp at the SUB $8 at +24, and is the deferring function's behind it. LR is
// that function's from +12 on.
constexpr uint64_t kJmpdeferSetsSp = 20, kJmpdeferSubtracts = 24;

uint64_t behind_call(const Program& p, std::string_view in, const Function& callee) {
  if (const Function* f = p.function_named(in))
    for (const Call& c : p.calls_in(*f))
      if (c.target == callee.f.entry) return c.next;
  return 0;
}

}  // namespace

Unwound Guest::unwind(uint64_t pc, uint64_t sp, uint64_t lr, bool at_call, uint64_t stack_hi, size_t limit) const {
  Unwound out;
  const bool amd64 = p_.amd64();
  const Mechanism& mech = p_.mech();
  out.frames.reserve(std::min<size_t>(limit, 8));
  while (true) {
    Frame f;
    f.pc = pc;
    f.lookup = at_call ? pc - 1 : pc;
    f.sp = sp;
    f.function = p_.location(f.lookup).function;
    if (!f.function) return out.stopped = fmt::format("no Go function at {:#x}", pc), out;
    if (out.frames.size() >= limit) return out.stopped = "more than " + std::to_string(limit) + " frames", out;
    std::optional<int32_t> delta;
    try {
      delta = p_.sp_delta(*f.function, f.lookup);
    } catch (const loader::Error& e) {
      return out.stopped = e.what(), out;
    }
    if (delta && !amd64 && f.function->name() == "runtime.jmpdefer") {
      delta = 0;  // pcsp counts its SUB $8, RSP
      const uint64_t offset = f.lookup - f.function->f.entry;
      if (offset <= kJmpdeferSetsSp) lr = behind_call(p_, "runtime.deferreturn", *f.function);
      if (offset == kJmpdeferSubtracts) f.sp = sp -= 8;
    }
    if (!delta || *delta < 0) return out.stopped = "no frame size for " + std::string(f.function->name()), out;
    f.entered = *delta > 0;
    f.caller_sp = sp + static_cast<uint64_t>(*delta) + (amd64 ? 8 : 0);
    f.varp = f.caller_sp - static_cast<uint64_t>(varp_below_caller_sp(p_.arch()));
    const bool last = outermost(*f.function, stack_hi - sp > kMaxStack);
    if (!last) {
      const auto saved = amd64 ? try_word(f.caller_sp - 8) : f.entered ? try_word(sp) : std::optional<uint64_t>(lr);
      if (!saved) {
        out.frames.push_back(f);
        return out.stopped = fmt::format("unreadable stack at {:#x}", sp), out;
      }
      f.return_address = *saved;
    }
    out.frames.push_back(f);
    if (last || f.return_address == 0) return out.complete = true, out;
    const bool leaf = !amd64 && f.caller_sp == sp && !f.entered && lr;  // arm64: may have no frame at all
    if (f.caller_sp <= sp && !leaf && !(out.frames.size() == 1 && f.caller_sp == sp && !amd64))
      return out.stopped = "the stack does not grow", out;
    if (stack_hi && f.caller_sp > stack_hi) return out.stopped = "beyond the stack's upper end", out;
    const uint8_t id = f.function->f.func_id;
    const bool injected = id && (id == mech.id_sigpanic || id == mech.id_async_preempt || id == mech.id_debug_call);
    sp = f.caller_sp;
    pc = f.return_address;
    lr = 0;
    at_call = !injected;
    if (injected && !amd64) {  // preparePanic and asyncPreempt pushed LR for a function that had not saved it
      lr = word(sp);
      sp += 16;
    }
  }
}

Unwound Guest::unwind(const Goroutine& g, size_t limit) const {
  const auto parked = [&](F pc_field, F sp_field, bool from_sched) {
    const uint64_t base = from_sched ? address_of(g.g, F::g_sched) : g.g;
    const uint64_t lr = from_sched ? field(base, F::gobuf_lr) : 0;
    const uint64_t pc = field(base, pc_field);
    const Function* f = p_.function_at(pc);
    return unwind(pc, field(base, sp_field), lr, f && f->f.entry != pc, g.hi, limit);
  };
  const bool syscall = field(g.g, F::g_syscallsp) != 0;
  if (g.thread >= 0) {
    const emu::Thread& t = s_.threads[static_cast<size_t>(g.thread)];
    if (g_of(t) == g.g) {
      const uint64_t sp = t.cpu.r[p_.amd64() ? isa::kRsp : isa::kSp];
      return unwind(t.cpu.pc, sp, t.cpu.r[isa::kX30], false, g.hi, limit);
    }
  }
  if (syscall) return parked(F::g_syscallpc, F::g_syscallsp, false);
  return parked(F::gobuf_pc, F::gobuf_sp, true);
}

}  // namespace deferscope::model
