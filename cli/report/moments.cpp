#include "cli/report/moments.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "cli/console/source.h"
#include "loader/printable.h"
#include "session/drawings.h"
#include "traces/prediction.h"

namespace deferscope::cli {
namespace {

using model::Event;
using model::EventKind;
using session::Session;
using traces::DrawnWord;

constexpr unsigned kFrames = 12;        // of a stack
constexpr size_t kEntries = 12;         // of a chain
constexpr size_t kBoxes = 8;            // of a drawing
constexpr size_t kLineBytes = 240;      // of a line of text
constexpr size_t kOutputBytes = 2'000;  // of one event's
constexpr size_t kAround = 20;          // instructions before and behind one that is used, of a long function
constexpr size_t kWhole = 200;          // instructions of a function that is listed whole
constexpr emu::Position kBefore = 6, kBehind = 6, kSteps = 40;  // instructions of a window
constexpr size_t kDrawnWindows = 25;                            // whose every instruction has a drawing

// Flags of a word.
constexpr unsigned kStale = 1, kLive = 2, kSaysLittle = 4;

bool of_user(const Event& e) { return e.origin == model::Origin::user; }

// Whose frame's age decides: a frame's own, of what its callee writes there that one's.
size_t writer_of(const model::Roles& roles, size_t frame, const model::Slot& slot) {
  return frame > 0 && roles.frames[frame].callee_writes(slot) ? frame - 1 : frame;
}

std::string_view cut(std::string_view s, size_t most) {
  if (s.size() <= most) return s;
  while (most > 0 && (static_cast<uint8_t>(s[most]) & 0xc0) == 0x80) --most;
  return s.substr(0, most);
}

std::string called(const model::Defer& d) {
  if (d.function.wraps) return std::string(d.function.wraps.text());
  if (d.function.symbol) return model::readable(d.function.symbol.text());
  return d.function.funcval ? "a function" : "nil";
}

std::string title_of(const Event& e) {
  const model::Defer* d = e.defer();
  const model::Panic* p = e.panic();
  switch (e.kind()) {
    case EventKind::defer_push: return "defer " + called(*d);
    case EventKind::jmpdefer: return "jmpdefer → " + called(*d);
    case EventKind::defer_start: return fmt::format("run {}, by {}", called(*d), to_string(d->run_by));
    case EventKind::defer_end: return called(*d) + " returns";
    case EventKind::defer_left:
      return fmt::format("{} never {}", called(*d), e.as<model::DeferLeft>().started ? "returns" : "runs");
    case EventKind::deferreturn_enter: return "deferreturn";
    case EventKind::deferreturn_leave: return "deferreturn: none left";
    case EventKind::panic_start: return "panic " + p->value;
    case EventKind::panic_recovered: return "recover " + p->value;
    case EventKind::panic_aborted: return fmt::format("panic {} aborted", p->value);
    case EventKind::recover_refused: return "recover returns nil";
    case EventKind::recovery_jump: return "recovery: frames are cut";
    case EventKind::panic_fatal: return fmt::format("panic {} ends the program", p->value);
    case EventKind::goexit: return "Goexit";
    case EventKind::goroutine_start:
      return fmt::format("go {}", model::readable(e.as<model::GoroutineStart>().function.text()));
    case EventKind::output: return e.as<model::Output>().descriptor == 2 ? "writes to standard error" : "prints";
    case EventKind::exit: return fmt::format("exit {}", e.as<model::Exit>().status);
    case EventKind::refused:
      return "refused: " + emu::describe(e.as<model::Refusal>().what, std::string(e.as<model::Refusal>().name));
    case EventKind::transfer: return to_string(e.as<model::Transfer>().what);
    case EventKind::walk_start: return fmt::format("{} walks the frames", to_string(e.as<model::WalkStart>().walk.by));
    case EventKind::walk_frame: return e.as<model::WalkFrame>().found ? "next frame" : "no other frame";
    case EventKind::walk_defer: return "next defer";
    case EventKind::record_take: return fmt::format("record taken: {}", to_string(e.as<model::RecordTake>().pool));
    case EventKind::record_give: return fmt::format("record given back: {}", to_string(e.as<model::RecordGive>().pool));
    default: return to_string(e.kind());
  }
}

// How links name its subject: "defer-3", "defer-L3", "panic-1".
std::string subject_of(const Event& e) {
  const char* library = of_user(e) ? "" : "L";
  if (const model::Defer* d = e.defer(); d && d->number) return fmt::format("defer-{}{}", library, uint64_t{d->number});
  if (const model::Panic* p = e.panic(); p && p->number) return fmt::format("panic-{}{}", library, uint64_t{p->number});
  return "";
}

}  // namespace

size_t Moments::bytes() const {
  size_t n = bytes_;
  for (const Table* t :
       {&texts_, &rows_, &frames_, &boxes_, &arrows_, &drawings_, &stacks_, &entries_, &chains_, &whys_})
    n += t->bytes();
  return n;
}

void Moments::see(const Event& e) {
  fates_.see(e);
  if (e.kind() == EventKind::stack_move) {
    const auto& to = e.as<model::StackMove>().after;
    log_.moved(to.lo, to.hi);
  }
  if (session_)
    take(e);
  else
    early_.push_back(e);
}

void Moments::begin(Session& s) {
  if (!s.program()) throw session::Error("this program is no Go program that the model reads");
  names_ = std::make_unique<traces::ProgramNames>(*s.program());
  event_text_ = std::make_unique<traces::EventText>(*names_, traces::Scope::all);
  session_ = &s;
  const emu::Position here = s.time().position();
  s.time().machine().engine().set_observer(nullptr);
  for (const Event& e : early_) {
    s.time().seek(e.position);
    take(e);
  }
  s.time().seek(here);
  s.time().machine().engine().set_observer(&log_, true);
  in_order_ = true;
  early_.clear();
}

void Moments::run() {
  constexpr emu::Position kStretch = 1'000'000;
  Session& s = *session_;
  s.time().machine().set_hooks({});  // those that led to main.main
  emu::Stop stop;
  do {
    stop = s.time().run(s.time().position() + kStretch);
  } while (stop.kind == emu::Stop::Reached && !full());
  cut_ = stop.kind == emu::Stop::Reached;
  if (stop.kind == emu::Stop::Deadlock) ending_ = "The run ends here: all threads wait and nothing can wake them.";
  if (stop.kind == emu::Stop::Limit) ending_ = "The run ends here: --max-instructions is reached.";
  in_order_ = false;
  for (Window& w : windows_) walk(w);
  s.time().machine().engine().set_observer(nullptr);
}

// --- an event ---

void Moments::take(const Event& e) {
  if (full()) {
    ++left_out_;
    event_text_->pass_over(e);
    return;
  }
  const bool room = bytes() < options_.drawn;
  uint64_t offset = 0;
  Row row;
  row.number(static_cast<uint64_t>(e.kind())).number(static_cast<uint64_t>(e.origin)).number(e.goid);
  row.number(e.position).number(text(cut(title_of(e), kLineBytes))).number(text(subject_of(e))).piece(lines_of(e));
  row.number(function(e.pc, &offset)).number(offset);
  undrawn_ += !room;
  row.number(stack()).number(chain(e)).number(why());
  stale_.clear();
  const auto mark = [this](model::Roles& r) { mark_stale(r); };
  row.piece(room ? std::to_string(drawing(mark)) : "-1").piece(registers(registers_));
  if (of_user(e)) want_window(e);
  events_.push_back(row.json());
  bytes_ += events_.back().size() + 2;
  if (e.kind() == EventKind::output) output(e);
}

// Its text without positions and columns. What it says of its own defer repeats: the number is left to the page.
std::string Moments::lines_of(const Event& e) {
  std::string all;
  event_text_->append(all, e);
  const model::Defer* d = e.defer();
  const std::string number = d && d->number ? fmt::format("#{}{} ", of_user(e) ? "" : "L", uint64_t{d->number}) : "";
  Row out;
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find('\n', at), all.size());
    std::string_view line = std::string_view(all).substr(at, end - at);
    at = end + 1;
    if (line.starts_with("goroutine ") && line.ends_with(':')) continue;
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.starts_with('@')) {
      line.remove_prefix(std::min(line.find(' '), line.size()));
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    }
    std::string text;
    bool gap = false;
    for (const char c : cut(line, kLineBytes)) {
      if (c == ' ' && !text.empty() && text.back() == ' ')
        gap = true;
      else if (gap)
        text += ' ', text += c, gap = false;
      else
        text += c;
    }
    if (const size_t own = number.empty() ? std::string::npos : text.find(number); own != std::string::npos)
      text.replace(own, number.size(), "#% ");
    if (!text.empty()) out.number(this->text(text));
  }
  return out.json();
}

