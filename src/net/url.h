// net/url.h — http and https URLs: their origin, links relative to them, and the words that go into one.
//
//   Url page = parse_url("https://huggingface.co/owner/name", "HF_ENDPOINT");
//   Url file = join_url(page, "/api/resolve-cache/models/owner/name");   // of a Location or Link header
//   bool keeps_token = same_origin(page, file);
//   std::string request = "https://huggingface.co/api/models/owner/name/revision/" + quote_segment("refs/pr/1");
//
// Parsed by libcurl (RFC 3986). A URL with a user name or password is refused: those belong in headers.
#pragma once
#include <string>
#include <string_view>

namespace puna {

struct Url {
    std::string text;          // without a fragment
    std::string scheme, host;  // lower case: "https", "huggingface.co"
    int port = 0;              // 443 for https where it names none
};

// where: begins the message of the Error for another scheme and for text that is no URL.
Url parse_url(std::string_view text, std::string_view where);
// The target of a link on a page; blanks and other characters that do not belong in a URL are escaped.
Url join_url(const Url& page, std::string_view link);

// Scheme, host and port are the same: only then may a token that was meant for one be sent to the other.
bool same_origin(const Url& a, const Url& b);
std::string origin_of(const Url& url);          // "https://huggingface.co:443"
std::string for_message(std::string_view url);  // printable, without the query, which may hold a signature

// Percent-encoding of everything but letters, digits and "-_.~"; a path keeps its slashes.
std::string quote_segment(std::string_view text);
std::string quote_path(std::string_view text);

}  // namespace puna
