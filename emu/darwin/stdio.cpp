// C's streams, as far as programs with C in them (cgo) write messages: stdin, stdout and stderr without buffers of
// their own, and what printf formats.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <climits>
#include <cstdio>
#include <cstring>
#include <utility>

#include "emu/darwin/call.h"
#include "emu/posix/files.h"

namespace deferscope::emu::darwin {
namespace {

constexpr size_t kLongest = 1 << 20;  // of what one call formats

// The descriptor of a FILE.
Result descriptor_of(Call& c, uint64_t file, int& fd) {
  int16_t number = 0;
  if (!c.get(file + stream::kFdOffset, number)) return c.fault(isa::Access::Read);
  fd = number;
  return kOk;
}

Result put_bytes(Call& c, uint64_t file, const std::string& bytes, uint64_t answer) {
  int fd = 0;
  if (const Result e = descriptor_of(c, file, fd); e != kOk) return e;
  const Result done = write_bytes(c, fd, bytes);
  if (done == kBlocked) return done;
  return done ? c.give(answer) : done;
}

// What a variadic function is given behind its fixed parameters, one after the other.
class Arguments {
 public:
  // Of the call itself: so many of the first six are fixed.
  Arguments(Call& c, int fixed) : c_(c), next_(static_cast<unsigned>(fixed)) {
    const isa::CpuState& cpu = c.cpu();
    stack_ = cpu.r[c.s.amd64() ? isa::kRsp : isa::kSp] + (c.s.amd64() ? 8 : 0);
    if (!c.s.amd64()) next_ = 6, next_float_ = 8;  // all lie on the stack
  }
  // Of a va_list at `list`: on arm64 it is the address of the next one, on amd64 that of this struct.
  static Arguments of_list(Call& c, uint64_t list) {
    Arguments out(c, 6);
    if (!c.s.amd64()) return out.stack_ = list, out;
    struct {
      uint32_t general, floating;  // offsets into `saved`
      uint64_t stack, saved;
    } va{};
    c.get(list, va);
    out.next_ = std::min(va.general / 8, 6u);
    out.next_float_ = std::min((va.floating - 48) / 16, 8u);
    out.saved_ = va.saved;
    out.stack_ = va.stack;
    return out;
  }
  uint64_t word() {
    if (next_ >= 6) return from_stack();
    const unsigned i = next_++;
    return saved_ ? peek(saved_ + 8 * i) : c_.a[i];
  }
  double number() {
    uint64_t bits = 0;
    if (next_float_ >= 8)
      bits = from_stack();
    else if (saved_)
      bits = peek(saved_ + 48 + 16 * next_float_++);
    else
      bits = c_.cpu().v[next_float_++].lo;
    return std::bit_cast<double>(bits);
  }

 private:
  uint64_t peek(uint64_t at) {
    uint64_t value = 0;
    c_.memory().peek(at, &value, 8);
    return value;
  }
  uint64_t from_stack() { return peek(std::exchange(stack_, stack_ + 8)); }

