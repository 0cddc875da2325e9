// What the host cannot show: the shapes that the engine relies on, traps, prefixes, processors' identity, and that no
// byte string upsets the lift.
#include <Zydis/Zydis.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "isa/cpu_model.h"
#include "isa/x86_64/helpers.h"
#include "isa/x86_64/lift.h"

namespace deferscope::isa::test {
namespace {

constexpr uint64_t kAt = 0x401000;

Lifted lifted(std::vector<uint8_t> bytes, Level level = Level::v2) {
  Lifted l;
  x86_64::lift(bytes.data(), bytes.size(), kAt, l, level);
  return l;
}

struct Shape {
  const char* name;
  std::vector<uint8_t> bytes;
  std::vector<Op> ops;
};

TEST(X86Lift, CommonInstructionsTakeFewMicroOps) {
  const Shape shapes[] = {
      {"add rax, rbx", {0x48, 0x01, 0xd8}, {Op::Add}},
      {"mov rax, [rsp+8]", {0x48, 0x8b, 0x44, 0x24, 0x08}, {Op::Load}},
      {"mov [rsp+8], rax", {0x48, 0x89, 0x44, 0x24, 0x08}, {Op::Store}},
      {"lea rbp, [rsp+8]", {0x48, 0x8d, 0x6c, 0x24, 0x08}, {Op::Lea}},
      {"mov al, [rbx]", {0x8a, 0x03}, {Op::Load}},
      {"movzx eax, byte [rbx]", {0x0f, 0xb6, 0x03}, {Op::Load}},
      {"movzx eax, cl", {0x0f, 0xb6, 0xc1}, {Op::Ubfx}},
      {"cmp rsp, [r14+16]", {0x49, 0x3b, 0x66, 0x10}, {Op::Load, Op::Sub}},
      {"test al, al", {0x84, 0xc0}, {Op::And}},
      {"jbe +5", {0x76, 0x05}, {Op::JumpCond}},
      {"call +0", {0xe8, 0, 0, 0, 0}, {Op::Store, Op::Lea, Op::Jump}},
      {"call rax", {0xff, 0xd0}, {Op::Store, Op::Lea, Op::JumpReg}},
      {"ret", {0xc3}, {Op::Load, Op::Lea, Op::JumpReg}},
      {"push rbp", {0x55}, {Op::Store, Op::Lea}},
      {"pop rbp", {0x5d}, {Op::Load, Op::Lea}},
      {"add [rax], rbx", {0x48, 0x01, 0x18}, {Op::LoadRmw, Op::Add, Op::Store}},
      {"inc dword [rax]", {0xff, 0x00}, {Op::LoadRmw, Op::Add, Op::Store}},
      {"lock cmpxchg [rdx], ecx", {0xf0, 0x0f, 0xb1, 0x0a}, {Op::LoadRmw, Op::Sub, Op::Select, Op::Store, Op::Select}},
      {"movups [rsp], xmm15", {0x44, 0x0f, 0x11, 0x3c, 0x24}, {Op::StoreV}},
      {"xorps xmm15, xmm15", {0x45, 0x0f, 0x57, 0xff}, {Op::VecOp}},
      {"addsd xmm0, xmm1", {0xf2, 0x0f, 0x58, 0xc1}, {Op::VecFp}},
      {"ucomisd xmm0, xmm1", {0x66, 0x0f, 0x2e, 0xc1}, {Op::FpCompare}},
      {"cvttsd2si rax, xmm0", {0xf2, 0x48, 0x0f, 0x2c, 0xc0}, {Op::VecGet}},
      {"cvtsi2sd xmm0, rax", {0xf2, 0x48, 0x0f, 0x2a, 0xc0}, {Op::VecPut}},
      {"rep movsq", {0xf3, 0x48, 0xa5}, {Op::Movs}},
      {"nop", {0x90}, {}},
      {"xchg ax, ax", {0x66, 0x90}, {}},
      {"syscall", {0x0f, 0x05}, {Op::Mov, Op::ReadFlags, Op::Syscall}},
  };
  for (const Shape& s : shapes) {
    const Lifted l = lifted(s.bytes);
    EXPECT_EQ(l.fault, Fault::None) << s.name;
    EXPECT_EQ(l.length, s.bytes.size()) << s.name;
    ASSERT_EQ(l.count, s.ops.size()) << s.name;
    for (size_t i = 0; i < s.ops.size(); ++i) EXPECT_EQ(l.uops[i].op, s.ops[i]) << s.name << ", micro-op " << i;
  }
}

struct Refusal {
  const char* name;
  std::vector<uint8_t> bytes;
  Fault fault;
};

TEST(X86Lift, SaysWhatItDoesNotExecute) {
  const Refusal refusals[] = {
      {"half a call", {0xe8, 0, 0}, Fault::Page},
      {"hlt", {0xf4}, Fault::Privileged},
      {"int 80h", {0xcd, 0x80}, Fault::Privileged},
      {"rdmsr", {0x0f, 0x32}, Fault::Privileged},
      {"mov cr0", {0x0f, 0x22, 0xc0}, Fault::Privileged},
      {"movbe eax, [rax]", {0x0f, 0x38, 0xf0, 0x00}, Fault::Undefined},
      {"rdrand eax", {0x0f, 0xc7, 0xf0}, Fault::Undefined},
      {"xsave [rax]", {0x0f, 0xae, 0x20}, Fault::Undefined},
      {"lock mov", {0xf0, 0x89, 0x03}, Fault::Undefined},
      {"vzeroupper", {0xc5, 0xf8, 0x77}, Fault::Undefined},
      {"vaddps of AVX-512", {0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2}, Fault::Undefined},
      {"invpcid", {0x66, 0x0f, 0x38, 0x82, 0x00}, Fault::Undefined},
      {"retf", {0xcb}, Fault::Unimplemented},
      {"16 bytes",
       {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90},
       Fault::Privileged},
  };
  for (const Refusal& r : refusals) {
    const Lifted l = lifted(r.bytes);
    EXPECT_EQ(l.fault, r.fault) << r.name;
    EXPECT_EQ(l.count, 0) << r.name;
  }
}

// What a model reports and the lift does not know ends a run with a line. README's limits name these.
const std::set<std::string> kNotImplemented = {
    "call",  "jmp",   "ret",                    // far
    "mov",   "pop",   "lfs",   "lgs",   "lss",  // to a segment register
    "lar",   "lsl",   "verr",  "verw",          // of a selector
    "enter",                                    // nested, or of 16 bits
    "cmpsb", "cmpsw", "cmpsd", "cmpsq", "lodsb", "lodsw", "lodsd", "lodsq", "movsb", "movsw", "movsd",
    "movsq", "scasb", "scasw", "scasd", "scasq", "stosb", "stosw", "stosd", "stosq",  // with addresses of 32 bits
};

class Sweep {
 public:
  explicit Sweep(Level level) : level_(level) {
    ZydisDecoderInit(&d_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  }
  void all() {
    const std::vector<uint8_t> prefixes[] = {{},     {0x66},       {0xf2},       {0xf3},
                                             {0x48}, {0x66, 0x48}, {0xf2, 0x48}, {0xf3, 0x48},
                                             {0x67}, {0x67, 0x66}, {0x67, 0x48}};
    const std::vector<uint8_t> maps[] = {{}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}};
    for (const auto& prefix : prefixes)
      for (const auto& map : maps) opcodes(joined(prefix, map));
    for (unsigned map = 0; map < 5; ++map)
      for (unsigned wlpp = 0; wlpp < 16; ++wlpp)  // with VVVV used and not
        for (const unsigned vvvv : {0x78u, 0x28u})
          opcodes({0xc4, static_cast<uint8_t>(0xe0 | map), static_cast<uint8_t>((wlpp & 8) << 4 | vvvv | (wlpp & 7))});
  }
  std::set<std::string> names;

