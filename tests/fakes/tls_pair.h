// SPDX-License-Identifier: Apache-2.0
//
// TlsEnd is a Stream over TLS whose handler records; two of them make a connection.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "sidecar/event/loop.h"
#include "sidecar/net/socket.h"
#include "sidecar/net/stream.h"
#include "sidecar/tls/context.h"
#include "tests/fakes/stream_recorder.h"

namespace vatmesh::test {

inline std::string readTestFile(const std::string& path) {
  FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return {};
  std::string text(65536, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

// One of the keys made with the OCaml library's vectors, e.g. "ec-P-384-pkcs8".
inline tls::KeyPair testKey(const std::string& name) {
  return *tls::KeyPair::fromPem(
      readTestFile("tests/vectors/ocaml-capnp-rpc/pem-inputs/" + name + ".pem"));
}

struct TlsEnd {
  TlsEnd(event::Loop& loop, wire::BufferPool& pool, std::unique_ptr<net::Transport> over)
      : transport(over.get()), stream(loop, pool, {}, std::move(over), recorder) {}
  StreamRecorder recorder;
  net::Transport* transport;
  net::Stream stream;
};

}  // namespace vatmesh::test
