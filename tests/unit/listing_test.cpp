// Listings as programs: what is read of their text, and that no text makes more than an error of it.
#include "loader/listing.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "emu/machine.h"
#include "loader/error.h"
#include "runtime_model/error.h"
#include "runtime_model/go_facts.h"
#include "runtime_model/modelled.h"
#include "runtime_model/tracker.h"

namespace deferscope {
namespace {

using loader::Image;

std::string read(const std::string& name) {
  std::ifstream in(std::string(DEFERSCOPE_LISTINGS) + "/" + name);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

const std::vector<std::string> kListings = {"defer_ret_1.11.13-amd64.s", "defer_ret_1.13.15-arm64.s",
                                            "defer_ret_1.17.13-amd64.s", "defer_ret_1.22.12-arm64.s"};

Image parse(const std::string& text, const loader::ListingOptions& options = {}) {
  return Image::parse({text.begin(), text.end()}, "x.s", {}, &options);
}

struct Ran {
  std::string output, error;
  int status = -1;
};

// Runs it for some thousand instructions, with events.
Ran run(const Image& image, uint64_t most = 50'000) {
  Ran out;
  try {
    emu::GuestOptions options;
    options.argv = {"x"};
    options.max_instructions = most;
    emu::Machine m(image, options);
    model::add_modelled_runtime(m);
    m.recording().set_sink(
        [&](int, const uint8_t* bytes, size_t n) { out.output.append(reinterpret_cast<const char*>(bytes), n); });
    const model::Program program(image);
    model::Tracker tracker(program, m, {.sink = [](model::Event&) {}});
    if (m.run_to(emu::kNever).kind == emu::Stop::Exited) out.status = m.state().exit_status;
  } catch (const std::runtime_error& e) {
    out.error = e.what();
  }
  return out;
}

// Either an error of one line that names the text, or a program that runs as far as it does.
void expect_error_or_run(const std::string& text, const std::string& what) {
  try {
    const Image image = parse(text);
    ASSERT_TRUE(image.listing()) << what;
    const Ran ran = run(image);
    EXPECT_EQ(ran.error.find('\n'), std::string::npos) << what << ": " << ran.error;
  } catch (const loader::Error& e) {
    const std::string line = e.what();
    EXPECT_TRUE(line.starts_with("x.s: ") || line.starts_with("x.s:")) << what << ": " << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << what << ": " << line;
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& l : lines) out += l + "\n";
  return out;
}

TEST(Listing, RunsAndSaysItsVersion) {
  const int minors[] = {11, 13, 17, 23};
  for (size_t i = 0; i < kListings.size(); ++i) {
    const Image image = parse(read(kListings[i]));
    ASSERT_TRUE(image.listing());
    EXPECT_EQ(image.listing()->version.text, "go1." + std::to_string(minors[i])) << kListings[i];
    const Ran ran = run(image);
    EXPECT_EQ(ran.output, "4 1 3\n") << kListings[i] << ran.error;
    EXPECT_EQ(ran.status, 0);
  }
}

TEST(Listing, OneFunctionWithArguments) {
  for (const std::string& name : kListings) {
    const Image image = parse(read(name), {.call = "\"\".setByReturn", .arguments = {40}});
    emu::GuestOptions options;
    options.argv = {"x"};
    emu::Machine m(image, options);
    model::add_modelled_runtime(m);
    EXPECT_EQ(m.run_to(emu::kNever).kind, emu::Stop::Exited);
    const std::string result = model::called_result(model::Program(image), m.state());
    EXPECT_TRUE(result.ends_with(" 42")) << name << ": " << result;
  }
  EXPECT_THROW(parse(read(kListings[0]), {.call = "nobody"}), loader::Error);
  EXPECT_THROW(parse(read(kListings[0]), {.go = "1.9"}), loader::Error);
}

TEST(Listing, FramesAreAsTheCompilerSaysTheyAre) {
  for (const std::string& name : kListings) {
    const Image image = parse(read(name));
    for (const loader::ListingFunction& f : image.listing()->functions) {
      const auto known = image.go()->funcs.at(f.address);
      ASSERT_TRUE(known);
      int32_t largest = 0;
      for (const auto& [end, value] : image.go()->funcs.sp_runs(*known)) largest = std::max(largest, value);
      const int32_t frame = f.frame <= 0 ? 0 : image.isa() == isa::Isa::arm64 ? (f.frame + 15) / 16 * 16 : f.frame;
      // Up to 1.12 arm64's TEXT leaves the saved LR out.
      EXPECT_GE(largest, frame) << name << " " << f.name;
      EXPECT_LE(largest, frame + 16) << name << " " << f.name;
      EXPECT_EQ(image.go()->funcs.sp_delta(*known, f.address), 0) << name << " " << f.name;
    }
  }
}

TEST(Listing, SlotsHaveTheirNames) {
  const Image image = parse(read(kListings[0]));
  for (const loader::ListingFunction& f : image.listing()->functions) {
    if (f.name != "main.namedThenReturned") continue;
    ASSERT_EQ(f.slots.size(), 2u);
    EXPECT_EQ(f.slots[0].name, "start");
    EXPECT_EQ(f.slots[0].from_caller_sp, 0);
    EXPECT_FALSE(f.slots[0].stored_first);
    EXPECT_EQ(f.slots[1].name, "result");
    EXPECT_EQ(f.slots[1].from_caller_sp, 8);
    EXPECT_TRUE(f.slots[1].stored_first);
    return;
  }
  FAIL() << "no function main.namedThenReturned";
}

// The loader tells funcIDs by a table of its own.
TEST(Listing, FuncIdsAreThoseOfTheModel) {
  for (const std::string& name : kListings)
    for (int minor = 12; minor <= 27; ++minor) {
      const Image image = parse(read(name), {.go = "1." + std::to_string(minor)});
      const auto sigpanic = image.go()->funcs.find_first("runtime.sigpanic");
      ASSERT_TRUE(sigpanic);
      EXPECT_EQ(sigpanic->func_id, model::mechanism(minor).id_sigpanic) << minor;
    }
}

TEST(MangledListing, CutAnywhere) {
  for (const std::string& name : kListings) {
    const std::string text = read(name);
    for (size_t n = 0; n < text.size(); n += 97) expect_error_or_run(text.substr(0, n) + " ", name + " cut");
    for (size_t n = 0; n < text.size(); n += 331) expect_error_or_run(text.substr(n), name + " begins late");
  }
}

TEST(MangledListing, LinesSwappedLeftOutRepeated) {
  std::mt19937_64 random(20);
  for (const std::string& name : kListings) {
    const std::vector<std::string> lines = lines_of(read(name));
    for (int n = 0; n < 150; ++n) {
      std::vector<std::string> l = lines;
      for (int changes = 1 + static_cast<int>(random() % 5); changes > 0; --changes) {
        const size_t a = random() % l.size(), b = random() % l.size();
        switch (random() % 3) {
          case 0: std::swap(l[a], l[b]); break;
          case 1: l.erase(l.begin() + static_cast<ptrdiff_t>(a)); break;
          default: l.insert(l.begin() + static_cast<ptrdiff_t>(a), l[b]); break;
        }
      }
      expect_error_or_run(joined(l), name + " lines " + std::to_string(n));
    }
  }
}

TEST(MangledListing, BytesChanged) {
  std::mt19937_64 random(21);
  for (const std::string& name : kListings) {
    const std::string text = read(name);
    for (int n = 0; n < 250; ++n) {
      std::string t = text;
      for (int changes = 1 + static_cast<int>(random() % 40); changes > 0; --changes)
        t[random() % t.size()] =
            static_cast<char>(random() % 3 ? "0123456789abcdef\t\n+-:=()$x "[random() % 27] : random());
      expect_error_or_run(t, name + " bytes " + std::to_string(n));
    }
  }
}

TEST(MangledListing, MegabytesOfNoise) {
  std::mt19937_64 random(22);
  const std::string text = read(kListings[0]);
  const std::vector<std::string> lines = lines_of(text);
  std::string noise;
  while (noise.size() < (10u << 20)) {
    const uint64_t kind = random() % 8;
    std::string line = kind < 4 ? lines[random() % lines.size()] : std::string();
    if (kind < 3 && !line.empty()) line = line.substr(random() % line.size());
    for (int n = static_cast<int>(random() % 60); n > 0; --n) line += static_cast<char>(random());
    noise += line + "\n";
  }
  expect_error_or_run(noise, "noise");
  const Ran behind = run(parse(text + "\n" + noise));
  EXPECT_EQ(behind.output, "4 1 3\n") << behind.error;
  // Sizes that are lies cost nothing.
  std::string liars;
  for (int n = 0; n < 20'000; ++n)
    liars += "\"\".f" + std::to_string(n) + " SRODATA size=" + std::to_string(100'000 + n) + "\n";
  expect_error_or_run(liars + text, "liars");
}

}  // namespace
}  // namespace deferscope
