#include "emu/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "emu/hash.h"
#include "emu/host_files.h"

namespace deferscope::emu {
namespace {

constexpr size_t kChunk = 256 << 10;    // unpacked; larger entries have one for themselves
constexpr size_t kReference = 1 << 10;  // shorter ones are not worth one
constexpr int kLevel = 1;               // zlib's fastest

uint64_t hash_of(const std::vector<uint8_t>& bytes) { return hash_bytes(0, bytes.data(), bytes.size()); }

}  // namespace

void Journal::pack_tail() {
  if (tail_.empty()) return;
  uLongf n = ::compressBound(tail_.size());
  std::string packed(n, '\0');
  if (::compress2(reinterpret_cast<Bytef*>(packed.data()), &n, reinterpret_cast<const Bytef*>(tail_.data()),
                  tail_.size(), kLevel) != Z_OK)
    throw Error("the input of the run cannot be recorded: out of memory");
  packed.resize(n);
  packed.shrink_to_fit();
  Chunk chunk{{}, 0, static_cast<uint32_t>(n), static_cast<uint32_t>(tail_.size())};
  if (file_) {
    for (size_t done = 0; done < n;) {
      const ssize_t k = ::pwrite(file_.get(), packed.data() + done, n - done, static_cast<off_t>(file_end_ + done));
      if (k < 0 && errno == EINTR) continue;
      if (k <= 0) throw Error(fmt::format("--spill: the run's input cannot be kept: {}", std::strerror(errno)));
      done += static_cast<size_t>(k);
    }
    chunk.file_offset = file_end_;
    file_end_ += n;
  } else {
    chunk.packed = std::move(packed);
    packed_bytes_ += n;
  }
  chunks_.push_back(std::move(chunk));
  tail_.clear();
  tail_.shrink_to_fit();
}

void Journal::append(const JournalEntry& e, Position position, HostFiles& files) {
  const bool refers = e.source != 0 && e.bytes.size() >= kReference && files.is_constant(e.source);
  const size_t size = e.what.size() + (refers ? 0 : e.bytes.size());
  if (tail_.size() + size > kChunk) pack_tail();
  entries_.push_back({e.result, hash_of(e.bytes), position, refers ? e.source : 0, e.source_offset,
                      first_chunk_ + chunks_.size(), static_cast<uint32_t>(tail_.size()),
                      static_cast<uint32_t>(e.what.size()), static_cast<uint32_t>(e.bytes.size())});
  tail_ += e.what;
  if (!refers) tail_.append(e.bytes.begin(), e.bytes.end());
}

const std::string& Journal::unpacked(uint64_t number) {
  const uint64_t index = number - first_chunk_;
  if (index == chunks_.size()) return tail_;
  if (at_hand_ == number) return unpacked_;
  const Chunk& chunk = chunks_[index];
  std::string from_file;
  const std::string* packed = &chunk.packed;
  if (packed->empty()) {
    from_file.resize(chunk.packed_size);
    const ssize_t k = ::pread(file_.get(), from_file.data(), from_file.size(), static_cast<off_t>(chunk.file_offset));
    if (k != static_cast<ssize_t>(from_file.size())) throw Error("--spill: the run's input cannot be read back");
    packed = &from_file;
  }
  at_hand_ = UINT64_MAX;
  unpacked_.resize(chunk.size);
  uLongf n = chunk.size;
  if (::uncompress(reinterpret_cast<Bytef*>(unpacked_.data()), &n, reinterpret_cast<const Bytef*>(packed->data()),
                   packed->size()) != Z_OK ||
      n != chunk.size)
    throw Error("the recorded input of the run is damaged");
  at_hand_ = number;
  return unpacked_;
}

void Journal::check(const Entry& e, const JournalEntry& out) const {
  if (out.bytes.size() == e.length && hash_of(out.bytes) == e.hash) return;
  throw InputLost(
      fmt::format("{}: the file changed since the guest read it at position {}: the recording cannot be gone "
                  "through there again, only positions behind a later snapshot can be reached",
                  out.what, e.position));
}

JournalEntry Journal::entry(uint64_t index, HostFiles& files) {
  const Entry& e = entries_[index - begin_];
  JournalEntry out;
  const std::string& text = unpacked(e.chunk);
  out.what = text.substr(e.offset, e.what);
  out.result = e.result;
  if (e.handle != 0) {
    const size_t open = files.open_handles();
    files.read(e.handle, e.file_offset, e.length, out.bytes);
    if (files.open_handles() > open) files.close(e.handle);  // the guest had closed it: one at a time
  } else {
    const auto* from = reinterpret_cast<const uint8_t*>(text.data()) + e.offset + e.what;
    out.bytes.assign(from, from + e.length);
  }
  check(e, out);
  return out;
}

void Journal::truncate(uint64_t new_end) {
  if (new_end >= end()) return;
  const Entry first = entries_[new_end - begin_];
  entries_.resize(new_end - begin_);
  // What the chunks hold behind it is not taken away, only never asked for; the tail is.
  tail_.resize(first.chunk == first_chunk_ + chunks_.size() ? first.offset : 0);
}

void Journal::start_at(uint64_t index) {
  if (index >= end()) {
    begin_ = index;
    entries_.clear();
    first_chunk_ += chunks_.size() + 1;
    chunks_.clear();
    tail_.clear();
    packed_bytes_ = 0;
    return;
  }
  while (begin_ < index) {
    entries_.pop_front();
    ++begin_;
  }
  for (; first_chunk_ < entries_.front().chunk; ++first_chunk_) {
    packed_bytes_ -= chunks_.front().packed.size();
    chunks_.pop_front();
  }
}

uint64_t Journal::bytes() const {
  return entries_.size() * sizeof(Entry) + chunks_.size() * sizeof(Chunk) + packed_bytes_ + tail_.capacity() +
         unpacked_.capacity();
}

void Journal::spill_to(const std::string& directory) {
#ifdef O_TMPFILE
  file_ = HostFd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
#endif
  if (!file_) {
    std::string name = directory + "/deferscope-XXXXXX";
    file_ = HostFd(::mkostemp(name.data(), O_CLOEXEC));
    if (file_) ::unlink(name.c_str());
  }
  if (!file_) throw Error(fmt::format("--spill {}: {}", directory, std::strerror(errno)));
}

}  // namespace deferscope::emu