void Moments::output(const Event& e) {
  const auto& o = e.as<model::Output>();
  const std::string_view text = o.text;
  const std::string bytes(o.bytes.begin(), o.bytes.end());
  const std::string_view all = text.empty() ? std::string_view(bytes) : text;
  const std::string_view shown = cut(all, kOutputBytes);
  Row row;
  row.number(events_.size() - 1).number(o.descriptor).text(loader::printable_lines(shown));
  row.number(all.size() - shown.size());
  outputs_.push_back(row.json());
  bytes_ += outputs_.back().size() + 2;
}

// --- what stands around a moment ---

// Nothing in it acts on a reader's screen.
size_t Moments::text(std::string_view s) { return texts_.add_text(loader::printable(s)); }

size_t Moments::why() {
  Row row;
  for (const std::string& line : session_->explain()) row.number(text(cut(line, kLineBytes)));
  return whys_.add(row.json());
}

// Registers that differ from the last ones, and how: reg, value, …; values as texts without "0x".
std::string Moments::registers(std::vector<uint64_t>& last) const {
  const isa::CpuState& cpu = session_->reader().cpu();
  const bool amd64 = session_->reader().amd64();
  const size_t n = amd64 ? 16 : 31;
  std::vector<uint64_t> now(cpu.r.begin(), cpu.r.begin() + static_cast<ptrdiff_t>(n));
  if (!amd64) now.push_back(cpu.r[isa::kSp]);
  Row row;
  for (size_t i = 0; i < now.size(); ++i)
    if (last.empty() || last[i] != now[i]) row.number(i).piece(fmt::format("\"{:x}\"", now[i]));
  last = std::move(now);
  return row.json();
}

