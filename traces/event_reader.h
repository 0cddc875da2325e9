// Reads events back from what event_json.h writes: `deferscope.event/1`, one line each.
#pragma once
#include <array>
#include <deque>
#include <functional>
#include <istream>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime_model/events.h"
#include "traces/json_reader.h"
#include "traces/names.h"
#include "traces/trace_lines.h"

namespace deferscope::traces {

// What a trace says of its addresses, learned as its lines are read.
class TraceNames final : public Names {
 public:
  bool amd64() const override { return amd64_.value_or(true); }
  // No line of a trace says it; who knows the release may tell.
  std::optional<uint64_t> fn_offset() const override { return fn_offset_; }
  void know_release(uint64_t fn_offset, bool jmpdefer) { fn_offset_ = fn_offset, jmpdefer_ = jmpdefer; }
  bool jmpdefer() const override { return jmpdefer_; }
  uint64_t call_site(uint64_t return_address) override;
  std::string instruction_text(uint64_t pc) override;
  std::string captured(const model::Captured& c) override { return c.shown; }

  // False: it has been said otherwise before.
  bool learn_code(uint64_t pc, const CodeText& text);
  bool learn_instruction(uint64_t pc, std::string_view text);
  bool learn_isa(bool amd64);
  void learn(const model::Event& e);  // which CALL returns where
  std::optional<bool> isa_amd64() const { return amd64_; }

 private:
  CodeText code(uint64_t pc) override;
  model::Kept<CodeText> code_;             // by pc
  model::Kept<std::string> instructions_;  // by pc
  std::optional<bool> amd64_;              // told by the registers of a jmpdefer
  std::optional<uint64_t> fn_offset_;
  bool jmpdefer_ = false;        // there was one
  model::Kept<uint64_t> calls_;  // by return address
};

class EventReader {
 public:
  // `name`: of the file, for errors.
  explicit EventReader(std::string name);
  // The event of the next line, without its '\n'. Valid until the next event of its kind is read. Throws TraceError:
  // "FILE:7: column 23: …". Cost: one to two microseconds.
  const model::Event& read(std::string_view line);
  // The same of a trace's line. nullptr: it is the trace's end.
  const model::Event* read(std::string_view line, TraceEnd& end);
  // A trace's first line; from it the names learn what they know of the release.
  void read(std::string_view line, TraceHeader& header);
  TraceNames& names() { return names_; }
  uint64_t lines() const { return line_; }

 private:
  std::string name_;
  TraceNames names_;
  uint64_t line_ = 0;
  template <class Read>
  decltype(auto) in_line(const char* what, Read read);
  const model::Event& event(JsonReader in, model::EventKind kind);
  void restore(model::Event& e);
  static constexpr size_t kRecovered = 1 << 16;
  std::unordered_map<uint64_t, uint64_t> panics_;   // number by id of the panic.start; of recovered ones the latest
  std::deque<uint64_t> recovered_;                  // ids of these
  std::unordered_map<uint64_t, uint64_t> returns_;  // of a jmpdefer that runs, by id of the defer.push
  std::array<model::Event, static_cast<size_t>(model::EventKind::count)> events_;  // reused, with what they hold
};

// Reads all of a stream, a line at a time. False: the last line has no end, so it was not read: the stream is a prefix.
bool read_events(std::istream& in, EventReader& reader, const std::function<void(const model::Event&)>& each);

}  // namespace deferscope::traces
