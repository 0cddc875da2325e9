// The text of each kind of event. What is shown beside a position is the instruction that executes there next; all else
// comes from the event too, and from what the program says of an address.
#include "traces/event_text.h"

#include <fmt/format.h>

#include <utility>

#include "loader/printable.h"
#include "runtime_model/typed.h"
#include "traces/instruction_text.h"

namespace deferscope::traces {
namespace {

using loader::printable;
using model::Event;
using model::EventKind;
using model::RunBy;
using model::Storage;

void put_offset(TextBuffer& out, uint64_t at, uint64_t base) {
  const auto d = static_cast<int64_t>(at - base);
  out.put(d < 0 ? '-' : '+').decimal(d < 0 ? base - at : at - base);
}

// What event.position and the place take of a line, and what a detail is indented by.
constexpr size_t kPosition = 12, kIndent = 18;
std::string in_column(std::string_view place) { return fmt::format("  {:<32} ", place); }

}  // namespace

std::string with_commas(uint64_t n) {
  std::string s;
  TextBuffer(s).grouped(n);
  return s;
}

bool in_scope(Scope scope, model::Origin o) {
  return scope == Scope::all || o == model::Origin::user || (scope == Scope::std_ && o == model::Origin::std_);
}

// --- the pieces ---

// Up to what happens there; the caller writes that, and the line's end.
void EventText::head(const Event& e) {
  const model::Instruction& at = e.at;
  TextBuffer& out = *out_;
  if (e.goid && e.goid != goroutine_) {
    out.put("goroutine ").decimal(e.goid).put(":\n");
    goroutine_ = e.goid;
  }
  const size_t n = TextBuffer::grouped_size(at.position) + 1;
  out.spaces(2 + (n < kPosition ? kPosition - n : 0)).put('@').grouped(at.position);
  out.put(at.pc ? column(at.pc) : column(at.function));
}

TextBuffer& EventText::detail() { return out_->spaces(kIndent); }

template <class Make>
const std::string& EventText::once(model::Kept<std::string>& kept, uint64_t key, Make make) {
  const auto [text, fresh] = kept.at(key);
  if (fresh) *text = make();
  return *text;
}

const std::string& EventText::place(uint64_t pc) {
  return once(places_, pc, [&] { return p_.describe(pc); });
}

const std::string& EventText::column(uint64_t pc) {
  return once(columns_, pc, [&] { return in_column(place(pc)); });
}

const std::string& EventText::column(const model::Function* f) {
  return once(function_columns_, reinterpret_cast<uintptr_t>(f), [&] { return in_column(function(f)); });
}

const std::string& EventText::function(const model::Function* f) {
  return once(functions_, reinterpret_cast<uintptr_t>(f),
              [&] { return f ? model::readable(f->name()) : std::string("?"); });
}

const std::string& EventText::instruction(uint64_t pc) {
  return once(instructions_, pc, [&] { return instruction_text(p_, pc); });
}

const std::string& EventText::deferred(const model::Function* f) {
  return once(deferred_, reinterpret_cast<uintptr_t>(f), [&] {
    const model::Wrapped& w = p_.wrapped(*f);
    return function(f) + (w.function.empty() ? "" : " → " + model::readable(w.function));
  });
}

void EventText::put_name(const model::Deferred& d) {
  if (!d.funcval)
    out_->put("nil func");
  else if (!d.function)
    out_->put(d.entry ? "" : "funcval ").hex(d.entry ? d.entry : d.funcval);
  else
    out_->put(deferred(d.function));
  if (d.target) out_->put(" → ").put(function(d.target));
}

void EventText::put_number(uint64_t push) {
  if (const auto n = numbers_.find(push); n != numbers_.end())
    out_->put('#').decimal(n->second);
  else
    out_->put("(registered unseen)");
}

// The CALL that returns there; `otherwise` where there is none.
void EventText::put_call_site(uint64_t return_address, uint64_t otherwise) {
  const uint64_t site = p_.call_site(return_address);
  out_->put(place(site ? site : otherwise));
}

void EventText::put_call() { out_->put(p_.amd64() ? "CALL " : "BL "); }

// A value; a long one is cut, JSON has the whole.
void EventText::put_value(const std::string& value) {
  constexpr size_t kMost = 60;
  const std::string text = printable(value);
  if (text.size() <= kMost) {
    out_->put(text);
    return;
  }
  size_t end = kMost;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;  // between characters of UTF-8
  out_->put(std::string_view(text).substr(0, end)).put("…");
}

void EventText::put_value(std::string_view name, const std::string& value) {
  out_->put(name).put(" = ");
  put_value(value);
}

void EventText::captured(const model::Deferred& d) {
  const bool unknown = !d.captured_complete && d.function;
  if (d.captured.empty() && !unknown) return;
  detail().put("      captured ");
  const char* between = "";
  for (const auto& c : d.captured) {
    if (c.part()) continue;  // said with the one before
    out_->put(std::exchange(between, ", "));
    if (c.name.empty())
      out_->put('+').decimal(c.offset).put(" = ");
    else
      out_->put(c.name).put(" = ");
    if (c.frame)
      out_->put(function(c.frame)).put(".SP+").decimal(c.frame_offset);
    else if (!c.type && c.value < model::kDecimal)
      out_->decimal(c.value);
    else
      put_value(captured_text(p_, d, c));
  }
  if (unknown) out_->put(d.captured.empty() ? "words unknown" : ", maybe more");
  out_->put('\n');
}

void EventText::arguments(const Event& e) {
  constexpr size_t kMost = 8;
  if (!e.arguments_known) detail().put("      arguments not readable\n");
  if (e.arguments.empty()) return;
  detail().put("      arguments ");
  for (size_t i = 0; i < e.arguments.size() && i < kMost; ++i) {
    out_->put(i ? ", " : "");
    put_value(e.arguments[i].name, e.arguments[i].value);
  }
  if (e.arguments.size() > kMost) out_->put(", … ").decimal(e.arguments.size() - kMost).put(" more");
  out_->put('\n');
}

// "SP 0x… → 0x…"
void EventText::put_change(std::string_view what, uint64_t before, uint64_t after) {
  out_->put("  ").put(what).put(' ').hex(before).put(" → ").hex(after);
}

void EventText::put_bits(const Event& e) {
  out_->put("deferBits ").hex(e.bits_before).put(" → ").hex(e.bits_after).put('\n');
}

// --- the kinds ---

void EventText::push(const Event& e) {
  numbers_[e.id] = ++pushed_;
  const bool open = e.storage == Storage::open_coded;
  head(e);
  if (!open && e.shown_elsewhere()) {
    put_call();
    out_->put(e.call).put('\n');
  } else if (!open) {
    out_->put(e.call).put(", called by ");
    put_call_site(e.site, e.site);
    out_->put(", returns\n");
  } else if (e.bits_before == e.bits_after) {
    out_->put("its slot is filled; deferBits stays: the exit follows at once\n");
  } else {
    put_bits(e);
  }
  detail().put("push  #").decimal(pushed_).put("  ");
  put_name(e.deferred);
  if (open) {
    out_->put("   open-coded: slot ").decimal(static_cast<uint64_t>(e.slot)).put(" in the frame, no record\n");
  } else {
    out_->put("   ").put(to_string(e.storage)).put(" record ").hex(e.record);
    if (e.storage == Storage::stack) {
      const auto fn = static_cast<uint64_t>(p_.layouts()[model::F::defer_fn].offset);
      put_offset(out_->put(" = SP"), e.record, e.frame.sp);
      put_offset(out_->put("   fn at SP"), e.record + fn, e.frame.sp);
    }
    out_->put('\n');
  }
  captured(e.deferred);
  arguments(e);
}

void EventText::run(const Event& e, std::string_view how) {
  out_->put("run   ");
  if (e.stale)
    out_->put("what lies in slot ").decimal(static_cast<uint64_t>(e.slot)).put(" of a frame that is gone:");
  else
    put_number(e.push);
  out_->put("  ");
  put_name(e.deferred);
  out_->put(how).put('\n');
  if (e.stale)
    detail()
        .put("stale: a panic left the record of ")
        .put(function(e.frame.function))
        .put(" behind, and this one runs it (golang/go#48898)\n");
}

void EventText::start(const Event& e) {
  ++run_;
  if (e.by == RunBy::jmpdefer) return;  // the jmpdefer event has said it, of a nil function too
  head(e);
  if (e.by == RunBy::inline_exit) {
    if (e.bits_before == e.bits_after)
      out_->put("exit: slot ").decimal(static_cast<uint64_t>(e.slot)).put('\n');
    else
      put_bits(e);
    detail();
    return run(e, "   called by the function itself, no runtime involved");
  }
  run(e, "");
  switch (e.by) {
    case RunBy::deferreturn:
      detail();
      if (p_.mech().on_return != model::ReturnMechanism::jmpdefer)
        out_->put("called by the loop in deferreturn: its frame stays, no return address is rewritten\n");
      else if (!e.deferred.funcval)
        out_->put("deferreturn faults where it reads the code address, on the way to jmpdefer\n");
      else
        out_->put("called by deferreturn for a recovery that left it: no return address is rewritten\n");
      return;
    case RunBy::panic: detail().put("called by the running panic\n"); return;
    case RunBy::goexit: detail().put("called by runtime.Goexit\n"); return;
    default: return;
  }
}

void EventText::end(const Event& e) {
  numbers_.erase(e.push);
  head(e);
  const bool ret = e.shown_elsewhere(), again = e.by == RunBy::jmpdefer;
  if (!ret) put_name(e.deferred);  // which instruction ended it is not certain
  out_->put(ret ? "RET → " : " has returned to ");
  put_call_site(again ? e.return_address : 0, e.pc);
  if (ret && again) {
    out_->put(": ");
    put_call();
    out_->put("runtime.deferreturn again");
  }
  if (ret && e.at.function != e.deferred.function) {
    out_->put("   for ");
    put_name(e.deferred);
    out_->put(", which jumped there");
  }
  out_->put('\n');
  for (const model::Effect& f : e.effects) {
    using Kind = model::Effect::Kind;
    detail().put(f.kind == Kind::result ? "result " : f.kind == Kind::variable ? "variable " : "what ").put(f.name);
    out_->put(f.kind == Kind::captured ? " points at: " : ": ");
    put_value(f.before);
    out_->put(" → ");
    put_value(f.after);
    out_->put('\n');
  }
  if (e.effects.empty() && !e.effects_known && e.push != model::kNoEvent)
    detail().put("what it changed is not known\n");
  if (e.effects.empty()) return;
  for (const model::TypedValue& v : e.unchanged) {
    detail().put("result unchanged: ");
    put_value(v.name, v.value);
    out_->put('\n');
  }
}

// One instruction of jmpdefer, and what it changed as far as the state before the next one tells.
void EventText::jmpdefer_step(const Event& e, size_t i) {
  const bool amd64 = p_.amd64();
  const model::JmpStep& s = e.steps[i];
  const std::string& text = instruction(s.pc);
  detail().hex(s.pc).put(fmt::format(" {:<28}", text == "?" ? "" : text));
  if (i + 1 == e.steps.size()) {
    out_->put(e.deferred.funcval ? "  PC → " : "  faults: ");
    put_name(e.deferred);
  } else {
    const model::JmpStep& n = e.steps[i + 1];
    if (n.sp != s.sp) put_change("SP", s.sp, n.sp);
    if (n.frame_pointer != s.frame_pointer) put_change(amd64 ? "BP" : "R29", s.frame_pointer, n.frame_pointer);
    if (amd64 && n.return_word != s.return_word)
      out_->put("  [SP] ").put(place(s.return_word)).put(" → ").put(place(n.return_word));
    if (!amd64 && n.scratch != s.scratch) out_->put("  R0 ").put(place(n.scratch));
    if (!amd64 && n.link != s.link) out_->put("  LR → ").put(place(n.link));
  }
  out_->end_line();
}

void EventText::jmpdefer(const Event& e) {
  head(e);
  out_->end_line();
  for (size_t i = 0; i < e.steps.size(); ++i) jmpdefer_step(e, i);
  detail().put("SP              ").hex(e.sp).put(" → ").hex(e.sp_after).put("    deferreturn's frame is gone\n");
  detail().put("return address  ").put(place(e.return_address)).put(" → ").put(place(e.return_after));
  out_->put("    −").decimal(e.return_address - e.return_after).put(": back onto the ").put(p_.amd64() ? "CALL" : "BL");
  out_->put("   ◀ the trick\n");
  detail();
  run(e, "");
}

void EventText::recover(const Event& e) {
  const bool ok = e.kind == EventKind::panic_recovered;
  recovered_ += ok;
  head(e);
  if (ok)
    out_->put("recover() stops "), put_panic(e.panic_number, e.value), out_->put('\n');
  else
    out_->put("recover() returns nil: its caller is not what the panic called\n");
  detail().put("called by ");
  const char* between = "";
  for (const model::CallerFrame& c : e.callers)
    out_->put(std::exchange(between, " ← "))
        .put(c.function)
        .put(c.wrapper && !c.runs_defers ? " (wrapper)" : "")
        .put(c.inlined ? " (inlined)" : "");
  out_->put('\n');
  if (e.decided_by < 0) return;
  const auto by = static_cast<size_t>(e.decided_by);
  const bool unseen = ok && by + 1 < e.callers.size() && e.callers[by + 1].inlined;
  detail().put("decided by ").put(e.callers[by].function).put(": it ");
  out_->put(!ok      ? "is the deferred function, and recover was called by another\n"
            : unseen ? "passes for the deferred function, for the one between is inlined into the wrapper\n"
                     : "is the deferred function\n");
}

void EventText::recovery(const Event& e) {
  head(e);
  out_->put("resume at ").put(place(e.to_pc)).put("   SP ").hex(e.to_sp);
  switch (e.resumes) {
    case model::Resume::deferreturn:
      out_->put("   the function's ");
      put_call();
      out_->put("runtime.deferreturn");
      break;
    case model::Resume::deferproc: out_->put("   result 1: deferproc returns a second time"); break;
    case model::Resume::goexit: out_->put("   Goexit goes on with the defers that are left"); break;
    default: break;
  }
  out_->put('\n');
  detail().decimal(e.discarded_count).put(e.discarded_count == 1 ? " frame" : " frames").put(" thrown away: ");
  const char* between = "";
  for (const std::string& f : e.discarded) out_->put(std::exchange(between, ", ")).put(f);
  out_->put(e.discarded_count > e.discarded.size() ? ", …\n" : "\n");
}

// "panic p2 text": its number tells equal ones apart.
void EventText::put_panic(uint64_t number, const std::string& value) {
  out_->put("panic ");
  if (number) out_->put('p').decimal(number).put(' ');
  out_->put(printable(value));
}

// Where the instruction shown is the runtime's: whose panic it is.
void EventText::put_panicking(const Event& e) {
  if (e.frame.function && e.frame.function != e.at.function) out_->put("   in ").put(function(e.frame.function));
}

void EventText::panic(const Event& e) {
  ++panics_;
  head(e);
  put_panic(e.panic_number, e.value);
  put_panicking(e);
  if (e.nested_number)
    out_->put("   (while p").decimal(e.nested_number).put(" is running)");
  else if (goexits_.count(e.nested_in))
    out_->put("   (while Goexit is running)");
  out_->put('\n');
}

void EventText::panic_ends(const Event& e) {
  head(e);
  put_panic(e.panic_number, e.value);
  const auto other = [&](std::string_view before, std::string_view behind) {
    out_->put(before);
    if (e.nested_number) out_->put('p').decimal(e.nested_number);
    out_->put(e.nested_number ? "" : "another").put(behind).put('\n');
  };
  if (e.kind == EventKind::panic_fatal)
    out_->put(": nobody recovers it, the guest ends\n");
  else if (e.why == model::Why::recovery)
    other(" is aborted: ", " was recovered beyond it");
  else if (e.why == model::Why::panic)
    other(" is not recovered: ", " ends the guest");
  else if (e.why == model::Why::goexit)
    out_->put(" is dropped: Goexit ends its goroutine\n");
  else if (e.why == model::Why::frame)
    out_->put(" is over: its frames are gone\n");
  else
    out_->put(" is cut off: the guest ends (").put(to_string(e.why)).put(")\n");
}

// A defer that never runs, or never returns.
void EventText::left(const Event& e) {
  ++(e.started ? never_returned_ : never_run_);
  head(e);
  put_number(e.push);
  out_->put("  ");
  put_name(e.deferred);
  out_->put(e.started ? "   never returns: " : "   never runs: ");
  numbers_.erase(e.push);
  switch (e.why) {
    case model::Why::frame: out_->put("its frame is gone"); break;
    case model::Why::recovery: out_->put("a recovery threw its frames away"); break;
    case model::Why::goexit: out_->put("Goexit ended its goroutine"); break;
    case model::Why::main_returned: out_->put("main.main returned"); break;
    default: out_->put("the guest ends (").put(to_string(e.why)).put(')'); break;
  }
  if (!e.value.empty()) out_->put(" while its goroutine is ").put(printable(e.value));
  if (e.frame.function) out_->put("   (of ").put(function(e.frame.function)).put(")");
  out_->put('\n');
}

void EventText::exit(const Event& e) {
  if (e.why == model::Why::main_returned) return;  // what everybody expects
  head(e);
  out_->put("the guest ends: ");
  if (e.panic_number)
    put_panic(e.panic_number, e.value);
  else if (!e.value.empty())
    out_->put("fatal error: ").put(printable(e.value));
  else
    out_->put(to_string(e.why));
  out_->put(", status ").decimal(e.status).put('\n');
}

void EventText::stack_move(const Event& e) {
  head(e);
  out_->put("stack [").hex(e.old_lo).put(", ").hex(e.old_hi).put(") → [");
  out_->hex(e.new_lo).put(", ").hex(e.new_hi).put(")\n");
  for (const model::MovedRecord& m : e.moved) detail().put("record ").hex(m.before).put(" → ").hex(m.after).put('\n');
}

void EventText::other(const Event& e) {
  switch (e.kind) {
    case EventKind::deferreturn_enter:
      head(e);
      if (e.shown_elsewhere()) {
        put_call();
        out_->put("runtime.deferreturn   ");
      }
      out_->put("return address ").put(place(e.return_address)).put('\n');
      return;
    case EventKind::deferreturn_leave:
      head(e);
      out_->put("no defer of this frame is left → returns to ").put(place(e.return_address)).put('\n');
      return;
    case EventKind::panic_start: return panic(e);
    case EventKind::panic_aborted:
    case EventKind::panic_fatal: return panic_ends(e);
    case EventKind::defer_left: return left(e);
    case EventKind::exit: return exit(e);
    case EventKind::defer_stale:
      head(e);
      out_->put("stale: its frame ").put(function(e.frame.function)).put(" is gone; the next panic will run record ");
      out_->hex(e.record).put('\n');
      return;
    case EventKind::goexit:
      goexits_.insert(e.id);
      head(e);
      out_->put("runtime.Goexit: the goroutine runs its defers and ends");
      put_panicking(e);
      out_->put('\n');
      return;
    case EventKind::stack_move: return stack_move(e);
    case EventKind::transfer:
      head(e);
      out_->put(e.what).put(" from ").put(place(e.frame.pc)).put(" → ").put(place(e.to_pc));
      out_->put("   SP ").hex(e.to_sp).put('\n');
      return;
    default: return;
  }
}

void EventText::append(std::string& out, const Event& e) {
  if (!in_scope(scope_, e.origin)) {
    hidden_ += e.kind == EventKind::defer_push;
    return;
  }
  TextBuffer buffer(out);
  out_ = &buffer;
  switch (e.kind) {
    case EventKind::defer_push: return push(e);
    case EventKind::defer_start: return start(e);
    case EventKind::defer_end: return end(e);
    case EventKind::jmpdefer: return jmpdefer(e);
    case EventKind::panic_recovered:
    case EventKind::recover_refused: return recover(e);
    case EventKind::recovery_jump: return recovery(e);
    default: return other(e);
  }
}

void EventText::append_summary(std::string& out) const {
  const auto plural = [](uint64_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); };
  out += fmt::format("{} pushed, {} run", plural(pushed_, "defer"), run_);
  if (never_run_) out += fmt::format(", {} never ran", never_run_);
  if (never_returned_) out += fmt::format(", {} never returned", never_returned_);
  if (panics_) out += fmt::format(", {}, {} recovered", plural(panics_, "panic"), recovered_);
  out += '.';
  if (hidden_) out += fmt::format(" {} hidden (--scope all).", plural(hidden_, "library defer"));
  out += '\n';
}

}  // namespace deferscope::traces
