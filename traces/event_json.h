// Events as JSON Lines, `deferscope.event/1` (traces/schema/event.json).
#pragma once
#include <string>

#include "runtime_model/events.h"
#include "traces/json_writer.h"
#include "traces/names.h"
#include "traces/trace_lines.h"

namespace deferscope::traces {

// Lines of one stream, appended to `out`, which holds whole ones. The last few may wait until the end of this: what is
// copied a while after it was made is copied several times as fast.
class EventLines {
 public:
  EventLines(std::string& out, Names& names) : w_(out), names_(names), out_(&out) {}
  const std::string* out() const { return out_; }
  void add(const model::Event& e);

 private:
  JsonWriter w_;
  Names& names_;
  const std::string* out_;
};

// Appends one line, '\n' included. `names` is the stream's.
void append_event_json(std::string& out, Names& names, const model::Event& e);
// A trace's first and last line, `deferscope.trace/1` (traces/schema/trace.json).
void append_trace_json(std::string& out, const TraceHeader& header);
void append_trace_json(std::string& out, const TraceEnd& end);

// Shared with snapshots: a code address as {"pc", "symbol", "offset", "file", "line"}; null if pc is 0.
void write_place(JsonWriter& w, Names& names, const char* key, uint64_t pc);
// Values with their names and types.
void write_values(JsonWriter& w, const char* key, const std::vector<model::TypedValue>& all);
// Arguments, variables.
void write_values(JsonWriter& w, Names& names, const char* key, const std::vector<model::TypedValue>& all);
// A deferred function: closure, entry, what it wraps, captured words.
void write_deferred(JsonWriter& w, Names& names, const char* key, const model::DeferredFunction& d);

}  // namespace deferscope::traces
