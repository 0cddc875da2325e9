// From a listing's symbols to a program: places, relocations, tables. See listing.h.
//
//   text       functions in the listing's order, then the modelled runtime's stubs
//   rodata     read-only symbols, types and tables of the runtime, the function table
//   data       variables; the modelled runtime's own
//   gates      no memory: each address is a function of the runtime model
//   missing    no memory: a data symbol that is not there
//   heap       the goroutine's stack, then what is allocated
#include "loader/listing.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <set>

#include "loader/listing_data.h"
#include "loader/listing_facts.h"
#include "loader/listing_stubs.h"
#include "loader/listing_text.h"
#include "loader/parts.h"
#include "loader/patcher.h"
#include "loader/pclntab_writer.h"

namespace deferscope::loader {
namespace {

// Where a linked program of Linux has its code; gates within a branch's reach of it.
struct Places {
  uint64_t text, gates, missing, heap;
};
constexpr Places kPlaces[2] = {{0x401000, 0x6000000, 0x20000000, 0xc000000000},
                               {0x11000, 0x6000000, 0x20000000, 0x4000000000}};
constexpr uint64_t kPage = 0x10000, kFunctionAlign = 16;
constexpr uint64_t kWorldSize = 0x40000, kStackSize = uint64_t{64} << 20, kHeapSize = uint64_t{1} << 30;
constexpr uint64_t kMaxCode = uint64_t{32} << 20;
constexpr int64_t kGFromThreadPointer = -8, kGInDarwinsBlock = 0x30;

uint64_t up(uint64_t v, uint64_t to) { return (v + to - 1) / to * to; }

// A symbol that has a place.
struct Placed {
  const TextSymbol* listed = nullptr;
  uint64_t address = 0;
};

class Builder {
 public:
  Builder(ListedText text, const std::string& name, const ListingOptions& options)
      : text_(std::move(text)), name_(name), info_(std::make_shared<ListingInfo>()) {
    info_->options = options;
  }

  Parts build() {
    choose_version();
    find_undefined();
    place_code();
    place_data();
    relocate();
    describe_functions();
    choose_call();
    return finish();
  }

 private:
  bool amd64() const { return parts_.isa == isa::Isa::x86_64; }
  [[noreturn]] void fail(const std::string& what) { throw Error(name_ + ": " + what); }
  void note(std::string what) { info_->notes.push_back(std::move(what)); }

  std::string_view keep(std::string text) {
    info_->texts.push_back(std::make_unique<std::string>(std::move(text)));
    return *info_->texts.back();
  }

  void choose_version() {
    if (!text_.isa) fail("a listing for neither amd64 nor arm64");
    parts_.isa = *text_.isa;
    const ListedVersion shape = version_of_shape(text_.hints, parts_.isa);
    const std::string range = shape.oldest == shape.newest
                                  ? fmt::format("go1.{}", shape.oldest)
                                  : fmt::format("go1.{} to go1.{}", shape.oldest, shape.newest);
    if (!shape.contradiction.empty()) note("its shapes are not of one Go version: " + shape.contradiction);
    listed_minor_ = shape.newest;
    info_->version_by = "shape: " + range;
    GoVersion& v = info_->version;
    v.source = VersionSource::listing;
    if (!info_->options.go.empty()) {
      const auto minor = listed_minor(info_->options.go);
      if (!minor)
        fail(fmt::format("--go {}: listings of go1.{} to go1.{} are known", info_->options.go, kOldestListed,
                         kNewestMinor));
      listed_minor_ = *minor;
      info_->version_by = "--go";
      if (*minor < shape.oldest || *minor > shape.newest)
        note(fmt::format("--go {}, though its shape is that of {}", info_->options.go, range));
    } else if (shape.oldest != shape.newest) {
      note(fmt::format("its shape is that of {}; taken for go1.{}, --go says otherwise", range, shape.newest));
    }
    v.text = fmt::format("go1.{}", listed_minor_);
    v.minor = std::max(listed_minor_, kOldestMinor);  // 1.11 has the layouts of 1.12
  }

  // --- what is there and what is not ---

  bool is_function(std::string_view name) const {
    const auto it = by_name_.find(name);
    return it != by_name_.end() && it->second->kind == ListedKind::text;
  }

  void find_undefined() {
    for (const TextSymbol& s : text_.symbols) by_name_.emplace(s.name, &s);
    for (const std::string& n : always_there(listed_minor_)) want_stub(n);
    for (const std::string& n : error_types(listed_minor_)) want_data(n, "");
    for (const TextSymbol& s : text_.symbols)
      for (const ListedReloc& r : s.relocs) {
        if (s.kind == ListedKind::bss || r.symbol.empty() || r.symbol == "TLS" || by_name_.count(r.symbol)) continue;
        const RelocKind kind = kind_of(r, s);
        if (kind == RelocKind::none || kind == RelocKind::unknown) continue;
        if (calls(r, s) || (s.kind != ListedKind::text && s.name.ends_with("·f")) || kind == RelocKind::textoff)
          want_stub(r.symbol);
        else if (kind != RelocKind::addroff)
          want_data(r.symbol, s.kind == ListedKind::text ? fmt::format("{}+{}", s.name, r.offset) : "");
      }
  }

  bool calls(const ListedReloc& r, const TextSymbol& in) const {
    if (in.kind != ListedKind::text) return false;
    if (!amd64()) return kind_of(r, in) == RelocKind::branch;
    return r.size == 4 && r.offset > 0 && (in.bytes[r.offset - 1] == 0xe8 || in.bytes[r.offset - 1] == 0xe9);
  }

