// What the last word of a line could become: verbs, functions, source files, events, names of files.
#include <algorithm>
#include <filesystem>

#include "cli/console/verbs.h"

namespace deferscope::cli {
namespace {

constexpr size_t kMost = 200;

enum Kind : uint8_t { kPlaces = 1, kEvents = 2, kVerbs = 4, kFiles = 8, kSyntaxes = 16, kTopics = 32 };

// By a verb's first name: what its arguments are. Other verbs take numbers and expressions: functions at most.
struct Row {
  const char* verb;
  unsigned kinds;
};
constexpr Row kRows[] = {{"break", kPlaces | kEvents},
                         {"tbreak", kPlaces | kEvents},
                         {"help", kVerbs | kTopics},
                         {"rev", kVerbs},
                         {"whole", kVerbs | kPlaces},
                         {"source", kFiles},
                         {"save", kFiles},
                         {"syntax", kSyntaxes}};

bool begins(const std::string& s, const std::string& head) { return s.compare(0, head.size(), head) == 0; }

class Candidates {
 public:
  explicit Candidates(std::string word) : word_(std::move(word)) {}
  void add(const std::string& name) {
    if (begins(name, word_) && found_.size() < kMost) found_.push_back(name);
  }
  void add_verbs() {
    for (const VerbGroup& g : verb_groups())
      for (const Command& v : g.verbs)
        for (const std::string& n : split_words(v.names)) add(n);
  }
  // Functions by name, source files by base name ("panics.go:").
  void add_places(const model::Program& p) {
    if (word_.empty()) return;
    const auto& funcs = p.go().funcs;
    std::string last;
    for (size_t i = 0; i < funcs.size(); ++i) {
      const loader::Func f = funcs.func(i);
      add(model::readable(f.name));
      const std::string_view file = funcs.line(f, f.entry).file;
      const std::string base(file.substr(file.find_last_of('/') + 1));
      if (base == last) continue;
      add(base + ":");
      last = base;
    }
  }
  void add_files() {
    namespace fs = std::filesystem;
    const size_t slash = word_.find_last_of('/');
    const std::string folder = slash == std::string::npos ? "" : word_.substr(0, slash + 1);
    std::error_code none;
    for (auto i = fs::directory_iterator(folder.empty() ? "." : folder, none); i != fs::directory_iterator();
         i.increment(none))
      add(folder + i->path().filename().string() + (i->is_directory(none) ? "/" : ""));
  }
  std::vector<std::string> take() {
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

 private:
  std::string word_;
  std::vector<std::string> found_;
};

unsigned kinds_of(const std::string& verb) {
  const Command* v = find_command(verb);
  if (!v) return 0;
  for (const Row& r : kRows)
    if (split_words(v->names)[0] == r.verb) return r.kinds;
  return kPlaces;
}

}  // namespace

std::vector<std::string> completions(const Console& c, const std::string& line) {
  // Behind the last ';' a new command begins.
  const size_t semicolon = line.find_last_of(';');
  std::string command = semicolon == std::string::npos ? line : line.substr(semicolon + 1);
  command.erase(0, std::min(command.find_first_not_of(" \t"), command.size()));
  const size_t space = command.find_last_of(" \t");
  Candidates out(space == std::string::npos ? command : command.substr(space + 1));
  if (space == std::string::npos) {
    out.add_verbs();
    return out.take();
  }
  const unsigned kinds = kinds_of(command.substr(0, command.find_first_of(" \t")));
  if (kinds & kVerbs) out.add_verbs();
  if (kinds & kTopics)
    for (const std::string& t : help_topics()) out.add(t);
  if (kinds & kEvents)
    for (const char* e : {"defer", "run", "jmpdefer", "panic", "recover", "recovery", "goexit"}) out.add(e);
  if (kinds & kSyntaxes)
    for (const char* s : {"go", "asm", "gnu"}) out.add(s);
  if (kinds & kFiles) out.add_files();
  if (kinds & kPlaces && c.session.program()) out.add_places(*c.session.program());
  return out.take();
}

}  // namespace deferscope::cli
