// Breakpoints, event breakpoints, watchpoints: where they are, whether they hold.
#include "session/breakpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "runtime_model/code.h"

namespace deferscope::session {
namespace {

// The functions at whose entry an event happens, by event. Those that a version does not have are not there.
struct EventRow {
  EventPoint event;
  const char* function;
};
constexpr EventRow kEntries[] = {
    {EventPoint::defer, "runtime.deferproc"},   {EventPoint::defer, "runtime.deferprocStack"},
    {EventPoint::defer, "runtime.deferprocat"}, {EventPoint::jmpdefer, "runtime.jmpdefer"},
    {EventPoint::panic, "runtime.gopanic"},     {EventPoint::recovery, "runtime.recovery"},
    {EventPoint::goexit, "runtime.Goexit"},
};

// FUNC as typed names this function: the full name, or its last part; or a loop body of that function.
bool names(const std::string& typed, std::string_view function) {
  const std::string full = model::readable(function.substr(0, function.find("-range")));
  if (typed == full || typed == function) return true;
  return full.size() > typed.size() && full.compare(full.size() - typed.size(), typed.size(), typed) == 0 &&
         full[full.size() - typed.size() - 1] == '.';
}

}  // namespace

Breakpoints::Breakpoints(Timeline& time, const Reader& reader, Focus& focus, const Expressions& expressions,
                         const model::Tracker* tracker)
    : time_(time), reader_(reader), focus_(focus), expressions_(expressions), tracker_(tracker) {
  const model::Program* p = reader.program();
  if (!p) return;
  for (const loader::Func& f : p->go().funcs.find("runtime.copystack"))
    for (const uint64_t pc : p->returns_in(*p->function_at(f.entry))) moved_.insert(pc);
}

Breakpoint& Breakpoints::add(Breakpoint b) {
  b.id = next_id_++;
  const int id = b.id;
  return all_[id] = std::move(b);
}

Breakpoint* Breakpoints::find(int id) {
  const auto it = all_.find(id);
  return it == all_.end() ? nullptr : &it->second;
}

Breakpoint Breakpoints::at_event(EventPoint e, const std::string& function) const {
  if (!reader_.program()) throw Error("this program is no Go program that the model reads: events are not known");
  Breakpoint b;
  b.kind = Breakpoint::event;
  b.point = e;
  b.function = function;
  b.spec = to_string(e);
  if (!function.empty()) b.spec += " " + function;
  b.pcs = addresses(e);
  if (b.pcs.empty() && e == EventPoint::jmpdefer)
    throw Error(fmt::format("{} has no jmpdefer (gone in 1.18): deferreturn loops itself. Try: break deferreturn",
                            reader_.program()->go().version.text));
  if (b.pcs.empty()) throw Error(fmt::format("this program has no code for '{}'", to_string(e)));
  return b;
}

void Breakpoints::set_all_events() {
  all_.clear();
  for (const EventPoint e : kEventPoints) {
    Breakpoint b;
    b.kind = Breakpoint::event, b.point = e;
    b.id = static_cast<int>(e) + 1;
    b.pcs = addresses(e);
    all_[b.id] = std::move(b);
  }
}

void Breakpoints::check_condition(const std::string& condition) const {
  try {
    if (!condition.empty()) expressions_.evaluate(condition);
  } catch (const Error& e) {
    if (std::string(e.what()).compare(0, 11, "cannot read") == 0) throw;
  }
}

void Breakpoints::drop_after(emu::Position p) {
  for (auto& [id, b] : all_) {
    b.hits.drop_after(p);
    if (b.life) b.life->drop_after(p);
  }
}

bool Breakpoints::any_enabled() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& b) { return b.second.enabled; });
}

