// SPDX-License-Identifier: Apache-2.0
//
// What each path of the admin port answers.
#include "sidecar/admin/routes.h"

#include <gtest/gtest.h>

namespace vatmesh::admin {
namespace {

Sources sourcesWith(std::vector<Check> checks) {
  return {.checks = [checks = std::move(checks)] { return checks; },
          .metrics =
              [](metrics::Format format) {
                return std::string(format == metrics::Format::kText ? "text" : "open");
              },
          .version = "vatmesh-sidecar 9.9\n"};
}

Response get(std::string_view path, const Sources& sources, std::string_view query = {}) {
  return route({.method = "GET", .path = path, .query = query, .accept = {}}, sources);
}

const Check kBound{"listeners", Check::Phase::kStartup, true, ""};
const Check kAppDown{"application", Check::Phase::kReady, false, "connection refused"};

TEST(Routes, LivesAndHasStartedWhileTheApplicationIsDown) {
  const Sources sources = sourcesWith({kBound, kAppDown});
  EXPECT_EQ(get("/livez", sources).status, 200);
  EXPECT_EQ(get("/startupz", sources).status, 200);
  const Response ready = get("/readyz", sources);
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, "[-] application: connection refused\nnot ok\n");
}

TEST(Routes, IsNotReadyBeforeItHasStarted) {
  Check unbound = kBound;
  unbound.ok = false;
  const Sources sources = sourcesWith({unbound});
  EXPECT_EQ(get("/startupz", sources).status, 503);
  EXPECT_EQ(get("/readyz", sources).status, 503);
}

TEST(Routes, ListsEveryCheckWhenAskedToBeVerbose) {
  const Sources sources = sourcesWith({kBound});
  EXPECT_EQ(get("/readyz", sources).body, "ok\n");
  EXPECT_EQ(get("/readyz", sources, "verbose").body, "[+] listeners\nok\n");
}

TEST(Routes, StoreThatIsDownHoldsNothingBackAndIsTold) {
  const Sources sources =
      sourcesWith({kBound, {"store", Check::Phase::kTold, false, "disk is away"}});
  EXPECT_EQ(get("/readyz", sources).status, 200);
  EXPECT_EQ(get("/readyz", sources).body, "ok\n");
  EXPECT_EQ(get("/readyz", sources, "verbose").status, 200);
  EXPECT_EQ(get("/readyz", sources, "verbose").body,
            "[+] listeners\n[-] store: disk is away\nok\n");
  EXPECT_EQ(get("/startupz", sources, "verbose").body, "[+] listeners\nok\n");
}

TEST(Routes, AnswersMetricsInTheFormatThatIsAccepted) {
  const Sources sources = sourcesWith({});
  EXPECT_EQ(get("/metrics", sources).body, "text");
  const Response open = route(
      {.method = "GET", .path = "/metrics", .query = {}, .accept = "application/openmetrics-text"},
      sources);
  EXPECT_EQ(open.body, "open");
  EXPECT_TRUE(open.content_type.starts_with("application/openmetrics-text"));
}

TEST(Routes, TakesExactPathsOnly) {
  const Sources sources = sourcesWith({});
  for (const char* path : {"/", "/livez/", "/LIVEZ", "/metrics/x", "//livez", "/debug"}) {
    EXPECT_EQ(get(path, sources).status, 404) << path;
  }
}

TEST(Routes, RefusesMethodsThatCouldChangeSomething) {
  const Sources sources = sourcesWith({});
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    const Request request{.method = method, .path = "/livez", .query = {}, .accept = {}};
    EXPECT_EQ(route(request, sources).status, 405) << method;
  }
}

TEST(ParseRequest, ReadsMethodPathQueryAndAccept) {
  Request request;
  ASSERT_EQ(parseRequest("GET /readyz?verbose HTTP/1.1\r\nHost: x\r\naCCept:  text/plain\r\n\r\n",
                         request),
            ParseResult::kComplete);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/readyz");
  EXPECT_EQ(request.query, "verbose");
  EXPECT_EQ(request.accept, "text/plain");
}

TEST(ParseRequest, WaitsForTheEndOfTheHeadUpToABound) {
  Request request;
  const std::string head = "GET /livez HTTP/1.1\r\nA: b\r\n\r\n";
  for (size_t size = 0; size < head.size(); ++size) {
    EXPECT_EQ(parseRequest(head.substr(0, size), request), ParseResult::kIncomplete) << size;
  }
  EXPECT_EQ(parseRequest(std::string(kMaxHeadBytes, 'x'), request), ParseResult::kTooLarge);
}

TEST(ParseRequest, RefusesWhatIsNoRequest) {
  Request request;
  for (const char* head : {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2\r\n\r\n",
                           "GET x HTTP/1.1\r\n\r\n", "GET / x HTTP/1.1\r\n\r\n",
                           "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nA : b\r\n\r\n",
                           "GET / HTTP/1.1\r\n folded\r\n\r\n", "G\xc3\xa9T / HTTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(parseRequest(head, request), ParseResult::kMalformed) << head;
  }
}

TEST(FormatResponse, LeavesOutOnlyTheBodyForHead) {
  const Response response{.status = 200, .content_type = "text/plain", .body = "ok\n"};
  const std::string whole = formatResponse(response, Body::kSend);
  const std::string head = formatResponse(response, Body::kOmit);
  EXPECT_EQ(whole, head + "ok\n");
  EXPECT_NE(head.find("Content-Length: 3\r\n"), std::string::npos);
  EXPECT_NE(head.find("Connection: close\r\n"), std::string::npos);
}

TEST(FormatResponse, NamesTheAllowedMethodsWhenOneIsRefused) {
  EXPECT_NE(formatResponse({.status = 405, .content_type = "a/b", .body = {}}, Body::kSend)
                .find("Allow: GET, HEAD\r\n"),
            std::string::npos);
}

}  // namespace
}  // namespace vatmesh::admin
