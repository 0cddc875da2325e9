// Memory for host code that is never writable and executable at once: one piece of memory seen twice, written through
// one view and run through the other. Behind the executable view lie cells, data that code reads relative to itself.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace deferscope::emu::host {

class CodeArea {
 public:
  // Room for `code` bytes of code and `cells` cells, none of it touched yet; nullptr where the host refuses.
  static std::unique_ptr<CodeArea> make(size_t code, size_t cells);
  ~CodeArea();
  CodeArea(const CodeArea&) = delete;
  CodeArea& operator=(const CodeArea&) = delete;

  // Where the next code will run.
  const uint8_t* next() const { return run_ + used_; }
  // Puts it there. False: no room.
  bool add(std::span<const uint8_t> code);
  // A new cell; nullptr: no room.
  const void** cell() { return cells_used_ < cell_count_ ? &cells_[cells_used_++] : nullptr; }
  // Forgets all code behind the first `bytes` and all cells. Nothing of it may be on a stack.
  void clear(size_t bytes);
  size_t used() const { return used_; }
  bool full() const;

 private:
  CodeArea() = default;
  uint8_t *write_ = nullptr, *run_ = nullptr;
  const void** cells_ = nullptr;
  size_t size_ = 0, used_ = 0, cell_count_ = 0, cells_used_ = 0;
};

}  // namespace deferscope::emu::host
