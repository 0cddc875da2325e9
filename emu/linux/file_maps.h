// Files that are mapped: mappings, read and write show the same bytes. Memory keeps what the mappings of one file show
// (Memory::file_written); here is which file is which, that it stays open while it is mapped, and what stores to shared
// mappings do to it: they reach the file at the guest's next system call, its end included, so no call sees the file
// without them. Nothing is asked or kept while no file is mapped.
//
// What another process of the host does to a mapped file is not seen.
#pragma once
#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {

// The view for a new mapping of the open file (of a kind that has bytes: Scratch, Host). `size`: of the file.
Result view_of(Call& c, int file, uint64_t offset, bool shared, FileView& view);
// Behind each call that maps or unmaps: files that no mapping shows any more are let go of.
void settle_views(Call& c);
// The file has these bytes now, or this size.
void view_written(Call& c, OpenFile& f, uint64_t offset, const std::string& bytes);
void view_resized(Call& c, OpenFile& f, uint64_t size);
void scratch_resized(Call& c, int node, uint64_t size);
// Files of the host may have another size: truncated by name.
void refresh_view_sizes(Call& c);
// What the file has at [offset, offset + n).
Result file_bytes(Call& c, const OpenFile& f, uint64_t offset, uint64_t n, std::string& out);
// Stores to shared mappings go to their files.
void write_back(Call& c);

}  // namespace deferscope::emu::linux_
