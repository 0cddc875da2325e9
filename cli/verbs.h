// The verbs of the `deferscope` command. Each verb is one file that adds its subcommand (cli/command_line.h).
#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace deferscope::cli {

// What the chosen verb does once the command line has been read; returns the exit status.
using Action = std::function<int()>;

// One function a verb, in the verb's own file. It adds the subcommand with its flags and, when chosen, sets `action`.
using AddVerb = void (*)(CLI::App& app, Action& action);

void add_check(CLI::App& app, Action& action);       // check.cpp: a run against a golden text
void add_defers(CLI::App& app, Action& action);      // defers.cpp: the static inventory
void add_completion(CLI::App& app, Action& action);  // completion.cpp: for shells
void add_diff(CLI::App& app, Action& action);        // diff.cpp: runs beside each other
void add_disasm(CLI::App& app, Action& action);      // disasm.cpp: the text of machine code
void add_draw(CLI::App& app, Action& action);        // draw.cpp: the stack at a moment
void add_demo(CLI::App& app, Action& action);        // demo.cpp: the main job on a program that we carry
void add_info(CLI::App& app, Action& action);        // info.cpp: what a binary says about itself
void add_report(CLI::App& app, Action& action);      // report.cpp: a whole run as one page
void add_show(CLI::App& app, Action& action);        // show.cpp: a trace as text
void add_snap(CLI::App& app, Action& action);        // snap.cpp: the defers at a moment
void add_run(CLI::App& app, Action& action);         // run.cpp: the main job
void add_step(CLI::App& app, Action& action);        // step.cpp: the prompt
void add_trace(CLI::App& app, Action& action);       // trace_verb.cpp: what happens, kept in a file

}  // namespace deferscope::cli
