// Why an operation failed, and what operations give: named as POSIX names it, numbered by nobody. Each system has its
// own numbers (emu/linux/errors.cpp); they appear where a call is answered and nowhere before.
#pragma once
#include <cstdint>

namespace deferscope::emu::posix {

// clang-format off
#define DEFERSCOPE_POSIX_ERRORS(X) \
  X(PERM) X(NOENT) X(SRCH) X(INTR) X(IO) X(NXIO) X(BADF) X(CHILD) X(AGAIN) X(NOMEM) X(ACCES) X(FAULT) X(BUSY) X(EXIST) X(XDEV) X(NODEV) \
  X(NOTDIR) X(ISDIR) X(INVAL) X(NFILE) X(MFILE) X(NOTTY) X(TXTBSY) X(FBIG) X(NOSPC) X(SPIPE) X(ROFS) X(MLINK) X(PIPE) X(RANGE) \
  X(NAMETOOLONG) X(NOSYS) X(NOTEMPTY) X(LOOP) X(NODATA) X(OVERFLOW) X(NOTSOCK) X(DESTADDRREQ) X(MSGSIZE) X(PROTOTYPE) X(NOPROTOOPT) \
  X(PROTONOSUPPORT) X(SOCKTNOSUPPORT) X(OPNOTSUPP) X(AFNOSUPPORT) X(ADDRINUSE) X(ADDRNOTAVAIL) X(NETUNREACH) X(CONNRESET) X(NOBUFS) \
  X(ISCONN) X(NOTCONN) X(TIMEDOUT) X(CONNREFUSED) X(INPROGRESS) X(DQUOT) X(DEADLK) X(NOTSUP)
// clang-format on

enum class Error : uint8_t {
  None,
#define DEFERSCOPE_POSIX_ERROR(name) name,
  DEFERSCOPE_POSIX_ERRORS(DEFERSCOPE_POSIX_ERROR)
#undef DEFERSCOPE_POSIX_ERROR
};

Error error_of_host(int host_errno);  // what no row has is IO

// A number ≥ 0, or why there is none: an error; the thread waits (Context::wait); or the registers are already as they
// should be (a return from a signal handler, an exit). True if it is a number.
class Result {
 public:
  constexpr Result(int64_t value = 0) : raw_(value) {}                   // NOLINT: a number is one
  constexpr Result(Error error) : raw_(-static_cast<int64_t>(error)) {}  // NOLINT: an error is one
  static constexpr Result blocked() { return Result(INT64_MIN); }
  static constexpr Result unanswered() { return Result(INT64_MIN + 1); }

  constexpr explicit operator bool() const { return raw_ >= 0; }
  constexpr int64_t value() const { return raw_; }  // only of a number
  constexpr Result without_value() const { return raw_ < 0 ? *this : Result(0); }
  constexpr Error error() const { return raw_ < 0 && raw_ > -256 ? static_cast<Error>(-raw_) : Error::None; }
  constexpr bool operator==(const Result&) const = default;

 private:
  int64_t raw_;
};

inline constexpr Result kOk = 0;
inline constexpr Result kBlocked = Result::blocked();
inline constexpr Result kNoResult = Result::unanswered();

}  // namespace deferscope::emu::posix
