#include "chat/loss_fields.h"

#include "core/ascii.h"
#include "core/error.h"

#include <algorithm>
#include <charconv>

namespace puna {

namespace {

// OpenAI's weight, Axolotl's train, Swift's loss and loss_scale, TRL's masks, KTO's label and kto_tag, and the like.
struct FlagName {
    std::string_view name;
    bool in_loss_if_true = true;
};
constexpr FlagName flag_names[] = {{"weight"},
                                   {"train"},
                                   {"train_on_turn"},
                                   {"loss"},
                                   {"loss_scale"},
                                   {"loss_weight"},
                                   {"loss_mask"},
                                   {"weights"},
                                   {"learn"},
                                   {"sample_weight"},
                                   {"completion_mask"},
                                   {"trainable"},
                                   {"training"},
                                   {"is_training"},
                                   {"assistant_mask"},
                                   {"assistant_masks"},
                                   {"compute_loss"},
                                   {"label"},
                                   {"kto_tag"},
                                   {"calculate_loss"},
                                   {"masked", false},
                                   {"ignore_loss", false},
                                   {"mask_loss", false},
                                   {"no_loss", false}};
// Not supported, unless absent or null; the second list: if they are true.
constexpr std::string_view unsupported[] = {"train_detail", "mask", "masks", "labels", "roles_to_train"};
constexpr std::string_view unsupported_if_true[] = {
    "train_on_inputs",     "train_on_input", "train_on_prompt", "train_on_prompts", "mask_history",
    "only_last_turn_loss", "only_last_turn", "last_turn_only",  "ignore",           "skip"};

// 0 or 1, compared as numbers.
std::optional<bool> bool_of(const JsonNode& value) {
    if (value.is_boolean()) return value.boolean();
    if (!value.is_number()) return {};
    double number = 0;
    auto end = value.raw().data() + value.raw().size();
    auto result = std::from_chars(value.raw().data(), end, number);
    if (result.ec != std::errc() || (number != 0 && number != 1)) return {};
    return number == 1;
}

// A label that is not KTO's: a class, an annotation.
bool is_other_label(std::string_view name, const JsonNode& value) { return name == "label" && !value.is_boolean(); }

template <class... Args>
[[noreturn]] void fail_unsupported(const JsonNode& object, fmt::format_string<Args...> format, Args&&... args) {
    fail(ErrorKind::unsupported, "{}: {}", object.place(), fmt::format(format, std::forward<Args>(args)...));
}

void reject_unsupported(const JsonNode& object) {
    auto reject = [&object](std::string_view name) {
        fail_unsupported(object, "'{}' would affect training but is not supported: change the data and remove it",
                         name);
    };
    for (std::string_view name : unsupported)
        if (object.find(name)) reject(name);
    for (std::string_view name : unsupported_if_true)
        if (std::optional<JsonNode> value = object.find(name); value && bool_of(*value) == true) reject(name);
}

template <class Range, class F>
bool any_of(const Range& range, F holds) {
    return std::any_of(std::begin(range), std::end(range), holds);
}

// Whether a field of a name that no program we know uses seems to select what is in the loss: include_in_loss: false,
// token_weight: 0, skip_loss: true. Numbers and lists count only if the name ends in such a word: a train_step is none.
bool seems_to_select(std::string_view name, const JsonNode& value) {
    constexpr std::string_view words[] = {"loss", "train", "weight", "learn", "supervis", "is_target"},
                               negations[] = {"mask", "exclude", "ignore", "skip"},
                               last_words[] = {"loss",    "train",     "weight",     "mask",     "weights",
                                               "masks",   "masked",    "ignored",    "excluded", "ignore",
                                               "exclude", "trainable", "supervised", "target"};
    std::string lower = ascii_lower(std::string(name));
    auto contains = [&lower](std::string_view word) { return lower.find(word) != lower.npos; };
    bool has_no = contains("no_"), excludes = any_of(negations, contains), negated = has_no || excludes;
    if (!any_of(words, contains) && (!excludes || has_no)) return false;
    if (value.is_boolean()) return value.boolean() == negated;
    if (!any_of(last_words, [&lower](std::string_view word) { return lower.ends_with(word); })) return false;
    return value.is_array() || (value.is_number() && bool_of(value) != !negated);
}

void reject_unknown_selection(const JsonNode& object) {
    auto is_known = [](std::string_view name) {
        auto is_name = [name](std::string_view each) { return each == name; };
        return any_of(flag_names, [name](const FlagName& flag) { return flag.name == name; }) ||
               any_of(unsupported, is_name) || any_of(unsupported_if_true, is_name);
    };
    for (const JsonMember& member : object.members())
        if (!is_known(member.name) && seems_to_select(member.name, member.value))
            fail_unsupported(
                object, "'{}' is {}: if it selects what is learned, use 'weight' with 0 or 1; else remove or rename it",
                printable(member.name), printable(member.value.raw()));
}

}  // namespace

bool is_loss_flag(const JsonMember& member) {
    return any_of(flag_names, [&member](const FlagName& flag) { return flag.name == member.name; }) &&
           !member.value.is_null() && !is_other_label(member.name, member.value);
}

std::optional<LossFlag> read_loss_flag(const JsonNode& object, bool can_be_in_loss) {
    reject_unsupported(object);
    if (can_be_in_loss) reject_unknown_selection(object);
    std::optional<LossFlag> flag;
    for (const FlagName& each : flag_names) {
        std::optional<JsonNode> value = object.find(each.name);
        if (!value || is_other_label(each.name, *value)) continue;
        std::optional<bool> on = bool_of(*value);
        if (!on)
            fail_unsupported(object, "'{}' is {}: only 0 and 1 (or false and true) are supported; change or remove it",
                             each.name, printable(value->raw()));
        bool in_loss = *on == each.in_loss_if_true;
        if (flag && flag->in_loss != in_loss)
            fail_unsupported(object, "'{}' contradicts '{}': keep one of them", each.name, flag->name);
        if (!flag) flag = {each.name, value->raw(), in_loss};
    }
    return flag;
}

}  // namespace puna
