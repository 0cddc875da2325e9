// `deferscope demo`: the main job on a Go 1.13 program that this program carries (cli/demo/README).
#include "cli/demo/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/command_line.h"
#include "cli/ending.h"
#include "cli/guest.h"
#include "cli/verbs.h"
#include "runtime_model/tracker.h"
#include "traces/event_text.h"

namespace deferscope::cli {
namespace {

void extract(const std::vector<uint8_t>& bytes, const std::string& path) {
  std::FILE* f = std::fopen(path.c_str(), "wb");
  const bool ok = f && std::fwrite(bytes.data(), 1, bytes.size(), f) == bytes.size();
  const bool closed = f && std::fclose(f) == 0;
  if (!ok || !closed) throw emu::Error(fmt::format("{}: {}", path, std::strerror(errno)));
}

int demo(const std::string& extract_to) {
  const std::vector<uint8_t> bytes = demo_program();
  if (!extract_to.empty()) {
    extract(bytes, extract_to);
    fmt::print("{}: {} bytes; make it executable (chmod +x) to run it by itself\n", extract_to, bytes.size());
    return 0;
  }
  const loader::Image image = loader::Image::parse(bytes, "demo");
  const model::Program program(image);
  emu::GuestOptions options;
  options.argv = {"demo"};
  emu::Machine m(image, options);
  m.recording().set_sink(to_host(m));
  confine({});
  const Ending ending(m, {});
  fmt::print("demo: {} {}/{}, {:.1f} MB, carried in this program   (to have it: --extract FILE)\n",
             program.go().version.text, program.go().goos, program.go().goarch,
             static_cast<double>(bytes.size()) / 1e6);
  traces::ProgramNames names(program);
  traces::EventText text(names, traces::Scope::user);
  const auto show = [&](const model::Event& e) {
    std::string s;
    text.append(s, e);
    fmt::print("{}", s);
    std::fflush(stdout);  // the guest writes to the same place
  };
  std::fflush(stdout);
  model::TrackerOptions tracking;
  tracking.sink = show;
  const model::Tracker tracker(program, m, std::move(tracking));
  const int status = run_to_end(m);
  if (const int s = Ending::die()) return s;
  std::string summary;
  text.append_summary(summary);
  fmt::print("{}Guest exit {}, {} instructions.\n", summary, status, traces::with_commas(m.state().position));
  fmt::print(
      "Next:  deferscope step                      the same program at a prompt: list, locals, print, si, rsi\n"
      "       deferscope run --events ./yours     your own binary\n"
      "       deferscope defers ./yours           where it registers defers, without running it\n");
  return status;
}

}  // namespace

void add_demo(CLI::App& app, Action& action) {
  Verb verb(app, action, "demo", "Run a Go 1.13 program that this program carries, and show its defer");
  auto to = std::make_shared<std::string>();
  verb.option("--extract", *to, "Write that program to FILE instead").unit("FILE");
  verb.does([to] { return demo(*to); });
}

}  // namespace deferscope::cli