void Moments::words(const std::vector<DrawnWord>& all, Row& out) {
  Runs rows;
  for (const DrawnWord& w : all) {
    Row row;
    const unsigned flags = (w.stale ? kStale : 0) | (w.live ? kLive : 0) | (traces::says_little(w) ? kSaysLittle : 0);
    row.signed_number(w.offset).number(w.size).number(static_cast<uint64_t>(w.role));
    row.number(text(w.object.empty() ? traces::words_for(w) : w.object + "." + w.name)).number(text(w.type));
    row.text(w.stale ? "stale" : loader::printable(cut(w.value, kLineBytes))).number(flags);
    for (const std::string& m : w.marks) row.text(m);
    rows.add(rows_.add(row.json()));
  }
  out.piece(rows.json());
}

// Of an event, and kept for its window. Of those before begin() nothing is known: time is not gone through in order.
void Moments::mark_stale(model::Roles& roles) {
  if (!in_order_) return;
  log_.mark(roles);
  stale_.clear();
  for (size_t i = 0; i < roles.frames.size(); ++i) {
    const model::FrameRoles& f = roles.frames[i];
    stale_.push_back({f.frame.function, f.frame.caller_sp, {}});
    for (const model::Slot& slot : f.slots)
      if (slot.stale) stale_[writer_of(roles, i, slot)].words.emplace_back(slot.address, slot.size);
  }
}

