// One self-contained HTML file: the page that deferscope carries, with a run's data in it.
#pragma once
#include <string>

namespace deferscope::cli {

// `title`: the guest's name. `data`: JSON.
std::string page_of(const std::string& title, const std::string& data);

}  // namespace deferscope::cli
