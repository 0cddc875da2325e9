// How long one frame lives, from its function's first instruction until it has returned or was cut. A watchpoint on a
// variable begins and ends with it. Both ends are looked for when they are needed: what was found is kept, and an edit
// drops what lay ahead of it.
#pragma once
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "session/reader.h"
#include "session/timeline.h"

namespace deferscope::session {

// The last position before p at which one of `pcs` is reached and `want` holds there. Sets hooks and watchpoints;
// stands elsewhere afterwards. Cost: running again what lies between.
std::optional<emu::Position> last_hook_before(Timeline& time, emu::Position p, const std::unordered_set<uint64_t>& pcs,
                                              const std::function<bool()>& want);

class FrameLife {
 public:
  FrameLife(const Reader& reader, const Who& who, const Frame& frame);

  const Who& who() const { return who_; }
  const model::Function* function() const { return function_; }
  uint64_t depth() const { return depth_; }  // of its caller's SP (Reader::depth)

  // Whether it lives at p, as far as is known: see reaches().
  bool alive_at(emu::Position p) const { return !dropped_ && p >= begin_.value_or(from_) && (!end_ || p < *end_); }
  std::optional<emu::Position> end() const { return end_; }  // the first position at which it is gone
  bool cut() const { return cut_; }                          // it did not return
  uint64_t returned_to() const { return return_address_; }
  bool dropped() const { return dropped_; }  // an edit before it changed the run: it may never come
  // Whether all is known about p that alive_at says.
  bool reaches(emu::Position p) const { return dropped_ || ((begin_ || p >= from_) && (end_ || p <= to_)); }

  // Where it may begin or end: to be hooked while running.
  std::unordered_set<uint64_t> hooks() const;
  // Ran from there to here with these hooks set. True: it begins or ends here.
  bool ran(const Reader& reader, emu::Position from);
  // Makes reaches(position) true, by running again. Stands where it stood afterwards; clears hooks and watchpoints.
  void find(Timeline& time, const Reader& reader);
  // An edit at p.
  void drop_after(emu::Position p);

 private:
  bool hooked(uint64_t pc) const;
  bool gone_here(const Reader& reader);

  Who who_;
  const model::Function* function_ = nullptr;
  uint64_t depth_ = 0, return_address_ = 0;
  std::unordered_set<uint64_t> cuts_;  // where a goroutine may leave frames without returning: gogo, goexit0
  emu::Position from_ = 0, to_ = 0;    // it lives between them
  std::optional<emu::Position> begin_, end_;
  bool cut_ = false, dropped_ = false;
  std::optional<uint64_t> resumes_at_;  // a gogo that cuts it is at work, and leads there
};

}  // namespace deferscope::session
