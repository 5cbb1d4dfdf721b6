#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace firstring::manage {

/// Builds one JSON object in the order of its members, on one line. Text that is no UTF-8 gets U+FFFD where it breaks:
/// every line that scripts read is valid JSON.
class JsonObject {
 public:
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& add(std::string_view name, const char* value) { return add(name, std::string_view{value}); }
  JsonObject& add(std::string_view name, const std::vector<std::string>& values);
  JsonObject& add(std::string_view name, const JsonObject& value) { return add_raw(name, value.text()); }
  JsonObject& add(std::string_view name, const std::vector<JsonObject>& values);
  JsonObject& add(std::string_view name, std::same_as<bool> auto value) {
    return add_raw(name, value ? "true" : "false");
  }
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  JsonObject& add(std::string_view name, Number value) {
    return add_raw(name, std::to_string(value));
  }
  JsonObject& add(std::string_view name, std::same_as<double> auto value) {
    return add_raw(name, fmt::format("{:.6g}", value));
  }
  /// The name with the value null.
  JsonObject& add_null(std::string_view name) { return add_raw(name, "null"); }

  std::string text() const { return "{" + members_ + "}"; }
  std::string line() const { return text() + "\n"; }

 private:
  JsonObject& add_raw(std::string_view name, std::string_view json);

  std::string members_;
};

}  // namespace firstring::manage
