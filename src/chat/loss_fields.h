// chat/loss_fields.h — fields of JSON that select what is in the loss, under the names of several programs.
//
//   JsonDocument line(R"({"text": "Hi", "weight": 0})", "a.jsonl:7");
//   std::optional<LossFlag> flag = read_loss_flag(line.root());
//   bool drop = flag && !flag->in_loss;
//
// For a line of training data, a message, a tool call or a part of a message's content. docs/data.md lists the fields.
#pragma once
#include "core/json_document.h"

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
std::optional<LossFlag> read_loss_flag(const JsonNode& object, bool can_be_in_loss = true);

bool is_loss_flag(const JsonMember& member);  // whether read_loss_flag reads it

}  // namespace puna
