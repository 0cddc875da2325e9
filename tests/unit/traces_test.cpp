// What is written: every line is JSON (against its schema: tests/outputs.py), and says the same of a stripped program.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "loader/sha256.h"
#include "tests/unit/guest_bytes.h"
#include "tests/unit/loader_macho_builder.h"
#include "tests/unit/model_run.h"
#include "traces/event_json.h"
#include "traces/event_pack.h"
#include "traces/event_queue.h"
#include "traces/event_text.h"
#include "traces/json_writer.h"
#include "traces/prediction.h"
#include "traces/snapshot.h"

namespace deferscope::test {
namespace {

TEST(Json, StringsAreAlwaysValid) {
  for (const std::string& s :
       {std::string("plain"), std::string("\"\\\n\0x", 5), std::string("\xff\xc3"), std::string("→")}) {
    std::string out;
    traces::append_json_string(out, s);
    EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  }
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-4's examples, by this host's instructions for it and without
  const std::pair<std::string, const char*> known[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& [text, hash] : known)
    for (const bool plain : {false, true})
      EXPECT_EQ(loader::sha256_hex({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, plain), hash);
}

// Every build of the core set, one case each in turn; with --all all of them.
TEST(Json, EventsAndSnapshots) {
  static constexpr const char* kCases[] = {
      "panic-nested", "recover-depths",   "goexit-recovered", "stack-growloop",   "defer-argsmany", "recover-inlined",
      "fault-nil",    "panic-openframes", "rangefunc-defer",  "rangefunc-return", "crash-repanic",  "defer-nilfunc"};
  const std::vector<std::string> guests = case_guests();
  size_t lines = 0, next = 0;
  for (const std::string& path : guests) {
    ++next;
    for (size_t i = 0; i < std::size(kCases); ++i) {
      if (!whole() && i != next % std::size(kCases)) continue;
      const model::Program p(loader::Image::load(path));
      const traces::BinaryId id = traces::BinaryId::of(p);
      traces::ProgramNames names(p);
      std::map<model::EventKind, size_t> here;
      const auto each = [&](const emu::Machine& m, const model::Tracker& t, const model::Event& e) {
        if (++here[e.kind()] > 12) return;
        std::string line;
        traces::append_event_json(line, names, e);
        ASSERT_TRUE(nlohmann::json::accept(line)) << path << "\n" << line;
        ++lines;
        if (e.kind() == model::EventKind::transfer || here[e.kind()] > 3) return;
        std::string snap;
        traces::append_snapshot_json(snap, names, m.state(), &t, id, {.raw = true}, e.id);
        ASSERT_TRUE(nlohmann::json::accept(snap)) << path << "\n" << snap;
      };
      run_model(p, {kCases[i]}, true, {each, {}});
    }
  }
  EXPECT_GT(lines, 0u) << "no guests";
}

// Names from pclntab and layouts from the table: a stripped copy gives the same lines, byte for byte.
TEST(Stream, StrippedGivesTheSame) {
  static constexpr const char* kCases[] = {"defer-mixed", "panic-openframes", "goexit-recovered", "recover-inlined"};
  size_t next = 0;
  for (const std::string& path : case_guests("_opt_syms")) {
    const std::vector<uint8_t> bytes = read_guest(path);
    const model::Program with(loader::Image::parse(bytes, path)), without(loader::Image::parse(stripped(bytes), path));
    EXPECT_TRUE(without.image().symbols().empty()) << path;
    for (size_t i = 0; i < std::size(kCases); ++i) {
      if (!whole() && i != next % std::size(kCases)) continue;
      std::string a, b;
      traces::ProgramNames of_a(with), of_b(without);
      run_model(with, {kCases[i]}, true,
                {[&](const auto&, const auto&, const auto& e) { append_event_json(a, of_a, e); }, {}});
      run_model(without, {kCases[i]}, true,
                {[&](const auto&, const auto&, const auto& e) { append_event_json(b, of_b, e); }, {}});
      EXPECT_FALSE(a.empty());
      EXPECT_TRUE(a == b) << path << " " << kCases[i];
    }
    ++next;
  }
  EXPECT_GT(next, 0u) << "no guests";
}

// What the queue's thread writes is what is written without one, whatever waits packed in between.
TEST(Queue, GivesWhatItWasGiven) {
  static constexpr const char* kCases[] = {"defer-argsmany",  "panic-nested",   "goexit-recovered",
                                           "recover-inlined", "stack-growloop", "recover-depths",
                                           "rangefunc-defer", "fault-nil",      "defer-results"};
  struct Streams {
    explicit Streams(const model::Program& p) : names(p), text(names, traces::Scope::all) {}
    void append(const model::Event& e) {
      traces::append_event_json(json, names, e);
      text.append(lines, e);
    }
    traces::ProgramNames names;
    traces::EventText text;
    std::string json, lines;
  };
  size_t next = 0;
  for (const std::string& path : case_guests()) {
    ++next;
    for (size_t i = 0; i < std::size(kCases); ++i) {
      if (!whole() && i != next % std::size(kCases)) continue;
      const model::Program p(loader::Image::load(path));
      const std::unique_ptr<model::Program> there = p.for_another_thread();
      Streams direct(p), queued(*there);
      traces::EventQueue queue([&](const model::Event& e) { queued.append(e); });
      run_model(p, {kCases[i]}, true,
                {[&](const auto&, const auto&, const auto& e) {
                   direct.append(e);
                   queue.put(e);
                 },
                 {}});
      queue.finish();
      EXPECT_FALSE(direct.json.empty());
      EXPECT_TRUE(direct.json == queued.json) << path << " " << kCases[i];
      EXPECT_TRUE(direct.lines == queued.lines) << path << " " << kCases[i];
    }
  }
  EXPECT_GT(next, 0u) << "no guests";
}

// Not known is null, none is an empty list.
TEST(Json, UnknownIsNotNone) {
  const std::vector<std::string> guests = case_guests();
  ASSERT_FALSE(guests.empty());
  const model::Program p(loader::Image::load(guests.front()));
  traces::ProgramNames names(p);
  const auto json = [&](const model::Event& e) {
    std::string line;
    traces::append_event_json(line, names, e);
    return nlohmann::json::parse(line);
  };
  model::Event end{model::DeferEnd()};
  EXPECT_TRUE(json(end)["effects"].is_array() && json(end)["effects"].empty());
  end.as<model::DeferEnd>().effects.known = end.as<model::DeferEnd>().unchanged_results.known = false;
  EXPECT_TRUE(json(end)["effects"].is_null() && json(end)["unchanged_results"].is_null());
  model::Event push{model::DeferPush()};
  EXPECT_TRUE(json(push)["defer"]["arguments"].is_array());
  push.defer()->arguments.known = false;
  EXPECT_TRUE(json(push)["defer"]["arguments"].is_null());
}

// A burst of more events than may wait, and an error of the writer, which the guest's side gets to know.
TEST(Queue, FullAndFailing) {
  const std::string text(500, 'x');
  size_t written = 0;
  model::Event e{model::PanicStart()};
  traces::EventQueue queue(
      [&](const model::Event& got) { written += got.panic()->value == text && got.id == written; });
  for (e.id = 0; e.id < 100'000; ++e.id) {
    e.panic()->value = text;
    queue.put(e);
  }
  queue.finish();
  EXPECT_EQ(written, 100'000u);

  traces::EventQueue failing([](const model::Event&) { throw std::runtime_error("full"); });
  EXPECT_THROW(
      {
        for (int i = 0; i < 1'000'000; ++i) failing.put(e);
        failing.finish();
      },
      std::runtime_error);
}

// The instruction of a system call at the entry of a small program, with other numbers in the registers that only the
// other systems look at.
TEST(Text, SystemCallsAreNumberedAndNamedByTheirSystem) {
  const ByteVector syscall{0x0f, 0x05}, svc{0x01, 0x00, 0x00, 0xd4}, svc_0x80{0x01, 0x10, 0x00, 0xd4};
  const auto image = [](auto builder, size_t entry, const ByteVector& code) {
    std::copy(code.begin(), code.end(), builder.contents.begin() + static_cast<ptrdiff_t>(entry));
    return loader::Image::parse(builder.build(), "tiny");
  };
  const auto elf = [&](uint16_t machine, const ByteVector& code) { return image(small_elf(machine), 0x100, code); };
  const auto macho = [&](uint32_t cpu, const ByteVector& code) { return image(small_macho(cpu), 0x800, code); };
  const struct {
    loader::Image program;
    uint64_t number;
    const char* words;
  } rows[] = {
      {elf(EM_X86_64, syscall), 1, "system call 1: write"},
      {elf(EM_AARCH64, svc), 64, "system call 64: write"},
      {macho(mach::kCpuX86_64, syscall), 0x2000004, "system call 0x2000004: write"},
      {macho(mach::kCpuX86_64, syscall), 0x1000004, "system call 0x1000004"},  // of Mach, not of BSD
      {macho(mach::kCpuArm64, svc_0x80), 4, "system call 4: write"},
  };
  for (const auto& row : rows) {
    emu::Machine machine(row.program, guest_options("tiny", {}));
    isa::CpuState& cpu = machine.mutable_state().cpu();
    const bool amd64 = row.program.isa() == isa::Isa::x86_64;
    for (isa::Reg r : {isa::Reg{8}, isa::Reg{16}}) cpu.r[r] = 93;
    cpu.r[amd64 ? isa::kRax : row.program.os() == loader::Os::darwin ? isa::Reg{16} : isa::Reg{8}] = row.number;
    const traces::Namer nobody;
    const traces::Prediction e = traces::predict(machine.state(), *machine.options().cpu, nobody);
    EXPECT_EQ(traces::say_flow(e, nobody), row.words);
  }
}

TEST(Text, Numbers) {
  EXPECT_EQ(traces::with_commas(0), "0");
  EXPECT_EQ(traces::with_commas(999), "999");
  EXPECT_EQ(traces::with_commas(1234567), "1,234,567");
}

}  // namespace
}  // namespace deferscope::test
