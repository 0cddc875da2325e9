// `deferscope disasm`: the listing that `go tool objdump` of Go 1.27 prints, and what it cannot: stripped programs,
// instructions that it shows as `?`, the assembler's own names, inlined calls, the compiler's tables.
#include <re2/re2.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/columns.h"
#include "cli/command_line.h"
#include "cli/function_tables.h"
#include "cli/go_source.h"
#include "cli/listing.h"
#include "cli/verbs.h"
#include "isa/text/append.h"
#include "loader/listing.h"

namespace deferscope::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string binary, pattern, source_dir;
  SourceFlags built_by;
  std::vector<std::string> range;
  bool source = false, gnu = false, json = false, inlined = false, tables = false;
  isa::TextOptions text;
};

// ---- source lines

// Files already read, the last few. A file is looked for where the compiler saw it, then below --source with leading
// directories dropped one by one.
class Sources {
 public:
  explicit Sources(std::string dir) : dir_(std::move(dir)) {}

  // The line's text; nothing if the file cannot be read. Files that are not Go's and lines beyond the end give an empty
  // line, as objdump has it.
  std::optional<std::string_view> line(std::string_view file, std::int64_t number) {
    if (fs::path(file).extension() != ".go") return "";
    const std::vector<std::string>* lines = read(std::string(file));
    if (!lines) return std::nullopt;
    if (number < 1 || number > static_cast<std::int64_t>(lines->size())) return "";
    return (*lines)[static_cast<std::size_t>(number) - 1];
  }

 private:
  struct File {
    std::string name;
    std::optional<std::vector<std::string>> lines;
  };

  const std::vector<std::string>* read(const std::string& file) {
    for (auto f = kept_.begin(); f != kept_.end(); ++f)
      if (f->name == file) {
        kept_.splice(kept_.begin(), kept_, f);
        return kept_.front().lines ? &*kept_.front().lines : nullptr;
      }
    kept_.push_front({file, load(file)});
    if (kept_.size() > kMost) kept_.pop_back();
    return kept_.front().lines ? &*kept_.front().lines : nullptr;
  }

  std::optional<std::vector<std::string>> load(const std::string& file) const {
    if (auto lines = split(fs::path(file).lexically_normal())) return lines;
    if (dir_.empty()) return std::nullopt;
    const fs::path path = fs::path(file).relative_path();
    for (auto part = path.begin(); part != path.end(); ++part) {
      fs::path tail = dir_;
      for (auto rest = part; rest != path.end(); ++rest) tail /= *rest;
      if (auto lines = split(tail)) return lines;
    }
    return std::nullopt;
  }

  static std::optional<std::vector<std::string>> split(const fs::path& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    const std::string all(std::istreambuf_iterator<char>(in), {});
    std::vector<std::string> lines;
    std::size_t at = 0;
    for (std::size_t end; (end = all.find('\n', at)) != std::string::npos; at = end + 1)
      lines.push_back(all.substr(at, end - at));
    lines.push_back(all.substr(at));
    return lines;
  }

  static constexpr std::size_t kMost = 8;
  std::string dir_;
  std::list<File> kept_;
};

// ---- one instruction after the other

struct Instruction {
  std::uint64_t pc = 0;
  std::span<const std::uint8_t> bytes;
  loader::SourceLine at;
  std::string_view text, gnu;
};

