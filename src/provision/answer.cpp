#include "provision/answer.hpp"

#include <fmt/format.h>

namespace firstring::provision {
namespace {

/// Whether the phone that was refused is of a batch that is known for it: by its certificate, by what was entered for
/// the device it asks for, or by what it says of itself. Says what to look at, and decides nothing.
const device::KnownBad* known_bad(const std::optional<device::UserAgent>& sender, const policy::Requester& requester,
                                  const store::Device* asked_for) {
  if (requester.identity.known_bad != nullptr) return requester.identity.known_bad;
  if (asked_for != nullptr) {
    if (const auto* found = device::find_known_bad(asked_for->model, asked_for->serial)) return found;
  }
  return sender ? device::find_known_bad(sender->product, sender->serial) : nullptr;
}

struct Document {
  std::string text;
  std::string_view content_type;
};

Result<Document> document(const device::FileMatch& file, const policy::Audience& audience, const FleetView& fleet,
                          const crypto::SecretBox& box) {
  if (file.kind == device::FileKind::bootstrap) {
    FIRSTRING_TRY(auto text, render::render(fleet.bootstrap_sources(file), audience, box));
    return Document{std::move(text), file.asker->document.format->content_type};
  }
  FIRSTRING_TRY(const auto sources, fleet.sources(*fleet.device(*file.mac)));
  FIRSTRING_TRY(auto text, render::render(sources, audience, box));
  return Document{std::move(text), sources.model->document.format->content_type};
}

}  // namespace

Claims claims_of(const http::Request& request) {
  return {.file = device::Catalogue::shipped().match_file(request.path),
          .sender = device::parse_user_agent(request.header("User-Agent"))};
}

Answer answer(const http::Request& request, const Claims& claims, const policy::Requester& requester,
              const FleetView& fleet, const crypto::SecretBox& box) {
  Answer result;
  const auto& [file, sender] = claims;
  if (file) result.requested = file->mac;
  result.assurance = policy::assess(requester, result.requested || (sender && sender->mac));

  if (request.method != "GET" && request.method != "HEAD") {
    result.reason = Reason::method_not_allowed;
    result.response = http::plain(405, "Only GET and HEAD are answered here.");
    result.response.headers.emplace_back("Allow", "GET, HEAD");
    return result;
  }
  if (!file) {
    result.reason = Reason::no_such_file;
    result.response = http::plain(404, "There is no such file.");
    return result;
  }

  const auto* device = file->mac ? fleet.device(*file->mac) : nullptr;
  const auto* model = device != nullptr ? device::Catalogue::shipped().find(device->model) : nullptr;
  auto access = policy::decide_file(
      *file, requester, {.is_known = device != nullptr, .maker = model != nullptr ? model->maker : nullptr});
  result.reason = access.reason;
  result.is_stranger = access.is_stranger;
  if (!access.allow) {
    result.known_bad = known_bad(sender, requester, device);
    result.response = http::plain(access.status, access.sentence);
    return result;
  }

  auto body = document(*file, *access.audience, fleet, box);
  if (!body) {
    // Our own data is at fault: the phone is told nothing about it and comes back, the operator is told all.
    result.reason = Reason::render_failed;
    result.problem = body.error().what;
    result.response = http::plain(500, "The file could not be made.");
    return result;
  }
  result.allow = true;
  result.response.status = 200;
  result.response.content_type = body->content_type;
  result.response.body = std::move(body->text);
  return result;
}

}  // namespace firstring::provision
