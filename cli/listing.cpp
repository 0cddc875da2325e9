// See listing.h. What objdump does with symbols is in Go's src/cmd/internal/disasm/disasm.go.
#include "cli/listing.h"

#include <algorithm>

#include "cli/go_order.h"
#include "loader/printable.h"

namespace deferscope::cli {
namespace {

// Markers that objdump drops, so that they do not hide the function at the same address.
bool is_marker(std::string_view name) {
  static constexpr std::string_view kMarkers[] = {"runtime.text", "text", "_text", "runtime.etext", "etext", "_etext"};
  return std::find(std::begin(kMarkers), std::end(kMarkers), name) != std::end(kMarkers);
}

bool is_padding(std::span<const std::uint8_t> code, std::size_t end, isa::Isa isa) {
  if (isa == isa::Isa::x86_64) return code[end - 1] == 0xcc;
  return end >= 4 &&
         std::all_of(code.begin() + static_cast<std::ptrdiff_t>(end) - 4,
                     code.begin() + static_cast<std::ptrdiff_t>(end), [](std::uint8_t b) { return b == 0; });
}

}  // namespace

Listing::Listing(const loader::Image& image) : image_(image), bias_(image.bias()), go_(image.go()), isa_(image.isa()) {
  const loader::Section* text = image.text();
  if (!text || text->bytes.empty()) throw loader::Error(image.path() + ": no text section, so nothing to disassemble");
  text_ = text->bytes;
  start_ = text->address - bias_;
  take_file_symbols(image);
  stripped_ = symbols_.empty();
  if (stripped_ && !go_)
    throw loader::Error(image.path() + ": no symbol table and no Go function table (" + image.not_go() +
                        "), so no function is known");
  if (stripped_) take_pclntab();
}

void Listing::take_file_symbols(const loader::Image& image) {
  symbols_ = image.listed_symbols();
  const bool any_code = std::any_of(symbols_.begin(), symbols_.end(), [](const ListedSymbol& s) { return s.code; });
  if (!any_code) return symbols_.clear();  // Darwin's linker keeps the imports in stripped files
  const auto by_address = [](const ListedSymbol& a, const ListedSymbol& b) { return a.address < b.address; };
  GoOrder(symbols_, by_address).sort();
  std::erase_if(symbols_, [](const ListedSymbol& s) { return is_marker(s.name); });
}

void Listing::take_pclntab() {
  for (std::size_t i = 0; i < go_->funcs.size(); ++i) {
    const loader::Func f = go_->funcs.func(i);
    symbols_.push_back({f.name, f.entry - bias_, f.end - f.entry, true});
  }
}

std::uint64_t Listing::padding_of(std::uint64_t from, std::uint64_t to) const {
  if (!stripped_ && image_.os() != loader::Os::darwin) return to;  // Mach-O's symbols have no sizes
  const std::span<const std::uint8_t> code = bytes(from, to);
  std::size_t size = code.size();
  while (size > 0 && is_padding(code, size, isa_)) size -= isa_ == isa::Isa::x86_64 ? 1 : 4;
  return from + size;
}

isa::SymbolAt Listing::at(std::uint64_t address) const {
  const auto above = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                      [](std::uint64_t a, const ListedSymbol& s) { return a < s.address; });
  if (above == symbols_.begin()) return {};
  const ListedSymbol& s = *(above - 1);
  if (s.address == 0 || address - s.address >= s.size) return {};
  return {s.name, s.address};
}

std::span<const std::uint8_t> Listing::bytes(std::uint64_t from, std::uint64_t to) const {
  from = std::clamp(from, text_start(), text_end());
  to = std::clamp(to, from, text_end());
  return text_.subspan(from - start_, to - from);
}

std::optional<loader::Func> Listing::function(std::uint64_t address) const {
  return go_ ? go_->funcs.at(runtime_address(address)) : std::nullopt;
}

loader::SourceLine Listing::line(const std::optional<loader::Func>& f, std::uint64_t address) const {
  if (!f) return {};
  const loader::SourceLine at = go_->funcs.line(*f, runtime_address(address));
  return at.file == "?" && at.line == 0 ? loader::SourceLine{{}, -1} : at;
}

}  // namespace deferscope::cli
