// model/names.h — the name of each weight in Meta's checkpoints, which are ours, and in Hugging Face's.
#pragma once
#include <string>
#include <string_view>

namespace puna {

std::string hugging_face_name(
    std::string_view ours);  // "layers.3.attention.wq.weight" -> "model.layers.3.self_attn.q_proj.weight"

}  // namespace puna
