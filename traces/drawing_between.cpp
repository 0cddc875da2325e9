// Two drawings of one stack become one: what stays has its old values, what is gone is dropped, what is new is opened.
#include <algorithm>

#include "traces/drawing.h"

namespace deferscope::traces {
namespace {

using Words = std::vector<DrawnWord>;

bool anonymous(const DrawnWord& w) { return w.name.empty() && w.object.empty(); }

bool same_place(const DrawnWord& a, const DrawnWord& b) { return a.from_end == b.from_end && a.size == b.size; }

// Of a record that has got its number since.
bool same_field(const DrawnWord& a, const DrawnWord& b) {
  return a.name == b.name && a.role == b.role && !a.object.empty() && !b.object.empty();
}

// `now` gets what `was` says of the earlier moment. A name that only one of them has holds for both.
void remember(DrawnWord& now, const DrawnWord& was) {
  if (was.stale && now.stale) {
    now.was_value.clear();
  } else if (was.stale || now.stale || (was.value != now.value && was.word != now.word)) {
    now.was_value = was.stale ? "stale" : was.value;
  }
  now.was_marks = was.marks;
  if (anonymous(now) && !anonymous(was)) {
    now.name = was.name, now.of = was.of, now.role = was.role, now.object = was.object;
  } else if (!anonymous(was) && !same_field(now, was) && words_for(now) != words_for(was)) {
    now.was_name = words_for(was);
  }
}

// Of a word of 8 bytes that is divided otherwise at the two moments.
void remember_all(DrawnWord& now, const Words& was, uint64_t low_from_end) {
  std::string values, names;
  for (auto w = was.rbegin(); w != was.rend(); ++w) {
    const bool here = w->from_end <= low_from_end && w->from_end > low_from_end - 8;
    if (!here || w->role == model::Role::padding) continue;
    values += (values.empty() ? "" : " · ") + (w->stale ? "stale" : w->value);
    if (!anonymous(*w)) names += (names.empty() ? "" : " · ") + words_for(*w);
  }
  if (values != now.value) now.was_value = values;
  now.was_name = names;
}

// The parts of a word that had names are still there: nothing but the names is gone.
bool parts_stay(const DrawnWord& now, const Words& parts) {
  return parts.size() > 1 && anonymous(now) && now.size == 8 &&
         std::all_of(parts.begin(), parts.end(), [&](const DrawnWord& x) {
           const uint64_t at = (now.from_end - x.from_end) * 8,
                          mask = x.size < 8 ? (uint64_t{1} << x.size * 8) - 1 : ~uint64_t{0};
           return x.role == model::Role::padding || (now.word >> at & mask) == (x.word & mask);
         });
}

Words merged(Words now, const Words& was) {
  for (size_t i = 0; i < now.size(); ++i) {
    Words parts;
    for (const DrawnWord& x : was)
      if (x.from_end <= now[i].from_end && x.from_end + now[i].size > now[i].from_end) parts.push_back(x);
    if (!parts_stay(now[i], parts)) continue;
    now.erase(now.begin() + static_cast<ptrdiff_t>(i));
    now.insert(now.begin() + static_cast<ptrdiff_t>(i), parts.begin(), parts.end());
    i += parts.size() - 1;
  }
  for (DrawnWord& w : now) {
    const auto same = std::find_if(was.begin(), was.end(), [&](const DrawnWord& x) { return same_place(x, w); });
    if (same != was.end())
      remember(w, *same);
    else if (w.offset % 8 == 0)
      remember_all(w, was, w.from_end);
  }
  // Below SP, say, or of a frame that was larger.
  for (const DrawnWord& w : was) {
    const bool covered = std::any_of(now.begin(), now.end(), [&](const DrawnWord& x) {
      return x.from_end < w.from_end + 8 && w.from_end < x.from_end + 8;
    });
    if (covered) continue;
    Words::iterator at =
        std::find_if(now.begin(), now.end(), [&](const DrawnWord& x) { return x.from_end > w.from_end; });
    at = now.insert(at, w);
    at->after = false, at->was_value = w.value, at->was_marks = w.marks, at->marks.clear();
  }
  return now;
}

// Leaves out what lies further from the innermost frame than `other` reaches.
void crop(Drawing& d, const Drawing& other) {
  if (other.frames.empty()) return;
  const DrawnFrame& top = other.frames.front();
  const uint64_t limit = top.words.empty() ? top.from_end : top.words.front().from_end;
  for (DrawnFrame& f : d.frames)
    if (!f.system && f.from_end < limit) std::erase_if(f.words, [&](const DrawnWord& w) { return w.from_end < limit; });
  std::erase_if(d.frames, [&](const DrawnFrame& f) { return !f.system && f.words.empty() && f.from_end < limit; });
  if (!d.frames.empty() && d.frames.front().from_end == top.from_end) d.frames.front().whole &= top.whole;
}

bool same_frame(const DrawnFrame& a, const DrawnFrame& b) {
  return a.from_end == b.from_end && a.function == b.function && a.system == b.system;
}

void set_fate(DrawnFrame& f, Fate fate) {
  f.fate = fate;
  for (DrawnWord& w : f.words) {
    w.before = fate != Fate::opened, w.after = fate != Fate::dropped;
    if (fate == Fate::dropped) w.was_marks = std::exchange(w.marks, {}), w.was_value = w.stale ? "stale" : w.value;
  }
}

// A return address that was rewritten lies in a frame that is dropped and in one that is opened.
void remember_return(DrawnFrame& opened, const std::vector<DrawnFrame>& was) {
  constexpr int64_t kCall = 8;  // bytes at most
  for (DrawnWord& w : opened.words) {
    if (w.role != model::Role::return_address) continue;
    for (const DrawnFrame& f : was)
      for (const DrawnWord& x : f.words) {
        const auto moved = static_cast<int64_t>(w.word - x.word);
        if (x.role != w.role || !same_place(x, w) || moved == 0 || moved > kCall || moved < -kCall) continue;
        w.before = true, w.was_value = x.value;
        w.name += moved < 0 ? " −" + std::to_string(-moved) : " +" + std::to_string(moved);
      }
  }
}

void merge_frames(Drawing& out, std::vector<DrawnFrame> was, std::vector<DrawnFrame> now) {
  size_t common = 0;
  while (common < was.size() && common < now.size() && same_frame(was[common], now[common])) {
    DrawnFrame f = std::move(now[common]);
    f.words = merged(std::move(f.words), was[common].words);
    out.frames.push_back(std::move(f));
    ++common;
  }
  for (size_t i = common; i < now.size(); ++i) {
    set_fate(now[i], Fate::opened);
    remember_return(now[i], was);
  }
  for (size_t i = common; i < was.size(); ++i) set_fate(was[i], Fate::dropped), out.frames.push_back(std::move(was[i]));
  for (size_t i = common; i < now.size(); ++i) out.frames.push_back(std::move(now[i]));
}

void merge_boxes(Drawing& out, std::vector<DrawnBox> was, std::vector<DrawnBox> now) {
  for (DrawnBox& b : now) {
    const auto same = std::find_if(was.begin(), was.end(), [&](const DrawnBox& x) { return x.at == b.at; });
    b.fate = same == was.end() ? Fate::opened : Fate::stays;
    if (same != was.end()) {
      for (DrawnWord& w : b.fields)
        for (const DrawnWord& x : same->fields)
          if (x.offset == w.offset && x.size == w.size) remember(w, x);
      if (same->state != b.state) b.state = same->state + " → " + b.state;
      was.erase(same);
    }
    out.boxes.push_back(std::move(b));
  }
  for (DrawnBox& b : was) {
    b.fate = Fate::dropped;
    for (DrawnWord& w : b.fields) w.after = false, w.was_value = w.value;
    out.boxes.push_back(std::move(b));
  }
}

}  // namespace

Drawing between(Drawing before, Drawing after) {
  crop(after, before);
  crop(before, after);
  Drawing out;
  out.program = before.program, out.relative = before.relative, out.title = before.title;
  out.sp = before.sp, out.sp_end = before.sp_end, out.hi = after.hi;
  out.moments = {before.moments.front(), after.moments.back()};
  out.notes = after.notes;
  for (std::string& n : before.notes)
    if (std::find(out.notes.begin(), out.notes.end(), n) == out.notes.end()) out.notes.push_back(std::move(n));
  merge_frames(out, std::move(before.frames), std::move(after.frames));
  merge_boxes(out, std::move(before.boxes), std::move(after.boxes));
  for (DrawnRegister& r : before.registers) r.after = false, out.registers.push_back(std::move(r));
  for (DrawnRegister& r : after.registers) r.before = false, out.registers.push_back(std::move(r));
  name_and_point(out);
  return out;
}

}  // namespace deferscope::traces
