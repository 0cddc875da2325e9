// The frames of a stack, claimed by everything that knows what some of their words are for, the surest first:
//
//   return addresses and frame pointers   by the frame's shape
//   records, closures                     by the chain, the calls that run, the places that the code gives
//   deferprocStack deferBits and closure slots           by the function's table arguments and results of calls by
//   signature and ABI variables                             by DWARF, where they are at this pc space for calls by what
//   the function calls
#include "runtime_model/roles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "loader/listing.h"
#include "runtime_model/frame_facts.h"
#include "runtime_model/located.h"
#include "runtime_model/roles_c.h"
#include "runtime_model/roles_claims.h"
#include "runtime_model/roles_objects.h"
#include "runtime_model/sources.h"

namespace deferscope::model {
namespace {

constexpr size_t kChainFrames = 200;
constexpr uint64_t kMaxCopied = 1024;  // bytes of arguments that deferproc copies
constexpr uint64_t kWord = 8;

uint64_t aligned(uint64_t v, uint64_t to) { return to > 1 ? (v + to - 1) / to * to : v; }

uint64_t arguments_of(const Function& f) { return static_cast<uint64_t>(std::max(0, f.f.args)); }

// DWARF's numbers of the first eight amd64 registers.
constexpr isa::Reg kX86Dwarf[] = {isa::kRax, isa::kRdx, isa::kRcx, isa::kRbx,
                                  isa::kRsi, isa::kRdi, isa::kRbp, isa::kRsp};
isa::Reg register_of_dwarf(uint64_t n, bool amd64) {
  return static_cast<isa::Reg>(amd64 && n < std::size(kX86Dwarf) ? kX86Dwarf[n] : n);
}

class Assignment {
 public:
  Assignment(const Guest& g, FrameFacts& facts, const Tracker* tracker, const Standing& standing, size_t frames,
             Roles& out)
      : g_(g),
        p_(g.program()),
        facts_(facts),
        tracker_(tracker),
        out_(out),
        all_(g.unwind(standing, std::max(frames + 1, kChainFrames))),
        drawn_(std::min(frames, all_.frames.size())),
        places_(g, lowest(), highest(), all_),
        claims_(g, places_),
        objects_(g, claims_) {
    out.standing = standing;
    out.stack_hi = standing.who.g ? g.stack_hi(standing.who.g) : 0;
  }

  void run() {
    read_chain();
    add_frames();
    for (size_t i = 0; i < drawn_; ++i) shape_of_frame(i);
    if (!out_.frames.back().whole) caller_lr(out_.frames.back());
    records();
    for (size_t i = 0; i < drawn_; ++i) open_coded(frame(i));
    closures();
    for (size_t i = 0; i < drawn_; ++i) listed_variables(frame(i), true);
    for (size_t i = 0; i < drawn_; ++i) claim_call(frame(i).caller_sp + above(), *frame(i).function, true);
    call_at_hand();
    for (size_t i = 0; i < drawn_; ++i) variables(frame(i)), listed_variables(frame(i), false);
    registers();
    for (size_t i = 0; i < closures_.size(); ++i) closure(closures_[i]);
    captured_variables();
    for (size_t i = 0; i < drawn_; ++i) places_elsewhere(frame(i));
    for (size_t i = 0; i < drawn_; ++i) copied_for_reflection(i);
    for (size_t i = 0; i < drawn_; ++i) space_for_calls(frame(i));
    for (size_t i = 0; i < drawn_; ++i) spilled(frame(i));
    for (size_t i = 0; i < out_.frames.size(); ++i) {
      FrameRoles& f = out_.frames[i];
      claims_.claim_rest(f.lo, f.hi, Role::unknown, [](uint64_t) { return std::string(); });
      f.slots = claims_.take(i);
      if (f.hi - f.lo > kMaxFrame)
        f.slots.insert(
            std::find_if(f.slots.begin(), f.slots.end(), [&](auto& s) { return s.address > f.lo + kMaxFrame / 2; }),
            middle_of(f));
    }
    out_.objects = objects_.take();
    out_.c_frames = roles_of_c(g_, out_.standing, all_, drawn_);
  }

 private:
  bool amd64() const { return p_.amd64(); }
  uint64_t context() const { return out_.standing.thread->cpu.r[context_register(p_.isa())]; }
  uint64_t above() const { return static_cast<uint64_t>(arguments_above(amd64())); }
  const Frame& frame(size_t i) const { return all_.frames[i]; }
  // The frame's caller lies right above it, on the same stack.
  const Frame* caller(size_t i) const {
    const Frame* c = i + 1 < all_.frames.size() ? &frame(i + 1) : nullptr;
    return c && c->stack == frame(i).stack && c->sp >= frame(i).caller_sp ? c : nullptr;
  }
  uint64_t lowest() const {
    uint64_t lo = UINT64_MAX;
    for (const Frame& f : all_.frames)
      if (f.stack == StackKind::goroutine) lo = std::min(lo, f.sp);
    return lo == UINT64_MAX ? 0 : lo;
  }
  uint64_t highest() const {
    uint64_t hi = 0;
    for (const Frame& f : all_.frames)
      if (f.stack == StackKind::goroutine) hi = std::max(hi, f.caller_sp);
    const uint64_t g = out_.standing.who.g;
    return g ? std::max(hi, g_.stack_hi(g)) : hi;
  }
  static std::string name_of(const Function* f) { return f ? readable(f->name()) : std::string("?"); }

