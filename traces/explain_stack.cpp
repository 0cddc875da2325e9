// What happens to the stack: return addresses rewritten, frames opened, closed and dropped, frame pointers.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "traces/explain_scene.h"

namespace deferscope::traces {
namespace {

using model::F;

std::string again_line(const Seen& x, const model::Function* callee) {
  const model::Function* f = x.function_of(model::Guest(x.p, *x.s.state).jmpdefer_closure());
  return fmt::format("⇒ when {} returns, {} is called AGAIN", f ? x.name(f) : "the deferred function",
                     x.short_name(callee));
}

// A stack word that held a return address now points at the CALL before it: jmpdefer's trick.
bool return_address_rewritten(const Seen& x, Lines& out) {
  const Change* m = x.e.memory_change();
  if (!m || m->bytes != 8 || x.e.flow.kind == Flow::Call || m->before == m->after || m->before <= m->after ||
      m->before - m->after > 8)
    return false;
  const auto call = x.call_at(m->after);
  if (!call || m->after + call->length != m->before) return false;
  out = {fmt::format("return address {:#x} → {:#x} (−{})", m->before, m->after, m->before - m->after),
         fmt::format("{} → {} = {} ({} bytes)", x.at(m->before), x.at(m->after), x.s.text(m->after), call->length),
         again_line(x, call->callee)};
  return true;
}

// The same in registers (arm64): LR − 4, then into LR.
bool return_register_rewritten(const Seen& x, Lines& out) {
  for (const Change& c : x.e.changes) {
    if (c.kind != Change::Register || x.e.flow.kind == Flow::Call) continue;
    const auto call = x.call_at(c.after);
    if (!call || !call->callee || call->callee->name() != "runtime.deferreturn") continue;
    if (c.reg == isa::kX30 && !x.p.amd64()) {
      out = {fmt::format("LR ← {} = {} = {}", c.how.str(), x.both(c.after), x.s.text(c.after)),
             again_line(x, call->callee) + "; no memory changes"};
      return true;
    }
    if (c.how.kind == Expr::Place && c.how.add < 0) {
      out = {
          fmt::format("{} ← {} = {}", c.place, c.how.str(), x.both(c.after)),
          fmt::format("= {}: the call that brought us here; the next instruction puts it into LR", x.s.text(c.after))};
      return true;
    }
  }
  return false;
}

// A register takes a return address from the stack.
bool return_address_loaded(const Seen& x, Lines& out) {
  if (!x.in("runtime.jmpdefer")) return false;
  for (const Change& c : x.e.changes) {
    if (c.kind != Change::Register || c.how.kind != Expr::Place || x.e.reads.empty()) continue;
    const auto call = x.call_before(c.after);
    if (!call || !call->callee) continue;
    out = {fmt::format("{} ← {} = {}", c.place, c.how.str(), x.both(c.after)),
           fmt::format("the LR that {} saved: where it would return", x.short_name(call->callee))};
    return true;
  }
  return false;
}

const Change* sp_change(const Prediction& e) {
  const isa::Reg sp = e.isa == isa::Isa::x86_64 ? isa::kRsp : isa::kSp;
  for (const Change& c : e.changes)
    if (c.kind == Change::Register && c.reg == sp && c.before != c.after) return &c;
  return nullptr;
}

std::string frames_dropped(const Seen& x, size_t upto) {
  std::string t;
  for (size_t i = 0; i <= upto; ++i) {
    const model::Frame& f = x.s.frames[i];
    if (i == 0 && (f.return_slot == x.e.sp_before() || f.caller_sp == x.e.sp_before()))
      continue;  // of no bytes: jmpdefer
    if (!t.empty()) t += ", ";
    t += x.short_name(x.s.frames[i].function);
  }
  return t.empty() ? x.short_name(x.s.frames[upto].function) : t;
}

// SP rises past the frames of functions that did not return.
bool frames_dropped_by_sp(const Seen& x, Lines& out) {
  const Change* c = sp_change(x.e);
  if (!c || c->after < c->before || x.e.flow.kind == Flow::Return || x.s.frames.size() < 2) return false;
  for (size_t k = 1; k < x.s.frames.size(); ++k) {
    const model::Frame& f = x.s.frames[k];
    if (!f.function) break;
    if (x.p.amd64() && f.return_slot == c->after) {
      out = {fmt::format("SP {:#x} → {:#x}: {}'s frame dropped;", c->before, c->after, frames_dropped(x, k)),
             fmt::format("[SP] = {}, where {} would return", x.both(f.return_address), x.short_name(f.function))};
      return true;
    }
    if (!x.p.amd64() && c->after >= f.caller_sp && c->after <= f.caller_sp + 16 &&
        c->after > x.s.frames[k - 1].caller_sp && k + 1 < x.s.frames.size()) {
      const uint64_t over = c->after - f.caller_sp;
      out = {fmt::format("SP {:#x} → {:#x}: {}'s frame dropped;", c->before, c->after, frames_dropped(x, k)),
             over ? fmt::format("{} bytes above {}'s SP, which the next instruction takes off", over,
                                x.short_name(x.s.frames[k + 1].function))
                  : fmt::format("SP is {}'s again", x.short_name(x.s.frames[k + 1].function))};
      return true;
    }
  }
  return false;
}

// jmpdefer's end on arm64: the 8 bytes of the argument's place come off.
bool sp_back_in_caller(const Seen& x, Lines& out) {
  const Change* c = sp_change(x.e);
  if (!c || !x.in("runtime.jmpdefer") || c->after > c->before) return false;
  out = {fmt::format("SP {:#x} → {:#x} ({}): as it was at the CALL of deferreturn", c->before, c->after,
                     say_number(static_cast<int64_t>(c->after - c->before)))};
  return true;
}

// Prologue and epilogue, told by the function's own frame table.
bool frame_opened_or_closed(const Seen& x, Lines& out) {
  const Change* c = sp_change(x.e);
  const model::Function* f = x.here();
  if (!c || !f || x.e.flow.kind != Flow::Next) return false;
  const auto& funcs = x.p.go().funcs;
  const auto before = funcs.sp_delta(f->f, x.e.pc),
             after = f->f.contains(x.e.next_pc()) ? funcs.sp_delta(f->f, x.e.next_pc()) : std::nullopt;
  if (!before || !after) return false;
  const int64_t grown = static_cast<int64_t>(c->before) - static_cast<int64_t>(c->after);
  const std::string moved =
      fmt::format("SP {:#x} → {:#x} ({}{})", c->before, c->after, grown < 0 ? "+" : "", say_number(-grown));
  if (grown > 0 && *after - *before == grown) {
    out.erase(std::remove_if(out.begin(), out.end(), [](const std::string& l) { return l.compare(0, 3, "SP ") == 0; }),
              out.end());
    out.insert(out.begin(), fmt::format("{}: frame of {} bytes opened for {}", moved, *after, x.short_name(f)));
    return true;
  }
  if (grown < 0 && *before - *after == -grown && *after != 0) {
    out.push_back(fmt::format("{} bytes of {}'s frame given back", -grown, x.short_name(f)));
    return true;
  }
  if (grown < 0 && *before - *after == -grown && *after == 0) {
    out.erase(std::remove_if(out.begin(), out.end(), [](const std::string& l) { return l.compare(0, 3, "SP ") == 0; }),
              out.end());
    std::string l = fmt::format("{}: {}'s frame closed", moved, x.short_name(f));
    if (x.p.amd64())
      if (const auto ret = x.word(c->after)) l += fmt::format("; [SP] = {}, where RET goes", x.both(*ret));
    out.push_back(std::move(l));
    return true;
  }
  return false;
}

// The prologue's question: is there room on the stack?
bool stack_check(const Seen& x, Lines& out) {
  const model::Function* f = x.here();
  if (!f || x.e.pc - f->f.entry > 48 || x.s.running_g == 0) return false;
  const bool system = x.s.running_g != x.s.who.g;
  const std::string whose = system ? "the system stack" : fmt::format("g{}", x.s.who.goid);
  const uint64_t guard_at = x.s.running_g + 16;  // g.stackguard0, at this place in every version
  const auto guard = x.word(guard_at);
  const bool reads_guard =
      std::any_of(x.e.reads.begin(), x.e.reads.end(), [&](const MemoryRead& r) { return r.address == guard_at; });
  const bool compares = !x.e.changes.empty() && x.e.changes[0].kind == Change::Compare;
  if (!guard) return false;
  if (reads_guard && !compares) {
    out.push_back(fmt::format("{}'s stack guard: below it the stack must grow", whose));
    return true;
  }
  const bool arm_compare = compares && !x.p.amd64() && x.e.changes[0].place.find("SP") != std::string::npos;
  if (!compares || !(reads_guard || arm_compare)) return false;
  const auto room = static_cast<int64_t>(x.e.sp_before() - *guard);
  if (*guard > uint64_t{1} << 62)
    out = {fmt::format("stack check: the guard is {:#x}: {} is asked to stop and is caught here", *guard, whose)};
  else
    out = {fmt::format("stack check{}: SP {:#x}, guard {:#x}: {} bytes {}", system ? " (system stack)" : "",
                       x.e.sp_before(), *guard, say_number(room < 0 ? -room : room),
                       room > 0 ? "of room above it" : "too deep: morestack follows")};
  return true;
}

bool in_prologue(const Seen& x) {
  const model::Function* f = x.here();
  return f && x.e.pc - f->f.entry < 64;
}

// The frame pointer is saved, set, restored.
bool frame_pointer(const Seen& x, Lines& out) {
  if (x.in_gogo()) return false;
  const isa::Reg fp = x.p.amd64() ? isa::kRbp : isa::Reg{29};
  const std::string reg = register_name(x.e.isa, fp);
  for (const Change& c : x.e.changes) {
    if (c.kind == Change::Memory && c.how.kind == Expr::Place && c.how.text == reg && c.how.add == 0 &&
        in_prologue(x)) {
      out.push_back("saves the caller's frame pointer");
      return true;
    }
    if (c.kind != Change::Register || c.reg != fp) continue;
    if (!x.e.reads.empty()) {
      std::string whose;
      if (x.in("runtime.jmpdefer")) whose = ", as if deferreturn had returned";
      if (x.in("runtime.jmpdefer") && x.s.frames.size() > 1) {
        // The frames were walked with SP already moved: the innermost caller is the deferring function.
        out = {fmt::format("{} {:#x} → {:#x}: the caller's frame pointer{}", reg, c.before, c.after, whose)};
        return true;
      }
      out.push_back("the caller's frame pointer again");
      return true;
    }
    const bool at_its_place = x.p.amd64() || c.after == x.e.sp_before() - 8;
    if (in_prologue(x) && x.here() && at_its_place) {
      out.push_back(fmt::format("{}'s frame pointer", x.short_name(x.here())));
      return true;
    }
  }
  return false;
}

constexpr Pattern kStackReplacing[] = {return_address_rewritten, return_register_rewritten, return_address_loaded,
                                       frames_dropped_by_sp,     sp_back_in_caller,         stack_check};
constexpr Pattern kStackAdding[] = {frame_opened_or_closed, frame_pointer};

}  // namespace

Patterns stack_patterns() { return {kStackReplacing, kStackAdding}; }

}  // namespace deferscope::traces
