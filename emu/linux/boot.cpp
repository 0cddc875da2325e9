// What execve does: maps the image, builds the first stack (arch/*/…/elf.h, fs/binfmt_elf.c), makes the first thread.
#include "emu/linux/boot.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "emu/linux/call.h"
#include "emu/linux/program.h"
#include "emu/posix/boot.h"
#include "emu/posix/files.h"
#include "emu/posix/scratch.h"

namespace deferscope::emu::linux_ {
namespace {

// Places, as Linux chooses them without randomisation.
struct Layout {
  uint64_t stack_top, mmap_top;
};
constexpr Layout kLayouts[2] = {{0x7ffffffff000, 0x7ffff7fff000}, {0xfffffffff000, 0xfffff7fff000}};
constexpr uint64_t kStackSize = 8 << 20;
constexpr uint64_t kArgLimit = 2 << 20;  // bytes of argv and env

enum Aux : uint64_t {
  AT_NULL = 0,
  AT_PHDR = 3,
  AT_PHENT = 4,
  AT_PHNUM = 5,
  AT_PAGESZ = 6,
  AT_BASE = 7,
  AT_FLAGS = 8,
  AT_ENTRY = 9,
  AT_UID = 11,
  AT_EUID = 12,
  AT_GID = 13,
  AT_EGID = 14,
  AT_PLATFORM = 15,
  AT_HWCAP = 16,
  AT_CLKTCK = 17,
  AT_SECURE = 23,
  AT_RANDOM = 25,
  AT_HWCAP2 = 26,
  AT_EXECFN = 31
};

std::string join_zero(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += w + '\0';
  return out;
}

// arm64's HWCAP bits (arch/arm64/include/uapi/asm/hwcap.h).
struct HwcapRow {
  uint32_t feature;
  uint64_t bit;
};
constexpr HwcapRow kHwcaps[] = {
    {isa::feature::FP, 1 << 0},    {isa::feature::ASIMD, 1 << 1},   {isa::feature::AES, 1 << 3},
    {isa::feature::PMULL, 1 << 4}, {isa::feature::SHA1, 1 << 5},    {isa::feature::SHA2, 1 << 6},
    {isa::feature::CRC32, 1 << 7}, {isa::feature::ATOMICS, 1 << 8}, {isa::feature::CPUID, 1 << 11},
    {isa::feature::SHA3, 1 << 17}, {isa::feature::SHA512, 1 << 21},
};

// x86-64's AT_HWCAP is CPUID leaf 1's EDX.
uint64_t hwcap(const State& s) {
  const isa::CpuModel& model = s.options->cpu ? *s.options->cpu : isa::default_cpu_model(s.isa);
  if (s.amd64()) return model.cpuid(1, 0).edx;
  uint64_t bits = 0;
  for (const HwcapRow& row : kHwcaps)
    if (model.features & row.feature) bits |= row.bit;
  return bits;
}

using Words = std::vector<uint64_t>;

Words aux_vector(State& s, const loader::Image& image, uint64_t base, uint64_t random_at, uint64_t platform_at,
                 uint64_t execfn_at) {
  const loader::ProgramHeaders& headers = image.program_headers();
  Words v;
  const auto add = [&](uint64_t key, uint64_t value) { v.insert(v.end(), {key, value}); };
  add(AT_HWCAP, hwcap(s));
  add(AT_PAGESZ, kPage);
  add(AT_CLKTCK, 100);
  add(AT_PHDR, headers.address);
  add(AT_PHENT, headers.entry_size);
  add(AT_PHNUM, headers.count);
  add(AT_BASE, base);
  add(AT_FLAGS, 0);
  add(AT_ENTRY, image.entry());
  add(AT_UID, kGuestUid);
  add(AT_EUID, kGuestUid);
  add(AT_GID, kGuestUid);
  add(AT_EGID, kGuestUid);
  add(AT_SECURE, 0);
  add(AT_RANDOM, random_at);
  add(AT_HWCAP2, 0);
  add(AT_EXECFN, execfn_at);
  add(AT_PLATFORM, platform_at);
  add(AT_NULL, 0);
  return v;
}

uint64_t build_stack(State& s, MachineState& m, const loader::Image& image, uint64_t base) {
  const std::vector<std::string> env = environment(*s.options);
  s.cmdline = join_zero(s.options->argv);
  s.environ = join_zero(env);
  if (s.cmdline.size() + s.environ.size() > kArgLimit)
    throw emu::Error("arguments and environment are longer than 2 MiB");
  StackBuilder b(m, s.stack_high - 8);
  const uint64_t execfn = b.string(s.options->exe_name.empty() ? s.exe : s.options->exe_name);
  Words pointers{s.options->argv.size()};
  for (const std::string& w : s.options->argv) pointers.push_back(b.string(w));
  pointers.push_back(0);
  for (const std::string& w : env) pointers.push_back(b.string(w));
  pointers.push_back(0);
  const uint64_t platform = b.string(s.amd64() ? "x86_64" : "aarch64");
  uint8_t random[16];
  s.random.fill(random, sizeof random);
  const uint64_t random_at = b.bytes(random, sizeof random);
  const Words aux = aux_vector(s, image, base, random_at, platform, execfn);
  s.auxv.assign(reinterpret_cast<const char*>(aux.data()), aux.size() * 8);
  pointers.insert(pointers.end(), aux.begin(), aux.end());
  b.align();
  if (pointers.size() % 2 != 0) b.bytes("\0\0\0\0\0\0\0", 8);
  return b.bytes(pointers.data(), pointers.size() * 8);
}

// arm64's vDSO gives sigreturn to handlers without a restorer. This page holds only that: mov x8, #139; svc #0.
uint64_t map_trampoline(MachineState& m, uint64_t at) {
  static const uint32_t kCode[2] = {0xd2801168, 0xd4000001};
  static const auto bytes = std::make_shared<const std::array<uint8_t, sizeof kCode>>(
      std::bit_cast<std::array<uint8_t, sizeof kCode>>(kCode));
  m.memory.map(at, kPage, kRead | kExec, Backing{bytes, *bytes}, "[vdso]");
  return at;
}

void set_limits(State& s) {
  s.other_limits[rlimit::Stack].soft = kStackSize;
  s.other_limits[rlimit::Core].soft = 0;
  s.other_limits[rlimit::MemLock] = {8 << 20, 8 << 20};
}

void make_first_thread(State& s, MachineState& m, uint64_t sp, uint64_t entry) {
  Thread t;
  t.tid = s.pid;
  t.cpu.pc = entry;
  t.cpu.r[s.amd64() ? isa::kRsp : isa::kSp] = sp;
  m.threads.assign(1, t);
  m.current = 0;
  s.extras[s.pid] = {};
  s.threads[s.pid].name = std::filesystem::path(s.exe).filename().string().substr(0, 15);
  s.next_tid = s.pid + 1;
  s.running = s.pid;
}

}  // namespace

void boot_process(State& s, MachineState& m, HostPort& host, const loader::Image& image, const GuestOptions& options) {
  s = State{};
  s.isa = image.isa();
  m.isa = s.isa;
  s.options = std::make_shared<const GuestOptions>(options);
  s.random.state = options.seed;
  s.holdings.limit = options.max_memory;
  const Layout& layout = kLayouts[s.column()];
  s.mmap_top = layout.mmap_top;
  s.stack_high = layout.stack_top;
  s.stack_low = layout.stack_top - kStackSize;
  s.exe = options.exe_name.starts_with('/') ? options.exe_name : absolute_path(options.exe_path);
  s.roots = std::make_shared<const std::vector<GrantedRoot>>(host.files().paths().roots());
  s.cwd = host.files().start_directory(options.cwd);
  if (!s.amd64()) s.trampoline = map_trampoline(m, s.mmap_top -= kPage);
  const Program program = map_program(s, m, host, image, kLayouts[1].mmap_top);
  s.brk_start = s.brk_end = program.end;
  m.memory.map(s.stack_low, kStackSize, kRead | kWrite, {}, "[stack]");
  set_limits(s);
  set_up_scratch(s);
  set_up_standard_files(s);
  make_first_thread(s, m, build_stack(s, m, image, program.base), program.entry);
  hold_start_directory(s, m, host);
}

}  // namespace deferscope::emu::linux_
