// A Go program as the runtime model knows it before it runs: layouts, mechanisms, functions with their origin, their
// open-coded defers, what a wrapper stands for. Built once, filled when asked; one thread at a time.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "loader/dwarf.h"
#include "loader/image.h"
#include "runtime_model/code.h"
#include "runtime_model/error.h"
#include "runtime_model/g_place.h"
#include "runtime_model/go_facts.h"
#include "runtime_model/kept.h"
#include "runtime_model/layouts.h"
#include "runtime_model/shapes.h"

namespace deferscope::model {

// The store of a closure to its slot, where that alone shows the registration (see BitStore::starts).
struct SlotStore {
  uint64_t pc = 0;  // behind the last store of the closure and its arguments: from here on it is registered
  uint64_t at = 0;  // the store of the closure itself: the defer statement's place
  int slot = 0;
  FrameStore store;
  bool more = false;  // arguments are stored behind it
};

// A store to a function's deferBits byte.
struct BitStore {
  uint64_t pc = 0, next = 0;
  FrameStore store;
  bool initial = false;  // the 0 at entry: neither registers nor starts anything
  uint8_t sets = 0;      // bits that the code just before puts into a computed value: conditional defers
  Call call;             // the call behind it that runs the defer, should this store clear a bit; call.pc 0: none found
  // Where no call or branch lies between a registration and the exit, the compiler drops the store that sets the bit
  // as dead. Then this one starts the defer of this slot without a bit to clear, and the slot's own store registers it.
  int starts = -1;
  // The same where the stored value is in a register, so that only running tells: slots stored since the store before.
  std::vector<SlotStore> pending;
  // Where it sets several bits, because the compiler dropped the stores before it: of each the store of its closure,
  // which stands at the defer statement. 0: not known.
  std::array<uint64_t, 8> stated{};
};

// FUNCDATA_OpenCodedDeferInfo of one function. Offsets are subtracted from varp.
struct OpenCoded {
  uint32_t bits_offset = 0;
  std::vector<uint32_t> slots;  // of the closure of defer i, in source order
  bool count_known = true;      // 1.22+: the table does not say how many; 8 are listed
  struct Argument {
    uint32_t offset, size, call_offset;
  };
  std::vector<std::vector<Argument>> arguments;  // 1.14–1.17, by slot
  std::vector<BitStore> stores;                  // in order of address
  std::vector<SlotStore> dropped;                // registrations without a store to deferBits
  uint64_t valid_from = 0;                       // pc behind the initial store; before it the byte is stale
};

// What a compiler-made wrapper calls.
struct Wrapped {
  bool is_wrapper = false;    // by funcID
  std::string function;       // empty: not a wrapper, or called through a pointer
  const char* found_by = "";  // "inline tree", "call target", "jump target", "captured word"
  // "captured word": it calls the code whose address stands `through_at` behind where the word at `through` in the
  // closure points: a function value (0), a method in an interface's table.
  uint32_t through = 0, through_at = 0;
};

struct Function {
  loader::Func f;
  Origin origin = Origin::user;
  bool wrapper = false;
  std::string_view name() const { return f.name; }
};

// Where the runtime keeps a global: found by its symbol, else (stripped) in the code of functions that use it.
struct GlobalSpec {
  const char* symbol;
  std::vector<const char*> users;
};

// A pc told as text parts.
struct Location {
  const Function* function = nullptr;  // nullptr: no Go code
  uint64_t pc = 0;
  uint64_t offset = 0;  // from the function's entry
  std::string_view file;
  int32_t line = 0;
};

class Program {
 public:
  // Throws model::Error if the image is no Go program that the model can read. `use_dwarf` false: as if stripped.
  explicit Program(const loader::Image& image, bool use_dwarf = true);
  ~Program();
  // The same program for another thread, knowing nothing yet. Functions of the one stay valid in the other's calls.
  std::unique_ptr<Program> for_another_thread() const;

  const loader::Image& image() const { return image_; }
  const loader::GoProgram& go() const { return *go_; }
  const Layouts& layouts() const { return layouts_; }
  const GPlace& g_place() const { return g_place_; }
  // Not Go's code: C's of the program, or a library's. Cheap.
  bool in_c(uint64_t pc) const { return pc < text_.first || pc >= text_.second; }
  // What a reader must know of what the model does not: one line each, mostly none.
  std::vector<std::string> notes() const;
  const Mechanism& mech() const { return mech_; }
  int minor() const { return minor_; }
  isa::Isa isa() const { return image_.isa(); }
  bool amd64() const { return amd64_; }
  ArgPlace place(Arg a) const { return place_of(a, minor_, isa()); }

