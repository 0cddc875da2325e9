// Private mappings of files, and what changes to mappings have in common. Which bytes a view shows, and where stores to
// it go, is file_maps.h.
#pragma once
#include "emu/posix/context.h"

namespace deferscope::emu::posix {

// A mapping of an open file: what stands behind it is what the file has now; what comes later the view shows. NODEV: it
// is no file with bytes; NOMEM, IO.
Result map_file(Context& c, int file, uint64_t offset, uint64_t length, bool shared, Backing& out, MappingName& name,
                FileView& view);
// At most so many bytes of a file, from its begin on; room for them is taken, also of those that came before an error.
Result whole_file(Context& c, const OpenFile& f, uint64_t most, std::vector<uint8_t>& bytes);
// Forgets what no mapping has behind it any more.
void drop_unmapped_files(State& s, const Memory& memory);
// Some of it is a shared mapping of a file that was opened for reading only.
bool shows_read_only(const Memory& memory, uint64_t address, uint64_t length);
// Pages go back to zeros or to what the file has now. Those of shared mappings are the file's: nothing happens to them.
Result dont_need(Context& c, uint64_t address, uint64_t length);
// Whether a change of [begin, begin + length), which adds at most `more` mappings, leaves at most `most` of them.
bool may_split(const Memory& memory, uint64_t begin, uint64_t length, size_t more, size_t most);

}  // namespace deferscope::emu::posix
