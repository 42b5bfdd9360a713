#include "net/url.h"

#include "core/ascii.h"
#include "core/error.h"

#include <curl/curl.h>

#include <cctype>
#include <charconv>
#include <memory>

namespace puna {

namespace {

struct FreeCurlUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, FreeCurlUrl>;

CurlUrl new_curl_url() {
    CurlUrl url(curl_url());
    if (!url) fail(ErrorKind::out_of_memory, "out of memory");
    return url;
}

// Empty if the URL does not have it.
std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
    std::string copy = text;
    curl_free(text);
    return copy;
}

Url read(CURLU* parsed, std::string_view where) {
    curl_url_set(parsed, CURLUPART_FRAGMENT, nullptr, 0);
    Url url{.text = part(parsed, CURLUPART_URL), .scheme = part(parsed, CURLUPART_SCHEME)};
    url.host = ascii_lower(part(parsed, CURLUPART_HOST));
    if (url.scheme != "http" && url.scheme != "https")
        fail(ErrorKind::unsupported, "{}: {} is neither http nor https", where, for_message(url.text));
    if (!part(parsed, CURLUPART_USER).empty() || !part(parsed, CURLUPART_PASSWORD).empty())
        fail(ErrorKind::unsupported, "{}: the URL has a user name or a password, which are not supported", where);
    std::string port = part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    std::from_chars(port.data(), port.data() + port.size(), url.port);
    return url;
}

std::string quote(std::string_view text, std::string_view kept) {
    std::string out;
    for (char c : text) {
        unsigned char byte = static_cast<unsigned char>(c);
        bool stays = (byte < 0x80 && std::isalnum(byte)) || kept.find(c) != kept.npos;
        out += stays ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return out;
}

}  // namespace

Url parse_url(std::string_view text, std::string_view where) {
    CurlUrl url = new_curl_url();
    if (text.find('\0') != text.npos ||
        curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        fail(ErrorKind::usage, "{}: {} is no URL", where, for_message(text));
    return read(url.get(), where);
}

Url join_url(const Url& page, std::string_view link) {
    CurlUrl url = new_curl_url();
    unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE;
    if (link.find('\0') != link.npos ||
        curl_url_set(url.get(), CURLUPART_URL, page.text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        curl_url_set(url.get(), CURLUPART_URL, std::string(link).c_str(), flags) != CURLUE_OK)
        fail(ErrorKind::damaged, "{}: links to '{}', which is no URL", for_message(page.text), for_message(link));
    return read(url.get(), for_message(page.text));
}

bool same_origin(const Url& a, const Url& b) { return a.scheme == b.scheme && a.host == b.host && a.port == b.port; }

std::string origin_of(const Url& url) { return fmt::format("{}://{}:{}", url.scheme, url.host, url.port); }

std::string for_message(std::string_view url) { return printable(url.substr(0, url.find('?'))); }

std::string quote_segment(std::string_view text) { return quote(text, "-_.~"); }
std::string quote_path(std::string_view text) { return quote(text, "-_.~/"); }

}  // namespace puna
