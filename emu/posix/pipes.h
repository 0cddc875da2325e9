// Pipes and counters. Their bytes and counts are part of the value.
#pragma once
#include <string>
#include <string_view>

#include "emu/posix/context.h"

namespace deferscope::emu::posix {

// Bytes that wait in a pipe or socket. False: no memory for them.
bool queue_bytes(Holdings& h, std::string& queue, std::string_view bytes);
void unqueue_bytes(Holdings& h, std::string& queue, size_t n);

// AGAIN for a non-blocking file, else the call waits until something changed.
Result wait_for_io(Context& c, const OpenFile& f, bool nonblocking = false);

Result read_pipe(Context& c, const OpenFile& f, uint64_t address, uint64_t n);
Result write_pipe(Context& c, const OpenFile& f, const std::string& bytes);
Result read_counter(Context& c, OpenFile& f, uint64_t address, uint64_t n);
Result write_counter(Context& c, OpenFile& f, const std::string& bytes);
void close_pipe_end(State& s, const PipeEnd& end);

// Descriptors for both ends of a new pipe; NFILE, MFILE.
Result make_pipe(Context& c, bool nonblocking, bool close_on_exec, int32_t fds[2]);

}  // namespace deferscope::emu::posix
