#include "net/http.h"

#include "core/progress.h"
#include "core/test_error.h"
#include "net/retry.h"
#include "net/test_http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Reason = TransferError::Reason;

const HttpOptions quick{.connect_seconds = 2, .stall_seconds = 1};

std::optional<TransferError> transfer_error(const HttpRequest& request, const HttpOptions& options = quick) {
    try {
        HttpClient(options).send(request);
    } catch (const TransferError& error) {
        return error;
    }
    return {};
}

std::string location(std::string_view where) { return fmt::format("Location: {}\r\n", where); }

TEST(HttpClient, AnswersHaveStatusHeadersAndBody) {
    TestHttpServer server([](const TestRequest& request) {
        return TestReply{text_answer("404 Not Found", request.method + " " + request.path, "X-Error-Code:  Gone \r\n")};
    });
    HttpClient client(quick);
    HttpResponse answer = client.send({.url = server.url("/a?b=1")});
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.body, "GET /a?b=1");
    EXPECT_EQ(answer.find("x-error-code"), "Gone");
    EXPECT_FALSE(answer.find("ETag"));
    EXPECT_EQ(client.send({.method = HttpMethod::head, .url = server.url("/a")}).body, "");
    EXPECT_EQ(client.send({.url = server.url("/c")}).body, "GET /c");
}

TEST(HttpClient, AsksForBodiesAsTheyAre) {
    TestHttpServer server([](const TestRequest& request) { return TestReply{text_answer("200 OK", request.head)}; });
    std::string head = HttpClient(quick).send({.url = server.url("/"), .headers = {{"Range", "bytes=3-5"}}}).body;
    EXPECT_THAT(head, HasSubstr("Accept-Encoding: identity\r\n"));
    EXPECT_THAT(head, HasSubstr("Range: bytes=3-5\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Authorization")));
}

