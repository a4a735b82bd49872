// SPDX-License-Identifier: Apache-2.0
//
// The settings in which each scenario is played: who stands between the applications, and what
// habits their vats have. The vats of the applications are reference vats (tests/fuzz/ref_vat.h),
// those in between are ours.
#pragma once

#include <ostream>
#include <string>
#include <vector>

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

  bool tree() const { return shape != Shape::kMesh; }
  // Whether expectShortest() expects anything: whether the engine moves references to the shortest
  // path once their promises have moved. Today it keeps the old path.
  static constexpr bool kShortestPath = true;
};

std::vector<Setting> settingsOfTwo();
std::vector<Setting> settingsOfThree();
std::string nameOf(const Setting& setting);
inline std::ostream& operator<<(std::ostream& out, const Setting& setting) {
  return out << nameOf(setting);
}

}  // namespace vatmesh::scenarios
