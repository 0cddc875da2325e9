// Real programs read by other tools, where they are installed: readelf (segments), addr2line (lines, from DWARF), `go
// version -m`, `go tool nm`. A tool that is missing skips its test visibly; Go's, which `go tool` builds first, are for
// --all.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "loader/dwarf.h"
#include "loader/image.h"
#include "tests/unit/loader_guests.h"

namespace deferscope::test {
namespace {

using namespace loader;

// What the command prints; empty if it fails.
std::string output_of(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>/dev/null").c_str(), "r"), pclose);
  std::string text;
  std::array<char, 65536> buffer;
  while (size_t n = pipe ? std::fread(buffer.data(), 1, buffer.size(), pipe.get()) : 0) text.append(buffer.data(), n);
  return text;
}

#define NEED_TOOL(name) \
  if (output_of("command -v " name).empty()) GTEST_SKIP() << name " is not installed"
#define NEED_GO()                                                                   \
  if (!std::getenv("DEFERSCOPE_ALL")) GTEST_SKIP() << "./dev test --all: needs Go"; \
  NEED_TOOL("go")

// The first `count` guests of different versions would do; all are taken up to this number, evenly spread.
std::vector<std::string> some(const std::vector<std::string>& files, size_t count) {
  std::vector<std::string> picked;
  for (size_t i = 0; i < std::min(files.size(), count); i++)
    picked.push_back(files[i * files.size() / std::min(files.size(), count)]);
  return picked;
}

TEST(LoaderOracle, ReadelfSeesTheSameSegments) {
  DEFERSCOPE_NEED_GUESTS(files);
  NEED_TOOL("readelf");
  for (const std::string& file : some(files, 16)) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    std::istringstream lines(output_of("readelf -lW '" + file + "'"));
    std::vector<std::string> expected, ours;
    for (std::string line, kind; std::getline(lines, line);) {
      std::istringstream words(line);
      uint64_t offset, vaddr, paddr, filesz, memsz;
      if (words >> kind && kind == "LOAD" && words >> std::hex >> offset >> vaddr >> paddr >> filesz >> memsz)
        expected.push_back(
            fmt::format("{:x} {:x} {:x} {:x} {}", offset, vaddr, filesz, memsz, line.substr(line.rfind(" 0x") - 3, 3)));
    }
    for (const Segment& s : image.segments())
      ours.push_back(fmt::format("{:x} {:x} {:x} {:x} {}{}{}", s.fileoff, s.vaddr - image.bias(), s.filesz, s.memsz,
                                 s.read ? 'R' : ' ', s.write ? 'W' : ' ', s.exec ? 'E' : ' '));
    EXPECT_EQ(ours, expected);
  }
}

// Instructions of some functions and what we say of them: "file.go:line".
struct LineSample {
  std::string addresses;  // as in the file, separated by newlines
  std::vector<std::string> lines;
};

LineSample sample_lines(const Image& image) {
  const FuncTable& funcs = image.go()->funcs;
  LineSample sample;
  for (const char* name : {"main.main", "runtime.gopanic", "runtime.deferreturn", "runtime.newproc1", "fmt.Fprintln"}) {
    auto f = funcs.find_first(name);
    if (!f) continue;
    for (uint64_t pc = f->entry; pc < f->end && pc < f->entry + 400; pc += 4) {
      SourceLine at = funcs.line(*f, pc);
      if (!funcs.sp_delta(*f, pc) || at.line == 0) continue;
      sample.addresses += fmt::format("{:#x}\n", pc - image.bias());
      sample.lines.push_back(fmt::format("{}:{}", at.file.substr(at.file.rfind('/') + 1), at.line));
    }
  }
  return sample;
}

// How many lines of `output` that hold a place agree with the sample.
size_t agreeing(const LineSample& sample, const std::string& output) {
  std::istringstream lines(output);
  size_t i = 0, same = 0;
  for (std::string line; std::getline(lines, line) && i < sample.lines.size();) {
    line = line.substr(line.rfind('/') + 1);
    line = line.substr(0, line.find(" ("));  // "(discriminator 1)"
    if (line.find(':') == std::string::npos) continue;
    same += line == sample.lines[i++];
  }
  return same;
}

// DWARF's line table comes from the same compiler by another way than pclntab's, and binutils reads it (up to DWARF 4).
TEST(LoaderOracle, Addr2lineSeesTheSameLines) {
  DEFERSCOPE_NEED_GUESTS(files);
  NEED_TOOL("addr2line");
  size_t tested = 0;
  for (const std::string& file : files) {
    Image image = Image::load(file);
    if (dwarf_version(image) != 4 || image.uses_cgo() || tested++ >= 24) continue;  // cgo: the C linker rewrites DWARF
    SCOPED_TRACE(file);
    LineSample sample = sample_lines(image);
    size_t same = agreeing(sample, output_of(fmt::format("echo '{}' | addr2line -s -e '{}'", sample.addresses, file)));
    // The two tables differ at a few instructions by design (is_stmt, the prologue's start), so nearly all, not all.
    EXPECT_GT(same * 100, sample.lines.size() * 95) << same << " of " << sample.lines.size();
  }
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF 4";
}

// Type arguments are written out in DWARF; pclntab has "[...]" for some.
std::string without_shapes(std::string_view name) {
  const size_t open = name.find('['), close = name.rfind(']');
  if (close == std::string_view::npos) return std::string(name);
  return fmt::format("{}[...]{}", name.substr(0, open), name.substr(close + 1));
}

// DWARF's inlined subroutines against pclntab's inline trees: the whole stack of logical frames at an instruction,
// innermost first.
TEST(LoaderOracle, Addr2lineSeesTheSameInlinedFrames) {
  DEFERSCOPE_NEED_GUESTS(files);
  NEED_TOOL("addr2line");
  size_t tested = 0;
  for (const std::string& file : files) {
    Image image = Image::load(file);
    if (dwarf_version(image) != 4 || image.uses_cgo() || tested++ >= 24) continue;
    SCOPED_TRACE(file);
    const FuncTable& funcs = image.go()->funcs;
    std::string addresses;
    std::vector<std::string> ours;
    for (size_t i = 0; i < funcs.size() && ours.size() < 400; i += 5) {
      Func f = funcs.func(i);
      uint64_t pc = f.entry + (f.end - f.entry) / 8 * 4;
      auto frames = funcs.inline_stack(f, pc);
      // Generated wrappers have no subprogram in DWARF, so their own frame is missing there.
      if (frames.size() < 2 || frames.back().at.file == "<autogenerated>") continue;
      frames[0].function = f.name;  // addr2line names the innermost frame after the symbol table
      addresses += fmt::format("{:#x}\n", pc - image.bias());
      std::string& text = ours.emplace_back();
      for (const InlineFrame& frame : frames)
        text += fmt::format("{} {}:{}\n", without_shapes(frame.function),
                            frame.at.file.substr(frame.at.file.rfind('/') + 1), frame.at.line);
    }
    std::istringstream lines(output_of(fmt::format("echo '{}' | addr2line -a -i -f -s -e '{}'", addresses, file)));
    std::vector<std::string> theirs;
    for (std::string function, place; std::getline(lines, function) && theirs.size() <= ours.size();) {
      if (function.starts_with("0x")) {
        theirs.emplace_back();
      } else if (std::getline(lines, place)) {
        theirs.back() += fmt::format("{} {}\n", without_shapes(function), place.substr(0, place.find(" (")));
      }
    }
    ASSERT_GT(ours.size(), 10u);
    ASSERT_GE(theirs.size(), ours.size());
    for (size_t i = 0; i < ours.size(); i++) EXPECT_EQ(ours[i], theirs[i]);
  }
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF 4";
}

// Every row of the line tables with its is_stmt, as binutils decodes them.
TEST(LoaderOracle, ReadelfDecodesTheSameLineRows) {
  DEFERSCOPE_NEED_GUESTS(files);
  NEED_TOOL("readelf");
  size_t tested = 0;
  for (const std::string& file : some(files, 24)) {
    Image image = Image::load(file);
    const auto dwarf = Dwarf::open(image);
    if (!dwarf || image.uses_cgo()) continue;
    SCOPED_TRACE(file);
    std::vector<std::string> ours, theirs;
    dwarf->each_line_row([&](const LineRow& r) {
      ours.push_back(fmt::format("{:x} {} {}{}", r.address - image.bias(), r.file.substr(r.file.rfind('/') + 1),
                                 r.end_sequence ? "-" : std::to_string(r.line),
                                 r.is_stmt && !r.end_sequence ? " x" : ""));
    });
    std::istringstream lines(output_of("readelf -W --debug-dump=decodedline '" + file + "'"));
    for (std::string line; std::getline(lines, line);) {  // NAME LINE 0xADDRESS [VIEW] [x]
      std::istringstream words(line);
      std::string name, number, address, last, word;
      if (!(words >> name >> number >> address) || !address.starts_with("0x")) continue;
      while (words >> word) last = word;
      theirs.push_back(fmt::format("{} {} {}{}", address.substr(2), name.substr(name.rfind('/') + 1), number,
                                   last == "x" && number != "-" ? " x" : ""));
    }
    std::sort(ours.begin(), ours.end());
    std::sort(theirs.begin(), theirs.end());
    ASSERT_GT(theirs.size(), 1000u);
    EXPECT_EQ(ours.size(), theirs.size());
    std::vector<std::string> differ;
    std::set_symmetric_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(), std::back_inserter(differ));
    EXPECT_TRUE(differ.empty()) << differ.size() << " rows, the first: " << differ[0];
    ++tested;
  }
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF";
}

