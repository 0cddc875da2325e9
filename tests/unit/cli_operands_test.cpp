// What the stop view writes behind an instruction: variables on the frame, function values. A name is held against the
// run: where an instruction that has one stands next, the variable of that name lies where the instruction reaches, as
// `print &NAME` finds it for the frame at hand. Sources: tests/guests/src/cases/forms.go.
#include "isa/op_traits.h"
#include "session/operands.h"
#include "session/variables.h"
#include "tests/unit/cli_guests.h"

namespace deferscope::test {
namespace {

std::vector<std::string> guests_with_variables() {
  std::vector<std::string> out = step_guests();
  std::erase_if(out, [](const std::string& path) { return !has(path, "_dwarf"); });
  return out;
}

// The address that the next instruction reaches (or takes) on the frame.
std::optional<uint64_t> operand_address(const session::Reader& reader) {
  const isa::Lifted in = reader.lift(reader.pc());
  for (unsigned i = 0; i < in.count; ++i) {
    const isa::Uop& u = in.uops[i];
    const isa::Touch touch = isa::traits(u.op).touch;
    const bool memory = touch == isa::Touch::Read || touch == isa::Touch::Write || u.op == isa::Op::Lea;
    if (memory && u.mem.base == reader.sp_register()) return reader.sp() + static_cast<uint64_t>(u.mem.disp);
    if (u.op == isa::Op::Add && u.b_imm && u.a == reader.sp_register())
      return reader.sp() + static_cast<uint64_t>(u.imm);
  }
  return std::nullopt;
}

// "&b+8" → b, 8.
std::pair<std::string, uint64_t> name_and_offset(std::string text, bool moved_to_heap) {
  if (text[0] == '&' && !moved_to_heap) text.erase(0, 1);
  const size_t plus = text.find('+');
  return {text.substr(0, plus), plus == std::string::npos ? 0 : std::stoull(text.substr(plus + 1))};
}

TEST(Operands, ANameIsTheVariableThatLiesThere) {
  const auto guests = guests_with_variables();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-results"});
    s.console->quiet = true;
    s("c main.deferResults");
    std::map<std::string, int> seen;
    for (int i = 0; i < 600 && !s.state().exited; ++i) {
      const session::Reader& reader = s.reader();
      const model::Function* f = reader.function(reader.pc());
      const std::string said = session::Operands(reader, f).of(reader.pc());
      const auto address = operand_address(reader);
      if (!said.empty() && address && f->origin == model::Origin::user) {
        ++seen[said];
        // The loader's own answer for this very frame and pc; for what the instruction writes also the one behind it.
        const auto info = reader.program()->dwarf()->function_at(reader.pc());
        ASSERT_TRUE(info);
        const auto frame = reader.frame0();
        bool lies_there = false;
        for (const loader::Variable& v : info->variables) {
          const auto [name, offset] = name_and_offset(said, v.name[0] == '&');
          if (v.name != name) continue;
          loader::FrameAccess access;
          access.cfa = frame->caller_sp;
          access.reg = [](unsigned) { return std::nullopt; };
          access.read = [](uint64_t, std::span<uint8_t>) { return false; };
          for (const uint64_t pc : {reader.pc(), reader.pc() + reader.lift(reader.pc()).length})
            for (const loader::Piece& p : reader.program()->dwarf()->locate(v, pc, access).pieces)
              lies_there |= p.kind == loader::Piece::Kind::memory && p.value - p.offset + offset == *address;
        }
        EXPECT_TRUE(lies_there) << reader.place(reader.pc()) << " " << reader.instruction_text(reader.pc()) << "  "
                                << said;
      }
      s("si");
    }
    EXPECT_GT(seen.size(), 2u);
    EXPECT_TRUE(seen.contains("t")) << "resultNamed's result";
  }
}

// `t = i` and the closure of `defer func() { t += 3 }()` in resultNamed, as the listing of the function shows them.
TEST(Operands, ListingsNameVariablesAndFunctionValues) {
  const auto guests = guests_with_variables();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-results"});
    s("break main.resultNamed; c");
    const std::string listing = s("dis"), stop = s("position");
    EXPECT_TRUE(has(listing, " +0 ")) << listing;
    EXPECT_TRUE(has(stop, " +0 ")) << stop;
    const bool arm = has(path, "arm64");
    EXPECT_TRUE(has(listing, arm ? "(RSP)  t" : "(SP)  t") || has(listing, arm ? "(RSP), R0  t" : "(SP), AX  t"))
        << listing;
    // With arguments in registers (amd64 1.17, arm64 1.18) the closure has a word for &t and is made here of the code's
    // address; before that the function value is the linker's, and &t an argument.
    const bool one = has(listing, "main.resultNamed.func1(SB)"), other = has(listing, "main.resultNamed.func1·f(SB)");
    EXPECT_TRUE(one || other) << listing;
    const bool stack_abi =
        has(path, "_1.12.") || has(path, "_1.13.") || has(path, "_1.16.") || (arm && has(path, "_1.17."));
    EXPECT_EQ(stack_abi, other) << listing;
    EXPECT_FALSE(has(listing, "(IP)")) << listing;
  }
}

// With --source the line stands in the stop view.
TEST(Operands, TheSourceLineIsShownWhereItMayBeRead) {
  const auto guests = guests_with_variables();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const size_t i : {size_t{0}, guests.size() - 1}) {
    SCOPED_TRACE(guests[i]);
    Stepped s(guests[i], {"defer-results"});
    EXPECT_FALSE(has(s("tbreak forms.go:433; c"), "t = i"));
    s.console->options.source_dirs = {"tests/guests/src/cases"};
    EXPECT_TRUE(has(s("position"), "    433      t = i\n")) << s("position");
  }
}

// siz, started, heap and their successors are fields of their own, at DWARF's offsets, with the record's bytes.
TEST(Operands, SmallFieldsOfARecordAreFields) {
  const auto guests = guests_with_variables();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-results"});
    s("tbreak forms.go:435; c");
    const std::string list = s("defers"), record = s("deferred 1");
    const auto chains = s.console->session.chains();
    ASSERT_TRUE(chains && !chains->chain.entries.empty());
    const uint64_t at = chains->chain.entries[0].record;
    if (at == 0) continue;  // open-coded
    const auto layout = s.reader().program()->dwarf()->struct_layout("runtime._defer");
    ASSERT_TRUE(layout);
    int small = 0;
    for (const loader::Field& f : layout->fields) {
      if (f.size >= 8 || f.name == "_" || f.name.starts_with("pad")) continue;
      const uint64_t v = s.reader().value(at + f.offset, static_cast<unsigned>(f.size)).value();
      const std::string value = f.size == 1 ? (v ? "true" : "false") : std::to_string(v);
      EXPECT_TRUE(has(record, fmt::format("    {:<5} {:<12} {}\n", fmt::format("+{}", f.offset), f.name, value)))
          << f.name << "\n"
          << record;
      EXPECT_TRUE(has(list, fmt::format("{} {}", f.name, value))) << f.name << "\n" << list;
      ++small;
    }
    EXPECT_GT(small, 0);
  }
}

}  // namespace
}  // namespace deferscope::test
