// library/hub/choose_files.h — which files of a repository make the model that a name stands for.
//
//   ModelFiles files = choose_files(listed, "bartowski/Llama-3.2-1B-Instruct-GGUF", "q4_k_m");
//   open(snapshot / files.entry);                        // a folder, for an empty entry, or a GGUF file
//
// Without a selector a repository stands for its Hugging Face folder: configuration, tokenizer, card and the weights in
// one form only, safetensors before PyTorch's pickles before Meta's; or, if it has GGUF files only, for the one of type
// Q4_K_M. A selector is the path of a file, or the type of a GGUF file, in any case. A GGUF file that is split is a set
// of files NAME-00001-of-00003.gguf, of which all are needed; images' projectors (mmproj) and importance matrices are
// no models.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct ModelFiles {
    std::string entry;               // relative to the snapshot; empty: the snapshot is the model
    std::vector<std::string> paths;  // sorted
};

// Of the paths of a repository, or of those that are in a snapshot. Throws Error of kind not_found that names the
// repository and what there is instead; nothing is chosen of which a part is missing.
ModelFiles choose_files(const std::vector<std::string>& paths, std::string_view repository, std::string_view selector);

// The Hugging Face or Meta folder alone; none if there is no complete one.
std::optional<ModelFiles> choose_folder_files(const std::vector<std::string>& paths);
std::vector<std::string> list_gguf_models(const std::vector<std::string>& paths);  // of split ones the first file

// "Q4_K_M" of "model-Q4_K_M-00001-of-00002.gguf", "Q4_K_M/model.gguf" and "model.q4_k_m.gguf"; empty: it names none.
std::string gguf_type_of(std::string_view path);

// The files of a set that is split, by the name of any of them; else this file only.
std::vector<std::string> split_set(const std::vector<std::string>& paths, std::string_view path);

}  // namespace puna
