#include "train/recipe_notes.h"

#include <fmt/core.h>

#include <filesystem>

namespace puna {

namespace {

struct FieldEffect {
    std::string_view field;
    bool unused;
    std::string_view reason;
};

bool are_same(const std::string& a, const std::string& b) {
    std::error_code ignored;
    return std::filesystem::equivalent(a, b, ignored);
}

std::vector<FieldNote> notes_on_unused_fields(const Recipe& r, const std::function<bool(std::string_view)>& named) {
    bool validates = puna::validates(r), continues = !r.from.empty();
    constexpr std::string_view no_set = "there is no validation set",
                               own_shape = "the shape comes from the model of 'from'";
    const FieldEffect list[] = {
        {"validate_every", !validates, no_set},
        {"validation_rows", !validates, no_set},
        {"keep_best", !validates, no_set},
        {"prompt", r.sample_every == 0, "sampling is off: sample_every is 0"},
        {"decay_share", r.schedule != Schedule::constant, "only schedule 'constant' uses it"},
        {"final_learning_rate", r.schedule == Schedule::constant && r.decay_share == 0 && r.final_learning_rate != 1,
         "schedule 'constant' does not decay with decay_share 0"},
        {"decay", r.optimizer.weight_decay == 0, "weight_decay is 0"},
        {"keep_checkpoints", r.checkpoint_every == 0, "only the final checkpoint is written: checkpoint_every is 0"},
        {"dim", continues, own_shape},
        {"layers", continues, own_shape},
        {"heads", continues, own_shape},
        {"kv_heads", continues, own_shape},
        {"ffn", continues, own_shape},
        {"context", continues, own_shape},
        {"tied", continues, own_shape},
    };
    std::vector<FieldNote> notes;
    for (const FieldEffect& field : list)
        if (field.unused && named(field.field))
            notes.push_back({std::string(field.field), fmt::format("has no effect, {}", field.reason)});
    return notes;
}

}  // namespace

std::vector<FieldNote> notes_on(const Recipe& r, const std::function<bool(std::string_view field)>& named) {
    std::vector<FieldNote> notes = notes_on_unused_fields(r, named);
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
