#include "cli/guest.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/command_line.h"
#include "cli/ending.h"
#include "emu/host_sysroot.h"
#include "loader/listing.h"
#include "runtime_model/modelled.h"

namespace deferscope::cli {

void add_world_flags(Verb& verb, GuestFlags& f, bool own_stdin) {
  if (own_stdin) f.stdin_path.assign(1, '-');  // g++ 12 warns of ghosts in = "-"
  verb.option("--allow-read", f.allow_read, "The guest may read files below DIR (repeatable)").unit("DIR").repeatable();
  verb.option("--allow-write", f.allow_write, "The guest may write files below DIR (repeatable)")
      .unit("DIR")
      .repeatable();
  verb.option(
          "--sysroot", f.sysroot,
          "Where a dynamically linked guest finds its loader and libraries: a folder that it sees as /, of which it "
          "may read libraries, ld.so.cache, ld.so.conf, nsswitch.conf and locales (default: this machine's own, if "
          "BIN is of its instruction set)")
      .unit("DIR");
  verb.option("--cwd", f.cwd, "The guest's working directory; by default ours if it lies below an allowed DIR, else /")
      .unit("DIR");
  verb.option("--env", f.env, "Set an environment variable of the guest (repeatable)").unit("K=V").repeatable();
  verb.option("--argv0", f.argv0,
              "What the guest sees as its own name: os.Args[0], AT_EXECFN and, if it is absolute, /proc/self/exe "
              "(default: BIN as given); with it a run does not depend on where BIN lies")
      .unit("NAME");
  verb.option("--stdin", f.stdin_path,
              own_stdin ? "The guest reads FILE instead of our standard input"
                        : "The guest reads FILE; without it, nothing")
      .unit("FILE");
  verb.option("--cpu", f.cpu,
              "CPU model: v3, v2, v1 (amd64; v2, and v3 for a program built with GOAMD64=v3); v8.2, v8.1, v8.0 (arm64; "
              "v8.1)")
      .unit("MODEL");
  const auto number = [&verb](const char* name, auto& value, const char* what, const char* unit = "N") {
    return verb.option(name, value, what).unit(unit).show_default();
  };
  number("--cpus", f.cpus, "CPUs that the guest sees, 1 to 64").between(1, 64);
  number("--seed", f.seed, "Seed of the guest's random numbers");
  number("--clock", f.clock, "The guest's wall clock at the start, in seconds since 1970", "SECONDS");
  number(
      "--memory", f.memory_mib,
      "Most memory for the guest: pages that it touches, files in /tmp, pipes, mappings and all that it makes us keep",
      "MIB");
  number("--max-threads", f.max_threads, "Most threads that the guest may have at once");
  number("--max-output", f.max_output_mib, "Most that the guest may write to stdout and stderr", "MIB");
  number("--max-file-output", f.max_file_output_mib, "Most that it may write to files below --allow-write", "MIB");
  number("--max-instructions", f.max_instructions, "End the run after N instructions (0: never)");
  number("--timeout", f.timeout, "End the run after that much time (0: never); the guest never sees it", "SECONDS");
  verb.flag("--no-confine", f.no_confine,
            "Do not confine deferscope itself (Landlock, seccomp) to what these flags grant");
  number("--block", f.block,
         "Instructions in a block at most, 0 to 64 (0: the reference evaluator); changes speed only")
      .between(0, 64);
  verb.option("--engine", f.engine,
              "What runs the guest: auto makes host code of what is hot, jit of everything, interp of nothing; changes "
              "speed only")
      .one_of({"auto", "interp", "jit"});
  verb.flag("--selfcheck", f.self_check,
            "Execute everything a second time with the reference evaluator and end the run where the two differ; some "
            "million instructions a second");
}

Option add_guest_flags(Verb& verb, GuestFlags& f, bool own_stdin) {
  add_world_flags(verb, f, own_stdin);
  add_source_flags(verb, f.source);
  return verb.program("BIN", f.command, "The program, or Go source (a .go file, a folder), and its arguments")
      .required();
}

void build_source(GuestFlags& f) {
  if (f.command.empty()) {
    if (f.source.given())
      throw emu::Error("--go, --target, --gcflags and --test are for Go source, and BIN is missing");
    return;
  }
  if (!f.source.assemble && loader::glance_at_listing(f.command[0]).listing) take_listing_words(f.command, f.source);
  Built built = program_at(f.command[0], f.source);
  if (!built.name.empty() && f.argv0.empty()) f.argv0 = built.name;
  f.command[0] = std::move(built.path);
  f.source_dir = std::move(built.directory);
}

// What a flag names must be there now: the guest would only see that it is not.
static void need_file(const char* flag, const std::string& path, int mode) {
  if (access(path.c_str(), mode) != 0) throw emu::Error(fmt::format("{} {}: {}", flag, path, std::strerror(errno)));
}

std::string sysroot_of(const std::string& told, const loader::Image& image) {
#if defined(__aarch64__)
  constexpr isa::Isa kHost = isa::Isa::arm64;
#else
  constexpr isa::Isa kHost = isa::Isa::x86_64;
#endif
  if (!told.empty()) return told;
  return image.elf().interpreted && image.isa() == kHost ? "/" : "";
}

static uint64_t bytes_of(uint64_t mib) { return mib > UINT64_MAX >> 20 ? UINT64_MAX : mib << 20; }

// --cpu, else what the program's builder asked for; nullptr: the default.
static const isa::CpuModel* chosen_cpu(const std::string& flag, const loader::Image& image) {
  const isa::Isa isa = image.isa();
  if (!flag.empty()) {
    const isa::CpuModel* const model = isa::find_cpu_model(isa, flag);
    if (!model) throw emu::Error(fmt::format("--cpu {}: no such model for {}", flag, isa::to_string(isa)));
    return model;
  }
  const auto level = image.go() ? image.go()->build.setting("GOAMD64") : std::nullopt;
  if (isa != isa::Isa::x86_64 || !level) return nullptr;
  if (*level == "v4")
    throw emu::Error(
        "built with GOAMD64=v4, for a processor with AVX-512 (F, BW, CD, DQ, VL), which is not emulated: levels up to "
        "v3 are");
  return *level == "v3" ? isa::find_cpu_model(isa, "v3") : nullptr;
}

emu::GuestOptions guest_options(const GuestFlags& f, const loader::Image& image) {
  emu::GuestOptions o;
  o.argv = f.command;
  if (!f.argv0.empty() && !o.argv.empty()) o.argv[0] = o.exe_name = f.argv0;
  o.exe_path = f.command.empty() ? "" : f.command[0];
  o.env = f.env;
  o.cwd = f.cwd;
  o.allow_read = f.allow_read;
  o.allow_write = f.allow_write;
  o.sysroot = sysroot_of(f.sysroot, image);
  for (const std::string& pair : f.env)
    if (pair.find('=') == 0 || pair.find('=') == std::string::npos)
      throw emu::Error(fmt::format("--env {}: not K=V", pair));
  for (const std::string& dir : f.allow_read) need_file("--allow-read", dir, R_OK);
  for (const std::string& dir : f.allow_write) need_file("--allow-write", dir, F_OK);
  if (!f.stdin_path.empty() && f.stdin_path != "-") {
    need_file("--stdin", f.stdin_path, R_OK);
    struct stat st {};
    if (stat(f.stdin_path.c_str(), &st) == 0 && S_ISDIR(st.st_mode))
      throw emu::Error(fmt::format("--stdin {}: {}", f.stdin_path, std::strerror(EISDIR)));
  }
  if (!f.stdin_path.empty()) o.stdin_path = f.stdin_path;
  o.cpus = f.cpus;
  o.seed = f.seed;
  o.clock_start = f.clock;
  o.max_memory = bytes_of(f.memory_mib);
  o.max_threads = static_cast<unsigned>(f.max_threads);
  o.max_output = bytes_of(f.max_output_mib);
  o.max_file_output = bytes_of(f.max_file_output_mib);
  if (f.max_instructions) o.max_instructions = f.max_instructions;
  o.cpu = chosen_cpu(f.cpu, image);
  return o;
}

static void write_host(const emu::Machine& m, int fd, const uint8_t* bytes, size_t n) {
  size_t done = 0;
  while (done < n) {
    const ssize_t k = ::write(fd, bytes + done, n - done);
    if (k < 0 && errno == EINTR && m.interrupted()) throw emu::Interrupted(done);
    if (k < 0 && errno == EINTR) continue;
    // What the guest wrote is lost from here on, so the run ends: a full disk, or a reader that is gone.
    if (k < 0) throw emu::Error(fmt::format("standard {}: {}", fd == 2 ? "error" : "output", std::strerror(errno)));
    done += static_cast<size_t>(k);
  }
}

emu::Recording::Sink to_host(const emu::Machine& m) {
  return [&m](int fd, const uint8_t* bytes, size_t n) { write_host(m, fd, bytes, n); };
}

void grant_libraries(Grants& g, const emu::Machine& m) {
  const std::vector<std::string> libraries = emu::HostSysroot::readable(m.options().sysroot);
  g.read.insert(g.read.end(), libraries.begin(), libraries.end());
}

Grants grants_of(const GuestFlags& f, const emu::Machine& m) {
  Grants g{f.allow_read, f.allow_write, {}};
  grant_libraries(g, m);
  if (!f.command.empty() && f.command[0] != "-") g.read.push_back(f.command[0]);  // the guest may read its executable
  if (!f.stdin_path.empty() && f.stdin_path != "-") g.read.push_back(f.stdin_path);
  return g;
}

Walls confine_unless_told(const GuestFlags& f, const Grants& grants) {
  if (f.no_confine)
    return fmt::print(stderr, "deferscope: note: --no-confine: Landlock and seccomp are off\n"), Walls{};
  Walls walls = confine(grants);
  if (!walls.missing.empty() && (!f.allow_read.empty() || !f.allow_write.empty()))
    fmt::print(stderr, "deferscope: note: {}\n", walls.missing);
  return walls;
}

std::unique_ptr<emu::Machine> make_machine(const loader::Image& image, const GuestFlags& f,
                                           const emu::GuestOptions& options) {
  auto m = std::make_unique<emu::Machine>(image, options, f.block);
  model::add_modelled_runtime(*m);
  const char* const told = std::getenv("DEFERSCOPE_ENGINE");
  const std::string engine = !f.engine.empty() ? f.engine : told ? told : "auto";
  if (!m->engine().use_host_code(engine) && f.engine == "jit")
    throw emu::Error("--engine jit: there is no host code for this machine; auto and interp run everywhere");
  if (f.self_check) m->check_itself();
  return m;
}

std::unique_ptr<emu::Machine> boot(const GuestFlags& f) {
  const loader::Image image = load_program(f.command.at(0), f.source);
  auto m = make_machine(image, f, guest_options(f, image));
  m->recording().set_sink(to_host(*m));
  m->recording().files().set_trouble(
      [](const std::string& line) { std::fprintf(stderr, "deferscope: %s\n", line.c_str()); });
  return m;
}

int run_to_end(emu::Machine& m) {
  const emu::Stop stop = m.run_to(emu::kNever);
  switch (stop.kind) {
    case emu::Stop::Exited: return m.state().exit_status;
    case emu::Stop::Deadlock: {
      std::string text =
          fmt::format("deadlock at position {}: all threads wait and nothing can wake them", m.state().position);
      for (const emu::Thread& t : m.state().threads)
        if (t.status != emu::ThreadStatus::Exited) text += "; " + m.state().os->describe_thread(m.state(), t);
      throw emu::Error(text);
    }
    case emu::Stop::Limit: throw emu::Error(fmt::format("--max-instructions {} reached", m.options().max_instructions));
    case emu::Stop::Interrupted:
      if (const int s = Ending::signal()) return 128 + s;
      throw emu::Error(Ending::timeout_line(m.state().position));
    default: throw emu::Error("stopped unexpectedly");
  }
}

int own_failures_are_125(const std::function<int()>& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    std::fflush(stdout);
    std::fprintf(stderr, "deferscope: %s\n", kOutOfMemory);
    return 125;
  } catch (const std::exception& e) {
    std::fflush(stdout);
    complain(e.what());
    return 125;
  }
}

}  // namespace deferscope::cli