// Calls visit(const Instruction&) for each instruction of [from, to), and returns where the last one ends.
template <class Visit>
std::uint64_t each_instruction(const Listing& listing, std::uint64_t from, std::uint64_t to, const Options& options,
                               Visit visit) {
  std::string text, gnu;
  std::optional<loader::Func> f;
  std::uint64_t pc = from;
  const bool as_objdump = options.text.objdump_compat && !listing.stripped();
  for (const std::uint64_t padding = as_objdump ? to : listing.padding_of(from, to); pc < padding;) {
    const std::span<const std::uint8_t> code = listing.bytes(pc, to);
    text.clear();
    gnu.clear();
    const isa::TextSize size = isa::append_go(listing.isa(), code, pc, listing, options.text, text);
    if (std::string listed = loader::listed_text(listing.assembly(), listing.runtime_address(pc)); !listed.empty())
      text = std::move(listed);
    if ((options.gnu || options.json) && size.known) isa::append_gnu(listing.isa(), code, pc, gnu, options.text);
    if (!f || !f->contains(listing.runtime_address(pc))) f = listing.function(pc);
    Instruction in{pc, listing.bytes(pc, pc + size.size), listing.line(f, pc), text, gnu};
    visit(in);
    pc += size.size;
  }
  return pc;
}

void put_bytes(const Listing& listing, std::span<const std::uint8_t> bytes, std::string& out) {
  static constexpr char kDigit[] = "0123456789abcdef";
  const bool word = listing.isa() == isa::Isa::arm64 && bytes.size() == 4;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint8_t b = bytes[word ? 3 - i : i];
    out += kDigit[b >> 4];
    out += kDigit[b & 15];
  }
}

std::string_view base_name(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 == 0
  path.remove_prefix(path.rfind('\\') + 1);
  return path;
}

// ---- what only deferscope shows

struct InlinedCall {
  std::string_view function;
  loader::SourceLine at;  // of the call
};

// The inlined calls at pc, outermost first.
std::vector<InlinedCall> inlined_at(const Listing& listing, const loader::Func& f, std::uint64_t pc) {
  const auto stack = listing.go()->funcs.inline_stack(f, listing.runtime_address(pc));
  std::vector<InlinedCall> calls;
  for (std::size_t i = stack.size(); i-- > 1;) calls.push_back({stack[i - 1].function, stack[i].at});
  return calls;
}

// "  // inlined: main.g at x.go:12; main.h at x.go:20"
std::string listing_text(const std::vector<InlinedCall>& calls) {
  std::string note;
  for (const InlinedCall& c : calls) {
    note += note.empty() ? "  // inlined: " : "; ";
    note += c.function;
    note += " at ";
    note += base_name(c.at.file);
    note += ':';
    isa::text::dec(note, c.at.line);
  }
  return note;
}

// ---- the listing

class Printer {
 public:
  Printer(const Listing& listing, const Options& options)
      : listing_(listing), options_(options), sources_(options.source_dir) {}

  void function(const ListedSymbol& symbol, std::uint64_t to) {
    if (options_.json) return function_json(symbol, to);
    if (printed_) out_ += '\n';
    printed_ = true;
    const auto f = listing_.function(symbol.address);
    out_ += "TEXT ";
    out_ += symbol.name;
    out_ += "(SB) ";
    out_ += listing_.line(f, symbol.address).file;
    out_ += '\n';
    if (options_.tables && f) out_ += text_of(tables_of(listing_, *f));
    Columns columns(out_);
    std::optional<PcNotes> tables;
    if (options_.tables && f) tables.emplace(listing_, *f);
    std::string inlined;
    loader::SourceLine last;
    each_instruction(listing_, symbol.address, to, options_, [&](const Instruction& in) {
      if (tables)
        for (const PcNote& note : tables->at(in.pc)) columns.whole_line(text_of(note));
      if (options_.inlined && f) put_inlined(*f, in.pc, inlined, columns);
      if (options_.source && (in.at.file != last.file || in.at.line != last.line)) {
        if (const auto text = sources_.line(in.at.file, in.at.line)) columns.whole_line(*text);
        last = in.at;
      }
      put(in, columns);
    });
    columns.flush();
    write();
  }

  void write() {
    std::fwrite(out_.data(), 1, out_.size(), stdout);
    out_.clear();
  }

 private:
  void put_inlined(const loader::Func& f, std::uint64_t pc, std::string& last, Columns& columns) {
    std::string note = listing_text(inlined_at(listing_, f, pc));
    if (note == last) return;
    if (!note.empty()) columns.whole_line(note);
    last = std::move(note);
  }

