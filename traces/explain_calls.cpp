// Where execution goes: calls of the defer machinery, deferred functions, jumps that no CALL made, gogo.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "traces/explain_scene.h"

namespace deferscope::traces {
namespace {

using model::F;

// Where the runtime's own calls on the way of a defer or panic lead: callee, what it is there for.
struct Step {
  const char* function;
  const char* words;
};
constexpr Step kSteps[] = {
    {"runtime.gopanic", "the panic begins: deferred functions run now, on top of this frame"},
    {"runtime.Goexit", "the goroutine is to end: its deferred functions run first, all of them"},
    {"runtime.gorecover", "recover(): the panic's value if a deferred function called this directly, else nil"},
    {"runtime.jmpdefer",
     "does not come back here: it will look as if the deferring function had called the deferred one"},
    {"runtime.newdefer", "takes a record from the pool or the heap"},
    {"runtime.freedefer", "the record goes back to the pool; its function is known and runs next"},
    {"runtime.popDefer", "takes the first record off g._defer; one from the heap goes back to the pool"},
    {"runtime.return0", "makes deferproc return 0; 1 would mean that a panic was recovered"},
    {"runtime.addOneOpenDeferFrame",
     "looks down the stack for a frame with open-coded defers and makes one record for it"},
    {"runtime.runOpenDeferFrame", "runs that frame's pending open-coded defers, highest bit first"},
    {"runtime.deferCallSave", "calls the deferred function, and keeps in the _panic where it was called from"},
    {"runtime.reflectcallSave", "calls the deferred function, and keeps in the _panic where it was called from"},
    {"runtime.(*_panic).start", "begins the walk over frames with defers"},
    {"runtime.(*_panic).nextDefer",
     "hands out the next deferred function: this frame's open-coded bits, then its records, then the next frame's"},
    {"runtime.(*_panic).nextFrame", "unwinds to the next frame that has defers"},
    {"runtime.(*_panic).initOpenCodedDefers", "finds the frame's deferBits and slots in its function's tables"},
    {"runtime.deferrangefunc", "opens a list for the defers of a loop body: it runs when the function around returns"},
    {"runtime.deferconvert", "turns a loop body's list into records of this frame"},
    {"runtime.fatalpanic", "nobody recovered: prints the panics and ends the program"},
    {"runtime.preprintpanics", "turns the panics' values into text before anything is printed"},
    {"runtime.recovery", "the panic was recovered: the frames above the deferring function are cut now"},
    {"runtime.gogo", "does not come back: the goroutine goes on as its gobuf says"},
    {"gogo", "does not come back: the goroutine goes on as its gobuf says"},
    {"runtime.cgocall", "calls C: the goroutine waits here, as in a system call"},
};

// What a call or jump means for defers, by the name of where it goes.
bool runtime_call(const Seen& x, Lines& out) {
  if (x.e.flow.kind != Flow::Call && x.e.flow.kind != Flow::Jump) return false;
  const model::Function* to = x.p.function_at(x.e.flow.target);
  if (!to || to->f.entry != x.e.flow.target || to == x.here()) return false;
  const std::string_view n = to->name();
  for (const Step& s : kSteps)
    if (n == s.function) {
      out.push_back(s.words);
      return true;
    }
  if (x.e.flow.kind != Flow::Call) return false;
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

// mcall and systemstack: what runs on the system stack.
bool stack_switch(const Seen& x, Lines& out) {
  if (x.e.flow.kind != Flow::Call) return false;
  const model::Function* to = x.p.function_at(x.e.flow.target);
  if (!to || to->f.entry != x.e.flow.target) return false;
  const bool mcall = to->name() == "runtime.mcall";
  if (!mcall && to->name() != "runtime.systemstack") return false;
  const model::Function* f = x.function_of(x.argument(mcall ? model::Arg::mcall_fn : model::Arg::systemstack_fn));
  const std::string what = f ? x.name(f) : "a function";
  out.push_back(mcall ? fmt::format("leaves this goroutine: {} runs on the system stack and decides how to go on", what)
                      : fmt::format("runs {} on the system stack and comes back", what));
  if (f && f->name() == "runtime.recovery")
    out.push_back("the panic was recovered: recovery cuts the frames above the deferring function");
  return true;
}

// The calls that register a defer.
bool registration(const Seen& x, Lines& out) {
  if (x.e.flow.kind != Flow::Call) return false;
  const model::Function* to = x.p.function_at(x.e.flow.target);
  if (!to || to->f.entry != x.e.flow.target) return false;
  if (to->name() == "runtime.deferproc") {
    out.push_back(fmt::format("registers {} to run later; its record comes from the heap",
                              x.function_name_of(x.argument(model::Arg::deferproc_fn))));
    if (const auto siz = x.argument(model::Arg::deferproc_siz))
      out.push_back(fmt::format("siz = {}: bytes of arguments kept in the record", *siz & 0xffffffff));
    return true;
  }
  if (to->name() == "runtime.deferprocat") {
    out.push_back(
        fmt::format("registers {} in the list of the function around this loop body: it runs when that returns",
                    x.function_name_of(x.argument(model::Arg::deferprocat_fn))));
    return true;
  }
  if (to->name() != "runtime.deferprocStack") return false;
  const auto d = x.argument(model::Arg::deferprocStack_d);
  const model::FieldAt fn = x.p.layouts()[F::defer_fn];
  const auto fv = d && fn ? x.word(*d + static_cast<uint64_t>(fn.offset)) : std::nullopt;
  out.push_back(fmt::format("registers {} to run later: record {:#x} on this stack = SP+{}", x.function_name_of(fv),
                            d.value_or(0), d.value_or(0) - x.e.sp_before()));
  return true;
}

const char* who_runs_on_return(model::ReturnMechanism m) {
  switch (m) {
    case model::ReturnMechanism::jmpdefer: return "one now; jmpdefer will make it come back to this CALL for the next";
    case model::ReturnMechanism::loop: return "all of them in a loop of its own (no jmpdefer from go1.18 on)";
    case model::ReturnMechanism::machine:
      return "all of them, by a _panic in its own frame that walks them (go1.22 and later)";
  }
  return "";
}

// Whether the first record of the goroutine is of the frame at hand: what deferreturn asks too. True if unknown.
bool has_record(const Seen& x) {
  const auto field = [&](uint64_t of, F f) {
    const model::FieldAt at = x.p.layouts()[f];
    return of && at ? x.word(of + static_cast<uint64_t>(at.offset)) : std::nullopt;
  };
  const auto first = field(x.s.who.g, F::g_defer);
  if (!first) return true;
  if (!*first) return false;
  const auto sp = field(*first, F::defer_sp);
  return !sp || *sp == x.e.sp_before();
}

bool call_of_deferreturn(const Seen& x, Lines& out) {
  if (x.e.flow.kind != Flow::Call) return false;
  const model::Function* to = x.p.function_at(x.e.flow.target);
  if (!to || to->name() != "runtime.deferreturn" || to->f.entry != x.e.flow.target || !x.here()) return false;
  if (x.p.open_coded(*x.here())) {
    out.push_back(
        fmt::format("only a recovery comes here: runs what is left of {}'s open-coded defers", x.short_name(x.here())));
    return true;
  }
  if (!has_record(x)) {
    out.push_back(fmt::format("no defer of {} is left: it returns at once", x.short_name(x.here())));
    return true;
  }
  out.push_back(fmt::format("runs the defers that {} registered", x.short_name(x.here())));
  out.push_back(who_runs_on_return(x.p.mech().on_return));
  return true;
}

// From an open-coded exit.
bool inline_deferred_call(const Seen& x, Lines& out) {
  const model::Function* f = x.here();
  const model::OpenCoded* o = f && x.e.flow.kind == Flow::Call ? x.p.open_coded(*f) : nullptr;
  if (!o || x.s.inline_slot < 0) return false;
  const bool behind_store =
      std::any_of(o->stores.begin(), o->stores.end(), [&](const model::BitStore& st) { return st.call.pc == x.e.pc; });
  if (!behind_store) return false;
  out.push_back(
      fmt::format("runs the defer in slot {} of {} inline: an ordinary call, no record and no runtime between",
                  x.s.inline_slot, x.short_name(f)));
  return true;
}

struct Runner {
  const char* function;
  const char* words;  // {}: the deferred function
};
// The functions that call deferred ones. deferreturn of ≤ 1.17 jumps (jmpdefer) instead.
constexpr Runner kRunners[] = {
    {"runtime.deferreturn", "deferreturn's loop runs {}; it returns into the loop: no return address is rewritten"},
    {"runtime.gopanic", "the panic runs {}, on top of the frames that it will leave"},
    {"runtime.Goexit", "the Goexit runs {}, on top of the frames that it will leave"},
    {"runtime.runOpenDeferFrame", "an open-coded defer of a frame further up: runs {}"},
    {"runtime.deferCallSave", "the panic runs {}, on top of the frames that it will leave"},
};

// The function that a CALL of reflectcall is to call.
const model::Function* through_reflectcall(const Seen& x) {
  const model::ArgPlace place = x.p.place(model::Arg::reflectcall_fn);
  if (place.kind == model::ArgPlace::reg) return x.function_of(x.e.before.r[place.number]);
  return place.kind == model::ArgPlace::stack
             ? x.function_of(x.word(x.e.sp_before() + static_cast<uint64_t>(place.offset)))
             : nullptr;
}

bool deferred_call(const Seen& x, Lines& out) {
  if (x.e.flow.kind != Flow::Call) return false;
  const model::Function* to = x.p.function_at(x.e.flow.target);
  for (const Runner& r : kRunners) {
    if (!x.in(r.function) || !to || to->f.entry != x.e.flow.target) continue;
    std::string who;
    if (to->name() == "runtime.reflectcall" || to->name() == "reflect.call") {
      const model::Function* fn = through_reflectcall(x);
      if (!fn) return false;
      who = x.name(fn) + " through reflectcall, which copies its arguments";
    } else if (x.e.flow.through.empty()) {
      return false;
    } else {
      who = x.name(to);
    }
    out.push_back(fmt::format(fmt::runtime(r.words), who));
    return true;
  }
  return false;
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

// jmpdefer's two arguments, while SP is still deferreturn's.
bool jmpdefer_argument(const Seen& x, Lines& out) {
  if (!x.in("runtime.jmpdefer") || x.e.reads.size() != 1) return false;
  const auto is = [&](model::Arg a) {
    return x.e.reads[0].address == x.e.sp_before() + static_cast<uint64_t>(x.p.place(a).offset);
  };
  if (is(model::Arg::jmpdefer_fv))
    out.push_back(fmt::format("fv: the deferred function; {} is where closures look for their captured words",
                              register_name(x.e.isa, model::context_register(x.p.isa()))));
  else if (is(model::Arg::jmpdefer_argp))
    out.push_back("argp: the deferring function's SP at its CALL of deferreturn");
  else
    return false;
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
  if (x.in_gogo()) {
    out.push_back(fmt::format("the goroutine goes on at {} with SP {:#x}", x.at(x.e.flow.target), x.e.sp_after()));
    if (const std::string meaning = x.recovery_target(x.e.flow.target); !meaning.empty())
      out.push_back("recovery's end: the frames that lay below this SP are cut; that place is " + meaning);
    return true;
  }
  if (!to || to->f.entry != x.e.flow.target) return false;
  const uint64_t back = x.p.amd64() ? x.word(x.e.sp_after()).value_or(0) : x.e.after.r[isa::kX30];
  out.push_back(fmt::format("jump, not call: {} inherits that return address, {}", x.name(to), x.at(back)));
  return true;
}

// The NOP before CALL deferreturn (≤ 1.17).
bool nop_before_deferreturn(const Seen& x, Lines& out) {
  if (x.p.mech().on_return != model::ReturnMechanism::jmpdefer || x.e.in.count > 1) return false;
  if (x.e.in.count == 1 && x.e.in.uops[0].op != isa::Op::Nop) return false;
  const auto call = x.call_at(x.e.next_pc());
  if (!call || !call->callee || call->callee->name() != "runtime.deferreturn") return false;
  out = {"nothing, on purpose: jmpdefer moves a return address back onto the CALL behind this,",
         "and a return address minus 1 must still be on this source line"};
  return true;
}

// gogo loads what the goroutine's gobuf holds.
bool gogo_loads(const Seen& x, Lines& out) {
  if (!x.in_gogo() || x.e.reads.empty()) return false;
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

constexpr Pattern kCallReplacing[] = {nop_before_deferreturn};
constexpr Pattern kCallAdding[] = {inline_deferred_call, deferred_call,     deferproc_result, registration,
                                   call_of_deferreturn,  runtime_call,      stack_switch,     return_onto_call,
                                   jump_into_function,   jmpdefer_argument, gogo_loads};

}  // namespace

Patterns call_patterns() { return {kCallReplacing, kCallAdding}; }

}  // namespace deferscope::traces
