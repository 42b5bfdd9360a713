#include "library/hub/choose_files.h"

#include "core/ascii.h"
#include "core/error.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/ranges.h>

namespace puna {

namespace {

constexpr std::string_view default_type = "Q4_K_M";
constexpr size_t max_listed = 12;

using Paths = std::vector<std::string>;

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }
bool is_at_root(std::string_view path) { return path.find('/') == path.npos; }
bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// NAME-00002-of-00003.EXTENSION
struct ShardName {
    std::string_view stem, extension;
    int index = 0, count = 0;
};

std::optional<int> parse_digits(std::string_view text) {
    int value = 0;
    for (char c : text) {
        if (!std::isdigit(static_cast<unsigned char>(c))) return {};
        value = value * 10 + (c - '0');
    }
    return value;
}

std::optional<ShardName> parse_shard(std::string_view path) {
    constexpr size_t tail = std::string_view("-00001-of-00003").size();
    size_t dot = path.rfind('.');
    if (dot == path.npos || dot < tail) return {};
    std::string_view number = path.substr(dot - tail, tail);
    std::optional<int> index = parse_digits(number.substr(1, 5)), count = parse_digits(number.substr(10));
    if (number[0] != '-' || number.substr(6, 4) != "-of-" || !index || !count) return {};
    if (*index < 1 || *index > *count) return {};
    return ShardName{path.substr(0, dot - tail), path.substr(dot), *index, *count};
}

// Whether more of a type follows, as _M after Q4_K.
bool goes_on(std::string_view rest) {
    constexpr std::string_view suffixes[] = {"0", "1", "K", "S", "M", "L", "XS", "XL", "XXS", "XXL", "NL"};
    if (!rest.starts_with('_')) return !rest.empty() && is_alphanumeric(rest[0]);
    rest.remove_prefix(1);
    auto end = std::find_if_not(rest.begin(), rest.end(), is_alphanumeric);
    std::string_view next = rest.substr(0, static_cast<size_t>(end - rest.begin()));
    return std::find(std::begin(suffixes), std::end(suffixes), next) != std::end(suffixes);
}

// Whether a type stands in a text, both in upper case, not as a part of a longer one.
bool has_type(std::string_view text, std::string_view type) {
    for (size_t at = text.find(type); at != text.npos; at = text.find(type, at + 1))
        if ((at == 0 || !is_alphanumeric(text[at - 1])) && !goes_on(text.substr(at + type.size()))) return true;
    return false;
}

bool is_gguf_model(std::string_view path) {
    std::string name = ascii_upper(std::string(file_name(path)));
    return name.ends_with(".GGUF") && name.find("MMPROJ") == name.npos && name.find("IMATRIX") == name.npos;
}

[[noreturn]] void fail_choice(std::string_view repository, std::string_view problem, const Paths& models) {
    Paths listed(models.begin(), models.begin() + static_cast<std::ptrdiff_t>(std::min(models.size(), max_listed)));
    fail(ErrorKind::not_found, "{} {}; ask for one of: {}{}", repository, problem, fmt::join(listed, ", "),
         models.size() > max_listed ? ", ..." : "");
}

Paths with_card(Paths files, const Paths& paths) {
    if (std::find(paths.begin(), paths.end(), "README.md") != paths.end()) files.emplace_back("README.md");
    std::sort(files.begin(), files.end());
    files.erase(std::unique(files.begin(), files.end()), files.end());
    return files;
}

ModelFiles gguf_files(const Paths& paths, const std::string& first) {
    return {first, with_card(split_set(paths, first), paths)};
}

// Of types as "Q4_K_M", which is also in "UD-Q4_K_M": the shortest name is meant.
ModelFiles choose_gguf(const Paths& paths, std::string_view repository, std::string_view type) {
    Paths models = list_gguf_models(paths), matching;
    std::string wanted = ascii_upper(std::string(type));
    for (const std::string& path : models)
        if (has_type(ascii_upper(std::string(path)), wanted)) matching.push_back(path);
    if (matching.empty() && models.empty()) fail(ErrorKind::not_found, "{} has no GGUF files", repository);
    if (matching.empty()) fail_choice(repository, fmt::format("has no GGUF file of type {}", type), models);
    auto shorter = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
    auto best = std::min_element(matching.begin(), matching.end(), shorter);
    auto as_short = [&](const std::string& path) { return path.size() == best->size(); };
    if (std::count_if(matching.begin(), matching.end(), as_short) > 1)
        fail_choice(repository, fmt::format("has several GGUF files of type {}", type), matching);
    return gguf_files(paths, *best);
}

bool is_small_part(std::string_view path) {
    constexpr std::string_view names[] = {"tokenizer.model", "merges.txt", "vocab.txt", "README.md", "params.json"};
    std::string_view name = file_name(path);
    if (path.starts_with("additional_chat_templates/")) return path.ends_with(".jinja");
    if (!is_at_root(path)) return false;
    bool is_listed = std::find(std::begin(names), std::end(names), name) != std::end(names);
    bool is_index = name.ends_with(".index.json");  // belongs to weights
    bool is_legal = ascii_upper(std::string(name)).starts_with("LICENSE") || name.starts_with("NOTICE") ||
                    name.starts_with("USE_POLICY");
    return is_listed || is_legal || (name.ends_with(".json") && !is_index) || name.ends_with(".jinja");
}

// The weights that are one file, or shards with an index; whichever of the two is complete.
Paths whole_or_shards(const Paths& paths, std::string_view whole, std::string_view index, std::string_view extension) {
    auto has = [&](std::string_view path) { return std::find(paths.begin(), paths.end(), path) != paths.end(); };
    if (has(whole)) return {std::string(whole)};
    if (!has(index)) return {};
    std::map<std::pair<std::string_view, int>, Paths> sets;
    for (const std::string& path : paths)
        if (std::optional<ShardName> shard = parse_shard(path);
            shard && is_at_root(path) && shard->extension == extension)
            sets[{shard->stem, shard->count}].push_back(path);
    for (auto& [name, files] : sets) {
        if (std::ssize(files) != name.second) continue;
        files.emplace_back(index);
        return files;
    }
    return {};
}

Paths root_files(const Paths& paths, std::string_view prefix, std::string_view extension) {
    Paths files;
    for (const std::string& path : paths)
        if (is_at_root(path) && path.starts_with(prefix) && path.ends_with(extension)) files.push_back(path);
    return files;
}

// The first form of weights that is there.
Paths choose_weights(const Paths& paths) {
    Paths files = whole_or_shards(paths, "model.safetensors", "model.safetensors.index.json", ".safetensors");
    if (files.empty()) files = root_files(paths, "adapter_model", ".safetensors");
    if (files.empty()) files = whole_or_shards(paths, "pytorch_model.bin", "pytorch_model.bin.index.json", ".bin");
    if (files.empty()) files = root_files(paths, "adapter_model", ".bin");
    if (files.empty()) files = root_files(paths, "consolidated.", ".pth");
    return files;
}

ModelFiles choose_default(const Paths& paths, std::string_view repository) {
    if (std::optional<ModelFiles> folder = choose_folder_files(paths)) return *folder;
    Paths models = list_gguf_models(paths);
    if (models.size() == 1) return gguf_files(paths, models[0]);
    if (!models.empty()) return choose_gguf(paths, repository, default_type);
    fail(ErrorKind::not_found,
         "{} has no weights that can be read: neither safetensors, PyTorch's .bin, Meta's consolidated.*.pth nor GGUF",
         repository);
}

}  // namespace

