// The guest's own network: sockets that reach each other inside the guest and nothing else. IPv4's loopback (TCP, UDP)
// and local ones (stream, seqpacket, datagram); every other address is unreachable. All of it is a value: no host
// socket is ever opened. How addresses and messages look in memory is the system's matter.
#pragma once
#include <string>

#include "emu/posix/context.h"
#include "emu/posix/files.h"

namespace deferscope::emu::posix {

inline constexpr uint64_t kSocketBuffer = 212992;  // bytes a receiver holds (net.core.rmem_default)

Address inet_address(uint32_t ip, uint16_t port);
Address unnamed(Family family);

inline constexpr uint64_t kMostSent = 1 << 20;  // at once, of one buffer

// How bytes are sent or received.
struct Transfer {
  bool dont_wait = false;
  bool peek = false;
};

// The descriptor's socket; else BADF or NOTSOCK in `e`.
Socket* socket_of(Context& c, int fd, Result& e, int* id = nullptr);
inline bool is_stream(const Socket& x) { return x.type != SocketType::Datagram; }

Result make_socket(Context& c, Family family, SocketType type, bool nonblocking, bool close_on_exec);
Result make_socket_pair(Context& c, SocketType type, bool nonblocking, bool close_on_exec, int32_t fds[2]);
Result bind_socket(Context& c, int fd, const Address& address);
Result listen_on(Context& c, int fd, uint32_t backlog);
// The first connection that waits, and its peer; it is taken by open_accepted.
Result next_connection(Context& c, int fd, Address& peer);
Result open_accepted(Context& c, int fd, bool nonblocking, bool close_on_exec);
Result connect_socket(Context& c, int fd, Address to);
Result shut_down(Context& c, int fd, uint64_t how);  // 0 reading, 1 writing, 2 both, everywhere; else INVAL
Result local_address(Context& c, int fd, Address& out);
Result peer_address(Context& c, int fd, Address& out);  // NOTCONN
Result send_bytes(Context& c, int fd, const std::string& bytes, Transfer how,
                  const Address* to);  // PIPE: no signal yet
// Into `out`, at most n bytes; `whole` is the packet's length.
Result receive(Context& c, int fd, uint64_t n, Transfer how, std::string& out, Address& from, uint64_t& whole);
Result read_socket(Context& c, int fd, uint64_t address, uint64_t n);
// The buffers of a message (sendmsg, recvmsg), `count` of them at `at`, and the bytes that they are together: FAULT,
// MSGSIZE. Then what is in them, and bytes into them.
Result get_buffers(Context& c, uint64_t at, uint64_t count, std::vector<Part>& parts, uint64_t& total);
Result gather(Context& c, const std::vector<Part>& parts, std::string& bytes);
Result scatter(Context& c, const std::vector<Part>& parts, const std::string& bytes);
// The bytes of sendto, at most kMostSent.
Result get_bytes(Context& c, uint64_t at, uint64_t n, std::string& bytes);
Result set_option(Context& c, Socket& x, uint64_t option, uint32_t value);

Ready socket_readiness(const Socket& x, const State& s);
void close_socket(State& s, int socket, int file);  // the open file that held it is gone

}  // namespace deferscope::emu::posix
