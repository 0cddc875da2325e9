// Chrome's Trace Event Format, as a JSON array with an event a line: an array may lack its end, so a beginning is one
// too. Times are microseconds. "s" and "f" bind to the slice in which they stand ("bp": "e").
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
#include <fmt/format.h>

#include "traces/json_writer.h"
#include "traces/timeline.h"

namespace deferscope::traces {
namespace {

class Chrome final : public TimelineWriter {
 public:
  using TimelineWriter::TimelineWriter;

 private:
  // Up to what only some events have; the caller ends it.
  void line(const char* phase, uint64_t track, uint64_t time) {
    *out_ += first_ ? "[\n" : ",\n";
    first_ = false;
    fmt::format_to(std::back_inserter(*out_), R"({{"ph":"{}","pid":1,"tid":{},"ts":{}.{:03})", phase, track,
                   time / 1000, time % 1000);
  }
  void text(std::string_view key, std::string_view value) {
    fmt::format_to(std::back_inserter(*out_), R"(,"{}":)", key);
    append_json_string(*out_, value);
  }
  void what(const Item& i) {
    text("cat", i.category);
    text("name", i.name);
    if (i.arguments.empty()) return;
    *out_ += R"(,"args":)";
    char before = '{';
    for (const TimelineArgument& a : i.arguments) {
      *out_ += before, before = ',';
      append_json_string(*out_, a.key);
      *out_ += ':';
      a.text.empty() ? void(*out_ += std::to_string(a.number)) : append_json_string(*out_, a.text);
    }
    *out_ += '}';
  }
  void end_line() { *out_ += '}'; }
  void flows(const Item& i) {
    for (const auto& [phase, id] : {std::pair("s", i.flow_from), std::pair("f", i.flow_to)}) {
      if (!id) continue;
      line(phase, i.track, i.time);
      text("cat", i.category);
      text("name", i.category);
      fmt::format_to(std::back_inserter(*out_), R"(,"id":{},"bp":"e"}})", id);
    }
  }
  void name(const char* of, uint64_t track, std::string_view name) {
    line("M", track, 0);
    text("name", of);
    *out_ += R"(,"args":{"name":)";
    append_json_string(*out_, name);
    *out_ += "}}";
  }

  void put_begin(const TraceHeader& h) override {
    name("process_name", 1,
         fmt::format("{} ({}, {}/{})", h.arguments.empty() ? "" : h.arguments[0], h.go, h.goos, h.goarch));
  }
  void put_track(uint64_t track, std::string_view of) override { name("thread_name", track, of); }
  void put_slice(const Item& i) override {
    line("B", i.track, i.time);
    what(i);
    end_line();
    flows(i);
  }
  void put_slice_end(uint64_t time, uint64_t track) override {
    line("E", track, time);
    end_line();
  }
  void put_point(const Item& i) override {
    line("i", i.track, i.time);
    *out_ += R"(,"s":"t")";
    what(i);
    end_line();
    flows(i);
  }
  void put_end(const TraceEnd&) override { *out_ += first_ ? "[]\n" : "\n]\n"; }

  bool first_ = true;
};

}  // namespace

std::unique_ptr<TraceWriter> chrome_writer(Scope scope) { return std::make_unique<Chrome>(scope); }

}  // namespace deferscope::traces
