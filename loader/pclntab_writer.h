// Making a function table for code that came without one. Internal to the room.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "isa/isa.h"

namespace deferscope::loader {

// (first offset behind the run, value), in order.
using PcRuns = std::vector<std::pair<uint32_t, int32_t>>;

struct WrittenFunction {
  uint64_t entry = 0;
  uint32_t size = 0;
  std::string name, file;
  int32_t arguments = 0, start_line = 0;
  uint32_t deferreturn = 0;
  uint8_t func_id = 0, flag = 0;
  PcRuns sp, lines;
  std::vector<std::pair<uint32_t, std::string>> files;  // (first offset behind, file)
  std::map<uint32_t, PcRuns> pcdata;
  std::map<uint32_t, uint64_t> funcdata;  // addresses
};

// In the format of Go 1.20 and later, whatever version the code is of: all that differs is in the header's row.
// `functions` in order of entry. Offsets of code count from `text`, those of funcdata from `gofunc`.
std::vector<uint8_t> write_pclntab(const std::vector<WrittenFunction>& functions, isa::Isa isa, uint64_t text,
                                   uint64_t gofunc);

}  // namespace deferscope::loader
