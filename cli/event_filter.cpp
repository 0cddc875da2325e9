#include "cli/event_filter.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "cli/command_line.h"
#include "cli/shell_words.h"
#include "emu/machine_state.h"

namespace deferscope::cli {

using model::EventKind;

static constexpr size_t number_of(EventKind k) { return static_cast<size_t>(k); }

FilterFlags FilterFlags::whose(std::string_view text) {
  FilterFlags out;
  const std::vector<std::string> words = shell_words(text);
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string &flag = words[i], &value = words[i + 1];
    if (flag == "--function") out.function = value;
    if (flag != "--goroutine") continue;
    const char* end = value.data() + value.size();
    if (const auto [at, error] = std::from_chars(value.data(), end, out.goroutine); error != std::errc() || at != end)
      throw emu::Error(fmt::format("the trace's filter is none: {}", text));
  }
  return out;
}

std::string FilterFlags::text() const {
  std::string out;
  const auto add = [&](const char* flag, const std::string& value) {
    out += fmt::format("{}{} {}", out.empty() ? "" : " ", flag, value);
  };
  if (!function.empty()) add("--function", shell_quoted(function));
  if (goroutine) add("--goroutine", std::to_string(goroutine));
  for (const std::string& kind : kinds) add("--kind", kind);
  if (from) add("--from", std::to_string(from));
  if (to != UINT64_MAX) add("--to", std::to_string(to));
  return out;
}

void add_filter_flags(Verb& verb, FilterFlags& f) {
  verb.option("--goroutine", f.goroutine, "Only what happens in goroutine N").unit("N");
  verb.option("--function", f.function,
              "Only of functions whose name matches RE: the one that defers, panics, is left or called, or the one "
              "deferred")
      .unit("RE");
  std::vector<std::string> kinds;
  for (size_t i = 0; i < number_of(EventKind::count); ++i) kinds.emplace_back(to_string(static_cast<EventKind>(i)));
  verb.option("--kind", f.kinds, "Only events of that kind (repeatable)").one_of(kinds).repeatable();
  verb.option("--from", f.from, "Only from that position on").unit("POSITION");
  verb.option("--to", f.to, "Only up to that position").unit("POSITION");
}

Filter::Filter(const FilterFlags& f) : goroutine_(f.goroutine), from_(f.from), to_(f.to) {
  for (size_t i = 0; i < kKinds; ++i)
    kinds_[i] = f.kinds.empty() ||
                std::find(f.kinds.begin(), f.kinds.end(), to_string(static_cast<EventKind>(i))) != f.kinds.end();
  // The text of a jmpdefer says which defer it starts, and that of the start nothing.
  kinds_[number_of(EventKind::jmpdefer)] |= kinds_[number_of(EventKind::defer_start)];
  if (f.function.empty()) return;
  RE2::Options syntax;
  syntax.set_log_errors(false);
  function_ = std::make_unique<RE2>(f.function, syntax);
  if (!function_->ok()) throw emu::Error(fmt::format("--function {}: {}", f.function, function_->error()));
}

Filter::~Filter() = default;

bool Filter::takes(const model::Event& e) const {
  const uint64_t at = e.shown.none() ? e.position : e.shown.position;
  return kinds_[number_of(e.kind())] && at >= from_ && at <= to_ && (goroutine_ == 0 || e.goid == goroutine_) &&
         (!function_ || of_function(e));
}

bool Filter::takes_function(std::string_view name) const {
  return !function_ || RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *function_);
}

bool Filter::matches(model::Name n) const {
  if (!n) return false;
  const auto [known, fresh] = matched_.at(n.id());
  if (fresh) *known = takes_function(n.text()) ? 1 : -1;
  return *known > 0;
}

// The one whose event it is, and the one that is deferred, by all its names.
bool Filter::of_function(const model::Event& e) const {
  if (matches(e.function()) || matches(e.shown.function)) return true;
  const model::Defer* d = e.defer();
  return d && (matches(d->function.symbol) || matches(d->function.wraps));
}

}  // namespace deferscope::cli