// "null" if none can be drawn here.
size_t Moments::drawing(const std::function<void(model::Roles&)>& mark) {
  traces::Drawing d;
  const size_t none = drawings_.add("null");
  try {
    d = session::draw_here(*session_, {.frames = 0, .relative = true, .stale = false, .mark = mark});
  } catch (const session::Interrupted&) {
    throw;
  } catch (const std::runtime_error&) {  // no Go code, or a guest that lies about its tables
    return none;
  }
  const size_t more = d.boxes.size() - std::min(d.boxes.size(), kBoxes);
  d.boxes.resize(d.boxes.size() - more);
  Row frames, boxes, registers, arrows;  // arrows: from, to, …
  std::map<std::string, size_t> numbers;
  for (const auto& f : d.frames)
    for (const DrawnWord& w : f.words) numbers.emplace(w.id, numbers.size());
  for (const auto& b : d.boxes)
    for (const DrawnWord& w : b.fields) numbers.emplace(w.id, numbers.size());
  const auto point = [&](const DrawnWord& w) {
    if (const auto to = numbers.find(w.target); to != numbers.end()) arrows.number(numbers[w.id]).number(to->second);
  };
  for (const auto& f : d.frames) {
    Row row;
    row.number(text(traces::heading_of(f))).number(text(f.place)).number(f.size).number(f.whole).number(f.system);
    words(f.words, row);
    frames.number(frames_.add(row.json()));
    for (const DrawnWord& w : f.words) point(w);
  }
  for (const auto& b : d.boxes) {
    Row row;
    row.number(text(b.title)).number(text(b.state));
    words(b.fields, row);
    boxes.number(boxes_.add(row.json()));
    for (const DrawnWord& w : b.fields) point(w);
  }
  for (const auto& r : d.registers)
    registers.number(text(
        fmt::format("{} = {}   {}{}{}", r.reg, cut(r.value, kLineBytes), r.name, r.of.empty() ? "" : " of ", r.of)));
  if (more) registers.number(text(fmt::format("… and {} more records and closures", more)));
  Row row;
  row.piece(frames.json()).piece(boxes.json()).piece(registers.json()).number(arrows_.add(arrows.json()));
  return drawings_.add(row.json());
}

// A function and an offset in it for each frame: the instruction that executes next, and CALLs.
size_t Moments::stack() {
  const session::Reader& reader = session_->reader();
  Row row;
  for (const session::Frame& f : reader.frames(kFrames)) {
    uint64_t at = f.pc, offset = 0;
    if (f.lookup != f.pc)
      if (const uint64_t site = reader.program()->call_site(f.pc)) at = site;
    row.number(function(at, &offset)).number(offset);
  }
  return stacks_.add(row.json());
}

