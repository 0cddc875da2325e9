// Tables, measured with the toolchains of Go 1.11 to 1.27 (what `go tool compile -S` prints, and
// cmd/internal/objabi/reloctype.go).
#include "loader/listing_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "loader/version.h"

namespace deferscope::loader {
namespace {

enum Only : uint8_t { both, amd64, arm64 };
bool holds(Only only, isa::Isa isa) { return only == both || (only == amd64) == (isa == isa::Isa::x86_64); }

// What listing_text.cpp has seen. `absent`: where it was not seen, but `given` was.
struct ShapeRow {
  std::string_view seen;
  int oldest, newest;
  Only isa = both;
  std::string_view absent = {};
};
constexpr ShapeRow kShapes[] = {
    {"name \"\".", 11, 18},
    {"name main.", 19, 27},
    {"dot", 11, 19},
    {"colon", 20, 27},
    {"initdone", 11, 12},
    {"inittask", 13, 27},
    {"gclocals hex", 11, 18},
    {"gclocals base64", 19, 27},
    {"gclocals J5F+", 19, 23},
    {"gclocals g2Be", 19, 23},
    {"gclocals ISb4", 24, 24},
    {"gclocals J26B", 25, 27},
    {"gclocals g5+h", 25, 27},
    {"ABIInternal", 12, 27},
    {"TEXT", 11, 11, both, "ABIInternal"},
    {"PCDATA behind morestack", 14, 27},
    {"no PCDATA behind morestack", 11, 13},
    {"funcid", 16, 27},
    {"TEXT", 11, 15, both, "funcid"},
    {"align", 18, 27},
    {"TEXT", 11, 17, both, "align"},
    {"align first", 27, 27},
    {"align", 18, 26, both, "align first"},
    {"g in R14", 17, 27, amd64},
    {"g in TLS", 11, 16, amd64},
    {"PUSHQ BP", 21, 27, amd64},
    {"LEAQ BP", 11, 20, amd64},
    {"opendefer 5", 14, 15},
    {"opendefer 4", 16, 27},
    {"FUNCDATA 3", 11, 15},
    {"FUNCDATA 2", 13, 15},
    {"PCDATA 2", 11, 12},
    {"arginfo1", 17, 27},
    {"argliveinfo", 18, 27},
    {"panicindex", 11, 12},
    {"panicIndex", 13, 25},
    {"panicBounds", 26, 27},
    {"deferprocStack", 13, 27},
    {"deferproc tested", 11, 24},
    {"deferproc not tested", 25, 27},
    {"gorecover argument", 11, 25},
    {"gorecover no argument", 26, 27},
    {"named relocations", 22, 27},
    {"rel 4:call 8", 11, 16, amd64},
    {"rel 4:call 7", 17, 21, amd64},
    {"rel 4:tls 16", 11, 13, amd64},
    {"rel 4:tls 17", 14, 16, amd64},
    {"rel 4:pcrel 16", 14, 16, amd64},
    {"rel 4:pcrel 14", 18, 21, amd64},
    {"rel 4:pcrel 10", 11, 16, arm64},
    {"rel 4:pcrel 9", 17, 21, arm64},
};

struct NumberRow {
  int number, oldest, newest;
  RelocKind kind;
  Only isa = both;
};
using enum RelocKind;
// Names (R_CALL) from 1.22 on.
constexpr NumberRow kNumbers[] = {
    {1, 11, 21, addr},          {3, 11, 21, pair, arm64},   {5, 11, 21, addroff},        {6, 11, 16, addroff},
    {8, 11, 16, pcrel, amd64},  {7, 17, 21, pcrel, amd64},  {10, 11, 16, branch, arm64}, {9, 17, 21, branch, arm64},
    {11, 11, 16, none},         {10, 17, 21, none, amd64},  {10, 17, 21, none, arm64},   {15, 11, 13, pcrel, amd64},
    {16, 14, 16, pcrel, amd64}, {15, 17, 17, pcrel, amd64}, {14, 18, 21, pcrel, amd64},  {16, 11, 13, tls, amd64},
    {17, 14, 16, tls, amd64},   {16, 17, 17, tls, amd64},   {15, 18, 21, tls, amd64},    {22, 11, 13, none},
    {23, 14, 16, none},         {22, 17, 17, none},         {21, 18, 21, none},          {23, 11, 13, none},
    {24, 14, 16, none},         {23, 17, 17, none},         {22, 18, 21, none},          {24, 11, 13, textoff},
    {25, 14, 15, textoff},      {27, 16, 16, textoff},      {26, 17, 21, textoff},       {25, 16, 16, none},
    {26, 16, 16, none},         {24, 17, 17, none},         {25, 17, 17, none},          {23, 18, 21, none},
    {24, 18, 21, none},         {25, 18, 21, none},         {27, 17, 21, none},          {-32763, 17, 21, addroff},
    {-32767, 17, 21, addr},     {38, 20, 21, pair, arm64},  {39, 20, 21, pair, arm64},   {40, 20, 21, pair, arm64},
    {41, 20, 21, pair, arm64},  {26, 11, 13, got, amd64},   {27, 14, 15, got, amd64},    {29, 16, 21, got, amd64},
    {32, 11, 13, got, arm64},   {33, 14, 15, got, arm64},   {35, 16, 21, got, arm64},
};

struct NameRow {
  std::string_view name;
  RelocKind kind;
};
constexpr NameRow kNames[] = {
    {"R_ADDR", addr},
    {"R_WEAKADDR", addr},
    {"RelocType(-32767)", addr},
    {"R_ADDROFF", addroff},
    {"R_WEAKADDROFF", addroff},
    {"RelocType(-32763)", addroff},
    {"R_METHODOFF", textoff},
    {"R_CALL", pcrel},
    {"R_PCREL", pcrel},
    {"R_TLS_LE", tls},
    {"R_CALLARM64", branch},
    {"R_ADDRARM64", pair},
    {"R_ARM64_PCREL_LDST8", pair},
    {"R_ARM64_PCREL_LDST16", pair},
    {"R_ARM64_PCREL_LDST32", pair},
    {"R_ARM64_PCREL_LDST64", pair},
    {"R_GOTPCREL", got},
    {"R_TLS_IE", got},
    {"R_ARM64_GOTPCREL", got},
    {"R_ARM64_TLS_IE", got},
    {"R_CALLIND", none},
    {"R_USETYPE", none},
    {"R_USEIFACE", none},
    {"R_USEIFACEMETHOD", none},
    {"R_USENAMEDMETHOD", none},
    {"R_USEFIELD", none},
    {"R_KEEP", none},
    {"R_INITORDER", none},
};

struct IdRow {
  int oldest, newest;
  FuncIds ids;
};
constexpr IdRow kIds[] = {{0, 13, {20, 9}},   {14, 16, {22, 9}},  {17, 17, {22, 19}},
                          {18, 21, {21, 18}}, {22, 24, {22, 19}}, {25, 99, {23, 20}}};

}  // namespace

ListedVersion version_of_shape(const std::map<std::string, int>& hints, isa::Isa isa) {
  ListedVersion out{kOldestListed, kNewestMinor, {}};
  const auto seen = [&](std::string_view what) { return hints.count(std::string(what)) != 0; };
  for (const ShapeRow& r : kShapes) {
    if (!holds(r.isa, isa) || !seen(r.seen) || (!r.absent.empty() && seen(r.absent))) continue;
    const int oldest = std::max(out.oldest, r.oldest), newest = std::min(out.newest, r.newest);
    if (oldest > newest) {
      if (out.contradiction.empty())
        out.contradiction = fmt::format("{}{}{} says go1.{} to go1.{}", r.absent.empty() ? "" : "no ",
                                        r.absent.empty() ? r.seen : r.absent, "", r.oldest, r.newest);
      continue;
    }
    out.oldest = oldest, out.newest = newest;
  }
  return out;
}

std::optional<int> listed_minor(std::string_view text) {
  if (text.starts_with("go")) text.remove_prefix(2);
  if (!text.starts_with("1.")) return std::nullopt;
  text.remove_prefix(2);
  int minor = 0;
  size_t n = 0;
  for (; n < text.size() && n < 3 && text[n] >= '0' && text[n] <= '9'; ++n) minor = minor * 10 + (text[n] - '0');
  if (n == 0 || (n < text.size() && text[n] != '.' && text[n] != 'r' && text[n] != 'b')) return std::nullopt;
  if (minor < kOldestListed || minor > kNewestMinor) return std::nullopt;
  return minor;
}

const char* to_string(RelocKind kind) {
  static constexpr const char* names[] = {
      "unknown",        "no address",   "an address", "an offset in its section",   "an offset in the code",
      "relative to pc", "thread-local", "a branch",   "a pair of ADRP and another", "through a table of addresses"};
  return names[static_cast<size_t>(kind)];
}

RelocKind reloc_by_table(std::string_view type, int minor, isa::Isa isa) {
  for (const NameRow& r : kNames)
    if (r.name == type) return r.kind;
  int number = 0;
  bool negative = false, digits = false;
  for (char c : type) {
    if (c == '-' && !digits && !negative) {
      negative = true;
    } else if (c >= '0' && c <= '9' && number < 100000) {
      number = number * 10 + (c - '0'), digits = true;
    } else {
      return unknown;
    }
  }
  if (!digits) return unknown;
  if (negative) number = -number;
  for (const NumberRow& r : kNumbers)
    if (r.number == number && minor >= r.oldest && minor <= r.newest && holds(r.isa, isa)) return r.kind;
  return unknown;
}

RelocKind reloc_by_bytes(const ListedReloc& r, const TextSymbol& in, isa::Isa isa) {
  if (r.size == 0) return none;
  if (in.kind != ListedKind::text) return r.size == 8 ? addr : r.size == 4 ? addroff : unknown;
  const auto word = [&](uint32_t at) {
    uint32_t w = 0;
    if (uint64_t{at} + 4 <= in.bytes.size()) std::memcpy(&w, in.bytes.data() + at, 4);
    return w;
  };
  if (isa == isa::Isa::arm64) {
    if (r.size == 4 && (word(r.offset) & 0x7c000000) == 0x14000000) return branch;
    if (r.size == 8 && (word(r.offset) & 0x9f000000) == 0x90000000) return pair;
    return unknown;
  }
  // Position-independent code loads g's place: MOVQ off(IP), R.
  const bool from_table = r.offset >= 2 && in.bytes[r.offset - 2] == 0x8b && (in.bytes[r.offset - 1] & 0xc7) == 0x05;
  const bool thread = r.symbol == "TLS" || r.symbol.empty();
  if (r.size == 4) return !thread ? pcrel : from_table ? got : tls;
  return r.size == 8 ? addr : unknown;
}

FuncIds func_ids(int minor) {
  for (const IdRow& r : kIds)
    if (minor >= r.oldest && minor <= r.newest) return r.ids;
  return kIds[0].ids;
}

}  // namespace deferscope::loader
