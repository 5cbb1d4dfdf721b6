#include "manage/device_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "manage/csv.hpp"
#include "manage/lookup.hpp"

namespace firstring::manage {
namespace {

constexpr std::array<std::string_view, 4> kColumns{"mac", "model", "serial", "group"};
constexpr std::size_t kMissing = static_cast<std::size_t>(-1);

/// Where each of kColumns stands.
using Places = std::array<std::size_t, kColumns.size()>;

/// "" or what is wrong with the heading.
std::string read_heading(const CsvRecord& heading, Places& places) {
  if (!heading.problem.empty()) return heading.problem;
  places.fill(kMissing);
  for (std::size_t i = 0; i < heading.fields.size(); ++i) {
    const auto name = to_lower(trim(heading.fields[i]));
    const auto column = static_cast<std::size_t>(std::find(kColumns.begin(), kColumns.end(), name) - kColumns.begin());
    if (column == kColumns.size()) {
      const std::vector<std::string> known{kColumns.begin(), kColumns.end()};
      return fmt::format("unknown column '{}'{}; the first line names the columns: mac,model,serial,group",
                         visible(heading.fields[i], 40), did_you_mean(name, known));
    }
    if (places[column] != kMissing) return fmt::format("column '{}' appears twice", name);
    places[column] = i;
  }
  for (const auto column : {0U, 1U}) {
    if (places[column] == kMissing) {
      return fmt::format("column '{}' is missing; the first line names the columns: mac,model,serial,group",
                         kColumns[column]);
    }
  }
  return {};
}

}  // namespace

DeviceList read_device_list(std::string_view csv, const device::Catalogue& catalogue,
                            const std::vector<store::Device>& existing, const std::vector<store::Group>& groups,
                            Timestamp created) {
  DeviceList list;
  const auto records = parse_csv(csv);
  if (records.empty()) {
    list.problems.push_back({1, "the file is empty; its first line names the columns: mac,model,serial,group"});
    return list;
  }
  Places places{};
  if (auto problem = read_heading(records[0], places); !problem.empty()) {
    list.problems.push_back({records[0].line, std::move(problem)});
    return list;
  }

  std::unordered_map<MacAddress, std::size_t> seen;  // on which line; 0: in the database
  for (const auto& device : existing) seen.emplace(device.mac, 0);
  std::vector<std::string> group_names;
  for (const auto& group : groups) group_names.push_back(group.name);
  std::sort(group_names.begin(), group_names.end());

  // "" or what is wrong with the record.
  const auto read_record = [&](const CsvRecord& record, store::Device& device) -> std::string {
    if (!record.problem.empty()) return record.problem;
    if (record.fields.size() != records[0].fields.size()) {
      return fmt::format("has {} fields, and the heading {}", record.fields.size(), records[0].fields.size());
    }
    const auto field = [&](std::size_t column) {
      return places[column] == kMissing ? std::string_view{} : trim(record.fields[places[column]]);
    };
    const auto mac = MacAddress::parse(field(0));
    if (!mac) return visible(mac.error().what);
    device.mac = *mac;
    const auto* model = catalogue.find(field(1));
    if (model == nullptr) {
      return fmt::format("there is no model '{}'{}", visible(field(1), 60), did_you_mean(field(1), catalogue.names()));
    }
    device.model = model->name;
    device.serial = field(2);
    if (const auto bad = bad_label(device.serial); !bad.empty()) return "the serial number " + bad;
    device.group = field(3);
    if (!device.group.empty() && !std::binary_search(group_names.begin(), group_names.end(), device.group)) {
      return fmt::format("there is no group '{}'{}", visible(device.group, 60),
                         did_you_mean(device.group, group_names));
    }
    const auto [earlier, fresh] = seen.emplace(device.mac, record.line);
    if (!fresh && earlier->second == 0) return fmt::format("device {} already exists", device.mac.bare());
    if (!fresh) return fmt::format("device {} is on line {} already", device.mac.bare(), earlier->second);
    device.created = created;
    return {};
  };
  list.devices.reserve(records.size());
  for (std::size_t i = 1; i < records.size(); ++i) {
    store::Device device;
    if (auto problem = read_record(records[i], device); !problem.empty()) {
      list.problems.push_back({records[i].line, std::move(problem)});
    } else {
      list.devices.push_back(std::move(device));
    }
  }
  return list;
}

std::string write_device_list(const std::vector<store::Device>& devices) {
  auto text = csv_line({kColumns.begin(), kColumns.end()});
  for (const auto& device : devices) text += csv_line({device.mac.bare(), device.model, device.serial, device.group});
  return text;
}

}  // namespace firstring::manage
