#include "session/focus.h"

#include <utility>

namespace deferscope::session {

std::optional<Frame> Focus::frame() const {
  const auto all = frames(choice_.frame + 1);
  if (choice_.frame >= all.size() || !all[choice_.frame].function) return std::nullopt;
  return all[choice_.frame];
}

void Focus::choose(const Who& who) {
  choice_ = {};
  if (!who.same(reader_.who())) choice_.who = who;
}

Who Focus::follow() {
  const Who w = who();
  choice_ = {};
  return w;
}

}  // namespace deferscope::session
