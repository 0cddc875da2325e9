#include "runtime_model/naming.h"

#include <algorithm>

namespace deferscope::model {

Name Naming::function(const Function* f) {
  if (!f) return {};
  const auto [name, fresh] = functions_.of(f);
  if (fresh) *name = Name(readable(f->name()));
  return *name;
}

Name Naming::kept(std::string_view text) {
  if (text.empty()) return {};
  const auto [name, fresh] = texts_.of(text.data());
  if (fresh) *name = Name(text);
  return *name;
}

DeferredFunction Naming::deferred(const Deferred& d) {
  DeferredFunction out;
  tell(d, out);
  return out;
}

void Naming::tell(const Deferred& d, DeferredFunction& out) {
  out.funcval = d.funcval;
  out.entry = d.entry;
  if (!d.function) {
    out.captured_complete = false;
    return;
  }
  out.symbol = function(d.function);
  if (d.target) {
    out.wrapper = true;
    out.wraps = function(d.target);
  } else {
    const auto [wraps, fresh] = wraps_.of(d.function);
    if (fresh) {
      const Wrapped& w = p_.wrapped(*d.function);
      wraps->wrapper = w.is_wrapper;
      if (!w.function.empty()) wraps->function = Name(readable(w.function));
    }
    out.wrapper = wraps->wrapper;
    out.wraps = wraps->function;
  }
  out.captured.reserve(d.captured.size());
  for (const auto& c : d.captured) {
    Captured& w = out.captured.emplace_back();
    w.offset = c.offset, w.size = c.size, w.value = c.value, w.name = kept(c.name);
    if (c.type) {
      w.type = kept(c.type->name);
      w.shape = static_cast<uint8_t>(c.type->kind), w.width = static_cast<uint8_t>(std::min<uint64_t>(8, c.type->size));
    }
    w.frame = function(c.frame), w.frame_offset = c.frame_offset;
  }
  for (const auto& [offset, text] : d.texts)
    for (Captured& w : out.captured)
      if (w.offset == offset) w.shown = text;
  out.captured_complete = d.captured_complete;
}

}  // namespace deferscope::model
