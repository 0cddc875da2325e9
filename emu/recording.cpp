#include "emu/recording.h"

#include <fmt/format.h>

#include <algorithm>

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
  if (m.outputs >= performed_) {
    effect();  // what throws has not happened
    ++performed_;
  }
  ++m.outputs;
}

void Recording::work(uint64_t n) {
  work_ += n;
  if (work_ > allowed_) throw CallEnded("the run's limit of instructions was reached inside a system call");
  looked_ += n;
  if (looked_ < kBetweenLooks) return;
  looked_ = 0;
  if (interrupted()) throw CallEnded("the run was ended inside a system call");
}

void Recording::forget(uint64_t cursor, uint64_t outputs) {
  journal_.truncate(cursor);
  files_.forget(cursor + 1);  // handles are numbers of entries, from 1
  performed_ = outputs;
  begun_ = 0;
}

// A limit is reached: everything up to it has been written.
[[noreturn]] static void reached(const char* flag, uint64_t bytes, const MachineState& m) {
  throw Error(fmt::format("{} {} reached at position {}", flag, bytes >> 20, m.position));
}

void Recording::write_stream(MachineState& m, int fd, const uint8_t* bytes, size_t n) {
  const auto tell = [&](size_t taken) {
    if (listener_ && taken) listener_(fd, bytes, taken);
  };
  output(m, [&] {
    const size_t now = std::min<uint64_t>(n, max_output_ - written_);
    try {
      if (sink_) sink_(fd, bytes + begun_, now - begun_);
    } catch (const Interrupted& e) {
      begun_ += e.written;
      throw;
    }
    begun_ = 0;
    written_ += now;
    if (now == n) return;
    tell(now);
    reached("--max-output", max_output_, m);
  });
  tell(n);
}

void Recording::refused(MachineState& m, Refused what, const std::string& name) {
  if (m.position > refused_to_) refusals_.add(what, name);
  refused_to_ = std::max(refused_to_, m.position);
  if (refusal_listener_) refusal_listener_(what, name);
}

int64_t Recording::write_file(MachineState& m, uint64_t n, const std::function<int64_t(uint64_t)>& write) {
  const uint64_t now = std::min(n, max_file_output_ - in_files_);
  if (now == 0 && n > 0) reached("--max-file-output", max_file_output_, m);
  const int64_t done = write(now);
  if (done > 0) in_files_ += static_cast<uint64_t>(done);
  return done;
}

}  // namespace deferscope::emu
