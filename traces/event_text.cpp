// The text of each kind of event. What is shown beside a position is the instruction that executes there next; all else
// comes from the event too, and from what the program says of an address.
#include "traces/event_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "loader/printable.h"
#include "runtime_model/typed.h"

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
constexpr const char* kByWords[] = {"called", "by a jump", "on another stack", "by a signal", "the goroutine's first"};
static_assert(std::size(kByWords) == model::kWords<model::CallBy>);
constexpr const char* kEndWords[] = {"returned", "jumped on", "thrown away by a recovery", "left for good",
                                     "not over when the guest ended"};
static_assert(std::size(kEndWords) == model::kWords<model::CallEnd>);

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
  const model::Shown& at = e.shown;
  const bool here = at.none();
  const uint64_t pc = here ? e.pc.value : at.place.value;
  moment(e, here ? e.position : at.position);
  out_->put(pc ? column(pc) : column(at.function));
}

// Whose, where another's was told before, and when.
void EventText::moment(const Event& e, uint64_t position) {
  TextBuffer& out = *out_;
  if (e.goid && e.goid != goroutine_) {
    out.put("goroutine ").decimal(e.goid).put(":\n");
    goroutine_ = e.goid;
  }
  const size_t n = TextBuffer::grouped_size(position) + 1;
  out.spaces(2 + (n < kPosition ? kPosition - n : 0)).put('@').grouped(position);
}

TextBuffer& EventText::detail() { return out_->spaces(kIndent); }

template <class Make>
const std::string& EventText::once(model::Kept<std::string>& kept, uint64_t key, Make make) {
  const auto [text, fresh] = kept.at(key);
  if (fresh) *text = make();
  return *text;
}

const std::string& EventText::place(uint64_t pc) {
  return once(places_, pc, [&] { return names_.describe(pc); });
}

const std::string& EventText::column(uint64_t pc) {
  return once(columns_, pc, [&] { return in_column(place(pc)); });
}

const std::string& EventText::column(model::Name f) {
  return once(function_columns_, f.id(), [&] { return in_column(function(f)); });
}

std::string_view EventText::function(model::Name f) { return f ? f.text() : "?"; }

const std::string& EventText::code(uint64_t pc) {
  return once(functions_, pc, [&] { return names_.function(pc); });
}

const std::string& EventText::instruction(uint64_t pc) {
  return once(instructions_, pc, [&] { return names_.instruction_text(pc); });
}

void EventText::put_name(const model::DeferredFunction& d) {
  if (!d.funcval)
    out_->put("nil func");
  else if (!d.symbol)
    out_->put(d.entry ? "" : "funcval ").hex(d.entry ? d.entry.value : d.funcval.value);
  else
    out_->put(d.symbol.text());
  if (d.wraps) out_->put(" → ").put(d.wraps.text());
}

// The user's defers are counted by themselves, so that --scope changes no number.
void EventText::put_number(const Event& e, const model::Defer& d) {
  if (d.number)
    out_->put(e.origin == model::Origin::user ? "#" : "#L").decimal(d.number);
  else
    out_->put("(registered unseen)");
}

// The CALL that returns there; `otherwise` where there is none.
void EventText::put_call_site(uint64_t return_address, uint64_t otherwise) {
  const uint64_t site = names_.call_site(return_address);
  out_->put(place(site ? site : otherwise));
}

void EventText::put_call() { out_->put(names_.amd64() ? "CALL " : "BL "); }

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

void EventText::captured(const model::DeferredFunction& d) {
  const bool unknown = !d.captured_complete && d.symbol;
  if (d.captured.empty() && !unknown) return;
  detail().put("      captured ");
  const char* between = "";
  for (const auto& c : d.captured) {
    if (!c.type && c.name) continue;  // said with the one before
    out_->put(std::exchange(between, ", "));
    if (c.name)
      out_->put(c.name.text()).put(" = ");
    else
      out_->put('+').decimal(c.offset).put(" = ");
    if (c.frame)
      out_->put(function(c.frame)).put(".SP+").decimal(c.frame_offset);
    else if (!c.type && c.value < model::kDecimal)
      out_->decimal(c.value);
    else
      put_value(names_.captured(c));
  }
  if (unknown) out_->put(d.captured.empty() ? "words unknown" : ", maybe more");
  out_->put('\n');
}

