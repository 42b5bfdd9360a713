// net/test_http_server.h — for tests: a server on a free port of 127.0.0.1 that answers with the bytes it is told.
//
//   TestHttpServer server([](const TestRequest& request) { return TestReply{text_answer("200 OK", request.path)}; });
//   HttpClient().send({.url = server.url("/page")}).body;          // "/page"
//   server.requests();                                             // what arrived, in its order
#pragma once
#include "core/error.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace puna {

struct TestRequest {
    std::string method, path, head, body;  // head: from the request line to the blank line

    // Of a header, as "Range"; empty without it.
    std::string header(std::string_view name) const {
        std::string line = "\r\n" + std::string(name) + ": ";
        size_t at = head.find(line);
        if (at == head.npos) return {};
        at += line.size();
        return head.substr(at, head.find('\r', at) - at);
    }
};

struct TestReply {
    std::string bytes;    // head and body
    bool closes = false;  // the connection, after them
    bool stalls = false;  // says nothing more, until the server ends
};

inline std::string text_answer(std::string_view status, std::string_view body, std::string_view headers = "") {
    return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body);
}

class TestHttpServer {
 public:
    explicit TestHttpServer(std::function<TestReply(const TestRequest&)> answer) : answer_(std::move(answer)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t size = sizeof address;
        bool ready = ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::listen(listener_, 16) == 0 &&
                     ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
        if (!ready) fail_errno(errno, "127.0.0.1: cannot listen");
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept_all(); });
    }
    ~TestHttpServer() {
        {
            std::lock_guard lock(mutex_);
            ended_ = true;
            for (int connection : connections_) ::shutdown(connection, SHUT_RDWR);
        }
        end_.notify_all();
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        for (std::thread& thread : threads_) thread.join();
        for (int connection : connections_) ::close(connection);
        ::close(listener_);
    }
    TestHttpServer(const TestHttpServer&) = delete;

    int port() const { return port_; }
    std::string url(std::string_view path, std::string_view host = "127.0.0.1") const {
        return fmt::format("http://{}:{}{}", host, port_, path);
    }
    std::vector<TestRequest> requests() {
        std::lock_guard lock(mutex_);
        return requests_;
    }

 private:
    void accept_all() {
        for (int connection; (connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
            std::lock_guard lock(mutex_);
            connections_.push_back(connection);
            if (ended_) ::shutdown(connection, SHUT_RDWR);
            threads_.emplace_back([this, connection] { serve(connection); });
        }
    }

    // False when the client has closed the connection.
    static bool receive(int connection, std::string& text) {
        char bytes[4096];
        ssize_t n = ::recv(connection, bytes, sizeof bytes, 0);
        if (n > 0) text.append(bytes, static_cast<size_t>(n));
        return n > 0;
    }

    void serve(int connection) {
        std::string text;
        while (true) {
            size_t end;
            while ((end = text.find("\r\n\r\n")) == text.npos)
                if (!receive(connection, text)) return;
            TestRequest request{.head = text.substr(0, end + 4)};
            size_t blank = request.head.find(' ');
            request.method = request.head.substr(0, blank);
            request.path = request.head.substr(blank + 1, request.head.find(' ', blank + 1) - blank - 1);
            size_t length = std::strtoul(("0" + request.header("Content-Length")).c_str(), nullptr, 10);
            while (text.size() < end + 4 + length)
                if (!receive(connection, text)) return;
            request.body = text.substr(end + 4, length);
            text.erase(0, end + 4 + length);
            if (!reply(connection, request)) return;
        }
    }

    bool reply(int connection, const TestRequest& request) {
        {
            std::lock_guard lock(mutex_);
            requests_.push_back(request);
        }
        TestReply reply = answer_(request);
        for (std::string_view rest = reply.bytes; !rest.empty();) {
            ssize_t n = ::send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            rest.remove_prefix(static_cast<size_t>(n));
        }
        std::unique_lock lock(mutex_);
        if (reply.stalls) end_.wait(lock, [this] { return ended_; });
        if (reply.closes) ::shutdown(connection, SHUT_RDWR);
        return !reply.closes && !reply.stalls;
    }

    std::function<TestReply(const TestRequest&)> answer_;
    int listener_ = -1, port_ = 0;
    std::mutex mutex_;
    std::condition_variable end_;
    bool ended_ = false;
    std::vector<int> connections_;
    std::vector<std::thread> threads_;
    std::vector<TestRequest> requests_;
    std::thread acceptor_;
};

}  // namespace puna
