// Facts about code that a breakpoint or a reader of the guest needs: where a source line and an inlined function begin,
// where g lives; against executions, DWARF and the other way to the same fact.
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "runtime_model/lines.h"
#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::GPlace;
using model::Program;

bool is_linux(const std::string& path) { return path.find("_linux_") != std::string::npos; }

// How often the run comes to one of the addresses.
size_t arrivals(const Program& p, const std::vector<uint64_t>& at, const std::string& guest_case) {
  emu::Machine m(p.image(), guest_options(p.image().path(), {guest_case}));
  m.recording().set_sink([](int, const uint8_t*, size_t) {});
  m.set_hooks({at.begin(), at.end()});
  size_t n = 0;
  while (m.run_to(emu::kNever).kind == emu::Stop::Hook) ++n;
  return n;
}

// main.conditional runs eight times; each of these lines once in it, whatever was deferred before (forms.go).
TEST(Lines, BehindAConditionalDeferEveryPathStops) {
  DEFERSCOPE_NEED_GUESTS(guests);
  size_t tested = 0;
  for (const std::string& path : guests) {
    if (!is_linux(path) || base(path).rfind("cases", 0) != 0) continue;
    for (const bool dwarf : {true, false}) {
      const Program p(loader::Image::load(path), dwarf);
      if (dwarf && !p.dwarf()) continue;
      for (const int line : {356, 359, 362, 367})
        EXPECT_EQ(arrivals(p, model::line_addresses(p, "cases/forms.go", line), "defer-conditional"), 8u)
            << base(path) << " line " << line << (dwarf ? " with DWARF" : "");
      ++tested;
    }
  }
  EXPECT_GT(tested, 0u);
}

// An address stands on its line; the first line of a function gives one behind its stack check.
TEST(Lines, AreWhereTheTableSays) {
  DEFERSCOPE_NEED_GUESTS(guests);
  for (const std::string& path : guests) {
    if (base(path).rfind("cases", 0) != 0) continue;
    SCOPED_TRACE(base(path));
    const Program p(loader::Image::load(path));
    for (int line = 347; line < 400; line += 9)
      for (uint64_t pc : model::line_addresses(p, "forms.go", line)) {
        const model::Location& at = p.location(pc);
        ASSERT_TRUE(at.function);
        EXPECT_EQ(at.line, line);
        EXPECT_TRUE(at.file.ends_with("/forms.go"));
      }
    const model::Function* f = p.function_named("main.conditional");
    ASSERT_TRUE(f);
    const auto first = model::line_addresses(p, "forms.go", p.location(f->f.entry).line);
    ASSERT_EQ(first.size(), 1u);
    EXPECT_GT(first[0], f->f.entry);
  }
}

TEST(Lines, FilesMatchByTheirTail) {
  EXPECT_TRUE(model::file_matches("/a/b/main.go", "main.go"));
  EXPECT_TRUE(model::file_matches("/a/b/main.go", "b/main.go"));
  EXPECT_TRUE(model::file_matches("/a/b/main.go", "/a/b/main.go"));
  EXPECT_FALSE(model::file_matches("/a/b/domain.go", "main.go"));
  EXPECT_FALSE(model::file_matches("main.go", "b/main.go"));
}