// "DW_OP_fbreg: -48; DW_OP_piece: 8; …" as kinds, values and sizes; empty: has other operations.
std::string spelled(const std::string& operations, uint64_t cfa) {
  std::string out, piece = "gone";
  std::istringstream parts(operations);
  bool pieces = false;
  for (std::string op; std::getline(parts, op, ';');) {
    op = op.substr(op.find_first_not_of(' '));
    const std::string number = op.substr(op.rfind(' ') + 1);
    if (op.starts_with("DW_OP_piece")) {
      out += fmt::format("{}/{} ", piece, number);
      piece = "gone";
      pieces = true;
    } else if (op.starts_with("DW_OP_fbreg")) {
      piece = fmt::format("memory {}", cfa + static_cast<uint64_t>(std::stoll(number)));
    } else if (op.starts_with("DW_OP_call_frame_cfa")) {
      piece = fmt::format("memory {}", cfa);
    } else if (op.starts_with("DW_OP_reg") && std::isdigit(static_cast<unsigned char>(op[9]))) {
      piece = fmt::format("register {}", std::stoi(op.substr(9)));
    } else {
      return {};
    }
  }
  return pieces ? out : piece + "/0 ";
}

std::string spelled(const Location& location) {
  std::string out;
  for (const Piece& p : location.pieces) {
    const std::string what = p.kind == Piece::Kind::memory ? fmt::format("memory {}", p.value)
                             : p.kind == Piece::Kind::reg  ? fmt::format("register {}", p.value)
                                                           : "gone";
    out += fmt::format("{}/{} ", what, p.size);
  }
  return out;
}

