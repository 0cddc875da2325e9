#include "isa/cpu_model.h"

#include "isa/arm64/cpu_model.h"
#include "isa/x86_64/cpu_model.h"

namespace deferscope::isa {
namespace {
std::span<const CpuModel> models(Isa isa) { return isa == Isa::x86_64 ? x86_64::models() : arm64::models(); }
}  // namespace

const CpuModel* find_cpu_model(Isa isa, std::string_view name) {
  for (const CpuModel& m : models(isa))
    if (name == m.name) return &m;
  return nullptr;
}

const CpuModel& default_cpu_model(Isa isa) { return models(isa).front(); }

}  // namespace deferscope::isa
