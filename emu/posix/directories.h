// Lists of a directory's names as records in memory, in the form that the system gives them.
#pragma once
#include <string>

#include "emu/posix/context.h"

namespace deferscope::emu::posix {

// How a system writes one name.
struct RecordForm {
  size_t (*size)(const std::string& name);
  // Appends the record; `next` is the offset of the one behind it.
  void (*add)(std::string& out, uint64_t inode, uint64_t next, uint8_t type, const std::string& name);
  size_t length_at;  // where a record's own length stands in it, 16 bits
};

// The next whole records that fit into `room` bytes, as many as there are; empty behind the last. NOTDIR; INVAL: not
// even one fits. The file does not move: who has given them to the guest adds their length to its offset.
Result next_records(Context& c, OpenFile& file, const RecordForm& form, uint64_t room, std::string& out);

}  // namespace deferscope::emu::posix
