// Events on their way to a file: a thread of its own takes them in the order in which they come, makes text of them and
// writes it, while the guest runs on. What is written is what one thread would write. Programs defer in bursts, so a
// burst of half a million events may wait here, packed.
#pragma once
#include <functional>
#include <vector>

#include "runtime_model/events.h"
#include "traces/event_pack.h"
#include "traces/worker.h"

namespace deferscope::traces {

class EventQueue {
 public:
  // `write` is called once an event, in the queue's thread; what it uses belongs to that thread until finish().
  explicit EventQueue(std::function<void(const model::Event&)> write);
  EventQueue(const EventQueue&) = delete;
  ~EventQueue();  // as finish(), but silent about errors

  // Cost: tens of nanoseconds. Waits only if kBytes are not yet written. Throws what `write` threw.
  void put(const model::Event& e) {
    packer_.append(filling_.bytes, filling_.used, e);
    if (filling_.used >= kBatch) hand_over();
  }
  // Returns when everything is written. Throws what `write` threw; the events behind that one are dropped.
  void finish();

 private:
  static constexpr size_t kBatch = 256 << 10;         // bytes handed over at once
  static constexpr size_t kBytes = size_t{32} << 20;  // in all: waiting, at work and free
  struct Batch {
    std::vector<uint8_t> bytes = std::vector<uint8_t>(kBatch + kBatch / 8);
    size_t used = 0;
  };
  void hand_over();
  void write(Batch& batch);

  std::function<void(const model::Event&)> write_;
  EventPacker packer_;      // the guest's thread only
  Batch filling_;           // the guest's thread only
  EventUnpacker unpacker_;  // the queue's thread only
  Worker<Batch> worker_;    // last: its thread uses the others
};

}  // namespace deferscope::traces
