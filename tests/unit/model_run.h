// Running a guest with a tracker and keeping what it found, for tests of the runtime model and of traces.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "emu/machine.h"
#include "runtime_model/tracker.h"
#include "tests/unit/loader_guests.h"

namespace deferscope::test {

// One write of the guest to stdout or stderr, and what was so at that moment.
struct Written {
  std::string text;
  int fd = 1;
  uint64_t goid = 0;
  size_t events = 0;  // found before
};

struct ModelRun {
  std::vector<model::Event> events;
  std::vector<Written> writes;
  std::string out;  // of the guest, stdout and stderr as they came
  int status = -1;
  uint64_t instructions = 0, digest = 0;
};

// The user's events of one kind, of one function's frames if an owner is named.
inline std::vector<const model::Event*> of(const ModelRun& r, model::EventKind k, std::string_view owner = {}) {
  std::vector<const model::Event*> out;
  for (const model::Event& e : r.events)
    if (e.kind() == k && e.origin == model::Origin::user && (owner.empty() || e.frame.function == owner))
      out.push_back(&e);
  return out;
}

inline std::string base(const std::string& path) { return std::filesystem::path(path).filename(); }

struct Watchers {
  std::function<void(const emu::Machine&, const model::Tracker&, const model::Event&)> event;
  std::function<void(const emu::Machine&, const model::Tracker&, const Written&)> write;
};

inline emu::GuestOptions guest_options(const std::string& path, const std::vector<std::string>& args) {
  emu::GuestOptions o;
  o.argv = {path};
  o.argv.insert(o.argv.end(), args.begin(), args.end());
  o.exe_path = path;
  return o;
}

// With `watch` false nobody looks. `digest`: of the state at the end. `on` sees events and writes as they come.
inline ModelRun run_model(const model::Program& program, const std::vector<std::string>& args, bool watch = true,
                          const Watchers& on = {}, bool digest = false) {
  ModelRun r;
  emu::Machine m(program.image(), guest_options(program.image().path(), args));
  std::unique_ptr<model::Tracker> t;
  const model::Guest guest(program, m.state());
  m.recording().set_sink([&](int fd, const uint8_t* p, size_t n) {
    Written w{std::string(reinterpret_cast<const char*>(p), n), fd, 0, r.events.size()};
    r.out += w.text;
    if (!watch) return;
    w.goid = guest.goid(guest.current_g());
    if (on.write) on.write(m, *t, w);
    r.writes.push_back(std::move(w));
  });
  model::TrackerOptions o;
  o.sink = [&](const model::Event& e) {
    r.events.push_back(e);
    if (on.event) on.event(m, *t, e);
  };
  if (watch) t = std::make_unique<model::Tracker>(program, m, o);
  m.run_to(emu::kNever);
  r.status = m.state().exit_status;
  r.instructions = m.state().position;
  if (digest) r.digest = m.state().digest();  // seconds for a guest that fills its memory
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

// Further builds of the program `tricky`, which is not in the core set: what `./dev guests` made, or
// DEFERSCOPE_MORE_GUESTS names; none if there are none.
inline std::vector<std::string> tricky_guests() {
  const char* from_environment = std::getenv("DEFERSCOPE_MORE_GUESTS");
  std::vector<std::string> out = elf_files(from_environment ? from_environment : "build/guests");
  std::erase_if(out, [](const std::string& f) {
    return f.find("tricky_") == std::string::npos || f.find("linux") == std::string::npos;
  });
  return out;
}

// The core set's programs: "cases" and "casessmall" of every release, with what each lists.
inline std::vector<std::string> case_guests(const std::string& part = {}) { return guests_named("cases", part); }

inline std::vector<std::string> listed_cases(const model::Program& program) {
  std::vector<std::string> out;
  const std::string text = run_model(program, {"list"}, false).out;
  for (size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
    out.push_back(text.substr(from, to - from));
  return out;
}

// `./dev test --all`: everything; else a sample that is the same on every machine.
inline bool whole() {
  const char* all = std::getenv("DEFERSCOPE_ALL");
  return all && *all;
}
inline bool in_sample(const std::string& name, unsigned one_in) {
  uint32_t h = 2166136261;
  for (char c : name) h = (h ^ static_cast<uint8_t>(c)) * 16777619;
  return whole() || (h >> 8) % one_in == 0;
}

}  // namespace deferscope::test
