// The patterns, each a function: it looks at what an instruction does and says what Go means by it, or says nothing.
#include "traces/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "runtime_model/code.h"

namespace deferscope::traces {
namespace {

using isa::Op;
using model::F;
using Lines = std::vector<std::string>;

// An instruction and its moment, with the questions that several patterns ask.
struct Seen {
  const Effect& e;
  const Scene& s;
  const model::Program& p;

  const model::Function* here() const { return p.function_at(e.pc); }
  bool in(std::string_view name) const { return here() && here()->name() == name; }
  std::optional<uint64_t> word(uint64_t a, unsigned n = 8) const {
    uint64_t v = 0;
    return s.state->memory.peek(a, &v, n) ? std::optional(v) : std::nullopt;
  }
  std::string name(const model::Function* f) const { return f ? model::readable(f->name()) : "?"; }
  std::string short_name(const model::Function* f) const {
    const std::string n = name(f);
    return n.compare(0, 8, "runtime.") == 0 ? n.substr(8) : n;
  }
  // The CALL that stands at pc: its callee and length.
  struct CallAt {
    const model::Function* callee;
    unsigned length;
  };
  std::optional<CallAt> call_at(uint64_t pc) const {
    std::optional<CallAt> out;
    const model::Function* f = p.function_at(pc);
    if (!f) return out;
    model::each_instruction(p.image(), pc, f->f.end, [&](const model::Insn& i) {
      if (const auto c = model::as_call(i)) out = CallAt{c->target ? p.function_at(c->target) : nullptr, i.size};
      return false;
    });
    return out;
  }
  // A return address: the call before it.
  std::optional<CallAt> call_before(uint64_t pc) const {
    const model::Function* f = p.function_at(pc - 1);
    if (!f) return std::nullopt;
    for (unsigned n : {5u, 4u, 2u, 3u, 6u, 7u}) {
      if (!p.amd64() && n != 4) continue;
      const auto c = call_at(pc - n);
      if (c && c->length == n) return c;
    }
    return std::nullopt;
  }
  // What the closure context register holds when a deferred function is entered through it.
  const model::Function* context_function() const {
    const uint64_t fv = e.after.r[model::context_register(p.arch())];
    const auto code = fv ? word(fv) : std::nullopt;
    const model::Function* f = code ? p.function_at(*code) : nullptr;
    return f && f->f.entry == *code ? f : nullptr;
  }
  std::string at(uint64_t pc) const { return s.place(pc); }
  std::string both(uint64_t pc) const { return fmt::format("{:#x} ({})", pc, s.place(pc)); }
};

std::string again_line(const Seen& x, const model::Function* callee) {
  const model::Function* f = x.context_function();
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

const Change* sp_change(const Effect& e) {
  const isa::Reg sp = e.isa == isa::Isa::x86_64 ? isa::kRsp : isa::kSp;
  for (const Change& c : e.changes)
    if (c.kind == Change::Register && c.reg == sp && c.before != c.after) return &c;
  return nullptr;
}

std::string frames_dropped(const Seen& x, size_t upto) {
  std::string t;
  for (size_t i = 0; i <= upto; ++i) {
    if (i == 0 && x.s.frames[0].ret_slot == x.e.sp_before()) continue;  // a frame of no bytes: jmpdefer itself
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
    const FrameSeen& f = x.s.frames[k];
    if (!f.function) break;
    if (x.p.amd64() && f.ret_slot == c->after) {
      out = {fmt::format("SP {:#x} → {:#x}: {}'s frame dropped;", c->before, c->after, frames_dropped(x, k)),
             fmt::format("[SP] = {}, where {} would return", x.both(f.ret), x.short_name(f.function))};
      return true;
    }
    if (!x.p.amd64() && c->after >= f.cfa && c->after <= f.cfa + 16 && c->after > x.s.frames[k - 1].cfa &&
        k + 1 < x.s.frames.size()) {
      const uint64_t over = c->after - f.cfa;
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
  if (!f || x.e.pc - f->f.entry > 48 || x.s.g == 0) return false;
  const uint64_t guard_at = x.s.g + 16;  // g.stackguard0, at this place in every version (facts §1)
  const auto guard = x.word(guard_at);
  const bool reads_guard =
      std::any_of(x.e.reads.begin(), x.e.reads.end(), [&](const MemoryRead& r) { return r.address == guard_at; });
  const bool compares = !x.e.changes.empty() && x.e.changes[0].kind == Change::Compare;
  if (!guard) return false;
  if (reads_guard && !compares) {
    out.push_back(fmt::format("g{}'s stack guard: below it the stack must grow", x.s.goid));
    return true;
  }
  const bool arm_compare = compares && !x.p.amd64() && x.e.changes[0].place.find("SP") != std::string::npos;
  if (!compares || !(reads_guard || arm_compare)) return false;
  const auto room = static_cast<int64_t>(x.e.sp_before() - *guard);
  if (*guard > uint64_t{1} << 62)
    out = {fmt::format("stack check: the guard is {:#x}: g{} is asked to stop and is caught here", *guard, x.s.goid)};
  else
    out = {fmt::format("stack check: SP {:#x}, guard {:#x}: {} bytes {}", x.e.sp_before(), *guard,
                       say_number(room < 0 ? -room : room),
                       room > 0 ? "of room above it" : "too deep: morestack follows")};
  return true;
}

bool in_prologue(const Seen& x) {
  const model::Function* f = x.here();
  return f && x.e.pc - f->f.entry < 64;
}

// The frame pointer is saved, set, restored.
bool frame_pointer(const Seen& x, Lines& out) {
  if (x.in("runtime.gogo")) return false;
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
    if (in_prologue(x) && x.here()) {
      out.push_back(fmt::format("{}'s frame pointer", x.short_name(x.here())));
      return true;
    }
  }
  return false;
}

// What a call or jump means for defers, by the name of where it goes.
bool runtime_call(const Seen& x, Lines& out) {
  if (x.e.flow.kind != Flow::Call) return false;
  const model::Function* to = x.p.function_at(x.e.flow.target);
  if (!to || to->f.entry != x.e.flow.target) return false;
  const auto argument = [&](model::Arg a) -> std::optional<uint64_t> {
    const model::Place place = x.p.place(a);
    if (place.kind == model::Place::reg) return x.e.after.r[place.number];
    if (place.kind != model::Place::stack) return std::nullopt;
    // Places are told at the callee's entry; the memory is still the one before the CALL, which pushed nothing but the
    // return address.
    return x.word(x.e.sp_after() + static_cast<uint64_t>(place.offset));
  };
  const auto fn_of = [&](std::optional<uint64_t> fv) -> std::string {
    const auto code = fv && *fv ? x.word(*fv) : std::nullopt;
    const model::Function* f = code ? x.p.function_at(*code) : nullptr;
    return f ? x.name(f) : "a function";
  };
  const std::string_view n = to->name();
  if (n == "runtime.deferproc") {
    out.push_back(fmt::format("registers {} to run later; its record comes from the heap",
                              fn_of(argument(model::Arg::deferproc_fn))));
    if (const auto siz = argument(model::Arg::deferproc_siz))
      out.push_back(fmt::format("siz = {}: bytes of arguments kept in the record", *siz & 0xffffffff));
    return true;
  }
  if (n == "runtime.deferprocStack") {
    const auto d = argument(model::Arg::deferprocStack_d);
    const model::FieldAt fn = x.p.layouts()[F::defer_fn];
    const auto fv = d && fn ? x.word(*d + static_cast<uint64_t>(fn.offset)) : std::nullopt;
    out.push_back(fmt::format("registers {} to run later: record {:#x} on this stack = SP+{}", fn_of(fv), d.value_or(0),
                              d.value_or(0) - x.e.sp_before()));
    return true;
  }
  if (n == "runtime.deferreturn") {
    out.push_back(
        fmt::format("runs the defers that {} registered", x.here() ? x.short_name(x.here()) : "this function"));
    if (x.here() && x.p.open_coded(*x.here())) {
      out.back() = fmt::format("only a recovery comes here: runs what is left of {}'s open-coded defers",
                               x.short_name(x.here()));
      return true;
    }
    switch (x.p.mech().on_return) {
      case model::ReturnMechanism::jmpdefer:
        out.push_back("one now; jmpdefer will make it come back to this CALL for the next");
        break;
      case model::ReturnMechanism::loop:
        out.push_back("all of them in a loop of its own (no jmpdefer from go1.18 on)");
        break;
      case model::ReturnMechanism::machine:
        out.push_back("all of them, by a _panic in its own frame that walks them (go1.22 and later)");
        break;
    }
    return true;
  }
  if (n == "runtime.gopanic") {
    out.push_back("the panic begins: deferred functions run now, on top of this frame");
    return true;
  }
  if (n.find("gcWriteBarrier") != std::string_view::npos) {
    out.push_back("write barrier: tells the garbage collector of the pointer being stored");
    return true;
  }
  if (n.find("morestack") != std::string_view::npos) {
    out.push_back("the stack is too small: it is copied to a larger one, then this function starts again");
    return true;
  }
  return false;
}

// The calls that run deferred functions: by the runtime, or inline from an open-coded exit.
bool deferred_call(const Seen& x, Lines& out) {
  const model::Function* f = x.here();
  if (x.e.flow.kind != Flow::Call || !f) return false;
  if (const model::OpenCoded* o = x.p.open_coded(*f))
    for (const model::BitStore& st : o->stores)
      if (st.call.pc == x.e.pc && st.call.pc) {
        out.push_back(
            fmt::format("runs a deferred function of {} inline: an ordinary call, no record and no runtime between",
                        x.short_name(f)));
        return true;
      }
  const std::string_view n = f->name();
  const bool by_return = n == "runtime.deferreturn", by_panic = n == "runtime.gopanic",
             by_goexit = n == "runtime.Goexit";
  if (!by_return && !by_panic && !by_goexit) return false;
  const model::Function* to = x.p.function_at(x.e.flow.target);
  std::string who;
  if (to && (to->name() == "runtime.reflectcall" || to->name() == "reflect.call")) {
    const model::Place place = x.p.place(model::Arg::reflectcall_fn);
    const uint64_t fv = place.kind == model::Place::stack
                            ? x.word(x.e.sp_before() + static_cast<uint64_t>(place.offset)).value_or(0)
                        : place ? x.e.before.r[place.number]
                                : 0;
    const auto code = fv ? x.word(fv) : std::nullopt;
    const model::Function* fn = code ? x.p.function_at(*code) : nullptr;
    if (!fn) return false;
    who = x.name(fn) + " through reflectcall, which copies its arguments";
  } else if (x.e.flow.through.empty() || !to || to->f.entry != x.e.flow.target) {
    return false;
  } else {
    who = x.name(to);
  }
  if (by_return)
    out.push_back(
        fmt::format("deferreturn's loop runs {}; it returns into the loop: no return address is rewritten", who));
  else
    out.push_back(
        fmt::format("the {} runs {}, on top of the frames that it will leave", by_panic ? "panic" : "Goexit", who));
  return true;
}

// Behind CALL deferproc (≤ 1.24): which of its two returns is it?
bool deferproc_result(const Seen& x, Lines& out) {
  if (x.p.mech().recovery != model::RecoveryTarget::deferproc_returns_1) return false;
  const auto call = x.call_before(x.e.pc);
  if (!call || !call->callee ||
      (call->callee->name() != "runtime.deferproc" && call->callee->name() != "runtime.deferprocStack"))
    return false;
  const uint64_t result = x.e.before.r[0] & 0xffffffff;
  out.push_back(
      result == 0
          ? fmt::format("{} returned 0: registered, the function goes on", x.short_name(call->callee))
          : fmt::format("{} seems to return again, with {}: a panic was recovered; to the exit that calls deferreturn",
                        x.short_name(call->callee), result));
  return true;
}

// A RET onto a CALL of deferreturn: the address was moved back on purpose.
bool return_onto_call(const Seen& x, Lines& out) {
  if (x.e.flow.kind != Flow::Return) return false;
  const auto call = x.call_at(x.e.flow.target);
  if (!call || !call->callee || call->callee->name() != "runtime.deferreturn") return false;
  out.push_back(
      fmt::format("= {}: not behind the call but onto it: deferreturn is called AGAIN", x.s.text(x.e.flow.target)));
  return true;
}

// A jump through a register to the start of a function: nobody called it.
bool jump_into_function(const Seen& x, Lines& out) {
  if (x.e.flow.kind != Flow::Jump || x.e.flow.through.empty()) return false;
  const model::Function* to = x.p.function_at(x.e.flow.target);
  if (x.in("runtime.gogo")) {
    std::string why;
    for (const FrameSeen& f : x.s.frames)
      if (f.function && (f.function->name() == "runtime.recovery" || f.function->name() == "runtime.recovery.func1"))
        why = "recovery: the frames above are cut; ";
    out.push_back(
        fmt::format("{}the goroutine goes on at {} with SP {:#x}", why, x.at(x.e.flow.target), x.e.sp_after()));
    return true;
  }
  if (!to || to->f.entry != x.e.flow.target) return false;
  const uint64_t back = x.p.amd64() ? x.word(x.e.sp_after()).value_or(0) : x.e.after.r[isa::kX30];
  out.push_back(fmt::format("jump, not call: {} inherits that return address, {}", x.name(to), x.at(back)));
  return true;
}

std::string bits_list(uint64_t bits) {
  std::string t;
  for (unsigned i = 0; i < 8; ++i)
    if (bits >> i & 1) t += fmt::format("{}#{}", t.empty() ? "" : ", ", i + 1);
  return t;
}

// A store to the byte that says which open-coded defers are pending.
bool defer_bits(const Seen& x, Lines& out) {
  const model::Function* f = x.here();
  const model::OpenCoded* o = f ? x.p.open_coded(*f) : nullptr;
  const Change* m = x.e.memory_change();
  if (!o || !m) return false;
  for (const model::BitStore& st : o->stores) {
    if (st.pc != x.e.pc) continue;
    const uint64_t was = m->before & 0xff, now = m->after & 0xff;
    const std::string line = fmt::format("deferBits of {}: {:08b} → {:08b}", x.short_name(f), was, now);
    if (st.initial) {
      out = {fmt::format("deferBits of {} ← 0: none registered yet (before this the byte was stale: {:#x})",
                         x.short_name(f), was)};
    } else if (const uint64_t on = now & ~was) {
      out = {line, fmt::format("⇒ defer {} of {} is now pending", bits_list(on), x.short_name(f))};
    } else if (const uint64_t off = was & ~now) {
      out = {line, fmt::format("⇒ defer {} is taken off before its call: should it panic, it is not run twice",
                               bits_list(off))};
    } else {
      out = {line + ": unchanged"};
    }
    return true;
  }
  // The closure's slot below varp.
  if (x.s.frames.empty()) return false;
  const uint64_t varp = x.s.frames[0].cfa - static_cast<uint64_t>(model::varp_below_caller_sp(x.p.arch()));
  for (size_t i = 0; i < o->slots.size(); ++i)
    if (m->address == varp - o->slots[i] && (o->count_known || i == 0)) {
      out.push_back(fmt::format("the function that defer #{} will call", i + 1));
      return true;
    }
  return false;
}

struct Record {
  uint64_t address;
  model::S kind;
  int number;
};

// The _defer and _panic records that g reaches now.
std::vector<Record> linked_records(const Seen& x) {
  std::vector<Record> out;
  const model::Layouts& l = x.p.layouts();
  const auto walk = [&](F head, F link, model::S kind) {
    const auto h = l[head], n = l[link];
    if (!h || !n || x.s.g == 0) return;
    uint64_t at = x.word(x.s.g + static_cast<uint64_t>(h.offset)).value_or(0);
    for (int i = 0; i < 64 && at; ++i) {
      out.push_back({at, kind, i + 1});
      at = x.word(at + static_cast<uint64_t>(n.offset)).value_or(0);
    }
  };
  walk(F::g_defer, F::defer_link, model::S::defer_);
  walk(F::g_panic, F::panic_link, model::S::panic);
  return out;
}

const model::FieldName* field_at(const model::Layouts& l, const std::vector<model::FieldName>& fields, uint64_t offset,
                                 uint64_t* inside) {
  const model::FieldName* best = nullptr;
  for (const model::FieldName& f : fields) {
    const model::FieldAt at = l[f.field];
    if (!at || offset < static_cast<uint64_t>(at.offset) || offset >= static_cast<uint64_t>(at.offset) + at.size)
      continue;
    best = &f;
    *inside = offset - static_cast<uint64_t>(at.offset);
  }
  return best;
}

// The record that the CALL ahead registers (deferprocStack), found by going on in thought.
std::optional<Record> record_ahead(const Seen& x) {
  const model::Function* f = x.here();
  if (!f || x.e.flow.kind != Flow::Next) return std::nullopt;
  const model::Place place = x.p.place(model::Arg::deferprocStack_d);
  if (!place) return std::nullopt;
  bool near = false;
  unsigned n = 0;
  model::each_instruction(x.p.image(), x.e.next_pc(), f->f.end, [&](const model::Insn& i) {
    const auto c = model::as_call(i);
    if (!c) return ++n < 16 && i.in->count > 0 && !i.in->ends_block();
    const model::Function* to = c->target ? x.p.function_at(c->target) : nullptr;
    near = to && to->name() == "runtime.deferprocStack";
    return false;
  });
  if (!near) return std::nullopt;
  emu::MachineState ahead = *x.s.state;
  const Namer nobody;
  for (unsigned i = 0; i < 20; ++i) {
    const Effect e = predict(ahead, *x.s.cpu, nobody);
    if (e.flow.kind == Flow::Call) {
      if (place.kind == model::Place::reg) return Record{e.before.r[place.number], model::S::defer_, 0};
      uint64_t d = 0;
      const uint64_t at = e.sp_before() + static_cast<uint64_t>(place.offset) - (x.p.amd64() ? 8 : 0);
      return ahead.memory.peek(at, &d, 8) ? std::optional(Record{d, model::S::defer_, 0}) : std::nullopt;
    }
    if (e.flow.kind != Flow::Next) return std::nullopt;
    for (const Change& c : e.changes)
      if (c.kind == Change::Memory && c.bytes <= 16) {
        uint64_t two[2] = {c.bytes > 8 ? c.vec_after.lo : c.after, c.vec_after.hi};
        ahead.memory.poke(c.address, two, c.bytes);
      }
    ahead.cpu() = e.after;
  }
  return std::nullopt;
}

// A store into a record's field is named.
bool record_field(const Seen& x, Lines& out) {
  const Change* m = x.e.memory_change();
  if (!m || x.e.flow.kind == Flow::Call) return false;
  std::vector<Record> records = linked_records(x);
  if (const auto r = record_ahead(x)) records.push_back(*r);
  const model::Layouts& l = x.p.layouts();
  for (const Record& r : records) {
    if (m->address < r.address || m->address >= r.address + l.size(r.kind)) continue;
    uint64_t inside = 0;
    const auto fields = l.fields(r.kind);
    const model::FieldName* f = field_at(l, fields, m->address - r.address, &inside);
    const char* kind = r.kind == model::S::defer_ ? "_defer" : "_panic";
    const std::string which = r.number == 0
                                  ? "the record that deferprocStack registers next"
                                  : fmt::format("{} {:#x}, {} in g{}'s chain", kind, r.address,
                                                r.number == 1 ? "first" : fmt::format("number {}", r.number), x.s.goid);
    if (!f) {
      out.push_back(fmt::format("byte {} of {}", m->address - r.address, which));
      return true;
    }
    out.push_back(fmt::format("{}.{} (offset {}) of {}", kind, f->name, l[f->field].offset, which));
    if (f->field == F::defer_heap)
      out.push_back(m->after & 0xff ? "heap = 1: the record goes back to the pool when it is done"
                                    : "heap = 0: the record lies in the frame of its function and must not be freed");
    return true;
  }
  if (x.s.g && l[F::g_sched]) {
    const uint64_t sched = x.s.g + static_cast<uint64_t>(l[F::g_sched].offset);
    for (const model::FieldName& f : l.fields(model::S::gobuf)) {
      if (m->address != sched + static_cast<uint64_t>(l[f.field].offset)) continue;
      const char* meaning = f.field == F::gobuf_sp                     ? ": the SP with which it will go on"
                            : f.field == F::gobuf_pc                   ? ": where it will go on"
                            : f.field == F::gobuf_ret && m->after == 1 ? " = 1: what deferproc will seem to return"
                                                                       : "";
      out.push_back(fmt::format("g{}.sched.{}{}", x.s.goid, f.name, meaning));
      return true;
    }
  }
  if (x.s.g) {
    const auto head = [&](F f) { return l[f] && m->address == x.s.g + static_cast<uint64_t>(l[f].offset); };
    if (head(F::g_defer)) {
      out.push_back(
          fmt::format("g{}._defer: the head of its chain of defers{}", x.s.goid, m->after == 0 ? ": empty now" : ""));
      return true;
    }
    if (head(F::g_panic)) {
      out.push_back(fmt::format("g{}._panic: {}", x.s.goid, m->after ? "the panic at work" : "no panic any more"));
      return true;
    }
  }
  return false;
}

// The arguments of deferproc, put in place just before the call (stack convention).
bool deferproc_argument(const Seen& x, Lines& out) {
  const Change* m = x.e.memory_change();
  const model::Place siz = x.p.place(model::Arg::deferproc_siz), fn = x.p.place(model::Arg::deferproc_fn);
  if (!m || siz.kind != model::Place::stack || x.e.flow.kind != Flow::Next || !x.here()) return false;
  const uint64_t at_entry = x.e.sp_before() - (x.p.amd64() ? 8 : 0);
  const uint64_t siz_at = at_entry + static_cast<uint64_t>(siz.offset),
                 fn_at = at_entry + static_cast<uint64_t>(fn.offset);
  if (m->address < siz_at || m->address > fn_at + 64) return false;
  bool ahead = false;
  unsigned n = 0;
  model::each_instruction(x.p.image(), x.e.next_pc(), x.here()->f.end, [&](const model::Insn& i) {
    const auto c = model::as_call(i);
    if (!c) return ++n < 12 && !i.in->ends_block();
    const model::Function* to = c->target ? x.p.function_at(c->target) : nullptr;
    ahead = to && to->name() == "runtime.deferproc";
    return false;
  });
  if (!ahead) return false;
  if (m->address == siz_at)
    out.push_back(
        fmt::format("deferproc's siz: {} bytes of arguments go into the record (captured words passed as arguments)",
                    m->after & 0xffffffff));
  else if (m->address == fn_at)
    out.push_back("deferproc's fn: what will be called");
  else
    out.push_back(fmt::format("argument word {} for the deferred call, evaluated now", (m->address - fn_at) / 8));
  return true;
}

// Reading runtime.writeBarrier decides whether the collector must be told.
bool write_barrier_flag(const Seen& x, Lines& out) {
  for (const MemoryRead& r : x.e.reads) {
    const auto s = x.p.image().symbol_at(r.address, loader::SymbolSource::symtab);
    if (!s || s->name != "runtime.writeBarrier") continue;
    out.push_back(r.value & 0xff ? "the collector is marking: pointer stores go through the write barrier"
                                 : "the collector is idle: pointers are stored plainly");
    return true;
  }
  return false;
}

// The NOP before CALL deferreturn (≤ 1.17).
bool nop_before_deferreturn(const Seen& x, Lines& out) {
  if (x.p.mech().on_return != model::ReturnMechanism::jmpdefer || x.e.in.count > 1) return false;
  if (x.e.in.count == 1 && x.e.in.uops[0].op != Op::Nop) return false;
  const auto call = x.call_at(x.e.next_pc());
  if (!call || !call->callee || call->callee->name() != "runtime.deferreturn") return false;
  out = {"nothing, on purpose: jmpdefer moves a return address back onto the CALL behind this,",
         "and a return address minus 1 must still be on this source line"};
  return true;
}

// gogo loads what the goroutine's gobuf holds.
bool gogo_loads(const Seen& x, Lines& out) {
  if (!x.in("runtime.gogo") || x.e.reads.empty()) return false;
  const model::Layouts& l = x.p.layouts();
  const MemoryRead& r = x.e.reads[0];
  // The gobuf is an argument; the g it belongs to is its own field.
  for (const model::FieldName& f : l.fields(model::S::gobuf)) {
    const auto offset = static_cast<uint64_t>(l[f.field].offset);
    const auto g = x.word(r.address - offset + static_cast<uint64_t>(l[F::gobuf_g].offset));
    if (!g || r.address != *g + static_cast<uint64_t>(l[F::g_sched].offset) + offset) continue;
    std::string meaning;
    if (f.field == F::gobuf_sp) meaning = ": where the goroutine's SP stands again; what lay below it is gone";
    if (f.field == F::gobuf_pc) meaning = ": where it goes on";
    if (f.field == F::gobuf_ret && r.value == 1) meaning = " = 1: deferproc will seem to have returned 1";
    out.push_back(fmt::format("gobuf.{} (offset {}){}", f.name, offset, meaning));
    return true;
  }
  return false;
}

using Pattern = bool (*)(const Seen&, Lines&);
// In this order; the first of a group that speaks ends it.
constexpr Pattern kReplacing[] = {return_address_rewritten, return_register_rewritten,
                                  return_address_loaded,    frames_dropped_by_sp,
                                  sp_back_in_caller,        stack_check,
                                  nop_before_deferreturn,   defer_bits};
constexpr Pattern kAdding[] = {frame_opened_or_closed, deferred_call,      deferproc_result,   frame_pointer,
                               runtime_call,           return_onto_call,   jump_into_function, record_field,
                               deferproc_argument,     write_barrier_flag, gogo_loads};

}  // namespace

std::vector<std::string> explain(const Effect& e, const Scene& scene) {
  Lines out = plain_words(e, *scene.names);
  if (!scene.program) return out;
  const Seen x{e, scene, *scene.program};
  for (Pattern p : kReplacing)
    if (p(x, out)) return out;
  for (Pattern p : kAdding) p(x, out);
  return out;
}

}  // namespace deferscope::traces
