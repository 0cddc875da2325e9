// Who the process is, its limits, the machine it sees, random bytes, its end.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {

// --- answers that do not depend on the question ---

Result imp_zero(Call&) { return 0; }
Result imp_nothing(Call& c) { return c.give(c.cpu().r[c.s.amd64() ? isa::kRax : isa::Reg{0}]); }  // changes no register
Result imp_one(Call&) { return 1; }
Result imp_denied(Call&) { return Error::PERM; }  // outside the sandbox
Result imp_unknown(Call&) { return Error::NOSYS; }
Result imp_unsupported(Call&) { return Error::NOTSUP; }
Result imp_no_child(Call&) { return Error::CHILD; }
Result imp_no_exec(Call&) { return Error::ACCES; }

// --- the end ---

void end_program(Call& c, int status) {
  c.s.exit_status = status;
  if (c.s.at_exit.empty()) return end_process(c.m, status, 0);
  const AtExit next = c.s.at_exit.back();
  c.s.at_exit.pop_back();
  c.s.holdings.give_back(cost::kDescriptor);
  start_at(c.s, c.m, c.cpu(), next.function, next.argument, kAtExitReturned);
}

Result imp_exit(Call& c) {
  end_program(c, c.i32());
  return kNoResult;
}

Result imp_end_now(Call& c) {
  end_process(c.m, c.i32(), 0);
  return kNoResult;
}

// What is called before the process ends, the last one first.
Result imp_cxa_atexit(Call& c) {
  if (!c.s.holdings.take(cost::kDescriptor)) return Error::NOMEM;
  c.s.at_exit.push_back({c.a[0], c.a[1]});
  return 0;
}

Result imp_atexit(Call& c) {
  c.a[1] = 0;
  return imp_cxa_atexit(c);
}

Result imp_abort(Call& c) {
  end_process(c.m, 0, sig::ABRT);
  return kNoResult;
}

// --- identity ---

Result imp_getpid(Call& c) { return c.s.pid; }
Result imp_getuid(Call&) { return kGuestUid; }

Result imp_getgroups(Call& c) {
  if (c.i32() < 0) return Error::INVAL;
  if (c.i32() == 0) return 1;
  return c.put(c.a[1], kGuestUid) ? Result(1) : Error::FAULT;
}

// getgrouplist(name, gid, groups, &n)
Result imp_getgrouplist(Call& c) {
  int32_t n = 0;
  if (!c.get(c.a[3], n)) return Error::FAULT;
  if (n < 1) return Error::INVAL;
  return c.put(c.a[2], kGuestUid) && c.put(c.a[3], int32_t{1}) ? kOk : Error::FAULT;
}

namespace {

constexpr size_t kNameSize = 256;  // _SYS_NAMELEN

}  // namespace

Result imp_uname(Call& c) {
  char fields[5][kNameSize] = {"Darwin", "deferscope", "23.6.0", "Darwin Kernel Version 23.6.0", ""};
  std::strcpy(fields[4], c.s.amd64() ? "x86_64" : "arm64");
  return c.memory().write(c.a[0], fields, sizeof fields) ? kOk : Error::FAULT;
}

// --- passwd and group ---

namespace {

// Strings that a caller's buffer takes one behind the other.
class TextBuffer {
 public:
  TextBuffer(Memory& memory, uint64_t at, uint64_t size) : memory_(memory), at_(at), left_(size) {}
  uint64_t add(const std::string& text) {
    const uint64_t n = text.size() + 1, here = at_;
    if (n > left_ || !memory_.write(at_, text.c_str(), n)) ok_ = false;
    at_ += n;
    left_ -= std::min(left_, n);
    return here;
  }
  bool ok() const { return ok_; }

 private:
  Memory& memory_;
  uint64_t at_, left_;
  bool ok_ = true;
};

// The two that exist: root and the guest.
struct Account {
  const char *name, *directory;
  uint32_t id;
};
constexpr Account kAccounts[] = {{"root", "/root", 0}, {"guest", "/", kGuestUid}};

template <class Is>
const Account* find_account(Is is) {
  const auto it = std::find_if(std::begin(kAccounts), std::end(kAccounts), is);
  return it == std::end(kAccounts) ? nullptr : it;
}

const Account* account_with(Call& c, uint64_t name_at) {
  std::string name;
  if (!c.memory().read_string(name_at, name, 256)) return nullptr;
  return find_account([&](const Account& x) { return name == x.name; });
}

const Account* account_with(uint32_t id) {
  return find_account([&](const Account& x) { return id == x.id; });
}

// get…_r(key, struct, buffer, size, &result): RANGE if the buffer is too small; no account is no error.
Result put_passwd(Call& c, const Account* account) {
  if (!account) return c.put(c.a[4], uint64_t{0}) ? kOk : Error::FAULT;
  TextBuffer text(c.memory(), c.a[2], c.a[3]);
  Passwd out{};
  out.name = text.add(account->name);
  out.passwd = text.add("*");
  out.klass = text.add("");
  out.gecos = text.add("");
  out.dir = text.add(account->directory);
  out.shell = text.add("/bin/sh");
  out.uid = out.gid = account->id;
  if (!text.ok()) return Error::RANGE;
  return c.put(c.a[1], out) && c.put(c.a[4], c.a[1]) ? kOk : Error::FAULT;
}

Result put_group(Call& c, const Account* account) {
  if (!account) return c.put(c.a[4], uint64_t{0}) ? kOk : Error::FAULT;
  if (c.a[3] < 8) return Error::RANGE;
  TextBuffer text(c.memory(), c.a[2] + 8, c.a[3] - 8);  // no members: an empty list in front
  Group out{};
  out.members = c.a[2];
  out.name = text.add(account->name);
  out.passwd = text.add("*");
  out.gid = account->id;
  if (!text.ok()) return Error::RANGE;
  return c.put(c.a[2], uint64_t{0}) && c.put(c.a[1], out) && c.put(c.a[4], c.a[1]) ? kOk : Error::FAULT;
}

}  // namespace

