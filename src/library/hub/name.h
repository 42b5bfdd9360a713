// library/hub/name.h — names of repositories on a Hugging Face-compatible hub, and what is safe as a path of theirs.
//
//   std::optional<HubName> name = parse_hub_name("bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m");
//   std::string folder = repository_folder(name->repository);   // "models--bartowski--Llama-3.2-1B-Instruct-GGUF"
//
// OWNER/NAME, optionally followed by a colon and a file or a type of GGUF; "hf.co/" and the hub's address before it are
// accepted, as people copy them. Source: huggingface_hub, utils/_validators.py.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace puna {

struct HubName {
    std::string repository;     // "owner/name"
    std::string selector = {};  // a file's path, or a type as "q4_k_m"; empty: what the repository is for

    std::string text() const { return selector.empty() ? repository : repository + ":" + selector; }
};

std::optional<HubName> parse_hub_name(std::string_view text);  // none: it cannot be one
bool is_repository_name(std::string_view text);                // "owner/name"

// Of a repository in the cache, and back; none for folders of data sets and of others.
std::string repository_folder(std::string_view repository);
std::optional<std::string> repository_of_folder(std::string_view folder);

// Whether a path that a hub names stays below the folder that it is relative to: no "..", no root, no drive, no
// backslash, no control characters. Also for the names of branches.
bool is_safe_path(std::string_view path);
bool is_commit(std::string_view revision);  // 40 hexadecimal digits

}  // namespace puna
