// The engine against itself with one instruction a block, where nothing is fused and no flag is dropped: same
// registers, flags, counts and faults at every budget; and what observers are shown.
#include "emu/engine/engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "emu/self_check.h"

using namespace deferscope;
using emu::kExec;
using emu::kRead;
using emu::kWrite;

namespace {

constexpr uint64_t kCode = 0x401000, kData = 0x600000, kStack = 0x7ff000, kHole = 0x900000;

struct Program {
  const char* name;
  isa::Isa isa;
  std::vector<uint8_t> code;
};

std::vector<uint8_t> words(std::initializer_list<uint32_t> ws) {
  std::vector<uint8_t> out;
  for (const uint32_t w : ws)
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(w >> (8 * i)));
  return out;
}

// RSI, X1: data; RDI, X2: a hole; RSP, SP: the stack's page, near its lower end.
const Program kPrograms[] = {
    {"loads, the second faults", isa::Isa::x86_64, {0x48, 0x8b, 0x06, 0x48, 0x8b, 0x1f, 0x90}},
    {"load over its own base", isa::Isa::x86_64, {0x48, 0x8b, 0x36, 0x48, 0x8b, 0x5e, 0x08, 0x90}},
    {"stores, the second faults", isa::Isa::x86_64, {0x48, 0x89, 0x06, 0x48, 0x89, 0x1f, 0x90}},
    {"prologue: sub rsp, 24; mov [rsp+16], rbp; lea rbp, [rsp+16]; mov rax, rbx; mov rcx, rdx",
     isa::Isa::x86_64,
     {0x48, 0x83, 0xec, 0x18, 0x48, 0x89, 0x6c, 0x24, 0x10, 0x48,
      0x8d, 0x6c, 0x24, 0x10, 0x48, 0x89, 0xd8, 0x48, 0x89, 0xd1}},
    {"prologue over the stack's end",
     isa::Isa::x86_64,
     {0x48, 0x81, 0xec, 0, 0x10, 0, 0, 0x48, 0x89, 0x6c, 0x24, 0x10, 0x48, 0x8d, 0x6c, 0x24, 0x10}},
    {"epilogue: mov rbp, [rsp+16]; add rsp, 24; ret",
     isa::Isa::x86_64,
     {0x48, 0x8b, 0x6c, 0x24, 0x10, 0x48, 0x83, 0xc4, 0x18, 0xc3}},
    {"epilogue, the return address faults",
     isa::Isa::x86_64,
     {0x48, 0x8b, 0x6c, 0x24, 0x10, 0x48, 0x81, 0xc4, 0, 0x10, 0, 0, 0xc3}},
    {"cmp byte [rsi], 7; je", isa::Isa::x86_64, {0x80, 0x3e, 0x07, 0x74, 0x01, 0x90, 0x90}},
    {"cmp [rsi+8], rax; jae", isa::Isa::x86_64, {0x48, 0x39, 0x46, 0x08, 0x73, 0x01, 0x90, 0x90}},
    {"cmp rax, [rsi+8]; jg", isa::Isa::x86_64, {0x48, 0x3b, 0x46, 0x08, 0x7f, 0x01, 0x90, 0x90}},
    {"cmp dword [rsi+rax*4], -1; jl", isa::Isa::x86_64, {0x83, 0x3c, 0x86, 0xff, 0x7c, 0x01, 0x90, 0x90}},
    {"cmp al, bl; jb; cmp al, 5; js", isa::Isa::x86_64, {0x38, 0xd8, 0x72, 0x00, 0x3c, 0x05, 0x78, 0x00, 0x90}},
    {"imul rax, rbx; store; imul ecx, edx, 77; store",
     isa::Isa::x86_64,
     {0x48, 0x0f, 0xaf, 0xc3, 0x48, 0x89, 0x06, 0x6b, 0xca, 0x4d, 0x48, 0x89, 0x0e}},
    {"mul rbx; imul rcx; store",
     isa::Isa::x86_64,
     {0x48, 0xf7, 0xe3, 0x48, 0x89, 0x06, 0x48, 0xf7, 0xe9, 0x48, 0x89, 0x06}},
    {"xor edx, edx; div rbx; div rcx (too large)",
     isa::Isa::x86_64,
     {0x31, 0xd2, 0x48, 0xf7, 0xf3, 0x48, 0xc7, 0xc2, 0xff, 0xff, 0xff, 0x7f, 0x48, 0xf7, 0xf1}},
    {"rol, bsf, bsr, bt, bts, btr, btc",
     isa::Isa::x86_64,
     {0x48, 0xc1, 0xc0, 0x0d, 0x48, 0x0f, 0xbc, 0xcb, 0x48, 0x89, 0x0e, 0x0f, 0xbd, 0xd3, 0x48, 0x89,
      0x16, 0x48, 0x0f, 0xa3, 0xd8, 0x48, 0x89, 0x06, 0x0f, 0xba, 0xe3, 0x05, 0x48, 0x0f, 0xab, 0xd8,
      0x48, 0x89, 0x06, 0x0f, 0xba, 0xf3, 0x03, 0x48, 0x0f, 0xbb, 0xc3, 0x48, 0x89, 0x06}},
    {"btr, bts, btc twice each", isa::Isa::x86_64, {0x0f, 0xba, 0xf3, 0x03, 0x0f, 0xba, 0xf3, 0x03,
                                                    0x0f, 0xba, 0xeb, 0x04, 0x0f, 0xba, 0xeb, 0x04,
                                                    0x0f, 0xba, 0xfb, 0x05, 0x0f, 0xba, 0xfb, 0x05}},
    {"jump to address 1, where empty cache entries rest", isa::Isa::x86_64, {0xb8, 1, 0, 0, 0, 0xff, 0xe0}},
    {"jump to address 1, arm64", isa::Isa::arm64, words({0xd2800020, 0xd61f0000})},
    {"bsf of zero",
     isa::Isa::x86_64,
     {0x31, 0xdb, 0x48, 0x0f, 0xbc, 0xc3, 0x48, 0x89, 0x06, 0x0f, 0xbd, 0xc3, 0x48, 0x89, 0x06}},
    {"and al, bl; or cl, 3; add dl, bl; sub bl, 9; xor al, al; store",
     isa::Isa::x86_64,
     {0x20, 0xd8, 0x80, 0xc9, 0x03, 0x00, 0xda, 0x48, 0x89, 0x06, 0x80,
      0xeb, 0x09, 0x48, 0x89, 0x06, 0x30, 0xc0, 0x48, 0x89, 0x06}},
    {"ucomisd, both ways and NaN", isa::Isa::x86_64, {0x66, 0x0f, 0x2e, 0xc1, 0x48, 0x89, 0x06, 0x66, 0x0f, 0x2e,
                                                      0xc8, 0x48, 0x89, 0x06, 0x66, 0x0f, 0x2e, 0xc0, 0x48, 0x89,
                                                      0x06, 0x66, 0x0f, 0x2e, 0xc2, 0x7a, 0x00, 0x90}},
    // stp x29, x30, [sp, #-32]!; movz x3, #1; movk x3, #2, lsl 16; movk x3, #3, lsl 48; movk x4, #5, lsl 32; ldp x29,
    // x30, [sp], #32
    {"arm64 frame and constants", isa::Isa::arm64,
     words({0xa9be7bfd, 0xd2800023, 0xf2a00043, 0xf2e00063, 0xf2c000a4, 0xa8c27bfd, 0xd503201f})},
    // ldp x29, x30, [sp]; add sp, sp, #32; ret
    {"arm64 epilogue", isa::Isa::arm64, words({0xa9407bfd, 0x910083ff, 0xd65f03c0})},
    // str x30, [sp, #-32]!; str x29, [sp, #-8]; sub x29, sp, #8; str x0, [x2]
    {"arm64 prologue, then a fault", isa::Isa::arm64, words({0xf81e0ffe, 0xf81f83fd, 0xd10023fd, 0xf9000040})},
    // ldr x5, [x1]; cmp x0, x5; b.ls; and ldrb w6, [x1]; tbz w6, #3
    {"arm64 load, compare, branch", isa::Isa::arm64,
     words({0xf9400025, 0xeb05001f, 0x54000029, 0x39400026, 0x36180026, 0xd503201f})},
    // adrp x3; add x3, x3, #16; ldr x4, [x2] (fault)
    {"arm64 address, then a fault", isa::Isa::arm64, words({0xb0000003, 0x91004063, 0xf9400044})},
    // ldxr x4, [x1]; stxr w5, x4, [x1]; once more; ldaxr w4; stlxr w7; ldxrb w4; stxrh w5; ldxrh w4; clrex; stxrh w6
    {"arm64 exclusives", isa::Isa::arm64,
     words({0xc85f7c24, 0xc8057c24, 0xc8067c24, 0x885ffc24, 0x8807fc24, 0x085f7c24, 0x48057c24, 0x485f7c24, 0xd5033f5f,
            0x48067c24, 0xd503201f})},
    // ldxr x4, [x1]; stxr w5, x4, [x2] (fault); and add x8, x1, #1; ldxr x4, [x8] (fault)
    {"arm64 exclusive, then a fault", isa::Isa::arm64, words({0xc85f7c24, 0xc8057c44})},
    {"arm64 exclusive, misaligned", isa::Isa::arm64, words({0x91000428, 0xc85f7d04})},
    // fadd, fsub, fmul, fdiv d3…; fcmp d0, d1; fcmp d0, #0; b.mi; fadd with a NaN; fcmp with it
    {"arm64 doubles", isa::Isa::arm64,
     words({0x1e612803, 0x1e613804, 0x1e610805, 0x1e611806, 0x1e612000, 0x1e602008, 0x54000024, 0x1e622807, 0x1e622000,
            0xd503201f})},
};

