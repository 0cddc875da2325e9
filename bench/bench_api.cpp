// Measures of the machine's C++ interface, one a call: bench_api MEASURE BIN [ARGS…]. Prints one JSON object on stdout;
// bench/run.py repeats, interleaves with the peers and makes the table.
//
//   plain     run to the end
//   pc        the same, every pc shown to a callback
//   segments  the same, a straight run of instructions a call
//   memory    the same, every pc and every access shown
//   hooks     the same, the defer functions hooked by a companion
//   record    the same, snapshots kept
//   steps     Machine::step, one instruction a call
//   seek      with --lengths: seeks and reverse steps within the first N instructions
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "emu/machine.h"

using namespace deferscope;
using Json = nlohmann::ordered_json;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

uint64_t peak_kib() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return static_cast<uint64_t>(u.ru_maxrss);
}

// The least that a callback can do: it counts, and mixes what it is given so that nothing can be left out.
class Counter : public emu::Observer {
 public:
  void instruction(uint64_t pc) override {
    ++shown;
    mixed += pc;
  }
  void access(uint64_t address, unsigned bytes, bool write) override {
    ++accesses;
    mixed += address ^ bytes ^ static_cast<uint64_t>(write);
  }
  uint64_t shown = 0, accesses = 0, mixed = 0;
};

// The same, taking a segment a call.
class SegmentCounter final : public Counter {
 public:
  void instructions(uint64_t base, const uint16_t* offsets, unsigned n) override {
    shown += n;
    for (unsigned i = 0; i < n; ++i) mixed += base + offsets[i];
  }
};

class HookCounter final : public emu::Machine::Companion {
 public:
  std::shared_ptr<const void> save() const override { return std::make_shared<uint64_t>(count); }
  void restore(const std::shared_ptr<const void>& saved) override {
    count = *static_cast<const uint64_t*>(saved.get());
  }
  void reached(uint64_t) override { ++count; }
  uint64_t count = 0;
};

// Functions of the runtime that a defer, a panic or a recover goes through; those that a version lacks are left out.
constexpr const char* kDeferFunctions[] = {"runtime.deferproc",   "runtime.deferprocStack", "runtime.deferprocat",
                                           "runtime.deferreturn", "runtime.gopanic",        "runtime.gorecover",
                                           "runtime.recovery",    "runtime.Goexit"};

struct Flags {
  std::string measure;
  std::vector<std::string> command;
  std::vector<uint64_t> lengths = {1'000'000, 10'000'000, 100'000'000};
  unsigned samples = 100;
  uint64_t steps = 2'000'000;
  uint64_t budget_mib = 256;
  std::string allow_read, cwd;
};

std::unique_ptr<emu::Machine> boot(const loader::Image& image, const Flags& f) {
  emu::GuestOptions o;
  o.argv = f.command;
  o.exe_path = f.command[0];
  if (!f.allow_read.empty()) o.allow_read = {f.allow_read};
  o.cwd = f.cwd;
  auto m = std::make_unique<emu::Machine>(image, o);
  if (!std::getenv("DEFERSCOPE_ENGINE")) m->engine().use_host_code("auto");  // as the program itself does
  return m;
}

void run_to_end(emu::Machine& m) {
  if (m.run_to(emu::kNever).kind != emu::Stop::Exited) throw emu::Error("the guest did not end");
}

Json rate(const emu::Machine& m, double seconds) {
  Json j;
  j["instructions"] = m.state().position;
  j["seconds"] = seconds;
  return j;
}

Json run_observed(emu::Machine& m, Counter& counter, bool memory) {
  m.engine().set_observer(&counter, memory);
  const auto start = Clock::now();
  run_to_end(m);
  Json j = rate(m, seconds_since(start));
  m.engine().set_observer(nullptr);
  j["shown"] = counter.shown;
  j["accesses"] = counter.accesses;
  j["mixed"] = counter.mixed;
  return j;
}

Json run_hooked(emu::Machine& m) {
  HookCounter hooks;
  std::unordered_set<uint64_t> at;
  for (const char* name : kDeferFunctions)
    if (const auto s = m.image().find_symbol(name)) at.insert(s->address);
  m.set_companion(&hooks, at);
  const auto start = Clock::now();
  run_to_end(m);
  Json j = rate(m, seconds_since(start));
  j["events"] = hooks.count;
  m.set_companion(nullptr, {});
  return j;
}

Json run_recorded(emu::Machine& m, const Flags& f) {
  m.set_recording(true, f.budget_mib << 20);
  const auto start = Clock::now();
  run_to_end(m);
  Json j = rate(m, seconds_since(start));
  j["snapshots"] = m.snapshots();
  j["frame_bytes"] = emu::live_frame_bytes() - m.state().memory.resident_bytes();
  return j;
}

