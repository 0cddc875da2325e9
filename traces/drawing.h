// The drawing of a stack as data: frames with their words, records and closures beside them, who points where; of one
// moment, or of two with what changed between. Made from the words' roles; written as text, SVG or JSON.
//
//     Drawing d = draw(guest, model::roles_of(guest, &tracker, standing, 3), {});
//     append_drawing_text(out, d, {.width = 100});
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime_model/roles.h"

namespace deferscope::traces {

struct DrawnWord {
  uint64_t address = 0;  // 0 in relative drawings
  int64_t offset = 0;    // from its frame's SP, its record's or closure's begin
  uint32_t size = 0;     // bytes
  model::Role role = model::Role::unknown;
  std::string name, of, type;
  std::string value;  // "→ …": it points there
  bool stale = false, live = true;
  bool c = false;                  // of C code
  std::string object;              // "_defer #1": whose field it is
  std::string id, target;          // target: the id of the word that it points at; empty: none
  std::vector<std::string> marks;  // "SP", "BP", "FP"

  // Of two moments, how it was at the first.
  bool before = true, after = true;  // whether it is there
  std::string was_name, was_value;   // empty: as at the second
  std::vector<std::string> was_marks;

  uint64_t word = 0;      // its bytes
  uint64_t points = 0;    // the address that it points at; for making arrows
  uint64_t from_end = 0;  // distance of its address from the stack's upper end: equal where the stack has moved
};

enum class Fate : uint8_t { stays, dropped, opened };

struct DrawnFrame {
  std::string id, function, place;  // place: where it stands
  uint64_t sp = 0;                  // 0 in relative drawings
  uint64_t size = 0;                // bytes from SP to the caller's SP
  uint64_t from_end = 0;            // of its caller's SP
  bool whole = true;                // false: only its callee's arguments and results are drawn
  bool system = false;              // not on the goroutine's stack
  bool c = false;                   // of C code; `size` 0: where it ends is not known
  std::string library;              // of C code: the file; empty: the program's own
  Fate fate = Fate::stays;
  std::vector<DrawnWord> words;  // highest first
};

// A record or closure that lies in no frame that is drawn.
struct DrawnBox {
  std::string id, title, state;
  uint64_t address = 0;  // 0 in relative drawings
  Fate fate = Fate::stays;
  std::vector<DrawnWord> fields;  // lowest first
  uint64_t at = 0;                // where it lies, in relative drawings too
};

struct DrawnRegister {
  std::string reg, name, of, value;
  model::Role role = model::Role::unknown;
  bool before = true, after = true;
};

struct DrawnMoment {
  uint64_t position = 0, goroutine = 0;
  std::string place, line, instruction;
};

struct Drawing {
  std::string program;  // "go1.12.17 linux/amd64"
  bool relative = false;
  std::vector<DrawnMoment> moments;  // one, or two
  std::vector<DrawnFrame> frames;    // outermost first
  std::vector<DrawnBox> boxes;
  std::vector<DrawnRegister> registers;
  std::vector<std::string> notes;
  std::string title;    // of a step in a sequence; may be empty
  uint64_t sp = 0;      // of the first moment
  uint64_t sp_end = 0;  // its distance from the stack's upper end
  uint64_t hi = 0;      // that end, at the last moment
};

struct DrawOptions {
  bool relative = false;    // no address: frame and offset, so that drawings of two runs are equal
  std::string instruction;  // that stands next, as text
  uint64_t position = 0;
};
Drawing draw(const model::Guest& guest, const model::Roles& roles, const DrawOptions& options);
// Both of one goroutine, the first earlier. What changed has its old value; frames are dropped and opened.
Drawing between(Drawing before, Drawing after);

struct DrawTextOptions {
  size_t width = 100;
  bool columns = false;  // two moments side by side
};
void append_drawing_text(std::string& out, const Drawing& d, const DrawTextOptions& options);
// All of them, with an empty line between. `beside`: side by side, as many as the width has room for.
void append_drawings_text(std::string& out, const std::vector<Drawing>& drawings, const DrawTextOptions& options,
                          bool beside);
// One file for all of them: below each other, or side by side.
void append_drawings_svg(std::string& out, const std::vector<Drawing>& drawings, bool beside = false);
// A program of several that has no such moment, or cannot be had.
struct NotDrawn {
  std::string program, why;
};
// deferscope.drawing/1 (traces/schema/drawing.json).
void append_drawings_json(std::string& out, const std::vector<Drawing>& drawings,
                          const std::vector<NotDrawn>& missing = {});

// Gives all words their ids and makes arrows of what points at one of them.
void name_and_point(Drawing& d);
// Its function, and of C code that it is; "frame 48 bytes, another stack".
std::string heading_of(const DrawnFrame& f);
std::string extent_of(const DrawnFrame& f);
// What a word is, for its row: "t  result of main.f".
std::string words_for(const DrawnWord& w);
// The same where it had another name at the first of two moments: "siz → &t  argument of main.f.func1".
std::string words_with_old(const DrawnWord& w);
std::string words_for(const model::Slot& s, const model::Roles& roles);
// The same where it stands alone, with its frame's function: "t: result of main.f"; empty: nothing is known of it.
std::string words_alone(const model::Slot& s, const model::Roles& roles);
// Nothing beside their value is known of such words: a picture may leave out all but one of a run of them.
bool says_little(const DrawnWord& w);
// The words of a frame that share 8 bytes, in the order of the frame.
struct DrawnRow {
  std::vector<const DrawnWord*> words;  // lowest first
  size_t hidden = 0;                    // that many rows like it follow and are left out
  std::string all;                      // then: what they are
};
std::vector<DrawnRow> rows_of(const std::vector<DrawnWord>& words);

}  // namespace deferscope::traces
