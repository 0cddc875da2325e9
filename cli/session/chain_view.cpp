#include "cli/session/chain_view.h"

#include <fmt/format.h>

#include "cli/session/core.h"

namespace deferscope::cli {

std::string chain_summary(const Core&) { return {}; }
std::vector<std::string> defer_lines(const Core&, uint64_t) { throw CommandError("not yet"); }
std::vector<std::string> panic_lines(const Core&, uint64_t) { throw CommandError("not yet"); }
std::vector<GoroutineSeen> goroutines_seen(const Core&) { return {}; }
std::vector<std::pair<uint64_t, std::string>> record_names(const Core&) { return {}; }

}  // namespace deferscope::cli
