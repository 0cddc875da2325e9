// Traces compressed with Zstandard (RFC 8878): one frame, flushed as it goes, so that what a killed run leaves can be
// read up to its last flush.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace deferscope::traces {

class Compressor {
 public:
  Compressor();
  ~Compressor();
  // Appends what `bytes` become; a reader of all that was appended so far gets all of them back.
  void add(std::string_view bytes, std::string& out);
  // The frame's end.
  void end(std::string& out);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

// Whether a file that begins so is one of Zstandard's.
bool is_zstd(std::string_view begin);

// As TraceReader::Source. What `source` gives, decompressed if it begins as a frame of Zstandard: several frames are
// one text, and one that is cut off ends the text where its last whole block does. Throws TraceError for damage.
std::function<size_t(char*, size_t)> plain(std::string name, std::function<size_t(char*, size_t)> source);

}  // namespace deferscope::traces
