// The keys are the rows of runtime_model/event_table.def, in any order; each must be there once, and no other.
#include "traces/event_reader.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "loader/printable.h"
#include "runtime_model/event_visit.h"

namespace deferscope::traces {
namespace {

using loader::printable;
using model::Event;
using model::EventKind;
using model::When;

// {"pc", "symbol", "offset", "file", "line"}
struct PlaceObject {
  model::CodePlaceInline pc;
  struct pc_row {
    static constexpr model::FieldInfo info{"pc", model::FieldClass::place, When::always, ""};
  };
};

class FieldReader {
 public:
  FieldReader(JsonReader& in, TraceNames& names, EventKind kind) : in_(in), names_(names), kind_(kind) {}

  // The object whose rows `walk` visits.
  template <class Walk>
  void object(Walk walk) {
    Members members(*this);
    in_.open();
    members.next();
    do {  // once, if the keys come in the rows' order
      members.begin();
      walk(members);
    } while (members.more && members.progress);
    if (members.more) in_.fail(fmt::format("unknown key \"{}\"", printable(members.key)));
    members.begin();
    members.complete = true;
    walk(members);
    members.learn();
  }

 private:
  // The members of one object that were read: bits by row.
  struct Members {
    explicit Members(FieldReader& r) : reader(r) {}
    FieldReader& reader;
    std::string_view key;
    bool first = true, more = false, progress = false, complete = false;
    uint64_t seen = 0;
    size_t row = 0;
    // Of a place without an object of its own, or an instruction.
    static constexpr unsigned kSymbol = 1, kOffset = 2, kFile = 4, kLine = 8, kText = 16;
    unsigned said = 0;
    uint64_t pc = 0;
    CodeText code;
    std::string instruction;

    void next() { more = reader.in_.key(first, key); }
    void begin() { row = 0, progress = false; }

    template <class Row, class T>
    void operator()(Row, T& value) {
      const uint64_t bit = uint64_t{1} << row++;
      constexpr When when = Row::info.when;
      if constexpr (when == When::unwritten) return;
      if (!applies(when, reader.kind_)) return;
      if constexpr (when == When::unusual) {
        if (complete && !(seen & bit)) value = T{};  // left out
        if (complete) return;
      }
      if (complete) return check<when, T>(seen & bit, Row::info.key);
      if (!more) return;
      if (key == Row::info.key) {
        if (seen & bit) reader.in_.fail(fmt::format("a second \"{}\"", key));
        seen |= bit, progress = true;
        if constexpr (when == When::amd64 || when == When::arm64)
          if (!reader.names_.learn_isa(when == When::amd64)) reader.in_.fail("registers of two instruction sets");
        reader.value(value, Row::info.key);
        if constexpr (kHasMore<T>) pc = value;
        next();
      }
      if constexpr (std::is_same_v<T, model::CodePlaceInline>) {
        while (more && place_key()) progress = true, next();
      } else if constexpr (std::is_same_v<T, model::InstructionInline>) {
        if (more && key == "text") {
          once(kText), progress = true;
          instruction = reader.in_.string();
          next();
        }
      }
    }

    template <class T>
    static constexpr bool kHasMore =
        std::is_same_v<T, model::CodePlaceInline> || std::is_same_v<T, model::InstructionInline>;

    template <When when, class T>
    void check(bool there, const char* name) const {
      const auto isa = reader.names_.isa_amd64();
      const bool other = (when == When::amd64 && isa == false) || (when == When::arm64 && isa == true);
      if (!there && !other) reader.in_.fail(fmt::format("no \"{}\"", name));
      const unsigned needs = std::is_same_v<T, model::CodePlaceInline>     ? kSymbol | kOffset | kFile | kLine
                             : std::is_same_v<T, model::InstructionInline> ? kText
                                                                           : 0u;
      if ((said & needs) != needs) reader.in_.fail(fmt::format("\"{}\" is not told whole", name));
    }

    void once(unsigned what) {
      if (said & what) reader.in_.fail(fmt::format("a second \"{}\"", key));
      said |= what;
    }

