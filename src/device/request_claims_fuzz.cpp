// Paths and User-Agents as anybody may send them: what is read out of them stands in them.

#include <cstdlib>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "device/model.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::string without_separators(std::string_view text) {
  auto bare = firstring::to_lower(text);
  std::erase_if(bare, [](char c) { return c == ':' || c == '-'; });
  return bare;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace firstring;
  const auto text = as_text({data, size});
  if (const auto agent = device::parse_user_agent(text)) {
    require(text.find(agent->product) != std::string_view::npos && text.find(agent->version) != std::string_view::npos);
    require(!agent->mac || without_separators(text).find(agent->mac->bare()) != std::string::npos);
    device::Catalogue::shipped().find_product(agent->product);
  }
  if (const auto file = device::Catalogue::shipped().match_file(text)) {
    require(file->mac.has_value() == (file->kind == device::FileKind::profile));
    if (!file->mac) return 0;
    require(without_separators(text).find(file->mac->bare()) != std::string::npos);
  }
  return 0;
}
