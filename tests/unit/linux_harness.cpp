// See linux_harness.h.
#include "linux_harness.h"

#include <cstring>

#include "emu/linux/syscall_table.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kBase = 0x400000;

// An ELF file of one page: header, one program header, nothing to execute.
loader::Image tiny_image(bool amd64) {
  std::vector<uint8_t> f(0x1000);
  const auto put = [&](size_t at, auto value) { std::memcpy(f.data() + at, &value, sizeof value); };
  std::memcpy(f.data(), "\177ELF\2\1\1", 7);
  put(16, uint16_t{2});                 // ET_EXEC
  put(18, uint16_t(amd64 ? 62 : 183));  // EM_X86_64, EM_AARCH64
  put(20, uint32_t{1});
  put(24, uint64_t{kBase + 0x800});  // entry
  put(32, uint64_t{64});             // phoff
  put(52, uint16_t{64});
  put(54, uint16_t{56});
  put(56, uint16_t{1});
  put(64, uint32_t{1});  // PT_LOAD
  put(68, uint32_t{5});  // R X
  put(72, uint64_t{0});
  put(80, kBase);
  put(88, kBase);
  put(96, uint64_t{0x1000});
  put(104, uint64_t{0x1000});
  put(112, uint64_t{0x1000});
  return loader::Image::parse(std::move(f), "tiny");
}

}  // namespace

const JournalEntry& FakeHost::input(MachineState& m, const char* what, const std::function<JournalEntry()>& real) {
  if (m.journal_cursor == journal_.size()) {
    ++asked;
    journal_.push_back(real());
    journal_.back().what = what;
  }
  return journal_[m.journal_cursor++];
}

void FakeHost::output(MachineState& m, const std::function<void()>& effect) {
  effect();
  ++m.outputs;
}

void FakeHost::write_stream(MachineState& m, int fd, const uint8_t* bytes, size_t n) {
  streams[fd].append(reinterpret_cast<const char*>(bytes), n);
  ++m.outputs;
}

Process::Process(bool amd64, GuestOptions options) {
  if (options.argv.empty()) options.argv = {"tiny"};
  if (options.exe_path.empty()) options.exe_path = "/nowhere/tiny";
  m.isa = amd64 ? isa::Isa::x86_64 : isa::Isa::arm64;
  m.os = make_linux();
  host.door = std::make_unique<HostFiles>(options);
  m.os->boot(m, host, tiny_image(amd64), options);
  m.memory.map(kBuffer, 1 << 20, kRead | kWrite);
}

int64_t Process::call(const char* name, std::initializer_list<uint64_t> args) {
  static constexpr isa::Reg kArgs[2][6] = {{isa::kRdi, isa::kRsi, isa::kRdx, 10, 8, 9}, {0, 1, 2, 3, 4, 5}};
  int number = -1;
  for (const SyscallRow& row : syscall_rows())
    if (std::strcmp(row.name, name) == 0) number = amd64() ? row.amd64 : row.arm64;
  if (number < 0) throw emu::Error(std::string("test: no system call ") + name);
  isa::CpuState& cpu = m.cpu();
  const size_t caller = m.current;
  size_t i = 0;
  for (uint64_t a : args) cpu.r[kArgs[amd64() ? 0 : 1][i++]] = a;
  cpu.r[amd64() ? isa::kRax : 8] = static_cast<uint64_t>(number);
  cpu.pc += amd64() ? 2 : 4;
  ++m.position;
  m.os->system_call(m, host);
  return result(caller);
}

int64_t Process::result(size_t thread) const {
  return static_cast<int64_t>(m.threads[thread].cpu.r[amd64() ? isa::kRax : 0]);
}

size_t Process::add_thread() {
  constexpr uint64_t kThread = 0x50f00;
  call("clone", {kThread, kBuffer + (1 << 20) - 64 * 1024 * m.threads.size(), 0, 0, 0});
  return m.threads.size() - 1;
}

uint64_t Process::put_string(uint64_t offset, const std::string& text) {
  m.memory.write(kBuffer + offset, text.c_str(), text.size() + 1);
  return kBuffer + offset;
}

void Process::sleep_until(uint64_t ns) {
  if (ns > m.now_ns()) m.clock_skew += ns - m.now_ns();
  m.os->wake_due(m, host);
}

void Process::deliver(size_t thread) {
  m.current = thread;
  m.os->deliver_signals(m, host);
}

}  // namespace deferscope::emu::linux_