  void want_stub(const std::string& name) {
    if (by_name_.count(name) || !stubs_.try_emplace(name, make_stub(name, parts_.isa, listed_minor_)).second) return;
    stub_order_.push_back(name);
    for (const std::string& n : called_by(stubs_.at(name))) want_stub(n);
  }

  void want_data(const std::string& name, const std::string& used_by) {
    if (by_name_.count(name) || supplied_.count(name) || missing_.count(name)) return;
    if (auto d = supplied_data(name, listed_minor_)) {
      supplied_order_.push_back(name);
      const std::string pointer = d->pointer;
      const bool closure = name.ends_with("·f");
      supplied_.emplace(name, std::move(*d));
      if (!pointer.empty()) closure ? want_stub(pointer) : want_data(pointer, "");
    } else {
      missing_.emplace(name, used_by);
    }
  }

  // --- relocation kinds ---

  RelocKind kind_of(const ListedReloc& r, const TextSymbol& in) const {
    const RelocKind table = reloc_by_table(r.type, listed_minor_, parts_.isa);
    const RelocKind bytes = reloc_by_bytes(r, in, parts_.isa);
    const bool by_table = bytes == RelocKind::unknown || (table == RelocKind::textoff && r.size == 4) ||
                          (table == RelocKind::got && in.kind == ListedKind::text && r.size);
    return by_table ? table : bytes;
  }

  // Says where the instruction decided.
  void check_kind(const ListedReloc& r, RelocKind used) {
    const RelocKind table = reloc_by_table(r.type, listed_minor_, parts_.isa);
    if (table == used || !odd_types_.insert(r.type).second) return;
    if (used == RelocKind::unknown) return;
    const std::string by_table = table == RelocKind::unknown
                                     ? fmt::format("go1.{} has none of that type", listed_minor_)
                                     : fmt::format("of go1.{} it would be {}", listed_minor_, to_string(table));
    note(fmt::format("{}:{}: relocation t={} is {} by its instruction; {}", name_, r.line, r.type, to_string(used),
                     by_table));
  }

  // --- places ---

  Segment& segment(const char* name, uint64_t at, bool write, bool exec) {
    Segment s;
    s.name = name;
    s.vaddr = at;
    s.read = true, s.write = write, s.exec = exec;
    parts_.segments.push_back(s);
    return parts_.segments.back();
  }

  static void append(std::vector<uint8_t>* to, uint64_t base, uint64_t address, const std::vector<uint8_t>& bytes,
                     uint8_t pad = 0) {
    to->resize(address - base + bytes.size(), pad);
    std::copy(bytes.begin(), bytes.end(), to->begin() + static_cast<ptrdiff_t>(address - base));
  }

  void place_code() {
    const Places& p = kPlaces[amd64() ? 0 : 1];
    uint64_t at = text_base_ = p.text;
    for (const TextSymbol& s : text_.symbols)
      if (s.kind == ListedKind::text) {
        at = up(at, kFunctionAlign);
        place(s, at, &code_, text_base_);
        at += std::max<uint64_t>(s.size, 1);
      }
    user_end_ = at;
    uint64_t gate = p.gates;
    for (const std::string& name : stub_order_) {
      at = up(at, kFunctionAlign);
      Stub& stub = stubs_.at(name);
      append(&code_, text_base_, at, stub.code, code_pad());
      addresses_[name] = at;
      at += stub.code.size();
      for (const Stub::Call& c : stub.calls)
        if (c.target == Stub::gate && gates_.try_emplace(c.name, gate).second) {
          info_->gates.push_back({gate, c.name});
          gate += kGateSize;
        }
    }
    text_end_ = at;
    if (text_end_ - text_base_ > kMaxCode) fail("more than 32 MiB of code");
  }

  void place(const TextSymbol& s, uint64_t at, std::vector<uint8_t>* to, uint64_t base) {
    placed_.push_back({&s, at});
    addresses_[s.name] = at;
    append(to, base, at, s.bytes, s.kind == ListedKind::text ? code_pad() : 0);
  }

  // Between functions: INT3, as Go's linker has it; zeros on arm64.
  uint8_t code_pad() const { return amd64() ? 0xcc : 0; }

  static uint64_t align_of(const TextSymbol& s) { return s.size >= 16 ? 16 : s.size >= 4 ? 8 : 1; }