struct Bed {
  emu::Memory memory;
  isa::CpuState cpu;
  emu::Engine engine;

  Bed(const Program& p, unsigned block, std::string_view which = "interp", const isa::CpuModel* model = nullptr)
      : engine(p.isa, model ? *model : isa::default_cpu_model(p.isa), block) {
    engine.use_host_code(which);
    memory.map(kCode, 4096, kRead | kWrite | kExec);
    // Behind the program: jumps to the next instruction, so that its block ends there and fits small budgets.
    const uint32_t jump = p.isa == isa::Isa::x86_64 ? 0x00eb00eb : 0x14000001;
    for (uint64_t i = 0; i < 1024; ++i) memory.poke(kCode + 4 * i, &jump, 4);
    if (p.code.size() % 2 != 0 && p.isa == isa::Isa::x86_64) {
      const uint8_t nop = 0x90;
      memory.poke(kCode + p.code.size(), &nop, 1);
    }
    memory.poke(kCode, p.code.data(), p.code.size());
    memory.map(kData, 4096, kRead | kWrite);
    for (uint64_t i = 0; i < 64; ++i) memory.write_value(kData + 8 * i, kData + 16 * i + 7 * (i & 1));
    memory.map(kStack, 4096, kRead | kWrite);
    for (uint64_t i = 0; i < 64; ++i) memory.write_value(kStack + 8 * i, kData + i);
    for (unsigned r = 0; r < 31; ++r) cpu.r[r] = 0x9e3779b97f4a7c15 * (r + 1);
    const bool x86 = p.isa == isa::Isa::x86_64;
    cpu.r[x86 ? isa::kRsi : 1] = kData;
    cpu.r[x86 ? isa::kRdi : 2] = kHole;
    cpu.r[x86 ? isa::kRsp : isa::kSp] = kStack + 64;
    if (x86) cpu.r[isa::kRax] = 3;
    cpu.v[0].set<double>(0, 1.5), cpu.v[1].set<double>(0, -0.1), cpu.v[2].set<uint64_t>(0, 0x7ff8000000000123);
    cpu.set_flags(isa::flag::CF | isa::flag::SF);
    cpu.pc = kCode;
    // Translations at hand, so that the fused forms are taken.
    uint64_t x;
    memory.read_value(kData, x), memory.write_value(kData, x), memory.read_value(kStack, x),
        memory.write_value(kStack, x);
  }
};

