// The generator of isa_x86_cases.h.
#include "isa_x86_cases.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <sstream>

namespace deferscope::isa::test {
namespace {

constexpr uint64_t kIntegers[] = {0,           1,
                                  2,           7,
                                  8,           15,
                                  16,          31,
                                  32,          63,
                                  64,          0x7f,
                                  0x80,        0xff,
                                  0x7fff,      0x8000,
                                  0xffff,      0x7fffffff,
                                  0x80000000,  0xffffffff,
                                  0x100000000, ~0ull >> 1,
                                  1ull << 63,  ~0ull,
                                  ~1ull,       0xffffffff80000000};
constexpr uint32_t kFloats[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
                                0xffc00001, 0x7f800001, 0xffa00000, 1,          0x807fffff, 0x00800000, 0x7f7fffff,
                                0x3f000000, 0x3fc00000, 0x40200000, 0x4f000000, 0xcf000000, 0x5f000000, 0xdf000000,
                                0x4b000001, 0x3eaaaaab, 0xbf000000, 0x4effffff, 0x34000000};
constexpr uint64_t kDoubles[] = {0,
                                 0x8000000000000000,
                                 0x3ff0000000000000,
                                 0xbff0000000000000,
                                 0x7ff0000000000000,
                                 0xfff0000000000000,
                                 0x7ff8000000000000,
                                 0xfff8000000000001,
                                 0x7ff0000000000001,
                                 0xfff4000000000000,
                                 1,
                                 0x800fffffffffffff,
                                 0x0010000000000000,
                                 0x7fefffffffffffff,
                                 0x3fe0000000000000,
                                 0x3ff8000000000000,
                                 0x4004000000000000,
                                 0x41e0000000000000,
                                 0xc1e0000000000000,
                                 0xc1e0000000200000,
                                 0x41dfffffffc00000,
                                 0x43e0000000000000,
                                 0xc3e0000000000000,
                                 0x43dfffffffffffff,
                                 0x4330000000000001,
                                 0x36a0000000000000,
                                 0x47efffffe0000000,
                                 0x47effffff0000000,
                                 0x3810000000000000,
                                 0x380fffffffffffff,
                                 0xbfe0000000000000,
                                 0x3fd5555555555555};

uint64_t random_integer(Random& r) {
  switch (r.below(4)) {
    case 0: return pick(r, kIntegers);
    case 1: return pick(r, kIntegers) + pick(r, kIntegers);
    case 2: return r.next() >> r.below(64);
    default: return r.next();
  }
}

uint32_t random_float(Random& r) {
  switch (r.below(4)) {
    case 0: return static_cast<uint32_t>(r.next());
    case 1: return static_cast<uint32_t>(r.next() & 0x807fffff) | (110u + r.below(40)) << 23;
    case 2: return static_cast<uint32_t>(r.next() & 0x80700000) | (124u + r.below(12)) << 23;
    default: return pick(r, kFloats);
  }
}

uint64_t random_double(Random& r) {
  switch (r.below(4)) {
    case 0: return r.next();
    case 1: return (r.next() & 0x800fffffffffffff) | (1000ull + r.below(90)) << 52;
    case 2: return (r.next() & 0x800e000000000000) | (1020ull + r.below(12)) << 52;
    default: return pick(r, kDoubles);
  }
}

Vec random_vec(Random& r) {
  Vec v{r.next(), r.next()};
  switch (r.below(6)) {
    case 0: break;
    case 1: v = Vec{random_integer(r), random_integer(r)}; break;
    case 2:
      for (unsigned i = 0; i < 16; ++i) v.set(i, static_cast<uint8_t>(random_integer(r)));
      if (r.one_in(2)) v.set(r.below(16), uint8_t{0});
      break;
    case 3:
      for (unsigned i = 0; i < 4; ++i) v.set(i, random_float(r));
      break;
    default: v = Vec{random_double(r), random_double(r)}; break;
  }
  return v;
}

// An address for an operand: mostly inside, often aligned, and at every edge.
uint64_t random_address(Random& r) {
  const auto near = [&](uint64_t offset) { return scratch().address(offset) - 16 + r.below(20); };
  switch (r.below(12)) {
    case 0: return near(kData);
    case 1: return near(kData + kPage);
    case 2: return near(kReadOnly);
    case 3: return near(kEnd);
    case 4: return scratch().address(kReadOnly) + 16 * r.below(100);
    case 5: return r.one_in(4) ? 0x123400000000aaaa + (r.next() & 0xff00) : scratch().address(kData) + 99;
    case 6:
    case 7: return scratch().address(kData) + 64 + r.below(7000);
    default: return scratch().address(kData) + 64 + 16 * r.below(400);
  }
}

// Registers of all kinds of values, the odd encodings too; exceptions masked, none pending.
uint16_t random_exponent(Random& r) {
  constexpr uint16_t kExponents[] = {0, 1, 2, 0x3fff, 0x3ffe, 0x4000, 0x403e, 0x7fff, 0x7ffe, 0x7ffd};
  const uint16_t sign = r.one_in(2) ? 0x8000 : 0;
  if (r.one_in(4)) return sign | pick(r, kExponents);
  if (r.one_in(4)) return static_cast<uint16_t>(r.next());
  return sign | static_cast<uint16_t>(0x3fff - 70 + r.below(140));
}
uint64_t random_significand(Random& r, uint16_t exponent) {
  constexpr uint64_t kSignificands[] = {0,
                                        uint64_t{1} << 63,
                                        uint64_t{3} << 62,
                                        ~uint64_t{0},
                                        1,
                                        (uint64_t{1} << 63) - 1,
                                        (uint64_t{1} << 63) + 1,
                                        0x8000000000000400,
                                        0x8000008000000000,
                                        0xfffffffffffff800};
  uint64_t x = r.one_in(3) ? pick(r, kSignificands) : r.one_in(3) ? r.next() << r.below(64) : r.next();
  if ((exponent & 0x7fff) != 0 && !r.one_in(20)) x |= uint64_t{1} << 63;
  if ((exponent & 0x7fff) == 0 && !r.one_in(4)) x &= ~(uint64_t{1} << 63);
  return x;
}
X87 random_x87(Random& r) {
  X87 x;
  for (size_t i = 0; i < 8; ++i) {
    x.exponent[i] = random_exponent(r);
    x.significand[i] = random_significand(r, x.exponent[i]);
    if (i != 0 && r.one_in(6)) x.exponent[i] = x.exponent[i - 1], x.significand[i] = x.significand[i - 1];
  }
  x.control = static_cast<uint16_t>(0x7f | (r.one_in(2) ? 0x300 : r.next() & 0x300) | (r.next() & 0xc00));
  x.status = static_cast<uint16_t>(r.next() & 0x7f7f & ~(r.one_in(4) ? 0u : 0x40u));
  x.full = static_cast<uint8_t>(r.one_in(3) ? r.next() : 0xff);
  return x;
}

class Generator {
 public:
  Generator(const Parsed& p, Random& r, ScratchBus& bus) : p_(p), r_(r), bus_(bus) {}
  Case make();

