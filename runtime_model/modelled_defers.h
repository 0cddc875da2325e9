// What the modelled deferreturn, gopanic and Goexit share: which deferred function runs next. Internal to the room.
#pragma once
#include <optional>

#include "runtime_model/modelled.h"

namespace deferscope::model {

// A frame's highest open-coded defer that is registered.
struct OpenDefer {
  const Function* owner = nullptr;
  const OpenCoded* table = nullptr;
  uint64_t sp = 0, caller_sp = 0, varp = 0;
  uint64_t pc = 0;  // where the frame stands
  int slot = 0;
};
// Of the frame of `owner` whose caller's SP is caller_sp; `pc`: where it stands.
std::optional<OpenDefer> open_defer(ModelledCall& c, const Function* owner, uint64_t pc, uint64_t sp,
                                    uint64_t caller_sp);

// Clears its bit, copies its arguments to `to` (up to 1.17) and returns its closure.
uint64_t take_open(ModelledCall& c, const OpenDefer& d, uint64_t to);
// 1.14 to 1.21: the record that a panic keeps on the list for a frame with open-coded defers, in the order of frames.
// `make`: one is made where there is none; else 0.
uint64_t open_record(ModelledCall& c, uint64_t sp, const OpenDefer* make);
// Takes it off the goroutine's list, wherever it is.
void unlink(ModelledCall& c, uint64_t record);
// Copies a record's arguments to `to` (up to 1.17).
void copy_arguments(ModelledCall& c, uint64_t record, uint64_t to);
// A record that opened a list of a loop's defers (deferrangefunc): the list takes its place. False: it is another.
bool splice_list(ModelledCall& c, uint64_t record);

}  // namespace deferscope::model
