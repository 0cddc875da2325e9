// Which words of a frame were not written since it was opened: what they hold is somebody else's.
#pragma once
#include "runtime_model/roles.h"
#include "session/reader.h"
#include "session/timeline.h"

namespace deferscope::session {

// How far back a frame's opening is looked for: that many instructions are run again, watched.
inline constexpr emu::Position kWatchedInstructions = 60'000;

// Sets Slot::stale in the frames that were opened within kWatchedInstructions; a note says which were opened before.
// The roles are those of here. Stands where it stood afterwards. Clears hooks and watchpoints.
void find_stale(Timeline& time, const Reader& reader, model::Roles& roles);

}  // namespace deferscope::session
