// Events as some fifty bytes each, for those that wait for their writer: differences to the last one of the same kind,
// as varints. No file format: names go as this process knows them.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "runtime_model/events.h"

namespace deferscope::traces {

namespace detail {
constexpr size_t kPackedNumbers = 64;  // more than any kind of event has
// The numbers of the last event of each kind, in packing order: most of them are this one's too.
using Before = std::array<std::array<uint64_t, kPackedNumbers>, static_cast<size_t>(model::EventKind::count)>;
}  // namespace detail

// Appends events to buffers; an EventUnpacker that gets all of them in this order gives them back.
class EventPacker {
 public:
  // Appends e to out[used…], growing `out` where it must, and moves `used`. Cost: tens of nanoseconds.
  void append(std::vector<uint8_t>& out, size_t& used, const model::Event& e);

 private:
  detail::Before before_{};
};

class EventUnpacker {
 public:
  EventUnpacker();
  // The event at p; moves p behind it. Valid until the next event of its kind is unpacked.
  const model::Event& next(const uint8_t*& p);

 private:
  detail::Before before_{};
  std::array<model::Event, static_cast<size_t>(model::EventKind::count)> events_;  // reused, with what they hold
};

}  // namespace deferscope::traces
