// JSON of what repeats in a stream: places in code, functions, instructions. Made once for each, kept.
#pragma once
#include <cstdint>
#include <string>

#include "runtime_model/chain.h"
#include "runtime_model/program.h"

namespace deferscope::traces {

class Names {
 public:
  explicit Names(const model::Program& program) : p_(program) {}
  const model::Program& program() const { return p_; }
  bool amd64() const { return p_.amd64(); }

  // "symbol":…,"offset":…,"file":…,"line":…
  const std::string& symbol(uint64_t pc);
  // The whole place: {"pc":…,"symbol":…}; null for 0.
  const std::string& place(uint64_t pc);
  // The name as a JSON string; null for nullptr.
  const std::string& function(const model::Function* f);
  // "symbol":…,"wrapper":…,"wraps":… of a deferred function.
  const std::string& deferred(const model::Function* f);
  // The instruction's text as a JSON string.
  const std::string& instruction(uint64_t pc);

 private:
  const model::Program& p_;
  model::Kept<std::string> symbols_, places_, instructions_;  // by pc
  model::Kept<std::string> functions_, deferred_;             // by Function
};

}  // namespace deferscope::traces
