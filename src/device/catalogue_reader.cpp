// Reads data/vendors/<maker>/: the maker, families that extend each other, and the models that belong to them. The data
// says of itself how it is to be read (cisco/maker.toml, cisco/models/common.toml).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "device/data_table.hpp"
#include "device/model.hpp"
#include "vendor/cisco/cisco.hpp"

namespace firstring::device {
namespace {

/// Code that data may name. A maker whose subjects and User-Agents are plain patterns needs none.
constexpr std::array<const vendor::Code*, 1> kCodes{&vendor::cisco::kCode};

constexpr std::size_t kMaxFamilyDepth = 16;
constexpr unsigned kMaxLines = 64;

/// What a family, or a model for itself, says.
struct Settings {
  std::string vendor, user_agent, tls_client, own_profile, format, first_line;
  std::vector<std::string> firmware, certificate_products, bootstrap_files, profile_files;
  ParameterValues first_file;
  LineParameters line;
  ResyncParameters resync;
  std::vector<ParameterName> parameters;
};

/// Parameter = "value"; a parameter that is there already gets the new value.
Result<void> read_values(const Place& place, std::string_view key, const toml::node& node, ParameterValues& settings) {
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
  static constexpr std::array<std::pair<std::string_view, std::string LineParameters::*>, 11> kTexts{{
      {"user", &LineParameters::user},
      {"auth_user", &LineParameters::auth_user},
      {"password", &LineParameters::password},
      {"proxy", &LineParameters::proxy},
      {"proxy_host", &LineParameters::proxy_host},
      {"proxy_port", &LineParameters::proxy_port},
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
      FIRSTRING_CHECK(read_values(place, key.str(), value, line.always));
    } else if (key.str() == "srtp") {
      FIRSTRING_CHECK(read_values(place, key.str(), value, line.srtp));
    } else {
      return place.error(value, fmt::format("unknown key '{}' of a line", key.str()));
    }
  }
  return {};
}

Result<void> read_resync(const Place& place, const toml::node& node, ResyncParameters& resync) {
  static constexpr std::array<std::pair<std::string_view, std::string ResyncParameters::*>, 5> kTexts{{
      {"periodic", &ResyncParameters::periodic},
      {"error_retry", &ResyncParameters::error_retry},
      {"at", &ResyncParameters::at},
      {"enabled", &ResyncParameters::enabled},
      {"fails_on_missing", &ResyncParameters::fails_on_missing},
  }};
  constexpr std::int64_t kDay = 86'400;
  const auto* table = node.as_table();
  if (table == nullptr) return place.error(node, "resync is a table");
  for (const auto& [key, value] : *table) {
    const auto text =
        std::find_if(kTexts.begin(), kTexts.end(), [&](const auto& known) { return known.first == key.str(); });
    if (text != kTexts.end()) {
      FIRSTRING_TRY(resync.*text->second, read_text(place, key.str(), value));
      continue;
    }
    if (key.str() != "unit_s" && key.str() != "usual_s")
      return place.error(value, fmt::format("unknown key '{}' of resync", key.str()));
    const auto number = value.value<std::int64_t>().value_or(0);
    if (number < 1 || number > kDay)
      return place.error(value, fmt::format("{} is a number of seconds from 1 to {}", key.str(), kDay));
    if (key.str() == "unit_s") {
      resync.unit = std::chrono::seconds{number};
    } else {
      resync.usual = std::chrono::seconds{number};
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
  static constexpr std::array<std::pair<std::string_view, std::string Settings::*>, 6> kTexts{{
      {"vendor", &Settings::vendor},
      {"format", &Settings::format},
      {"first_line", &Settings::first_line},
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
    } else if (key.str() == "first_file") {
      FIRSTRING_CHECK(read_values(place, key.str(), node, settings.first_file));
    } else if (key.str() == "resync") {
      FIRSTRING_CHECK(read_resync(place, node, settings.resync));
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
  static constexpr std::array<std::pair<std::string_view, std::string Settings::*>, 5> kNeeded{{
      {"vendor", &Settings::vendor},
      {"user_agent", &Settings::user_agent},
      {"tls_client", &Settings::tls_client},
      {"own_profile", &Settings::own_profile},
      {"format", &Settings::format},
  }};
  for (const auto& [key, member] : kNeeded) {
    if ((settings.*member).empty())
      return place.error(*place.table, fmt::format("model '{}' and its family lack {}", model.name, key));
  }
  model.document.format = vendor::find_format(settings.format);
  if (model.document.format == nullptr) {
    return place.error(*place.table, fmt::format("model '{}': there is no format '{}'", model.name, settings.format));
  }
  model.document.first_line = std::move(settings.first_line);
  model.document.first_file = std::move(settings.first_file);
  model.vendor = std::move(settings.vendor);
  model.user_agent = fill(std::move(settings.user_agent), model);
  model.tls_client = std::move(settings.tls_client);
  model.own_profile = std::move(settings.own_profile);
  model.firmware = std::move(settings.firmware);
  model.line = std::move(settings.line);
  model.resync = std::move(settings.resync);
  for (auto& product : settings.certificate_products)
    model.certificate_products.push_back(fill(std::move(product), model));
  for (auto& file : settings.bootstrap_files)
    FIRSTRING_CHECK(add_file(place, std::move(file), FileKind::bootstrap, model));
  for (auto& file : settings.profile_files) FIRSTRING_CHECK(add_file(place, std::move(file), FileKind::profile, model));
  return model;
}

/// The [maker] of maker.toml.
Result<Maker> read_maker(const Place& place) {
  Maker maker;
  for (const auto& [key, node] : *place.table) {
    if (key.str() == "name") {
      FIRSTRING_TRY(maker.name, read_text(place, key.str(), node));
    } else if (key.str() == "code") {
      FIRSTRING_TRY(const auto name, read_text(place, key.str(), node));
      const auto* const code =
          std::find_if(kCodes.begin(), kCodes.end(), [&](const vendor::Code* one) { return one->name == name; });
      if (code == kCodes.end()) return place.error(node, fmt::format("there is no code '{}'", name));
      maker.code = *code;
    } else if (key.str() == "issuers") {
      FIRSTRING_TRY(maker.issuers, read_list(place, key.str(), node));
    } else if (key.str() == "user_agents") {
      FIRSTRING_TRY(const auto forms, read_list(place, key.str(), node));
      for (const auto& form : forms) {
        auto pattern = vendor::Pattern::parse(form);
        if (!pattern) return place.error(node, pattern.error().what);
        maker.user_agents.push_back(*std::move(pattern));
      }
    } else if (key.str() == "subjects") {
      FIRSTRING_TRY(const auto forms, read_list(place, key.str(), node));
      for (const auto& form : forms) {
        const auto equals = form.find('=');
        if (equals == std::string::npos || form.find("{mac}") == std::string::npos)
          return place.error(node, fmt::format("'{}' is no attribute with a form that has {{mac}}", form));
        auto pattern = vendor::Pattern::parse(std::string_view{form}.substr(equals + 1));
        if (!pattern) return place.error(node, pattern.error().what);
        maker.subjects.emplace_back(form.substr(0, equals), *std::move(pattern));
      }
    } else {
      return place.error(node, fmt::format("unknown key '{}' of a maker", key.str()));
    }
  }
  if (maker.name.empty()) return place.error(*place.table, "a maker needs a name");
  if (maker.code != nullptr && !(maker.subjects.empty() && maker.user_agents.empty()))
    return place.error(*place.table, "a maker has code, or subjects and user_agents, not both");
  // A subject that any CA may sign is read by one maker alone: a form of another's must not widen what it proves.
  if (maker.code == nullptr && !maker.subjects.empty() && maker.issuers.empty())
    return place.error(*place.table, "a maker with subjects names the issuers that they are read under");
  return maker;
}

/// The files of one folder below data/vendors.
struct Folder {
  std::optional<Place> maker;
  Families families;
  std::vector<Place> models;
};

Result<void> sort_in(const Place& whole, Folder& folder) {
  for (const auto& [key, node] : *whole.table) {
    if (const auto* tables = node.as_table(); tables != nullptr && key.str() == "family") {
      for (const auto& [name, family] : *tables) {
        if (!family.is_table()) return whole.error(family, fmt::format("family.{} is a table", name.str()));
        const bool is_new = folder.families.emplace(name.str(), Place{whole.file, family.as_table()}).second;
        if (!is_new) return whole.error(family, fmt::format("family '{}' is there twice", name.str()));
      }
    } else if (const auto* array = node.as_array();
               array != nullptr && array->is_array_of_tables() && key.str() == "model") {
      for (const auto& model : *array) folder.models.push_back({whole.file, model.as_table()});
    } else if (tables != nullptr && key.str() == "maker") {
      if (folder.maker) return whole.error(node, "[maker] is there twice");
      folder.maker = Place{whole.file, tables};
    } else {
      return whole.error(node,
                         fmt::format("unknown key '{}'; there are [maker], [family.NAME] and [[model]]", key.str()));
    }
  }
  return {};
}

/// Whether the maker's certificates can be told from those of the makers before it.
Result<void> check_issuers(const Place& place, const Maker& maker,
                           std::span<const std::unique_ptr<const Maker>> others) {
  for (const auto& other : others) {
    if (other->issuers.empty() && maker.issuers.empty()) {
      return place.error(*place.table, fmt::format("{} names no issuers, nor does {}: one maker alone may do that",
                                                   maker.name, other->name));
    }
    for (const auto& issuer : maker.issuers) {
      if (std::find(other->issuers.begin(), other->issuers.end(), issuer) != other->issuers.end())
        return place.error(*place.table, fmt::format("the issuer '{}' is one of {} already", issuer, other->name));
    }
  }
  return {};
}

}  // namespace

Result<Catalogue> Catalogue::from_toml(std::span<const std::pair<std::string, std::string>> files) {
  std::vector<toml::table> documents;
  documents.reserve(files.size());  // places point into it
  std::map<std::string, Folder, std::less<>> folders;
  for (const auto& [file, text] : files) {
    FIRSTRING_TRY(auto parsed, parse_data(file, text));
    documents.push_back(std::move(parsed));
    FIRSTRING_CHECK(sort_in({file, &documents.back()}, folders[file.substr(0, file.find('/'))]));
  }

  Catalogue catalogue;
  for (const auto& [name, folder] : folders) {
    if (!folder.maker) return fail(Errc::invalid_input, fmt::format("{}/maker.toml: there is no [maker]", name));
    FIRSTRING_TRY(auto read, read_maker(*folder.maker));
    read.folder = name;
    FIRSTRING_CHECK(check_issuers(*folder.maker, read, catalogue.makers_));
    const auto* maker = catalogue.makers_.emplace_back(std::make_unique<const Maker>(std::move(read))).get();

    std::map<std::string, Settings, std::less<>> settings;
    auto& names = catalogue.names_of_[maker];
    for (const auto& [family_name, place] : folder.families) {
      FIRSTRING_TRY(auto family, read_family(folder.families, family_name));
      for (const auto& parameter : family.parameters) {
        for (auto& key : parameter.keys()) names.insert(std::move(key));
      }
      settings.emplace(family_name, std::move(family));
    }
    for (const auto& place : folder.models) {
      FIRSTRING_TRY(auto model, read_model(place, settings));
      model.maker = maker;
      if (auto added = catalogue.add(std::move(model)); !added) return place.error(*place.table, added.error().what);
    }
    for (auto& [family_name, family] : settings)
      catalogue.parameters_.emplace(parameters_key(*maker, family_name), std::move(family.parameters));
  }
  return catalogue;
}

}  // namespace firstring::device
