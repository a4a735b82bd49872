// SPDX-License-Identifier: Apache-2.0
//
// One function for each kind of answer.
#include "sidecar/admin/routes.h"

namespace vatmesh::admin {
namespace {

Response plain(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

// Names what fails; with `all`, every check.
Response health(const std::vector<Check>& checks, Check::Phase phase, bool all) {
  const bool ok = passes(checks, phase);
  std::string body;
  for (const Check& check : checks) {
    const bool told = all && phase == Check::Phase::kReady && check.phase == Check::Phase::kTold;
    if ((check.phase > phase && !told) || (check.ok && !all)) continue;
    body.append(check.ok ? "[+] " : "[-] ").append(check.name);
    if (!check.detail.empty()) body.append(": ").append(check.detail);
    body += '\n';
  }
  body += ok ? "ok\n" : "not ok\n";
  return plain(ok ? 200 : 503, std::move(body));
}

Response scrape(std::string_view accept, const Sources& sources) {
  const metrics::Format format = metrics::chooseFormat(accept);
  Response response;
  response.content_type = metrics::contentType(format);
  response.body = sources.metrics(format);
  return response;
}

}  // namespace

bool passes(const std::vector<Check>& checks, Check::Phase phase) {
  for (const Check& check : checks) {
    if (check.phase <= phase && !check.ok) return false;
  }
  return true;
}

bool isProbe(std::string_view path) {
  return path == "/livez" || path == "/startupz" || path == "/readyz";
}

Response route(const Request& request, const Sources& sources) {
  const std::string_view path = request.path;
  const bool known = isProbe(path) || path == "/metrics" || path == "/version";
  if (!known) return plain(404, "not found\n");
  if (request.method != "GET" && request.method != "HEAD") {
    return plain(405, "only GET and HEAD\n");
  }
  const bool verbose = request.query == "verbose" || request.query.starts_with("verbose=");
  if (path == "/livez") return plain(200, "ok\n");
  if (path == "/startupz") return health(sources.checks(), Check::Phase::kStartup, verbose);
  if (path == "/readyz") return health(sources.checks(), Check::Phase::kReady, verbose);
  if (path == "/metrics") return scrape(request.accept, sources);
  return plain(200, sources.version);
}

}  // namespace vatmesh::admin
