#include "session/drawings.h"

#include <fmt/format.h>

#include <algorithm>

#include "session/written.h"

namespace deferscope::session {
namespace {

constexpr size_t kDeepest = 16;    // frames that are drawn unasked
constexpr size_t kThroughC = 32;   // frames searched for the Go code that called C
constexpr size_t kMoreBelow = 64;  // frames at most at a second moment
constexpr size_t kMostFrames = 1000;
constexpr uint64_t kMostOfStep = 1000;

bool of_user(const Frame& f) { return f.function && f.function->origin == model::Origin::user; }

size_t frames_for(const std::vector<Frame>& all) {
  const auto user = static_cast<size_t>(std::find_if(all.begin(), all.end(), of_user) - all.begin());
  size_t n = user == all.size() ? std::min<size_t>(3, all.size()) : user + 1;
  if (n < all.size() && of_user(all[n])) ++n;
  // More than a return address.
  while (n < all.size() && all[n - 1].caller_sp - all[0].sp <= 16) ++n;
  return n;
}

// Where C called Go code that is drawn: all up to the user's function that called C.
size_t with_c(const Session& s, const Standing& standing, const std::vector<Frame>& all, size_t n) {
  const model::Guest& guest = *s.reader().guest();
  if (!guest.program().image().uses_cgo()) return n;
  model::Unwound u;
  u.frames = all;
  for (const model::CFrame& c : model::c_frames(guest, standing, u)) {
    if (c.before < n || c.before >= all.size()) continue;
    const auto at = [&](size_t i) { return all.begin() + static_cast<ptrdiff_t>(i); };
    if (std::any_of(at(n), at(c.before), of_user)) return n;
    const auto user = std::find_if(at(c.before), all.end(), of_user);
    return static_cast<size_t>(user - all.begin()) + (user == all.end() ? 0 : 1);
  }
  return n;
}

traces::Drawing draw_now(Session& s, size_t frames, const DrawnView& view) {
  const model::Guest* guest = s.reader().guest();
  if (!guest) throw Error("this program is no Go program that the model reads");
  if (s.time().state().exited) throw Error("the guest has ended: there is no stack to draw");
  const Standing standing = s.focus().standing();
  if (!frames) {
    const std::vector<Frame> all = s.reader().trace(standing, kDeepest).frames;
    frames = with_c(s, standing, s.reader().trace(standing, kThroughC).frames, frames_for(all));
  }
  model::Roles roles = s.roles(standing, std::min(frames, kMostFrames));
  if (roles.frames.empty() && roles.c_frames.empty())
    throw Error(fmt::format("no Go function at {:#x}: its stack cannot be drawn", standing.pc));
  if (view.mark)
    view.mark(roles);
  else if (view.stale)
    find_stale(s.time(), s.reader(), roles);
  traces::DrawOptions o;
  o.relative = view.relative;
  o.position = s.time().position();
  if (!standing.at_call) o.instruction = s.reader().instruction_text(standing.pc);
  return traces::draw(*guest, roles, o);
}

// Goes back where it stood, whatever happens.
class Back {
 public:
  explicit Back(Session& s) : s_(s), here_(s.time().position()), choice_(s.focus().choice()) {}
  ~Back() {
    s_.time().machine().set_hooks({});
    s_.time().machine().set_watches({});
    try {
      s_.time().seek(here_);
    } catch (const std::exception&) {  // an interrupt: what was thrown before says so
    }
    s_.focus().restore(choice_);
  }

