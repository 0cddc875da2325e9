// A trace in one of its formats. Bytes are appended as events come, so that a run that is stopped leaves a beginning.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "traces/event_text.h"
#include "traces/trace_lines.h"

namespace deferscope::traces {

class TraceWriter {
 public:
  virtual ~TraceWriter() = default;
  virtual void begin(std::string& out, const TraceHeader& header) = 0;
  // `out` is the same one for all events, and gets whole pieces; the last few KiB may wait until flush() or end().
  virtual void event(std::string& out, const model::Event& e) = 0;
  virtual void flush() {}  // before `out` is gone
  virtual void end(std::string& out, const TraceEnd& end) = 0;
  // Of what this wrote: how much of the first `most` bytes ends where a piece (a line, a packet) ends. 0: not even one.
  virtual size_t whole(std::string_view bytes, size_t most) const;
};

// What each writes; those that are for people have a scope.
std::unique_ptr<TraceWriter> json_lines_writer(Names& names);
std::unique_ptr<TraceWriter> text_writer(Names& names, Scope scope, bool outputs, bool summary);
std::unique_ptr<TraceWriter> perfetto_writer(Scope scope);
std::unique_ptr<TraceWriter> chrome_writer(Scope scope);

}  // namespace deferscope::traces
