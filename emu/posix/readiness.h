// Readiness: what can be done to a file without waiting, and the sets that watch files (epoll's, kqueue's: each system
// dresses them).
#pragma once
#include <map>

#include "emu/posix/context.h"

namespace deferscope::emu::posix {

inline constexpr size_t kMaxNests = 4;  // links from set to set, one behind the other

// One look at many files. Sets lie in sets, and many ways may lead to one: each is looked into once.
class Readiness {
 public:
  Readiness(const State& s, HostPort* host) : s_(s), host_(host) {}
  Ready of(const OpenFile& f);

 private:
  bool any_in(const WatchSet& set);

  const State& s_;
  HostPort* host_;  // that counts the work, if it could be much
  std::map<const WatchSet*, bool> sets_;
};

Ready readiness(const State& s, const OpenFile& f);
bool can_be_watched(const OpenFile& f);
void note_change(State& s, OpenFile& f);  // f's readiness may have changed

// --- sets ---

// Puts an item for the descriptor in a set; LOOP or INVAL where sets would nest too deep or too broad, NOSPC.
Result add_watch(Context& c, int set, WatchKey key, const Watch& item);
void drop_watch(State& s, int set, WatchKey key);
Result add_other(Context& c, int set, std::pair<int, uint64_t> key, const UserWatch& item);  // NOSPC
void drop_other(State& s, int set, std::pair<int, uint64_t> key);
// What an item reports now; 0: nothing it wants. With `edge` what it reported stays silent until the file changes.
Ready fresh(Readiness& look, const State& s, const Watch& item, bool edge);
void mark_reported(const State& s, Watch& item, bool once);

void forget_in_sets(State& s, int fd, int file);  // the descriptor goes
void empty_set(State& s, int set);                // the set goes: its items do

}  // namespace deferscope::emu::posix
