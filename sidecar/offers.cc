// SPDX-License-Identifier: Apache-2.0
#include "sidecar/offers.h"

#include <algorithm>

#include "rpc/sturdy/object_id.h"

namespace vatmesh {

std::string Offer::label() const {
  return consumer == nullptr ? of->name : of->name + "/" + consumer->name;
}

const std::string& Offer::capFile() const {
  return consumer == nullptr ? of->cap_file : consumer->cap_file;
}

bool derivesIds(const config::Config& config) {
  return std::any_of(config.exports.begin(), config.exports.end(), [](const config::Export& each) {
    return !each.public_id || !each.consumers.empty();
  });
}

std::vector<Offer> offersOf(const config::Config& config, const std::string& secret) {
  std::vector<Offer> offers;
  for (const config::Export& each : config.exports) {
    offers.push_back({.of = &each,
                      .id = each.public_id ? sturdy::publicId(*each.public_id)
                                           : sturdy::derivedId(secret, each.name)});
    for (const config::Consumer& consumer : each.consumers) {
      offers.push_back(
          {.of = &each,
           .consumer = &consumer,
           .id = sturdy::consumerId(secret, each.name, consumer.name, consumer.generation)});
    }
  }
  return offers;
}

}  // namespace vatmesh
