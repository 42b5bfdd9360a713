#include "core/json_file.h"

#include "core/error.h"
#include "core/file_kind.h"

namespace puna {

JsonFile::JsonFile(const std::filesystem::path& path) {
    if (!file_exists(path)) return;
    file_.emplace(path);
    document_.emplace(file_->text(), path.string(), JsonLimits{.remedy = copy_again, .names = JsonNames::one_value});
    if (!document_->root().is_object())
        fail(ErrorKind::damaged, "{}: not a JSON object: download it again or remove it", path.string());
}

std::optional<JsonNode> JsonFile::find(std::string_view name) const {
    return document_ ? document_->root().find(name) : std::nullopt;
}

std::optional<JsonNode> JsonFile::find_any(std::string_view name) const {
    return document_ ? document_->root().find_any(name) : std::nullopt;
}

std::vector<JsonMember> JsonFile::members() const {
    return document_ ? document_->root().unique_members() : std::vector<JsonMember>();
}

}  // namespace puna
