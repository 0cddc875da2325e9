#include "cli/session/variables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cli/session/core.h"
#include "loader/dwarf.h"
#include "runtime_model/chain.h"

namespace deferscope::cli {
namespace {

constexpr int kDepth = 2;           // of structs, pointers, interfaces
constexpr uint64_t kElements = 16;  // of a slice or array
constexpr uint64_t kStringBytes = 64;

// DWARF's numbers of the first eight amd64 registers.
constexpr isa::Reg kX86Dwarf[] = {isa::kRax, isa::kRdx, isa::kRcx, isa::kRbx,
                                  isa::kRsi, isa::kRdi, isa::kRbp, isa::kRsp};

struct Typed {
  std::string type;
  std::vector<uint8_t> bytes;
  uint64_t address = 0;  // 0: in registers, or in pieces
  bool gone = false;     // optimised away
};

std::string quoted(const std::string& s) {
  std::string out = "\"";
  for (unsigned char c : s) {
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", static_cast<char>(c));
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", c);
    else
      out += static_cast<char>(c);
  }
  return out + "\"";
}

uint64_t low(const std::vector<uint8_t>& b, size_t at = 0, size_t n = 8) {
  uint64_t v = 0;
  if (at < b.size()) std::memcpy(&v, b.data() + at, std::min({n, b.size() - at, size_t{8}}));
  return v;
}

bool starts(const std::string& s, std::string_view head) { return s.compare(0, head.size(), head) == 0; }

class Printer {
 public:
  Printer(const Core& core, loader::Dwarf& dwarf) : core_(core), dwarf_(dwarf) {}

  std::string print(const std::string& type, const std::vector<uint8_t>& b, int depth) const {
    if (type == "bool") return low(b, 0, 1) ? "true" : "false";
    if (type == "float64" || type == "float32") return number_float(b);
    if (type == "complex128" || type == "complex64") return number_complex(b);
    if (type == "string") return text(b);
    if (starts(type, "*") || type == "unsafe.Pointer") return pointer(type, b, depth);
    if (starts(type, "[]")) return slice(type.substr(2), b, depth);
    if (starts(type, "[")) return array(type, b, depth);
    if (starts(type, "map[")) return header(type, b);
    if (starts(type, "chan ") || starts(type, "<-chan") || starts(type, "chan<-")) return header(type, b);
    if (starts(type, "func")) return function(b);
    if (const auto layout = dwarf_.struct_layout(type)) return structure(*layout, b, depth);
    return integer(type, b);
  }

  std::vector<uint8_t> read(uint64_t address, uint64_t n) const {
    std::vector<uint8_t> b(std::min<uint64_t>(n, 1 << 20));
    if (!core_.machine->state().memory.peek(address, b.data(), b.size())) b.clear();
    return b;
  }
  uint64_t size_of(const std::string& type) const {
    if (starts(type, "*") || starts(type, "map[") || starts(type, "chan") || starts(type, "func")) return 8;
    return dwarf_.type_size(type).value_or(8);
  }

