// Numbers and structs of Darwin's user interface, the same for both instruction sets but where it is said. Source: what
// Go's own packages say of them (syscall/zerrors_darwin_*.go, ztypes_darwin_*.go, runtime/defs_darwin_*.go), which
// tests/darwin_abi.py holds against these for every release; what Go does not have is from XNU's public
// headers (bsd/sys/*.h, libsyscall, libpthread).
#pragma once
#include <cstddef>
#include <cstdint>

#include "emu/posix/state.h"

namespace deferscope::emu::darwin {

// bsd/sys/errno.h
namespace err {
inline constexpr int PERM = 1, NOENT = 2, SRCH = 3, INTR = 4, IO = 5, NXIO = 6, BADF = 9, CHILD = 10, DEADLK = 11,
                     NOMEM = 12, ACCES = 13, FAULT = 14, BUSY = 16, EXIST = 17, XDEV = 18, NODEV = 19, NOTDIR = 20,
                     ISDIR = 21, INVAL = 22, NFILE = 23, MFILE = 24, NOTTY = 25, TXTBSY = 26, FBIG = 27, NOSPC = 28,
                     SPIPE = 29, ROFS = 30, MLINK = 31, PIPE = 32, RANGE = 34, AGAIN = 35, INPROGRESS = 36,
                     NOTSOCK = 38, DESTADDRREQ = 39, MSGSIZE = 40, PROTOTYPE = 41, NOPROTOOPT = 42, PROTONOSUPPORT = 43,
                     SOCKTNOSUPPORT = 44, NOTSUP = 45, AFNOSUPPORT = 47, ADDRINUSE = 48, ADDRNOTAVAIL = 49,
                     NETUNREACH = 51, CONNRESET = 54, NOBUFS = 55, ISCONN = 56, NOTCONN = 57, TIMEDOUT = 60,
                     CONNREFUSED = 61, LOOP = 62, NAMETOOLONG = 63, NOTEMPTY = 66, DQUOT = 69, NOSYS = 78,
                     OVERFLOW = 84, NODATA = 96, OPNOTSUPP = 102;
}  // namespace err

int darwin_errno(posix::Error error);

// bsd/sys/signal.h
namespace sig {
inline constexpr int HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, EMT = 7, FPE = 8, KILL = 9, BUS = 10,
                     SEGV = 11, SYS = 12, PIPE = 13, ALRM = 14, TERM = 15, URG = 16, STOP = 17, TSTP = 18, CONT = 19,
                     CHLD = 20, TTIN = 21, TTOU = 22, IO = 23, XCPU = 24, XFSZ = 25, VTALRM = 26, PROF = 27, WINCH = 28,
                     INFO = 29, USR1 = 30, USR2 = 31;
inline constexpr int kMax = 31;
inline constexpr uint64_t bit(int s) { return uint64_t{1} << (s - 1); }
}  // namespace sig

// bsd/sys/fcntl.h
namespace open_flag {
inline constexpr uint32_t ACCMODE = 3, NONBLOCK = 4, APPEND = 8, NOFOLLOW = 0x100, CREAT = 0x200, TRUNC = 0x400,
                          EXCL = 0x800, EVTONLY = 0x8000, DIRECTORY = 0x100000, SYMLINK = 0x200000, CLOEXEC = 0x1000000;
}  // namespace open_flag

namespace at {
inline constexpr int FDCWD = -2;
inline constexpr uint32_t EACCESS = 0x10, SYMLINK_NOFOLLOW = 0x20, SYMLINK_FOLLOW = 0x40, REMOVEDIR = 0x80;
}  // namespace at

// bsd/sys/mman.h
namespace map_flag {
inline constexpr uint32_t SHARED = 1, PRIVATE = 2, FIXED = 0x10, NORESERVE = 0x40, JIT = 0x800, ANON = 0x1000;
}  // namespace map_flag

// bsd/sys/event.h
namespace ev {
inline constexpr uint16_t ADD = 1, DELETE = 2, ENABLE = 4, DISABLE = 8, ONESHOT = 0x10, CLEAR = 0x20, RECEIPT = 0x40,
                          DISPATCH = 0x80, ERROR = 0x4000, END = 0x8000;
}  // namespace ev
namespace evfilt {
inline constexpr int READ = -1, WRITE = -2, VNODE = -4, PROC = -5, SIGNAL = -6, TIMER = -7, USER = -10;
}  // namespace evfilt
namespace note {
inline constexpr uint32_t TRIGGER = 0x1000000, FFLAGSMASK = 0xffffff, FFCTRLMASK = 0xc0000000, FFAND = 0x40000000,
                          FFOR = 0x80000000, FFCOPY = 0xc0000000;
inline constexpr uint32_t SECONDS = 1, USECONDS = 2, NSECONDS = 4;
}  // namespace note

namespace rlimit {
inline constexpr int CPU = 0, FSIZE = 1, DATA = 2, STACK = 3, CORE = 4, AS = 5, MEMLOCK = 6, NPROC = 7, NOFILE = 8;
inline constexpr int kCount = 9;
inline constexpr uint64_t kInfinity = INT64_MAX;
}  // namespace rlimit

namespace clock_id {
inline constexpr int REALTIME = 0, MONOTONIC_RAW = 4, MONOTONIC_RAW_APPROX = 5, MONOTONIC = 6, UPTIME_RAW = 8,
                     UPTIME_RAW_APPROX = 9, PROCESS_CPU = 12, THREAD_CPU = 16;
}  // namespace clock_id

// --- structs: little-endian, naturally aligned ---

using posix::TimeSpec;
static_assert(sizeof(TimeSpec) == 16);

struct TimeVal {
  int64_t sec = 0;
  int32_t usec = 0, pad = 0;
};

// struct stat with 64-bit inodes
struct Stat64 {
  int32_t dev;
  uint16_t mode, nlink;
  uint64_t ino;
  uint32_t uid, gid;
  int32_t rdev, pad;
  TimeSpec atime, mtime, ctime, birthtime;
  int64_t size, blocks;
  int32_t blksize;
  uint32_t flags, gen;
  int32_t lspare;
  int64_t qspare[2];
};
static_assert(sizeof(Stat64) == 144);

struct StatFs64 {
  uint32_t bsize;
  int32_t iosize;
  uint64_t blocks, bfree, bavail, files, ffree;
  int32_t fsid[2];
  uint32_t owner, type, flags, fssubtype;
  char fstypename[16], mntonname[1024], mntfromname[1024];
  uint32_t reserved[8];
};
static_assert(sizeof(StatFs64) == 2168);

// struct dirent with 64-bit inodes; the record is as long as the name needs, rounded up to 4.
inline constexpr size_t kDirentName = 21, kDirentReclen = 16, kDirentSize = 1048;
struct Dirent64 {
  uint64_t ino, seekoff;
  uint16_t reclen, namlen;
  uint8_t type;
  char name[1024];
};
static_assert(offsetof(Dirent64, name) == kDirentName && offsetof(Dirent64, reclen) == kDirentReclen);
static_assert(sizeof(Dirent64) == kDirentSize);

struct KEvent {
  uint64_t ident;
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  int64_t data;
  uint64_t udata;
};
static_assert(sizeof(KEvent) == 32);

// struct sigaction as programs have it, stack_t, struct itimerval
struct USigAction {
  uint64_t handler;
  uint32_t mask, flags;
};
struct StackT {
  uint64_t sp, size;
  int32_t flags, pad;
};
struct ITimerVal {
  TimeVal interval, value;
};

struct MsgHdr {
  uint64_t name;
  uint32_t name_size, pad;
  uint64_t iov;
  int32_t iov_count, pad2;
  uint64_t control;
  uint32_t control_size, flags;
};
static_assert(sizeof(MsgHdr) == 48);

struct RUsage {
  TimeVal user, system;
  int64_t maxrss, other[13];
};
static_assert(sizeof(RUsage) == 144);

struct AddrInfo {
  int32_t flags, family, socktype, protocol;
  uint32_t addrlen, pad;
  uint64_t canonname, addr, next;
};
static_assert(sizeof(AddrInfo) == 48);

struct Passwd {
  uint64_t name, passwd;
  uint32_t uid, gid;
  int64_t change;
  uint64_t klass, gecos, dir, shell;
  int64_t expire;
};
static_assert(sizeof(Passwd) == 72);

struct Group {
  uint64_t name, passwd;
  uint32_t gid, pad;
  uint64_t members;
};
static_assert(sizeof(Group) == 32);

// --- libc ---

// FILE in <stdio.h>, as far as anybody looks.
namespace stream {
inline constexpr uint64_t kSize = 152, kFdOffset = 18;  // int16_t
}

// struct tm of <time.h>
struct Tm {
  int32_t sec, min, hour, mday, mon, year, wday, yday, isdst, pad;
  int64_t gmtoff;
  uint64_t zone;
};
static_assert(sizeof(Tm) == 56);

// libSystem's own words: what the program was started with (environ, NXArgv, NXArgc), and what localtime gives.
struct ProgramWords {
  uint64_t environ_, argv, argc;
  Tm tm;
};

// malloc_zone_t in <malloc/malloc.h>: its functions, which programs call through it.
struct MallocZone {
  uint64_t reserved[2];
  uint64_t size, malloc, calloc, valloc, free, realloc;
  uint64_t others[6];
};

// _RuneLocale in <runetype.h>: what the macros of <ctype.h> read.
struct RuneLocale {
  char magic[8], encoding[32];
  uint64_t get, put;
  int32_t invalid;
  uint32_t type[256];
  int32_t lower[256], upper[256];
};
static_assert(sizeof(RuneLocale) == 3136);
namespace rune {
inline constexpr uint32_t kAlpha = 0x100, kControl = 0x200, kDigit = 0x400, kGraph = 0x800, kLower = 0x1000,
                          kPunct = 0x2000, kSpace = 0x4000, kUpper = 0x8000, kHex = 0x10000, kBlank = 0x20000,
                          kPrint = 0x40000;
}

// --- libpthread ---

// The opaque structs that programs hold; what is inside is ours, but the signatures are those that static initialisers
// (PTHREAD_MUTEX_INITIALIZER …) and programs that look have.
struct PthreadMutex {
  uint64_t signature;
  int32_t owner;   // tid; 0: free
  uint32_t count;  // recursive
  uint32_t type, pad;
  uint64_t opaque[5];
};
static_assert(sizeof(PthreadMutex) == 64);
struct PthreadCond {
  uint64_t signature, opaque[5];
};
static_assert(sizeof(PthreadCond) == 48);
struct PthreadAttr {
  uint64_t signature, stack_size, stack_address, guard_size;
  int32_t detached, pad;
  uint64_t opaque[3];
};
static_assert(sizeof(PthreadAttr) == 64);

struct PthreadOnce {
  uint64_t signature, runner;  // tid; 0: nobody yet
};
static_assert(sizeof(PthreadOnce) == 16);
struct PthreadRwlock {
  uint64_t signature = 0;
  int32_t writer = 0;    // tid; 0: none
  uint32_t readers = 0;  // that hold it
  uint64_t opaque[23]{};
};
static_assert(sizeof(PthreadRwlock) == 200);

namespace pthread {
inline constexpr uint64_t kMutexSignature = 0x4d555458, kMutexStatic = 0x32aaaba7, kMutexStaticRecursive = 0x32aaaba2,
                          kMutexStaticErrorCheck = 0x32aaaba1, kCondSignature = 0x434f4e44, kCondStatic = 0x3cb0b1bb,
                          kAttrSignature = 0x54484441, kOnceStatic = 0x30b1bcba, kOnceDone = 0x4f4e4345,
                          kRwlockStatic = 0x2da8b3b4, kRwlockSignature = 0x52574c4b;
inline constexpr uint32_t kNormal = 0, kErrorCheck = 1, kRecursive = 2;
inline constexpr int32_t kJoinable = 1, kDetached = 2;
// A thread's block: its pthread_t, and in it the slots that GS or TPIDRRO_EL0 points to.
inline constexpr uint64_t kErrnoOffset = 64, kSlotsOffset = 224;
inline constexpr uint64_t kSelfSlot = 0, kErrnoSlot = 1;
inline constexpr uint64_t kFirstKey = 256, kKeys = 512;  // keys that pthread_key_create gives; slots behind them none
inline constexpr uint64_t kBlockSize = kSlotsOffset + 8 * kKeys;
inline constexpr uint64_t kMinStack = 16384, kDefaultStack = 512 << 10, kMainStack = 8 << 20;
}  // namespace pthread

}  // namespace deferscope::emu::darwin
