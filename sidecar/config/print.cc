// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/print.h"

#include <algorithm>

#include "rpc/sturdy/identity.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

// Double-quoted unless YAML and our own words can't take it for anything else.
std::string yaml(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.:@-";
  constexpr std::string_view kStart = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/.";
  bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos &&
               kStart.find(text[0]) != std::string_view::npos && !text.ends_with(':') &&
               text != "ephemeral" && text != "null" && text != "true" && text != "false";
  if (plain) return std::string(text);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Writes `key: value` lines, indented by depth. A map without lines is left out.
class Writer {
 public:
  void line(std::string_view key, std::string_view value) {
    for (; opened_ < open_.size(); ++opened_) {
      out_ += std::string(2 * opened_, ' ') + open_[opened_] + ":\n";
    }
    out_ +=
        std::string(2 * open_.size(), ' ') + std::string(key) + ": " + std::string(value) + "\n";
  }
  void begin(std::string_view key) { open_.emplace_back(key); }
  void end() {
    open_.pop_back();
    opened_ = std::min(opened_, open_.size());
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::vector<std::string> open_;
  size_t opened_ = 0;  // how many of open_ are written
};

std::string list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ", " : "") + item;
  return out + "]";
}

std::string uids(const AllowUids& allow) {
  if (allow.any) return "any";
  std::vector<std::string> items;
  for (uint32_t uid : allow.uids) items.push_back(std::to_string(uid));
  return list(items);
}

std::string_view version(TlsVersion v) {
  return v == TlsVersion::k1_2 ? "1.2" : "1.3";
}

// In flow style, behind "key: ". Quoted, since plain text in flow style ends earlier.
std::string flow(std::string_view text) {
  std::string plain = yaml(text);
  return plain.starts_with('"') ? plain : "\"" + plain + "\"";
}

std::string localSocket(const LocalSocket& socket) {
  if (socket.allow == AllowUids{}) return yaml(socket.address);
  return "{address: " + flow(socket.address) + ", allowUids: " + uids(socket.allow) + "}";
}

std::string listener(const Listener& l) {
  std::string out = "{address: " + flow(l.address);
  if (!l.tls) out += ", tls: off";
  if (l.tls && l.min_tls != TlsVersion::k1_3) out += ", minTls: " + std::string(version(l.min_tls));
  return out + "}";
}

std::string app(const App& app) {
  std::string out = "{";
  switch (app.kind) {
    case App::Kind::kDial:
      out += "dial: " + flow(app.address);
      if (app.links == App::Links::kShared) out += ", links: shared";
      break;
    case App::Kind::kRun: {
      std::vector<std::string> words;
      for (const std::string& word : app.command) words.push_back(flow(word));
      out += "run: " + list(words);
      break;
    }
    case App::Kind::kFd:
      out += "fd: " + std::to_string(app.fd);
      break;
    case App::Kind::kAccept:
      out += "accept: " + flow(app.address);
      if (app.allow != AllowUids{}) out += ", allowUids: " + uids(app.allow);
      break;
  }
  if (app.interface == App::Interface::kApplication) out += ", interface: application";
  out += "}";
  bool short_form = app.kind == App::Kind::kDial && app.links == App::Links::kPerPeer &&
                    app.interface == App::Interface::kPlain;
  return short_form ? yaml(app.address) : out;
}

void listen(Writer& out, const Config& config) {
  if (config.listen.empty()) return;
  const Listener& first = config.listen.front();
  bool plain = first.tls && first.min_tls == TlsVersion::k1_3;
  if (config.listen.size() == 1) {
    out.line("listen", plain ? yaml(first.address) : listener(first));
    return;
  }
  std::vector<std::string> items;
  for (const Listener& l : config.listen) items.push_back(listener(l));
  out.line("listen", list(items));
}

void exports(Writer& out, const Config& config) {
  out.begin("exports");
  for (const Export& e : config.exports) {
    out.begin(yaml(e.name));
    if (!e.public_id) out.line("id", "derived");
    if (e.public_id) out.line("id", "{public: " + flow(*e.public_id) + "}");
    if (!e.cap_file.empty()) out.line("capFile", yaml(e.cap_file));
    if (e.ref) out.line("ref", yaml(*e.ref));
    if (!config.app || *config.app != e.app) out.line("app", app(e.app));
    out.begin("consumers");
    for (const Consumer& c : e.consumers) {
      out.begin(yaml(c.name));
      out.line("generation", std::to_string(c.generation));
      if (!c.cap_file.empty()) out.line("capFile", yaml(c.cap_file));
      out.end();
    }
    out.end();
    out.end();
  }
  out.end();
}

