// Private to the explanations: an instruction with its moment, the questions that several patterns ask of it, and the
// patterns by subject. A pattern looks at what an instruction does and says what Go means by it, or says nothing.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime_model/code.h"
#include "traces/explain.h"

namespace deferscope::traces {

using Lines = std::vector<std::string>;

struct Seen {
  const Prediction& e;
  const Scene& s;
  const model::Program& p;

  const model::Function* here() const { return p.function_at(e.pc); }
  bool in(std::string_view name) const { return here() && here()->name() == name; }
  // gogo resumes a goroutine; from 1.17 on its second half is a function of its own.
  bool in_gogo() const { return in("runtime.gogo") || in("gogo"); }
  std::optional<uint64_t> word(uint64_t address, unsigned bytes = 8) const;
  std::string name(const model::Function* f) const;
  std::string short_name(const model::Function* f) const;  // without "runtime."
  // The CALL that stands at pc: its callee (nullptr: through a register) and length.
  struct CallAt {
    const model::Function* callee;
    unsigned length;
  };
  std::optional<CallAt> call_at(uint64_t pc) const;
  // A return address: the call before it.
  std::optional<CallAt> call_before(uint64_t pc) const;
  // The callee of the first call that lies ahead on the straight way; nullptr: none within `limit` instructions.
  const model::Function* call_ahead(unsigned limit) const;
  // The function of a funcval; nullptr if it is none.
  const model::Function* function_of(std::optional<uint64_t> funcval) const;
  std::string function_name_of(std::optional<uint64_t> funcval) const;  // "a function" if unknown
  // What the closure context register holds when a deferred function is entered through it.
  const model::Function* context_function() const { return function_of(e.after.r[model::context_register(p.isa())]); }
  // An argument of the function that the CALL at hand enters.
  std::optional<uint64_t> argument(model::Arg a) const;
  // If a recovery resumes there: "the CALL deferreturn of main.f; …". Else empty.
  std::string recovery_target(uint64_t pc) const;
  // The word of the stack, of a record or closure that lies there, and all around it.
  struct WordAt {
    model::Roles all;
    const model::Slot* slot = nullptr;  // in them; nullptr: none
  };
  const WordAt& word_at(uint64_t address) const;
  // What a record is called in drawings: "_defer #1"; else `otherwise`.
  std::string record_title(uint64_t record, const char* otherwise) const;
  std::string at(uint64_t pc) const { return s.place(pc); }
  std::string both(uint64_t pc) const;  // "0x48cfa4 (main.main+68)"

  mutable std::map<uint64_t, WordAt> words_at{};  // word_at's
};

using Pattern = bool (*)(const Seen&, Lines&);
struct Patterns {
  // The first that speaks replaces the plain words and ends the explanation; the others add lines to them.
  std::span<const Pattern> replacing, adding;
};
Patterns stack_patterns();
Patterns call_patterns();
Patterns record_patterns();
// At an instruction of C code, or one by which Go calls C or returns there; false: it is neither. Of C code nothing
// else may speak.
bool explain_c(const Seen& x, Lines& out);

}  // namespace deferscope::traces