// Where variables are and from which pc to which, as binutils reads the lists (in full up to DWARF 4).
TEST(LoaderOracle, ReadelfSeesTheSameLocations) {
  DEFERSCOPE_NEED_GUESTS(files);
  NEED_TOOL("readelf");
  struct Entry {
    uint64_t begin, end;
    std::string operations;
  };
  size_t tested = 0;
  FrameAccess frame;
  frame.cfa = 1 << 20;
  for (const std::string& file : some(files, 24)) {
    Image image = Image::load(file);
    const auto dwarf = Dwarf::open(image);
    if (!dwarf || dwarf->version() != 4 || image.uses_cgo() || image.bias()) continue;
    SCOPED_TRACE(file);
    std::map<uint64_t, std::vector<Entry>> lists;
    std::istringstream lines(output_of("readelf -W --debug-dump=loc '" + file + "'"));
    std::optional<uint64_t> list;
    for (std::string line; std::getline(lines, line);) {  // OFFSET BEGIN END (OPERATIONS)
      std::istringstream words(line);
      uint64_t offset, begin, end;
      if (!(words >> std::hex >> offset)) continue;
      if (!list) list = offset;
      if (line.find("<End of list>") != std::string::npos) {
        list.reset();
        continue;
      }
      const size_t open = line.find("(DW_OP");
      if (words >> begin >> end && open != std::string::npos)
        lists[*list].push_back({begin, end, line.substr(open + 1, line.rfind(')') - open - 1)});
    }
    size_t checked = 0;
    const FuncTable& funcs = image.go()->funcs;
    for (size_t i = 0; i < funcs.size(); i += 5) {
      const auto info = dwarf->function_at(funcs.func(i).entry);
      if (!info) continue;
      for (const Variable& v : info->variables) {
        if (!v.list) continue;
        const std::vector<Entry>& entries = lists[*v.list];
        for (const Entry& e : entries) {
          // Entries that end before they begin are the compiler's (1.13, arm64).
          if (e.begin >= e.end || spelled(e.operations, frame.cfa).empty()) continue;
          for (uint64_t pc : {e.begin, e.end - 1}) {
            std::set<std::string> wants;  // where entries overlap each is right
            for (const Entry& x : entries)
              if (pc >= x.begin && pc < x.end) wants.insert(spelled(x.operations, frame.cfa));
            const std::string ours = spelled(dwarf->locate(v, pc, frame));
            EXPECT_TRUE(wants.contains(ours)) << info->name << " " << v.name << " at " << pc << ": " << ours;
          }
          ++checked;
        }
      }
    }
    EXPECT_GT(checked, 20u);
    ++tested;
  }
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF 4";
}

