#include "emu/engine/host/code_area.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace deferscope::emu::host {

std::unique_ptr<CodeArea> CodeArea::make(size_t code, size_t cells) {
  std::unique_ptr<CodeArea> a(new CodeArea);
  const size_t bytes = code + cells * sizeof(void*);
  void* const whole = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (whole == MAP_FAILED) return nullptr;
  a->run_ = static_cast<uint8_t*>(whole), a->size_ = code, a->cell_count_ = cells;
  const int fd = memfd_create("deferscope code", MFD_CLOEXEC);
  if (fd < 0) return nullptr;
  const bool made = ftruncate(fd, static_cast<off_t>(code)) == 0;
  void* const run = made ? mmap(whole, code, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) : MAP_FAILED;
  void* const write = made ? mmap(nullptr, code, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  close(fd);
  if (write != MAP_FAILED) a->write_ = static_cast<uint8_t*>(write);
  void* const data = a->run_ + code;
  if (run == MAP_FAILED || write == MAP_FAILED || mprotect(data, cells * sizeof(void*), PROT_READ | PROT_WRITE) != 0)
    return nullptr;
  a->cells_ = static_cast<const void**>(data);
  return a;
}

CodeArea::~CodeArea() {
  if (write_) munmap(write_, size_);
  if (run_) munmap(run_, size_ + cell_count_ * sizeof(void*));
}

bool CodeArea::add(std::span<const uint8_t> code) {
  if (code.size() > size_ - used_) return false;
  std::memcpy(write_ + used_, code.data(), code.size());
  used_ = (used_ + code.size() + 15) & ~size_t{15};
  if (used_ > size_) used_ = size_;
  return true;
}

void CodeArea::clear(size_t bytes) {
  used_ = bytes;
  cells_used_ = 0;
}

bool CodeArea::full() const { return size_ - used_ < (size_t{512} << 10) || cell_count_ - cells_used_ < 4096; }

}  // namespace deferscope::emu::host
