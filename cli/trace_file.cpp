#include "cli/trace_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "emu/error.h"

namespace deferscope::cli {
namespace {

constexpr size_t kWrite = 64 << 10;  // Linux 6 takes several times as long for the same in larger pieces
constexpr int64_t kReserve = 64 << 20;
constexpr TraceFormat kText{"", TraceFormat::text, false, "text"};
constexpr TraceFormat kFormats[] = {
    {".jsonl", TraceFormat::json_lines, false, "JSON Lines"},
    {".jsonl.zst", TraceFormat::json_lines, true, "the same, compressed"},
    {".pftrace", TraceFormat::perfetto, false, "for ui.perfetto.dev"},
    {".json", TraceFormat::chrome, false, "for chrome://tracing"},
};

}  // namespace

const TraceFormat& format_of(const std::string& path) {
  for (const TraceFormat& f : kFormats)
    if (const std::string_view suffix = f.suffix; path.size() > suffix.size() && path.ends_with(suffix)) return f;
  return kText;
}

std::string known_suffixes() {
  std::string out;
  for (const TraceFormat& f : kFormats) out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", f.suffix, f.what);
  return out;
}

TraceFile::TraceFile(const std::string& path, uint64_t max_mib, bool compressed)
    : path_(path),
      fd_(path == "-" ? STDERR_FILENO : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)),
      max_mib_(max_mib),
      left_(max_mib > UINT64_MAX >> 20 ? UINT64_MAX : max_mib << 20) {
  struct stat st {};
  if (fd_ < 0 || ::fstat(fd_, &st) != 0) throw emu::Error(fmt::format("{}: {}", path, std::strerror(errno)));
  regular_ = S_ISREG(st.st_mode) && !is_stderr();
  if (compressed) compressor_.emplace();
}

TraceFile::TraceFile(int pipe, uint64_t max_mib)
    : path_("pipe"), fd_(pipe), max_mib_(max_mib), left_(max_mib > UINT64_MAX >> 20 ? UINT64_MAX : max_mib << 20) {}

TraceFile::~TraceFile() {
  try {
    end();
  } catch (const std::exception&) {  // no memory: what is there stays a beginning
  }
  if (!is_stderr()) ::close(fd_);
}

void TraceFile::write_behind() {
  if (is_stderr()) return;
  behind_.emplace(kMostBehind, [this](std::string& pieces) { put(pieces), pieces.clear(); });
}

bool TraceFile::is_stderr() const { return fd_ == STDERR_FILENO; }

std::string TraceFile::name() const { return is_stderr() ? "standard error" : path_; }

// The thread may not be there before the process is confined.
void TraceFile::begin() {
  if (!regular_) return;
  put(within_limit());
  text.clear();
}

void TraceFile::flush() {
  const std::string_view pieces = within_limit();
  if (behind_)
    text.resize(pieces.size()), text = behind_->exchange(std::move(text));
  else
    put(pieces), text.clear();
  if (full_) throw emu::Error(fmt::format("--max-trace {} reached: {} ends there", max_mib_, name()));
}

void TraceFile::finish() {
  end();
  if (full_) throw emu::Error(fmt::format("--max-trace {} reached: {} ends there", max_mib_, name()));
  if (const int error = error_)
    throw emu::Error(fmt::format("{}: not everything was written: {}", name(), std::strerror(error)));
}

size_t TraceFile::whole(std::string_view pieces, size_t most) const {
  if (writer_) return writer_->whole(pieces, most);
  return most == 0 ? 0 : pieces.rfind('\n', most - 1) + 1;  // npos + 1 is 0
}

// What the limit cuts off is not written, nor what comes behind: what is there stays a beginning. The limit counts what
// is made, not what that is compressed to.
std::string_view TraceFile::within_limit() {
  std::string_view pieces = full_ ? std::string_view() : text;
  if (pieces.size() > left_) {
    full_ = true;
    pieces = pieces.substr(0, whole(pieces, left_));
  }
  left_ -= pieces.size();
  made_ += pieces.size();
  if (behind_) piece_ = std::clamp<uint64_t>(made_ / 8, kBuffer, kMostAtOnce);
  return pieces;
}

// After an error nothing more is written.
void TraceFile::put(std::string_view pieces) {
  if (error_ || pieces.empty()) return;
  if (!compressor_) return write_pieces(pieces);
  compressed_.clear();
  compressor_->add(pieces, compressed_);
  write_all(compressed_);
}

// What is left, and the end of the compressed frame.
void TraceFile::end() {
  if (ended_) return;
  ended_ = true;
  if (behind_) behind_->finish();
  put(within_limit());
  text.clear();
  if (compressor_ && !error_) {
    compressed_.clear();
    compressor_->end(compressed_);
    write_all(compressed_);
  }
  struct stat st {};
  if (reserved_ && ::fstat(fd_, &st) == 0 && ::ftruncate(fd_, st.st_size) != 0) error_ = errno;
}

void TraceFile::write_pieces(std::string_view pieces) {
  while (!pieces.empty() && !error_) {
    size_t n = pieces.size();
    // What a pipe takes whole or not at all; a longer piece goes alone.
    const size_t best = regular_ ? kWrite : PIPE_BUF;
    if (n > best) {
      n = whole(pieces, best);
      for (size_t most = 2 * best; n == 0; most *= 2) n = most < pieces.size() ? whole(pieces, most) : pieces.size();
    }
    write_all(pieces.substr(0, n));
    pieces.remove_prefix(n);
  }
}

// A large file's room is asked for ahead: a block at a time the system takes twice as long. No more is written to it
// than to any other, and finish() gives back what is left.
void TraceFile::reserve(size_t bytes) {
  if (!regular_) return;
  size_ += static_cast<int64_t>(bytes);
  if (size_ < reserved_ || size_ < kReserve / 8 || reserved_ < 0) return;
  const bool there = ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, size_, kReserve) == 0;
  reserved_ = there ? size_ + kReserve : -1;  // a file system that cannot, or a full one, is as fast as it is
}

void TraceFile::write_all(std::string_view part) {
  reserve(part.size());
  for (size_t done = 0; done < part.size() && !error_;) {
    const ssize_t n = ::write(fd_, part.data() + done, part.size() - done);
    if (n >= 0)
      done += static_cast<size_t>(n);
    else if (errno != EINTR)
      give_up(errno, part.substr(0, done));
  }
}

// A full disk took a part: its last piece goes again. Of what is compressed the reader takes what is whole.
void TraceFile::give_up(int error, std::string_view taken) {
  error_ = error;
  if (compressor_) return;
  const off_t end = regular_ ? ::lseek(fd_, 0, SEEK_CUR) : -1;
  const size_t rest = taken.size() - whole(taken, taken.size());
  if (end >= 0 && rest && ::ftruncate(fd_, end - static_cast<off_t>(rest)) != 0) error_ = errno;
}

}  // namespace deferscope::cli
