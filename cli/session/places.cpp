// Places and moments as people write them (runtime_model/where.h).
#include <fmt/format.h>

#include "cli/session/core.h"

namespace deferscope::cli {

model::Where Core::where(const std::string& spec, model::Bare bare) const {
  const model::Here here{standing().pc, position(), [this](const std::string& e) { return address(e); }};
  try {
    return model::parse_where(program.get(), spec, bare, &here);
  } catch (const model::Error& e) {
    throw CommandError(e.what());
  }
}

std::vector<uint64_t> Core::locate(const std::string& spec) const {
  if (spec.empty()) return {standing().pc};
  model::Where w = where(spec, model::Bare::line);
  if (w.kind != model::Where::addresses)
    throw CommandError(fmt::format("'{}' is a moment of the run: here a place in its code is wanted", spec));
  return std::move(w.targets);
}

std::optional<emu::Position> Core::known_position(const model::Where& w) const {
  switch (w.kind) {
    case model::Where::position: return w.number;
    case model::Where::start: return start;
    case model::Where::end: return emu::kNever;
    case model::Where::share:
      if (!known_end) return std::nullopt;
      return static_cast<emu::Position>(static_cast<double>(*known_end) * w.part);
    default: return std::nullopt;
  }
}

emu::Position Core::position_of(const model::Where& w) {
  if (const auto known = known_position(w)) return *known;
  const emu::Position from = position();
  machine->set_hooks({});
  machine->set_watches({});
  std::string failed;
  try {
    model::go_to(*machine, program.get(), tracker.get(), w,
                 {[this](emu::Position p) {
                    check_interrupt();
                    return run(p);
                  },
                  [this](emu::Position p) { seek(p); }});
  } catch (const model::Error& e) {
    failed = e.what();
  }
  const emu::Position found = position();
  seek(from);
  if (!failed.empty()) throw CommandError(failed);
  return found;
}

}  // namespace deferscope::cli
