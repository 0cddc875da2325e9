// Programs for macOS as the model reads them from their files: what it says of the defers of a program's own functions
// is what it says of the same source's Linux build, but for addresses.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "runtime_model/inventory.h"
#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::Program;

// Of each user function that registers or runs defers: what it does, addresses left out.
std::map<std::string, std::string> said_of(const Program& p) {
  std::map<std::string, std::string> out;
  for (const model::FunctionDefers& d : model::inventory(p)) {
    if (d.function->origin != model::Origin::user) continue;
    std::string& text = out[std::string(d.function->name())];
    for (const model::DeferSite& s : d.sites)
      text += fmt::format("line {} {} {} {} {} slot {}\n", p.location(s.statement()).line, to_string(s.storage), s.how,
                          s.deferred, s.wraps, s.slot);
    text += fmt::format("{} deferreturn, {} RET, {}\n", d.deferreturns.size(), d.exits.size(), d.reason);
  }
  return out;
}

// The Linux build of the same source; the whole set of cases where the core set has that.
std::string linux_build(std::string path) {
  path.replace(path.find("_darwin_"), 8, "_linux_");
  if (std::filesystem::exists(path)) return path;
  path.replace(path.rfind("casessmall"), 10, "cases");
  return std::filesystem::exists(path) ? path : "";
}

TEST(MachOModel, DefersAreThoseOfTheLinuxBuild) {
  size_t functions = 0, programs = 0;
  for (const std::string& path : guest_files(kMachO)) {
    const std::string other = linux_build(path);
    if (other.empty()) continue;
    SCOPED_TRACE(base(path));
    const auto ours = said_of(Program(loader::Image::load(path)));
    const auto theirs = said_of(Program(loader::Image::load(other)));
    EXPECT_GT(ours.size(), 50u);
    for (const auto& [name, text] : ours) {
      ASSERT_TRUE(theirs.contains(name)) << name;
      EXPECT_EQ(text, theirs.at(name)) << name;
      ++functions;
    }
    ++programs;
  }
  if (programs == 0) GTEST_SKIP() << "no guests";
  EXPECT_GT(functions, 50 * programs);
}

// Every function that both have stands at the same lines, and so do those that were inlined.
TEST(MachOModel, LinesAreThoseOfTheLinuxBuild) {
  size_t programs = 0;
  for (const std::string& path : guest_files(kMachO)) {
    const std::string other = linux_build(path);
    // The whole set numbers the closures of variables in another way.
    if (other.find("casessmall") == std::string::npos) continue;
    SCOPED_TRACE(base(path));
    const Program ours(loader::Image::load(path)), theirs(loader::Image::load(other));
    const loader::FuncTable& table = ours.image().go()->funcs;
    size_t compared = 0;
    for (size_t i = 0; i < table.size(); ++i) {
      const loader::Func f = table.func(i);
      if (!f.name.starts_with("main.")) continue;
      const auto twin = theirs.image().go()->funcs.find_first(f.name);
      if (!twin) continue;
      const auto at = table.line(f, f.entry), there = theirs.image().go()->funcs.line(*twin, twin->entry);
      EXPECT_EQ(at.line, there.line) << f.name;
      EXPECT_EQ(at.file, there.file) << f.name;
      ++compared;
    }
    EXPECT_GT(compared, 100u);
    ++programs;
  }
  if (programs == 0) GTEST_SKIP() << "no guests";
}

}  // namespace
}  // namespace deferscope::test
