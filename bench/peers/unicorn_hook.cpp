// The peer Unicorn on a static amd64 ELF without a system (bench/loop.py makes one): unicorn_hook plain|pc|memory BIN.
// Ends at the first SYSCALL. Prints one JSON object, as bench_api does.
#include <elf.h>
#include <unicorn/unicorn.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

struct Seen {
  uint64_t instructions = 0, accesses = 0, mixed = 0;
};

void check(uc_err e, const char* what) {
  if (e == UC_ERR_OK) return;
  std::fprintf(stderr, "unicorn_hook: %s: %s\n", what, uc_strerror(e));
  std::exit(2);
}

void on_code(uc_engine*, uint64_t pc, uint32_t, void* user) {
  auto* s = static_cast<Seen*>(user);
  ++s->instructions;
  s->mixed ^= pc;
}

void on_access(uc_engine*, uc_mem_type type, uint64_t address, int bytes, int64_t, void* user) {
  auto* s = static_cast<Seen*>(user);
  ++s->accesses;
  s->mixed += address ^ static_cast<uint64_t>(bytes) ^ static_cast<uint64_t>(type == UC_MEM_WRITE);
}

void on_syscall(uc_engine* uc, void*) { uc_emu_stop(uc); }

uint64_t load(uc_engine* uc, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> file((std::istreambuf_iterator<char>(in)), {});
  Elf64_Ehdr head;
  if (file.size() < sizeof head) check(UC_ERR_ARG, path.c_str());
  std::memcpy(&head, file.data(), sizeof head);
  for (unsigned i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr p;
    std::memcpy(&p, file.data() + head.e_phoff + i * sizeof p, sizeof p);
    if (p.p_type != PT_LOAD) continue;
    const uint64_t begin = p.p_vaddr & ~uint64_t{4095}, end = (p.p_vaddr + p.p_memsz + 4095) & ~uint64_t{4095};
    check(uc_mem_map(uc, begin, end - begin, UC_PROT_ALL), "map");
    check(uc_mem_write(uc, p.p_vaddr, file.data() + p.p_offset, p.p_filesz), "write");
  }
  return head.e_entry;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: unicorn_hook plain|pc|memory BIN\n", stderr), 2;
  const std::string measure = argv[1];
  uc_engine* uc = nullptr;
  check(uc_open(UC_ARCH_X86, UC_MODE_64, &uc), "open");
  const uint64_t entry = load(uc, argv[2]);
  Seen seen;
  uc_hook hook[3];
  // Casts to void*: that is how Unicorn's C interface takes its callbacks.
  check(uc_hook_add(uc, &hook[0], UC_HOOK_INSN, reinterpret_cast<void*>(on_syscall), nullptr, 1, 0, UC_X86_INS_SYSCALL),
        "hook");
  if (measure != "plain")
    check(uc_hook_add(uc, &hook[1], UC_HOOK_CODE, reinterpret_cast<void*>(on_code), &seen, 1, 0), "hook");
  if (measure == "memory")
    check(uc_hook_add(uc, &hook[2], UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, reinterpret_cast<void*>(on_access), &seen, 1,
                      0),
          "hook");
  const auto start = std::chrono::steady_clock::now();
  check(uc_emu_start(uc, entry, 0, 0, 0), "run");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("{\"seconds\":%.6f,\"shown\":%llu,\"accesses\":%llu,\"mixed\":%llu}\n", seconds,
              static_cast<unsigned long long>(seen.instructions), static_cast<unsigned long long>(seen.accesses),
              static_cast<unsigned long long>(seen.mixed));
  uc_close(uc);
  return 0;
}
