// Commands: none ends the session by wrong input, every verb has help, every instruction has words.
#include "cli/console/verbs.h"
#include "tests/unit/cli_guests.h"
#include "traces/explain.h"
#include "traces/op_words.h"

namespace deferscope::test {
namespace {

TEST(Session, WrongInputIsOneLineAndGoesOn) {
  const auto guests = step_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  Stepped s(guests[0]);
  const uint64_t p = s.position();
  for (const char* bad : {"frobnicate",
                          "break",
                          "break nowhere.nothing",
                          "break *",
                          "break main.main if",
                          "x",
                          "x 0",
                          "x/zz 5",
                          "goto",
                          "goto 12x",
                          "goto -5%",
                          "set",
                          "set ax",
                          "set *0 1",
                          "print",
                          "print )",
                          "print ((((",
                          "condition 9 1",
                          "clear 77",
                          "watch",
                          "watch 0",
                          "lastwrite",
                          "lastwrite 0",
                          "frame 999",
                          "up 999",
                          "down",
                          "list nowhere.go:1",
                          "dis nowhere",
                          "goroutine 999999",
                          "source /nonexistent",
                          "save",
                          "syntax klingon",
                          "si x",
                          "si 99999999999999999999",
                          "rev",
                          "rev up",
                          "help frobnicate",
                          "break /(/",
                          "break main.main:999999",
                          "break defer nowhere",
                          "info nothing",
                          "display )",
                          "back",
                          "forward",
                          "until nowhere",
                          "advance",

                          "print 1/0",
                          "break +999999",
                          "note-at"}) {
    if (std::string(bad) == "break") continue;  // delve's: here
    const cli::Reply r = s.console->execute(bad);
    EXPECT_FALSE(r.ok) << bad << ": " << r.plain();
    EXPECT_FALSE(r.quit) << bad;
    EXPECT_FALSE(r.plain().empty()) << bad;
    EXPECT_EQ(s.position(), p) << bad;
  }
  s("si");
  EXPECT_EQ(s.position(), p + 1);
}

TEST(Session, EveryVerbHasHelpAndAnExample) {
  const auto guests = step_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  Stepped s(guests[0]);
  const std::string all = s("help");
  for (const cli::VerbGroup& g : cli::verb_groups())
    for (const cli::Command& v : g.verbs) {
      const std::string name = cli::split_words(v.names)[0];
      EXPECT_TRUE(has(all, name));
      for (const std::string& n : cli::split_words(v.names)) {
        EXPECT_EQ(cli::find_command(n), &v) << n;
        EXPECT_TRUE(has(s("help " + n), "example: ")) << n;
      }
    }
}

// Every form of micro-op says something: how a value came about, a note, or where execution goes.
TEST(Session, EveryMicroOpHasWords) {
  static constexpr isa::Helper kHelper = {.name = "helper", .writes_flags = true};  // one that only checks says nothing
  const traces::Namer nobody;
  for (const isa::Isa i : {isa::Isa::x86_64, isa::Isa::arm64}) {
    const traces::OpWords words(i, nobody);
    for (int op = 0; op < static_cast<int>(isa::Op::kCount); ++op)
      for (const bool flags_only : {false, true}) {
        isa::Uop u;
        u.op = static_cast<isa::Op>(op);
        if (flags_only && u.op == isa::Op::Mov) continue;  // sets none
        u.dst = flags_only ? isa::kSink : isa::Reg{1};
        u.dst2 = flags_only ? isa::kSink : isa::Reg{2};
        u.a = 3, u.b = 5, u.c = 6, u.mem.base = 7, u.imm = 8, u.helper = &kHelper;
        if (flags_only) u.flags = isa::FlagRule::Sub;
        const isa::CpuState s{};
        const auto said = words.say(u, s);
        switch (u.op) {
          case isa::Op::StoreCheck:  // the store behind it speaks
          case isa::Op::Jump:
          case isa::Op::JumpReg:
          case isa::Op::Syscall: continue;  // the flow speaks
          case isa::Op::JumpCond:
          case isa::Op::Cbz:
          case isa::Op::Cbnz:
          case isa::Op::Tbz:
          case isa::Op::Tbnz: EXPECT_FALSE(words.condition(u, s).empty()) << op; continue;
          default: break;
        }
        const bool speaks = !said.note.empty() ||
                            ((said.integer_result || said.vector_result || said.writes) && !said.how.str().empty());
        EXPECT_TRUE(speaks) << "op " << op;
        EXPECT_EQ((said.note + said.how.str() + said.how2.str()).find('?'), std::string::npos)
            << "op " << op << ": " << said.note << said.how.str();
      }
  }
}

// Cases whose instructions differ most; each guest runs one, with DEFERSCOPE_ALL all of them.
constexpr const char* kCases[] = {
    "panic-nested",   "defer-argsmany", "fault-division", "map-kinds",     "bench-floats",
    "go-select",      "fault-hash",     "bench-hash",     "defer-argsbig", "recover-methodvalue",
    "stack-growargs", "crash-fault",    "defer-loop",     "gc-maps",       "go-atomic"};

// Every instruction that the guests execute: its prediction comes true, and it has words. Every second guest from its
// first instruction, the others from main.main on.
TEST(Session, PredictionsComeTrueAndHaveWords) {
  const auto guests = step_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  const bool all = std::getenv("DEFERSCOPE_ALL") != nullptr;
  for (size_t n = 0; n < guests.size() * (all ? std::size(kCases) : 1); ++n) {
    const std::string& path = guests[n % guests.size()];
    const char* const argument = kCases[(n + n / guests.size()) % std::size(kCases)];
    SCOPED_TRACE(path + " " + argument);
    const loader::Image image = loader::Image::load(path);
    emu::GuestOptions o;
    o.argv = {path, argument};
    o.exe_path = path;
    emu::Machine m(image, o);
    m.recording().set_sink([](int, const uint8_t*, size_t) {});
    if (n % 2 != 0) {
      m.set_hooks({image.find_symbol("main.main").value().address});
      m.run_to(emu::kNever);
      m.set_hooks({});
    }
    const emu::Position end = m.state().position + (all ? 20'000'000 : 200'000);
    const traces::Namer nobody;
    std::unordered_map<uint64_t, bool> seen;
    uint64_t looked = 0;
    while (!m.state().exited && m.state().position < end) {
      const emu::MachineState& s = m.state();
      const uint64_t pc = s.thread().cpu.pc;
      const size_t thread = s.current;
      if (seen.count(pc) && s.position % 16 != 0) {
        m.step();
        continue;
      }
      seen[pc] = true;
      ++looked;
      const traces::Prediction e = traces::predict(s, *m.options().cpu, nobody);
      const auto words = traces::plain_words(e, nobody);
      ASSERT_FALSE(words.empty());
      for (const std::string& w : words)
        ASSERT_TRUE(!w.empty() && w.find('?') == std::string::npos) << fmt::format("{:#x}: {}", pc, w);
      m.step();
      const bool of_system = e.flow.kind == traces::Flow::Syscall || e.flow.kind == traces::Flow::HostCall ||
                             e.flow.kind == traces::Flow::Fault;
      if (of_system || s.current != thread || s.thread().cpu.pc != e.after.pc) {
        // A system call, a signal or another thread came in between.
        ASSERT_TRUE(of_system || s.current != thread || s.position % 20'000 == 0 ||
                    s.thread().cpu.r[isa::kRsp] != e.after.r[isa::kRsp] ||
                    s.thread().cpu.r[isa::kSp] != e.after.r[isa::kSp])
            << fmt::format("{:#x}", pc);
        continue;
      }
      for (isa::Reg r = 0; r < isa::kZero; ++r)
        ASSERT_EQ(s.thread().cpu.r[r], e.after.r[r])
            << fmt::format("pc {:#x}, {}", pc, traces::register_name(s.isa, r));
      ASSERT_EQ(s.thread().cpu.flags(), e.after.flags()) << fmt::format("pc {:#x}", pc);
      for (const traces::Change& c : e.changes) {
        if (c.kind != traces::Change::Memory || c.bytes > 8) continue;
        uint64_t now = 0;
        ASSERT_TRUE(s.memory.peek(c.address, &now, c.bytes));
        ASSERT_EQ(now, c.after) << fmt::format("pc {:#x} [{:#x}]", pc, c.address);
      }
    }
    EXPECT_GT(looked, 1000u);
  }
}

}  // namespace
}  // namespace deferscope::test
