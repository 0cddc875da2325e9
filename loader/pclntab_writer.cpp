// See pclntab_writer.h; the format is src/runtime/symtab.go's of Go 1.20 (pcHeader, _func).
#include "loader/pclntab_writer.h"

#include <algorithm>
#include <cstring>

namespace deferscope::loader {
namespace {

using Buffer = std::vector<uint8_t>;

constexpr uint32_t kMagic = 0xfffffff1;
constexpr size_t kHeader = 72;

template <class T>
void put(Buffer* b, T v) {
  const size_t at = b->size();
  b->resize(at + sizeof v);
  std::memcpy(b->data() + at, &v, sizeof v);
}
template <class T>
void put_at(Buffer* b, size_t at, T v) {
  std::memcpy(b->data() + at, &v, sizeof v);
}
void align(Buffer* b, size_t n) { b->resize((b->size() + n - 1) / n * n); }

void varint(Buffer* b, uint32_t v) {
  for (; v >= 0x80; v >>= 7) b->push_back(static_cast<uint8_t>(v | 0x80));
  b->push_back(static_cast<uint8_t>(v));
}

// Texts behind one another, each once.
class Texts {
 public:
  uint32_t of(const std::string& s) {
    const auto [it, fresh] = at_.try_emplace(s, static_cast<uint32_t>(bytes_.size()));
    if (fresh) {
      bytes_.insert(bytes_.end(), s.begin(), s.end());
      bytes_.push_back(0);
    }
    return it->second;
  }
  const Buffer& bytes() const { return bytes_; }

 private:
  Buffer bytes_;
  std::map<std::string, uint32_t> at_;
};

class Writer {
 public:
  Writer(isa::Isa isa, uint64_t text, uint64_t gofunc)
      : quantum_(isa == isa::Isa::x86_64 ? 1 : 4), text_(text), gofunc_(gofunc) {
    pctab_.push_back(0);  // offset 0: no table
  }

  Buffer write(const std::vector<WrittenFunction>& functions) {
    const size_t n = functions.size();
    Buffer pcln(n * 8 + 4);
    for (size_t i = 0; i < n; ++i) {
      align(&pcln, 8);
      put_at(&pcln, i * 8, static_cast<uint32_t>(functions[i].entry - text_));
      put_at(&pcln, i * 8 + 4, static_cast<uint32_t>(pcln.size()));
      record(functions[i], &pcln);
    }
    const WrittenFunction& last = functions.back();
    put_at(&pcln, n * 8, static_cast<uint32_t>(last.entry + last.size - text_));
    return join(n, pcln);
  }

 private:
  uint32_t table(const PcRuns& runs) {
    if (runs.empty()) return 0;
    const auto at = static_cast<uint32_t>(pctab_.size());
    uint32_t pc = 0;
    int32_t value = -1;
    for (const auto& [last, v] : runs) {
      const uint32_t end = last / quantum_ * quantum_;
      if (end <= pc || (v == value && pc)) continue;
      const auto delta = static_cast<uint32_t>(v - value);
      varint(&pctab_, (delta << 1) ^ static_cast<uint32_t>(static_cast<int32_t>(delta) >> 31));
      varint(&pctab_, (end - pc) / quantum_);
      pc = end, value = v;
    }
    pctab_.push_back(0);
    return at;
  }

  // Neighbours of one value become one run.
  static PcRuns joined(const PcRuns& runs) {
    PcRuns out;
    for (const auto& [end, v] : runs) {
      if (!out.empty() && out.back().second == v)
        out.back().first = std::max(out.back().first, end);
      else if (out.empty() || end > out.back().first)
        out.emplace_back(end, v);
    }
    return out;
  }

  int32_t file_number(const std::string& file) {
    const auto [it, fresh] = files_.try_emplace(file, static_cast<int32_t>(cutab_.size() / 4));
    if (fresh) put(&cutab_, filenames_.of(file));
    return it->second;
  }

  void record(const WrittenFunction& f, Buffer* b) {
    PcRuns files;
    for (const auto& [end, file] : f.files) files.emplace_back(end, file_number(file));
    uint32_t npcdata = 0, nfuncdata = 0;
    for (const auto& [index, runs] : f.pcdata) npcdata = std::max(npcdata, index + 1);
    for (const auto& [index, at] : f.funcdata) nfuncdata = std::max(nfuncdata, index + 1);
    put(b, static_cast<uint32_t>(f.entry - text_));
    put(b, names_.of(f.name));
    put(b, f.arguments);
    put(b, f.deferreturn);
    put(b, table(joined(f.sp)));
    put(b, table(joined(files)));
    put(b, table(joined(f.lines)));
    put(b, npcdata);
    put(b, uint32_t{0});  // cuOffset
    put(b, f.start_line);
    put(b, f.func_id);
    put(b, f.flag);
    put(b, uint8_t{0});
    put(b, static_cast<uint8_t>(nfuncdata));
    for (uint32_t i = 0; i < npcdata; ++i) {
      const auto runs = f.pcdata.find(i);
      put(b, runs == f.pcdata.end() ? 0 : table(joined(runs->second)));
    }
    for (uint32_t i = 0; i < nfuncdata; ++i) {
      const auto at = f.funcdata.find(i);
      put(b, at == f.funcdata.end() ? UINT32_MAX : static_cast<uint32_t>(at->second - gofunc_));
    }
  }

  Buffer join(size_t n, const Buffer& pcln) {
    Buffer out(kHeader);
    put_at(&out, 0, uint64_t{kMagic} | uint64_t{quantum_} << 48 | uint64_t{8} << 56);
    put_at(&out, 8, uint64_t{n});
    put_at(&out, 16, uint64_t{files_.size()});
    put_at(&out, 24, text_);
    size_t field = 32;
    for (const Buffer* part : {&names_.bytes(), static_cast<const Buffer*>(&cutab_), &filenames_.bytes(),
                               static_cast<const Buffer*>(&pctab_), &pcln}) {
      align(&out, 8);
      put_at(&out, field, uint64_t{out.size()});
      out.insert(out.end(), part->begin(), part->end());
      out.push_back(0);  // no part begins at the end
      field += 8;
    }
    return out;
  }

  uint32_t quantum_;
  uint64_t text_, gofunc_;
  Texts names_, filenames_;
  Buffer cutab_, pctab_;
  std::map<std::string, int32_t> files_;
};

}  // namespace

std::vector<uint8_t> write_pclntab(const std::vector<WrittenFunction>& functions, isa::Isa isa, uint64_t text,
                                   uint64_t gofunc) {
  return Writer(isa, text, gofunc).write(functions);
}

}  // namespace deferscope::loader