Json run_steps(emu::Machine& m, const Flags& f) {
  m.run_to(100'000);  // past the boot
  const uint64_t from = m.state().position;
  const auto start = Clock::now();
  for (uint64_t i = 0; i < f.steps && !m.state().exited; ++i) m.step();
  Json j;
  j["seconds"] = seconds_since(start);
  j["steps"] = m.state().position - from;
  return j;
}

Json percentiles(std::vector<double>& ms) {
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double p) {
    return ms.empty() ? 0.0 : ms[static_cast<size_t>(p * static_cast<double>(ms.size() - 1))];
  };
  return {{"p50_ms", at(0.5)}, {"p95_ms", at(0.95)}, {"max_ms", at(1)}};
}

// Seeks to uniformly random positions; at every fourth, five reverse steps.
Json seek_within(emu::Machine& m, uint64_t length, unsigned samples, std::mt19937_64& random) {
  std::vector<double> seeks, steps;
  for (unsigned i = 0; i < samples; ++i) {
    const uint64_t p = 10 + random() % (length - 10);
    auto start = Clock::now();
    m.seek(p);
    seeks.push_back(seconds_since(start) * 1e3);
    for (uint64_t k = 1; i % 4 == 0 && k <= 5; ++k) {
      start = Clock::now();
      m.seek(p - k);
      steps.push_back(seconds_since(start) * 1e3);
    }
  }
  return {{"length", length},
          {"snapshots", m.snapshots()},
          {"seek", percentiles(seeks)},
          {"reverse_step", percentiles(steps)}};
}

Json run_seeks(emu::Machine& m, const Flags& f) {
  m.set_recording(true, f.budget_mib << 20);
  std::mt19937_64 random(1);
  Json rows = Json::array();
  for (const uint64_t length : f.lengths) {
    m.run_to(length);
    if (m.state().position < length) break;  // the guest is shorter
    rows.push_back(seek_within(m, length, f.samples, random));
    m.seek(length);
  }
  Json j;
  j["rows"] = rows;
  return j;
}

Json measure(const Flags& f) {
  const auto start = Clock::now();
  const loader::Image image = loader::Image::load(f.command.at(0));
  const auto m = boot(image, f);
  const double booted = seconds_since(start);
  Json j;
  if (f.measure == "plain") {
    const auto run = Clock::now();
    run_to_end(*m);
    j = rate(*m, seconds_since(run));
  } else if (f.measure == "pc" || f.measure == "memory") {
    Counter counter;
    j = run_observed(*m, counter, f.measure == "memory");
  } else if (f.measure == "segments") {
    SegmentCounter counter;
    j = run_observed(*m, counter, false);
  } else if (f.measure == "hooks") {
    j = run_hooked(*m);
  } else if (f.measure == "record") {
    j = run_recorded(*m, f);
  } else if (f.measure == "steps") {
    j = run_steps(*m, f);
  } else if (f.measure == "seek") {
    j = run_seeks(*m, f);
  } else {
    throw emu::Error("no such measure: " + f.measure);
  }
  j["boot_seconds"] = booted;
  j["peak_kib"] = peak_kib();
  return j;
}

std::vector<uint64_t> numbers(const std::string& text) {
  std::vector<uint64_t> out;
  for (size_t i = 0; i < text.size();) {
    size_t used = 0;
    out.push_back(std::stoull(text.substr(i), &used));
    i += used + 1;
  }
  return out;
}

// [--flag=value…] MEASURE BIN [ARGS…]
Flags parse(int argc, char** argv) {
  Flags f;
  int i = 1;
  for (; i < argc && argv[i][0] == '-'; ++i) {
    const std::string a = argv[i];
    const size_t eq = a.find('=');
    const std::string key = a.substr(0, eq), value = eq == std::string::npos ? "" : a.substr(eq + 1);
    if (key == "--lengths")
      f.lengths = numbers(value);
    else if (key == "--samples")
      f.samples = static_cast<unsigned>(std::stoul(value));
    else if (key == "--steps")
      f.steps = std::stoull(value);
    else if (key == "--budget")
      f.budget_mib = std::stoull(value);
    else if (key == "--allow-read")
      f.allow_read = value;
    else if (key == "--cwd")
      f.cwd = value;
    else
      throw emu::Error("no such flag: " + a);
  }
  if (argc - i < 2)
    throw emu::Error("usage: bench_api [--flag=value…] plain|pc|segments|memory|hooks|record|steps|seek BIN [ARGS…]");
  f.measure = argv[i++];
  f.command.assign(argv + i, argv + argc);
  return f;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::printf("%s\n", measure(parse(argc, argv)).dump().c_str());
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_api: %s\n", e.what());
    return 2;
  }
}
