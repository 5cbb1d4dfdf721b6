#include "tls/context.hpp"

#include <gtest/gtest.h>

#include "tls/test_pki.hpp"

namespace firstring::tls {
namespace {

ServerChain chain_of(const crypto::Issued& leaf, std::vector<crypto::Certificate> above = {}) {
  above.insert(above.begin(), leaf.certificate);
  return {.name = "test", .certificates = std::move(above), .key = leaf.key};
}

TEST(ShownChain, IsNameAndSizeOfTheLeafAndTheNewestHashThatAClientMustKnow) {
  const auto root = testing::make_ca("root");
  const auto old = describe_chain(chain_of(testing::make_leaf("pv.example", root)));
  EXPECT_EQ(old.common_name, "pv.example");
  EXPECT_EQ(old.key_bits, 1024U);
  EXPECT_EQ(old.hash, "sha1");

  const auto middle = testing::Recipe{.name = "middle", .hash = crypto::Hash::sha256, .is_ca = true}.make(&root);
  EXPECT_EQ(describe_chain(chain_of(testing::make_leaf("pv.example", middle), {middle.certificate})).hash, "sha256");
}

TEST(ShownChain, LeavesTheRootsOwnSignatureOut) {
  const auto root = testing::Recipe{.name = "root", .hash = crypto::Hash::sha256, .is_ca = true}.make(nullptr);
  EXPECT_EQ(describe_chain(chain_of(testing::make_leaf("pv.example", root), {root.certificate})).hash, "sha1");
}

TEST(Context, KnowsTheNamesItsCertificateIsFor) {
  const auto root = testing::make_ca("root");
  const auto context =
      Context::build(*find_personality("legacy-2026-11"), chain_of(testing::make_leaf("pv.example", root)), {});
  ASSERT_TRUE(context) << context.error().what;
  EXPECT_TRUE((*context)->is_for("PV.example"));
  EXPECT_FALSE((*context)->is_for("other.example"));
}

}  // namespace
}  // namespace firstring::tls
