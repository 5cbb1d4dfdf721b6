#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace firstring {

/// What kind of thing went wrong, for code that must react; people read Error::what.
enum class Errc : unsigned char {
  invalid_input,
  not_found,
  conflict,
  denied,
  limit_exceeded,
  timed_out,
  unavailable,
  io,
  crypto,
  damaged,  ///< a file does not hold what our own writing leaves
};

/// A failure for a reason outside the program. `what` reads "doing: cause", lower case, no full stop;
/// where the reader can mend it, it ends in "; " and what to do.
struct Error {
  Errc code;
  std::string what;

  /// Puts what was being done in front: `std::move(error).while_("read server.key")`.
  Error&& while_(std::string_view doing) && {
    what.insert(0, ": ").insert(0, doing);
    return std::move(*this);
  }
};

/// A value or the Error in its place. A class, not an alias: tl::expected is not [[nodiscard]], and an alias cannot be.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

/// The value, for callers to whom the reason is all the same.
template <class T>
std::optional<T> to_optional(Result<T> result) {
  return result ? std::optional<T>{*std::move(result)} : std::nullopt;
}

/// `return fail(Errc::not_found, "...")` from any function that returns a Result.
inline tl::unexpected<Error> fail(Errc code, std::string what) {
  return tl::unexpected<Error>{Error{code, std::move(what)}};
}

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>{std::move(error)}; }

}  // namespace firstring

#define FIRSTRING_CONCAT_INNER(a, b) a##b
#define FIRSTRING_CONCAT(a, b) FIRSTRING_CONCAT_INNER(a, b)

/// FIRSTRING_TRY(auto value, call()): the value, or return the call's Error to the caller.
#define FIRSTRING_TRY(declaration, expression) \
  FIRSTRING_TRY_INNER(FIRSTRING_CONCAT(try_, __LINE__), declaration, expression)
#define FIRSTRING_TRY_INNER(temporary, declaration, expression)          \
  auto temporary = (expression);                                         \
  if (!temporary) return ::tl::unexpected{std::move(temporary).error()}; \
  declaration = *std::move(temporary)

/// FIRSTRING_CHECK(call()): the same for a Result<void>.
#define FIRSTRING_CHECK(expression)                                              \
  do {                                                                           \
    auto check_result = (expression);                                            \
    if (!check_result) return ::tl::unexpected{std::move(check_result).error()}; \
  } while (false)
