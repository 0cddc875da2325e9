// The words of an event's fields.
#include "runtime_model/events.h"

#include <array>

namespace deferscope::model {

const char* to_string(EventKind k) {
  static constexpr const char* words[] = {
#define KIND(enumerator, name, word, meaning) word,
#include "runtime_model/event_table.def"
  };
  return words[static_cast<size_t>(k)];
}

const char* to_string(Registrar r) {
  static constexpr const char* words[] = {"runtime.deferproc", "runtime.deferprocStack", "runtime.deferprocat",
                                          "deferBits", "slot"};
  static_assert(std::size(words) == kWords<Registrar>);
  return words[static_cast<size_t>(r)];
}

const char* to_string(RunBy b) {
  static constexpr const char* words[] = {"none", "jmpdefer", "deferreturn", "inline", "panic", "goexit"};
  static_assert(std::size(words) == kWords<RunBy>);
  return words[static_cast<size_t>(b)];
}

const char* to_string(Why w) {
  static constexpr const char* words[] = {"none",    "frame", "recovery", "Goexit",     "main.main returned",
                                          "os.Exit", "panic", "deadlock", "fatal error"};
  static_assert(std::size(words) == kWords<Why>);
  return words[static_cast<size_t>(w)];
}

const char* to_string(Resume r) {
  static constexpr const char* words[] = {"none", "deferreturn", "deferproc", "goexit"};
  static_assert(std::size(words) == kWords<Resume>);
  return words[static_cast<size_t>(r)];
}

const char* to_string(EffectKind k) {
  static constexpr const char* words[] = {"result", "variable", "captured"};
  static_assert(std::size(words) == kWords<EffectKind>);
  return words[static_cast<size_t>(k)];
}

const char* to_string(TransferBy t) {
  static constexpr const char* words[] = {"sigpanic", "asyncPreempt", "mcall",      "systemstack",
                                          "gogo",     "cgocall",      "cgocallback"};
  static_assert(std::size(words) == kWords<TransferBy>);
  return words[static_cast<size_t>(t)];
}

const char* to_string(Pool p) {
  static constexpr const char* words[] = {"heap", "per-P", "central"};
  static_assert(std::size(words) == kWords<Pool>);
  return words[static_cast<size_t>(p)];
}

const char* to_string(CallBy b) {
  static constexpr const char* words[] = {"call", "tail", "stack change", "signal", "go"};
  static_assert(std::size(words) == kWords<CallBy>);
  return words[static_cast<size_t>(b)];
}

const char* to_string(CallEnd e) {
  static constexpr const char* words[] = {"returned", "tail", "unwound", "left", "ended"};
  static_assert(std::size(words) == kWords<CallEnd>);
  return words[static_cast<size_t>(e)];
}

const char* to_string(OnStack s) {
  static constexpr const char* words[] = {"goroutine", "system", "signal"};
  static_assert(std::size(words) == kWords<OnStack>);
  return words[static_cast<size_t>(s)];
}

const char* to_string(FieldClass c) {
  static constexpr const char* words[] = {"semantics", "mechanism", "address", "place", "time"};
  static_assert(std::size(words) == static_cast<size_t>(FieldClass::count));
  return words[static_cast<size_t>(c)];
}

EventBody event_body(EventKind kind) {
  static constexpr EventBody (*make[])() = {
#define KIND(enumerator, name, word, meaning) +[]() -> EventBody { return name(); },
#include "runtime_model/event_table.def"
  };
  return make[static_cast<size_t>(kind)]();
}

}  // namespace deferscope::model
