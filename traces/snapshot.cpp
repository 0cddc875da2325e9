// Goroutines with their frames, merged chains and panics, written from what the runtime model reads.
#include "traces/snapshot.h"

#include <fmt/format.h>

#include <algorithm>

#include "loader/sha256.h"
#include "runtime_model/roles.h"
#include "runtime_model/typed.h"
#include "traces/event_json.h"
#include "traces/json_writer.h"

namespace deferscope::traces {
namespace {

using model::Guest;
using model::kNoEvent;
using model::Program;

constexpr const char* kAmd64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                  "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

void binary(JsonWriter& w, const BinaryId& id) {
  w.open("binary").text("sha256", id.sha256).text("go", id.go).text("goos", id.goos).text("goarch", id.goarch);
  w.boolean("stripped", id.stripped).close();
}

void registers(JsonWriter& w, const Guest& g) {
  const isa::CpuState& c = g.cpu();
  w.open("registers");
  if (g.program().amd64()) {
    for (size_t i = 0; i < 16; ++i) w.hex(kAmd64[i], c.r[i]);
    w.hex("rip", c.pc).hex("eflags", c.eflags()).hex("fs_base", c.r[isa::kFsBase]).hex("gs_base", c.r[isa::kGsBase]);
  } else {
    for (size_t i = 0; i < 31; ++i) w.hex(fmt::format("x{}", i), c.r[i]);
    w.hex("sp", c.r[isa::kSp]).hex("pc", c.pc).hex("nzcv", c.nzcv());
  }
  w.close();
}

// The words of a frame, from its SP up; null where they were not asked for.
void words(JsonWriter& w, const model::Frame& f, const model::Roles& roles) {
  const auto mine = std::find_if(roles.frames.begin(), roles.frames.end(), [&](const model::FrameRoles& r) {
    return r.whole && r.frame.sp == f.sp && r.frame.pc == f.pc;
  });
  if (mine == roles.frames.end()) {
    w.null("words");
    return;
  }
  w.list("words");
  for (const model::Slot& s : mine->slots) {
    w.open().hex("address", s.address).number("offset", s.address - f.sp).number("size", s.size);
    w.text("role", to_string(s.role)).text_or_null("name", s.name).text_or_null("of", s.of);
    w.text_or_null("type", s.type);
    w.text_or_null("object", s.object < 0 ? std::string() : roles.objects[static_cast<size_t>(s.object)].title);
    if (s.readable)
      w.hex("word", s.word);
    else
      w.null("word");
    w.text_or_null("value", s.value).boolean("live", s.live).close();
  }
  w.end_list();
}

// `roles`: of the frames whose words were asked for; nullptr: of none.
void frames(JsonWriter& w, ProgramNames& names, const model::Unwound& u, const model::Roles* roles) {
  const Program& p = names.program();
  w.list("frames");
  for (const model::Frame& f : u.frames) {
    w.open();
    write_place(w, names, "at", f.pc);
    const model::Location& l = p.location(f.lookup);
    w.number("line", static_cast<uint64_t>(std::max(0, l.line)));
    w.hex("sp", f.sp).hex("varp", f.varp).hex("caller_sp", f.caller_sp).hex_or_null("return_address", f.return_address);
    w.list("inlined");
    try {
      for (const loader::InlineFrame& i : p.go().funcs.inline_stack(f.function->f, f.lookup))
        if (i.inlined) w.item(model::readable(i.function));
    } catch (const loader::Error&) {
    }
    w.end_list();
    if (roles) words(w, f, *roles);
    w.close();
  }
  w.end_list().boolean("frames_complete", u.complete).text_or_null("frames_stopped", u.stopped);
}

void raw_fields(JsonWriter& w, const std::vector<model::RawField>& fields) {
  w.list("fields");
  for (const model::RawField& f : fields)
    w.open().text("name", f.name).number("offset", f.offset).number("size", f.size).hex("value", f.value).close();
  w.end_list();
}

void bytes(JsonWriter& w, const char* key, const std::vector<uint8_t>& b) {
  if (b.empty())
    w.null(key);
  else
    w.bytes(key, b.data(), b.size());
}

void number_or_null(JsonWriter& w, uint64_t number) {
  if (number)
    w.number("number", number);
  else
    w.null("number");
}

void chain_entry(JsonWriter& w, ProgramNames& p, const Guest& guest, const model::ChainEntry& e,
                 const model::StackPlaces& places, bool raw) {
  w.open();
  number_or_null(w, e.number);
  w.text("storage", to_string(e.storage)).boolean("running", e.running).boolean("incomplete", e.incomplete);
  w.boolean("list_head", e.list_head).boolean("stale", e.stale).boolean("unlinked", e.unlinked);
  w.text_or_null("owner", e.owner ? model::readable(e.owner->name()) : std::string());
  w.hex("sp", e.sp).hex_or_null("record", e.record);
  write_place(w, p, "site", e.pc);
  if (e.slot < 0)
    w.null("slot").null("slot_address");
  else
    w.number("slot", static_cast<uint64_t>(e.slot)).hex("slot_address", e.slot_address);
  model::Deferred deferred = e.deferred;
  describe_captured(guest, deferred, places);
  write_deferred(w, p, "function", p.deferred(deferred));
  if (e.incomplete)
    w.null("arguments");
  else
    write_values(w, p, "arguments", typed_arguments(guest, deferred.function, e.arguments, places));
  bytes(w, "argument_bytes", e.arguments);
  raw_fields(w, e.raw);
  if (raw) bytes(w, "bytes", e.bytes);
  w.close();
}

// The record of a running defer where g's list still has it (to 1.21 a panic leaves it there); else 0.
uint64_t linked_record(const model::Running& r, const model::Goroutine& g, const std::vector<uint64_t>& list) {
  const uint64_t record = r.record.at(g.hi);
  return r.record && std::find(list.begin(), list.end(), record) != list.end() ? record : 0;
}

void running(JsonWriter& w, ProgramNames& p, const Guest& guest, const model::Goroutine& g, const model::Tracker* t,
             bool raw) {
  constexpr size_t kNear = 1000;  // records from the head of the list: those that run are the first of it
  const auto all = t ? t->running(g.id) : std::vector<model::Running>{};
  std::vector<uint64_t> list;
  if (!all.empty()) list = guest.linked(g.g, model::F::g_defer, model::F::defer_link, kNear).records;
  w.list("running");
  for (const model::Running& r : all) {
    w.open();
    if (r.push == kNoEvent)
      w.null("defer");
    else
      w.number("defer", r.push);
    number_or_null(w, r.number);
    w.text("storage", to_string(r.storage)).text("run_by", to_string(r.by));
    w.text_or_null("owner", r.owner.function ? model::readable(r.owner.function->name()) : std::string());
    w.hex("sp", g.hi - r.owner.depth);
    write_place(w, p, "function", r.entry);
    const uint64_t record = linked_record(r, g, list);
    w.hex_or_null("record", record);
    raw_fields(w, record ? model::raw_fields(guest, model::S::defer_, record) : std::vector<model::RawField>{});
    if (raw) {
      std::vector<uint8_t> whole(record ? guest.program().layouts().size(model::S::defer_) : 0);
      if (!guest.read(record, whole.data(), whole.size())) whole.clear();
      bytes(w, "bytes", whole);
    }
    w.close();
  }
  w.end_list();
}

void open_frames(JsonWriter& w, const std::vector<model::OpenFrame>& all) {
  w.list("open_coded_frames");
  for (const model::OpenFrame& f : all) {
    w.open().text("function", model::readable(f.function->name())).hex("sp", f.sp).hex("bits_address", f.bits_address);
    w.boolean("valid", f.valid);
    if (f.valid)
      w.number("bits", f.bits);
    else
      w.null("bits");
    w.hex_or_null("record", f.record).close();
  }
  w.end_list();
}

void panics(JsonWriter& w, const std::vector<model::PanicEntry>& all, bool raw) {
  w.list("panics");
  for (const model::PanicEntry& e : all) {
    w.open().hex("record", e.record).text("value", e.value).boolean("recovered", e.recovered);
    w.boolean("aborted", e.aborted).boolean("goexit", e.goexit).boolean("repanicked", e.repanicked);
    raw_fields(w, e.raw);
    if (raw) bytes(w, "bytes", e.bytes);
    w.close();
  }
  w.end_list();
}

// What is read of a goroutine, under the budget of the whole snapshot.
struct Seen {
  model::Unwound frames;
  model::Chain chain;
};

class Reader {
 public:
  Reader(const Guest& guest, const model::Tracker* tracker, size_t frames)
      : guest_(guest), tracker_(tracker), frames_(frames) {}