  void place_data() {
    uint64_t at = rodata_base_ = up(text_end_, kPage);
    const auto put = [&](ListedKind kind, std::vector<uint8_t>* to, uint64_t base) {
      for (const TextSymbol& s : text_.symbols)
        if (s.kind == kind) {
          at = up(at, align_of(s));
          kind == ListedKind::bss ? (placed_.push_back({&s, at}), void(addresses_[s.name] = at))
                                  : place(s, at, to, base);
          at += std::max<uint64_t>(s.size, 1);
        }
    };
    const auto put_supplied = [&](bool writable, std::vector<uint8_t>* to, uint64_t base) {
      for (const std::string& name : supplied_order_) {
        const SuppliedData& d = supplied_.at(name);
        if (d.writable != writable) continue;
        at = up(at, d.align);
        addresses_[name] = at;
        append(to, base, at, d.bytes);
        at += d.bytes.size();
      }
    };
    put(ListedKind::rodata, &rodata_, rodata_base_);
    put_supplied(false, &rodata_, rodata_base_);
    for (const std::string& name : supplied_order_) {
      const SuppliedData& d = supplied_.at(name);
      if (d.name_at < 0) continue;
      const uint64_t field = addresses_.at(name) + static_cast<uint64_t>(d.name_at) - rodata_base_;
      const auto offset = static_cast<uint32_t>(at - rodata_base_);
      append(&rodata_, rodata_base_, at, {d.type_name.begin(), d.type_name.end()});
      std::memcpy(rodata_.data() + field, &offset, 4);
      at += d.type_name.size();
    }
    rodata_end_ = at;
    at = data_base_ = up(at, kPage) + kPclnRoom;
    put(ListedKind::data, &data_, data_base_);
    put_supplied(true, &data_, data_base_);
    bss_base_ = at = up(at, 16);
    put(ListedKind::bss, nullptr, 0);
    bss_end_ = at;
    info_->world.data = up(at, kPage);
    info_->world.data_size = kWorldSize;
    const Places& p = kPlaces[amd64() ? 0 : 1];
    info_->world.stack_lo = p.heap;
    info_->world.stack_hi = info_->world.heap = p.heap + kStackSize;
    info_->world.heap_end = info_->world.heap + kHeapSize;
    if (info_->world.data + kWorldSize > p.missing) fail("more data than fits below 512 MiB");
    uint64_t nowhere = p.missing;
    for (const auto& [name, used_by] : missing_) {
      info_->missing.push_back({nowhere, name, used_by});
      addresses_[name] = nowhere + kMissingSize / 2;  // offsets before it miss memory too
      nowhere += kMissingSize;
      if (!used_by.empty())
        note(fmt::format("{}: {} uses {}, which is neither in it nor modelled: touching it ends the run", name_,
                         used_by, name));
    }
  }

  // --- relocations ---

  // n bytes of what has contents; nullptr: they are not all there.
  uint8_t* bytes_at(uint64_t address, size_t n) {
    const std::pair<uint64_t, std::vector<uint8_t>*> parts[] = {
        {text_base_, &code_}, {rodata_base_, &rodata_}, {data_base_, &data_}};
    for (const auto& [base, bytes] : parts)
      if (address >= base && address - base < bytes->size() && bytes->size() - (address - base) >= n)
        return bytes->data() + (address - base);
    return nullptr;
  }

  template <class T>
  void put_at(uint64_t address, T v) {
    if (uint8_t* to = bytes_at(address, sizeof v)) std::memcpy(to, &v, sizeof v);
  }
  uint32_t word_at(uint64_t address) {
    uint32_t w = 0;
    if (const uint8_t* from = bytes_at(address, sizeof w)) std::memcpy(&w, from, sizeof w);
    return w;
  }

  void relocate() {
    for (const Placed& p : placed_)
      for (const ListedReloc& r : p.listed->relocs)
        if (p.listed->kind != ListedKind::bss) relocate(p, r);
    for (const std::string& name : stub_order_) {
      const uint64_t at = addresses_.at(name);
      for (const Stub::Call& c : stubs_.at(name).calls)
        branch(at + c.offset, c.target == Stub::gate ? gates_.at(c.name) : address_of(c.name));
    }
    for (const auto& [name, d] : supplied_)
      if (d.pointer_at >= 0) put_at(addresses_.at(name) + static_cast<uint64_t>(d.pointer_at), address_of(d.pointer));
  }

  uint64_t address_of(const std::string& name) const {
    const auto it = addresses_.find(name);
    return it == addresses_.end() ? 0 : it->second;
  }

  void branch(uint64_t at, uint64_t to) {
    if (amd64()) {
      put_at(at + 1, static_cast<uint32_t>(to - (at + 5)));
    } else {
      put_at(at, (word_at(at) & 0xfc000000) | (static_cast<uint32_t>((to - at) / 4) & 0x3ffffff));
    }
  }

  void relocate(const Placed& p, const ListedReloc& r) {
    const RelocKind kind = kind_of(r, *p.listed);
    check_kind(r, kind);
    const uint64_t at = p.address + r.offset, target = address_of(r.symbol);
    const uint64_t to = target + static_cast<uint64_t>(r.addend);
    switch (kind) {
      case RelocKind::none: return;
      case RelocKind::unknown:
        fail(fmt::format("line {}: relocation t={} of {} bytes is of no known kind", r.line, r.type, r.size));
      case RelocKind::got:
        fail(
            fmt::format("line {}: relocation t={} is for position-independent code (-dynlink, -shared), which is not "
                        "run; compile without those flags",
                        r.line, r.type));
      case RelocKind::addr: return need(r, 8), put_at(at, target ? to : 0);
      case RelocKind::addroff:  // of what holds it
        return need(r, 4),
               put_at(at, target ? static_cast<uint32_t>(to - (to < text_end_ ? text_base_ : rodata_base_)) : 0u);
      case RelocKind::textoff: return need(r, 4), put_at(at, target ? static_cast<uint32_t>(to - text_base_) : 0u);
      case RelocKind::pcrel: return need(r, 4), put_at(at, static_cast<uint32_t>(to - (at + 4)));
      case RelocKind::tls: return need(r, 4), put_at(at, thread_offset(*p.listed, r));
      case RelocKind::branch: return need(r, 4), branch(at, to);
      case RelocKind::pair: return need(r, 8), pair(at, to, r);
    }
  }

