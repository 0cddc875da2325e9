#include "traces/event_schema.h"

#include <fmt/format.h>

#include <cctype>

#include "runtime_model/event_visit.h"
#include "traces/json_writer.h"
#include "traces/trace_lines.h"

namespace deferscope::traces {
namespace {

using namespace model;

constexpr const char* kPlaceKeys[] = {"symbol", "offset", "file", "line"};

// Calls each(kind's number, a value of the kind's struct).
template <class Each>
void each_kind(Each each) {
  for (size_t i = 0; i < static_cast<size_t>(EventKind::count); ++i) {
    const Event e(event_body(static_cast<EventKind>(i)));
    each(e);
  }
}

// A row of each element of a list, though there is none.
template <class T>
const T& sample() {
  static const T value{};
  return value;
}

template <class Enum>
std::vector<std::string> words() {
  std::vector<std::string> out;
  for (size_t i = 0; i < kWords<Enum>; ++i) out.emplace_back(to_string(static_cast<Enum>(i)));
  return out;
}

// --- fields by path ---

class Paths {
 public:
  Paths(EventKind kind, std::string prefix, std::vector<EventField>& out)
      : kind_(kind), prefix_(std::move(prefix)), out_(out) {}

  template <class Row, class T>
  void operator()(Row, const T&) {
    constexpr FieldInfo info = Row::info;
    if (info.when == When::unwritten || !applies(info.when, kind_)) return;
    const std::string path = prefix_ + info.key;
    if constexpr (EventPart<T>) {
      for_each_field(sample<T>(), Paths(kind_, path + ".", out_));
    } else if constexpr (kIsList<T> || kIsListOrNull<T>) {
      using Element = typename T::value_type;
      if constexpr (EventPart<Element>)
        for_each_field(sample<Element>(), Paths(kind_, path + "[].", out_));
      else
        add(path + "[]", info);
    } else if constexpr (std::is_same_v<T, CodePlace> || std::is_same_v<T, CodePlaceInline>) {
      const std::string before = std::is_same_v<T, CodePlace> ? path + "." : prefix_;
      out_.push_back({before + "pc", FieldClass::address, info.meaning});
      for (const char* key : kPlaceKeys) add(before + key, info);
    } else if constexpr (std::is_same_v<T, InstructionInline>) {
      out_.push_back({path, FieldClass::address, info.meaning});
      add(prefix_ + "text", info);
    } else {
      add(path, info);
    }
  }

 private:
  void add(std::string path, const FieldInfo& info) {
    out_.push_back({std::move(path), info.field_class, info.meaning});
  }
  EventKind kind_;
  std::string prefix_;
  std::vector<EventField>& out_;
};

// --- the schema ---

template <class Part>
const char* part_name() {
#define KIND(enumerator, name, word, meaning)
#define PART(name, meaning) \
  if (std::is_same_v<Part, name>) return #name;
#include "runtime_model/event_table.def"
#define PART(name, meaning) \
  if (std::is_same_v<Part, name>) return #name;
#include "traces/trace_table.def"
  return "";
}

// A part whose rows depend on the kind: written where it is used, others once.
template <class Part>
bool depends_on_kind() {
  bool depends = false;
  for_each_field(sample<Part>(), [&](auto row, const auto&) {
    constexpr When when = decltype(row)::info.when;
    depends |= when == When::push || when == When::run || when == When::called || when == When::aborted ||
               when == When::not_aborted;
  });
  return depends;
}

class Schema {
 public:
  Schema(JsonWriter& w, EventKind kind) : w_(w), kind_(kind) {}

  // "properties" and "required" of the rows that `walk` visits.
  template <class Walk>
  void fields(Walk walk) {
    w_.word("type", "object").open("properties");
    walk([&](auto row, const auto& v) { property(row, v); });
    w_.close().list("required");
    walk([&](auto row, const auto& v) { required(row, v); });
    w_.end_list();
  }
  // The fields of one kind; with them those of the head that not all kinds have.
  template <class Kind>
  void kind() {
    const auto of_head = [](auto visit) {
      for_each_field(sample<EventHead>(), [&](auto row, const auto& v) {
        if constexpr (decltype(row)::info.when == When::no_call) visit(row, v);
      });
    };
    w_.word("type", "object").open("properties");
    for_each_field(sample<Kind>(), [&](auto row, const auto& v) { property(row, v); });
    of_head([&](auto row, const auto& v) { refused(row, v); });
    w_.close().list("required");
    of_head([&](auto row, const auto& v) { required(row, v); });
    for_each_field(sample<Kind>(), [&](auto row, const auto& v) { required(row, v); });
    w_.end_list();
  }
  template <class Part>
  void part() {
    w_.text("description", Part::kMeaning);
    fields([](auto visit) { for_each_field(sample<Part>(), visit); });
    w_.boolean("additionalProperties", false);
  }