 private:
  static std::string number_float(const std::vector<uint8_t>& b) {
    if (b.size() == 4) {
      float f;
      std::memcpy(&f, b.data(), 4);
      return fmt::format("{}", f);
    }
    double d = 0;
    if (b.size() >= 8) std::memcpy(&d, b.data(), 8);
    return fmt::format("{}", d);
  }
  static std::string number_complex(const std::vector<uint8_t>& b) {
    const auto half = b.begin() + static_cast<ptrdiff_t>(b.size() / 2);
    const std::string re = number_float({b.begin(), half}), im = number_float({half, b.end()});
    return fmt::format("({}{}{}i)", re, im[0] == '-' ? "" : "+", im);
  }
  static std::string integer(const std::string& type, const std::vector<uint8_t>& b) {
    const uint64_t v = low(b);
    const bool is_unsigned = starts(type, "uint") || type == "byte";
    if (type == "uintptr") return fmt::format("{:#x}", v);
    if (is_unsigned) return fmt::format("{}", v);
    const unsigned s = b.size() >= 8 ? 0 : 64 - static_cast<unsigned>(b.size()) * 8;
    return b.empty() ? "?" : fmt::format("{}", static_cast<int64_t>(v << s) >> s);
  }
  std::string text(const std::vector<uint8_t>& b) const {
    const uint64_t at = low(b), n = low(b, 8);
    const auto bytes = read(at, std::min(n, kStringBytes));
    if (n != 0 && bytes.empty()) return fmt::format("string at {:#x}, length {}, not readable", at, n);
    return quoted(std::string(bytes.begin(), bytes.end())) + (n > kStringBytes ? fmt::format("… ({} bytes)", n) : "");
  }
  std::string pointer(const std::string& type, const std::vector<uint8_t>& b, int depth) const {
    const uint64_t at = low(b);
    if (at == 0) return "nil";
    if (depth >= kDepth || type == "unsafe.Pointer") return fmt::format("{:#x}", at);
    const std::string to = type.substr(1);
    const auto bytes = read(at, size_of(to));
    return bytes.empty() ? fmt::format("{:#x}", at) : fmt::format("{:#x} → {}", at, print(to, bytes, depth + 1));
  }
  std::string elements(const std::string& type, uint64_t n, const std::function<std::vector<uint8_t>(uint64_t)>& at,
                       int depth) const {
    std::string out;
    for (uint64_t i = 0; i < n && i < kElements; ++i) {
      const auto b = at(i);
      if (b.empty()) return out + " (not readable)";
      out += (i ? ", " : "") + print(type, b, depth + 1);
    }
    return out + (n > kElements ? fmt::format(", … ({} more)", n - kElements) : "");
  }
  std::string slice(const std::string& type, const std::vector<uint8_t>& b, int depth) const {
    const uint64_t at = low(b), n = low(b, 8), cap = low(b, 16), size = size_of(type);
    const std::string head = fmt::format("[]{} len {} cap {}", type, n, cap);
    if (depth >= kDepth || n == 0) return head;
    return fmt::format("{} [{}]", head,
                       elements(
                           type, n, [&](uint64_t i) { return read(at + i * size, size); }, depth));
  }
  std::string array(const std::string& type, const std::vector<uint8_t>& b, int depth) const {
    const size_t close = type.find(']');
    if (close == std::string::npos) return "?";
    const std::string of = type.substr(close + 1);
    const uint64_t n = std::strtoull(type.c_str() + 1, nullptr, 10), size = size_of(of);
    return fmt::format("[{}]", elements(
                                   of, n,
                                   [&](uint64_t i) {
                                     const uint64_t from = i * size;
                                     if (size == 0 || from + size > b.size()) return std::vector<uint8_t>{};
                                     return std::vector<uint8_t>(b.begin() + static_cast<ptrdiff_t>(from),
                                                                 b.begin() + static_cast<ptrdiff_t>(from + size));
                                   },
                                   depth));
  }
  // Maps and channels: header and length. The first word of both kinds of header is the count.
  std::string header(const std::string& type, const std::vector<uint8_t>& b) const {
    const uint64_t at = low(b);
    if (at == 0) return fmt::format("{} nil", type);
    const auto n = core_.view->word(at);
    return fmt::format("{} at {:#x}, len {}", type, at, n ? fmt::format("{}", *n) : "?");
  }
  std::string function(const std::vector<uint8_t>& b) const {
    const uint64_t at = low(b);
    if (at == 0) return "nil";
    const auto code = core_.view->word(at);
    return code ? fmt::format("func {} ({:#x})", core_.view->place(*code), at) : fmt::format("func at {:#x}", at);
  }
  std::string structure(const loader::StructLayout& l, const std::vector<uint8_t>& b, int depth) const {
    if (l.name == "runtime.eface" || l.name == "runtime.iface" ||
        (l.fields.size() == 2 && l.fields[1].name == "data" &&
         (l.fields[0].name == "tab" || l.fields[0].name == "_type")))
      return interface(l, b, depth);
    if (l.name == "string" || (l.fields.size() == 2 && l.fields[0].name == "str" && l.fields[1].name == "len"))
      return text(b);
    if (depth >= kDepth) return "{…}";
    std::string out;
    for (const loader::Field& f : l.fields) {
      if (f.name == "_") continue;
      if (f.offset + f.size > b.size()) break;
      const std::vector<uint8_t> part(b.begin() + static_cast<ptrdiff_t>(f.offset),
                                      b.begin() + static_cast<ptrdiff_t>(f.offset + f.size));
      out += (out.empty() ? "" : ", ") + f.name + ": " + print(f.type, part, depth + 1);
    }
    return fmt::format("{{{}}}", out);
  }
  // The dynamic type and its value, which counts as deep as the interface. An interface with methods has its type in
  // the second word of its itab.
  std::string interface(const loader::StructLayout& l, const std::vector<uint8_t>& b, int depth) const {
    const uint64_t first = low(b), data = low(b, 8);
    if (first == 0) return "nil";
    const bool methods = !l.fields.empty() && l.fields[0].name == "tab";
    const uint64_t type = methods ? core_.view->word(first + 8).value_or(0) : first;
    const std::string name = model::type_name(model::Guest(*core_.program, core_.machine->state()), type);
    if (name.empty()) return fmt::format("interface of type {:#x}, data {:#x}", type, data);
    const bool is_pointer = starts(name, "*") || starts(name, "map[") || starts(name, "chan ") || starts(name, "func");
    if (depth >= kDepth) return fmt::format("({}) {:#x}", name, data);
    std::vector<uint8_t> bytes(8);
    if (is_pointer)
      std::memcpy(bytes.data(), &data, 8);
    else if (const auto size = dwarf_.type_size(name))
      bytes = read(data, *size);
    else
      return fmt::format("({}) at {:#x}", name, data);
    return bytes.empty() ? fmt::format("({}) {:#x}", name, data)
                         : fmt::format("({}) {}", name, print(name, bytes, depth));
  }