void imports(Writer& out, const Config& config) {
  out.begin("imports");
  for (const Import& i : config.imports) {
    out.begin(yaml(i.name));
    out.line("uri", yaml(i.uri ? sturdy::printUri(*i.uri) : i.cap_file));
    out.line("socket", localSocket(i.socket));
    if (i.min_tls != TlsVersion::k1_3) out.line("minTls", version(i.min_tls));
    out.end();
  }
  out.end();
}

// Lines of values that differ from their default.
void duration(Writer& out, std::string_view key, Duration value, Duration usual) {
  if (value != usual) out.line(key, printDuration(value));
}
void size(Writer& out, std::string_view key, uint64_t value, uint64_t usual) {
  if (value != usual) out.line(key, printSize(value));
}
void count(Writer& out, std::string_view key, uint64_t value, uint64_t usual) {
  if (value != usual) out.line(key, std::to_string(value));
}

void tcp(Writer& out, const Tcp& tcp) {
  const Tcp usual;
  out.begin("tcp");
  out.begin("keepalive");
  duration(out, "after", tcp.keepalive_after, usual.keepalive_after);
  duration(out, "interval", tcp.keepalive_interval, usual.keepalive_interval);
  count(out, "probes", tcp.keepalive_probes, usual.keepalive_probes);
  out.end();
  duration(out, "userTimeout", tcp.user_timeout, usual.user_timeout);
  if (!tcp.no_delay) out.line("noDelay", "false");
  out.end();
}

void timeouts(Writer& out, const Timeouts& timeouts) {
  const Timeouts usual;
  out.begin("timeouts");
  duration(out, "connect", timeouts.connect, usual.connect);
  duration(out, "handshake", timeouts.handshake, usual.handshake);
  duration(out, "appConnect", timeouts.app_connect, usual.app_connect);
  duration(out, "stall", timeouts.stall, usual.stall);
  duration(out, "embargo", timeouts.embargo, usual.embargo);
  out.end();
}

void limits(Writer& out, const Limits& limits) {
  const Limits usual;
  out.begin("limits");
  size(out, "message", limits.message, usual.message);
  count(out, "segments", limits.segments, usual.segments);
  count(out, "capabilities", limits.capabilities, usual.capabilities);
  count(out, "answers", limits.answers, usual.answers);
  count(out, "exports", limits.exports, usual.exports);
  count(out, "imports", limits.imports, usual.imports);
  count(out, "queuedMessages", limits.queued_messages, usual.queued_messages);
  size(out, "queuedBytes", limits.queued_bytes, usual.queued_bytes);
  count(out, "embargoes", limits.embargoes, usual.embargoes);
  size(out, "queueSoft", limits.queue_soft, usual.queue_soft);
  size(out, "queueHard", limits.queue_hard, usual.queue_hard);
  size(out, "total", limits.total, usual.total);
  out.end();
}

void log(Writer& out, const Log& log) {
  out.begin("log");
  if (log.level != LogLevel::kInfo) out.line("level", logLevelName(log.level));
  if (log.format != LogFormat::kText) out.line("format", "json");
  out.end();
}

void debug(Writer& out, const Debug& debug) {
  const Debug usual;
  if (debug.journal.empty()) return;
  out.begin("debug");
  out.line("journal", yaml(debug.journal));
  if (debug.payloads) out.line("payloads", "true");
  size(out, "limit", debug.limit, usual.limit);
  out.end();
}

}  // namespace

std::string printConfig(const Config& config) {
  Writer out;
  out.line("key", config.key_file.empty() ? "ephemeral" : yaml(config.key_file));
  if (config.fingerprint) {
    out.line("fingerprint", yaml(sturdy::printFingerprint(*config.fingerprint)));
  }
  listen(out, config);
  if (!config.advertise.empty()) out.line("advertise", yaml(config.advertise));
  if (config.app) out.line("app", app(*config.app));
  exports(out, config);
  imports(out, config);
  if (config.control) out.line("control", localSocket(*config.control));
  if (!config.admin.empty()) out.line("admin", yaml(config.admin));
  tcp(out, config.tcp);
  timeouts(out, config.timeouts);
  limits(out, config.limits);
  if (config.store != store::StoreSpec()) out.line("store", yaml(config.store.toText()));
  log(out, config.log);
  debug(out, config.debug);
  return out.take();
}

}  // namespace vatmesh::config
