// Guests for the stepper's tests: small programs with defers, by version and instruction set.
#pragma once
#include <fmt/format.h>

#include <memory>

#include "cli/console/console.h"
#include "tests/unit/loader_guests.h"

namespace deferscope::test {

// Linux guests whose file name begins with one of the programs that these tests step; `minor` 0: any.
inline std::vector<std::string> step_guests(int oldest = 0, int newest = 99) {
  std::vector<std::string> out;
  for (const std::string& path : guest_files()) {
    const std::string name = std::filesystem::path(path).filename().string();
    const bool wanted = name.compare(0, 6, "cases_") == 0 || name.compare(0, 11, "casessmall_") == 0;
    if (!wanted || name.find("darwin") != std::string::npos) continue;
    const size_t at = name.find("_1.");
    const int minor = at == std::string::npos ? 0 : std::atoi(name.c_str() + at + 3);
    if (minor >= oldest && minor <= newest) out.push_back(path);
  }
  return out;
}

// Every third of them, which leaves both instruction sets and all ages; all with DEFERSCOPE_ALL.
inline std::vector<std::string> sampled_guests() {
  const std::vector<std::string> all = step_guests();
  if (std::getenv("DEFERSCOPE_ALL")) return all;
  std::vector<std::string> out;
  for (size_t i = 0; i < all.size(); i += 3) out.push_back(all[i]);
  return out;
}

struct Stepped {
  std::unique_ptr<cli::Console> console;
  std::string output;  // what the guest wrote

  // `args`: of the guest.
  explicit Stepped(const std::string& path, std::vector<std::string> args = {}) {
    const loader::Image image = loader::Image::load(path);
    emu::GuestOptions o;
    o.argv = {path};
    o.argv.insert(o.argv.end(), args.begin(), args.end());
    o.exe_path = path;
    auto m = std::make_unique<emu::Machine>(image, o);
    m->recording().set_sink(
        [this](int, const uint8_t* bytes, size_t n) { output.append(reinterpret_cast<const char*>(bytes), n); });
    console = std::make_unique<cli::Console>(std::move(m), cli::ConsoleOptions{});
  }
  Stepped(const Stepped&) = delete;
  // Runs a command that must succeed; its text without style marks.
  std::string operator()(const std::string& command) {
    const cli::Reply r = console->execute(command);
    EXPECT_TRUE(r.ok) << command << ": " << r.plain();
    return r.plain();
  }
  std::string fails(const std::string& command) {
    const cli::Reply r = console->execute(command);
    EXPECT_FALSE(r.ok) << command << ": " << r.plain();
    return r.plain();
  }
  const session::Reader& reader() const { return console->session.reader(); }
  uint64_t position() const { return console->session.time().position(); }
  const emu::MachineState& state() const { return console->session.time().state(); }
  uint64_t sp() const { return state().thread().cpu.r[state().isa == isa::Isa::x86_64 ? isa::kRsp : isa::kSp]; }
  uint64_t reg(isa::Reg r) const { return state().thread().cpu.r[r]; }
  uint64_t word(uint64_t a) const {
    uint64_t v = 0;
    EXPECT_TRUE(state().memory.peek(a, &v, 8));
    return v;
  }
  std::string place(uint64_t pc) const { return reader().place(pc); }
};

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace deferscope::test
