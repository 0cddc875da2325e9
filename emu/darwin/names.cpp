// Names and addresses of hosts, as far as there are any: numbers and this machine. And texts that libSystem keeps.
#include <algorithm>
#include <charconv>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {

Result constant_text(Call& c, const std::string& text) {
  const auto it = c.s.texts.find(text);
  if (it != c.s.texts.end()) return static_cast<int64_t>(it->second);
  const uint64_t at = heap_allocate(c.s, c.memory(), text.size() + 1);
  if (at == 0 || !c.memory().poke(at, text.c_str(), text.size() + 1)) return Error::NOMEM;
  c.s.texts[text] = at;
  return static_cast<int64_t>(at);
}

namespace {

enum Eai : int64_t { kNoName = 8, kService = 9, kMemory = 6, kFamily = 5, kOverflow = 14, kBadFlags = 3 };

// netdb.h's messages.
struct Message {
  int64_t code;
  const char* text;
};
constexpr Message kMessages[] = {
    {1, "Address family for hostname not supported"},
    {2, "Temporary failure in name resolution"},
    {kBadFlags, "Invalid value for ai_flags"},
    {4, "Non-recoverable failure in name resolution"},
    {kFamily, "ai_family not supported"},
    {kMemory, "Memory allocation failure"},
    {7, "No address associated with nodename"},
    {kNoName, "nodename nor servname provided, or not known"},
    {kService, "servname not supported for ai_socktype"},
    {10, "ai_socktype not supported"},
    {11, "System error"},
    {kOverflow, "Argument buffer overflow"},
};

constexpr uint32_t kLoopback = 0x7f000001;

// a.b.c.d
std::optional<uint32_t> number_of(const std::string& host) {
  uint32_t ip = 0;
  const char *at = host.data(), *end = at + host.size();
  for (int i = 0; i < 4; ++i) {
    uint8_t part = 0;
    const auto [next, e] = std::from_chars(at, end, part);
    if (e != std::errc{} || (i < 3 && (next == end || *next != '.'))) return std::nullopt;
    ip = ip << 8 | part;
    at = i < 3 ? next + 1 : next;
  }
  return at == end ? std::optional(ip) : std::nullopt;
}

std::optional<uint32_t> address_of(const std::string& host, bool numeric_only) {
  if (const auto ip = number_of(host)) return ip;
  const bool own = host == "localhost" || host == "localhost." || host == "deferscope";
  return own && !numeric_only ? std::optional(kLoopback) : std::nullopt;
}

struct Question {
  std::string host, service;
  bool has_host = false, has_service = false;
  AddrInfo hints{};
};

Result read_question(Call& c, Question& q) {
  constexpr uint64_t kLongest = 1024;
  q.has_host = c.a[0] != 0;
  q.has_service = c.a[1] != 0;
  if (q.has_host && !c.memory().read_string(c.a[0], q.host, kLongest)) return Error::FAULT;
  if (q.has_service && !c.memory().read_string(c.a[1], q.service, kLongest)) return Error::FAULT;
  return c.a[2] == 0 || c.get(c.a[2], q.hints) ? kOk : Error::FAULT;
}

struct Kind {
  int32_t socktype, protocol;
};
constexpr Kind kKinds[] = {{2, 17}, {1, 6}};  // datagram, stream: in the order that they are given

// One entry with its address, in one piece of memory.
uint64_t make_entry(Call& c, const Kind& kind, uint32_t ip, uint16_t port, uint64_t canonical, uint64_t next) {
  constexpr int32_t kInet = 2;
  constexpr uint32_t kSize = 16;
  const uint64_t at = heap_allocate(c.s, c.memory(), sizeof(AddrInfo) + kSize);
  if (at == 0) return 0;
  const AddrInfo info{0, kInet, kind.socktype, kind.protocol, kSize, 0, canonical, at + sizeof(AddrInfo), next};
  const auto byte = [](uint32_t x, int shift) { return static_cast<uint8_t>(x >> shift); };
  const uint8_t address[kSize] = {kSize,        kInet,        byte(port, 8), byte(port, 0),
                                  byte(ip, 24), byte(ip, 16), byte(ip, 8),   byte(ip, 0)};
  c.put(at, info);
  c.memory().write(at + sizeof(AddrInfo), address, sizeof address);
  return at;
}

}  // namespace

