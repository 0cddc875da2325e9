// A comparison for programs: JSON, JUnit's XML, GitHub's workflow commands.
#pragma once
#include <functional>
#include <string>

#include "traces/compare.h"
#include "traces/compare_text.h"

namespace deferscope::traces {

// One line, `deferscope.diff/1` (traces/schema/diff.json).
std::string comparison_json(const Comparison& c, const CompareTextOptions& options);

// A testsuite: a testcase for each goroutine, output stream and end of each two neighbouring columns, and for their
// mechanism.
std::string comparison_junit(const Comparison& c, const CompareTextOptions& options, const std::string& suite);
std::string junit_trouble(const std::string& suite, const std::string& what);  // one that could not be
std::string junit_document(const std::string& suites);

// An annotation for each difference, at its line of the source: "::error file=…,line=…::…". `path_of` gives the file as
// the repository names it; of more than fifty the rest are counted.
std::string comparison_annotations(const Comparison& c, const CompareTextOptions& options,
                                   const std::function<std::string(const std::string&)>& path_of);

}  // namespace deferscope::traces
