// The environment as C functions see it (cgo keeps it in step with os.Setenv): environ, an array of "NAME=value" in the
// guest's memory, which programs read and write themselves too. What a program can ask of its own start, and variables
// that each thread has its own of.
#include <cstring>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {
namespace {

constexpr uint64_t kLongestText = 1 << 20, kMostEntries = 1 << 20;

Result read_fault(Call& c) { return c.fault(isa::Access::Read); }
Result write_fault(Call& c) { return c.fault(isa::Access::Write); }

uint64_t environ_at(const Call& c) { return c.s.program_words + offsetof(ProgramWords, environ_); }

Result name_at(Call& c, uint64_t at, std::string& name) {
  if (at == 0) return Error::INVAL;
  if (!c.memory().read_string(at, name, kLongestText)) return read_fault(c);
  return name.empty() || name.find('=') != std::string::npos ? Result(Error::INVAL) : kOk;
}

// An entry of environ: its place in the array, and where its value begins; 0: there is none, the place is the end's.
struct Entry {
  uint64_t place = 0, value = 0, number = 0;
};

// Does a text begin with these bytes?
Result begins(Call& c, uint64_t at, const std::string& with, bool& yes) {
  yes = true;
  for (size_t i = 0; yes && i < with.size(); ++i) {
    char byte = 0;
    if (!c.get(at + i, byte)) return read_fault(c);
    yes = byte == with[i];
  }
  return kOk;
}

Result find(Call& c, const std::string& name, Entry& out) {
  uint64_t text = 0;
  if (!c.get(environ_at(c), out.place)) return read_fault(c);
  if (out.place == 0) return kOk;
  for (const std::string with = name + "=";; out.place += sizeof text, ++out.number) {
    bool same = false;
    c.host.work(1 + with.size() / 64);  // as much as is compared at most
    if (!c.get(out.place, text)) return read_fault(c);
    if (text == 0) return kOk;
    if (const Result e = begins(c, text, with, same); e != kOk) return e;
    if (same) return out.value = text + with.size(), kOk;
  }
}

// One more entry: in a new array, since the old one may be anybody's.
Result append(Call& c, const Entry& end, uint64_t text) {
  if (end.number > kMostEntries) return Error::NOMEM;
  std::vector<uint64_t> words(end.number);
  uint64_t old = 0;
  if (!c.get(environ_at(c), old)) return read_fault(c);
  if (!words.empty() && !c.memory().read(old, words.data(), 8 * words.size())) return read_fault(c);
  words.insert(words.end(), {text, 0});
  c.host.work(words.size() / (kPage / 8));
  const uint64_t array = heap_allocate(c.s, c.memory(), 8 * words.size(), &c.host);
  if (array == 0) return Error::NOMEM;
  c.memory().poke(array, words.data(), 8 * words.size());
  if (!c.put(environ_at(c), array)) return write_fault(c);
  if (old != 0 && old == c.s.environment) heap_free(c.s, old);
  c.s.environment = array;
  return kOk;
}

Result put_entry(Call& c, const Entry& entry, uint64_t text) {
  if (entry.value == 0) return append(c, entry, text);
  return c.put(entry.place, text) ? kOk : write_fault(c);
}

// Those behind it move up.
Result remove(Call& c, uint64_t place) {
  for (uint64_t next = 1; next != 0; place += sizeof next) {
    c.host.work(1);
    if (!c.get(place + sizeof next, next)) return read_fault(c);
    if (!c.put(place, next)) return write_fault(c);
  }
  return kOk;
}

}  // namespace

Result variable(Call& c, const std::string& name, std::string& value) {
  Entry entry;
  if (const Result e = find(c, name, entry); e != kOk) return e;
  value.clear();
  return entry.value == 0 || c.memory().read_string(entry.value, value, kLongestText) ? kOk : read_fault(c);
}

Result imp_getenv(Call& c) {
  std::string name;
  Entry entry;
  if (const Result e = name_at(c, c.a[0], name); e != kOk) return e == kNoResult ? e : c.give(0);
  if (const Result e = find(c, name, entry); e != kOk) return e;
  return c.give(entry.value);
}

// Old values stay, since somebody may hold their address.
Result imp_setenv(Call& c) {
  std::string name, value;
  Entry entry;
  if (const Result e = name_at(c, c.a[0], name); e != kOk) return e;
  if (!c.memory().read_string(c.a[1], value, kLongestText)) return read_fault(c);
  if (const Result e = find(c, name, entry); e != kOk) return e;
  if (entry.value != 0 && c.i32(2) == 0) return 0;
  const std::string text = name + "=" + value;
  c.host.work(text.size() / kPage);
  const uint64_t at = heap_allocate(c.s, c.memory(), text.size() + 1, &c.host);
  if (at == 0 || !c.memory().poke(at, text.c_str(), text.size() + 1)) return Error::NOMEM;
  return put_entry(c, entry, at);
}

// The text itself becomes the entry.
Result imp_putenv(Call& c) {
  std::string text;
  Entry entry;
  if (!c.memory().read_string(c.a[0], text, kLongestText)) return read_fault(c);
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return Error::INVAL;
  if (const Result e = find(c, text.substr(0, equals), entry); e != kOk) return e;
  return put_entry(c, entry, c.a[0]);
}

Result imp_unsetenv(Call& c) {
  std::string name;
  if (const Result e = name_at(c, c.a[0], name); e != kOk) return e;
  for (;;) {
    Entry entry;
    if (const Result e = find(c, name, entry); e != kOk) return e;
    if (entry.value == 0) return 0;
    if (const Result e = remove(c, entry.place); e != kOk) return e;
  }
}

// --- what a program can ask of its start (<crt_externs.h>, <mach-o/dyld.h>) ---

Result imp_NSGetEnviron(Call& c) { return c.give(environ_at(c)); }
Result imp_NSGetArgc(Call& c) { return c.give(c.s.program_words + offsetof(ProgramWords, argc)); }
Result imp_NSGetArgv(Call& c) { return c.give(c.s.program_words + offsetof(ProgramWords, argv)); }

// _NSGetExecutablePath(buffer, &size): −1 if it does not fit, and how much room it needs.
Result imp_NSGetExecutablePath(Call& c) {
  const auto need = static_cast<uint32_t>(c.s.exe.size() + 1);
  uint32_t room = 0;
  if (!c.get(c.a[1], room)) return read_fault(c);
  if (room < need) return c.put(c.a[1], need) ? c.give(UINT64_MAX) : write_fault(c);
  return c.memory().write(c.a[0], c.s.exe.c_str(), need) ? kOk : write_fault(c);
}

// The address of a thread's own copy of a variable. The argument is its descriptor: this function, a word of dyld's,
// the variable's offset in the copy, which is made when it is first asked for. All other registers are kept.
Result imp_tlv_bootstrap(Call& c) {
  uint64_t offset = 0;
  if (!c.get(c.a[0] + 16, offset)) return read_fault(c);
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
