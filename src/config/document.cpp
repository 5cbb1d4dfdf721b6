#include <fmt/format.h>

#include "base/text.hpp"
#include "config/config.hpp"
#include "config/options.hpp"

namespace firstring::config {
namespace {

using options::Option;
using options::Presence;
using options::Times;

/// Sentences as comment lines of at most 100 columns.
std::string comment(std::string_view sentences) {
  constexpr std::size_t kWidth = 100;
  std::string text;
  std::string line = "#";
  for (const auto word : split(sentences, ' ')) {
    if (line.size() + 1 + word.size() > kWidth) {
      text += line + "\n";
      line = "#";
    }
    line += " ";
    line += word;
  }
  return text + line + "\n";
}

template <class S>
std::string assignment(const Option<S>& option, const S& section) {
  return fmt::format("{} = {}\n", option.name, to_toml(option, section));
}

/// Whether the key must stand in the file to get this value back.
template <class S>
bool must_stand(const Option<S>& option, const S& section) {
  return option.presence == Presence::required || !is_default(option, section);
}

/// Every key of a section with its help; those at their default commented out.
template <class S>
std::string explained_keys(const SectionTable<S>& table, const S& section) {
  std::string text;
  for (const auto& option : table.options) {
    std::string help{option.help};
    if (!option.more.empty()) help += fmt::format(" {}", option.more);
    const bool stands = must_stand(option, section);
    if (stands && option.presence == Presence::optional && table.when_absent.empty())
      help += fmt::format(" Default: {}.", to_toml(option, S{}));
    text += "\n" + comment(help) + (stands ? "" : "#") + assignment(option, section);
  }
  return text;
}

/// A ruler, and what the section is for.
template <class S>
std::string heading(const SectionTable<S>& table) {
  return "\n\n" + std::string(100, '#') + "\n" + comment(table.purpose);
}

template <class S>
std::string example_of(const SectionTable<S>& table, const S& section) {
  return heading(table) + "\n" + head(table) + "\n" + explained_keys(table, section);
}

/// The first section explains its keys, further ones only set them. Where there is none, the sample is shown commented
/// out.
template <class S>
std::string example_of(const SectionTable<S>& table, const std::vector<S>& sections) {
  auto text = heading(table);
  if (sections.empty()) {
    text += "\n#" + head(table) + "\n";
    for (const auto& option : table.options)
      text += "\n" + comment(option.help) + "#" + assignment(option, table.sample);
    return text;
  }
  text += "\n" + head(table) + "\n" + explained_keys(table, sections.front());
  for (std::size_t i = 1; i < sections.size(); ++i) {
    text += fmt::format("\n\n# Another one; its keys are those explained above.\n{}\n", head(table));
    for (const auto& option : table.options) {
      if (must_stand(option, sections[i])) text += assignment(option, sections[i]);
    }
  }
  return text;
}

template <class S>
std::string default_of(const SectionTable<S>& table, const Option<S>& option) {
  if (option.presence == Presence::required) return fmt::format("required, as in `{}`", to_toml(option, table.sample));
  return table.when_absent.empty() ? fmt::format("`{}`", to_toml(option, S{})) : std::string{table.when_absent};
}

template <class S>
std::string reference_of(const SectionTable<S>& table) {
  auto text = fmt::format("\n## {}\n\n{} {}\n", head(table), table.purpose,
                          table.times == Times::once ? "Stands at most once." : "May stand several times.");
  for (const auto& option : table.options) {
    text += fmt::format("\n### {}: {}\n\n{}{}{}\n\n- Takes {}\n- Default: {}\n", table.name, option.name, option.help,
                        option.more.empty() ? "" : " ", option.more, describe(option), default_of(table, option));
  }
  return text;
}

constexpr std::string_view kExampleHead[] = {
    "The configuration of Firstring, in TOML (https://toml.io).",
    "\"firstring check\" says what is wrong with it, line by line, and looks into the certificates that it names. "
    "\"firstring serve\" reads it when it starts and again on SIGHUP; if there is an error then, the old configuration "
    "stays in force. Phones, groups and their settings are not here but in the database: see \"firstring device\" and "
    "\"firstring set\".",
    "A line like \"#workers = 0\" shows a key at its default: remove the # to set it. Durations are a whole number "
    "with "
    "its unit (\"250ms\", \"30s\", \"15m\", \"2h\"), sizes a number of bytes or of KiB or MiB (8192, \"8KiB\"). Paths "
    "that do "
    "not begin with / start from the folder of this file.",
};

constexpr std::string_view kReferenceHead =
    "# Configuration: firstring.toml\n"
    "\n"
    "<!-- Made from the tables in src/config/options.cpp and src/tls/knobs.hpp; FIRSTRING_UPDATE_GOLDEN=1 config_test "
    "writes it anew. -->\n"
    "\n"
    "`firstring.toml` lies in the state folder and is written by `firstring init`. It is [TOML](https://toml.io), at "
    "most\n"
    "1 MiB, in UTF-8, without control characters in its values. `firstring check` says what is wrong with it, with "
    "line\n"
    "and column, and looks into the files that it names. `firstring serve` reads it when it starts and again on "
    "SIGHUP; if\n"
    "there is an error then, the old configuration stays in force.\n"
    "\n"
    "- A **duration** is text: a whole number and its unit, `\"250ms\"`, `\"30s\"`, `\"15m\"`, `\"2h\"` or `\"7d\"`.\n"
    "- A **size** is a whole number of bytes, or text with a unit: `\"8KiB\"`, `\"1MiB\"`.\n"
    "- A **path** that does not begin with `/` starts from the state folder.\n"
    "- An unknown section or key is an error: a typing mistake must not turn into a default.\n";

}  // namespace

std::string example(const Config& values) {
  std::string text;
  for (const auto paragraph : kExampleHead) text += (text.empty() ? "" : "#\n") + comment(paragraph);
  for_each_section(values, [&](const auto& table, const auto& sections) { text += example_of(table, sections); });
  return text;
}

std::string reference() {
  std::string text{kReferenceHead};
  Config defaults;
  for_each_section(defaults, [&](const auto& table, const auto&) { text += reference_of(table); });
  return text;
}

}  // namespace firstring::config
