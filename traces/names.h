// What turns the addresses and names of events into text: asked of a program, or of what a trace says itself. JSON of
// what repeats in a stream is made once for each, and kept.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime_model/naming.h"
#include "runtime_model/program.h"

namespace deferscope::traces {

// An address of code.
struct CodeText {
  bool known = false;  // false: no Go code there, or nothing is known of it
  std::string symbol;
  uint64_t offset = 0;
  std::string file;
  uint64_t line = 0;
  bool operator==(const CodeText&) const = default;
};

class Names {
 public:
  virtual ~Names() = default;
  virtual bool amd64() const = 0;
  // Of the function value in a _defer record, from the record's begin; none where nobody knows it.
  virtual std::optional<uint64_t> fn_offset() const = 0;
  // To Go 1.17: deferred functions are run by jmpdefer where a function returns.
  virtual bool jmpdefer() const = 0;
  // The CALL that returns there; 0: none does, or nobody knows it.
  virtual uint64_t call_site(uint64_t return_address) = 0;

  // "symbol":…,"offset":…,"file":…,"line":…
  const std::string& symbol(uint64_t pc);
  // The whole place: {"pc":…,"symbol":…}; null for 0.
  const std::string& place(uint64_t pc);
  // The instruction's text as a JSON string.
  const std::string& instruction(uint64_t pc);
  // As a JSON string.
  const std::string& name(model::Name n);

  // What a captured word says by its type; empty: a later part of a variable. Not kept.
  virtual std::string captured(const model::Captured& c) = 0;
  // The same as a JSON string, or null. Valid until the next call: the last ones are kept, since a defer's words come
  // again when it runs.
  const std::string& captured_json(const model::Captured& c);

  // For texts: "main.f+12", or the address; "mov rax, [rsp]", or "?". Not kept.
  std::string describe(uint64_t pc);
  // The function there; empty if it is not known.
  std::string function(uint64_t pc) { return code(pc).symbol; }
  // The file there, without its folders.
  std::string file(uint64_t pc);
  virtual std::string instruction_text(uint64_t pc) = 0;

 protected:
  virtual CodeText code(uint64_t pc) = 0;

 private:
  model::Kept<std::string> symbols_, places_, instructions_;  // by pc
  model::Kept<std::string> names_;                            // by Name
  struct Word {
    model::Captured of;
    std::string json;
  };
  std::array<Word, 256> words_;  // by value
};

class ProgramNames final : public Names {
 public:
  explicit ProgramNames(const model::Program& program) : p_(program), naming_(program) {}
  const model::Program& program() const { return p_; }
  model::DeferredFunction deferred(const model::Deferred& d) { return naming_.deferred(d); }
  bool amd64() const override { return p_.amd64(); }
  std::optional<uint64_t> fn_offset() const override;
  bool jmpdefer() const override { return p_.mech().on_return == model::ReturnMechanism::jmpdefer; }
  uint64_t call_site(uint64_t return_address) override { return p_.call_site(return_address); }
  std::string instruction_text(uint64_t pc) override;
  std::string captured(const model::Captured& c) override;

 private:
  CodeText code(uint64_t pc) override;
  const model::Program& p_;
  model::Naming naming_;
};

}  // namespace deferscope::traces
