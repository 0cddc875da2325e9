// Looking for it backwards, stretch by stretch: two neighbouring snapshots that share a page prove that it was not
// written.
#include "session/last_write.h"

#include <fmt/format.h>

#include <algorithm>

#include "session/frame_life.h"

namespace deferscope::session {
namespace {

// Behind the last instruction before `end` that wrote [address, address + size), as watchpoints see it.
std::optional<emu::Position> last_write_seen(Timeline& time, emu::Position begin, emu::Position end, uint64_t address,
                                             unsigned size) {
  time.machine().set_hooks({});
  time.seek(begin);
  emu::Watch w;
  w.address = address, w.size = size;
  time.machine().set_watches({w});
  std::optional<emu::Position> found;
  while (time.position() < end) {
    const emu::Stop s = time.run(end);
    if (s.kind == emu::Stop::Watchpoint)
      found = time.position();
    else if (s.kind != emu::Stop::Reached)
      break;
  }
  time.machine().set_watches({});
  return found;
}

// The kernel writes without an instruction: the last change of the value in (begin, end], by halving.
emu::Position last_change(Timeline& time, const Reader& reader, emu::Position begin, emu::Position end,
                          uint64_t address, unsigned size) {
  time.seek(end);
  const auto now = reader.value(address, size);
  while (end - begin > 1) {
    time.check_interrupt();
    const emu::Position middle = begin + (end - begin) / 2;
    time.seek(middle);
    (reader.value(address, size) == now ? end : begin) = middle;
  }
  return end;
}

std::optional<emu::Position> find_last_write(Timeline& time, const Reader& reader, uint64_t address, unsigned size) {
  const emu::Position from = time.position();
  std::vector<emu::Position> marks = time.machine().snapshot_positions();
  std::vector<uint64_t> pages;
  for (uint64_t p = emu::page_of(address); p < address + size; p += emu::kPage) pages.push_back(p);
  emu::Position end = from;
  bool first = true;
  for (auto it = marks.rbegin(); it != marks.rend(); ++it) {
    if (*it >= end) continue;
    time.check_interrupt();
    const emu::MachineState* a = time.machine().snapshot_at(*it);
    const emu::MachineState* b = first ? nullptr : time.machine().snapshot_at(end);
    const bool untouched = a && b && std::all_of(pages.begin(), pages.end(), [&](uint64_t p) {
                             return emu::Memory::same_frame(a->memory, b->memory, p);
                           });
    if (!untouched) {
      if (const auto found = last_write_seen(time, *it, end, address, size)) return found;
      time.seek(*it);
      const auto before = reader.value(address, size);
      time.seek(end);
      if (before != reader.value(address, size)) return last_change(time, reader, *it, end, address, size);
    }
    time.tell({*it, true});
    end = *it, first = false;
  }
  return std::nullopt;
}

// A word of a goroutine's stack, told by its distance from the stack's upper end.
struct StackWord {
  uint64_t g = 0, below = 0;
};

std::optional<StackWord> stack_word(const Reader& reader, uint64_t address) {
  const model::Guest* guest = reader.guest();
  const uint64_t g = guest ? reader.who().g : 0;
  if (g == 0 || !guest->on_stack(g, address + 1)) return std::nullopt;
  return StackWord{g, guest->stack_hi(g) - address};
}

// If the instruction before `written` belongs to the copying of that stack: goes to before that, and says where the
// word was there.
std::optional<uint64_t> before_copy(Timeline& time, const Reader& reader, emu::Position written,
                                    const StackWord& word) {
  time.seek(written - 1);
  const auto seen = reader.frames(16);
  const auto copying = std::find_if(
      seen.begin(), seen.end(), [](const Frame& f) { return f.function && f.function->name() == "runtime.copystack"; });
  if (copying == seen.end()) return std::nullopt;
  const auto entry = last_hook_before(time, written, {copying->function->f.entry}, [] { return true; });
  time.machine().set_hooks({});
  if (!entry) return std::nullopt;
  time.seek(*entry);
  return reader.guest()->stack_hi(word.g) - word.below;
}

// Where `set` last changed a word in [address, address + size), up to position p.
std::optional<emu::Position> last_edit(const Timeline& time, emu::Position p, uint64_t address, unsigned size) {
  for (auto it = time.edits().upper_bound(p); it != time.edits().begin();) {
    --it;
    for (const Edit& e : it->second)
      if (!e.is_register && e.address < address + size && address < e.address + e.bytes) return it->first;
  }
  return std::nullopt;
}

}  // namespace

LastWrite last_write(Timeline& time, const Reader& reader, uint64_t address, unsigned size) {
  const emu::Position from = time.position();
  const auto value = reader.value(address, size);
  if (!value) throw Error(fmt::format("{:#x} is not mapped", address));
  std::optional<emu::Position> found;
  LastWrite out;
  out.address = address;
  try {
    const auto on_stack = stack_word(reader, address);
    found = find_last_write(time, reader, address, size);
    while (found && on_stack) {
      const auto old = before_copy(time, reader, *found, *on_stack);
      if (!old || *old == out.address) break;
      const auto earlier = find_last_write(time, reader, *old, size);
      if (!earlier) break;
      found = earlier, out.address = *old;
    }
  } catch (...) {
    time.seek(from);
    throw;
  }
  out.value = *value;
  if (const auto by_hand = last_edit(time, from, address, size); by_hand && by_hand >= found) {
    out.kind = LastWrite::edit;
    out.position = *by_hand;
  } else if (found) {
    out.kind = LastWrite::instruction;
    out.position = *found - 1;
    time.seek(out.position);
    out.before = reader.value(out.address, size);
  }
  time.seek(from);
  return out;
}

}  // namespace deferscope::session