TEST(LoaderOracle, GoToolAddr2lineSeesTheSameLines) {
  DEFERSCOPE_NEED_GUESTS(files);
  NEED_GO();
  for (const std::string& file : some(files, 16)) {
    Image image = Image::load(file);
    if (image.symbols().empty() || image.bias() != 0)
      continue;  // the tool needs symbols and does not know of relocation
    SCOPED_TRACE(file);
    LineSample sample = sample_lines(image);
    std::string output =
        output_of(fmt::format("echo '{}' | GOTOOLCHAIN=local go tool addr2line '{}'", sample.addresses, file));
    EXPECT_EQ(agreeing(sample, output), sample.lines.size());
  }
}

TEST(LoaderOracle, GoVersionPrintsTheSameBuildInfo) {
  DEFERSCOPE_NEED_GUESTS(files);
  NEED_GO();
  for (const std::string& file : files) {
    Image image = Image::load(file);
    const GoProgram* go = image.go();
    if (go->version.source != VersionSource::build_info) continue;  // 1.12
    std::string ours = fmt::format("{}: {}\n\tpath\t{}\n", file, go->version.text, go->build.path);
    if (const auto& m = go->build.main) ours += fmt::format("\tmod\t{}\t{}\t{}\n", m->path, m->version, m->sum);
    for (const Module& m : go->build.deps) ours += fmt::format("\tdep\t{}\t{}\t{}\n", m.path, m.version, m.sum);
    for (const auto& [key, value] : go->build.settings) ours += fmt::format("\tbuild\t{}={}\n", key, value);
    std::string theirs = output_of("GOTOOLCHAIN=local go version -m '" + file + "'");
    std::erase(theirs, '"');
    EXPECT_EQ(ours, theirs);
  }
}

TEST(LoaderOracle, GoToolNmSeesTheSameSymbols) {
  DEFERSCOPE_NEED_GUESTS(files);
  NEED_GO();
  for (const std::string& file : some(files, 4)) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    if (image.symbols().empty() || image.uses_cgo())
      continue;  // C brings thread-local symbols, whose values are no addresses
    std::istringstream lines(output_of("GOTOOLCHAIN=local go tool nm -size '" + file + "'"));
    size_t checked = 0;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      uint64_t address, size;
      std::string kind, name;
      words >> std::hex >> address >> std::dec >> size >> kind >> std::ws;
      std::getline(words, name);
      if (kind == "U" || size == 0 || address == 0) continue;
      auto symbol = image.symbols().at(address + image.bias());
      ASSERT_TRUE(symbol) << name;
      if (symbol->name != name && image.symbols().find(name)) continue;  // two names, one address
      EXPECT_EQ(symbol->name, name);
      EXPECT_EQ(symbol->size, size) << name;
      checked++;
    }
    EXPECT_GT(checked, 1000u);
  }
}

}  // namespace
}  // namespace deferscope::test