void Breakpoints::apply(const std::unordered_set<uint64_t>& more) {
  more_ = more;
  hooked_.clear();
  for (const auto& [id, b] : all_) {
    if (!b.enabled) continue;
    hooked_.insert(b.pcs.begin(), b.pcs.end());
    if (b.on_stack) hooked_.insert(moved_.begin(), moved_.end());
    if (b.life) hooked_.merge(b.life->hooks());
  }
  std::unordered_set<uint64_t> hooks = more;
  hooks.insert(hooked_.begin(), hooked_.end());
  time_.machine().set_hooks(std::move(hooks));
  arm();
}

// --- watchpoints on variables and on stacks ---

bool Breakpoints::watches() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& b) { return b.second.life || b.second.on_stack; });
}

// Nothing while the goroutine's stack is not there.
std::optional<uint64_t> Breakpoints::address_now(const Breakpoint& b) const {
  if (!b.on_stack) return b.watched.address;
  const uint64_t hi = reader_.guest()->stack_hi(b.on_stack->g);
  if (hi < b.on_stack->below || reader_.guest()->goid(b.on_stack->g) != b.on_stack->goid) return std::nullopt;
  return hi - b.on_stack->below;
}

void Breakpoints::arm() {
  std::vector<emu::Watch> watches;
  for (auto& [id, b] : all_) {
    if (!b.enabled || b.kind != Breakpoint::watch) continue;
    const auto address = address_now(b);
    if (address) b.watched.address = *address;
    if (address && (!b.life || b.life->alive_at(time_.position()))) watches.push_back(b.watched);
  }
  time_.machine().set_watches(std::move(watches));
}

void Breakpoints::settle() {
  if (!watches()) return;
  for (auto& [id, b] : all_)
    if (b.life && b.enabled) b.life->find(time_, reader_);
  arm();
}

void Breakpoints::settle_beginnings() {
  const emu::Position here = time_.position();
  if (here == 0) return;
  const bool wanted = std::any_of(all_.begin(), all_.end(), [](const auto& b) {
    return b.second.life && b.second.enabled && !b.second.life->reaches(0);
  });
  if (!wanted) return;
  time_.seek(0);
  settle();
  time_.seek(here);
}

void Breakpoints::ran(emu::Position from) {
  if (!watches()) return;
  bool changed = moved_.count(reader_.pc()) != 0;
  bool more = false;
  for (auto& [id, b] : all_)
    if (b.life && b.enabled) {
      const size_t hooks = b.life->hooks().size();
      changed |= b.life->ran(reader_, from);
      more |= b.life->hooks().size() != hooks;
    }
  if (more)
    apply(std::unordered_set<uint64_t>(more_));
  else if (changed)
    arm();
}

// Within copystack: what is written there is the copy, and pointers in it that are made to point into it.
bool Breakpoints::stack_is_copied() const {
  const auto seen = reader_.frames(16);
  return std::any_of(seen.begin(), seen.end(),
                     [](const Frame& f) { return f.function && f.function->name() == "runtime.copystack"; });
}

std::optional<Halt> Breakpoints::ended_here() const {
  for (const auto& [id, b] : all_) {
    if (!b.enabled || !b.life || b.life->end() != time_.position()) continue;
    Halt h = Halt::of(Reason::watch_ended);
    h.breakpoint = id, h.goid = b.life->who().goid;
    return h;
  }
  return std::nullopt;
}

std::optional<Halt> Breakpoints::hit_here() {
  if (auto ended = ended_here()) return ended;
  return count_hits(reached(), time_.position(), Reason::breakpoint);
}

std::vector<model::Running> Breakpoints::running() const {
  return tracker_ ? tracker_->running(reader_.who().goid) : std::vector<model::Running>{};
}

std::optional<model::Running> Breakpoints::called_here() const {
  const auto now = running();
  if (now.empty() || tracker_->position_of(now.back().start) != time_.position()) return std::nullopt;
  return now.back();
}

