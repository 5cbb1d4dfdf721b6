#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace firstring {

/// Text that must not spread: it cannot be copied, printed or compared by accident, and is wiped when it goes.
/// `reveal()` is the one way in, so that a search for it finds every use.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      text_ = std::move(other.text_);
      other.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  std::string_view reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  Secret clone() const { return Secret{text_}; }

 private:
  void wipe() noexcept {
    // The whole capacity: a moved-from or shortened string keeps its old letters behind its end.
    explicit_bzero(text_.data(), text_.capacity());
    text_.clear();
  }

  std::string text_;
};

/// Secrets pass through this process: from now on it leaves no core dump, and other processes of its user cannot trace
/// it.
void forbid_core_dumps();

}  // namespace firstring
