// SPDX-License-Identifier: Apache-2.0
// The server's objects: loggers, and the Application that its sidecar asks for them.
#pragma once

#include <memory>

#include <capnp/capability.h>

#include "book.h"

// What the connection to the sidecar offers as its bootstrap.
capnp::Capability::Client newApplication(std::shared_ptr<Book> book);