  Call& c_;
  unsigned next_, next_float_ = 0;
  uint64_t stack_ = 0, saved_ = 0;  // saved: where a va_list has the registers
};

struct Spec {
  std::string flags, length;
  int width = 0, precision = -1;
  char kind = 0;
};

// A text of at most `most` bytes; "(null)" at 0.
Result text_at(Call& c, uint64_t at, size_t most, std::string& out) {
  if (at == 0) return out = "(null)", kOk;
  for (out.clear(); out.size() < most; ++at) {
    char byte = 0;
    if (!c.get(at, byte)) return c.fault(isa::Access::Read);
    if (byte == 0) break;
    out += byte;
  }
  return kOk;
}

std::string padded(const Spec& s, const std::string& text) {
  const std::string fill(
      s.width > 0 ? static_cast<size_t>(s.width) - std::min<size_t>(static_cast<size_t>(s.width), text.size()) : 0,
      ' ');
  return s.flags.find('-') == std::string::npos ? fill + text : text + fill;
}

// By the host's own function, whose C locale is the same; `value` has the type that the rebuilt format says.
template <class T>
std::string printed(const Spec& s, const char* length, T value) {
  const std::string format = fmt::format("%{}*.*{}{}", s.flags, length, s.kind);
  const int n = std::snprintf(nullptr, 0, format.c_str(), s.width, s.precision, value);
  std::string out(static_cast<size_t>(std::max(n, 0)) + 1, '\0');
  std::snprintf(out.data(), out.size(), format.c_str(), s.width, s.precision, value);
  out.pop_back();
  return out;
}

int64_t narrowed(const Spec& s, uint64_t v) {
  if (s.length == "hh") return static_cast<int8_t>(v);
  if (s.length == "h") return static_cast<int16_t>(v);
  return s.length.empty() ? static_cast<int32_t>(v) : static_cast<int64_t>(v);
}
uint64_t narrowed_unsigned(const Spec& s, uint64_t v) {
  if (s.length == "hh") return static_cast<uint8_t>(v);
  if (s.length == "h") return static_cast<uint16_t>(v);
  return s.length.empty() ? static_cast<uint32_t>(v) : v;
}

class Formatter {
 public:
  Formatter(Call& c, Arguments args) : c_(c), args_(args) {}

  // kOk, or what the call has come to.
  Result format(uint64_t at, std::string& out) {
    std::string text;
    if (const Result e = text_at(c_, at, kLongest, text); e != kOk) return e;
    for (size_t i = 0; i < text.size();) {
      if (text[i] != '%') {
        out += text[i++];
        continue;
      }
      ++i;
      if (const Result e = convert(read_spec(text, i), out); e != kOk) return e;
      if (out.size() > kLongest) throw Unsupported("libSystem was asked to print more than 1 MiB at once: the call");
    }
    return kOk;
  }

 private:
  int number(const std::string& text, size_t& i) {
    if (i < text.size() && text[i] == '*') return ++i, static_cast<int>(args_.word());
    int n = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) n = std::min(n, 1 << 24) * 10 + (text[i] - '0');
    return n;
  }

  Spec read_spec(const std::string& text, size_t& i) {
    Spec s;
    for (; i < text.size() && std::strchr("-+ #0", text[i]); ++i)
      if (s.flags.find(text[i]) == std::string::npos) s.flags += text[i];
    s.width = number(text, i);
    if (s.width < 0) s.flags += '-', s.width = -std::max(s.width, -INT_MAX);
    if (i < text.size() && text[i] == '.') s.precision = number(text, ++i);
    for (; i < text.size() && std::strchr("hlqjztL", text[i]); ++i) s.length += text[i];
    s.kind = i < text.size() ? text[i++] : '\0';
    return s;
  }

  Result convert(Spec s, std::string& out) {
    if (s.width > static_cast<int>(kLongest) || s.precision > static_cast<int>(kLongest))
      throw Unsupported("libSystem was asked to print more than 1 MiB at once: the call");
    switch (s.kind) {
      case '%': out += '%'; return kOk;
      case 'd':
      case 'i': out += printed(s, "ll", static_cast<long long>(narrowed(s, args_.word()))); return kOk;
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        out += printed(s, "ll", static_cast<unsigned long long>(narrowed_unsigned(s, args_.word())));
        return kOk;
      case 'c': out += padded(s, std::string(1, static_cast<char>(args_.word()))); return kOk;
      case 'p': out += padded(s, fmt::format("{:#x}", args_.word())); return kOk;
      case 's': {
        std::string text;
        const size_t most = s.precision < 0 ? kLongest : static_cast<size_t>(s.precision);
        if (const Result e = text_at(c_, args_.word(), most, text); e != kOk) return e;
        out += padded(s, text.substr(0, most));
        return kOk;
      }
      case 'f':
      case 'F':
      case 'e':
      case 'E':
      case 'g':
      case 'G':
      case 'a':
      case 'A':
        if (s.length == "L" && c_.s.amd64()) break;  // a long double is of x87 there
        out += printed(s, "", args_.number());
        return kOk;
      default: break;
    }
    throw Unsupported(fmt::format("libSystem's printf of %{}{}: the call", s.length, s.kind));
  }

