// A guest that tries to leave its sandbox: a table of named attempts, one line of output each. Freestanding: no C
// library, nothing but system calls. tests/sandbox/escape.py builds the directories it expects, runs it, and judges.
//
//     escape TOP ROW…   the named rows; `all`: every row that a run survives; `native`: those that the host may answer
//
// Prints `start`, then for each row: name, what came back, what must come back, flags (n: the host answers the same).
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <initializer_list>

extern "C" void* memset(void* out, int byte, unsigned long n) {
  auto* p = static_cast<volatile char*>(out);
  while (n--) *p++ = static_cast<char>(byte);
  return out;
}
extern "C" void* memcpy(void* out, const void* in, unsigned long n) {
  auto* p = static_cast<volatile char*>(out);
  const auto* q = static_cast<const char*>(in);
  while (n--) *p++ = *q++;
  return out;
}

namespace {

long raw(long nr, long a, long b, long c, long d, long e, long f) {
  long result = nr;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

template <class T>
long word(T x) {
  return (long)x;
}

template <class... T>
long call(long nr, T... args) {
  const long a[6] = {word(args)...};
  return raw(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

unsigned long length(const char* s) {
  unsigned long n = 0;
  while (s[n]) ++n;
  return n;
}

bool same(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}

bool begins(const char* s, const char* with) {
  while (*with)
    if (*s++ != *with++) return false;
  return true;
}

const char* top;

// TOP/rest.
const char* in_top(const char* rest) {
  static char texts[4][1024];
  static int next;
  char* out = texts[next++ % 4];
  char* p = out;
  for (const char* s : {top, "/", rest})
    while (*s) *p++ = *s++;
  *p = 0;
  return out;
}

// --- what the rows are made of ---

constexpr int kHere = AT_FDCWD;

long open_at(const char* path, int flags = O_RDONLY, int mode = 0644) {
  return call(SYS_openat, kHere, path, flags, mode);
}
long close_fd(long fd) { return call(SYS_close, fd); }

// 0 if it opens.
long try_open(const char* path, int flags = O_RDONLY, int mode = 0644) {
  const long fd = open_at(path, flags, mode);
  if (fd < 0) return fd;
  close_fd(fd);
  return 0;
}

constexpr long kLeaked = -9999;

// What stands at a path: 0 for `text`, kLeaked for what is outside.
long content(long fd, const char* text) {
  char bytes[64] = {};
  const long n = call(SYS_pread64, fd, bytes, sizeof bytes - 1, 0);
  if (n < 0) return n;
  return begins(bytes, "secret") ? kLeaked : begins(bytes, text) ? 0 : -9998;
}
long read_of(const char* path, const char* text) {
  const long fd = open_at(path);
  if (fd < 0) return fd;
  const long result = content(fd, text);
  close_fd(fd);
  return result;
}

long mode_of(const char* path) {
  struct stat st {};
  const long e = call(SYS_newfstatat, kHere, path, &st, AT_SYMLINK_NOFOLLOW);
  return e < 0 ? e : static_cast<long>(st.st_mode & 07777);
}

long make(const char* path, int mode = 0644) {
  const long fd = open_at(path, O_CREAT | O_RDWR, mode);
  if (fd >= 0) call(SYS_write, fd, "mine", 4);
  return fd < 0 ? fd : close_fd(fd);
}
long make_link(const char* target, const char* path) { return call(SYS_symlinkat, target, kHere, path); }
long unlink_at(const char* path) { return call(SYS_unlinkat, kHere, path, 0); }
long rmdir_at(const char* path) { return call(SYS_unlinkat, kHere, path, AT_REMOVEDIR); }
long mkdir_at(const char* path, int mode = 0755) { return call(SYS_mkdirat, kHere, path, mode); }
long rename_at(const char* from, const char* to) { return call(SYS_renameat, kHere, from, kHere, to); }
long chmod_at(const char* path, int mode) { return call(SYS_fchmodat, kHere, path, mode); }

// Through a link with this text.
template <class F>
long through(const char* target, F f) {
  unlink_at("l");
  if (const long e = make_link(target, "l"); e < 0) return e;
  const long result = f("l");
  unlink_at("l");
  return result;
}
long open_through(const char* target, int flags = O_RDONLY) {
  return through(target, [=](const char* l) { return try_open(l, flags); });
}

// With a descriptor on a path.
template <class F>
long with(const char* path, int flags, F f) {
  const long fd = open_at(path, flags);
  if (fd < 0) return fd;
  const long result = f(fd);
  close_fd(fd);
  return result;
}

// What stands at a path from a directory's descriptor.
long with_at(long dir, const char* path, const char* text) {
  const long fd = call(SYS_openat, dir, path, O_RDONLY);
  if (fd < 0) return fd;
  const long result = content(fd, text);
  close_fd(fd);
  return result;
}

long socket_path(const char* path, bool bind, int type = SOCK_STREAM) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  memcpy(a.sun_path, path, length(path) + 1);
  const long fd = call(SYS_socket, AF_UNIX, type, 0);
  if (fd < 0) return fd;
  const long result = call(bind ? SYS_bind : SYS_connect, fd, &a, sizeof a);
  close_fd(fd);
  return result;
}

long connect_ip(unsigned ip, int type) {
  struct {
    unsigned short family, port;
    unsigned address;
    char zero[8];
  } a{AF_INET, 0x3500, ip, {}};
  const long fd = call(SYS_socket, AF_INET, type, 0);
  const long result = fd < 0 ? fd : call(SYS_connect, fd, &a, sizeof a);
  close_fd(fd);
  return result;
}

char big[8192];
const char* filled(char with, unsigned long n) {
  memset(big, with, n);
  big[n] = 0;
  return big;
}

// Threads until there are no more; each waits for ever.
long thread_flood() {
  static char stacks[256][512];
  constexpr long kThread = 0x50f00;  // VM FS FILES SIGHAND THREAD SYSVSEM
  for (char(&stack)[512] : stacks) {
    long result = SYS_clone;
    asm volatile(
        "syscall\n test %%rax, %%rax\n jnz 2f\n"
        "1: mov $34, %%eax\n syscall\n jmp 1b\n"
        "2:"
        : "+a"(result)
        : "D"(kThread), "S"(stack + sizeof stack), "d"(0)
        : "rcx", "r11", "memory");
    if (result < 0) return result;
  }
  return 0;
}

long signal_flood() {
  const unsigned long mask = 1ul << 33;
  struct {
    int signo, error, code, pad;
    int pid, uid;
    long rest[16];
  } info{34, 0, -1, 0, 0, 0, {}};
  call(SYS_rt_sigprocmask, SIG_BLOCK, &mask, 0, 8);
  const long pid = call(SYS_getpid);
  for (int i = 0; i < 2000; ++i)
    if (const long e = call(SYS_rt_sigqueueinfo, pid, 34, &info); e < 0 && e != -EAGAIN) return e;
  return 0;
}

// --- while somebody swaps swap/f and swap/d for links that lead outside ---

constexpr int kRounds = 300;

// An attempt fails, or meets what is inside.
template <class F>
long repeat(F f) {
  for (int i = 0; i < kRounds; ++i)
    if (f(i) == kLeaked) return kLeaked;
  return 0;
}

// --- the table ---

enum Flag : unsigned { kNone = 0, kNative = 1, kEnds = 2, kSwap = 4, kLast = 8, kInSub = 16 };

struct Row {
  const char* name;
  long want;
  unsigned flags;
  long (*attempt)();
};

#define ROW(name, want, flags, ...)                           \
  {                                                           \
    name, want, flags, []() -> long { return (__VA_ARGS__); } \
  }
#define ROWS(name, want, flags, ...)                \
  {                                                 \
    name, want, flags, []() -> long { __VA_ARGS__ } \
  }

// clang-format off
const Row kRows[] = {
    // 1: a root's own entry
    ROW("root.rmdir", -EBUSY, 0, rmdir_at(in_top("w"))),
    ROW("root.rmdir-relative", -EBUSY, 0, rmdir_at("../w")),
    ROW("root.rmdir-slash", -EBUSY, 0, rmdir_at("../w/")),
    ROW("root.rmdir-dot", -EINVAL, kNative, rmdir_at(".")),
    ROW("root.rmdir-second", -EBUSY, 0, rmdir_at(in_top("w2"))),
    ROW("root.unlink", -EISDIR, kNative, unlink_at(in_top("w"))),
    ROW("root.rename-into-itself", -EBUSY, 0, rename_at(in_top("w"), "sub/w")),
    ROW("root.rename-dot", -EBUSY, kNative, rename_at(".", "sub/w")),
    ROW("root.rename-into-other", -EBUSY, 0, rename_at(in_top("w2"), "sub/a")),
    ROW("root.rename-outside", -EBUSY, 0, rename_at(in_top("w"), "../outside/w") == -ENOENT ? -EBUSY : 0),
    ROWS("root.replace-by-directory", -EBUSY, 0, mkdir_at("empty"); const long e = rename_at("empty", in_top("w2")); rmdir_at("empty"); return e;),
    ROWS("root.replace-by-link", -EISDIR, kNative, make_link("/", "l"); const long e = rename_at("l", in_top("w2")); unlink_at("l"); return e;),
    ROW("root.symlink", -EEXIST, kNative, make_link("/", in_top("w"))),
    ROW("root.mkdir", -EEXIST, kNative, mkdir_at(in_top("w"))),
    ROW("root.exchange", -EINVAL, 0, call(SYS_renameat2, kHere, "sub", kHere, in_top("w2"), 2)),
    ROWS("root.removed-cwd", -ENOENT, kNative, mkdir_at("gone"); call(SYS_chdir, "gone"); rmdir_at("../gone");
         const long e = make_link("/", "../gone") == 0 ? try_open("etc/shadow") : -ENOENT; call(SYS_chdir, in_top("w")); unlink_at("gone"); return e;),
    // 3: a root in another
    ROW("nested.rename", -EBUSY, 0, rename_at("data", "moved")),
    ROW("nested.rmdir", -EBUSY, 0, rmdir_at("data")),
    ROW("nested.rename-above", -EBUSY, 0, rename_at("mid", "moved")),
    ROW("nested.rmdir-above", -EBUSY, 0, rmdir_at("mid")),
    ROWS("cwd.moved", 0, kInSub, rename_at("../sub", "../elsewhere"); make_link("/", "../sub"); make("mine"); return try_open("../elsewhere/mine");),
    ROW("nested.symlink", -EEXIST, kNative, make_link("/", "data")),
    ROWS("nested.replace", -EBUSY, 0, mkdir_at("empty"); const long e = rename_at("empty", "data"); rmdir_at("empty"); return e;),
    ROW("nested.reads-its-own", 0, kNative, read_of("data/x", "inside")),
    // 2: the executable lies in the writable directory
    ROWS("exe.replaced", 0, 0, rename_at("escape", "away"); make_link(in_top("outside/secret"), "escape"); const long e = read_of("/proc/self/exe", "\177ELF");
         unlink_at("escape"); rename_at("away", "escape"); return e;),
    ROWS("exe.replaced-by-name", -ENOENT, 0, rename_at("escape", "away"); make_link(in_top("outside/secret"), "escape"); const long e = read_of(in_top("w/escape"), "\177ELF");
         unlink_at("escape"); rename_at("away", "escape"); return e;),
    ROWS("exe.replaced-status", 0, 0, rename_at("escape", "away"); make_link(in_top("outside"), "escape"); struct stat st{};
         call(SYS_newfstatat, kHere, "/proc/self/exe", &st, 0); unlink_at("escape"); rename_at("away", "escape"); return S_ISREG(st.st_mode) ? 0 : 1;),
    ROW("exe.write", -EACCES, 0, try_open("/proc/self/exe", O_RDWR)),
    // 4: --stdin FILE lies below a writable directory
    ROWS("stdin.replaced", 0, 0, unlink_at("stdin.txt"); make_link(in_top("outside/secret"), "stdin.txt"); char bytes[16] = {};
         call(SYS_read, 0, bytes, 15); return begins(bytes, "input") ? 0 : kLeaked;),
    // 5: swaps by another process
    ROW("swap.chmod", 0, kSwap, repeat([](int) { return chmod_at("swap/f", 0644); })),
    ROW("swap.truncate", 0, kSwap, repeat([](int) { return call(SYS_truncate, "swap/f", 6); })),
    ROW("swap.stat", 0, kSwap, repeat([](int) { struct stat st{}; call(SYS_newfstatat, kHere, "swap/f", &st, 0); return st.st_size == 7 ? kLeaked : 0; })),
    ROW("swap.utimes", 0, kSwap, repeat([](int) { return call(SYS_utimensat, kHere, "swap/f", 0, 0); })),
    ROW("swap.read", 0, kSwap, repeat([](int) { return read_of("swap/f", "inside"); })),
    ROW("swap.write", 0, kSwap, repeat([](int) { const long fd = open_at("swap/f", O_RDWR); call(SYS_write, fd, "inside", 6); return close_fd(fd); })),
    ROW("swap.open-trunc", 0, kSwap, repeat([](int) { const long fd = open_at("swap/f", O_RDWR | O_TRUNC); call(SYS_write, fd, "inside", 6); return close_fd(fd); })),
    ROW("swap.link", 0, kSwap, repeat([](int) { call(SYS_linkat, kHere, "swap/f", kHere, "hard", AT_SYMLINK_FOLLOW); const long e = read_of("hard", "inside"); unlink_at("hard"); return e; })),
    ROW("swap.directory-read", 0, kSwap, repeat([](int) { return read_of("swap/d/secret", "inside"); })),
    ROW("swap.directory-create", 0, kSwap, repeat([](int) { make("swap/d/new"); return unlink_at("swap/d/new"); })),
    ROW("swap.directory-mkdir", 0, kSwap, repeat([](int) { mkdir_at("swap/d/new"); return rmdir_at("swap/d/new"); })),
    ROW("swap.directory-rename", 0, kSwap, repeat([](int) { make("swap/m"); rename_at("swap/m", "swap/d/m"); return unlink_at("swap/d/m"); })),
    ROW("swap.directory-chdir", 0, kSwap, repeat([](int) { call(SYS_chdir, "swap/d"); const long e = read_of("secret", "inside"); call(SYS_chdir, in_top("w")); return e; })),
    ROW("swap.directory-held", 0, kSwap, repeat([](int) { return with("swap/d", O_DIRECTORY, [](long fd) {
           for (int i = 0; i < 5; ++i) { const long file = call(SYS_openat, fd, "secret", O_RDONLY); const long e = file < 0 ? file : content(file, "inside"); close_fd(file);
             if (e == kLeaked) return e; } return 0l; }); })),
    // 6: modes
    ROWS("mode.create", 0755, 0, make("m", 06755); const long e = mode_of("m"); unlink_at("m"); return e;),
    ROWS("mode.create-sticky", 0755, 0, make("m", 07777); const long e = mode_of("m"); unlink_at("m"); return e;),
    ROWS("mode.creat", 0700, 0, close_fd(call(SYS_creat, "m", 04700)); const long e = mode_of("m"); unlink_at("m"); return e;),
    ROWS("mode.mkdir", 01755, 0, mkdir_at("m", 07777); const long e = mode_of("m"); rmdir_at("m"); return e;),
    ROWS("mode.chmod", 0755, 0, make("m"); chmod_at("m", 06755); const long e = mode_of("m"); unlink_at("m"); return e;),
    ROWS("mode.chmod-directory", 01755, 0, mkdir_at("m"); chmod_at("m", 03755); const long e = mode_of("m"); rmdir_at("m"); return e;),
    ROWS("mode.fchmod", 0711, 0, make("m"); with("m", O_RDWR, [](long fd) { return call(SYS_fchmod, fd, 04711); }); const long e = mode_of("m"); unlink_at("m"); return e;),
    ROWS("mode.hole-in-umask", 0777, kNative, call(SYS_umask, 0); make("m", 0777); chmod_at("m", 0777); const long e = mode_of("m"); unlink_at("m"); call(SYS_umask, 022); return e;),
    ROW("mode.read-only", -EACCES, 0, chmod_at("../r/f", 0777)),
    ROW("mode.read-only-descriptor", -EACCES, 0, with("../r/f", O_RDONLY, [](long fd) { return call(SYS_fchmod, fd, 0777); })),
    // --sysroot: libraries and what loaders read, and nothing else
    ROW("sysroot.library", 0, 0, read_of("/lib/libok.so", "library")),
    ROW("sysroot.link", 0, 0, read_of("/lib/libok.so.1", "library")),
    ROW("sysroot.through-directory-link", 0, 0, read_of("/usr/lib/libok.so", "library")),
    ROW("sysroot.configuration", 0, 0, read_of("/etc/ld.so.conf", "inside")),
    ROW("sysroot.link-upwards-stays", 0, 0, read_of("/lib/libup.so", "inside")),
    ROW("sysroot.dotdot-stays", 0, 0, read_of("/../../lib/../lib/libok.so", "library")),
    ROW("sysroot.other-file", -ENOENT, 0, try_open("/lib/secret")),
    ROW("sysroot.other-configuration", -ENOENT, 0, try_open("/etc/shadow")),
    ROW("sysroot.link-out", -ENOENT, 0, try_open("/lib/libout.so")),
    ROW("sysroot.link-out-absolute", -ENOENT, 0, try_open("/lib/libabs.so")),
    ROW("sysroot.link-to-other-file", -ENOENT, 0, try_open("/lib/libname.so")),
    ROW("sysroot.link-kept-to-other-file", -ENOENT, 0, mode_of("/lib/libname.so")),
    ROW("sysroot.link-loop", -ENOENT, 0, try_open("/lib/libloop.so")),
    ROW("sysroot.dotdot-out", -ENOENT, 0, try_open("/lib/../../outside/secret")),
    ROW("sysroot.by-its-own-name", -ENOENT, 0, try_open(in_top("sys/lib/libok.so"))),
    ROW("sysroot.fifo", -ENOENT, 0, try_open("/lib/libfifo.so")),
    ROW("sysroot.through-a-library", -ENOENT, 0, try_open("/lib/libok.so/x.so")),
    ROW("sysroot.write", -EACCES, 0, try_open("/lib/libok.so", O_RDWR)),
    ROW("sysroot.truncate", -EACCES, 0, try_open("/lib/libok.so", O_RDONLY | O_TRUNC)),
    ROW("sysroot.truncate-path", -EACCES, 0, call(SYS_truncate, "/lib/libok.so", 0)),
    ROW("sysroot.create", -ENOENT, 0, try_open("/lib/new.so", O_CREAT | O_WRONLY)),
    ROW("sysroot.unlink", -EACCES, 0, unlink_at("/lib/libok.so")),
    ROW("sysroot.unlink-link", -EACCES, 0, unlink_at("/lib/libok.so.1")),
    ROW("sysroot.rename", -EACCES, 0, rename_at("/lib/libok.so", "stolen")),
    ROW("sysroot.replace", -EACCES, 0, (make("mine"), rename_at("mine", "/lib/libok.so"))),
    ROW("sysroot.chmod", -EACCES, 0, chmod_at("/lib/libok.so", 0777)),
    ROW("sysroot.hard-link", -EACCES, 0, call(SYS_linkat, kHere, "/lib/libok.so", kHere, "hard", 0)),
    ROW("sysroot.symlink-over", -EEXIST, 0, make_link("/", "/lib/libok.so")),
    ROW("sysroot.rmdir", -EACCES, 0, rmdir_at("/lib/deep")),
    ROW("sysroot.mkdir", -ENOENT, 0, mkdir_at("/lib/new")),
    ROW("sysroot.names", 0, 0, with("/lib", O_DIRECTORY, [](long fd) {  // nothing but . and ..
          long n = call(SYS_getdents64, fd, big, sizeof big), names = 0;
          for (long at = 0; at < n; at += *reinterpret_cast<unsigned short*>(big + at + 16)) ++names;
          return names == 2 ? 0l : kLeaked; })),
    ROW("sysroot.from-a-directory", 0, 0, with("/lib", O_DIRECTORY, [](long fd) { return with_at(fd, "libok.so", "library"); })),
    ROW("sysroot.from-a-directory-out", -ENOENT, 0, with("/lib", O_DIRECTORY, [](long fd) { return with_at(fd, "../../outside/secret", "x"); })),
    // forms of paths
    ROW("path.dotdot", -ENOENT, 0, try_open("../outside/secret")),
    ROW("path.dotdot-slashes", -ENOENT, 0, try_open(".././/..//../outside///secret")),
    ROW("path.dotdot-from-sub", -ENOENT, 0, try_open("sub/../../outside/secret")),
    ROW("path.dotdot-many", -ENOENT, 0, try_open("../../../../../../../../../../../../etc/shadow")),
    ROW("path.absolute", -ENOENT, 0, try_open(in_top("outside/secret"))),
    ROW("path.absolute-dotdot", -ENOENT, 0, try_open(in_top("w/../outside/secret"))),
    ROW("path.shadow", -ENOENT, 0, try_open("/etc/shadow")),
    ROW("path.create-outside", -EACCES, 0, try_open("../new", O_CREAT | O_WRONLY)),
    ROW("path.create-in-outside", -ENOENT, 0, try_open("../outside/new", O_CREAT | O_WRONLY)),
    ROW("path.mkdir-outside", -EACCES, 0, mkdir_at("../new")),
    ROW("path.mkdir-etc", -ENOENT, 0, mkdir_at("/etc/new") == -EACCES ? -ENOENT : mkdir_at("/etc/new")),
    ROW("path.rename-outside", -ENOENT, 0, rename_at("f", "../outside/f")),
    ROW("path.rename-inside", -ENOENT, 0, rename_at("../outside/secret", "stolen")),
    ROW("path.unlink-outside", -ENOENT, 0, unlink_at("../outside/secret")),
    ROW("path.rmdir-above", -EACCES, 0, rmdir_at("..")),
    ROW("path.list-above", 0, 0, with("..", O_DIRECTORY, [](long fd) { static char list[4096]; const long n = call(SYS_getdents64, fd, list, sizeof list);
           for (long i = 0; i + 7 < n; ++i) if (begins(list + i, "outside")) return kLeaked; return n < 0 ? n : 0l; })),
    ROW("path.slash", -ENOTDIR, kNative, try_open("f/")),
    ROW("path.slash-dot", -ENOTDIR, kNative, try_open("f/.")),
    ROW("path.file-dotdot", -ENOTDIR, kNative, try_open("f/../f")),
    ROW("path.create-slash", -EISDIR, kNative, try_open("new/", O_CREAT | O_WRONLY)),
    ROW("path.outside-slash", -ENOENT, 0, try_open("../outside/")),
    ROW("path.empty", -ENOENT, kNative, try_open("")),
    ROW("path.long", -ENAMETOOLONG, kNative, try_open(filled('/', 4096))),
    ROW("path.long-name", -ENAMETOOLONG, kNative, try_open(filled('n', 256))),
    ROW("path.long-dots", -ENOENT, 0, ([] { filled('/', 4090); for (int i = 0; i + 3 < 4000; i += 3) memcpy(big + i, "../", 3); memcpy(big + 3999, "etc/shadow", 11); return try_open(big); }())),
    ROW("path.nul", -ENOENT, 0, try_open("../outside\0/../w/f")),
    ROW("path.odd-bytes", 0, kNative, make("\xff\xfe\n\x1b[31m") + unlink_at("\xff\xfe\n\x1b[31m")),
    ROW("path.bad-pointer", -EFAULT, kNative, call(SYS_openat, kHere, 0x10, O_RDONLY)),
    ROW("path.kernel-pointer", -EFAULT, kNative, call(SYS_openat, kHere, 0xffff800000000000, O_RDONLY)),
    ROW("proc.root", -ENOENT, 0, try_open("/proc/self/root/etc/shadow")),
    ROW("proc.cwd", -ENOENT, 0, try_open("/proc/self/cwd/../outside/secret")),
    ROW("proc.fd-dotdot", -ENOENT, 0, with("sub", O_DIRECTORY, [](long) { return try_open("/proc/self/fd/3/../../outside/secret"); })),
    ROW("proc.task-root", -ENOENT, 0, try_open("/proc/self/task/1000/root/etc/shadow")),
    ROW("proc.thread-self-root", -ENOENT, 0, try_open("/proc/thread-self/root/etc/shadow")),
    ROW("proc.init-root", -ENOENT, 0, try_open("/proc/1/root/etc/shadow")),
    ROW("proc.init-environ", -ENOENT, 0, try_open("/proc/1/environ")),
    ROW("proc.mem", -ENOENT, 0, try_open("/proc/self/mem", O_RDWR)),
    ROW("proc.kcore", -ENOENT, 0, try_open("/proc/kcore")),
    ROW("proc.core-pattern", -ENOENT, 0, try_open("/proc/sys/kernel/core_pattern", O_WRONLY)),
    ROW("proc.sysrq", -ENOENT, 0, try_open("/proc/sysrq-trigger", O_WRONLY)),
    ROW("proc.dotdot", -ENOENT, 0, try_open("/proc/self/../1/environ")),
    ROW("dev.mem", -ENOENT, 0, try_open("/dev/mem", O_RDWR)),
    ROW("dev.tty", -ENOENT, 0, try_open("/dev/tty", O_RDWR)),
    ROW("dev.fd", -ENOENT, 0, try_open("/dev/fd/77")),
    ROW("dev.shm", -ENOENT, 0, try_open("/dev/shm/new", O_CREAT | O_RDWR)),
    ROW("dev.null-dotdot", -ENOENT, 0, try_open("/dev/null/../mem")),
    ROW("sys.kernel", -ENOENT, 0, try_open("/sys/kernel/uevent_helper", O_WRONLY)),
    ROW("sys.block", -ENOENT, 0, try_open("/sys/block")),
    // links
    ROW("link.relative", -ENOENT, 0, open_through("../outside/secret")),
    ROW("link.absolute", -ENOENT, 0, open_through(in_top("outside/secret"))),
    ROW("link.create-through", -ENOENT, 0, open_through(in_top("outside/new"), O_CREAT | O_WRONLY)),
    ROW("link.write-through", -ENOENT, 0, open_through("../outside/secret", O_WRONLY)),
    ROW("link.stat-through", -ENOENT, 0, through("../outside/secret", [](const char* l) { struct stat st; return call(SYS_newfstatat, kHere, l, &st, 0); })),
    ROW("link.chmod-through", -ENOENT, 0, through("../outside/secret", [](const char* l) { return chmod_at(l, 0777); })),
    ROW("link.truncate-through", -ENOENT, 0, through("../outside/secret", [](const char* l) { return call(SYS_truncate, l, 0); })),
    ROW("link.access-through", -ENOENT, 0, through("../outside/secret", [](const char* l) { return call(SYS_faccessat, kHere, l, 0); })),
    ROW("link.chdir-through", -ENOENT, 0, through("../outside", [](const char* l) { return call(SYS_chdir, l); })),
    ROW("link.directory", -ENOENT, 0, through("../outside", [](const char*) { return try_open("l/secret"); })),
    ROW("link.directory-mkdir", -ENOENT, 0, through("../outside", [](const char*) { return mkdir_at("l/new"); })),
    ROW("link.directory-rename", -ENOENT, 0, through("../outside", [](const char*) { return rename_at("f", "l/f"); })),
    ROW("link.directory-dotdot", -ENOENT, 0, through("/", [](const char*) { return try_open("l/etc/shadow"); })),
    ROW("link.slash", -ENOENT, 0, through("../outside", [](const char*) { return try_open("l/"); })),
    ROW("link.proc-root", -ENOENT, 0, open_through("/proc/self/root/etc/shadow")),
    ROW("link.proc-fd", -ENOENT, 0, open_through("/proc/self/fd/77")),
    ROW("link.out-and-in", 0, kNative, through("../w/f", [](const char* l) { return read_of(l, "inside"); })),
    ROW("link.other-root", 0, kNative, through(in_top("r/f"), [](const char* l) { return read_of(l, "inside"); })),
    ROW("link.made-outside-before", -ENOENT, 0, try_open("link_out")),
    ROW("link.made-outside-directory", -ENOENT, 0, try_open("dir_out/secret")),
    ROW("link.loop", -ELOOP, kNative, open_through("l")),
    ROW("link.loop-directory", -ELOOP, kNative, through("l", [](const char*) { return try_open("l/x"); })),
    ROW("link.chain", -ELOOP, kNative, ([] { char a[] = "c00", b[] = "c00"; make("c00"); for (int i = 1; i < 42; ++i) { b[1] = static_cast<char>('0' + i / 10);
           b[2] = static_cast<char>('0' + i % 10); make_link(a, b); memcpy(a, b, 4); } const long e = try_open(b);
           for (int i = 0; i < 42; ++i) { b[1] = static_cast<char>('0' + i / 10); b[2] = static_cast<char>('0' + i % 10); unlink_at(b); } return e; }())),
    ROW("link.nofollow", -ELOOP, kNative, open_through("f", O_NOFOLLOW)),
    ROW("link.over-existing", -EEXIST, kNative, make_link("/", "f")),
    ROW("link.readlink-outside", -ENOENT, 0, call(SYS_readlinkat, kHere, "../outside/link", big, 100)),
    ROW("hard.outside", -ENOENT, 0, call(SYS_linkat, kHere, "../outside/secret", kHere, "hard", 0)),
    ROW("hard.through-link", -ENOENT, 0, through("../outside/secret", [](const char* l) { return call(SYS_linkat, kHere, l, kHere, "hard", AT_SYMLINK_FOLLOW); })),
    ROW("hard.to-outside", -ENOENT, 0, call(SYS_linkat, kHere, "f", kHere, "../outside/hard", 0)),
    ROW("hard.read-only", -EACCES, 0, call(SYS_linkat, kHere, "../r/f", kHere, "hard", 0)),
    ROW("hard.directory", -EPERM, kNative, call(SYS_linkat, kHere, "sub", kHere, "hard", 0)),
    ROW("hard.empty-path", -ENOENT, 0, with("../r/f", O_RDONLY, [](long fd) { return call(SYS_linkat, fd, "", kHere, "hard", AT_EMPTY_PATH); })),
    ROW("hard.odd-flags", -EINVAL, kNative, call(SYS_linkat, kHere, "f", kHere, "hard", 0x2)),
    // read-only
    ROW("read-only.open", -EACCES, 0, try_open("../r/f", O_RDWR)),
    ROW("read-only.truncate-at-open", -EACCES, 0, try_open("../r/f", O_RDONLY | O_TRUNC)),
    ROW("read-only.truncate", -EACCES, 0, call(SYS_truncate, "../r/f", 0)),
    ROW("read-only.create", -EACCES, 0, try_open("../r/new", O_CREAT | O_WRONLY)),
    ROW("read-only.unlink", -EACCES, 0, unlink_at("../r/f")),
    ROW("read-only.rename-out", -EACCES, 0, rename_at("../r/f", "stolen")),
    ROW("read-only.rename-over", -EACCES, 0, rename_at("f", "../r/f")),
    ROW("read-only.through-link", -EACCES, 0, open_through("../r/f", O_WRONLY)),
    ROW("read-only.shared-mapping", -EACCES, 0,
        with("../r/f", O_RDONLY, [](long fd) { return call(SYS_mmap, 0, 4096, 3, 1, fd, 0); })),
    // special files
    ROW("special.fifo-read", -EACCES, 0, try_open("fifo")),
    ROW("special.fifo-write", -EACCES, 0, try_open("fifo", O_WRONLY)),
    ROW("special.fifo-path", -EACCES, 0, try_open("fifo", O_PATH)),
    ROW("special.socket", -EACCES, 0, try_open("socket")),
    ROW("special.mknod-fifo", -EPERM, 0, call(SYS_mknodat, kHere, "node", S_IFIFO | 0666, 0)),
    ROW("special.mknod-device", -EPERM, 0, call(SYS_mknodat, kHere, "node", S_IFCHR | 0666, 0x101)),
    ROW("special.tmpfile", -EOPNOTSUPP, 0, try_open(".", O_TMPFILE | O_RDWR)),
    ROW("special.chown", -EPERM, 0, call(SYS_fchownat, kHere, "f", 0, 0, 0)),
    ROW("special.setxattr", -EOPNOTSUPP, 0, call(SYS_setxattr, "f", "security.capability", "x", 1, 0)),
    // descriptors
    ROW("fd.inherited-read", -EBADF, 0, call(SYS_read, 77, big, 10)),
    ROW("fd.inherited-dup", -EBADF, 0, call(SYS_dup, 77)),
    ROW("fd.inherited-at", -EBADF, 0, call(SYS_openat, 78, "secret", O_RDONLY)),
    ROW("fd.inherited-proc", -ENOENT, 0, try_open("/proc/self/fd/77")),
    ROWS("fd.all", 0, 0, for (int fd = 3; fd < 1100; ++fd) if (call(SYS_read, fd, big, 1) != -EBADF || call(SYS_fstat, fd, big) != -EBADF) return fd; return 0;),
    ROW("fd.file-as-directory", -ENOTDIR, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_openat, fd, "x", O_RDONLY); })),
    ROW("fd.fchdir-file", -ENOTDIR, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_fchdir, fd); })),
    ROW("fd.minus-one", -EBADF, kNative, call(SYS_openat, -1, "f", O_RDONLY)),
    ROW("fd.getdents-file", -ENOTDIR, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_getdents64, fd, big, 4096); })),
    ROW("fd.read-directory", -EISDIR, kNative, with("sub", O_RDONLY, [](long fd) { return call(SYS_read, fd, big, 10); })),
    ROW("fd.write-read-only", -EBADF, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_write, fd, "x", 1); })),
    ROW("fd.truncate-read-only", -EINVAL, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_ftruncate, fd, 0); })),
    ROW("fd.open-directory-to-write", -EISDIR, kNative, try_open("sub", O_RDWR)),
    ROW("fd.create-on-directory", -EISDIR, kNative, try_open("sub", O_CREAT)),
    ROW("fd.directory-flag-on-file", -ENOTDIR, kNative, try_open("f", O_DIRECTORY | O_TRUNC | O_RDWR) == -ENOTDIR ? read_of("f", "inside") == 0 ? -ENOTDIR : 1 : 2),
    ROW("fd.dotdot", -ENOENT, 0, with("sub", O_DIRECTORY, [](long fd) { return call(SYS_openat, fd, "../../outside/secret", O_RDONLY); })),
    ROW("fd.dotdot-path-only", -ENOENT, 0, with("sub", O_DIRECTORY | O_PATH, [](long fd) { return call(SYS_openat, fd, "../../outside/secret", O_RDONLY); })),
    ROW("fd.root-dotdot", -ENOENT, 0, with("/", O_DIRECTORY, [](long fd) { return call(SYS_openat, fd, "etc/shadow", O_RDONLY); })),
    ROWS("fd.removed-directory", -ENOENT, kNative, mkdir_at("gone"); return with("gone", O_DIRECTORY, [](long fd) { rmdir_at("gone"); mkdir_at("gone");
         const long e = call(SYS_openat, fd, "x", O_CREAT | O_WRONLY, 0644); rmdir_at("gone"); return e; });),
    ROWS("fd.renamed-directory", 0, kNative, mkdir_at("one"); make("one/x"); return with("one", O_DIRECTORY, [](long fd) { rename_at("one", "two"); make_link("../outside", "one");
         const long file = call(SYS_openat, fd, "x", O_RDONLY); const long e = file < 0 ? file : content(file, "mine"); close_fd(file);
         unlink_at("one"); unlink_at("two/x"); rmdir_at("two"); return e; });),
    ROWS("fd.renamed-file", 0, kNative, make("one"); return with("one", O_RDWR, [](long fd) { rename_at("one", "two"); make_link("../outside/secret", "one");
         call(SYS_fchmod, fd, 0600); call(SYS_ftruncate, fd, 2); const long e = content(fd, "mi"); unlink_at("one"); unlink_at("two"); return e; });),
    ROWS("fd.unlinked-file", 4, kNative, make("one"); return with("one", O_RDWR, [](long fd) { unlink_at("one"); make_link("../outside/secret", "one");
         call(SYS_fchmod, fd, 0600); struct stat st{}; call(SYS_fstat, fd, &st); unlink_at("one"); return st.st_nlink == 0 ? static_cast<long>(st.st_size) : -1; });),
    ROWS("fd.removed-cwd", -ENOENT, kNative, mkdir_at("gone"); call(SYS_chdir, "gone"); rmdir_at("../gone"); mkdir_at(in_top("w/gone"));
         const long e = call(SYS_getcwd, big, 4096); call(SYS_chdir, in_top("w")); rmdir_at("gone"); return e;),
    ROW("fd.path-read", -EBADF, kNative, with("f", O_PATH, [](long fd) { return call(SYS_read, fd, big, 1); })),
    ROW("fd.path-write", -EBADF, kNative, with("f", O_PATH | O_RDWR, [](long fd) { return call(SYS_write, fd, "x", 1); })),
    ROW("fd.path-truncate", -EBADF, kNative, with("f", O_PATH, [](long fd) { return call(SYS_ftruncate, fd, 0); })),
    ROW("fd.path-chmod", -EBADF, kNative, with("f", O_PATH, [](long fd) { return call(SYS_fchmod, fd, 0777); })),
    ROW("fd.path-getdents", -EBADF, kNative, with("sub", O_PATH, [](long fd) { return call(SYS_getdents64, fd, big, 4096); })),
    ROW("fd.path-ioctl", -EBADF, kNative, with("f", O_PATH, [](long fd) { return call(SYS_ioctl, fd, 0x5401, big); })),
    ROW("fd.path-creates-nothing", -ENOENT, kNative, try_open("new", O_PATH | O_CREAT | O_RDWR)),
    ROW("fd.empty-path", 0, kNative, with("f", O_RDONLY, [](long fd) { struct stat st; return call(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH); })),
    ROW("fd.empty-path-unlink", -ENOENT, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_unlinkat, fd, "", AT_EMPTY_PATH) == -EINVAL ? -ENOENT : 1; })),
    ROW("fd.empty-path-no-flag", -ENOENT, kNative, with("f", O_RDONLY, [](long fd) { struct stat st; return call(SYS_newfstatat, fd, "", &st, 0); })),
    // sizes and overflows
    ROW("size.pread-negative", -EINVAL, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_pread64, fd, big, 1, -1); })),
    ROW("size.pwrite-negative", -EINVAL, kNative, with("f", O_RDWR, [](long fd) { return call(SYS_pwrite64, fd, big, 1, -1); })),
    ROW("size.read-all-memory", 6, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_pread64, fd, big, 6, 0); })),
    ROW("size.read-bad-buffer", -EFAULT, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_read, fd, 0x10, 6); })),
    ROW("size.write-bad-buffer", -EFAULT, kNative, with("f", O_RDWR, [](long fd) { return call(SYS_write, fd, 0xffff800000000000, 6); })),
    ROW("size.truncate-negative", -EINVAL, kNative, call(SYS_truncate, "f", -1)),
    ROW("size.ftruncate-negative", -EINVAL, kNative, with("f", O_RDWR, [](long fd) { return call(SYS_ftruncate, fd, 1ul << 63); })),
    ROW("size.lseek-overflow", -EINVAL, kNative, with("f", O_RDWR, [](long fd) { call(SYS_lseek, fd, 0x7fffffffffffffff, 0); return call(SYS_lseek, fd, 0x8000000000000000, 0); })),
    ROW("size.readv-many", -EINVAL, kNative, with("f", O_RDONLY, [](long fd) { return call(SYS_readv, fd, big, 1025); })),
    ROW("size.getdents-small", -EINVAL, kNative, with("sub", O_RDONLY, [](long fd) { return call(SYS_getdents64, fd, big, 1); })),
    ROW("size.getcwd-small", -ERANGE, kNative, call(SYS_getcwd, big, 1)),
    ROW("size.readlink-zero", -EINVAL, kNative, call(SYS_readlinkat, kHere, "link_out", big, 0)),
    ROW("size.stat-bad-buffer", -EFAULT, kNative, call(SYS_newfstatat, kHere, "f", 0x10, 0)),
    ROW("size.mmap-huge", -ENOMEM, kNative, call(SYS_mmap, 0, 1ul << 62, 3, 0x22, -1, 0)),
    ROW("size.mmap-wraps", -ENOMEM, kNative, call(SYS_mmap, 0, -1, 3, 0x22, -1, 0)),
    ROW("size.munmap-odd", -EINVAL, kNative, call(SYS_munmap, 0x1001, 4096)),
    // processes
    ROW("process.fork", -EPERM, 0, call(SYS_fork)),
    ROW("process.vfork", -EPERM, 0, call(SYS_vfork)),
    ROW("process.clone", -EPERM, 0, call(SYS_clone, SIGCHLD, 0, 0, 0, 0)),
    ROW("process.clone-namespaces", -EPERM, 0, call(SYS_clone, 0x7e020000, 0, 0, 0, 0)),
    ROW("process.clone3", -ENOSYS, 0, call(435, big, 88)),
    ROWS("process.fork-flood", -EPERM, 0, for (int i = 0; i < 1000; ++i) if (call(SYS_fork) != -EPERM) return 1; return -EPERM;),
    ROW("process.exec", -EACCES, 0, call(SYS_execve, "/bin/sh", 0, 0)),
    ROW("process.exec-own", -EACCES, 0, call(SYS_execve, "/proc/self/exe", 0, 0)),
    ROW("process.execveat", -EACCES, 0, with("f", O_PATH, [](long fd) { return call(SYS_execveat, fd, "", 0, 0, AT_EMPTY_PATH); })),
    ROW("process.memfd", -ENOSYS, 0, call(SYS_memfd_create, "x", 0)),
    ROW("process.kill-init", -ESRCH, 0, call(SYS_kill, 1, SIGKILL)),
    ROW("process.kill-all", -ESRCH, 0, call(SYS_kill, -1, SIGKILL)),
    ROW("process.kill-parent", -ESRCH, 0, call(SYS_kill, call(SYS_getppid), SIGKILL)),
    ROW("process.kill-groups", 0, 0, [] { for (int pid = 2; pid < 999; ++pid) if (call(SYS_kill, -pid, SIGKILL) != -ESRCH) return pid; return 0; }()),
    ROW("process.tgkill", -ESRCH, 0, call(SYS_tgkill, 1, 1, SIGKILL)),
    ROW("process.ptrace", -EPERM, 0, call(SYS_ptrace, 16, 1, 0, 0)),
    ROW("process.pidfd", -ENOSYS, 0, call(434, 1, 0)),
    ROW("process.prlimit-other", -EPERM, 0, call(SYS_prlimit64, 1, 7, 0, big) == -ESRCH ? -EPERM : call(SYS_prlimit64, 1, 7, 0, big)),
    ROW("process.setuid", -EPERM, 0, call(SYS_setuid, 0)),
    ROW("process.setgroups", -EPERM, 0, call(SYS_setgroups, 0, 0)),
    ROW("process.capset", -EPERM, 0, call(SYS_capset, big, big)),
    ROW("process.signal-flood", 0, 0, signal_flood()),
    ROW("process.thread-flood", -EAGAIN, kLast, thread_flood()),
    // namespaces, mounts, the kernel
    ROW("mount.mount", -EPERM, 0, call(SYS_mount, "none", "sub", "tmpfs", 0, 0)),
    ROW("mount.bind", -EPERM, 0, call(SYS_mount, "/", "sub", 0, 4096, 0)),
    ROW("mount.umount", -EPERM, 0, call(SYS_umount2, "/", 2)),
    ROW("mount.chroot", -EPERM, 0, call(SYS_chroot, "..")),
    ROW("mount.unshare", -EPERM, 0, call(SYS_unshare, 0x10000000)),
    ROW("mount.setns", -EPERM, 0, call(SYS_setns, 0, 0)),
    ROW("kernel.bpf", -EPERM, 0, call(SYS_bpf, 5, big, 48)),
    ROW("kernel.perf", -EPERM, 0, call(SYS_perf_event_open, big, 0, -1, -1, 0)),
    ROW("kernel.io-uring", -ENOSYS, 0, call(425, 8, big)),
    ROW("kernel.userfaultfd", -ENOSYS, 0, call(SYS_userfaultfd, 0)),
    ROW("kernel.keyctl", -ENOSYS, 0, call(SYS_keyctl, 0, -3, 0)),
    ROW("kernel.openat2", -ENOSYS, 0, call(437, kHere, "/etc/shadow", big, 24)),
    ROW("kernel.seccomp", -ENOSYS, 0, call(SYS_seccomp, 1, 0, big)),
    ROW("kernel.prctl-mm", -EINVAL, 0, call(SYS_prctl, 35, 1, 0x1000, 0, 0)),
    ROW("kernel.prctl-dumpable", 0, 0, call(SYS_prctl, 4, 1, 0, 0, 0)),
    ROW("kernel.syslog", -EPERM, 0, call(SYS_syslog, 3, big, 4096)),
    ROW("kernel.reboot", -EPERM, 0, call(SYS_reboot, 0xfee1dead, 672274793, 0x89abcdef, 0)),
    ROW("kernel.hostname", -EPERM, 0, call(SYS_sethostname, "x", 1)),
    ROW("kernel.clock", -EPERM, 0, call(SYS_clock_settime, 0, big)),
    ROW("kernel.ioctl-tiocsti", -ENOTTY, 0, call(SYS_ioctl, 0, 0x5412, "x")),
    ROW("kernel.ioctl-flags", -ENOTTY, 0, with("f", O_RDWR, [](long fd) { return call(SYS_ioctl, fd, 0x40086602, big); })),
    ROW("kernel.ioctl-any", 0, 0, with("f", O_RDWR, [](long fd) -> long { for (long n = 0; n < 65536; n += 7) { const long e = call(SYS_ioctl, fd, n, 0x10); if (e != -ENOTTY && e != -EFAULT && e != 0) return n; } return 0l; })),
    ROW("kernel.inotify", -EMFILE, 0, call(SYS_inotify_init1, 0)),
    ROW("kernel.fanotify", -EPERM, 0, call(SYS_fanotify_init, 0, 0)),
    // sockets
    ROW("socket.tcp-outward", -ENETUNREACH, 0, connect_ip(0x08080808, SOCK_STREAM)),
    ROW("socket.udp-outward", -ENETUNREACH, 0, connect_ip(0x08080808, SOCK_DGRAM)),
    ROW("socket.tcp-hosts-loopback", -ECONNREFUSED, 0, connect_ip(0x0100007f, SOCK_STREAM)),
    ROW("socket.unix-hosts", -ENOENT, 0, socket_path(in_top("outside/socket"), false)),
    ROW("socket.unix-hosts-inside", -ENOENT, 0, socket_path("socket", false)),
    ROW("socket.unix-bind-outside", -EACCES, 0, socket_path("../outside/new", true)),
    ROW("socket.unix-bind-inside", -EACCES, 0, socket_path("new", true)),
    ROW("socket.ipv6", -EAFNOSUPPORT, 0, call(SYS_socket, AF_INET6, SOCK_STREAM, 0)),
    ROW("socket.netlink", -EAFNOSUPPORT, 0, call(SYS_socket, AF_NETLINK, SOCK_RAW, 0)),
    ROW("socket.packet", -EAFNOSUPPORT, 0, call(SYS_socket, AF_PACKET, SOCK_RAW, 0)),
    ROW("socket.vsock", -EAFNOSUPPORT, 0, call(SYS_socket, 40, SOCK_STREAM, 0)),
    ROW("socket.alg", -EAFNOSUPPORT, 0, call(SYS_socket, 38, SOCK_SEQPACKET, 0)),
    ROW("socket.raw", -ESOCKTNOSUPPORT, 0, call(SYS_socket, AF_INET, SOCK_RAW, 1)),
    ROWS("socket.rights", -EOPNOTSUPP, 0, int pair[2]; call(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair); long control[3] = {20, 1 | 1l << 32, 0}; iovec io{big, 1};
         msghdr m{}; m.msg_iov = &io; m.msg_iovlen = 1; m.msg_control = control; m.msg_controllen = 24; const long e = call(SYS_sendmsg, pair[0], &m, 0);
         close_fd(pair[0]); close_fd(pair[1]); return e;),
    // what deferscope does not have ends the run, with its name
    ROW("ends.name-to-handle", 0, kEnds, call(SYS_name_to_handle_at, kHere, "f", big, big + 200, 0)),
    ROW("ends.open-by-handle", 0, kEnds, call(SYS_open_by_handle_at, kHere, big, O_RDONLY)),
    ROW("ends.pivot-root", 0, kEnds, call(SYS_pivot_root, ".", ".")),
    ROW("ends.process-vm-readv", 0, kEnds, call(SYS_process_vm_readv, 1, big, 1, big, 1, 0)),
    ROW("ends.process-vm-writev", 0, kEnds, call(SYS_process_vm_writev, 1, big, 1, big, 1, 0)),
    ROW("ends.open-tree", 0, kEnds, call(428, kHere, "/", 1)),
    ROW("ends.fsopen", 0, kEnds, call(430, "proc", 0)),
    ROW("ends.init-module", 0, kEnds, call(SYS_init_module, big, 100, "")),
    ROW("ends.kexec", 0, kEnds, call(SYS_kexec_load, 0, 0, 0, 0)),
    ROW("ends.iopl", 0, kEnds, call(SYS_iopl, 3)),
    ROW("ends.modify-ldt", 0, kEnds, call(SYS_modify_ldt, 1, big, 16)),
    ROW("ends.swapon", 0, kEnds, call(SYS_swapon, "f", 0)),
    ROW("ends.acct", 0, kEnds, call(SYS_acct, "f")),
    ROW("ends.negative", 0, kEnds, call(-1)),
    ROW("ends.x32", 0, kEnds, call(0x40000000 + SYS_openat, kHere, "/etc/shadow", O_RDONLY)),
};
// clang-format on

