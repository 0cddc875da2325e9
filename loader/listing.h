// A program that is an assembly listing: the output of `go tool compile -S` (or `go build -gcflags=-S`), alone or in
// the middle of an article. What is in it becomes segments, symbols and a function table like a linked program's; what
// it calls and does not hold gets a few instructions of ours, whose work the runtime model does (Gate).
//
//     Image::load("defer.s", {}, &options).listing()->functions …
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loader/moduledata.h"
#include "loader/version.h"

namespace deferscope::loader {

// What the reader of a listing is told beside it.
struct ListingOptions {
  std::string go = {};                  // its Go version ("1.13", "go1.13.15"); "": as its shape says
  std::string call = {};                // the function to run alone; "": main
  std::vector<int64_t> arguments = {};  // of that one
  std::vector<std::string> more = {};   // paths of further files that belong to it
};

// An instruction as the listing has it.
struct ListingLine {
  uint32_t offset = 0;  // in its function
  uint32_t number = 0;  // the text's line
  std::string_view file;
  int32_t source_line = 0;
  std::string_view text;  // "MOVQ\t$0, \"\".t+48(SP)", without comments
};

// A variable's place that an instruction names: distance from the caller's SP before the call, so it holds throughout
// the function.
struct ListingSlot {
  int64_t from_caller_sp = 0;
  std::string_view name;      // "t", ".autotmp_2"
  bool stored_first = false;  // the first instruction that names it stores there
};

struct ListingFunction {
  std::string_view name;    // as a linked program has it: main.f
  std::string_view listed;  // as it stands there: "".f
  uint64_t address = 0, size = 0;
  int32_t arguments = 0, frame = 0;  // bytes, as TEXT says: $frame-arguments
  std::vector<ListingLine> lines;    // in order of offset
  std::vector<ListingSlot> slots;    // in order of place

  const ListingLine* line_at(uint64_t offset) const;  // the instruction there; nullptr: none begins there
};

// An address without memory that the runtime model answers for: "runtime.printint".
struct Gate {
  uint64_t address = 0;
  std::string name;
};
constexpr uint64_t kGateSize = 16;

// A data symbol that is used and not there. Nothing is mapped at its place.
struct MissingData {
  uint64_t address = 0;
  std::string name;
  std::string used_by;  // "main.f+12"
};
constexpr uint64_t kMissingSize = 1 << 16;

// Where the modelled runtime keeps what it has.
struct ListingWorld {
  uint64_t data = 0, data_size = 0;  // its variables, all zero at first
  uint64_t stack_lo = 0, stack_hi = 0;
  uint64_t heap = 0, heap_end = 0;
};

struct ListingInfo {
  GoVersion version;
  std::string version_by;  // how the version is known: "--go", "shape: go1.18…go1.19"
  std::vector<std::string> notes;
  ListingOptions options;
  uint64_t call = 0;                       // entry of options.call; 0: main.main
  std::vector<ListingFunction> functions;  // in order of address
  std::vector<Gate> gates;                 // in order of address
  std::vector<MissingData> missing;        // in order of address
  ListingWorld world;
  ModuleData module;                                       // as far as anybody asks
  std::map<std::string, uint64_t, std::less<>> addresses;  // of all symbols, by their names in a linked program

  const ListingFunction* function_at(uint64_t pc) const;
  const Gate* gate_at(uint64_t pc) const;
  const MissingData* missing_at(uint64_t address) const;
  uint64_t address_of(std::string_view name) const;  // 0: none

  // Texts that the views above point into.
  std::vector<std::unique_ptr<std::string>> texts;
};

// `"".f` and `main.f`, as a linked program has it.
std::string linked_name(std::string_view listed);

// The instruction at pc as its listing has it, with one space behind its name: `MOVQ $0, "".t+48(SP)`. Empty: none
// begins there, or the program is no listing.
std::string listed_text(const ListingInfo* listing, uint64_t pc);

// What a file seems to be, without reading it as a program: "-" (standard input) can only be a listing.
struct ListingGlance {
  bool listing = false;
  std::string source;  // the Go file that its instructions name first
};
ListingGlance glance_at_listing(const std::string& path);

}  // namespace deferscope::loader
