// A run's events with what stands around each of them, as the data of a report's page (deferscope.report/1): drawing,
// chain, registers, frames, explanations, output; and windows of single instructions around the user's events.
// Drawings, frames and texts repeat all the time, so everything is kept once in tables.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/report/fates.h"
#include "cli/report/tables.h"
#include "session/session.h"
#include "session/write_log.h"
#include "traces/drawing.h"
#include "traces/event_text.h"

namespace deferscope::cli {

struct MomentsOptions {
  uint64_t events = 10'000;  // at most
  uint64_t windows = 100;
  size_t bytes = 4'500'000;  // of the data, at most
  size_t drawn = 2'300'000;  // behind that much of it events have no drawings
  std::function<std::optional<std::vector<std::string>>(const std::string& path)> source;  // its lines, if allowed
};

class Moments {
 public:
  explicit Moments(const MomentsOptions& options) : options_(options) {}

  // Options::event of the session. Events that come before begin() are kept until then.
  void see(const model::Event& e);
  // To be the engine's observer, of memory too, from the first instruction to begin().
  emu::Observer& observer() { return log_; }
  // Takes the session, which stands where it was made.
  void begin(session::Session& session);
  // Runs to the end of the guest, or to the last event that is taken.
  void run();
  // Programs that the same defers are looked at in; before json().
  void beside(std::vector<OtherRun> others) { others_ = std::move(others); }
  // The data. `command`: the words behind the flags of `deferscope step` that reproduce the run.
  std::string json(const std::string& name, const std::string& command) const;
  uint64_t events() const { return events_.size(); }

 private:
  // Listed in part if it is long: around these instructions.
  struct Listed {
    const model::Function* function;
    std::set<uint64_t> used;  // offsets
  };
  // Bytes of a frame that were not written since it was opened.
  struct StaleFrame {
    const model::Function* function;
    uint64_t caller_sp;
    std::vector<std::pair<uint64_t, uint32_t>> words;  // address, size
  };
  struct Window {
    size_t event;  // its place in events_
    emu::Position from, at;
    bool draws;
    std::vector<StaleFrame> stale;  // at the event
    std::vector<std::string> steps;
  };

  bool full() const { return events_.size() >= options_.events || bytes() > options_.bytes; }
  size_t bytes() const;
  void take(const model::Event& e);
  void want_window(const model::Event& e);
  void walk(Window& w);
  std::string registers(std::vector<uint64_t>& last) const;
  std::string lines_of(const model::Event& e);
  size_t text(std::string_view s);
  size_t why();
  size_t drawing(const std::function<void(model::Roles&)>& mark);
  void mark_stale(model::Roles& roles);
  void words(const std::vector<traces::DrawnWord>& all, Row& out);
  size_t stack();
  size_t chain(const model::Event& e);
  size_t function(uint64_t pc, uint64_t* offset);
  void output(const model::Event& e);
  void append_functions(std::string& out) const;
  void append_notes(std::string& out) const;

  const MomentsOptions options_;
  session::Session* session_ = nullptr;
  std::unique_ptr<traces::ProgramNames> names_;
  std::unique_ptr<traces::EventText> event_text_;
  std::vector<model::Event> early_;
  Table texts_, rows_, frames_, boxes_, arrows_, drawings_, stacks_, entries_, chains_, whys_;
  std::map<const model::Function*, size_t> function_numbers_;
  std::vector<Listed> functions_;
  std::vector<std::string> events_;
  std::vector<Window> windows_;
  std::vector<uint64_t> registers_;  // at the last event
  session::WriteLog log_;
  Fates fates_;
  std::vector<OtherRun> others_;
  std::vector<StaleFrame> stale_;  // of the last drawing
  std::vector<std::string> outputs_;
  size_t bytes_ = 0;  // of events, windows and outputs
  uint64_t left_out_ = 0, undrawn_ = 0, windows_left_out_ = 0;
  bool in_order_ = false;  // the run goes forward, and the log sees all of it
  bool cut_ = false;       // the run was not followed to its end
  std::string ending_;
};

}  // namespace deferscope::cli
