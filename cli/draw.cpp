// `deferscope draw --at WHERE BIN`: the stack at a moment as an article would draw it, from live state.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cli/command_line.h"
#include "cli/ending.h"
#include "cli/guest.h"
#include "cli/verbs.h"
#include "session/drawings.h"

namespace deferscope::cli {
namespace {

using traces::Drawing;

struct DrawFlags {
  GuestFlags guest;
  std::string at, to, style = "text", out, columns;
  uint64_t frames = 0, width = 100;
  bool steps = false, relative = false;
};

// One program's run, at the moment asked for.
class Run {
 public:
  explicit Run(const DrawFlags& flags) : flags_(flags) {
    const loader::Image image = load_program(flags.guest.command.at(0), flags.guest.source);
    auto m = std::make_unique<emu::Machine>(image, guest_options(flags.guest, image), flags.guest.block);
    machine_ = m.get();
    Grants grants = grants_of(flags.guest);
    if (!flags.out.empty()) grants.save.push_back(std::filesystem::path(flags.out).parent_path() / ".");
    confine_unless_told(flags.guest, grants);
    ending_.emplace(*machine_, EndingOptions{.timeout = flags.guest.timeout});
    session::Options options;
    if (flags.steps) options.event = [this](const model::Event& e) { steps_.see(e); };
    session_.emplace(std::move(m), options);
    if (session_->program())
      for (const std::string& note : session_->program()->notes()) complain("note: " + note);
  }
  ~Run() { Ending::let_go(); }
  Run(const Run&) = delete;

  std::vector<Drawing> draw() {
    session::Session& s = *session_;
    s.time().seek(position_of(flags_.at));
    s.focus().follow();
    const session::DrawnView view{flags_.frames, flags_.relative || flags_.style == "svg"};
    if (flags_.steps) return sequence(view);
    if (!flags_.to.empty()) return {draw_until(s, view, later(position_of(flags_.to)))};
    if (!flags_.columns.empty()) return {draw_until(s, view, behind_step(s))};
    return {draw_here(s, view)};
  }

  emu::Position position() const { return machine_->state().position; }

 private:
  emu::Position position_of(const std::string& where) {
    return session_->places().position_of(session_->places().where(where, model::Bare::moment));
  }

  emu::Position later(emu::Position p) const {
    if (p < position()) throw session::Error(fmt::format("--to {}: that is before --at {}", flags_.to, flags_.at));
    return p;
  }

  // Each step with what it changes.
  std::vector<Drawing> sequence(const session::DrawnView& view) {
    session::Session& s = *session_;
    const std::vector<session::DrawnStep> steps = steps_.find(s);
    if (steps.empty()) throw session::Error("no defer is registered or run from there to the end of that frame");
    std::vector<Drawing> out;
    for (const session::DrawnStep& step : steps) {
      s.time().seek(step.position);
      s.focus().follow();
      out.push_back(draw_until(s, view, behind_step(s)));
      out.back().title = fmt::format("{}. {}", out.size(), step.title);
    }
    return out;
  }

  const DrawFlags& flags_;
  session::StepsOfFrame steps_;
  emu::Machine* machine_ = nullptr;
  std::optional<Ending> ending_;
  std::optional<session::Session> session_;
};

std::string written(const std::vector<Drawing>& drawings, const DrawFlags& flags) {
  std::string out;
  if (flags.style == "svg") {
    append_drawings_svg(out, drawings);
  } else if (flags.style == "json") {
    append_drawings_json(out, drawings);
  } else {
    const traces::DrawTextOptions options{flags.width, !flags.columns.empty()};
    for (const Drawing& d : drawings) {
      if (!out.empty()) out += "\n";
      append_drawing_text(out, d, options);
    }
  }
  return out;
}

void put(const std::string& text, const std::string& path) {
  if (path.empty() || path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return;
  }
  std::FILE* f = std::fopen(path.c_str(), "wbe");
  const bool ok = f && std::fwrite(text.data(), 1, text.size(), f) == text.size();
  const bool closed = f && std::fclose(f) == 0;
  if (!ok || !closed) throw emu::Error(fmt::format("{}: {}", path, std::strerror(errno)));
}

int draw(const DrawFlags& flags) {
  if (flags.style == "png")
    throw emu::Error(
        "--style png: write svg and turn it into one: rsvg-convert -o FILE.png FILE.svg (package librsvg2-bin)");
  Run run(flags);
  try {
    put(written(run.draw(), flags), flags.out);
  } catch (const session::Interrupted&) {
    if (const int status = Ending::die()) return status;
    throw emu::Error(Ending::timeout_line(run.position()));
  }
  return 0;
}

}  // namespace

void add_draw(CLI::App& app, Action& action) {
  Verb verb(app, action, "draw", "Draw the stack at a moment: every word with its role and name, as text, SVG or JSON");
  auto flags = std::make_shared<DrawFlags>();
  verb.option("--at", flags->at, "The moment, as snap --at takes it (goes before BIN)").unit("WHERE").required();
  verb.option("--to", flags->to, "Show what has changed at that later moment: old → new").unit("WHERE");
  verb.option("--columns", flags->columns,
              "Both moments side by side; without --to the second is behind the step at hand")
      .one_of({"before,after"});
  verb.flag("--steps", flags->steps,
            "A sequence: each defer registered and run, each rewriting of SP and return address, to the frame's end");
  verb.option("--style", flags->style, "text, svg, json").one_of({"text", "svg", "json", "png"});
  verb.option("-o", flags->out, "Write to FILE").unit("FILE");
  verb.option("--frames", flags->frames, "How many frames, from the innermost on (else up to the user's)").unit("N");
  verb.flag("--relative", flags->relative, "Frame and offset instead of addresses, as svg always has them");
  verb.option("--width", flags->width, "Columns of text").unit("N").show_default();
  add_guest_flags(verb, flags->guest, false);
  verb.example("deferscope draw --at 'jmpdefer#1' --columns before,after ./hello-defer");
  verb.does([flags] {
    build_source(flags->guest);
    return draw(*flags);
  });
}

}  // namespace deferscope::cli
