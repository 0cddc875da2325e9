#include "traces/event_queue.h"

#include <utility>

namespace deferscope::traces {

EventQueue::EventQueue(std::function<void(const model::Event&)> write)
    : write_(std::move(write)), worker_(kBytes / kBatch, [this](Batch& batch) { this->write(batch); }) {}

EventQueue::~EventQueue() {
  try {
    if (filling_.used) hand_over();
  } catch (const std::exception&) {  // nobody is left to be told
  }
}

void EventQueue::hand_over() { filling_ = worker_.exchange(std::exchange(filling_, Batch{{}, 0})); }

void EventQueue::write(Batch& batch) {
  const uint8_t* p = batch.bytes.data();
  while (p != batch.bytes.data() + batch.used) write_(unpacker_.next(p));
  batch.used = 0;
}

void EventQueue::finish() {
  if (filling_.used) hand_over();
  worker_.finish();
}

}  // namespace deferscope::traces
