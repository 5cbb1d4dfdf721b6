#include "simulator/phone.hpp"

#include <gtest/gtest.h>

#include "simulator/client_traits.hpp"

namespace firstring::simulator {
namespace {

Phone make_phone() {
  Phone phone;
  phone.model.name = "CP-8841";
  phone.model.product = "CP-8841-3PCC";
  phone.model.psn = "8841-3PCC";
  phone.model.user_agent = "Cisco-{product}/{version} ({mac}) {MAC} {serial} {other}";
  phone.model.firmware = {"11.0", "11.3.2"};
  phone.mac = *MacAddress::parse("00562b043615");
  phone.serial = "FCH{mac}";
  return phone;
}

TEST(UserAgent, IsFilledOnce) {
  EXPECT_EQ(user_agent(make_phone()), "Cisco-CP-8841-3PCC/11.3.2 (00562b043615) 00562B043615 FCH{mac} {other}");
}

TEST(Firmware, IsTheNewestUnlessSaid) {
  auto phone = make_phone();
  EXPECT_EQ(firmware_of(phone), "11.3.2");
  phone.firmware = "11.0";
  EXPECT_EQ(firmware_of(phone), "11.0");
}

TEST(ModelData, NamesTlsClientsThatThereAre) {
  for (const auto& model : device::Catalogue::shipped().models())
    EXPECT_TRUE(find_client_traits(model.tls_client)) << model.name << ": " << model.tls_client;
}

TEST(Macros, AreThoseOfThePhonesMaker) {
  auto phone = make_phone();
  EXPECT_EQ(expand_macros("/$MA-{mac}.cfg", phone), "/$MA-00562b043615.cfg") << "a maker without macros";
  phone.model = *device::Catalogue::shipped().find("CP-8841-3PCC");
  EXPECT_EQ(expand_macros("/$MA-{mac}.cfg", phone), "/00562b043615-{mac}.cfg");
}

TEST(OwnProfile, MustBeInTheModelsData) {
  auto phone = make_phone();
  EXPECT_FALSE(own_profile_path(phone));
  phone.model.own_profile = "/{product}_{mac}.cfg";
  EXPECT_EQ(*own_profile_path(phone), "/CP-8841-3PCC_00562b043615.cfg");
}

}  // namespace
}  // namespace firstring::simulator
