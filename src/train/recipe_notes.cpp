#include "train/recipe_notes.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

namespace puna {

namespace {

struct UnusedField {
    std::string_view field, reason;
};

bool are_same(const std::string& a, const std::string& b) {
    std::error_code ignored;
    return std::filesystem::equivalent(a, b, ignored);
}

std::vector<UnusedField> unused_fields(const Recipe& r) {
    bool validates = puna::validates(r), continues = !r.from.empty();
    constexpr std::string_view no_set = "there is no validation set",
                               own_shape = "the shape comes from the model of 'from'";
    struct Rule {
        std::string_view field;
        bool unused;
        std::string_view reason;
    };
    const Rule rules[] = {
        {"validate_every", !validates, no_set},
        {"validation_rows", !validates, no_set},
        {"keep_best", !validates, no_set},
        {"prompt", r.sample_every == 0, "sampling is off: sample_every is 0"},
        {"decay_share", r.schedule != Schedule::constant, "only schedule 'constant' uses it"},
        {"final_learning_rate", r.schedule == Schedule::constant && r.decay_share == 0 && r.final_learning_rate != 1,
         "schedule 'constant' does not decay with decay_share 0"},
        {"decay", r.optimizer.weight_decay == 0, "weight_decay is 0"},
        {"keep_checkpoints", r.checkpoint_every == 0 && !(validates && r.keep_best),
         "only the final checkpoint is written: checkpoint_every is 0"},
        {"dim", continues, own_shape},
        {"layers", continues, own_shape},
        {"heads", continues, own_shape},
        {"kv_heads", continues, own_shape},
        {"ffn", continues, own_shape},
        {"context", continues, own_shape},
        {"tied", continues, own_shape},
    };
    std::vector<UnusedField> unused;
    for (const Rule& rule : rules)
        if (rule.unused) unused.push_back({rule.field, rule.reason});
    return unused;
}

}  // namespace

bool has_effect(const Recipe& recipe, std::string_view field) {
    std::vector<UnusedField> unused = unused_fields(recipe);
    return std::none_of(unused.begin(), unused.end(), [&](const UnusedField& other) { return other.field == field; });
}

std::vector<FieldNote> notes_on(const Recipe& r, const std::function<bool(std::string_view field)>& named) {
    std::vector<FieldNote> notes;
    for (const UnusedField& unused : unused_fields(r))
        if (named(unused.field))
            notes.push_back({std::string(unused.field), fmt::format("has no effect, {}", unused.reason)});
    if (r.warm_up == r.steps)
        notes.push_back({"warm_up", fmt::format("{} of {} steps: the learning rate reaches its peak in the last step "
                                                "and never decays",
                                                r.warm_up, r.steps)});
    if (r.warm_up > r.steps)
        notes.push_back(
            {"warm_up", fmt::format("{} of {} steps: the learning rate only reaches {:.3g} of {:.3g} and never decays",
                                    r.warm_up, r.steps, learning_rate_at(r, r.steps - 1), r.learning_rate)});
    if (r.learning_rate == 0) notes.push_back({"learning_rate", "0 trains nothing"});
    if (validates(r) && are_same(r.data, r.validation))
        notes.push_back({"validation", "is the training set itself, so its loss does not measure generalization"});
    struct Interval {
        std::string_view field;
        int64_t steps;
        bool used;
    };
    for (const Interval& every :
         {Interval{"validate_every", r.validate_every, validates(r)}, Interval{"sample_every", r.sample_every, true},
          Interval{"checkpoint_every", r.checkpoint_every, true}})
        if (every.used && every.steps > r.steps && named(every.field))
            notes.push_back({std::string(every.field),
                             fmt::format("{} exceeds the {} steps: only at the end", every.steps, r.steps)});
    return notes;
}

}  // namespace puna
