#include "cli/report/fates.h"

#include <fmt/format.h>

#include "cli/report/tables.h"
#include "loader/printable.h"
#include "runtime_model/program.h"

namespace deferscope::cli {

using model::Event;
using model::EventKind;

void Fates::see(const Event& e) {
  const model::Defer* d = e.defer();
  if (!d || e.origin != model::Origin::user || !d->number) return;
  if (e.kind() == EventKind::defer_push) {
    if (fates_.size() >= kMost) return;
    const auto statement =
        std::tuple(model::readable(e.frame.function.text()), uint64_t{d->line}, uint64_t{d->ordinal});
    Fate f;
    f.number = d->number, f.storage = d->storage, f.registered_by = d->registered_by, f.registered = e.position;
    const auto [at, fresh] = fates_.emplace(std::tuple_cat(statement, std::tuple(seen_[statement]++)), f);
    by_number_[d->number] = &at->second;
    return;
  }
  const auto known = by_number_.find(d->number);
  if (known == by_number_.end()) return;
  Fate& f = *known->second;
  if (e.kind() == EventKind::defer_start) f.run_by = d->run_by, f.ran = e.position;
  if (e.kind() == EventKind::defer_end) f.returned = true;
  if (e.kind() == EventKind::defer_left) f.left = to_string(e.as<model::DeferLeft>().why);
}

namespace {

std::string row_of(const std::string& name, const Fates::Fate& f) {
  std::string run = f.run_by ? to_string(*f.run_by) : "never runs";
  if (f.run_by && !f.returned) run += ", never returns";
  if (!f.left.empty()) run += fmt::format(" ({})", f.left);
  return Row()
      .text(loader::printable(name))
      .text(to_string(f.storage))
      .text(to_string(f.registered_by))
      .number(f.registered)
      .text(run)
      .number(f.ran)
      .json();
}

}  // namespace

std::string fates_json(const Fates& own, const std::string& own_name, const std::vector<OtherRun>& others,
                       size_t most_bytes) {
  std::string out = "{";
  for (const auto& [key, fate] : own.all()) {
    Row rows;
    rows.piece(row_of(own_name, fate));
    for (const OtherRun& o : others) {
      const auto same = o.fates.all().find(key);
      if (same != o.fates.all().end())
        rows.piece(row_of(o.name, same->second));
      else
        rows.piece(Row().text(loader::printable(o.name)).text(o.error.empty() ? "has no such defer" : o.error).json());
    }
    const std::string line = fmt::format("{}\"defer-{}\":{}", out.size() > 1 ? ",\n" : "\n", fate.number, rows.json());
    if (out.size() + line.size() > most_bytes) break;
    out += line;
  }
  return out + "}";
}

}  // namespace deferscope::cli
