#include "tls/context.hpp"

#include <gtest/gtest.h>

#include "tls/test_pki.hpp"

namespace firstring::tls {
namespace {

TEST(ShownChain, IsNameAndSizeOfTheLeafAndTheNewestHashThatAClientMustKnow) {
  const auto root = testing::make_ca("root");
  const auto old = describe_chain({testing::make_leaf("pv.example", root).certificate});
  EXPECT_EQ(old.common_name, "pv.example");
  EXPECT_EQ(old.key_bits, 1024U);
  EXPECT_EQ(old.hash, "sha1");

  const auto middle = testing::Recipe{.name = "middle", .hash = crypto::Hash::sha256, .is_ca = true}.make(&root);
  EXPECT_EQ(describe_chain({testing::make_leaf("pv.example", middle).certificate, middle.certificate}).hash, "sha256");
}

TEST(ShownChain, LeavesTheRootsOwnSignatureOut) {
  const auto root = testing::Recipe{.name = "root", .hash = crypto::Hash::sha256, .is_ca = true}.make(nullptr);
  EXPECT_EQ(describe_chain({testing::make_leaf("pv.example", root).certificate, root.certificate}).hash, "sha1");
}

TEST(ShownChain, KnowsTheNamesItIsFor) {
  const auto leaf = testing::make_leaf("pv.example", testing::make_ca("root")).certificate;
  EXPECT_TRUE(is_for(leaf, "PV.example"));
  EXPECT_FALSE(is_for(leaf, "other.example"));
}

}  // namespace
}  // namespace firstring::tls