 private:
  const Parsed& p_;
  Random& r_;
  ScratchBus& bus_;
  Case c_;
  bool narrow_ = false;  // address-size prefix
  bool short_ = false;   // VEX in two bytes
  unsigned vvvv_ = 0;    // VEX' second source

  bool needs(const char* what) const { return p_.has(what); }
  void randomize_x87() { c_.state.x87 = random_x87(r_); }
  void poke_environment(unsigned word);
  void poke_image();
  void poke_digits();
  void poke(uint64_t address, const void* p, size_t n);
  void modrm(uint8_t& rex, std::vector<uint8_t>& tail, size_t after);
  unsigned address_register(unsigned reg, uint8_t rex);
  void vector_indexed(unsigned reg, uint8_t& rex, std::vector<uint8_t>& tail);
  std::vector<uint8_t> vex_prefix(uint8_t rex);
  void no_base(unsigned reg, uint8_t& rex, std::vector<uint8_t>& tail);
  void based(unsigned reg, uint8_t& rex, std::vector<uint8_t>& tail);
  void place(unsigned base, int index, unsigned scale, int64_t disp);
  void immediates(std::vector<uint8_t>& tail);
  void adjust();
};

// Writes to both sides' data pages.
void Generator::poke(uint64_t address, const void* p, size_t n) {
  const uint64_t offset = address - scratch().address(0);
  if (offset < kData || offset + n > kReadOnly || offset + n < offset) return;
  std::memcpy(scratch().base + offset, p, n);
  std::memcpy(&bus_.bytes[offset], p, n);
}

// Control, status and tags, in words of 2 or 4 bytes, and registers
void Generator::poke_environment(unsigned word) {
  const X87 x = random_x87(r_);
  const auto tags = static_cast<uint16_t>(r_.next());
  poke(c_.operand, &x.control, 2), poke(c_.operand + word, &x.status, 2), poke(c_.operand + 2 * word, &tags, 2);
  for (unsigned i = 0; i < 8; ++i) {
    poke(c_.operand + 7 * word + 10 * i, &x.significand[i], 8);
    poke(c_.operand + 7 * word + 10 * i + 8, &x.exponent[i], 2);
  }
}

// Mostly decimal digits, all sizes of numbers
void Generator::poke_digits() {
  uint8_t bytes[10] = {};
  for (unsigned i = 0, n = r_.below(11); i < n; ++i)
    bytes[i] = static_cast<uint8_t>(r_.one_in(50) ? r_.next() : r_.below(10) << 4 | r_.below(10));
  if (!r_.one_in(4)) bytes[9] = static_cast<uint8_t>(r_.next());
  poke(c_.operand, bytes, sizeof bytes);
}

// What FXSAVE or XSAVE leaves, now and then with something that #GPs
void Generator::poke_image() {
  const CpuState s = random_state(r_);
  const X87 x = random_x87(r_);
  uint8_t image[832] = {};
  const auto put = [&](size_t at, const void* from, size_t n) { std::memcpy(image + at, from, n); };
  put(0, &x.control, 2), put(2, &x.status, 2), put(4, &x.full, 1);
  for (size_t i = 0; i < 8; ++i) put(32 + 16 * i, &x.significand[i], 8), put(40 + 16 * i, &x.exponent[i], 2);
  const uint32_t mxcsr = s.mxcsr | (r_.one_in(16) ? 1u << 20 : 0);
  put(24, &mxcsr, 4), put(160, &s.v[0], 256), put(576, &s.v[kUpper], 256);
  image[512] = static_cast<uint8_t>(r_.below(8));
  if (r_.one_in(16)) image[512 + 8 + r_.below(16)] = 1;
  poke(c_.operand, image, sizeof image);
}

// Sets registers so that the operand lies at c_.operand.
void Generator::place(unsigned base, int index, unsigned scale, int64_t disp) {
  uint64_t rest = c_.operand - static_cast<uint64_t>(disp);
  if (index >= 0) {
    if (r_.one_in(2))
      c_.state.r[static_cast<unsigned>(index)] = static_cast<uint64_t>(static_cast<int64_t>(r_.below(200)) - 100);
    rest -= c_.state.r[static_cast<unsigned>(index)] << scale;
  }
  c_.state.r[base] = rest;
  if (narrow_ && r_.one_in(2)) c_.state.r[base] ^= r_.next() << 32;
}

namespace encode {
uint8_t modrm(unsigned mod, unsigned reg, unsigned rm) {
  return static_cast<uint8_t>(mod << 6 | (reg & 7) << 3 | (rm & 7));
}
void little_endian(std::vector<uint8_t>& to, int64_t x, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) to.push_back(static_cast<uint8_t>(x >> (8 * i)));
}
}  // namespace encode

void Generator::modrm(uint8_t& rex, std::vector<uint8_t>& tail, size_t after) {
  const unsigned reg = p_.digit >= 0 ? static_cast<unsigned>(p_.digit) : r_.below(rex ? 16 : 8);
  if (reg & 8) rex |= 4;
  c_.digit = static_cast<uint8_t>(reg);
  if (needs("bit")) {  // near, or so far that the address is not canonical: never in the test's own memory
    c_.state.r[reg] = static_cast<uint64_t>(static_cast<int64_t>(r_.below(2000)) - 1000);
    if (!narrow_ && r_.one_in(4)) c_.state.r[reg] ^= uint64_t{1} << 62;
  }
  c_.memory = p_.memory_only || (!p_.register_only && r_.one_in(2));
  if (!c_.memory) {
    const unsigned rm = r_.below(rex ? 16 : 8);
    if (rm & 8) rex |= 1;
    c_.rm = static_cast<uint8_t>(rm);
    return tail.push_back(encode::modrm(3, reg, rm));
  }
  if (needs("vsib")) return vector_indexed(reg, rex, tail);
  c_.operand = needs("image") && !r_.one_in(4) ? scratch().address(kData) + 64 * r_.below(100) : random_address(r_);
  if (narrow_) c_.operand &= 0xffffffff;
  const unsigned form = c_.operand < 1u << 31 ? r_.below(10) : 9;
  if (form == 0) {  // RIP-relative; the length is known up to the immediates
    tail.push_back(encode::modrm(0, reg, 5));
    return encode::little_endian(tail, static_cast<int64_t>(c_.operand - (c_.state.pc + after + 5)), 4);
  }
  if (form == 1) return no_base(reg, rex, tail);
  based(reg, rex, tail);
}

// A register of an address; a bit offset is not one too, nor what chooses parts.
unsigned Generator::address_register(unsigned reg, uint8_t rex) {
  const unsigned n = r_.below(rex ? 16 : 8);
  if (needs("parts") && (n == kRax || n == kRdx)) return n + 1;
  return needs("bit") && n == reg ? (n ^ 1) : n;
}

// [index·scale + disp32] and [disp32], with REX.B too, which changes nothing.
void Generator::no_base(unsigned reg, uint8_t& rex, std::vector<uint8_t>& tail) {
  const unsigned index = address_register(reg, rex), scale = r_.below(4);
  if (index & 8) rex |= 2;
  if (rex && r_.one_in(2)) rex |= 1;
  tail.push_back(encode::modrm(0, reg, 4));
  tail.push_back(encode::modrm(scale, index, 5));
  uint64_t offset = 0;
  if (index != 4) {
    c_.state.r[index] = static_cast<uint64_t>(static_cast<int64_t>(r_.below(200)) - 100);
    offset = c_.state.r[index] << scale;
    if (narrow_ && r_.one_in(2)) c_.state.r[index] ^= r_.next() << 32;
  }
  encode::little_endian(tail, static_cast<int64_t>(c_.operand - offset), 4);
}

// [base + vector·scale] with small indices: what a fault in the middle of a gather leaves is not compared.
void Generator::vector_indexed(unsigned reg, uint8_t& rex, std::vector<uint8_t>& tail) {
  const unsigned base = 3 + r_.below(2) * 3, index = (reg + 1 + r_.below(6)) & 7, scale = r_.below(4);
  rex &= static_cast<uint8_t>(~7u);
  vvvv_ = (index + 1) & 7;
  if (vvvv_ == (reg & 7)) vvvv_ = (vvvv_ + 1) & 7;
  if (vvvv_ == index) vvvv_ = (vvvv_ + 1) & 7;
  c_.operand = scratch().address(kData) + 2000;
  c_.state.r[base] = c_.operand;
  for (const unsigned v : {index, index + kUpper})
    for (unsigned i = 0; i < 4; ++i) {
      const int32_t x = static_cast<int32_t>(r_.below(200)) - 100;
      if (needs("qidx"))
        c_.state.v[v].set(i / 2, static_cast<int64_t>(x));
      else
        c_.state.v[v].set(i, x);
    }
  tail.push_back(encode::modrm(0, reg, 4));
  tail.push_back(encode::modrm(scale, index, base));
}

std::vector<uint8_t> Generator::vex_prefix(uint8_t rex) {
  const Parsed::Vex& v = p_.vex;
  const unsigned pp = v.prefix == 0x66 ? 1 : v.prefix == 0xf3 ? 2 : v.prefix == 0xf2 ? 3 : 0;
  const unsigned length = v.length == Parsed::kAny ? r_.below(2) : static_cast<unsigned>(v.length);
  const unsigned w = rex >> 3 & 1, rest = (~vvvv_ & 15) << 3 | length << 2 | pp;
  if (short_) return {0xc5, static_cast<uint8_t>((~rex >> 2 & 1) << 7 | rest)};
  return {0xc4, static_cast<uint8_t>((~rex & 7) << 5 | v.map), static_cast<uint8_t>(w << 7 | rest)};
}

void Generator::based(unsigned reg, uint8_t& rex, std::vector<uint8_t>& tail) {
  const unsigned base = address_register(reg, rex);
  if (base & 8) rex |= 1;
  // Without displacement there is no base 5.
  const unsigned mod = (base & 7) == 5 ? 1 + r_.below(2) : r_.below(3), bytes = mod == 2 ? 4 : mod;
  const int64_t disp = mod == 0 ? 0 : mod == 1 ? static_cast<int8_t>(r_.next()) : static_cast<int32_t>(r_.next()) >> 8;
  const bool sib = (base & 7) == 4 || r_.one_in(2);
  if (!sib) {
    tail.push_back(encode::modrm(mod, reg, base));
    encode::little_endian(tail, disp, bytes);
    return place(base, -1, 0, disp);
  }
  unsigned index = address_register(reg, rex);
  const unsigned scale = r_.below(4);
  if (index == base) index = 4;
  if (index & 8) rex |= 2;
  tail.push_back(encode::modrm(mod, reg, 4));
  tail.push_back(encode::modrm(scale, index, base));
  encode::little_endian(tail, disp, bytes);
  place(base, index == 4 ? -1 : static_cast<int>(index), scale, disp);
}

void Generator::immediates(std::vector<uint8_t>& tail) {
  for (const std::string& kind : p_.immediates) {
    uint64_t x = random_integer(r_);
    unsigned n = kind == "ib" || kind == "i0" || kind == "is4" ? 1 : kind == "iw" ? 2 : kind == "iq" ? 8 : 4;
    if (kind == "i0") x = 0;
    if (kind == "iz") n = c_.bytes == 2 ? 2 : 4;
    if (kind[0] == 'r') n = kind == "rel8" ? 1 : 4, x = 16 + r_.below(100);
    if (kind == "is4") x = static_cast<uint64_t>(r_.below(16)) << 4;
    if (kind == "ib") c_.count = static_cast<unsigned>(x & 0xff);
    for (unsigned i = 0; i < n; ++i) tail.push_back(static_cast<uint8_t>(x >> (8 * i)));
  }
}

// What the form's words ask for.
void Generator::adjust() {
  CpuState& s = c_.state;
  const auto near = [&] { return scratch().address(kData) + 300 + 8 * r_.below(600); };
  if (needs("stack")) s.r[kRsp] = r_.one_in(4) ? random_address(r_) : near();
  if (needs("frame")) s.r[kRbp] = r_.one_in(4) ? random_address(r_) : near();
  if (needs("str")) {
    s.r[kRsi] = r_.one_in(3) ? random_address(r_) : near(), s.r[kRdi] = r_.one_in(3) ? random_address(r_) : near();
    s.r[kRcx] = r_.below(12);
    const Vec same = random_vec(r_);
    if (r_.one_in(2)) poke(s.r[kRsi], &same, 16), poke(s.r[kRdi], &same, 16);
    if (r_.one_in(2)) s.r[kRax] = same.lo;
  }
  if (needs("traps")) s.mxcsr &= ~(static_cast<uint32_t>(r_.next()) & 0x1680u);  // not of denormals and underflow
  if (needs("traps") && needs("daz")) s.mxcsr &= ~0x40u;
  if (needs("rbx")) s.r[kRbx] = random_address(r_);
  if (needs("rdi")) s.r[kRdi] = random_address(r_);
  if (needs("div") && r_.one_in(2)) s.r[kRdx] = r_.one_in(2) ? 0 : r_.below(100);
  if (needs("len") && r_.one_in(2)) s.r[kRax] = r_.below(18) - 1, s.r[kRdx] = r_.below(18) - 1;
}

Case Generator::make() {
  c_ = Case{};
  c_.state = random_state(r_);
  c_.state.pc = scratch().address(64);
  uint8_t rex = r_.one_in(3) ? 0 : 0x40;
  bool word = false;
  if (p_.size == 'v') {
    const unsigned which = r_.below(3);
    word = which == 0, c_.bytes = which == 0 ? 2 : which == 1 ? 4 : 8;
  }
  if (p_.size == 'q') c_.bytes = r_.one_in(2) ? 4 : 8;
  if (p_.size == 'W') c_.bytes = 8;
  if (p_.size == 'b') c_.bytes = 1;
  if (c_.bytes == 8) rex |= 0x48;
  if (p_.vex.used) {
    const bool wide = p_.vex.w == Parsed::kAny ? r_.one_in(2) : p_.vex.w == 1;
    if (wide || c_.bytes == 8) rex |= 0x48;
    short_ = p_.vex.map == 1 && !(rex & 8) && r_.one_in(2);
    rex = short_ ? 0 : rex | 0x40;
    vvvv_ = needs("two") ? 0 : r_.below(16);
  }
  if (p_.vex.used || needs("v3")) c_.level = Level::v3;
  if (needs("x87")) randomize_x87();
  if (needs("unmasked")) {
    c_.state.x87.control &= static_cast<uint16_t>(~(r_.next() & 0x3f));
    if (!r_.one_in(8)) c_.state.x87.status &= static_cast<uint16_t>(c_.state.x87.control | ~0x3f);  // none is pending
    if (c_.state.x87.status & ~c_.state.x87.control & 0x3f) c_.state.x87.status |= 0x8080;
  }
  adjust();
  std::vector<uint8_t> head;
  if (p_.lock) head.push_back(0xf0);
  if (p_.modrm && r_.one_in(16)) narrow_ = true, head.push_back(0x67);
  const bool gs = p_.modrm && r_.one_in(16) && !narrow_ && !needs("vsib") && !needs("image");
  if (gs) head.push_back(0x65);
  if (word) head.push_back(0x66);
  head.insert(head.end(), p_.prefixes.begin(), p_.prefixes.end());
  std::vector<uint8_t> opcode = p_.opcode, tail;
  if (p_.plus_r) {
    const unsigned reg = r_.below(rex ? 16 : 8);
    if (reg & 8) rex |= 1;
    opcode.back() = static_cast<uint8_t>(opcode.back() + (reg & 7));
  }
  const size_t prefix = p_.vex.used ? (short_ ? 2 : 3) : rex ? 1 : 0;
  if (p_.modrm) modrm(rex, tail, head.size() + prefix + opcode.size());
  if (gs && c_.memory) c_.operand += kGsBaseValue;
  if (c_.memory) {
    const Vec v = random_vec(r_), w = random_vec(r_);
    poke(c_.operand, &v, 16), poke(c_.operand + 16, &w, 16);
    if (needs("bcd")) poke_digits();
    if (needs("ext"))
      poke(c_.operand, &c_.state.x87.significand[7], 8), poke(c_.operand + 8, &c_.state.x87.exponent[7], 2);
  }
  if (c_.memory && (needs("env") || needs("env16"))) poke_environment(needs("env16") ? 2 : 4);
  if (c_.memory && needs("image")) poke_image();
  if (needs("parts")) c_.state.r[kRax] = r_.below(8), c_.state.r[kRdx] = 0;
  immediates(tail);
  c_.code = head;
  if (p_.vex.used) {
    const std::vector<uint8_t> vex = vex_prefix(rex);
    c_.code.insert(c_.code.end(), vex.begin(), vex.end());
  } else if (rex) {
    c_.code.push_back(rex);
  }
  c_.code.insert(c_.code.end(), opcode.begin(), opcode.end());
  c_.code.insert(c_.code.end(), tail.begin(), tail.end());
  CpuState& s = c_.state;
  if (needs("shift") || needs("shiftd"))
    if (p_.immediates.empty())
      c_.count = p_.opcode[0] == 0xd0 || p_.opcode[0] == 0xd1 ? 1 : static_cast<unsigned>(s.r[kRcx] & 0xff);
  if (needs("cmpx") && r_.one_in(2)) {
    if (c_.memory) {
      const unsigned half = p_.opcode[1] == 0xc7 && c_.bytes == 4 ? 4 : 8;
      poke(c_.operand, &s.r[kRax], half), poke(c_.operand + half, &s.r[kRdx], half);
    } else {
      s.r[c_.rm] = s.r[kRax];
    }
  }
  if (needs("go")) {
    const uint64_t target = scratch().address(1024 + r_.below(1000));
    if (c_.memory)
      poke(c_.operand, &target, 8);
    else if (p_.modrm && c_.rm != kRsp)
      s.r[c_.rm] = target;  // (RSP points at the stack)
    else if (p_.modrm)
      return c_;
    else
      poke(s.r[kRsp], &target, 8);
  }
  if (needs("popf")) {
    const uint64_t image = r_.next() & 0xcd5;
    for (unsigned i = 0; i < 8; ++i)
      poke(s.r[kRsp] + i, reinterpret_cast<const char*>(&image) + i, 1);  // whatever is writable
  }
  if (needs("mxcsr")) {  // bit 17 is AMD's
    const uint32_t image = (static_cast<uint32_t>(r_.next()) & 0xffff) | (r_.one_in(8) ? 1u << (18 + r_.below(14)) : 0);
    poke(c_.operand, &image, 4);
  }
  return c_;
}
}  // namespace

