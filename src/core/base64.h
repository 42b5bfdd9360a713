// core/base64.h — base64 with padding. Source: RFC 4648, section 4.
//
//   std::string text = write_base64("puna");                     // "cHVuYQ=="
//   std::string bytes;
//   bool valid = read_base64(text, bytes);
#pragma once
#include <string>
#include <string_view>

namespace puna {

// Into `bytes`, whose memory is used again; false if the text is empty or no padded base64.
bool read_base64(std::string_view text, std::string& bytes);
std::string write_base64(std::string_view bytes);

}  // namespace puna
