// Appending to a string in small pieces without asking it for room each time: pieces gather in a buffer, which goes to
// the string when it is full and at the end. Until then the string must not be looked at.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace deferscope::traces {

class TextBuffer {
 public:
  static constexpr size_t kSize = 4096;  // of the buffer; longer pieces go by themselves
  explicit TextBuffer(std::string& out) : out_(out) {}
  ~TextBuffer() { flush(); }
  TextBuffer(const TextBuffer&) = delete;

  void flush() {
    out_.append(b_, used());
    p_ = b_;
  }
  [[gnu::always_inline]] TextBuffer& put(char c) {
    room(1);
    *p_++ = c;
    return *this;
  }
  [[gnu::always_inline]] TextBuffer& put(std::string_view s) {
    if (s.size() > kSize) return put_long(s);
    room(s.size());
    std::memcpy(p_, s.data(), s.size());
    p_ += s.size();
    return *this;
  }
  TextBuffer& spaces(size_t n) {
    for (; n > kSize; n -= kSize) room(kSize), std::memset(p_, ' ', kSize), p_ += kSize;
    room(n), std::memset(p_, ' ', n), p_ += n;
    return *this;
  }
  // Ends a line whose last column may be empty: without the spaces before its end.
  TextBuffer& end_line() {
    while (used() && p_[-1] == ' ') --p_;
    while (!used() && !out_.empty() && out_.back() == ' ') out_.pop_back();
    return put('\n');
  }
  // Room for n bytes at most kSize; what was written there is taken by wrote(its end).
  [[gnu::always_inline]] char* at(size_t n) {
    room(n);
    return p_;
  }
  [[gnu::always_inline]] void wrote(char* end) { p_ = end; }
  TextBuffer& hex(uint64_t v) {  // 0x1f
    char* p = at(18);
    wrote(p + write_hex(v, p));
    return *this;
  }
  // Puts the last character off where it is c; whether it was.
  [[gnu::always_inline]] bool drop(char c) {
    if (__builtin_expect(used() != 0, 1)) return p_[-1] == c && (--p_, true);
    return !out_.empty() && out_.back() == c && (out_.pop_back(), true);
  }
  TextBuffer& decimal(uint64_t v) {
    room(20);
    p_ += write_decimal(v, p_);
    return *this;
  }
  TextBuffer& byte(uint8_t v) {  // 0a
    room(2);
    *p_++ = "0123456789abcdef"[v >> 4], *p_++ = "0123456789abcdef"[v & 15];
    return *this;
  }
  // With commas between thousands: 61,204.
  TextBuffer& grouped(uint64_t v) {
    char plain[20];
    const unsigned n = write_decimal(v, plain);
    room(26);
    for (unsigned i = 0; i < n; ++i) {
      if (i && (n - i) % 3 == 0) *p_++ = ',';
      *p_++ = plain[i];
    }
    return *this;
  }
  static unsigned grouped_size(uint64_t v) {
    const unsigned n = decimal_digits(v);
    return n + (n - 1) / 3;
  }
  static unsigned decimal_digits(uint64_t v) {
    static constexpr auto kPowers = [] {
      std::array<uint64_t, 20> powers{1};
      for (size_t i = 1; i < powers.size(); ++i) powers[i] = 10 * powers[i - 1];
      return powers;
    }();
    const unsigned n =
        static_cast<unsigned>(64 - std::countl_zero(v | 1)) * 1233 >> 12;  // log2 · log10(2), or one less
    return n + (v >= kPowers[n] || n == 0);
  }
  // Writes v to at most 18 bytes at `to`; how many.
  [[gnu::always_inline]] static unsigned write_hex(uint64_t v, char* to) {
    const int digits = (67 - std::countl_zero(v | 1)) / 4;
    v <<= 64 - 4 * digits;
    const uint64_t first = hex_digits(static_cast<uint32_t>(v >> 32)), second = hex_digits(static_cast<uint32_t>(v));
    to[0] = '0', to[1] = 'x';
    std::memcpy(to + 2, &first, 8), std::memcpy(to + 10, &second, 8);
    return 2 + static_cast<unsigned>(digits);
  }
  // Writes v to at most 20 bytes at `to`; how many.
  static unsigned write_decimal(uint64_t v, char* to) {
    static constexpr char kPairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
        "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    const unsigned n = decimal_digits(v);
    char* p = to + n;
    for (; v >= 100; v /= 100) std::memcpy(p -= 2, kPairs + 2 * (v % 100), 2);
    if (v >= 10)
      std::memcpy(p - 2, kPairs + 2 * v, 2);
    else
      p[-1] = static_cast<char>('0' + v);
    return n;
  }

 private:
  // The eight digits of v as they stand in memory: a nibble to a byte, the highest first.
  static uint64_t hex_digits(uint32_t v) {
    static_assert(std::endian::native == std::endian::little);
    uint64_t n = v;
    n = (n << 16 | n) & 0x0000ffff0000ffff;
    n = (n << 8 | n) & 0x00ff00ff00ff00ff;
    n = (n << 4 | n) & 0x0f0f0f0f0f0f0f0f;
    const uint64_t letters = (n + 0x0606060606060606) >> 4 & 0x0101010101010101;
    return __builtin_bswap64(n + 0x3030303030303030 + letters * ('a' - '0' - 10));
  }
  size_t used() const { return static_cast<size_t>(p_ - b_); }
  [[gnu::always_inline]] void room(size_t n) {
    if (__builtin_expect(kSize - used() < n, 0)) flush();
  }
  [[gnu::noinline]] TextBuffer& put_long(std::string_view s) {
    flush();
    out_ += s;
    return *this;
  }

  std::string& out_;
  char* p_ = b_;
  char b_[kSize];
};

}  // namespace deferscope::traces
