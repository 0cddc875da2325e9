// What the articles show by hand, on real programs: where a stack record lies, the return address that moves back onto
// the CALL, results that deferred functions change, the loop of deferreturn, the panic state machine, and who decides
// whether recover works (golang/go#73916).
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::Event;
using model::EventKind;
using model::Program;
using model::RunBy;

bool contains(const std::string& s, const char* part) { return s.find(part) != std::string::npos; }

// ≤ 1.17: the return address of CALL deferreturn, moved back by the length of the CALL, is that CALL.
TEST(Article, JmpdeferReturnsOntoTheCall) {
  size_t n = 0;
  for (const std::string& path : case_guests()) {
    const Program p(loader::Image::load(path));
    if (p.mech().on_return != model::ReturnMechanism::jmpdefer) continue;
    const ModelRun r = run_model(p, {"defer-loop"});
    for (const Event* e : of(r, EventKind::jmpdefer)) {
      const auto& j = e->as<model::Jmpdefer>();
      EXPECT_EQ(j.return_before - j.return_after, p.amd64() ? 5u : 4u) << base(path);
      const auto calls = p.calls_in(*p.function_at(j.return_after));
      EXPECT_TRUE(std::any_of(calls.begin(), calls.end(),
                              [&](const model::Call& c) {
                                return c.pc == j.return_after && p.describe(c.target) == "runtime.deferreturn";
                              }))
          << base(path) << " " << p.describe(j.return_after);
      // deferreturn's frame is gone: SP is that of the function that defers, as behind a CALL.
      EXPECT_EQ(j.sp_after + (p.amd64() ? 8 : 0), e->frame.sp) << base(path);
      ++n;
    }
  }
  EXPECT_GT(n, 0u) << "no guests";
}

// "The record is at SP+8, fn at SP+32" (arm64: SP+16 and SP+40): in a function whose calls take one word of arguments
// and that defers a closure. resultNamed of the cases is one.
TEST(Article, Go113StackRecord) {
  size_t n = 0;
  for (const std::string& path : case_guests("_1.13.15_linux")) {
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {"defer-results"});
    const auto push = of(r, EventKind::defer_push, "main.resultNamed");
    ASSERT_EQ(push.size(), 1u) << base(path);
    EXPECT_EQ(push[0]->defer()->storage, model::Storage::stack);
    const uint64_t at = push[0]->defer()->record - push[0]->frame.sp;
    EXPECT_EQ(at, p.amd64() ? 8u : 16u) << base(path);
    EXPECT_EQ(at + static_cast<uint64_t>(p.layouts()[model::F::defer_fn].offset), p.amd64() ? 32u : 40u) << base(path);
    ++n;
  }
  EXPECT_GT(n, 0u) << "no guests";
}

const model::Effect* effect(const Event& e, std::string_view name) {
  for (const model::Effect& f : e.as<model::DeferEnd>().effects)
    if (f.name == name) return &f;
  return nullptr;
}

void expect_effect(const Event& e, const char* name, bool result, const char* before, const char* after,
                   const std::string& where) {
  const model::Effect* f = effect(e, name);
  ASSERT_NE(f, nullptr) << where;
  EXPECT_EQ(f->kind, result ? model::EffectKind::result : model::EffectKind::variable) << where;
  EXPECT_EQ(f->before, before) << where;
  EXPECT_EQ(f->after, after) << where;
}

// DeferFunc1, 2 and 3: 4 1 3. The first and the third change the result, the second a local that was copied to it
// before.
TEST(Article, EffectsOnResults) {
  const auto guests = case_guests("_nopt_dwarf");
  ASSERT_FALSE(guests.empty());
  for (const std::string& path : guests) {
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {"defer-results"});
    EXPECT_TRUE(contains(r.out, "4 1 3 80\n")) << r.out;
    const auto named = of(r, EventKind::defer_end, "main.resultNamed"),
               local = of(r, EventKind::defer_end, "main.resultLocal"),
               set = of(r, EventKind::defer_end, "main.resultSet");
    ASSERT_TRUE(named.size() == 1 && local.size() == 1 && set.size() == 1) << base(path);
    expect_effect(*named[0], "t", true, "1", "4", base(path) + " resultNamed");
    expect_effect(*local[0], "t", false, "1", "4", base(path) + " resultLocal");
    expect_effect(*set[0], "t", true, "2", "3", base(path) + " resultSet");
    const auto& unchanged = local[0]->as<model::DeferEnd>().unchanged_results;
    ASSERT_EQ(unchanged.size(), 1u) << base(path);
    EXPECT_EQ(unchanged[0].value, "1") << base(path);
  }
}

