// Traces of instructions against the run that they were made of: the state before every instruction, for guests of both
// systems and instruction sets with signals, threads and faults; what is left of one that was cut off anywhere; damage.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "emu/machine.h"
#include "loader_guests.h"
#include "runtime_model/program.h"
#include "traces/event_json.h"
#include "traces/insn_reader.h"
#include "traces/insn_text.h"
#include "traces/insn_writer.h"
#include "traces/json_reader.h"
#include "traces/trace_of_run.h"

namespace deferscope::traces {
namespace {

using emu::Position;

const char* const kCases[] = {"defer-mixed", "panic-nested", "fault-nil", "go-select",
                              "go-timers",   "os-stdin",     "gc-list"};
constexpr size_t kEach = test::kSanitized == 1 ? 2 : 1;  // cases a guest

struct Guest {
  loader::Image image;
  std::unique_ptr<emu::Machine> machine;
  Guest(const std::string& path, const std::string& name) : image(loader::Image::load(path)) {
    emu::GuestOptions options;
    options.argv = {path, name};
    options.exe_path = path;
    machine = std::make_unique<emu::Machine>(image, options);
    machine->recording().set_sink([](int, const uint8_t*, size_t) {});
  }
  emu::Machine* operator->() { return machine.get(); }
};

class File {
 public:
  File()
      : path_(std::filesystem::temp_directory_path() /
              ("insn_trace_test." + std::to_string(getpid()) + "." + std::to_string(made_++))) {}
  ~File() { std::filesystem::remove(path_); }
  std::string path() const { return path_; }
  void write(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  // Of a run to its end (`until`: to there), in chunks of so many instructions.
  std::string trace(const std::string& guest, const std::string& name, uint64_t chunk, Position until = emu::kNever,
                    InsnOptions options = {}) const {
    Guest run(guest, name);
    const model::Program program(run.image);
    std::string header, end, out;
    append_trace_json(header, header_of(*run.machine, program, "test"));
    header += guest + "\n";
    options.chunk = chunk;
    {
      InsnWriter writer(*run.machine, header, options, [&](std::string_view piece) { out += piece; });
      run->run_to(until);
      append_trace_json(end, end_of(run->state(), {}, ""));
      writer.finish(end);
    }
    write(out);
    return out;
  }

 private:
  static inline int made_ = 0;
  std::filesystem::path path_;
};

// Where two states are not one; "": nowhere.
std::string difference(const emu::MachineState& want, const emu::MachineState& got) {
  if (want.position != got.position) return "position";
  if (want.thread().tid != got.thread().tid) return "thread";
  const insn::Registers a = insn::registers_of(want.isa, want.cpu()), b = insn::registers_of(got.isa, got.cpu());
  for (uint8_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return insn_register_name(want.isa, i);
  return "";
}

// Stands both at the same positions, one instruction after the other.
void expect_same_run(const std::string& guest, const std::string& name, InsnTrace& trace, Position from, Position to) {
  Guest run(guest, name);
  run->run_to(from);
  ASSERT_TRUE(trace.seek(from));
  for (Position p = from; p < to; ++p) {
    ASSERT_EQ(difference(run->state(), trace.state()), "")
        << guest << " " << name << " at " << p << ", pc " << std::hex << run->state().cpu().pc << " and "
        << trace.state().cpu().pc;
    run->step();
    if (run->state().exited) return;
    ASSERT_TRUE(trace.step()) << p;
  }
}

TEST(InsnTrace, IsTheRunInstructionByInstruction) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  std::erase_if(files, [](const std::string& f) { return f.find("cases") == std::string::npos; });
  ASSERT_FALSE(files.empty());
  const size_t every = std::getenv("DEFERSCOPE_ALL") ? 1 : std::max<size_t>(1, files.size() / 8);
  size_t cases = 0;
  for (size_t i = 0; i < files.size(); i += every)
    for (size_t k = 0; k < kEach; ++k, ++cases) {
      const std::string name = kCases[cases % std::size(kCases)];
      const File file;
      file.trace(files[i], name, 300'000);
      InsnTrace trace(file.path());
      ASSERT_TRUE(trace.end() && trace.end()->complete) << files[i] << " " << name;
      EXPECT_GT(trace.chunks(), 1u);
      expect_same_run(files[i], name, trace, 0, test::kSanitized == 1 ? emu::kNever : 150'000);
      if (HasFatalFailure()) return;
      EXPECT_EQ(trace.last(), trace.end()->instructions);
    }
}

TEST(InsnTrace, GoesToAnyPosition) {
  DEFERSCOPE_NEED_GUESTS(files);
  std::erase_if(files, [](const std::string& f) { return f.find("cases") == std::string::npos; });
  ASSERT_FALSE(files.empty());
  std::mt19937_64 random(1);
  const File file;
  file.trace(files.front(), "panic-nested", 100'000);
  InsnTrace trace(file.path());
  for (int i = 0; i < 20; ++i) {
    const Position p = random() % trace.last();
    Guest run(files.front(), "panic-nested");
    run->run_to(p);
    ASSERT_TRUE(trace.seek(p));
    ASSERT_EQ(difference(run->state(), trace.state()), "") << p;
    EXPECT_EQ(trace.state().position, p);
  }
  EXPECT_FALSE(trace.seek(trace.last() + 1));
}

// However much is reached between two pauses: what a reader takes at once, and what a cut file loses, has a bound.
TEST(InsnTrace, PiecesAreSmall) {
  constexpr uint64_t kCode = 0x400000, kData = 0x10000000, kPages = 5000;
  // mov [rdi], rdi; add rdi, 4096; dec ecx; jnz -14; ud2
  const uint8_t code[] = {0x48, 0x89, 0x3f, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0, 0xff, 0xc9, 0x75, 0xf2, 0x0f, 0x0b};
  DEFERSCOPE_NEED_GUESTS(files);
  Guest guest(files.front(), "list");
  const File file;
  std::string out;
  emu::MachineState& s = guest->mutable_state();
  s.memory.map(kCode, emu::kPage, emu::kRead | emu::kExec);
  s.memory.map(kData, kPages * emu::kPage, emu::kRead | emu::kWrite);
  s.memory.poke(kCode, code, sizeof code);
  for (uint64_t i = 0; i < kPages; ++i) s.memory.poke(kData + i * emu::kPage + 8, &i, sizeof i);  // no two are alike
  s.cpu().pc = kCode, s.cpu().r[isa::kRdi] = kData, s.cpu().r[isa::kRcx] = kPages;
  if (s.isa != isa::Isa::x86_64) GTEST_SKIP() << "the first guest is one for arm64";
  std::string header, end;
  append_trace_json(header, header_of(*guest.machine, model::Program(guest.image), "test"));
  {
    InsnWriter writer(*guest.machine, header + "\n", {}, [&](std::string_view piece) { out += piece; });
    guest->run_to(4 * kPages);
    append_trace_json(end, end_of(guest->state(), {}, ""));
    writer.finish(end);
  }
  file.write(out);
  InsnFile pieces(file.path());
  EXPECT_GT(pieces.pieces(), 15u);
  for (size_t i = 0; i < pieces.pieces(); ++i) EXPECT_LT(pieces.head(i).raw, (1u << 20) + 2 * emu::kPage);
  InsnTrace trace(file.path());
  ASSERT_TRUE(trace.seek(4 * kPages));
  EXPECT_EQ(difference(guest->state(), trace.state()), "");
}

// Of a range there is at least that range.
TEST(InsnTrace, HasTheRangeThatWasAskedFor) {
  DEFERSCOPE_NEED_GUESTS(files);
  std::erase_if(files, [](const std::string& f) { return f.find("cases") == std::string::npos; });
  const File file;
  file.trace(files.back(), "defer-mixed", 100'000, emu::kNever, {.from = 200'000, .to = 300'000});
  InsnTrace trace(file.path());
  EXPECT_LE(trace.first(), 200'000u);
  EXPECT_GT(trace.first(), 100'000u);
  EXPECT_GE(trace.last(), 300'000u);
  EXPECT_LT(trace.last(), 400'000u);
  expect_same_run(files.back(), "defer-mixed", trace, trace.first(), trace.last());
}

TEST(InsnTrace, CutAnywhereIsABeginning) {
  DEFERSCOPE_NEED_GUESTS(files);
  std::erase_if(files, [](const std::string& f) { return f.find("cases") == std::string::npos; });
  const File file;
  const std::string whole = file.trace(files.front(), "defer-mixed", 100'000);
  std::mt19937_64 random(2);
  Position longest = 0;
  for (int i = 0; i < 60; ++i) {
    const size_t n = i < 20 ? static_cast<size_t>(i) * 40 : random() % whole.size();
    file.write(std::string_view(whole).substr(0, n));
    try {
      InsnTrace trace(file.path());
      EXPECT_FALSE(trace.end() && n + 16 < whole.size() / 2);
      if (trace.chunks() == 0) continue;
      longest = std::max(longest, trace.last());
      ASSERT_TRUE(trace.seek(trace.last())) << n;
      expect_same_run(files.front(), "defer-mixed", trace, trace.last() - std::min<Position>(trace.last(), 200),
                      trace.last());
      EXPECT_FALSE(trace.seek(trace.last() + 1));
    } catch (const TraceError& e) {
      EXPECT_NE(std::string(e.what()).find(file.path()), std::string::npos) << e.what();
    }
  }
  EXPECT_GT(longest, 100'000u);
}

TEST(InsnTrace, DamageIsALineAndNoMore) {
  DEFERSCOPE_NEED_GUESTS(files);
  std::erase_if(files, [](const std::string& f) { return f.find("cases") == std::string::npos; });
  const File file;
  const std::string whole = file.trace(files.front(), "defer-mixed", 200'000);
  std::mt19937_64 random(3);
  size_t refused = 0;
  for (int i = 0; i < 200; ++i) {
    std::string bytes = whole;
    for (int k = 0; k < 1 + i % 3; ++k)
      bytes[i % 2 ? random() % bytes.size() : random() % 2000 % bytes.size()] = static_cast<char>(random());
    file.write(bytes);
    try {
      InsnTrace trace(file.path());
      if (trace.seek(trace.last()) && trace.seek(trace.first())) trace.step();
    } catch (const TraceError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 20u);
}

TEST(InsnTrace, TheFirstDifferenceIsFound) {
  DEFERSCOPE_NEED_GUESTS(files);
  std::erase_if(files, [](const std::string& f) { return f.find("cases") == std::string::npos; });
  const File one, other, same;
  one.trace(files.front(), "defer-mixed", 100'000);
  same.trace(files.front(), "defer-mixed", 70'000);
  other.trace(files.front(), "panic-nested", 100'000);
  InsnTrace a(one.path()), b(other.path()), again(one.path()), in_other_chunks(same.path());
  EXPECT_FALSE(first_difference(a, again));
  EXPECT_FALSE(first_difference(a, in_other_chunks));
  const auto found = first_difference(a, b);  // what differs first is an argument
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->there[0] && found->there[1]);
  Guest x(files.front(), "defer-mixed"), y(files.front(), "panic-nested");
  x->run_to(found->position - 1), y->run_to(found->position - 1);
  EXPECT_EQ(difference(x->state(), y->state()), "");
  x->step(), y->step();
  EXPECT_NE(difference(x->state(), y->state()), "");
}

}  // namespace
}  // namespace deferscope::traces