// The runtime's calls of deferred functions are the tracker's own hooks. The others are not: the tracker hooks where an
// event becomes true (a record is linked: deferproc's RET; a bit is cleared), a breakpoint stands where a reader wants
// to see it come (deferproc's entry, with its arguments; the call that the cleared bit leads to).
std::vector<uint64_t> Breakpoints::addresses(EventPoint e) const {
  std::vector<uint64_t> out;
  if (!reader_.program()) return out;
  const auto& funcs = reader_.program()->go().funcs;
  for (const EventRow& r : kEntries)
    if (r.event == e)
      for (const loader::Func& f : funcs.find(r.function)) out.push_back(f.entry);
  if (e == EventPoint::recover)
    for (const loader::Func& f : funcs.find("runtime.gorecover"))
      for (uint64_t pc : reader_.program()->returns_in(*reader_.program()->function_at(f.entry))) out.push_back(pc);
  if (e == EventPoint::defer)
    for (const model::Function* f : reader_.program()->open_coded_functions()) {
      for (const model::BitStore& s : reader_.program()->open_coded(*f)->stores)
        if (!s.initial) out.push_back(s.pc);
      // Registered without a store to deferBits, which the compiler dropped.
      for (const model::SlotStore& s : reader_.program()->open_coded(*f)->dropped) out.push_back(s.pc);
    }
  if (e != EventPoint::run) return out;
  for (const model::Function* f : reader_.program()->open_coded_functions())
    for (const model::BitStore& s : reader_.program()->open_coded(*f)->stores)
      if (s.call.pc) out.push_back(s.call.pc);
  if (tracker_)
    for (const uint64_t pc : tracker_->deferred_calls()) out.push_back(pc);
  return out;
}

// The store to deferBits at hand registers only where a bit appears.
bool Breakpoints::bit_appears(const Frame& f) const {
  const model::OpenCoded* o = f.function ? reader_.program()->open_coded(*f.function) : nullptr;
  if (!o || f.function->f.entry == reader_.pc()) return true;
  for (const model::BitStore& s : o->stores) {
    if (s.pc != reader_.pc()) continue;
    const uint64_t now = s.store.constant ? s.store.value : reader_.cpu().r[s.store.from] & 0xff;
    const uint64_t was = reader_.value(reader_.sp() + static_cast<uint64_t>(s.store.offset), 1).value_or(0);
    return (now & ~was) != 0;
  }
  return true;
}

// The call behind a store to deferBits runs a deferred function only if the store cleared a bit.
bool Breakpoints::inline_call_runs(const Frame& f) const {
  const model::OpenCoded* o = f.function ? reader_.program()->open_coded(*f.function) : nullptr;
  if (!o || !tracker_) return true;
  const auto now = running();
  return !now.empty() && now.back().by == model::RunBy::inline_exit && now.back().owner.function == f.function;
}

// The functions that an event concerns: whose defer it is, who panics, which frame goes on.
std::vector<const model::Function*> Breakpoints::concerned(EventPoint e) const {
  const Who w = reader_.who();
  const auto seen = reader_.frames(16);
  const auto first = [&](const std::function<bool(const Frame&)>& want) -> const model::Function* {
    const auto it = std::find_if(seen.begin(), seen.end(), want);
    return it == seen.end() ? nullptr : it->function;
  };
  const auto by_others = [](const Frame& f) { return !of_runtime(f.function); };
  const auto owner_of_running = [&]() -> const model::Function* {
    const auto now = running();
    return now.empty() ? nullptr : now.back().owner.function;
  };
  switch (e) {
    case EventPoint::defer:  // the function with the store to deferBits, or the caller of deferproc and its kin
      return {seen[0].function->f.entry == reader_.pc() && seen.size() > 1 ? seen[1].function : seen[0].function};
    case EventPoint::jmpdefer:
      return {first([](const Frame& f) {
        return f.function && f.function->name() != "runtime.jmpdefer" && f.function->name() != "runtime.deferreturn";
      })};
    case EventPoint::run: return {owner_of_running()};
    case EventPoint::recover: return {owner_of_running(), first(by_others)};
    case EventPoint::recovery: return {reader_.function(reader_.guest()->recovery_pc(w.g))};  // where it will go on
    case EventPoint::panic:
    case EventPoint::goexit: break;
  }
  return {first(by_others)};
}

