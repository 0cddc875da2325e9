// C's functions on bytes and texts, as programs with C in them (cgo) import them. The guest's memory is read and
// written by checked pieces; where it does not let us, the fault is one of an instruction inside libSystem.
#include <algorithm>
#include <bitset>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {
namespace {

constexpr uint64_t kPiece = 256;           // read at once of what may end at any byte
constexpr uint64_t kLongest = 1 << 20;     // of a text that must be kept while it is looked at
constexpr uint64_t kUnknown = UINT64_MAX;  // size of a destination that nobody checks

// Guest memory, one byte after the other. The cost of a page is counted as work.
class Reader {
 public:
  Reader(Call& c, uint64_t at) : c_(c), at_(at) {}
  bool next(uint8_t& byte) {
    if (used_ == held_ && !fill()) return false;
    byte = piece_[used_++];
    return true;
  }

 private:
  bool fill() {
    held_ = kPiece - at_ % kPiece, used_ = 0;
    if (at_ % kPage == 0) c_.host.work(1);
    if (!c_.memory().read(at_, piece_, held_)) return held_ = 0, false;
    at_ += held_;
    return true;
  }

  Call& c_;
  uint64_t at_, held_ = 0, used_ = 0;
  uint8_t piece_[kPiece];
};

Result read_fault(Call& c) { return c.fault(isa::Access::Read); }

// --- bytes ---

Result move_piece(Call& c, uint64_t to, uint64_t from, uint64_t n) {
  uint8_t bytes[kPage];
  if (!c.memory().read(from, bytes, n)) return c.fault(isa::Access::Read);
  return c.memory().write(to, bytes, n) ? kOk : c.fault(isa::Access::Write);
}

// Piece by piece, from the end where the two overlap so that the beginning would be lost.
Result move(Call& c, uint64_t to, uint64_t from, uint64_t n) {
  c.host.work(n / kPage);
  const bool backwards = to - from < n;
  for (uint64_t done = 0; done < n;) {
    const uint64_t size = std::min<uint64_t>(n - done, kPage), at = backwards ? n - done - size : done;
    if (const Result e = move_piece(c, to + at, from + at, size); e != kOk) return e;
    done += size;
  }
  return kOk;
}

Result fill(Call& c, uint64_t to, int byte, uint64_t n) {
  c.host.work(n / kPage);
  const std::vector<uint8_t> bytes(std::min<uint64_t>(n, kPage), static_cast<uint8_t>(byte));
  for (uint64_t done = 0; done < n; done += bytes.size())
    if (!c.memory().write(to + done, bytes.data(), std::min<uint64_t>(n - done, bytes.size())))
      return c.fault(isa::Access::Write);
  return kOk;
}

// A function that writes and gives its first argument back.
Result giving_first(Call& c, const Result& done) { return done == kOk ? c.give(c.a[0]) : done; }

// --- texts ---

// The length of a text, at most `most`.
Result length(Call& c, uint64_t at, uint64_t most, uint64_t& n) {
  Reader in(c, at);
  uint8_t byte = 0;
  for (n = 0; n < most; ++n) {
    if (!in.next(byte)) return read_fault(c);
    if (byte == 0) break;
  }
  return kOk;
}

Result keep(Call& c, uint64_t at, std::string& out) {
  uint64_t n = 0;
  if (const Result e = length(c, at, kLongest + 1, n); e != kOk) return e;
  if (n > kLongest) throw Unsupported("libSystem was given a text of more than 1 MiB to look at: the call");
  out.resize(n);
  return c.memory().read(at, out.data(), n) ? kOk : read_fault(c);
}

uint8_t lower(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte + 32) : byte; }
uint8_t same(uint8_t byte) { return byte; }

