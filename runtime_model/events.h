// What happens to defers, as events: the same names for every Go version. Their fields are the rows of
// event_table.def. An event owns its data: it outlives the program that made it.
#pragma once
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime_model/event_types.h"

namespace deferscope::model {

// A frame, while its program is at hand.
struct FrameId {
  const Function* function = nullptr;
  uint64_t sp = 0;     // SP inside the frame
  uint64_t depth = 0;  // the upper end of its stack less sp
  uint64_t pc = 0;     // where the frame stands (a return address, or the instruction itself)
  uint64_t call = 0;   // EventFrame::call
  Name inlined = {};   // the function that stands there, where it is inlined into `function`
};

// --- the structs: a member a row, and for each member_row, which says the rest of it ---

#define PART(name, meaning)                          \
  struct name {                                      \
    static constexpr const char* kMeaning = meaning; \
    static constexpr bool kNullable = false;
#define PART_OR_NULL(name, member, meaning)          \
  struct name {                                      \
    static constexpr const char* kMeaning = meaning; \
    static constexpr bool kNullable = true;          \
    bool none() const { return !member; }
#define KIND(enumerator, name, word, meaning) \
  PART(name, meaning)                         \
  static constexpr EventKind kKind = EventKind::enumerator;
#define FIELD_IF(when, type, member, key, field_class, meaning)                         \
  type member{};                                                                        \
  struct member##_row {                                                                 \
    static constexpr FieldInfo info{key, FieldClass::field_class, When::when, meaning}; \
  };
// clang-format off
#define END };
// clang-format on
#include "runtime_model/event_table.def"

// --- for_each_field(part, visit): visit(row, member) of each, in order ---

#define PART(name, meaning)                                \
  template <class Part, class Visit>                       \
  requires std::is_same_v<std::remove_const_t<Part>, name> \
  [[gnu::always_inline]] constexpr void for_each_field(Part& part, Visit&& visit) {
#define FIELD_IF(when, type, member, key, field_class, meaning) \
  visit(typename std::remove_const_t<Part>::member##_row(), part.member);
#define END }
#include "runtime_model/event_table.def"

namespace detail {
template <class, class... T>
struct VariantOf {
  using type = std::variant<T...>;
};
}  // namespace detail

using EventBody = detail::VariantOf<void
#define KIND(enumerator, name, word, meaning) , name
#include "runtime_model/event_table.def"
                                    >::type;
static_assert(std::variant_size_v<EventBody> == static_cast<size_t>(EventKind::count));

struct Event : EventHead {
 private:
  template <class Part, class Self>
  static auto part(Self& self) {
    std::conditional_t<std::is_const_v<Self>, const Part, Part>* found = nullptr;
    std::visit(
        [&](auto& kind) {
          for_each_field(kind, [&](auto, auto& member) {
            if constexpr (std::is_same_v<std::remove_cvref_t<decltype(member)>, Part>) found = &member;
          });
        },
        self.body);
    return found;
  }

 public:
  Event() = default;
  explicit Event(EventBody b) : body(std::move(b)) {}
  template <class Kind>
  explicit Event(std::in_place_type_t<Kind> kind) : body(kind) {}

  EventBody body;

  EventKind kind() const { return static_cast<EventKind>(body.index()); }
  template <class Kind>
  Kind& as() {  // the event is of that kind
    return *std::get_if<Kind>(&body);
  }
  template <class Kind>
  const Kind& as() const {
    return *std::get_if<Kind>(&body);
  }
  // What kinds share; nullptr: this one has none.
  Defer* defer() { return part<Defer>(*this); }
  const Defer* defer() const { return part<Defer>(*this); }
  Panic* panic() { return part<Panic>(*this); }
  const Panic* panic() const { return part<Panic>(*this); }
  // Whose event it is: the frame's function, or the one that is called.
  Name function() const;
};

inline Name Event::function() const {
  if (const auto* enter = std::get_if<CallEnter>(&body)) return enter->function;
  if (const auto* leave = std::get_if<CallLeave>(&body)) return leave->function;
  return frame.function;
}

// An event of a kind, as its number: for tables of all kinds.
EventBody event_body(EventKind kind);

}  // namespace deferscope::model
