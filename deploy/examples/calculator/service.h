// SPDX-License-Identifier: Apache-2.0
// The calculator itself: stock Cap'n Proto, knowing nothing of how it is reached.
#pragma once

#include "calculator.capnp.h"

// newCalculator makes the object that a server offers as its bootstrap. It keeps no state of its
// callers: a function or value lives as long as somebody holds it.
Calculator::Client newCalculator();