// Differences of the first bytes that differ, in n bytes at most; `texts`: up to their end.
Result compare(Call& c, uint64_t n, bool texts, uint8_t (*fold)(uint8_t)) {
  Reader left(c, c.a[0]), right(c, c.a[1]);
  for (; n > 0; --n) {
    uint8_t a = 0, b = 0;
    if (!left.next(a) || !right.next(b)) return read_fault(c);
    if (fold(a) != fold(b)) return c.give(static_cast<uint64_t>(int64_t{fold(a)} - fold(b)));
    if (texts && a == 0) break;
  }
  return c.give(0);
}

// Copies a text of n bytes and its NUL where the destination has room for it.
Result copy_text(Call& c, uint64_t to, uint64_t from, uint64_t n, uint64_t room) {
  if (n >= room) return imp_abort(c);  // _FORTIFY_SOURCE
  return move(c, to, from, n + 1);
}

Result copy(Call& c, uint64_t room) {
  uint64_t n = 0;
  if (const Result e = length(c, c.a[1], kUnknown, n); e != kOk) return e;
  return giving_first(c, copy_text(c, c.a[0], c.a[1], n, room));
}

Result append(Call& c, uint64_t room) {
  uint64_t before = 0, n = 0;
  if (const Result e = length(c, c.a[0], kUnknown, before); e != kOk) return e;
  if (const Result e = length(c, c.a[1], kUnknown, n); e != kOk) return e;
  return giving_first(c, copy_text(c, c.a[0] + before, c.a[1], n, room - std::min(room, before)));
}

// strncpy: what is left is filled with NULs.
Result copy_counted(Call& c, uint64_t room) {
  if (c.a[2] > room) return imp_abort(c);
  uint64_t n = 0;
  if (const Result e = length(c, c.a[1], c.a[2], n); e != kOk) return e;
  if (const Result e = move(c, c.a[0], c.a[1], n); e != kOk) return e;
  return giving_first(c, fill(c, c.a[0] + n, 0, c.a[2] - n));
}

// strlcpy, strlcat: behind `before` bytes of the destination, cut to fit; gives the length that it tried to make.
Result copy_cut(Call& c, uint64_t before, uint64_t size, uint64_t room) {
  if (size > room) return imp_abort(c);
  uint64_t n = 0;
  if (const Result e = length(c, c.a[1], kUnknown, n); e != kOk) return e;
  if (size > before) {
    const uint64_t fits = std::min(n, size - before - 1), end = c.a[0] + before + fits;
    if (const Result e = move(c, c.a[0] + before, c.a[1], fits); e != kOk) return e;
    if (!c.memory().write_value(end, uint8_t{0})) return c.fault(isa::Access::Write);
  }
  return c.give(before + n);
}

Result append_cut(Call& c, uint64_t room) {
  uint64_t before = 0;
  if (const Result e = length(c, c.a[0], c.a[2], before); e != kOk) return e;
  return copy_cut(c, before, c.a[2], room);
}

// The first or the last place of a byte in a text; its NUL is one of it.
Result find_byte(Call& c, bool last) {
  Reader in(c, c.a[0]);
  const auto wanted = static_cast<uint8_t>(c.a[1]);
  uint64_t found = 0;
  uint8_t byte = 1;
  for (uint64_t i = 0; byte != 0 && (last || !found); ++i) {
    if (!in.next(byte)) return read_fault(c);
    if (byte == wanted) found = c.a[0] + i;
  }
  return c.give(found);
}

// How many bytes at the text's beginning are of the set, or are not; `stop` is the byte behind them.
Result span(Call& c, bool of_set, uint64_t& n, uint8_t& stop) {
  std::bitset<256> set;
  Reader members(c, c.a[1]), in(c, c.a[0]);
  uint8_t byte = 1;
  while (byte != 0) {
    if (!members.next(byte)) return read_fault(c);
    if (byte != 0) set.set(byte);
  }
  for (n = 0;; ++n) {
    if (!in.next(stop)) return read_fault(c);
    if (stop == 0 || set[stop] != of_set) return kOk;
  }
}

