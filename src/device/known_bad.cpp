#include "device/known_bad.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "device/data_table.hpp"
#include "device/model.hpp"

namespace firstring::device {

namespace known_bad_data {
std::span<const base::EmbeddedFile> files();  // data/known-bad/*.toml: see CMakeLists.txt
}

namespace {

/// Whether `serial` could stand among those from `pattern`: as long, and with its letters where that has them.
bool has_form_of(std::string_view serial, std::string_view pattern) {
  return std::equal(serial.begin(), serial.end(), pattern.begin(), pattern.end(),
                    [](char c, char wanted) { return is_digit(wanted) ? is_digit(c) : c == wanted; });
}

std::string to_upper(std::string_view text) {
  std::string result{text};
  for (auto& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

Result<Timestamp> read_date(const Place& place, std::string_view key, const toml::node& node) {
  const auto date = node.value<toml::date>();
  auto time = date ? parse_timestamp(fmt::format("{:04}-{:02}-{:02}", date->year, date->month, date->day))
                   : Result<Timestamp>{fail(Errc::invalid_input, {})};
  if (!time) return place.error(node, fmt::format("{} is a date, as in 2006-06-15", key));
  return time;
}

Result<std::vector<KnownBad::Serials>> read_serials(const Place& place, const toml::node& node) {
  const auto* array = node.as_array();
  if (array == nullptr || array->empty() || !array->is_homogeneous<toml::table>())
    return place.error(node, "serials is a list of tables with model, from and to");
  std::vector<KnownBad::Serials> list;
  for (const auto& element : *array) {
    auto& range = list.emplace_back();
    for (const auto& [key, value] : *element.as_table()) {
      auto* member = key.str() == "model"  ? &range.model
                     : key.str() == "from" ? &range.from
                     : key.str() == "to"   ? &range.to
                                           : nullptr;
      if (member == nullptr) return place.error(value, fmt::format("unknown key '{}' of serials", key.str()));
      FIRSTRING_TRY(*member, read_text(place, key.str(), value));
    }
    if (range.model.empty() || range.from.empty() || range.from != to_upper(range.from) ||
        !has_form_of(range.to, range.from) || range.to < range.from) {
      return place.error(element, "serials need a model, and from and to of one form in upper case, from the lower");
    }
  }
  return list;
}

Result<KnownBad> read_entry(const Place& place) {
  static constexpr std::array<std::pair<std::string_view, std::string KnownBad::*>, 6> kTexts{{
      {"name", &KnownBad::name},
      {"subject", &KnownBad::subject},
      {"fault", &KnownBad::fault},
      {"source", &KnownBad::source},
      {"confidence", &KnownBad::confidence},
      {"remedy", &KnownBad::remedy},
  }};
  KnownBad entry;
  for (const auto& [key, node] : *place.table) {
    const auto text =
        std::find_if(kTexts.begin(), kTexts.end(), [&](const auto& known) { return known.first == key.str(); });
    if (text != kTexts.end()) {
      FIRSTRING_TRY(entry.*text->second, read_text(place, key.str(), node));
    } else if (key.str() == "released") {
      FIRSTRING_TRY(entry.released, read_date(place, key.str(), node));
    } else if (key.str() == "made_from") {
      FIRSTRING_TRY(entry.made_from, read_date(place, key.str(), node));
    } else if (key.str() == "made_to") {
      FIRSTRING_TRY(entry.made_to, read_date(place, key.str(), node));
    } else if (key.str() == "serials") {
      FIRSTRING_TRY(entry.serials, read_serials(place, node));
    } else if (key.str() == "certificate") {
      FIRSTRING_TRY(const auto value, read_text(place, key.str(), node));
      if (value != "may_be_wrong" && value != "shared")
        return place.error(node, "certificate is \"may_be_wrong\" or \"shared\"");
      entry.certificate = value == "shared" ? KnownBad::Certificate::shared : KnownBad::Certificate::may_be_wrong;
    } else if (key.str() == "assurance_at_most") {
      const auto most = parse_assurance(node.value<std::string>().value_or(""));
      if (!most) return place.error(node, "assurance_at_most is \"none\", \"claimed\", \"generic\" or \"certificate\"");
      entry.assurance_at_most = *most;
    } else {
      return place.error(node, fmt::format("unknown key '{}' of known-bad hardware", key.str()));
    }
  }
  for (const auto& text : {entry.name, entry.fault, entry.source, entry.confidence, entry.remedy}) {
    if (text.empty())
      return place.error(*place.table, "known-bad hardware needs name, fault, source, confidence and remedy");
  }
  if (entry.released == Timestamp{}) return place.error(*place.table, "known-bad hardware needs the date 'released'");
  if (entry.serials.empty() == entry.subject.empty())
    return place.error(*place.table, "known-bad hardware is known by serials or by subject: by one of the two");
  return entry;
}

}  // namespace

std::string KnownBad::sentence() const {
  return fmt::format("Known-bad hardware, batch {}: {} ({})", name, fault, source);
}

bool contains(const KnownBad::Serials& range, std::string_view serial) {
  const auto upper = to_upper(serial);
  return has_form_of(upper, range.from) && upper >= range.from && upper <= range.to;
}

std::span<const KnownBad> known_bad_hardware() {
  static const auto all = read_shipped(known_bad_data::files(), &known_bad_from_toml);
  return all;
}

const KnownBad* find_known_bad(std::string_view name) {
  for (const auto& entry : known_bad_hardware()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

const KnownBad* find_known_bad(std::string_view model, std::string_view serial) {
  const auto holds = [&](const KnownBad::Serials& range) {
    return contains(range, serial) && (model.empty() || product_key(model) == product_key(range.model));
  };
  for (const auto& entry : known_bad_hardware()) {
    if (std::any_of(entry.serials.begin(), entry.serials.end(), holds)) return &entry;
  }
  return nullptr;
}

const KnownBad* find_known_bad_subject(std::string_view value) {
  for (const auto& entry : known_bad_hardware()) {
    if (!entry.subject.empty() && equals_ignoring_case(entry.subject, value)) return &entry;
  }
  return nullptr;
}

Result<std::vector<KnownBad>> known_bad_from_toml(std::span<const std::pair<std::string, std::string>> files) {
  std::vector<KnownBad> all;
  for (const auto& [file, text] : files) {
    FIRSTRING_TRY(const auto document, parse_data(file, text));
    const Place whole{file, &document};
    for (const auto& [key, node] : document) {
      const auto* list = node.as_array();
      if (key.str() != "known_bad" || list == nullptr || !list->is_array_of_tables())
        return whole.error(node, fmt::format("unknown key '{}'; there are [[known_bad]]", key.str()));
      for (const auto& table : *list) {
        FIRSTRING_TRY(auto entry, read_entry({file, table.as_table()}));
        const bool twice =
            std::any_of(all.begin(), all.end(), [&](const KnownBad& other) { return other.name == entry.name; });
        if (twice) return whole.error(table, fmt::format("'{}' is there twice", entry.name));
        all.push_back(std::move(entry));
      }
    }
  }
  return all;
}

}  // namespace firstring::device
