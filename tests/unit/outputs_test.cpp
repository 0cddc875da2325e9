// Everything that the command writes as JSON, of every build of the core set, against its schema (traces/schema).
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <map>

#include "tests/unit/json_schema.h"
#include "tests/unit/loader_guests.h"

namespace deferscope::test {
namespace {

using Json = nlohmann::ordered_json;

JsonSchema schema(const std::string& name) {
  std::ifstream in("traces/schema/" + name + ".json");
  return JsonSchema(nlohmann::json::parse(in));
}

std::string command(const std::string& arguments) {
  std::string out;
  FILE* pipe = popen((std::string(DEFERSCOPE_PROGRAM) + " " + arguments + " 2>/dev/null").c_str(), "r");
  if (!pipe) return out;
  std::array<char, 65536> buffer;
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 0) << arguments;
  return out;
}

// The names of an object's keys in their order, and so for the objects in it: the shape of a line.
std::string shape(const Json& j) {
  std::string out;
  if (j.is_object())
    for (const auto& [key, value] : j.items()) out += key + "(" + shape(value) + ")";
  return out;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
    out.push_back(text.substr(from, to - from));
  return out;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

TEST(Outputs, FollowTheirSchemas) {
  DEFERSCOPE_NEED_GUESTS(guests);
  const JsonSchema info = schema("info"), disasm = schema("disasm"), defers = schema("defers"),
                   snapshot = schema("snapshot"), event = schema("event");
  const std::string folder = testing::TempDir(), events = folder + "outputs.jsonl", snaps = folder + "outputs.snap";
  std::map<std::string, std::string> shapes;  // of events by kind: the same keys in the same order, always
  for (const std::string& g : guests) {
    EXPECT_EQ(info.check(nlohmann::json::parse(command("info --json " + g))), "") << g;
    EXPECT_EQ(defers.check(nlohmann::json::parse(command("defers --json --scope all " + g))), "") << g;
    for (const std::string& line : lines(command("disasm --json -s '^main.main$' " + g)))
      EXPECT_EQ(disasm.check(nlohmann::json::parse(line)), "") << g;
    EXPECT_EQ(snapshot.check(nlohmann::json::parse(command("snap --raw --at main.mark8 " + g + " panic-loopframes"))),
              "")
        << g;
    command("run --events=" + events + " --snapshots=" + snaps + " " + g + " panic-loopframes");
    size_t n = 0;
    for (const std::string& line : lines(read_file(events))) {
      const bool checked = ++n % 5 == 0;
      EXPECT_EQ(checked ? event.check(nlohmann::json::parse(line)) : "", "") << g << "\n" << line;
      const Json j = Json::parse(line);
      Json top;
      for (const auto& [key, value] : j.items()) top[key] = nullptr;
      const auto [known, fresh] = shapes.try_emplace(j["event"], shape(top));
      EXPECT_EQ(known->second, shape(top)) << g << "\n" << line;
    }
    EXPECT_GT(n, 0u) << g;
    n = 0;
    for (const std::string& line : lines(read_file(snaps))) {
      if (++n % 20) continue;
      EXPECT_EQ(snapshot.check(nlohmann::json::parse(line)), "") << g;
    }
    EXPECT_GT(n, 0u) << g;
  }
}

}  // namespace
}  // namespace deferscope::test
