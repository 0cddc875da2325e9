// A validator for the part of JSON Schema that traces/schema uses. Anything else in a schema is an error, not a pass.
#pragma once
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

namespace deferscope::test {

class JsonSchema {
 public:
  explicit JsonSchema(nlohmann::json root) : root_(std::move(root)) {}
  // Empty if valid; else where and why not.
  std::string check(const nlohmann::json& v) const { return check(root_, v, "$"); }

 private:
  using J = nlohmann::json;
  static bool is(const J& v, const std::string& type) {
    return type == "object"    ? v.is_object()
           : type == "array"   ? v.is_array()
           : type == "string"  ? v.is_string()
           : type == "boolean" ? v.is_boolean()
           : type == "null"    ? v.is_null()
           : type == "integer" ? v.is_number_integer()
                               : false;
  }
  std::string check(const J& s, const J& v, const std::string& at) const {
    static const std::set<std::string> known = {
        "$schema", "$id",     "$defs",      "title",    "description",          "type",  "const", "enum",
        "pattern", "minimum", "properties", "required", "additionalProperties", "items", "anyOf", "$ref"};
    for (const auto& [key, unused] : s.items())
      if (!known.count(key)) return at + ": the schema uses " + key;
    if (s.contains("$ref")) {
      const std::string ref = s["$ref"];
      return check(root_.at(J::json_pointer(ref.substr(1))), v, at);
    }
    if (s.contains("type") && !is(v, s["type"])) return at + ": not " + s["type"].get<std::string>() + ": " + v.dump();
    if (s.contains("const") && v != s["const"]) return at + ": not " + s["const"].dump();
    if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end())
      return at + ": " + v.dump() + " is not in " + s["enum"].dump();
    if (s.contains("minimum") && v.is_number() && v < s["minimum"]) return at + ": too small: " + v.dump();
    if (s.contains("pattern") && v.is_string() && !matches(s["pattern"], v)) return at + ": " + v.dump();
    if (v.is_object())
      if (std::string why = object(s, v, at); !why.empty()) return why;
    if (v.is_array() && s.contains("items"))
      for (size_t i = 0; i < v.size(); ++i)
        if (std::string why = check(s["items"], v[i], at + "[" + std::to_string(i) + "]"); !why.empty()) return why;
    return any_of(s, v, at);
  }
  std::string object(const J& s, const J& v, const std::string& at) const {
    for (const auto& r : s.value("required", J::array()))
      if (!v.contains(r.get<std::string>())) return at + ": no " + r.get<std::string>();
    const J properties = s.value("properties", J::object());
    for (const auto& [key, item] : v.items()) {
      std::string why;
      if (properties.contains(key))
        why = check(properties[key], item, at + "." + key);
      else if (s.contains("additionalProperties") && s["additionalProperties"].is_object())
        why = check(s["additionalProperties"], item, at + "." + key);
      else if (s.contains("additionalProperties"))
        why = at + ": unknown " + key;
      if (!why.empty()) return why;
    }
    return {};
  }
  std::string any_of(const J& s, const J& v, const std::string& at) const {
    if (!s.contains("anyOf")) return {};
    std::string why;
    for (const J& a : s["anyOf"]) {
      const std::string w = check(a, v, at);
      if (w.empty()) return {};
      why += w + "; ";
    }
    return why;
  }
  static bool matches(const std::string& pattern, const std::string& text) {
    static std::map<std::string, std::regex> cache;
    auto it = cache.find(pattern);
    if (it == cache.end()) it = cache.emplace(pattern, std::regex(pattern)).first;
    return std::regex_search(text, it->second);
  }
  J root_;
};

}  // namespace deferscope::test
