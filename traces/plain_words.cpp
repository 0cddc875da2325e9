// Puts the changes of one instruction into clauses: place, old value, new value, how.
#include <fmt/format.h>

#include "traces/prediction.h"

namespace deferscope::traces {
namespace {

std::string say_memory(const Prediction&, const Change& c, const Namer& names) {
  if (c.bytes > 8) {
    const std::string old = say_vector(c.vec_before), now = say_vector(c.vec_after);
    if (c.bytes > 16) return fmt::format("{} ← {}", c.place, c.how.str());
    return fmt::format("{} ← {} = {}{}", c.place, c.how.str(), now, old == now ? ", as before" : ", was " + old);
  }
  const std::string old = say_value(c.before, c.bytes, names), now = say_value(c.after, c.bytes, names);
  if (c.how.kind == Expr::Place && c.how.text == c.place && c.how.add != 0)
    return fmt::format("{} {} → {} ({}{})", c.place, old, now, c.how.add > 0 ? "+" : "", say_number(c.how.add));
  const std::string how = c.how.str() == now ? now : c.how.str() + " = " + now;
  return fmt::format("{} ← {}{}", c.place, how, old == now ? ", as before" : ", was " + old);
}

std::string say_register(const Prediction& e, const Change& c, const Namer& names) {
  const std::string now = say_value(c.after, 8, names);
  if (c.how.kind == Expr::Place && c.how.text == c.place && c.how.add != 0) {
    const bool sp = c.reg == (e.isa == isa::Isa::x86_64 ? isa::kRsp : isa::kSp);
    return fmt::format("{} {} → {} ({}{})", c.place, say_number(static_cast<int64_t>(c.before)),
                       sp ? say_number(static_cast<int64_t>(c.after)) : now, c.how.add > 0 ? "+" : "",
                       say_number(c.how.add));
  }
  if (c.how.str() == now) return fmt::format("{} ← {}", c.place, now);
  return fmt::format("{} ← {} = {}", c.place, c.how.str(), now);
}

}  // namespace

std::string say_change(const Prediction& e, const Change& c, const Namer& names) {
  switch (c.kind) {
    case Change::Register: return say_register(e, c, names);
    case Change::Memory: return say_memory(e, c, names);
    case Change::Vector: {
      const std::string now = say_vector(c.vec_after);
      return c.how.str() == now ? fmt::format("{} ← {}", c.place, now)
                                : fmt::format("{} ← {} = {}", c.place, c.how.str(), now);
    }
    default: return c.place;
  }
}

std::string say_flow(const Prediction& e, const Namer& names) {
  const Flow& f = e.flow;
  const auto where = [&] { return say_value(f.target, 8, names); };
  switch (f.kind) {
    case Flow::Next: return "";
    case Flow::Again: return "once more";
    case Flow::Jump:
      return f.through.empty() ? "goes to " + where() : fmt::format("goes to {} = {}", f.through, where());
    case Flow::Call: return f.through.empty() ? "calls " + where() : fmt::format("calls {} = {}", f.through, where());
    case Flow::Return: return "returns to " + where();
    case Flow::Branch: return fmt::format("if {}: {}", f.condition, f.taken ? "yes → " + where() : "no, goes on");
    case Flow::Syscall:
      return fmt::format("system call {}{}", say_number(static_cast<int64_t>(f.call.number)),
                         f.call.name.empty() ? "" : ": " + f.call.name);
    case Flow::HostCall:
      return fmt::format("{} of the system runs and returns to {}", f.through.empty() ? "a function" : f.through,
                         where());
    case Flow::Fault: break;
  }
  switch (e.outcome.fault) {
    case isa::Fault::Page:
      return fmt::format("cannot be done: address {:#x} may not be {}: a signal follows", e.outcome.address,
                         e.outcome.access == isa::Access::Write  ? "written"
                         : e.outcome.access == isa::Access::Read ? "read"
                                                                 : "executed");
    case isa::Fault::NonCanonical:
      return fmt::format("cannot be done: {:#x} is no address: a signal follows", e.outcome.address);
    case isa::Fault::Divide: return "division by zero or overflow: a signal follows";
    case isa::Fault::SimdException: return "a floating-point exception that MXCSR does not mask: a signal follows";
    case isa::Fault::X87Exception: return "the x87 has an exception that is not masked: a signal follows";
    case isa::Fault::Alignment: return fmt::format("misaligned address {:#x}: a signal follows", e.outcome.address);
    case isa::Fault::Breakpoint: return "a breakpoint trap: a signal follows";
    case isa::Fault::Unimplemented: return "an instruction that deferscope does not know";
    default: return "an undefined instruction: a signal follows";
  }
}

std::vector<std::string> plain_words(const Prediction& e, const Namer& names) {
  std::vector<std::string> out;
  const bool pushes = e.isa == isa::Isa::x86_64 && e.flow.kind == Flow::Call;
  for (const Change& c : e.changes) {
    if (pushes && c.kind == Change::Register && c.reg == isa::kRsp) continue;  // told with what is pushed
    if (c.kind == Change::Register && c.reg == isa::kX30 && e.isa == isa::Isa::arm64 && e.flow.kind == Flow::Call)
      out.push_back("LR ← return address " + say_value(c.after, 8, names));
    else if (pushes && c.kind == Change::Memory)
      out.push_back(fmt::format("pushes return address {} at {:#x}", say_value(c.after, 8, names), c.address));
    else
      out.push_back(say_change(e, c, names));
  }
  // Of a system call the call comes first; what the instruction does to registers besides is little.
  if (std::string flow = say_flow(e, names); !flow.empty())
    out.insert(e.flow.kind == Flow::Syscall ? out.begin() : out.end(), std::move(flow));
  if (out.empty()) out.push_back("nothing changes");
  return out;
}

}  // namespace deferscope::traces
