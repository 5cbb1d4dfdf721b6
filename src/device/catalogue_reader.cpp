// Reads data/models/*.toml: families that extend each other, and the models that belong to them. The data says of
// itself how it is to be read (common.toml).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "device/data_table.hpp"
#include "device/model.hpp"

namespace firstring::device {
namespace {

constexpr std::size_t kMaxFamilyDepth = 16;
constexpr unsigned kMaxLines = 64;

/// What a family, or a model for itself, says.
struct Settings {
  std::string vendor, user_agent, tls_client, own_profile;
  std::vector<std::string> firmware, certificate_products, bootstrap_files, profile_files;
  LineParameters line;
  std::vector<ParameterName> parameters;
};

/// Parameter = "value"; a parameter that is there already gets the new value.
Result<void> read_line_settings(const Place& place, std::string_view key, const toml::node& node,
                                LineParameters::Settings& settings) {
  const auto* table = node.as_table();
  if (table == nullptr) return place.error(node, fmt::format("{} is a table of parameters and values", key));
  for (const auto& [parameter, value] : *table) {
    FIRSTRING_TRY(auto text, read_text(place, parameter.str(), value));
    const auto known = std::find_if(settings.begin(), settings.end(),
                                    [&](const auto& setting) { return setting.first == parameter.str(); });
    if (known != settings.end()) {
      known->second = std::move(text);
    } else {
      settings.emplace_back(parameter.str(), std::move(text));
    }
  }
  return {};
}

Result<void> read_line(const Place& place, const toml::node& node, LineParameters& line) {
  static constexpr std::array<std::pair<std::string_view, std::string LineParameters::*>, 8> kTexts{{
      {"user", &LineParameters::user},
      {"password", &LineParameters::password},
      {"proxy", &LineParameters::proxy},
      {"display", &LineParameters::display},
      {"transport", &LineParameters::transport},
      {"udp", &LineParameters::udp},
      {"tcp", &LineParameters::tcp},
      {"tls", &LineParameters::tls},
  }};
  const auto* table = node.as_table();
  if (table == nullptr) return place.error(node, "line is a table");
  for (const auto& [key, value] : *table) {
    const auto text =
        std::find_if(kTexts.begin(), kTexts.end(), [&](const auto& known) { return known.first == key.str(); });
    if (text != kTexts.end()) {
      FIRSTRING_TRY(line.*text->second, read_text(place, key.str(), value));
    } else if (key.str() == "always") {
      FIRSTRING_CHECK(read_line_settings(place, key.str(), value, line.always));
    } else if (key.str() == "srtp") {
      FIRSTRING_CHECK(read_line_settings(place, key.str(), value, line.srtp));
    } else {
      return place.error(value, fmt::format("unknown key '{}' of a line", key.str()));
    }
  }
  return {};
}

/// Names with white space between them.
Result<void> read_parameters(const Place& place, const toml::node& node, std::vector<ParameterName>& parameters) {
  FIRSTRING_TRY(auto text, read_text(place, "parameters", node));
  std::replace(text.begin(), text.end(), '\n', ' ');
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    auto name = ParameterName::parse(word);
    if (!name) return place.error(node, name.error().what);
    parameters.push_back(*std::move(name));
  }
  return {};
}

/// Reads what families and models share; false if `key` is none of it.
Result<bool> read_setting(const Place& place, std::string_view key, const toml::node& node, Settings& settings) {
  static constexpr std::array<std::pair<std::string_view, std::string Settings::*>, 4> kTexts{{
      {"vendor", &Settings::vendor},
      {"user_agent", &Settings::user_agent},
      {"tls_client", &Settings::tls_client},
      {"own_profile", &Settings::own_profile},
  }};
  static constexpr std::array<std::pair<std::string_view, std::vector<std::string> Settings::*>, 4> kLists{{
      {"firmware", &Settings::firmware},
      {"certificate_products", &Settings::certificate_products},
      {"bootstrap_files", &Settings::bootstrap_files},
      {"profile_files", &Settings::profile_files},
  }};
  for (const auto& [name, member] : kTexts) {
    if (name != key) continue;
    FIRSTRING_TRY(settings.*member, read_text(place, key, node));
    return true;
  }
  for (const auto& [name, member] : kLists) {
    if (name != key) continue;
    FIRSTRING_TRY(auto list, read_list(place, key, node));
    auto& known = settings.*member;
    // The versions of a model stand for themselves; the other lists grow.
    if (key == "firmware") known.clear();
    known.insert(known.end(), std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()));
    return true;
  }
  return false;
}

