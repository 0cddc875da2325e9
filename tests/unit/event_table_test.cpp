// Events of every kind with every field of the table set to something odd: packed and unpacked, written and read, they
// are the same. What is no event is refused with a line.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "runtime_model/calls.h"
#include "runtime_model/event_visit.h"
#include "tests/unit/model_run.h"
#include "traces/event_json.h"
#include "traces/event_pack.h"
#include "traces/event_reader.h"
#include "traces/event_schema.h"
#include "traces/event_text.h"
#include "traces/trace_reader.h"

namespace deferscope::test {
namespace {

using namespace model;
using traces::EventReader;
using traces::TraceError;

constexpr size_t kKinds = static_cast<size_t>(EventKind::count);

// Fills the fields that it visits. `unwritten`: those too that JSON does not have.
class Odd {
 public:
  Odd(EventKind kind, bool amd64, bool unwritten, traces::TraceNames& names)
      : kind_(kind), amd64_(amd64), unwritten_(unwritten), names_(names) {}

  template <class Row, class T>
  void operator()(Row, T& v) {
    constexpr When when = Row::info.when;
    if (!applies(when, kind_) || (when == When::unwritten && !unwritten_)) return;
    if ((when == When::amd64 && !amd64_) || (when == When::arm64 && amd64_)) return;
    ++fields;
    set(v);
  }
  size_t fields = 0;

 private:
  uint64_t next() { return n_ = n_ * 6364136223846793005u + 1442695040888963407u; }
  std::string text() { return "\"odd\\\" \n\x1b \xe2\x80\xae → \xf0\x9f\x98\x80 " + std::to_string(next()); }
  uint64_t code() {
    const uint64_t pc = next() | 1;
    names_.learn_code(pc, {true, text(), next(), text(), next() >> 40});
    names_.learn_instruction(pc, text());
    return pc;
  }

  template <class T>
  void set(T& v) {
    if constexpr (EventPart<T>) {
      for_each_field(v, *this);
    } else if constexpr (kIsList<T> || kIsListOrNull<T>) {
      v.resize(3);
      for (auto& x : v) set(x);
    } else if constexpr (std::is_same_v<T, bool>) {
      v = true;
    } else if constexpr (std::is_same_v<T, TraceLine>) {
    } else if constexpr (std::is_enum_v<T>) {
      v = static_cast<T>(kWords<T> - 1);
    } else if constexpr (std::is_same_v<T, CodePlace> || std::is_same_v<T, CodePlaceInline> ||
                         std::is_same_v<T, InstructionInline>) {
      v = code();
    } else if constexpr (std::is_same_v<T, Index>) {
      v = static_cast<int>(next() >> 34);
    } else if constexpr (std::is_base_of_v<Name, T>) {
      v = Name(text());
    } else if constexpr (std::is_base_of_v<std::string, T>) {
      v = text();
    } else if constexpr (std::is_same_v<T, BytesOrNull>) {
      v = {0, 0xff, 0x7f, static_cast<uint8_t>(next())};
    } else if constexpr (!std::is_empty_v<T>) {
      v = static_cast<T>(next() | 1);
    }
  }

