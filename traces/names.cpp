#include "traces/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime_model/typed.h"
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

}  // namespace

const std::string& Names::symbol(uint64_t pc) {
  return once(symbols_, pc, [&](std::string& out) {
    JsonWriter w(out);
    const CodeText c = code(pc);
    if (!c.known)
      w.null("symbol").number("offset", 0).null("file").number("line", 0);
    else
      w.text("symbol", c.symbol).number("offset", c.offset).text("file", c.file).number("line", c.line);
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

const std::string& Names::instruction(uint64_t pc) {
  return once(instructions_, pc, [&](std::string& out) { append_json_string(out, instruction_text(pc)); });
}

const std::string& Names::name(model::Name n) {
  return once(names_, n.id(), [&](std::string& out) { append_json_string(out, n.text()); });
}

const std::string& Names::captured_json(const model::Captured& c) {
  Word& word = words_[(c.value * 0x9e3779b97f4a7c15u) >> 56];
  const model::Captured& k = word.of;
  const bool same = !word.json.empty() && k.value == c.value && k.type == c.type && k.name == c.name &&
                    k.frame == c.frame && k.frame_offset == c.frame_offset && k.shape == c.shape &&
                    k.width == c.width && k.shown == c.shown;
  if (same) return word.json;
  word.of = c, word.json.clear();
  if (const std::string text = captured(c); text.empty())
    word.json = "null";
  else
    append_json_string(word.json, text);
  return word.json;
}

std::string Names::describe(uint64_t pc) {
  const CodeText c = code(pc);
  if (!c.known) return fmt::format("{:#x}", pc);
  return c.offset ? fmt::format("{}+{}", c.symbol, c.offset) : c.symbol;
}

std::string Names::file(uint64_t pc) {
  const std::string path = code(pc).file;
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

std::optional<uint64_t> ProgramNames::fn_offset() const {
  return static_cast<uint64_t>(p_.layouts()[model::F::defer_fn].offset);
}

std::string ProgramNames::instruction_text(uint64_t pc) { return traces::instruction_text(p_, pc); }

std::string ProgramNames::captured(const model::Captured& c) { return captured_text(p_, c); }

CodeText ProgramNames::code(uint64_t pc) {
  const model::Location& l = p_.location(pc);
  if (!l.function) return {};
  return {true, model::readable(l.function->name()), l.offset, std::string(l.file),
          static_cast<uint64_t>(std::max(0, l.line))};
}

}  // namespace deferscope::traces
