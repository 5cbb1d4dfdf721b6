#include "server/captures.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/file.hpp"
#include "ledger/evidence.hpp"
#include "ledger/pcapng.hpp"

namespace firstring::server {
namespace {

constexpr std::string_view kAnybody = "next";

/// "20261123T214351Z-000e08abcdef-1795000000000000.pcapng": sorts by time, and is the same on every file system.
std::string file_name(const store::ConnectionRow& row) {
  auto time = to_iso8601(row.accepted).substr(0, 19) + "Z";
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  auto who = !row.device.empty() ? row.device : row.likely_device;
  if (who.empty()) who = row.address;
  std::replace(who.begin(), who.end(), ':', '-');
  return fmt::format("{}-{}-{}.pcapng", time, who, row.id);
}

struct Stock {
  std::size_t files = 0;
  std::uintmax_t bytes = 0;
};

Result<Stock> stock_of(const std::filesystem::path& folder) {
  Stock stock;
  std::error_code error;
  for (std::filesystem::directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    const auto size = at->file_size(gone);
    ++stock.files;
    if (!gone) stock.bytes += size;
  }
  if (error) return fail(Errc::io, fmt::format("look into {}: {}", folder.string(), error.message()));
  return stock;
}

}  // namespace

bool may_concern(const store::CaptureOrder& order, std::string_view peer, std::string_view last_seen) {
  if (order.who == kAnybody || order.who == peer) return true;
  return MacAddress::parse_bare(order.who) && (last_seen.empty() || last_seen == peer);
}

bool concerns(const store::CaptureOrder& order, const store::ConnectionRow& row) {
  if (order.who == kAnybody || order.who == row.address) return true;
  const auto mac = MacAddress::parse_bare(order.who);
  return mac && ledger::concerns(*mac, row);
}

void ReleaseTape::operator()(tls::Tape* tape) const {
  delete tape;
  --*open;
}

Captures::Captures(std::filesystem::path folder, std::unique_ptr<store::FleetStore> store,
                   ledger::Recorder::Queue& queue)
    : folder_(std::move(folder)), store_(std::move(store)), queue_(queue), thread_([this] { run(); }) {}

Captures::~Captures() { stop(); }

TapePtr Captures::begin(const std::vector<store::CaptureOrder>& orders, const provision::DeviceRecords& records,
                        const IpAddress& peer, Timestamp time) {
  const auto address = peer.to_string();
  const auto wanted = std::any_of(orders.begin(), orders.end(), [&](const auto& order) {
    if (!order.is_on(time)) return false;
    const auto mac = MacAddress::parse_bare(order.who);
    const auto record = mac ? records.find(*mac) : std::nullopt;
    return may_concern(order, address, record ? record->address : std::string{});
  });
  if (!wanted) return nullptr;
  if (++tapes_ > kMaxTapes) {
    --tapes_;
    return nullptr;
  }
  return TapePtr{new tls::Tape{std::chrono::steady_clock::now()}, ReleaseTape{&tapes_}};
}

bool Captures::take(TapePtr& tape, store::ConnectionRow& row, const std::vector<store::CaptureOrder>& orders,
                    Timestamp time) {
  std::vector<std::int64_t> theirs;
  for (const auto& order : orders) {
    if (order.is_on(time) && concerns(order, row)) theirs.push_back(order.id);
  }
  if (theirs.empty()) return false;
  tape->close();
  {
    const std::lock_guard lock{mutex_};
    taken_.push_back({std::move(tape), std::move(row), std::move(theirs)});
  }
  wake_.notify_one();
  return true;
}

void Captures::follow(const std::vector<store::CaptureOrder>& orders) {
  {
    const std::lock_guard lock{mutex_};
    if (orders.empty() && orders_.empty()) return;
    orders_ = orders;
    followed_ = true;
  }
  wake_.notify_one();
}

void Captures::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Captures::run() {
  for (bool stopping = false; !stopping;) {
    std::vector<Taken> taken;
    std::vector<store::CaptureOrder> orders;
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return stopping_ || followed_ || !taken_.empty(); });
      taken.swap(taken_);
      orders = orders_;
      followed_ = false;
      stopping = stopping_;
    }
    const auto time = now();
    for (auto& one : taken) write(std::move(one), time);
    announce(orders, time);
  }
}