  void put(const Instruction& in, Columns& columns) {
    cell_.assign("  ");
    if (!options_.source) {
      cell_ += base_name(in.at.file);
      cell_ += ':';
      isa::text::dec(cell_, in.at.line);
      columns.cell(cell_);
      cell_.clear();
    }
    isa::text::hex(cell_, in.pc);
    columns.cell(cell_);
    cell_.clear();
    put_bytes(listing_, in.bytes, cell_);
    columns.cell(cell_);
    if (!options_.gnu || in.gnu.empty()) {
      columns.cell(in.text);
    } else {
      cell_.assign(in.text);
      // As Go pads: by characters, not bytes.
      const auto characters = std::count_if(cell_.begin(), cell_.end(), [](char c) { return (c & 0xc0) != 0x80; });
      if (characters < kGnuColumn) cell_.append(static_cast<std::size_t>(kGnuColumn - characters), ' ');
      cell_ += " // ";
      cell_ += in.gnu;
      columns.cell(cell_);
    }
    columns.end_line();
  }

  // ---- JSON: one object a function, one a line (traces/schema/disasm.json)

  using Json = nlohmann::ordered_json;

  static std::string hex(std::uint64_t v) {
    std::string s;
    isa::text::hex(s, v);
    return s;
  }

  static Json json_of(const FunctionTables& t) {
    Json funcdata = Json::array();
    for (const FuncData& d : t.funcdata)
      funcdata.push_back({{"index", d.index}, {"name", d.name}, {"address", hex(d.address)}, {"detail", d.detail}});
    Json deferreturn = t.deferreturn ? Json(hex(t.deferreturn)) : Json();
    return {{"args", t.args}, {"deferreturn", std::move(deferreturn)}, {"funcdata", std::move(funcdata)}};
  }

  static Json json_of(const PcNote& n) {
    if (!n.table) return {{"frame", n.value}};
    return {{"pcdata", *n.table}, {"name", n.name}, {"value", n.value}};
  }

  static Json json_of(const InlinedCall& c) {
    return {{"function", c.function}, {"file", c.at.file}, {"line", c.at.line}};
  }

  Json json_of(const Instruction& in, const std::optional<loader::Func>& f, std::optional<PcNotes>& tables) {
    cell_.clear();
    put_bytes(listing_, in.bytes, cell_);
    Json j{{"pc", hex(in.pc)},   {"bytes", cell_}, {"file", in.at.file},
           {"line", in.at.line}, {"go", in.text},  {"gnu", in.gnu}};
    if (tables)
      for (const PcNote& note : tables->at(in.pc)) j["tables"].push_back(json_of(note));
    if (options_.inlined && f)
      for (const InlinedCall& call : inlined_at(listing_, *f, in.pc)) j["inlined"].push_back(json_of(call));
    return j;
  }

  void function_json(const ListedSymbol& symbol, std::uint64_t to) {
    const auto f = listing_.function(symbol.address);
    Json j{{"schema", "deferscope.disasm/1"},
           {"function", symbol.name},
           {"address", hex(symbol.address)},
           {"size", 0},
           {"file", listing_.line(f, symbol.address).file}};
    std::optional<PcNotes> tables;
    if (options_.tables && f) {
      j["tables"] = json_of(tables_of(listing_, *f));
      tables.emplace(listing_, *f);
    }
    Json& list = j["instructions"] = Json::array();
    const std::uint64_t end = each_instruction(listing_, symbol.address, to, options_,
                                               [&](const Instruction& in) { list.push_back(json_of(in, f, tables)); });
    j["size"] = end - symbol.address;
    out_ += j.dump(-1, ' ', true, Json::error_handler_t::replace);
    out_ += '\n';
    write();
  }

