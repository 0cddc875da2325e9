// Events on their way to a file: a thread of its own takes them in the order in which they come, makes text of them and
// writes it, while the guest runs on. What is written is what one thread would write. Programs defer in bursts, so a
// burst of half a million events may wait here, packed.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime_model/events.h"
#include "traces/event_pack.h"

namespace deferscope::traces {

class EventQueue {
 public:
  // `write` is called once an event, in the queue's thread; what it uses belongs to that thread until finish().
  explicit EventQueue(std::function<void(const model::Event&)> write);
  ~EventQueue();  // as finish(), but silent about errors
  EventQueue(const EventQueue&) = delete;

  // Cost: tens of nanoseconds. Waits only if kBytes are not yet written. Throws what `write` threw.
  void put(const model::Event& e);
  // Returns when everything is written. Throws what `write` threw; the events behind that one are dropped.
  void finish();

 private:
  static constexpr size_t kBatch = 64 << 10;          // bytes handed over at once
  static constexpr size_t kBytes = size_t{32} << 20;  // in all: waiting, at work and free
  struct Batch {
    std::vector<uint8_t> bytes = std::vector<uint8_t>(kBatch + kBatch / 8);
    size_t used = 0;
  };
  void start();
  void hand_over();
  void work();
  void write(const Batch& batch);
  void stop();

  std::function<void(const model::Event&)> write_;
  EventPacker packer_;      // the guest's thread only
  Batch filling_;           // the guest's thread only
  EventUnpacker unpacker_;  // the queue's thread only
  std::mutex mutex_;        // of all below
  std::condition_variable filled_, freed_;
  std::deque<Batch> full_;
  std::vector<Batch> free_;
  size_t made_ = 1;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace deferscope::traces