void Captures::write(Taken taken, Timestamp time) {
  auto orders = store_->captures();
  if (orders) {
    std::erase_if(*orders, [&](const auto& order) {
      return !order.is_on(time) || std::find(taken.orders.begin(), taken.orders.end(), order.id) == taken.orders.end();
    });
  } else {
    spdlog::error("capture: {}", orders.error().what);
  }
  if (orders && !orders->empty()) {
    const auto file = write_file_of(taken);
    for (const auto& order : *orders) {
      const auto noted = file ? store_->note_capture(order.id, *file, time) : Result<void>{fail(file.error())};
      if (noted) continue;
      // Tried once, and said once: an order that cannot be carried out is over.
      alarm(order, fmt::format("a connection of {} was not captured: {}", order.who, noted.error().what), time);
      if (const auto ended = store_->end_captures(order.who, time); !ended)
        spdlog::error("capture: {}", ended.error().what);
    }
    if (file) taken.row.capture = *file;
  }
  queue_.connection(std::move(taken.row));
}

Result<std::string> Captures::write_file_of(const Taken& taken) {
  const auto& row = taken.row;
  FIRSTRING_TRY(const auto peer, IpAddress::parse(row.address));
  FIRSTRING_TRY(const auto local, IpAddress::parse(row.local_address));
  const auto comment =
      fmt::format("Connection {}: {} at {}{}{}; personality '{}'.{}{}", row.id, to_string(row.outcome),
                  to_string(row.stage), row.detail.empty() ? "" : ", ", row.detail, row.personality,
                  row.quarantined ? " firstring-quarantine spoke TLS: only the ClientHello is here." : "",
                  taken.tape->truncated() ? " Truncated: the rest was too long to keep." : "");
  const auto content =
      ledger::to_pcapng(*taken.tape, {{peer, row.port}, {local, row.local_port}, row.accepted}, comment);

  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(Errc::io, fmt::format("make {}: {}", folder_.string(), errno_text(errno)));
  FIRSTRING_TRY(const auto stock, stock_of(folder_));
  if (stock.files >= kMaxFiles || stock.bytes + content.size() > limit_) {
    return fail(Errc::limit_exceeded,
                fmt::format("{} holds {} files of {} bytes, and limits.evidence_size is {}; remove what is no longer "
                            "needed there",
                            folder_.string(), stock.files, stock.bytes, limit_.load()));
  }
  auto name = file_name(row);
  FIRSTRING_CHECK(firstring::write_file(folder_ / name, as_text(content), 0600));
  return name;
}

/// Orders come and go by the command line, by time and by what was captured: the difference to the last look tells all.
void Captures::announce(const std::vector<store::CaptureOrder>& orders, Timestamp time) {
  if (orders.empty() && announced_.empty()) return;
  const auto is = [](std::int64_t id) { return [id](const auto& order) { return order.id == id; }; };
  for (const auto& order : orders) {
    if (!order.is_on(time)) continue;
    const auto known = std::find_if(announced_.begin(), announced_.end(), is(order.id));
    if (known != announced_.end()) {
      *known = order;
      continue;
    }
    announced_.push_back(order);
    alarm(order,
          fmt::format("capture of {} is on until {}: up to {} connections are written to {} with their TLS secrets",
                      order.who, to_iso8601(order.until), order.wanted - order.files.size(), folder_.string()),
          time);
  }
  std::erase_if(announced_, [&](const auto& known) {
    const auto now_known = std::find_if(orders.begin(), orders.end(), is(known.id));
    if (now_known != orders.end() && now_known->is_on(time)) return false;
    // One that is gone from the list has all that it wanted.
    const auto captured = now_known != orders.end() ? now_known->files.size() : known.wanted;
    alarm(known,
          fmt::format("capture of {} is over: {} of {} connections were captured", known.who, captured, known.wanted),
          time);
    return true;
  });
  any_ = !announced_.empty();
}

void Captures::alarm(const store::CaptureOrder& order, std::string text, Timestamp time) {
  const bool is_device = MacAddress::parse_bare(order.who).has_value();
  queue_.alarm({.at = time,
                .kind = "capture",
                .device = is_device ? order.who : "",
                .address = is_device || order.who == kAnybody ? "" : order.who,
                .connection = 0,
                .text = std::move(text)});
}

}  // namespace firstring::server
