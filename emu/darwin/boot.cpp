#include "emu/darwin/boot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "emu/darwin/call.h"
#include "emu/darwin/import_table.h"
#include "emu/posix/boot.h"
#include "emu/posix/files.h"
#include "emu/posix/host_files.h"
#include "emu/posix/scratch.h"

namespace deferscope::emu::darwin {
namespace {

constexpr uint64_t kArgLimit = 1 << 20;      // bytes of argv and env (ARG_MAX)
constexpr uint64_t kLargestStack = 1 << 30;  // of the first thread

// --- imports ---

std::string word(uint64_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

// A pointer to a stream, and the stream behind it.
std::string stream_at(uint64_t address, int16_t fd) {
  std::string out = word(address + 8) + std::string(stream::kSize, '\0');
  std::memcpy(out.data() + 8 + stream::kFdOffset, &fd, sizeof fd);
  return out;
}

uint32_t rune_type(int c) {
  const bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
  const bool hex = digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
  if (c >= 127) return c == 127 ? rune::kControl : 0;
  uint32_t type = c < 32 ? rune::kControl : c == ' ' ? rune::kPrint : rune::kPrint | rune::kGraph;
  if (c == ' ' || c == '\t') type |= rune::kBlank;
  if (c == ' ' || (c >= 9 && c <= 13)) type |= rune::kSpace;
  if (digit) type |= rune::kDigit | static_cast<uint32_t>(c - '0');
  if (upper || lower) type |= rune::kAlpha | (upper ? rune::kUpper : rune::kLower);
  if (hex) type |= rune::kHex | static_cast<uint32_t>(digit ? 0 : (c | 32) - 'a' + 10);
  if (c > ' ' && !digit && !upper && !lower) type |= rune::kPunct;
  return type;
}

// The C locale's classes.
std::string rune_locale() {
  RuneLocale r{};
  std::memcpy(r.magic, "RuneMagA", 8);
  std::memcpy(r.encoding, "NONE", 4);
  for (int c = 0; c < 256; ++c) {
    r.type[c] = rune_type(c);
    r.lower[c] = r.type[c] & rune::kUpper ? c + 32 : c;
    r.upper[c] = r.type[c] & rune::kLower ? c - 32 : c;
  }
  return {reinterpret_cast<const char*>(&r), sizeof r};
}

// Variables of libSystem that programs import, in memory of their own.
struct DataRow {
  const char* name;
  std::string (*bytes)(State& s, uint64_t address);
};
constexpr DataRow kData[] = {
    {"___stack_chk_guard", [](State& s, uint64_t) { return word(s.random.next() & ~uint64_t{0xff}); }},
    {"_mach_task_self_", [](State&, uint64_t) { return word(0x203); }},
    {"_environ",
     [](State&, uint64_t) { return word(0); }},  // ProgramWords: these three are known when there is a stack
    {"_NXArgv", [](State&, uint64_t) { return word(0); }},
    {"_NXArgc", [](State&, uint64_t) { return word(0); }},
    {"(tm)", [](State&, uint64_t) { return std::string(sizeof(Tm), '\0'); }},  // no symbol
    {"_vm_page_size", [](State& s, uint64_t) { return word(s.page()); }},
    {"dyld_stub_binder", [](State&, uint64_t) { return word(0); }},  // for lazy pointers, which are all bound at once
    {"___stdinp", [](State&, uint64_t at) { return stream_at(at, 0); }},
    {"___stdoutp", [](State&, uint64_t at) { return stream_at(at, 1); }},
    {"___stderrp", [](State&, uint64_t at) { return stream_at(at, 2); }},
    {"__DefaultRuneLocale", [](State&, uint64_t) { return rune_locale(); }},
};

struct Names {
  ImportSlots slots;
  std::map<std::string, size_t> place;  // of those that are called
};

// Functions that programs call through a zone of malloc, whether they name them or not.
struct ZoneRow {
  const char* function;
  uint64_t MallocZone::*word;
};
constexpr ZoneRow kZone[] = {{"_malloc_zone_size", &MallocZone::size},
                             {"_malloc_zone_malloc", &MallocZone::malloc},
                             {"_malloc_zone_calloc", &MallocZone::calloc},
                             {"_malloc_zone_free", &MallocZone::free},
                             {"_malloc_zone_realloc", &MallocZone::realloc}};

// Each function that the program names gets one place, in the file's order.
Names name_imports(const State& s, const loader::MachOInfo& macho) {
  Names names;
  for (const loader::Import& i : macho.imports) {
    const bool data =
        std::any_of(std::begin(kData), std::end(kData), [&](const auto& row) { return i.name == row.name; });
    if (data || names.place.contains(i.name)) continue;
    const int row = find_import(s.isa, i.name);
    if (row < 0 && i.weak) continue;
    names.place[i.name] = names.slots.size();
    names.slots.push_back({i.name, i.library, row});
  }
  if (names.place.contains("_malloc_default_zone") || names.place.contains("_malloc_create_zone"))
    for (const ZoneRow& z : kZone)
      if (names.place.emplace(z.function, names.slots.size()).second)
        names.slots.push_back({z.function, "", find_import(s.isa, z.function)});
  return names;
}

// libSystem's variables; by name where they are.
std::map<std::string, uint64_t> make_data(State& s, MachineState& m) {
  uint64_t at = choose_place(s, m.memory, 0, s.page());
  m.memory.map(at, s.page(), kRead | kWrite, {}, "libSystem");
  std::map<std::string, uint64_t> out;
  for (const DataRow& row : kData) {
    const std::string bytes = row.bytes(s, at);
    m.memory.poke(out[row.name] = at, bytes.data(), bytes.size());
    at += (bytes.size() + 7) / 8 * 8;
  }
  s.zone = at;
  return out;
}

uint64_t address_of_place(const State& s, size_t place) {
  return layout_of(s).calls + (kSpecialCalls + place) * kCallSize;
}

// Gives where libSystem's variables are.
std::map<std::string, uint64_t> bind_imports(State& s, MachineState& m, const loader::Image& image) {
  Names names = name_imports(s, image.macho());
  uint64_t size = 0;
  for (const ImportSlot& slot : names.slots) size += sizeof slot + 4 * (slot.name.size() + slot.library.size()) + 64;
  if (!s.holdings.take(size)) throw emu::Error(image.path() + ": its imports need more memory than --memory allows");
  auto data = make_data(s, m);
  for (const loader::Import& i : image.macho().imports) {
    uint64_t value = 0;
    if (const auto it = data.find(i.name); it != data.end())
      value = it->second;
    else if (const auto place = names.place.find(i.name); place != names.place.end())
      value = address_of_place(s, place->second);
    if (value != 0) value += static_cast<uint64_t>(i.addend);
    if (!m.memory.poke(i.pointer, &value, 8))
      throw emu::Error(
          fmt::format("{}: the word for its import {} at {:#x} is not in memory", image.path(), i.name, i.pointer));
  }
  MallocZone zone{};
  for (const ZoneRow& z : kZone)
    if (const auto place = names.place.find(z.function); place != names.place.end())
      zone.*z.word = address_of_place(s, place->second);
  m.memory.poke(s.zone, &zone, sizeof zone);
  s.imports = std::make_shared<const ImportSlots>(std::move(names.slots));
  return data;
}

// --- the first thread ---

// argc, argv, 0, env, 0, apple, 0; the strings above them (bsd/kern/kern_exec.c, exec_copyout_strings).
Start build_stack(State& s, MachineState& m, uint64_t top) {
  const std::vector<std::string> env = environment(*s.options), apple{"executable_path=" + s.exe};
  uint64_t size = 0;
  for (const auto* list : {&s.options->argv, &env})
    for (const std::string& w : *list) size += w.size() + 1;
  if (size > kArgLimit) throw emu::Error("arguments and environment are longer than 1 MiB");
  StackBuilder b(m, top - 8);
  Start start;
  std::vector<uint64_t> words{start.argc = s.options->argv.size()};
  const auto add = [&](const std::vector<std::string>& list) {
    const uint64_t first = words.size();
    for (const std::string& w : list) words.push_back(b.string(w));
    words.push_back(0);
    return first * 8;
  };
  start.argv = add(s.options->argv);
  start.envp = add(env);
  start.apple = add(apple);
  b.align();
  if (words.size() % 2 != 0) b.bytes("\0\0\0\0\0\0\0", 8);
  start.sp = b.bytes(words.data(), words.size() * 8);
  for (uint64_t* p : {&start.argv, &start.envp, &start.apple}) *p += start.sp;
  return start;
}

// As dyld calls main and what runs before.
void call_with_arguments(State& s, MachineState& m, isa::CpuState& cpu, SpecialCall returns_to) {
  const Start& start = *s.start;
  const uint64_t back = special_address(s, returns_to);
  const uint64_t args[4] = {start.argc, start.argv, start.envp, start.apple};
  constexpr isa::Reg kRegs[2][4] = {{isa::kRdi, isa::kRsi, isa::kRdx, isa::kRcx}, {0, 1, 2, 3}};
  for (int i = 0; i < 4; ++i) cpu.r[kRegs[s.amd64() ? 0 : 1][i]] = args[i];
  if (!s.amd64()) {
    cpu.r[isa::kX30] = back;
    return;
  }
  cpu.r[isa::kRsp] -= 8;
  m.memory.write_value(cpu.r[isa::kRsp], back);
}

// Sections by their type: functions' addresses, or their distances from the header.
constexpr uint64_t kTypeMask = 0xff, kInitialisers = 0x9, kInitialiserOffsets = 0x16;

std::vector<uint64_t> initialisers_of(const MachineState& m, const loader::Image& image) {
  std::vector<uint64_t> out;
  for (const loader::Section& section : image.sections()) {
    const uint64_t type = section.flags & kTypeMask;
    if (section.address == 0 || (type != kInitialisers && type != kInitialiserOffsets)) continue;
    const uint64_t width = type == kInitialisers ? 8 : 4;
    for (uint64_t at = 0; at + width <= section.bytes.size(); at += width) {
      uint64_t value = 0;
      m.memory.peek(section.address + at, &value, width);
      out.push_back(type == kInitialisers ? value : image.macho().header + value);
    }
  }
  return out;
}

// From the first section of variables that each thread has its own of to the last one's end.
ThreadVariables thread_variables_of(const MachineState& m, const loader::Image& image) {
  constexpr uint64_t kRegular = 0x11, kZeroFill = 0x12;
  ThreadVariables out;
  uint64_t begin = UINT64_MAX, filled = 0, end = 0;
  for (const loader::Section& section : image.sections()) {
    const uint64_t type = section.flags & kTypeMask;
    if (section.address == 0 || section.size > kHeapLimit || (type != kRegular && type != kZeroFill)) continue;
    begin = std::min(begin, section.address);
    end = std::max(end, section.address + section.size);
    if (type == kRegular) filled = std::max(filled, section.address + section.bytes.size());
  }
  if (end <= begin) return out;
  if (end - begin > kHeapLimit || (filled > begin && filled - begin > image.file_size()))
    throw emu::Error(image.path() + ": its variables of threads are larger than the file");
  out.size = end - begin;
  out.bytes.resize(filled > begin ? filled - begin : 0);
  m.memory.peek(begin, out.bytes.data(), out.bytes.size());
  return out;
}

void make_first_thread(State& s, MachineState& m, const loader::Image& image) {
  const uint64_t stack_size = s.page_up(std::clamp(image.macho().stack_size, pthread::kMainStack, kLargestStack));
  const uint64_t top = layout_of(s).stack_top;
  m.memory.map(top - stack_size, stack_size, kRead | kWrite, {}, "[stack]");
  const uint64_t block_size = s.page_up(pthread::kBlockSize), block = choose_place(s, m.memory, 0, block_size);
  m.memory.map(block, block_size, kRead | kWrite, {}, "[pthread]");
  s.limits[rlimit::STACK] = {stack_size, stack_size};
  Thread t;
  t.tid = s.pid;
  Start start = build_stack(s, m, top);
  start.entry = image.entry();
  start.unixthread = image.macho().unixthread;
  start.initialisers = initialisers_of(m, image);
  if (!s.holdings.take(8 * start.initialisers.size()))
    throw emu::Error(image.path() + ": its initialisers need more memory than --memory allows");
  s.start = std::make_shared<const Start>(std::move(start));
  enter_program(s, m, t.cpu);
  ThreadExtra extra;
  set_up_block(s, m, t.cpu, extra, block);
  m.threads.assign(1, t);
  m.current = 0;
  s.extras[s.pid] = extra;
  s.threads[s.pid];
  s.next_tid = s.pid + 1;
  s.running = s.pid;
}

}  // namespace

void enter_program(State& s, MachineState& m, isa::CpuState& cpu) {
  const Start& start = *s.start;
  cpu.r[s.amd64() ? isa::kRsp : isa::kSp] = start.sp;
  if (s.initialised < start.initialisers.size()) {
    cpu.pc = start.initialisers[s.initialised++];
    return call_with_arguments(s, m, cpu, kInitialiserReturned);
  }
  cpu.pc = start.entry;
  if (!start.unixthread) call_with_arguments(s, m, cpu, kMainReturned);
}

uint64_t special_address(const State& s, SpecialCall which) { return layout_of(s).calls + which * kCallSize; }

void boot_process(State& s, MachineState& m, HostPort& host, const loader::Image& image, const GuestOptions& options) {
  s = State{};
  s.isa = image.isa();
  m.isa = s.isa;
  s.options = std::make_shared<const GuestOptions>(options);
  s.random.state = options.seed;
  s.holdings.limit = options.max_memory;
  s.exe = options.exe_name.starts_with('/') ? options.exe_name : absolute_path(options.exe_path);
  s.roots = std::make_shared<const std::vector<GrantedRoot>>(host.files().paths().roots());
  s.cwd = host.files().start_directory(options.cwd);
  s.open_files = {256, rlimit::kInfinity};
  for (RLimit& l : s.limits) l = {rlimit::kInfinity, rlimit::kInfinity};
  s.limits[rlimit::CORE].soft = 0;
  s.limits[rlimit::NPROC] = {2666, 4000};
  s.heap_end = kHeapBase;
  s.mmap_base = s.page_up(map_image(s, m, image, layout_of(s).stack_top - kLargestStack));
  const auto data = bind_imports(s, m, image);
  s.thread_variables = std::make_shared<const ThreadVariables>(thread_variables_of(m, image));
  set_up_scratch(s);
  set_up_standard_files(s);
  make_first_thread(s, m, image);
  const ProgramWords words{s.start->envp, s.start->argv, s.start->argc, {}};
  m.memory.poke(s.program_words = data.at("_environ"), &words, sizeof words);
  hold_start_directory(s, m, host);
}

}  // namespace deferscope::emu::darwin
