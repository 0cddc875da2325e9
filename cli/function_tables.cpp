// See function_tables.h. Indices and encodings by Go version: cmd/internal/objabi/funcdata.go and
// cmd/compile/internal/ssagen (emitOpenDeferInfo) of the releases.
#include "cli/function_tables.h"

#include "isa/text/append.h"

namespace deferscope::cli {
namespace {

using isa::text::dec;
using isa::text::hex;

// Names of the tables, by index, for the releases [oldest, newest].
struct Names {
  int oldest, newest;
  std::vector<std::string_view> pcdata, funcdata;
};

const Names* names_for(int minor) {
  static const Names kNames[] = {
      {12,
       12,
       {"StackMap", "InlTree", "RegMap"},
       {"ArgsPointerMaps", "LocalsPointerMaps", "InlTree", "RegPointerMaps", "StackObjects"}},
      {13,
       15,
       {"RegMap", "StackMap", "InlTree"},
       {"ArgsPointerMaps", "LocalsPointerMaps", "RegPointerMaps", "StackObjects", "InlTree", "OpenCodedDeferInfo"}},
      {16,
       1000,
       {"UnsafePoint", "StackMap", "InlTree", "ArgLive", "PanicBounds"},
       {"ArgsPointerMaps", "LocalsPointerMaps", "StackObjects", "InlTree", "OpenCodedDeferInfo", "ArgInfo",
        "ArgLiveInfo", "WrapInfo"}},
  };
  for (const Names& n : kNames)
    if (minor >= n.oldest && minor <= n.newest) return &n;
  return nullptr;
}

std::string_view name_at(const std::vector<std::string_view>& names, std::uint32_t i) {
  return i < names.size() ? names[i] : "?";
}

// Unsigned varints in guest memory; every read after a failed one gives 0, and ok() tells.
class Varints {
 public:
  explicit Varints(loader::Bytes bytes) : bytes_(bytes) {}
  std::uint64_t next() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ >= bytes_.size()) break;
      const std::uint8_t b = bytes_[at_++];
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (!(b & 0x80)) return v;
    }
    ok_ = false;
    return 0;
  }
  bool ok() const { return ok_; }

 private:
  loader::Bytes bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

void put_varp(std::uint64_t offset, std::string& out) {
  out += " varp-";
  dec(out, static_cast<std::int64_t>(offset));
}

// "deferBits varp-57, closures from varp-56" (1.22+) or each closure's place, last defer first (before).
std::string open_coded(const loader::Bytes& bytes, int minor) {
  constexpr std::uint64_t kMostDefers = 8;
  Varints v(bytes);
  std::string out = "deferBits";
  if (minor < 18) v.next();  // maxargsize
  put_varp(v.next(), out);
  if (minor >= 22) {
    out += ", closures from";
    put_varp(v.next(), out);
    return v.ok() ? out : "damaged";
  }
  const std::uint64_t defers = v.next();
  out += ", closures, last defer first:";
  for (std::uint64_t i = 0; i < defers && i < kMostDefers && v.ok(); ++i) {
    if (minor < 18) v.next();  // width of the arguments
    put_varp(v.next(), out);
    for (std::uint64_t args = minor < 18 ? v.next() : 0; args > 0 && v.ok(); --args) {
      v.next();
      v.next();
      v.next();
    }
  }
  return v.ok() ? out : "damaged";
}

}  // namespace

FunctionTables tables_of(const Listing& listing, const loader::Func& f) {
  const int minor = listing.go()->version.minor;
  const Names* names = names_for(minor);
  FunctionTables t{f.args, f.deferreturn, {}};
  for (std::uint32_t i = 0; i < f.nfuncdata; ++i) {
    const auto address = listing.go()->funcs.funcdata(f, i);
    if (!address) continue;
    FuncData& d = t.funcdata.emplace_back(FuncData{i, *address, names ? name_at(names->funcdata, i) : "?", {}});
    if (d.name == "OpenCodedDeferInfo") d.detail = open_coded(listing.memory().bytes_from(*address), minor);
  }
  return t;
}

std::string text_of(const FunctionTables& t) {
  std::string out = "  // args ";
  dec(out, t.args);
  out += ", deferreturn ";
  if (t.deferreturn != 0)
    hex(out += '+', t.deferreturn);
  else
    out += "none";
  out += '\n';
  for (const FuncData& d : t.funcdata) {
    dec(out += "  // FUNCDATA $", d.index);
    hex(out += ", ", d.address);
    (out += ' ') += d.name;
    if (!d.detail.empty()) (out += ": ") += d.detail;
    out += '\n';
  }
  return out;
}

PcNotes::PcNotes(const Listing& listing, const loader::Func& f) : listing_(listing), f_(f), values_(f.npcdata + 1) {}

std::vector<PcNote> PcNotes::at(std::uint64_t pc) {
  std::vector<PcNote> notes;
  const auto& funcs = listing_.go()->funcs;
  const Names* names = names_for(listing_.go()->version.minor);
  const std::uint64_t address = listing_.runtime_address(pc);
  const auto note = [&](std::uint32_t i, std::int64_t v) -> PcNote* {
    if (values_[i] == v) return nullptr;
    values_[i] = v;
    return &notes.emplace_back(PcNote{{}, {}, v});
  };
  for (std::uint32_t i = 0; i < f_.npcdata; ++i)
    if (PcNote* n = note(i, funcs.pcdata(f_, i, address))) {
      n->table = i;
      if (names) n->name = name_at(names->pcdata, i);
    }
  note(f_.npcdata, funcs.sp_delta(f_, address).value_or(0));
  return notes;
}

std::string text_of(const PcNote& n) {
  std::string out = n.table ? "  // PCDATA $" : "  // frame ";
  if (n.table) dec(out, *n.table), out += ", $";
  dec(out, n.value);
  if (!n.name.empty()) (out += ' ') += n.name;
  return out;
}

}  // namespace deferscope::cli
