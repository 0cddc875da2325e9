// What the guest writes to its standard output and error.
#include <algorithm>
#include <string_view>

#include "loader/printable.h"
#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

constexpr size_t kMaxBytes = 64 << 10;    // of one event
constexpr size_t kSearched[] = {14, 64};  // frames searched for the user's function that writes: mostly few do

bool is_utf8(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    if (static_cast<uint8_t>(s[i]) < 0x80) {
      ++i;
      continue;
    }
    const loader::Character c = loader::character_at(s, i);
    if (!c.valid) return false;
    i += c.size;
  }
  return true;
}

// What one event takes of it: between characters, if it is UTF-8.
size_t piece_of(std::string_view s) {
  constexpr size_t kCharacter = 4;
  if (s.size() <= kMaxBytes) return s.size();
  for (size_t n = kMaxBytes; n > kMaxBytes - kCharacter; --n)
    if ((static_cast<uint8_t>(s[n]) & 0xc0) != 0x80) return n;
  return kMaxBytes;
}

}  // namespace

// The innermost function of the user's that is at work; none if there is none.
FrameId Tracker::writer(const G& g) {
  const Standing here = guest_.standing(m_.state().thread());
  for (const size_t limit : kSearched) {
    const Unwound u = guest_.unwind(here, limit);
    FrameId f = innermost(g, u, Origin::user);
    if (origin_of(f) == Origin::user) {
      f.call = call_of(g, f);
      return f;
    }
    if (u.frames.size() < limit) break;
  }
  return {};
}

// The call's instruction, which is counted already: behind it another thread may have its turn. On macOS it is the
// system's function itself, where pc still stands.
void Tracker::at_call(Event& e) const {
  e.position -= 1;
  const bool by_instruction = p_.image().os() == loader::Os::linux_ && !m_.state().os->is_host_call(guest_.pc());
  if (by_instruction) e.pc = guest_.pc() - (p_.amd64() ? 2 : 4);
}

void Tracker::wrote(int stream, const uint8_t* bytes, size_t n) {
  const G none;
  const G* const known = current();
  const G& g = known ? *known : none;
  const FrameId frame = known ? writer(g) : FrameId{};
  const bool dying = state_->ending != Why::none;  // the runtime reports it
  for (std::string_view left(reinterpret_cast<const char*>(bytes), n); !left.empty();) {
    const std::string_view piece = left.substr(0, piece_of(left));
    left.remove_prefix(piece.size());
    Event e = make<Output>(g);
    at_call(e);
    Output& out = e.as<Output>();
    e.frame = naming_.frame(frame);
    e.origin = dying ? Origin::runtime : Origin::user;
    out.descriptor = static_cast<uint64_t>(stream);
    if (is_utf8(piece))
      out.text = std::string(piece);
    else
      out.bytes = std::vector<uint8_t>(piece.begin(), piece.end());
    emit(e);
  }
}

// Of what the user's function at work asked for.
template <class Body>
Event Tracker::asked() {
  const G none;
  const G* const known = current();
  const G& g = known ? *known : none;
  Event e = make<Body>(g);
  at_call(e);
  e.frame = naming_.frame(known ? writer(g) : FrameId{});
  e.origin = Origin::user;
  return e;
}

void Tracker::refused(emu::Refused what, const std::string& name) {
  Event e = asked<Refusal>();
  e.as<Refusal>().what = what;
  e.as<Refusal>().name = name;
  emit(e);
}

void Tracker::loaded(const emu::LoadedLibrary& library) {
  Event e = asked<LibraryLoad>();
  LibraryLoad& out = e.as<LibraryLoad>();
  out.path = library.path, out.sha256 = library.sha256, out.base = library.base();
  if (library.image && library.image->go()) out.go = library.image->go()->version.text;
  emit(e);
}

}  // namespace deferscope::model
