// gettimeofday, time and getcpu at their fixed addresses. Like the kernel's emulation they return by popping the
// caller's address.
#include "emu/linux/vsyscall.h"

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {
namespace {

Result vsyscall_result(State& s, MachineState& m) {
  isa::CpuState& cpu = m.cpu();
  const uint64_t first = cpu.r[isa::kRdi], second = cpu.r[isa::kRsi];
  const uint64_t now = posix::now(s, m, {Clock::Wall});
  switch (cpu.pc - kVsyscallPage) {
    case 0: {
      const TimeVal tv{static_cast<int64_t>(now / kSecond), static_cast<int64_t>(now % kSecond / 1000)};
      if (first != 0 && !m.memory.write_value(first, tv)) return Error::FAULT;
      if (second != 0 && !m.memory.write_value(second, uint64_t{0})) return Error::FAULT;
      return 0;
    }
    case 0x400: {
      const auto seconds = static_cast<int64_t>(now / kSecond);
      if (first != 0 && !m.memory.write_value(first, seconds)) return Error::FAULT;
      return seconds;
    }
    default: {
      const auto cpu_number = static_cast<uint32_t>(m.current % std::max(1u, s.options->cpus));
      if (first != 0 && !m.memory.write_value(first, cpu_number)) return Error::FAULT;
      if (second != 0 && !m.memory.write_value(second, uint32_t{0})) return Error::FAULT;
      return 0;
    }
  }
}

}  // namespace

void run_vsyscall(State& s, MachineState& m) {
  isa::CpuState& cpu = m.cpu();
  uint64_t back = 0;
  const Result result = vsyscall_result(s, m);
  if (result == Error::FAULT || !m.memory.read_value(cpu.r[isa::kRsp], back)) {
    ThreadExtra& t = s.extras.at(m.thread().tid);
    t.trapno = 14;
    t.error_code = 6;
    t.fault_address = m.memory.fault_address;
    force_signal(s, m, m.current, Signal{sig::SEGV, sig::kSegvMaperr, {m.memory.fault_address, 0}});
    return;
  }
  cpu.r[isa::kRax] = static_cast<uint64_t>(result.value());
  cpu.r[isa::kRsp] += 8;
  cpu.pc = back;
}

}  // namespace deferscope::emu::linux_