Result imp_getpwnam_r(Call& c) { return put_passwd(c, account_with(c, c.a[0])); }
Result imp_getpwuid_r(Call& c) { return put_passwd(c, account_with(c.u32())); }
Result imp_getgrnam_r(Call& c) { return put_group(c, account_with(c, c.a[0])); }
Result imp_getgrgid_r(Call& c) { return put_group(c, account_with(c.u32())); }

// --- limits ---

Result imp_getrlimit(Call& c) {
  constexpr uint32_t kPosix = 0x1000;  // _RLIMIT_POSIX_FLAG
  const uint32_t which = c.u32() & ~kPosix;
  if (which >= rlimit::kCount) return Error::INVAL;
  return c.put(c.a[1], c.s.limit_of(which)) ? kOk : Error::FAULT;
}

Result imp_setrlimit(Call& c) {
  constexpr uint32_t kPosix = 0x1000;
  const uint32_t which = c.u32() & ~kPosix;
  RLimit next;
  if (which >= rlimit::kCount) return Error::INVAL;
  if (!c.get(c.a[1], next)) return Error::FAULT;
  RLimit& limit = c.s.limit_of(which);
  if (next.soft > next.hard) return Error::INVAL;
  if (next.hard > limit.hard) return Error::PERM;
  limit = next;
  return 0;
}

Result imp_getdtablesize(Call& c) { return static_cast<int64_t>(std::min<uint64_t>(c.s.open_files.soft, INT32_MAX)); }

Result imp_sysconf(Call& c) {
  struct Row {
    int name;
    int64_t (*value)(const State& s);
  };
  static constexpr Row kRows[] = {
      {1, [](const State&) { return int64_t{1} << 20; }},                                            // ARG_MAX
      {3, [](const State&) { return int64_t{100}; }},                                                // CLK_TCK
      {5, [](const State& s) { return static_cast<int64_t>(s.open_files.soft); }},                   // OPEN_MAX
      {29, [](const State& s) { return static_cast<int64_t>(s.page()); }},                           // PAGESIZE
      {57, [](const State& s) { return static_cast<int64_t>(s.options->cpus); }},                    // NPROCESSORS_CONF
      {58, [](const State& s) { return static_cast<int64_t>(s.options->cpus); }},                    // NPROCESSORS_ONLN
      {70, [](const State&) { return int64_t{4096}; }},                                              // GETGR_R_SIZE_MAX
      {71, [](const State&) { return int64_t{4096}; }},                                              // GETPW_R_SIZE_MAX
      {200, [](const State& s) { return static_cast<int64_t>(s.options->max_memory / s.page()); }},  // PHYS_PAGES
  };
  for (const Row& row : kRows)
    if (row.name == c.i32()) return row.value(c.s);
  return Error::INVAL;
}

Result imp_getpagesize(Call& c) { return static_cast<int64_t>(c.s.page()); }

// --- random bytes ---

namespace {

Result fill_random(Call& c, uint64_t at, uint64_t n) {
  if (!c.memory().check_write(at, n)) return Error::FAULT;
  std::array<uint8_t, kPage> bytes;  // a multiple of what the generator gives at once
  for (uint64_t done = 0; done < n; done += bytes.size()) {
    const uint64_t k = std::min<uint64_t>(n - done, bytes.size());
    c.host.work(1);
    c.s.random.fill(bytes.data(), k);
    c.memory().write(at + done, bytes.data(), k);
  }
  return 0;
}

}  // namespace

Result imp_arc4random_buf(Call& c) { return fill_random(c, c.a[0], c.a[1]); }
Result imp_arc4random(Call& c) { return static_cast<int64_t>(c.s.random.next() >> 32); }
Result imp_getentropy(Call& c) { return c.a[1] > 256 ? Error::IO : fill_random(c, c.a[0], c.a[1]); }

// --- files that exist without a host ---

std::optional<std::string> synthetic_file(const posix::State& s, const MachineState&, int, const std::string& path) {
  if (!path.starts_with("/etc/") || is_granted(*s.roots, path, false)) return std::nullopt;  // the host's
  if (path == "/etc/hosts") return "127.0.0.1\tlocalhost\n";
  if (path == "/etc/passwd")
    return fmt::format("root:*:0:0::/root:/bin/sh\nguest:*:{}:{}::/:/bin/sh\n", kGuestUid, kGuestUid);
  if (path == "/etc/group") return fmt::format("root:*:0:\nguest:*:{}:\n", kGuestUid);
  return std::nullopt;
}

}  // namespace deferscope::emu::darwin
