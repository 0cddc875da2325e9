#include "cli/console/source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "loader/printable.h"

namespace deferscope::cli {
namespace fs = std::filesystem;

namespace {

constexpr uintmax_t kMostBytes = 16u << 20;

// `file` if it is a regular file below `directory`, links resolved.
std::optional<std::string> below(const fs::path& directory, const fs::path& file) {
  std::error_code error;
  const fs::path root = fs::canonical(directory, error);
  if (error) return std::nullopt;
  const fs::path real = fs::canonical(file, error);
  if (error || !fs::is_regular_file(real, error)) return std::nullopt;
  const fs::path relative = real.lexically_relative(root);
  if (relative.empty() || *relative.begin() == "..") return std::nullopt;
  return real.string();
}

}  // namespace

std::optional<std::string> source_file(const ConsoleOptions& options, const std::string& path) {
  for (const auto& [from, to] : options.source_map) {
    if (path.compare(0, from.size(), from) != 0) continue;
    if (auto found = below(to, to + "/" + path.substr(from.size()))) return found;
  }
  // The longest tail of the path that exists below a directory.
  for (const std::string& dir : options.source_dirs) {
    fs::path rest = fs::path(path).relative_path();
    while (!rest.empty()) {
      if (auto found = below(dir, fs::path(dir) / rest)) return found;
      fs::path shorter;
      for (auto it = std::next(rest.begin()); it != rest.end(); ++it) shorter /= *it;
      rest = shorter;
    }
  }
  return std::nullopt;
}

std::string text_of(const std::string& path) {
  struct Closed {
    int fd;
    ~Closed() {
      if (fd >= 0) close(fd);
    }
  } file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::string text, part(64 << 10, '\0');
  ssize_t n = file.fd < 0 ? -1 : 0;
  while (n >= 0 && (n = read(file.fd, part.data(), part.size())) > 0) {
    text.append(part, 0, static_cast<size_t>(n));
    if (text.size() > kMostBytes) throw std::runtime_error(path + ": longer than 16 MiB, not read");
  }
  if (n < 0) throw std::runtime_error(path + ": " + std::strerror(errno));
  return text;
}

std::string shown_line(const std::string& line) {
  std::string out;
  for (const char c : line) out += c == '\t' ? "    " : std::string(1, c);
  return loader::printable(out);
}

namespace {
std::vector<std::string> lines_of(std::istream&& in) {
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}
}  // namespace

std::vector<std::string> source_lines(const std::string& file) {
  std::error_code error;
  if (fs::file_size(file, error) > kMostBytes || error) return {};
  return lines_of(std::ifstream(file));
}

std::optional<std::vector<std::string>> source_lines(const ConsoleOptions& options, const std::string& path) {
  if (const auto file = source_file(options, path)) return source_lines(*file);
  for (const auto& [carried, text] : options.carried)
    if (carried == path) return lines_of(std::istringstream(text));
  return std::nullopt;
}

}  // namespace deferscope::cli
