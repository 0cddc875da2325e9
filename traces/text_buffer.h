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
  size_t used() const { return static_cast<size_t>(p_ - b_); }
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
    room(kDecimalRoom);
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
    char plain[kDecimalRoom];
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
  // Writes v to `to`, where kDecimalRoom bytes may be written; how many are its.
  static constexpr size_t kDecimalRoom = 24;
  [[gnu::always_inline]] static unsigned write_decimal(uint64_t v, char* to) {
    if (v < kSmall) {
      std::memcpy(to, kSmallNumbers[v].data(), 4);
      return static_cast<unsigned>(kSmallNumbers[v][3]);
    }
    if (__builtin_expect(v < kEightDigits, 1)) return leading_digits(static_cast<uint32_t>(v), to);
    return write_long_decimal(v, to);
  }

 private:
  static constexpr uint64_t kSmall = 1000;
  // Digits, and how many they are: levels, depths, lines and goroutines are small.
  static constexpr auto kSmallNumbers = [] {
    std::array<std::array<char, 4>, kSmall> all{};
    for (unsigned v = 0; v < kSmall; ++v) {
      unsigned n = 0;
      for (unsigned power : {100u, 10u, 1u})
        if (v >= power || power == 1) all[v][n++] = static_cast<char>('0' + v / power % 10);
      all[v][3] = static_cast<char>(n);
    }
    return all;
  }();
  static constexpr uint64_t kEightDigits = 100'000'000;
  // The eight decimal digits of v < kEightDigits, as numbers, as they stand in memory: a digit to a byte, the highest
  // first. Halves, quarters and eighths are divided side by side.
  [[gnu::always_inline]] static uint64_t decimal_digits8(uint32_t v) {
    static_assert(std::endian::native == std::endian::little);
    const uint32_t high = v / 10'000;
    const uint64_t fours = high | uint64_t{v - high * 10'000} << 32;
    const uint64_t hundreds = (fours * 5243) >> 19 & 0x0000007f'0000007f;  // of numbers below 10,000
    const uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    const uint64_t tens = (twos * 103) >> 10 & 0x000f'000f'000f'000f;  // of numbers below 100
    return tens | (twos - tens * 10) << 8;
  }
  static constexpr uint64_t kZeros = 0x30303030'30303030;  // "00000000"
  [[gnu::always_inline]] static unsigned leading_digits(uint32_t v, char* to) {
    const uint64_t digits = decimal_digits8(v);
    const auto empty = static_cast<unsigned>(std::countr_zero(digits | uint64_t{1} << 56)) & ~7u;  // bits
    const uint64_t text = (digits | kZeros) >> empty;
    std::memcpy(to, &text, 8);
    return 8 - empty / 8;
  }
  [[gnu::noinline]] static unsigned write_long_decimal(uint64_t v, char* to) {
    const uint64_t high = v / kEightDigits;
    const unsigned n =
        high < kEightDigits ? leading_digits(static_cast<uint32_t>(high), to) : write_long_decimal(high, to);
    const uint64_t text = decimal_digits8(static_cast<uint32_t>(v % kEightDigits)) | kZeros;
    std::memcpy(to + n, &text, 8);
    return n + 8;
  }
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
