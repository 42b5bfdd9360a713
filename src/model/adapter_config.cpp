#include "model/adapter_config.h"

#include "core/json_document.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace puna {

namespace {

constexpr int64_t max_rank = 1 << 16;
constexpr double max_alpha = 1e9;
constexpr size_t max_names = 4096;  // of matrices, in each field: more than any model has

// A key of a pattern is a regular expression; those that are names match one thing only.
bool is_name(std::string_view key) {
    return key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.") == key.npos;
}

template <class T>
std::optional<T> find_pattern(const std::vector<std::pair<std::string, T>>& patterns, std::string_view module) {
    for (const auto& [key, value] : patterns)
        if (is_name(key) && ends_with_part(module, key)) return value;
    return {};
}

int64_t rank_of(JsonNode value) {
    int64_t rank = value.integer();
    if (rank < 1 || rank > max_rank) value.reject(fmt::format("is {}; it must be 1 to {}", rank, max_rank));
    return rank;
}

double alpha_of(JsonNode value) {
    double alpha = value.number();
    if (!(std::abs(alpha) < max_alpha)) value.reject(fmt::format("is {}; it must be below 1e9", alpha));
    return alpha;
}

// Calls on_pattern(key, value) for the members of an object that may be absent.
template <class F>
void for_each_pattern(JsonNode root, std::string_view name, F on_pattern) {
    std::optional<JsonNode> patterns = root.find(name);
    if (!patterns) return;
    std::vector<JsonMember> members = patterns->unique_members();
    if (members.size() > max_names) patterns->reject(fmt::format("has more than {} patterns", max_names));
    if (members.size() < patterns->members().size()) patterns->reject("has a pattern twice");
    for (const JsonMember& member : members)
        on_pattern(std::string(member.name.substr(member.name.starts_with('^') ? 1 : 0)), member.value);
}

[[noreturn]] void unsupported(JsonNode root, JsonNode value, std::string_view problem) {
    fail(ErrorKind::unsupported,
         "{}: '{}' {}; only LoRA adapters of matrices are supported: merge this one into its base model where it was "
         "made",
         root.place(), value.path(), problem);
}

// Fields that must be absent, null, false or empty.
void reject_extensions(JsonNode root) {
    for (const char* field :
         {"use_dora", "use_qalora", "fan_in_fan_out", "lora_bias", "modules_to_save", "layer_replication",
          "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "arrow_config"}) {
        std::optional<JsonNode> value = root.find(field);
        if (!value) continue;
        bool empty = (value->is_array() && value->items().empty()) || (value->is_object() && value->members().empty());
        if (!empty && value->raw() != "false") unsupported(root, *value, "is set");
    }
}

void reject_other_kinds(JsonNode root) {
    if (std::string kind = root.text("peft_type", "LORA"); kind != "LORA")
        unsupported(root, root.need("peft_type"), fmt::format("is {}", printable(kind)));
    if (std::string bias = root.text("bias", "none"); bias != "none")
        unsupported(root, root.need("bias"), fmt::format("is '{}'", printable(bias)));
    if (std::string task = root.text("task_type", "CAUSAL_LM"); task != "CAUSAL_LM")
        unsupported(root, root.need("task_type"), fmt::format("is {}", printable(task)));
    constexpr std::array changing_base = {"pissa", "olora", "corda", "loftq"};
    std::optional<JsonNode> start = root.find("init_lora_weights");
    if (!start || !start->is_string()) return;
    std::string name = start->text();
    for (std::string_view changing : changing_base)
        if (name.starts_with(changing))
            unsupported(root, *start, fmt::format("is '{}', which also changed the base model", printable(name)));
}

// A list; a text is a regular expression: then the tensors tell.
std::vector<std::string> targets_of(JsonNode root) {
    std::optional<JsonNode> list = root.find("target_modules");
    if (!list || list->is_string()) return {};
    std::vector<std::string> targets;
    for (JsonNode item : list->items()) targets.push_back(item.text());
    if (targets.size() > max_names) list->reject(fmt::format("has more than {} names", max_names));
    return targets;
}

}  // namespace

bool ends_with_part(std::string_view name, std::string_view part) {
    if (!name.ends_with(part)) return false;
    return name.size() == part.size() || name[name.size() - part.size() - 1] == '.';
}

bool AdapterConfig::allows_rank(std::string_view module, int64_t stored) const {
    if (std::optional<int64_t> named = find_pattern(ranks, module)) return stored == *named;
    bool may_match = std::any_of(ranks.begin(), ranks.end(), [stored](const auto& pattern) {
        return !is_name(pattern.first) && pattern.second == stored;
    });
    return stored == rank || may_match;
}

double AdapterConfig::scale(std::string_view module, int64_t stored) const {
    double n = static_cast<double>(stored);
    return find_pattern(alphas, module).value_or(alpha) / (stabilized ? std::sqrt(n) : n);
}

AdapterConfig parse_adapter_config(std::string_view json, std::string_view path) {
    JsonDocument document(json, path, model_json_limits);
    JsonNode root = document.root();
    reject_other_kinds(root);
    reject_extensions(root);
    AdapterConfig config;
    if (std::optional<JsonNode> rank = root.find("r")) config.rank = rank_of(*rank);
    if (std::optional<JsonNode> alpha = root.find("lora_alpha")) config.alpha = alpha_of(*alpha);
    config.stabilized = root.boolean("use_rslora", false);
    for_each_pattern(root, "rank_pattern",
                     [&](std::string key, JsonNode value) { config.ranks.emplace_back(key, rank_of(value)); });
    for_each_pattern(root, "alpha_pattern", [&](std::string key, JsonNode value) {
        if (!is_name(key)) unsupported(root, value, "is given for a regular expression");
        config.alphas.emplace_back(key, alpha_of(value));
    });
    config.targets = targets_of(root);
    if (std::optional<JsonNode> base = root.find("base_model_name_or_path"); base && base->is_string())
        config.base = base->text();
    return config;
}

}  // namespace puna
