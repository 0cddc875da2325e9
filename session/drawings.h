// Drawings of a session: of where it stands, of what becomes of that, of the steps of a frame's defers.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "session/session.h"
#include "traces/drawing.h"

namespace deferscope::session {

struct DrawnView {
  size_t frames = 0;  // 0: up to the innermost frame of the user's, and its caller if that is the user's too
  bool relative = false;
  bool stale = true;  // whether words that were never written are looked for, which runs the guest again
  std::function<void(model::Roles&)> mark = {};  // who knows them already marks them instead; may be empty
};

// What the words of a stack are for, down to the frame that holds `address` (at most 16); of an address elsewhere, the
// frames that are drawn unasked. Cost: as model::RoleFinder.
model::Roles roles_around(const Session& session, const Standing& standing, uint64_t address);

// What follows stands where it stood afterwards and clears hooks and watchpoints; throws Error if the program is no Go
// program or nothing is known of where it stands.
traces::Drawing draw_here(Session& session, const DrawnView& view);
// Of here and of a later moment; the frames drawn there are those that were drawn here and what lies below them.
traces::Drawing draw_until(Session& session, const DrawnView& view, emu::Position later);
// The moment behind the step at hand: behind a call; from jmpdefer, where it has jumped; else the next instruction.
emu::Position behind_step(Session& session);

// What --steps shows of one event.
struct DrawnStep {
  emu::Position position = 0;
  std::string title;
};
// Of the events that were told, those from here to the end of the user's innermost frame, of its goroutine.
class StepsOfFrame {
 public:
  // Options::event.
  void see(const model::Event& e);
  std::vector<DrawnStep> find(Session& session) const;

 private:
  struct Seen {
    emu::Position position;
    uint64_t goid;
    std::string title;
  };
  static constexpr size_t kMost = 100'000;
  std::vector<Seen> seen_;
  bool more_ = false;
};

}  // namespace deferscope::session