CpuState random_state(Random& r) {
  CpuState s;
  for (size_t i = 0; i < 16; ++i) s.r[i] = random_integer(r);
  for (size_t i = 0; i < 16; ++i) s.v[i] = random_vec(r);
  if (host_has_avx())
    for (size_t i = kUpper; i < 32; ++i) s.v[i] = random_vec(r);
  s.set_flags(static_cast<uint32_t>(r.next()));
  s.df = r.one_in(2);
  s.mxcsr = 0x1f80 | static_cast<uint32_t>(r.next() & 0x3f);
  if (r.one_in(2)) s.mxcsr |= static_cast<uint32_t>(r.next() & 0x6000);
  if (r.one_in(8)) s.mxcsr |= static_cast<uint32_t>(r.next() & 0x8040);
  s.r[kGsBase] = kGsBaseValue;
  return s;
}
// vex.LENGTH.PREFIX.MAP.W: 128 256 any, np 66 f2 f3, 0f 0f38 0f3a, w0 w1 wany
Parsed::Vex parse_vex(const std::string& text) {
  std::istringstream in(text);
  std::string vex, length, prefix, map, w;
  for (std::string* part : {&vex, &length, &prefix, &map, &w}) std::getline(in, *part, '.');
  Parsed::Vex v;
  v.used = true;
  v.length = length == "any" ? Parsed::kAny : length == "256" ? 1 : 0;
  v.prefix = prefix == "np" ? uint8_t{0} : static_cast<uint8_t>(std::stoul(prefix, nullptr, 16));
  v.map = map == "0f" ? 1 : map == "0f38" ? 2 : 3;
  v.w = w == "wany" ? Parsed::kAny : w == "w1" ? 1 : 0;
  return v;
}

