// Events as text that a newcomer understands: one paragraph an event, positions first.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "runtime_model/events.h"
#include "traces/names.h"
#include "traces/text_buffer.h"

namespace deferscope::traces {

enum class Scope : uint8_t { user, std_, all };
bool in_scope(Scope scope, model::Origin origin);

class EventText {
 public:
  // `names` is the stream's. `outputs` false: what the guest writes stands beside the text already.
  EventText(Names& names, Scope scope, bool outputs = true) : names_(names), scope_(scope), outputs_(outputs) {}

  // Appends the event's text; nothing if it is out of scope (it is counted).
  void append(std::string& out, const model::Event& e);
  // An event that is not shown: what later texts must know of it.
  void pass_over(const model::Event& e);
  // The last line: how many were pushed and run, how many are hidden.
  void append_summary(std::string& out) const;

 private:
  // Lines: a head with the instruction shown, its position and place in a column, then details below.
  void moment(const model::Event& e, uint64_t position);
  void head(const model::Event& e);
  TextBuffer& detail();
  // Texts that repeat, made once each.
  template <class Make>
  const std::string& once(model::Kept<std::string>& kept, uint64_t key, Make make);
  const std::string& place(uint64_t pc);  // "main.f+12"
  const std::string& code(uint64_t pc);   // the function there
  const std::string& instruction(uint64_t pc);
  static std::string_view function(model::Name f);
  const std::string& column(uint64_t pc);  // the same as places of a head
  const std::string& column(model::Name f);

  void put_name(const model::DeferredFunction& d);
  void put_number(const model::Event& e, const model::Defer& d);
  void put_call_site(uint64_t return_address, uint64_t otherwise);
  void put_call();
  void put_panicking(const model::Event& e);
  void put_change(std::string_view what, uint64_t before, uint64_t after);
  void put_bits(const model::Bits& bits);
  void put_value(const std::string& value);
  void put_value(std::string_view name, const std::string& value);
  void captured(const model::DeferredFunction& d);
  void arguments(const model::Defer& d);
  void push(const model::Event& e);
  void run(const model::Event& e, const model::Defer& d, std::string_view how);
  void start(const model::Event& e);
  void end(const model::Event& e);
  void jmpdefer_step(const model::Jmpdefer& e, size_t i);
  void jmpdefer(const model::Event& e);
  template <class Recover>
  void recover(const model::Event& e, const Recover& r);
  void recovery(const model::Event& e);
  void panic(const model::Event& e);
  void put_panic(const model::Panic& p) { put_panic(p.number, p.value); }
  void put_panic(uint64_t number, const std::string& value);
  void panic_ends(const model::Event& e, const model::Panic& p);
  void aborted(const model::Panic& p, model::Why why);
  void left(const model::Event& e);
  void exit(const model::Event& e);
  void stack_move(const model::Event& e);
  void put_walk(const model::Walk& w);
  void walk(const model::Event& e);
  template <class Record>
  void record(const model::Event& e, const Record& r);
  void goroutine(const model::Event& e);
  void output(const model::Event& e);
  void call(const model::Event& e);
  void other(const model::Event& e);

  Names& names_;
  Scope scope_;
  bool outputs_;
  TextBuffer* out_ = nullptr;  // of the event at hand
  std::unordered_set<uint64_t> goexits_;
  uint64_t pushed_ = 0, run_ = 0, panics_ = 0, recovered_ = 0, hidden_ = 0;
  emu::Refusals refusals_;
  uint64_t never_run_ = 0, never_returned_ = 0;
  uint64_t goroutine_ = 1;
  model::Kept<std::string> places_, instructions_, columns_;  // by pc
  model::Kept<std::string> functions_;                        // of code at a pc
  model::Kept<std::string> function_columns_;
};

std::string with_commas(uint64_t n);  // 61,204

}  // namespace deferscope::traces
