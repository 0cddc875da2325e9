// An open file description: what dup shares. One type a kind, and what all of them have.
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "emu/host_files.h"

namespace deferscope::emu::posix {

// --- readiness ---

// What can be done to a file without waiting.
using Ready = uint32_t;
namespace ready {
inline constexpr Ready kRead = 1, kWrite = 2, kError = 4, kHangUp = 8, kPeerClosed = 16;
}

// What a set (epoll's, kqueue's) wants to hear of one descriptor.
struct Watch {
  Ready wants = 0;
  uint32_t events = 0;  // the system's own bits for it
  uint64_t data = 0;    // the guest's
  int file = 0;
  uint64_t seen = 0;  // the file's `changes`, plus 1, when last reported
  bool disarmed = false;
};

// What a set knows an item by: a descriptor, and where a set can want several things of one (kqueue), which of them.
struct WatchKey {
  int fd = 0, filter = 0;
  auto operator<=>(const WatchKey&) const = default;
};

// What a set waits for beside files: somebody says so, or time passes (kqueue's EVFILT_USER and EVFILT_TIMER).
struct UserWatch {
  uint32_t events = 0, flags = 0;  // the system's own
  uint64_t data = 0;               // the guest's
  bool fired = false, disarmed = false;
  uint64_t expiry = kNoTime, interval = 0;  // ns of the machine's clock; without time something else fires it
  int64_t count = 0;                        // how often that was since it was reported, where it is told
  static constexpr uint64_t kNoTime = UINT64_MAX;
};

// --- kinds ---

struct NullDevice {};
struct ZeroDevice {};
struct RandomDevice {};
struct StandardInput {};
struct StandardOutput {
  int stream = 0;  // 1 or 2
};
struct TextFile {
  std::string content;  // all of it
};
struct HostFile {
  FileHandle handle = 0;  // what the door holds (emu/host_files.h)
  bool unnamed = false;   // the guest took its name away
  uint64_t object = 0;    // which mapped file it is, 0: none; as of when so many had been mapped (file_maps.cpp)
  uint64_t object_as_of = 0;
};
struct ScratchFile {
  int node = 0;
};
struct Directory {
  FileHandle handle = 0;  // of the host; or
  int node = 0;           // of the guest's own /tmp
  bool unnamed = false;
  bool listed = false;
  bool sought = false;  // lseek set `offset`, which need not be a record's
  std::string records;  // once read, in the system's own form
};
struct PipeEnd {
  int pipe = 0;
  bool writes = false;
};
struct EventCounter {
  uint64_t count = 0;
  bool semaphore = false;
};
struct WatchSet {
  std::map<WatchKey, Watch> items;
  std::map<std::pair<int, uint64_t>, UserWatch> others;  // by the system's own kind and the guest's number
};
struct SocketFile {
  int socket = 0;
};

using FileKind = std::variant<NullDevice, ZeroDevice, RandomDevice, StandardInput, StandardOutput, TextFile, HostFile,
                              ScratchFile, Directory, PipeEnd, EventCounter, WatchSet, SocketFile>;

enum class Access : uint8_t { Read, Write, ReadWrite, Other };  // Other: a fourth that Linux' numbers have room for

struct OpenFile {
  FileKind kind;
  Access access = Access::Read;
  bool append = false, nonblocking = false;
  bool name_only = false;  // O_PATH, O_SEARCH: for looking things up
  uint64_t offset = 0;
  std::string path;           // as the guest would see it
  uint64_t changes = 0;       // counts what would wake a poller
  std::vector<int> watchers;  // the sets with an item of this one, once an item. Follows from their items.
  int refs = 0;               // descriptors
  uint64_t held = 0;          // of Holdings

  template <class Kind>
  Kind* as() {
    return std::get_if<Kind>(&kind);
  }
  template <class Kind>
  const Kind* as() const {
    return std::get_if<Kind>(&kind);
  }
  template <class... Kinds>
  bool is() const {
    return (std::holds_alternative<Kinds>(kind) || ...);
  }
  bool readable() const { return access != Access::Write; }
  bool writable() const { return access != Access::Read; }
  int node() const;  // in the guest's own /tmp; 0: none
  FileHandle handle() const;
  int socket() const {
    const auto* s = as<SocketFile>();
    return s ? s->socket : 0;
  }
};

inline int OpenFile::node() const {
  if (const auto* f = as<ScratchFile>()) return f->node;
  const auto* d = as<Directory>();
  return d ? d->node : 0;
}

inline FileHandle OpenFile::handle() const {
  if (const auto* f = as<HostFile>()) return f->handle;
  const auto* d = as<Directory>();
  return d ? d->handle : 0;
}

// How a file is opened.
struct OpenHow {
  Access access = Access::Read;
  bool create = false, exclusive = false, truncate = false, append = false, nonblocking = false, close_on_exec = false;
  bool name_only = false;  // as OpenFile's
  bool directory = false;  // nothing else
  bool keep_link = false;  // a link at the path's end is not followed
  bool temporary = false;  // a file without a name
  uint32_t perm = 0;
};

}  // namespace deferscope::emu::posix
