// One event, one line; keys in a fixed order.
#include "traces/event_json.h"

#include "runtime_model/typed.h"
#include "traces/json_writer.h"

namespace deferscope::traces {
namespace {

using model::Event;
using model::EventKind;
using model::kNoEvent;

void id_or_null(JsonWriter& w, const char* key, uint64_t id) {
  if (id == kNoEvent)
    w.null(key);
  else
    w.number(key, id);
}

void frame(JsonWriter& w, Names& p, const Event& e) {
  const model::FrameId& f = e.frame;
  if (!f.sp) {
    w.null("frame");
    return;
  }
  w.open("frame");
  w.raw("function", p.function(f.function));
  w.hex("sp", f.sp).number("depth", f.depth).hex_or_null("pc", f.pc).close();
}

void shown(JsonWriter& w, Names& p, const Event& e) {
  if (!e.shown_elsewhere()) {
    w.null("shown");
    return;
  }
  w.open("shown").number("position", e.at.position).raw("function", p.function(e.at.function));
  write_place(w, p, "place", e.at.pc);
  w.close();
}

void bits(JsonWriter& w, const Event& e) {
  if (!e.bits_address) {
    w.null("bits");
    return;
  }
  w.open("bits").hex("address", e.bits_address).number("before", e.bits_before).number("after", e.bits_after).close();
}

void defer(JsonWriter& w, Names& p, const Event& e) {
  w.open("defer");
  id_or_null(w, "id", e.kind == EventKind::defer_push ? e.id : e.push);
  w.word("storage", to_string(e.storage));
  if (e.kind == EventKind::defer_push)
    w.word("registered_by", e.call);
  else
    w.word("run_by", to_string(e.by));
  w.hex_or_null("record", e.record);
  if (e.slot < 0)
    w.null("slot");
  else
    w.number("slot", static_cast<uint64_t>(e.slot));
  if (e.kind != EventKind::defer_push && e.kind != EventKind::jmpdefer) w.boolean("stale", e.stale);
  if (e.kind == EventKind::defer_push) {
    w.hex("link", e.link);
    write_place(w, p, "site", e.site);
  }
  bits(w, e);
  write_deferred(w, p, "function", e.deferred);
  if (e.kind == EventKind::defer_push) {
    if (e.arguments_known)
      write_values(w, "arguments", e.arguments);
    else
      w.null("arguments");
    if (e.argument_bytes.empty())
      w.null("argument_bytes");
    else
      w.bytes("argument_bytes", e.argument_bytes.data(), e.argument_bytes.size());
  }
  w.close();
}

void effects(JsonWriter& w, const Event& e) {
  id_or_null(w, "start", e.start);
  w.boolean("effects_complete", e.effects_known);
  if (e.effects.empty() && !e.effects_known) {  // not known is not none
    w.null("effects").null("unchanged_results");
    return;
  }
  w.list("effects");
  for (const model::Effect& f : e.effects)
    w.open()
        .word("kind", to_string(f.kind))
        .text("name", f.name)
        .text_or_null("type", f.type)
        .text("before", f.before)
        .text("after", f.after)
        .close();
  w.end_list();
  write_values(w, "unchanged_results", e.unchanged);
}

void jmpdefer(JsonWriter& w, Names& p, const Event& e) {
  w.hex("sp_before", e.steps.empty() ? e.sp : e.steps[0].sp).hex("sp_after", e.sp_after);
  write_place(w, p, "return_before", e.return_address);
  write_place(w, p, "return_after", e.return_after);
  w.list("steps");
  for (const model::JmpStep& s : e.steps) {
    w.open()
        .number("position", s.position)
        .hex("pc", s.pc)
        .raw("text", p.instruction(s.pc))
        .hex("sp", s.sp)
        .hex("frame_pointer", s.frame_pointer);
    if (p.amd64())
      w.hex("return_word", s.return_word);
    else
      w.hex("r0", s.scratch).hex("lr", s.link);
    w.close();
  }
  w.end_list();
}

void panic(JsonWriter& w, const Event& e) {
  w.open("panic");
  id_or_null(w, "id", e.kind == EventKind::panic_start || e.kind == EventKind::goexit ? e.id : e.panic);
  if (e.panic_number)
    w.number("number", e.panic_number);
  else
    w.null("number");
  w.text_or_null("value", e.value);
  id_or_null(w, e.kind == EventKind::panic_aborted ? "aborted_by" : "nested_in", e.nested_in);
  w.close();
}

void callers(JsonWriter& w, const Event& e) {
  w.list("callers");
  for (const model::CallerFrame& c : e.callers)
    w.open()
        .text("function", c.function)
        .boolean("wrapper", c.wrapper)
        .boolean("inlined", c.inlined)
        .boolean("runs_defers", c.runs_defers)
        .hex("sp", c.sp)
        .close();
  w.end_list();
  if (e.decided_by < 0)
    w.null("decided_by");
  else
    w.text("decided_by", e.callers[static_cast<size_t>(e.decided_by)].function);
}

void recovery(JsonWriter& w, Names& p, const Event& e) {
  panic(w, e);
  write_place(w, p, "to", e.to_pc);
  w.word("resumes", to_string(e.resumes));
  w.hex("to_sp", e.to_sp).boolean("returns_1", e.returns_one).number("discarded_frames", e.discarded_count);
  w.list("discarded");
  for (const std::string& s : e.discarded) w.item(s);
  w.end_list();
}

void stack_move(JsonWriter& w, const Event& e) {
  w.open("old").hex("lo", e.old_lo).hex("hi", e.old_hi).close();
  w.open("new").hex("lo", e.new_lo).hex("hi", e.new_hi).close();
  w.list("records");
  for (const model::MovedRecord& m : e.moved) w.open().hex("before", m.before).hex("after", m.after).close();
  w.end_list();
}

void details(JsonWriter& w, Names& p, const Event& e) {
  switch (e.kind) {
    case EventKind::defer_push: return defer(w, p, e);
    case EventKind::defer_start: return defer(w, p, e), id_or_null(w, "panic", e.panic);
    case EventKind::defer_end: return defer(w, p, e), id_or_null(w, "panic", e.panic), effects(w, e);
    case EventKind::deferreturn_enter:
    case EventKind::deferreturn_leave: return write_place(w, p, "return_address", e.return_address);
    case EventKind::jmpdefer: return defer(w, p, e), jmpdefer(w, p, e);
    case EventKind::panic_start:
    case EventKind::panic_fatal:
    case EventKind::goexit: return panic(w, e);
    case EventKind::panic_aborted: return panic(w, e), w.word("why", to_string(e.why)), void();
    case EventKind::defer_left:
      defer(w, p, e);
      id_or_null(w, "start", e.start);
      w.boolean("started", e.started).word("why", to_string(e.why)).text_or_null("goroutine_is", e.value);
      return;
    case EventKind::defer_stale: return w.hex("record", e.record), void();
    case EventKind::exit:
      w.word("why", to_string(e.why)).number("status", e.status).text_or_null("message", e.value);
      id_or_null(w, "panic", e.panic);
      return;
    case EventKind::panic_recovered:
    case EventKind::recover_refused: return panic(w, e), callers(w, e);
    case EventKind::recovery_jump: return recovery(w, p, e);
    case EventKind::stack_move: return stack_move(w, e);
    case EventKind::transfer:
      w.word("what", e.what);
      write_place(w, p, "from", e.frame.pc);
      write_place(w, p, "to", e.to_pc);
      w.hex("to_sp", e.to_sp);
      return;
    case EventKind::count: return;
  }
}

}  // namespace

void write_place(JsonWriter& w, Names& p, const char* key, uint64_t pc) { w.raw(key, p.place(pc)); }

void write_values(JsonWriter& w, const char* key, const std::vector<model::TypedValue>& all) {
  w.list(key);
  for (const model::TypedValue& v : all)
    w.open().text("name", v.name).text_or_null("type", v.type).text("value", v.value).close();
  w.end_list();
}

void write_deferred(JsonWriter& w, Names& p, const char* key, const model::Deferred& d) {
  w.open(key).hex("funcval", d.funcval).hex_or_null("entry", d.entry);
  if (!d.function) {
    w.null("symbol").boolean("wrapper", false).null("wraps").list("captured").end_list();
    w.boolean("captured_complete", false).close();
    return;
  }
  if (d.target)
    w.raw("symbol", p.function(d.function)).boolean("wrapper", true).raw("wraps", p.function(d.target));
  else
    w.fragment(p.deferred(d.function));
  w.list("captured");
  for (const auto& c : d.captured) {
    w.open().number("offset", c.offset).number("size", c.size).hex("value", c.value);
    w.text_or_null("name", c.name).text_or_null("type", c.type ? c.type->name : std::string_view());
    w.text_or_null("shown", captured_text(p.program(), d, c)).close();
  }
  w.end_list().boolean("captured_complete", d.captured_complete).close();
}

void append_event_json(std::string& out, Names& p, const Event& e) {
  JsonWriter w(out);
  w.open().word("schema", "deferscope.event/1").number("id", e.id).word("event", to_string(e.kind));
  w.word("origin", to_string(e.origin)).number("position", e.position).number("goroutine", e.goid);
  w.number("thread", static_cast<uint64_t>(e.tid)).hex("pc", e.pc);
  w.fragment(p.symbol(e.pc));
  w.hex("sp", e.sp);
  shown(w, p, e);
  frame(w, p, e);
  details(w, p, e);
  w.close().end_line();
}

}  // namespace deferscope::traces
