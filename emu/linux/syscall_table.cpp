#include "emu/linux/syscall_table.h"

#include <array>
#include <unordered_map>

namespace deferscope::emu::linux_ {

#define DEFERSCOPE_SYSCALL(name, amd64, arm64, function) Result sys_##function(Call& c);
#define DEFERSCOPE_ANSWER(name, amd64, arm64, answer)
#include "emu/linux/syscalls.def"
#undef DEFERSCOPE_SYSCALL
#undef DEFERSCOPE_ANSWER

namespace {

// Calls that answer the same whatever they are asked.
template <Error error>
Result fails(Call&) {
  return error;
}
template <int Value>
Result gives(Call&) {
  return Value;
}

constexpr auto kNoSys = fails<Error::NOSYS>;  // as an older kernel; callers fall back
constexpr auto kDenied = fails<Error::PERM>;  // outside the sandbox
constexpr auto kOk = gives<0>;

constexpr SyscallRow kSyscallRows[] = {
#define DEFERSCOPE_SYSCALL(name, amd64, arm64, function) {name, amd64, arm64, sys_##function},
#define DEFERSCOPE_ANSWER(name, amd64, arm64, answer) {name, amd64, arm64, answer},
#include "emu/linux/syscalls.def"
#undef DEFERSCOPE_SYSCALL
#undef DEFERSCOPE_ANSWER
};

constexpr unsigned kNumbers = 512;
using Index = std::array<int16_t, kNumbers>;

Index make_index(int column) {
  Index index;
  index.fill(-1);
  int16_t i = 0;
  for (const SyscallRow& row : kSyscallRows) {
    const int nr = column == 0 ? row.amd64 : row.arm64;
    if (nr >= 0) index[static_cast<size_t>(nr)] = i;
    ++i;
  }
  return index;
}

}  // namespace

const SyscallRow& syscall_row(unsigned row) { return kSyscallRows[row]; }

std::span<const SyscallRow> syscall_rows() { return kSyscallRows; }

int find_syscall(int column, uint64_t number) {
  static const Index index[2] = {make_index(0), make_index(1)};
  return number < kNumbers ? index[column][number] : -1;
}

}  // namespace deferscope::emu::linux_
