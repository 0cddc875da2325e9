// Where a binary keeps g, the running goroutine.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "loader/image.h"

namespace deferscope::model {

struct GPlace {
  enum Kind : uint8_t { unknown, reg, thread_local_ } kind = unknown;
  int64_t offset = 0;  // thread_local_: from the thread pointer (FS or GS base)
  // reg: where g is kept while C code has the register for its own use, from the thread pointer (TPIDR_EL0); nothing of
  // programs without C.
  std::optional<int64_t> in_c;
  const char* found_by = "";  // "register", "symbol", "code"
  std::string why;            // unknown: what is missing, as a clause
};

// arm64: R28 in all Go code; of a program with C in it runtime.tls_g too, which load_g reads. amd64: a thread-local
// word, also where R14 has g (1.17+), since C code and assembly do not keep that. Its place is runtime.tlsg in the
// program's thread-local block, which the linker puts below the thread pointer (ELF TLS, variant II); stripped, the
// displacement that the runtime's own code uses.
GPlace g_place(const loader::Image& image);
// The two ways to it on linux/amd64, for comparison; nothing where a way is not there.
std::optional<int64_t> g_offset_by_symbol(const loader::Image& image);
std::optional<int64_t> g_offset_by_code(const loader::Image& image);

}  // namespace deferscope::model
