#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "device/model.hpp"
#include "options/shipped.hpp"

namespace firstring::device {

namespace vendor_data {
std::span<const base::EmbeddedFile> files();  // data/vendors/<maker>/: see CMakeLists.txt
}

namespace {

constexpr std::size_t kMaxPath = 200;  // longer than any pattern
constexpr std::size_t kMaxUserAgent = 200;

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

bool ends_with_ignoring_case(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && equals_ignoring_case(text.substr(text.size() - suffix.size()), suffix);
}

/// 12 digits, or 17 with ':' or '-'; other lengths are not worth the text of an error.
std::optional<MacAddress> mac_in_file_name(std::string_view text) {
  if (text.size() != 12 && text.size() != 17) return std::nullopt;
  return to_optional(MacAddress::parse(text));
}

}  // namespace

const Catalogue& Catalogue::shipped() {
  static const auto catalogue = options::read_shipped(vendor_data::files(), &Catalogue::from_toml);
  return catalogue;
}

std::string product_key(std::string_view product) {
  auto key = to_lower(product);
  std::erase(key, '-');
  return key;
}

/// Enters a model, and every name by which it will be looked up.
Result<void> Catalogue::add(Model model) {
  const auto index = models_.size();
  if (!by_name_.emplace(to_lower(model.name), index).second) {
    return fail(Errc::conflict, fmt::format("model '{}' is there twice", model.name));
  }
  auto products = model.certificate_products;
  products.insert(products.end(), {model.name, model.product});
  for (const auto& product : products) {
    const auto known = by_product_.emplace(product_key(product), index).first->second;
    if (known == index) continue;
    return fail(Errc::conflict,
                fmt::format("model '{}': '{}' is a product of {} already", model.name, product, models_[known].name));
  }
  for (const auto& file : model.files) {
    const auto path = to_lower(file.text);
    if (file.kind == FileKind::bootstrap) {
      const auto [known, is_new] = bootstrap_files_.emplace(path, Askers{.first = index});
      if (is_new || known->second.first == index) continue;
      known->second.several = true;
      // Whoever asks for it says no more than that it is one of them.
      const auto& other = models_[known->second.first];
      if (other.document == model.document && other.maker == model.maker && other.own_profile == model.own_profile)
        continue;
      return fail(Errc::conflict, fmt::format("model '{}': '{}' is the first file of {} too, which has another "
                                              "form or own profile",
                                              model.name, file.text, other.name));
    }
    constexpr std::string_view kMac = "{mac}";
    const auto at = path.find(kMac);
    ProfileName name{path.substr(0, at), path.substr(at + kMac.size())};
    if (std::find(profile_names_.begin(), profile_names_.end(), name) == profile_names_.end()) {
      profile_names_.push_back(std::move(name));
    }
  }
  models_.push_back(std::move(model));
  return {};
}

const Maker* Catalogue::maker_of_issuer(const crypto::DistinguishedName& issuer) const {
  const auto name = vendor::value_of(issuer, "CN");
  const Maker* of_any = nullptr;
  for (const auto& maker : makers_) {
    if (maker->issuers.empty()) of_any = maker.get();
    if (!name.empty() && std::find(maker->issuers.begin(), maker->issuers.end(), name) != maker->issuers.end())
      return maker.get();
  }
  return of_any;
}

bool Catalogue::is_foreign(const Maker& maker, std::string_view parameter) const {
  const auto key = ParameterName::key_of(parameter);
  if (const auto own = names_of_.find(&maker); own != names_of_.end() && own->second.contains(key)) return false;
  return std::any_of(names_of_.begin(), names_of_.end(), [&](const auto& names) { return names.second.contains(key); });
}

const Model* Catalogue::find(std::string_view name) const {
  const auto found = by_name_.find(to_lower(name));
  return found == by_name_.end() ? nullptr : &models_[found->second];
}

const Model* Catalogue::find_product(std::string_view product) const {
  const auto found = by_product_.find(product_key(product));
  return found == by_product_.end() ? nullptr : &models_[found->second];
}

std::vector<std::string> Catalogue::names() const {
  std::vector<std::string> names;
  names.reserve(models_.size());
  for (const auto& model : models_) names.push_back(model.name);
  return names;
}

std::optional<FileMatch> Catalogue::match_file(std::string_view path) const {
  if (path.size() > kMaxPath) return std::nullopt;
  if (const auto found = bootstrap_files_.find(to_lower(path)); found != bootstrap_files_.end()) {
    const auto* asker = &models_[found->second.first];
    return FileMatch{FileKind::bootstrap, found->second.several ? nullptr : asker, std::nullopt, asker};
  }
  for (const auto& [before, behind] : profile_names_) {
    if (path.size() < before.size() + behind.size()) continue;
    if (!starts_with_ignoring_case(path, before) || !ends_with_ignoring_case(path, behind)) continue;
    const auto middle = path.substr(before.size(), path.size() - before.size() - behind.size());
    if (const auto mac = mac_in_file_name(middle)) return FileMatch{FileKind::profile, nullptr, mac, nullptr};
  }
  return std::nullopt;
}

std::string Catalogue::parameters_key(const Maker& maker, std::string_view family) {
  return fmt::format("{}/{}", maker.folder, family);
}

bool Catalogue::knows_parameter(const Model& model, std::string_view parameter) const {
  const auto found = parameters_.find(parameters_key(*model.maker, model.family));
  return found != parameters_.end() && std::any_of(found->second.begin(), found->second.end(), [&](const auto& name) {
           return name.matches(parameter, model.lines);
         });
}

bool Catalogue::knows_parameter(std::string_view parameter) const {
  return std::any_of(models_.begin(), models_.end(),
                     [&](const Model& model) { return knows_parameter(model, parameter); });
}

std::string Catalogue::suggest_parameter(std::string_view parameter, const Model* model) const {
  std::set<std::string> names;
  for (const auto& candidate : models_) {
    if (model != nullptr && model != &candidate) continue;
    for (const auto& name : parameters_.at(parameters_key(*candidate.maker, candidate.family))) {
      for (auto& expanded : name.expand(candidate.lines)) names.insert(std::move(expanded));
    }
  }
  return did_you_mean(parameter, std::vector<std::string>{names.begin(), names.end()});
}

std::optional<UserAgent> parse_user_agent(std::string_view text) {
  if (text.size() > kMaxUserAgent) return std::nullopt;
  for (const auto& maker : Catalogue::shipped().makers()) {
    if (auto agent = maker->read_user_agent(text)) return agent;
  }
  return std::nullopt;
}

ProxyAddress split_proxy(std::string_view proxy, bool tls) {
  // Within brackets, colons are the address's own; two of them without are no port either.
  const auto bracket = proxy.rfind(']');
  const auto colon = proxy.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const bool has_port = colon != std::string_view::npos && colon + 1 < proxy.size() &&
                        proxy.find(':', colon + 1) == std::string_view::npos;
  if (!has_port) return {proxy, tls ? "5061" : "5060"};
  return {proxy.substr(0, colon), std::string{proxy.substr(colon + 1)}};
}

}  // namespace firstring::device