 private:
  static std::vector<uint8_t> joined(std::vector<uint8_t> a, const std::vector<uint8_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }
  // Memory and registers, each operation of groups, and all of those that are told apart by the last bits.
  void opcodes(const std::vector<uint8_t>& begin) {
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
      const bool whole = begin.empty() || begin.back() == 0x0f ? (opcode & 0xf8) == 0xd8 || opcode < 2 : false;
      for (unsigned modrm = 0; modrm < 256; modrm += whole || modrm >= 0xf8 ? 1 : 8)
        if (whole || modrm < 0x40 || modrm >= 0xc0)
          one(joined(begin, {static_cast<uint8_t>(opcode), static_cast<uint8_t>(modrm)}));
    }
  }
  void one(std::vector<uint8_t> bytes) {
    bytes.resize(15);
    Lifted l;
    x86_64::lift(bytes.data(), bytes.size(), kAt, l, level_);
    if (l.fault != Fault::Unimplemented) return;
    ZydisDecodedInstruction in;
    ASSERT_TRUE(ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d_, nullptr, bytes.data(), bytes.size(), &in)));
    names.insert(ZydisMnemonicGetString(in.mnemonic));
  }

  Level level_;
  ZydisDecoder d_;
};

TEST(X86Lift, WhatIsNotImplementedIsListed) {
  for (const Level level : {Level::v1, Level::v2, Level::v3}) {
    Sweep sweep(level);
    sweep.all();
    EXPECT_EQ(sweep.names, kNotImplemented) << "level " << static_cast<int>(level) + 1;
  }
}