  void read_chain() {
    const Standing& s = out_.standing;
    const auto goroutine = s.who.g ? g_.goroutine(s.who.g) : std::nullopt;
    if (!goroutine) return;
    ReadBudget budget;
    chain_ = tracker_ ? tracker_->chain(g_, *goroutine, all_, budget) : model::read_chain(g_, *goroutine, all_, budget);
    out_.notes = chain_.notes;
    if (tracker_) running_ = tracker_->running(goroutine->id);
  }

  void add_frames() {
    for (size_t i = 0; i < drawn_; ++i) {
      FrameRoles f;
      f.frame = frame(i), f.lo = f.frame.sp, f.hi = f.frame.caller_sp;
      // What was pushed between two frames for a signal's sake.
      if (const Frame* c = caller(i); c && c->sp > f.hi && c->sp - f.hi <= 2 * kWord) f.hi = c->sp;
      out_.frames.push_back(std::move(f));
    }
    const Frame& last = frame(drawn_ - 1);
    const Frame* c = caller(drawn_ - 1);
    const uint64_t bytes = aligned(arguments_of(*last.function), kWord);
    if (c && bytes && c->sp == last.caller_sp) {
      FrameRoles f;
      f.frame = *c, f.whole = false;
      f.lo = last.caller_sp, f.hi = std::min(f.lo + above() + bytes, c->caller_sp);
      if (f.hi > f.lo) out_.frames.push_back(std::move(f));
    }
    for (size_t i = 0; i < out_.frames.size(); ++i) {
      FrameRoles& f = out_.frames[i];
      if (i > 0 && f.lo == frame(i - 1).caller_sp)
        f.passed = above() + aligned(arguments_of(*frame(i - 1).function), kWord);
      add_ranges(i);
    }
  }

  // Of a large frame both ends: what it passes to others, and what it has from others.
  void add_ranges(size_t i) {
    const FrameRoles& f = out_.frames[i];
    if (f.hi - f.lo <= kMaxFrame) return claims_.add_range(i, f.lo, f.hi);
    out_.notes.push_back(
        fmt::format("of the {} bytes of {} those in the middle are not told", f.hi - f.lo, name_of(f.frame.function)));
    claims_.add_range(i, f.lo, f.lo + kMaxFrame / 2);
    claims_.add_range(i, f.hi - kMaxFrame / 2, f.hi);
  }

  static Slot middle_of(const FrameRoles& f) {
    Slot s;
    s.address = f.lo + kMaxFrame / 2, s.size = static_cast<uint32_t>(f.hi - f.lo - kMaxFrame);
    s.name = fmt::format("{} bytes, not told", s.size), s.value = "…";
    return s;
  }

  // --- return addresses, frame pointers ---

  Slot word(uint64_t at, Role role, std::string name, std::string value = {}) const {
    Slot s;
    s.address = at, s.size = kWord, s.role = role, s.name = std::move(name), s.value = std::move(value);
    return s;
  }

  void shape_of_frame(size_t i) {
    const Frame& f = frame(i);
    const std::string back = f.return_address ? p_.describe(f.return_address) : "0";
    if (amd64() && f.return_address)
      claims_.claim(word(f.caller_sp - kWord, Role::return_address, "return address", back));
    if (!amd64() && f.return_slot)
      claims_.claim(word(f.return_slot, Role::return_address, "return address (LR)", back));
    if (!amd64() && f.caller_sp < out_.frames[i].hi)
      claims_.claim(word(f.caller_sp, Role::return_address, "LR, pushed for " + name_of(f.function),
                         p_.describe(g_.word(f.caller_sp))));
    if (f.entered) frame_pointer(i);
    if (!amd64() && i + 1 == drawn_) caller_frame_pointer(i);
  }

  // amd64: below the return address; arm64: below SP, where its callee's frame begins.
  void frame_pointer(size_t i) {
    const Frame& f = frame(i);
    const uint64_t stored = facts_.saves_frame_pointer(*f.function);
    if (!stored) return;
    const Frame* c = caller(i);
    Slot s = word(amd64() ? f.caller_sp - 2 * kWord : f.sp - kWord, Role::saved_fp,
                  fmt::format("{}'s {}", c ? name_of(c->function) : "caller", amd64() ? "BP" : "FP (R29)"));
    s.pointer = true;
    s.stale = f.lookup < stored;
    s.of = amd64() ? std::string() : name_of(f.function);
    if (amd64() || i > 0)
      claims_.claim(std::move(s));
    else if (claims_.fill(s), s.readable)
      out_.below.push_back(std::move(s));
  }

