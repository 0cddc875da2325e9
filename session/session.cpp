// Putting the parts together; the answers that take several of them.
#include "session/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "session/drawings.h"
#include "traces/explain.h"
#include "traces/snapshot.h"

namespace deferscope::session {

// Without a Go program instructions, registers and memory can be stepped all the same.
std::unique_ptr<model::Program> Session::program_of(const emu::Machine& machine) {
  try {
    return std::make_unique<model::Program>(machine.image());
  } catch (const std::exception&) {
    return nullptr;
  }
}

namespace {

std::unique_ptr<model::Tracker> tracker_of(std::unique_ptr<model::Program>& program, emu::Machine& machine,
                                           const Options& options) {
  if (!program) return nullptr;
  try {
    model::TrackerOptions tracking;
    if (options.event) tracking.sink = [tell = options.event](model::Event& e) { tell(e); };
    return std::make_unique<model::Tracker>(*program, machine, std::move(tracking));
  } catch (const std::exception&) {
    program = nullptr;
    return nullptr;
  }
}

}  // namespace

Session::Session(std::unique_ptr<emu::Machine> machine, Options options)
    : time_(std::move(machine)),
      program_(program_of(time_.machine())),
      tracker_(tracker_of(program_, time_.machine(), options)),
      reader_(time_.machine(), program_.get()),
      focus_(reader_),
      variables_(reader_, focus_),
      expressions_(reader_, focus_),
      places_(time_, reader_, focus_, expressions_, tracker_.get()),
      breakpoints_(time_, reader_, focus_, expressions_, tracker_.get()),
      motion_(time_, reader_, focus_, breakpoints_, tracker_.get()),
      role_finder_(program_ ? std::make_unique<model::RoleFinder>(*program_) : nullptr) {
  reader_.syntax = options.syntax;
  time_.on_progress = std::move(options.progress);
  time_.on_dropped.push_back([this](emu::Position p) { breakpoints_.drop_after(p); });
  time_.machine().set_recording(true, options.snapshot_budget);  // behind the tracker: its state is part of snapshots
  std::vector<uint64_t> main;
  if (program_)
    for (const loader::Func& f : program_->go().funcs.find("main.main")) main.push_back(f.entry);
  try {
    if (!main.empty()) motion_.run_to(main);
  } catch (const Interrupted&) {  // it begins where it stands
  }
  time_.set_start();
}

Session::~Session() = default;

model::Roles Session::roles(const Standing& standing, size_t frames) const {
  return role_finder_ ? role_finder_->find(*reader_.guest(), tracker_.get(), standing, frames) : model::Roles{};
}

Trace Session::frames(unsigned limit) const {
  const model::Unwound u = focus_.trace(limit);
  Trace out;
  out.complete = u.complete;
  out.stopped = u.stopped;
  for (const Frame& f : u.frames) {
    FrameSeen seen{f, reader_.place(f.pc), reader_.line(f.lookup), {}};
    if (f.function) seen.calls = reader_.guest()->calls_of(f);
    out.frames.push_back(std::move(seen));
  }
  if (const model::Guest* guest = reader_.guest()) out.c_frames = model::c_frames(*guest, focus_.standing(), u);
  return out;
}

std::vector<std::string> Session::explain() const {
  const emu::MachineState& state = time_.state();
  if (explained_ && explained_->position == state.position && explained_->syntax == reader_.syntax)
    return explained_->words;
  const isa::CpuModel* cpu = time_.machine().options().cpu;
  const traces::Prediction e = traces::predict(state, *cpu, reader_);
  traces::Scene s;
  s.program = program_.get();
  s.names = &reader_;
  s.state = &state;
  s.cpu = cpu;
  s.who = reader_.who();
  if (reader_.guest()) s.running_g = reader_.guest()->g_of(state.thread());
  if (tracker_)
    if (const auto running = tracker_->running(s.who.goid);
        !running.empty() && running.back().by == model::RunBy::inline_exit)
      s.inline_slot = running.back().slot;
  s.frames = reader_.frames(12);
  s.text = [this](uint64_t pc) { return reader_.instruction_text(pc); };
  s.place = [this](uint64_t pc) { return reader_.place(pc); };
  s.roles = [this](uint64_t address) { return roles_around(*this, reader_.standing(reader_.who()), address); };
  explained_ = {state.position, reader_.syntax, traces::explain(e, s)};
  return explained_->words;
}

Stop Session::look(const Halt& halt) {
  focus_.follow();
  breakpoints_.settle();
  Stop out;
  out.halt = halt;
  out.position = time_.position();
  out.who = reader_.who();
  out.exited = time_.state().exited;
  out.exit_status = time_.state().exit_status;
  if (out.exited) return out;
  out.frames = frames();
  out.why = explain();
  out.chains = chains();
  const isa::CpuState& now = reader_.cpu();
  for (isa::Reg r = 0; looked_at_ && r < (reader_.amd64() ? 16 : isa::kZero); ++r)
    if (now.r[r] != looked_at_->r[r]) out.changes.push_back({r, looked_at_->r[r], now.r[r]});
  looked_at_ = now;
  return out;
}

std::string Session::snapshot(bool raw) const {
  if (!program_) throw Error("this program is no Go program that the model reads");
  std::string json;
  traces::ProgramNames names(*program_);
  traces::SnapshotOptions options;
  options.raw = raw;
  traces::append_snapshot_json(json, names, time_.state(), tracker_.get(), traces::BinaryId::of(*program_), options);
  return json;
}

Breakpoint Session::breakpoint_at(const std::string& where) {
  Breakpoint b;
  b.spec = where;
  if (where.empty()) {
    b.pcs = {focus_.standing().pc};
    b.spec = reader_.place(b.pcs[0]);
    return b;
  }
  const model::Where w = places_.where(where, model::Bare::line);
  b.pcs = w.targets;
  if (!w.is_moment()) return b;
  if (w.kind == model::Where::end) throw Error("the run stops at its end by itself");
  const emu::Position from = time_.position();
  b.moment = places_.position_of(w);
  time_.seek(*b.moment);
  b.pcs = {reader_.pc()};
  time_.seek(from);
  return b;
}

namespace {

// "seen", "seen.words[3]" → "seen": what an expression takes a part of.
std::string base_of(const std::string& expression) { return expression.substr(0, expression.find_first_of(".[ ")); }

}  // namespace

Breakpoint Session::watchpoint_on(const std::string& expression, bool read, bool write, uint64_t size) const {
  constexpr uint64_t kMost = 4096;  // bytes
  const std::string name = base_of(expression);
  if (variables_.moves_later(name))
    throw Error(
        fmt::format("{} moves to the heap in this function, but has not yet: set the watch a few lines later", name));
  Breakpoint b;
  b.kind = Breakpoint::watch;
  b.spec = expression;
  b.watched.read = read, b.watched.write = write;
  const auto [address, bytes] = expressions_.memory_place(expression);
  b.watched.address = address;
  b.watched.size = std::clamp<uint64_t>(size ? size : bytes, 1, kMost);
  if (!reader_.value(address, 1)) throw Error(fmt::format("{:#x} is not mapped", address));
  const Who who = focus_.who();
  if (!reader_.guest() || who.goid == 0) return b;
  if (reader_.guest()->on_stack(who.g, address + 1))
    b.on_stack = Breakpoint::OnStack{who.g, who.goid, reader_.guest()->stack_hi(who.g) - address};
  const auto variable = variables_.local(name);
  const bool part = variable && variable->address && address - *variable->address < variable->bytes.size();
  if (const auto frame = part ? frame_holding(name, address) : std::nullopt) b.life.emplace(reader_, who, *frame);
  return b;
}

// The frame that a variable of the chosen one lies in: its own, or the one that a closure has it from.
std::optional<Frame> Session::frame_holding(const std::string& variable, uint64_t address) const {
  const auto own = focus_.frame();
  if (!own || address < own->caller_sp || !reader_.guest()->on_stack(focus_.who().g, address + 1)) return own;
  if (!variables_.by_pointer(variable)) return own;  // an argument
  for (const Frame& f : focus_.frames(1000))
    if (f.function && f.sp >= own->sp && address < f.caller_sp) return f;
  return own;
}

Session::Set Session::set(const std::string& what, uint64_t value) {
  if (time_.state().exited) throw Error("the guest has ended: go back first");
  const Standing at = focus_.standing();
  Edit e;
  e.value = value;
  Set done{0, value};
  const bool is_variable = what[0] != '$' && (variables_.local(what) || variables_.global(what));
  const auto reg = is_variable ? std::nullopt : expressions_.register_named(what);
  if (!is_variable && (what == "pc" || what == "PC" || what == "$pc" || what == "$rip")) {
    e.is_register = e.is_pc = true;
    done.before = at.pc;
  } else if (reg) {
    e.is_register = true, e.reg = *reg;
    done.before = expressions_.register_value(*reg);
  } else {
    const auto [address, bytes] = expressions_.memory_place(what);
    if (bytes > 8) throw Error(fmt::format("{} is longer than a word: set its parts", what));
    e.address = address, e.bytes = static_cast<unsigned>(bytes);
    const auto old = reader_.value(e.address, e.bytes);
    if (!old) throw Error(fmt::format("{:#x} is not mapped", e.address));
    done.before = *old;
  }
  if (e.is_register && !at.thread) throw Error("a parked goroutine has no registers to set; set words of its stack");
  if (at.thread) e.tid = at.thread->tid;
  breakpoints_.settle_beginnings();  // what follows is not the run in which they would be found
  time_.edit(e);
  explained_.reset();
  return done;
}

void Session::after_stop(const Halt& h) {
  const Breakpoint* b = breakpoints_.find(h.breakpoint);
  if ((h.reason == Reason::breakpoint || h.reason == Reason::watchpoint) && b && b->temporary)
    breakpoints_.remove(h.breakpoint);
}

}  // namespace deferscope::session
