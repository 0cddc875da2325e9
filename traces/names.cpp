#include "traces/names.h"

#include <algorithm>

#include "traces/instruction_text.h"
#include "traces/json_writer.h"

namespace deferscope::traces {
namespace {

// `make` fills the text when the key is new.
template <class Make>
const std::string& once(model::Kept<std::string>& kept, uint64_t key, Make make) {
  const auto [text, fresh] = kept.at(key);
  if (fresh) make(*text);
  return *text;
}

uint64_t key(const model::Function* f) { return reinterpret_cast<uintptr_t>(f); }

}  // namespace

const std::string& Names::symbol(uint64_t pc) {
  return once(symbols_, pc, [&](std::string& out) {
    JsonWriter w(out);
    const model::Location& l = p_.location(pc);
    if (!l.function) {
      w.null("symbol").number("offset", 0).null("file").number("line", 0);
      return;
    }
    w.text("symbol", model::readable(l.function->name())).number("offset", l.offset);
    w.text("file", l.file).number("line", static_cast<uint64_t>(std::max(0, l.line)));
  });
}

const std::string& Names::place(uint64_t pc) {
  return once(places_, pc, [&](std::string& out) {
    if (pc)
      JsonWriter(out).open().hex("pc", pc).fragment(symbol(pc)).close();
    else
      out = "null";
  });
}

const std::string& Names::function(const model::Function* f) {
  return once(functions_, key(f), [&](std::string& out) {
    if (f)
      append_json_string(out, model::readable(f->name()));
    else
      out = "null";
  });
}

const std::string& Names::deferred(const model::Function* f) {
  return once(deferred_, key(f), [&](std::string& out) {
    const model::Wrapped& wrapped = p_.wrapped(*f);
    JsonWriter(out)
        .text("symbol", model::readable(f->name()))
        .boolean("wrapper", wrapped.is_wrapper)
        .text_or_null("wraps", model::readable(wrapped.function));
  });
}

const std::string& Names::instruction(uint64_t pc) {
  return once(instructions_, pc, [&](std::string& out) { append_json_string(out, instruction_text(p_, pc)); });
}

}  // namespace deferscope::traces