  // arm64: the highest word of the outermost frame is its caller's.
  void caller_frame_pointer(size_t i) {
    const Frame* c = caller(i);
    if (!c || !c->entered || !facts_.saves_frame_pointer(*c->function)) return;
    Slot s = word(c->sp - kWord, Role::saved_fp, fmt::format("FP (R29) that {} saved", name_of(c->function)));
    s.pointer = true, s.of = name_of(c->function);
    claims_.claim(std::move(s));
  }

  void caller_lr(const FrameRoles& f) {
    if (!amd64())
      claims_.claim(word(f.lo, Role::return_address, "return address (LR)", p_.describe(f.frame.return_address)));
  }

  // --- records ---

  void records() {
    const auto of_drawn = [&](uint64_t sp) {
      return std::any_of(all_.frames.begin(), all_.frames.begin() + static_cast<ptrdiff_t>(drawn_),
                         [&](const Frame& f) { return f.sp == sp && f.stack == StackKind::goroutine; });
    };
    for (const Running& r : running_) {
      const uint64_t at = r.record.at(out_.stack_hi);
      if (!r.record || !(claims_.holds(at) || of_drawn(out_.stack_hi - r.owner.depth))) continue;
      const bool linked = is_linked(at);
      objects_.defer_record(at, r.number, r.owner.function, linked ? "running, linked" : "running, unlinked",
                            p_.function_at(r.entry));
    }
    for (const ChainEntry& e : chain_.entries) {
      if (!e.record || !(claims_.holds(e.record) || of_drawn(e.sp))) continue;
      const char* state = e.stale        ? "stale: its frame is gone"
                          : e.unlinked   ? "unlinked, called next"
                          : e.incomplete ? "half filled"
                          : e.list_head  ? "pending, head of a list"
                          : e.running    ? "running, linked"
                          : e.slot >= 0  ? "for the open-coded defers"
                                         : "pending";
      objects_.defer_record(e.record, e.slot >= 0 ? 0 : e.number, e.owner, state, e.deferred.function);
    }
    for (const OpenFrame& o : chain_.open_frames)
      if (o.record && of_drawn(o.sp)) objects_.defer_record(o.record, 0, o.function, "for the open-coded defers");
    for (size_t i = 0; i < drawn_; ++i)
      for (const int64_t offset : facts_.stack_records(*frame(i).function))
        if (const uint64_t at = frame(i).sp + static_cast<uint64_t>(offset); frame(i).entered && claims_.holds(at))
          objects_.defer_record(at, 0, frame(i).function, "");
    for (const PanicEntry& e : chain_.panics)
      if (claims_.holds(e.record))
        objects_.panic_record(e.record,
                              e.deferreturn ? "_panic of deferreturn"
                              : e.goexit    ? "_panic of Goexit"
                                            : "_panic",
                              e.value);
    claim_objects();
  }

  bool is_linked(uint64_t record) const {
    constexpr size_t kNear = 1000;
    const auto list = g_.linked(out_.standing.who.g, F::g_defer, F::defer_link, kNear).records;
    return std::find(list.begin(), list.end(), record) != list.end();
  }

  void claim_objects() {
    for (const Object& o : objects_.all())
      if (o.in_frame)
        for (const Slot& s : o.fields) claims_.claim(s);
  }

  // --- open-coded defers ---

  // How many defers its code registers.
  static size_t count_of(const OpenCoded& o) {
    if (o.count_known) return o.slots.size();
    unsigned bits = 0;
    const auto stored = [&](int slot) { bits |= 1u << slot; };
    for (const BitStore& b : o.stores) {
      if (b.store.constant) bits |= static_cast<unsigned>(b.store.value & 0xff);
      bits |= b.sets;
      for (const SlotStore& s : b.pending) stored(s.slot);
    }
    for (const SlotStore& s : o.dropped) stored(s.slot);
    size_t n = 0;
    for (; bits; bits >>= 1) ++n;
    return std::min(n, o.slots.size());
  }

  void open_coded(const Frame& f) {
    const OpenCoded* o = f.entered ? p_.open_coded(*f.function) : nullptr;
    if (!o) return;
    uint8_t value = 0;
    Slot bits;
    bits.address = f.varp - o->bits_offset, bits.size = 1, bits.role = Role::defer_bits, bits.name = "deferBits";
    bits.stale = !o->valid_from || f.lookup < o->valid_from;
    if (g_.read(bits.address, &value, 1)) bits.value = fmt::format("{:08b}", value);
    const bool stale = bits.stale;
    claims_.claim(std::move(bits));
    for (size_t n = 0; n < count_of(*o); ++n) {
      Slot s = word(f.varp - o->slots[n], Role::closure_slot, fmt::format("slot {}", n));
      s.pointer = true, s.stale = stale;
      s.value = objects_.funcval_name(g_.word(s.address));
      closures_.push_back(g_.word(s.address));
      claims_.claim(std::move(s));
      if (n >= o->arguments.size()) continue;
      for (const OpenCoded::Argument& a : o->arguments[n])
        claims_.claim_rest(f.varp - a.offset, f.varp - a.offset + a.size, Role::closure_slot,
                           [&](uint64_t at) { return fmt::format("slot {}: argument +{}", n, a.call_offset + at); });
    }
  }

