// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <initializer_list>
#include <map>

#include "sidecar/config/load_parts.h"
#include "sidecar/config/scalar.h"
#include "sidecar/net/address.h"

namespace vatmesh::config {
namespace {

bool isWildcard(const std::string& address) {
  Result<net::Address> parsed = net::Address::parse(address);
  return parsed && parsed->isWildcard();
}

// Each check asks the tree whether a key stands there at all, and the Config for its value, which
// is missing when the value was wrong by itself: one slip must not be reported twice.
class Checks {
 public:
  Checks(Context& context, const Node& root, const Config& config)
      : context_(context), root_(root), config_(config) {}

  void all() {
    purpose();
    key();
    exports();
    advertise();
    sockets();
    capFiles();
    publicIds();
    expectations();
  }

 private:
  // The place of the value at `path`, or of what comes nearest to it.
  Place at(std::initializer_list<std::string_view> path) const {
    const Node* node = &root_;
    for (std::string_view key : path) {
      const Node* next = node->find(key);
      if (!next) break;
      node = next;
    }
    return node->place;
  }

  Place listenerPlace(size_t index) const {
    const Node* listen = root_.find("listen");
    const Node* item = listen->kind == Node::Kind::kList ? &listen->items[index] : listen;
    const Node* address = item->find("address");
    return address ? address->place : item->place;
  }

  void purpose() {
    for (std::string_view key : {"listen", "imports", "control", "app", "exports"}) {
      if (root_.find(key)) return;
    }
    context_.error({1, 1}, "there is nothing to do",
                   "add listen, app and exports to offer services, or imports to use them");
  }

  void key() {
    const Node* key = root_.find("key");
    for (size_t i = 0; i < config_.listen.size() && !key; ++i) {
      if (!config_.listen[i].tls) continue;
      context_.error(listenerPlace(i), "a listener with TLS needs a key",
                     "add \"key: vat.key\" (the file is made on the first start), or "
                     "\"key: ephemeral\"");
      break;
    }
    if (config_.fingerprint && (!key || (key->text == "ephemeral" && !key->quoted))) {
      context_.error(at({"fingerprint"}), "an ephemeral key can't have a known fingerprint",
                     "add \"key: vat.key\", or leave fingerprint out");
    }
  }

  void exports() {
    for (const Export& e : config_.exports) {
      const Node* node = root_.find("exports")->find(e.name);
      if (root_.find("app") || node->find("app")) continue;
      context_.error(node->place, "exports." + e.name + " has no application",
                     "add \"app\" with the address of the server");
    }
    if (!config_.exports.empty() && !root_.find("listen")) {
      context_.error(at({"exports"}), "nobody can reach the exports",
                     "add \"listen\", as in listen: tcp:0.0.0.0:7000");
    }
  }

  void advertise() {
    if (root_.find("advertise")) {
      if (!config_.advertise.empty()) checkAdvertised(config_.advertise);
      return;
    }
    const Listener* listener = advertisedListener(config_);
    if (!listener || listener->address.empty()) return;
    Place place = listenerPlace(static_cast<size_t>(listener - config_.listen.data()));
    constexpr std::string_view kRemedy =
        "add \"advertise\" with the address that peers dial, as in tcp:calc.example.com:7000";
    if (isWildcard(listener->address)) {
      context_.error(place, quote(listener->address) + " can't stand in a URI", kRemedy);
    } else if (listener->address.starts_with("unix-abstract:")) {
      context_.error(place, "an abstract socket can't stand in a URI", kRemedy);
    } else {
      checkUri(place, listener->address);
    }
  }

  void checkAdvertised(const std::string& address) {
    Place place = at({"advertise"});
    if (!root_.find("listen")) {
      context_.error(place, "nothing listens at the advertised address",
                     "add \"listen\", or leave advertise out");
    } else if (isWildcard(address)) {
      context_.error(place, quote(address) + " can't be dialled",
                     "write a name or address that peers can reach");
    } else if (address.starts_with("tcp:") && address.ends_with(":0")) {
      context_.error(place, "port 0 can't be dialled", "write the port that peers dial");
    } else if (address.starts_with("unix-abstract:")) {
      context_.error(place, "an abstract socket can't stand in a URI",
                     "write a tcp: or unix: address");
    } else {
      checkUri(place, address);
    }
  }

  // A URI with this address must be read back to the same one by every reader.
  void checkUri(Place place, const std::string& text) {
    Result<net::Address> address = net::Address::parse(text);
    if (!address) return;
    sturdy::SturdyUri uri;
    uri.secure = false;
    uri.location = sturdy::UnixLocation{address->path()};
    // Port 0 becomes the bound port.
    uint16_t port = address->port() == 0 ? 1 : address->port();
    if (address->isTcp()) uri.location = sturdy::TcpLocation{address->host(), port};
    Result<sturdy::SturdyUri> read = sturdy::parseUri(sturdy::printUri(uri));
    if (read && *read == uri && sturdy::checkUri(uri).ok()) return;
    context_.error(place, quote(text) + " can't stand in a URI unchanged",
                   "choose an address without a zone, or a path of letters, digits and "
                   "-._~!$&'()*+,;=:@");
  }