  void need(const ListedReloc& r, uint32_t size) {
    if (r.size != size)
      fail(fmt::format("line {}: relocation t={} has {} bytes, not {}", r.line, r.type, r.size, size));
  }

  // amd64, as the system that the listing is for has it: FS:-8 (Linux), GS:0x30 (macOS), and a register with an offset
  // (position-independent code, Windows).
  static uint32_t thread_offset(const TextSymbol& in, const ListedReloc& r) {
    constexpr uint8_t kGs = 0x65, kAbsolute = 0x25;
    const auto byte = [&](uint32_t back) { return r.offset >= back ? in.bytes[r.offset - back] : 0; };
    if (byte(1) != kAbsolute)
      return byte(5) == 0x64 || byte(4) == 0x64 ? static_cast<uint32_t>(kGFromThreadPointer) : 0;
    return static_cast<uint32_t>(byte(5) == kGs ? kGInDarwinsBlock : kGFromThreadPointer);
  }

  void pair(uint64_t at, uint64_t to, const ListedReloc& r) {
    uint32_t adrp = word_at(at), second = word_at(at + 4);
    const uint64_t pages = (to >> 12) - (at >> 12), low = to & 0xfff;
    adrp =
        (adrp & 0x9f00001f) | static_cast<uint32_t>(pages & 3) << 29 | static_cast<uint32_t>(pages >> 2 & 0x7ffff) << 5;
    uint32_t scale = 0;
    const bool access = (second & 0x3b000000) == 0x39000000;
    if (access) scale = (second & 0x04800000) == 0x04800000 && !(second >> 30) ? 4 : second >> 30;
    if (!access && (second & 0x7f800000) != 0x11000000)
      fail(fmt::format("line {}: relocation t={}: no ADD, load or store behind its ADRP", r.line, r.type));
    if (low & ((1u << scale) - 1)) fail(fmt::format("line {}: {} is not aligned for the access", r.line, r.symbol));
    second = (second & ~(0xfffu << 10)) | static_cast<uint32_t>(low >> scale) << 10;
    put_at(at, adrp);
    put_at(at + 4, second);
  }

  // --- functions ---

  void describe_functions();
  WrittenFunction table_of(const Placed& p, uint64_t end);
  WrittenFunction table_of_stub(const std::string& name, uint64_t end);
  PcRuns sp_runs(const TextSymbol& s) const;
  void add_function(const Placed& p);
  void add_slots(ListingFunction* f, const WrittenFunction& table);

  void choose_call() {
    const ListingOptions& o = info_->options;
    if (o.call.empty()) {
      if (!address_of("main.main")) note("it has no main.main: `run` needs --call FUNCTION (" + some_functions() + ")");
      return;
    }
    const std::string name = linked_name(o.call);
    for (const std::string& n : {name, "main." + name})
      if (is_function(n)) info_->call = address_of(n);
    if (!info_->call) fail(fmt::format("--call {}: it has no such function ({})", o.call, some_functions()));
  }

  std::string some_functions() const {
    std::string out;
    size_t n = 0;
    for (const TextSymbol& s : text_.symbols)
      if (s.kind == ListedKind::text && ++n <= 8) out += (out.empty() ? "" : ", ") + s.name;
    return n > 8 ? out + ", …" : out;
  }

  // --- all together ---

  static constexpr uint64_t kPclnRoom = uint64_t{8} << 20;

  Bytes own(std::vector<uint8_t> bytes) {
    parts_.relocated.push_back(std::move(bytes));
    return parts_.relocated.back();
  }

  void add_segment(const char* name, uint64_t at, std::vector<uint8_t> bytes, uint64_t memsz, bool write, bool exec) {
    Segment& s = segment(name, at, write, exec);
    s.bytes = own(std::move(bytes));
    s.filesz = s.bytes.size();
    s.memsz = std::max<uint64_t>(memsz, s.filesz);
    if (s.memsz == 0) s.memsz = 1;
  }

  void section(const char* name, uint64_t at, uint64_t size, Bytes bytes) {
    Section s;
    s.name = name;
    s.address = at;
    s.size = size;
    s.bytes = bytes;
    parts_.sections.push_back(std::move(s));
  }

  Parts finish() {
    parts_.relocated.reserve(8);
    const uint64_t text_size = text_end_ - text_base_;
    code_.resize(text_size);
    add_segment("text", text_base_, std::move(code_), text_size, false, true);
    section(".text", text_base_, text_size, parts_.segments.back().bytes);
    add_segment("rodata", rodata_base_, std::move(rodata_), rodata_end_ - rodata_base_, false, false);
    section(".rodata", rodata_base_, rodata_end_ - rodata_base_, parts_.segments.back().bytes);
    const uint64_t pcln_at = up(rodata_end_, kPage);
    if (pclntab_.size() > kPclnRoom) fail("its function table would be larger than 8 MiB");
    add_segment("pclntab", pcln_at, std::move(pclntab_), 0, false, false);
    section(".gopclntab", pcln_at, parts_.segments.back().filesz, parts_.segments.back().bytes);
    add_segment("data", data_base_, std::move(data_), bss_end_ - data_base_, true, false);
    section(".data", data_base_, bss_base_ - data_base_, parts_.segments.back().bytes);
    section(".noptrbss", bss_base_, bss_end_ - bss_base_, {});
    add_segment("runtime", info_->world.data, {}, info_->world.data_size, true, false);
    add_segment("stack and heap", info_->world.stack_lo, {}, info_->world.heap_end - info_->world.stack_lo, true,
                false);
    parts_.entry = addresses_.at("runtime.rt0_go");
    ModuleData& m = info_->module;
    m.address = pcln_at, m.size = 0;
    m.pclntab = pcln_at;
    m.oldest_minor = m.newest_minor = info_->version.minor;
    m.text = m.minpc = text_base_, m.etext = m.maxpc = text_end_;
    m.types = m.rodata = m.gofunc = rodata_base_, m.etypes = rodata_end_;
    m.data = data_base_, m.edata = bss_base_, m.noptrbss = bss_base_, m.enoptrbss = bss_end_;
    m.end = info_->world.data + info_->world.data_size;
    info_->addresses.insert(addresses_.begin(), addresses_.end());
    info_->notes.insert(info_->notes.begin(), text_.notes.begin(), text_.notes.end());
    parts_.listing = info_;
    if (!address_of("main.main") && !info_->call) parts_.not_runnable = "it has no main.main; --call FUNCTION runs one";
    return std::move(parts_);
  }