std::string describe(const Bed& b, const emu::RunExit& e) {
  std::string out = fmt::format("{} after {} fault {} at {:x} pc {:x} flags {:x}", static_cast<int>(e.kind), e.executed,
                                static_cast<int>(e.outcome.fault),
                                e.kind == emu::RunExit::Fault ? e.outcome.address : 0, b.cpu.pc, b.cpu.flags());
  for (unsigned r = 0; r < 36; ++r)
    if (r != isa::kSink) out += fmt::format(" r{}={:x}", r, b.cpu.r[r]);
  for (unsigned v = 0; v < 32; ++v) out += fmt::format(" v{}={:x}:{:x}", v, b.cpu.v[v].lo, b.cpu.v[v].hi);
  return out +
         fmt::format(" monitor {:x}/{} memory {:x}", b.cpu.monitor.address, b.cpu.monitor.size, b.memory.digest());
}

TEST(Engine, FusedEqualsSingle) {
  for (const Program& p : kPrograms) {
    for (uint64_t budget = 1; budget <= 24; ++budget) {
      Bed one(p, 1), many(p, 64), host(p, 64, "jit");
      const std::string expected = describe(one, one.engine.run(one.cpu, one.memory, budget, 0));
      EXPECT_EQ(describe(many, many.engine.run(many.cpu, many.memory, budget, 0)), expected)
          << p.name << ", budget " << budget;
      EXPECT_EQ(describe(host, host.engine.run(host.cpu, host.memory, budget, 0)), expected)
          << p.name << ", host code, budget " << budget;
    }
  }
}

