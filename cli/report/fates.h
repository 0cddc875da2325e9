// What became of each defer of the user's in one run: how it was kept and who ran it. Of several programs the same
// defer is told by the statement that registers it, so that releases stand beside each other.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "emu/machine_state.h"
#include "runtime_model/events.h"

namespace deferscope::cli {

class Fates {
 public:
  // The function and line of the statement, which of its goroutine's it is, and of equal ones which.
  using Key = std::tuple<std::string, uint64_t, uint64_t, size_t>;
  struct Fate {
    uint64_t number = 0;  // of the user's defers
    model::Storage storage = model::Storage::heap;
    model::Registrar registered_by = model::Registrar::deferproc;
    emu::Position registered = 0, ran = 0;
    std::optional<model::RunBy> run_by;  // nothing: it never ran
    bool returned = false;
    std::string left;  // why it never ran or returned; empty: it did, or the run was not followed so far
  };

  void see(const model::Event& e);
  const std::map<Key, Fate>& all() const { return fates_; }

 private:
  static constexpr size_t kMost = 5'000;
  std::map<Key, Fate> fates_;
  std::map<uint64_t, Fate*> by_number_;
  std::map<std::tuple<std::string, uint64_t, uint64_t>, size_t> seen_;
};

// Another program's.
struct OtherRun {
  std::string name;   // "go1.17.13 linux/amd64", or as its file is called
  std::string error;  // why there is none
  Fates fates;
};

// The rows of one defer, as JSON: program, how it is kept, what registered it, where, who ran it, where, what of it
// differs. The first is `own`.
std::string fates_json(const Fates& own, const std::string& own_name, const std::vector<OtherRun>& others,
                       size_t most_bytes);

}  // namespace deferscope::cli
