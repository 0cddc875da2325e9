// A head, then a section for each strand: its name in brackets, then its lines. A defer's line is a place, a function,
// what of it, and values by name, between tabs; another event's a place and a sentence; an output's "| " and its text.
#include "traces/golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "loader/printable.h"
#include "traces/json_reader.h"
#include "traces/json_writer.h"
#include "traces/story_text.h"

namespace deferscope::traces {
namespace {

using loader::printable;

constexpr std::string_view kHead = "deferscope golden 1", kArguments = "arguments: ", kMechanism = "mechanism",
                           kGoroutine = "goroutine ", kUnknown = "?", kMaybeMore = "\t…", kOutput = "| ", kTimes = " ×",
                           kIs = " = ";

std::string section(std::string_view name) { return fmt::format("\n[{}]\n", printable(name)); }

// The deferred function and values stand by themselves: they are compared where both sides have them.
void append_defer(std::string& out, const Texts& texts, const Happening& h) {
  const Fields values = fields_of(texts[h.values]);
  const std::string f = deferred_text(texts, h);
  out += fmt::format("\t{}\t{}", f.empty() ? kUnknown : f, deed_text(texts, h));
  bool complete = false;
  for (const auto& [key, value] : values) {
    complete |= key == kComplete;
    if (key != kFunction && key != kComplete) out += fmt::format("\t{} = {}", printable(key), printable(value));
  }
  if (!complete && field(fields_of(texts[h.subject]), "event") == "defer.end") out += kMaybeMore;
}

void append_line(std::string& out, const Texts& texts, const Strand& strand, const Happening& h) {
  const bool defer = field(fields_of(texts[h.subject]), "event").starts_with("defer.");
  if (strand.kind == Strand::goroutine) out += place_text(texts, h);
  if (defer)
    append_defer(out, texts, h);
  else
    out.append(strand.kind == Strand::goroutine ? "\t"
               : strand.kind == Strand::output  ? kOutput
                                                : "") += sentence(texts, h);
  out += '\n';
}

class Reader {
 public:
  Reader(const std::string& name, std::string_view text) : name_(name), left_(text) {}

  bool next(std::string_view& line) {
    if (left_.empty()) return false;
    ++line_;
    const size_t end = left_.find('\n');
    if (end == left_.npos) fail("the last line has no end");
    line = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    return true;
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw TraceError(fmt::format("{}:{}: {}", name_, line_, what));
  }

 private:
  const std::string name_;
  std::string_view left_;
  size_t line_ = 0;
};

std::vector<std::string> arguments_of(Reader& in, std::string_view json) {
  std::vector<std::string> out;
  try {
    JsonReader reader(json);
    reader.list();
    for (bool first = true; reader.element(first);) out.emplace_back(reader.string());
    reader.end();
  } catch (const TraceError&) {
    in.fail("the arguments are no list of JSON strings");
  }
  return out;
}

std::vector<std::string_view> parts_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (size_t tab; (tab = line.find('\t')) != line.npos; line.remove_prefix(tab + 1))
    out.push_back(line.substr(0, tab));
  out.push_back(line);
  return out;
}

// Evidence without names, by which lines would not be told as a golden's.
std::string proofs(std::string_view evidence) {
  std::string out;
  for (const auto& [key, value] : fields_of(evidence))
    if (key != kFunction) out += encoded(key, value);
  return out;
}

void put_field(std::string& to, std::string_view key, std::string_view value) { to += encoded(key, value); }

Happening read_line(std::string_view line, Strand::Kind kind, Texts& texts) {
  std::string subject = encoded("event", kGoldenEvent), values;
  if (kind == Strand::output && line.starts_with(kOutput)) line.remove_prefix(kOutput.size());
  std::vector<std::string_view> parts = kind == Strand::goroutine ? parts_of(line) : std::vector{line};
  if (kind == Strand::goroutine && !parts[0].empty()) put_field(subject, "place", parts[0]);
  const bool defer = parts.size() > 2;
  put_field(subject, "text", parts[defer ? 2 : parts.size() - 1]);
  if (defer && parts[1] != kUnknown) put_field(values, kFunction, parts[1]);
  bool complete = defer && parts[2].starts_with("returns");
  for (size_t i = 3; i < parts.size(); ++i) {
    const size_t is = parts[i].find(kIs);
    if (is == parts[i].npos)
      complete = false;
    else
      put_field(values, parts[i].substr(0, is), parts[i].substr(is + kIs.size()));
  }
  if (complete) put_field(values, kComplete, "");
  return {texts.id(subject), 0, texts.id(values), 0};
}

void read_mechanism(Mechanism& to, std::string_view line) {
  const std::vector<std::string_view> parts = parts_of(line);
  if (parts.size() < 2) return;
  auto& values = to[{encoded("event", parts[0]), std::string(parts[1])}];
  for (size_t i = 2; i < parts.size(); ++i) {
    const size_t times = parts[i].rfind(kTimes);
    if (times != parts[i].npos)
      values[std::string(parts[i].substr(0, times))] =
          std::strtoull(parts[i].data() + times + kTimes.size(), nullptr, 10);
  }
}

}  // namespace