// The second and later passes find every block made and every translation at hand.
TEST(Engine, FusedEqualsSingleWhenRepeated) {
  for (const Program& p : kPrograms) {
    Bed one(p, 1), many(p, 64), host(p, 64, "jit");
    for (int pass = 0; pass < 3; ++pass) {
      one.cpu.pc = many.cpu.pc = host.cpu.pc = kCode;
      const std::string expected = describe(one, one.engine.run(one.cpu, one.memory, 30, 0));
      EXPECT_EQ(describe(many, many.engine.run(many.cpu, many.memory, 30, 0)), expected) << p.name << ", pass " << pass;
      EXPECT_EQ(describe(host, host.engine.run(host.cpu, host.memory, 30, 0)), expected)
          << p.name << ", host code, pass " << pass;
    }
  }
}

class Log final : public emu::Observer {
 public:
  void instruction(uint64_t pc) override { text += fmt::format(" {}", pc - kCode); }
  void access(uint64_t a, unsigned n, bool write) override {
    text += fmt::format(" {}{:x}/{}", write ? 'w' : 'r', a, n);
  }
  std::string text;
};

TEST(Engine, ObserversSeeTheSameInAnyBlocks) {
  for (const Program& p : kPrograms) {
    for (const bool memory : {false, true}) {
      Bed one(p, 1), many(p, 64), bare(p, 64), host(p, 64, "jit");
      Log first, second, third;
      one.engine.set_observer(&first, memory);
      many.engine.set_observer(&second, memory);
      host.engine.set_observer(&third, memory);
      const std::string expected = describe(one, one.engine.run(one.cpu, one.memory, 30, 0));
      EXPECT_EQ(describe(many, many.engine.run(many.cpu, many.memory, 30, 0)), expected) << p.name;
      EXPECT_EQ(describe(bare, bare.engine.run(bare.cpu, bare.memory, 30, 0)), expected) << p.name;
      EXPECT_EQ(second.text, first.text) << p.name;
      EXPECT_EQ(describe(host, host.engine.run(host.cpu, host.memory, 30, 0)), expected) << p.name;
      EXPECT_EQ(third.text, first.text) << p.name << ", host code";
    }
  }
}

