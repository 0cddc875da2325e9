// Perfetto's trace format: a protocol buffer message `Trace` that is nothing but a row of `packet`s, so that a
// beginning of it is one too. The few messages that we need, with the numbers of their fields, from
// protos/perfetto/trace/ of github.com/google/perfetto: trace.proto, trace_packet.proto,
// interned_data/interned_data.proto,
// track_event/{track_event,track_descriptor,process_descriptor,debug_annotation}.proto. Strings that repeat are said
// once (InternedData) and called by number then. The wire: protobuf.dev/programming-guides/encoding.
#include <fmt/format.h>

#include <cstring>

#include "traces/timeline.h"

namespace deferscope::traces {
namespace {

namespace field {
enum Trace : unsigned { packet = 1 };
enum TracePacket : unsigned {
  timestamp = 8,
  trusted_packet_sequence_id = 10,
  track_event = 11,
  interned_data = 12,
  sequence_flags = 13,
  track_descriptor = 60,
};
enum TrackDescriptor : unsigned { uuid = 1, name = 2, process = 3, parent_uuid = 5 };
enum ProcessDescriptor : unsigned { pid = 1, process_name = 6 };
enum TrackEvent : unsigned {
  category_iids = 3,
  debug_annotations = 4,
  type = 9,
  name_iid = 10,
  track_uuid = 11,
  flow_ids = 47,
  terminating_flow_ids = 48,
};
enum DebugAnnotation : unsigned { annotation_name_iid = 1, uint_value = 3, string_value = 6 };
enum InternedData : unsigned { event_categories = 1, event_names = 2, debug_annotation_names = 3 };
enum Interned : unsigned { iid = 1, text = 2 };  // EventCategory, EventName, DebugAnnotationName
}  // namespace field

enum SequenceFlags : uint64_t { kIncrementalStateCleared = 1, kNeedsIncrementalState = 2 };
enum Type : uint64_t { kSliceBegin = 1, kSliceEnd = 2, kInstant = 3 };
constexpr uint64_t kSequence = 1, kProcess = uint64_t{1} << 60;  // the process' own track: no goroutine has that number

// Fields of one message.
class Message {
 public:
  void clear() { bytes_.clear(); }
  std::string_view bytes() const { return bytes_; }
  void number(unsigned field, uint64_t v) {
    varint(field << 3 | kVarint);
    varint(v);
  }
  void fixed(unsigned field, uint64_t v) {
    varint(field << 3 | kFixed64);
    char le[8];
    for (char& c : le) c = static_cast<char>(v), v >>= 8;
    bytes_.append(le, sizeof le);
  }
  void text(unsigned field, std::string_view v) {
    varint(field << 3 | kBytes);
    varint(v.size());
    bytes_ += v;
  }
  void message(unsigned field, const Message& m) { text(field, m.bytes_); }

 private:
  enum Wire : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2 };
  void varint(uint64_t v) {
    for (; v >= 0x80; v >>= 7) bytes_ += static_cast<char>(v | 0x80);
    bytes_ += static_cast<char>(v);
  }
  std::string bytes_;
};

class Perfetto final : public TimelineWriter {
 public:
  using TimelineWriter::TimelineWriter;

  // Packets are walked from the first on: each begins with its field's tag and its length.
  size_t whole(std::string_view bytes, size_t most) const override {
    for (size_t at = 0;;) {
      size_t p = at + 1;
      uint64_t length = 0;
      for (unsigned shift = 0; p < bytes.size() && shift < 64; shift += 7) {
        const auto b = static_cast<uint8_t>(bytes[p++]);
        length |= uint64_t{b & 0x7fu} << shift;
        if (b < 0x80) break;
      }
      if (p >= bytes.size() || length > bytes.size() - p || p + length > most) return at;
      at = p + length;
    }
  }

 private:
  // Texts of one kind, numbered from 1.
  struct Interner {
    unsigned field;
    std::unordered_map<std::string, uint64_t> known = {};
  };

  void put(Message& packet) {
    packet.number(field::trusted_packet_sequence_id, kSequence);
    packet.number(field::sequence_flags, begun_ ? kNeedsIncrementalState : kIncrementalStateCleared);
    begun_ = true;
    trace_.clear();
    trace_.message(field::packet, packet);
    *out_ += trace_.bytes();
  }
  // New ones stand in the same packet as their first use.
  uint64_t iid(Interner& in, std::string_view text) {
    const auto [at, fresh] = in.known.try_emplace(std::string(text), in.known.size() + 1);
    if (fresh) {
      Message m;
      m.number(field::iid, at->second);
      m.text(field::text, text);
      interned_.message(in.field, m);
    }
    return at->second;
  }
  void event(const Item& i, Type type) {
    interned_.clear(), event_.clear();
    event_.number(field::type, type);
    event_.number(field::track_uuid, i.track);
    event_.number(field::category_iids, iid(categories_, i.category));
    event_.number(field::name_iid, iid(names_, i.name));
    for (const TimelineArgument& a : i.arguments) {
      argument_.clear();
      argument_.number(field::annotation_name_iid, iid(annotations_, a.key));
      a.text.empty() ? argument_.number(field::uint_value, a.number) : argument_.text(field::string_value, a.text);
      event_.message(field::debug_annotations, argument_);
    }
    if (i.flow_from) event_.fixed(field::flow_ids, i.flow_from);
    if (i.flow_to) event_.fixed(field::terminating_flow_ids, i.flow_to);
    put_event(i.time);
  }
  void put_event(uint64_t time) {
    packet_.clear();
    packet_.number(field::timestamp, time);
    packet_.message(field::track_event, event_);
    if (!interned_.bytes().empty()) packet_.message(field::interned_data, interned_);
    put(packet_);
  }

  void put_begin(const TraceHeader& h) override {
    Message process, descriptor, packet;
    process.number(field::pid, 1);
    process.text(field::process_name,
                 fmt::format("{} ({}, {}/{})", h.arguments.empty() ? "" : h.arguments[0], h.go, h.goos, h.goarch));
    descriptor.number(field::uuid, kProcess);
    descriptor.message(field::process, process);
    packet.message(field::track_descriptor, descriptor);
    put(packet);
  }
  void put_track(uint64_t track, std::string_view name) override {
    Message descriptor;
    descriptor.number(field::uuid, track);
    descriptor.number(field::parent_uuid, kProcess);
    descriptor.text(field::name, name);
    packet_.clear();
    packet_.message(field::track_descriptor, descriptor);
    put(packet_);
  }
  void put_slice(const Item& i) override { event(i, kSliceBegin); }
  void put_point(const Item& i) override { event(i, kInstant); }
  void put_slice_end(uint64_t time, uint64_t track) override {
    interned_.clear(), event_.clear();
    event_.number(field::type, kSliceEnd);
    event_.number(field::track_uuid, track);
    put_event(time);
  }
  void put_end(const TraceEnd&) override {}

  bool begun_ = false;
  Interner categories_{field::event_categories}, names_{field::event_names},
      annotations_{field::debug_annotation_names};
  Message trace_, packet_, event_, argument_, interned_;  // reused
};

}  // namespace

std::unique_ptr<TraceWriter> perfetto_writer(Scope scope) { return std::make_unique<Perfetto>(scope); }

}  // namespace deferscope::traces
