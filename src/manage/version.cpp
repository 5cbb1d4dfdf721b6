#include "manage/version.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "crypto/certificate.hpp"

namespace firstring::manage {
namespace {

/// Takes fields one by one, each with its length: no two lists of fields look the same.
class Content {
 public:
  Content& add(std::string_view field) {
    text_ += fmt::format("{}:", field.size());
    text_ += field;
    return *this;
  }
  Content& add(const Bytes& field) { return add(as_text(field)); }
  Content& add(std::uint64_t number) { return add(std::to_string(number)); }

  std::string version() const {
    constexpr std::size_t kOctets = 8;
    const auto hash = crypto::sha256(as_bytes(text_));
    return to_hex(ByteView{hash}.first(kOctets));
  }

 private:
  std::string text_;
};

}  // namespace

std::string version_of(const store::Device& device) {
  return Content{}.add(device.mac.bare()).add(device.model).add(device.serial).add(device.group).version();
}

std::string version_of(const std::vector<store::Parameter>& layer) {
  Content content;
  for (const auto& one : layer) {
    content.add(one.name).add(store::to_string(one.parameter_class));
    content.add(one.access ? store::to_string(*one.access) : std::string_view{}).add(one.value).add(one.sealed);
  }
  return content.version();
}

std::string version_of(const std::vector<store::Line>& lines) {
  Content content;
  for (const auto& line : lines) {
    content.add(line.number).add(line.user).add(line.proxy).add(line.display);
    content.add(store::to_string(line.transport)).add(line.srtp ? 1U : 0U).add(line.sealed_password);
  }
  return content.version();
}

Result<void> check_version(const SeenVersion& seen, std::string_view actual, std::string_view what) {
  if (!seen || *seen == actual) return {};
  return fail(Errc::conflict,
              fmt::format("{} has changed since you read it (version {}, now {}); read it again, then decide", what,
                          *seen, actual));
}

}  // namespace firstring::manage
