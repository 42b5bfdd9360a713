#include "train/recipe.h"

#include "core/error.h"
#include "core/fields.h"
#include "core/mapped_file.h"
#include "core/math.h"
#include "data/text_kind.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

// toml++ asserts on some invalid input; report that as a parse error instead of aborting.
#define TOML_ASSERT(holds) ((holds) ? void() : puna::fail("not valid TOML"))
#include <toml++/toml.h>

namespace puna {

namespace {

constexpr size_t max_recipe_bytes = 16 << 10;  // bounds the memory of the parse tree

constexpr std::string_view toml_remedy = "use lines of the form `name = value`, with texts in quotes";

// toml++ mishandles some non-ASCII characters, so they are percent-encoded: %C3%A9 for an e with an accent.
std::string in_ascii(std::string_view text) {
    std::string ascii;
    for (char c : text) {
        bool plain = static_cast<unsigned char>(c) < 0x80 && c != '%';
        ascii += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return ascii;
}

std::string from_ascii(std::string_view ascii) {
    std::string text;
    for (size_t i = 0; i < ascii.size(); ++i) {
        unsigned value = 0;
        bool encoded = ascii[i] == '%' && i + 2 < ascii.size() &&
                       std::from_chars(&ascii[i + 1], &ascii[i + 3], value, 16).ptr == &ascii[i + 3];
        text.push_back(encoded ? static_cast<char>(value) : ascii[i]);
        if (encoded) i += 2;
    }
    return text;
}

std::string text_of(const toml::node& value, std::string_view location, std::string_view name) {
    if (const auto* text = value.as_string()) return from_ascii(text->get());
    if (const auto* flag = value.as_boolean()) return flag->get() ? "true" : "false";
    if (const auto* whole = value.as_integer()) return fmt::format("{}", whole->get());
    if (const auto* number = value.as_floating_point()) return fmt::format("{}", number->get());
    fail("{}: {} must be a string, a number, true or false", location, name);
}

void set_field(std::vector<Field>& list, const toml::key& key, const toml::node& value, std::string_view path) {
    std::string location = fmt::format("{}: line {}", path, key.source().begin.line);
    Field& field = find_field(list, key.str(), location);
    std::string text = text_of(value, location, field.name);
    try {
        if (value.is_string() != is_text(field))
            fail_field(field.name, "must be {}, not {}", type_name(field),
                       value.is_string() ? fmt::format("'{}'", printable(text)) : text);
        set_from_text(field, text);
    } catch (const Error& problem) {
        rethrow_with(location, problem);
    }
}

toml::table parse_toml(std::string_view text, std::string_view path) {
    try {
        return toml::parse(in_ascii(without_byte_order_mark(text)), path);
    } catch (const Error& problem) {
        fail(problem.kind, "{}: {}: {}", path, problem.what(), toml_remedy);
    }
}

// What the fields of the shape allow one by one, but not together.
void check_heads(const Recipe& r) {
    if (r.heads < 1 || r.kv_heads < 1) return;  // the config's limits name them
    if (r.dim % r.heads) fail_value("dim", "{} is not a multiple of {} heads", r.dim, r.heads);
    if (r.heads % r.kv_heads) fail_value("heads", "{} are not a multiple of {} key-value heads", r.heads, r.kv_heads);
    int64_t size = r.dim / r.heads;
    if (size % 2) fail_value("dim", "{} in {} heads makes heads of size {}: it must be even", r.dim, r.heads, size);
    if (size > ConfigLimits::head_dim)
        fail_value("dim", "{} in {} heads makes heads of size {}: use more heads, of at most {}", r.dim, r.heads, size,
                   ConfigLimits::head_dim);
}

}  // namespace

std::vector<std::string> parse_recipe(Recipe& recipe, std::string_view text, std::string_view path) {
    if (text.size() > max_recipe_bytes)
        fail("{}: {} bytes is too large for a recipe (at most {})", path, text.size(), max_recipe_bytes);
    std::vector<Field> list = list_fields(recipe);
    std::vector<std::string> names;
    try {
        toml::table table = parse_toml(text, path);
        for (auto&& [key, value] : table) {
            set_field(list, key, value, path);
            names.emplace_back(key.str());
        }
    } catch (const toml::parse_error& problem) {
        fail(ErrorKind::usage, "{}: line {}: not valid TOML, or a field that is there twice: {}", path,
             problem.source().begin.line, toml_remedy);
    }
    return names;
}

std::vector<std::string> read_recipe(Recipe& recipe, const std::filesystem::path& path) {
    MappedFile file(path);
    reject_non_text(file.text(), path.string());
    return parse_recipe(recipe, file.text(), path.string());
}

Config config_of(const Recipe& r, int64_t vocabulary) {
    Config config;
    config.dim = r.dim;
    config.layers = r.layers;
    config.heads = r.heads;
    config.kv_heads = r.kv_heads;
    config.head_dim = r.heads > 0 ? r.dim / r.heads : 0;
    config.ffn = r.ffn;
    config.vocabulary = vocabulary;
    config.context = r.context;
    config.tied = r.tied;
    check_heads(r);
    validate(config, "the recipe");
    if (r.length > r.context)
        fail_value("length", "rows of {} tokens are longer than the context: use at most {}", r.length, r.context);
    return config;
}

void validate(const Recipe& r, int processes) {
    if (r.from.empty()) config_of(r, 1024);  // checks the shape; the vocabulary does not matter
    if (r.batch % processes) fail_value("batch", "{} rows are not divisible by {} processes", r.batch, processes);
    int64_t share = r.batch / processes;
    if (r.micro_batch > 0 && share % r.micro_batch)
        fail_value("micro_batch", "{} rows per process are not a multiple of {}", share, r.micro_batch);
}

bool validates(const Recipe& r) { return !r.validation.empty() && r.validation != no_validation; }

int64_t warm_up_steps(const Recipe& r) { return r.warm_up >= 0 ? r.warm_up : std::min<int64_t>(r.steps / 10, 100); }

double learning_rate_at(const Recipe& r, int64_t step) {
    int64_t warm_up = warm_up_steps(r);
    if (step < warm_up) return r.learning_rate * static_cast<double>(step + 1) / static_cast<double>(warm_up);
    double t = static_cast<double>(step - warm_up) / static_cast<double>(std::max<int64_t>(r.steps - warm_up, 1));
    double share = 1 - t;  // linear: 1 to 0
    if (r.schedule == Schedule::cosine) share = 0.5 * (1 + exact::cos(3.141592653589793 * t));
    if (r.schedule == Schedule::constant) share = r.decay_share > 0 ? std::min(1.0, (1 - t) / r.decay_share) : 1;
    return r.learning_rate * (r.final_learning_rate + (1 - r.final_learning_rate) * share);
}

}  // namespace puna
