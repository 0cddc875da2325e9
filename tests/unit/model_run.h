// Running a guest with a tracker and keeping what it found, for tests of the runtime model and of traces.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "emu/machine.h"
#include "runtime_model/tracker.h"
#include "tests/unit/loader_guests.h"

namespace deferscope::test {

struct ModelRun {
  std::vector<model::Event> events;
  std::string out;  // of the guest, stdout and stderr as they came
  int status = -1;
  uint64_t instructions = 0, digest = 0;
};

inline emu::GuestOptions guest_options(const std::string& path, const std::vector<std::string>& args) {
  emu::GuestOptions o;
  o.argv = {path};
  o.argv.insert(o.argv.end(), args.begin(), args.end());
  o.exe_path = path;
  return o;
}

// With `watch` false nobody looks. `each` sees the events as they come.
inline ModelRun run_model(
    const model::Program& program, const std::vector<std::string>& args, bool watch = true,
    const std::function<void(const emu::Machine&, const model::Tracker&, const model::Event&)>& each = {}) {
  ModelRun r;
  emu::Machine m(program.image(), guest_options(program.image().path(), args));
  static std::string* sink;  // the machine takes a plain function
  sink = &r.out;
  m.recording().set_sink([](int, const uint8_t* p, size_t n) { sink->append(reinterpret_cast<const char*>(p), n); });
  std::unique_ptr<model::Tracker> t;
  model::TrackerOptions o;
  o.sink = [&](const model::Event& e) {
    r.events.push_back(e);
    if (each) each(m, *t, e);
  };
  if (watch) t = std::make_unique<model::Tracker>(program, m, o);
  m.run_to(emu::kNever);
  r.status = m.state().exit_status;
  r.instructions = m.state().position;
  r.digest = m.state().digest();
  return r;
}

// Guests whose file name starts with `prefix` and contains `part`.
inline std::vector<std::string> guests_named(const std::string& prefix, const std::string& part = {}) {
  std::vector<std::string> out;
  for (const std::string& f : guest_files()) {
    const std::string name = std::filesystem::path(f).filename();
    if (name.rfind(prefix, 0) == 0 && name.find(part) != std::string::npos && name.find("linux") != std::string::npos)
      out.push_back(f);
  }
  return out;
}

}  // namespace deferscope::test