  void closures() {
    for (const Running& r : running_) closures_.push_back(r.funcval);
    for (const Object& o : objects_.all())
      for (const Slot& s : o.fields)
        if (o.kind == Object::defer_ && s.name == "fn") closures_.push_back(s.word);
    if (const Frame& f = frame(0); f.innermost && f.pc == f.function->f.entry)
      if (const uint64_t funcval = context(); g_.word(funcval) == f.pc) closures_.push_back(funcval);
    for (size_t i = 0; i < closures_.size(); ++i) closure(closures_[i]);
  }

  // A variable or argument that is a function value.
  void note_closure(const Shape& shape, uint64_t word) {
    if (shape.kind == ShapeKind::function || shape.name == "*runtime.funcval") closures_.push_back(word);
  }

  void closure(uint64_t funcval) {
    if (!funcval || (claims_.holds(funcval) && claims_.taken(funcval))) return;
    const int index = objects_.closure(funcval);
    if (index < 0) return;
    const Object& o = objects_.all()[static_cast<size_t>(index)];
    if (o.in_frame)
      for (const Slot& s : o.fields) claims_.claim(s);
  }

  // Where "&t" in a closure points lies t.
  void captured_variables() {
    for (const Object& o : objects_.all())
      for (const Slot& s : o.fields)
        if (o.kind == Object::closure && s.name.starts_with('&') && s.type.starts_with('*') && claims_.holds(s.word))
          captured_variable(s.word, s.name.substr(1), p_.shape(s.type.substr(1)));
  }

  void captured_variable(uint64_t at, const std::string& name, const Shape& shape) {
    for (size_t i = 0; i < drawn_; ++i) {
      if (at < frame(i).sp || at >= frame(i).caller_sp) continue;
      Role role = Role::local;
      for (const Parameter& x : p_.signature(*frame(i).function).all)
        if (x.name == name) role = x.result ? Role::result : Role::argument;
      claims_.claim_value(at, shape, role, name);
    }
  }

  // --- calls ---

  // Arguments and results on the stack, from `base` on; then the places where it may keep what came in registers.
  // `entered`: it has been; else its call stands next.
  void claim_call(uint64_t base, const Function& f, bool entered) {
    const uint64_t size = arguments_of(f);
    const Signature& sig = p_.signature(f);
    const auto claim = [&](uint64_t at, const Shape& shape, Role role, const std::string& name) {
      note_closure(shape, g_.word(at));
      for (Slot& s : claims_.free_words_of(at, shape, entered ? role : Role::outgoing, name)) {
        s.of = name_of(&f);
        claims_.claim(std::move(s));
      }
    };
    if (sig.whole) {
      uint64_t end = 0;
      for (const Parameter& x : sig.all) {
        if (!x.place.parts.empty()) continue;
        claim(base + x.place.stack, *x.shape, x.result ? Role::result : Role::argument, x.name);
        end = std::max(end, x.place.stack + x.shape->size);
      }
      const auto pad = [](uint64_t) { return std::string("padding"); };
      uint64_t at = aligned(end, kWord);
      claims_.claim_rest(base, base + std::min(at, size), Role::padding, pad);
      const uint64_t spills = base + at;
      for (const Parameter& x : sig.all) {
        if (x.result || x.place.parts.empty()) continue;
        at = aligned(at, x.shape->align);
        if (at + x.shape->size <= size) claim(base + at, *x.shape, Role::spill, x.name);
        at += x.shape->size;
      }
      claims_.claim_rest(spills, base + std::min(aligned(at, kWord), size), Role::padding, pad);
    }
    named_arguments(base, f);
    copied_arguments(base, f);
    const bool spills = p_.register_abi() && !(f.f.flag & 4);  // assembly keeps to the stack
    const Role rest = !entered ? Role::outgoing : spills ? Role::spill : Role::argument;
    rest_of_call(base, base + size, rest, name_of(&f), spills ? "" : "argument +");
  }