  static constexpr std::ptrdiff_t kGnuColumn = 36;
  const Listing& listing_;
  const Options& options_;
  Sources sources_;
  std::string out_, cell_;
  bool printed_ = false;
};

std::uint64_t parse_address(const std::string& text, const char* which) {
  const std::string_view digits = std::string_view(text).substr(text.starts_with("0x") ? 2 : 0);
  std::uint64_t v = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), v, 16);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    throw loader::Error("disasm: " + std::string(which) + " address '" + text +
                        "' is not a hexadecimal number of 64 bits");
  return v;
}

// The pattern of -s in the syntax of Go's regexp package, which is RE2's; nullptr if none was given.
std::unique_ptr<RE2> compile(const std::string& pattern) {
  if (pattern.empty()) return nullptr;
  RE2::Options syntax;
  syntax.set_log_errors(false);
  auto made = std::make_unique<RE2>(pattern, syntax);
  if (made->ok()) return made;
  std::string why = made->error();
  for (char& c : why)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';  // the message stays one line
  throw loader::Error("disasm: -s: not a regular expression: " + why);
}

int run(const Options& options) {
  const std::unique_ptr<RE2> pattern = compile(options.pattern);
  if (options.range.size() == 1) throw loader::Error("disasm: give both START and END, or neither");
  if (!options.source_dir.empty() && !fs::is_directory(options.source_dir))
    throw loader::Error("disasm: --source " + options.source_dir + ": no such directory");
  const loader::Image image = load_program(options.binary, options.built_by);
  const Listing listing(image);
  std::uint64_t from = listing.text_start(), to = listing.text_end();
  if (options.range.size() == 2) {
    const std::uint64_t start = parse_address(options.range[0], "start"), end = parse_address(options.range[1], "end");
    if (start > end)
      throw loader::Error("disasm: start address " + options.range[0] + " lies behind end address " + options.range[1]);
    from = std::max(from, start);
    to = std::min(to, end);
  }
  Printer printer(listing, options);
  for (const ListedSymbol& s : listing.symbols()) {
    const std::uint64_t end = s.address + s.size;
    if (!s.code || s.address < listing.text_start() || end <= from || to <= s.address) continue;
    if (pattern && !RE2::PartialMatch(re2::StringPiece(s.name.data(), s.name.size()), *pattern)) continue;
    printer.function(s, std::min(end, to));
  }
  return 0;
}

}  // namespace

void add_disasm(CLI::App& app, Action& action) {
  auto o = std::make_shared<Options>();
  Verb verb(app, action, "disasm", "List a program's instructions, as go tool objdump of Go 1.27 does, and further");
  verb.option("-s", o->pattern, "Only functions whose name matches this regular expression").unit("REGEXP");
  verb.flag("-S", o->source, "Show source lines between the instructions");
  verb.option("--source", o->source_dir,
              "Where to look for source files that are not at their recorded place (implies -S)")
      .unit("DIR");
  verb.flag("--gnu,-g", o->gnu, "GNU syntax beside Go's");
  verb.flag("--json", o->json, "One JSON object a function");
  verb.flag("--objdump-compat", o->text.objdump_compat,
            "Keep objdump's gaps: ? for instructions that it does not know");
  verb.flag("--asm-names", o->text.asm_names, "The assembler's mnemonics, as in compile -S: JLS, SETEQ, MOVBLZX");
  verb.flag("--inline", o->inlined, "Mark inlined calls");
  verb.flag("--tables", o->tables, "Show FUNCDATA, PCDATA, frame sizes and the deferreturn offset");
  add_source_flags(verb, o->built_by);
  verb.option("BIN", o->binary, "The program, or Go source").required();
  verb.option("START END", o->range, "Only functions that overlap these addresses (hexadecimal)").values(0, 2);
  verb.does([o] {
    o->source = o->source || !o->source_dir.empty();
    o->binary = program_at(o->binary, o->built_by).path;
    return run(*o);
  });
}

}  // namespace deferscope::cli