// Words that a closure captured have the names that DWARF knows: resultSet's captures t and i. With the stack ABI (to
// 1.16, arm64 to 1.17) the compiler passes what a deferred closure captures as arguments.
TEST(Article, CapturedWordsHaveNames) {
  for (const std::string& path : case_guests("_nopt_dwarf")) {
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {"defer-results"});
    const auto push = of(r, EventKind::defer_push, "main.resultSet");
    ASSERT_EQ(push.size(), 1u) << base(path);
    std::vector<std::string> names;
    for (const auto& c : push[0]->defer()->function.captured) {
      names.emplace_back(c.name.text());
      EXPECT_TRUE(!(c.name == "i") || c.value == 1) << base(path);
    }
    std::sort(names.begin(), names.end());
    if (p.minor() >= (p.amd64() ? 17 : 18)) {
      EXPECT_EQ(names, (std::vector<std::string>{"&t", "i"})) << base(path);
    } else {
      EXPECT_EQ(names.size() * 8 + push[0]->defer()->argument_bytes.size(), 16u) << base(path);
    }
    EXPECT_TRUE(push[0]->defer()->function.captured_complete);
  }
}

// A heap record is linked before its fields are stored: in between it is there and said to be incomplete; at
// deferproc's RET, where the event is, it is complete.
TEST(Article, HeapRecordIsHalfFilledInDeferproc) {
  for (const char* part : {"_1.12.17_linux_amd64_opt", "_1.13.15_linux_arm64_opt", "_1.17.13_linux_amd64_opt",
                           "_1.20.7_linux_arm64_opt", "_1.27.4_linux_amd64_opt"})
    for (const std::string& path : case_guests(part)) {
      const Program p(loader::Image::load(path));
      const ModelRun r = run_model(p, {"defer-loop"});
      const auto push = of(r, EventKind::defer_push, "main.deferLoop");
      ASSERT_EQ(push.size(), 10u) << base(path);
      emu::Machine m(p.image(), guest_options(path, {"defer-loop"}));
      const model::Guest guest(p, m.state());
      m.run_to(push[0]->position - 100);  // behind newdefer's allocation
      size_t half = 0;
      while (m.state().position <= push[0]->position) {
        const model::Function* f = p.function_at(guest.pc());
        const bool inside = f && (f->name() == "runtime.deferproc" || f->name() == "runtime.newdefer");
        const auto g = inside ? guest.goroutine(guest.current_g()) : std::nullopt;
        if (g && g->defer == push[0]->defer()->record) {
          const model::Chain c = model::read_chain(guest, *g, guest.unwind(*g));
          ASSERT_FALSE(c.entries.empty());
          const auto mine = std::find_if(c.entries.begin(), c.entries.end(), [&](const model::ChainEntry& e) {
            return e.record == push[0]->defer()->record;
          });
          ASSERT_NE(mine, c.entries.end());
          half += mine->incomplete;
          EXPECT_TRUE(m.state().position != push[0]->position || !mine->incomplete) << base(path);
        }
        m.step();
      }
      EXPECT_GT(half, 0u) << base(path);
    }
}

