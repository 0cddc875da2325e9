// deferscope.drawing/1.
#include <fmt/format.h>

#include "traces/drawing.h"
#include "traces/json_writer.h"

namespace deferscope::traces {
namespace {

const char* to_string(Fate f) {
  switch (f) {
    case Fate::stays: return "stays";
    case Fate::dropped: return "dropped";
    case Fate::opened: return "opened";
  }
  return "";
}

class Json {
 public:
  Json(std::string& out, bool relative) : w_(out), relative_(relative) {}

  void write(const std::vector<Drawing>& drawings, const std::vector<NotDrawn>& missing) {
    w_.open().text("schema", "deferscope.drawing/1").list("drawings");
    for (const Drawing& d : drawings) drawing(d);
    w_.end_list().list("missing");
    for (const NotDrawn& m : missing) w_.open().text("program", m.program).text("why", m.why).close();
    w_.end_list().close().end_line();
  }

 private:
  void address(const char* key, uint64_t a) {
    if (relative_)
      w_.null(key);
    else
      w_.hex(key, a);
  }

  // JSON has no signed numbers in our writer's: offsets below SP.
  void offset(int64_t n) { w_.raw("offset", std::to_string(n)); }

  void moment(const DrawnMoment& m) {
    w_.open().number("position", m.position);
    if (m.goroutine)
      w_.number("goroutine", m.goroutine);
    else
      w_.null("goroutine");
    w_.text("place", m.place).text_or_null("line", m.line).text_or_null("instruction", m.instruction).close();
  }

  void marks(const char* key, const std::vector<std::string>& all) {
    w_.list(key);
    for (const std::string& m : all) w_.item(m);
    w_.end_list();
  }

  void word(const DrawnWord& x, bool two) {
    w_.open().text("id", x.id);
    offset(x.offset);
    address("address", x.address);
    w_.number("size", x.size).text("role", model::to_string(x.role)).text_or_null("name", x.name);
    w_.text_or_null("of", x.of).text_or_null("object", x.object).text_or_null("type", x.type);
    w_.text("value", x.value).boolean("stale", x.stale).text_or_null("target", x.target);
    marks("marks", x.marks);
    if (two) {
      w_.boolean("before", x.before).boolean("after", x.after);
      w_.text_or_null("was", x.was_value).text_or_null("was_name", x.was_name);
      marks("was_marks", x.was_marks);
    }
    w_.close();
  }

  void fate(Fate f, bool two) {
    if (two) w_.text("fate", to_string(f));
  }

  void drawing(const Drawing& d) {
    const bool two = d.moments.size() > 1;
    w_.open().text("program", d.program).text_or_null("title", d.title).boolean("relative", d.relative).list("moments");
    for (const DrawnMoment& m : d.moments) moment(m);
    w_.end_list().list("frames");
    for (const DrawnFrame& f : d.frames) {
      w_.open().text("id", f.id).text("function", f.function).text("place", f.place);
      address("sp", f.sp);
      w_.number("size", f.size).boolean("whole", f.whole).text("stack", f.system ? "thread" : "goroutine");
      if (f.c) w_.text("language", "C").text_or_null("library", f.library);
      fate(f.fate, two);
      w_.list("words");
      for (const DrawnWord& x : f.words) word(x, two);
      w_.end_list().close();
    }
    w_.end_list().list("boxes");
    for (const DrawnBox& b : d.boxes) {
      w_.open().text("id", b.id).text("title", b.title).text_or_null("state", b.state);
      address("address", b.address);
      fate(b.fate, two);
      w_.list("fields");
      for (const DrawnWord& x : b.fields) word(x, two);
      w_.end_list().close();
    }
    w_.end_list().list("registers");
    for (const DrawnRegister& r : d.registers) {
      w_.open().text("register", r.reg).text("role", model::to_string(r.role)).text("name", r.name);
      w_.text_or_null("of", r.of).text("value", r.value);
      if (two) w_.boolean("before", r.before).boolean("after", r.after);
      w_.close();
    }
    w_.end_list().list("notes");
    for (const std::string& n : d.notes) w_.item(n);
    w_.end_list().close();
  }

  JsonWriter w_;
  bool relative_;
};

}  // namespace

void append_drawings_json(std::string& out, const std::vector<Drawing>& drawings,
                          const std::vector<NotDrawn>& missing) {
  Json(out, !drawings.empty() && drawings.front().relative).write(drawings, missing);
}

}  // namespace deferscope::traces
