// A descriptor of the host that closes itself.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace deferscope::emu {

class HostFd {
 public:
  HostFd() = default;
  explicit HostFd(int fd) : fd_(fd) {}
  HostFd(HostFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  HostFd& operator=(HostFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~HostFd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (fd_ < 0) return;
    const int e = errno;  // of the call that came before
    ::close(std::exchange(fd_, -1));
    errno = e;
  }

 private:
  int fd_ = -1;
};

}  // namespace deferscope::emu