 private:
  Session& s_;
  emu::Position here_;
  Focus::Choice choice_;
};

}  // namespace

model::Roles roles_around(const Session& s, const Standing& standing, uint64_t address) {
  if (!s.reader().guest() || s.time().state().exited) return {};
  const std::vector<Frame> all = s.reader().trace(standing, kDeepest).frames;
  if (all.empty() || !all[0].function) return {};
  const auto holds =
      std::find_if(all.begin(), all.end(), [&](const Frame& f) { return address >= f.sp && address < f.caller_sp; });
  return s.roles(standing, holds == all.end() ? frames_for(all) : static_cast<size_t>(holds - all.begin()) + 2);
}

traces::Drawing draw_here(Session& s, const DrawnView& view) { return draw_now(s, view.frames, view); }

traces::Drawing draw_until(Session& s, const DrawnView& view, emu::Position later) {
  traces::Drawing before = draw_now(s, view.frames, view);
  const Back back(s);
  const Who who = s.focus().who();
  s.time().seek(later);
  s.focus().choose(who);
  // From the same frame on.
  const auto outermost = std::find_if(before.frames.begin(), before.frames.end(), [](auto& f) { return f.whole; });
  const model::Unwound u = s.reader().trace(s.focus().standing(), kMoreBelow);
  const uint64_t hi = s.reader().guest()->stack_hi(who.g);
  const auto below = [&](const Frame& f) {
    return outermost == before.frames.end() || hi - f.caller_sp >= outermost->from_end;
  };
  const auto frames = static_cast<size_t>(std::count_if(u.frames.begin(), u.frames.end(), below));
  return traces::between(std::move(before), draw_now(s, std::max<size_t>(frames, 1), view));
}

emu::Position behind_step(Session& s) {
  const Back back(s);
  const Breakpoints::Instead none(s.breakpoints());
  const model::Function* f = s.reader().function(s.reader().pc());
  if (!f || f->name() != "runtime.jmpdefer") {
    s.motion().over_call();
    return s.time().position();
  }
  for (uint64_t n = 0; n < kMostOfStep && s.reader().function(s.reader().pc()) == f; ++n) s.motion().instructions(1);
  return s.time().position();
}

// --- steps ---

namespace {

// What it is called in a sequence; empty: it is no step of its own.
std::string title_of(const model::Event& e) {
  using model::EventKind;
  const model::Defer* d = e.defer();
  const std::string what =
      d ? std::string(d->function.wraps ? d->function.wraps.text() : d->function.symbol.text()) : "";
  switch (e.kind()) {
    case EventKind::defer_push: return "defers " + what;
    case EventKind::jmpdefer: return "jmpdefer runs " + what;
    case EventKind::defer_start:
      return d->run_by == model::RunBy::jmpdefer ? "" : fmt::format("{} runs {}", to_string(d->run_by), what);
    case EventKind::defer_end: return d->run_by == model::RunBy::jmpdefer ? what + " returns" : "";
    case EventKind::recovery_jump: return "recovery: frames are cut";
    case EventKind::stack_move: return "the stack moves";
    default: return "";
  }
}

}  // namespace

void StepsOfFrame::see(const model::Event& e) {
  if (e.origin != model::Origin::user || more_) return;
  std::string title = title_of(e);
  if (title.empty()) return;
  if (seen_.size() >= kMost) {
    more_ = true;
    return;
  }
  emu::Position at = e.shown.none() ? e.position : e.shown.position;
  if (e.kind() == model::EventKind::jmpdefer)  // its first instruction
    if (const auto& steps = e.as<model::Jmpdefer>().steps; !steps.empty()) at = steps.front().position;
  seen_.push_back({at, e.goid, std::move(title)});
}

std::vector<DrawnStep> StepsOfFrame::find(Session& s) const {
  const auto frames = s.focus().frames(kDeepest);
  const auto mine = std::find_if(frames.begin(), frames.end(), of_user);
  if (mine == frames.end()) throw Error("no function of the user's is on the stack here: --steps follows one's frame");
  const emu::Position here = s.time().position();
  const Who who = s.focus().who();
  FrameLife life(s.reader(), who, *mine);
  {
    const Back back(s);
    life.find(s.time(), s.reader());
    while (!life.end()) {
      const emu::Position from = s.time().position();
      s.time().machine().set_hooks(life.hooks());
      const emu::Stop stop = s.time().run(emu::kNever);
      if (life.ran(s.reader(), from) || stop.kind != emu::Stop::Hook) break;
    }
  }
  std::vector<DrawnStep> out;
  for (const Seen& e : seen_)
    if (e.goid == who.goid && e.position >= here && (!life.end() || e.position < *life.end()))
      out.push_back({e.position, e.title});
  if (more_) throw Error(fmt::format("more than {} events up to here: --steps cannot follow them", kMost));
  return out;
}

}  // namespace deferscope::session
