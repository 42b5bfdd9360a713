// core/shell.h — texts as words of a command line, for commands that are printed to be copied.
//
//   fmt::print("puna chat {}\n", shell_word(folder));     // puna chat 'my model'
#pragma once
#include <string>
#include <string_view>

namespace puna {

std::string shell_word(std::string_view text);   // in quotes only if it needs them
std::string quote_shell(std::string_view text);  // 'it'\''s', for sh, bash and zsh

}  // namespace puna