 private:
  static constexpr bool optional(When when) {
    return when == When::amd64 || when == When::arm64 || when == When::unusual;
  }

  bool there(const FieldInfo& info) const { return info.when != When::unwritten && applies(info.when, kind_); }

  template <class Row, class T>
  void property(Row, const T&) {
    constexpr FieldInfo info = Row::info;
    if (!there(info)) return;
    w_.open(info.key);
    value<T>();
    w_.text("description", info.meaning).word("x-class", to_string(info.field_class)).close();
    if constexpr (std::is_same_v<T, CodePlaceInline>) place_keys();
    if constexpr (std::is_same_v<T, InstructionInline>) w_.open("text").word("type", "string").close();
  }

  template <class Row, class T>
  void required(Row, const T&) {
    constexpr FieldInfo info = Row::info;
    if (!there(info) || optional(info.when) || (info.when == When::no_call && kind_ == EventKind::count)) return;
    w_.item(info.key);
    if constexpr (std::is_same_v<T, CodePlaceInline>)
      for (const char* key : kPlaceKeys) w_.item(key);
    if constexpr (std::is_same_v<T, InstructionInline>) w_.item("text");
  }

  // What this kind does not have.
  template <class Row, class T>
  void refused(Row, const T&) {
    constexpr FieldInfo info = Row::info;
    if (there(info)) return;
    w_.boolean(info.key, false);
    if constexpr (std::is_same_v<T, CodePlaceInline>)
      for (const char* key : kPlaceKeys) w_.boolean(key, false);
  }

  void place_keys() {
    w_.open("symbol").fragment(R"("type":["string","null"])").close();
    w_.open("offset").fragment(R"("type":"integer","minimum":0)").close();
    w_.open("file").fragment(R"("type":["string","null"])").close();
    w_.open("line").fragment(R"("type":"integer","minimum":0)").close();
  }

  template <class T>
  void value() {
    if constexpr (EventPart<T>) {
      if (T::kNullable) w_.list("anyOf").open();
      if (depends_on_kind<T>())
        part<T>();
      else
        w_.word("$ref", fmt::format("#/$defs/{}", part_name<T>()));
      if (T::kNullable) w_.close().fragment(R"({"type":"null"})").end_list();
    } else if constexpr (kIsList<T> || kIsListOrNull<T>) {
      if (kIsList<T>)
        w_.word("type", "array");
      else
        w_.fragment(R"("type":["array","null"])");
      w_.open("items");
      value<typename T::value_type>();
      w_.close();
    } else if constexpr (std::is_same_v<T, SchemaWord>) {
      w_.word("const", kEventSchema);
    } else if constexpr (std::is_same_v<T, TraceSchemaWord>) {
      w_.word("const", kTraceSchema);
    } else if constexpr (std::is_same_v<T, KindWord>) {
      one_of(words<EventKind>());
    } else if constexpr (std::is_same_v<T, bool>) {
      w_.word("type", "boolean");
    } else if constexpr (std::is_enum_v<T>) {
      one_of(words<T>());
    } else {
      w_.fragment(simple<T>());
    }
  }

  void one_of(const std::vector<std::string>& all) {
    w_.list("enum");
    for (const std::string& s : all) w_.item(s);
    w_.end_list();
  }

