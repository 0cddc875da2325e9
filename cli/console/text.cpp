#include "cli/console/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "session/error.h"

namespace deferscope::cli {

std::string mark(char style, const std::string& text) { return fmt::format("\x01{}{}\x02", style, text); }

std::vector<std::string> split_words(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string w; in >> w;) out.push_back(w);
  return out;
}

uint64_t parse_count(const std::string& args) {
  std::string t;
  for (char c : args)
    if (c != ',' && c != '_' && !std::isspace(static_cast<unsigned char>(c))) t += c;
  if (args.find_first_not_of(" \t\r\n") == std::string::npos) return 1;
  if (t.empty() || t.size() > 18 || !std::all_of(t.begin(), t.end(), [](unsigned char c) { return std::isdigit(c); }))
    throw session::Error(fmt::format("'{}' is no number", args));
  return std::stoull(t);
}

std::string who_text(const model::Who& w) {
  if (w.goid == 0) return fmt::format("thread {}", w.tid);
  return fmt::format("g{}{}", w.goid, w.system ? " on the system stack" : "");
}

std::string halt_text(const session::Reader& reader, const session::Halt& h) {
  using session::Reason;
  switch (h.reason) {
    case Reason::watchpoint: return fmt::format("{} at {:#x}", h.access->write ? "written" : "read", h.access->address);
    case Reason::goroutine_ended: return fmt::format("g{} has ended; {} goes on", h.goid, who_text(reader.who()));
    case Reason::goroutine_ends:
      return fmt::format("g{} ends here: its frames are gone (Goexit, or its function returned)", h.goid);
    case Reason::frames_cut: {
      const std::string by = h.by ? model::readable(h.by->name()) : "gogo", at = reader.place(h.resumes_at);
      if (h.left_system_stack)
        return fmt::format("does not return: {} leaves the system stack; g{} goes on at {}", by, h.goid, at);
      return fmt::format("did not return: {} cut the frames above; execution goes on at {}", by, at);
    }
    case Reason::done:
      if (h.event) return fmt::format("event: {}", to_string(*h.event));
      if (h.deferred) return "a panic or Goexit runs this deferred function";
      if (!h.left_inlined.empty()) return fmt::format("out of inlined {}", model::readable(h.left_inlined));
      return h.returned ? fmt::format("{} returned", model::readable(h.returned->name())) : "";
    default: return {};
  }
}

std::string end_text(const session::Reader& reader, const session::FrameLife& life) {
  const std::string whose = life.function() ? model::readable(life.function()->name()) : "the function";
  if (life.cut()) return fmt::format("the frame of {} was cut without returning", whose);
  return fmt::format("{} has returned to {}", whose, reader.place(life.returned_to()));
}

}  // namespace deferscope::cli
