#include "ledger/archive.hpp"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <vector>

namespace firstring::ledger {
namespace {

std::string unpacked(const std::string& gzip) {
  std::string tar(1U << 20, '\0');
  std::size_t size = 0;
  auto* const reader = libdeflate_alloc_decompressor();
  EXPECT_EQ(libdeflate_gzip_decompress(reader, gzip.data(), gzip.size(), tar.data(), tar.size(), &size),
            LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(reader);
  tar.resize(size);
  return tar;
}

TEST(TarGz, HasHeaderContentAndEnd) {
  const std::vector<ArchiveFile> files{{"a/b.txt", "hello"}};
  const auto tar = unpacked(*tar_gz(files, *parse_timestamp("2026-11-23T21:43:51Z")));
  ASSERT_EQ(tar.size(), 512U * 4);
  EXPECT_EQ(tar.substr(0, 8), std::string("a/b.txt\0", 8));
  EXPECT_EQ(tar.substr(100, 8), std::string("0000600\0", 8));
  EXPECT_EQ(tar.substr(124, 12), std::string("00000000005\0", 12));
  EXPECT_EQ(tar.substr(156, 1), "0");
  EXPECT_EQ(tar.substr(257, 8), std::string("ustar\00000", 8));
  EXPECT_EQ(tar.substr(512, 6), std::string("hello\0", 6));
  EXPECT_EQ(tar.substr(1024), std::string(1024, '\0'));
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? 32U : static_cast<unsigned char>(tar[i]);
  EXPECT_EQ(std::stoul(tar.substr(148, 6), nullptr, 8), sum);
  EXPECT_EQ(tar.substr(154, 2), std::string("\0 ", 2));
}

TEST(TarGz, RefusesANameThatHasNoRoom) {
  const std::vector<ArchiveFile> files{{std::string(101, 'x'), ""}};
  EXPECT_FALSE(tar_gz(files, now()));
}

}  // namespace
}  // namespace firstring::ledger
