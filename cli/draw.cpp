// `deferscope draw --at WHERE BIN`: the stack at a moment as an article would draw it, from live state.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cli/command_line.h"
#include "cli/ending.h"
#include "cli/go_source.h"
#include "cli/guest.h"
#include "cli/verbs.h"
#include "loader/listing.h"
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

// A program to draw, before its first instruction.
struct Loaded {
  std::string release;  // "go1.13.15", if several were asked for
  std::unique_ptr<emu::Machine> machine;
  std::string error;  // why it cannot be had
};

// Everything that is read from files, before the process confines itself. What cannot be had of several is one line.
std::vector<Loaded> load(const DrawFlags& flags) {
  std::vector<Loaded> out;
  std::string argv0 = flags.guest.argv0;
  for (BuiltColumn& b : programs_at(flags.guest.command.at(0), flags.guest.source)) {
    Loaded& l = out.emplace_back();
    l.release = b.release, l.error = b.error;
    if (!l.error.empty()) continue;
    GuestFlags guest = flags.guest;
    guest.command[0] = b.built.path;
    if (loader::glance_at_listing(b.built.path).listing) take_listing_words(guest.command, guest.source);
    if (argv0.empty()) argv0 = b.built.name;  // the same for all
    guest.argv0 = argv0;
    const loader::Image image = load_program(b.built.path, guest.source);
    l.machine = make_machine(image, guest, guest_options(guest, image));
  }
  if (out.size() == 1 && !out[0].error.empty()) throw emu::Error(out[0].error);
  return out;
}

// One program's run, at the moment asked for.
class Run {
 public:
  Run(const DrawFlags& flags, std::unique_ptr<emu::Machine> m) : flags_(flags), machine_(m.get()) {
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

// What is drawn of all programs.
struct Drawn {
  std::vector<Drawing> drawings;
  std::vector<traces::NotDrawn> missing;
  bool beside = false;  // the same moment of several releases
};

std::string written(const Drawn& drawn, const DrawFlags& flags) {
  std::string out;
  if (flags.style == "svg")
    append_drawings_svg(out, drawn.drawings, drawn.beside);
  else if (flags.style == "json")
    append_drawings_json(out, drawn.drawings, drawn.missing);
  else
    append_drawings_text(out, drawn.drawings, {flags.width, !flags.columns.empty()}, drawn.beside);
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

// Of several releases each draws what it can: that one of them has no such moment is one line.
Drawn draw_all(std::vector<Loaded> loaded, const DrawFlags& flags) {
  Drawn out;
  out.beside = loaded.size() > 1;
  for (Loaded& l : loaded) {
    if (l.machine) {
      Run run(flags, std::move(l.machine));
      try {
        for (Drawing& d : run.draw()) {
          if (out.beside) d.title = d.title.empty() ? d.program : d.program + "   " + d.title;
          out.drawings.push_back(std::move(d));
        }
      } catch (const session::Interrupted&) {
        if (const int status = Ending::die()) std::exit(status);
        throw emu::Error(Ending::timeout_line(run.position()));
      } catch (const std::runtime_error& e) {
        if (!out.beside) throw;
        l.error = e.what();
      }
    }
    if (l.error.empty()) continue;
    out.missing.push_back({l.release, l.error});
    complain(fmt::format("{}: {}", l.release, l.error));
  }
  return out;
}

int draw(const DrawFlags& flags) {
  if (flags.style == "png")
    throw emu::Error(
        "--style png: write svg and turn it into one: rsvg-convert -o FILE.png FILE.svg (package librsvg2-bin)");
  std::vector<Loaded> loaded = load(flags);
  Grants grants;
  for (const Loaded& l : loaded)
    if (l.machine) grants = grants_of(flags.guest, *l.machine);
  if (!flags.out.empty()) grants.save.push_back(std::filesystem::path(flags.out).parent_path() / ".");
  confine_unless_told(flags.guest, grants);
  const Drawn drawn = draw_all(std::move(loaded), flags);
  if (drawn.drawings.empty()) return 2;
  put(written(drawn, flags), flags.out);
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
  verb.example("deferscope draw --go 1.12,1.17,1.27 --at main.f.func1 --style svg -o f.svg f.go");
  verb.does([flags] { return draw(*flags); });
}

}  // namespace deferscope::cli
