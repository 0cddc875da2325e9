#include "cli/show_insn.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>

#include "cli/command_line.h"
#include "cli/ending.h"
#include "cli/insn_session.h"
#include "emu/error.h"
#include "loader/printable.h"
#include "loader/sha256.h"
#include "runtime_model/program.h"
#include "traces/insn_text.h"

namespace deferscope::cli {
namespace {

void print(const std::string& text) {
  const std::string printable = loader::printable_lines(text);  // a trace may come from anybody
  std::fwrite(printable.data(), 1, printable.size(), stdout);
}

// The program that a trace tells of, for names: the very same file, or none.
std::unique_ptr<model::Program> program_of(const traces::InsnTrace& trace, const std::string& given) {
  const std::string path = given.empty() ? trace.binary() : given;
  std::string why = "it is not there";
  try {
    if (std::filesystem::is_regular_file(path)) {
      if (loader::sha256_of_file(path) == trace.header().sha256)
        return std::make_unique<model::Program>(loader::Image::load(path));
      why = "it is another file now";
    }
  } catch (const std::exception& e) {
    why = e.what();
  }
  if (!given.empty()) throw emu::Error(fmt::format("--binary {}: {}", path, why));
  complain(fmt::format("note: {}: no names without the program: {}; --binary FILE says where it is",
                       loader::printable(path), why));
  return nullptr;
}

void say_how_it_ended(const std::string& name, const traces::InsnTrace& trace) {
  if (!trace.end())
    complain(fmt::format("note: {}: a prefix: the trace has no end", name));
  else if (!trace.end()->complete)
    complain(fmt::format("note: {}: the guest did not end: {}", name, trace.end()->why));
  if (trace.torn())
    complain(
        fmt::format("note: {}: the guest stored to a file that it had mapped twice: what it read there afterwards "
                    "may be told wrongly",
                    name));
}

// Which are shown: by the flags here, or by those that `trace` was given.
FilterFlags chosen(const InsnShowFlags& flags, const traces::InsnTrace& trace) {
  FilterFlags out = flags.filter;
  if (flags.all || flags.at != UINT64_MAX || !out.function.empty() || out.goroutine) return out;
  const FilterFlags theirs = FilterFlags::whose(trace.header().filter);
  out.function = theirs.function, out.goroutine = theirs.goroutine;
  if (!out.function.empty() || out.goroutine)
    complain(fmt::format("note: {}: as its trace was told: {}; --all shows the others too",
                         loader::printable(flags.file), loader::printable(trace.header().filter)));
  return out;
}

class Shower {
 public:
  explicit Shower(const InsnShowFlags& flags)
      : flags_(flags),
        trace_(flags.file),
        chosen_(chosen(flags, trace_)),
        filter_(chosen_),
        program_(program_of(trace_, flags.binary)),
        text_(trace_, program_.get()) {
    if (!program_ && (!chosen_.function.empty() || chosen_.goroutine))
      throw emu::Error("--function and --goroutine need the program: --binary FILE says where it is");
  }

  int run() {
    std::string out;
    if (flags_.at != UINT64_MAX) {
      if (flags_.at >= trace_.last() || !trace_.seek(flags_.at)) outside(flags_.at);
      flags_.json ? text_.append_json(out) : text_.append_whole(out);
      print(out);
    } else {
      range(out);
    }
    say_how_it_ended(loader::printable(flags_.file), trace_);
    return 0;
  }

 private:
  [[noreturn]] void outside(uint64_t p) {
    throw emu::Error(fmt::format("{}: it has the instructions from position {} to {}, and none at {}", flags_.file,
                                 trace_.first(), trace_.last() ? trace_.last() - 1 : 0, p));
  }

  void range(std::string& out) {
    const uint64_t from = std::max(chosen_.from, trace_.first()), last = trace_.last();
    if (from >= last || !trace_.seek(from)) return;
    do {
      if (trace_.state().position > chosen_.to || trace_.state().position >= last) break;
      if (!takes()) continue;
      flags_.json ? text_.append_json(out) : text_.append_line(out);
      if (out.size() >= kPiece) print(out), out.clear();
    } while (trace_.step());
    print(out);
  }

