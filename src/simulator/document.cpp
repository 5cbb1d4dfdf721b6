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

/// Visits every element below the root; SPA1xx nest parameters (spa-phones.md 4.1).
class Reader : public pugi::xml_tree_walker {
 public:
  explicit Reader(const device::Model& model) : passwords_(password_names(model)) {}

  bool for_each(pugi::xml_node& node) override {
    if (node.type() != pugi::node_element) return true;
    for (const auto child : node.children()) {
      if (child.type() == pugi::node_element) return true;
    }
    ++document.parameters;
    const std::string_view name = node.name();
    const auto value = trim(node.child_value());
    if (name == "Resync_Periodic") document.resync_periodic = value;
    if (name == "Resync_Error_Retry_Delay") document.resync_error_retry_delay = value;
    if (!value.empty() && passwords_.contains(name)) document.has_account_password = true;
    return true;
  }

  Document document;

 private:
  std::set<std::string, std::less<>> passwords_;
};

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
  Reader reader{model};
  root.traverse(reader);
  reader.document.gzip = gzip;
  return std::move(reader.document);
}

}  // namespace firstring::simulator
