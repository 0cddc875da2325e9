#include "traces/story_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "loader/printable.h"

namespace deferscope::traces {
namespace {

using loader::printable;

// The fields of a happening, each said once: what no sentence has a word for is said behind it.
class Said {
 public:
  // Names as the program has them, which are among the evidence where others are compared.
  Said(const Texts& texts, uint32_t part, const Happening& h) : fields_(fields_of(texts[part])) {
    if (!h.evidence) return;
    const Fields names = fields_of(texts[h.evidence]);
    for (auto& [key, value] : fields_)
      if (const std::string_view name = field(names, key); !name.empty()) value = name;
  }
  std::string operator()(std::string_view key) {
    for (auto it = fields_.begin(); it != fields_.end(); ++it)
      if (it->first == key) {
        const std::string_view value = it->second;
        fields_.erase(it);
        return printable(value);
      }
    return {};
  }
  std::string rest() const {
    std::string out;
    for (const auto& [key, value] : fields_) out += fmt::format("  [{}: {}]", key, printable(value));
    return out;
  }

 private:
  Fields fields_;
};

std::string behind(std::string_view before, const std::string& text) {
  return text.empty() ? text : fmt::format("{}{}", before, text);
}

// `f`: the deferred function.
std::string subject(Said& said, const std::string& f) {
  const std::string event = said("event"), owner = said("frame.function");
  const std::string of = behind(", deferred by ", owner);
  if (event == "defer.push") return fmt::format("{} defers {}", owner, f);
  if (event == "defer.start") return fmt::format("{} runs{}", f, of);
  if (event == "defer.end") return fmt::format("{} returns{}", f, of);
  if (event == "defer.left") return fmt::format("{}{},", f, of);
  if (event == "panic.start") return fmt::format("{} panics", owner);
  if (event == "recover") return fmt::format("recover() in {}", owner);
  if (event == "panic.aborted" || event == "panic.fatal") return "the panic";
  if (event == "goexit") return fmt::format("runtime.Goexit in {}", owner);
  if (event == "goroutine.start") return fmt::format("{} starts a goroutine: {}", owner, said("function"));
  if (event == "exit") return "the guest ends";
  if (event == "output") return "";
  if (event == kGoldenEvent) {
    said("place");
    return (f.empty() ? "" : f + " ") + said("text");
  }
  return event + behind(" in ", owner);
}

std::string left(Said& said) {
  const bool started = said("started") == "true";
  const std::string why = said("why"), is = said("goroutine_is");
  return fmt::format("{}{}{}", started ? "never returns" : "never runs", behind(": ", why),
                     behind(" while its goroutine is ", is));
}

// Values, or effects, as "a = 1, b = 2".
std::string values(std::string_view text, std::string_view between) {
  std::string out;
  for (const auto& [name, value] : fields_of(text)) {
    if (name == kComplete || name == kFunction) continue;
    out += fmt::format("{}{}{}{}", out.empty() ? "" : ", ", printable(name), name.empty() ? "" : between,
                       printable(value));
  }
  return out;
}

std::string outcome(std::string_view event, Said& said, std::string_view known) {
  if (event == "defer.push") return behind("with ", values(known, " = "));
  if (event == "defer.start") {
    const std::string by = said("panic"), order = said("order");
    const std::string whom = by.starts_with("Goexit") ? by : behind("panic ", by);
    return behind("for ", whom) + behind(whom.empty() ? "" : ", ", order);
  }
  if (event == "defer.end") {
    const std::string by = said("panic"), effects = values(known, ": ");
    return effects;
  }
  if (event == "defer.left") return left(said);
  if (event == "panic.start") return said("panic.value") + behind(", while running: ", said("panic.nested_in"));
  if (event == "recover") {
    const bool stops = said("event") == "panic.recovered";
    const std::string value = said("panic.value");
    said("panic.nested_in");
    return stops ? "stops panic " + value : "returns nil, panic " + value + " goes on";
  }
  if (event == "panic.aborted")
    return said("panic.value") + behind(" ends: ", said("why")) + behind(" of panic ", said("panic.aborted_by"));
  if (event == "panic.fatal") {
    const std::string value = said("panic.value");
    said("panic.nested_in");
    return value + " ends the guest: nobody recovers it";
  }
  if (event == "goexit") return said("panic.nested_in").empty() ? "" : "while a panic runs";
  if (event == "exit") {
    const std::string why = said("why"), message = said("message"), status = said("status"), signal = said("signal");
    return why + behind(": ", message) + behind(", status ", status) + behind(", signal ", signal);
  }
  if (event == "output") return said("text");
  if (event == kGoldenEvent) return behind("with ", values(known, ": "));
  return "";
}

}  // namespace

std::string place_text(const Texts& texts, const Happening& h) {
  const Fields fields = fields_of(texts[h.subject]);
  const std::string_view line = field(fields, "defer.line");
  const std::string_view other = field(fields, "go_line");
  return printable(!line.empty() ? line : !other.empty() ? other : field(fields, "place"));
}

std::string deferred_text(const Texts& texts, const Happening& h) { return Said(texts, h.values, h)(kFunction); }

std::string subject_text(const Texts& texts, const Happening& h) {
  Said said(texts, h.subject, h);
  said("defer.line"), said("go_line");
  const std::string f = deferred_text(texts, h);
  const bool golden = field(fields_of(texts[h.subject]), "event") == kGoldenEvent;
  const std::string text = subject(said, f.empty() && !golden ? "what a wrapper calls" : f);
  return text + said.rest();
}

std::string deed_text(const Texts& texts, const Happening& h) {
  Said who(texts, h.subject, h), how(texts, h.outcome, h);
  const std::string event = who("event"), owner = who("frame.function");
  who("defer.line");
  const std::string does = event == "defer.push"    ? "is deferred"
                           : event == "defer.start" ? "runs"
                           : event == "defer.end"   ? "returns"
                                                    : "";
  const std::string out = outcome(event, how, "");
  return fmt::format("{}{}by {}{}{}", does,
                     does == "is deferred" ? " "
                     : does.empty()        ? "deferred "
                                           : ", deferred ",
                     owner, behind(does.empty() ? ", " : " ", out), who.rest() + how.rest());
}

std::string outcome_text(const Texts& texts, const Happening& h) {
  Said said(texts, h.outcome, h);
  const std::string text = outcome(field(fields_of(texts[h.subject]), "event"), said, texts[h.values]);
  return text + said.rest();
}

std::string sentence(const Texts& texts, const Happening& h) {
  const std::string what = subject_text(texts, h), how = outcome_text(texts, h);
  if (what.empty() || how.empty()) return what + how;
  const std::string_view event = field(fields_of(texts[h.subject]), "event");
  const bool colon = event == "panic.start" || event == "defer.end" || event == "exit" || event == "goexit";
  return fmt::format("{}{}{}", what, colon ? ": " : " ", how);
}

}  // namespace deferscope::traces
