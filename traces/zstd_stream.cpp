#include "traces/zstd_stream.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "traces/json_reader.h"

namespace deferscope::traces {
namespace {

constexpr int kLevel = -3;  // beside the run, its text and this have two processors: what is faster is written more of
constexpr int kWindowLog = 18;     // what a processor's own cache holds
constexpr int kMaxWindowLog = 27;  // of what is read: 128 MiB, as zstd itself takes without being told
constexpr size_t kPiece = 1 << 16;
constexpr unsigned char kMagic[] = {0x28, 0xb5, 0x2f, 0xfd};

}  // namespace

struct Compressor::Stream {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ~Stream() { ZSTD_freeCCtx(context); }
  void put(std::string_view bytes, ZSTD_EndDirective how, std::string& out) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (size_t left = 1; left != 0 || in.pos < in.size;) {
      const size_t used = out.size();
      out.resize(used + ZSTD_CStreamOutSize());
      ZSTD_outBuffer to{out.data() + used, out.size() - used, 0};
      left = ZSTD_compressStream2(context, &to, &in, how);
      out.resize(used + to.pos);
      if (ZSTD_isError(left)) throw std::bad_alloc();  // nothing else can go wrong with bytes in memory
    }
  }
};

Compressor::Compressor() : stream_(std::make_unique<Stream>()) {
  if (!stream_->context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(stream_->context, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(stream_->context, ZSTD_c_windowLog, kWindowLog);
}

Compressor::~Compressor() = default;

void Compressor::add(std::string_view bytes, std::string& out) { stream_->put(bytes, ZSTD_e_flush, out); }

void Compressor::end(std::string& out) { stream_->put({}, ZSTD_e_end, out); }

namespace {

// Copies of it share its state, as a std::function's copies must.
class Plain {
 public:
  Plain(std::string name, std::function<size_t(char*, size_t)> source)
      : name_(std::move(name)), source_(std::move(source)) {}
  ~Plain() { ZSTD_freeDCtx(context_); }
  Plain(const Plain&) = delete;

  size_t read(char* to, size_t n) {
    if (!begun_) begin();
    if (!context_) return from_buffer(to, n);
    ZSTD_outBuffer out{to, n, 0};
    while (true) {  // it may hold text of what it was given before
      const size_t hint = ZSTD_decompressStream(context_, &out, &in_);
      if (ZSTD_isError(hint)) throw TraceError(fmt::format("{}: damaged: {}", name_, ZSTD_getErrorName(hint)));
      if (out.pos) return out.pos;
      if (in_.pos == in_.size && !more()) return 0;
    }
  }

 private:
  bool more() {
    buffer_.resize(kPiece);
    in_ = {buffer_.data(), source_(buffer_.data(), kPiece), 0};
    return in_.size != 0;
  }
  // A pipe may give the magic bytes one by one.
  void begin() {
    begun_ = true;
    buffer_.resize(kPiece);
    size_t have = 0;
    for (size_t got = 1; got && have < sizeof kMagic; have += got) got = source_(buffer_.data() + have, kPiece - have);
    in_ = {buffer_.data(), have, 0};
    if (!is_zstd({buffer_.data(), have})) return;
    context_ = ZSTD_createDCtx();
    if (!context_) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  size_t from_buffer(char* to, size_t n) {
    if (in_.pos == in_.size) return source_(to, n);
    const size_t k = std::min(n, in_.size - in_.pos);
    std::memcpy(to, buffer_.data() + in_.pos, k);
    in_.pos += k;
    return k;
  }

  std::string name_;
  std::function<size_t(char*, size_t)> source_;
  std::vector<char> buffer_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  ZSTD_DCtx* context_ = nullptr;  // none: it is plain already
  bool begun_ = false;
};

}  // namespace

bool is_zstd(std::string_view begin) {
  return begin.size() >= sizeof kMagic && std::memcmp(begin.data(), kMagic, sizeof kMagic) == 0;
}

std::function<size_t(char*, size_t)> plain(std::string name, std::function<size_t(char*, size_t)> source) {
  const auto reader = std::make_shared<Plain>(std::move(name), std::move(source));
  return [reader](char* to, size_t n) { return reader->read(to, n); };
}

}  // namespace deferscope::traces
