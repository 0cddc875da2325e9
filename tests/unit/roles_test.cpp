// Every word of the frames at every event has one role; what it is called by agrees with frames, chains and records as
// they are read elsewhere.
#include "runtime_model/roles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::FrameRoles;
using model::Object;
using model::Role;
using model::Roles;
using model::Slot;

struct Count {
  size_t drawn = 0, untold = 0, words = 0, named = 0, records = 0, returns = 0, interfaces = 0;
  std::map<Role, size_t> by_role;
};

void words_fill(const std::vector<Slot>& slots, uint64_t lo, uint64_t hi, const std::string& what, Count& n) {
  uint64_t at = lo;
  for (const Slot& s : slots) {
    ASSERT_EQ(s.address, at) << what;
    if (s.untold())  // the middle of a large frame
      ASSERT_TRUE(s.address == lo + model::kMaxFrame / 2 && s.end() == hi - model::kMaxFrame / 2) << what;
    else
      ASSERT_TRUE(s.size >= 1 && s.address / 8 == (s.end() - 1) / 8) << what << " +" << at - lo;
    n.untold += s.untold();
    ASSERT_LT(s.role, Role::count) << what;
    at = s.end();
    ++n.words, ++n.by_role[s.role];
    n.named += !s.name.empty();
  }
  ASSERT_EQ(at, hi) << what;
}

void frames_agree(const model::Guest& guest, const Roles& r, const std::string& what, Count& n) {
  const model::Unwound u = guest.unwind(r.standing, r.frames.size() + 1);
  size_t i = 0;
  for (const FrameRoles& f : r.frames) {
    const std::string name = what + " " + std::string(f.frame.function->name());
    words_fill(f.slots, f.lo, f.hi, name, n);
    ASSERT_EQ(f.frame.pc, u.frames.at(i).pc) << name;
    if (!f.whole) break;
    const model::Frame& bt = u.frames.at(i++);
    ASSERT_EQ(f.lo, bt.sp) << name;
    ASSERT_TRUE(f.hi == bt.caller_sp || f.hi == bt.caller_sp + 16) << name;
    if (!bt.return_slot || !bt.return_address) continue;
    const Slot* s = r.at(bt.return_slot);
    ASSERT_TRUE(s && s->role == Role::return_address && s->word == bt.return_address) << name;
    ++n.returns;
  }
}

// As snap has them.
void records_agree(const model::Guest& guest, const model::Tracker& t, const Roles& r, const std::string& what,
                   Count& n) {
  const auto g = guest.goroutine(r.standing.who.g);
  if (!g) return;
  model::ReadBudget budget;
  const model::Chain chain = t.chain(guest, *g, guest.unwind(*g, 200), budget);
  const auto agree = [&](uint64_t record, const std::vector<model::RawField>& raw, Object::Kind kind) {
    const auto o = std::find_if(r.objects.begin(), r.objects.end(), [&](auto& x) { return x.address == record; });
    if (r.at(record)) {
      ASSERT_TRUE(o != r.objects.end()) << what;
    }
    if (o == r.objects.end()) return;
    ASSERT_EQ(o->kind, kind) << what;
    for (const model::RawField& f : raw) {
      const auto s =
          std::find_if(o->fields.begin(), o->fields.end(), [&](auto& x) { return x.address == record + f.offset; });
      ASSERT_TRUE(s != o->fields.end() && s->size == f.size && s->word == f.value) << what << " ." << f.name;
      ASSERT_EQ(s->name.substr(0, s->name.find('.')), f.name) << what;
      if (!o->in_frame) continue;
      const Slot* in_frame = r.at(s->address);
      ASSERT_TRUE(in_frame && in_frame->name == s->name && in_frame->role == s->role) << what << " ." << f.name;
    }
    ++n.records;
  };
  for (const model::ChainEntry& e : chain.entries)
    if (e.record && e.slot < 0) agree(e.record, e.raw, Object::defer_);
  for (const model::PanicEntry& e : chain.panics) agree(e.record, e.raw, Object::panic);
}

// gopanic's argument: its first word is a type, its second one the panic's value; in registers and in memory.
void interface_words_agree(const model::Guest& guest, const Roles& r, const model::Event& e, const std::string& what,
                           Count& n) {
  if (e.kind() != model::EventKind::panic_start || !guest.program().dwarf()) return;
  uint64_t type = 0;
  const auto look = [&](const std::string& name, const std::string& of, uint64_t word, const std::string& value) {
    if (of != "runtime.gopanic" && !of.empty()) return;
    if (name == "e.type") {
      type = word;
      ASSERT_EQ(value, word ? model::type_name(guest, word) : "nil") << what;
    }
    if (name != "e.data" || !type) return;
    ASSERT_EQ(value, e.panic()->value) << what;
    ++n.interfaces;
  };
  for (const model::RegisterRole& x : r.registers) look(x.name, x.of, x.word, x.value);
  for (const FrameRoles& f : r.frames)
    for (const Slot& s : f.slots)
      if (!s.stale && s.role == Role::argument) look(s.name, s.of, s.word, s.value);
}

