// Machine code of the modelled runtime. A gate returns behind its CALL; where a row says `choice`, it may also skip the
// jump that follows (runtime_model/modelled.h).
#include "loader/listing_stubs.h"

#include <cstring>

namespace deferscope::loader {
namespace {

// amd64: PUSHQ BP; MOVQ SP, BP; SUBQ $n, SP.   arm64: SUB $n, RSP, R20; STP (R29, R30), -8(R20); MOVD R20, RSP;
// SUB $8, RSP, R29.   As Go's compilers make frames, so saved words lie where readers of stacks look for them.
class Code {
 public:
  Code(std::string_view name, isa::Isa isa) : amd64_(isa == isa::Isa::x86_64) { stub_.name = name; }

  bool amd64() const { return amd64_; }
  uint32_t here() const { return static_cast<uint32_t>(stub_.code.size()); }
  Stub take() { return std::move(stub_); }

  Code& bytes(std::initializer_list<unsigned> b) {
    for (unsigned x : b) stub_.code.push_back(static_cast<uint8_t>(x));
    return *this;
  }
  Code& word(uint32_t w) {
    const size_t at = stub_.code.size();
    stub_.code.resize(at + 4);
    std::memcpy(stub_.code.data() + at, &w, 4);
    return *this;
  }
  Code& sp(int32_t below) {
    stub_.sp.emplace_back(here(), below);
    return *this;
  }
  Code& flag(uint8_t f) {
    stub_.flag = f;
    return *this;
  }

  // A frame of n bytes (a multiple of 16) below the return address.
  Code& enter(int32_t n) {
    size_ = n;
    const auto u = static_cast<uint32_t>(n);
    sp(0);
    if (amd64_) {
      bytes({0x55}).sp(8).bytes({0x48, 0x89, 0xe5, 0x48, 0x81, 0xec}).word(u - 8).sp(n);
    } else {
      word(0xd10003f4 | u << 10).word(0xa93ffa9d).word(0x9100029f).sp(n).word(0xd10023fd);
    }
    return *this;
  }
  Code& leave() {
    const auto u = static_cast<uint32_t>(size_);
    if (amd64_)
      bytes({0x48, 0x81, 0xc4}).word(u - 8).sp(8).bytes({0x5d}).sp(0).bytes({0xc3});
    else
      word(0xa97ffbfd).word(0x910003ff | u << 10).sp(0).word(0xd65f03c0);
    return sp(size_);
  }
  Code& call(Stub::Target target, std::string_view name) {
    stub_.calls.push_back({here(), target, std::string(name)});
    if (amd64_) return bytes({0xe8, 0, 0, 0, 0});
    return word(0x94000000);
  }
  Code& gate(std::string_view name) { return call(Stub::gate, name); }
  Code& function(std::string_view name) { return call(Stub::function, name); }
  // CALL (DX); MOVD (R26), R16, CALL (R16).
  Code& call_closure() {
    if (amd64_) return bytes({0xff, 0x12});
    return word(0xf9400350).word(0xd63f0200);
  }
  Code& jump_back(uint32_t to) {
    if (amd64_) return bytes({0xeb, static_cast<uint8_t>(static_cast<int>(to) - static_cast<int>(here()) - 2)});
    return word(0x14000000 | (((to - here()) / 4) & 0x3ffffff));
  }
  // A jump forward whose target is set by land().
  uint32_t jump() {
    const uint32_t at = here();
    amd64_ ? bytes({0xeb, 0}) : word(0x14000000);
    return at;
  }
  Code& land(uint32_t jump) {
    if (amd64_) {
      stub_.code[jump + 1] = static_cast<uint8_t>(here() - jump - 2);
    } else {
      const uint32_t w = 0x14000000 | (here() - jump) / 4;
      std::memcpy(stub_.code.data() + jump, &w, 4);
    }
    return *this;
  }
  Code& ret() { return amd64_ ? bytes({0xc3}) : word(0xd65f03c0); }
  Code& undefined() { return amd64_ ? bytes({0x0f, 0x0b}) : word(0xd4200000); }

