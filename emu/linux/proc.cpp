// Files that exist without a host: /proc/self, the one below /sys that Go reads, and who and where the guest is (/etc).
#include <fmt/format.h>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {
namespace {

using Maker = std::string (*)(const State&, const MachineState&, int tid);

std::string maps(const State& s, const MachineState& m, int) {
  constexpr uint64_t kLine = 80;
  std::string out;
  uint64_t size = 0;
  for (const auto& [start, x] : m.memory.mappings()) size += kLine + x.name.size();
  if (!Holdings(s.holdings).take(size)) throw emu::Error("the guest needs more memory than --memory allows");
  out.reserve(size);
  for (const auto& [start, x] : m.memory.mappings()) {
    std::string line =
        fmt::format("{:08x}-{:08x} {}{}{}{} {:08x} 00:00 0", start, x.end, x.prot & kRead ? 'r' : '-',
                    x.prot & kWrite ? 'w' : '-', x.prot & kExec ? 'x' : '-', x.view.shared ? 's' : 'p', x.view.offset);
    if (!x.name.empty()) {
      line.resize(std::max<size_t>(line.size() + 1, 73), ' ');
      line += x.name.text();
    }
    out += line + "\n";
  }
  return out;
}

size_t live(const State& s) { return s.threads.size(); }

const std::string& comm(const State& s, int tid) {
  return s.threads.at(s.threads.count(tid) ? tid : s.threads.begin()->first).name;
}

std::string status(const State& s, const MachineState& m, int tid) {
  const uint64_t size = m.memory.mapped_bytes() / 1024, resident = m.memory.resident_bytes() / 1024;
  return fmt::format(
      "Name:\t{}\nUmask:\t{:04o}\nState:\tR "
      "(running)\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t1\nTracerPid:\t0\nUid:\t{}\t{}\t{}\t{}\n"
      "Gid:\t{}\t{}\t{}\t{}\nFDSize:\t64\nGroups:\t{} \nVmPeak:\t{:8} kB\nVmSize:\t{:8} kB\nVmHWM:\t{:8} "
      "kB\nVmRSS:\t{:8} kB\nThreads:\t{}\n",
      comm(s, s.pid), s.umask, s.pid, tid, kGuestUid, kGuestUid, kGuestUid, kGuestUid, kGuestUid, kGuestUid, kGuestUid,
      kGuestUid, kGuestUid, size, size, resident, resident, live(s));
}

std::string stat(const State& s, const MachineState& m, int tid) {
  constexpr uint64_t kTick = 10'000'000;
  return fmt::format("{} ({}) R 1 {} {} 0 -1 4194304 0 0 0 0 {} 0 0 0 20 0 {} 0 100 {} {}{}\n", s.pid, comm(s, tid),
                     s.pid, s.pid, m.position / kTick, live(s), m.memory.mapped_bytes(),
                     m.memory.resident_bytes() / kPage,
                     " 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
}

std::string statm(const State&, const MachineState& m, int) {
  return fmt::format("{} {} 0 0 0 0 0\n", m.memory.mapped_bytes() / kPage, m.memory.resident_bytes() / kPage);
}

std::string limits(const State& s, const MachineState&, int) {
  const auto text = [](uint64_t v) { return v == UINT64_MAX ? std::string("unlimited") : std::to_string(v); };
  return fmt::format("{:<25} {:<20} {:<20} {:<10}\n{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit",
                     "Units", "Max open files", text(s.open_files.soft), text(s.open_files.hard), "files");
}

struct Row {
  const char* path;
  Maker make;
};
const Row kRows[] = {
    {"/proc/self/maps", maps},
    {"/proc/self/status", status},
    {"/proc/self/stat", stat},
    {"/proc/self/statm", statm},
    {"/proc/self/limits", limits},
    {"/proc/self/auxv", [](const State& s, const MachineState&, int) { return s.auxv; }},
    {"/proc/self/cmdline", [](const State& s, const MachineState&, int) { return s.cmdline; }},
    {"/proc/self/environ", [](const State& s, const MachineState&, int) { return s.environ; }},
    {"/proc/self/comm", [](const State& s, const MachineState&, int tid) { return comm(s, tid) + "\n"; }},
    {"/proc/self/cgroup", [](const State&, const MachineState&, int) { return std::string("0::/\n"); }},
    {"/proc/self/mountinfo",
     [](const State&, const MachineState&, int) { return std::string("1 0 0:1 / / rw - rootfs rootfs rw\n"); }},
    {"/proc/version",
     [](const State&, const MachineState&, int) { return std::string("Linux version 6.1.0 (deferscope)\n"); }},
    {"/proc/sys/net/core/somaxconn", [](const State&, const MachineState&, int) { return std::string("4096\n"); }},
    {"/etc/hosts", [](const State&, const MachineState&, int) { return std::string("127.0.0.1\tlocalhost\n"); }},
    {"/etc/passwd",
     [](const State&, const MachineState&, int) {
       return fmt::format("root:x:0:0::/root:/bin/sh\nguest:x:{}:{}::/:/bin/sh\n", kGuestUid, kGuestUid);
     }},
    {"/etc/group",
     [](const State&, const MachineState&, int) { return fmt::format("root:x:0:\nguest:x:{}:\n", kGuestUid); }},
    {"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
     [](const State&, const MachineState&, int) { return std::string("2097152\n"); }},
};

// /proc/PID, /proc/thread-self and /proc/self/task/TID are /proc/self.
std::string normalised(const State& s, const std::string& path) {
  const std::string self = "/proc/self";
  for (const std::string& prefix : {fmt::format("/proc/{}", s.pid), std::string("/proc/thread-self")})
    if (path.starts_with(prefix + "/")) return self + path.substr(prefix.size());
  for (const auto& [tid, t] : s.threads)
    if (const std::string prefix = fmt::format("/proc/self/task/{}/", tid); path.starts_with(prefix))
      return self + "/" + path.substr(prefix.size());
  return path;
}

}  // namespace

std::optional<std::string> synthetic_file(const posix::State& shared, const MachineState& m, int tid,
                                          const std::string& path) {
  const auto& s = static_cast<const State&>(shared);
  const bool etc = path.starts_with("/etc/");
  if (!etc && !path.starts_with("/proc/") && !path.starts_with("/sys/")) return std::nullopt;
  if (etc && is_granted(*s.roots, path, false)) return std::nullopt;  // the host's
  const std::string name = normalised(s, path);
  for (const Row& row : kRows)
    if (name == row.path) return row.make(s, m, tid);
  return std::nullopt;
}

}  // namespace deferscope::emu::linux_
