#include "emu/posix/readiness.h"

#include <algorithm>
#include <array>
#include <climits>

#include "emu/posix/sockets.h"

namespace deferscope::emu::posix {
namespace {

constexpr Ready kAlways = ready::kError | ready::kHangUp;  // reported whether a watcher asks for it or not

Ready pipe_readiness(const Pipe& p, bool writes) {
  if (writes) return (p.bytes.size() < p.capacity ? ready::kWrite : 0) | (p.readers == 0 ? ready::kError : 0);
  return (p.bytes.empty() ? 0 : ready::kRead) | (p.writers == 0 ? ready::kHangUp : 0);
}

}  // namespace

// As deep as kMaxNests.
bool Readiness::any_in(const WatchSet& set) {
  const auto known = sets_.find(&set);
  if (known != sets_.end()) return known->second;
  if (host_) host_->work(set.items.size());
  const bool any = std::any_of(set.items.begin(), set.items.end(), [&](const auto& entry) {
    const Watch& item = entry.second;
    return !item.disarmed && (of(s_.files.at(item.file)) & (item.wants | kAlways));
  });
  return sets_[&set] = any || std::any_of(set.others.begin(), set.others.end(), [](const auto& entry) {
                         return entry.second.fired && !entry.second.disarmed;
                       });
}

Ready Readiness::of(const OpenFile& f) {
  if (const auto* end = f.as<PipeEnd>()) return pipe_readiness(s_.pipes.at(end->pipe), end->writes);
  if (const auto* e = f.as<EventCounter>())
    return (e->count > 0 ? ready::kRead : 0) | (e->count < UINT64_MAX - 1 ? ready::kWrite : 0);
  if (const auto* set = f.as<WatchSet>()) return any_in(*set) ? ready::kRead : 0;
  if (const auto* x = f.as<SocketFile>()) return socket_readiness(s_.sockets.at(x->socket), s_);
  if (f.is<StandardOutput>()) return ready::kWrite;
  if (f.is<StandardInput>()) return ready::kRead;
  return ready::kRead | ready::kWrite;
}

Ready readiness(const State& s, const OpenFile& f) { return Readiness(s, nullptr).of(f); }

// Not regular files, directories, and the devices without poll.
bool can_be_watched(const OpenFile& f) { return f.is<PipeEnd, EventCounter, WatchSet, SocketFile, StandardOutput>(); }

void note_change(State& s, OpenFile& f) {
  ++f.changes;
  s.io_changed = true;
}

// --- sets ---

namespace {

using Items = std::map<WatchKey, Watch>;

void drop_watcher(State& s, int file, int set) {
  const auto it = s.files.find(file);
  if (it == s.files.end()) return;
  std::vector<int>& w = it->second.watchers;
  const auto at = std::find(w.begin(), w.end(), set);
  if (at != w.end()) w.erase(at);
}

Items& items_of(State& s, int set) { return s.files.at(set).as<WatchSet>()->items; }

void drop_item(State& s, int set, Items::iterator it) {
  drop_watcher(s, it->second.file, set);
  s.holdings.give_back(cost::kWatch);
  items_of(s, set).erase(it);
}

// Whether a set may get an item of `file`, by the kernel's rules (fs/eventpoll.c). Sets form a graph without circles,
// so each recursion here is as deep as kMaxNests; the marks and the limits keep it short.
class NestingCheck {
 public:
  NestingCheck(Context& c, int set, int file) : s_(c.s), host_(c.host), set_(set), file_(file) {}
  Result run() {
    const OpenFile& f = s_.files.at(file_);
    if (f.is<WatchSet>()) {
      const size_t down = depth_below(file_, 0);
      if (circle_ || down + 1 + height_above(set_) > kMaxNests) return Error::LOOP;
    } else if (!s_.files.at(set_).watchers.empty()) {
      sources_.push_back(file_);
    }
    std::sort(sources_.begin(), sources_.end());
    sources_.erase(std::unique(sources_.begin(), sources_.end()), sources_.end());
    const auto fits = [&](int source) { return few_paths(source); };
    return std::all_of(sources_.begin(), sources_.end(), fits) ? kOk : Error::INVAL;
  }