  template <class T>
  static std::string simple() {
    if constexpr (std::is_integral_v<T> && sizeof(T) < 8)
      return fmt::format(R"("type":"integer","minimum":0,"maximum":{})", static_cast<uint64_t>(static_cast<T>(-1)));
    else if constexpr (std::is_integral_v<T>)
      return R"("type":"integer","minimum":0)";
    else if constexpr (std::is_same_v<T, EventRef> || std::is_same_v<T, Index>)
      return R"("type":["integer","null"],"minimum":0)";
    else if constexpr (std::is_same_v<T, NumberOrNull>)
      return R"("type":["integer","null"],"minimum":1)";
    else if constexpr (std::is_same_v<T, HexOrNull>)
      return R"("type":["string","null"],"pattern":"^0x[0-9a-f]{1,16}$")";
    else if constexpr (std::is_same_v<T, CodePlace>)
      return R"("anyOf":[{"$ref":"#/$defs/place"},{"type":"null"}])";
    else if constexpr (std::is_same_v<T, BytesOrNull>)
      return R"("type":["string","null"],"pattern":"^([0-9a-f]{2})+$")";
    else if constexpr (std::is_same_v<T, NameOrNull> || std::is_base_of_v<TextOrNull, T>)
      return R"("type":["string","null"])";
    else if constexpr (std::is_same_v<T, Name> || std::is_same_v<T, Text>)
      return R"("type":"string")";
    else
      return R"("type":"string","pattern":"^0x[0-9a-f]{1,16}$")";
  }

  JsonWriter& w_;
  EventKind kind_;

 public:
  void place() {
    w_.open("place").word("type", "object").open("properties");
    w_.open("pc").fragment(simple<Hex>()).close();
    place_keys();
    w_.close().list("required").item("pc");
    for (const char* key : kPlaceKeys) w_.item(key);
    w_.end_list().boolean("additionalProperties", false).close();
  }
};

constexpr const char* kAbout =
    "One line of `deferscope run --events=FILE.jsonl`. Ids and positions are the same in every run of the same guest. "
    "64-bit values are hex strings. `x-class` says what a field tells of a run: docs/events.md.";

// --- the tables ---

template <class T>
std::string type_words() {
  if constexpr (EventPart<T>) {
    std::string anchor = part_name<T>();
    for (char& c : anchor) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return fmt::format("[{}](#{}){}", part_name<T>(), anchor, T::kNullable ? " or null" : "");
  } else if constexpr (kIsList<T>) {
    return "list of " + type_words<typename T::value_type>();
  } else if constexpr (kIsListOrNull<T>) {
    return "list of " + type_words<typename T::value_type>() + ", or null";
  } else if constexpr (std::is_same_v<T, SchemaWord>) {
    return fmt::format("`\"{}\"`", kEventSchema);
  } else if constexpr (std::is_same_v<T, TraceSchemaWord>) {
    return fmt::format("`\"{}\"`", kTraceSchema);
  } else if constexpr (std::is_same_v<T, EventKind>) {
    return "a kind of event";
  } else if constexpr (std::is_same_v<T, KindWord>) {
    return "the kind";
  } else if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_enum_v<T>) {
    std::string out;
    for (const std::string& s : words<T>()) out += fmt::format("{}`\"{}\"`", out.empty() ? "" : ", ", s);
    return out;
  } else if constexpr (std::is_integral_v<T>) {
    return "number";
  } else if constexpr (std::is_same_v<T, EventRef> || std::is_same_v<T, Index> || std::is_same_v<T, NumberOrNull>) {
    return "number or null";
  } else if constexpr (std::is_same_v<T, Hex>) {
    return "hex";
  } else if constexpr (std::is_same_v<T, HexOrNull>) {
    return "hex or null";
  } else if constexpr (std::is_same_v<T, CodePlace>) {
    return "[place](#place) or null";
  } else if constexpr (std::is_same_v<T, CodePlaceInline>) {
    return "the keys of a [place](#place)";
  } else if constexpr (std::is_same_v<T, InstructionInline>) {
    return "hex, and `text`: the instruction";
  } else if constexpr (std::is_same_v<T, BytesOrNull>) {
    return "bytes as `\"00ff\"`, or null";
  } else if constexpr (std::is_same_v<T, NameOrNull> || std::is_base_of_v<TextOrNull, T>) {
    return "text or null";
  } else {
    return "text";
  }
}

const char* when_words(When when) {
  switch (when) {
    case When::push: return " (defer.push only)";
    case When::run: return " (not defer.push)";
    case When::called: return " (defer.start, defer.end, defer.left)";
    case When::aborted: return " (panic.aborted only)";
    case When::not_aborted: return " (not panic.aborted)";
    case When::no_call: return " (not call.enter, call.leave)";
    case When::unusual: return " (left out: the first of these, or null)";
    case When::amd64: return " (amd64)";
    case When::arm64: return " (arm64)";
    default: return "";
  }
}

template <class Part>
std::string table() {
  std::string out = "\n| key | value | class | meaning |\n|---|---|---|---|\n";
  for_each_field(sample<Part>(), [&](auto row, const auto& v) {
    using T = std::remove_cvref_t<decltype(v)>;
    constexpr FieldInfo info = decltype(row)::info;
    if (info.when == When::unwritten) return;
    out += fmt::format("| `{}` | {}{} | {} | {} |\n", info.key, type_words<T>(), when_words(info.when),
                       to_string(info.field_class), info.meaning);
  });
  return out;
}

}  // namespace

