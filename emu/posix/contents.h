// A file's bytes inside the machine's value: pieces where something was written, holes elsewhere. Copies share the
// pieces until one of them writes, so that a snapshot costs what changes afterwards and a sparse file what is in it.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace deferscope::emu::posix {

class Contents {
 public:
  static constexpr uint64_t kPiece = 4096, kPieceCost = kPiece + 128;  // bytes; what one takes of the host's memory

  uint64_t size() const { return size_; }
  uint64_t pieces() const { return pieces_ ? pieces_->size() : 0; }
  bool has_piece(uint64_t offset) const { return pieces_ && pieces_->count(offset / kPiece) != 0; }
  // At most n bytes; fewer at the end.
  void read(uint64_t offset, uint64_t n, std::string& out) const;
  void write(uint64_t offset, std::string_view bytes);
  void resize(uint64_t size);  // behind the old end it reads as zeros
  void digest(uint64_t& h) const;

 private:
  struct Piece {
    std::array<char, kPiece> bytes{};
    Piece();
    Piece(const Piece&);
    ~Piece();
  };
  using Pieces = std::map<uint64_t, std::shared_ptr<Piece>>;
  Pieces& own();
  Piece& own_piece(uint64_t index);

  uint64_t size_ = 0;
  std::shared_ptr<Pieces> pieces_;
};

}  // namespace deferscope::emu::posix