  Call& c_;
  Arguments args_;
};

// What fits into `size` bytes with its NUL; gives the whole length.
Result print_into(Call& c, uint64_t to, uint64_t size, uint64_t format, Arguments args) {
  std::string out;
  if (const Result e = Formatter(c, args).format(format, out); e != kOk) return e;
  if (size > 0) {
    const std::string fits = out.substr(0, size - 1);
    if (!c.memory().write(to, fits.c_str(), fits.size() + 1)) return c.fault(isa::Access::Write);
  }
  return c.give(out.size());
}

Result print_to(Call& c, uint64_t file, uint64_t format, Arguments args) {
  std::string out;
  if (const Result e = Formatter(c, args).format(format, out); e != kOk) return e;
  return put_bytes(c, file, out, out.size());
}

Result put_text(Call& c, uint64_t file, const char* behind) {
  std::string text;
  if (const Result e = text_at(c, c.a[0], kLongest, text); e != kOk) return e;
  return put_bytes(c, file, text + behind, 1);
}

}  // namespace

Result imp_snprintf(Call& c) { return print_into(c, c.a[0], c.a[1], c.a[2], Arguments(c, 3)); }
Result imp_vsnprintf(Call& c) { return print_into(c, c.a[0], c.a[1], c.a[2], Arguments::of_list(c, c.a[3])); }
// Behind the size: a flag, and how large the destination is.
Result imp_snprintf_chk(Call& c) {
  return c.a[1] > c.a[3] ? imp_abort(c) : print_into(c, c.a[0], c.a[1], c.a[4], Arguments(c, 5));
}
Result imp_vsnprintf_chk(Call& c) {
  return c.a[1] > c.a[3] ? imp_abort(c) : print_into(c, c.a[0], c.a[1], c.a[4], Arguments::of_list(c, c.a[5]));
}
Result imp_fprintf(Call& c) { return print_to(c, c.a[0], c.a[1], Arguments(c, 2)); }
Result imp_vfprintf(Call& c) { return print_to(c, c.a[0], c.a[1], Arguments::of_list(c, c.a[2])); }

Result imp_fwrite(Call& c) {
  uint64_t n = 0;
  int fd = 0;
  if (__builtin_mul_overflow(c.a[1], c.a[2], &n) || n == 0) return c.give(0);
  if (const Result e = descriptor_of(c, c.a[3], fd); e != kOk) return e;
  const Result done = write_file(c, fd, c.a[0], n, std::nullopt);
  return done == kBlocked ? done : c.give(done ? static_cast<uint64_t>(done.value()) / c.a[1] : 0);
}

Result imp_fputc(Call& c) {
  const char byte = static_cast<char>(c.a[0]);
  return put_bytes(c, c.a[1], std::string(1, byte), static_cast<uint8_t>(byte));
}
Result imp_fputs(Call& c) { return put_text(c, c.a[1], ""); }
Result imp_assert_rtn(Call& c) {  // (function, file, line, expression)
  std::string text[3];
  const uint64_t at[3] = {c.a[3], c.a[0], c.a[1]};
  for (int i = 0; i < 3; ++i)
    if (const Result e = text_at(c, at[i], kLongest, text[i]); e != kOk) return e;
  write_bytes(
      c, 2,
      fmt::format("Assertion failed: ({}), function {}, file {}, line {}.\n", text[0], text[1], text[2], c.i32(2)));
  return imp_abort(c);
}

}  // namespace deferscope::emu::darwin