 private:
  // Links from this set downwards; finds circles and the files that are no sets.
  size_t depth_below(int set, size_t depth) {
    if (const auto it = below_.find(set); it != below_.end()) return it->second;
    size_t most = 0;
    const auto& items = s_.files.at(set).as<WatchSet>()->items;
    host_.work(items.size());
    for (const auto& [fd, item] : items) {
      if (!s_.files.at(item.file).is<WatchSet>()) {
        sources_.push_back(item.file);
        continue;
      }
      circle_ = circle_ || item.file == set_ || depth > kMaxNests;
      if (circle_) return kMaxNests + 1;
      most = std::max(most, depth_below(item.file, depth + 1) + 1);
    }
    return below_[set] = most;
  }
  size_t height_above(int set) {
    if (const auto it = above_.find(set); it != above_.end()) return it->second;
    size_t most = 0;
    for (int up : s_.files.at(set).watchers) most = std::max(most, height_above(up) + 1);
    return above_[set] = most;
  }

  // A file's change wakes along every way upwards: the kernel allows so many of each length.
  bool few_paths(int source) {
    counts_.fill(0);
    const std::vector<int>& w = s_.files.at(source).watchers;
    return std::all_of(w.begin(), w.end(), [&](int up) { return count_up(up, 0); }) &&
           (source != file_ || count_up(set_, 0));
  }
  bool count_up(int set, size_t nests) {
    constexpr std::array<unsigned, kMaxNests + 1> kLimits{1000, 500, 100, 50, 10};
    if (nests > kMaxNests) return false;
    host_.work(1);
    std::vector<int> up = s_.files.at(set).watchers;
    if (set == file_) up.push_back(set_);  // as if the item were there
    if (up.empty()) return nests == 0 || ++counts_[nests] <= kLimits[nests];
    return std::all_of(up.begin(), up.end(), [&](int next) { return count_up(next, nests + 1); });
  }

  const State& s_;
  HostPort& host_;
  int set_, file_;
  bool circle_ = false;
  std::map<int, size_t> below_, above_;
  std::vector<int> sources_;
  std::array<unsigned, kMaxNests + 1> counts_{};
};

}  // namespace

Result add_watch(Context& c, int set, WatchKey key, const Watch& item) {
  if (const Result e = NestingCheck(c, set, item.file).run(); !e) return e;
  if (!c.s.holdings.take(cost::kWatch)) return Error::NOSPC;
  items_of(c.s, set)[key] = item;
  c.s.files.at(item.file).watchers.push_back(set);
  return 0;
}

void drop_watch(State& s, int set, WatchKey key) { drop_item(s, set, items_of(s, set).find(key)); }

Result add_other(Context& c, int set, std::pair<int, uint64_t> key, const UserWatch& item) {
  auto& others = c.s.files.at(set).as<WatchSet>()->others;
  if (!others.contains(key) && !c.s.holdings.take(cost::kWatch)) return Error::NOSPC;
  others[key] = item;
  return 0;
}

void drop_other(State& s, int set, std::pair<int, uint64_t> key) {
  if (s.files.at(set).as<WatchSet>()->others.erase(key)) s.holdings.give_back(cost::kWatch);
}

Ready fresh(Readiness& look, const State& s, const Watch& item, bool edge) {
  if (item.disarmed) return 0;
  const OpenFile& f = s.files.at(item.file);
  const Ready now = look.of(f);
  return (now & (item.wants | kAlways)) == 0 || (edge && item.seen == f.changes + 1) ? 0 : now;
}

void mark_reported(const State& s, Watch& item, bool once) {
  item.seen = s.files.at(item.file).changes + 1;
  if (once) item.disarmed = true;
}

void forget_in_sets(State& s, int fd, int file) {
  const std::vector<int> sets = s.files.at(file).watchers;
  for (int set : sets) {
    Items& items = items_of(s, set);
    const auto it = items.lower_bound({fd, INT_MIN});
    if (it != items.end() && it->first.fd == fd && it->second.file == file) drop_item(s, set, it);
  }
}

void empty_set(State& s, int set) {
  Items& items = items_of(s, set);
  while (!items.empty()) drop_item(s, set, items.begin());
  auto& others = s.files.at(set).as<WatchSet>()->others;
  s.holdings.give_back(others.size() * cost::kWatch);
  others.clear();
}

}  // namespace deferscope::emu::posix
