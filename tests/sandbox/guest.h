// What a freestanding guest needs: raw system calls, a start, a few words to say. x86-64 and arm64 Linux, no library,
// so that the build's own compiler makes it: cc -O1 -static -nostdlib -ffreestanding.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

#if defined(__x86_64__)
#define NR(amd64, arm64) (amd64)
static inline i64 call6(i64 n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  i64 r;
  register u64 r10 __asm__("r10") = d;
  register u64 r8 __asm__("r8") = e;
  register u64 r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(r)
                   : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return r;
}
__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#elif defined(__aarch64__)
#define NR(amd64, arm64) (arm64)
static inline i64 call6(i64 n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  register u64 x8 __asm__("x8") = (u64)n;
  register u64 x0 __asm__("x0") = a;
  register u64 x1 __asm__("x1") = b;
  register u64 x2 __asm__("x2") = c;
  register u64 x3 __asm__("x3") = d;
  register u64 x4 __asm__("x4") = e;
  register u64 x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return (i64)x0;
}
__asm__(".globl _start\n_start: mov x29, xzr\n mov x0, sp\n bl begin\n");
#else
#error "no guest for this instruction set"
#endif

#define CALL(n, a, b, c, d, e, f) call6((n), (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(f))

enum {
  EAGAIN = 11,
  ENOMEM = 12,
  EFAULT = 14,
  EINVAL = 22,
  ENFILE = 23,
  EMFILE = 24,
  ENOSPC = 28,
  ELOOP = 40,
  ENOBUFS = 105
};

// The system calls that guests make, by name.
static inline i64 k_write(i64 fd, const void* p, u64 n) { return CALL(NR(1, 64), fd, p, n, 0, 0, 0); }
static inline i64 k_read(i64 fd, void* p, u64 n) { return CALL(NR(0, 63), fd, p, n, 0, 0, 0); }
static inline i64 k_openat(const char* path, i64 flags, i64 mode) {
  return CALL(NR(257, 56), -100, path, flags, mode, 0, 0);
}
static inline i64 k_close(i64 fd) { return CALL(NR(3, 57), fd, 0, 0, 0, 0, 0); }
static inline i64 k_mmap(u64 at, u64 n, i64 prot, i64 flags, i64 fd, u64 offset) {
  return CALL(NR(9, 222), at, n, prot, flags, fd, offset);
}
static inline i64 k_munmap(u64 at, u64 n) { return CALL(NR(11, 215), at, n, 0, 0, 0, 0); }
static inline i64 k_mprotect(u64 at, u64 n, i64 prot) { return CALL(NR(10, 226), at, n, prot, 0, 0, 0); }
static inline void k_exit(i64 status) {
  for (;;) CALL(NR(231, 94), status, 0, 0, 0, 0, 0);
}

static inline u64 length(const char* s) {
  u64 n = 0;
  while (s[n]) ++n;
  return n;
}
static inline void say(const char* s) { k_write(1, s, length(s)); }
static inline void say_number(i64 v) {
  char text[24];
  int at = 24;
  u64 u = v < 0 ? (u64)-v : (u64)v;
  do text[--at] = (char)('0' + u % 10);
  while (u /= 10);
  if (v < 0) text[--at] = '-';
  k_write(1, text + at, (u64)(24 - at));
}
static inline int same(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}
// "PREFIX" and a number.
static inline char* name_of(char* out, const char* prefix, u64 v) {
  char digits[24];
  int n = 0;
  char* p = out;
  while (*prefix) *p++ = *prefix++;
  do digits[n++] = (char)('0' + v % 10);
  while (v /= 10);
  while (n) *p++ = digits[--n];
  *p = 0;
  return out;
}

// The compiler calls these.
void* memset(void* p, int c, u64 n) {
  u8* to = p;
  while (n--) *to++ = (u8)c;
  return p;
}
void* memcpy(void* p, const void* q, u64 n) {
  u8* to = p;
  const u8* from = q;
  while (n--) *to++ = *from++;
  return p;
}