void EventText::arguments(const model::Defer& d) {
  constexpr size_t kMost = 8;
  if (!d.arguments.known) detail().put("      arguments not readable\n");
  if (d.arguments.empty()) return;
  detail().put("      arguments ");
  for (size_t i = 0; i < d.arguments.size() && i < kMost; ++i) {
    out_->put(i ? ", " : "");
    put_value(d.arguments[i].name, d.arguments[i].value);
  }
  if (d.arguments.size() > kMost) out_->put(", … ").decimal(d.arguments.size() - kMost).put(" more");
  out_->put('\n');
}

// "SP 0x… → 0x…"
void EventText::put_change(std::string_view what, uint64_t before, uint64_t after) {
  out_->put("  ").put(what).put(' ').hex(before).put(" → ").hex(after);
}

void EventText::put_bits(const model::Bits& bits) {
  out_->put("deferBits ").hex(bits.before).put(" → ").hex(bits.after).put('\n');
}

// --- the kinds ---

void EventText::push(const Event& e) {
  const model::Defer& d = *e.defer();
  ++pushed_;
  const bool open = d.storage == Storage::open_coded;
  head(e);
  if (!open && !e.shown.none()) {
    put_call();
    out_->put(to_string(d.registered_by)).put('\n');
  } else if (!open) {
    out_->put(to_string(d.registered_by)).put(", called by ");
    out_->put(place(d.site));
    out_->put(", returns\n");
  } else if (d.bits.before == d.bits.after) {
    out_->put(e.shown.none() ? "its slot is filled" : "store to its slot");
    out_->put("; deferBits stays: the exit follows at once\n");
  } else {
    put_bits(d.bits);
  }
  detail().put("push  ");
  put_number(e, d);
  out_->put("  ");
  put_name(d.function);
  if (open) {
    out_->put("   open-coded: slot ").decimal(static_cast<uint64_t>(d.slot.value)).put(" in the frame, no record\n");
  } else {
    out_->put("   ").put(to_string(d.storage)).put(" record ").hex(d.record);
    if (d.storage == Storage::stack) {
      put_offset(out_->put(" = SP"), d.record, e.frame.sp);
      if (const auto fn = names_.fn_offset()) put_offset(out_->put("   fn at SP"), d.record + *fn, e.frame.sp);
    }
    out_->put('\n');
  }
  captured(d.function);
  arguments(d);
}

void EventText::run(const Event& e, const model::Defer& d, std::string_view how) {
  out_->put("run   ");
  if (d.stale)
    out_->put("what lies in slot ").decimal(static_cast<uint64_t>(d.slot.value)).put(" of a frame that is gone:");
  else
    put_number(e, d);
  out_->put("  ");
  put_name(d.function);
  out_->put(how).put('\n');
  if (d.stale)
    detail()
        .put("stale: a panic left the record of ")
        .put(function(e.frame.function))
        .put(" behind, and this one runs it (golang/go#48898)\n");
}