using Families = std::map<std::string, Place, std::less<>>;

/// The settings of a family, those of what it extends first.
Result<Settings> read_family(const Families& families, const std::string& name, std::size_t depth = 0) {
  const auto& place = families.at(name);
  Settings settings;
  if (const auto* extends = place.table->get("extends")) {
    FIRSTRING_TRY(const auto parent, read_text(place, "extends", *extends));
    if (!families.contains(parent)) return place.error(*extends, fmt::format("there is no family '{}'", parent));
    if (depth == kMaxFamilyDepth) return place.error(*extends, fmt::format("family '{}' extends itself", name));
    FIRSTRING_TRY(settings, read_family(families, parent, depth + 1));
  }
  for (const auto& [key, node] : *place.table) {
    if (key.str() == "extends") continue;
    if (key.str() == "parameters") {
      FIRSTRING_CHECK(read_parameters(place, node, settings.parameters));
    } else if (key.str() == "line") {
      FIRSTRING_CHECK(read_line(place, node, settings.line));
    } else {
      FIRSTRING_TRY(const bool known, read_setting(place, key.str(), node, settings));
      if (!known) return place.error(node, fmt::format("unknown key '{}' of a family", key.str()));
    }
  }
  std::sort(settings.parameters.begin(), settings.parameters.end());
  settings.parameters.erase(std::unique(settings.parameters.begin(), settings.parameters.end()),
                            settings.parameters.end());
  return settings;
}

/// Puts the model's names for {name}, {product} and {psn}; other placeholders stay.
std::string fill(std::string text, const Model& model) {
  const std::array<std::pair<std::string_view, const std::string*>, 3> names{
      {{"{name}", &model.name}, {"{product}", &model.product}, {"{psn}", &model.psn}}};
  for (const auto& [placeholder, value] : names) {
    for (auto at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at + value->size())) {
      text.replace(at, placeholder.size(), *value);
    }
  }
  return text;
}

Result<void> add_file(const Place& place, std::string text, FileKind kind, Model& model) {
  auto path = fill(std::move(text), model);
  const bool has_mac = path.find("{mac}") != std::string::npos;
  const auto braces = std::count(path.begin(), path.end(), '{');
  if (!path.starts_with('/') || has_mac != (kind == FileKind::profile) || braces != (has_mac ? 1 : 0)) {
    return place.error(*place.table, fmt::format("model '{}': '{}' is no path with {} {{mac}}", model.name, path,
                                                 kind == FileKind::profile ? "one" : "no"));
  }
  model.files.push_back({std::move(path), kind});
  return {};
}