  ListedText text_;
  const std::string& name_;
  Parts parts_;
  std::shared_ptr<ListingInfo> info_;
  int listed_minor_ = 0;
  std::map<std::string_view, const TextSymbol*> by_name_;
  std::map<std::string, Stub> stubs_;
  std::vector<std::string> stub_order_, supplied_order_;
  std::map<std::string, SuppliedData> supplied_;
  std::map<std::string, std::string> missing_;  // by whom it is used
  std::map<std::string, uint64_t> addresses_, gates_;
  std::vector<Placed> placed_;
  std::set<std::string> odd_types_;
  uint64_t text_base_ = 0, user_end_ = 0, text_end_ = 0, rodata_base_ = 0, rodata_end_ = 0, data_base_ = 0,
           bss_base_ = 0, bss_end_ = 0;
  std::vector<uint8_t> code_, rodata_, data_, pclntab_;
  std::vector<WrittenFunction> written_;
};

// --- what the text says of a function ---

std::string_view operand(std::string_view text, std::string_view op) {
  if (!text.starts_with(op)) return {};
  text.remove_prefix(op.size());
  if (text.empty() || (text[0] != '\t' && text[0] != ' ')) return {};
  while (!text.empty() && (text[0] == '\t' || text[0] == ' ')) text.remove_prefix(1);
  return text;
}

std::optional<int64_t> constant(std::string_view s) {
  if (s.starts_with('$')) s.remove_prefix(1);
  int64_t sign = 1;
  if (s.starts_with('-')) sign = -1, s.remove_prefix(1);
  int64_t v = 0;
  size_t n = 0;
  for (; n < s.size() && s[n] >= '0' && s[n] <= '9' && n < 12; ++n) v = v * 10 + (s[n] - '0');
  if (n == 0 || (n < s.size() && s[n] != ',' && s[n] != '(' && s[n] != ' ')) return std::nullopt;
  return sign * v;
}

// How an instruction of amd64 moves SP, counted as the frame grows.
struct SpChange {
  enum Kind : uint8_t { none, by, body, gone } kind = none;  // gone: RET and what does not come back
  int64_t n = 0;
};

SpChange sp_change_amd64(std::string_view text) {
  const auto ends = [&](std::string_view what) { return text.ends_with(what); };
  if (auto o = operand(text, "SUBQ"); !o.empty() && ends(", SP")) {
    const auto n = constant(o);
    return n ? SpChange{SpChange::by, *n} : SpChange{};
  }
  if (auto o = operand(text, "ADDQ"); !o.empty() && ends(", SP")) {
    const auto n = constant(o);
    return n ? SpChange{SpChange::by, -*n} : SpChange{};
  }
  if (text.starts_with("PUSHQ") || text.starts_with("PUSHFQ")) return {SpChange::by, 8};
  if (text.starts_with("POPQ") || text.starts_with("POPFQ")) return {SpChange::by, -8};
  if (text == "RET" || text.starts_with("UNDEF")) return {SpChange::gone, 0};
  return {};
}

SpChange sp_change_arm64(std::string_view text) {
  const auto offset_of_rsp = [&](std::string_view o) -> std::optional<int64_t> {  // "-48(RSP)" somewhere in it
    const size_t at = o.find("(RSP)");
    if (at == o.npos) return std::nullopt;
    size_t begin = at;
    while (begin > 0 && ((o[begin - 1] >= '0' && o[begin - 1] <= '9') || o[begin - 1] == '-')) --begin;
    return constant(o.substr(begin));
  };
  for (const char* store : {"MOVD.W", "STP.W"})
    if (auto o = operand(text, store); !o.empty())
      if (const auto n = offset_of_rsp(o)) return {SpChange::by, -*n};
  for (const char* load : {"MOVD.P", "LDP.P"})
    if (auto o = operand(text, load); !o.empty())
      if (const auto n = offset_of_rsp(o)) return {SpChange::by, -*n};
  if (auto o = operand(text, "MOVD"); !o.empty() && o.starts_with('R') && text.ends_with(", RSP"))
    return {SpChange::body, 0};
  const bool rsp = text.ends_with(", RSP") || text.ends_with(",RSP");
  if (auto o = operand(text, "SUB"); !o.empty() && rsp)
    if (const auto n = constant(o)) return {SpChange::by, *n};
  if (auto o = operand(text, "ADD"); !o.empty() && rsp)
    if (const auto n = constant(o)) return {SpChange::by, -*n};
  if (text.starts_with("RET") || text.starts_with("UNDEF")) return {SpChange::gone, 0};
  return {};
}

// Where a jump of the listing leads: "JLS\t199", "TBZ\t$0, R1, 40". Nothing for calls and others.
std::optional<uint32_t> jump_in(std::string_view text) {
  const size_t tab = text.find_first_of("\t ");
  if (tab == text.npos || text.starts_with("CALL")) return std::nullopt;
  std::string_view last = text.substr(tab + 1);
  if (const size_t comma = last.rfind(", "); comma != last.npos) last = last.substr(comma + 2);
  const bool jumps = text[0] == 'J' || text[0] == 'B' || text.starts_with("CB") || text.starts_with("TB");
  const auto n = constant(last);
  if (!jumps || !n || *n < 0 || last.find('(') != last.npos || last.starts_with('$')) return std::nullopt;
  return static_cast<uint32_t>(*n);
}

bool always_jumps(std::string_view text) { return text.starts_with("JMP") || text.starts_with("B\t"); }

bool no_instruction(std::string_view text) {
  return text.starts_with("TEXT\t") || text.starts_with("PCDATA\t") || text.starts_with("FUNCDATA\t") ||
         text.starts_with("TEXT ") || text.starts_with("PCDATA ") || text.starts_with("FUNCDATA ");
}

// Calls that the compiler knows not to come back.
bool ends_by_call(std::string_view text) {
  const std::string_view to = operand(text, "CALL");
  for (const char* name : {"runtime.panic", "runtime.gopanic(", "runtime.throw", "runtime.goPanic", "runtime.Goexit("})
    if (to.starts_with(name)) return true;
  return false;
}

// Frames that are too large for one instruction: SUB $n, RSP, R20 … MOVD R20, RSP.
int64_t frame_before(const TextSymbol& s, size_t i, int64_t below) {
  for (size_t back = 1; back <= 8 && back <= i; ++back) {
    const std::string_view text = s.insns[i - back].text;
    const size_t rsp = text.find(", RSP, ");
    if (const auto o = operand(text, "SUB"); !o.empty() && rsp != text.npos)
      if (const auto n = constant(o); n && *n > 8) return below + *n;
  }
  return below;
}

// The frame below each instruction, by following the code from its entry.
PcRuns Builder::sp_runs(const TextSymbol& s) const {
  const size_t n = s.insns.size();
  std::vector<std::optional<int64_t>> at(n);
  std::vector<uint32_t> offsets;
  for (const ListedInsn& i : s.insns) offsets.push_back(i.offset);
  std::vector<std::pair<size_t, int64_t>> work{{0, 0}};
  int64_t body = 0;
  while (!work.empty()) {
    auto [i, below] = work.back();
    work.pop_back();
    for (; i < n && !at[i]; ++i) {
      at[i] = below;
      body = std::max(body, below);
      const std::string_view text = s.insns[i].text;
      if (no_instruction(text)) continue;
      const SpChange c = amd64() ? sp_change_amd64(text) : sp_change_arm64(text);
      if (c.kind == SpChange::gone || ends_by_call(text)) break;
      if (c.kind == SpChange::by) below += c.n;
      if (c.kind == SpChange::body) below = frame_before(s, i, below);
      if (const auto to = jump_in(text)) {
        const auto place = std::lower_bound(offsets.begin(), offsets.end(), *to);
        if (place != offsets.end() && *place == *to) work.emplace_back(place - offsets.begin(), below);
      }
      if (always_jumps(text)) break;
    }
  }
  PcRuns out;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t end = i + 1 < n ? s.insns[i + 1].offset : s.size;
    const int64_t below = std::clamp<int64_t>(at[i].value_or(body), 0, 1 << 30);
    if (end > s.insns[i].offset) out.emplace_back(end, static_cast<int32_t>(below));
  }
  return out;
}

// "$2, $-1" and arm64's "ZR, $1".
std::optional<std::pair<uint32_t, int32_t>> two_numbers(std::string_view o) {
  const size_t comma = o.find(", ");
  if (comma == o.npos) return std::nullopt;
  const auto number = [](std::string_view s) { return s == "ZR" ? std::optional<int64_t>(0) : constant(s); };
  const auto a = number(o.substr(0, comma)), b = number(o.substr(comma + 2));
  if (!a || !b || *a < 0 || *a > 15) return std::nullopt;
  return std::pair(static_cast<uint32_t>(*a), static_cast<int32_t>(*b));
}

void set_from(PcRuns* runs, uint32_t offset, int32_t value) {
  if (runs->empty()) runs->emplace_back(0, -1);  // no value before the first
  runs->back().first = offset;                   // the one so far ends here
  runs->emplace_back(UINT32_MAX, value);
}

WrittenFunction Builder::table_of(const Placed& p, uint64_t end) {
  const TextSymbol& s = *p.listed;
  WrittenFunction f;
  f.entry = p.address;
  f.size = static_cast<uint32_t>(end - p.address);
  f.name = s.name;
  f.arguments = s.arguments;
  const FuncIds ids = func_ids(listed_minor_);
  // To 1.15 the linker takes for a wrapper what no file has (cmd/internal/objabi/funcid.go).
  const bool made_up = listed_minor_ <= 15 && !s.insns.empty() && s.insns[0].file == "<autogenerated>";
  f.func_id = s.func_id >= 0 ? static_cast<uint8_t>(s.func_id) : s.wrapper || made_up ? ids.wrapper : uint8_t{0};
  f.sp = sp_runs(s);
  const uint32_t inline_index = listed_minor_ <= 12 ? 1 : 2;  // PCDATA_InlTreeIndex: its table is not in a listing
  for (size_t i = 0; i < s.insns.size(); ++i) {
    const ListedInsn& insn = s.insns[i];
    const uint32_t next = i + 1 < s.insns.size() ? s.insns[i + 1].offset : s.size;
    if (f.start_line == 0) f.start_line = insn.source_line;
    if (next > insn.offset) {
      f.lines.emplace_back(next, insn.source_line);
      f.files.emplace_back(next, insn.file);
    }
    if (const auto o = operand(insn.text, "PCDATA"); !o.empty())
      if (const auto d = two_numbers(o); d && d->first != inline_index)
        set_from(&f.pcdata[d->first], insn.offset, d->second);
    if (const auto o = operand(insn.text, "FUNCDATA"); !o.empty())
      if (const size_t comma = o.find(", "), sb = o.rfind("(SB)"); comma != o.npos && sb != o.npos && sb > comma + 2)
        if (const auto index = two_numbers(std::string(o.substr(0, comma)) + ", $0"))
          if (const uint64_t at = address_of(linked_name(o.substr(comma + 2, sb - comma - 2))))
            f.funcdata[index->first] = at;
    const std::string_view to = operand(insn.text, "CALL");
    if (to.starts_with("runtime.deferreturn(SB)") && f.deferreturn == 0)
      f.deferreturn = insn.offset + (amd64() && listed_minor_ <= 13 ? 1 : 0);
  }
  for (auto& [index, runs] : f.pcdata) runs.back().first = std::max(s.size, 1u);
  return f;
}

WrittenFunction Builder::table_of_stub(const std::string& name, uint64_t end) {
  const Stub& stub = stubs_.at(name);
  WrittenFunction f;
  f.entry = addresses_.at(name);
  f.size = static_cast<uint32_t>(end - f.entry);
  f.name = name;
  f.flag = stub.flag;
  if (name == "runtime.sigpanic") f.func_id = func_ids(listed_minor_).sigpanic;
  for (size_t i = 0; i < stub.sp.size(); ++i) {
    const uint32_t next = i + 1 < stub.sp.size() ? stub.sp[i + 1].first : f.size;
    if (next > stub.sp[i].first) f.sp.emplace_back(next, stub.sp[i].second);
  }
  f.lines.emplace_back(f.size, 1);
  f.files.emplace_back(f.size, "<modelled>");
  return f;
}

// Names of slots: `"".t+48(SP)` from SP itself (amd64); `"".t-16(SP)` and `"".t+8(FP)` from the frame's ends (arm64).
void Builder::add_slots(ListingFunction* f, const WrittenFunction& table) {
  std::map<int64_t, ListingSlot> slots;
  size_t run = 0;
  for (const ListingLine& l : f->lines) {
    while (run + 1 < table.sp.size() && table.sp[run].first <= l.offset) ++run;
    const int64_t below = table.sp.empty() ? 0 : table.sp[run].second;
    for (const char* base : {"(SP)", "(FP)"}) {
      for (size_t at = l.text.find(base); at != l.text.npos; at = l.text.find(base, at + 1)) {
        size_t digits = at;
        while (digits > 0 && l.text[digits - 1] >= '0' && l.text[digits - 1] <= '9') --digits;
        const bool sign = digits > 0 && digits < at && (l.text[digits - 1] == '+' || l.text[digits - 1] == '-');
        const size_t name_end = sign ? digits - 1 : at;
        if (!sign && digits < at) continue;  // a plain offset
        int64_t offset = 0;
        for (size_t i = digits; i < at && i < digits + 9; ++i) offset = offset * 10 + (l.text[i] - '0');
        if (sign && l.text[digits - 1] == '-') offset = -offset;
        size_t begin = name_end;
        while (begin > 0 && !std::strchr("\t ,$(", l.text[begin - 1])) --begin;
        std::string_view name = l.text.substr(begin, name_end - begin);
        for (std::string_view package : {"\"\".", "main."})
          if (name.starts_with(package)) name.remove_prefix(package.size());
        if (name.empty()) continue;
        const bool fp = base[1] == 'F';
        // amd64: SP is the register. arm64: the pseudo-registers are the frame's upper end and the first argument.
        const int64_t place = amd64() ? (fp ? offset : offset - below - 8) : (fp ? offset + 8 : offset - 8);
        const bool stored = l.text.ends_with(base) && at + 4 == l.text.size() && l.text.starts_with("MOV");
        slots.try_emplace(place, ListingSlot{place, name, stored});
      }
    }
  }
  for (const auto& [place, slot] : slots) f->slots.push_back(slot);
}

void Builder::add_function(const Placed& p) {
  const TextSymbol& s = *p.listed;
  ListingFunction f;
  f.name = keep(s.name);
  f.listed = keep(s.listed);
  f.address = p.address;
  f.size = s.size;
  f.arguments = s.arguments;
  f.frame = s.frame;
  std::string_view file;
  for (const ListedInsn& i : s.insns) {
    if (i.file != file) file = keep(i.file);
    f.lines.push_back({i.offset, i.line, file, i.source_line, keep(i.text)});
  }
  info_->functions.push_back(std::move(f));
}

void Builder::describe_functions() {
  std::vector<uint64_t> entries;
  for (const Placed& p : placed_)
    if (p.listed->kind == ListedKind::text) entries.push_back(p.address);
  for (const std::string& name : stub_order_) entries.push_back(addresses_.at(name));
  entries.push_back(text_end_);
  size_t i = 0;
  for (const Placed& p : placed_)
    if (p.listed->kind == ListedKind::text) written_.push_back(table_of(p, entries[++i]));
  for (const std::string& name : stub_order_) written_.push_back(table_of_stub(name, entries[++i]));
  pclntab_ = write_pclntab(written_, parts_.isa, text_base_, rodata_base_);
  for (const Placed& p : placed_)
    if (p.listed->kind == ListedKind::text) add_function(p);
  for (size_t f = 0; f < info_->functions.size(); ++f) add_slots(&info_->functions[f], written_[f]);
}

std::string_view text_of(Bytes file) { return {reinterpret_cast<const char*>(file.data()), file.size()}; }

// What to do about a listing of which nothing can be run.
[[noreturn]] void nothing_whole(const ListedText& text, const std::string& name) {
  const std::string source = text.source.empty() ? "FILE.go" : text.source.substr(text.source.rfind('/') + 1);
  if (text.without_bytes)
    throw Error(fmt::format(
        "{}: a listing without bytes ({} functions, the first {}): the instructions' text alone cannot be run; `go "
        "tool "
        "compile -S {} > listing.s` writes one with bytes, and --assemble makes it from the source beside this one",
        name, text.without_bytes, text.first_bare, source));
  std::string why = text.notes.empty() ? "" : "; " + text.notes.front();
  throw Error(fmt::format("{}: a listing without one complete symbol{}", name, why));
}

}  // namespace