    bool place_key() {
      if (key == "symbol") {
        once(kSymbol);
        code.known = !reader.in_.null();
        if (code.known) code.symbol = reader.in_.string();
      } else if (key == "offset") {
        once(kOffset), code.offset = reader.in_.number();
      } else if (key == "file") {
        once(kFile);
        if (!reader.in_.null()) code.file = reader.in_.string();
      } else if (key == "line") {
        once(kLine), code.line = reader.in_.number();
      } else {
        return false;
      }
      return true;
    }

    void learn() {
      if (said & kSymbol && !code.known && !(code == CodeText())) reader.in_.fail("a place without a symbol");
      if (said & kText && !reader.names_.learn_instruction(pc, instruction))
        reader.in_.fail(fmt::format("another instruction at {:#x} than before", pc));
      if (said & kSymbol && !reader.names_.learn_code(pc, code))
        reader.in_.fail(fmt::format("another place at {:#x} than before", pc));
    }
  };

  template <class T>
  void value(T& v, const char* key) {
    using namespace model;
    if constexpr (EventPart<T>) {
      if constexpr (T::kNullable)
        if (in_.null()) return v = T(), void();
      object([&](auto& visit) { for_each_field(v, visit); });
    } else if constexpr (kIsList<T>) {
      list(v, key);
    } else if constexpr (kIsListOrNull<T>) {
      v.known = !in_.null();
      v.known ? list(v, key) : v.clear();
    } else if constexpr (std::is_same_v<T, SchemaWord>) {
      const auto schema = in_.string();
      if (schema != kEventSchema)
        in_.fail(fmt::format("\"{}\" is another schema than {}", printable(schema), kEventSchema));
    } else if constexpr (std::is_same_v<T, TraceSchemaWord>) {
      const auto schema = in_.string();
      if (schema != kTraceSchema)
        in_.fail(fmt::format("\"{}\" is another schema than {}", printable(schema), kTraceSchema));
    } else if constexpr (std::is_same_v<T, KindWord>) {
      in_.string();  // kind_ has been made of it
    } else if constexpr (std::is_same_v<T, bool>) {
      v = in_.boolean();
    } else if constexpr (std::is_enum_v<T>) {
      v = word<T>(key);
    } else if constexpr (std::is_integral_v<T>) {
      const uint64_t n = in_.number();
      if (n > std::numeric_limits<T>::max()) in_.fail(fmt::format("\"{}\" is too large", key));
      v = static_cast<T>(n);
    } else if constexpr (std::is_same_v<T, Hex> || std::is_same_v<T, CodePlaceInline> ||
                         std::is_same_v<T, InstructionInline>) {
      v = hex(key);
    } else if constexpr (std::is_same_v<T, HexOrNull>) {
      v = in_.null() ? 0 : hex(key);
    } else if constexpr (std::is_same_v<T, NumberOrNull>) {
      v = in_.null() ? 0 : in_.number();
    } else if constexpr (std::is_same_v<T, EventRef>) {
      v = in_.null() ? kNoEvent : in_.number();
    } else if constexpr (std::is_same_v<T, Index>) {
      index(v, key);
    } else if constexpr (std::is_same_v<T, CodePlace>) {
      v = in_.null() ? 0 : place();
    } else if constexpr (std::is_same_v<T, NameOrNull>) {
      v = in_.null() ? Name() : Name(in_.string());
    } else if constexpr (std::is_same_v<T, Name>) {
      v = Name(in_.string());
    } else if constexpr (std::is_same_v<T, TextOrNull> || std::is_same_v<T, CapturedText>) {
      in_.null() ? v.clear() : void(v.assign(in_.string()));
    } else if constexpr (std::is_same_v<T, BytesOrNull>) {
      in_.null() ? v.clear() : bytes(v, key);
    } else {
      static_assert(std::is_same_v<T, Text>, "how is this type read?");
      v.assign(in_.string());
    }
  }

  template <class List>
  void list(List& v, const char* key) {
    in_.list();
    size_t n = 0;
    for (bool first = true; in_.element(first); ++n) {
      if (n == v.size()) v.emplace_back();
      value(v[n], key);
    }
    v.resize(n);
  }

