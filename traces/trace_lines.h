// A trace is a document: a header, events (runtime_model/events.h), an end. The first and last line as structs; their
// fields are the rows of trace_table.def.
#pragma once
#include <string>

#include "runtime_model/events.h"

namespace deferscope::model {

inline constexpr const char* kTraceSchema = "deferscope.trace/1";
struct TraceSchemaWord {};

enum class TraceLine : uint8_t { header, end, count };
inline const char* to_string(TraceLine l) { return l == TraceLine::header ? "header" : "end"; }

// What a trace tells of.
enum class TraceLevel : uint8_t { defer, call, insn, count };
inline const char* to_string(TraceLevel l) {
  static constexpr const char* kNames[] = {"defer", "call", "insn"};
  return kNames[static_cast<size_t>(l)];
}

#define PART(name, meaning)                          \
  struct name {                                      \
    static constexpr const char* kMeaning = meaning; \
    static constexpr bool kNullable = false;         \
    bool operator==(const name&) const = default;
#define FIELD_IF(when, type, member, key, field_class, meaning)                         \
  type member{};                                                                        \
  struct member##_row {                                                                 \
    static constexpr FieldInfo info{key, FieldClass::field_class, When::when, meaning}; \
  };
// clang-format off
#define END };
// clang-format on
#include "traces/trace_table.def"

#define PART(name, meaning)                                \
  template <class Part, class Visit>                       \
  requires std::is_same_v<std::remove_const_t<Part>, name> \
  constexpr void for_each_field(Part& part, Visit&& visit) {
#define FIELD_IF(when, type, member, key, field_class, meaning) \
  visit(typename std::remove_const_t<Part>::member##_row(), part.member);
#define END }
#include "traces/trace_table.def"

}  // namespace deferscope::model

namespace deferscope::traces {
using model::TraceEnd;
using model::TraceHeader;
using model::TraceLine;
}  // namespace deferscope::traces
