#include "cli/console/chain_view.h"

#include <fmt/format.h>

#include "cli/console/console.h"
#include "loader/printable.h"
#include "runtime_model/chain.h"

namespace deferscope::cli {
namespace {

std::string name_of(const session::Reader& reader, const model::Deferred& d) {
  if (d.function) {
    const model::Program& p = *reader.program();
    const std::string name = model::readable(d.function->name());
    std::string wrapped = p.stands_for(d.target ? *d.target : *d.function);
    if (wrapped.empty() && d.target) wrapped = d.target->name();
    return wrapped.empty() ? name : fmt::format("{} (wraps {})", name, model::readable(wrapped));
  }
  return d.funcval ? fmt::format("funcval {:#x}", d.funcval) : "nil";
}

session::Chains need_chains(const Console& c, uint64_t g) {
  auto chains = c.session.chains(g);
  if (!chains) throw session::Error("no goroutine here: its chain cannot be read");
  return std::move(*chains);
}

std::string running_name(const session::RunningDefer& r) {
  return r.function ? model::readable(r.function->name()) : fmt::format("{:#x}", r.run.entry);
}

std::string_view remark(const model::ChainEntry& e) {
  if (e.stale) return ", stale";
  if (e.unlinked) return ", taken off the list: called next";
  return e.incomplete ? ", half filled" : "";
}

bool of_user(const model::ChainEntry& e) { return e.owner && e.owner->origin == model::Origin::user; }

// "#3": as events number it; "" if nobody saw its registration.
std::string event_number(uint64_t number, const model::Function* owner) {
  const bool user = owner && owner->origin == model::Origin::user;
  return number ? fmt::format("{}{}", user ? "#" : "#L", number) : "";
}

std::string numbered(uint64_t number, const model::Function* owner) {
  const std::string n = event_number(number, owner);
  return n.empty() ? n : n + " ";
}

std::string field_value(const model::RawField& f) {
  return f.size == 1 && f.value < 2 ? (f.value ? "true" : "false") : fmt::format("{}", f.value);
}

// "siz 16, started false, heap true": the fields of a record or panic that are shorter than a word.
std::string small_fields(const std::vector<model::RawField>& raw) {
  std::string out;
  for (const model::RawField& f : raw)
    if (f.size < 8) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", f.name, field_value(f));
  return out;
}

std::string field_line(const session::Reader& reader, const model::RawField& f) {
  const std::string value = f.size < 8 ? field_value(f) : traces::say_value(f.value, 8, reader);
  return fmt::format("    {:<5} {:<12} {}", fmt::format("+{}", f.offset), f.name, value);
}

std::string entry_line(const Console& c, size_t index, const model::ChainEntry& e) {
  std::string t = fmt::format("  {:<3} {:<4} {:<10} {}", index, event_number(e.number, e.owner),
                              model::to_string(e.storage), mark('b', name_of(c.session.reader(), e.deferred)));
  if (e.owner) t += fmt::format("  of {}", model::readable(e.owner->name()));
  if (e.pc)
    t += fmt::format("  registered before {} {}", c.session.reader().place(e.pc), c.session.reader().line(e.pc - 1));
  if (e.record) t += fmt::format("  record {:#x}", e.record);
  if (const std::string fields = small_fields(e.raw); e.record && !fields.empty()) t += fmt::format(" ({})", fields);
  if (e.slot >= 0) t += fmt::format("  slot {} at {:#x}", e.slot, e.slot_address);
  if (e.list_head) t += "  (head of a range-over-func list)";
  if (e.unlinked) t += "  taken off the list: called next";
  if (e.stale)
    t += fmt::format("  STALE: its frame{} is gone; the next panic will run it",
                     e.owner ? " " + model::readable(e.owner->name()) : "");
  if (e.incomplete) t += "  HALF FILLED: deferproc has linked it but not yet stored its fields";
  return t;
}

}  // namespace

// "defers g1: running main.main.func1 (record unlinked)  pending (user): none".
std::string chain_summary(const std::optional<session::Chains>& chains, const session::Reader& reader) {
  if (!chains) return {};
  const session::Chains& r = *chains;
  std::string running, pending;
  for (auto it = r.running.rbegin(); it != r.running.rend(); ++it) {
    if (running.size() > 200) break;
    running +=
        fmt::format("{}{}{} (by {}{})", running.empty() ? "" : " ← ", numbered(it->run.number, it->run.owner.function),
                    running_name(*it), model::to_string(it->run.by),
                    !it->run.record ? ""
                    : it->linked    ? ", record still linked"
                                    : ", record unlinked");
  }
  int shown = 0, others = 0;
  for (const model::ChainEntry& e : r.chain.entries) {
    if (!of_user(e)) {
      ++others;
    } else if (++shown <= 4) {
      pending += fmt::format("{}{}{} ({}{})", pending.empty() ? "" : ", ", numbered(e.number, e.owner),
                             name_of(reader, e.deferred), model::to_string(e.storage), remark(e));
    }
  }
  if (shown > 4) pending += fmt::format(", … {} more", shown - 4);
  std::string t = fmt::format("defers g{}:", r.goid);
  if (!running.empty()) t += "  running " + running;
  t += "  pending (user): " + (pending.empty() ? "none" : pending);
  if (others) t += fmt::format("  and {} of libraries", others);
  for (const model::PanicEntry& p : r.chain.panics)
    t += fmt::format("  {} {}{}", p.goexit ? "" : "panic", loader::printable(p.value),
                     p.recovered ? " [recovered]" : "");
  return mark('d', t);
}

std::vector<std::string> defer_lines(const Console& c, uint64_t g) {
  const session::Chains r = need_chains(c, g);
  std::vector<std::string> out;
  for (auto it = r.running.rbegin(); it != r.running.rend(); ++it)
    out.push_back(fmt::format("g{} runs {}{}  (by {}, {}{})", r.goid, numbered(it->run.number, it->run.owner.function),
                              mark('b', running_name(*it)), model::to_string(it->run.by),
                              model::to_string(it->run.storage),
                              it->run.owner.function ? ", of " + model::readable(it->run.owner.function->name()) : ""));
  if (r.chain.entries.empty())
    out.push_back(fmt::format("g{}: nothing is pending", r.goid));
  else
    out.push_back(fmt::format("g{}: pending, next to run first", r.goid));
  size_t n = 0;
  for (const model::ChainEntry& e : r.chain.entries) out.push_back(entry_line(c, ++n, e));
  for (const model::OpenFrame& o : r.chain.open_frames)
    out.push_back(fmt::format("  deferBits of {} at {:#x}: {}", o.function ? model::readable(o.function->name()) : "?",
                              o.bits_address, o.valid ? fmt::format("{:08b}", o.bits) : "not yet valid (stale byte)"));
  for (const std::string& n2 : r.chain.notes) out.push_back("  " + n2);
  return out;
}

std::vector<std::string> panic_lines(const Console& c, uint64_t g) {
  const session::Chains r = need_chains(c, g);
  std::vector<std::string> out;
  for (const model::PanicEntry& p : r.chain.panics) {
    std::string t =
        fmt::format("{}{}  record {:#x}", p.goexit ? "" : "panic ", mark('b', loader::printable(p.value)), p.record);
    if (p.recovered) t += "  recovered";
    if (p.aborted) t += "  aborted";
    if (p.repanicked) t += "  repanicked";
    if (p.deferreturn) t += "  (deferreturn's own, no panic)";
    out.push_back(std::move(t));
    for (const model::RawField& f : p.raw) out.push_back(field_line(c.session.reader(), f));
  }
  if (out.empty()) out.push_back(fmt::format("g{}: no panic", r.goid));
  return out;
}

std::vector<std::string> deferred_lines(const Console& c, uint64_t number) {
  const session::Chains r = need_chains(c, c.session.focus().who().g);
  if (number == 0 || number > r.chain.entries.size())
    throw session::Error(fmt::format("{} defers are pending; numbers begin at 1", r.chain.entries.size()));
  const model::ChainEntry& e = r.chain.entries[number - 1];
  std::vector<std::string> out = {entry_line(c, number, e)};
  const session::DeferredValues values = deferred_values(c.session.reader(), c.session.focus().who().g, e);
  const auto say = [&](const char* what, const std::vector<model::TypedValue>& all) {
    for (const model::TypedValue& v : all)
      out.push_back(fmt::format("    {} {}{}{} = {}", what, v.name, v.type.empty() ? "" : " ", v.type,
                                loader::printable(v.value)));
  };
  say("captured", values.captured);
  if (!values.all_captured) out.push_back("    it may capture more: its code keeps the context register");
  say("argument", values.arguments);
  for (const model::RawField& f : e.raw) out.push_back(field_line(c.session.reader(), f));
  return out;
}

}  // namespace deferscope::cli