// String instructions, from and to every place of two pages and over their ends, overlaps within one too, down and up:
// the engine moves what lies in a page at once; observed it takes element by element.
TEST(Engine, RepeatedStringsAsOneByOne) {
  std::mt19937 random(1);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  // Often within a few bytes of a page's edge.
  const auto place = [&] { return kData + (below(2) ? 4096 * below(3) + below(40) - 20 : below(8192)); };
  for (const uint8_t op : {0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf}) {
    for (const uint8_t rep : {0xf3, 0xf2, 0x90}) {
      for (const uint8_t prefix : {0x66, 0x48, 0x40}) {
        const Program p{"rep", isa::Isa::x86_64,
                        prefix == 0x66 ? std::vector<uint8_t>{0x66, rep, op} : std::vector<uint8_t>{rep, prefix, op}};
        Bed many(p, 64), one(p, 64), host(p, 64, "jit");
        Log log;
        one.engine.set_observer(&log, false);
        for (Bed* b : {&many, &one, &host}) {
          b->memory.map(kData + 4096, 4096, kRead | kWrite);
          for (uint64_t i = 0; i < 1024; ++i) b->memory.write_value(kData + 8 * i, i % 97 ? uint64_t{0} : i);
        }
        for (int i = 0; i < 150; ++i) {
          const uint64_t from = place(), to = below(2) ? place() : from + below(64) - 32,
                         count = below(4) ? below(40) : 1500, budget = 1 + below(2000);
          const bool down = below(2);
          std::string ends[3];
          for (Bed* b : {&many, &one, &host}) {
            b->cpu.pc = kCode, b->cpu.df = down;
            b->cpu.r[isa::kRsi] = from, b->cpu.r[isa::kRdi] = to, b->cpu.r[isa::kRcx] = count;
            b->cpu.r[isa::kRax] = i % 3 ? 0 : 0x9e3779b97f4a7c15 * static_cast<unsigned>(i);
            const emu::RunExit e = b->engine.run(b->cpu, b->memory, budget, 0);
            ends[b == &one ? 0 : b == &many ? 1 : 2] = describe(*b, e) + (e.again ? " again" : "");
          }
          const std::string what = fmt::format("{:x} {}, from {:x} to {:x}, {} elements, {} instructions",
                                               fmt::join(p.code, " "), down ? "down" : "up", from, to, count, budget);
          ASSERT_EQ(ends[1], ends[0]) << what;
          ASSERT_EQ(ends[2], ends[0]) << what << ", host code";
        }
      }
    }
  }
}

// mov [rip+…], rax on the page it stands on: stepped alone, yet shown once. push [rsi] and pop [rsi]: two accesses.
TEST(Engine, AStoreIntoCodeIsShownOnce) {
  const Program p{
      "store into code", isa::Isa::x86_64, {0x90, 0x48, 0x89, 0x05, 0x80, 0, 0, 0, 0x90, 0xff, 0x36, 0x8f, 0x06, 0x90}};
  for (const auto& [block, which] : {std::pair{1u, "interp"}, {64u, "interp"}, {64u, "jit"}}) {
    Bed b(p, block, which);
    Log log;
    b.engine.set_observer(&log, true);
    b.engine.run(b.cpu, b.memory, 6, 0);
    EXPECT_EQ(log.text, fmt::format(" 0 1 w{:x}/8 8 9 r{:x}/8 w{:x}/8 11 r{:x}/8 w{:x}/8 13", kCode + 0x88, kData,
                                    kStack + 56, kStack + 56, kData))
        << block;
  }
}