Result<Model> read_model(const Place& place, const std::map<std::string, Settings, std::less<>>& families) {
  Model model;
  const auto required = [&](std::string_view key, std::string& value) -> Result<void> {
    const auto* node = place.table->get(key);
    if (node == nullptr) return place.error(*place.table, fmt::format("a model needs a {}", key));
    FIRSTRING_TRY(value, read_text(place, key, *node));
    return {};
  };
  FIRSTRING_CHECK(required("name", model.name));
  FIRSTRING_CHECK(required("family", model.family));
  FIRSTRING_CHECK(required("psn", model.psn));
  model.product = model.name;
  const auto family = families.find(model.family);
  if (family == families.end()) {
    return place.error(*place.table, fmt::format("model '{}': there is no family '{}'", model.name, model.family));
  }
  auto settings = family->second;

  for (const auto& [key, node] : *place.table) {
    if (key.str() == "name" || key.str() == "family" || key.str() == "psn") continue;
    if (key.str() == "product") {
      FIRSTRING_TRY(model.product, read_text(place, key.str(), node));
    } else if (key.str() == "lines") {
      const auto lines = node.value<std::int64_t>().value_or(0);
      if (lines < 1 || lines > kMaxLines)
        return place.error(node, fmt::format("lines is a number from 1 to {}", kMaxLines));
      model.lines = static_cast<unsigned>(lines);
    } else {
      FIRSTRING_TRY(const bool known, read_setting(place, key.str(), node, settings));
      if (!known) return place.error(node, fmt::format("unknown key '{}' of a model", key.str()));
    }
  }
  if (settings.vendor.empty() || settings.user_agent.empty() || settings.tls_client.empty() ||
      settings.own_profile.empty()) {
    return place.error(
        *place.table,
        fmt::format("model '{}' and its family lack one of vendor, user_agent, tls_client and own_profile",
                    model.name));
  }
  model.vendor = std::move(settings.vendor);
  model.user_agent = fill(std::move(settings.user_agent), model);
  model.tls_client = std::move(settings.tls_client);
  model.own_profile = std::move(settings.own_profile);
  model.firmware = std::move(settings.firmware);
  model.line = std::move(settings.line);
  for (auto& product : settings.certificate_products)
    model.certificate_products.push_back(fill(std::move(product), model));
  for (auto& file : settings.bootstrap_files)
    FIRSTRING_CHECK(add_file(place, std::move(file), FileKind::bootstrap, model));
  for (auto& file : settings.profile_files) FIRSTRING_CHECK(add_file(place, std::move(file), FileKind::profile, model));
  return model;
}

}  // namespace

Result<Catalogue> Catalogue::from_toml(std::span<const std::pair<std::string, std::string>> files) {
  std::vector<toml::table> documents;
  documents.reserve(files.size());  // places point into it
  Families families;
  std::vector<Place> models;
  for (const auto& [file, text] : files) {
    FIRSTRING_TRY(auto parsed, parse_data(file, text));
    documents.push_back(std::move(parsed));
    const Place whole{file, &documents.back()};
    for (const auto& [key, node] : *whole.table) {
      if (const auto* tables = node.as_table(); tables != nullptr && key.str() == "family") {
        for (const auto& [name, family] : *tables) {
          if (!family.is_table()) return whole.error(family, fmt::format("family.{} is a table", name.str()));
          const bool is_new = families.emplace(name.str(), Place{file, family.as_table()}).second;
          if (!is_new) return whole.error(family, fmt::format("family '{}' is there twice", name.str()));
        }
      } else if (const auto* array = node.as_array();
                 array != nullptr && array->is_array_of_tables() && key.str() == "model") {
        for (const auto& model : *array) models.push_back({file, model.as_table()});
      } else {
        return whole.error(node, fmt::format("unknown key '{}'; there are [family.NAME] and [[model]]", key.str()));
      }
    }
  }

  std::map<std::string, Settings, std::less<>> settings;
  for (const auto& [name, place] : families) {
    FIRSTRING_TRY(auto family, read_family(families, name));
    settings.emplace(name, std::move(family));
  }
  Catalogue catalogue;
  for (const auto& place : models) {
    FIRSTRING_TRY(auto model, read_model(place, settings));
    if (auto added = catalogue.add(std::move(model)); !added) return place.error(*place.table, added.error().what);
  }
  for (auto& [name, family] : settings) catalogue.parameters_.emplace(name, std::move(family.parameters));
  return catalogue;
}

}  // namespace firstring::device
