// Appending to a string in small pieces without asking it for room each time: pieces gather in a buffer, which goes to
// the string when it is full and at the end. Until then the string must not be looked at.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace deferscope::traces {

class TextBuffer {
 public:
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
  TextBuffer& hex(uint64_t v) {  // 0x1f
    room(18);
    const int digits = v ? (67 - std::countl_zero(v)) / 4 : 1;
    *p_++ = '0', *p_++ = 'x';
    for (int i = digits; i-- > 0; v >>= 4) p_[i] = "0123456789abcdef"[v & 15];
    p_ += digits;
    return *this;
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
    unsigned n = 1;
    while (v >= 10) v /= 10, ++n;
    return n + (n - 1) / 3;
  }
  // Writes v to at most 20 bytes at `to`; how many.
  static unsigned write_decimal(uint64_t v, char* to) {
    static constexpr char kPairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
        "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    char digits[20];
    char* p = digits + sizeof digits;
    for (; v >= 100; v /= 100) std::memcpy(p -= 2, kPairs + 2 * (v % 100), 2);
    if (v >= 10)
      std::memcpy(p -= 2, kPairs + 2 * v, 2);
    else
      *--p = static_cast<char>('0' + v);
    const auto n = static_cast<unsigned>(digits + sizeof digits - p);
    std::memcpy(to, p, n);
    return n;
  }

 private:
  static constexpr size_t kSize = 2048;
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
