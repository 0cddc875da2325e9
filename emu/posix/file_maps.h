// Files that are mapped: mappings, read and write show the same bytes. Memory keeps what the mappings of one file show
// (Memory::file_written); here is which file is which, that it stays open while it is mapped, and what stores to shared
// mappings do to it: they reach the file at the guest's next system call, its end included, so no call sees the file
// without them. Nothing is asked or kept while no file is mapped.
//
// What another process of the host does to a mapped file is not seen.
#pragma once
#include "emu/posix/context.h"

namespace deferscope::emu::posix {

// The view for a new mapping of the open file (of a kind that has bytes: Scratch, Host). `size`: of the file.
Result view_of(Context& c, int file, uint64_t offset, bool shared, FileView& view);
// Behind each call that maps or unmaps: files that no mapping shows any more are let go of.
void settle_views(Context& c);
// The file has these bytes now, or this size.
void view_written(Context& c, OpenFile& f, uint64_t offset, const std::string& bytes);
void view_resized(Context& c, OpenFile& f, uint64_t size);
void scratch_resized(Context& c, int node, uint64_t size);
// Files of the host may have another size: truncated by name.
void refresh_view_sizes(Context& c);
// What the file has at [offset, offset + n).
Result file_bytes(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, std::string& out);
// Stores to shared mappings go to their files.
void write_back(Context& c);

}  // namespace deferscope::emu::posix
