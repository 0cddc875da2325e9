// A trace as what timeline viewers draw: tracks, slices on them, points in time, and flows from one to another. The
// events of a run come in; what the two formats have in common is decided here, how it is written there.
//
// A track a goroutine, and one for each thread's system and signal stacks. On a track slices nest: ending one ends what
// lies in it. The time is the position: one instruction is one nanosecond.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime_model/events.h"
#include "traces/event_text.h"
#include "traces/trace_writer.h"

namespace deferscope::traces {

// What of a slice or point is worth a key of its own in the viewer.
struct TimelineArgument {
  std::string_view key;
  std::string_view text;  // if not empty; else the number
  uint64_t number = 0;
};

class TimelineWriter : public TraceWriter {
 public:
  explicit TimelineWriter(Scope scope) : scope_(scope) {}
  void begin(std::string& out, const TraceHeader& header) final;
  void event(std::string& out, const model::Event& e) final;
  void end(std::string& out, const TraceEnd& end) final;

 protected:
  struct Item {
    uint64_t time = 0, track = 0;
    std::string_view category, name;
    std::vector<TimelineArgument> arguments;
    uint64_t flow_from = 0, flow_to = 0;  // begins the flow of that number, ends it; 0: none
  };
  // What the formats write.
  virtual void put_begin(const TraceHeader& header) = 0;
  virtual void put_track(uint64_t track, std::string_view name) = 0;
  virtual void put_slice(const Item& item) = 0;
  virtual void put_slice_end(uint64_t time, uint64_t track) = 0;
  virtual void put_point(const Item& item) = 0;
  virtual void put_end(const TraceEnd& end) = 0;
  std::string* out_ = nullptr;  // of the call at hand

 private:
  enum class Kind : uint8_t { call, frame, defer, panic };
  struct Slice {
    Kind kind;
    uint64_t key = 0;        // of a call its event, of a defer's run its start, of a panic its number's event
    uint64_t depth = 0;      // of a frame
    uint64_t pending = 0;    // of a frame: its defers that have not run
    bool gives_way = false;  // a call of deferreturn or jmpdefer, in whose place the deferred function runs
  };
  struct Track {
    uint64_t id = 0;
    std::vector<Slice> open;
  };

  Track& track(uint64_t key, std::string_view name);
  Track& track_of(const model::Event& e);
  void name_goroutine(const model::Event& e);
  void open(Track& t, const model::Event& e, Kind kind, uint64_t key, Item item);
  bool close(Track& t, uint64_t time, Kind kind, uint64_t key);
  void close_to(Track& t, uint64_t time, size_t size);
  void leave_frames(Track& t, const model::Event& e, bool also_this);
  Item item(const Track& t, const model::Event& e, std::string_view category, std::string_view name) const;
  void point(Track& t, const model::Event& e, std::string_view category, std::string_view name, uint64_t flow_to = 0);
  void push(Track& t, const model::Event& e);
  void run(Track& t, const model::Event& e);
  void ran(Track& t, const model::Event& e, uint64_t start);
  void panics(Track& t, const model::Event& e, std::string_view name);
  void call(Track& t, const model::Event& e);
  void output(Track& t, const model::Event& e);

  Scope scope_;
  bool calls_ = false;  // it tells of calls: they are the frames
  std::unordered_map<uint64_t, Track> tracks_;
  std::unordered_map<uint64_t, std::string> goroutines_;  // names of those that have no track yet
  std::vector<uint64_t> order_;                           // keys of tracks_, oldest first
  uint64_t last_ = 0;                                     // time
  std::string text_;                                      // of the item at hand
};

}  // namespace deferscope::traces
