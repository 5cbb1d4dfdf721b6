#include <fmt/format.h>

#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/state_folder.hpp"
#include "manage/case_file.hpp"

namespace firstring::cli {
namespace {

Result<int> evidence(Context& context) {
  manage::CaseQuery query{.mac = context.mac("MAC"), .documents_included = context.given("--with-body")};
  if (context.given("--since")) query.look_back = context.duration("--since");
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto ledger, open_ledger(context));
  FIRSTRING_TRY(const auto evidence, manage::collect_evidence(desk, *ledger, query));
  const auto file = context.text("--output");
  FIRSTRING_TRY(const auto content, ledger::tar_gz(ledger::bundle(evidence), evidence.made));
  FIRSTRING_CHECK(write_file(file, content, 0600));
  auto& terminal = context.terminal();
  if (evidence.documents_included && !evidence.captures.empty())
    terminal.complain(
        "this bundle contains the phone's documents with their passwords: change the passwords when the case is "
        "closed");
  terminal.print(
      fmt::format("{}: {} connections, {} captures\n", file, evidence.entries.size(), evidence.captures.size()));
  if (evidence.captures.empty())
    terminal.complain(
        fmt::format("the bundle has no capture, which a vendor will want; record the next connection with: firstring "
                    "capture {} --wait",
                    evidence.mac.bare()));
  return 0;
}

}  // namespace

std::vector<Command> evidence_commands() {
  return {
      {.name = "evidence",
       .summary = "Bundles what is known about a phone's problem, for its vendor.",
       .description =
           "Writes a .tar.gz with a page in words (who, what fails, since when, how to reproduce it), the phone's rows "
           "of the "
           "ledger, its ClientHello, the server's settings, and the captures made with `firstring capture`. Private "
           "keys, "
           "other phones, and the documents with their passwords are left out; read the summary before you send it.",
       .examples = {"firstring evidence 000e08abcdef -o case.tar.gz",
                    "firstring evidence 000e08abcdef --since 30d -o case.tar.gz"},
       .arguments =
           {mac_argument("the phone"),
            {.name = "--output",
             .value = "FILE",
             .help = "the bundle to write",
             .presence = Presence::required,
             .letter = 'o'},
            {.name = "--since", .value = "TIME", .help = "the last 12h or 30d; 7d if not given", .check = is_duration},
            {.name = "--with-body",
             .value = {},
             .help = "keep the phone's documents, with their passwords, in the captures"}},
       .run = evidence}};
}

}  // namespace firstring::cli