  // Assembly has no signature, and in stripped programs and listings nothing has.
  void named_arguments(uint64_t base, const Function& f) {
    struct Row {
      std::string_view function;
      Arg arg;
      const char* name;
    };
    static constexpr Row kRows[] = {{"runtime.jmpdefer", Arg::jmpdefer_fv, "fv"},
                                    {"runtime.jmpdefer", Arg::jmpdefer_argp, "argp"},
                                    {"runtime.mcall", Arg::mcall_fn, "fn"},
                                    {"runtime.systemstack", Arg::systemstack_fn, "fn"},
                                    {"runtime.deferproc", Arg::deferproc_siz, "siz"},
                                    {"runtime.deferproc", Arg::deferproc_fn, "fn"},
                                    {"runtime.deferprocStack", Arg::deferprocStack_d, "d"},
                                    {"runtime.gopanic", Arg::gopanic_type, "e.type"},
                                    {"runtime.gopanic", Arg::gopanic_data, "e.data"}};
    for (const Row& row : kRows) {
      const ArgPlace place = p_.place(row.arg);
      if (f.name() != row.function || place.kind != ArgPlace::stack) continue;
      Slot s = word(base - above() + static_cast<uint64_t>(place.offset - (amd64() ? 8 : 0)), Role::argument, row.name);
      s.of = name_of(&f), s.pointer = true;
      claims_.claim(std::move(s));
    }
  }

  // The first word from `at` on that is to be claimed, in steps of a word from lo.
  uint64_t next_word(uint64_t lo, uint64_t at) const {
    const uint64_t next = claims_.next_held(at);
    return next == UINT64_MAX ? next : lo + (next - lo) / kWord * kWord;
  }

  void rest_of_call(uint64_t lo, uint64_t hi, Role role, const std::string& of, const char* name) {
    for (uint64_t at = next_word(lo, lo); at < hi; at = next_word(lo, at + kWord))
      if (!claims_.taken(at)) {
        Slot s = word(at, role, *name ? fmt::format("{}{}", name, at - lo) : std::string());
        s.size = static_cast<uint32_t>(std::min(kWord, hi - at));
        s.of = of, s.pointer = s.size == kWord;
        claims_.claim(std::move(s));
      }
  }

  // ≤ 1.17: what deferproc and newproc copy lies behind their own arguments.
  void copied_arguments(uint64_t base, const Function& f) {
    const ArgPlace siz = p_.place(Arg::deferproc_siz);
    if (siz.kind != ArgPlace::stack || f.name() != "runtime.deferproc") return;
    const uint64_t bytes = g_.word(base) & 0xffffffff, begin = base + 2 * kWord;
    const Function* d = p_.location(g_.word(g_.word(base + kWord))).function;
    if (!bytes || bytes > kMaxCopied || !d) return;
    const Signature& sig = p_.signature(*d);
    for (const Parameter& x : sig.all)
      if (sig.whole && !x.result && x.place.parts.empty() && x.place.stack + x.shape->size <= bytes)
        for (Slot& s : claims_.words_of(begin + x.place.stack, *x.shape, Role::outgoing, x.name)) {
          s.of = name_of(d);
          claims_.claim(std::move(s));
        }
    rest_of_call(begin, begin + bytes, Role::outgoing, name_of(d), "argument +");
  }

  // The function that the CALL at pc enters; nullptr: there is no CALL, or it cannot be told.
  const Function* called_next() const {
    const Frame& f = frame(0);
    if (!f.innermost) return nullptr;
    const Function* out = nullptr;
    each_instruction(p_.image(), f.pc, f.pc + 16, [&](const Insn& i) {
      const auto call = as_call(i);
      if (!call) return false;
      uint64_t target = call->target;
      if (!target) {  // through the context register, as closures are called
        const uint64_t code = g_.word(context());
        for (unsigned n = 0; n < i.in->count; ++n) {
          const isa::Uop& u = i.in->uops[n];
          const bool through =
              (u.op == isa::Op::JumpReg && u.a < isa::kT0 && out_.standing.thread->cpu.r[u.a] == code) ||
              (u.op == isa::Op::Load && u.mem.base == context_register(p_.isa()) && u.mem.disp == 0);
          if (code && through) target = code;
        }
      }
      const Function* to = target ? p_.function_at(target) : nullptr;
      if (to && to->f.entry == target) out = to;
      return false;
    });
    return out;
  }

  void call_at_hand() {
    next_ = called_next();
    if (next_ && frame(0).entered) claim_call(frame(0).sp + above(), *next_, false);
  }

  void space_for_calls(const Frame& f) {
    if (!f.entered) return;
    const uint64_t base = f.sp + above();
    claims_.claim_rest(base, base + std::min(facts_.space_for_calls(*f.function), f.caller_sp - base), Role::outgoing,
                       [](uint64_t) { return std::string(); });
  }

  // runtime.call64 has a copy of the arguments of what reflectcall calls, and room for its results.
  void copied_for_reflection(size_t i) {
    constexpr std::string_view kPrefix = "runtime.call";
    const Frame& f = frame(i);
    uint64_t bytes = 0;
    const std::string_view name = f.function->name();
    if (!f.entered || !name.starts_with(kPrefix)) return;
    for (const char c : name.substr(kPrefix.size())) {
      if (c < '0' || c > '9' || bytes > 1 << 30) return;
      bytes = bytes * 10 + static_cast<uint64_t>(c - '0');
    }
    const uint64_t base = f.sp + above();
    rest_of_call(base, std::min(base + bytes, f.caller_sp), Role::outgoing, "reflectcall", "argument bytes +");
  }

