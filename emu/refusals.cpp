#include "emu/refusals.h"

#include <fmt/format.h>

namespace deferscope::emu {
namespace {
constexpr size_t kMaxNames = 20;
}

const char* to_string(Refused r) {
  static constexpr const char* kWords[] = {"process", "connect", "look_up"};
  return kWords[static_cast<size_t>(r)];
}

std::string describe(Refused what, const std::string& name) {
  switch (what) {
    case Refused::process: return name.empty() ? "start of a process" : "exec of " + name;
    case Refused::connect: return "connect to " + name;
    default: return fmt::format("look-up of {} in PATH", name);
  }
}

void Refusals::add(Refused what, const std::string& name) {
  const auto it = counts_.find({what, name});
  if (it != counts_.end())
    ++it->second;
  else if (counts_.size() < kMaxNames)
    counts_[{what, name}] = 1;
  else
    ++others_;
}

std::string Refusals::text() const {
  std::string out;
  for (const auto& [key, times] : counts_) {
    out += (out.empty() ? "refused: " : ", ") + describe(key.first, key.second);
    if (times > 1) out += fmt::format(" ({} times)", times);
  }
  if (others_) out += fmt::format(", and {} more", others_);
  return out;
}

}  // namespace deferscope::emu
