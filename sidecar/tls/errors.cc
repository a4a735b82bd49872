// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/errors.h"

#include <string>

#include <openssl/err.h>

#include "sidecar/tls/boringssl_compat.h"

namespace vatmesh::tls {

namespace {

// Reasons above this are alerts of the peer: this plus the alert's number.
constexpr int kAlertBase = 1000;
constexpr int kLastAlert = 1255;

Status alertError(int alert) {
  const std::string name = SSL_alert_desc_string_long(alert);
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_ACCESS_DENIED:
      return Status(Code::kRefused, "the peer refused our key (TLS alert: " + name + ")");
    case SSL_AD_CERTIFICATE_REQUIRED:
      return Status(Code::kRefused, "the peer wants a certificate, and we showed none");
    case SSL_AD_PROTOCOL_VERSION:
      return Status(Code::kProtocol,
                    "the peer doesn't take our TLS versions: does one side need minTls: 1.2?");
    default:
      return Status(Code::kProtocol, "the peer ended TLS with the alert: " + name);
  }
}

}  // namespace

Status takeError(std::string_view fallback) {
  const uint32_t error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  const bool from_tls = error != 0 && ERR_GET_LIB(error) == ERR_LIB_SSL;
  const char* text = error == 0 ? nullptr : ERR_reason_error_string(error);
  ERR_clear_error();
  if (from_tls && reason >= kAlertBase && reason <= kLastAlert) {
    return alertError(reason - kAlertBase);
  }
  if (from_tls && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return Status(Code::kRefused,
                  "the peer showed no certificate, and a vat is known by its key alone: let it "
                  "present one");
  }
  if (from_tls && reason == SSL_R_UNSUPPORTED_PROTOCOL) {
    return Status(Code::kProtocol,
                  "the peer speaks no TLS version that we take: does it need minTls: 1.2?");
  }
  return Status(Code::kProtocol, "TLS failed: " + std::string(text != nullptr ? text : fallback));
}

Status plaintextPeer(Role role) {
  if (role == Role::kServer) {
    return Status(Code::kProtocol,
                  "peer sent no TLS: a stock client? give it an import socket, or a listener with "
                  "tls: off");
  }
  return Status(Code::kProtocol,
                "peer sent no TLS: does it listen with tls: off? then its URI says insecure");
}

Status endedInHandshake(Role role, bool heard) {
  if (heard || role == Role::kServer) {
    return Status(Code::kDisconnected, "the peer closed the connection during the TLS handshake");
  }
  return Status(
      Code::kDisconnected,
      "the peer closed the connection without a word of TLS: does it listen with tls: off?");
}

}  // namespace vatmesh::tls
