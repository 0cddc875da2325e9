#include "runtime_model/name.h"

#include <mutex>
#include <unordered_set>

namespace deferscope::model {
namespace {

struct Hash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};

// Nodes of a set never move. It outlives whatever holds a name, destructors at exit too.
struct Pool {
  std::mutex mutex;
  std::unordered_set<std::string, Hash, std::equal_to<>> texts;
};

Pool& pool() {
  static Pool& p = *new Pool;
  return p;
}

}  // namespace

Name::Name(std::string_view text) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  const auto known = p.texts.find(text);
  text_ = &*(known != p.texts.end() ? known : p.texts.emplace(text).first);
}

}  // namespace deferscope::model