bool Breakpoints::event_holds(const Breakpoint& b) const {
  if (b.point == EventPoint::recover && reader_.guest()->recovered_type() == 0) return false;
  const auto here = reader_.frame0();
  if (!here) return b.function.empty();
  if (b.point == EventPoint::defer && !bit_appears(*here)) return false;
  if (b.point == EventPoint::run && !inline_call_runs(*here)) return false;
  // The library's own defers would drown the user's; panics of anybody matter.
  const bool of_defers = b.point == EventPoint::defer || b.point == EventPoint::run || b.point == EventPoint::jmpdefer;
  if (b.function == kEverybody || (b.function.empty() && !of_defers)) return true;
  const auto functions = concerned(b.point);
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

namespace {

// While it lives the focus is on a watched variable's frame: that is where its condition's names are known.
class InFrame {
 public:
  InFrame(Focus& focus, const Reader& reader, const FrameLife& life) : focus_(focus), kept_(focus.choice()) {
    focus_.choose(life.who());
    const auto seen = focus_.frames(1000);
    for (size_t i = 0; i < seen.size(); ++i)
      if (seen[i].function == life.function() && reader.depth(life.who(), seen[i].caller_sp) == life.depth())
        focus_.choose_frame(static_cast<unsigned>(i));
  }
  ~InFrame() { focus_.restore(kept_); }
  InFrame(const InFrame&) = delete;

 private:
  Focus& focus_;
  const Focus::Choice kept_;
};

}  // namespace

bool Breakpoints::condition_holds(const Breakpoint& b) const {
  if (b.condition.empty()) return true;
  std::optional<InFrame> in;
  if (b.life) in.emplace(focus_, reader_, *b.life);
  try {
    return expressions_.evaluate(b.condition) != 0;
  } catch (const Error&) {
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
    throw Error("-hitcount N OP COUNT: == 3, > 10, % 2");
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

std::vector<Breakpoint*> Breakpoints::reached() {
  std::vector<Breakpoint*> out;
  const uint64_t pc = reader_.pc();
  if (!hooked_.count(pc)) return out;
  for (auto& [id, b] : all_) {
    if (!b.enabled || b.kind == Breakpoint::watch || !std::count(b.pcs.begin(), b.pcs.end(), pc)) continue;
    if (b.moment && *b.moment != time_.position()) continue;
    if (b.kind == Breakpoint::event && !event_holds(b)) continue;
    if (condition_holds(b)) out.push_back(&b);
  }
  return out;
}

std::vector<Breakpoint*> Breakpoints::touched(const emu::Stop& s) {
  std::vector<Breakpoint*> out;
  for (auto& [id, b] : all_) {
    if (!b.enabled || b.kind != Breakpoint::watch || !(s.write ? b.watched.write : b.watched.read)) continue;
    if (s.address < b.watched.address || s.address >= b.watched.address + b.watched.size) continue;
    if (b.on_stack && stack_is_copied()) continue;
    if (b.life && !b.life->alive_at(time_.position() - 1)) continue;
    if (condition_holds(b)) out.push_back(&b);
  }
  return out;
}

std::optional<Halt> Breakpoints::count_hits(const std::vector<Breakpoint*>& there, emu::Position p, Reason reason) {
  std::optional<Halt> stop;
  for (Breakpoint* b : there) {
    const uint64_t number = b->hits.number(p);
    if (stop || !b->hit_condition.holds(number)) continue;
    stop.emplace();
    stop->reason = reason, stop->breakpoint = b->id, stop->hit = number;
  }
  return stop;
}

}  // namespace deferscope::session