std::string golden_text(const Story& story, const Texts& texts, const std::vector<std::string>& arguments,
                        bool mechanism) {
  std::string out(kHead);
  out += "\n";
  out += kArguments;
  out += '[';
  for (size_t i = 0; i < arguments.size(); ++i) {
    out += i ? "," : "";
    append_json_string(out, arguments[i]);
  }
  out += "]\n";
  for (const Strand& strand : story.strands) {
    if (strand.happenings.empty()) continue;
    out += section(fmt::format("{}{}", strand.kind == Strand::goroutine ? kGoroutine : "", strand.name));
    for (Happening h : strand.happenings) {
      h.evidence = 0;  // the release's own names of function literals are there: told are those that are compared
      append_line(out, texts, strand, h);
    }
  }
  if (!mechanism) return out;
  out += section(kMechanism);
  for (const auto& [key, values] : story.mechanism) {
    if (is_measured(key.second)) continue;
    std::string line;
    for (const auto& [name, value] : fields_of(key.first))
      line += fmt::format("{}{}", line.empty() ? "" : " ", printable(value));
    out += fmt::format("{}\t{}", line, key.second);
    for (const auto& [value, n] : values) out += fmt::format("\t{}{}{}", printable(value), kTimes, n);
    out += '\n';
  }
  return out;
}

Golden read_golden(const std::string& name, std::string_view text, SharedTexts& texts) {
  Golden golden;
  Reader in(name, text);
  std::string_view line;
  if (!in.next(line) || line != kHead) in.fail("no golden of deferscope's: check --update writes one");
  if (!in.next(line) || !line.starts_with(kArguments)) in.fail("the program's arguments are missing");
  golden.arguments = arguments_of(in, line.substr(kArguments.size()));
  Story& story = golden.story;
  story.end.emplace().complete = true;
  const std::lock_guard hold(texts.lock);
  while (in.next(line)) {
    if (line.empty()) continue;
    if (line.starts_with('[') && line.ends_with(']')) {
      line = line.substr(1, line.size() - 2);
      golden.with_mechanism |= line == kMechanism;
      if (golden.with_mechanism) continue;
      Strand& strand = story.strands.emplace_back();
      strand.kind = line.starts_with(kGoroutine)    ? Strand::goroutine
                    : line.starts_with("standard ") ? Strand::output
                                                    : Strand::end;
      if (strand.kind == Strand::goroutine) line.remove_prefix(kGoroutine.size());
      strand.name = line;
    } else if (golden.with_mechanism) {
      read_mechanism(story.mechanism, line);
    } else if (story.strands.empty()) {
      in.fail("a line before the first section");
    } else {
      Strand& strand = story.strands.back();
      strand.happenings.push_back(read_line(line, strand.kind, texts.texts));
    }
  }
  return golden;
}

Story told_as_golden(const Story& story, SharedTexts& texts, bool mechanism) {
  Golden golden = read_golden("the run", golden_text(story, texts.texts, {}, mechanism), texts);
  Story& out = golden.story;
  // A line each: what the run's evidence proves stays with them.
  size_t told = 0;
  for (const Strand& strand : story.strands) {
    if (strand.happenings.empty() || told == out.strands.size()) continue;
    std::vector<Happening>& lines = out.strands[told++].happenings;
    for (size_t i = 0; i < std::min(lines.size(), strand.happenings.size()); ++i)
      lines[i].evidence = texts.texts.id(proofs(texts.texts[strand.happenings[i].evidence]));
  }
  out.header = story.header, out.end = story.end, out.damage = story.damage;
  std::map<std::string, SourcePlace, std::less<>> places;
  for (const auto& [subject, place] : story.places)
    places.try_emplace(fmt::format("{}:{}", place.file.substr(place.file.find_last_of("/\\") + 1), place.line), place);
  for (const Strand& strand : out.strands)
    for (const Happening& h : strand.happenings)
      if (const auto it = places.find(place_text(texts.texts, h)); it != places.end())
        out.places[h.subject] = it->second;
  return std::move(out);
}

}  // namespace deferscope::traces
