#include "device/known_bad.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "device/model.hpp"
#include "options/shipped.hpp"

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

/// One of these files as it stands there.
struct SerialsText : options::Section, KnownBad::Serials {};
struct EntryText : options::Section, KnownBad {
  std::optional<std::chrono::sys_days> released_on, made_from_on, made_to_on;
  std::vector<SerialsText> ranges;
};
struct FileText {
  std::vector<EntryText> entries;
};

using options::FilledText;
using options::SectionTable;
using options::Times;
using enum options::Presence;

const SectionTable<SerialsText>& serials_table() {
  static const SectionTable<SerialsText> table = [] {
    SerialsText sample;
    sample.model = "SPA2102";
    sample.from = "FM500F100000";
    sample.to = "FM500F699999";
    return SectionTable<SerialsText>{"serials",
                                     Times::many,
                                     "The devices of one model.",
                                     std::move(sample),
                                     {{"model", FilledText{}, &SerialsText::model, required, "As people write it."},
                                      {"from", FilledText{}, &SerialsText::from, required, "The first serial number."},
                                      {"to", FilledText{}, &SerialsText::to, required, "The last, of that form."}}};
  }();
  return table;
}

constexpr std::array kCertificateWords{std::pair{std::string_view{"may_be_wrong"}, KnownBad::Certificate::may_be_wrong},
                                       std::pair{std::string_view{"shared"}, KnownBad::Certificate::shared}};
constexpr std::array kAssuranceWords{std::pair{std::string_view{"none"}, Assurance::none},
                                     std::pair{std::string_view{"claimed"}, Assurance::claimed},
                                     std::pair{std::string_view{"generic"}, Assurance::generic},
                                     std::pair{std::string_view{"certificate"}, Assurance::certificate}};

const SectionTable<EntryText>& entry_table() {
  using E = EntryText;
  static const SectionTable<E> table = [] {
    E sample;
    sample.name = "2006-06-wrong-certificates";
    sample.released_on = std::chrono::sys_days{std::chrono::year{2026} / 11 / 24};
    sample.fault = "have the certificate of another";
    sample.source = "the maker's field notice";
    sample.confidence = "vendor";
    sample.remedy = "Have the phone replaced.";
    return SectionTable<E>{
        "known_bad",
        Times::many,
        "Hardware that left its maker with a fault; data/vendors/cisco/known-bad explains the keys.",
        std::move(sample),
        {{"name", FilledText{}, &E::name, required, "Stable; the ledger has it."},
         {"released", options::DateOrNone{}, &E::released_on, required, "When the entry was written."},
         {"serials", options::Sections<SerialsText>{&serials_table()}, &E::ranges, optional, "Which devices."},
         {"subject", FilledText{}, &E::subject, optional, "Instead: L or ST of the certificate's subject."},
         {"made_from", options::DateOrNone{}, &E::made_from_on, optional, "When they were made, for people."},
         {"made_to", options::DateOrNone{}, &E::made_to_on, optional, "Likewise."},
         {"fault", FilledText{}, &E::fault, required, "Ends: The phone is of a batch of which ..."},
         {"source", FilledText{}, &E::source, required, "Where it is known from."},
         {"confidence", FilledText{}, &E::confidence, required, "How sure that is."},
         {"certificate", options::Word<KnownBad::Certificate>{kCertificateWords}, &E::certificate, optional,
          "What its certificate is worth."},
         {"assurance_at_most", options::Word<Assurance>{kAssuranceWords}, &E::assurance_at_most, optional,
          "How much such a certificate can ever prove."},
         {"remedy", FilledText{}, &E::remedy, required, "What to do."}}};
  }();
  return table;
}

const SectionTable<FileText>& file_table() {
  static const SectionTable<FileText> table{
      "a file of known-bad hardware",
      Times::whole_file,
      "Any number of them.",
      FileText{},
      {{"known_bad", options::Sections<EntryText>{&entry_table()}, &FileText::entries, optional, "One each."}}};
  return table;
}

/// What the keys mean together.
Result<KnownBad> checked(const std::string& file, EntryText entry) {
  const auto time = [](const auto& day) { return day ? std::optional<Timestamp>{*day} : std::nullopt; };
  entry.made_from = time(entry.made_from_on);
  entry.made_to = time(entry.made_to_on);
  if (!entry.released_on) return options::fault_at(file, entry.position_of("released"), "'released' is a date");
  entry.released = *entry.released_on;
  for (auto& range : entry.ranges) {
    if (range.from != to_upper(range.from) || !has_form_of(range.to, range.from) || range.to < range.from) {
      return options::fault_at(file, range.position_of(""),
                               "serials need from and to of one form in upper case, from the lower");
    }
    entry.serials.push_back(std::move(range));
  }
  if (entry.serials.empty() == entry.subject.empty()) {
    return options::fault_at(file, entry.position_of(""),
                             "known-bad hardware is known by serials or by subject: by one of the two");
  }
  return KnownBad{std::move(entry)};
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
  static const auto all = options::read_shipped(known_bad_data::files(), &known_bad_from_toml);
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
    FIRSTRING_TRY(auto read, options::read_whole_file(file_table(), file, text));
    for (auto& one : read.entries) {
      const auto position = one.position_of("");
      FIRSTRING_TRY(auto entry, checked(file, std::move(one)));
      const bool twice =
          std::any_of(all.begin(), all.end(), [&](const KnownBad& other) { return other.name == entry.name; });
      if (twice) return options::fault_at(file, position, fmt::format("'{}' is there twice", entry.name));
      all.push_back(std::move(entry));
    }
  }
  return all;
}

}  // namespace firstring::device
