// Places in code and moments of the run, as a user names them (runtime_model/where.h). Everything throws Error.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime_model/where.h"
#include "session/expressions.h"
#include "session/timeline.h"

namespace deferscope::session {

class Places {
 public:
  // `tracker` nullptr: no events are known.
  Places(Timeline& time, const Reader& reader, const Focus& focus, const Expressions& expressions,
         const model::Tracker* tracker)
      : time_(time), reader_(reader), focus_(focus), expressions_(expressions), tracker_(tracker) {}

  model::Where where(const std::string& spec, model::Bare bare) const;
  // Of a place in code; empty: where the focus stands.
  std::vector<uint64_t> locate(const std::string& spec) const;
  // Of a moment: what can be said without running; nothing if it cannot.
  std::optional<emu::Position> known_position(const model::Where& w) const;
  // The same, by running there and back silently if it must be. Clears hooks and watchpoints then.
  emu::Position position_of(const model::Where& w);

 private:
  Timeline& time_;
  const Reader& reader_;
  const Focus& focus_;
  const Expressions& expressions_;
  const model::Tracker* tracker_;
};

}  // namespace deferscope::session
