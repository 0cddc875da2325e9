// The libraries of a dynamically linked program, found as its loader will find them: what `info` lists, what a run's
// header names, and whose symbols and frames are known.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/image.h"

namespace deferscope::emu {

class HostFiles;
struct GuestOptions;

struct Library {
  std::string name;                            // as it is asked for: "libc.so.6"; of the interpreter its path
  std::string wanted;                          // who needs it: the program's path, or a library's
  std::string path;                            // the guest's, without links; empty: it is not there
  std::string trouble;                         // why it cannot be used; empty: it can
  std::shared_ptr<const loader::Image> image;  // nullptr: see `trouble`
};

// A file of code that the guest mapped when its loader had done: a library by dlopen, a module of nsswitch.conf, a
// plugin. What it starts with is a Library.
struct LoadedLibrary {
  std::string path;                                                      // the guest's, without links
  std::string sha256;                                                    // of the file
  std::shared_ptr<const loader::Image> image;                            // nullptr: it is none that can be read
  uint64_t slide = 0;                                                    // added to the image's addresses
  uint64_t base() const { return slide + (image ? image->bias() : 0); }  // added to the file's
};

// The interpreter first, then what the program needs, what that needs and so on; nothing of a program that no
// interpreter starts. ld.so(8): DT_RPATH or DT_RUNPATH, LD_LIBRARY_PATH, ld.so.cache, the folders for libraries. Reads
// every one of them.
std::vector<Library> find_libraries(const loader::Image& program, const GuestOptions& options, HostFiles& files);

// Why they do not let it run, as the text behind "PATH: "; nothing if they do.
std::optional<std::string> missing_library(const loader::Image& program, const std::vector<Library>& libraries,
                                           const std::string& sysroot);

}  // namespace deferscope::emu
