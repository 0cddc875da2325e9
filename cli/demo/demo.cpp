#include "cli/demo/demo.h"

#include <lzma.h>

#include <stdexcept>

// demo_data.S
extern "C" const uint8_t deferscope_demo_begin[], deferscope_demo_end[];
extern "C" const char deferscope_demo_source_begin[], deferscope_demo_source_end[];

namespace deferscope::cli {

std::vector<uint8_t> demo_program() {
  constexpr size_t kMost = 64u << 20;
  std::vector<uint8_t> out(4u << 20);
  const auto size = static_cast<size_t>(deferscope_demo_end - deferscope_demo_begin);
  while (true) {
    uint64_t memory = 256u << 20;
    size_t in_at = 0, out_at = 0;
    const lzma_ret r = lzma_stream_buffer_decode(&memory, 0, nullptr, deferscope_demo_begin, &in_at, size, out.data(),
                                                 &out_at, out.size());
    if (r == LZMA_OK) {
      out.resize(out_at);
      return out;
    }
    if (r != LZMA_BUF_ERROR || out.size() >= kMost) throw std::runtime_error("the carried demo program is damaged");
    out.resize(out.size() * 2);
  }
}

std::pair<std::string, std::string> demo_source() {
  return {"example.com/guests@/defer1/main.go", {deferscope_demo_source_begin, deferscope_demo_source_end}};
}

}  // namespace deferscope::cli
