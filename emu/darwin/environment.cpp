// The environment as C functions see it (cgo keeps it in step with os.Setenv), and variables that each thread has its
// own of.
#include "emu/darwin/call.h"
#include "emu/posix/boot.h"

namespace deferscope::emu::darwin {
namespace {

constexpr uint64_t kLongestText = 1 << 20;

Result name_at(Call& c, uint64_t at, std::string& name) {
  if (!c.memory().read_string(at, name, kLongestText)) return c.fault(isa::Access::Read);
  return name.empty() || name.find('=') != std::string::npos ? Result(Error::INVAL) : kOk;
}

// What the process was started with.
std::optional<std::string> started_with(Call& c, const std::string& name) {
  for (const std::string& v : environment(*c.s.options))
    if (v.size() > name.size() && v[name.size()] == '=' && v.starts_with(name)) return v.substr(name.size() + 1);
  return std::nullopt;
}

bool is_set(Call& c, const std::string& name) {
  const auto it = c.s.variables.find(name);
  return it == c.s.variables.end() ? started_with(c, name).has_value() : it->second != 0;
}

Result change(Call& c, const std::string& name, uint64_t address) {
  if (!c.s.variables.contains(name) && !c.s.holdings.take(cost::kDescriptor + 2 * name.size())) return Error::NOMEM;
  c.s.variables[name] = address;
  return 0;
}

}  // namespace

Result imp_getenv(Call& c) {
  std::string name;
  if (const Result e = name_at(c, c.a[0], name); e != kOk) return e == kNoResult ? e : c.give(0);
  if (const auto it = c.s.variables.find(name); it != c.s.variables.end()) return c.give(it->second);
  const auto value = started_with(c, name);
  return value ? constant_text(c, *value) : c.give(0);
}

// Old values stay, since somebody may hold their address.
Result imp_setenv(Call& c) {
  std::string name, value;
  if (const Result e = name_at(c, c.a[0], name); e != kOk) return e;
  if (!c.memory().read_string(c.a[1], value, kLongestText)) return c.fault(isa::Access::Read);
  if (c.i32(2) == 0 && is_set(c, name)) return 0;
  const Result text = constant_text(c, value);
  return text ? change(c, name, static_cast<uint64_t>(text.value())) : text;
}

Result imp_unsetenv(Call& c) {
  std::string name;
  if (const Result e = name_at(c, c.a[0], name); e != kOk) return e;
  return is_set(c, name) ? change(c, name, 0) : kOk;
}

// The address of a thread's own copy of a variable. The argument is its descriptor: this function, a word of dyld's,
// the variable's offset in the copy, which is made when it is first asked for. All other registers are kept.
Result imp_tlv_bootstrap(Call& c) {
  uint64_t offset = 0;
  if (!c.get(c.a[0] + 16, offset)) return c.fault(isa::Access::Read);
  uint64_t& copy = c.extra().variables;
  if (copy == 0) {
    const ThreadVariables& t = *c.s.thread_variables;
    c.host.work(t.size / kPage);
    copy = heap_allocate(c.s, c.memory(), t.size, &c.host);
    if (copy == 0) throw Unsupported("no memory for a thread's variables: the call");
    c.memory().poke(copy, t.bytes.data(), t.bytes.size());
    heap_clear(c.memory(), copy + t.bytes.size(), t.size - t.bytes.size());
  }
  return c.give(copy + offset);
}

}  // namespace deferscope::emu::darwin
