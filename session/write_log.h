// When each byte of the guest was last written, kept while a run goes forward: so that of every moment of a run it is
// known which words of the stack were not written since their frame was opened. For one moment alone see written.h.
//
//     WriteLog log;
//     machine.engine().set_observer(&log, true);
//     … run …; model::Roles r = session.roles(…); log.mark(r);
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "emu/engine/engine.h"
#include "runtime_model/roles.h"

namespace deferscope::session {

class WriteLog final : public emu::Observer {
 public:
  void instruction(uint64_t) override {}
  void instructions(uint64_t, const uint16_t*, unsigned) override {}
  void access(uint64_t address, unsigned bytes, bool write) override {
    if (write) wrote(address, bytes);
  }
  // A stack was copied to [lo, hi): of frames that are open already nothing is known from here on.
  void moved(uint64_t lo, uint64_t hi);

  // Numbers writes; what was written behind a moment has greater ones than now() said there.
  uint32_t now() const { return now_; }
  bool written_since(uint32_t number, uint64_t address, uint64_t bytes) const {
    return last_of(address, bytes) > number;
  }

  // Slots that were not written since their frame was opened become stale, the others are not. Of frames that were
  // opened before the log began, or too long ago for what it keeps, nothing changes.
  void mark(model::Roles& roles) const;

 private:
  static constexpr size_t kMostPages = 2048;  // of 16 KiB each; then all is forgotten
  static constexpr uint64_t kPage = 4096;
  using Page = std::array<uint32_t, kPage>;  // by byte: the number of its last write, 0: none
  struct Near {
    uint64_t number = UINT64_MAX;
    Page* page = nullptr;
  };

  void wrote(uint64_t address, unsigned bytes);
  Page& page_of(uint64_t address);
  void forget();
  uint32_t last(uint64_t address) const;
  uint32_t last_of(uint64_t address, uint64_t bytes) const;  // the latest of any of them
  uint32_t opened(const model::Frame& frame) const;          // 0: not known
  static void mark(model::Slot& slot, uint32_t opened, const WriteLog& log);

  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages_;
  std::array<Near, 64> near_{};
  std::map<uint64_t, std::pair<uint64_t, uint32_t>> moved_;  // by lo: hi, and the number of the last write before
  uint32_t now_ = 0;
};

}  // namespace deferscope::session
