// Events on their way to a file: a thread of its own takes them in the order in which they come, makes text of them and
// writes it, while the guest runs on. What is written is what one thread would write.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime_model/events.h"

namespace deferscope::traces {

class EventQueue {
 public:
  // `write` is called once an event, in the queue's thread; what it uses belongs to that thread until finish().
  explicit EventQueue(std::function<void(const model::Event&)> write);
  ~EventQueue();  // as finish(), but silent about errors
  EventQueue(const EventQueue&) = delete;

  // Takes the event's vectors and strings; its numbers stay. Cost: tens of nanoseconds. Waits only if kWaiting events
  // are not yet written. Throws what `write` threw.
  void put(model::Event& e);
  // Returns when everything is written. Throws what `write` threw; the events behind that one are dropped.
  void finish();

 private:
  static constexpr size_t kBatch = 128;                  // events handed over at once
  static constexpr size_t kBatches = 64;                 // in all: waiting, at work and free
  static constexpr size_t kWaiting = kBatch * kBatches;  // some 5 MB
  struct Batch {
    std::vector<model::Event> events{kBatch};
    size_t used = 0;
  };
  void hand_over();
  void work();
  void stop();

  std::function<void(const model::Event&)> write_;
  std::unique_ptr<Batch> filling_;  // the guest's thread only
  std::mutex mutex_;                // of all below
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Batch>> full_;
  std::vector<std::unique_ptr<Batch>> free_;
  size_t made_ = 1;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace deferscope::traces
