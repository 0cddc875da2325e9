// Breakpoints, event breakpoints, watchpoints: where they are, whether they hold.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cli/session/core.h"
#include "runtime_model/code.h"

namespace deferscope::cli {
namespace {

// The functions at whose entry an event happens, by event. Those that a version does not have are not there.
struct EventRow {
  Event event;
  const char* function;
};
constexpr EventRow kEntries[] = {
    {Event::defer, "runtime.deferproc"},   {Event::defer, "runtime.deferprocStack"},
    {Event::defer, "runtime.deferprocat"}, {Event::jmpdefer, "runtime.jmpdefer"},
    {Event::panic, "runtime.gopanic"},     {Event::recovery, "runtime.recovery"},
    {Event::goexit, "runtime.Goexit"},
};

// Functions that call deferred functions through a register (or through reflectcall).
constexpr const char* kRunners[] = {"runtime.deferreturn", "runtime.gopanic", "runtime.Goexit",
                                    "runtime.runOpenDeferFrame", "runtime.deferCallSave"};
constexpr const char* kCallers[] = {"runtime.reflectcall", "reflect.call", "runtime.reflectcallSave"};

// FUNC as typed names this function: the full name, or its last part; or a loop body of that function.
bool names(const std::string& typed, std::string_view function) {
  const std::string full = model::readable(function.substr(0, function.find("-range")));
  if (typed == full || typed == function) return true;
  return full.size() > typed.size() && full.compare(full.size() - typed.size(), typed.size(), typed) == 0 &&
         full[full.size() - typed.size() - 1] == '.';
}

}  // namespace

void Core::apply_hooks(const std::unordered_set<uint64_t>& more) {
  std::vector<emu::Watch> watches;
  hooked_.clear();
  for (const auto& [id, b] : breakpoints) {
    if (!b.enabled) continue;
    if (b.kind == Breakpoint::Watch)
      watches.push_back(b.watch);
    else
      hooked_.insert(b.pcs.begin(), b.pcs.end());
  }
  std::unordered_set<uint64_t> all = more;
  all.insert(hooked_.begin(), hooked_.end());
  machine->set_hooks(std::move(all));
  machine->set_watches(std::move(watches));
}

std::vector<uint64_t> Core::event_addresses(Event e) const {
  std::vector<uint64_t> out;
  if (!program) return out;
  const auto& funcs = program->go().funcs;
  for (const EventRow& r : kEntries)
    if (r.event == e)
      for (const loader::Func& f : funcs.find(r.function)) out.push_back(f.entry);
  if (e == Event::recover)
    for (const loader::Func& f : funcs.find("runtime.gorecover"))
      for (uint64_t pc : program->returns_in(*program->function_at(f.entry))) out.push_back(pc);
  if (e == Event::defer)
    for (const model::Function* f : program->open_coded_functions()) {
      for (const model::BitStore& s : program->open_coded(*f)->stores)
        if (!s.initial) out.push_back(s.pc);
      // Registered without a store to deferBits, which the compiler dropped.
      for (const model::SlotStore& s : program->open_coded(*f)->dropped) out.push_back(s.pc);
    }
  if (e != Event::run) return out;
  for (const model::Function* f : program->open_coded_functions())
    for (const model::BitStore& s : program->open_coded(*f)->stores)
      if (s.call.pc) out.push_back(s.call.pc);
  std::vector<uint64_t> through;
  for (const char* n : kCallers)
    for (const loader::Func& f : funcs.find(n)) through.push_back(f.entry);
  for (const char* n : kRunners)
    for (const loader::Func& f : funcs.find(n))
      for (const model::Call& c : program->calls_in(*program->function_at(f.entry)))
        if (c.target == 0 || std::count(through.begin(), through.end(), c.target)) out.push_back(c.pc);
  for (const loader::Func& f : funcs.find("runtime.jmpdefer"))
    model::each_instruction(machine->image(), f.entry, f.end, [&](const model::Insn& i) {
      if (model::is_indirect_jump(i)) out.push_back(i.pc);
      return true;
    });
  return out;
}

// The store to deferBits at hand registers only where a bit appears.
bool Core::bit_appears(const Frame& f) const {
  const model::OpenCoded* o = f.function ? program->open_coded(*f.function) : nullptr;
  if (!o || f.function->f.entry == view->pc()) return true;
  for (const model::BitStore& s : o->stores) {
    if (s.pc != view->pc()) continue;
    const uint64_t now = s.store.constant ? s.store.value : view->cpu().r[s.store.from] & 0xff;
    const uint64_t was = view->value(view->sp() + static_cast<uint64_t>(s.store.offset), 1).value_or(0);
    return (now & ~was) != 0;
  }
  return true;
}

// The call behind a store to deferBits runs a deferred function only if the store cleared a bit.
bool Core::inline_call_runs(const Frame& f) const {
  const model::OpenCoded* o = f.function ? program->open_coded(*f.function) : nullptr;
  if (!o || !tracker) return true;
  const auto running = tracker->running(view->who().goid);
  return !running.empty() && running.back().by == model::RunBy::inline_exit &&
         running.back().owner.function == f.function;
}

// The functions that an event concerns: whose defer it is, who panics, which frame goes on.
std::vector<const model::Function*> Core::concerned(Event e) const {
  const Who w = view->who();
  const auto seen = view->frames(16);
  const auto first = [&](const std::function<bool(const Frame&)>& want) -> const model::Function* {
    const auto it = std::find_if(seen.begin(), seen.end(), want);
    return it == seen.end() ? nullptr : it->function;
  };
  const auto by_others = [](const Frame& f) { return !of_runtime(f.function); };
  const auto owner_of_running = [&]() -> const model::Function* {
    const auto running = tracker ? tracker->running(w.goid) : std::vector<model::Running>{};
    return running.empty() ? nullptr : running.back().owner.function;
  };
  switch (e) {
    case Event::defer:  // the function with the store to deferBits, or the caller of deferproc and its kin
      return {seen[0].function->f.entry == view->pc() && seen.size() > 1 ? seen[1].function : seen[0].function};
    case Event::jmpdefer:
      return {first([](const Frame& f) {
        return f.function && f.function->name() != "runtime.jmpdefer" && f.function->name() != "runtime.deferreturn";
      })};
    case Event::run: return {owner_of_running()};
    case Event::recover: return {owner_of_running(), first(by_others)};
    case Event::recovery: return {view->function(view->guest()->recovery_pc(w.g))};  // where it will go on
    case Event::panic:
    case Event::goexit: break;
  }
  return {first(by_others)};
}

bool Core::event_holds(const Breakpoint& b) const {
  const GuestView& v = *view;
  if (b.event == Event::recover && v.guest()->recovered_type() == 0) return false;
  const auto here = v.frame0();
  if (!here) return b.function.empty();
  if (b.event == Event::defer && !bit_appears(*here)) return false;
  if (b.event == Event::run && !inline_call_runs(*here)) return false;
  // The library's own defers would drown the user's; panics of anybody matter.
  const bool of_defers = b.event == Event::defer || b.event == Event::run || b.event == Event::jmpdefer;
  if (b.function == kEverybody || (b.function.empty() && !of_defers)) return true;
  const auto functions = concerned(b.event);
  return std::any_of(functions.begin(), functions.end(), [&](const model::Function* f) {
    return f && (b.function.empty() ? f->origin == model::Origin::user : names(b.function, f->name()));
  });
}

uint64_t Hits::number(emu::Position p) {
  const auto at =
      std::lower_bound(seen_.begin(), seen_.end(), p, [](const Hit& h, emu::Position q) { return h.position < q; });
  if (at != seen_.end() && at->position == p) return at->number;
  return seen_.insert(at, {p, seen_.size() + 1})->number;
}

void Hits::drop_after(emu::Position p) {
  std::erase_if(seen_, [p](const Hit& h) { return h.position > p; });
  std::vector<Hit*> order;
  for (Hit& h : seen_) order.push_back(&h);
  std::sort(order.begin(), order.end(), [](const Hit* a, const Hit* b) { return a->number < b->number; });
  for (size_t i = 0; i < order.size(); ++i) order[i]->number = i + 1;
}

bool Core::condition_holds(const Breakpoint& b) const {
  if (b.condition.empty()) return true;
  try {
    return evaluate(b.condition) != 0;
  } catch (const CommandError&) {
    return false;  // what it names is not there yet
  }
}

HitCondition HitCondition::parse(const std::string& text) {
  HitCondition h;
  h.text = text;
  const size_t digits = std::min(text.find_first_of("0123456789"), text.size());
  h.op = text.substr(0, digits);
  h.op.erase(std::remove(h.op.begin(), h.op.end(), ' '), h.op.end());
  constexpr const char* kOps[] = {"", "==", "!=", "<", "<=", ">", ">=", "%"};
  const bool known = std::any_of(std::begin(kOps), std::end(kOps), [&](const char* op) { return h.op == op; });
  const std::string number = text.substr(digits);
  if (!known || number.empty() || number.size() > 18 || number.find_first_not_of("0123456789") != std::string::npos)
    throw CommandError("-hitcount N OP COUNT: == 3, > 10, % 2");
  h.count = std::stoull(number);
  return h;
}

bool HitCondition::holds(uint64_t hits) const {
  if (text.empty()) return true;
  if (op == "%") return count != 0 && hits % count == 0;
  if (op == ">") return hits > count;
  if (op == ">=") return hits >= count;
  if (op == "<") return hits < count;
  if (op == "<=") return hits <= count;
  if (op == "!=") return hits != count;
  return hits == count;
}

std::vector<Breakpoint*> Core::reached() {
  std::vector<Breakpoint*> out;
  const uint64_t pc = view->pc();
  if (!hooked_.count(pc)) return out;
  for (auto& [id, b] : breakpoints) {
    if (!b.enabled || b.kind == Breakpoint::Watch || !std::count(b.pcs.begin(), b.pcs.end(), pc)) continue;
    if (b.moment && *b.moment != position()) continue;
    if (b.kind == Breakpoint::EventPoint && !event_holds(b)) continue;
    if (condition_holds(b)) out.push_back(&b);
  }
  return out;
}

std::vector<Breakpoint*> Core::touched(const emu::Stop& s) {
  std::vector<Breakpoint*> out;
  for (auto& [id, b] : breakpoints) {
    if (!b.enabled || b.kind != Breakpoint::Watch || !(s.write ? b.watch.write : b.watch.read)) continue;
    if (s.address < b.watch.address || s.address >= b.watch.address + b.watch.size) continue;
    if (condition_holds(b)) out.push_back(&b);
  }
  return out;
}

std::optional<Halt> Core::count_hits(const std::vector<Breakpoint*>& there, emu::Position p, Halt::Kind kind) {
  std::optional<Halt> stop;
  for (Breakpoint* b : there) {
    const uint64_t number = b->hits.number(p);
    if (stop || !b->hit_condition.holds(number)) continue;
    stop.emplace();
    stop->kind = kind, stop->id = b->id, stop->hit = number;
  }
  return stop;
}

void Core::after_stop(const Halt& h) {
  const auto it = breakpoints.find(h.id);
  if ((h.kind == Halt::Breakpoint || h.kind == Halt::Watchpoint) && it != breakpoints.end() && it->second.temporary)
    breakpoints.erase(it);
}

}  // namespace deferscope::cli