// What the state decides: lanes, whether the monitor holds, a line around an address; and more bytes than fit a slot's
// width.
TEST(Engine, AccessesThatTheStateDecidesAreShownAsTheyAre) {
  // vmaskmovps [rsi], xmm2, xmm0; vpgatherdd xmm0, [rsi + xmm1*4], xmm2; fxsave [rsi]
  const Program lanes{"lanes",
                      isa::Isa::x86_64,
                      {0xc4, 0xe2, 0x69, 0x2e, 0x06, 0xc4, 0xe2, 0x69, 0x90, 0x04, 0x8e, 0x0f, 0xae, 0x06, 0x90, 0x90}};
  // stxr w5, x4, [x1]; ldxr x4, [x1]; stxr w5, x4, [x1]; add x3, x1, #20; dc zva, x3
  const Program monitor{"monitor", isa::Isa::arm64,
                        words({0xc8057c24, 0xc85f7c24, 0xc8057c24, 0x91005023, 0xd50b7423})};
  for (const auto& [block, which] : {std::pair{1u, "interp"}, {64u, "interp"}, {64u, "jit"}}) {
    Bed x(lanes, block, which, isa::find_cpu_model(isa::Isa::x86_64, "v3"));
    x.cpu.v[1] = {uint64_t{5} << 32 | 2, uint64_t{1} << 32 | 7};
    x.cpu.v[2] = {0x7fffffff80000000, 0x80000000};
    Log log;
    x.engine.set_observer(&log, true);
    x.engine.run(x.cpu, x.memory, 4, 0);
    EXPECT_EQ(log.text, fmt::format(" 0 w{:x}/4 w{:x}/4 5 r{:x}/4 r{:x}/4 11 w{:x}/512 14", kData, kData + 8, kData + 8,
                                    kData + 28, kData))
        << block << which;
    Bed a(monitor, block, which);
    Log arm;
    a.engine.set_observer(&arm, true);
    a.engine.run(a.cpu, a.memory, 5, 0);
    EXPECT_EQ(arm.text, fmt::format(" 0 4 r{:x}/8 8 w{:x}/8 12 16 w{:x}/64", kData, kData, kData)) << block << which;
  }
}

// From an LDMXCSR on that leaves exceptions unmasked, what computes by SSE is left to an exact step, all else runs on;
// hooks and observers work, and a mask of all ends it.
TEST(Engine, WhatMayTrapIsLeftToAStep) {
  // ldmxcsr [rsi]; addsd xmm0, xmm1; mov rax, rbx; ldmxcsr [rsi+8]; mov rcx, rax; addsd xmm0, xmm1; nop; nop
  const Program p{"traps", isa::Isa::x86_64, {0x0f, 0xae, 0x16, 0xf2, 0x0f, 0x58, 0xc1, 0x48, 0x89, 0xd8, 0x0f, 0xae,
                                              0x56, 0x08, 0x48, 0x89, 0xc1, 0xf2, 0x0f, 0x58, 0xc1, 0x90, 0x90}};
  for (const auto& [block, which] : {std::pair{1u, "interp"}, {64u, "interp"}, {64u, "jit"}}) {
    Bed b(p, block, which);
    b.memory.write_value(kData, uint64_t{0x1d80}), b.memory.write_value(kData + 8, uint64_t{0x1f80});
    Log log;
    b.engine.set_observer(&log, true);
    b.engine.set_hooks({kCode + 7});
    const emu::RunExit trap = b.engine.run(b.cpu, b.memory, 8, 0);
    EXPECT_EQ(trap.kind, emu::RunExit::Watch) << block << which;
    EXPECT_EQ(trap.executed, 1u);
    EXPECT_EQ(b.cpu.pc, kCode + 3);
    b.cpu.pc = kCode + 7;  // as if stepped
    EXPECT_EQ(b.engine.run(b.cpu, b.memory, 6, 0).kind, emu::RunExit::Hook);
    const emu::RunExit rest = b.engine.run(b.cpu, b.memory, 5, 0, true);
    EXPECT_EQ(rest.kind, emu::RunExit::Budget);
    EXPECT_EQ(rest.executed, 5u);
    EXPECT_EQ(b.cpu.pc, kCode + 22);
    EXPECT_EQ(b.cpu.v[0].lane<double>(0), 1.4);
    EXPECT_EQ(log.text, fmt::format(" 0 r{:x}/4 3 7 10 r{:x}/4 14 17 21", kData, kData + 8)) << block << which;
  }
}

// Two blocks that call each other over and over, on pages of their own; a third page where nothing is.
struct PingPong : Bed {
  static constexpr uint64_t kThere = kCode + 0x10000;
  explicit PingPong(std::string_view which)
      : Bed({"jump there", isa::Isa::x86_64, {0x90, 0xe9, 0xfa, 0xff, 0x00, 0x00}}, 64, which) {
    memory.map(kThere, 4096, kRead | kWrite | kExec);
    const uint8_t back[] = {0x90, 0x90, 0xe9, 0xf9, 0xff, 0xfe, 0xff};  // nop; nop; jmp kCode
    memory.poke(kThere, back, sizeof back);
    run();
  }
  // Blocks made meanwhile.
  uint64_t run() {
    const uint64_t before = engine.blocks_made();
    cpu.pc = kCode;
    EXPECT_EQ(engine.run(cpu, memory, 50, 0, true).executed, 50u);
    return engine.blocks_made() - before;
  }
};

