// The text of each kind of event. Everything shown comes from the event.
#include "traces/event_text.h"

#include <fmt/format.h>

#include "traces/instruction_text.h"

namespace deferscope::traces {
namespace {

using model::Event;
using model::EventKind;
using model::RunBy;
using model::Storage;

std::string quoted(const std::string& s) {  // control characters made visible
  std::string out;
  for (char c : s) {
    if (c == '\n')
      out += "\\n";
    else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    else
      out += c;
  }
  return out;
}

std::string signed_offset(uint64_t at, uint64_t base) {
  const auto d = static_cast<int64_t>(at - base);
  return d < 0 ? fmt::format("-{}", -d) : fmt::format("+{}", d);
}

}  // namespace

std::string with_commas(uint64_t n) {
  std::string s = fmt::format("{}", n);
  for (size_t i = s.size(); i > 3; i -= 3) s.insert(i - 3, 1, ',');
  return s;
}

bool in_scope(Scope scope, model::Origin o) {
  return scope == Scope::all || o == model::Origin::user || (scope == Scope::std_ && o == model::Origin::std_);
}

void EventText::head(std::string& out, const Event& e, const std::string& where, const std::string& what) {
  if (e.goid != goroutine_) {
    out += fmt::format("goroutine {}:\n", e.goid);
    goroutine_ = e.goid;
  }
  out += fmt::format("  {:>12}  {:<32} {}\n", fmt::format("@{}", with_commas(e.position)), where, what);
}

const std::string& EventText::place(uint64_t pc) const {
  const auto [it, fresh] = places_.try_emplace(pc);
  if (fresh) it->second = p_.describe(pc);
  return it->second;
}

const std::string& EventText::instruction(uint64_t pc) const {
  const auto [it, fresh] = instructions_.try_emplace(pc);
  if (fresh) it->second = instruction_text(p_, pc);
  return it->second;
}

void EventText::detail(std::string& out, const std::string& text) const {
  out += fmt::format("  {:>12}    {}\n", "", text);
}

std::string EventText::name(const model::Deferred& d) const {
  if (!d.funcval) return "nil func";
  if (!d.function) return fmt::format("{:#x}", d.entry);
  const model::Wrapped& w = p_.wrapped(*d.function);
  std::string s = model::readable(d.function->name());
  if (!w.function.empty()) s += fmt::format(" → {}", model::readable(w.function));
  return s;
}

std::string EventText::number(uint64_t push) const {
  const auto it = numbers_.find(push);
  return it == numbers_.end() ? "(registered unseen)" : fmt::format("#{}", it->second);
}

// The CALL that returns there: 5 bytes before on amd64, 4 on arm64.
std::string EventText::call_site(uint64_t return_address) const {
  return return_address ? place(return_address - (p_.amd64() ? 5 : 4)) : std::string("?");
}

std::string EventText::captured(const model::Deferred& d) const {
  std::string s;
  for (const auto& c : d.captured)
    s += fmt::format("{}{}: {:#x}", s.empty() ? "" : ", ", c.name.empty() ? fmt::format("+{}", c.offset) : c.name,
                     c.value);
  if (!s.empty()) s = fmt::format("captured {}", s);
  if (!d.captured_complete && d.function)
    s += s.empty() ? std::string("captured words unknown") : std::string(", maybe more");
  return s;
}

void EventText::push(std::string& out, const Event& e) {
  numbers_[e.id] = ++pushed_;
  const bool open = e.storage == Storage::open_coded;
  const char* call = p_.amd64() ? "CALL" : "BL";
  if (open && e.bits_before == e.bits_after)
    head(out, e, place(e.site), "store to its slot; deferBits stays: the exit follows at once");
  else if (open)
    head(out, e, place(e.site), fmt::format("deferBits {:#x} → {:#x}", e.bits_before, e.bits_after));
  else
    head(out, e, call_site(e.site), fmt::format("{} {}", call, e.call));
  std::string text = fmt::format("push  #{}  {}   ", pushed_, name(e.deferred));
  if (open) {
    text += fmt::format("open-coded: slot {} in the frame, no record", e.slot);
  } else {
    text += fmt::format("{} record {:#x}", to_string(e.storage), e.record);
    if (e.storage == Storage::stack) {
      const auto fn = p_.layouts()[model::F::defer_fn];
      text += fmt::format(" = SP{}   fn at SP{}", signed_offset(e.record, e.frame.sp),
                          signed_offset(e.record + static_cast<uint64_t>(fn.offset), e.frame.sp));
    }
  }
  detail(out, text);
  const std::string words = captured(e.deferred);
  if (!words.empty()) detail(out, fmt::format("      {}", words));
  if (!e.arguments.empty()) {
    std::string hex;
    for (uint8_t b : e.arguments) hex += fmt::format("{:02x}", b);
    detail(out, fmt::format("      {} bytes of arguments: {}", e.arguments.size(), hex));
  }
}

void EventText::start(std::string& out, const Event& e) {
  ++run_;
  const std::string what = fmt::format("run   {}  {}", number(e.push), name(e.deferred));
  switch (e.by) {
    case RunBy::jmpdefer: return;  // the jmpdefer event has said it
    case RunBy::inline_exit:
      head(out, e, place(e.pc),
           e.bits_before == e.bits_after ? fmt::format("exit: slot {}", e.slot)
                                         : fmt::format("deferBits {:#x} → {:#x}", e.bits_before, e.bits_after));
      return detail(out, what + "   called by the function itself, no runtime involved");
    case RunBy::deferreturn:
      head(out, e, place(e.pc), what);
      return detail(out, "called by the loop in deferreturn: its frame stays, no return address is rewritten");
    case RunBy::panic: head(out, e, place(e.pc), what); return detail(out, "called by the running panic");
    case RunBy::goexit: head(out, e, place(e.pc), what); return detail(out, "called by runtime.Goexit");
    case RunBy::none: head(out, e, place(e.pc), what); return;
  }
}

void EventText::end(std::string& out, const Event& e) {
  const std::string to = e.by == RunBy::jmpdefer
                             ? fmt::format("RET → {}: CALL runtime.deferreturn again", call_site(e.return_address))
                             : fmt::format("RET → {}", place(e.pc));
  head(out, e, e.deferred.function ? model::readable(e.deferred.function->name()) : "?", to);
  for (const model::Effect& f : e.effects)
    detail(out,
           fmt::format("{} {}: {} → {}", f.result ? "result" : "variable", f.name, quoted(f.before), quoted(f.after)));
  if (!e.effects.empty())
    for (const std::string& s : e.watched) detail(out, fmt::format("result unchanged: {}", quoted(s)));
}

void EventText::jmpdefer(std::string& out, const Event& e) {
  const bool amd64 = p_.amd64();
  head(out, e, "runtime.jmpdefer", "");
  for (size_t i = 0; i < e.steps.size(); ++i) {
    const model::JmpStep& s = e.steps[i];
    const std::string text = instruction(s.pc);
    std::string change;
    if (i + 1 < e.steps.size()) {
      const model::JmpStep& n = e.steps[i + 1];
      if (n.sp != s.sp) change += fmt::format("  SP {:#x} → {:#x}", s.sp, n.sp);
      if (n.frame_pointer != s.frame_pointer)
        change += fmt::format("  {} {:#x} → {:#x}", amd64 ? "BP" : "R29", s.frame_pointer, n.frame_pointer);
      if (amd64 && n.return_word != s.return_word)
        change += fmt::format("  [SP] {} → {}", place(s.return_word), place(n.return_word));
      if (!amd64 && n.scratch != s.scratch) change += fmt::format("  R0 {}", place(n.scratch));
      if (!amd64 && n.link != s.link) change += fmt::format("  LR → {}", place(n.link));
    } else {
      change = fmt::format("  PC → {}", name(e.deferred));
    }
    detail(out, fmt::format("{:#x} {:<28}{}", s.pc, text == "?" ? "" : text, change));
  }
  detail(out, fmt::format("SP              {:#x} → {:#x}    deferreturn's frame is gone", e.sp, e.sp_after));
  detail(out, fmt::format("return address  {} → {}    −{}: back onto the {}   ◀ the trick", place(e.return_address),
                          place(e.return_after), e.return_address - e.return_after, amd64 ? "CALL" : "BL"));
  detail(out, fmt::format("run   {}  {}", number(e.push), name(e.deferred)));
}

void EventText::recover(std::string& out, const Event& e) {
  const bool ok = e.kind == EventKind::panic_recovered;
  recovered_ += ok;
  const std::string who = e.frame.function ? model::readable(e.frame.function->name()) : "?";
  head(out, e, who,
       ok ? fmt::format("recover() stops panic {}", quoted(e.value))
          : "recover() returns nil: its caller is not what the panic called");
  std::string chain;
  for (const model::CallerFrame& c : e.callers)
    chain += fmt::format("{}{}{}{}", chain.empty() ? "" : " ← ", c.function,
                         c.wrapper && !c.runtime ? " (wrapper)" : "", c.inlined ? " (inlined)" : "");
  detail(out, fmt::format("called by {}", chain));
  if (e.decided_by < 0) return;
  const model::CallerFrame& d = e.callers[static_cast<size_t>(e.decided_by)];
  const bool unseen = ok && static_cast<size_t>(e.decided_by) + 1 < e.callers.size() &&
                      e.callers[static_cast<size_t>(e.decided_by) + 1].inlined;
  detail(out, fmt::format("decided by {}: it {}", d.function,
                          !ok      ? "is the deferred function, and recover was called by another"
                          : unseen ? "passes for the deferred function, for the one between is inlined into the wrapper"
                                   : "is the deferred function"));
}

void EventText::recovery(std::string& out, const Event& e) {
  const model::Function* to = e.frame.function;
  const bool at_deferreturn = to && e.to_pc == to->f.entry + to->f.deferreturn;
  const char* meaning = at_deferreturn                         ? "   the function's CALL runtime.deferreturn"
                        : to && to->name() == "runtime.Goexit" ? "   Goexit goes on with the defers that are left"
                        : e.returns_one                        ? "   result 1: deferproc returns a second time"
                                                               : "";
  head(out, e, "runtime.recovery", fmt::format("resume at {}   SP {:#x}{}", place(e.to_pc), e.to_sp, meaning));
  std::string frames;
  for (const std::string& f : e.discarded) frames += fmt::format("{}{}", frames.empty() ? "" : ", ", f);
  if (e.discarded_count > e.discarded.size()) frames += ", …";
  detail(out, fmt::format("{} frame{} thrown away: {}", e.discarded_count, e.discarded_count == 1 ? "" : "s", frames));
}

void EventText::other(std::string& out, const Event& e) {
  const std::string owner = e.frame.function ? model::readable(e.frame.function->name()) : "?";
  switch (e.kind) {
    case EventKind::deferreturn_enter:
      return head(out, e, call_site(e.return_address),
                  fmt::format("{} runtime.deferreturn   return address {}", p_.amd64() ? "CALL" : "BL",
                              place(e.return_address)));
    case EventKind::deferreturn_leave:
      return head(out, e, "runtime.deferreturn",
                  fmt::format("no defer of this frame is left → returns to {}", place(e.return_address)));
    case EventKind::panic_start: {
      ++panics_;
      const char* while_running = e.nested_in == model::kNoEvent     ? ""
                                  : goexits_.count(e.nested_in) != 0 ? "   (while Goexit is running)"
                                                                     : "   (while another panic is running)";
      return head(out, e, place(e.frame.pc), fmt::format("panic {}{}", quoted(e.value), while_running));
    }
    case EventKind::panic_aborted:
      return head(out, e, owner,
                  fmt::format("panic {} is aborted: a later panic was recovered beyond it", quoted(e.value)));
    case EventKind::goexit:
      goexits_.insert(e.id);
      return head(out, e, place(e.frame.pc), "runtime.Goexit: the goroutine runs its defers and ends");
    case EventKind::stack_move:
      head(out, e, "runtime.copystack",
           fmt::format("stack [{:#x}, {:#x}) → [{:#x}, {:#x})", e.old_lo, e.old_hi, e.new_lo, e.new_hi));
      for (const model::MovedRecord& m : e.moved) detail(out, fmt::format("record {:#x} → {:#x}", m.before, m.after));
      return;
    case EventKind::transfer:
      return head(out, e, place(e.frame.pc), fmt::format("{} → {}   SP {:#x}", e.what, place(e.to_pc), e.to_sp));
    default: return;
  }
}

void EventText::append(std::string& out, const Event& e) {
  if (!in_scope(scope_, e.origin)) {
    hidden_ += e.kind == EventKind::defer_push;
    return;
  }
  switch (e.kind) {
    case EventKind::defer_push: return push(out, e);
    case EventKind::defer_start: return start(out, e);
    case EventKind::defer_end: return end(out, e);
    case EventKind::jmpdefer: return jmpdefer(out, e);
    case EventKind::panic_recovered:
    case EventKind::recover_refused: return recover(out, e);
    case EventKind::recovery_jump: return recovery(out, e);
    default: return other(out, e);
  }
}

void EventText::append_summary(std::string& out) const {
  const auto plural = [](uint64_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); };
  out += fmt::format("{} pushed, {} run", plural(pushed_, "defer"), run_);
  if (panics_) out += fmt::format(", {}, {} recovered", plural(panics_, "panic"), recovered_);
  out += '.';
  if (hidden_) out += fmt::format(" {} hidden (--scope all).", plural(hidden_, "library defer"));
  out += '\n';
}

}  // namespace deferscope::traces
