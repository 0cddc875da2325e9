// Values as Go writes them: structs, pointers and interfaces to depth 2, 16 elements, 64 characters.
#pragma once
#include <string>

#include "session/values.h"

namespace deferscope::session {
class Reader;
}

namespace deferscope::cli {

std::string value_text(const session::Reader& reader, const session::Value& v);

}  // namespace deferscope::cli
