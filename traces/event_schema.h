// What is known of events without one at hand, from the rows of runtime_model/event_table.def, and of a trace's first
// and last line from those of trace_table.def: the fields by path, the JSON Schema (traces/schema/event.json) and the
// tables of docs/events.md. traces_test holds the files against these.
#pragma once
#include <string>
#include <vector>

#include "runtime_model/events.h"

namespace deferscope::traces {

struct EventField {
  std::string path;  // "defer.function.captured[].name"
  model::FieldClass field_class;
  const char* meaning;
};
// All fields that an event of that kind has in JSON, in their order; of jmpdefer's steps those of both instruction
// sets. What a comparison may look at: by class.
std::vector<EventField> event_fields(model::EventKind kind);

std::string event_schema();  // JSON
std::string trace_schema();  // of a trace's first and last line
std::string event_tables();  // Markdown

}  // namespace deferscope::traces
