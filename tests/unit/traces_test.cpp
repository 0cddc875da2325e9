// What is written: every line is valid against its schema, and says the same in text.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/json_schema.h"
#include "tests/unit/model_run.h"
#include "traces/event_json.h"
#include "traces/event_text.h"
#include "traces/json_writer.h"
#include "traces/sha256.h"
#include "traces/snapshot.h"

namespace deferscope::test {
namespace {

JsonSchema schema(const std::string& name) {
  std::ifstream in("traces/schema/" + name);
  return JsonSchema(nlohmann::json::parse(in));
}

TEST(Json, StringsAreAlwaysValid) {
  for (const std::string& s :
       {std::string("plain"), std::string("\"\\\n\0x", 5), std::string("\xff\xc3"), std::string("→")}) {
    std::string out;
    traces::append_json_string(out, s);
    EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  }
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-4, examples
  EXPECT_EQ(traces::sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string abc = "abc";
  EXPECT_EQ(traces::sha256_hex({reinterpret_cast<const uint8_t*>(abc.data()), 3}),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Schema, EventsAndSnapshots) {
  const JsonSchema events = schema("event.json"), snapshots = schema("snapshot.json");
  size_t lines = 0;
  std::vector<std::pair<std::string, std::vector<std::string>>> runs;
  for (const std::string& g : guests_named("defer1")) runs.push_back({g, {}});
  for (const std::string& g : guests_named("cases"))
    for (const char* c : {"panic-nested", "recover-depths", "goexit-recover", "stack-grow"}) runs.push_back({g, {c}});
  for (const auto& [path, args] : runs) {
    const model::Program p(loader::Image::load(path));
    const traces::BinaryId id = traces::BinaryId::of(p);
    traces::Names names(p);
    size_t here = 0;
    run_model(p, args, true, [&](const emu::Machine& m, const model::Tracker& t, const model::Event& e) {
      std::string line;
      traces::append_event_json(line, names, e);
      const std::string why = events.check(nlohmann::json::parse(line));
      ASSERT_EQ(why, "") << path << "\n" << line;
      ++lines;
      if (e.kind == model::EventKind::transfer || ++here > 30) return;
      std::string snap;
      traces::append_snapshot_json(snap, p, m.state(), &t, id, {.raw = true}, e.id);
      const std::string wrong = snapshots.check(nlohmann::json::parse(snap));
      ASSERT_EQ(wrong, "") << path << "\n" << snap;
    });
  }
  if (!lines) GTEST_SKIP() << "no guests";
}

TEST(Text, Numbers) {
  EXPECT_EQ(traces::with_commas(0), "0");
  EXPECT_EQ(traces::with_commas(999), "999");
  EXPECT_EQ(traces::with_commas(1234567), "1,234,567");
}

}  // namespace
}  // namespace deferscope::test
