// Reads a trace: its header, its events one by one, its end. Memory does not grow with its length.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "traces/event_reader.h"
#include "traces/trace_lines.h"
#include "traces/trace_of_run.h"

namespace deferscope::traces {

class TraceReader {
 public:
  // Fills a buffer; how many bytes, 0 at the end; Zstandard is decompressed. It throws what it likes.
  using Source = std::function<size_t(char* to, size_t n)>;
  // Reads the header. Throws TraceError: one line with the file's name, for what is no trace, and for a damaged line.
  TraceReader(std::string name, Source source);

  const TraceHeader& header() const { return header_; }
  // The next event, valid until the next one is read; nullptr: there is none. Throws TraceError.
  const model::Event* next();
  // Once next() gave nullptr. None: the trace is a prefix.
  const std::optional<TraceEnd>& end() const { return end_; }
  TraceNames& names() { return reader_.names(); }

 private:
  std::optional<std::string_view> line();
  void check_end();
  [[noreturn]] void fail(const std::string& what) const;

  std::string name_;
  Source source_;
  std::string buffer_;
  size_t at_ = 0;      // in the buffer: what is not read yet
  bool done_ = false;  // the source has nothing more
  EventReader reader_;
  TraceHeader header_;
  std::optional<TraceEnd> end_;
  EventCounts counts_{};
};

}  // namespace deferscope::traces
