// See darwin_harness.h.
#include "darwin_harness.h"

#include <cstring>

#include "emu/darwin/import_table.h"
#include "tests/unit/loader_macho_builder.h"

namespace deferscope::emu::darwin {
namespace {

using namespace test;

constexpr uint64_t kWords = kData;  // the imports' words, one behind the other
constexpr uint32_t kDataFile = 0x1000, kOpcodes = 0x3000;

// All names of the table, one that is not modelled, and a weak one; bound by opcodes in this order.
std::vector<std::string> names_of(bool amd64) {
  std::vector<std::string> out;
  for (const ImportRow& row : import_rows())
    if (row.isa[0] == '\0' || std::string(row.isa) == (amd64 ? "amd64" : "arm64"))
      out.push_back(std::string("_") + row.name);
  out.push_back("_unheard_of");
  out.push_back("_perhaps");
  return out;
}

loader::Image tiny_image(bool amd64, bool initialisers) {
  const std::vector<std::string> names = names_of(amd64);
  ByteVector ops{0x11, 0x51, 0x72, 0x00};  // the first library, pointers, segment 2 from its start
  for (const std::string& name : names) {
    ops.push_back(name == "_perhaps" ? 0x41 : 0x40);
    ops.insert(ops.end(), name.begin(), name.end());
    ops.insert(ops.end(), {0, 0x90});
  }
  MachOBuilder b;
  b.header.cputype = amd64 ? mach::kCpuX86_64 : mach::kCpuArm64;
  if (!amd64) b.header.cpusubtype = 0;
  b.contents.resize(kOpcodes + ops.size());
  std::copy(ops.begin(), ops.end(), b.contents.begin() + kOpcodes);
  b.segment("__PAGEZERO", 0, kText, 0, 0, 0);
  b.segment("__TEXT", kText, 0x4000, 0, 0x1000, 5,
            {section("__text", "__TEXT", kText + 0x800, 0x800, 0x800, 0x80000400)});
  const uint64_t variable = 0x1122334455667788, functions[2] = {Process::kReturn + 16, Process::kReturn + 32};
  std::memcpy(b.contents.data() + kDataFile + 0x1fc0, &variable, 8);
  std::memcpy(b.contents.data() + kDataFile + 0x1fe0, functions, sizeof functions);
  std::vector<mach::SectionHeader> sections = {
      section("__thread_data", "__DATA", Process::kVariables, 8, kDataFile + 0x1fc0, 0x11),
      section("__thread_bss", "__DATA", Process::kVariables + 8, 16, 0, 0x12)};
  if (initialisers) sections.push_back(section("__mod_init_func", "__DATA", kData + 0x1fe0, 16, kDataFile + 0x1fe0, 9));
  b.segment("__DATA", kData, 0x4000, kDataFile, 0x2000, 3, sections);
  b.segment("__LINKEDIT", 0x100008000, 0x8000, kOpcodes, ops.size(), 1);
  b.library("/usr/lib/libSystem.B.dylib");
  mach::DyldInfoCommand d{};
  d.bind_off = kOpcodes, d.bind_size = static_cast<uint32_t>(ops.size());
  b.command(0x80000022, d);
  b.main(0x800);
  return loader::Image::parse(b.build(), "tiny");
}

}  // namespace

Process::Process(bool amd64, GuestOptions options, bool initialisers) {
  if (options.argv.empty()) options.argv = {"tiny"};
  if (options.exe_path.empty()) options.exe_path = "/nowhere/tiny";
  if (!options.cpu) options.cpu = &isa::default_cpu_model(amd64 ? isa::Isa::x86_64 : isa::Isa::arm64);
  m.isa = amd64 ? isa::Isa::x86_64 : isa::Isa::arm64;
  m.os = make_darwin();
  host.door = std::make_unique<HostFiles>(options);
  m.os->boot(m, host, tiny_image(amd64, initialisers), options);
  m.memory.map(kBuffer, 1 << 20, kRead | kWrite);
  uint64_t word = kWords;
  for (const std::string& name : names_of(amd64)) imports[name] = get<uint64_t>(word), word += 8;
}

int64_t Process::call(const char* name, std::initializer_list<uint64_t> args, std::initializer_list<uint64_t> stack) {
  static constexpr isa::Reg kArgs[2][6] = {{isa::kRdi, isa::kRsi, isa::kRdx, isa::kRcx, 8, 9}, {0, 1, 2, 3, 4, 5}};
  const auto it = imports.find(std::string("_") + name);
  if (it == imports.end()) throw emu::Error(std::string("test: no import ") + name);
  isa::CpuState& cpu = m.cpu();
  const size_t caller = m.current;
  size_t i = 0;
  for (uint64_t a : args) cpu.r[kArgs[amd64() ? 0 : 1][i++]] = a;
  uint64_t& sp = cpu.r[amd64() ? isa::kRsp : isa::kSp];
  uint64_t at = sp - 128;
  for (uint64_t a : stack) put(at, a), at += 8;
  const uint64_t before = sp;
  sp -= 128;
  if (amd64())
    put(sp -= 8, kReturn);
  else
    cpu.r[isa::kX30] = kReturn;
  cpu.pc = it->second;
  ++m.position;
  m.os->host_call(m, host);
  if (m.threads[caller].status == ThreadStatus::Runnable && m.threads[caller].cpu.pc == kReturn)
    m.threads[caller].cpu.r[amd64() ? isa::kRsp : isa::kSp] = before;
  return result(caller);
}

int64_t Process::result(size_t thread) const {
  return static_cast<int64_t>(m.threads[thread].cpu.r[amd64() ? isa::kRax : 0]);
}

int Process::error(size_t thread) {
  const uint64_t slots = m.threads[thread].cpu.r[isa::kGsBase];
  return get<int32_t>(get<uint64_t>(slots + 8));
}

size_t Process::add_thread() {
  const size_t before = m.threads.size();
  if (call("pthread_create", {kBuffer + 0xff000, 0, kReturn, 7}) != 0) throw emu::Error("test: no thread");
  return before;
}

uint64_t Process::put_string(uint64_t offset, const std::string& text) {
  m.memory.write(kBuffer + offset, text.c_str(), text.size() + 1);
  return kBuffer + offset;
}

void Process::sleep_until(uint64_t ns) {
  if (ns > m.now_ns()) m.clock_skew += ns - m.now_ns();
  m.os->wake_due(m, host);
}

}  // namespace deferscope::emu::darwin
