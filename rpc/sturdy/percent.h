// SPDX-License-Identifier: Apache-2.0
//
// Percent-encoding with the exact choices of the network's URI library, private to this folder.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vatmesh::sturdy {

// percentDecode replaces each valid %XX; anything else stays as it is.
std::string percentDecode(std::string_view text);

// percentEncodePath leaves bare what a path segment may hold (not '/').
std::string percentEncodePath(std::string_view segment);

// percentEncodeHost leaves bare only letters, digits and -._~
std::string percentEncodeHost(std::string_view host);

// normalizePath decodes and encodes each segment of `path` anew: the form in which readers of the
// network see a path.
std::string normalizePath(std::string_view path);

// bareOrEscaped tells how many characters at the head of `text` form one that user info and host
// names may hold: 1 for a bare one, 3 for a valid %XX, 0 for none.
size_t bareOrEscaped(std::string_view text);

}  // namespace vatmesh::sturdy