// One guest swaps, another works (`all` under escape.py's second host process does the same).
long swapper() {
  for (int i = 0; i < 4 * kRounds; ++i) {
    for (const char* name : {"swap/f", "swap/d"}) {
      const bool file = name[5] == 'f';
      const char* link = file ? "swap/lf" : "swap/ld";
      rename_at(name, "swap/spare");
      make_link(file ? in_top("outside/secret") : in_top("outside"), link);
      rename_at(link, name);
      unlink_at(name);
      rename_at("swap/spare", name);
    }
  }
  return 0;
}

// --- the program ---

void print(const char* s) { call(SYS_write, 1, s, length(s)); }

char line[256];
unsigned long at;
void add(const char* s) {
  while (*s && at + 1 < sizeof line) line[at++] = *s++;
}
void add(long n) {
  char digits[24];
  int i = 23;
  digits[i] = 0;
  unsigned long u = n < 0 ? -static_cast<unsigned long>(n) : static_cast<unsigned long>(n);
  do digits[--i] = static_cast<char>('0' + u % 10);
  while (u /= 10);
  if (n < 0) digits[--i] = '-';
  add(digits + i);
}

void run(const Row& row) {
  const long got = row.attempt();
  at = 0;
  add(row.name), add("\t"), add(got), add("\t"), add(row.want), add(row.flags & kNative ? "\tn\n" : "\t-\n");
  line[at] = 0;
  print(line);
}

