// Reads data/vendors/<maker>/: the maker, families that extend each other, and the models that belong to them. The data
// says of itself how it is to be read (cisco/maker.toml, cisco/models/common.toml).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "device/model.hpp"
#include "options/shipped.hpp"
#include "vendor/cisco/cisco.hpp"

namespace firstring::device {
namespace {

/// Code that data may name. A maker whose subjects and User-Agents are plain patterns needs none.
constexpr std::array<const vendor::Code*, 1> kCodes{&vendor::cisco::kCode};

constexpr std::size_t kMaxFamilyDepth = 16;
constexpr unsigned kMaxLines = 64;

using options::FilledText;
using options::Findings;
using options::Inner;
using options::Node;
using options::Option;
using options::Refusal;
using options::SectionTable;
using options::Times;
using enum options::Presence;

// ---- kinds of key that only this data has ----

/// { Proxy_1_ = "x" }: comes over what is there already.
struct Values {
  using Value = ParameterValues;
};
std::string describe(const Values&) { return "a table of parameters and values"; }
std::optional<Refusal> read(const Values&, const Node& node, ParameterValues& values) {
  if (!node.is_table()) return Refusal{fmt::format("is {}, not a table of parameters and values", node.type())};
  for (const auto& entry : node.entries()) {
    std::string text;
    if (auto refusal = options::read_filled_text(entry.value, "text", text)) {
      refusal->what = fmt::format("has a parameter '{}' that {}", entry.key, refusal->what);
      return refusal;
    }
    const auto known =
        std::find_if(values.begin(), values.end(), [&](const auto& setting) { return setting.first == entry.key; });
    if (known != values.end()) {
      known->second = std::move(text);
    } else {
      values.emplace_back(entry.key, std::move(text));
    }
  }
  return std::nullopt;
}
std::string to_toml(const Values&, const ParameterValues& values) {
  std::vector<std::string> pairs;
  for (const auto& [parameter, value] : values)
    pairs.push_back(fmt::format("{} = {}", options::in_quotes(parameter), options::in_quotes(value)));
  return fmt::format("{{ {} }}", fmt::join(pairs, ", "));
}

/// ["a", "b"]: added to what is there already.
struct MoreTexts {
  using Value = std::vector<std::string>;
};
std::string describe(const MoreTexts&) { return describe(options::Texts{}); }
std::optional<Refusal> read(const MoreTexts&, const Node& node, std::vector<std::string>& values) {
  std::vector<std::string> more;
  auto refusal = read(options::Texts{}, node, more);
  if (!refusal) values.insert(values.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return refusal;
}
std::string to_toml(const MoreTexts&, const std::vector<std::string>& values) {
  return to_toml(options::Texts{}, values);
}

/// "A B_{n}_": names with white space between them, added to what is there already.
struct ParameterNames {
  using Value = std::vector<ParameterName>;
};
std::string describe(const ParameterNames&) { return "names of parameters with white space between them"; }
std::optional<Refusal> read(const ParameterNames&, const Node& node, std::vector<ParameterName>& names) {
  auto text = node.text();
  if (!text) return Refusal{fmt::format("is {}, not text", node.type())};
  std::replace(text->begin(), text->end(), '\n', ' ');
  for (const auto word : split(*text, ' ')) {
    if (word.empty()) continue;
    auto name = ParameterName::parse(word);
    if (!name) return Refusal{fmt::format("has a wrong entry: {}", name.error().what)};
    names.push_back(*std::move(name));
  }
  return std::nullopt;
}
/// A name is not written as it was read: this is the example that a message shows.
std::string to_toml(const ParameterNames&, const std::vector<ParameterName>&) { return R"("Proxy_{n}_ User_ID_{n}_")"; }

/// 60: seconds, up to a day.
template <class T>
struct Seconds {
  using Value = T;
};
constexpr options::Whole kSeconds{1, 86'400};
template <class T>
std::string describe(const Seconds<T>&) {
  return describe(kSeconds) + ", of seconds";
}
template <class T>
std::optional<Refusal> read(const Seconds<T>&, const Node& node, T& value) {
  unsigned number = 0;
  auto refusal = read(kSeconds, node, number);
  if (!refusal) value = std::chrono::seconds{number};
  return refusal;
}
template <class T>
std::string to_toml(const Seconds<T>&, const T& value) {
  return std::to_string(std::optional<std::chrono::seconds>{value}.value_or(std::chrono::seconds{60}).count());
}

// ---- what stands in the files ----

/// What a family, or a model for itself, says.
struct Settings {
  std::string vendor, user_agent, tls_client, own_profile, format, first_line;
  std::vector<std::string> firmware, certificate_products, bootstrap_files, profile_files;
  ParameterValues first_file;
  LineParameters line;
  ResyncParameters resync;
  std::vector<ParameterName> parameters;
};

struct FamilyText : Settings {
  std::string extends;
};

struct ModelText : Settings {
  std::string name, family, psn, product;
  unsigned lines = 1;
};

struct MakerText : options::Section {
  std::string name, code;
  std::vector<std::string> issuers, subjects, user_agents;
};

const SectionTable<LineParameters>& line_table() {
  using L = LineParameters;
  static const SectionTable<L> table{
      "line",
      Times::once,
      "How an account is named in the model's parameters.",
      L{},
      {{"user", FilledText{}, &L::user, optional, "The account's user."},
       {"auth_user", FilledText{}, &L::auth_user, optional, "The same, for authentication."},
       {"password", FilledText{}, &L::password, optional, "Its password."},
       {"proxy", FilledText{}, &L::proxy, optional, "Host and port in one."},
       {"proxy_host", FilledText{}, &L::proxy_host, optional, "The host alone."},
       {"proxy_port", FilledText{}, &L::proxy_port, optional, "The port alone."},
       {"display", FilledText{}, &L::display, optional, "The name shown."},
       {"transport", FilledText{}, &L::transport, optional, "The transport, by the values that follow."},
       {"udp", FilledText{}, &L::udp, optional, "A value of transport."},
       {"tcp", FilledText{}, &L::tcp, optional, "Likewise."},
       {"tls", FilledText{}, &L::tls, optional, "Likewise."},
       {"always", Values{}, &L::always, optional, "For each line that has an account."},
       {"srtp", Values{}, &L::srtp, optional, "For a line that encrypts its media."}}};
  return table;
}

const SectionTable<ResyncParameters>& resync_table() {
  using R = ResyncParameters;
  static const SectionTable<R> table{
      "resync",
      Times::once,
      "The parameters by which a phone decides when to come again.",
      R{},
      {{"periodic", FilledText{}, &R::periodic, optional, "Time between two contacts."},
       {"error_retry", FilledText{}, &R::error_retry, optional, "Likewise after a failed one."},
       {"at", FilledText{}, &R::at, optional, "Time of day."},
       {"enabled", FilledText{}, &R::enabled, optional, "Whether periodic counts."},
       {"fails_on_missing", FilledText{}, &R::fails_on_missing, optional, "Whether a missing file is a failure."},
       {"unit_s", Seconds<std::chrono::seconds>{}, &R::unit, optional, "The unit of periodic and error_retry."},
       {"usual_s", Seconds<std::optional<std::chrono::seconds>>{}, &R::usual, optional, "Where nothing is set."}}};
  return table;
}

/// What families and models share.
template <class S>
void add_settings(std::vector<Option<S>>& keys) {
  const auto add = [&](std::string_view name, auto kind, auto member, std::string_view help) {
    keys.emplace_back(name, kind, member, optional, help);
  };
  add("vendor", FilledText{}, &Settings::vendor, "The brand, as the User-Agent says it.");
  add("format", FilledText{}, &Settings::format, "How documents are written.");
  add("first_line", FilledText{}, &Settings::first_line, "What stands before the parameters.");
  add("user_agent", FilledText{}, &Settings::user_agent, "As the phone sends it, with placeholders.");
  add("tls_client", FilledText{}, &Settings::tls_client, "What the simulator speaks.");
  add("own_profile", FilledText{}, &Settings::own_profile, "URL path of the phone's own profile.");
  // The versions of a model stand for themselves; the other lists grow.
  add("firmware", options::Texts{}, &Settings::firmware, "Example versions, oldest first.");
  add("certificate_products", MoreTexts{}, &Settings::certificate_products, "How certificates spell the product.");
  add("bootstrap_files", MoreTexts{}, &Settings::bootstrap_files, "Paths of the model's first files.");
  add("profile_files", MoreTexts{}, &Settings::profile_files, "Paths of a phone's own profile, with {mac}.");
}

const SectionTable<FamilyText>& family_table() {
  static const SectionTable<FamilyText> table = [] {
    std::vector<Option<FamilyText>> keys{
        {"extends", FilledText{}, &FamilyText::extends, optional, "The family that it inherits from."},
        {"parameters", ParameterNames{}, &FamilyText::parameters, optional, "The parameters that its phones know."},
        {"line", Inner<LineParameters>{&line_table()}, &FamilyText::line, optional, "Its accounts."},
        {"first_file", Values{}, &FamilyText::first_file, optional, "What the file without a MAC sets."},
        {"resync", Inner<ResyncParameters>{&resync_table()}, &FamilyText::resync, optional, "When it comes again."}};
    add_settings(keys);
    return SectionTable<FamilyText>{"family.NAME", Times::once, "What models have in common.", FamilyText{},
                                    std::move(keys)};
  }();
  return table;
}

const SectionTable<ModelText>& model_table() {
  static const SectionTable<ModelText> table = [] {
    ModelText sample;
    sample.name = "SPA504G";
    sample.family = "spa5xx";
    sample.psn = "504G";
    std::vector<Option<ModelText>> keys{
        {"name", FilledText{}, &ModelText::name, required, "Unique."},
        {"family", FilledText{}, &ModelText::family, required, "Which parameters it knows."},
        {"psn", FilledText{}, &ModelText::psn, required, "$PSN."},
        {"product", FilledText{}, &ModelText::product, optional, "$PN, where it is not the name."},
        {"lines", options::Whole{1, kMaxLines}, &ModelText::lines, optional, "How many lines it has."}};
    add_settings(keys);
    return SectionTable<ModelText>{"model", Times::many, "A model of phone.", std::move(sample), std::move(keys)};
  }();
  return table;
}

const SectionTable<MakerText>& maker_table() {
  static const SectionTable<MakerText> table = [] {
    MakerText sample;
    sample.name = "Yealink";
    sample.subjects = {"CN={mac}"};
    return SectionTable<MakerText>{
        "maker",
        Times::once,
        "A maker of phones; data/vendors/cisco/maker.toml explains the keys.",
        std::move(sample),
        {{"name", FilledText{}, &MakerText::name, required, "For people."},
         {"code", FilledText{}, &MakerText::code, optional, "Functions for what patterns do not suffice for."},
         {"issuers", options::Texts{}, &MakerText::issuers, optional, "CN of the CAs that sign its certificates."},
         {"subjects", options::Texts{}, &MakerText::subjects, optional, "Which attribute names the phone."},
         {"user_agents", options::Texts{}, &MakerText::user_agents, optional, "Forms of the User-Agent."}}};
  }();
  return table;
}

/// A table and the file that it stands in.
struct Place {
  std::string file;
  Node table;

  auto error(options::Position at, std::string what) const { return options::fault_at(file, at, std::move(what)); }
  auto error(std::string what) const { return error(table.position(), std::move(what)); }

  /// Reads it over what `target` has.
  template <class S>
  Result<void> read(const SectionTable<S>& by, S& target) const {
    return options::read_all(file, [&](Findings& findings) { read_keys(by, table, target, findings); });
  }
};

using Families = std::map<std::string, Place, std::less<>>;

/// The settings of a family, those of what it extends first.
Result<FamilyText> read_family(const Families& families, const std::string& name, std::size_t depth = 0) {
  const auto& place = families.at(name);
  FamilyText family;
  if (const auto extends = place.table.find("extends"); extends && extends->value.text()) {
    const auto at = extends->position;
    const auto parent = *extends->value.text();
    if (!families.contains(parent)) return place.error(at, fmt::format("there is no family '{}'", parent));
    if (depth == kMaxFamilyDepth) return place.error(at, fmt::format("family '{}' extends itself", name));
    FIRSTRING_TRY(family, read_family(families, parent, depth + 1));
  }
  FIRSTRING_CHECK(place.read(family_table(), family));
  std::sort(family.parameters.begin(), family.parameters.end());
  family.parameters.erase(std::unique(family.parameters.begin(), family.parameters.end()), family.parameters.end());
  return family;
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
    return place.error(fmt::format("model '{}': '{}' is no path with {} {{mac}}", model.name, path,
                                   kind == FileKind::profile ? "one" : "no"));
  }
  model.files.push_back({std::move(path), kind});
  return {};
}

Result<Model> read_model(const Place& place, const std::map<std::string, FamilyText, std::less<>>& families) {
  ModelText settings;
  if (const auto family = place.table.find("family"); family && family->value.text()) {
    const auto found = families.find(*family->value.text());
    if (found == families.end())
      return place.error(family->position, fmt::format("there is no family '{}'", *family->value.text()));
    static_cast<Settings&>(settings) = found->second;
  }
  FIRSTRING_CHECK(place.read(model_table(), settings));
  Model model;
  model.name = std::move(settings.name);
  model.family = std::move(settings.family);
  model.psn = std::move(settings.psn);
  model.product = settings.product.empty() ? model.name : std::move(settings.product);
  model.lines = settings.lines;
  static constexpr std::array<std::pair<std::string_view, std::string Settings::*>, 5> kNeeded{{
      {"vendor", &Settings::vendor},
      {"user_agent", &Settings::user_agent},
      {"tls_client", &Settings::tls_client},
      {"own_profile", &Settings::own_profile},
      {"format", &Settings::format},
  }};
  for (const auto& [key, member] : kNeeded) {
    if ((settings.*member).empty())
      return place.error(fmt::format("model '{}' and its family lack {}", model.name, key));
  }
  model.document.format = vendor::find_format(settings.format);
  if (model.document.format == nullptr) {
    return place.error(fmt::format("model '{}': there is no format '{}'", model.name, settings.format));
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
  MakerText text;
  FIRSTRING_CHECK(place.read(maker_table(), text));
  Maker maker;
  maker.name = std::move(text.name);
  maker.issuers = std::move(text.issuers);
  if (!text.code.empty()) {
    const auto* const code =
        std::find_if(kCodes.begin(), kCodes.end(), [&](const vendor::Code* one) { return one->name == text.code; });
    if (code == kCodes.end())
      return place.error(text.position_of("code"), fmt::format("there is no code '{}'", text.code));
    maker.code = *code;
  }
  for (const auto& form : text.user_agents) {
    auto pattern = vendor::Pattern::parse(form);
    if (!pattern) return place.error(text.position_of("user_agents"), pattern.error().what);
    maker.user_agents.push_back(*std::move(pattern));
  }
  for (const auto& form : text.subjects) {
    const auto at = text.position_of("subjects");
    const auto equals = form.find('=');
    if (equals == std::string::npos || form.find("{mac}") == std::string::npos)
      return place.error(at, fmt::format("'{}' is no attribute with a form that has {{mac}}", form));
    auto pattern = vendor::Pattern::parse(std::string_view{form}.substr(equals + 1));
    if (!pattern) return place.error(at, pattern.error().what);
    maker.subjects.emplace_back(form.substr(0, equals), *std::move(pattern));
  }
  if (maker.code != nullptr && !(maker.subjects.empty() && maker.user_agents.empty()))
    return place.error("a maker has code, or subjects and user_agents, not both");
  // A subject that any CA may sign is read by one maker alone: a form of another's must not widen what it proves.
  if (maker.code == nullptr && !maker.subjects.empty() && maker.issuers.empty())
    return place.error("a maker with subjects names the issuers that they are read under");
  return maker;
}

/// The files of one folder below data/vendors.
struct Folder {
  std::optional<Place> maker;
  Families families;
  std::vector<Place> models;
};

Result<void> sort_in(const std::string& file, const Node& root, Folder& folder) {
  for (const auto& entry : root.entries()) {
    if (entry.key == "family" && entry.value.is_table()) {
      for (const auto& [name, position, family] : entry.value.entries()) {
        if (!family.is_table()) return options::fault_at(file, position, fmt::format("family.{} is a table", name));
        const bool is_new = folder.families.emplace(name, Place{file, family}).second;
        if (!is_new) return options::fault_at(file, position, fmt::format("family '{}' is there twice", name));
      }
    } else if (entry.key == "model" && entry.value.is_list_of_tables()) {
      for (const auto& model : entry.value.items()) folder.models.push_back({file, model});
    } else if (entry.key == "maker" && entry.value.is_table()) {
      if (folder.maker) return options::fault_at(file, entry.position, "[maker] is there twice");
      folder.maker = Place{file, entry.value};
    } else {
      return options::fault_at(
          file, entry.position,
          fmt::format("unknown key '{}'; there are [maker], [family.NAME] and [[model]]", entry.key));
    }
  }
  return {};
}

/// Whether the maker's certificates can be told from those of the makers before it.
Result<void> check_issuers(const Place& place, const Maker& maker,
                           std::span<const std::unique_ptr<const Maker>> others) {
  for (const auto& other : others) {
    if (other->issuers.empty() && maker.issuers.empty()) {
      return place.error(
          fmt::format("{} names no issuers, nor does {}: one maker alone may do that", maker.name, other->name));
    }
    for (const auto& issuer : maker.issuers) {
      if (std::find(other->issuers.begin(), other->issuers.end(), issuer) != other->issuers.end())
        return place.error(fmt::format("the issuer '{}' is one of {} already", issuer, other->name));
    }
  }
  return {};
}

}  // namespace

Result<Catalogue> Catalogue::from_toml(std::span<const std::pair<std::string, std::string>> files) {
  std::vector<options::Document> documents;  // places point into them
  std::map<std::string, Folder, std::less<>> folders;
  for (const auto& [file, text] : files) {
    std::optional<options::Document> document;
    FIRSTRING_CHECK(options::read_all(
        file, [&, &content = text](Findings& findings) { document = options::Document::parse(content, findings); }));
    documents.push_back(*document);
    FIRSTRING_CHECK(sort_in(file, document->root(), folders[file.substr(0, file.find('/'))]));
  }

  Catalogue catalogue;
  for (const auto& [name, folder] : folders) {
    if (!folder.maker) return fail(Errc::invalid_input, fmt::format("{}/maker.toml: there is no [maker]", name));
    FIRSTRING_TRY(auto read, read_maker(*folder.maker));
    read.folder = name;
    FIRSTRING_CHECK(check_issuers(*folder.maker, read, catalogue.makers_));
    const auto* maker = catalogue.makers_.emplace_back(std::make_unique<const Maker>(std::move(read))).get();

    std::map<std::string, FamilyText, std::less<>> settings;
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
      if (auto added = catalogue.add(std::move(model)); !added) return place.error(added.error().what);
    }
    for (auto& [family_name, family] : settings)
      catalogue.parameters_.emplace(parameters_key(*maker, family_name), std::move(family.parameters));
  }
  return catalogue;
}

}  // namespace firstring::device
