// What a dynamically linked guest finds of libraries: beneath one directory of the host (--sysroot), which the guest
// sees as its "/". Every name is looked up beneath that directory's descriptor, links are followed by their text and
// never lead out of it, and what is found in the end must be a library or a file that loaders and C libraries read, by
// its path without links. Nothing else exists there, nothing can be changed, and no directory shows its names.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "emu/host_paths.h"

namespace deferscope::emu {

class HostSysroot {
 public:
  // Throws emu::Error if it is no directory. "/": the host's own, where libraries count in the folders for them only;
  // elsewhere they may lie anywhere.
  explicit HostSysroot(const std::string& directory);

  // An absolute path of the guest. Nothing: it leads to nothing that may be seen. Of a directory, or a link that is not
  // followed, only that it is one.
  std::optional<Found> find(const std::string& path, bool follow) const;

  // What a process must be allowed to read for it.
  static std::vector<std::string> readable(const std::string& directory);

 private:
  bool may_hold(const std::string& path) const;
  bool shows_file(const std::string& path) const;

  HostFd top_;
  bool own_ = false;  // the host's
  dev_t device_ = 0;
  std::vector<dev_t> reserved_;  // devices of /proc, /sys and /dev
};

}  // namespace deferscope::emu
