#include "manage/json_object.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>

#include "base/utf8.hpp"

namespace firstring::manage {
namespace {

std::string json_string(std::string_view text) {
  const auto valid = to_utf8(text);
  return without_orders(boost::json::serialize(boost::json::string_view{valid.data(), valid.size()}));
}

}  // namespace

JsonObject& JsonObject::add(std::string_view name, std::string_view value) { return add_raw(name, json_string(value)); }

JsonObject& JsonObject::add(std::string_view name, const std::vector<std::string>& values) {
  std::string list;
  for (const auto& value : values) list.append(list.empty() ? "" : ",") += json_string(value);
  return add_raw(name, "[" + list + "]");
}

JsonObject& JsonObject::add(std::string_view name, const std::vector<JsonObject>& values) {
  std::string list;
  for (const auto& value : values) list.append(list.empty() ? "" : ",") += value.text();
  return add_raw(name, "[" + list + "]");
}

JsonObject& JsonObject::add_raw(std::string_view name, std::string_view json) {
  if (!members_.empty()) members_ += ',';
  members_.append(json_string(name)).append(":").append(json);
  return *this;
}

}  // namespace firstring::manage
