#include "traces/trace_writer.h"

#include "traces/event_json.h"

namespace deferscope::traces {
namespace {

class JsonLines final : public TraceWriter {
 public:
  explicit JsonLines(Names& names) : names_(names) {}
  void begin(std::string& out, const TraceHeader& header) override { append_trace_json(out, header); }
  void event(std::string& out, const model::Event& e) override {
    if (!lines_ || lines_->out() != &out) lines_ = std::make_unique<EventLines>(out, names_);
    lines_->add(e);
  }
  void flush() override { lines_.reset(); }
  void end(std::string& out, const TraceEnd& end) override {
    flush();
    append_trace_json(out, end);
  }

 private:
  Names& names_;
  std::unique_ptr<EventLines> lines_;
};

class Text final : public TraceWriter {
 public:
  Text(Names& names, Scope scope, bool outputs, bool summary) : text_(names, scope, outputs), summary_(summary) {}
  void begin(std::string&, const TraceHeader&) override {}
  void event(std::string& out, const model::Event& e) override { text_.append(out, e); }
  void end(std::string& out, const TraceEnd& end) override {
    if (end.complete && summary_) text_.append_summary(out);
  }

 private:
  EventText text_;
  bool summary_;
};

}  // namespace

size_t TraceWriter::whole(std::string_view bytes, size_t most) const {
  return most == 0 ? 0 : bytes.rfind('\n', most - 1) + 1;  // npos + 1 is 0
}

std::unique_ptr<TraceWriter> json_lines_writer(Names& names) { return std::make_unique<JsonLines>(names); }

std::unique_ptr<TraceWriter> text_writer(Names& names, Scope scope, bool outputs, bool summary) {
  return std::make_unique<Text>(names, scope, outputs, summary);
}

}  // namespace deferscope::traces