std::vector<EventField> event_fields(EventKind kind) {
  std::vector<EventField> out;
  const Event e(event_body(kind));
  for_each_event_field(e, Paths(kind, "", out));
  return out;
}

std::string event_schema() {
  std::string out;
  {
    JsonWriter w(out);
    w.open().word("$schema", "https://json-schema.org/draft/2020-12/schema").word("$id", kEventSchema);
    w.word("title", "An event").text("description", kAbout);
    Schema(w, EventKind::count).fields([](auto visit) { for_each_field(sample<EventHead>(), visit); });
    w.list("allOf");
    each_kind([&](const Event& e) {
      w.open().open("if").open("properties").open("event").word("const", to_string(e.kind())).close().close().close();
      w.open("then").word("$ref", fmt::format("#/$defs/{}", to_string(e.kind()))).close().close();
    });
    w.end_list().boolean("unevaluatedProperties", false).open("$defs");
    Schema(w, EventKind::count).place();
#define KIND(enumerator, name, word, meaning)
#define PART(name, meaning)                                           \
  if (!std::is_same_v<name, EventHead> && !depends_on_kind<name>()) { \
    w.open(#name);                                                    \
    Schema(w, EventKind::count).part<name>();                         \
    w.close();                                                        \
  }
#include "runtime_model/event_table.def"
#define PART(name, meaning)
#define KIND(enumerator, name, word, meaning)    \
  w.open(word).text("description", meaning);     \
  Schema(w, EventKind::enumerator).kind<name>(); \
  w.close();
#include "runtime_model/event_table.def"
    w.close().close();
  }
  return out;
}

std::string trace_schema() {
  std::string out;
  {
    JsonWriter w(out);
    w.open().word("$schema", "https://json-schema.org/draft/2020-12/schema").word("$id", kTraceSchema);
    w.word("title", "A trace's first and last line");
    w.text(
        "description",
        "The lines between them are events: event.json. `x-class` says what a field tells of a run: docs/events.md.");
    w.list("oneOf");
    const auto line = [&](const char* part, TraceLine which) {
      w.open().text("$ref", fmt::format("#/$defs/{}", part)).open("properties").open("line");
      w.word("const", to_string(which)).close().close().close();
    };
    line("TraceHeader", TraceLine::header);
    line("TraceEnd", TraceLine::end);
    w.end_list().open("$defs");
#define PART(name, meaning)                 \
  w.open(#name);                            \
  Schema(w, EventKind::count).part<name>(); \
  w.close();
#include "traces/trace_table.def"
    w.close().close();
  }
  return out;
}

std::string event_tables() {
  std::string out = fmt::format("## Header\n\n{}\n", TraceHeader::kMeaning) + table<TraceHeader>() +
                    fmt::format("\n## End\n\n{}\n", TraceEnd::kMeaning) + table<TraceEnd>();
  out += "\n## Every event\n" + table<EventHead>();
#define KIND(enumerator, name, word, meaning) out += fmt::format("\n## {}\n\n{}\n", word, meaning) + table<name>();
#define PART(name, meaning)
#include "runtime_model/event_table.def"
  out += "\n# The parts\n";
#define KIND(enumerator, name, word, meaning)
#define PART(name, meaning)             \
  if (!std::is_same_v<name, EventHead>) \
    out += fmt::format("\n## {}\n\n{}\n", part_name<name>(), meaning) + table<name>();
#include "runtime_model/event_table.def"
#define PART(name, meaning)                                                  \
  if (!std::is_same_v<name, TraceHeader> && !std::is_same_v<name, TraceEnd>) \
    out += fmt::format("\n## {}\n\n{}\n", part_name<name>(), meaning) + table<name>();
#include "traces/trace_table.def"
  return out;
}

}  // namespace deferscope::traces
