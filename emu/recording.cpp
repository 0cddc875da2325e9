#include "emu/recording.h"

namespace deferscope::emu {

const JournalEntry& Recording::input(MachineState& m, const char* what, const std::function<JournalEntry()>& real) {
  if (keep_ && m.journal_cursor < journal_.end()) {
    last_ = journal_.entry(m.journal_cursor, files_);
  } else {
    last_ = real();
    last_.what = what;
    if (keep_) journal_.append(last_, m.position, files_);
  }
  ++m.journal_cursor;
  return last_;
}

void Recording::set_keep(bool keep, uint64_t cursor) {
  if (keep && !keep_) journal_.start_at(cursor);
  keep_ = keep;
}

void Recording::output(MachineState& m, const std::function<void()>& effect) {
  if (m.outputs++ < performed_) return;
  ++performed_;
  effect();
}

void Recording::work(uint64_t n) {
  work_ += n;
  if (work_ > allowed_) throw CallEnded("the run's limit of instructions was reached inside a system call");
  looked_ += n;
  if (looked_ < kBetweenLooks) return;
  looked_ = 0;
  if (end_asked_ && end_asked_()) throw CallEnded("the run was ended inside a system call");
}

void Recording::forget(uint64_t cursor, uint64_t outputs) {
  journal_.truncate(cursor);
  files_.forget(cursor + 1);  // handles are numbers of entries, from 1
  performed_ = outputs;
}

void Recording::write_stream(MachineState& m, int fd, const uint8_t* bytes, size_t n) {
  output(m, [&] {
    written_ += n;
    if (written_ > max_output_) throw Error("the guest wrote more than --max-output allows");
    if (sink_) sink_(fd, bytes, n);
  });
}

}  // namespace deferscope::emu