  template <class Enum>
  Enum word(const char* key) {
    const std::string_view said = in_.string();
    for (size_t i = 0; i < model::kWords<Enum>; ++i)
      if (said == to_string(static_cast<Enum>(i))) return static_cast<Enum>(i);
    in_.fail(fmt::format("\"{}\" cannot be \"{}\"", key, printable(said)));
  }

  static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

  uint64_t hex(const char* key) {
    const std::string_view s = in_.string();
    bool good = s.size() > 2 && s.size() <= 18 && s.starts_with("0x");
    uint64_t v = 0;
    for (size_t i = 2; i < s.size() && good; ++i) {
      good = digit(s[i]) >= 0;
      v = v << 4 | static_cast<uint64_t>(digit(s[i]) & 15);
    }
    if (!good) in_.fail(fmt::format("\"{}\" is no 64-bit number as \"0x1f\"", key));
    return v;
  }

  void index(model::Index& v, const char* key) {
    const uint64_t n = in_.null() ? UINT64_MAX : in_.number();
    if (n != UINT64_MAX && n > INT32_MAX) in_.fail(fmt::format("\"{}\" is too large", key));
    v = static_cast<int>(static_cast<int64_t>(n));
  }

  void bytes(std::vector<uint8_t>& v, const char* key) {
    const std::string_view s = in_.string();
    v.resize(s.size() / 2);
    bool good = s.size() % 2 == 0 && !s.empty();
    for (size_t i = 0; i < s.size() && good; ++i) good = digit(s[i]) >= 0;
    if (!good) in_.fail(fmt::format("\"{}\" is no bytes as \"00ff\"", key));
    for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<uint8_t>(digit(s[2 * i]) << 4 | digit(s[2 * i + 1]));
  }

  uint64_t place() {
    PlaceObject o;
    object([&](auto& visit) { visit(PlaceObject::pc_row(), o.pc); });
    if (!o.pc) in_.fail("a place at 0x0 is null");
    return o.pc;
  }

