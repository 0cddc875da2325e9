// Places and moments as people write them (runtime_model/where.h).
#include "session/places.h"

#include <fmt/format.h>

namespace deferscope::session {

model::Where Places::where(const std::string& spec, model::Bare bare) const {
  const model::Here here{focus_.standing().pc, time_.position(),
                         [this](const std::string& e) { return expressions_.address(e); }};
  try {
    return model::parse_where(reader_.program(), spec, bare, &here);
  } catch (const model::Error& e) {
    throw Error(e.what());
  }
}

std::vector<uint64_t> Places::locate(const std::string& spec) const {
  if (spec.empty()) return {focus_.standing().pc};
  model::Where w = where(spec, model::Bare::line);
  if (w.kind != model::Where::addresses)
    throw Error(fmt::format("'{}' is a moment of the run: here a place in its code is wanted", spec));
  return std::move(w.targets);
}

std::optional<emu::Position> Places::known_position(const model::Where& w) const {
  switch (w.kind) {
    case model::Where::position: return w.number;
    case model::Where::start: return time_.start();
    case model::Where::end: return emu::kNever;
    case model::Where::share:
      if (!time_.known_end()) return std::nullopt;
      return static_cast<emu::Position>(static_cast<double>(*time_.known_end()) * w.part);
    default: return std::nullopt;
  }
}

emu::Position Places::position_of(const model::Where& w) {
  if (const auto known = known_position(w)) return *known;
  const emu::Position from = time_.position();
  time_.machine().set_hooks({});
  time_.machine().set_watches({});
  std::string failed;
  try {
    model::go_to(time_.machine(), reader_.program(), tracker_, w,
                 {[this](emu::Position p) {
                    time_.check_interrupt();
                    return time_.run(p);
                  },
                  [this](emu::Position p) { time_.seek(p); }});
  } catch (const model::Error& e) {
    failed = e.what();
  }
  const emu::Position found = time_.position();
  time_.seek(from);
  if (!failed.empty()) throw Error(failed);
  return found;
}

}  // namespace deferscope::session
