#include "traces/compare_reports.h"

#include <fmt/format.h>

#include "loader/printable.h"
#include "traces/json_writer.h"
#include "traces/story_text.h"
#include "traces/typeset.h"

namespace deferscope::traces {
namespace {

using loader::printable;

constexpr const char* kKinds[] = {"goroutine", "output", "end"};

const Happening* any_of(const Comparison& c, const ComparedStrand& s, size_t row) {
  for (size_t column = 0; column < c.columns().size(); ++column)
    if (const Happening* h = c.at(s, row, column)) return h;
  return nullptr;
}

void json_columns(JsonWriter& w, const Comparison& c) {
  w.list("columns");
  for (const Column& column : c.columns()) {
    const TraceHeader& h = column.story.header;
    w.open().text("label", column.label).text("source", column.source);
    w.text_or_null("go", h.go).text_or_null("goos", h.goos).text_or_null("goarch", h.goarch);
    w.list("arguments");
    for (const std::string& a : h.arguments) w.item(a);
    w.end_list();
    w.boolean("complete", column.usable() && column.complete());
    w.text_or_null("trouble", column.usable() ? column.story.damage : column.trouble).close();
  }
  w.end_list();
}

void json_row(JsonWriter& w, const Comparison& c, const ComparedStrand& s, size_t row) {
  const Happening& any = *any_of(c, s, row);
  w.open().text("in", s.name).word("kind", kKinds[s.kind]);
  w.text("event", field(fields_of(c.texts()[any.subject]), "event"));
  w.text_or_null("place", place_text(c.texts(), any));
  w.list("cells");
  const std::vector<int> of = c.classes(s, row);
  for (size_t column = 0; column < of.size(); ++column) {
    const Happening* const h = c.at(s, row, column);
    w.open();
    of[column] < 0 ? w.null("class") : w.number("class", static_cast<uint64_t>(of[column]));
    (h ? w.text("text", sentence(c.texts(), *h)) : w.null("text")).close();
  }
  w.end_list();
  w.list("why");
  for (const std::string& line : why(c, s, row)) w.item(line);
  w.end_list().close();
}

// Of a workflow command: its message, or a property of it.
std::string escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    const bool escape = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    out += escape ? fmt::format("%{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return out;
}

SourcePlace place_of(const Comparison& c, const ComparedStrand& s, size_t row) {
  for (size_t r = row + 1; r-- > 0;)  // what has none lies behind what has
    for (size_t column = 0; column < c.columns().size(); ++column) {
      const Happening* const h = c.at(s, r, column);
      if (!h) continue;
      const auto& places = c.columns()[column].story.places;
      if (const auto it = places.find(h->subject); it != places.end() && !it->second.file.empty()) return it->second;
    }
  return {};
}

std::string cells_text(const Comparison& c, const ComparedStrand& s, size_t row) {
  const std::vector<int> of = c.classes(s, row);
  std::string out;
  int before = -1;
  for (size_t column = 0; column < of.size(); ++column) {
    if (of[column] < 0 || of[column] == before) continue;
    before = of[column];
    const Happening* const h = c.at(s, row, column);
    out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", c.columns()[column].label,
                       h ? sentence(c.texts(), *h) : "nothing of it");
  }
  return out;
}

}  // namespace

std::string comparison_json(const Comparison& c, const CompareTextOptions& o) {
  std::string out;
  JsonWriter w(out);
  w.open().word("schema", "deferscope.diff/1");
  json_columns(w, c);
  w.boolean("same", !c.semantic_differences() && (o.semantics || !c.mechanism_differences()));
  w.number("semantic_differences", c.semantic_differences());
  w.number("mechanism_differences", c.mechanism_differences());
  w.list("differences");
  for (const ComparedStrand& s : c.strands())
    for (const uint32_t row : s.different) json_row(w, c, s, row);
  w.end_list();
  w.list("mechanism");
  for (const ComparedMechanism& m : c.mechanism()) {
    if (!m.different) continue;
    w.open().list("about");
    for (const auto& [key, value] : fields_of(m.subject)) w.open().text("field", key).text("value", value).close();
    w.end_list().text("field", m.field).list("values");
    for (const std::string& v : m.values) w.item(v);
    w.end_list().close();
  }
  w.end_list().close().end_line();
  return out;
}

