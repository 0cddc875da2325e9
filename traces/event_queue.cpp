#include "traces/event_queue.h"

#include <csignal>
#include <utility>

namespace deferscope::traces {

EventQueue::EventQueue(std::function<void(const model::Event&)> write) : write_(std::move(write)) {}

// The first batch starts it: the process is confined by then. Signals are for the guest's thread.
void EventQueue::start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

EventQueue::~EventQueue() { stop(); }

void EventQueue::put(const model::Event& e) {
  packer_.append(filling_.bytes, filling_.used, e);
  if (filling_.used >= kBatch) hand_over();
}

void EventQueue::hand_over() {
  if (!thread_.joinable()) start();
  std::unique_lock lock(mutex_);
  full_.push_back(std::exchange(filling_, Batch{{}, 0}));
  filled_.notify_one();
  freed_.wait(lock, [this] { return failure_ || !free_.empty() || made_ < kBytes / kBatch; });
  if (failure_) std::rethrow_exception(failure_);
  if (free_.empty()) {
    ++made_;
    lock.unlock();
    filling_ = Batch{};
  } else {
    filling_ = std::move(free_.back());
    free_.pop_back();
  }
}

void EventQueue::write(const Batch& batch) {
  const uint8_t* p = batch.bytes.data();
  while (p != batch.bytes.data() + batch.used) write_(unpacker_.next(p));
}

void EventQueue::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    filled_.wait(lock, [this] { return ended_ || !full_.empty(); });
    if (full_.empty()) return;
    Batch batch = std::move(full_.front());
    full_.pop_front();
    const bool failed = failure_ != nullptr;
    lock.unlock();
    std::exception_ptr failure;
    try {
      if (!failed) write(batch);
    } catch (...) {
      failure = std::current_exception();
    }
    batch.used = 0;
    lock.lock();
    if (failure) failure_ = failure;
    free_.push_back(std::move(batch));
    freed_.notify_one();
  }
}

void EventQueue::stop() {
  if (ended_ || (!thread_.joinable() && filling_.used == 0)) return;
  if (!thread_.joinable()) start();
  {
    const std::lock_guard lock(mutex_);
    full_.push_back(std::move(filling_));
    ended_ = true;
    filled_.notify_one();
  }
  thread_.join();
}

void EventQueue::finish() {
  stop();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace deferscope::traces
