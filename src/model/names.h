// model/names.h — maps weight names of Meta's checkpoints, used in this program, to those of Hugging Face.
#pragma once
#include <string>
#include <string_view>

namespace puna {

// "layers.3.attention.wq.weight" -> "model.layers.3.self_attn.q_proj.weight". An unknown name is a Bug.
std::string hugging_face_name(std::string_view name);

}  // namespace puna
