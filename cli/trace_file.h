// The file that a trace goes to. Whenever the process or the disk ends, what is there ends where a piece (a line, a
// packet) ends: whole pieces go in one write, on a pipe as many of them as it takes at once.
#pragma once
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "traces/trace_writer.h"
#include "traces/worker.h"
#include "traces/zstd_stream.h"

namespace deferscope::cli {

// What a file's name says of what is in it.
struct TraceFormat {
  const char* suffix;
  enum Kind : uint8_t { text, json_lines, perfetto, chrome } kind;
  bool compressed;
  const char* what;
};
// Text, where no suffix is known.
const TraceFormat& format_of(const std::string& path);
std::string known_suffixes();  // ".jsonl (JSON Lines), …"

class TraceFile {
 public:
  // "-": standard error. Nothing goes to the guest's standard output. Throws emu::Error if it cannot be opened.
  TraceFile(const std::string& path, uint64_t max_mib, bool compressed = false);
  // A pipe that stands open; it is closed in the end.
  TraceFile(int pipe, uint64_t max_mib);
  ~TraceFile();
  TraceFile(const TraceFile&) = delete;

  // From now on a thread of its own compresses and writes, while its maker goes on. Not for standard error, which is
  // read beside the guest's output.
  void write_behind();
  // Whose pieces these are; without one they are lines.
  void set_writer(const traces::TraceWriter* writer) { writer_ = writer; }
  // What else is made of the guest would be thrown away.
  bool failed() const { return error_.load(std::memory_order_relaxed) != 0; }
  bool is_stderr() const;
  std::string text;  // whole pieces, appended to by writers
  // What stands there from the start on. A pipe's reader may not be there yet.
  void begin();
  void written() {  // standard error is read beside the guest's output, so nothing is held back there
    if (text.size() >= piece_ || is_stderr()) flush();
  }
  // Throws emu::Error where --max-trace ends it.
  void flush();
  // Throws emu::Error if not all was written.
  void finish();

 private:
  // Bytes that go at once; to the thread an eighth of what went before, so that of a process that is killed nearly all
  // is there, and what is long is handed over seldom.
  static constexpr size_t kBuffer = 1 << 16, kMostAtOnce = 1 << 21;
  static constexpr size_t kMostBehind = 8;  // pieces, at work or waiting
  std::string name() const;
  size_t whole(std::string_view pieces, size_t most) const;
  std::string_view within_limit();
  void end();
  void put(std::string_view pieces);
  void write_pieces(std::string_view pieces);
  void reserve(size_t bytes);
  void write_all(std::string_view part);
  void give_up(int error, std::string_view taken);

  std::string path_;
  int fd_;
  uint64_t max_mib_, left_;  // left_: bytes
  uint64_t made_ = 0;        // bytes, before compression
  size_t piece_ = kBuffer;
  bool regular_ = false, full_ = false, ended_ = false;
  int64_t size_ = 0, reserved_ = 0;  // of a regular file: bytes; reserved_ -1: it cannot
  std::atomic<int> error_ = 0;       // errno of the first write that failed
  const traces::TraceWriter* writer_ = nullptr;
  std::optional<traces::Compressor> compressor_;
  std::string compressed_;                             // reused
  std::optional<traces::Worker<std::string>> behind_;  // last: its thread uses the others
};

}  // namespace deferscope::cli
