#include "cli/report/page.h"

#include <string_view>

#include "loader/printable.h"
#include "traces/typeset.h"

// page_data.S
#define PART(name) extern "C" const char deferscope_report_##name##_begin[], deferscope_report_##name##_end[];
PART(html)
PART(css)
PART(js)
#undef PART

namespace deferscope::cli {
namespace {

// JSON in a script element: no text in it may end the element or begin a comment.
std::string within_script(std::string_view json) {
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  for (const char c : json) c == '<' ? out += "\\u003c" : out += c;
  return out;
}

}  // namespace

std::string page_of(const std::string& title, const std::string& data) {
  std::string_view html(deferscope_report_html_begin, deferscope_report_html_end);
  std::string out;
  // "{{NAME}}" stands for a part.
  while (true) {
    const size_t at = html.find("{{"), end = html.find("}}", at);
    out += html.substr(0, at);
    if (at == std::string_view::npos || end == std::string_view::npos) return out;
    const std::string_view name = html.substr(at + 2, end - at - 2);
    if (name == "title") out += traces::markup(loader::printable(title));
    if (name == "style") out.append(deferscope_report_css_begin, deferscope_report_css_end);
    if (name == "data") out += within_script(data);
    if (name == "script") out.append(deferscope_report_js_begin, deferscope_report_js_end);
    html.remove_prefix(end + 2);
  }
}

}  // namespace deferscope::cli
