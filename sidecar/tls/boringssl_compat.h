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

// Prefers a key exchange that also resists quantum computers, where the version has one.
inline bool setGroups(SSL_CTX* context) {
#if defined(SSL_GROUP_X25519_MLKEM768)
  const uint16_t groups[] = {SSL_GROUP_X25519_MLKEM768, SSL_GROUP_X25519, SSL_GROUP_SECP256R1,
                             SSL_GROUP_SECP384R1};
  return SSL_CTX_set1_group_ids(context, groups, sizeof(groups) / sizeof(groups[0])) == 1;
#else
  (void)context;  // the default: X25519, P-256, P-384
  return true;
#endif
}

}  // namespace vatmesh::tls
