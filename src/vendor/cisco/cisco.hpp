#pragma once

#include "vendor/code.hpp"

namespace firstring::vendor::cisco {

/// The subject layouts of spa-phones.md 1.1, and of CUCM-type certificates:
///
///   OU=SPA-962, L=<serial>, ST=<mac>                                        the vendor's documents
///   ST=<mac>, L=<serial>, CN="SPA-525G2, MAC: <mac>, Serial: <serial>"      seen on a real phone
///   CN="CP-8861-SEP<mac>"                                                   multiplatform phones
///
/// A MAC address is 12 hexadecimal digits and the whole of ST, or the whole of its field of CN; where both name one
/// they must agree. Compared are characters, not octets: a BMPString or UTF8String that says the same says the same.
/// But wherever a subject is not plainly one of these it has a problem: all that vendor::fault_of finds, two of ST, CN
/// or L, hexadecimal digits in ST that are too many or too few, a CN that begins like a layout and does not end like
/// it.
Subject read_subject(const crypto::DistinguishedName& subject);

/// The formats of spa-phones.md 2.1, of Cisco, Linksys and Sipura; nullopt if it is none of them. The one word in
/// parentheses that most models send is their serial number, even if it has 12 hexadecimal digits, as Linksys' serial
/// numbers can.
std::optional<UserAgent> read_user_agent(std::string_view text);

/// Expands $MA, $MAU, $MAC, $PN, $PSN, $SN, $SWVER, $CCERT and $$ in the forms $NAME, $(NAME), $(NAME:p) and
/// $(NAME:p:q); unknown names stay as they are, and values are not expanded again (spa-phones.md 3.1).
std::string expand_macros(std::string_view text, const PhoneFacts& phone);

/// All of it, for data/vendors/cisco/maker.toml.
extern const Code kCode;

}  // namespace firstring::vendor::cisco