// What is set or cleared, written or mapped drops the blocks that cover it, and the links to them; nothing else.
class EngineDrops : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Both, EngineDrops, testing::Values("interp", "jit"));

TEST_P(EngineDrops, AHookDropsTheBlocksThatItStandsIn) {
  PingPong b(GetParam());
  EXPECT_EQ(b.run(), 0u);
  b.engine.set_hooks({kCode + 0x100});
  EXPECT_EQ(b.run(), 0u) << "no block was there";
  b.engine.set_hooks({kCode + 0x100, PingPong::kThere + 1});
  b.cpu.pc = kCode;
  const emu::RunExit stop = b.engine.run(b.cpu, b.memory, 50, 0);
  EXPECT_EQ(stop.kind, emu::RunExit::Hook) << "by way of the link that was there";
  EXPECT_EQ(b.cpu.pc, PingPong::kThere + 1);
  EXPECT_EQ(stop.executed, 3u);
  b.engine.set_hooks({});
  EXPECT_LE(b.run(), 2u);
  EXPECT_EQ(b.run(), 0u);
}

TEST_P(EngineDrops, MarksDropTheBlocksThatTheyStandIn) {
  struct Told final : emu::MarkListener {
    void marked(uint64_t, uint64_t, uint64_t tag) override { sum += tag; }
    uint64_t sum = 0;
  } told;
  PingPong b(GetParam());
  b.engine.set_marks(&told, {{PingPong::kThere, 1}, {kCode + 0x200, 100}});
  EXPECT_EQ(b.run(), 1u);
  EXPECT_EQ(told.sum, 10u);
  b.engine.set_marks(&told, {{PingPong::kThere, 3}, {kCode + 0x300, 100}});
  EXPECT_EQ(b.run(), 1u) << "another tag";
  EXPECT_EQ(told.sum, 40u);
  b.engine.set_marks(nullptr, {});
  EXPECT_EQ(b.run(), 1u);
}

TEST_P(EngineDrops, AStoreDropsTheBlocksOfItsPage) {
  PingPong b(GetParam());
  const uint8_t wider[] = {0x66, 0x90, 0xe9, 0xf9, 0xff, 0xfe, 0xff};  // one nop of two bytes
  ASSERT_TRUE(b.memory.write(PingPong::kThere, wider, sizeof wider));
  EXPECT_EQ(b.run(), 1u);
  b.memory.protect(kCode, 4096, kRead | kExec);
  EXPECT_EQ(b.run(), 1u);
}

// An address where nothing could be fetched is forgotten when something is mapped there, also under an instruction's
// second half.
TEST_P(EngineDrops, CodeThatIsMappedLaterIsFound) {
  for (const uint64_t at : {uint64_t{0}, uint64_t{1}, uint64_t{3}}) {  // bytes before the page that is missing
    Bed b(kPrograms[0], 64, GetParam());
    const uint64_t page = kCode + 0x10000, start = page - at;
    const uint8_t code[] = {0x48, 0x8d, 0x40, 0x01, 0xf4};  // lea rax, [rax + 1]; hlt
    if (at) {
      b.memory.map(page - 4096, 4096, kRead | kExec);
      b.memory.poke(start, code, at);
    }
    b.cpu.pc = start;
    const emu::RunExit first = b.engine.run(b.cpu, b.memory, 5, 0);
    EXPECT_EQ(first.kind, emu::RunExit::Fault);
    EXPECT_EQ(first.outcome.address, page);
    b.memory.map(page, 4096, kRead | kExec);
    b.memory.poke(page, code + at, sizeof code - at);
    b.cpu.pc = start;
    EXPECT_EQ(b.engine.run(b.cpu, b.memory, 5, 0).outcome.fault, isa::Fault::Privileged) << at;
    EXPECT_EQ(b.cpu.r[isa::kRax], 4u) << at;
  }
}

