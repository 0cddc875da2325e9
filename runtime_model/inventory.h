// The static inventory: where a program registers defers and how, read from its code without running it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime_model/program.h"

namespace deferscope::model {

enum class Storage : uint8_t { heap, stack, open_coded, rangefunc };
const char* to_string(Storage s);  // "heap", "stack", "open-coded", "rangefunc"

struct DeferSite {
  uint64_t pc = 0;  // of the CALL/BL, or of the store to deferBits
  Storage storage = Storage::heap;
  std::string how;       // "runtime.deferproc", "deferBits |= 1<<2"
  std::string deferred;  // the function, where the code says it; empty: not known before it runs
  std::string wraps;     // what it stands for, if it is a wrapper
  int slot = -1;         // open-coded: which bit, where the code says it
  uint64_t stated = 0;   // code of the defer statement, where that is not at pc; else 0

  uint64_t statement() const { return stated ? stated : pc; }
};

struct FunctionDefers {
  const Function* function = nullptr;
  std::vector<DeferSite> sites;        // in order of address
  std::vector<uint64_t> deferreturns;  // pcs of CALL/BL deferreturn
  std::vector<uint64_t> exits;         // pcs of RET
  uint32_t deferreturn_offset = 0;     // pclntab's _func.deferreturn, as stored
  const OpenCoded* open = nullptr;
  // Why open-coded defers were not used, where the code proves it; else empty.
  std::string reason;
};

// All functions that register defers or call deferreturn, in order of address; with `only` those whose name contains
// it. Cost: decodes the functions that pclntab marks, some tens of milliseconds for a 2 MB program.
std::vector<FunctionDefers> inventory(const Program& program, std::string_view only = {});

}  // namespace deferscope::model
