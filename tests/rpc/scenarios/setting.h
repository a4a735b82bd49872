// SPDX-License-Identifier: Apache-2.0
//
// The settings in which each scenario is played: who stands between the applications, what habits
// their vats have, and whether ours take the shortest path. The vats of the applications are
// reference vats (tests/fuzz/ref_vat.h), those in between are ours.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "rpc/vat/vat.h"
#include "tests/fuzz/ref_vat.h"

namespace vatmesh::scenarios {

enum class Shape {
  // Two applications
  kDirect,   // A - B: shows that the scenario itself is right
  kOneVat,   // A - V0 - B
  kTwoVats,  // A - V0 - V1 - B
  // Three
  kStar,    // A, B and C around V0
  kNear,    // A and C at V0, B at V1
  kFar,     // A at V0, B and C at V1
  kAcross,  // A and B at V0, C at V1
  kMesh,    // each at a vat of its own, all of which are joined
};

struct Setting {
  Shape shape = Shape::kOneVat;
  std::string peers = "book";  // the habits, by name
  fuzz::Habits habits;

  // How our vats go about things; without the shortest path expectShortest() expects nothing.
  vat::Behaviour behaviour;

  bool tree() const { return shape != Shape::kMesh; }
};

std::vector<Setting> settingsOfTwo();
std::vector<Setting> settingsOfThree();
std::string nameOf(const Setting& setting);
inline std::ostream& operator<<(std::ostream& out, const Setting& setting) {
  return out << nameOf(setting);
}

}  // namespace vatmesh::scenarios