// Code without end: each round writes other instructions over the same page and runs them, more than the code area
// holds.
TEST(Engine, HostCodeMayBeMadeForEver) {
  Bed b({"mov eax, imm; jmp back", isa::Isa::x86_64, {0xb8, 0, 0, 0, 0, 0xeb, 0xf9}}, 64, "jit");
  if (!b.engine.use_host_code("jit")) GTEST_SKIP() << "no host code on this host";
  constexpr uint32_t kRounds = 30000;
  for (uint32_t i = 0; i < kRounds; ++i) {
    b.memory.write(kCode + 1, &i, 4);
    b.cpu.pc = kCode;
    b.engine.run(b.cpu, b.memory, 8, 0);
    ASSERT_EQ(b.cpu.r[isa::kRax], i);
  }
  EXPECT_EQ(b.engine.host_blocks_made(), kRounds);
}

// More code in one run than the area holds, a block for each jump: what finds no room stays interpreted.
TEST(Engine, HostCodeFindsNoRoom) {
  Bed b({"hlt", isa::Isa::x86_64, {0xf4}}, 64, "jit");
  constexpr uint64_t kSled = 0x10000000, kBytes = (2 << 20) + (64 << 10);  // more ways out, too
  b.memory.map(kSled, kBytes, kRead | kExec);
  std::vector<uint8_t> jumps(kBytes);
  for (size_t i = 0; i < kBytes; i += 2) jumps[i] = 0xeb;  // jmp to the next
  b.memory.poke(kSled, jumps.data(), jumps.size());
  b.cpu.pc = kSled;
  const emu::RunExit e = b.engine.run(b.cpu, b.memory, kBytes, 0);
  EXPECT_EQ(e.kind, emu::RunExit::Fault);
  EXPECT_EQ(e.outcome.address, kSled + kBytes);
  EXPECT_EQ(e.executed, kBytes / 2 + 1);
}

// A run that checks itself says where engine and evaluator part: here somebody changes what the engine made.
TEST(SelfCheck, SaysWhatDiffers) {
  const isa::CpuModel& model = isa::default_cpu_model(isa::Isa::x86_64);
  const uint8_t code[] = {0x48, 0xff, 0xc0, 0x48, 0x89, 0x06, 0x48, 0xff, 0xc3};  // inc rax; mov [rsi], rax; inc rbx
  const auto run = [&](const std::function<void(emu::MachineState&)>& change) -> std::string {
    emu::MachineState s;
    s.isa = isa::Isa::x86_64;
    s.memory.map(kCode, emu::kPage, kRead | kExec);
    s.memory.map(kData, emu::kPage, kRead | kWrite);
    s.memory.poke(kCode, code, sizeof code);
    s.threads.emplace_back().cpu.pc = kCode;
    s.cpu().r[isa::kRsi] = kData;
    emu::SelfCheck check(model);
    emu::Witness& witness = check;
    emu::Engine engine(s.isa, model);
    s.memory.set_witness(&witness);
    witness.resumes(s);
    s.position += engine.run(s.cpu(), s.memory, 3, 0).executed;
    change(s);
    try {
      witness.pauses(s, false);
    } catch (const emu::Error& e) {
      return e.what();
    }
    return "";
  };
  const auto says = [&](const std::function<void(emu::MachineState&)>& change, const char* what) {
    const std::string line = run(change);
    EXPECT_NE(line.find(what), std::string::npos) << line;
  };
  EXPECT_EQ(run([](emu::MachineState&) {}), "");
  says([](emu::MachineState& s) { s.cpu().r[isa::kRbx] = 7; }, "differ in integer register 3: 0x7 and 0x1");
  says([](emu::MachineState& s) { s.cpu().set_flags(isa::flag::CF); }, "differ in flags");
  says([](emu::MachineState& s) { s.memory.write_value(kData + 3, uint8_t{9}); }, "the byte at 0x600003: 0x9 and 0x0");
}

}  // namespace
