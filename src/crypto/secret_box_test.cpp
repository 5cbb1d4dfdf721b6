#include "crypto/secret_box.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.hpp"

namespace firstring::crypto {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class SecretBoxTest : public testing::Test {
 protected:
  SecretBoxTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~SecretBoxTest() override { fs::remove_all(folder_); }

  fs::path folder_ = fs::path{testing::TempDir()} / ("secret-box-" + std::to_string(::getpid()));
  fs::path file_ = folder_ / "secret.key";
};

TEST_F(SecretBoxTest, OpensWhatItSealed) {
  const auto box = *SecretBox::create(file_);
  for (const auto& text : {std::string{}, std::string{"pass\0word", 9}, std::string(100'000, 'x')}) {
    const auto opened = box.unseal(box.seal(Secret{text}, "parameter:mac:000e08abcdef:Password_1_"),
                                   "parameter:mac:000e08abcdef:Password_1_");
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_EQ(opened->reveal(), text);
  }
}

TEST_F(SecretBoxTest, OpensAfterTheKeyIsReadAgain) {
  const auto sealed = SecretBox::create(file_)->seal(Secret{"hunter2"}, "x");
  const auto box = SecretBox::open(file_);
  ASSERT_TRUE(box) << box.error().what;
  EXPECT_EQ(box->unseal(sealed, "x")->reveal(), "hunter2");
}

TEST_F(SecretBoxTest, DoesNotOpenAValueThatWasMoved) {
  const auto box = *SecretBox::create(file_);
  const auto opened = box.unseal(box.seal(Secret{"hunter2"}, "a"), "b");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::crypto);
  EXPECT_THAT(opened.error().what, HasSubstr("check that the key file belongs to this database"));
}

TEST_F(SecretBoxTest, DoesNotOpenWithAnotherKey) {
  const auto sealed = SecretBox::create(file_)->seal(Secret{"hunter2"}, "x");
  EXPECT_FALSE(SecretBox::create(folder_ / "other.key")->unseal(sealed, "x"));
}

TEST_F(SecretBoxTest, SaysWhetherItWouldOpen) {
  const auto box = *SecretBox::create(file_);
  const auto other = *SecretBox::create(folder_ / "other.key");
  for (const auto& text : {std::string{}, std::string{"hunter2"}}) {
    auto sealed = box.seal(Secret{text}, "x");
    EXPECT_TRUE(box.opens(sealed, "x"));
    EXPECT_FALSE(box.opens(sealed, "y"));
    EXPECT_FALSE(other.opens(sealed, "x"));
    sealed.back() ^= 1;
    EXPECT_FALSE(box.opens(sealed, "x"));
    sealed.resize(39);
    EXPECT_FALSE(box.opens(sealed, "x"));
  }
}

TEST_F(SecretBoxTest, DoesNotOpenWithAnyOctetChangedOrMissing) {
  const auto box = *SecretBox::create(file_);
  const auto sealed = box.seal(Secret{"hunter2"}, "x");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(box.unseal(changed, "x")) << i;
    EXPECT_FALSE(box.unseal(ByteView{sealed}.first(i), "x")) << i;
  }
}

TEST_F(SecretBoxTest, SealsTheSameValueDifferentlyEachTime) {
  const auto box = *SecretBox::create(file_);
  EXPECT_NE(box.seal(Secret{"hunter2"}, "x"), box.seal(Secret{"hunter2"}, "x"));
}

TEST_F(SecretBoxTest, KeyFileIsHexadecimalAndPrivate) {
  ASSERT_TRUE(SecretBox::create(file_));
  const auto text = *read_file(file_);
  ASSERT_EQ(text.size(), 65U);
  EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), 64U);
  EXPECT_EQ(text.back(), '\n');
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(SecretBoxTest, NeverReplacesAKeyFile) {
  ASSERT_TRUE(SecretBox::create(file_));
  const auto before = *read_file(file_);
  const auto again = SecretBox::create(file_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
  EXPECT_THAT(again.error().what, HasSubstr(file_.string()));
  EXPECT_EQ(*read_file(file_), before);
}

TEST_F(SecretBoxTest, DoesNotFollowALinkToMakeAKeyFile) {
  fs::create_symlink(folder_ / "elsewhere", file_);
  EXPECT_FALSE(SecretBox::create(file_));
  EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
}

TEST_F(SecretBoxTest, RefusesAKeyFileThatOthersCanRead) {
  ASSERT_TRUE(SecretBox::create(file_));
  ASSERT_EQ(::chmod(file_.c_str(), 0640), 0);
  EXPECT_EQ(SecretBox::open(file_).error().code, Errc::denied);
}

TEST_F(SecretBoxTest, RefusesAKeyFileThatHoldsNoKey) {
  const std::string digits(64, 'a');
  for (const auto& text : {std::string{}, digits.substr(2), digits.substr(1), digits + "aa", digits.substr(1) + "g",
                           digits.substr(0, 32) + " " + digits.substr(32), digits + "\n" + digits}) {
    ASSERT_TRUE(write_file(file_, text, 0600));
    const auto box = SecretBox::open(file_);
    ASSERT_FALSE(box) << text;
    EXPECT_THAT(box.error().what, HasSubstr("64 hexadecimal digits"));
  }
  ASSERT_TRUE(write_file(file_, digits, 0600));
  EXPECT_TRUE(SecretBox::open(file_)) << "an editor may drop the newline";
}

TEST_F(SecretBoxTest, ErrorNamesAMissingKeyFile) {
  const auto box = SecretBox::open(file_);
  ASSERT_FALSE(box);
  EXPECT_EQ(box.error().code, Errc::not_found);
  EXPECT_THAT(box.error().what, HasSubstr(file_.string()));
}

TEST_F(SecretBoxTest, FolderThatIsMissingIsAnError) {
  EXPECT_EQ(SecretBox::create(folder_ / "missing" / "secret.key").error().code, Errc::io);
}

}  // namespace
}  // namespace firstring::crypto
