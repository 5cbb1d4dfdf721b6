#include "ledger/archive.hpp"

#include <fmt/format.h>
#include <libdeflate.h>

#include <memory>

namespace firstring::ledger {
namespace {

constexpr std::size_t kBlock = 512;
constexpr int kLevel = 6;

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
};

/// Numbers are octal digits with a NUL behind them.
void put_octal(std::string& header, std::size_t at, std::size_t width, std::uint64_t number) {
  header.replace(at, width, fmt::format("{:0{}o}", number, width - 1) + '\0');
}

std::string header_of(const ArchiveFile& file, Timestamp time) {
  std::string header(kBlock, '\0');
  header.replace(0, file.name.size(), file.name);
  put_octal(header, 100, 8, 0600);
  put_octal(header, 108, 8, 0);  // user and group
  put_octal(header, 116, 8, 0);
  put_octal(header, 124, 12, file.content.size());
  put_octal(header, 136, 12, static_cast<std::uint64_t>(to_micros(time) / 1'000'000));
  header[156] = '0';  // a plain file
  header.replace(257, 8, std::string_view{"ustar\00000", 8});
  header.replace(148, 8, 8, ' ');  // the checksum counts itself as spaces
  std::uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put_octal(header, 148, 7, sum);
  return header;
}

}  // namespace

Result<std::string> tar_gz(std::span<const ArchiveFile> files, Timestamp time) {
  std::string tar;
  for (const auto& file : files) {
    if (file.name.empty() || file.name.size() > 100)
      return fail(Errc::invalid_input, fmt::format("put '{}' into an archive: the name is too long", file.name));
    tar += header_of(file, time);
    tar += file.content;
    tar.resize((tar.size() + kBlock - 1) / kBlock * kBlock, '\0');
  }
  tar.append(2 * kBlock, '\0');

  const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor{libdeflate_alloc_compressor(kLevel)};
  if (!compressor) return fail(Errc::limit_exceeded, "compress the archive: out of memory");
  std::string compressed(libdeflate_gzip_compress_bound(compressor.get(), tar.size()), '\0');
  compressed.resize(
      libdeflate_gzip_compress(compressor.get(), tar.data(), tar.size(), compressed.data(), compressed.size()));
  return compressed;
}

}  // namespace firstring::ledger
