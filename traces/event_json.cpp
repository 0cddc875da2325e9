// One event, one line; the keys are the rows of runtime_model/event_table.def, in their order.
#include "traces/event_json.h"

#include "runtime_model/event_visit.h"
#include "traces/event_reader.h"
#include "traces/json_writer.h"

namespace deferscope::traces {
namespace {

using model::EventKind;
using model::When;

// The words of an enumeration, made once.
template <class Enum>
const JsonWord& json_word(Enum v) {
  static const std::vector<JsonWord> words = [] {
    std::vector<JsonWord> all;
    for (size_t i = 0; i < model::kWords<Enum>; ++i) all.emplace_back(to_string(static_cast<Enum>(i)));
    return all;
  }();
  return words[static_cast<size_t>(v)];
}

const std::string kEventSchemaJson = std::string("\"") + model::kEventSchema + "\"";

// Writes the fields that it visits.
class FieldWriter {
 public:
  FieldWriter(JsonWriter& w, Names& names, EventKind kind) : w_(w), names_(names), kind_(kind) {}

  template <class Row, class T>
  [[gnu::always_inline]] void operator()(Row, const T& value) {
    constexpr When when = Row::info.when;
    if constexpr (when == When::unwritten) return;
    if constexpr (when == When::amd64 || when == When::arm64) {
      if (names_.amd64() != (when == When::amd64)) return;
    } else if constexpr (when == When::unusual) {
      if (value == T{}) return;
    } else if constexpr (when != When::always) {
      if (!applies(when, kind_)) return;
    }
    constexpr std::string_view key = Row::info.key;
    if constexpr (when != When::unwritten) write(key, value);
  }

  template <class T>
  [[gnu::always_inline]] void write(std::string_view key, const T& v) {
    using namespace model;
    if constexpr (EventPart<T>) {
      part(key, v);
    } else if constexpr (kIsList<T>) {
      w_.list(key);
      for (const auto& x : v) element(x);
      w_.end_list();
    } else if constexpr (kIsListOrNull<T>) {
      v.known ? write<std::vector<typename T::value_type>>(key, v) : void(w_.null(key));
    } else if constexpr (std::is_same_v<T, SchemaWord>) {
      w_.raw(key, kEventSchemaJson);
    } else if constexpr (std::is_same_v<T, TraceSchemaWord>) {
      w_.word(key, kTraceSchema);
    } else if constexpr (std::is_same_v<T, KindWord>) {
      w_.word(key, json_word(kind_));
    } else if constexpr (std::is_same_v<T, bool>) {
      w_.boolean(key, v);
    } else if constexpr (std::is_enum_v<T>) {
      w_.word(key, json_word(v));
    } else if constexpr (std::is_integral_v<T>) {
      w_.number(key, v);
    } else if constexpr (std::is_same_v<T, Hex>) {
      w_.hex(key, v);
    } else if constexpr (std::is_same_v<T, HexOrNull>) {
      w_.hex_or_null(key, v);
    } else if constexpr (std::is_same_v<T, NumberOrNull>) {
      number_or_null(key, v, 0);
    } else if constexpr (std::is_same_v<T, EventRef>) {
      number_or_null(key, v, kNoEvent);
    } else if constexpr (std::is_same_v<T, Index>) {
      number_or_null(key, static_cast<uint64_t>(static_cast<int64_t>(v.value)), UINT64_MAX);
    } else if constexpr (std::is_same_v<T, CodePlace>) {
      w_.raw(key, names_.place(v));
    } else if constexpr (std::is_same_v<T, CodePlaceInline>) {
      w_.hex(key, v);
      w_.fragment(names_.symbol(v));
    } else if constexpr (std::is_same_v<T, InstructionInline>) {
      w_.hex(key, v).raw("text", names_.instruction(v));
    } else if constexpr (std::is_same_v<T, NameOrNull>) {
      v ? w_.raw(key, names_.name(v)) : w_.null(key);
    } else if constexpr (std::is_same_v<T, Name>) {
      w_.raw(key, names_.name(v));
    } else if constexpr (std::is_same_v<T, CapturedText>) {
      w_.raw(key, names_.captured_json(*captured_));
    } else if constexpr (std::is_same_v<T, TextOrNull>) {
      w_.text_or_null(key, v);
    } else if constexpr (std::is_same_v<T, BytesOrNull>) {
      v.empty() ? w_.null(key) : w_.bytes(key, v.data(), v.size());
    } else {
      static_assert(std::is_same_v<T, Text>, "how is this type written?");
      w_.text(key, v);
    }
  }

 private:
  template <class T>
  void part(std::string_view key, const T& v) {
    if constexpr (T::kNullable)
      if (v.none()) return w_.null(key), void();
    w_.open(key);
    for_each_field(v, *this);
    w_.close();
  }

  template <class T>
  void element(const T& v) {
    if constexpr (std::is_same_v<T, model::Name>) {
      w_.fragment(names_.name(v));
    } else if constexpr (std::is_same_v<T, model::Text>) {
      w_.item(v);
    } else {
      if constexpr (std::is_same_v<T, model::Captured>) captured_ = &v;
      w_.open();
      for_each_field(v, *this);
      w_.close();
    }
  }

  [[gnu::always_inline]] void number_or_null(std::string_view key, uint64_t v, uint64_t null) {
    v == null ? w_.null(key) : w_.number(key, v);
  }

  JsonWriter& w_;
  Names& names_;
  EventKind kind_;
  const model::Captured* captured_ = nullptr;  // the word at hand
};

template <class Line>
void append_line(std::string& out, const Line& line) {
  TraceNames none;  // it has no names of code
  JsonWriter w(out);
  w.open();
  for_each_field(line, FieldWriter(w, none, EventKind::count));
  w.close().end_line();
}

}  // namespace

void append_trace_json(std::string& out, const TraceHeader& header) { append_line(out, header); }

void append_trace_json(std::string& out, const TraceEnd& end) { append_line(out, end); }

void write_place(JsonWriter& w, Names& p, const char* key, uint64_t pc) { w.raw(key, p.place(pc)); }

void write_values(JsonWriter& w, Names& p, const char* key, const std::vector<model::TypedValue>& all) {
  FieldWriter(w, p, EventKind::count).write(key, all);
}

void write_deferred(JsonWriter& w, Names& p, const char* key, const model::DeferredFunction& d) {
  FieldWriter(w, p, EventKind::count).write(key, d);
}

void EventLines::add(const model::Event& e) {
  const size_t before = out_->size();
  w_.open();
  for_each_event_field(e, FieldWriter(w_, names_, e.kind()));
  w_.close().end_line();
  if (out_->size() != before || w_.waiting() > TextBuffer::kSize / 2) w_.flush();
}

void append_event_json(std::string& out, Names& names, const model::Event& e) { EventLines(out, names).add(e); }

}  // namespace deferscope::traces