// getaddrinfo(host, service, hints, &result): an EAI number, 0 if there is one.
Result imp_getaddrinfo(Call& c) {
  constexpr int32_t kUnspecified = 0, kInet = 2, kPassive = 1, kCanonical = 2, kNumericHost = 4;
  Question q;
  if (const Result e = read_question(c, q); !e) return e;
  if (!q.has_host && !q.has_service) return kNoName;
  if (q.hints.family != kUnspecified && q.hints.family != kInet) return q.hints.family == 30 ? kNoName : kFamily;
  uint16_t port = 0;
  const char* end = q.service.data() + q.service.size();
  if (q.has_service && std::from_chars(q.service.data(), end, port).ptr != end) return kService;
  std::optional<uint32_t> ip = q.hints.flags & kPassive ? 0u : kLoopback;
  if (q.has_host) ip = address_of(q.host, q.hints.flags & kNumericHost);
  if (!ip) return kNoName;
  uint64_t canonical = 0, list = 0;
  if ((q.hints.flags & kCanonical) && q.has_host) {
    canonical = heap_allocate(c.s, c.memory(), q.host.size() + 1);
    if (canonical == 0) return kMemory;
    c.memory().write(canonical, q.host.c_str(), q.host.size() + 1);
  }
  for (const Kind& kind : kKinds) {
    if (q.hints.socktype != 0 && q.hints.socktype != kind.socktype) continue;
    list = make_entry(c, kind, *ip, port, std::exchange(canonical, 0), list);
    if (list == 0) return kMemory;
  }
  return c.put(c.a[3], list) ? kOk : Error::FAULT;
}

Result imp_freeaddrinfo(Call& c) {
  uint64_t at = c.a[0];
  AddrInfo info;
  while (at != 0 && c.get(at, info)) {
    c.host.work(1);
    if (info.canonname) heap_free(c.s, info.canonname);
    if (!heap_free(c.s, at)) break;
    at = info.next;
  }
  return 0;
}

Result imp_gai_strerror(Call& c) {
  for (const Message& m : kMessages)
    if (m.code == c.i32()) return constant_text(c, m.text);
  return constant_text(c, "Unknown error");
}

// getnameinfo(address, size, host, hostlen, service, servlen, flags)
Result imp_getnameinfo(Call& c) {
  constexpr uint32_t kNumericHost = 2, kNameRequired = 4;
  uint8_t raw[16];
  if (c.u32(1) < sizeof raw || !c.memory().read(c.a[0], raw, sizeof raw) || raw[1] != 2) return kFamily;
  const auto flags = static_cast<uint32_t>(c.seventh());
  const uint32_t ip = uint32_t{raw[4]} << 24 | raw[5] << 16 | raw[6] << 8 | raw[7];
  std::string host = std::to_string(raw[4]) + "." + std::to_string(raw[5]) + "." + std::to_string(raw[6]) + "." +
                     std::to_string(raw[7]);
  const std::string service = std::to_string(raw[2] << 8 | raw[3]);
  if (ip == kLoopback && !(flags & kNumericHost))
    host = "localhost";
  else if (flags & kNameRequired)
    return kNoName;
  for (const auto& [text, at, room] : {std::tuple{host, c.a[2], c.u32(3)}, std::tuple{service, c.a[4], c.u32(5)}}) {
    if (at == 0 || room == 0) continue;
    if (text.size() + 1 > room) return kOverflow;
    if (!c.memory().write(at, text.c_str(), text.size() + 1)) return Error::FAULT;
  }
  return 0;
}

// The resolver: no server answers.
Result imp_res_nsearch(Call&) { return Error::CONNREFUSED; }

// --- CoreFoundation, as far as Go's crypto/x509 uses it before main ---

// CFStringCreateWithBytes(allocator, bytes, n, encoding, external): an object that only CFRelease knows.
Result imp_CFStringCreateWithBytes(Call& c) {
  const uint64_t at = heap_allocate(c.s, c.memory(), 32);
  return at ? Result(static_cast<int64_t>(at)) : Error::NOMEM;
}

Result imp_CFRelease(Call& c) {
  heap_free(c.s, c.a[0]);
  return 0;
}

}  // namespace deferscope::emu::darwin
