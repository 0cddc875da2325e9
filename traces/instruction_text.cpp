// Text of instructions, through isa's text library.
#include "traces/instruction_text.h"

#include "isa/text/text.h"
#include "loader/listing.h"

namespace deferscope::traces {

namespace {

struct ImageSymbols final : isa::Symbols {
  explicit ImageSymbols(const model::Program& program) : p(program) {}
  isa::SymbolAt at(std::uint64_t address) const override {
    const auto s = p.image().symbol_at(address);
    return s ? isa::SymbolAt{s->name, s->address} : isa::SymbolAt{};
  }
  const model::Program& p;
};

}  // namespace

std::string instruction_text(const model::Program& p, uint64_t pc) {
  const loader::Bytes code = p.image().memory().bytes_from(pc);
  std::string out;
  if (code.empty()) return "?";
  if (std::string listed = loader::listed_text(p.image().listing(), pc); !listed.empty()) return listed;
  isa::append_go(p.isa(), code.first(std::min<size_t>(code.size(), 16)), pc, ImageSymbols(p), {}, out);
  return out;
}

}  // namespace deferscope::traces
