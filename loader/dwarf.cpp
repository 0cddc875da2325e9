// The index over DWARF's top-level entries, types and functions.
#include "loader/dwarf.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "loader/dwarf_die.h"
#include "loader/dwarf_lists.h"

namespace deferscope::loader {

namespace {

constexpr int kMaxDepth = 64;  // of typedef chains and nested blocks
// What one question may cost, whatever the file says: far beyond any compiler's.
constexpr size_t kMaxEntries = 65'536;         // of a function's tree
constexpr size_t kMaxVariables = 8'192;        // of a function
constexpr size_t kMaxRanges = 1'024;           // of a block
constexpr size_t kMaxListed = 16'384;          // ranges of a variable's location list
constexpr int kMaxTypeSteps = 1'024;           // entries that are looked at for a type's words
constexpr unsigned kGoClosureOffset = 0x2907;  // DW_AT_go_closure_offset (cmd/internal/dwarf/dwarf.go, go1.23)

// Attributes and kinds that Go's compiler adds (cmd/internal/dwarf/dwarf.go; the kinds are reflect's).
constexpr unsigned kGoKind = 0x2900, kGoKey = 0x2901, kGoElem = 0x2902;
enum GoKind : uint8_t { kArray = 17, kChan, kFunc, kInterface, kMap, kPointer, kSlice, kString };
constexpr const char* kBasicKinds[] = {
    nullptr,  "bool",   "int",    "int8",    "int16",   "int32",   "int64",     "uint",       "uint8",
    "uint16", "uint32", "uint64", "uintptr", "float32", "float64", "complex64", "complex128", nullptr,
    nullptr,  nullptr,  nullptr,  nullptr,   nullptr,   nullptr,   "string",    nullptr,      "unsafe.Pointer"};

struct Unit {
  ListUnit lists;
  std::optional<uint64_t> line_table;
};

struct FunctionEntry {
  uint64_t low, high, die;  // addresses as in the file
  size_t unit;
};

struct GlobalEntry {
  uint64_t die;
  size_t unit;
};

bool is_type(unsigned tag) {
  switch (tag) {
    case DW_TAG_structure_type:
    case DW_TAG_base_type:
    case DW_TAG_typedef:
    case DW_TAG_pointer_type:
    case DW_TAG_array_type:
    case DW_TAG_subroutine_type: return true;
    default: return false;
  }
}

}  // namespace

struct Dwarf::State {
  Image image;  // keeps the bytes alive
  DwarfSections sections;
  DwarfSource source;
  uint64_t bias;
  uint64_t name_bytes = 0;  // of all names that the index took
  std::vector<Unit> units;
  std::unordered_map<std::string_view, uint64_t> types;  // name → entry
  std::vector<FunctionEntry> functions;                  // sorted by low
  std::map<std::string_view, GlobalEntry> globals;       // by name

  explicit State(const Image& i) : image(i), sections(i), source(sections), bias(i.bias()) { index(); }