  bool takes() const {
    if (chosen_.goroutine && text_.goroutine() != chosen_.goroutine) return false;
    return chosen_.function.empty() || filter_.takes_function(text_.function());
  }

  static constexpr size_t kPiece = 1 << 16;
  const InsnShowFlags& flags_;
  traces::InsnTrace trace_;
  const FilterFlags chosen_;
  const Filter filter_;
  std::unique_ptr<model::Program> program_;
  traces::InsnText text_;
};

// How one of two traces stands where they differ.
std::string side(const char* mark, const std::string& name, traces::InsnTrace& trace, bool there,
                 const std::string& binary, const std::function<bool(uint8_t)>& marked) {
  std::string out = fmt::format("{} {}\n", mark, name);
  if (!there) return out + "  it has no instruction there\n";
  const std::unique_ptr<model::Program> program = program_of(trace, binary);
  const traces::InsnText text(trace, program.get());
  text.append_line(out);
  text.append_registers(out, marked);
  return out;
}

// A file that is gone when this is.
class Temporary {
 public:
  Temporary() : path_((std::filesystem::temp_directory_path() / "deferscope-XXXXXX.insn").string()) {
    const int fd = ::mkstemps(path_.data(), 5);
    if (fd < 0) throw emu::Error(fmt::format("{}: {}", path_, std::strerror(errno)));
    ::close(fd);
  }
  ~Temporary() { ::unlink(path_.c_str()); }
  Temporary(const Temporary&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// In a process of its own, which is confined for that guest.
int record(const GuestFlags& guest, const std::string& path) {
  std::signal(SIGPIPE, SIG_IGN);
  static emu::Machine* const m = boot(guest).release();
  m->recording().set_sink([](int, const uint8_t*, size_t) {});
  TraceFlags flags;
  flags.events = path;
  flags.max_trace_mib = UINT64_MAX;
  InsnSession session(*m, flags, guest.command[0]);
  confine_unless_told(guest, grants_of(guest, *m));
  const Ending ending(*m, {.timeout = guest.timeout, .timeout_status = 125});
  try {
    run_to_end(*m);
  } catch (const std::exception& e) {
    session.cut_short(e.what());
    return 0;  // its end says it
  }
  session.finish(Ending::signal() ? fmt::format("SIG{}", sigabbrev_np(Ending::signal())) : "");
  return 0;
}

}  // namespace

int check_instructions(const std::string& golden, const GuestFlags& guest) {
  const Temporary now;
  std::fflush(stdout), std::fflush(stderr);
  const pid_t child = ::fork();
  if (child < 0) throw emu::Error(fmt::format("no process: {}", std::strerror(errno)));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int status = own_failures_are_125([&] { return record(guest, now.path()); });
    std::fflush(stderr);
    _exit(status);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 2;
  return diff_instructions(golden, now.path());
}

int show_instructions(const InsnShowFlags& flags) { return Shower(flags).run(); }

int diff_instructions(const std::string& a, const std::string& b, const std::string& binary_a,
                      const std::string& binary_b) {
  traces::InsnTrace x(a), y(b);
  if (x.header().goarch != y.header().goarch)
    throw emu::Error(fmt::format("{} is of {}, {} of {}: their instructions cannot be compared", a, x.header().goarch,
                                 b, y.header().goarch));
  for (const auto& [name, trace] : {std::pair(a, &x), std::pair(b, &y)})
    say_how_it_ended(loader::printable(name), *trace);
  if (x.header().sha256 != y.header().sha256) complain("note: they are of two programs");
  const auto found = traces::first_difference(x, y);
  if (!found) {
    print(fmt::format("same: {} instructions\n", x.last() - x.first()));
    return 0;
  }
  const bool both = found->there[0] && found->there[1];
  const auto registers = [](const traces::InsnTrace& t) {
    return traces::insn::registers_of(t.state().isa, t.state().cpu());
  };
  const auto rx = registers(x), ry = registers(y);
  const auto marked = [&](uint8_t i) { return both && rx[i] != ry[i]; };
  print(fmt::format("They are the same up to position {}.\n", found->position));
  print(side("---", a, x, found->there[0], binary_a, marked));
  print(side("+++", b, y, found->there[1], binary_b, marked));
  return 1;
}

}  // namespace deferscope::cli
