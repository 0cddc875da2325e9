#include "cli/session/chain_view.h"

#include <fmt/format.h>

#include "cli/session/core.h"
#include "runtime_model/chain.h"

namespace deferscope::cli {
namespace {

std::string name_of(const Core& core, const model::Deferred& d) {
  if (d.function) {
    const model::Wrapped& w = core.program->wrapped(*d.function);
    const std::string name = model::readable(d.function->name());
    return w.is_wrapper && !w.function.empty() ? fmt::format("{} (wraps {})", name, w.function) : name;
  }
  return d.funcval ? fmt::format("funcval {:#x}", d.funcval) : "nil";
}

struct Read {
  model::Chain chain;
  std::vector<model::Running> running;
  uint64_t goid = 0;
};

std::optional<Read> read_chains(const Core& core, uint64_t g) {
  if (!core.program || g == 0) return std::nullopt;
  const model::Guest guest(*core.program, core.machine->state());
  const auto goroutine = guest.goroutine(g);
  if (!goroutine) return std::nullopt;
  Read r;
  r.goid = goroutine->id;
  r.chain = model::read_chain(guest, *goroutine, guest.unwind(*goroutine, 200));
  if (core.tracker) r.running = core.tracker->running(goroutine->id);
  return r;
}

std::string running_name(const Core& core, const model::Running& r) {
  const model::Function* f = r.entry ? core.program->function_at(r.entry) : nullptr;
  return f ? model::readable(f->name()) : fmt::format("{:#x}", r.entry);
}

bool of_user(const model::ChainEntry& e) { return e.owner && e.owner->origin == model::Origin::user; }

std::string entry_line(const Core& core, size_t number, const model::ChainEntry& e) {
  std::string t =
      fmt::format("  #{:<3} {:<10} {}", number, model::to_string(e.storage), mark('b', name_of(core, e.deferred)));
  if (e.owner) t += fmt::format("  of {}", model::readable(e.owner->name()));
  if (e.pc) t += fmt::format("  registered before {} {}", core.view->place(e.pc), core.view->line(e.pc - 1));
  if (e.record) t += fmt::format("  record {:#x}", e.record);
  if (e.slot >= 0) t += fmt::format("  slot {} at {:#x}", e.slot, e.slot_address);
  if (e.list_head) t += "  (head of a range-over-func list)";
  if (e.running) t += "  started";
  if (e.incomplete) t += "  HALF FILLED: deferproc has linked it but not yet stored its fields";
  return t;
}

}  // namespace

// In jmpdefer the record is unlinked already and its function not yet entered: it is the one that runs next.
std::string about_to_run(const Core& core) {
  const auto code = core.view->word(core.view->guest()->jmpdefer_closure());
  const model::Function* f = code ? core.view->function(*code) : nullptr;
  return f ? model::readable(f->name()) + " (record unlinked)" : "";
}

// "defers g1: running main.main.func1 (record unlinked)  pending (user): none".
std::string chain_summary(const Core& core) {
  const Who w = core.view->who();
  const auto r = read_chains(core, w.g);
  if (!r) return {};
  std::string running, pending;
  for (auto it = r->running.rbegin(); it != r->running.rend(); ++it) {
    const bool linked = std::any_of(r->chain.entries.begin(), r->chain.entries.end(),
                                    [&](const model::ChainEntry& e) { return it->record && e.record == it->record; });
    if (running.size() > 200) break;
    const bool only_next =
        it->by == model::RunBy::inline_exit && core.tracker->position_of(it->start) == core.position();
    if (only_next) continue;  // the store at hand will start it
    running +=
        fmt::format("{}{} (by {}{})", running.empty() ? "" : " ← ", running_name(core, *it), model::to_string(it->by),
                    it->record == 0 ? ""
                    : linked        ? ", record still linked"
                                    : ", record unlinked");
  }
  int shown = 0, others = 0;
  for (const model::ChainEntry& e : r->chain.entries) {
    if (!of_user(e)) {
      ++others;
    } else if (++shown <= 4) {
      pending += fmt::format("{}{} ({}{})", pending.empty() ? "" : ", ", name_of(core, e.deferred),
                             model::to_string(e.storage), e.incomplete ? ", half filled" : "");
    }
  }
  if (shown > 4) pending += fmt::format(", … {} more", shown - 4);
  if (const std::string next = about_to_run(core); !next.empty())
    running = next + (running.empty() ? "" : " ← ") + running;
  std::string t = fmt::format("defers g{}:", r->goid);
  if (!running.empty()) t += "  running " + running;
  t += "  pending (user): " + (pending.empty() ? "none" : pending);
  if (others) t += fmt::format("  and {} of libraries", others);
  for (const model::PanicEntry& p : r->chain.panics)
    t += fmt::format("  {} {}{}", p.goexit ? "" : "panic", p.value, p.recovered ? " [recovered]" : "");
  return mark('d', t);
}

std::vector<std::string> defer_lines(const Core& core, uint64_t g) {
  const auto r = read_chains(core, g);
  if (!r) throw CommandError("no goroutine here: its chain cannot be read");
  std::vector<std::string> out;
  for (auto it = r->running.rbegin(); it != r->running.rend(); ++it)
    out.push_back(fmt::format("g{} runs {}  (by {}, {}{})", r->goid, mark('b', running_name(core, *it)),
                              model::to_string(it->by), model::to_string(it->storage),
                              it->owner.function ? ", of " + model::readable(it->owner.function->name()) : ""));
  if (r->chain.entries.empty())
    out.push_back(fmt::format("g{}: nothing is pending", r->goid));
  else
    out.push_back(fmt::format("g{}: pending, next to run first", r->goid));
  size_t n = 0;
  for (const model::ChainEntry& e : r->chain.entries) out.push_back(entry_line(core, ++n, e));
  for (const model::OpenFrame& o : r->chain.open_frames)
    out.push_back(fmt::format("  deferBits of {} at {:#x}: {}", o.function ? model::readable(o.function->name()) : "?",
                              o.bits_address, o.valid ? fmt::format("{:08b}", o.bits) : "not yet valid (stale byte)"));
  for (const std::string& n2 : r->chain.notes) out.push_back("  " + n2);
  return out;
}

std::vector<std::string> panic_lines(const Core& core, uint64_t g) {
  const auto r = read_chains(core, g);
  if (!r) throw CommandError("no goroutine here: its chain cannot be read");
  std::vector<std::string> out;
  for (const model::PanicEntry& p : r->chain.panics) {
    std::string t = fmt::format("{}{}  record {:#x}", p.goexit ? "" : "panic ", mark('b', p.value), p.record);
    if (p.recovered) t += "  recovered";
    if (p.aborted) t += "  aborted";
    if (p.repanicked) t += "  repanicked";
    if (p.deferreturn) t += "  (deferreturn's own, no panic)";
    out.push_back(std::move(t));
    for (const model::RawField& f : p.raw)
      out.push_back(
          fmt::format("    {:<14} {}", f.name, traces::say_value(f.value, f.size > 8 ? 8 : f.size, *core.view)));
  }
  if (out.empty()) out.push_back(fmt::format("g{}: no panic", r->goid));
  return out;
}

std::vector<std::string> deferred_lines(const Core& core, uint64_t number) {
  const auto r = read_chains(core, core.me().g);
  if (!r) throw CommandError("no goroutine here: its chain cannot be read");
  if (number == 0 || number > r->chain.entries.size())
    throw CommandError(fmt::format("{} defers are pending; numbers begin at 1", r->chain.entries.size()));
  const model::ChainEntry& e = r->chain.entries[number - 1];
  std::vector<std::string> out = {entry_line(core, number, e)};
  for (const auto& c : e.deferred.captured)
    out.push_back(fmt::format("    captured {} = {}{}", c.name.empty() ? fmt::format("+{}", c.offset) : c.name,
                              traces::say_value(c.value, c.size > 8 ? 8 : c.size, *core.view),
                              c.address ? " (used by address)" : ""));
  if (!e.deferred.captured_complete) out.push_back("    it may capture more: its code keeps the context register");
  for (size_t i = 0; i + 8 <= e.arguments.size(); i += 8) {
    uint64_t v = 0;
    std::copy_n(e.arguments.begin() + static_cast<ptrdiff_t>(i), 8, reinterpret_cast<uint8_t*>(&v));
    out.push_back(fmt::format("    argument +{} = {}", i, traces::say_value(v, 8, *core.view)));
  }
  for (const model::RawField& f : e.raw)
    out.push_back(
        fmt::format("    {:<10} {}", f.name, traces::say_value(f.value, f.size > 8 ? 8 : f.size, *core.view)));
  return out;
}

std::vector<GoroutineSeen> goroutines_seen(const Core& core) {
  if (!core.program) throw CommandError("this program is no Go program that the model reads");
  const emu::MachineState& s = core.machine->state();
  const model::Guest guest(*core.program, s);
  const uint64_t mine = core.me().g;
  std::vector<GoroutineSeen> out;
  for (const model::Goroutine& g : guest.goroutines()) {
    GoroutineSeen seen;
    seen.g = g;
    seen.current = g.g == mine;
    if (g.thread >= 0 && static_cast<size_t>(g.thread) < s.threads.size())
      seen.tid = s.threads[static_cast<size_t>(g.thread)].tid;
    const model::Unwound u = guest.unwind(g, 1);
    if (!u.frames.empty()) seen.pc = u.frames[0].pc, seen.sp = u.frames[0].sp;
    const std::string waits = guest.wait_reason(g);
    seen.doing = seen.tid ? fmt::format("on thread {}", seen.tid)
                          : std::string(model::status_name(g.status)) + (waits.empty() ? "" : ": " + waits);
    out.push_back(std::move(seen));
  }
  return out;
}

std::vector<std::pair<uint64_t, std::string>> record_names(const Core& core) {
  std::vector<std::pair<uint64_t, std::string>> out;
  const auto r = read_chains(core, core.me().g);
  if (!r) return out;
  size_t n = 0;
  for (const model::ChainEntry& e : r->chain.entries) {
    ++n;
    if (e.slot_address) out.emplace_back(e.slot_address, fmt::format("closure of open-coded defer #{}", e.slot + 1));
    for (const model::RawField& f : e.raw)
      if (e.record && (f.offset % 8 == 0))
        out.emplace_back(e.record + f.offset, fmt::format("_defer #{}: {}", n, f.name));
  }
  for (const model::OpenFrame& o : r->chain.open_frames)
    out.emplace_back(o.bits_address & ~uint64_t{7}, fmt::format("deferBits in byte {}", o.bits_address & 7));
  return out;
}

}  // namespace deferscope::cli