  EventKind kind_;
  bool amd64_, unwritten_;
  traces::TraceNames& names_;
  uint64_t n_ = 7;
};

Event odd(EventKind kind, bool amd64, bool unwritten, traces::TraceNames& names) {
  names.learn_isa(amd64);
  Event e(event_body(kind));
  Odd fill(kind, amd64, unwritten, names);
  for_each_event_field(e, fill);
  EXPECT_GE(fill.fields, 10u);
  return e;
}

std::string written(traces::Names& names, const Event& e) {
  std::string line;
  traces::append_event_json(line, names, e);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  line.pop_back();
  return line;
}

std::vector<uint8_t> packed(const Event& e) {
  std::vector<uint8_t> out(1 << 12);
  size_t used = 0;
  traces::EventPacker().append(out, used, e);
  out.resize(used);
  return out;
}

TEST(EventTable, PackedAndUnpacked) {
  for (size_t i = 0; i < kKinds; ++i) {
    traces::TraceNames names;
    const Event e = odd(static_cast<EventKind>(i), true, true, names);
    const std::vector<uint8_t> bytes = packed(e);
    traces::EventUnpacker unpacker;
    const uint8_t* p = bytes.data();
    EXPECT_EQ(packed(unpacker.next(p)), bytes) << to_string(e.kind());
    EXPECT_EQ(p, bytes.data() + bytes.size());
  }
}

TEST(EventTable, WrittenAndRead) {
  for (size_t i = 0; i < kKinds; ++i)
    for (const bool amd64 : {true, false}) {
      const auto kind = static_cast<EventKind>(i);
      traces::TraceNames names;
      const Event e = odd(kind, amd64, false, names);
      const std::string line = written(names, e);
      EventReader reader("test");
      const Event& back = reader.read(line);
      EXPECT_EQ(back.kind(), kind);
      EXPECT_EQ(packed(back), packed(e)) << line;
      EXPECT_EQ(written(reader.names(), back), line);
      // An event of which nothing is known, read into what held another.
      const std::string empty = written(names, Event(event_body(kind)));
      EXPECT_EQ(written(reader.names(), reader.read(empty)), empty);
      EXPECT_EQ(written(reader.names(), reader.read(line)), line);
    }
}

// Keys may come in any order: here sorted, as jq -S writes them, and backwards.
TEST(EventTable, AnyOrderOfKeys) {
  for (size_t i = 0; i < kKinds; ++i) {
    traces::TraceNames names;
    const std::string line = written(names, odd(static_cast<EventKind>(i), false, false, names));
    EventReader reader("test");
    const std::string sorted = nlohmann::json::parse(line).dump();
    EXPECT_NE(sorted, line);
    EXPECT_EQ(written(reader.names(), reader.read(sorted)), line);
    std::string backwards = "{";
    const auto object = nlohmann::ordered_json::parse(line);
    for (auto it = object.end(); it != object.begin();) {
      --it;
      backwards += (backwards.size() > 1 ? ", " : " ") + nlohmann::json(it.key()).dump() + " : " + it.value().dump();
    }
    EXPECT_EQ(written(reader.names(), reader.read(backwards + " } ")), line);
  }
}

std::string first_difference(const std::string& a, const std::string& b) {
  size_t i = 0;
  while (i < a.size() && i < b.size() && a[i] == b[i]) ++i;
  const size_t from = a.rfind('\n', i) + 1;
  return a.substr(from, a.find('\n', i) - from) + "\n" + b.substr(from, b.find('\n', i) - from);
}

// Every stream of the core guests, some cases of each in turn: what is read back is what was written, as JSON and as
// text, though no program is at hand.
TEST(EventTable, StreamsAreTheSame) {
  static constexpr const char* kCases[] = {"panic-nested",     "recover-depths", "goexit-recovered", "stack-growloop",
                                           "defer-argsmany",   "fault-nil",      "recover-inlined",  "crash-repanic",
                                           "panic-openframes", "defer-results",  "rangefunc-defer",  "exit-deferred"};
  std::map<EventKind, size_t> seen;
  size_t next = 0;
  for (const std::string& path : case_guests()) {
    ++next;
    for (size_t i = 0; i < std::size(kCases); ++i) {
      if (!whole() && i % 6 != next % 6) continue;
      const Program p(loader::Image::load(path));
      traces::ProgramNames names(p);
      traces::EventText text(names, traces::Scope::all);
      std::string stream, again, told, told_again;
      run_model(p, {kCases[i]}, true,
                {[&](const auto&, const auto&, const Event& e) {
                   if (++seen[e.kind()] > 5000) return;
                   append_event_json(stream, names, e);
                   text.append(told, e);
                 },
                 {}});
      EventReader reader(path);
      reader.names().learn_isa(p.amd64());
      reader.names().know_release(*names.fn_offset(), names.jmpdefer());
      traces::EventText text_again(reader.names(), traces::Scope::all);
      std::istringstream in(stream);
      EXPECT_TRUE(read_events(in, reader, [&](const Event& e) {
        append_event_json(again, reader.names(), e);
        text_again.append(told_again, e);
      }));
      EXPECT_TRUE(again == stream) << path << " " << kCases[i];
      EXPECT_TRUE(told_again == told) << path << " " << kCases[i] << "\n" << first_difference(told, told_again);
    }
  }
  // defer.stale: in stories only; refused, library.load: tests/dynamic.py; calls: below.
  EXPECT_GE(seen.size(), kKinds - 5) << "a kind of event never happened";
}

// The same of a stream with every call.
TEST(EventTable, CallsAreTheSame) {
  for (const std::string& path : case_guests("1.27")) {
    const Program p(loader::Image::load(path));
    emu::Machine m(p.image(), guest_options(path, {"panic-nested"}));
    m.recording().set_sink([](int, const uint8_t*, size_t) {});
    traces::ProgramNames names(p);
    traces::EventText text(names, traces::Scope::all);
    std::string stream, again, told, told_again;
    size_t calls = 0;
    const auto take = [&](const Event& e) {
      append_event_json(stream, names, e);
      text.append(told, e);
      calls += e.kind() == EventKind::call_enter;
    };
    std::unique_ptr<model::CallTracer> tracer;
    model::TrackerOptions options;
    options.positions = false;
    options.sink = [&](Event& e) { take(e), tracer->hear(e); };
    model::Tracker tracker(p, m, options);
    model::CallOptions of;
    of.chooses = [](const model::Function&) { return true; };
    of.sink = take;
    of.next_id = [&] { return tracker.take_id(); };
    tracer = std::make_unique<model::CallTracer>(p, m, of);
    m.run_to(emu::kNever);
    tracer->finish();
    EXPECT_GT(calls, 1000u) << path;
    EventReader reader(path);
    reader.names().learn_isa(p.amd64());
    reader.names().know_release(*names.fn_offset(), names.jmpdefer());
    traces::EventText text_again(reader.names(), traces::Scope::all);
    std::istringstream in(stream);
    EXPECT_TRUE(read_events(in, reader, [&](const Event& e) {
      append_event_json(again, reader.names(), e);
      text_again.append(told_again, e);
    }));
    EXPECT_TRUE(again == stream) << path << "\n" << first_difference(again, stream);
    EXPECT_TRUE(told_again == told) << path << "\n" << first_difference(told, told_again);
  }
}

// The paths of a JSON value's leaves; "effects[].name".
void add_paths(const nlohmann::ordered_json& v, const std::string& path, std::set<std::string>& out) {
  if (v.is_object())
    for (const auto& [key, x] : v.items()) add_paths(x, path.empty() ? key : path + "." + key, out);
  else if (v.is_array())
    for (const auto& x : v) add_paths(x, path + "[]", out);
  else
    out.insert(path);
}

TEST(EventTable, FieldsAreTheKeys) {
  for (size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<EventKind>(i);
    std::set<std::string> there, listed;
    for (const bool amd64 : {true, false}) {
      traces::TraceNames names;
      add_paths(nlohmann::ordered_json::parse(written(names, odd(kind, amd64, false, names))), "", there);
    }
    for (const traces::EventField& f : traces::event_fields(kind)) {
      EXPECT_TRUE(listed.insert(f.path).second) << f.path;
      EXPECT_NE(std::string(f.meaning), "") << f.path;
    }
    EXPECT_EQ(listed, there);
  }
}

// The committed files are what the table gives. DEFERSCOPE_UPDATE_EVENTS=1 writes them anew.
void expect_file(const std::string& path, const std::string& text) {
  const std::string whole_path = std::string(DEFERSCOPE_SOURCE) + "/" + path;
  if (std::getenv("DEFERSCOPE_UPDATE_EVENTS")) std::ofstream(whole_path) << text;
  std::ifstream in(whole_path);
  const std::string there{std::istreambuf_iterator<char>(in), {}};
  EXPECT_TRUE(there == text) << path << " is not what runtime_model/event_table.def gives: run "
                             << "DEFERSCOPE_UPDATE_EVENTS=1 traces_test --gtest_filter='EventTable.*'";
}

TEST(EventTable, SchemaIsTheTables) {
  expect_file("traces/schema/event.json", nlohmann::ordered_json::parse(traces::event_schema()).dump(1) + "\n");
}

TEST(TraceTable, SchemaIsTheTables) {
  expect_file("traces/schema/trace.json", nlohmann::ordered_json::parse(traces::trace_schema()).dump(1) + "\n");
}

TEST(EventTable, DocsAreTheTables) {
  const std::string path = std::string(DEFERSCOPE_SOURCE) + "/docs/events.md",
                    mark = "<!-- from here on generated -->\n";
  std::ifstream in(path);
  const std::string there{std::istreambuf_iterator<char>(in), {}};
  const size_t at = there.find(mark);
  ASSERT_NE(at, there.npos);
  expect_file("docs/events.md", there.substr(0, at) + mark + "\n" + traces::event_tables());
}

bool refused(const std::string& line) {
  EventReader reader("f.jsonl");
  try {
    const Event& e = reader.read(line);
    const std::string again = written(reader.names(), e);  // what is taken can be written, and is taken again
    EXPECT_EQ(written(reader.names(), EventReader(reader).read(again)), again) << line;
    return false;
  } catch (const TraceError& error) {
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with("f.jsonl:1: column ")) << what;
    EXPECT_EQ(what.find('\n'), what.npos) << what;
    return true;
  }
}

TEST(EventTable, CutAnywhereIsRefused) {
  for (size_t i = 0; i < kKinds; ++i) {
    traces::TraceNames names;
    const std::string line = written(names, odd(static_cast<EventKind>(i), true, false, names));
    for (size_t n = 0; n < line.size(); ++n) EXPECT_TRUE(refused(line.substr(0, n))) << n << " of " << line;
    EXPECT_FALSE(refused(line));
    // As a file: what has its end is read, and it is said that it is a prefix.
    const std::string file = line + "\n" + line + "\n";
    for (size_t n = 0; n <= file.size(); n += 7) {
      EventReader reader("test");
      std::istringstream in(file.substr(0, n));
      size_t events = 0;
      const bool complete = read_events(in, reader, [&](const Event&) { ++events; });
      EXPECT_EQ(events, n / (line.size() + 1));
      EXPECT_EQ(complete, n % (line.size() + 1) == 0);
    }
  }
}

TEST(EventTable, NoiseIsRefusedOrRead) {
  std::mt19937 random(5);
  size_t taken = 0, not_taken = 0;
  for (size_t i = 0; i < kKinds; ++i) {
    traces::TraceNames names;
    const std::string line = written(names, odd(static_cast<EventKind>(i), true, false, names));
    for (int n = 0; n < 1000; ++n) {
      std::string bad = line;
      for (unsigned k = random() % 3 + 1; k > 0; --k) {
        const size_t at = random() % bad.size();
        switch (random() % 4) {
          case 0: bad[at] = static_cast<char>(random()); break;
          case 1: bad.erase(at, random() % 9 + 1); break;
          case 2: bad.insert(at, bad.substr(random() % bad.size(), random() % 9)); break;
          default: bad[at] = "{}[]\",:\\0n"[random() % 10]; break;
        }
      }
      ++(refused(bad) ? not_taken : taken);
    }
  }
  EXPECT_GT(taken, 0u);
  EXPECT_GT(not_taken, 0u);
}

TEST(EventTable, SaysWhatIsWrong) {
  traces::TraceNames names;
  const std::string line = written(names, odd(EventKind::stack_move, true, false, names));
  const auto says = [&](const std::string& from, const std::string& to, const std::string& what) {
    std::string bad = line;
    const size_t at = bad.find(from);
    ASSERT_NE(at, bad.npos) << from;
    bad.replace(at, from.size(), to);
    EventReader reader("f.jsonl");
    try {
      reader.read(bad);
      ADD_FAILURE() << "taken: " << bad;
    } catch (const TraceError& e) {
      EXPECT_NE(std::string(e.what()).find(what), std::string::npos) << e.what();
    }
  };
  says("event/1", "event/2", "\"deferscope.event/2\" is another schema than deferscope.event/1");
  says("\"old\":", "\"odd\":", "unknown key \"odd\"");
  says("\"origin\":\"runtime\",", "", "no \"origin\"");
  says("\"origin\":\"runtime\"", "\"origin\":\"runtime\",\"origin\":\"user\"", "a second \"origin\"");
  says("\"origin\":\"runtime\"", "\"origin\":\"rt\"", "\"origin\" cannot be \"rt\"");
  says("\"event\":\"stack.move\"", "\"event\":\"stack.moved\"", "no event is called \"stack.moved\"");
  says("\"lo\":\"0x", "\"lo\":\"0X", "\"lo\" is no 64-bit number as \"0x1f\"");
  says("\"position\":", "\"position\":-", "a whole number is expected");
}

// --- whole traces ---

template <class Line>
Line odd_line(TraceLine which) {
  traces::TraceNames names;
  Line line;
  Odd fill(EventKind::count, true, false, names);
  for_each_field(line, fill);
  EXPECT_GE(fill.fields, 8u);
  line.line = which;
  return line;
}

traces::TraceReader::Source source_of(const std::string& text, size_t piece) {
  return [&text, piece, at = size_t{0}](char* to, size_t n) mutable {
    n = text.copy(to, std::min(n, piece), at);
    at += n;
    return n;
  };
}

// A trace with the same event twice.
std::string odd_trace(EventKind kind) {
  std::string out;
  TraceHeader header = odd_line<TraceHeader>(TraceLine::header);
  header.goarch = "amd64";
  traces::append_trace_json(out, header);
  traces::TraceNames names;
  const std::string line = written(names, odd(kind, true, false, names)) + "\n";
  out += line + line;
  TraceEnd end = odd_line<TraceEnd>(TraceLine::end);
  end.counts = {{kind, 2}};
  traces::append_trace_json(out, end);
  return out;
}

// Read and written again. `cut`: it was a prefix.
std::string read_and_written(const std::string& text, size_t piece, bool& cut) {
  traces::TraceReader in("f.jsonl", source_of(text, piece));
  std::string out;
  traces::append_trace_json(out, in.header());
  while (const Event* e = in.next()) append_event_json(out, in.names(), *e);
  EXPECT_EQ(in.next(), nullptr);
  cut = !in.end();
  if (!cut) traces::append_trace_json(out, *in.end());
  return out;
}

TEST(Trace, WrittenAndRead) {
  for (size_t i = 0; i < kKinds; ++i)
    for (const size_t piece : {size_t{1}, size_t{100}, size_t{1} << 16}) {
      const std::string text = odd_trace(static_cast<EventKind>(i));
      bool cut = true;
      EXPECT_EQ(read_and_written(text, piece, cut), text);
      EXPECT_FALSE(cut);
    }
  std::string empty;
  TraceEnd end;
  end.line = TraceLine::end;
  traces::append_trace_json(empty, TraceHeader());
  traces::append_trace_json(empty, end);
  bool cut = true;
  EXPECT_EQ(read_and_written(empty, 1 << 16, cut), empty);
  EXPECT_FALSE(cut);
}

// At every byte: up to the header's end it is none, then the whole lines are there and no end is.
TEST(Trace, CutAnywhere) {
  const std::string text = odd_trace(EventKind::jmpdefer);
  const size_t header = text.find('\n') + 1;
  for (size_t n = 0; n < text.size(); ++n) {
    const std::string part = text.substr(0, n);
    bool cut = false;
    if (n >= header) {
      EXPECT_EQ(read_and_written(part, 1 << 16, cut), text.substr(0, part.rfind('\n') + 1)) << n;
      EXPECT_TRUE(cut);
      continue;
    }
    try {
      read_and_written(part, 1 << 16, cut);
      ADD_FAILURE() << "taken: " << part;
    } catch (const TraceError& e) {
      EXPECT_EQ(std::string(e.what()),
                n ? "f.jsonl: no trace: its first line has no end" : "f.jsonl: no trace: it is empty");
    }
  }
}

TEST(Trace, NoiseIsRefusedOrRead) {
  std::mt19937 random(7);
  size_t taken = 0, not_taken = 0;
  for (size_t i = 0; i < kKinds; ++i) {
    const std::string text = odd_trace(static_cast<EventKind>(i));
    for (int n = 0; n < 200; ++n) {
      std::string bad = text;
      const size_t at = random() % bad.size();
      switch (random() % 4) {
        case 0: bad[at] = static_cast<char>(random()); break;
        case 1: bad.erase(at, random() % 9 + 1); break;
        case 2: bad.insert(at, bad.substr(random() % bad.size(), random() % 2000)); break;
        default: bad[at] = "{}[]\",:\\0n\n"[random() % 11]; break;
      }
      bool cut = false;
      try {
        read_and_written(bad, 1 << 16, cut);
        ++taken;
      } catch (const TraceError& e) {
        const std::string what = e.what();
        EXPECT_TRUE(what.starts_with("f.jsonl:")) << what;
        EXPECT_EQ(what.find('\n'), what.npos) << what;
        ++not_taken;
      }
    }
  }
  EXPECT_GT(taken, 0u);
  EXPECT_GT(not_taken, 0u);
}

TEST(Trace, SaysWhatIsWrong) {
  const std::string text = odd_trace(EventKind::exit);
  const auto says = [&](std::string bad, const std::string& what) {
    bool cut = false;
    try {
      read_and_written(bad, 1 << 16, cut);
      ADD_FAILURE() << "taken: " << bad;
    } catch (const TraceError& e) {
      EXPECT_NE(std::string(e.what()).find(what), std::string::npos) << e.what();
    }
  };
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bad = text;
    const size_t at = bad.find(from);
    EXPECT_NE(at, bad.npos) << from;
    return bad.replace(at, from.size(), to);
  };
  const size_t header = text.find('\n') + 1;
  const std::string end = text.substr(text.rfind('\n', text.size() - 2) + 1);
  says(with("trace/1", "trace/2"), "f.jsonl:1: no trace: column ");
  says(with("trace/1", "trace/2"), "\"deferscope.trace/2\" is another schema than deferscope.trace/1");
  says(text.substr(header), "f.jsonl:1: no trace: column ");  // events alone
  says("hello\n", "f.jsonl:1: no trace: column ");
  says(end + text, "f.jsonl:1: no trace: column ");
  says(text.substr(0, header) + text, "f.jsonl:2: column ");
  says(with("\"count\":2", "\"count\":3"), "f.jsonl:4: the end counts 3 exit, and there are 2");
  says(text + "x", "f.jsonl:5: something stands behind the end");
  says(text + end, "f.jsonl:5: something stands behind the end");
  says(with("\"event\":\"exit\"", "\"event\":\"exi\""), "f.jsonl:2: column ");
}

}  // namespace
}  // namespace deferscope::test
