#include "traces/event_queue.h"

#include <utility>

namespace deferscope::traces {

EventQueue::EventQueue(std::function<void(const model::Event&)> write)
    : write_(std::move(write)), filling_(std::make_unique<Batch>()), thread_([this] { work(); }) {}

EventQueue::~EventQueue() { stop(); }

void EventQueue::put(model::Event& e) {
  filling_->events[filling_->used++] = std::move(e);
  if (filling_->used == kBatch) hand_over();
}

void EventQueue::hand_over() {
  std::unique_lock lock(mutex_);
  full_.push_back(std::move(filling_));
  changed_.notify_all();
  changed_.wait(lock, [this] { return failure_ || !free_.empty() || made_ < kBatches; });
  if (free_.empty()) {
    filling_ = std::make_unique<Batch>();
    ++made_;
  } else {
    filling_ = std::move(free_.back());
    free_.pop_back();
  }
  if (failure_) std::rethrow_exception(failure_);
}

void EventQueue::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ended_ || !full_.empty(); });
    if (full_.empty()) return;
    std::unique_ptr<Batch> batch = std::move(full_.front());
    full_.pop_front();
    const bool failed = failure_ != nullptr;
    lock.unlock();
    std::exception_ptr failure;
    try {
      for (size_t i = 0; i < batch->used && !failed; ++i) write_(batch->events[i]);
    } catch (...) {
      failure = std::current_exception();
    }
    batch->used = 0;
    lock.lock();
    if (failure && !failure_) failure_ = failure;
    free_.push_back(std::move(batch));
    changed_.notify_all();
  }
}

void EventQueue::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    if (filling_) full_.push_back(std::move(filling_));
    ended_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void EventQueue::finish() {
  stop();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace deferscope::traces
