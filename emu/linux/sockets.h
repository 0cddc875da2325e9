// The guest's own network: sockets that reach each other inside the guest and nothing else. IPv4's loopback (TCP, UDP)
// and AF_UNIX (stream, seqpacket, datagram); every other address is unreachable, every other family not supported. All
// of it is a value: no host socket is ever opened.
#pragma once
#include <cstdint>
#include <string>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {

uint32_t socket_readiness(const Socket& x, const State& s);  // POLL… bits
Result socket_read(Call& c, OpenFile& f, uint64_t address, uint64_t n);
Result socket_write(Call& c, OpenFile& f, const std::string& bytes);  // -EPIPE: the caller raises SIGPIPE
void close_socket(State& s, int socket, int file);                    // the open file that held it is gone

}  // namespace deferscope::emu::linux_