  void spilled(const Frame& f) {
    if (!f.entered) return;
    for (const FrameFacts::Spill& x : facts_.spills(*f.function)) {
      const uint64_t at = f.caller_sp + static_cast<uint64_t>(x.from_caller_sp);
      if (at < f.sp || claims_.taken(at)) continue;
      Slot s = word(at, Role::unknown, "spilled " + x.reg);
      s.pointer = true;
      claims_.claim(std::move(s));
    }
  }

  // --- variables ---

  loader::FrameAccess access_to(const Frame& f) const {
    loader::FrameAccess a;
    a.cfa = f.caller_sp;
    const emu::Thread* thread = f.innermost ? out_.standing.thread : nullptr;
    a.reg = [this, thread, sp = f.sp](unsigned n) -> std::optional<uint64_t> {
      if (n == (amd64() ? 7u : 31u)) return sp;
      if (!thread || n > 31) return std::nullopt;  // registers of callers are not kept by Go
      const isa::Reg r = register_of_dwarf(n, amd64());
      return r < isa::kZero ? std::optional(thread->cpu.r[r]) : std::nullopt;
    };
    a.read = [this](uint64_t at, std::span<uint8_t> out) { return g_.read(at, out.data(), out.size()); };
    return a;
  }

  static Role role_of(const loader::Variable& v) {
    if (v.name[0] == '.') return Role::autotmp;
    if (v.name[0] == '&') return Role::local;
    if (v.type == "runtime._defer") return Role::defer_record;
    if (v.type == "runtime._panic") return Role::panic_record;
    switch (v.role) {
      case loader::VariableRole::parameter: return Role::argument;
      case loader::VariableRole::result: return Role::result;
      case loader::VariableRole::local: break;
    }
    return Role::local;
  }

  void variables(const Frame& f) {
    loader::Dwarf* dwarf = p_.dwarf();
    if (!dwarf) return;
    try {
      const loader::FunctionInfo* info = facts_.variables(*f.function);
      if (!info) return;
      const loader::FrameAccess access = access_to(f);
      const int line = p_.location(f.lookup).line;
      for (const bool inlined : {false, true})
        for (const loader::Variable& v : info->variables)
          if (!v.name.empty() && v.inlined_from.empty() != inlined && v.visible_at(f.lookup))
            variable(*dwarf, v, f, access, line);
    } catch (const loader::Error& e) {
      out_.notes.push_back(fmt::format("variables of {} are not known: {}", name_of(f.function), e.what()));
    }
  }

  // What a listing's instructions call the places of the frame; `passed`: those of arguments and results, which lie in
  // the caller's where they are passed on the stack. A result is stored before it is read.
  void listed_variables(const Frame& f, bool passed) {
    const loader::ListingInfo* listing = p_.image().listing();
    const loader::ListingFunction* known = listing ? listing->function_at(f.function->f.entry) : nullptr;
    const bool by_registers = p_.minor() >= (amd64() ? 17 : 18);
    if (!known || (passed && by_registers)) return;
    for (size_t i = 0; i < known->slots.size(); ++i) {
      const loader::ListingSlot& v = known->slots[i];
      if ((v.from_caller_sp >= 0) != passed || (!passed && !f.entered)) continue;
      Slot s;
      s.address = f.caller_sp + static_cast<uint64_t>(v.from_caller_sp);
      s.size = static_cast<uint32_t>(8 - s.address % 8);
      if (i + 1 < known->slots.size())
        s.size =
            static_cast<uint32_t>(std::min<int64_t>(s.size, known->slots[i + 1].from_caller_sp - v.from_caller_sp));
      s.role = v.name.starts_with('.') ? Role::autotmp
               : !passed               ? Role::local
               : v.stored_first        ? Role::result
                                       : Role::argument;
      s.name = std::string(v.name);
      if (passed) s.of = name_of(f.function);
      claims_.claim(std::move(s));
    }
  }