TEST(X86Lift, Traps) {
  const auto trap = [](std::vector<uint8_t> bytes) {
    const Lifted l = lifted(bytes);
    EXPECT_EQ(l.count, 1);
    EXPECT_EQ(l.uops[0].op, Op::Trap);
    return std::pair{l.uops[0].fault, l.uops[0].imm};
  };
  EXPECT_EQ(trap({0xcc}), std::pair(Fault::Breakpoint, int64_t{3}));
  EXPECT_EQ(trap({0xcd, 0x03}), std::pair(Fault::Breakpoint, int64_t{3}));
  EXPECT_EQ(trap({0x0f, 0x0b}), std::pair(Fault::Undefined, int64_t{0}));
}

TEST(X86Lift, AddressesAndPrefixes) {
  const Lifted fs = lifted({0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff});  // mov rcx, fs:[-8]
  EXPECT_EQ(fs.uops[0].mem.seg, kFsBase);
  EXPECT_EQ(fs.uops[0].mem.disp, -8);
  const Lifted rip = lifted({0x8b, 0x05, 0x10, 0, 0, 0});  // mov eax, [rip+16]
  EXPECT_EQ(rip.uops[0].mem.base, kZero);
  EXPECT_EQ(static_cast<uint64_t>(rip.uops[0].mem.disp), kAt + 6 + 16);
  for (const uint8_t rex : {0x48, 0x49}) {  // lea rax, [rcx*8 + 16]; REX.B means nothing there
    const Lifted scaled = lifted({rex, 0x8d, 0x04, 0xcd, 0x10, 0, 0, 0});
    EXPECT_EQ(scaled.uops[0].mem.base, kZero);
    EXPECT_EQ(scaled.uops[0].mem.index, kRcx);
    EXPECT_EQ(scaled.uops[0].mem.shift, 3);
    EXPECT_EQ(scaled.uops[0].mem.disp, 16);
  }
  const Lifted call = lifted({0xe8, 0xfb, 0xff, 0xff, 0xff});  // call to itself
  EXPECT_EQ(static_cast<uint64_t>(call.uops[0].imm), kAt + 5);
  EXPECT_EQ(static_cast<uint64_t>(call.uops[2].imm), kAt);
  EXPECT_EQ(call.uops[2].hint, Hint::Call);
  EXPECT_EQ(lifted({0xc3}).uops[2].hint, Hint::Return);
  // Before LZCNT and TZCNT, REP was ignored in front of BSR and BSF.
  EXPECT_EQ(lifted({0xf3, 0x0f, 0xbd, 0xc1}, Level::v3).uops[0].op, Op::Clz);
  EXPECT_EQ(lifted({0xf3, 0x0f, 0xbc, 0xc1}, Level::v3).uops[0].op, Op::Ctz);
  EXPECT_EQ(lifted({0xf3, 0x0f, 0xbd, 0xc1}).uops[0].op, Op::Bsr);
  EXPECT_EQ(lifted({0xf3, 0x0f, 0xbc, 0xc1}).uops[0].op, Op::Bsf);
}

TEST(X86Lift, HelpersHaveOnePointerAName) {
  const Lifted pxor = lifted({0x66, 0x0f, 0xef, 0xc1}), xorps = lifted({0x0f, 0x57, 0xc1});
  EXPECT_EQ(pxor.uops[0].helper, xorps.uops[0].helper);
  EXPECT_EQ(pxor.uops[0].helper, x86_64::find_helper("pxor"));
  EXPECT_EQ(lifted({0xf2, 0x48, 0x0f, 0x2c, 0xc0}).uops[0].helper, x86_64::find_helper("cvttsd2si64"));
  EXPECT_EQ(lifted({0x66, 0x48, 0x0f, 0x7e, 0xc0}).uops[0].helper, x86_64::find_helper("get"));
  EXPECT_EQ(x86_64::find_helper("no such"), nullptr);
}