// --- numbers ---

int digit_of(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  const uint8_t small = lower(byte);
  return small >= 'a' && small <= 'z' ? small - 'a' + 10 : 99;
}

using Wide = unsigned __int128;

struct Number {
  Wide value = 0;
  bool negative = false;
  size_t end = 0;  // of its text; 0: there is none
};

Number read_number(const std::string& text, int base) {
  Number out;
  size_t at = text.find_first_not_of(" \t\n\v\f\r");
  if (at == std::string::npos) return out;
  if (text[at] == '-' || text[at] == '+') out.negative = text[at++] == '-';
  const auto digit = [&](size_t i) { return i < text.size() ? digit_of(static_cast<uint8_t>(text[i])) : 99; };
  const bool hex = digit(at) == 0 && at + 1 < text.size() && lower(static_cast<uint8_t>(text[at + 1])) == 'x';
  if ((base == 0 || base == 16) && hex && digit(at + 2) < 16) at += 2, base = 16;
  if (base == 0) base = digit(at) == 0 ? 8 : 10;
  for (; digit(at) < base; out.end = ++at)
    out.value =
        std::min<Wide>(out.value * static_cast<unsigned>(base) + static_cast<unsigned>(digit(at)), Wide{1} << 80);
  return out;
}

// strtol and its like: at a[0], the end's place at a[1], in base a[2]; clipped to what the type holds.
Result to_number(Call& c, bool is_signed) {
  if (c.i32(2) < 0 || c.i32(2) == 1 || c.i32(2) > 36) return Error::INVAL;
  std::string text;
  if (const Result e = keep(c, c.a[0], text); e != kOk) return e;
  const Number n = read_number(text, c.i32(2));
  if (c.a[1] != 0 && !c.put(c.a[1], c.a[0] + n.end)) return c.fault(isa::Access::Write);
  const uint64_t most = !is_signed ? UINT64_MAX : n.negative ? uint64_t{1} << 63 : INT64_MAX;
  const auto value = static_cast<uint64_t>(std::min<Wide>(n.value, most));
  const bool clipped = n.value > most;
  if (clipped) c.put(errno_address(c.s, c.thread().tid), darwin_errno(Error::RANGE));
  return c.give(n.negative && (is_signed || !clipped) ? 0 - value : value);
}

Result to_int(Call& c) {
  std::string text;
  if (const Result e = keep(c, c.a[0], text); e != kOk) return e;
  const Number n = read_number(text, 10);
  const auto value = static_cast<uint64_t>(n.value);
  return c.give(n.negative ? 0 - value : value);
}

// --- classes of characters, as the C locale has them ---

Result fold_case(Call& c, int from, int by) {
  const int64_t letter = c.i32();
  return c.give(static_cast<uint64_t>(letter >= from && letter < from + 26 ? letter + by : letter));
}

}  // namespace

Result imp_memmove(Call& c) { return giving_first(c, move(c, c.a[0], c.a[1], c.a[2])); }
Result imp_memmove_chk(Call& c) { return c.a[2] > c.a[3] ? imp_abort(c) : imp_memmove(c); }
Result imp_memset(Call& c) { return giving_first(c, fill(c, c.a[0], c.i32(1), c.a[2])); }
Result imp_memset_chk(Call& c) { return c.a[2] > c.a[3] ? imp_abort(c) : imp_memset(c); }
Result imp_bzero(Call& c) { return fill(c, c.a[0], 0, c.a[1]); }
Result imp_memcmp(Call& c) { return compare(c, c.a[2], false, same); }

Result imp_memchr(Call& c) {
  Reader in(c, c.a[0]);
  for (uint64_t i = 0; i < c.a[2]; ++i) {
    uint8_t byte = 0;
    if (!in.next(byte)) return read_fault(c);
    if (byte == static_cast<uint8_t>(c.a[1])) return c.give(c.a[0] + i);
  }
  return c.give(0);
}

