#include "traces/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "runtime_model/event_visit.h"
#include "traces/json_reader.h"
#include "traces/trace_reader.h"

namespace deferscope::traces {
namespace {

using model::Event;
using model::EventKind;
using model::FieldClass;
using model::When;

constexpr char kKeyEnd = '\x1f', kValueEnd = '\x1e';

void put(std::string& to, std::string_view key, std::string_view value) {
  to.append(key) += kKeyEnd;
  for (const char c : value) to += c == kKeyEnd || c == kValueEnd ? '?' : c;
  to += kValueEnd;
}

// What the rows of event_table.def mean to a comparison, where their class does not say it all.
enum class As : uint8_t {
  outcome,    // how it came out
  subject,    // what it happened to
  reference,  // an event of a panic or Goexit: told as that one
  values,     // known in some builds and not in others
  evidence,   // why; names of wrappers and of the runtime's functions are in it
  how,        // mechanism
  left_out,   // told by another field, or by its order
};
constexpr struct {
  std::string_view key;
  As as;
} kRows[] = {
    {"schema", As::left_out},
    {"event", As::left_out},    // put first
    {"origin", As::left_out},   // --scope chooses by it
    {"call", As::left_out},     // numbers of a goroutine's frames, defers and panics: one more at the begin would
    {"ordinal", As::left_out},  // shift all; how far a defer or panic is from the latest says the same
    {"symbol", As::left_out},   // DeferredFunction is told as a whole
    {"wraps", As::left_out},
    {"depth", As::left_out},  // of frames, whose sizes differ by build
    {"unchanged_results", As::left_out},
    {"effects_complete", As::left_out},
    {"captured_complete", As::left_out},
    {"function", As::subject},
    {"line", As::subject},
    {"go_line", As::subject},
    {"panic", As::reference},
    {"nested_in", As::reference},
    {"aborted_by", As::reference},
    {"captured", As::values},
    {"arguments", As::values},
    {"effects", As::values},
    {"callers", As::evidence},
    {"decided_by", As::evidence},
};
constexpr As as_of(const model::FieldInfo& row) {
  if (row.when == When::unwritten) return As::left_out;
  if (row.field_class != FieldClass::semantics && row.field_class != FieldClass::mechanism) return As::left_out;
  for (const auto& r : kRows)
    if (r.key == row.key) return r.as;
  return row.field_class == FieldClass::mechanism ? As::how : As::outcome;
}

// The kinds that are how a release does it, all of them.
constexpr bool is_mechanism(EventKind k) {
  switch (k) {
    case EventKind::jmpdefer:
    case EventKind::deferreturn_enter:
    case EventKind::deferreturn_leave:
    case EventKind::recovery_jump:
    case EventKind::stack_move:
    case EventKind::transfer:
    case EventKind::refused:
    case EventKind::library_load:
    case EventKind::walk_start:
    case EventKind::walk_frame:
    case EventKind::walk_defer:
    case EventKind::record_take:
    case EventKind::record_give:
    case EventKind::defer_stale: return true;
    default: return false;
  }
}

// Before the names of variables that a deferred function changed.
const std::string kVariable = "variable ";

// What panic(nil) panics with since go 1.21.
constexpr std::string_view kPanicNilError = "*runtime.PanicNilError";

constexpr std::string_view kAnAddress = "0x…";

// Addresses and places in frames, which differ by run and build, without their numbers: "(*int) 0xc000012345" and
// "main.f.SP+24" become "0x…".
std::string without_places(std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef", kDecimal = "0123456789", kBeforeName = " {[(,:=";
  std::string out;
  for (size_t i = 0; i < value.size();) {
    const bool hex = value.substr(i, 2) == "0x", frame = value.substr(i, 4) == ".SP+";
    const size_t digits = i + (hex ? 2 : 4);
    const size_t end =
        hex || frame ? std::min(value.find_first_not_of(hex ? kHex : kDecimal, digits), value.size()) : 0;
    if (end <= digits) {
      out += value[i++];
      continue;
    }
    // What stands before it is its type, or the function whose frame it lies in.
    const bool typed = hex && out.ends_with(") ");
    if (frame || typed) out.resize(typed ? out.rfind('(') : out.find_last_of(kBeforeName) + 1);
    out += kAnAddress;
    i = end;
  }
  return out;
}

// Not one that the compiler or we made up, which differ by release and by what is known of the program.
bool is_name(std::string_view name) {
  if (name.starts_with(kVariable)) name.remove_prefix(kVariable.size());
  return !name.empty() && name[0] != '.' && name.find_first_of(" +{") == name.npos;
}
// Unnamed results are ~r0, ~r1 and so on, counted in other ways by other releases.
std::string_view plain_value_name(std::string_view name) { return name.starts_with("~r") ? "result" : name; }

bool is_quoted(std::string_view value) { return value.starts_with('"'); }

std::string plain_value(const std::string& value) { return is_quoted(value) ? value : without_places(value); }

// The function that a function literal is written in, without the numbers by which compilers tell its literals apart
// and without the function that it was inlined into: each release counts and names them in its own way.
// "main.f.g.func2", "main.g.func1" and "main.g.1" are "main.g.func"; lines say which of them it is.
std::string plain_name(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789", kMade[] = {".func", "-range", "."};
  const auto numbered = [&](std::string_view text) {  // how long it is without a literal's number; 0: it has none
    const size_t digits = text.find_last_not_of(kDigits) + 1;
    if (digits == text.size()) return size_t{0};
    for (const std::string_view made : kMade)
      if (text.substr(0, digits).ends_with(made)) return digits - made.size();
    return size_t{0};
  };
  std::string_view owner = name;
  while (const size_t size = numbered(owner)) owner = owner.substr(0, size);
  if (owner.size() == name.size()) return std::string(name);
  const size_t type = owner.find('['), path = owner.substr(0, type).rfind('/');
  const size_t package = owner.find('.', path == owner.npos ? 0 : path);
  size_t last = owner.substr(0, type).rfind('.');
  if (last != owner.npos && last > 0 && owner[last - 1] == ')') last = owner.rfind(".(", last);  // (*T).m
  if (package == owner.npos || last == owner.npos || last <= package) return fmt::format("{}.func", owner);
  return fmt::format("{}{}.func", owner.substr(0, package), owner.substr(last));
}

// Where code stands in the source, as the trace tells it.
SourcePlace source_of(TraceNames& names, uint64_t pc) {
  SourcePlace out;
  if (!pc) return out;
  JsonReader in(names.place(pc));
  std::string_view key;
  in.open();
  for (bool first = true; in.key(first, key);) {
    if (key == "file" && !in.null())
      out.file = in.string();
    else if (key == "line")
      out.line = in.number();
    else if (key != "file")
      in.skip();
  }
  return out;
}

// The texts of one event.
struct Told {
  std::string subject, outcome, values, evidence, how;
  bool complete = true;  // of a defer.end: what is not in `values` did not change
  void clear() {
    for (std::string* s : {&subject, &outcome, &values, &evidence, &how}) s->clear();
    complete = true;
  }
};

// What runs, is registered and panics in a goroutine, so that one is told by how far it is from the latest.
struct Goroutine {
  size_t strand = SIZE_MAX;
  std::vector<uint64_t> pending;  // ids of defer.push
  std::vector<uint64_t> panics;   // ids of panic.start and goexit, all that were
  bool calls_nil = false;         // a nil deferred function is being called
};

class Teller {
 public:
  Teller(Story& story, SharedTexts& texts, const StoryOptions& options, TraceNames& names)
      : story_(story), texts_(texts.texts), lock_(texts.lock), o_(options), names_(names) {
    ignored_.resize(static_cast<size_t>(EventKind::count));
    for (size_t i = 0; i < ignored_.size(); ++i) ignored_[i] = o_.ignore.count(to_string(static_cast<EventKind>(i)));
    strand_names_[1] = "main";
  }

  void tell(const Event& e) {
    learn(e);
    if (e.kind() == EventKind::output) return output(e.as<model::Output>(), e.origin == model::Origin::runtime);
    if (e.kind() == EventKind::exit) exit_ = e.as<model::Exit>();
    if (!in_scope(o_.scope, e.origin) || ignored_[static_cast<size_t>(e.kind())] || e.kind() == EventKind::exit)
      return forget(e);
    told_.clear();
    const bool recover = e.kind() == EventKind::panic_recovered || e.kind() == EventKind::recover_refused;
    put(told_.subject, "event", recover ? "recover" : to_string(e.kind()));
    if (recover) put(told_.outcome, "event", to_string(e.kind()));
    event_ = &e;
    model::for_each_event_field(e, [this](auto row, const auto& v) { (*this)(row, v); });
    relate(e);
    prove(e);
    forget(e);
    const std::lock_guard hold(lock_);
    const uint32_t subject = texts_.id(told_.subject);
    mechanism(e, subject);
    if (is_mechanism(e.kind())) return;
    place(e, subject);
    if (e.kind() == EventKind::defer_end && told_.complete) put(told_.values, kComplete, "");
    happenings(e.goid).push_back(
        {subject, texts_.id(told_.outcome), texts_.id(told_.values), texts_.id(told_.evidence)});
  }

  void finish();

  // A field of the event at hand.
  template <class Row, class T>
  void operator()(Row, const T& v) {
    constexpr As as = as_of(Row::info);
    constexpr std::string_view key = Row::info.key;
    if constexpr (Row::info.when != When::always && Row::info.when != When::unwritten)
      if (!applies(Row::info.when, event_->kind())) return;
    if constexpr (as == As::left_out) {
    } else if constexpr (std::is_same_v<T, model::DeferredFunction>) {
      deferred(v);
    } else if constexpr (model::EventPart<T>) {
      if constexpr (T::kNullable)
        if (v.none()) return;
      const size_t begin = path_.size();
      path_.append(key) += '.';
      for_each_field(v, *this);
      path_.resize(begin);
    } else if constexpr (as == As::reference) {
      reference(key, v);
    } else if constexpr (as == As::values) {
      values(key, v);
    } else if constexpr (as == As::evidence) {
      evidence(key, v);
    } else if constexpr (key == "line" || key == "go_line") {
      line(key, v);
    } else {
      // What stays as it was registered is told once.
      if (as == As::how && Row::info.when == When::always && path_.starts_with("defer.") &&
          event_->kind() != EventKind::defer_push)
        return;
      std::string& to = as == As::how ? told_.how : as == As::subject ? told_.subject : told_.outcome;
      text_.clear();
      if (!write(v)) return;
      if constexpr (as != As::how && (std::is_same_v<T, model::Name> || std::is_same_v<T, model::NameOrNull>))
        put_name(to, key, text_);
      else
        put_field(to, key, text_);
    }
  }

 private:
  std::vector<Happening>& happenings(uint64_t goid);
  void learn(const Event& e);
  void forget(const Event& e);
  void relate(const Event& e);
  void prove(const Event& e);
  void mechanism(const Event& e, uint32_t subject);
  void place(const Event& e, uint32_t subject);
  void output(const model::Output& o, bool report);
  void line(size_t stream, std::string_view text);

  bool ignores(std::string_view path, std::string_view key) const {
    return !o_.ignore.empty() && (o_.ignore.count(std::string(path)) || o_.ignore.count(std::string(key)));
  }
  void put_field(std::string& to, std::string_view key, std::string_view value) {
    const size_t begin = path_.size();
    path_.append(key);
    if (!ignores(path_, key)) put(to, path_, value);
    path_.resize(begin);
  }
  // The name itself is kept for texts.
  void put_name(std::string& to, std::string_view key, std::string_view name) {
    const std::string plain = plain_name(name);
    put_field(to, key, plain);
    if (plain != name) put_field(told_.evidence, key, name);
  }

  // The value as text; false: there is none.
  template <class T>
  bool write(const T& v) {
    using namespace model;
    if constexpr (std::is_same_v<T, bool>) {
      text_ = v ? "true" : "false";
    } else if constexpr (std::is_enum_v<T>) {
      text_ = to_string(v);
      if constexpr (requires { T::none; }) return v != T::none;
    } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, NumberOrNull>) {
      text_ = std::to_string(static_cast<uint64_t>(v));
      return std::is_integral_v<T> || v != 0;
    } else if constexpr (std::is_same_v<T, Index>) {
      text_ = std::to_string(v.value);
      return v.value >= 0;
    } else if constexpr (std::is_same_v<T, Name> || std::is_same_v<T, NameOrNull>) {
      text_ = v ? v.text() : "?";
    } else if constexpr (std::is_base_of_v<std::string, T>) {
      text_ = plain_value(v);
      return !v.empty();
    } else if constexpr (kIsList<T>) {
      return list(v);
    } else {
      static_assert(std::is_same_v<T, BytesOrNull>, "how is this type compared?");
      for (const uint8_t b : v) text_ += fmt::format("{:02x}", b);
      return !v.empty();
    }
    return true;
  }
  bool list(const std::vector<model::Name>& names) {
    for (const model::Name n : names) text_.append(text_.empty() ? "" : ", ").append(n.text());
    return !names.empty();
  }
  template <class T>
  bool list(const std::vector<T>& all) {  // of jmpdefer its instructions
    text_ = std::to_string(all.size());
    return !all.empty();
  }
  // A defer is its statement. What that defers is compared where it is known: of a wrapper into which it was inlined it
  // is not.
  void deferred(const model::DeferredFunction& d) {
    const model::Name name = d.wraps ? d.wraps : d.wrapper ? model::NameOrNull() : d.symbol;
    if (!d.funcval || name) put_name(told_.values, "function", name ? name.text() : "nil");
    if (name != d.symbol && event_->kind() == EventKind::defer_push) put_field(told_.how, "through", d.symbol.text());
    const size_t begin = path_.size();
    path_ += "function.";
    for_each_field(d, *this);
    path_.resize(begin);
  }

  void line(std::string_view key, uint64_t line) {
    if (!line) return;
    const std::string& file = file_of(event_->frame.function);
    put_field(told_.subject, key, file.empty() ? std::to_string(line) : fmt::format("{}:{}", base(file), line));
  }
  static std::string_view base(std::string_view file) { return file.substr(file.find_last_of("/\\") + 1); }
  const std::string& file_of(model::Name function) { return files_[function.id()]; }

  // The panic or Goexit of that event: how many came after it in its goroutine, and its value.
  void reference(std::string_view key, uint64_t id) {
    if (id == model::kNoEvent) return;
    const auto& panics = goroutines_[event_->goid].panics;
    const auto at = std::find(panics.rbegin(), panics.rend(), id);
    const std::string& value = panic_values_[id];
    std::string text = at == panics.rend() ? "one of before" : value;
    if (at != panics.rend() && at != panics.rbegin())
      text += fmt::format(" ({} before the latest)", at - panics.rbegin());
    put_field(told_.outcome, key, text);
  }

  void values(std::string_view, const std::vector<model::Captured>& all) {
    if (event_->kind() != EventKind::defer_push) return;  // that one tells them
    for (const model::Captured& c : all) {
      const std::string_view name = c.name.text();
      value(name, bool(c.type), plain_value(c.shown));
      if (c.type && is_name(name)) put(told_.evidence, kProvesCapture, name);
    }
  }
  void values(std::string_view, const model::ListOrNull<model::TypedValue>& all) {
    for (const model::TypedValue& v : all) value(v.name, !v.type.empty(), plain_value(v.value));
  }
  void values(std::string_view, const model::ListOrNull<model::Effect>& all) {
    told_.complete = all.known && event_->as<model::DeferEnd>().effects_complete;
    for (const model::Effect& f : all) {
      const std::string change = plain_value(f.before) + " → " + plain_value(f.after);
      // Where an optimised build keeps a variable DWARF may not say.
      if (f.kind != model::EffectKind::variable)
        value(f.name, !f.type.empty(), change);
      else if (!f.type.empty() && is_name(f.name))
        value(kVariable + f.name, true, change);
    }
  }
  void value(std::string_view name, bool typed, const std::string& shown) {
    if (typed && is_name(name) && !shown.empty())
      ignores("values", "values") ? void() : put(told_.values, plain_value_name(name), shown);
    else
      told_.complete = false;
  }

  void evidence(std::string_view key, model::Name name) { put(told_.evidence, key, name.text()); }
  void evidence(std::string_view, const std::vector<model::CallerFrame>& callers) {
    for (const model::CallerFrame& c : callers)
      put(told_.evidence, "caller",
          fmt::format("{}{}{}{}", c.function.text(), c.wrapper && !c.runs_defers ? " (wrapper)" : "",
                      c.inlined ? " (inlined)" : "", c.runs_defers ? " (runs defers)" : ""));
  }

  Story& story_;
  Texts& texts_;
  std::mutex& lock_;  // of texts_
  const StoryOptions& o_;
  TraceNames& names_;
  std::vector<bool> ignored_;  // by kind
  const Event* event_ = nullptr;
  Told told_;
  std::string path_, text_;
  std::unordered_map<uint64_t, Goroutine> goroutines_;
  std::unordered_map<uint64_t, std::string> strand_names_;  // by goid
  std::unordered_map<std::string, uint64_t> by_libraries_;  // goroutines that they made, by name
  std::unordered_map<uint64_t, std::string> panic_values_;  // by id
  std::unordered_map<uintptr_t, std::string> files_;        // by a function's Name
  struct Count {
    uint64_t count = 0;
    bool mechanism = false;
  };
  std::unordered_map<uint64_t, Count> mechanism_;  // by subject and how
  std::string unfinished_[2];                      // of standard output and error
  std::vector<Happening> lines_[2];
  std::optional<model::Exit> exit_;
  bool traced_ = false;  // the runtime's stack traces have begun
};

std::vector<Happening>& Teller::happenings(uint64_t goid) {
  Goroutine& g = goroutines_[o_.total_order ? 0 : goid];
  if (g.strand == SIZE_MAX) {
    g.strand = story_.strands.size();
    const auto name = strand_names_.find(goid);
    story_.strands.push_back({o_.total_order                ? "all goroutines"
                              : name != strand_names_.end() ? name->second
                                                            : "a goroutine of the runtime",
                              Strand::goroutine,
                              {}});
  }
  return story_.strands[g.strand].happenings;
}

// What later events are told by: also of those that are not told themselves.
void Teller::learn(const Event& e) {
  if (e.kind() == EventKind::defer_push) {
    const auto& d = *e.defer();
    goroutines_[e.goid].pending.push_back(e.id);
    std::string& file = files_[e.frame.function.id()];
    if (file.empty()) file = source_of(names_, d.site).file;
  } else if (e.kind() == EventKind::panic_start || e.kind() == EventKind::goexit) {
    goroutines_[e.goid].panics.push_back(e.id);
    panic_values_[e.id] = e.kind() == EventKind::goexit ? "Goexit" : plain_value(e.panic()->value);
  } else if (e.kind() == EventKind::goroutine_start) {
    const auto& s = e.as<model::GoroutineStart>();
    std::string& file = files_[e.frame.function.id()];
    if (file.empty()) file = source_of(names_, s.site).file;
    const auto creator = strand_names_.find(e.goid);
    std::string of = creator != strand_names_.end() && creator->second != "main" ? " of " + creator->second : "";
    std::string name = fmt::format("{} (go ", s.function ? s.function.text() : "?");
    // Lines of libraries are each release's own: there it is the function's go statements that are counted.
    const bool user = e.origin == model::Origin::user;
    if (user) name += fmt::format("at {}:{} ", base(file), s.line.value);
    name += fmt::format("in {}", e.frame.function ? e.frame.function.text() : "?");
    const uint64_t ordinal = user ? s.ordinal.value : ++by_libraries_[name + of];
    if (ordinal > 1) name += fmt::format(", {}.", ordinal);
    name += ")" + of;
    strand_names_[s.started] = s.function == "runtime.main" ? "main" : name;
  }
}

// How far the defer is from the latest that its goroutine registered and has not started: other than 0 where it is not
// last in, first out.
void Teller::relate(const Event& e) {
  const model::Defer* d = e.defer();
  if (!d || (e.kind() != EventKind::defer_start)) return;
  const auto& pending = goroutines_[e.goid].pending;
  const auto at = std::find(pending.rbegin(), pending.rend(), d->id.value);
  if (at == pending.rend())
    put(told_.outcome, "order", "its registration was not seen");
  else if (at != pending.rbegin())
    put(told_.outcome, "order", fmt::format("before {} registered later", at - pending.rbegin()));
}

// What explains a panic without comparing it with anything: a nil function was deferred, or nil was the panic's value.
void Teller::prove(const Event& e) {
  if (is_mechanism(e.kind())) return;  // the signal's way to the panic
  const model::Defer* d = e.defer();
  bool& calls_nil = goroutines_[e.goid].calls_nil;
  const bool nil = d ? d->function.funcval == 0 : e.kind() == EventKind::panic_start && calls_nil;
  if (nil) put(told_.evidence, kProvesNilFunction, "");
  calls_nil = nil && e.kind() == EventKind::defer_start;
  if (const model::Panic* p = e.panic(); p && (p->value == "nil" || p->value.starts_with(kPanicNilError)))
    put(told_.evidence, kProvesNilValue, p->value == "nil" ? "nil" : kPanicNilError);
}

void Teller::forget(const Event& e) {
  if (e.kind() != EventKind::defer_start && e.kind() != EventKind::defer_left) return;
  auto& pending = goroutines_[e.goid].pending;
  const auto at = std::find(pending.rbegin(), pending.rend(), e.defer()->id.value);
  if (at != pending.rend()) pending.erase(std::next(at).base());
}

void Teller::mechanism(const Event& e, uint32_t subject) {
  if (told_.evidence.find("frame.function") != std::string::npos) {
    std::string real;  // here lines do not tell function literals apart
    const Fields names = fields_of(told_.evidence);
    for (const auto& [key, value] : fields_of(told_.subject)) {
      const std::string_view name = field(names, key);
      put(real, key, name.empty() ? value : name);
    }
    subject = texts_.id(real);
  }
  Count& c = mechanism_[uint64_t{subject} << 32 | texts_.id(told_.how)];
  ++c.count;
  c.mechanism = is_mechanism(e.kind());
}

// In the source: the defer or go statement, or what is shown.
void Teller::place(const Event& e, uint32_t subject) {
  if (story_.places.count(subject)) return;
  const model::Defer* d = e.defer();
  const uint64_t line = d                                        ? d->line.value
                        : e.kind() == EventKind::goroutine_start ? e.as<model::GoroutineStart>().line.value
                                                                 : 0;
  if (line) {
    story_.places[subject] = {file_of(e.frame.function), line};
  } else if (e.shown.place && e.frame.function == e.shown.function) {
    story_.places[subject] = source_of(names_, e.shown.place);
  }
}

// `report`: the runtime says why the guest ends. Its stack traces are of this build: only what stands before them is
// told.
void Teller::output(const model::Output& o, bool report) {
  if (o.descriptor != 1 && o.descriptor != 2) return;
  const size_t stream = o.descriptor - 1;
  std::string& text = unfinished_[stream];
  text += o.text;
  text.append(o.bytes.begin(), o.bytes.end());
  for (size_t at = 0;;) {
    const size_t end = text.find('\n', at);
    if (end == text.npos) {
      text.erase(0, at);
      return;
    }
    const std::string_view whole = std::string_view(text).substr(at, end - at);
    const bool its_own = report || (stream == 1 && whole.starts_with("runtime: "));
    traced_ |= report && (whole.starts_with("goroutine ") || whole == "runtime stack:");
    if (!its_own)
      line(stream, whole);
    else if (!traced_ && !whole.empty())
      line(stream, without_places(whole));
    at = end + 1;
  }
}

void Teller::line(size_t stream, std::string_view text) {
  told_.clear();
  put(told_.subject, "event", "output");
  put(told_.outcome, "text", text);
  const std::lock_guard hold(lock_);
  lines_[stream].push_back({texts_.id(told_.subject), texts_.id(told_.outcome), 0, 0});
}

void Teller::finish() {
  for (size_t stream = 0; stream < 2; ++stream) {
    std::string& text = unfinished_[stream];
    if (!text.empty()) line(stream, text + "␄");  // it has no end
    if (!o_.ignore.count(stream ? "stderr" : "stdout") && !ignored_[static_cast<size_t>(EventKind::output)])
      story_.strands.push_back(
          {stream ? "standard error" : "standard output", Strand::output, std::move(lines_[stream])});
  }
  const std::lock_guard hold(lock_);
  Strand& end = story_.strands.emplace_back(Strand{"the end", Strand::end, {}});
  if (!ignored_[static_cast<size_t>(EventKind::exit)] && story_.end && story_.end->complete) {
    told_.clear();
    put(told_.subject, "event", "exit");
    const auto outcome = [&](std::string_view key, const std::string& value) {
      if (!value.empty() && !ignores(key, key)) put(told_.outcome, key, value);
    };
    if (exit_) outcome("why", to_string(exit_->why));
    if (exit_) outcome("message", plain_value(exit_->message));
    if (story_.end->status >= 0) outcome("status", std::to_string(story_.end->status.value));
    if (story_.end->signal) outcome("signal", std::to_string(story_.end->signal.value));
    end.happenings.push_back({texts_.id(told_.subject), texts_.id(told_.outcome), 0, 0});
  }
  for (const auto& [key, count] : mechanism_) {
    const Fields subject = fields_of(texts_[static_cast<uint32_t>(key >> 32)]);
    const std::string_view event = field(subject, "event");
    const bool of_defer = event.starts_with("defer.") || event == to_string(EventKind::jmpdefer);
    std::string whose;  // all events of a defer together
    for (const auto& [name, value] : subject)
      if (name != "event" || !of_defer) put(whose, name, value);
    for (const auto& [name, value] : fields_of(texts_[static_cast<uint32_t>(key)]))
      story_.mechanism[{whose, std::string(name)}][std::string(value)] += count.count;
    if (count.mechanism) story_.mechanism[{whose, std::string(event)}][""] += count.count;
  }
}

}  // namespace

std::string encoded(std::string_view key, std::string_view value) {
  std::string out;
  put(out, key, value);
  return out;
}

Fields fields_of(std::string_view text) {
  Fields out;
  while (!text.empty()) {
    const size_t key = text.find(kKeyEnd), end = text.find(kValueEnd, key);
    out.emplace_back(text.substr(0, key), text.substr(key + 1, end - key - 1));
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string_view field(const Fields& fields, std::string_view key) {
  for (const auto& [k, v] : fields)
    if (k == key) return v;
  return {};
}

bool is_measured(std::string_view field) { return field == "registered_in" || field == "reached_in"; }

bool same(const Texts& texts, const Happening& a, const Happening& b) {
  if (a.subject != b.subject || a.outcome != b.outcome) return false;
  if (a.values == b.values) return true;
  const Fields own = fields_of(texts[a.values]), others = fields_of(texts[b.values]);
  const auto has = [](const Fields& f, std::string_view key) {
    return std::any_of(f.begin(), f.end(), [key](const auto& pair) { return pair.first == key; });
  };
  const bool complete = has(own, kComplete) && has(others, kComplete);
  const auto agree = [&](const Fields& with, const Fields& against) {
    return std::all_of(with.begin(), with.end(), [&](const auto& pair) {
      return has(against, pair.first) ? field(against, pair.first) == pair.second
                                      : !complete || pair.first.starts_with(kVariable) || pair.first == kFunction;
    });
  };
  return agree(own, others) && agree(others, own);
}

Story read_story(TraceReader& trace, SharedTexts& texts, const StoryOptions& options) {
  Story story;
  story.header = trace.header();
  Teller teller(story, texts, options, trace.names());
  try {
    while (const Event* e = trace.next()) teller.tell(*e);
    story.end = trace.end();
  } catch (const TraceError& e) {
    story.damage = e.what();
  }
  teller.finish();
  std::erase_if(story.strands, [&](const Strand& s) {
    return s.kind == Strand::goroutine &&
           std::any_of(options.ignore_goroutines.begin(), options.ignore_goroutines.end(),
                       [&](const std::string& text) { return s.name.find(text) != s.name.npos; });
  });
  return story;
}

}  // namespace deferscope::traces