void EventText::start(const Event& e) {
  const model::Defer& d = *e.defer();
  ++run_;
  if (d.run_by == RunBy::jmpdefer) return;  // the jmpdefer event has said it, of a nil function too
  head(e);
  if (d.run_by == RunBy::inline_exit) {
    if (d.bits.before == d.bits.after)
      out_->put("exit: slot ").decimal(static_cast<uint64_t>(d.slot.value)).put('\n');
    else
      put_bits(d.bits);
    detail();
    return run(e, d, "   called by the function itself, no runtime involved");
  }
  run(e, d, "");
  switch (d.run_by) {
    case RunBy::deferreturn:
      detail();
      if (!names_.jmpdefer())
        out_->put("called by the loop in deferreturn: its frame stays, no return address is rewritten\n");
      else if (!d.function.funcval)
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
  const auto& ended = e.as<model::DeferEnd>();
  const model::Defer& d = ended.defer;
  head(e);
  const bool ret = !e.shown.none(), again = d.run_by == RunBy::jmpdefer;
  if (!ret) put_name(d.function);  // which instruction ended it is not certain
  out_->put(ret ? "RET → " : " has returned to ");
  put_call_site(again ? ended.returns_to.value : 0, e.pc);
  if (ret && again) {
    out_->put(": ");
    put_call();
    out_->put("runtime.deferreturn again");
  }
  if (ret && !(e.shown.function == d.function.symbol)) {
    out_->put("   for ");
    put_name(d.function);
    out_->put(", which jumped there");
  }
  out_->put('\n');
  for (const model::Effect& f : ended.effects) {
    using Kind = model::EffectKind;
    detail().put(f.kind == Kind::result ? "result " : f.kind == Kind::variable ? "variable " : "what ").put(f.name);
    out_->put(f.kind == Kind::captured ? " points at: " : ": ");
    put_value(f.before);
    out_->put(" → ");
    put_value(f.after);
    out_->put('\n');
  }
  if (!ended.effects.known && d.id != model::kNoEvent) detail().put("what it changed is not known\n");
  if (ended.effects.empty()) return;
  for (const model::TypedValue& v : ended.unchanged_results) {
    detail().put("result unchanged: ");
    put_value(v.name, v.value);
    out_->put('\n');
  }
}

// One instruction of jmpdefer, and what it changed as far as the state before the next one tells.
void EventText::jmpdefer_step(const model::Jmpdefer& e, size_t i) {
  const bool amd64 = names_.amd64();
  const model::JmpStep& s = e.steps[i];
  const std::string& text = instruction(s.pc);
  detail().hex(s.pc).put(fmt::format(" {:<28}", text == "?" ? "" : text));
  if (i + 1 == e.steps.size()) {
    out_->put(e.defer.function.funcval ? "  PC → " : "  faults: ");
    put_name(e.defer.function);
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
  const auto& j = e.as<model::Jmpdefer>();
  head(e);
  out_->end_line();
  for (size_t i = 0; i < j.steps.size(); ++i) jmpdefer_step(j, i);
  detail().put("SP              ").hex(e.sp).put(" → ").hex(j.sp_after).put("    deferreturn's frame is gone\n");
  detail().put("return address  ").put(place(j.return_before)).put(" → ").put(place(j.return_after));
  out_->put("    −")
      .decimal(j.return_before - j.return_after)
      .put(": back onto the ")
      .put(names_.amd64() ? "CALL" : "BL");
  out_->put("   ◀ the trick\n");
  detail();
  run(e, j.defer, "");
}

template <class Recover>
void EventText::recover(const Event& e, const Recover& r) {
  const bool ok = e.kind() == EventKind::panic_recovered;
  recovered_ += ok;
  head(e);
  if (ok)
    out_->put("recover() stops "), put_panic(r.panic), out_->put('\n');
  else
    out_->put("recover() returns nil: its caller is not what the panic called\n");
  detail().put("called by ");
  const char* between = "";
  for (const model::CallerFrame& c : r.callers)
    out_->put(std::exchange(between, " ← "))
        .put(c.function.text())
        .put(c.wrapper && !c.runs_defers ? " (wrapper)" : "")
        .put(c.inlined ? " (inlined)" : "");
  out_->put('\n');
  if (r.decider < 0) return;
  const auto by = static_cast<size_t>(r.decider.value);
  const bool unseen = ok && by + 1 < r.callers.size() && r.callers[by + 1].inlined;
  detail().put("decided by ").put(r.decided_by.text()).put(": it ");
  out_->put(!ok      ? "is the deferred function, and recover was called by another\n"
            : unseen ? "passes for the deferred function, for the one between is inlined into the wrapper\n"
                     : "is the deferred function\n");
}

void EventText::recovery(const Event& e) {
  const auto& jump = e.as<model::RecoveryJump>();
  head(e);
  out_->put("resume at ").put(place(jump.to)).put("   SP ").hex(jump.to_sp);
  switch (jump.resumes) {
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
  detail().decimal(jump.discarded_count).put(jump.discarded_count == 1 ? " frame" : " frames").put(" thrown away: ");
  const char* between = "";
  for (const model::Name f : jump.discarded) out_->put(std::exchange(between, ", ")).put(f.text());
  out_->put(jump.discarded_count > jump.discarded.size() ? ", …\n" : "\n");
  if (jump.saved.none()) return;
  detail().put("left in g.param for deferreturn: deferBits at SP+").decimal(jump.saved.bits_at);
  out_->put(fmt::format(" (0b{:08b}), slots at SP+", jump.walk.bits)).decimal(jump.saved.slots_at).put('\n');
}

// "panic p2 text": its number tells equal ones apart.
void EventText::put_panic(uint64_t number, const std::string& value) {
  out_->put("panic ");
  if (number) out_->put('p').decimal(number).put(' ');
  out_->put(printable(value));
}

// Where the instruction shown is the runtime's, or another library's: whose panic it is, who writes.
void EventText::put_panicking(const Event& e) {
  const std::string_view shown = e.shown.none() ? code(e.pc) : e.shown.function.text();
  if (e.frame.function && e.frame.function.text() != shown) out_->put("   in ").put(function(e.frame.function));
}

void EventText::panic(const Event& e) {
  const model::Panic& p = *e.panic();
  ++panics_;
  head(e);
  put_panic(p);
  put_panicking(e);
  if (p.other)
    out_->put("   (while p").decimal(p.other).put(" is running)");
  else if (goexits_.count(p.nested_in))
    out_->put("   (while Goexit is running)");
  out_->put('\n');
}

void EventText::panic_ends(const Event& e, const model::Panic& p) {
  head(e);
  put_panic(p);
  if (e.kind() == EventKind::panic_fatal)
    out_->put(": nobody recovers it, the guest ends\n");
  else
    aborted(p, e.as<model::PanicAborted>().why);
}

void EventText::aborted(const model::Panic& p, model::Why why) {
  const auto other = [&](std::string_view before, std::string_view behind) {
    out_->put(before);
    if (p.other) out_->put('p').decimal(p.other);
    out_->put(p.other ? "" : "another").put(behind).put('\n');
  };
  if (why == model::Why::recovery)
    other(" is aborted: ", " was recovered beyond it");
  else if (why == model::Why::panic)
    other(" is not recovered: ", " ends the guest");
  else if (why == model::Why::goexit)
    out_->put(" is dropped: Goexit ends its goroutine\n");
  else if (why == model::Why::frame)
    out_->put(" is over: its frames are gone\n");
  else
    out_->put(" is cut off: the guest ends (").put(to_string(why)).put(")\n");
}

// A defer that never runs, or never returns.
void EventText::left(const Event& e) {
  const auto& l = e.as<model::DeferLeft>();
  ++(l.started ? never_returned_ : never_run_);
  head(e);
  put_number(e, l.defer);
  out_->put("  ");
  put_name(l.defer.function);
  out_->put(l.started ? "   never returns: " : "   never runs: ");
  switch (l.why) {
    case model::Why::frame: out_->put("its frame is gone"); break;
    case model::Why::recovery: out_->put("a recovery threw its frames away"); break;
    case model::Why::goexit: out_->put("Goexit ended its goroutine"); break;
    case model::Why::main_returned: out_->put("main.main returned"); break;
    default: out_->put("the guest ends (").put(to_string(l.why)).put(')'); break;
  }
  if (!l.goroutine_is.empty()) out_->put(" while its goroutine is ").put(printable(l.goroutine_is));
  if (e.frame.function) out_->put("   (of ").put(function(e.frame.function)).put(")");
  out_->put('\n');
}

void EventText::exit(const Event& e) {
  const auto& x = e.as<model::Exit>();
  if (x.why == model::Why::main_returned) return;  // what everybody expects
  head(e);
  out_->put("the guest ends: ");
  if (x.panic_number)
    put_panic(x.panic_number, x.message);
  else if (!x.message.empty())
    out_->put("fatal error: ").put(printable(x.message));
  else
    out_->put(to_string(x.why));
  out_->put(", status ").decimal(x.status).put('\n');
}

void EventText::stack_move(const Event& e) {
  const auto& move = e.as<model::StackMove>();
  head(e);
  out_->put("stack [").hex(move.before.lo).put(", ").hex(move.before.hi).put(") → [");
  out_->hex(move.after.lo).put(", ").hex(move.after.hi).put(")\n");
  for (const model::MovedRecord& m : move.records)
    detail().put("record ").hex(m.before).put(" → ").hex(m.after).put('\n');
}

// What the state points at, and where a recovery would go.
void EventText::put_walk(const model::Walk& w) {
  if (w.bits_at) {
    detail().put(fmt::format("deferBits 0b{:08b} at ", w.bits)).hex(w.bits_at).put("   slots at ").hex(w.slots_at);
    for (const model::WalkSlot& s : w.slots)
      out_->put("   #").decimal(s.slot).put(' ').put(s.funcval ? function(s.function) : "nil func");
    out_->put('\n');
  }
  if (w.retpc && w.by != RunBy::deferreturn) detail().put("a recovery resumes at ").put(place(w.retpc)).put('\n');
}

void EventText::walk(const Event& e) {
  head(e);
  const auto* start = e.kind() == EventKind::walk_start ? &e.as<model::WalkStart>() : nullptr;
  const auto* frame = e.kind() == EventKind::walk_frame ? &e.as<model::WalkFrame>() : nullptr;
  const model::Walk& w = start ? start->walk : frame ? frame->walk : e.as<model::WalkDefer>().walk;
  out_->put("walk  _panic ").hex(w.record);
  if (start) {
    out_->put(" of ").put(to_string(w.by));
    out_->put(start->resumed ? ": begins with what a recovery left in g.param" : ": begins");
    if (e.frame.function) out_->put(w.by == RunBy::deferreturn ? ", in " : ", with ").put(function(e.frame.function));
  } else if (frame) {
    out_->put(frame->found ? ": next frame with defers " : ": no other frame has defers");
    if (frame->found) out_->put(function(e.frame.function)).put("   SP ").hex(w.sp);
  } else {
    const auto& next = e.as<model::WalkDefer>();
    out_->put(": next defer ").put(next.funcval ? function(next.function) : "nil func");
    if (next.slot >= 0)
      out_->put("   slot ").decimal(static_cast<uint64_t>(next.slot.value)).put(", its bit is cleared");
    else
      out_->put("   its record is unlinked");
  }
  out_->put('\n');
  if (!frame || frame->found) put_walk(w);
}

// A record that is had, or given back.
template <class Record>
void EventText::record(const Event& e, const Record& r) {
  constexpr bool kTake = std::is_same_v<Record, model::RecordTake>;
  const auto plural = [&](uint64_t n) { out_->decimal(n).put(n == 1 ? " record" : " records"); };
  head(e);
  out_->put("record ").hex(r.record);
  switch (r.pool) {
    case model::Pool::heap: out_->put(kTake ? ": new, no pool has one" : ": left to the garbage collector"); break;
    case model::Pool::central:
      out_->put(": the pool of the P was empty, took over ");
      plural(r.moved);
      out_->put(" of the central one and gives the last");
      break;
    default: out_->put(kTake ? ": from the pool of the P" : ": back to the pool of the P"); break;
  }
  if (!kTake && r.moved) {
    out_->put(", which was full: ");
    plural(r.moved);
    out_->put(" went to the central one");
  }
  if (r.pool != model::Pool::heap) {
    out_->put(kTake ? "; it has " : "; it has now ");
    plural(r.left);
  }
  if (r.size_class >= 0) out_->put("   size class ").decimal(static_cast<uint64_t>(r.size_class.value));
  out_->put('\n');
}

void EventText::goroutine(const Event& e) {
  const auto& made = e.as<model::GoroutineStart>();
  head(e);
  out_->put('g').decimal(made.started).put(" ← go ").put(function(made.function));
  if (made.line) out_->put("   ").put(names_.file(made.site)).put(':').decimal(made.line);
  out_->put('\n');
}

void EventText::output(const Event& e) {
  if (!outputs_) return;
  const auto& written = e.as<model::Output>();
  head(e);
  out_->put(written.descriptor == 2 ? "stderr  " : "stdout  ");
  if (!written.bytes.empty()) {
    out_->decimal(written.bytes.size()).put(" bytes that are no text");
  } else {
    out_->put('"');
    put_value(written.text);
    out_->put('"');
  }
  put_panicking(e);
  out_->put('\n');
}

// Calls are indented by how deep they lie.
void EventText::call(const Event& e) {
  constexpr uint64_t kDeepest = 40;
  moment(e, e.position);
  const auto* enter = e.kind() == EventKind::call_enter ? &e.as<model::CallEnter>() : nullptr;
  const auto* leave = enter ? nullptr : &e.as<model::CallLeave>();
  out_->spaces(2 + 2 * std::min(enter ? enter->level : leave->level, kDeepest)).put(enter ? "→ " : "← ");
  out_->put(function(e.function()));
  if (leave && leave->how != model::CallEnd::returned) out_->put("   ").put(kEndWords[static_cast<size_t>(leave->how)]);
  if (enter && enter->by != model::CallBy::call) out_->put("   ").put(kByWords[static_cast<size_t>(enter->by)]);
  if (enter && enter->deferred != model::kNoEvent) out_->put("   deferred");
  if (enter && enter->caller) out_->put("   from ").put(function(enter->caller)).put(':').decimal(enter->caller_line);
  out_->put('\n');
}

void EventText::other(const Event& e) {
  switch (e.kind()) {
    case EventKind::deferreturn_enter:
      head(e);
      if (!e.shown.none()) {
        put_call();
        out_->put("runtime.deferreturn   ");
      }
      out_->put("return address ").put(place(e.as<model::DeferreturnEnter>().return_address)).put('\n');
      return;
    case EventKind::deferreturn_leave:
      head(e);
      out_->put("no defer of this frame is left → returns to ");
      out_->put(place(e.as<model::DeferreturnLeave>().return_address)).put('\n');
      return;
    case EventKind::panic_start: return panic(e);
    case EventKind::panic_aborted:
    case EventKind::panic_fatal: return panic_ends(e, *e.panic());
    case EventKind::defer_left: return left(e);
    case EventKind::exit: return exit(e);
    case EventKind::defer_stale:
      head(e);
      out_->put("stale: its frame ").put(function(e.frame.function)).put(" is gone; the next panic will run record ");
      out_->hex(e.as<model::DeferStale>().record).put('\n');
      return;
    case EventKind::walk_start:
    case EventKind::walk_frame:
    case EventKind::walk_defer: return walk(e);
    case EventKind::record_take: return record(e, e.as<model::RecordTake>());
    case EventKind::record_give: return record(e, e.as<model::RecordGive>());
    case EventKind::call_enter:
    case EventKind::call_leave: return call(e);
    case EventKind::goexit:
      goexits_.insert(e.id);
      head(e);
      out_->put("runtime.Goexit: the goroutine runs its defers and ends");
      put_panicking(e);
      out_->put('\n');
      return;
    case EventKind::stack_move: return stack_move(e);
    case EventKind::goroutine_start: return goroutine(e);
    case EventKind::output: return output(e);
    case EventKind::refused: {
      const auto& r = e.as<model::Refusal>();
      head(e);
      out_->put("refused  ");
      put_value(emu::describe(r.what, std::string(r.name)));
      out_->put('\n');
      refusals_.add(r.what, std::string(r.name));
      return;
    }
    case EventKind::library_load: {
      const auto& l = e.as<model::LibraryLoad>();
      head(e);
      out_->put("loads    ");
      put_value(l.path);
      out_->put("  at ").hex(l.base);
      if (!l.go.empty()) {
        out_->put("   built with ");
        put_value(l.go);
        out_->put(": its Go code runs and is not told of");
      }
      out_->put('\n');
      return;
    }
    case EventKind::transfer: {
      const auto& t = e.as<model::Transfer>();
      head(e);
      out_->put(to_string(t.what)).put(" from ").put(place(t.from)).put(" → ").put(place(t.to));
      out_->put("   SP ").hex(t.to_sp).put('\n');
      return;
    }
    default: return;
  }
}

void EventText::append(std::string& out, const Event& e) {
  if (!in_scope(scope_, e.origin)) {
    hidden_ += e.kind() == EventKind::defer_push;
    return;
  }
  TextBuffer buffer(out);
  out_ = &buffer;
  switch (e.kind()) {
    case EventKind::defer_push: return push(e);
    case EventKind::defer_start: return start(e);
    case EventKind::defer_end: return end(e);
    case EventKind::jmpdefer: return jmpdefer(e);
    case EventKind::panic_recovered: return recover(e, e.as<model::PanicRecovered>());
    case EventKind::recover_refused: return recover(e, e.as<model::RecoverRefused>());
    case EventKind::recovery_jump: return recovery(e);
    default: return other(e);
  }
}

void EventText::pass_over(const Event& e) {
  if (e.kind() == EventKind::goexit) goexits_.insert(e.id);
}

void EventText::append_summary(std::string& out) const {
  const auto plural = [](uint64_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); };
  out += fmt::format("{} pushed, {} run", plural(pushed_, "defer"), run_);
  if (never_run_) out += fmt::format(", {} never ran", never_run_);
  if (never_returned_) out += fmt::format(", {} never returned", never_returned_);
  if (panics_) out += fmt::format(", {}, {} recovered", plural(panics_, "panic"), recovered_);
  out += '.';
  if (!refusals_.empty()) out += fmt::format(" {}.", loader::printable(refusals_.text()));
  if (hidden_) out += fmt::format(" {} hidden (--scope all).", plural(hidden_, "library defer"));
  out += '\n';
}

}  // namespace deferscope::traces