 private:
  bool amd64_;
  int32_t size_ = 0;
  Stub stub_;
};

// Room below a call for what it is given; the records of a panic lie above (modelled_panic.cpp).
constexpr int32_t kArguments = 1024, kRecord = 128;

// Calls its gate and returns what that left.
void plain(Code& c, std::string_view name) {
  c.sp(0);
  if (c.amd64()) {
    c.gate(name).ret();
    return;
  }
  c.word(0xf81f0ffe).sp(16).gate(name).word(0xf84107fe).sp(0).ret();  // MOVD.W R30, -16(RSP) … MOVD.P 16(RSP), R30
}

// The gate prepares a call of gopanic.
void panics(Code& c, std::string_view name) { c.enter(64).gate(name).function("runtime.gopanic").undefined(); }

// The gate prepares a call of throw.
void throws(Code& c, std::string_view name) { c.enter(64).gate(name).function("runtime.throw").undefined(); }

// Ends by calling a function that does not return.
void ends(Code& c, std::string_view name, std::string_view by) { c.enter(64).gate(name).function(by).undefined(); }

// The loop that calls deferred functions: the gate sets the closure, or it is over.
void loop(Code& c, std::string_view gate) {
  const uint32_t again = c.here();
  c.gate(gate);
  const uint32_t over = c.jump();
  c.call_closure().jump_back(again).land(over);
}

void rt0(Code& c, std::string_view name) { c.flag(1).sp(0).gate(name).undefined(); }

void main_function(Code& c, std::string_view name) {
  c.enter(kArguments);
  loop(c, name);
  c.gate("runtime.main.end").function("runtime.exit").undefined();
}

// A goroutine's outermost frame: behind the first instruction lies the return address of its function.
void goexit(Code& c, std::string_view) {
  c.flag(1).sp(0);
  c.amd64() ? c.bytes({0x90}) : c.word(0xd503201f);
  c.function("runtime.goexit1").undefined();
}

// exit_group of Linux.
void exit_function(Code& c, std::string_view) {
  c.sp(0);
  if (c.amd64())
    c.bytes({0x8b, 0x7c, 0x24, 0x08, 0xb8, 0xe7, 0, 0, 0, 0x0f, 0x05}).ret();
  else
    c.word(0xb9400be0).word(0xd2800bc8).word(0xd4000001).ret();
}

// Up to Go 1.17: one deferred function a time, through jmpdefer. Its arguments lie at the stack's end (amd64), or above
// the saved link register (arm64).
void deferreturn_jumps(Code& c, std::string_view name) {
  c.enter(32).gate(name);
  const uint32_t over = c.jump();
  c.function("runtime.jmpdefer").land(over).leave();
}

void deferreturn_loops(Code& c, std::string_view name) {
  c.enter(kRecord + 32);
  loop(c, name);
  c.leave();
}

// src/runtime/asm_amd64.s and asm_arm64.s of Go 1.11 to 1.17, as assembled.
void jmpdefer(Code& c, std::string_view) {
  c.sp(0);
  if (c.amd64()) {
    c.bytes({0x48, 0x8b, 0x54, 0x24, 0x08, 0x48, 0x8b, 0x5c, 0x24, 0x10, 0x48, 0x8d, 0x63, 0xf8, 0x48,
             0x8b, 0x6c, 0x24, 0xf8, 0x48, 0x83, 0x2c, 0x24, 0x05, 0x48, 0x8b, 0x1a, 0xff, 0xe3});
    return;
  }
  for (uint32_t w :
       {0xf94003e0, 0xd1001000, 0xaa0003fe, 0xf94007fa, 0xf9400be0, 0x9100001f, 0xd10023ff, 0xf9400343, 0xd61f0060})
    c.word(w);
}

void gopanic(Code& c, std::string_view name) {
  c.enter(kArguments + kRecord + 64).gate(name);
  const uint32_t again = c.here();
  c.gate("runtime.gopanic.next");
  const uint32_t over = c.jump();
  c.call_closure().gate("runtime.gopanic.called").jump_back(again).land(over);
  c.function("runtime.fatalpanic").undefined();
}

void goexit_call(Code& c, std::string_view name) {
  c.enter(kArguments + kRecord + 64).gate(name);
  const uint32_t again = c.here();
  c.gate("runtime.Goexit.next");
  const uint32_t over = c.jump();
  c.call_closure().gate("runtime.Goexit.called").jump_back(again).land(over);
  c.function("runtime.goexit1").undefined();
}

// On the system stack, as mcall left it.
void recovery(Code& c, std::string_view name) { c.enter(48).gate(name).function("runtime.gogo").undefined(); }

// MOVUPS X, (DI) four times and LEAQ 64(DI), DI, sixteen times: calls come in at any of them.
// arm64 points by R16 and R17 up to Go 1.12, then by R20 and R21.
void duffzero(Code& c, bool x15, uint32_t pointer) {
  c.sp(0);
  if (c.amd64()) {
    for (int block = 0; block < 16; ++block) {
      for (unsigned at = 0; at < 64; at += 16) {
        if (x15) c.bytes({0x44});
        at ? c.bytes({0x0f, 0x11, x15 ? 0x7fu : 0x47u, at}) : c.bytes({0x0f, 0x11, x15 ? 0x3fu : 0x07u});
      }
      c.bytes({0x48, 0x8d, 0x7f, 0x40});
    }
    c.ret();
    return;
  }
  for (int i = 0; i < 63; ++i) c.word(0xa8817c1f | pointer << 5);  // STP.P (ZR, ZR), 16(R20)
  c.word(0xa9007c1f | pointer << 5).ret();
}

void duffcopy(Code& c, uint32_t from) {
  c.sp(0);
  for (int i = 0; i < 64; ++i) {
    if (c.amd64())  // MOVUPS (SI), X0; ADDQ $16, SI; MOVUPS X0, (DI); ADDQ $16, DI
      c.bytes({0x0f, 0x10, 0x06, 0x48, 0x83, 0xc6, 0x10, 0x0f, 0x11, 0x07, 0x48, 0x83, 0xc7, 0x10});
    else  // LDP.P 16(R20), (R26, R27); STP.P (R26, R27), 16(R21)
      c.word(0xa8c16c1a | from << 5).word(0xa8816c1a | (from + 1) << 5);
  }
  c.ret();
}

struct Row {
  std::string_view name;
  int oldest, newest;
  void (*make)(Code&, std::string_view name);
};
constexpr Row kRows[] = {
    {"runtime.rt0_go", 0, 99, rt0},
    {"runtime.main", 0, 99, main_function},
    {"runtime.goexit", 0, 99, goexit},
    {"runtime.exit", 0, 99, exit_function},
    {"runtime.deferreturn", 0, 17, deferreturn_jumps},
    {"runtime.deferreturn", 18, 99, deferreturn_loops},
    {"runtime.jmpdefer", 0, 17, jmpdefer},
    {"runtime.gopanic", 0, 99, gopanic},
    {"runtime.Goexit", 0, 99, goexit_call},
    {"runtime.recovery", 0, 99, recovery},
    {"runtime.fatalpanic", 0, 99, [](Code& c, std::string_view n) { ends(c, n, "runtime.exit"); }},
    {"runtime.throw", 0, 99, [](Code& c, std::string_view n) { ends(c, n, "runtime.exit"); }},
    {"runtime.goexit1", 0, 99, throws},
    {"runtime.morestack", 0, 99, throws},
    {"runtime.morestack_noctxt", 0, 99, throws},
    {"runtime.throwinit", 0, 99, throws},
    {"runtime.sigpanic", 0, 99, panics},
    {"runtime.panic*", 0, 99, panics},
    {"runtime.duffzero", 0, 12, [](Code& c, std::string_view) { duffzero(c, false, 16); }},
    {"runtime.duffzero", 13, 16, [](Code& c, std::string_view) { duffzero(c, false, 20); }},
    {"runtime.duffzero", 17, 99, [](Code& c, std::string_view) { duffzero(c, true, 20); }},
    {"runtime.duffcopy", 0, 12, [](Code& c, std::string_view) { duffcopy(c, 16); }},
    {"runtime.duffcopy", 13, 99, [](Code& c, std::string_view) { duffcopy(c, 20); }},
};

bool names(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return pattern == name;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

}  // namespace

Stub make_stub(std::string_view name, isa::Isa isa, int minor) {
  Code code(name, isa);
  for (const Row& r : kRows)
    if (minor >= r.oldest && minor <= r.newest && names(r.name, name)) {
      r.make(code, name);
      return code.take();
    }
  plain(code, name);
  return code.take();
}

std::vector<std::string> always_there(int minor) {
  std::vector<std::string> out = {"runtime.rt0_go",  "runtime.main",     "runtime.goexit",    "runtime.exit",
                                  "runtime.gopanic", "runtime.recovery", "runtime.gogo",      "runtime.mcall",
                                  "runtime.throw",   "runtime.sigpanic", "runtime.fatalpanic"};
  if (minor <= 17) out.push_back("runtime.jmpdefer");
  return out;
}

std::vector<std::string> called_by(const Stub& stub) {
  std::vector<std::string> out;
  for (const Stub::Call& c : stub.calls)
    if (c.target == Stub::function) out.push_back(c.name);
  return out;
}

}  // namespace deferscope::loader
