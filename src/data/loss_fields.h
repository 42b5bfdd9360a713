// data/loss_fields.h — fields of JSONL that select what is in the loss, under the names of several programs.
//
//   std::optional<LossFlag> flag = read_loss_flag(JsonMembers(R"({"text": "Hi", "weight": 0})", "a.jsonl:7", "a line"));
//   bool drop = flag && !flag->in_loss;
//
// For a line, a message, a tool call or a part of a message's content. docs/data.md lists the fields.
#pragma once
#include "data/json_members.h"

#include <optional>
#include <string_view>

namespace puna {

struct LossFlag {
    std::string_view name, value;  // of the field, for messages; value: as it is written
    bool in_loss;
};

// None if no field says. Throws Error for fractional weights, fields that contradict each other and fields with an
// effect on training that is not supported, also unknown ones that seem to have one.
// can_be_in_loss: false for messages of other roles than the assistant's, where unknown fields do not matter.
std::optional<LossFlag> read_loss_flag(const JsonMembers& object, bool can_be_in_loss = true);

}  // namespace puna
