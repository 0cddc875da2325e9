// No host code on this host.
#include "emu/engine/host/host.h"

namespace deferscope::emu::host {

bool compilable(const BlockIr&) { return false; }
std::unique_ptr<Backend> Backend::make(isa::Isa) { return nullptr; }

}  // namespace deferscope::emu::host
