// The types of an event's fields. A field's type says how it is written, read and packed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "emu/refusals.h"
#include "runtime_model/inventory.h"
#include "runtime_model/name.h"

namespace deferscope::model {

enum class EventKind : uint8_t {
#define KIND(name, ...) name,
#include "runtime_model/event_table.def"
  count
};
const char* to_string(EventKind k);  // "defer.push"

// Who registers a defer.
enum class Registrar : uint8_t { deferproc, deferproc_stack, deferprocat, bits, slot, count };
const char* to_string(Registrar r);  // "runtime.deferproc", "deferBits"

// Who calls a deferred function.
enum class RunBy : uint8_t { none, jmpdefer, deferreturn, inline_exit, panic, goexit, count };
const char* to_string(RunBy b);

// Why a defer never ran or never returned, why a panic ended without recover, why the guest ends.
enum class Why : uint8_t {
  none,
  frame,     // its frame is gone
  recovery,  // a recovery threw its frames away
  goexit,    // its goroutine ended by Goexit
  main_returned,
  os_exit,
  panic,        // the guest ends by a panic
  deadlock,     // all goroutines are asleep
  fatal_error,  // another error of the runtime that nothing recovers
  count
};
const char* to_string(Why w);  // "os.Exit"

// Where a recovery lets execution go on.
enum class Resume : uint8_t {
  none,
  deferreturn,  // at the CALL deferreturn of the function whose defer recovered
  deferproc,    // where the CALL deferproc returned to, a second time, with result 1
  goexit,       // in the Goexit that was running
  count
};
const char* to_string(Resume r);

// What changed while a deferred function ran.
enum class EffectKind : uint8_t {
  result,    // of the owner; without DWARF named by the register that it returns in, or its place among the arguments
  variable,  // a local or parameter of the owner; without DWARF named by its place in the frame
  captured,  // memory elsewhere that a captured word or argument points at
  count
};
const char* to_string(EffectKind k);

// The rewritings of SP and PC that have no event of their own.
enum class TransferBy : uint8_t { sigpanic, async_preempt, mcall, systemstack, gogo, cgocall, cgocallback, count };
const char* to_string(TransferBy t);

using emu::Refused;

// Where a _defer record comes from, or goes.
enum class Pool : uint8_t {
  heap,     // it is new; it is left to the garbage collector
  p,        // the pool of the P that runs the goroutine
  central,  // that of all Ps, from which the P's pool was filled up
  count
};
const char* to_string(Pool p);  // "per-P"

// What begins a call.
enum class CallBy : uint8_t {
  call,    // a CALL, also of what runs a deferred function
  tail,    // a jump out of another, in whose frame's place it runs: jmpdefer, a wrapper
  change,  // a change of stacks: the first on this one (systemstack, mcall)
  signal,  // the kernel, or a signal handler that changed where the goroutine goes on (sigpanic, asyncPreempt)
  go,      // it is the goroutine's first
  count
};
const char* to_string(CallBy b);

// How a call ends.
enum class CallEnd : uint8_t {
  returned,
  tail,     // it jumped to another function, which runs in its place
  unwound,  // a recovery, or what runs instead of it, threw its frame away
  left,     // its stack was left for good: gogo, the goroutine's end
  ended,    // the guest, or the trace, ended in it
  count
};
const char* to_string(CallEnd e);

// Whose stack a call runs on.
enum class OnStack : uint8_t { goroutine, system, signal, count };
const char* to_string(OnStack s);

template <class Enum>
inline constexpr size_t kWords = static_cast<size_t>(Enum::count);
template <>
inline constexpr size_t kWords<Storage> = 4;
template <>
inline constexpr size_t kWords<Origin> = 3;

inline constexpr uint64_t kNoEvent = UINT64_MAX;

// A word of 64 bits that is written in a way of its own.
template <class As, uint64_t kDefault = 0>
struct Word {
  constexpr Word(uint64_t v = kDefault) : value(v) {}
  constexpr operator uint64_t() const { return value; }
  uint64_t value;
};
using Number = uint64_t;                                 // 7
using NumberOrNull = Word<struct AsNumberOrNull>;        // 0 is null
using Hex = Word<struct AsHex>;                          // "0x7"
using HexOrNull = Word<struct AsHexOrNull>;              // 0 is null
using EventRef = Word<struct AsEventRef, kNoEvent>;      // an event's id; kNoEvent is null
using CodePlace = Word<struct AsCodePlace>;              // a pc: {"pc", "symbol", "offset", "file", "line"}; 0 is null
using CodePlaceInline = Word<struct AsCodePlaceInline>;  // the same keys, without an object of their own
using InstructionInline = Word<struct AsInstructionInline>;  // a pc: "pc" and the instruction's "text"

struct Index {  // of a slot; -1 is null
  constexpr Index(int v = -1) : value(v) {}
  constexpr operator int() const { return value; }
  int value;
};
struct NameOrNull : Name {
  constexpr NameOrNull() = default;
  constexpr NameOrNull(Name n) : Name(n) {}
};
using Text = std::string;
struct TextOrNull : std::string {  // the empty text is null
  using std::string::string;
  TextOrNull(std::string s) : std::string(std::move(s)) {}
};
struct CapturedText : TextOrNull {  // empty: Names::captured makes it of the word where it is written
  using TextOrNull::TextOrNull;
};
struct BytesOrNull : std::vector<uint8_t> {  // "00ff"; none is null
  using std::vector<uint8_t>::vector;
  BytesOrNull(std::vector<uint8_t> b) : std::vector<uint8_t>(std::move(b)) {}
};
template <class T>
using List = std::vector<T>;
template <class T>
struct ListOrNull : std::vector<T> {  // null: not known
  bool known = true;
};
struct SchemaWord {};  // "deferscope.event/1"
struct KindWord {};    // "defer.push": the event's kind itself

inline constexpr const char* kEventSchema = "deferscope.event/1";

// What a field tells of a run, and so what a comparison of two makes of it.
enum class FieldClass : uint8_t {
  semantics,  // equal wherever the program's meaning is equal
  mechanism,  // how this release of Go does it
  address,    // where it lies in this run's memory
  place,      // where it stands in this build's code
  time,       // its order and position in this run
  count
};
const char* to_string(FieldClass c);

// In which events a field is there.
enum class When : uint8_t {
  always,
  push,         // defer.push
  run,          // of the events of a defer all but defer.push
  called,       // defer.start, defer.end, defer.left
  aborted,      // panic.aborted
  not_aborted,  // of the events of a panic all but panic.aborted
  no_call,      // all but call.enter and call.leave: there are millions of those
  unusual,      // where it is not the first of its words, nor null
  amd64,
  arm64,
  unwritten,  // nowhere in JSON: texts use it
};

struct FieldInfo {
  const char* key;
  FieldClass field_class;
  When when;
  const char* meaning;
};

// The instruction set aside.
constexpr bool applies(When when, EventKind kind) {
  switch (when) {
    case When::push: return kind == EventKind::defer_push;
    case When::run: return kind != EventKind::defer_push;
    case When::called: return kind != EventKind::defer_push && kind != EventKind::jmpdefer;
    case When::aborted: return kind == EventKind::panic_aborted;
    case When::not_aborted: return kind != EventKind::panic_aborted;
    case When::no_call: return kind != EventKind::call_enter && kind != EventKind::call_leave;
    default: return true;
  }
}

}  // namespace deferscope::model
