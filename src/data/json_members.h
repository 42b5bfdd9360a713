// data/json_members.h — the members of a JSON object of a line of JSONL, by name.
//
//   JsonMembers message(R"({"role": "user", "id": [1, 2]})", "chat.jsonl:7", "a message");
//   std::string role = message.need_text("role");
//
// Only members that are asked for must be valid: others may repeat and hold anything.
#pragma once
#include "core/json_value.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

class JsonMembers {
 public:
    struct Member {
        std::string name;
        JsonValue value;
    };

    // Throws Error, beginning with `location`, if `object` is not a JSON object; `what` names it in messages. Both the
    // views and `object` must outlive this.
    JsonMembers(std::string_view object, std::string_view location, std::string_view what);

    // Null if the member is absent or null. Throws Error if it appears twice: parsers differ in which one they use.
    const JsonValue* find(std::string_view name) const;
    const JsonValue& need(std::string_view name) const;          // throws Error if it is absent or null
    std::string need_text(std::string_view name) const;          // also if it is not text
    const std::vector<Member>& all() const { return members_; }  // in their order
    std::string_view location() const { return location_; }

 private:
    std::string_view location_, what_;
    std::vector<Member> members_;
};

}  // namespace puna
