// SPDX-License-Identifier: Apache-2.0
//
// Wherever a URI is taken, the path of a cap file is taken too, since everyone on the host can read
// the arguments of a process.
#pragma once

#include <string>

#include "rpc/base/status.h"

namespace vatmesh::deploy {

// Reads at most `max_size` bytes of the file `path`. Errors name the path, the cause and a remedy.
Result<std::string> readFile(const std::string& path, size_t max_size);

// Refuses a URI where the path of a file is taken, since errors about a file name it.
Status checkPath(const std::string& path);

// Returns the text of the URI `argument`, or of the cap file at that path without the white space
// around it. Errors never show a URI.
Result<std::string> uriText(const std::string& argument);

}  // namespace vatmesh::deploy