// Random bytes, biased to what opcodes are made of: every answer is well formed.
TEST(X86Lift, AnyBytes) {
  std::mt19937_64 random(1);
  constexpr uint8_t kLikely[] = {0x0f, 0x38, 0x3a, 0x66, 0xf2, 0xf3, 0x48, 0x41, 0xf0, 0x67, 0x64, 0x65, 0xc4, 0xc5};
  for (int i = 0; i < 300000; ++i) {
    std::vector<uint8_t> bytes(1 + random() % 15);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
    for (size_t k = 0; k < random() % 4 && k < bytes.size(); ++k) bytes[k] = kLikely[random() % std::size(kLikely)];
    const Lifted l = lifted(bytes, random() % 2 ? Level::v3 : Level::v2);
    ASSERT_LE(l.count, Lifted::kMax);
    ASSERT_GE(l.length, 1);
    ASSERT_LE(l.length, l.fault == Fault::None ? bytes.size() : 15);
    for (int k = 0; k < l.count; ++k) {
      const Uop& u = l.uops[k];
      ASSERT_LT(u.dst, kRegs);
      const bool area = u.op == Op::LoadArea || u.op == Op::StoreArea;
      const bool calls = area || (u.op >= Op::VecOp && u.op <= Op::Helper);
      ASSERT_EQ(calls, u.helper != nullptr);
      ASSERT_EQ(u.op == Op::VecOp, u.helper && u.helper->vec);
      ASSERT_EQ(u.op == Op::VecGet, u.helper && u.helper->get);
      ASSERT_EQ(u.op == Op::VecPut, u.helper && u.helper->put);
      ASSERT_EQ(u.op == Op::VecFp, u.helper && u.helper->fp);
      ASSERT_EQ(u.op == Op::FpCompare, u.helper && u.helper->compare);
      ASSERT_EQ(u.op == Op::Helper, u.helper && u.helper->any);
      ASSERT_EQ(area, u.helper && u.helper->area);
      ASSERT_LE(area ? u.imm2 : 0, kMostArea);
    }
  }
}

TEST(X86CpuModel, Identity) {
  const CpuModel& v2 = default_cpu_model(Isa::x86_64);
  EXPECT_STREQ(v2.name, "v2");
  EXPECT_EQ(v2.cpuid(0, 0).ebx, 0x756e6547u);
  // Level v2 as the psABI lists it (leaf 1 ECX, extended leaf ECX); no OSXSAVE, AVX, FMA, MOVBE
  constexpr uint32_t level2 = 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23;
  EXPECT_EQ(v2.cpuid(1, 0).ecx & level2, level2);
  EXPECT_EQ(v2.cpuid(1, 0).ecx & (1u << 12 | 1u << 22 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30), 0u);
  EXPECT_EQ(v2.cpuid(0x80000001, 0).ecx & 1, 1u);
  EXPECT_EQ(v2.cpuid(7, 0).ebx, 0u);
  const CpuModel* v1 = find_cpu_model(Isa::x86_64, "v1");
  ASSERT_NE(v1, nullptr);
  EXPECT_EQ(v1->cpuid(1, 0).ecx, 0u);
  EXPECT_EQ(v1->cpuid(1, 0).edx & (1u << 25 | 1u << 26), 1u << 25 | 1u << 26);
  EXPECT_EQ(find_cpu_model(Isa::x86_64, "v9"), nullptr);
}

// Level v3 as the psABI lists it, no more, and what XSAVE keeps of it.
TEST(X86CpuModel, LevelV3) {
  const CpuModel *v2 = find_cpu_model(Isa::x86_64, "v2"), *v3 = find_cpu_model(Isa::x86_64, "v3");
  ASSERT_NE(v3, nullptr);
  const uint32_t more = 1u << 12 | 1u << 22 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 29;  // FMA … F16C, with XSAVE
  EXPECT_EQ(v3->cpuid(1, 0).ecx, v2->cpuid(1, 0).ecx | more);
  EXPECT_EQ(v3->cpuid(7, 0).ebx, 1u << 3 | 1u << 5 | 1u << 8);  // BMI1, AVX2, BMI2
  EXPECT_EQ(v3->cpuid(7, 0).ecx | v3->cpuid(7, 0).edx | v3->cpuid(7, 1).eax, 0u);
  EXPECT_EQ(v3->cpuid(0x80000001, 0).ecx, 1u | 1u << 5);  // LAHF, LZCNT
  EXPECT_EQ(v3->cpuid(0, 0).eax, 0xdu);
  EXPECT_EQ(v3->cpuid(0xd, 0).eax, 7u);
  EXPECT_EQ(v3->cpuid(0xd, 0).ebx, 832u);
  EXPECT_EQ(v3->cpuid(0xd, 1).eax, 0u);  // no XSAVEOPT, XSAVEC
  EXPECT_EQ(v3->cpuid(0xd, 2).eax, 256u);
  EXPECT_EQ(v3->cpuid(0xd, 2).ebx, 576u);
  EXPECT_EQ(v2->cpuid(0xd, 0).eax, 0u);
}

}  // namespace
}  // namespace deferscope::isa::test