  Dwarf_Debug debug() const { return source.handle(); }
  void index();
  void index_unit(int version);
  std::string_view name_of(const Die& die);
  void read_unit(const Die& die, int version);
  void add_function(const Die& die);
  uint64_t address(const Attribute& a, size_t unit) const;
  std::optional<std::pair<uint64_t, uint64_t>> low_high(const Die& die, size_t unit) const;
  std::vector<std::pair<uint64_t, uint64_t>> ranges(const Die& die, size_t unit) const;
  uint64_t size_of(const Die& type, int depth = 0) const;
  void describe_type(const Die& die, std::string* name, uint64_t* size) const;
  void add_leaves(const Die& type, uint64_t offset, int depth, int* steps,
                  std::vector<std::pair<uint64_t, uint64_t>>* out) const;
  void restore_padding(const Variable& variable, Location* location) const;
  std::optional<Die> origin(const Die& die) const;
  std::optional<Variable> variable(const Die& die, size_t unit) const;
  using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;
  void collect(const Die& parent, size_t unit, const Ranges& scope, const std::string& inlined, int depth,
               size_t* entries, std::vector<Variable>* out) const;
  bool has_place(const Variable& v) const;
  void unite(uint64_t entry, std::vector<Variable>* variables) const;
  Bytes location_section(size_t unit) const {
    return sections.get(units[unit].lists.version >= 5 ? ".debug_loclists" : ".debug_loc");
  }
};

void Dwarf::State::index() {
  for (;;) {
    Dwarf_Unsigned length = 0, type_offset = 0, next = 0;
    Dwarf_Half version = 0, address_size = 0, length_size = 0, extension = 0, kind = 0;
    Dwarf_Off abbrevs = 0;
    Dwarf_Sig8 signature;
    Dwarf_Error error = nullptr;
    int result = dwarf_next_cu_header_d(debug(), true, &length, &version, &abbrevs, &address_size, &length_size,
                                        &extension, &signature, &type_offset, &next, &kind, &error);
    if (!dwarf_found(debug(), result, error)) break;
    index_unit(version);
  }
  std::sort(functions.begin(), functions.end(),
            [](const FunctionEntry& a, const FunctionEntry& b) { return a.low < b.low; });
}

// Names may share their bytes, as suffixes do; a file in which all share one endless text would take minutes.
std::string_view Dwarf::State::name_of(const Die& die) {
  const std::string_view name = die.name();
  name_bytes += name.size();
  if (name_bytes > 16 * image.file_size() + (64 << 20)) throw Error("corrupt DWARF: its names overlap without end");
  return name;
}

void Dwarf::State::index_unit(int version) {
  Dwarf_Die handle = nullptr;
  Dwarf_Error error = nullptr;
  if (!dwarf_found(debug(), dwarf_siblingof_b(debug(), nullptr, true, &handle, &error), error)) return;
  Die unit(debug(), handle);
  read_unit(unit, version);
  for (auto die = unit.first_child(); die; die = die->next_sibling()) {
    unsigned tag = die->tag();
    if (tag == DW_TAG_subprogram)
      add_function(*die);
    else if (tag == DW_TAG_variable)
      globals.emplace(name_of(*die), GlobalEntry{die->offset(), units.size() - 1});
    else if (is_type(tag))
      types.emplace(name_of(*die), die->offset());
  }
}

void Dwarf::State::read_unit(const Die& die, int version) {
  ListUnit u;
  u.version = version;
  u.debug_addr = sections.get(".debug_addr");
  u.addr_base = die.number(DW_AT_addr_base).value_or(8);
  u.loclists_base = die.number(DW_AT_loclists_base).value_or(0);
  u.rnglists_base = die.number(DW_AT_rnglists_base).value_or(0);
  units.push_back({u, die.number(DW_AT_stmt_list)});
  if (auto low = die.attribute(DW_AT_low_pc)) units.back().lists.base = address(*low, units.size() - 1);
}

void Dwarf::State::add_function(const Die& die) {
  size_t unit = units.size() - 1;
  if (auto range = low_high(die, unit)) functions.push_back({range->first, range->second, die.offset(), unit});
}

uint64_t Dwarf::State::address(const Attribute& a, size_t unit) const {
  return a.is_indexed_address() ? units[unit].lists.address(a.address_index()) : a.address();
}

std::optional<std::pair<uint64_t, uint64_t>> Dwarf::State::low_high(const Die& die, size_t unit) const {
  auto low = die.attribute(DW_AT_low_pc), high = die.attribute(DW_AT_high_pc);
  if (!low || !high) return std::nullopt;
  uint64_t start = address(*low, unit);
  bool absolute = high->form() == DW_FORM_addr || high->is_indexed_address();
  return std::pair(start, absolute ? address(*high, unit) : start + high->number());
}

std::vector<std::pair<uint64_t, uint64_t>> Dwarf::State::ranges(const Die& die, size_t unit) const {
  Ranges found;
  if (auto range = low_high(die, unit)) found.push_back(*range);
  if (auto list = die.attribute(DW_AT_ranges)) {
    const ListUnit& u = units[unit].lists;
    Bytes section = sections.get(u.version >= 5 ? ".debug_rnglists" : ".debug_ranges");
    uint64_t offset = list->number();
    if (list->form() == DW_FORM_rnglistx) offset = indexed_list(section, u.rnglists_base, offset);
    each_range(section, offset, u, [&](uint64_t low, uint64_t high, Bytes) {
      if (found.size() >= kMaxRanges) throw Error("corrupt DWARF: a block of more than 1024 ranges");
      found.emplace_back(low, high);
      return true;
    });
  }
  for (auto& [low, high] : found) low += bias, high += bias;
  return found;
}

// Pointers and functions are a word and often say no size; a typedef has its target's.
uint64_t Dwarf::State::size_of(const Die& type, int depth) const {
  if (auto size = type.number(DW_AT_byte_size)) return *size;
  unsigned tag = type.tag();
  if (tag == DW_TAG_pointer_type || tag == DW_TAG_subroutine_type) return 8;
  auto target = type.attribute(DW_AT_type);
  if (tag != DW_TAG_typedef || !target) return 0;
  if (depth > kMaxDepth) throw Error("corrupt DWARF: a typedef of itself");
  return size_of(Die::at(debug(), target->reference()), depth + 1);
}

void Dwarf::State::describe_type(const Die& die, std::string* name, uint64_t* size) const {
  auto a = die.attribute(DW_AT_type);
  if (!a) return;
  Die type = Die::at(debug(), a->reference());
  *name = type.name();
  *size = size_of(type);
}

// The words of a type, as (offset, size): what the compiler keeps in registers of its own.
void Dwarf::State::add_leaves(const Die& type, uint64_t offset, int depth, int* steps,
                              std::vector<std::pair<uint64_t, uint64_t>>* out) const {
  constexpr size_t kMaxLeaves = 64;
  if (depth > kMaxDepth || out->size() > kMaxLeaves || --*steps < 0) return;
  auto target = type.attribute(DW_AT_type);
  if (type.tag() == DW_TAG_typedef && target)
    return add_leaves(Die::at(debug(), target->reference()), offset, depth + 1, steps, out);
  if (type.tag() == DW_TAG_array_type && target) {
    Die element = Die::at(debug(), target->reference());
    uint64_t size = size_of(element), total = size_of(type);
    for (uint64_t at = 0; size != 0 && at < total && out->size() <= kMaxLeaves && *steps > 0; at += size)
      add_leaves(element, offset + at, depth + 1, steps, out);
  } else if (type.tag() == DW_TAG_structure_type) {
    for (auto member = type.first_child(); member; member = member->next_sibling())
      if (auto member_type = member->tag() == DW_TAG_member ? member->attribute(DW_AT_type) : nullptr)
        add_leaves(Die::at(debug(), member_type->reference()),
                   offset + member->number(DW_AT_data_member_location).value_or(0), depth + 1, steps, out);
  } else {
    out->emplace_back(offset, size_of(type));
  }
}

void Dwarf::State::restore_padding(const Variable& variable, Location* location) const {
  uint64_t sum = 0;
  for (const Piece& p : location->pieces) sum += p.size;
  if (location->pieces.size() < 2 || sum >= variable.size) return;
  std::vector<std::pair<uint64_t, uint64_t>> leaves;
  int steps = kMaxTypeSteps;
  add_leaves(Die::at(debug(), variable.type_entry), 0, 0, &steps, &leaves);
  if (leaves.size() != location->pieces.size()) return;
  for (size_t i = 0; i < leaves.size(); i++)
    if (leaves[i].second != location->pieces[i].size) return;
  for (size_t i = 0; i < leaves.size(); i++) location->pieces[i].offset = leaves[i].first;
}

std::optional<Die> Dwarf::State::origin(const Die& die) const {
  auto a = die.attribute(DW_AT_abstract_origin);
  if (!a) return std::nullopt;
  return Die::at(debug(), a->reference());
}

std::optional<Variable> Dwarf::State::variable(const Die& die, size_t unit) const {
  Variable v;
  v.unit = unit;
  auto abstract = origin(die);
  const Die& said = abstract ? *abstract : die;  // inlined and concrete copies keep name and type in the abstract entry
  v.name = said.name();
  if (v.name.empty()) return std::nullopt;
  describe_type(said, &v.type, &v.size);
  if (auto type = said.attribute(DW_AT_type)) v.type_entry = type->reference();
  v.line = static_cast<int32_t>(said.number(DW_AT_decl_line).value_or(0));
  v.closure_offset = die.number(kGoClosureOffset);
  bool parameter = said.tag() == DW_TAG_formal_parameter;
  bool result = parameter && said.number(DW_AT_variable_parameter).value_or(0) != 0;
  v.role = result ? VariableRole::result : parameter ? VariableRole::parameter : VariableRole::local;
  if (auto location = die.attribute(DW_AT_location)) {
    if (location->is_expression())
      v.expression = location->expression();
    else if (location->form() == DW_FORM_loclistx)
      v.list = indexed_list(location_section(unit), units[unit].lists.loclists_base, location->number());
    else
      v.list = location->number();
  }
  return v;
}

void Dwarf::State::collect(const Die& parent, size_t unit, const Ranges& scope, const std::string& inlined, int depth,
                           size_t* entries, std::vector<Variable>* out) const {
  if (depth > kMaxDepth) throw Error("corrupt DWARF: blocks nested too deeply");
  for (auto die = parent.first_child(); die; die = die->next_sibling()) {
    if (++*entries > kMaxEntries || out->size() > kMaxVariables) throw Error("corrupt DWARF: a function without end");
    unsigned tag = die->tag();
    if (tag == DW_TAG_formal_parameter || tag == DW_TAG_variable) {
      auto v = variable(*die, unit);
      if (!v) continue;
      v->scope = scope;
      v->inlined_from = inlined;
      out->push_back(std::move(*v));
    } else if (tag == DW_TAG_lexical_block) {
      collect(*die, unit, ranges(*die, unit), inlined, depth + 1, entries, out);
    } else if (tag == DW_TAG_inlined_subroutine) {
      auto abstract = origin(*die);
      collect(*die, unit, ranges(*die, unit), abstract ? std::string(abstract->name()) : "?", depth + 1, entries, out);
    }
  }
}

// Whether it is anywhere at all.
bool Dwarf::State::has_place(const Variable& v) const {
  if (!v.list) return !v.expression.empty();
  bool any = false;
  each_location(location_section(v.unit), *v.list, units[v.unit].lists, [&](uint64_t, uint64_t, Bytes expression) {
    any = !expression.empty();
    return !any;
  });
  return any;
}

// One entry for each variable (see FunctionInfo).
void Dwarf::State::unite(uint64_t entry, std::vector<Variable>* variables) const {
  const auto same = [](const Variable& a, const Variable& b) {
    return a.inlined_from == b.inlined_from && a.scope == b.scope;
  };
  std::vector<Variable> out;
  for (Variable& v : *variables) {
    const auto twin = std::find_if(out.begin(), out.end(), [&](const Variable& o) {
      return v.role != VariableRole::local && v.name != "_" && o.role == v.role && o.name == v.name && same(o, v);
    });
    if (twin == out.end())
      out.push_back(std::move(v));
    else if (!has_place(*twin))
      *twin = std::move(v);
  }
  // go1.17 leaves the result's own entry out where it moved to the heap (-N): the signature's lines tell it.
  const GoProgram* go = image.go();
  const auto f = go && go->version.minor == 17 ? go->funcs.at(entry) : std::nullopt;
  int32_t signature = f ? go->funcs.line(*f, entry).line : 0;
  if (f)
    for (const Variable& v : out)
      if (v.role != VariableRole::local && v.inlined_from.empty()) signature = std::max(signature, v.line);
  for (Variable& v : out) {
    if (v.role != VariableRole::local || v.name[0] != '&' || v.closure_offset) continue;
    const auto own = std::find_if(out.begin(), out.end(), [&](const Variable& o) {
      return o.role != VariableRole::local && v.name.compare(1, std::string::npos, o.name) == 0 && same(o, v);
    });
    if (own != out.end()) {
      v.role = own->role;
      v.before_heap = std::make_shared<const Variable>(*own);
      *own = std::move(v);  // in the signature's order
      v.name.clear();
    } else if (f && v.inlined_from.empty() && v.scope.empty() && v.line <= signature &&
               f->name.find(".func") == std::string_view::npos) {  // a closure's are what it captured
      v.role = VariableRole::result;
    }
  }
  std::erase_if(out, [](const Variable& v) { return v.name.empty(); });
  *variables = std::move(out);
}

const Field* StructLayout::field(std::string_view wanted) const {
  for (const Field& f : fields)
    if (f.name == wanted) return &f;
  return nullptr;
}

bool Variable::visible_at(uint64_t pc) const {
  return scope.empty() ||
         std::any_of(scope.begin(), scope.end(), [&](const auto& r) { return pc >= r.first && pc < r.second; });
}

Dwarf::Dwarf(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dwarf::~Dwarf() = default;

std::unique_ptr<Dwarf> Dwarf::open(const Image& image) {
  if (!has_dwarf(image)) return nullptr;
  return std::unique_ptr<Dwarf>(new Dwarf(std::make_unique<State>(image)));
}

std::optional<int> dwarf_version(const Image& image) {
  auto start = start_of_debug_info(image);
  auto length = get<uint32_t>(start, 0);
  auto version =
      length ? get<uint16_t>(start, *length == 0xffffffff ? 12 : 4) : std::nullopt;  // ffffffff: the 64-bit format
  if (!version || *version < 2 || *version > 5) return std::nullopt;
  return *version;
}

int Dwarf::version() const { return state_->units.empty() ? 0 : state_->units.front().lists.version; }

std::optional<StructLayout> Dwarf::struct_layout(std::string_view type) const {
  auto found = state_->types.find(type);
  if (found == state_->types.end()) return std::nullopt;
  Die die = Die::at(state_->debug(), found->second);
  for (int depth = 0; die.tag() == DW_TAG_typedef; depth++) {
    auto target = die.attribute(DW_AT_type);
    if (!target || depth > kMaxDepth) return std::nullopt;
    die = Die::at(state_->debug(), target->reference());
  }
  if (die.tag() != DW_TAG_structure_type) return std::nullopt;
  StructLayout layout;
  layout.name = type;
  layout.size = state_->size_of(die);
  for (auto member = die.first_child(); member; member = member->next_sibling()) {
    if (member->tag() != DW_TAG_member) continue;
    Field f;
    f.name = member->name();
    f.offset = member->number(DW_AT_data_member_location).value_or(0);
    state_->describe_type(*member, &f.type, &f.size);
    layout.fields.push_back(std::move(f));
  }
  return layout;
}

std::optional<uint64_t> Dwarf::type_size(std::string_view type) const {
  auto found = state_->types.find(type);
  if (found == state_->types.end()) return std::nullopt;
  return state_->size_of(Die::at(state_->debug(), found->second));
}

std::string Dwarf::underlying(std::string_view type) const {
  auto found = state_->types.find(type);
  if (found == state_->types.end()) return std::string(type);
  Die die = Die::at(state_->debug(), found->second);
  const uint64_t kind = die.number(kGoKind).value_or(0);
  auto name_of = [&](unsigned attribute) -> std::string {
    auto a = die.attribute(attribute);
    return a ? std::string(Die::at(state_->debug(), a->reference()).name()) : "?";
  };
  if (kind < std::size(kBasicKinds) && kBasicKinds[kind]) return kBasicKinds[kind];
  switch (kind) {
    case kArray: {
      auto range = die.first_child();
      return "[" + std::to_string(range ? range->number(DW_AT_count).value_or(0) : 0) + "]" + name_of(DW_AT_type);
    }
    case kChan: return "chan " + name_of(kGoElem);
    case kFunc: return type.starts_with("func(") ? std::string(type) : "func()";
    case kMap: return "map[" + name_of(kGoKey) + "]" + name_of(kGoElem);
    case kPointer: return "*" + name_of(DW_AT_type);
    case kSlice: return "[]" + name_of(kGoElem);
    default: return std::string(type);
  }
}

std::optional<Variable> Dwarf::global(std::string_view name) const {
  auto found = state_->globals.find(name);
  if (found == state_->globals.end()) return std::nullopt;
  return state_->variable(Die::at(state_->debug(), found->second.die), found->second.unit);
}

std::vector<std::string_view> Dwarf::globals() const {
  std::vector<std::string_view> names;
  for (const auto& [name, entry] : state_->globals) names.push_back(name);
  return names;
}

std::optional<FunctionInfo> Dwarf::function_at(uint64_t pc) const {
  uint64_t address = pc - state_->bias;
  const auto& all = state_->functions;
  auto after =
      std::upper_bound(all.begin(), all.end(), address, [](uint64_t a, const FunctionEntry& f) { return a < f.low; });
  if (after == all.begin() || address >= std::prev(after)->high) return std::nullopt;
  const FunctionEntry& entry = *std::prev(after);
  Die die = Die::at(state_->debug(), entry.die);
  auto abstract = state_->origin(die);
  FunctionInfo info;
  info.name = (abstract ? *abstract : die).name();
  info.entry = entry.low + state_->bias;
  info.end = entry.high + state_->bias;
  size_t entries = 0;
  state_->collect(die, entry.unit, {}, "", 0, &entries, &info.variables);
  state_->unite(info.entry, &info.variables);
  auto base = die.attribute(DW_AT_frame_base);
  if (base && base->is_expression() &&
      !(base->expression().size() == 1 && base->expression()[0] == DW_OP_call_frame_cfa))
    for (Variable& v : info.variables) v.frame_base_is_cfa = false;
  std::stable_sort(info.variables.begin(), info.variables.end(), [](const Variable& a, const Variable& b) {
    auto rank = [](const Variable& v) { return v.inlined_from.empty() && v.role != VariableRole::local ? 0 : 1; };
    return rank(a) < rank(b);
  });
  return info;
}

void Dwarf::each_line_row(const LineVisit& visit) const {
  const LineSections sections{state_->sections.get(".debug_line"), state_->sections.get(".debug_str"),
                              state_->sections.get(".debug_line_str")};
  std::set<uint64_t> seen;
  uint64_t read = 0;
  for (const Unit& unit : state_->units) {
    if (!unit.line_table || !seen.insert(*unit.line_table).second) continue;
    read += loader::each_line_row(sections, *unit.line_table, [&](LineRow row) {
      row.address += state_->bias;
      visit(row);
    });
    if (read > sections.line.size()) throw Error("corrupt DWARF: line tables overlap");
  }
}

Location Dwarf::locate(const Variable& variable, uint64_t pc, const FrameAccess& frame) const {
  if (!variable.frame_base_is_cfa)
    throw Error(variable.name + " belongs to code that is not Go's: its frame base is not supported");
  const ListUnit& unit = state_->units.at(variable.unit).lists;
  uint64_t address = pc - state_->bias;
  Bytes expression = variable.expression;
  size_t listed = 0;
  if (variable.list)
    each_location(state_->location_section(variable.unit), *variable.list, unit,
                  [&](uint64_t low, uint64_t high, Bytes found) {
                    if (++listed > kMaxListed) throw Error("corrupt DWARF: a location list without end");
                    bool fallback = low == 0 && high == UINT64_MAX;  // holds only where no other entry does
                    bool here = !fallback && address >= low && address < high;
                    if (here || fallback) expression = found;
                    return !here;
                  });
  Location location =
      evaluate_location(expression, frame, state_->bias, [&unit](uint64_t index) { return unit.address(index); });
  state_->restore_padding(variable, &location);
  return location;
}

Location Dwarf::locate_in_caller(const Variable& variable, uint64_t return_address, const FrameAccess& frame) const {
  const auto in_register = [](const Location& l) {
    return std::any_of(l.pieces.begin(), l.pieces.end(), [](const Piece& p) { return p.kind == Piece::Kind::reg; });
  };
  Location before = locate(variable, return_address - 1, frame);
  if (!before.optimised_away() && !in_register(before)) return before;
  Location behind = locate(variable, return_address, frame);
  return behind.optimised_away() || in_register(behind) ? before : behind;
}

}  // namespace deferscope::loader