std::optional<ModelFiles> choose_folder_files(const Paths& paths) {
    Paths files = choose_weights(paths);
    if (files.empty()) return {};
    for (const std::string& path : paths)
        if (is_small_part(path)) files.push_back(path);
    return ModelFiles{"", with_card(std::move(files), paths)};
}

// Split ones of which a part is missing are left out.
Paths list_gguf_models(const Paths& paths) {
    using Set = std::tuple<std::string_view, std::string_view, int>;
    auto set_of = [](const ShardName& shard) { return Set(shard.stem, shard.extension, shard.count); };
    std::map<Set, int> parts;
    for (const std::string& path : paths)
        if (std::optional<ShardName> shard = parse_shard(path)) ++parts[set_of(*shard)];
    Paths models;
    for (const std::string& path : paths) {
        if (!is_gguf_model(path)) continue;
        std::optional<ShardName> shard = parse_shard(path);
        if (!shard || (shard->index == 1 && parts[set_of(*shard)] == shard->count)) models.push_back(path);
    }
    return models;
}

Paths split_set(const Paths& paths, std::string_view path) {
    std::optional<ShardName> wanted = parse_shard(path);
    if (!wanted) return {std::string(path)};
    Paths set;
    for (const std::string& other : paths) {
        std::optional<ShardName> shard = parse_shard(other);
        if (shard && shard->stem == wanted->stem && shard->extension == wanted->extension &&
            shard->count == wanted->count)
            set.push_back(other);
    }
    std::sort(set.begin(), set.end());
    return set;
}

std::string gguf_type_of(std::string_view path) {
    constexpr std::string_view types[] = {
        "IQ1_S",  "IQ1_M",   "IQ2_XXS", "IQ2_XS",  "IQ2_S", "IQ2_M",  "IQ3_XXS", "IQ3_XS", "IQ3_S",   "IQ3_M",
        "IQ4_XS", "IQ4_NL",  "Q2_K_S",  "Q2_K_L",  "Q2_K",  "Q3_K_S", "Q3_K_M",  "Q3_K_L", "Q3_K_XL", "Q3_K",
        "Q4_K_S", "Q4_K_M",  "Q4_K_L",  "Q4_K_XL", "Q4_K",  "Q5_K_S", "Q5_K_M",  "Q5_K_L", "Q5_K_XL", "Q5_K",
        "Q6_K_L", "Q6_K_XL", "Q6_K",    "Q8_K_XL", "Q4_0",  "Q4_1",   "Q5_0",    "Q5_1",   "Q8_0",    "TQ1_0",
        "TQ2_0",  "MXFP4",   "BF16",    "F16",     "FP16",  "F32",    "FP32"};
    std::string text = ascii_upper(std::string(path));
    for (std::string_view part : {std::string_view(text).substr(text.rfind('/') + 1), std::string_view(text)})
        for (std::string_view type : types)
            if (has_type(part, type)) return std::string(type);
    return {};
}

ModelFiles choose_files(const Paths& paths, std::string_view repository, std::string_view selector) {
    if (selector.empty()) return choose_default(paths, repository);
    if (std::find(paths.begin(), paths.end(), selector) != paths.end()) {
        Paths set = split_set(paths, selector);
        if (std::optional<ShardName> shard = parse_shard(selector); shard && std::ssize(set) != shard->count)
            fail(ErrorKind::not_found, "{} has only {} of the {} files that belong to '{}'", repository, set.size(),
                 shard->count, printable(selector));
        return {set[0], set};
    }
    bool is_type = selector.find_first_of("./") == selector.npos;
    if (!is_type) fail(ErrorKind::not_found, "{} has no file '{}'", repository, printable(selector));
    return choose_gguf(paths, repository, selector);
}

}  // namespace puna
