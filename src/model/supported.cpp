#include "model/supported.h"
#include "core/ascii.h"

#include <algorithm>

namespace puna {

namespace {

// In lower case: there are Llamas that say LLaMAForCausalLM, or Yi.
constexpr std::string_view architectures[] = {"llamaforcausallm", "internlmforcausallm"},
                           model_types[] = {"llama", "internlm", "yi"}, activations[] = {"silu", "swish"};

template <class List>
bool contains(const List& list, std::string_view name) {
    return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

// The last of a list; empty: not stated.
std::string architecture_of(JsonNode root) {
    std::string architecture;
    std::optional<JsonNode> list = root.find("architectures");
    if (list && list->is_array())
        for (JsonNode item : list->items())
            if (item.is_string()) architecture = item.text();
    return architecture;
}

void reject_architecture(JsonNode root, std::string_view path) {
    std::string type = root.text("model_type", "llama"), architecture = architecture_of(root);
    if (!contains(model_types, ascii_lower(type)))
        fail(ErrorKind::unsupported, "{}: model_type is '{}'; only 'llama' is supported", path, printable(type));
    if (!architecture.empty() && !contains(architectures, ascii_lower(architecture)))
        fail(ErrorKind::unsupported, "{}: 'architectures' names {}; only LlamaForCausalLM is supported", path,
             printable(architecture));
}

void reject_parts(JsonNode root) {
    for (const char* field : {"num_local_experts", "num_experts", "n_routed_experts"})
        if (std::optional<JsonNode> experts = root.find(field); experts && experts->try_integer() != 0)
            fail(ErrorKind::unsupported,
                 "{}: '{}' is {}: a mixture of experts is not supported, only a dense LlamaForCausalLM", root.place(),
                 field, printable(experts->raw()));
    if (std::optional<JsonNode> draft = root.find("draft_vocab_size"))
        fail(ErrorKind::unsupported,
             "{}: 'draft_vocab_size' is {}: this is a draft head, which proposes tokens to a model, and no model; only "
             "a whole LlamaForCausalLM is supported",
             root.place(), printable(draft->raw()));
}

void reject_quantized(JsonNode root, std::string_view path) {
    for (const char* field : {"quantization_config", "compression_config"}) {
        std::optional<JsonNode> settings = root.find(field);
        if (!settings) continue;
        if (!settings->is_object()) settings->reject("must be an object or null");
        if (settings->members().empty()) continue;
        bool bitsandbytes = settings->boolean("load_in_4bit", false) || settings->boolean("load_in_8bit", false);
        std::string method = settings->text("quant_method", bitsandbytes ? "bitsandbytes" : "an unknown method");
        fail(ErrorKind::unsupported,
             "{}: the weights are quantized with {} ('{}'); only F32, F16 and BF16 are supported: use the unquantized "
             "model",
             path, printable(method), field);
    }
}

}  // namespace

bool is_internlm(JsonNode root) {
    return ascii_lower(root.text("model_type", "")) == "internlm" ||
           ascii_lower(architecture_of(root)) == "internlmforcausallm";
}

void reject_unsupported(JsonNode root, std::string_view path) {
    reject_architecture(root, path);
    std::string activation = root.text("hidden_act", "silu");
    if (!contains(activations, activation))
        fail(ErrorKind::unsupported, "{}: hidden_act is '{}'; only 'silu' is supported", path, printable(activation));
    reject_parts(root);
    reject_quantized(root, path);
}

}  // namespace puna
