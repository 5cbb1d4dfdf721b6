#include "simulator/document.hpp"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <set>

#include "base/text.hpp"
#include "simulator/gzip.hpp"

namespace firstring::simulator {
namespace {

constexpr std::size_t kMaxDocument = 4U << 20;

std::set<std::string, std::less<>> password_names(const device::Model& model) {
  std::set<std::string, std::less<>> names;
  const auto& pattern = model.line.password;
  const auto at = pattern.find("{n}");
  if (pattern.empty()) return names;
  for (unsigned line = 1; line <= model.lines; ++line) {
    auto name = pattern;
    if (at != std::string::npos) name.replace(at, 3, std::to_string(line));
    names.insert(std::move(name));
  }
  return names;
}

/// What a profile sets, whatever its form.
class Collector {
 public:
  explicit Collector(const device::Model& model)
      : periodic_(model.resync.periodic), passwords_(password_names(model)) {}

  void take(std::string_view name, std::string_view value) {
    ++document.parameters;
    if (!periodic_.empty() && name == periodic_) document.resync_periodic = value;
    if (!value.empty() && passwords_.contains(name)) document.has_account_password = true;
  }

  Document document;

 private:
  std::string_view periodic_;
  std::set<std::string, std::less<>> passwords_;
};

/// Visits every element below the root; SPA1xx nest parameters (spa-phones.md 4.1).
class Walker : public pugi::xml_tree_walker {
 public:
  explicit Walker(Collector& collector) : collector_(&collector) {}

  bool for_each(pugi::xml_node& node) override {
    if (node.type() != pugi::node_element) return true;
    for (const auto child : node.children()) {
      if (child.type() == pugi::node_element) return true;
    }
    collector_->take(node.name(), trim(node.child_value()));
    return true;
  }

 private:
  Collector* collector_;
};

Result<void> read_flat_profile(std::string_view body, Collector& collector) {
  pugi::xml_document xml;
  const auto parsed = xml.load_buffer(body.data(), body.size());
  if (!parsed) {
    return fail(Errc::invalid_input,
                fmt::format("read the profile: {} at byte {}", to_lower(parsed.description()), parsed.offset));
  }
  auto root = xml.document_element();
  if (std::string_view{root.name()} == "device") root = root.child("flat-profile");
  if (std::string_view{root.name()} != "flat-profile") {
    return fail(Errc::invalid_input,
                fmt::format("read the profile: its root element is '{}' in place of 'flat-profile'",
                            printable(xml.document_element().name(), 40)));
  }
  Walker walker{collector};
  root.traverse(walker);
  collector.document.form = "flat-profile XML";
  return {};
}

/// The first line is no comment: a phone takes nothing from a file that begins otherwise.
Result<void> read_lines(std::string_view body, std::string_view first_line, Collector& collector) {
  std::size_t number = 0;
  for (const auto whole : split(body, '\n')) {
    ++number;
    const auto line = trim(whole);
    if (number == 1 && !first_line.empty()) {
      if (line == first_line) continue;
      return fail(Errc::invalid_input, fmt::format("read the profile: its first line is '{}' in place of '{}'",
                                                   printable(line, 40), first_line));
    }
    if (line.empty() || line.starts_with('#')) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || trim(line.substr(0, equals)).empty())
      return fail(Errc::invalid_input, fmt::format("read the profile: line {} is no 'name = value'", number));
    collector.take(trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
  }
  collector.document.form = "lines of name = value";
  return {};
}

}  // namespace

Result<Document> read_document(std::string_view body, const device::Model& model) {
  std::string unpacked;
  const bool gzip = body.starts_with("\x1f\x8b");
  if (gzip) {
    FIRSTRING_TRY(unpacked, gunzip(as_bytes(body), kMaxDocument));
    body = unpacked;
  }
  if (body.empty()) return fail(Errc::invalid_input, "read the profile: it is empty");
  if (body.starts_with("Salted__")) {
    return fail(Errc::invalid_input, "read the profile: it is encrypted, and this phone was given no key");
  }

  Collector collector{model};
  FIRSTRING_CHECK(model.document.format == &vendor::kKeyValue ? read_lines(body, model.document.first_line, collector)
                                                              : read_flat_profile(body, collector));
  collector.document.gzip = gzip;
  return std::move(collector.document);
}

}  // namespace firstring::simulator
