// The merged chain: every defer that is pending on a goroutine, in the order in which they would run, whatever holds
// it: linked _defer records, bits of open-coded frames, lists of range-over-func loops. And the _panic chain.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime_model/guest.h"
#include "runtime_model/inventory.h"

namespace deferscope::model {

// A deferred function: the closure that will be called.
struct Deferred {
  uint64_t funcval = 0;  // 0: nil, the call will panic
  uint64_t entry = 0;
  const Function* function = nullptr;
  const Function* target = nullptr;  // of a wrapper that calls through a captured word: what that leads to
  struct Captured {
    uint32_t offset, size;
    uint64_t value;
    bool address;           // the closure uses the word's address
    std::string_view name;  // where DWARF says it; lives as long as the Program
    const Shape* type;      // nullptr: not known, or a part of the variable before it; lives as long as the Program
    // Where in which frame the word points, if it is an address on the goroutine's stack.
    const Function* frame = nullptr;
    uint64_t frame_offset = 0;  // from its SP
    bool part() const { return !type && !name.empty(); }
  };
  std::vector<Captured> captured;
  std::vector<std::pair<uint32_t, std::string>> texts;  // of those that their word does not say: by offset
  bool captured_complete = true;
};

// A field of a record as it is in memory.
struct RawField {
  const char* name;
  uint32_t offset, size;
  uint64_t value;
};

struct ChainEntry {
  Storage storage = Storage::heap;
  bool running = false;     // 1.12–1.21: started by a panic and still linked
  bool incomplete = false;  // a heap record between newdefer and the end of deferproc: fields are not stored yet
  bool list_head = false;   // the record that deferrangefunc pushed; its list follows
  bool stale = false;     // 1.14–1.21: the frame is gone, its record is not: the next panic runs what lies there now
  bool unlinked = false;  // taken off the list to be called next: only who saw the run knows it
  uint64_t number = 0;    // Defer::number of its events; 0: its registration was not seen
  uint64_t record = 0;    // 0: open-coded, no record
  uint64_t sp = 0;        // of the owner frame
  uint64_t pc = 0;        // where it was registered (return address), 0 for open-coded
  const Function* owner = nullptr;
  Deferred deferred;
  int slot = -1;  // open-coded: which bit
  uint64_t slot_address = 0;
  std::vector<RawField> raw;
  std::vector<uint8_t> bytes;  // of the record and what follows it (≤ 1.17: arguments)
  std::vector<uint8_t> arguments;
};

// deferBits of a frame on the stack.
struct OpenFrame {
  const Function* function = nullptr;
  uint64_t sp = 0, bits_address = 0;
  uint8_t bits = 0;
  bool valid = false;   // false: stale, the frame's initial store has not run
  uint64_t record = 0;  // 1.14–1.21: the openDefer record that a panic added for it
};

struct PanicEntry {
  uint64_t record = 0;
  uint64_t type = 0, data = 0;
  std::string value;  // as Go prints it
  bool recovered = false, aborted = false, goexit = false, deferreturn = false, repanicked = false;
  std::vector<RawField> raw;
  std::vector<uint8_t> bytes;
};

// What one answer about the guest (a snapshot, a list of defers) may read of its lists, whatever they reach. A guest
// can make them endless, cyclic, or shared by thousands of goroutines; where a budget ends a note says so.
struct ReadBudget {
  static constexpr size_t kRecords = 30'000;         // _defer and _panic records, open-coded slots
  static constexpr size_t kFrames = 50'000;          // of all goroutines together
  static constexpr size_t kBytes = size_t{8} << 20;  // of records, arguments and texts
  size_t records = kRecords, frames = kFrames, bytes = kBytes;
};

struct Chain {
  std::vector<ChainEntry> entries;  // next to run first
  std::vector<OpenFrame> open_frames;
  std::vector<PanicEntry> panics;  // newest first
  std::vector<std::string> notes;  // "the list of records has a loop": what is missing and why
};

Deferred read_deferred(const Guest& guest, uint64_t funcval);
// `frames`: of the same goroutine. With `budget` one for several chains. No record is read twice for one chain.
Chain read_chain(const Guest& guest, const Goroutine& g, const Unwound& frames, ReadBudget& budget);
Chain read_chain(const Guest& guest, const Goroutine& g, const Unwound& frames);
std::vector<RawField> raw_fields(const Guest& guest, S s, uint64_t record);

// The value of an interface{} as Go's runtime prints it in "panic: …": basic types by value, others as "(TYPE)
// ADDRESS"; error and Stringer types by type name, since their text is made by guest code.
std::string panic_value(const Guest& guest, uint64_t type, uint64_t data);
std::string nil_panic_value();  // of the *runtime.PanicNilError that panic(nil) becomes
// A type's name: "*errors.errorString"; empty if unreadable.
std::string type_name(const Guest& guest, uint64_t type);

}  // namespace deferscope::model
