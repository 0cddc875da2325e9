// Small texts of the console.
#pragma once
#include <string>
#include <vector>

#include "session/frame_life.h"
#include "session/halt.h"
#include "session/reader.h"

namespace deferscope::cli {

// Text in a style: see Reply.
std::string mark(char style, const std::string& text);
std::vector<std::string> split_words(const std::string& line);
uint64_t parse_count(const std::string& args);  // empty: 1; throws session::Error
std::string who_text(const model::Who& who);    // "g1", "g1 on the system stack", "thread 3"
// What should be said beside the position where a motion ended; empty mostly.
std::string halt_text(const session::Reader& reader, const session::Halt& h);

// "main.count has returned to main.main+58": of a frame that has ended.
std::string end_text(const session::Reader& reader, const session::FrameLife& life);

}  // namespace deferscope::cli
