// A trace as what comparison compares: what happened, goroutine by goroutine, told by what is equal in every run,
// release, instruction set and build of the same source; and apart from it how the release did it. Which field is which
// comes from the classes in runtime_model/event_table.def; story.cpp has a small table of those that need a hand.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "traces/event_text.h"
#include "traces/texts.h"
#include "traces/trace_lines.h"

namespace deferscope::traces {

class TraceReader;

struct StoryOptions {
  Scope scope = Scope::user;
  bool total_order = false;                    // one strand of all goroutines
  std::set<std::string> ignore;                // kinds of events, fields by path or key, "stdout", "stderr", "values"
  std::vector<std::string> ignore_goroutines;  // whose names have one of these
};

// The fields of a happening: key and value, as docs/events.md names them.
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;
Fields fields_of(std::string_view text);
std::string encoded(std::string_view key, std::string_view value);  // one of them, for fields_of()
// "": it has none of that key.
std::string_view field(const Fields& fields, std::string_view key);

// The texts of all stories that are compared with each other: equal numbers are equal texts.
struct SharedTexts {
  Texts texts;
  std::mutex lock;  // held by whoever reads a story
};

// One thing that happened, by numbers of texts, each one for fields_of().
struct Happening {
  uint32_t subject = 0;   // what and whose: "event", "frame.function", "defer.line", …
  uint32_t outcome = 0;   // how it came out
  uint32_t values = 0;    // what not every build tells: the deferred function, arguments, captured words, effects
  uint32_t evidence = 0;  // what proves why; never compared
};

// Among values: what the defer statement defers.
inline constexpr std::string_view kFunction = "defer.function";
// Among values: no other effect than these.
inline constexpr std::string_view kComplete = "complete";
// Among evidence: a variable that the closure captured (`&name`: its address), that the deferred function is nil, and
// what nil as a panic's value became. (Callers of recover stand there as "caller" and "decided_by".)
inline constexpr std::string_view kProvesCapture = "captured", kProvesNilFunction = "nil function",
                                  kProvesNilValue = "nil value";
// The "event" of a golden's line (golden.h), which has a "text", and may have a "place".
inline constexpr std::string_view kGoldenEvent = "golden";
// Whether two happenings are the same: values are compared where both have them.
bool same(const Texts& texts, const Happening& a, const Happening& b);

// Of the mechanism what is measured, and differs in runs that do the same: shown, never a difference by itself.
bool is_measured(std::string_view field);

// What happened in one goroutine, in order; or the lines of an output stream; or the end.
struct Strand {
  enum Kind : uint8_t { goroutine, output, end };
  std::string name;  // of a goroutine what identifies it; "standard output", "the end"
  Kind kind = goroutine;
  std::vector<Happening> happenings;
};

// How the release did it: of a subject a field's values, and how often each.
using Mechanism = std::map<std::pair<std::string, std::string>, std::map<std::string, uint64_t>>;

struct SourcePlace {
  std::string file;  // as the program names it
  uint64_t line = 0;
};

struct Story {
  TraceHeader header;
  std::optional<TraceEnd> end;  // none: the trace is a prefix
  std::string damage;           // why it is read no further; "": it is whole, as far as it goes
  std::vector<Strand> strands;
  Mechanism mechanism;
  std::unordered_map<uint32_t, SourcePlace> places;  // of subjects, where one is known
};

// Reads a trace to its end. A damaged line ends the story (Story::damage).
Story read_story(TraceReader& trace, SharedTexts& texts, const StoryOptions& options);

}  // namespace deferscope::traces