// 1.18+: no trick. One deferreturn calls all deferred functions of the frame in its loop.
TEST(Article, DeferreturnLoops) {
  for (const std::string& path : case_guests("linux_arm64")) {
    const Program p(loader::Image::load(path));
    if (p.mech().on_return == model::ReturnMechanism::jmpdefer) continue;
    const ModelRun r = run_model(p, {"defer-loop"});
    const auto enter = of(r, EventKind::deferreturn_enter, "main.deferLoop"),
               leave = of(r, EventKind::deferreturn_leave, "main.deferLoop"),
               start = of(r, EventKind::defer_start, "main.deferLoop");
    EXPECT_TRUE(of(r, EventKind::jmpdefer).empty());
    ASSERT_TRUE(enter.size() == 1 && leave.size() == 1 && start.size() == 10) << base(path);
    for (const Event* e : start) {
      EXPECT_EQ(e->defer()->run_by, RunBy::deferreturn) << base(path);
      EXPECT_GT(e->id, enter[0]->id);
      EXPECT_LT(e->id, leave[0]->id);
    }
    EXPECT_EQ(enter[0]->as<model::DeferreturnEnter>().return_address,
              leave[0]->as<model::DeferreturnLeave>().return_address);
  }
}

// 1.21: a panic adds an openDefer record for an open-coded frame. 1.22+: none; the _panic says where the bits are.
TEST(Article, PanicStateMachine) {
  size_t n = 0;
  for (const std::string& path : case_guests("_opt_syms")) {
    const Program p(loader::Image::load(path));
    if (p.mech().open == model::OpenEncoding::none) continue;
    const bool machine = p.mech().on_return == model::ReturnMechanism::machine;
    size_t looks = 0;
    run_model(p, {"panic-openframes"}, true,
              {{}, [&](const emu::Machine& m, const model::Tracker&, const Written& w) {
                 if (w.text.rfind("mark8", 0) != 0) return;
                 const model::Guest guest(p, m.state());
                 const auto g = guest.goroutine(guest.current_g());
                 ASSERT_TRUE(g.has_value());
                 const model::Chain c = model::read_chain(guest, *g, guest.unwind(*g));
                 if (c.panics.empty()) return;
                 ++looks;
                 uint64_t bits = 0, retpc = 0;
                 for (const model::RawField& f : c.panics[0].raw) {
                   if (f.name == std::string("deferBitsPtr")) bits = f.value;
                   if (f.name == std::string("retpc")) retpc = f.value;
                 }
                 const auto in_frame = std::find_if(c.open_frames.begin(), c.open_frames.end(),
                                                    [&](const model::OpenFrame& f) { return f.bits_address == bits; });
                 EXPECT_EQ(in_frame != c.open_frames.end(), machine) << base(path);
                 EXPECT_EQ(retpc != 0, machine) << base(path);
                 const bool record = std::any_of(c.open_frames.begin(), c.open_frames.end(),
                                                 [](const model::OpenFrame& f) { return f.record != 0; });
                 EXPECT_EQ(record, !machine) << base(path);
               }});
    EXPECT_GT(looks, 0u) << base(path);
    ++n;
  }
  EXPECT_GT(n, 0u) << "no guests";
}

// Where recovery resumes: behind deferproc with result 1, or at the function's deferreturn (open-coded; all from 1.25).
TEST(Article, RecoveryTarget) {
  for (const std::string& path : case_guests()) {
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {"recover-loop"});
    const auto jumps = of(r, EventKind::recovery_jump);
    ASSERT_EQ(jumps.size(), 8u) << base(path);
    for (const Event* e : jumps) {
      const auto& jump = e->as<model::RecoveryJump>();
      const model::Function& f = *p.function_at(jump.to);
      const bool open = p.open_coded(f) != nullptr;
      const auto at_deferreturn =
          f.f.entry + f.f.deferreturn - static_cast<uint64_t>(p.amd64() ? p.mech().deferreturn_call_off : 0);
      if (open || p.mech().recovery == model::RecoveryTarget::deferreturn)
        EXPECT_EQ(jump.to, at_deferreturn) << base(path);
      else
        EXPECT_NE(jump.to, at_deferreturn) << base(path);
      EXPECT_EQ(jump.returns_one, p.mech().recovery == model::RecoveryTarget::deferproc_returns_1) << base(path);
      EXPECT_EQ(jump.to_sp, e->frame.sp);
      EXPECT_GT(jump.discarded_count, 0u);
    }
  }
}

