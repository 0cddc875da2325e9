// What the compiler wrote down beside a function's code: FUNCDATA, PCDATA, frame size, deferreturn, open-coded defers.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/listing.h"

namespace deferscope::cli {

struct FuncData {
  std::uint32_t index = 0;
  std::uint64_t address = 0;
  std::string_view name;  // "?": not known for this release
  std::string detail;     // of open-coded defers: where deferBits and the closures lie, relative to varp
};

// varp, which OpenCodedDeferInfo counts from, is the caller's SP less 16 on x86-64, less 8 on arm64.
struct FunctionTables {
  std::int32_t args = 0;          // bytes of stack arguments; negative: unknown
  std::uint32_t deferreturn = 0;  // offset of the call; 0: none
  std::vector<FuncData> funcdata;
};
FunctionTables tables_of(const Listing& listing, const loader::Func& f);

// A value that starts to hold at an instruction.
struct PcNote {
  std::optional<std::uint32_t> table;  // PCDATA's index; nothing: the frame size
  std::string_view name;               // of the table; empty: not known for this release
  std::int64_t value = 0;
};

// Finds the values that change. Ask in order of address.
class PcNotes {
 public:
  PcNotes(const Listing& listing, const loader::Func& f);
  std::vector<PcNote> at(std::uint64_t pc);

 private:
  const Listing& listing_;
  const loader::Func& f_;
  std::vector<std::optional<std::int64_t>> values_;  // PCDATA tables, then the frame size
};

// As lines of the listing.
std::string text_of(const FunctionTables& tables);  // several, each ends in a newline
std::string text_of(const PcNote& note);

}  // namespace deferscope::cli