  // The function that holds pc, nullptr if none. The pointer stays valid. O(1) after the first time.
  const Function* function_at(uint64_t pc) const;
  const Function* function_named(std::string_view name) const;
  // The same for a pc; cached.
  const Location& location(uint64_t pc) const;
  std::string describe(uint64_t pc) const;  // "main.f+12", or the address
  // loader::FuncTable::sp_delta; cached. Throws loader::Error if the table is corrupt.
  std::optional<int32_t> sp_delta(const Function& f, uint64_t pc) const;

  const OpenCoded* open_coded(const Function& f) const;  // nullptr: none
  const Wrapped& wrapped(const Function& f) const;
  // What the source defers where f is deferred: through wrappers of wrappers (F.deferwrap1 calls T.M-fm, which calls
  // T.M), builtins by their own names (close). Empty: f itself, or only running tells.
  std::string stands_for(const Function& f) const;
  const ContextWords& context_words(const Function& f) const;
  // Functions with open-coded defers, in order of address. Looks at every function once.
  const std::vector<const Function*>& open_coded_functions() const;
  Origin origin_of(std::string_view function) const;

  // Candidates for a global's address, the symbol's first; cached by symbol.
  const std::vector<uint64_t>& global(const GlobalSpec& spec) const;

  // Address of runtime.debug.panicnil, found in gopanic's code: 0 where panic(nil) is a panic with nil (≤ 1.20).
  uint64_t panicnil() const;

  // Addresses of a function's instructions of a kind.
  std::vector<uint64_t> returns_in(const Function& f) const;
  std::vector<Call> calls_in(const Function& f) const;
  // The RET by which a call of it ends, and whose it is: its own, or that of what it jumps to. Cached.
  struct Ends {
    const Function* function = nullptr;  // nullptr: it has more than one way to end
    uint64_t ret = 0;                    // 0: one of several of that function
  };
  const Ends& ends_of(const Function& f) const;
  // The CALL that returns there, 0 if none does. Cached.
  uint64_t call_site(uint64_t return_address) const;

  // DWARF, opened when first asked for; nullptr if there is none or it is damaged.
  loader::Dwarf* dwarf() const;
  // What a type is made of; of an unknown kind where DWARF does not say. Stays valid; cached.
  const Shape& shape(std::string_view type) const;
  // Parameters and results of a function, from DWARF; cached.
  const Signature& signature(const Function& f) const;
  // Arguments and results go in registers (1.17+ amd64, 1.18+ arm64).
  bool register_abi() const { return place(Arg::gopanic_type).kind == ArgPlace::reg; }

 private:
  Program(const loader::Image& image, Layouts layouts, bool use_dwarf);
  std::unique_ptr<OpenCoded> read_open_coded(const Function& f) const;
  void find_bit_stores(const Function& f, OpenCoded& o) const;
  void add_bit_store(OpenCoded& o, const Insn& i, const FrameStore& s, std::vector<SlotStore>& slots) const;
  Call call_behind(const Function& f, uint64_t pc) const;
  Wrapped find_wrapped(const Function& f) const;
  Ends find_ends(const Function& f, int jumps) const;
  void name_words(const Function& f, ContextWords& words) const;
  void read_signature(Signature& out, const Function& f, loader::Dwarf& dwarf) const;

  loader::Image image_;
  const loader::GoProgram* go_;
  int minor_;
  bool amd64_;
  const Mechanism& mech_;
  Layouts layouts_;
  GPlace g_place_;
  std::pair<uint64_t, uint64_t> text_{0, UINT64_MAX};  // of Go's code
  bool use_dwarf_;
  static constexpr size_t kMaxKept = 1 << 20;
  std::unordered_set<std::string_view> modules_;  // paths of the program's own modules
  mutable std::unordered_map<uint32_t, std::unique_ptr<Function>> functions_;
  mutable Kept<Location> locations_;  // by pc
  mutable Location latest_[256];
  mutable size_t next_latest_ = 0;
  mutable Kept<std::optional<int32_t>> sp_deltas_;
  mutable Kept<std::unique_ptr<OpenCoded>> open_;  // these three by Function
  mutable Kept<Wrapped> wrapped_;
  mutable Kept<ContextWords> context_;
  mutable Kept<Ends> ends_;
  mutable Kept<uint64_t> call_sites_;  // by return address
  mutable std::optional<std::vector<const Function*>> open_functions_;
  mutable std::unordered_map<std::string_view, std::vector<uint64_t>> globals_;
  mutable std::optional<uint64_t> panicnil_;
  mutable std::optional<Types> types_;
  mutable Kept<Signature> signatures_;
  mutable std::unique_ptr<loader::Dwarf> dwarf_;
  mutable bool dwarf_tried_ = false;
};

// "main.f·dwrap·1" and the linker's "main.f.dwrap.1" are one; texts print the latter.
std::string readable(std::string_view function);

}  // namespace deferscope::model
