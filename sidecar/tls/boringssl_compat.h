// SPDX-License-Identifier: Apache-2.0
//
// The differences between the BoringSSL versions that we build with (API 17 of Debian to current
// ones), and the check that it is BoringSSL at all. Only for the sources of this folder.
#pragma once

#include <openssl/base.h>
#include <openssl/ssl.h>

#ifndef OPENSSL_IS_BORINGSSL
#error "<openssl/...> must mean BoringSSL: put its include folder first"
#endif

namespace vatmesh::tls {

// Whether the version has X25519MLKEM768.
#if defined(SSL_GROUP_X25519_MLKEM768)
inline constexpr bool kHasHybridKeyExchange = true;
#else
inline constexpr bool kHasHybridKeyExchange = false;
#endif

// Prefers a key exchange that also resists quantum computers, where the version has one; as a
// server even when the client would rather have another. Among the others the client's order
// counts.
inline bool setGroups(SSL_CTX* context) {
#if defined(SSL_GROUP_X25519_MLKEM768)
  const uint16_t groups[] = {SSL_GROUP_X25519_MLKEM768, SSL_GROUP_X25519, SSL_GROUP_SECP256R1,
                             SSL_GROUP_SECP384R1};
  const uint32_t flags[] = {0, SSL_GROUP_FLAG_EQUAL_PREFERENCE_WITH_NEXT,
                            SSL_GROUP_FLAG_EQUAL_PREFERENCE_WITH_NEXT, 0};
  constexpr size_t kCount = sizeof(groups) / sizeof(groups[0]);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return SSL_CTX_set1_group_ids_with_flags(context, groups, flags, kCount) == 1;
#else
  (void)context;  // the default: X25519, P-256, P-384
  return true;
#endif
}

// The group of the last key exchange, as "X25519". After the handshake.
inline const char* groupName(const SSL* ssl) {
#if defined(SSL_GROUP_X25519_MLKEM768)
  return SSL_get_group_name(SSL_get_group_id(ssl));
#else
  return SSL_get_curve_name(SSL_get_curve_id(ssl));
#endif
}

}  // namespace vatmesh::tls