bool chosen(const Row& row, const char* word) {
  if (same(word, "all")) return !(row.flags & (kEnds | kSwap | kLast | kInSub));
  if (same(word, "swaps")) return row.flags & kSwap;
  if (same(word, "native")) return row.flags & kNative;
  return same(word, row.name);
}

void list() {
  for (const Row& row : kRows) {
    at = 0;
    add(row.name), add(row.flags & kEnds    ? "\tends\n"
                       : row.flags & kInSub ? "\tin sub\n"
                       : row.flags & kSwap  ? "\tswaps\n"
                       : row.flags & kLast  ? "\tlast\n"
                                            : "\tall\n");
    line[at] = 0;
    print(line);
  }
}

extern "C" [[noreturn]] __attribute__((used)) void start(long* stack) {
  const long argc = stack[0];
  char** argv = reinterpret_cast<char**>(stack + 1);
  if (argc < 3) {
    list();
    call(SYS_exit_group, 0);
  }
  top = argv[1];
  print("start\n");
  for (long i = 2; i < argc; ++i) {
    if (same(argv[i], "swapper")) swapper();
    for (const Row& row : kRows)
      if (chosen(row, argv[i])) run(row);
  }
  call(SYS_exit_group, 0);
  __builtin_unreachable();
}

}  // namespace

asm(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n hlt\n");