// golang/go#73916: a helper below a deferred function that is inlined into its wrapper recovers in 1.22–1.25.
TEST(Article, Issue73916) {
  for (const std::string& path : case_guests()) {
    const Program p(loader::Image::load(path));
    const bool helper = p.minor() >= 22 && p.minor() <= 25 && contains(path, "_opt_");
    const ModelRun r = run_model(p, {"recover-inlined"});
    EXPECT_EQ(contains(r.out, "the helper recovered"), helper) << base(path) << "\n" << r.out;
    const auto recovered = of(r, EventKind::panic_recovered), refused = of(r, EventKind::recover_refused);
    ASSERT_EQ(recovered.size(), 1u) << base(path);
    ASSERT_EQ(refused.size(), helper ? 0u : 1u) << base(path);
    const auto check = [&](const auto& e) {
      ASSERT_GE(e.decider, 0) << base(path);
      EXPECT_EQ(e.callers[static_cast<size_t>(e.decider.value)].function, e.decided_by);
      EXPECT_EQ(e.decided_by.text(), helper ? "main.inlinedHelper" : "main.inlinedWrapper") << base(path);
      EXPECT_EQ(e.callers[0].function.text(), "main.inlinedHelper") << base(path);
    };
    helper ? check(recovered[0]->as<model::PanicRecovered>()) : check(refused[0]->as<model::RecoverRefused>());
  }
}

// What the crash report says of a value, and how each panic and the guest end. The texts are those of
// src/runtime/error.go.
TEST(Panics, ValuesAndEnds) {
  const std::pair<const char*, const char*> values[] = {
      {"fault-index", "runtime error: index out of range [5] with length 3"},
      {"fault-assertion", "interface conversion: interface {} is nil, not int"},
      {"crash-error", "*errors.errorString(\"an error\")"},
      {"panic-custom", "*main.failure{code: 42, next: nil}"}};
  size_t tried = 0;
  for (const std::string& path : case_guests()) {
    if (!in_sample(base(path), 4)) continue;
    SCOPED_TRACE(path);
    const Program p(loader::Image::load(path));
    for (const auto& [name, value] : values) {
      if (p.minor() < 13 && std::string_view(name) == "fault-index") continue;  // 1.12 does not say which
      const ModelRun r = run_model(p, {name});
      const auto panics = of(r, EventKind::panic_start);
      ASSERT_FALSE(panics.empty()) << name;
      EXPECT_EQ(panics[0]->panic()->value, value) << name;
      EXPECT_EQ(panics[0]->panic()->number, 1u);
      ++tried;
    }
    const ModelRun fatal = run_model(p, {"crash-nested"});
    const auto end = of(fatal, EventKind::exit), last = of(fatal, EventKind::panic_fatal);
    ASSERT_EQ(end.size(), 1u);
    ASSERT_EQ(last.size(), 1u);
    EXPECT_EQ(end[0]->as<model::Exit>().why, model::Why::panic);
    EXPECT_EQ(end[0]->as<model::Exit>().status, 2u);
    EXPECT_EQ(end[0]->as<model::Exit>().panic, last[0]->panic()->id);
    const ModelRun exits = run_model(p, {"exit-deferred"});
    const auto left = of(exits, EventKind::defer_left);  // the one that calls os.Exit, and the one behind it
    ASSERT_EQ(left.size(), 2u);
    EXPECT_TRUE(left[0]->as<model::DeferLeft>().started && !left[1]->as<model::DeferLeft>().started);
    EXPECT_EQ(left[1]->as<model::DeferLeft>().why, model::Why::os_exit);
    const ModelRun asleep = run_model(p, {"crash-deadlock"});
    EXPECT_EQ(of(asleep, EventKind::exit).at(0)->as<model::Exit>().why, model::Why::deadlock);
  }
  EXPECT_GE(tried, 4u);
}

}  // namespace
}  // namespace deferscope::test
