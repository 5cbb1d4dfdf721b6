#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace firstring::options {

/// Where in a file something stands; 1-based. Line 0: nowhere, a default.
struct Position {
  unsigned line = 0;
  unsigned column = 0;
};

enum class Severity : unsigned char { warning, error };

/// One thing that is wrong with a file, for people: file:line:column, what, and what to do.
struct Diagnostic {
  Severity severity = Severity::error;
  std::filesystem::path file;
  Position position;
  std::string what;
  std::string remedy;

  /// "firstring.toml:12:3: error: unknown key 'adress' in [[listener]]; did you mean 'address'?"
  std::string to_string() const;
};

/// A section that remembers where its keys stood, so that later checks (a key that does not match its certificate) can
/// point at them. Key "" is the section's head.
struct Section {
  std::map<std::string, Position, std::less<>> positions;
  Position position_of(std::string_view key) const;  ///< of the key, else of the section
};

/// Gathers what is wrong with one file.
class Findings {
 public:
  Findings(std::filesystem::path file, std::vector<Diagnostic>& found) : file_(std::move(file)), found_(found) {}

  void error(Position position, std::string what, std::string remedy);
  void warning(Position position, std::string what, std::string remedy);
  /// Orders what was found by its place in the file, for people who go through it from the top.
  void sort();

 private:
  std::filesystem::path file_;
  std::vector<Diagnostic>& found_;
};

}  // namespace firstring::options