TEST(Roles, EveryWordAtEveryEvent) {
  const auto guests = case_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS to a folder of Go programs";
  Count n;
  for (const std::string& path : guests) {
    if (!in_sample(base(path), 3)) continue;
    const model::Program program(loader::Image::load(path));
    for (const std::string& name : listed_cases(program)) {
      if (!in_sample(base(path) + name, 24)) continue;
      size_t seen = 0;
      Watchers on;
      on.event = [&](const emu::Machine& m, const model::Tracker& t, const model::Event& e) {
        if (++seen > 40 / kSanitized && seen % (97 * kSanitized) && !whole()) return;
        if (seen > 5'000) return;
        const model::Guest guest(program, m.state());
        const Roles r = model::roles_of(guest, &t, guest.standing(m.state().thread()), 4);
        if (r.frames.empty() || ::testing::Test::HasFatalFailure()) return;
        const std::string what =
            base(path) + " " + name + " @" + std::to_string(m.state().position) + " " + model::to_string(e.kind());
        ++n.drawn;
        frames_agree(guest, r, what, n);
        records_agree(guest, t, r, what, n);
        for (const model::RegisterRole& x : r.registers)  // a part of a value has the part's name
          EXPECT_EQ(x.name.find('+'), std::string::npos) << what << ": " << x.reg << " " << x.name;
        for (const Object& o : r.objects) words_fill(o.fields, o.address, o.address + o.size, what + " " + o.title, n);
      };
      run_model(program, {name}, true, on);
      ASSERT_FALSE(HasFatalFailure());
    }
  }
  std::cout << n.drawn << " stacks, " << n.words << " words (" << n.named << " named), " << n.returns
            << " return addresses, " << n.records << " records, " << n.untold << " middles of large frames\n";
  for (const auto& [role, count] : n.by_role) std::cout << "  " << model::to_string(role) << " " << count << "\n";
  EXPECT_GT(n.drawn, 100u);
  EXPECT_GT(n.records, 20u);
  EXPECT_GT(n.returns, n.drawn);
}

// A copy of 1 MiB lies on the stack: what it passes and what it has from its caller are told.
TEST(Roles, ALargeFrameIsToldFromBothEnds) {
  Count n;
  for (const std::string& path : case_guests("1.12.17_linux")) {
    const model::Program program(loader::Image::load(path));
    Watchers on;
    on.event = [&](const emu::Machine& m, const model::Tracker& t, const model::Event& e) {
      if (e.kind() != model::EventKind::transfer || HasFatalFailure()) return;
      const model::Guest guest(program, m.state());
      const Roles r = model::roles_of(guest, &t, guest.standing(m.state().thread()), 8);
      for (const FrameRoles& f : r.frames) {
        if (!f.whole || f.hi - f.lo <= model::kMaxFrame) continue;
        const std::string what = base(path) + " " + std::string(f.frame.function->name());
        words_fill(f.slots, f.lo, f.hi, what, n);
        ASSERT_EQ(f.lo, f.frame.sp) << what;
        ASSERT_TRUE(r.at(f.frame.sp) && r.at(f.frame.sp)->size <= 8) << what;
        ASSERT_EQ(std::count_if(f.slots.begin(), f.slots.end(), [](const Slot& s) { return s.untold(); }), 1) << what;
      }
    };
    run_model(program, {"fault-nil"}, true, on);
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_GT(n.untold, 0u);
}

TEST(Roles, AnInterfaceIsATypeAndAValue) {
  Count n;
  for (const std::string& path : case_guests()) {
    if (base(path).find("_dwarf") == std::string::npos) continue;
    const model::Program program(loader::Image::load(path));
    for (const std::string& name : listed_cases(program)) {
      if (!name.starts_with("panic") && !name.starts_with("recover")) continue;
      if (!in_sample(base(path) + name, 6)) continue;
      Watchers on;
      on.event = [&](const emu::Machine& m, const model::Tracker& t, const model::Event& e) {
        if (e.kind() != model::EventKind::panic_start || ::testing::Test::HasFatalFailure()) return;
        const model::Guest guest(program, m.state());
        const Roles r = model::roles_of(guest, &t, guest.standing(m.state().thread()), 2);
        interface_words_agree(guest, r, e, base(path) + " " + name, n);
      };
      run_model(program, {name}, true, on);
      ASSERT_FALSE(HasFatalFailure());
    }
  }
  std::cout << n.interfaces << " panics\n";
  EXPECT_GT(n.interfaces, 10u);
}

}  // namespace
}  // namespace deferscope::test
