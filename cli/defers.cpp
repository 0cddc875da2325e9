// `deferscope defers BIN [FUNC]`: the static inventory of a program's defers, without running it.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/go_source.h"
#include "cli/verbs.h"
#include "runtime_model/inventory.h"

namespace deferscope::cli {
namespace {

using nlohmann::ordered_json;

struct DefersFlags {
  std::string binary, function, scope = "user";
  SourceFlags source;
  bool json = false, addresses = false;
};

std::string hex(uint64_t v) { return fmt::format("{:#x}", v); }

ordered_json offsets(const model::FunctionDefers& d, const std::vector<uint64_t>& pcs) {
  ordered_json out = ordered_json::array();
  for (uint64_t pc : pcs) out.push_back(pc - d.function->f.entry);
  return out;
}

ordered_json site_json(const model::Program& p, const model::FunctionDefers& d, const model::DeferSite& s) {
  ordered_json j;
  j["offset"] = s.pc - d.function->f.entry;
  j["line"] = p.location(s.statement()).line;
  j["storage"] = model::to_string(s.storage);
  j["by"] = s.how;
  j["deferred"] = s.deferred.empty() ? ordered_json(nullptr) : ordered_json(model::readable(s.deferred));
  j["wraps"] = s.wraps.empty() ? ordered_json(nullptr) : ordered_json(model::readable(s.wraps));
  return j;
}

ordered_json function_json(const model::Program& p, const model::FunctionDefers& d) {
  ordered_json j;
  j["function"] = model::readable(d.function->name());
  j["entry"] = hex(d.function->f.entry);
  j["file"] = p.location(d.function->f.entry).file;
  j["origin"] = to_string(d.function->origin);
  j["open_coded"] = d.open != nullptr;
  j["reason"] = d.reason.empty() ? ordered_json(nullptr) : ordered_json(d.reason);
  j["sites"] = ordered_json::array();
  for (const auto& s : d.sites) j["sites"].push_back(site_json(p, d, s));
  j["deferreturn_calls"] = offsets(d, d.deferreturns);
  j["deferreturn_offset"] = d.deferreturn_offset;
  j["exits"] = offsets(d, d.exits);
  return j;
}

void print_json(const model::Program& p, const std::vector<model::FunctionDefers>& all) {
  ordered_json j;
  j["schema"] = "deferscope.defers/1";
  j["go"] = p.go().version.text;
  j["goos"] = p.go().goos;
  j["goarch"] = p.go().goarch;
  j["functions"] = ordered_json::array();
  for (const auto& d : all) j["functions"].push_back(function_json(p, d));
  fmt::print("{}\n", j.dump(1, ' ', true, ordered_json::error_handler_t::replace));
}

std::string list(const model::FunctionDefers& d, const std::vector<uint64_t>& pcs) {
  std::string out;
  for (uint64_t pc : pcs) out += fmt::format(" +{}", pc - d.function->f.entry);
  return out.empty() ? " none" : out;
}

// Offsets, not addresses, so that two builds can be compared with diff.
void print_text(const model::Program& p, const model::FunctionDefers& d) {
  fmt::print("{}{}\n", model::readable(d.function->name()),
             d.reason.empty() ? "" : fmt::format("   not open-coded: {}", d.reason));
  for (const auto& s : d.sites) {
    const std::string what = s.deferred.empty() ? "(known when it runs)" : model::readable(s.deferred);
    fmt::print("  +{:<5} line {:<4} {:<10} {:<24} {}{}\n", s.pc - d.function->f.entry, p.location(s.statement()).line,
               model::to_string(s.storage), s.how, s.how == "runtime.deferrangefunc" ? "(opens the list)" : what,
               s.wraps.empty() ? "" : fmt::format(" → {}", model::readable(s.wraps)));
  }
  fmt::print("  deferreturn{}   RET{}\n", list(d, d.deferreturns), list(d, d.exits));
}

bool in_scope(const model::Function& f, const std::string& scope) {
  return scope == "all" || f.origin == model::Origin::user || (scope == "std" && f.origin == model::Origin::std_);
}

int defers(const DefersFlags& flags) {
  const model::Program p(load_program(flags.binary, flags.source));
  std::vector<model::FunctionDefers> all = model::inventory(p, flags.function);
  size_t hidden = 0;
  if (flags.function.empty())
    hidden = std::erase_if(all, [&](const auto& d) { return !in_scope(*d.function, flags.scope); });
  if (flags.json) {
    print_json(p, all);
    return 0;
  }
  for (const auto& d : all) print_text(p, d);
  if (all.empty()) fmt::print("no function{} registers a defer\n", flags.function.empty() ? "" : " of that name");
  if (hidden) fmt::print("{} functions of the library hidden (--scope std, --scope all)\n", hidden);
  for (const std::string& note : p.layouts().notes()) complain("note: " + note);
  return 0;
}

}  // namespace

void add_defers(CLI::App& app, Action& action) {
  Verb verb(app, action, "defers", "List where a program registers defers and how, without running it");
  auto flags = std::make_shared<DefersFlags>();
  add_source_flags(verb, flags->source);
  verb.option("BIN", flags->binary, "The program, or Go source").required();
  verb.option("FUNC", flags->function, "Only functions whose name contains this");
  verb.option("--scope", flags->scope, "Whose functions").one_of({"user", "std", "all"});
  verb.flag("--json", flags->json, "As JSON");
  verb.does([flags] {
    flags->binary = program_at(flags->binary, flags->source).path;
    return defers(*flags);
  });
}

}  // namespace deferscope::cli