  void variable(loader::Dwarf& dwarf, const loader::Variable& v, const Frame& f, const loader::FrameAccess& access,
                int line) {
    const bool at_call = f.lookup != f.pc;
    const loader::Location where = located(p_, dwarf, *f.function, v, f.pc, at_call, access);
    const Shape& shape = p_.shape(v.type);
    // Before its line what was in its place is there.
    const bool later = v.role == loader::VariableRole::local && v.inlined_from.empty() && v.line && v.line >= line;
    for (const loader::Piece& piece : where.pieces) {
      const uint64_t size = piece.size ? piece.size : v.size;
      if (piece.kind == loader::Piece::Kind::reg && f.innermost) add_register(v, shape, where, piece, f);
      if (piece.kind != loader::Piece::Kind::memory || size == 0) continue;
      // The words of the whole, of which this piece has some.
      if (f.entered && !later && piece.offset == 0) note_closure(shape, g_.word(piece.value));
      for (Slot& s : claims_.free_words_of(piece.value - piece.offset, shape, role_of(v), v.name)) {
        if (s.address < piece.value || s.end() > piece.value + size) continue;
        s.of = v.inlined_from, s.stale = later;
        if (where.pieces.size() > 1)
          s.value = value_in_pieces(where, shape, s.address - (piece.value - piece.offset), f);
        if (s.role == Role::argument && p_.register_abi() && s.address >= f.caller_sp) s.role = Role::spill;
        claims_.claim(std::move(s));
      }
    }
  }

  // Of a value that does not lie together the word there; empty: parts of it are not known.
  std::string value_in_pieces(const loader::Location& where, const Shape& shape, uint64_t at, const Frame& f) const {
    std::vector<uint8_t> bytes(shape.size);
    for (const loader::Piece& p : where.pieces) {
      if (p.offset >= bytes.size()) return {};
      const std::span to = std::span(bytes).subspan(p.offset, std::min<uint64_t>(p.size, bytes.size() - p.offset));
      const bool reg = p.kind == loader::Piece::Kind::reg && f.innermost && out_.standing.thread && p.value <= 31;
      uint64_t word = p.value;
      if (reg) word = out_.standing.thread->cpu.r[register_of_dwarf(p.value, amd64())];
      if (p.kind == loader::Piece::Kind::memory) {
        if (!g_.read(p.value, to.data(), to.size())) return {};
      } else if (!reg && p.kind != loader::Piece::Kind::constant) {
        return {};
      } else {
        std::memcpy(to.data(), &word, std::min(to.size(), sizeof word));
      }
    }
    for (const Slot& s : claims_.words_in(bytes, shape, ""))
      if (s.address == at) return s.value;
    return {};
  }

  std::string name_in_pieces(const Shape& shape, uint64_t at, const std::string& name) const {
    const std::vector<uint8_t> none(shape.size);
    for (const Slot& s : claims_.words_in(none, shape, name))
      if (s.address == at) return s.name;
    return fmt::format("{}+{}", name, at);
  }

  // What no variable has here one may have behind another call of the function.
  void places_elsewhere(const Frame& f) {
    if (!f.entered) return;
    try {
      for (const FrameFacts::Place& x : facts_.places(*f.function)) {
        const uint64_t at = f.caller_sp + static_cast<uint64_t>(x.from_caller_sp);
        if (at < f.sp || at >= f.caller_sp) continue;
        for (Slot& s : claims_.free_words_of(at, p_.shape(x.variable->type), role_of(*x.variable), x.variable->name)) {
          s.live = false;
          claims_.claim(std::move(s));
        }
      }
    } catch (const loader::Error&) {  // said already
    }
  }

  // --- registers ---

  void add_register(const loader::Variable& v, const Shape& shape, const loader::Location& where,
                    const loader::Piece& piece, const Frame& f) {
    if (piece.value > 31 || !out_.standing.thread) return;  // vector registers are not listed
    const isa::Reg r = register_of_dwarf(piece.value, amd64());
    RegisterRole x;
    x.reg = register_name(r, amd64()), x.name = v.name, x.of = v.inlined_from, x.type = v.type, x.role = role_of(v);
    const bool whole = piece.offset == 0 && (piece.size ? piece.size : v.size) == shape.size;
    if (!whole) {
      x.name = name_in_pieces(shape, piece.offset, v.name), x.type.clear();
      x.value = value_in_pieces(where, shape, piece.offset, f);
    }
    put(std::move(x), r, whole ? &shape : nullptr);
  }

  void put(RegisterRole x, isa::Reg r, const Shape* shape) {
    for (const RegisterRole& known : out_.registers)
      if (known.reg == x.reg) return;
    x.word = out_.standing.thread->cpu.r[r];
    if (shape) note_closure(*shape, x.word);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&x.word);
    x.pointer = !shape || shape->kind == ShapeKind::pointer || shape->kind == ShapeKind::function ||
                shape->kind == ShapeKind::unknown;
    if (x.value.empty())
      x.value = shape && shape->kind != ShapeKind::unknown && shape->size <= kWord
                    ? shown(g_, *shape, std::span(bytes, shape->size), &places_)
                    : shown_word(g_, x.word, &places_);
    out_.registers.push_back(std::move(x));
  }

