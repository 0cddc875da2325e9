// Keeps every instruction of a run: pc, registers, memory. Instructions follow from those before them, so that what is
// kept is what they do not say: the pages as the guest first reaches them, what the system changes, and every some
// million instructions all registers anew, from where they can be executed again (insn_reader.h) without the guest's
// system. While the guest runs nothing is done but where its TLBs miss.
#pragma once
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "emu/machine.h"
#include "traces/insn_format.h"
#include "traces/worker.h"

namespace deferscope::traces {

struct InsnOptions {
  uint64_t from = 0, to = UINT64_MAX;  // positions that are wanted; some more may be kept
  uint64_t chunk = 16'000'000;         // instructions between two sets of registers
};

class InsnWriter final : public emu::Witness {
 public:
  // `header`: text for readers (docs/trace-format.md). `write` is called in a thread of the writer's own with pieces,
  // in order, each whole; what it throws is thrown on. From here on it is the machine's witness.
  InsnWriter(emu::Machine& machine, std::string_view header, InsnOptions options,
             std::function<void(std::string_view)> write);
  ~InsnWriter() override;
  InsnWriter(const InsnWriter&) = delete;

  // The last piece and the index. `end`: text for readers. Throws what `write` threw.
  void finish(std::string_view end);
  // A store to one mapping of a file showed in another where the guest had read before: from there on what is executed
  // again may differ.
  bool torn() const { return torn_; }

 private:
  struct Thread {
    insn::Registers registers{};  // as its last instruction left them
  };
  struct Raw {
    insn::Piece head;
    std::string records, pages;
  };
  struct Hash {
    uint64_t low = 0, high = 0;
    bool operator==(const Hash&) const = default;
  };
  struct HashOf {
    size_t operator()(const Hash& h) const { return h.low; }
  };

  void resumes(const emu::MachineState& s) override;
  void pauses(const emu::MachineState& s, bool faulted) override;
  void reached(uint64_t page, const uint8_t* bytes) override;
  void stored(uint64_t address, const uint8_t* bytes, uint64_t n) override;
  void replaced(uint64_t begin, uint64_t end) override;

  bool wanted(const emu::MachineState& s) const;
  void start(const emu::MachineState& s);
  void stop();
  void code_pages(const emu::Memory& memory);
  void tell_pause();
  void put_position(uint64_t p);
  void put_page(insn::Record how, uint64_t page);
  void keep(uint64_t page, const uint8_t* bytes);
  void hand_over_if_full();
  void hand_over();
  void piece(insn::Kind kind, std::string_view records, std::string_view pages, insn::Piece head);

  emu::Machine& m_;
  const InsnOptions options_;
  std::function<void(std::string_view)> write_;

  bool active_ = false, executing_ = false, over_ = false, torn_ = false;
  bool told_ = false;     // the pause at hand is written
  bool faulted_ = false;  // its last instruction was
  uint64_t paused_ = 0, last_ = 0, began_ = 0, last_page_ = 0;
  int tid_ = 0;
  std::unordered_map<int, Thread> threads_;
  std::unordered_set<uint64_t> known_;                // pages of this chunk
  std::unordered_map<uint64_t, uint64_t> code_;       // pages with translated code, as they were stored
  std::unordered_map<Hash, uint64_t, HashOf> pages_;  // numbers of those stored
  uint64_t page_count_ = 0, chunk_pages_ = 0;

  Raw raw_;
  insn::Kind kind_ = insn::Kind::chunk;
  std::string index_, made_;  // the worker's
  uint64_t offset_ = 0;       // the worker's
  Worker<Raw> worker_;        // last: its thread uses the others
};

}  // namespace deferscope::traces
