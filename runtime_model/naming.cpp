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

const Naming::Wraps& Naming::wraps(const Function* f) {
  const auto [wraps, fresh] = wraps_.of(f);
  if (!fresh) return *wraps;
  wraps->wrapper = p_.wrapped(*f).is_wrapper;
  if (const std::string name = p_.stands_for(*f); !name.empty()) wraps->function = Name(readable(name));
  return *wraps;
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
    const Name further = wraps(d.target).function;
    out.wrapper = true;
    out.wraps = further ? further : function(d.target);
  } else {
    const Wraps& w = wraps(d.function);
    out.wrapper = w.wrapper;
    out.wraps = w.function;
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