  const Core& core_;
  loader::Dwarf& dwarf_;
};

loader::Dwarf* dwarf_of(const Core& core) { return core.program ? core.program->dwarf() : nullptr; }

loader::FrameAccess access_to(const Core& core, const Frame& f) {
  loader::FrameAccess a;
  a.cfa = f.cfa;
  const GuestView* v = core.view.get();
  const emu::Thread* thread = core.standing().thread;
  const bool innermost = f.innermost && thread;
  const uint64_t sp = f.sp;
  a.reg = [v, thread, innermost, sp](unsigned n) -> std::optional<uint64_t> {
    const bool is_sp = v->amd64() ? n == 7 : n == 31;
    if (is_sp) return sp;
    if (!innermost) return std::nullopt;  // registers of callers are not kept by Go
    const isa::CpuState& c = thread->cpu;
    if (!v->amd64())
      return n < 31 ? std::optional(c.r[n]) : n >= 64 && n < 96 ? std::optional(c.v[n - 64].lo) : std::nullopt;
    if (n < 8) return c.r[kX86Dwarf[n]];
    if (n < 16) return c.r[n];
    return n >= 17 && n < 33 ? std::optional(c.v[n - 17].lo) : std::nullopt;
  };
  a.read = [v](uint64_t at, std::span<uint8_t> out) { return v->state().memory.peek(at, out.data(), out.size()); };
  return a;
}

std::optional<Frame> chosen_frame(const Core& core) {
  const auto frames = core.frames(core.frame + 1);
  if (core.frame >= frames.size() || !frames[core.frame].function) return std::nullopt;
  return frames[core.frame];
}

Typed fetch(loader::Dwarf& d, const loader::Variable& var, const Frame& f, const loader::FrameAccess& a) {
  Typed t;
  t.type = var.type;
  const loader::Location l = d.locate(var, f.lookup_pc(), a);
  if (l.pieces.size() == 1 && l.pieces[0].kind == loader::Piece::Kind::memory) t.address = l.pieces[0].value;
  const auto bytes = loader::read_location(l, var.size, a);
  if (bytes)
    t.bytes = *bytes;
  else
    t.gone = true;
  return t;
}

// The innermost visible variable of that name.
std::optional<Typed> find(const Core& core, loader::Dwarf& d, const std::string& name) {
  const auto f = chosen_frame(core);
  if (!f) return std::nullopt;
  const auto info = d.function_at(f->lookup_pc());
  if (!info) return std::nullopt;
  const loader::FrameAccess a = access_to(core, *f);
  const loader::Variable* best = nullptr;
  for (const loader::Variable& v : info->variables)
    if ((v.name == name || v.name == "&" + name) && v.visible_at(f->lookup_pc()) && (!best || v.inlined_from.empty()))
      best = &v;
  if (!best) return std::nullopt;
  Typed t = fetch(d, *best, *f, a);
  if (best->name[0] != '&' || t.gone) return t;
  // On the heap: the variable is a pointer to it.
  const Printer p(core, d);
  Typed on_heap;
  on_heap.type = starts(t.type, "*") ? t.type.substr(1) : t.type;
  on_heap.address = low(t.bytes);
  on_heap.bytes = p.read(on_heap.address, p.size_of(on_heap.type));
  return on_heap;
}

}  // namespace

std::vector<std::string> variable_lines(const Core& core, VariableSet set, const std::string& filter) {
  loader::Dwarf* d = dwarf_of(core);
  if (!d) throw CommandError("the program has no DWARF (built with -w or stripped): no variables are known");
  const auto f = chosen_frame(core);
  const auto info = f ? d->function_at(f->lookup_pc()) : std::nullopt;
  if (!info) throw CommandError("no function with variables is known here");
  const loader::FrameAccess a = access_to(core, *f);
  const Printer p(core, *d);
  std::vector<std::string> out;
  for (const loader::Variable& v : info->variables) {
    const bool is_local = v.role == loader::VariableRole::local;
    if (is_local != (set == VariableSet::locals) || !v.inlined_from.empty() || !v.visible_at(f->lookup_pc())) continue;
    if (!filter.empty() && v.name.find(filter) == std::string::npos) continue;
    const Typed t = fetch(*d, v, *f, a);
    out.push_back(fmt::format("{} = {}", v.name, t.gone ? "(optimised away)" : p.print(t.type, t.bytes, 0)));
  }
  return out;
}

namespace {

// --- paths: "x.f[2].g" ---

Typed follow_pointer(const Printer& p, Typed t) {
  if (!starts(t.type, "*")) return t;
  t.type.erase(0, 1);
  t.address = low(t.bytes);
  t.bytes = p.read(t.address, p.size_of(t.type));
  if (t.bytes.empty()) throw CommandError("nil pointer, or not readable");
  return t;
}

Typed part_of(Typed t, uint64_t offset, uint64_t size, const std::string& type) {
  const auto from = t.bytes.begin() + static_cast<ptrdiff_t>(offset);
  t.bytes = std::vector<uint8_t>(from, from + static_cast<ptrdiff_t>(size));
  if (t.address) t.address += offset;
  t.type = type;
  return t;
}

Typed field_of(const loader::Dwarf& d, const Typed& t, const std::string& name) {
  const auto layout = d.struct_layout(t.type);
  const loader::Field* f = layout ? layout->field(name) : nullptr;
  if (!f || f->offset + f->size > t.bytes.size()) throw CommandError(fmt::format("{} has no field {}", t.type, name));
  return part_of(t, f->offset, f->size, f->type);
}

Typed element_of(const Printer& p, const Typed& t, const std::string& index) {
  const uint64_t i = std::strtoull(index.c_str(), nullptr, 10);
  const bool slice = starts(t.type, "[]");
  const size_t close = t.type.find(']');
  if (index.empty() || index.find_first_not_of("0123456789") != std::string::npos || !starts(t.type, "[") ||
      close == std::string::npos)
    throw CommandError(fmt::format("{} has no element {}", t.type, index));
  const std::string of = t.type.substr(close + 1);
  const uint64_t size = p.size_of(of), n = slice ? low(t.bytes, 8) : std::strtoull(t.type.c_str() + 1, nullptr, 10);
  if (i >= n) throw CommandError(fmt::format("index {} is out of range: {} elements", i, n));
  if (!slice) {
    if ((i + 1) * size > t.bytes.size()) throw CommandError("not readable");
    return part_of(t, i * size, size, of);
  }
  Typed e;
  e.type = of, e.address = low(t.bytes) + i * size, e.bytes = p.read(e.address, size);
  if (e.bytes.empty() && size) throw CommandError("not readable");
  return e;
}

// Nothing if its first name is no variable here.
std::optional<Typed> resolve(const Core& core, loader::Dwarf& d, const Printer& p, const std::string& path) {
  size_t at = std::min(path.find_first_of(".["), path.size());
  auto t = find(core, d, path.substr(0, at));
  while (t && !t->gone && at < path.size()) {
    const bool index = path[at] == '[';
    const size_t end = index ? path.find(']', at) : std::min(path.find_first_of(".[", at + 1), path.size());
    if (end == std::string::npos) throw CommandError("']' is missing");
    const std::string part = path.substr(at + 1, end - at - 1);
    *t = follow_pointer(p, *t);
    *t = index ? element_of(p, *t, part) : field_of(d, *t, part);
    at = index ? end + 1 : end;
    if (at < path.size() && path[at] != '.' && path[at] != '[')
      throw CommandError(fmt::format("cannot read '{}'", path));
  }
  return t;
}

}  // namespace

std::optional<std::string> print_variable(const Core& core, const std::string& expression) {
  loader::Dwarf* d = dwarf_of(core);
  if (!d) return std::nullopt;
  const Printer p(core, *d);
  const bool deref = starts(expression, "*"), address = starts(expression, "&");
  auto t = resolve(core, *d, p, expression.substr(deref || address ? 1 : 0));
  if (!t) return std::nullopt;
  if (t->gone) return "(optimised away)";
  if (address) return t->address ? fmt::format("{:#x}", t->address) : std::string("(in registers)");
  if (deref && !starts(t->type, "*")) throw CommandError(fmt::format("it is no pointer but {}", t->type));
  if (deref) *t = follow_pointer(p, *t);
  return p.print(t->type, t->bytes, 0);
}

std::optional<VariablePlace> variable_place(const Core& core, const std::string& path) {
  loader::Dwarf* d = dwarf_of(core);
  if (!d) return std::nullopt;
  const auto t = resolve(core, *d, Printer(core, *d), path);
  if (!t) return std::nullopt;
  if (t->gone || t->address == 0 || t->bytes.size() > 8)
    throw CommandError(fmt::format("{} cannot be set: {}", path,
                                   t->gone           ? "it is optimised away"
                                   : t->address == 0 ? "it lies in a register, or in pieces"
                                                     : "it is longer than a word"));
  return VariablePlace{t->address, static_cast<unsigned>(t->bytes.size())};
}

std::optional<int64_t> scalar_variable(const Core& core, const std::string& name) {
  if (!core.program || name.empty() || name[0] == '$') return std::nullopt;
  loader::Dwarf* d = dwarf_of(core);
  if (!d) return std::nullopt;
  const auto t = find(core, *d, name);
  if (!t || t->gone || t->bytes.empty() || t->bytes.size() > 8) return std::nullopt;
  const unsigned s = 64 - static_cast<unsigned>(t->bytes.size()) * 8;
  const uint64_t v = low(t->bytes);
  if (starts(t->type, "uint") || t->type == "bool" || s == 0) return static_cast<int64_t>(v);
  return static_cast<int64_t>(v << s) >> s;
}

std::string print_at(const Core& core, const std::string& type, uint64_t address) {
  loader::Dwarf* d = dwarf_of(core);
  if (!d) throw CommandError("the program has no DWARF: types are not known");
  const Printer p(core, *d);
  const auto bytes = p.read(address, p.size_of(type));
  if (bytes.empty()) throw CommandError(fmt::format("{:#x} is not mapped", address));
  return p.print(type, bytes, 0);
}

}  // namespace deferscope::cli