TEST(HttpClient, SendsBodies) {
    TestHttpServer server([](const TestRequest& request) {
        return TestReply{text_answer("200 OK", request.method + " " + request.body)};
    });
    HttpClient client(quick);
    std::string big(100'000, 'x');
    EXPECT_EQ(client.send({.method = HttpMethod::post, .url = server.url("/"), .body = big}).body, "POST " + big);
    EXPECT_EQ(client.send({.method = HttpMethod::put, .url = server.url("/"), .body = "abc"}).body, "PUT abc");
    HttpRequest upload{.method = HttpMethod::put, .url = server.url("/"), .upload_bytes = 5};
    int64_t left = 5;
    upload.upload = [&](std::span<std::byte> into) -> size_t {
        size_t n = left > 0;
        if (n > 0) into[0] = static_cast<std::byte>('a' + --left);
        return n;
    };
    EXPECT_EQ(client.send(upload).body, "PUT edcba");
}

TEST(HttpClient, BodiesAreStreamedAndCanBeEndedEarly) {
    TestHttpServer server(
        [](const TestRequest&) { return TestReply{text_answer("200 OK", std::string(1 << 20, 'x'))}; });
    size_t received = 0;
    HttpRequest request{.url = server.url("/")};
    request.receive = [&](const HttpResponse& head, std::span<const std::byte> bytes) {
        EXPECT_EQ(head.status, 200);
        received += bytes.size();
        return true;
    };
    HttpClient client(quick);
    EXPECT_EQ(client.send(request).body, "");
    EXPECT_EQ(received, 1u << 20);
    request.receive = [&](const HttpResponse&, std::span<const std::byte>) { return false; };
    EXPECT_EQ(client.send(request).status, 200);
    request.receive = [&](const HttpResponse&, std::span<const std::byte>) -> bool { fail("disk full"); };
    EXPECT_EQ(error_of([&] { client.send(request); }), "disk full");
}

TEST(HttpClient, TheTokenStaysWithItsOrigin) {
    TestHttpServer storage([](const TestRequest&) { return TestReply{text_answer("200 OK", "content")}; });
    std::string elsewhere = storage.url("/signed?x=1");
    TestHttpServer hub([&](const TestRequest& request) {
        if (request.path == "/old") return TestReply{text_answer("307 Temporary Redirect", "", location("/new"))};
        return TestReply{text_answer("302 Found", "ignored", "X-Linked-Size: 7\r\n" + location(elsewhere))};
    });
    HttpRequest request{.url = hub.url("/old"), .token = "hf_x", .redirects = Redirects::any};
    std::string content;
    request.receive = [&](const HttpResponse& head, std::span<const std::byte> bytes) {
        EXPECT_EQ(head.redirects.size(), 2u) << "what led to a body is known before its first byte";
        content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return true;
    };
    HttpResponse answer = HttpClient(quick).send(request);
    EXPECT_EQ(content, "content");
    EXPECT_FALSE(answer.has_token);
    ASSERT_EQ(answer.redirects.size(), 2u);
    EXPECT_TRUE(answer.redirects[1].has_token);
    EXPECT_EQ(answer.redirects[1].find("X-Linked-Size"), "7");
    EXPECT_EQ(answer.redirects[1].body, "");
    for (const TestRequest& seen : hub.requests()) EXPECT_EQ(seen.header("Authorization"), "Bearer hf_x");
    ASSERT_EQ(storage.requests().size(), 1u);  // the same host, another port
    EXPECT_EQ(storage.requests()[0].header("Authorization"), "");
}

TEST(HttpClient, ATokenThatWasDroppedDoesNotComeBack) {
    TestHttpServer* back = nullptr;
    TestHttpServer other(
        [&](const TestRequest&) { return TestReply{text_answer("302 Found", "", location(back->url("/end")))}; });
    TestHttpServer hub([&](const TestRequest& request) {
        if (request.path == "/end") return TestReply{text_answer("200 OK", request.header("Authorization"))};
        return TestReply{text_answer("302 Found", "", location(other.url("/")))};
    });
    back = &hub;
    HttpRequest request{.url = hub.url("/begin"), .token = "hf_x", .redirects = Redirects::any};
    EXPECT_EQ(HttpClient(quick).send(request).body, "");
}

TEST(HttpClient, RedirectsGoWhereTheRequestAllows) {
    TestHttpServer other([](const TestRequest&) { return TestReply{text_answer("200 OK", "other")}; });
    TestHttpServer hub([&](const TestRequest& request) {
        if (request.path == "/circle") return TestReply{text_answer("302 Found", "", location("/circle2"))};
        if (request.path == "/circle2") return TestReply{text_answer("302 Found", "", location("/circle"))};
        if (request.path == "/file") return TestReply{text_answer("302 Found", "", location("file:///etc/passwd"))};
        if (request.path.starts_with("/more"))
            return TestReply{text_answer("302 Found", "", location(request.path + "m"))};
        return TestReply{text_answer("302 Found", "", location(other.url("/")))};
    });
    EXPECT_EQ(HttpClient(quick).send({.url = hub.url("/away"), .redirects = Redirects::none}).status, 302);
    auto refused = [&](const char* path, Redirects redirects) {
        std::optional<TransferError> error = transfer_error({.url = hub.url(path), .redirects = redirects});
        return error && error->reason == Reason::refused ? error->what() : std::string("not refused");
    };
    EXPECT_THAT(refused("/away", Redirects::same_origin), HasSubstr("redirects to another server, " + other.url("")));
    EXPECT_THAT(refused("/circle", Redirects::any), HasSubstr("redirects in a circle"));
    EXPECT_THAT(refused("/more", Redirects::any), HasSubstr("redirects too often"));
    EXPECT_THROW(HttpClient(quick).send({.url = hub.url("/file"), .redirects = Redirects::any}), Error);
}

TEST(HttpClient, ConnectionsThatBreakOffOrStallAreErrors) {
    TestHttpServer server([](const TestRequest& request) {
        std::string half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
        if (request.path == "/nothing") return TestReply{"", true};
        if (request.path == "/chunked")
            return TestReply{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", true};
        bool closes = request.path == "/half";
        return TestReply{request.path == "/silent" ? "" : half, closes, !closes};
    });
    auto reason_of = [&](const char* path) {
        std::optional<TransferError> error = transfer_error({.url = server.url(path)});
        return error ? std::optional(error->reason) : std::nullopt;
    };
    for (const char* path : {"/nothing", "/half", "/chunked"}) EXPECT_EQ(reason_of(path), Reason::broken_off) << path;
    for (const char* path : {"/silent", "/stall"}) EXPECT_EQ(reason_of(path), Reason::stalled) << path;
}

TEST(HttpClient, AServerThatIsNotThereIsUnreachable) {
    int port;
    {
        TestHttpServer gone([](const TestRequest&) { return TestReply{}; });
        port = gone.port();
    }
    std::string url = fmt::format("http://127.0.0.1:{}/x?secret", port);
    std::optional<TransferError> error = transfer_error({.url = url});
    ASSERT_TRUE(error);
    EXPECT_EQ(error->reason, Reason::unreachable);
    EXPECT_EQ(error->kind, ErrorKind::busy);
    EXPECT_THAT(error->what(), HasSubstr("cannot be reached"));
    EXPECT_THAT(error->what(), Not(HasSubstr("secret")));
}

TEST(HttpClient, ProxiesAreThoseOfTheEnvironment) {
    TestHttpServer proxy([](const TestRequest& request) { return TestReply{text_answer("200 OK", request.path)}; });
    ::setenv("http_proxy", proxy.url("").c_str(), 1);
    ::setenv("no_proxy", "127.0.0.1", 1);
    EXPECT_EQ(HttpClient(quick).send({.url = "http://hub.invalid/x"}).body, "http://hub.invalid/x");
    EXPECT_EQ(HttpClient(quick).send({.url = proxy.url("/y")}).body, "/y");
    ::unsetenv("http_proxy");
    ::unsetenv("no_proxy");
}

TEST(HttpClient, ATransferCanBeCancelled) {
    TestHttpServer server([](const TestRequest&) { return TestReply{"HTTP/1.1 200 OK\r\n", false, true}; });
    std::atomic<int> asked = 0;
    HttpRequest request{.url = server.url("/"), .stall_seconds = 60};
    request.is_cancelled = [&] { return ++asked > 1; };
    std::optional<TransferError> error = transfer_error(request);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->reason, Reason::cancelled);
}

TEST(HttpClient, AnswersAreLimited) {
    TestHttpServer server([](const TestRequest& request) {
        if (request.path == "/body") return TestReply{text_answer("200 OK", std::string(2000, 'x'))};
        return TestReply{text_answer("200 OK", "",
                                     "X-Long: " + std::string(90'000, 'x') + "\r\nX-Long: " + std::string(90'000, 'x') +
                                         "\r\nX-Long: " + std::string(90'000, 'x') + "\r\n")};
    });
    for (const char* path : {"/body", "/headers"}) {
        std::optional<TransferError> error = transfer_error({.url = server.url(path), .max_body = 1000});
        ASSERT_TRUE(error) << path;
        EXPECT_EQ(error->reason, Reason::refused) << path;
    }
}

TEST(HttpClient, LineBreaksInATokenAreRefused) {
    EXPECT_EQ(error_kind_of([] { HttpClient().send({.url = "http://127.0.0.1:1/", .token = "a\r\nX: y"}); }),
              ErrorKind::usage);
}

TEST(Retries, WaitsDoubleUnlessTheServerSaysHowLong) {
    HttpResponse limited{.headers = {{"RateLimit", R"("resolvers";r=0;t=55)"}, {"Retry-After", "7"}}};
    EXPECT_EQ(requested_wait(limited), 55);
    limited.headers[0].value = R"("resolvers";r=10;t=55)";
    EXPECT_EQ(requested_wait(limited), 7);
    limited.headers[1].value = "Wed, 21 Oct 2026 07:28:00 GMT";
    EXPECT_FALSE(requested_wait(limited));
    std::vector<double> waits;
    Retries retries({.attempts = 4, .first_wait = 0.01, .max_wait = 0.02},
                    [&](const std::string&, double seconds) { waits.push_back(seconds); });
    while (retries.wait_after("problem")) {
    }
    EXPECT_THAT(waits, ElementsAre(0.01, 0.02, 0.02));
    retries.succeeded();
    EXPECT_TRUE(retries.wait_after("problem", 0.0));
    EXPECT_FALSE(retries.wait_after("problem", 301.0)) << "longer than we are willing to wait";
}

TEST(Retries, AnswersAndConnectionsThatMayWorkLaterAreTriedAgain) {
    std::atomic<int> seen = 0;
    TestHttpServer server([&](const TestRequest& request) {
        int n = seen++;
        if (request.path == "/gone") return TestReply{text_answer("404 Not Found", "")};
        if (n == 0) return TestReply{"", true};
        if (n == 1) return TestReply{text_answer("429 Too Many Requests", "<html>", "Retry-After: 0\r\n")};
        return TestReply{text_answer(n == 2 ? "503 Busy" : "200 OK", "")};
    });
    HttpClient client(quick);
    Retries retries({.attempts = 5, .first_wait = 0.01});
    EXPECT_EQ(send_with_retries(client, {.url = server.url("/")}, retries).status, 200);
    EXPECT_EQ(seen, 4);
    EXPECT_EQ(send_with_retries(client, {.url = server.url("/gone")}, retries).status, 404);
    EXPECT_EQ(seen, 5);
    seen = 2;
    Retries few({.attempts = 1});
    EXPECT_EQ(send_with_retries(client, {.url = server.url("/")}, few).status, 503);
}

}  // namespace
}  // namespace puna
