// Whom the answers speak of: whoever executes next, or somebody chosen; and which of its frames.
#pragma once
#include <optional>

#include "session/reader.h"

namespace deferscope::session {

class Focus {
 public:
  explicit Focus(const Reader& reader) : reader_(reader) {}

  Who who() const { return choice_.who.value_or(reader_.who()); }
  bool chosen() const { return choice_.who.has_value(); }
  Standing standing() const { return reader_.standing(who()); }
  std::vector<Frame> frames(unsigned limit) const { return reader_.trace(standing(), limit).frames; }
  model::Unwound trace(unsigned limit) const { return reader_.trace(standing(), limit); }
  // The chosen frame; nothing if there is none, or its function is not known.
  std::optional<Frame> frame() const;
  unsigned frame_number() const { return choice_.frame; }

  void choose(const Who& who);
  void choose_frame(unsigned n) { choice_.frame = n; }
  // A motion follows the one chosen, and ends the choice.
  Who follow();
  // To come back to.
  struct Choice {
    std::optional<Who> who;
    unsigned frame = 0;
  };
  const Choice& choice() const { return choice_; }
  void restore(const Choice& c) { choice_ = c; }

 private:
  const Reader& reader_;
  Choice choice_;
};

}  // namespace deferscope::session