Result imp_strlen(Call& c) {
  uint64_t n = 0;
  const Result e = length(c, c.a[0], kUnknown, n);
  return e == kOk ? c.give(n) : e;
}

Result imp_strnlen(Call& c) {
  uint64_t n = 0;
  const Result e = length(c, c.a[0], c.a[1], n);
  return e == kOk ? c.give(n) : e;
}

Result imp_strcmp(Call& c) { return compare(c, kUnknown, true, same); }
Result imp_strncmp(Call& c) { return compare(c, c.a[2], true, same); }
Result imp_strcasecmp(Call& c) { return compare(c, kUnknown, true, lower); }
Result imp_strncasecmp(Call& c) { return compare(c, c.a[2], true, lower); }

Result imp_strcpy(Call& c) { return copy(c, kUnknown); }
Result imp_strcpy_chk(Call& c) { return copy(c, c.a[2]); }
Result imp_strcat(Call& c) { return append(c, kUnknown); }
Result imp_strcat_chk(Call& c) { return append(c, c.a[2]); }
Result imp_strncpy(Call& c) { return copy_counted(c, kUnknown); }
Result imp_strncpy_chk(Call& c) { return copy_counted(c, c.a[3]); }
Result imp_strlcpy(Call& c) { return copy_cut(c, 0, c.a[2], kUnknown); }
Result imp_strlcpy_chk(Call& c) { return copy_cut(c, 0, c.a[2], c.a[3]); }
Result imp_strlcat(Call& c) { return append_cut(c, kUnknown); }
Result imp_strlcat_chk(Call& c) { return append_cut(c, c.a[3]); }

Result imp_strdup(Call& c) {
  uint64_t n = 0;
  if (const Result e = length(c, c.a[0], kUnknown, n); e != kOk) return e;
  const uint64_t at = heap_allocate(c.s, c.memory(), n + 1, &c.host);
  if (at == 0) return Error::NOMEM;
  const Result e = move(c, at, c.a[0], n + 1);
  return e == kOk ? c.give(at) : e;
}

Result imp_strchr(Call& c) { return find_byte(c, false); }
Result imp_strrchr(Call& c) { return find_byte(c, true); }

Result imp_strspn(Call& c) {
  uint64_t n = 0;
  uint8_t stop = 0;
  const Result e = span(c, true, n, stop);
  return e == kOk ? c.give(n) : e;
}

Result imp_strcspn(Call& c) {
  uint64_t n = 0;
  uint8_t stop = 0;
  const Result e = span(c, false, n, stop);
  return e == kOk ? c.give(n) : e;
}

Result imp_strpbrk(Call& c) {
  uint64_t n = 0;
  uint8_t stop = 0;
  const Result e = span(c, false, n, stop);
  return e != kOk ? e : c.give(stop ? c.a[0] + n : 0);
}

Result imp_strstr(Call& c) {
  std::string text, part;
  if (const Result e = keep(c, c.a[0], text); e != kOk) return e;
  if (const Result e = keep(c, c.a[1], part); e != kOk) return e;
  const auto at = std::search(text.begin(), text.end(), std::boyer_moore_searcher(part.begin(), part.end()));
  const auto place = static_cast<uint64_t>(at - text.begin());
  return c.give(at != text.end() || part.empty() ? c.a[0] + place : 0);
}

Result imp_strtol(Call& c) { return to_number(c, true); }
Result imp_strtoul(Call& c) { return to_number(c, false); }
Result imp_atoi(Call& c) { return to_int(c); }

Result imp_toupper(Call& c) { return fold_case(c, 'a', -32); }
Result imp_tolower(Call& c) { return fold_case(c, 'A', 32); }
Result imp_maskrune(Call&) { return 0; }  // asked for what the table does not hold, which is of no class

}  // namespace deferscope::emu::darwin
