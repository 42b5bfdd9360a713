// core/json_file.h — the members of a JSON object in a file that are needed, unparsed; the file need not exist.
//
//   JsonFile config("model/tokenizer_config.json", [](std::string_view name) { return name.ends_with("_token"); });
//   const JsonValue* bos = config.find("bos_token");                   // null without such a file or member
#pragma once
#include "core/json_value.h"
#include "core/mapped_file.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puna {

class JsonFile {
 public:
    // is_needed: of a member's name. Throws Error for a file that is not a JSON object, and for more than 256 members.
    JsonFile(const std::filesystem::path& path, const std::function<bool(std::string_view name)>& is_needed);

    using Member = std::pair<std::string, JsonValue>;
    bool exists() const { return file_.has_value(); }
    const std::vector<Member>& members() const { return members_; }  // of duplicates the last one, as in Python's json
    const JsonValue* find(std::string_view name) const;
    // For error messages: "tokenizer_config.json: chat_template".
    std::string origin(std::string_view name) const;

 private:
    std::string path_;
    std::optional<MappedFile> file_;
    std::vector<Member> members_;  // views of the file
};

}  // namespace puna
