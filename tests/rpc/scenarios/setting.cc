// SPDX-License-Identifier: Apache-2.0
#include "tests/rpc/scenarios/setting.h"

#include <utility>

namespace vatmesh::scenarios {
namespace {

struct Peers {
  const char* name;
  fuzz::Habits habits;
};

// What living peers do differently (captp-engine 1.11).
const std::vector<Peers>& allPeers() {
  static const std::vector<Peers> kAll = [] {
    Peers book{"Book", {}};
    Peers cpp{"Cpp", {}};
    cpp.habits.lingers = true;
    cpp.habits.tail_calls = true;
    cpp.habits.says_no_finish = true;
    Peers rust{"Rust", {}};
    rust.habits.stays_on_paths = true;
    rust.habits.promises_hosted = true;
    Peers go{"Go", {}};
    go.habits.lazy = true;
    go.habits.resolves_again = true;
    Peers ocaml{"OCaml", {}};
    ocaml.habits.keeps_canceled = true;
    ocaml.habits.releases_params = true;
    ocaml.habits.tail_calls = true;
    ocaml.habits.tells_promises = true;
    return std::vector<Peers>{book, cpp, rust, go, ocaml};
  }();
  return kAll;
}

const char* nameOf(Shape shape) {
  switch (shape) {
    case Shape::kDirect:
      return "Direct";
    case Shape::kOneVat:
      return "OneVat";
    case Shape::kTwoVats:
      return "TwoVats";
    case Shape::kStar:
      return "Star";
    case Shape::kNear:
      return "Near";
    case Shape::kFar:
      return "Far";
    case Shape::kAcross:
      return "Across";
    case Shape::kMesh:
      return "Mesh";
  }
  return "";
}

std::vector<Setting> withAllPeers(const std::vector<Shape>& shapes) {
  std::vector<Setting> settings;
  for (Shape shape : shapes) {
    for (const Peers& peers : allPeers()) settings.push_back({shape, peers.name, peers.habits, {}});
    if (shape == Shape::kDirect) continue;
    settings.push_back({shape, "OldPaths", {}, {.shortens_paths = false}});
  }
  return settings;
}

}  // namespace

std::vector<Setting> settingsOfTwo() {
  return withAllPeers({Shape::kDirect, Shape::kOneVat, Shape::kTwoVats});
}

std::vector<Setting> settingsOfThree() {
  return withAllPeers({Shape::kStar, Shape::kNear, Shape::kFar, Shape::kAcross, Shape::kMesh});
}

std::string nameOf(const Setting& setting) {
  return std::string(nameOf(setting.shape)) + setting.peers;
}

}  // namespace vatmesh::scenarios