  Seen read(const model::Goroutine& g) {
    Seen s;
    s.frames = guest_.unwind(g, std::min(frames_, budget_.frames));
    if (!s.frames.complete && s.frames.frames.size() >= budget_.frames)
      s.frames.stopped = fmt::format("more than {} frames in all", model::ReadBudget::kFrames);
    budget_.frames -= std::min(budget_.frames, s.frames.frames.size());
    s.chain =
        tracker_ ? tracker_->chain(guest_, g, s.frames, budget_) : model::read_chain(guest_, g, s.frames, budget_);
    return s;
  }

 private:
  const Guest& guest_;
  const model::Tracker* tracker_;
  size_t frames_;
  model::ReadBudget budget_;
};

void goroutine(JsonWriter& w, ProgramNames& p, const Guest& guest, const model::Goroutine& g, const Seen& seen,
               const model::Tracker* t, bool raw, const model::Roles* roles) {
  const model::Chain& c = seen.chain;
  w.open().number("id", g.id).text("status", model::status_name(g.status));
  w.text_or_null("waiting_on", guest.wait_reason(g));
  if (g.parent)
    w.number("parent", g.parent);
  else
    w.null("parent");
  w.hex("g", g.g).open("stack").hex("lo", g.lo).hex("hi", g.hi).close();
  if (g.thread < 0)
    w.null("thread");
  else
    w.number("thread", static_cast<uint64_t>(guest.state().threads[static_cast<size_t>(g.thread)].tid));
  write_place(w, p, "started_at", g.start_pc);
  frames(w, p, seen.frames, roles);
  w.list("chain");
  const uint64_t sp = seen.frames.frames.empty() ? g.hi : seen.frames.frames.front().sp;
  const model::StackPlaces places(guest, sp, g.hi, seen.frames);
  for (const model::ChainEntry& e : c.entries) chain_entry(w, p, guest, e, places, raw);
  w.end_list();
  running(w, p, guest, g, t, raw);
  open_frames(w, c.open_frames);
  panics(w, c.panics, raw);
  w.list("notes");
  for (const std::string& n : c.notes) w.item(n);
  if (const uint64_t n = t ? t->forgotten(g.id) : 0)
    w.item(fmt::format("{} pending defers were forgotten: their runs are not connected", n));
  w.end_list().close();
}

}  // namespace

BinaryId BinaryId::of(const Program& p) {
  return {loader::sha256_of_file(p.image().path()), p.go().version.text, p.go().goos, p.go().goarch,
          p.image().symbols().empty()};
}

void append_snapshot_json(std::string& out, ProgramNames& names, const emu::MachineState& state,
                          const model::Tracker* t, const BinaryId& id, const SnapshotOptions& o, uint64_t event) {
  const Program& p = names.program();
  const Guest guest(p, state);
  JsonWriter w(out);
  w.open().text("schema", "deferscope.snapshot/1");
  binary(w, id);
  w.text("layouts", p.layouts().from_dwarf() ? "dwarf" : "table").number("position", state.position);
  if (event == kNoEvent)
    w.null("event");
  else
    w.number("event", event);
  w.number("thread", static_cast<uint64_t>(state.thread().tid));
  w.number("goroutine", guest.goid(guest.current_g()));
  write_place(w, names, "at", guest.pc());
  registers(w, guest);
  Reader reader(guest, t, o.frames);
  // The current goroutine is read first: the others leave its share of the budget alone.
  const auto current = guest.goroutine(guest.current_g());
  Seen of_current;
  if (current) of_current = reader.read(*current);
  model::Roles roles;
  if (o.words) roles = model::roles_of(guest, t, guest.standing(state.thread()), o.words);
  const model::Roles none;
  const auto roles_for = [&](bool here) { return !o.words ? nullptr : here ? &roles : &none; };
  bool more = false;
  w.list("goroutines");
  if (!o.only_current)
    for (const model::Goroutine& g : guest.goroutines(&more)) {
      const bool here = current && g.g == current->g;
      goroutine(w, names, guest, g, here ? of_current : reader.read(g), t, o.raw, roles_for(here));
    }
  else if (current)
    goroutine(w, names, guest, *current, of_current, t, o.raw, roles_for(true));
  w.end_list().list("notes");
  if (more) w.item(fmt::format("more than {} goroutines: the others are not shown", Guest::kMaxGoroutines));
  w.end_list().close().end_line();
}

}  // namespace deferscope::traces
