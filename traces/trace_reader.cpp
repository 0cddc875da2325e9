#include "traces/trace_reader.h"

#include <fmt/format.h>

#include "traces/zstd_stream.h"

namespace deferscope::traces {
namespace {

constexpr size_t kPiece = 1 << 16;
constexpr size_t kLongestLine = 1 << 26;  // an event's has a few thousand bytes

}  // namespace

TraceReader::TraceReader(std::string name, Source source)
    : name_(name), source_(plain(name_, std::move(source))), reader_(std::move(name)) {
  const auto first = line();
  if (!first)
    throw TraceError(buffer_.empty() ? fmt::format("{}: no trace: it is empty", name_)
                                     : fmt::format("{}: no trace: its first line has no end", name_));
  reader_.read(*first, header_);
}

void TraceReader::fail(const std::string& what) const {
  throw TraceError(fmt::format("{}:{}: {}", name_, reader_.lines() + 1, what));
}

// Without its '\n'; nothing if there is no whole one. Valid until the next.
std::optional<std::string_view> TraceReader::line() {
  for (size_t searched = at_;;) {
    const size_t end = buffer_.find('\n', searched);
    if (end != buffer_.npos) {
      const std::string_view text = std::string_view(buffer_).substr(at_, end - at_);
      at_ = end + 1;
      return text;
    }
    buffer_.erase(0, at_);
    at_ = 0;
    searched = buffer_.size();
    if (searched > kLongestLine) fail("no trace has lines as long");
    if (done_) return std::nullopt;
    buffer_.resize(searched + kPiece);
    const size_t n = source_(buffer_.data() + searched, kPiece);
    buffer_.resize(searched + n);
    done_ = n == 0;
  }
}

const model::Event* TraceReader::next() {
  const auto text = line();
  if (end_ && (text || !buffer_.empty())) fail("something stands behind the end");
  if (!text) return nullptr;
  TraceEnd end;
  if (const model::Event* e = reader_.read(*text, end)) return ++counts_[static_cast<size_t>(e->kind())], e;
  end_ = std::move(end);
  check_end();
  return next();
}

// What it counts is what there was.
void TraceReader::check_end() {
  EventCounts said{};
  for (const model::KindCount& c : end_->counts) said[static_cast<size_t>(c.kind)] += c.count;
  for (size_t i = 0; i < said.size(); ++i)
    if (said[i] != counts_[i])
      throw TraceError(fmt::format("{}:{}: the end counts {} {}, and there are {}", name_, reader_.lines(), said[i],
                                   to_string(static_cast<model::EventKind>(i)), counts_[i]));
}

}  // namespace deferscope::traces