size_t Moments::chain(const Event& e) {
  const session::Reader& reader = session_->reader();
  const model::Guest& guest = *reader.guest();
  const model::Tracker& tracker = *session_->tracker();
  const auto g = guest.goroutine(guest.current_g());
  if (!g) return chains_.add("null");
  model::ReadBudget budget;
  budget.records = kEntries + 1;
  const model::Chain c = tracker.chain(guest, *g, guest.unwind(*g, 200), budget);
  const auto name = [&](const model::Function* f) { return text(f ? model::readable(f->name()) : "?"); };
  const auto label = [&](uint64_t number, const model::Function* owner) {
    const bool user = owner ? owner->origin == model::Origin::user : of_user(e);
    return text(number ? fmt::format("{}{}", user ? "#" : "#L", number) : "");
  };
  Row running, pending, panics, notes;
  for (const model::Running& r : tracker.running(g->id)) {
    const model::Function* f = r.target ? r.target : reader.function(r.entry);
    running.number(entries_.add(
        Row().number(label(r.number, r.owner.function)).number(name(f)).number(text(to_string(r.by))).json()));
  }
  for (size_t i = 0; i < std::min(c.entries.size(), kEntries); ++i) {
    const model::ChainEntry& x = c.entries[i];
    Row row;
    row.number(label(x.number, x.owner));
    row.number(name(x.deferred.target ? x.deferred.target : x.deferred.function));
    row.number(text(to_string(x.storage))).number(name(x.owner));
    row.number(text(x.stale ? "stale" : x.unlinked ? "called next" : x.incomplete ? "half filled" : ""));
    pending.number(entries_.add(row.json()));
  }
  for (const model::PanicEntry& p : c.panics) {
    const char* how = p.recovered ? "recovered" : p.aborted ? "aborted" : p.goexit ? "Goexit" : "";
    panics.piece(Row().number(text(cut(p.value, kLineBytes))).number(text(how)).json());
  }
  if (c.entries.size() > kEntries) notes.number(text(fmt::format("more than {} are pending", kEntries)));
  return chains_.add(Row().piece(running.json()).piece(pending.json()).piece(panics.json()).piece(notes.json()).json());
}

size_t Moments::function(uint64_t pc, uint64_t* offset) {
  const model::Function* f = session_->reader().function(pc);
  const auto [at, fresh] = function_numbers_.try_emplace(f, functions_.size());
  if (fresh) functions_.push_back({f, {}});
  *offset = f ? pc - f->f.entry : 0;
  if (f) functions_[at->second].used.insert(*offset);
  return at->second;
}

// --- windows ---

void Moments::want_window(const Event& e) {
  if (windows_.size() >= options_.windows) {
    ++windows_left_out_;
    return;
  }
  emu::Position from = e.position - std::min(e.position, kBefore);
  bool draws = e.kind() == EventKind::recovery_jump;
  if (e.kind() == EventKind::jmpdefer)
    if (const auto& steps = e.as<model::Jmpdefer>().steps; !steps.empty()) {
      from = steps.front().position;
      draws = true;
    }
  if (!e.shown.none() && e.position - e.shown.position < kBefore)
    from = std::min<emu::Position>(from, e.shown.position);
  draws = draws || windows_.size() < kDrawnWindows;
  windows_.push_back({events_.size(), from, e.position, draws, std::move(stale_), {}});
}

// The instructions of whoever executes at the event.
void Moments::walk(Window& w) {
  Session& s = *session_;
  s.time().seek(w.at);
  const session::Who who = s.reader().who();
  s.time().seek(w.from);
  std::vector<uint64_t> last;
  uint32_t at_event = UINT32_MAX;  // the log's number there
  const auto mark = [&](model::Roles& roles) {
    const auto known = [&](const model::Frame& f) {
      return std::find_if(w.stale.begin(), w.stale.end(),
                          [&](const StaleFrame& x) { return x.function == f.function && x.caller_sp == f.caller_sp; });
    };
    for (size_t i = 0; i < roles.frames.size(); ++i)
      for (model::Slot& slot : roles.frames[i].slots) {
        const auto frame = known(roles.frames[writer_of(roles, i, slot)].frame);
        if (frame == w.stale.end()) continue;
        slot.stale =
            std::any_of(frame->words.begin(), frame->words.end(),
                        [&](auto& x) { return slot.address >= x.first && slot.end() <= x.first + x.second; }) &&
            !log_.written_since(at_event, slot.address, slot.size);
      }
  };
  while (s.time().position() <= w.at + kBehind && w.steps.size() < kSteps && !s.time().state().exited) {
    if (bytes() > options_.bytes) break;
    if (s.time().position() == w.at) at_event = log_.now();
    if (s.reader().who().same(who)) {
      uint64_t offset = 0;
      Row row;
      row.number(s.time().position()).number(function(s.reader().pc(), &offset)).number(offset).number(why());
      const bool room = w.draws && bytes() < options_.bytes / 20 * 19;
      row.piece(room ? std::to_string(drawing(mark)) : "-1").piece(registers(last));
      w.steps.push_back(row.json());
      bytes_ += w.steps.back().size() + 2;
    }
    if (s.time().run(s.time().position() + 1).kind != emu::Stop::Reached) break;
  }
}