// Inlined copies as pclntab has them begin where DWARF's ranges of their parameters begin.
TEST(Lines, InlinedCopiesAreDwarfs) {
  DEFERSCOPE_NEED_GUESTS(guests);
  size_t checked = 0;
  for (const std::string& path : guests) {
    const Program p(loader::Image::load(path));
    // To 1.13 DWARF's ranges of a call leave out what was inlined into it, so some begin later.
    if (!p.dwarf() || p.image().uses_cgo() || p.minor() < 14) continue;
    SCOPED_TRACE(base(path));
    std::set<std::pair<uint64_t, std::string>> ours;
    std::set<const model::Function*> in;
    for (const model::InlinedCopy& c : model::inlined_copies(p, [](std::string_view) { return true; })) {
      ours.emplace(c.entry, c.function);
      in.insert(c.in);
      EXPECT_EQ(p.function_at(c.entry), c.in);
    }
    size_t n = 0;
    for (const model::Function* f : in) {
      if (++n % 5) continue;
      const auto info = p.dwarf()->function_at(f->f.entry);
      if (!info) continue;
      for (const loader::Variable& v : info->variables) {
        if (v.inlined_from.empty() || v.role == loader::VariableRole::local || v.scope.empty()) continue;
        uint64_t low = UINT64_MAX;
        for (const auto& [from, to] : v.scope) low = std::min(low, from);
        if (v.inlined_from.find('[') != std::string::npos) continue;  // type arguments are spelled out there
        EXPECT_TRUE(ours.contains({low, v.inlined_from})) << f->name() << ": " << v.inlined_from << " at " << low;
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 100u);
}

// --- where g lives ---

struct GRow {
  isa::Isa isa;
  loader::Os os;
  GPlace::Kind kind;
  int64_t offset;
  std::optional<int64_t> by_code;
};
constexpr GRow kGRows[] = {
    {isa::Isa::x86_64, loader::Os::linux_, GPlace::thread_local_, -8, -8},
    {isa::Isa::x86_64, loader::Os::darwin, GPlace::thread_local_, 0x30, std::nullopt},
    {isa::Isa::arm64, loader::Os::linux_, GPlace::reg, 0, std::nullopt},
    {isa::Isa::arm64, loader::Os::darwin, GPlace::reg, 0, std::nullopt},
};

TEST(GPlaces, EveryGuestHasItsRow) {
  DEFERSCOPE_NEED_GUESTS(guests);
  for (const std::string& path : guests) {
    SCOPED_TRACE(base(path));
    const loader::Image image = loader::Image::load(path);
    if (!image.go()) continue;
    const GPlace at = model::g_place(image);
    for (const GRow& r : kGRows) {
      if (r.isa != image.isa() || r.os != image.os()) continue;
      EXPECT_EQ(std::tuple(at.kind, at.offset), std::tuple(r.kind, r.offset));
      EXPECT_EQ(model::g_offset_by_code(image), r.by_code);
      EXPECT_EQ(model::g_offset_by_symbol(image), std::nullopt) << "Go's own linker makes no thread-local block";
    }
  }
}

// `MOVQ FS:disp32, reg` and `MOVQ reg, FS:disp32` with the word's place moved: every n-th of them.
std::vector<uint8_t> with_g_moved(std::vector<uint8_t> bytes, size_t n) {
  constexpr uint8_t kDisplacement[] = {0xf8, 0xff, 0xff, 0xff};
  size_t found = 0;
  for (size_t i = 0; i + 9 <= bytes.size(); ++i)
    if (bytes[i] == 0x64 && (bytes[i + 1] & 0xf8) == 0x48 && (bytes[i + 4] == 0x25) &&
        std::equal(std::begin(kDisplacement), std::end(kDisplacement), bytes.begin() + static_cast<ptrdiff_t>(i + 5)) &&
        found++ % n == 0)
      bytes[i + 5] = 0xa8;
  return bytes;
}

// A static cgo program has its g at FS-0x58 (the C library's block lies above); and where the code is of two minds,
// nothing is believed and a note says so.
TEST(GPlaces, IsReadFromTheCode) {
  DEFERSCOPE_NEED_GUESTS(guests);
  size_t tested = 0;
  for (const std::string& path : guests) {
    if (path.find("_linux_amd64_") == std::string::npos || base(path).rfind("cases", 0) != 0) continue;
    SCOPED_TRACE(base(path));
    const std::vector<uint8_t> bytes = read_guest(path);
    const Program moved(loader::Image::parse(with_g_moved(bytes, 1), path), false);
    EXPECT_EQ(moved.g_place().kind, GPlace::thread_local_);
    EXPECT_EQ(moved.g_place().offset, -0x58);
    const Program torn(loader::Image::parse(with_g_moved(bytes, 2), path), false);
    EXPECT_EQ(torn.g_place().kind, GPlace::unknown);
    ASSERT_FALSE(torn.notes().empty());
    EXPECT_EQ(torn.notes().back().find("where this program keeps g is not known"), 0u) << torn.notes().back();
    ++tested;
  }
  EXPECT_GT(tested, 0u);
}

}  // namespace
}  // namespace deferscope::test
