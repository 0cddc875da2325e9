#include "cli/insn_session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/command_line.h"
#include "emu/error.h"
#include "runtime_model/program.h"
#include "traces/event_json.h"
#include "traces/insn_writer.h"
#include "traces/trace_of_run.h"

namespace deferscope::cli {
namespace {

// Whole pieces, until the disk is full or --max-trace reached: what is there is a beginning.
class PieceFile {
 public:
  PieceFile(const std::string& path, uint64_t max_mib)
      : path_(path),
        max_mib_(max_mib),
        left_(max_mib > UINT64_MAX >> 20 ? UINT64_MAX : max_mib << 20),
        fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (fd_ < 0) fail(errno);
  }
  ~PieceFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  PieceFile(const PieceFile&) = delete;

  void write(std::string_view piece) {
    if (piece.size() > left_) throw emu::Error(fmt::format("--max-trace {} reached: {} ends there", max_mib_, path_));
    left_ -= piece.size();
    for (size_t done = 0; done < piece.size();) {
      const ssize_t n = ::write(fd_, piece.data() + done, piece.size() - done);
      if (n < 0 && errno != EINTR) fail(errno);
      if (n > 0) done += static_cast<size_t>(n);
    }
  }

 private:
  [[noreturn]] void fail(int error) const { throw emu::Error(fmt::format("{}: {}", path_, std::strerror(error))); }
  const std::string path_;
  const uint64_t max_mib_;
  uint64_t left_;
  int fd_;
};

}  // namespace

struct InsnSession::Body {
  Body(emu::Machine& m, const TraceFlags& flags, const std::string& binary)
      : machine(m), file(flags.events, flags.max_trace_mib) {
    if (m.checks_itself()) throw emu::Error("--selfcheck and --level insn exclude each other");
    const model::Program program(m.image());
    traces::TraceHeader header = traces::header_of(m, program, DEFERSCOPE_VERSION);
    header.level = model::TraceLevel::insn;
    header.filter = flags.filter.text();
    std::string text;
    traces::append_trace_json(text, header);
    text += std::filesystem::absolute(binary).string() + "\n";
    traces::InsnOptions options;
    options.from = flags.filter.from, options.to = flags.filter.to;
    writer = std::make_unique<traces::InsnWriter>(m, text, options, [this](std::string_view p) { file.write(p); });
  }

  void end(const std::string& why) {
    std::string text;
    traces::append_trace_json(text, traces::end_of(machine.state(), {}, why));
    if (writer->torn()) text += "torn\n";
    writer->finish(text);
  }

  const emu::Machine& machine;
  PieceFile file;
  std::unique_ptr<traces::InsnWriter> writer;
};

InsnSession::InsnSession(emu::Machine& machine, const TraceFlags& flags, const std::string& binary)
    : body_(std::make_unique<Body>(machine, flags, binary)) {}

InsnSession::~InsnSession() = default;

void InsnSession::finish(const std::string& why) { body_->end(why); }

void InsnSession::cut_short(const std::string& why) {
  try {
    body_->end(why);
  } catch (const std::exception&) {  // what ended the run is what is said
  }
}

}  // namespace deferscope::cli
