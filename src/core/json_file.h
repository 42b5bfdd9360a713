// core/json_file.h — a JSON object in a small file that need not exist.
//
//   JsonFile config("model/tokenizer_config.json");
//   std::optional<JsonNode> bos = config.find("bos_token");             // none without such a file or member
#pragma once
#include "core/json_document.h"
#include "core/mapped_file.h"

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace puna {

class JsonFile {
 public:
    // Throws Error for a file that is not a JSON object. A member that is there twice with two values is an error when
    // it is asked for.
    explicit JsonFile(const std::filesystem::path& path);

    bool exists() const { return document_.has_value(); }
    std::optional<JsonNode> find(std::string_view name) const;      // none also for null
    std::optional<JsonNode> find_any(std::string_view name) const;  // also null
    std::vector<JsonMember> members() const;                        // JsonNode::unique_members

 private:
    std::optional<MappedFile> file_;
    std::optional<JsonDocument> document_;  // of the file's text
};

}  // namespace puna
