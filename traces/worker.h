// Things handed to a thread of its own, which works on them one after the other in the order in which they come.
#pragma once
#include <condition_variable>
#include <csignal>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace deferscope::traces {

// Items go round: what has been worked on comes back to be filled again, so that no more than `most` are ever made.
template <class Item>
class Worker {
 public:
  // `work` is called in the thread, and leaves the item fit to be filled; what it uses is the thread's until finish().
  Worker(size_t most, std::function<void(Item&)> work) : most_(most), work_(std::move(work)) {}
  ~Worker() { stop(); }  // as finish(), but silent about errors
  Worker(const Worker&) = delete;

  // Takes a full one and gives one that is free: a new Item, or one that came back. Waits if there is none. Throws what
  // `work` threw.
  Item exchange(Item full) {
    start();
    std::unique_lock lock(mutex_);
    full_.push_back(std::move(full));
    filled_.notify_one();
    freed_.wait(lock, [this] { return failure_ || !free_.empty() || made_ < most_; });
    if (failure_) std::rethrow_exception(failure_);
    if (free_.empty()) return ++made_, Item();
    Item item = std::move(free_.back());
    free_.pop_back();
    return item;
  }
  // Returns when all is worked on. Throws what `work` threw; what came behind that item is dropped.
  void finish() {
    stop();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  // The first item starts it: the process is confined by then. Signals are for the thread that hands over.
  void start() {
    if (thread_.joinable()) return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      filled_.wait(lock, [this] { return ended_ || !full_.empty(); });
      if (full_.empty()) return;
      Item item = std::move(full_.front());
      full_.pop_front();
      const bool failed = failure_ != nullptr;
      lock.unlock();
      std::exception_ptr failure;
      try {
        if (!failed) work_(item);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure) failure_ = failure;
      free_.push_back(std::move(item));
      freed_.notify_one();
    }
  }
  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      filled_.notify_one();
    }
    thread_.join();
  }

  const size_t most_;
  std::function<void(Item&)> work_;
  std::mutex mutex_;  // of all below
  std::condition_variable filled_, freed_;
  std::deque<Item> full_;
  std::vector<Item> free_;
  size_t made_ = 1;  // the first one is the caller's
  bool ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace deferscope::traces