std::string junit_document(const std::string& suites) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n" + suites + "</testsuites>\n";
}

std::string junit_trouble(const std::string& suite, const std::string& what) {
  return fmt::format(
      "  <testsuite name=\"{0}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    <testcase classname=\"{0}\" "
      "name=\"run\">\n"
      "      <error message=\"{1}\"/>\n    </testcase>\n  </testsuite>\n",
      markup(printable(suite)), markup(printable(what)));
}

std::string comparison_junit(const Comparison& c, const CompareTextOptions& o, const std::string& suite) {
  size_t tests = 0, failures = 0, errors = 0;
  std::string cases;
  const auto add = [&](const std::string& pair, const std::string& name, const char* kind, const std::string& message,
                       const std::string& text) {
    ++tests;
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\"", markup(pair), markup(name));
    if (!*kind) {
      cases += "/>\n";
      return;
    }
    cases +=
        fmt::format(">\n      <{0} message=\"{1}\">{2}</{0}>\n    </testcase>\n", kind, markup(message), markup(text));
  };
  size_t before = SIZE_MAX;
  for (size_t i = 0; i < c.columns().size(); ++i) {
    const Column& column = c.columns()[i];
    if (!column.usable()) {
      ++errors;
      add(column.label, "run", "error", printable(column.trouble), "");
      continue;
    }
    if (before != SIZE_MAX) {
      const std::string pair = fmt::format("{} – {}", c.columns()[before].label, column.label);
      for (const ComparedStrand& s : c.strands()) {
        const std::string text = strand_text(c, s, before, i, o);
        failures += !text.empty();
        add(pair, s.kind == Strand::goroutine ? "goroutine " + printable(s.name) : s.name,
            text.empty() ? "" : "failure", "different", "\n" + text);
      }
      std::string text;
      for (const ComparedMechanism& m : c.mechanism())
        if (!m.measured && m.values[before] != m.values[i] && c.columns()[before].complete() && column.complete())
          text += fmt::format("{}: {} → {}\n", m.field, printable(m.values[before]), printable(m.values[i]));
      const bool fails = !text.empty() && !o.semantics;
      failures += fails;
      add(pair, "mechanism", fails ? "failure" : "", "different", "\n" + text);
    }
    before = i;
  }
  return fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n{}  </testsuite>\n",
                     markup(suite), tests, failures, errors, cases);
}

std::string comparison_annotations(const Comparison& c, const CompareTextOptions& o,
                                   const std::function<std::string(const std::string&)>& path_of) {
  constexpr size_t kMost = 50;
  std::string out;
  size_t n = 0;
  for (const Column& column : c.columns())
    if (!column.usable())
      out += fmt::format("::error title=deferscope::{}\n",
                         escaped(column.label + ": " + printable(column.trouble), false));
  for (const ComparedStrand& s : c.strands())
    for (const uint32_t row : s.different) {
      if (++n > kMost) continue;
      const SourcePlace place = place_of(c, s, row);
      out += "::error ";
      if (!place.file.empty()) {
        out += "file=" + escaped(path_of(place.file), true);
        if (place.line) out += fmt::format(",line={}", place.line);
        out += ",";
      }
      out += fmt::format("title=deferscope::{}\n", escaped(cells_text(c, s, row), false));
    }
  if (n > kMost) out += fmt::format("::error title=deferscope::{} differences more\n", n - kMost);
  if (!c.semantic_differences() && c.mechanism_differences() && !o.semantics)
    out += fmt::format("::error title=deferscope::{}\n", escaped(verdict(c, o), false));
  return out;
}

}  // namespace deferscope::traces