Parsed parse(const char* text) {
  Parsed p;
  std::istringstream in(text);
  for (std::string t; in >> t;) {
    if (t == "v" || t == "q" || t == "W" || t == "b")
      p.size = t[0];
    else if (t == "m")
      p.memory_only = true;
    else if (t == "r")
      p.register_only = true;
    else if (t == "+r")
      p.plus_r = true;
    else if (t == "lock")
      p.lock = p.memory_only = true;
    else if (t[0] == '/')
      p.modrm = true, p.digit = t[1] == 'r' ? -1 : t[1] - '0';
    else if (t.starts_with("vex."))
      p.vex = parse_vex(t);
    else if (t == "is4" || t == "i0" || t == "ib" || t == "iw" || t == "id" || t == "iz" || t == "iq" || t == "rel8" ||
             t == "rel32")
      p.immediates.push_back(t);
    else if (t.size() == 2 && std::isxdigit(t[0]) && std::isxdigit(t[1])) {
      const auto byte = static_cast<uint8_t>(std::stoul(t, nullptr, 16));
      const bool prefix = p.opcode.empty() && (byte == 0x66 || byte == 0xf2 || byte == 0xf3);
      (prefix ? p.prefixes : p.opcode).push_back(byte);
    } else
      p.words.push_back(t);
  }
  return p;
}

bool Parsed::has(const char* word) const { return std::find(words.begin(), words.end(), word) != words.end(); }

Case make_case(const Parsed& p, Random& r, ScratchBus& bus) { return Generator(p, r, bus).make(); }

}  // namespace deferscope::isa::test
