// Descriptors, open files, and what is done to them: open, read, write, seek, lists of names.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "emu/posix/context.h"
#include "emu/posix/host_files.h"

namespace deferscope::emu::posix {

// --- the tables ---

OpenFile* file_of(State& s, int fd);
OpenFile* opened_file(State& s, int fd);  // if it is more than a name
void drop_file(State& s, int file);       // one reference less; the last one closes
Result new_file(State& s, OpenFile f);    // its number, refs 0; or NOMEM, and what it holds is let go
// Or MFILE, and a file without descriptors goes. `file` may be new_file's error.
Result new_fd(State& s, Result file, bool cloexec, int lowest = 0);
Result dup_to(State& s, int from, int to, bool cloexec);
bool has_free_fd(const State& s, int lowest = 0);
void drop_fd(State& s, int fd);
bool hold_content(State& s, OpenFile& f, uint64_t bytes);            // its text or list is about to have so many
void change_directory(State& s, const std::string& path, int file);  // `file`: the directory's open file; 0: none
void set_up_standard_files(State& s);

// --- operations ---

// `path`: absolute, or below a directory held open (paths.h).
Result open_path(Context& c, const HostPath& path, OpenHow how);

bool seekable(const State& s, const OpenFile& f);
// At `position`, else where the file stands, which then moves.
Result read_file(Context& c, int fd, uint64_t address, uint64_t n, std::optional<uint64_t> position);
Result write_file(Context& c, int fd, uint64_t address, uint64_t n, std::optional<uint64_t> position);

// A piece of the guest's memory.
struct Part {
  uint64_t address = 0, size = 0;
};
Result read_parts(Context& c, int fd, const std::vector<Part>& parts, std::optional<uint64_t> position);
Result write_parts(Context& c, int fd, const std::vector<Part>& parts, std::optional<uint64_t> position);
Result write_bytes(Context& c, int fd, const std::string& bytes);
Result copy_out(Context& c, uint64_t address, const std::string& bytes);

enum class Whence : uint8_t { Set, Current, End };
Result seek_file(Context& c, int fd, int64_t offset, std::optional<Whence> whence);  // none: INVAL
Result truncate_file(Context& c, OpenFile& f, int64_t size);
Result chmod_file(Context& c, const OpenFile& f, uint32_t perm);
// All names of a directory, . and .. first, with their inodes.
Result list_directory(Context& c, const OpenFile& f, std::vector<DirEntry>& out);

Result broken_pipe(Context& c);  // PIPE, and its signal

}  // namespace deferscope::emu::posix
