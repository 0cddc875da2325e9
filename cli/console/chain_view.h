// The chains of a goroutine as lines of text: what is running, what is pending, which panics are at work.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cli/console/console.h"

namespace deferscope::cli {

// One line for the pane; empty where there is no goroutine.
std::string chain_summary(const std::optional<session::Chains>& chains, const session::Reader& reader);
// All of it, a record or slot a line, of the goroutine whose g is given.
std::vector<std::string> defer_lines(const Console& c, uint64_t g);
std::vector<std::string> panic_lines(const Console& c, uint64_t g);
// One deferred call of the goroutine in focus with its captured words: `deferred N`, counting from 1.
std::vector<std::string> deferred_lines(const Console& c, uint64_t number);

}  // namespace deferscope::cli
