// Events as text that a newcomer understands: one paragraph an event, positions first.
#pragma once
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "runtime_model/events.h"
#include "runtime_model/program.h"

namespace deferscope::traces {

enum class Scope : uint8_t { user, std_, all };
bool in_scope(Scope scope, model::Origin origin);

class EventText {
 public:
  EventText(const model::Program& program, Scope scope) : p_(program), scope_(scope) {}

  // Appends the event's text; nothing if it is out of scope (it is counted).
  void append(std::string& out, const model::Event& e);
  // The last line: how many were pushed and run, how many are hidden.
  void append_summary(std::string& out) const;

 private:
  void head(std::string& out, const model::Event& e, const std::string& where, const std::string& what);
  void detail(std::string& out, const std::string& text) const;
  std::string name(const model::Deferred& d) const;
  std::string number(uint64_t push) const;
  std::string call_site(uint64_t return_address) const;
  const std::string& place(uint64_t pc) const;  // "main.f+12"
  const std::string& instruction(uint64_t pc) const;
  std::string captured(const model::Deferred& d) const;
  void push(std::string& out, const model::Event& e);
  void start(std::string& out, const model::Event& e);
  void end(std::string& out, const model::Event& e);
  void jmpdefer(std::string& out, const model::Event& e);
  void recover(std::string& out, const model::Event& e);
  void recovery(std::string& out, const model::Event& e);
  void other(std::string& out, const model::Event& e);

  const model::Program& p_;
  Scope scope_;
  std::unordered_map<uint64_t, uint64_t> numbers_;  // push event → its number in this text
  std::unordered_set<uint64_t> goexits_;
  uint64_t pushed_ = 0, run_ = 0, panics_ = 0, recovered_ = 0, hidden_ = 0;
  uint64_t goroutine_ = 1;
  mutable std::unordered_map<uint64_t, std::string> places_, instructions_;
};

std::string with_commas(uint64_t n);  // 61,204

}  // namespace deferscope::traces
