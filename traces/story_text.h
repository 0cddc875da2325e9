// A story's happenings as sentences: the words of event_text.h, without what differs from run to run.
#pragma once
#include <string>

#include "traces/story.h"

namespace deferscope::traces {

// "main.go:12": of the defer or go statement; empty: it has none.
std::string place_text(const Texts& texts, const Happening& h);
// The deferred function; empty: it is not known.
std::string deferred_text(const Texts& texts, const Happening& h);
// What and whose: "main.f defers main.g", "recover() in main.h".
std::string subject_text(const Texts& texts, const Happening& h);
// How it came out: "stops panic boom", "x: 1 → 4"; empty where there is nothing to say.
std::string outcome_text(const Texts& texts, const Happening& h);
// Of a defer's happening what the deferred function does, without it and its values: "runs, deferred by main.f".
std::string deed_text(const Texts& texts, const Happening& h);
// Subject and outcome, as a sentence.
std::string sentence(const Texts& texts, const Happening& h);

}  // namespace deferscope::traces