  JsonReader& in_;
  TraceNames& names_;
  EventKind kind_;
};

// Which kind it is decides which keys there are, wherever among them it stands. `count`: it is none.
EventKind kind_of(JsonReader in) {
  in.open();
  std::string_view key;
  for (bool first = true; in.key(first, key);) {
    if (key != "event") {
      in.skip();
      continue;
    }
    const std::string_view word = in.string();
    for (size_t i = 0; i < static_cast<size_t>(EventKind::count); ++i)
      if (word == to_string(static_cast<EventKind>(i))) return static_cast<EventKind>(i);
    in.fail(fmt::format("no event is called \"{}\"", printable(word)));
  }
  return EventKind::count;
}

template <class Line>
void read_line(std::string_view text, TraceNames& names, Line& line, TraceLine which) {
  JsonReader in(text);
  line = Line();
  FieldReader(in, names, EventKind::count).object([&](auto& visit) { for_each_field(line, visit); });
  in.end();
  if (line.line != which) in.fail(fmt::format("a line \"{}\" here", to_string(line.line)));
}

}  // namespace

std::string TraceNames::instruction_text(uint64_t pc) {
  const std::string* known = instructions_.find(pc);
  return known ? *known : "?";
}

CodeText TraceNames::code(uint64_t pc) {
  const CodeText* known = code_.find(pc);
  return known ? *known : CodeText();
}

uint64_t TraceNames::call_site(uint64_t return_address) {
  const uint64_t* known = calls_.find(return_address);
  return known ? *known : 0;
}

bool TraceNames::learn_code(uint64_t pc, const CodeText& text) {
  const auto [known, fresh] = code_.at(pc);
  if (fresh) *known = text;
  return *known == text;
}

bool TraceNames::learn_instruction(uint64_t pc, std::string_view text) {
  const auto [known, fresh] = instructions_.at(pc);
  if (fresh) *known = text;
  return *known == text;
}

void TraceNames::learn(const Event& e) {
  uint64_t returns_to = 0;
  if (const auto* j = std::get_if<model::Jmpdefer>(&e.body)) {
    jmpdefer_ = true;
    calls_[j->return_before] = j->return_after;
  } else if (const auto* push = std::get_if<model::DeferPush>(&e.body)) {
    returns_to = push->defer.site;
  } else if (const auto* enter = std::get_if<model::DeferreturnEnter>(&e.body)) {
    returns_to = enter->return_address;
  }
  if (returns_to && e.shown.place) calls_[returns_to] = e.shown.place;
}

bool TraceNames::learn_isa(bool amd64) {
  if (!amd64_) amd64_ = amd64;
  return *amd64_ == amd64;
}

EventReader::EventReader(std::string name) : name_(std::move(name)) {
  for (size_t kind = 0; kind < events_.size(); ++kind) events_[kind].body = event_body(static_cast<EventKind>(kind));
}

// Reads one line; what is wrong in it gets its number.
template <class Read>
decltype(auto) EventReader::in_line(const char* what, Read read) {
  ++line_;
  try {
    return read();
  } catch (const TraceError& error) {
    throw TraceError(fmt::format("{}:{}: {}{}", name_, line_, what, error.what()));
  }
}

const Event& EventReader::event(JsonReader in, EventKind kind) {
  Event& e = events_[static_cast<size_t>(kind)];
  FieldReader(in, names_, kind).object([&](auto& visit) { for_each_event_field(e, visit); });
  in.end();
  names_.learn(e);
  restore(e);
  return e;
}

const Event& EventReader::read(std::string_view line) {
  return in_line("", [&]() -> const Event& {
    JsonReader in(line);
    const EventKind kind = kind_of(in);
    if (kind == EventKind::count) in.fail("no \"event\"");
    return event(in, kind);
  });
}

const Event* EventReader::read(std::string_view line, TraceEnd& end) {
  return in_line("", [&]() -> const Event* {
    const JsonReader in(line);
    const EventKind kind = kind_of(in);
    if (kind != EventKind::count) return &event(in, kind);
    read_line(line, names_, end, TraceLine::end);
    return nullptr;
  });
}

void EventReader::read(std::string_view line, TraceHeader& header) {
  in_line("no trace: ", [&] { read_line(line, names_, header, TraceLine::header); });
  names_.learn_isa(header.goarch == "amd64");
  names_.know_release(header.defer_fn_offset, header.jmpdefer);
}

// What no line says because those before it have said it: the unwritten fields that texts use.
void EventReader::restore(Event& e) {
  const auto number = [&](uint64_t id) {
    const auto known = panics_.find(id);
    return known == panics_.end() ? 0 : known->second;
  };
  // The outermost of that name: the runtime looks for it from there.
  const auto decide = [](auto& recover) {
    recover.decider = -1;
    for (size_t i = 0; i < recover.callers.size(); ++i)
      if (recover.decided_by && recover.callers[i].function == recover.decided_by)
        recover.decider = static_cast<int>(i);
  };
  if (e.kind() == EventKind::panic_start) panics_[e.id] = e.panic()->number;
  if (model::Panic* p = e.panic())
    p->other = number(e.kind() == EventKind::panic_aborted ? p->aborted_by : p->nested_in);
  if (auto* exit = std::get_if<model::Exit>(&e.body)) exit->panic_number = number(exit->panic);
  if (auto* recover = std::get_if<model::PanicRecovered>(&e.body)) {
    decide(*recover);
    recovered_.push_back(recover->panic.id);
    if (recovered_.size() > kRecovered) panics_.erase(recovered_.front()), recovered_.pop_front();
  }
  if (auto* recover = std::get_if<model::RecoverRefused>(&e.body)) decide(*recover);
  if (const auto* j = std::get_if<model::Jmpdefer>(&e.body)) returns_[j->defer.id] = j->return_before;
  if (const auto* left = std::get_if<model::DeferLeft>(&e.body)) returns_.erase(left->defer.id);
  if (auto* end = std::get_if<model::DeferEnd>(&e.body)) {
    const auto known = returns_.find(end->defer.id);
    end->returns_to = known == returns_.end() ? 0 : known->second;
    if (known != returns_.end()) returns_.erase(known);
  }
}

bool read_events(std::istream& in, EventReader& reader, const std::function<void(const Event&)>& each) {
  for (std::string line; std::getline(in, line);) {
    if (in.eof()) return line.empty();
    each(reader.read(line));
  }
  return true;
}

}  // namespace deferscope::traces