  // What the register ABI hands over: to a call that stands next, to a function at its first instruction, from one at
  // its RET.
  void passed(const Function& f, Role role, bool results) {
    const Signature& sig = p_.signature(f);
    if (!sig.whole || !p_.register_abi()) return;
    for (const Parameter& x : sig.all) {
      if (x.result != results) continue;
      const std::vector<Slot> words = words_in_registers(x);
      for (const AbiPart& part : x.place.parts) {
        if (part.floating) continue;
        RegisterRole r;
        r.reg = abi_register_name(amd64(), false, part.index);
        r.name = x.name, r.of = name_of(&f), r.role = role;
        const bool one = x.place.parts.size() == 1;
        for (const Slot& s : words)
          if (s.address == part.offset && !one) r.name = s.name, r.value = s.value, r.type = s.type;
        put(std::move(r), abi_register(amd64(), part.index), one ? x.shape : nullptr);
      }
    }
  }

  // The parts of a value that is passed, at addresses from 0 on.
  std::vector<Slot> words_in_registers(const Parameter& x) const {
    std::vector<uint8_t> bytes(x.shape->size);
    for (const AbiPart& part : x.place.parts) {
      if (part.floating || part.offset >= bytes.size()) continue;
      const uint64_t v = out_.standing.thread->cpu.r[abi_register(amd64(), part.index)];
      std::memcpy(bytes.data() + part.offset, &v, std::min<size_t>(kWord, bytes.size() - part.offset));
    }
    return claims_.words_in(bytes, *x.shape, x.name);
  }

  void registers() {
    const Frame& f = frame(0);
    if (!f.innermost || !out_.standing.thread) return;
    const uint64_t funcval = context();
    const uint64_t code = g_.word(funcval);
    const bool entering = f.pc == f.function->f.entry;
    if (next_) passed(*next_, Role::outgoing, false);
    if (entering) passed(*f.function, Role::argument, false);
    bool returns = false;
    each_instruction(p_.image(), f.pc, f.pc + 16, [&](const Insn& i) { return returns = is_return(i), false; });
    if (returns) passed(*f.function, Role::result, true);
    const bool context_holds = code && ((entering && code == f.function->f.entry) ||
                                        (next_ && code == next_->f.entry) || g_.jmpdefer_closure() == funcval);
    if (context_holds && !objects_.funcval_name(funcval).empty()) {
      RegisterRole x;
      x.reg = register_name(context_register(p_.isa()), amd64()), x.name = "closure", x.role = Role::closure;
      x.value = objects_.funcval_name(funcval);
      put(std::move(x), context_register(p_.isa()), nullptr);
    }
    if (!amd64() && !f.entered) {
      RegisterRole x;
      x.reg = "LR", x.name = "return address", x.role = Role::link_register;
      x.value = p_.describe(out_.standing.thread->cpu.r[isa::kX30]);
      put(std::move(x), isa::kX30, nullptr);
      out_.registers.back().pointer = false;
    }
  }

  const Guest& g_;
  const Program& p_;
  FrameFacts& facts_;
  const Tracker* tracker_;
  Roles& out_;
  Unwound all_;
  size_t drawn_;
  StackPlaces places_;
  Claims claims_;
  Objects objects_;
  Chain chain_;
  std::vector<Running> running_;
  std::vector<uint64_t> closures_;
  const Function* next_ = nullptr;  // that the CALL at pc enters
};

}  // namespace

const char* to_string(Role r) {
  static constexpr const char* names[] = {"result",        "argument",  "spill place",   "outgoing argument",
                                          "local",         "temporary", "frame pointer", "return address",
                                          "link register", "_defer",    "_panic",        "deferBits",
                                          "closure slot",  "closure",   "padding",       "unknown"};
  static_assert(std::size(names) == static_cast<size_t>(Role::count));
  return names[static_cast<size_t>(r)];
}

const Slot* Roles::at(uint64_t address) const {
  for (const FrameRoles& f : frames)
    for (const Slot& s : f.slots)
      if (address >= s.address && address < s.end()) return &s;
  for (const CFrameRoles& f : c_frames)
    for (const Slot& s : f.slots)
      if (address >= s.address && address < s.end()) return &s;
  for (const Object& o : objects)
    for (const Slot& s : o.fields)
      if (address >= s.address && address < s.end()) return &s;
  return nullptr;
}

RoleFinder::RoleFinder(const Program& program) : facts_(std::make_unique<FrameFacts>(program)) {}
RoleFinder::~RoleFinder() = default;

Roles RoleFinder::find(const Guest& guest, const Tracker* tracker, const Standing& standing, size_t frames) {
  Roles out;
  out.standing = standing;
  const Unwound first = guest.unwind(standing, 1);
  if (first.frames.empty() && frames) out.c_frames = roles_of_c(guest, standing, first, 1);  // a thread of C's
  if (first.frames.empty() || frames == 0) return out;
  Assignment(guest, *facts_, tracker, standing, frames, out).run();
  return out;
}

Roles roles_of(const Guest& guest, const Tracker* tracker, const Standing& standing, size_t frames) {
  return RoleFinder(guest.program()).find(guest, tracker, standing, frames);
}

}  // namespace deferscope::model
