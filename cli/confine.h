// The second wall: before the guest's first instruction the process gives up everything that the run does not need, so
// that a guest that broke out of the emulator would still reach nothing that no flag grants. The first wall,
// deferscope's own checks, does not rely on it.
//
//   Landlock   files only beneath the grants; no device ioctls, no TCP, no abstract sockets, no signals to others
//   seccomp    only the system calls in confine.cpp's table: no exec, fork, socket, ptrace, mount, …
//   besides    no core dumps, no capabilities but those for files, no descriptor that our parent left open
#pragma once
#include <string>
#include <vector>

namespace deferscope::cli {

struct Grants {
  std::vector<std::string> read;   // directories or files
  std::vector<std::string> write;  // directories: what lies beneath is made, changed and removed
  std::vector<std::string> save;   // directories: files beneath are made and written, none is removed
};

struct Walls {
  int landlock = 0;  // its ABI version; 0: not in force
  bool seccomp = false;
  std::string missing;       // what this kernel lacks, as a line for the user; empty: nothing
  std::string text() const;  // for --stats
};

// Confines this process for good. Call it when everything is open that no grant covers, and before threads are started:
// Landlock holds the calling thread and those that it starts. A kernel that lacks one of the two is no error
// (Walls::missing). Throws if a grant cannot be opened. Cost: some tens of microseconds.
Walls confine(const Grants& grants);

// To be called first of all: the descriptors from 3 on that are open now are not ours, and confine() closes them.
void note_inherited_descriptors();

}  // namespace deferscope::cli