Parts read_listing(Bytes file, const std::string& name, const Beside& beside) {
  ListedText text;
  read_listing_text(text_of(file), name, &text);
  for (const auto& [path, bytes] : beside.more) read_listing_text(text_of(bytes), path, &text);
  const bool code = std::any_of(text.symbols.begin(), text.symbols.end(),
                                [](const TextSymbol& s) { return s.kind == ListedKind::text; });
  if (!code) nothing_whole(text, name);
  return Builder(std::move(text), name, beside.listing).build();
}

std::vector<Symbol> read_listing_symbols(const Parts& parts) {
  std::vector<Symbol> out;
  const ListingInfo& info = *parts.listing;
  std::vector<uint64_t> ends;
  for (const auto& [name, at] : info.addresses) ends.push_back(at);
  std::sort(ends.begin(), ends.end());
  for (const auto& [name, at] : info.addresses) {
    if (info.missing_at(at)) continue;
    const auto next = std::upper_bound(ends.begin(), ends.end(), at);
    const bool code = at >= info.module.text && at < info.module.etext;
    const uint64_t limit = code ? info.module.etext : at < info.module.etypes ? info.module.etypes : info.world.data;
    const ListingFunction* whole = info.function_at(at);
    const uint64_t end = whole ? at + whole->size : std::min(next == ends.end() ? limit : *next, limit);
    out.push_back({name, at, end > at ? end - at : 0, code ? SymbolKind::function : SymbolKind::data});
  }
  return out;
}

