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

// Variables of libSystem that programs import: words in memory of their own.
struct DataRow {
  const char* name;
  uint64_t (*value)(State& s);
};
constexpr DataRow kData[] = {
    {"___stack_chk_guard", [](State& s) { return s.random.next() & ~uint64_t{0xff}; }},
    {"_mach_task_self_", [](State&) { return uint64_t{0x203}; }},
    {"_environ", [](State&) { return uint64_t{0}; }},
    {"_vm_page_size", [](State& s) { return s.page(); }},
    {"dyld_stub_binder", [](State&) { return uint64_t{0}; }},  // for lazy pointers, which are all bound at once
};

struct Names {
  ImportSlots slots;
  std::map<std::string, size_t> place;  // of those that are called
};

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
  return names;
}

// Words for libSystem's variables; by name where they are.
std::map<std::string, uint64_t> make_data(State& s, MachineState& m) {
  const uint64_t at = choose_place(s, m.memory, 0, s.page());
  m.memory.map(at, s.page(), kRead | kWrite, {}, "libSystem");
  std::map<std::string, uint64_t> out;
  for (const DataRow& row : kData) {
    const uint64_t address = out[row.name] = at + 8 * out.size();
    const uint64_t value = row.value(s);
    m.memory.poke(address, &value, 8);
  }
  return out;
}

void bind_imports(State& s, MachineState& m, const loader::Image& image) {
  Names names = name_imports(s, image.macho());
  uint64_t size = 0;
  for (const ImportSlot& slot : names.slots) size += sizeof slot + 4 * (slot.name.size() + slot.library.size()) + 64;
  if (!s.holdings.take(size)) throw emu::Error(image.path() + ": its imports need more memory than --memory allows");
  const auto data = make_data(s, m);
  for (const loader::Import& i : image.macho().imports) {
    uint64_t value = 0;
    if (const auto it = data.find(i.name); it != data.end())
      value = it->second;
    else if (const auto place = names.place.find(i.name); place != names.place.end())
      value = layout_of(s).calls + (kSpecialCalls + place->second) * kCallSize;
    if (value != 0) value += static_cast<uint64_t>(i.addend);
    if (!m.memory.poke(i.pointer, &value, 8))
      throw emu::Error(
          fmt::format("{}: the word for its import {} at {:#x} is not in memory", image.path(), i.name, i.pointer));
  }
  s.imports = std::make_shared<const ImportSlots>(std::move(names.slots));
}

// --- the first thread ---

struct Start {
  uint64_t sp = 0, argc = 0, argv = 0, envp = 0, apple = 0;
};

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

// As dyld calls main.
void call_main(State& s, MachineState& m, isa::CpuState& cpu, const Start& start) {
  const uint64_t back = special_address(s, kMainReturned);
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

void make_first_thread(State& s, MachineState& m, const loader::Image& image) {
  const uint64_t stack_size = s.page_up(std::clamp(image.macho().stack_size, pthread::kMainStack, kLargestStack));
  const uint64_t top = layout_of(s).stack_top;
  m.memory.map(top - stack_size, stack_size, kRead | kWrite, {}, "[stack]");
  const uint64_t block_size = s.page_up(pthread::kBlockSize), block = choose_place(s, m.memory, 0, block_size);
  m.memory.map(block, block_size, kRead | kWrite, {}, "[pthread]");
  s.limits[rlimit::STACK] = {stack_size, stack_size};
  Thread t;
  t.tid = s.pid;
  t.cpu.pc = image.entry();
  const Start start = build_stack(s, m, top);
  t.cpu.r[s.amd64() ? isa::kRsp : isa::kSp] = start.sp;
  if (!image.macho().unixthread) call_main(s, m, t.cpu, start);
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
  bind_imports(s, m, image);
  set_up_scratch(s);
  set_up_standard_files(s);
  make_first_thread(s, m, image);
  hold_start_directory(s, m, host);
}

}  // namespace deferscope::emu::darwin
