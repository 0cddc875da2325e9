// Numbers as Go's print writes them.
#pragma once
#include <string>

#include "runtime_model/guest.h"

namespace deferscope::model {

std::string printed_float(const Guest& guest, double v);
std::string printed_float(const Guest& guest, float v);

}  // namespace deferscope::model