// --- the data ---

namespace {

struct Line {
  uint64_t offset;
  std::string json;
};

// Those within kAround of one that is used; all of a short function.
std::vector<const Line*> chosen(const std::vector<Line>& all, const std::set<uint64_t>& used) {
  std::vector<const Line*> out;
  size_t until = 0;  // index behind the last one chosen
  const auto add = [&](size_t from, size_t to) {
    for (size_t i = std::max(from, until); i < std::min(to, all.size()); ++i) out.push_back(&all[i]);
    until = std::max(until, std::min(to, all.size()));
  };
  if (all.size() <= kWhole) {
    add(0, all.size());
    return out;
  }
  for (const uint64_t offset : used) {
    const auto at =
        std::lower_bound(all.begin(), all.end(), offset, [](const Line& l, uint64_t o) { return l.offset < o; });
    const auto i = static_cast<size_t>(at - all.begin());
    add(i - std::min(i, kAround), i + kAround + 1);
  }
  return out;
}

std::string base_name(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

}  // namespace

void Moments::append_functions(std::string& out) const {
  const session::Reader& reader = session_->reader();
  std::map<std::string_view, size_t> files;
  std::map<std::string_view, std::optional<std::vector<std::string>>> texts;
  std::map<size_t, std::map<int32_t, std::string>> sources;
  const auto source = [&](std::string_view file, size_t number, int32_t line) {
    if (!options_.source || line <= 0) return;
    const auto [at, fresh] = texts.try_emplace(file);
    if (fresh) at->second = options_.source(std::string(file));
    if (at->second && static_cast<size_t>(line) <= at->second->size())
      sources[number].emplace(line, shown_line((*at->second)[static_cast<size_t>(line) - 1]));
  };
  out += "\"functions\":[";
  for (const Listed& l : functions_) {
    Row row;
    row.text(l.function ? loader::printable(model::readable(l.function->name())) : "?");
    row.number(l.function ? static_cast<uint64_t>(l.function->origin) : 0);
    std::vector<Line> lines;
    if (l.function) {
      for (uint64_t pc = l.function->f.entry; pc < l.function->f.end;) {
        unsigned size = 1;
        Row line;
        line.number(pc - l.function->f.entry).text(reader.instruction_text(pc, &size));
        const model::Location& at = reader.program()->location(pc);
        const size_t file = files.try_emplace(at.file, files.size()).first->second;
        line.number(file).signed_number(at.line);
        lines.push_back({pc - l.function->f.entry, line.json()});
        pc += size;
      }
    }
    std::string listed = "[";
    for (const Line* line : chosen(lines, l.used)) {
      if (listed.size() > 1) listed += ',';
      listed += line->json;
      const model::Location& at = reader.program()->location(l.function->f.entry + line->offset);
      source(at.file, files[at.file], at.line);
    }
    row.piece(listed + "]");
    out += (out.back() == '[' ? "\n" : ",\n") + row.json();
  }
  out += "],\n\"files\":[";
  std::vector<std::string_view> by_number(files.size());
  for (const auto& [file, number] : files) by_number[number] = file;
  Row names;
  for (const std::string_view file : by_number) names.text(loader::printable(base_name(file)));
  out.pop_back();
  out += names.json() + ",\n\"source\":{";
  bool first = true;
  std::string pieces;
  for (const auto& [file, lines] : sources) {
    pieces += fmt::format("{}\"{}\":{{", first ? "" : ",", file);
    first = false;
    bool first_line = true;
    for (const auto& [line, text] : lines) {
      pieces += fmt::format("{}\"{}\":", first_line ? "" : ",", line);
      traces::append_json_string(pieces, text);
      first_line = false;
    }
    pieces += '}';
  }
  out += pieces + "},\n";
}

void Moments::append_notes(std::string& out) const {
  Row notes;
  if (!ending_.empty()) notes.text(ending_);
  if (cut_ || left_out_)
    notes.text(fmt::format("The page ends with event {}: the run goes on. --max-events takes more.", events_.size()));
  if (undrawn_)
    notes.text(fmt::format("{} later events have no drawing: the page would be larger than 5 MB.", undrawn_));
  if (windows_left_out_)
    notes.text(fmt::format("{} later events have no single instructions around them: --windows takes more.",
                           windows_left_out_));
  for (const std::string& n : session_->program()->notes()) notes.text(n);
  out += "\"notes\":" + notes.json() + "\n";
}

std::string Moments::json(const std::string& name, const std::string& command) const {
  const session::Reader& reader = session_->reader();
  const loader::GoProgram& go = session_->program()->go();
  std::string out = "{\"schema\":\"deferscope.report/1\",\n\"program\":";
  Row kinds, origins, roles, registers;
  for (size_t i = 0; i < static_cast<size_t>(EventKind::count); ++i) kinds.text(to_string(static_cast<EventKind>(i)));
  for (size_t i = 0; i < model::kWords<model::Origin>; ++i) origins.text(to_string(static_cast<model::Origin>(i)));
  for (size_t i = 0; i < static_cast<size_t>(model::Role::count); ++i)
    roles.text(to_string(static_cast<model::Role>(i)));
  for (isa::Reg r = 0; r < (reader.amd64() ? 16 : 31); ++r)
    registers.text(traces::register_name(reader.state().isa, r));
  if (!reader.amd64()) registers.text("SP");
  traces::append_json_string(out, loader::printable(name));
  out += ",\n\"release\":";
  traces::append_json_string(out, fmt::format("{} {}/{}", go.version.text, go.goos, go.goarch));
  out += ",\n\"command\":";
  traces::append_json_string(out, loader::printable(command));
  out += ",\n\"kinds\":" + kinds.json() + ",\n\"origins\":" + origins.json() + ",\n\"roles\":" + roles.json();
  out += ",\n\"registers\":" + registers.json() + ",\n";
  const auto list = [&](const char* key, const std::vector<std::string>& all) {
    out += fmt::format("\"{}\":[", key);
    for (size_t i = 0; i < all.size(); ++i) (out += i ? ",\n" : "\n") += all[i];
    out += "],\n";
  };
  const auto table = [&](const char* key, const Table& t) {
    out += fmt::format("\"{}\":", key);
    t.append(out);
    out += ",\n";
  };
  table("texts", texts_), table("rows", rows_), table("frames", frames_), table("boxes", boxes_),
      table("arrows", arrows_);
  table("drawings", drawings_), table("stacks", stacks_), table("entries", entries_), table("chains", chains_),
      table("whys", whys_);
  list("events", events_), list("output", outputs_);
  out += "\"windows\":{";
  bool first = true;
  for (const Window& w : windows_) {
    out += fmt::format("{}\"{}\":[", first ? "\n" : ",\n", w.event);
    for (size_t i = 0; i < w.steps.size(); ++i) (out += i ? ",\n" : "") += w.steps[i];
    out += ']';
    first = false;
  }
  out += "},\n";
  if (!others_.empty()) {
    const size_t room = options_.bytes - std::min(options_.bytes, bytes());
    out += "\"releases\":" +
           fates_json(fates_, fmt::format("{} {}/{}", go.version.text, go.goos, go.goarch), others_, room) + ",\n";
  }
  append_functions(out);
  append_notes(out);
  return out + "}\n";
}

}  // namespace deferscope::cli