  // No two sockets of ours at one address.
  void sockets() {
    std::map<std::string, std::string> used;
    auto bind = [&](const std::string& address, std::string name, Place place) {
      if (address.empty() || (address.starts_with("tcp:") && address.ends_with(":0"))) return;
      auto [first, added] = used.emplace(address, name);
      if (added) return;
      context_.error(place, quote(address) + " is already the address of " + first->second,
                     "give " + name + " another one");
    };
    for (size_t i = 0; i < config_.listen.size(); ++i) {
      std::string name = i == 0 ? "listen" : "listener " + std::to_string(i + 1);
      bind(config_.listen[i].address, name, listenerPlace(i));
    }
    bindAccepts(bind);
    for (const Import& i : config_.imports) {
      bind(i.socket.address, "imports." + i.name, at({"imports", i.name, "socket", "address"}));
    }
    if (config_.control) {
      bind(config_.control->address, "control", at({"control", "address"}));
    }
    bind(config_.admin, "admin", at({"admin"}));
  }

  // Exports may name the same application, by whichever way, but it is bound once.
  template <typename Bind>
  void bindAccepts(Bind& bind) {
    std::vector<const App*> seen;
    auto one = [&](const App& app, const std::string& name, Place place) {
      if (app.kind != App::Kind::kAccept) return;
      for (const App* other : seen) {
        if (*other == app) return;
      }
      seen.push_back(&app);
      bind(app.address, name, place);
    };
    if (config_.app) one(*config_.app, "app", at({"app", "accept"}));
    for (const Export& e : config_.exports) {
      one(e.app, "exports." + e.name + ".app", at({"exports", e.name, "app", "accept"}));
    }
  }

  void capFiles() {
    std::map<std::string, std::string> used;
    const auto check = [&](const std::string& file, const std::string& name, Place place) {
      if (file.empty()) return;
      if (file == config_.key_file) {
        context_.error(place, "this is the key file", "give the cap file another path");
      }
      auto [first, added] = used.emplace(file, name);
      if (added) return;
      context_.error(place, first->second + " writes the same file",
                     "give each of them a cap file of its own");
    };
    for (const Export& e : config_.exports) {
      check(e.cap_file, "exports." + e.name, at({"exports", e.name, "capFile"}));
      for (const Consumer& c : e.consumers) {
        check(c.cap_file, "exports." + e.name + ".consumers." + c.name,
              at({"exports", e.name, "consumers", c.name, "capFile"}));
      }
    }
  }

  void publicIds() {
    std::map<std::string, std::string> used;
    for (const Export& e : config_.exports) {
      if (!e.public_id) continue;
      auto [first, added] = used.emplace(*e.public_id, e.name);
      if (added) continue;
      context_.error(at({"exports", e.name, "id", "public"}),
                     "exports." + first->second + " has the same id",
                     "give each export an id of its own");
    }
  }

  // What works, but not as somebody who wrote it would expect.
  void expectations() {
    for (const Export& e : config_.exports) {
      if (!e.ref || !isPlainServer(e.app)) continue;
      warn("exports." + e.name + ".ref",
           "a plain server is asked for no name, unless it calls serve; add \"interface: "
           "application\" to its app");
    }
    if (config_.store.kind != store::StoreKind::kNone) durableRefs();
  }

  void durableRefs() {
    const App* const app = durableApp();
    if (app == nullptr) {
      warn("store", "nothing can be saved; add \"app\", the application that restores it");
    } else if (isPlainServer(*app)) {
      warn("store",
           "nothing is kept of a plain server, unless it calls serve; add \"interface: "
           "application\" to app");
    } else if (config_.listen.empty()) {
      warn("store", "nothing can be saved, since a URI needs an address; add \"listen\"");
    } else if (config_.store.durable() && config_.key_file.empty() && advertisesTls(config_)) {
      warn("store",
           "what is saved ends with this process: URIs name the key, and an ephemeral one is "
           "another at each start; write \"key: vat.key\"");
    }
  }

  // The one at the top, else the only one there is.
  const App* durableApp() const {
    if (config_.app) return &*config_.app;
    const auto other = [this](const Export& e) { return e.app != config_.exports.front().app; };
    const bool one = std::none_of(config_.exports.begin(), config_.exports.end(), other);
    return one && !config_.exports.empty() ? &config_.exports.front().app : nullptr;
  }

  static bool isPlainServer(const App& app) {
    return app.kind == App::Kind::kDial && app.interface == App::Interface::kPlain;
  }

  void warn(const std::string& key, const char* text) {
    context_.warnings.push_back(key + ": " + text);
  }

  Context& context_;
  const Node& root_;
  const Config& config_;
};

}  // namespace

void checkTogether(Context& context, const Node& root, const Config& config) {
  Checks(context, root, config).all();
}

}  // namespace vatmesh::config
