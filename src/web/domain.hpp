// SPDX-License-Identifier: Apache-2.0
//
// web/domain.hpp: domain names beyond ASCII, as the DNS knows them.
#pragma once

#include <string>
#include <string_view>

#include <cstddef>

namespace simul::web::detail {

/// Most bytes of a name beyond ASCII. The standard sets no limit, but the DNS has no names above
/// 253 bytes, and Punycode takes time that grows with the square of a label's length. ICU refuses
/// labels above 200 characters by itself.
inline constexpr std::size_t longest_unicode_domain = 4096;

/// Appends the ASCII form of a domain that holds bytes beyond ASCII, in lower case, with Punycode
/// where a label needs it. `domain` is UTF-8. The result may hold characters that are forbidden in
/// a domain; the caller looks for them.
///
/// Returns       whether the domain is valid; if not, `out` may hold the beginning of something.
/// Source        URL Standard section 3.3, domain to ASCII; UTS #46 with CheckBidi and
/// CheckJoiners,
///               without CheckHyphens, UseSTD3ASCIIRules, VerifyDnsLength and transitional mapping.
bool domain_to_ascii(std::string_view domain, std::string& out);

}  // namespace simul::web::detail
