#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ledger/history.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// Collects what is known beside rows: from the ledger, and from DNS. Asks each once.
class Historian {
 public:
  /// `look_up` may be empty: then DNS is not asked.
  Historian(store::LedgerStore& store, std::function<NameLookup(const std::string& name)> look_up)
      : store_(store), look_up_(std::move(look_up)) {}

  /// DNS is asked for a connection that failed and was shown a name.
  Result<History> of(const store::ConnectionRow& row);

 private:
  using Precedents = std::vector<Precedent>;
  Result<const Precedents*> of_device(const std::string& device);
  Result<const Precedents*> of_model(const std::string& model);

  store::LedgerStore& store_;
  std::function<NameLookup(const std::string&)> look_up_;
  std::map<std::string, Precedents> devices_, models_;
  std::map<std::string, NameLookup> names_;
};

}  // namespace firstring::ledger
