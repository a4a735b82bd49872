// SPDX-License-Identifier: Apache-2.0
//
// makeFolders makes the folders in which we put sockets, keys and cap files.
#pragma once

#include <string>

namespace vatmesh::net {

// Makes the folder `path` and its missing parents with mode 0755, less the umask: others may look,
// only we may write, whatever the umask is. 0 or an errno.
int makeFolders(const std::string& path);

}  // namespace vatmesh::net
