// What came from the host during a recording, so that the run can be gone through again. What an unchanged file
// of the host still holds is a reference to it, checked when it is read again; everything else is kept, compressed, in
// memory or in an unnamed file.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "emu/host_fd.h"
#include "emu/machine_state.h"

namespace deferscope::emu {

class HostFiles;

class Journal {
 public:
  uint64_t begin() const { return begin_; }  // the first entry that is kept
  uint64_t end() const { return begin_ + entries_.size(); }
  // The next entry, made at `position`. Of a reference the bytes are not kept.
  void append(const JournalEntry& e, Position position, HostFiles& files);
  // An entry in [begin, end). Throws emu::Error if a file that it refers to has changed. Costs a chunk's unpacking.
  JournalEntry entry(uint64_t index, HostFiles& files);
  void truncate(uint64_t end);    // forgets what lies behind
  void start_at(uint64_t index);  // forgets what lies before; the next entry, if there is none
  uint64_t bytes() const;         // that it holds in memory
  // From now on packed chunks lie in a file without a name in this directory. Throws emu::Error.
  void spill_to(const std::string& directory);

 private:
  struct Entry {
    posix::Result result;
    uint64_t hash;                 // of the bytes
    uint64_t position;             // where it was made
    uint64_t handle, file_offset;  // a reference's; handle 0: the bytes lie behind `what`
    uint64_t chunk;
    uint32_t offset, what, length;  // in the unpacked chunk
  };
  struct Chunk {
    std::string packed;  // or in the file:
    uint64_t file_offset = 0;
    uint32_t packed_size = 0, size = 0;
  };
  void pack_tail();
  const std::string& unpacked(uint64_t chunk);
  void check(const Entry& e, const JournalEntry& out) const;

  uint64_t begin_ = 0, first_chunk_ = 0;
  std::deque<Entry> entries_;
  std::deque<Chunk> chunks_;
  std::string tail_;  // of the chunk behind them, not packed yet
  uint64_t packed_bytes_ = 0;
  uint64_t at_hand_ = UINT64_MAX;  // the chunk unpacked last
  std::string unpacked_;
  HostFd file_;
  uint64_t file_end_ = 0;
};

}  // namespace deferscope::emu
