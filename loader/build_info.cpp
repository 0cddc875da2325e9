// The two build-info formats (src/debug/buildinfo of the releases) and the module text.
#include "loader/build_info.h"

#include <algorithm>
#include <array>

#include "loader/printable.h"

namespace deferscope::loader {
namespace {

constexpr std::string_view kMagic("\xff Go buildinf:", 14);
constexpr uint64_t kHeaderSize = 32;
constexpr uint8_t kInlineStrings = 2;  // flag: varint-prefixed strings behind the header (1.18+)
constexpr uint64_t kMaxText = 4 << 20;
constexpr uint64_t kMaxVersion = 512;  // "go1.22.5 X:…", a vendor's suffix

// The module text stands between these (cmd/go/internal/modload: infoStart, infoEnd).
constexpr std::string_view kInfoStart("\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6", 16);
constexpr std::string_view kInfoEnd("\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2", 16);

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string without_sentinels(std::string_view text) {
  if (text.size() >= 33 && text[text.size() - 17] == '\n') return std::string(text.substr(16, text.size() - 32));
  return {};
}

std::optional<std::string_view> inline_string(Bytes bytes, uint64_t* offset) {
  auto length = uvarint(bytes, offset);
  auto text = length && *length <= kMaxText ? slice(bytes, *offset, *length) : std::nullopt;
  if (!text) return std::nullopt;
  *offset += *length;
  return as_text(*text);
}

bool is_version(std::string_view text) { return text.starts_with("go1.") || text.starts_with("devel"); }

// Splits off the part before the next `separator`.
std::string_view next_part(std::string_view* rest, char separator) {
  size_t end = rest->find(separator);
  std::string_view part = rest->substr(0, end);
  *rest = end == std::string_view::npos ? std::string_view{} : rest->substr(end + 1);
  return part;
}

Module parse_module(std::string_view rest) {
  Module m;
  m.path = printable(next_part(&rest, '\t'));
  m.version = printable(next_part(&rest, '\t'));
  m.sum = printable(next_part(&rest, '\t'));
  return m;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Undoes Go's strconv.Quote for the simple escapes; a text that is not quoted is returned as it is.
std::string unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  std::string_view in = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < in.size(); i++) {
    if (in[i] != '\\' || i + 1 == in.size()) {
      out += in[i];
      continue;
    }
    char c = in[++i];
    if (c == 'n')
      out += '\n';
    else if (c == 't')
      out += '\t';
    else if (c == 'r')
      out += '\r';
    else if (c == 'x' && i + 2 < in.size() && hex_digit(in[i + 1]) >= 0 && hex_digit(in[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(in[i + 1]) * 16 + hex_digit(in[i + 2]));
      i += 2;
    } else
      out += c;
  }
  return out;
}

std::pair<std::string, std::string> parse_setting(std::string_view line) {
  // key=value; either may be quoted, and a quoted key may hold '='.
  size_t search_from = line.starts_with('"') ? std::min(line.find('"', 1), line.size()) : 0;
  size_t equals = line.find('=', search_from);
  if (equals == std::string_view::npos) return {printable(unquote(line)), ""};
  return {printable(unquote(line.substr(0, equals))), printable(unquote(line.substr(equals + 1)))};
}

}  // namespace

std::optional<std::string_view> BuildInfo::setting(std::string_view key) const {
  for (const auto& [name, value] : settings)
    if (name == key) return value;
  return std::nullopt;
}

std::optional<VersionAndModules> read_build_info(const Memory& memory, uint64_t address) {
  Bytes bytes = memory.bytes_from(address);
  auto header = slice(bytes, 0, kHeaderSize);
  if (!header || as_text(header->first(14)) != kMagic) return std::nullopt;
  uint8_t pointer_size = (*header)[14], flags = (*header)[15];
  std::optional<std::string_view> version, modinfo;
  if (flags & kInlineStrings) {
    uint64_t offset = kHeaderSize;
    version = inline_string(bytes, &offset);
    if (version) modinfo = inline_string(bytes, &offset);
  } else {
    if (pointer_size != 8 || (flags & 1)) return std::nullopt;  // 32-bit or big-endian
    version = memory.go_string(*get<uint64_t>(*header, 16), kMaxText);
    modinfo = memory.go_string(*get<uint64_t>(*header, 24), kMaxText);
  }
  if (!version || version->empty() || version->size() > kMaxVersion) return std::nullopt;
  return VersionAndModules{std::string(*version), without_sentinels(modinfo.value_or(""))};
}

std::optional<VersionAndModules> scan_for_build_info(const Memory& memory) {
  for (bool writable : {true, false})
    for (const Segment& s : memory.segments()) {
      if (s.write != writable) continue;
      std::string_view text = as_text(s.bytes);
      for (size_t at = text.find(kMagic); at != std::string_view::npos; at = text.find(kMagic, at + 1))
        if ((s.vaddr + at) % 16 == 0)
          if (auto info = read_build_info(memory, s.vaddr + at)) return info;
    }
  return std::nullopt;
}

std::optional<std::string> scan_for_version_string(const Memory& memory, uint64_t start, uint64_t end, int oldest,
                                                   int newest) {
  end = std::min(end, start + memory.bytes_from(start).size());  // what the file does not hold is zero
  for (uint64_t at = start; at + 16 <= end; at += 8) {
    auto length = memory.read_u64(at + 8);
    if (!length) break;
    if (*length < 5 || *length > 128) continue;
    auto text = memory.go_string(at, 128);
    if (!text || !is_version(*text)) continue;
    int minor = parse_go_version(*text).minor;
    bool fits = minor >= oldest && minor <= newest, nameless = minor == 0 && text->starts_with("devel ");
    if (fits || nameless) return std::string(*text);
  }
  return std::nullopt;
}

std::string scan_for_modinfo(const Memory& memory) {
  for (const Segment& s : memory.segments()) {
    std::string_view text = as_text(s.bytes);
    size_t end = 0;
    for (size_t at = text.find(kInfoStart); at != std::string_view::npos; at = text.find(kInfoStart, at + 1)) {
      if (end < at + 16) end = text.find(kInfoEnd, at + 16);
      if (end == std::string_view::npos) break;
      if (end > at + 16 && end - at < kMaxText && text[end - 1] == '\n')
        return std::string(text.substr(at + 16, end - at - 16));
    }
  }
  return {};
}

BuildInfo parse_modinfo(std::string_view text) {
  BuildInfo info;
  Module* last = nullptr;
  while (!text.empty()) {
    std::string_view rest = next_part(&text, '\n');
    std::string_view kind = next_part(&rest, '\t');
    if (kind == "path") info.path = printable(rest);
    if (kind == "mod") last = &info.main.emplace(parse_module(rest));
    if (kind == "dep") last = &info.deps.emplace_back(parse_module(rest));
    if (kind == "=>" && last) {
      std::string to(rest);
      std::replace(to.begin(), to.end(), '\t', ' ');
      last->replaced_by = printable(to);
    }
    if (kind == "build") info.settings.push_back(parse_setting(rest));
  }
  return info;
}

}  // namespace deferscope::loader
