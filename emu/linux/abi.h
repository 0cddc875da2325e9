// Numbers of Linux' user interface that both instruction sets share, and the few that differ. Source: include/uapi of
// Linux 6.1. The host's own headers are never used for the guest's numbers: the host need not be Linux, nor of the
// guest's instruction set.
#pragma once
#include <cstdint>

#include "emu/posix/state.h"

namespace deferscope::emu::linux_ {

namespace err {
inline constexpr int PERM = 1, NOENT = 2, SRCH = 3, INTR = 4, IO = 5, NXIO = 6, BADF = 9, CHILD = 10, AGAIN = 11,
                     NOMEM = 12, ACCES = 13, FAULT = 14, BUSY = 16, EXIST = 17, XDEV = 18, NODEV = 19, NOTDIR = 20,
                     ISDIR = 21, INVAL = 22, NFILE = 23, MFILE = 24, NOTTY = 25, TXTBSY = 26, FBIG = 27, NOSPC = 28,
                     SPIPE = 29, ROFS = 30, MLINK = 31, PIPE = 32, RANGE = 34, DEADLK = 35, NAMETOOLONG = 36,
                     NOSYS = 38, NOTEMPTY = 39, LOOP = 40, NODATA = 61, OVERFLOW = 75, NOTSOCK = 88, DESTADDRREQ = 89,
                     MSGSIZE = 90, PROTOTYPE = 91, NOPROTOOPT = 92, PROTONOSUPPORT = 93, SOCKTNOSUPPORT = 94,
                     OPNOTSUPP = 95, AFNOSUPPORT = 97, ADDRINUSE = 98, ADDRNOTAVAIL = 99, NETUNREACH = 101,
                     CONNRESET = 104, NOBUFS = 105, ISCONN = 106, NOTCONN = 107, TIMEDOUT = 110, CONNREFUSED = 111,
                     INPROGRESS = 115, DQUOT = 122, NOTSUP = OPNOTSUPP;
}  // namespace err

int linux_errno(posix::Error error);

namespace sig {
inline constexpr int HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10,
                     SEGV = 11, USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, STKFLT = 16, CHLD = 17, CONT = 18,
                     STOP = 19, TSTP = 20, TTIN = 21, TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26, PROF = 27,
                     WINCH = 28, POLL = 29, PWR = 30, SYS = 31;
inline constexpr int kMax = 64, kRealTime = 32;  // signals ≥ 32 queue
inline constexpr uint64_t kSaSiginfo = 4, kSaRestorer = 0x04000000, kSaOnstack = 0x08000000, kSaRestart = 0x10000000,
                          kSaNodefer = 0x40000000, kSaResethand = 0x80000000;
inline constexpr uint32_t kSsOnstack = 1, kSsDisable = 2, kSsAutodisarm = 1u << 31;
// si_code
inline constexpr int kSiUser = 0, kSiKernel = 0x80, kSiQueue = -1, kSiTimer = -2, kSiTkill = -6;
inline constexpr int kSegvMaperr = 1, kSegvAccerr = 2, kIllIllopc = 1, kIllIllopn = 2, kFpeIntdiv = 1, kFpeFltdiv = 3,
                     kFpeFltovf = 4, kFpeFltund = 5, kFpeFltres = 6, kFpeFltinv = 7, kTrapBrkpt = 1, kBusAdraln = 1,
                     kBusAdrerr = 2;
inline constexpr uint64_t bit(int s) { return uint64_t{1} << (s - 1); }
}  // namespace sig

namespace open_flag {
inline constexpr uint32_t ACCMODE = 3, RDONLY = 0, WRONLY = 1, RDWR = 2, CREAT = 0x40, EXCL = 0x80, TRUNC = 0x200,
                          APPEND = 0x400, NONBLOCK = 0x800, CLOEXEC = 0x80000, PATH = 0x200000, TMPFILE = 0x400000;
// Differ: {amd64, arm64}.
inline constexpr uint32_t DIRECTORY[2] = {0x10000, 0x4000}, NOFOLLOW[2] = {0x20000, 0x8000},
                          LARGEFILE[2] = {0x8000, 0x20000};
}  // namespace open_flag

namespace at {
inline constexpr int FDCWD = -100;
inline constexpr uint64_t SYMLINK_NOFOLLOW = 0x100, REMOVEDIR = 0x200, EMPTY_PATH = 0x1000;
}  // namespace at

namespace poll_bit {
inline constexpr uint32_t IN = 1, PRI = 2, OUT = 4, ERR = 8, HUP = 0x10, NVAL = 0x20, RDNORM = 0x40, WRNORM = 0x100,
                          RDHUP = 0x2000;
inline constexpr uint32_t ONESHOT = 1u << 30, ET = 1u << 31;
}  // namespace poll_bit

namespace rlimit {
inline constexpr int Stack = 3, Core = 4, NoFile = 7, MemLock = 8, SigPending = 11;
}  // namespace rlimit

namespace clock_id {
inline constexpr int REALTIME = 0, MONOTONIC = 1, PROCESS_CPU = 2, THREAD_CPU = 3, MONOTONIC_RAW = 4,
                     REALTIME_COARSE = 5, MONOTONIC_COARSE = 6, BOOTTIME = 7, TAI = 11;
}  // namespace clock_id

// Everything in the guest's memory is little-endian and naturally aligned.
using posix::TimeSpec;
static_assert(sizeof(TimeSpec) == 16);
struct TimeVal {
  int64_t sec = 0, usec = 0;
};

}  // namespace deferscope::emu::linux_
