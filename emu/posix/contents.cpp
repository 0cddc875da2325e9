#include "emu/posix/contents.h"

#include <algorithm>

#include "emu/hash.h"
#include "emu/memory.h"

namespace deferscope::emu::posix {
Contents::Piece::Piece() { count_shared_bytes(kPieceCost); }
Contents::Piece::Piece(const Piece& o) : bytes(o.bytes) { count_shared_bytes(kPieceCost); }
Contents::Piece::~Piece() { count_shared_bytes(-static_cast<int64_t>(kPieceCost)); }

Contents::Pieces& Contents::own() {
  if (!pieces_)
    pieces_ = std::make_shared<Pieces>();
  else if (pieces_.use_count() > 1)
    pieces_ = std::make_shared<Pieces>(*pieces_);
  return *pieces_;
}

Contents::Piece& Contents::own_piece(uint64_t index) {
  std::shared_ptr<Piece>& p = own()[index];
  if (!p)
    p = std::make_shared<Piece>();
  else if (p.use_count() > 1)
    p = std::make_shared<Piece>(*p);
  return *p;
}

void Contents::read(uint64_t offset, uint64_t n, std::string& out) const {
  out.assign(offset < size_ ? std::min(n, size_ - offset) : 0, '\0');
  if (!pieces_ || out.empty()) return;
  const uint64_t end = offset + out.size();
  for (auto it = pieces_->lower_bound(offset / kPiece); it != pieces_->end() && it->first * kPiece < end; ++it) {
    const uint64_t begin = std::max(offset, it->first * kPiece), stop = std::min(end, (it->first + 1) * kPiece);
    const char* from = it->second->bytes.data() + begin % kPiece;
    std::copy(from, from + (stop - begin), out.begin() + static_cast<std::ptrdiff_t>(begin - offset));
  }
}

void Contents::write(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const uint64_t at = offset % kPiece, n = std::min<uint64_t>(bytes.size(), kPiece - at);
    std::copy_n(bytes.data(), n, own_piece(offset / kPiece).bytes.data() + at);
    offset += n;
    size_ = std::max(size_, offset);
    bytes.remove_prefix(n);
  }
}

void Contents::resize(uint64_t size) {
  if (size < size_ && pieces_) {
    Pieces& mine = own();
    mine.erase(mine.lower_bound(size / kPiece + (size % kPiece != 0)), mine.end());
    if (size % kPiece != 0 && has_piece(size)) {
      Piece& last = own_piece(size / kPiece);
      std::fill(last.bytes.begin() + static_cast<std::ptrdiff_t>(size % kPiece), last.bytes.end(), '\0');
    }
  }
  size_ = size;
}

void Contents::digest(uint64_t& h) const {
  h = mix(h, size_);
  if (!pieces_) return;
  for (const auto& [index, p] : *pieces_) h = hash_bytes(mix(h, index), p->bytes.data(), kPiece);
}

}  // namespace deferscope::emu::posix