std::vector<ListedSymbol> list_listing_symbols(const Parts& parts) {
  std::vector<ListedSymbol> out;
  for (const Symbol& s : read_listing_symbols(parts))
    out.push_back({s.name, s.address, s.size, s.kind == SymbolKind::function});
  return out;
}

const ListingLine* ListingFunction::line_at(uint64_t offset) const {
  const ListingLine* found = nullptr;
  auto at = std::lower_bound(lines.begin(), lines.end(), offset,
                             [](const ListingLine& l, uint64_t o) { return l.offset < o; });
  for (; at != lines.end() && at->offset == offset; ++at)
    if (!no_instruction(at->text) && (at->text != "NOP" || !found)) found = &*at;
  return found;
}

const ListingFunction* ListingInfo::function_at(uint64_t pc) const {
  auto after = std::upper_bound(functions.begin(), functions.end(), pc,
                                [](uint64_t a, const ListingFunction& f) { return a < f.address; });
  if (after == functions.begin()) return nullptr;
  const ListingFunction& f = *std::prev(after);
  return pc - f.address < f.size ? &f : nullptr;
}

std::string listed_text(const ListingInfo* listing, uint64_t pc) {
  const ListingFunction* f = listing ? listing->function_at(pc) : nullptr;
  const ListingLine* line = f ? f->line_at(pc - f->address) : nullptr;
  if (!line) return {};
  std::string out(line->text);
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

const Gate* ListingInfo::gate_at(uint64_t pc) const {
  if (gates.empty() || pc < gates[0].address || (pc - gates[0].address) % kGateSize) return nullptr;
  const uint64_t i = (pc - gates[0].address) / kGateSize;
  return i < gates.size() ? &gates[i] : nullptr;
}

const MissingData* ListingInfo::missing_at(uint64_t address) const {
  if (missing.empty() || address < missing[0].address) return nullptr;
  const uint64_t i = (address - missing[0].address) / kMissingSize;
  return i < missing.size() ? &missing[i] : nullptr;
}

uint64_t ListingInfo::address_of(std::string_view name) const {
  const auto it = addresses.find(name);
  return it == addresses.end() ? 0 : it->second;
}

}  // namespace deferscope::loader
