// What visitors of an event's fields ask of a field's type.
#pragma once
#include <concepts>
#include <type_traits>

#include "runtime_model/events.h"

namespace deferscope::model {

// A group of rows of event_table.def.
template <class T>
concept EventPart = requires {
  { T::kNullable } -> std::convertible_to<bool>;
};

template <class T>
inline constexpr bool kIsList = false;
template <class T>
inline constexpr bool kIsList<List<T>> = true;
template <class T>
inline constexpr bool kIsListOrNull = false;
template <class T>
inline constexpr bool kIsListOrNull<ListOrNull<T>> = true;

// All that an event says: first what every event has, then what its kind has. A switch, so that all of a visitor can be
// inlined and keep its state in registers.
template <class Event, class Visit>
[[gnu::always_inline]] inline void for_each_event_field(Event& e, Visit&& visit) {
  using Head = std::conditional_t<std::is_const_v<Event>, const EventHead, EventHead>;
  for_each_field(static_cast<Head&>(e), visit);
  switch (e.kind()) {
#define KIND(enumerator, name, word, meaning)     \
  case EventKind::enumerator:                     \
    for_each_field(e.template as<name>(), visit); \
    break;
#include "runtime_model/event_table.def"
    case EventKind::count: break;
  }
}

}  // namespace deferscope::model
