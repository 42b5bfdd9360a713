#include "data/json_members.h"

#include "core/error.h"

namespace puna {

JsonMembers::JsonMembers(std::string_view object, std::string_view location, std::string_view what)
    : location_(location), what_(what) {
    bool is_object = for_each_member(object, location, [this](std::string_view name, const JsonValue& value) {
        members_.push_back({std::string(name), value});
    });
    if (!is_object) fail("{}: {} must be a JSON object", location, what);
}

const JsonValue* JsonMembers::find(std::string_view name) const {
    const JsonValue* found = nullptr;
    for (const Member& member : members_) {
        if (member.name != name) continue;
        if (found) fail("{}: duplicate field '{}': keep one", location_, printable(name));
        found = &member.value;
    }
    return found && found->kind != JsonEvent::null ? found : nullptr;
}

const JsonValue& JsonMembers::need(std::string_view name) const {
    const JsonValue* value = find(name);
    if (!value) fail("{}: {} has no '{}'", location_, what_, name);
    return *value;
}

std::string JsonMembers::need_text(std::string_view name) const {
    const JsonValue& value = need(name);
    if (!value.is_string()) fail("{}: '{}' must be text", location_, name);
    return text_of(value, location_);
}

}  // namespace puna
