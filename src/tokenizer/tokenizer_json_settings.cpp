#include "tokenizer/tokenizer_json_settings.h"

#include "core/error.h"
#include "core/json_text.h"
#include "tokenizer/sentencepiece.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <list>
#include <vector>

namespace puna {

namespace {

// One of the settings: a step, or a Sequence of steps.
class Steps {
 public:
    // name: "pre_tokenizer", whose sequences have their steps in `list`: "pretokenizers".
    Steps(std::string_view json, std::string_view path, std::string_view name, const char* list)
        : where_(fmt::format("{}: {}", path, name)) {
        if (json.empty()) return;
        document_.emplace(json, where_, settings_limits);
        add(document_->root(), list);
    }

    const std::vector<JsonNode>& all() const { return steps_; }
    bool has(std::string_view type) const {
        return std::any_of(steps_.begin(), steps_.end(), [type](JsonNode step) { return type_of(step) == type; });
    }
    static std::string type_of(JsonNode step) { return step.need("type").text(); }

    [[noreturn]] void reject(std::string_view what) const { fail(ErrorKind::unsupported, "{} {}", where_, what); }
    [[noreturn]] void reject_step(JsonNode step) const {
        reject(fmt::format("has the step '{}', which is not supported: {}", printable(type_of(step)),
                           printable(compact_json(step.raw()), 400)));
    }

 private:
    void add(JsonNode step, const char* list) {
        if (type_of(step) != "Sequence") return steps_.push_back(step);
        for (JsonNode inner : step.need(list).items()) add(inner, list);
    }

    std::string where_;
    std::optional<JsonDocument> document_;
    std::vector<JsonNode> steps_;
};

bool is_text(JsonNode step, const char* name, std::string_view expected) {
    std::optional<JsonNode> value = step.find(name);
    return value && value->is_string() && value->text() == expected;
}

// {"String": " "}
bool is_literal(JsonNode step, const char* name, std::string_view expected) {
    std::optional<JsonNode> pattern = step.find(name);
    return pattern && pattern->is_object() && is_text(*pattern, "String", expected);
}

bool is_replace(JsonNode step, std::string_view old, std::string_view now) {
    return Steps::type_of(step) == "Replace" && is_literal(step, "pattern", old) && is_text(step, "content", now);
}

// ---- byte-level BPE

// texts: owns the patterns.
PreTokenizerStep read_step(const Steps& steps, JsonNode step, std::list<std::string>& texts) {
    std::string type = Steps::type_of(step);
    if (type == "ByteLevel" && !step.boolean("add_prefix_space", false))
        return {step.boolean("use_regex", true) ? PreTokenizerStep::byte_level_regex : PreTokenizerStep::byte_level};
    if (type == "Digits" && step.boolean("individual_digits", false)) return {PreTokenizerStep::digits};
    std::optional<JsonNode> regex;
    if (type == "Split" && step.need("pattern").is_object()) regex = step.need("pattern").find("Regex");
    bool isolated = regex && step.text("behavior", "") == "Isolated" && !step.boolean("invert", false);
    if (!isolated) steps.reject_step(step);
    return {PreTokenizerStep::split, texts.emplace_back(regex->text())};
}

std::string description(std::span<const PreTokenizerStep> steps) {
    constexpr std::string_view names[] = {"Split", "Digits", "ByteLevel without use_regex", "ByteLevel with use_regex"};
    std::string text;
    for (const PreTokenizerStep& step : steps) {
        text += fmt::format("{}{}", text.empty() ? "" : ", ", names[step.kind]);
        if (step.kind == PreTokenizerStep::split) text += fmt::format(" '{}'", printable(step.pattern, 400));
    }
    return text;
}

SplitPattern read_pattern(const Steps& steps) {
    if (steps.all().empty()) steps.reject("has no split pattern");
    std::list<std::string> texts;
    std::vector<PreTokenizerStep> found;
    for (JsonNode step : steps.all()) found.push_back(read_step(steps, step, texts));
    if (const SplitPatternInfo* known = find_pattern(found)) return known->pattern;
    std::string names;
    for (const SplitPatternInfo& pattern : split_patterns())
        names += fmt::format("{}{}", names.empty() ? "" : ", ", pattern.name);
    steps.reject(fmt::format("splits text by a pattern that is not supported ({}); supported are those of {}",
                             description(found), names));
}

void expect_byte_level(const Steps& normalizer, const Steps& decoder) {
    for (JsonNode step : normalizer.all()) normalizer.reject_step(step);
    for (JsonNode step : decoder.all())
        if (Steps::type_of(step) != "ByteLevel" && Steps::type_of(step) != "Fuse") decoder.reject_step(step);
}

// ---- SentencePiece

void read_metaspace(SentencePieceRules& rules, JsonNode step) {
    if (step.text("replacement", space_symbol) != space_symbol) step.reject("must have the replacement U+2581");
    std::string scheme = step.text("prepend_scheme", step.boolean("add_prefix_space", true) ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never")
        step.reject("must have a prepend_scheme of first, always or never");
    rules.prefix = scheme == "always"  ? SpacePrefix::segments
                   : scheme == "first" ? SpacePrefix::text
                                       : SpacePrefix::none;
    rules.prefix_unless_space = true;
    rules.separate_spaces = step.boolean("split", true);
}

void read_spaces(SentencePieceRules& rules, const Steps& normalizer, const Steps& pre_tokenizer) {
    bool replaces = false, prepends = false;
    for (JsonNode step : normalizer.all()) {
        bool prepend = Steps::type_of(step) == "Prepend" && is_text(step, "prepend", space_symbol) && !replaces;
        bool replace = is_replace(step, " ", space_symbol);
        if (!prepend && !replace) normalizer.reject_step(step);
        prepends = prepends || prepend;
        replaces = replaces || replace;
    }
    rules.prefix = prepends ? SpacePrefix::segments : SpacePrefix::none;
    for (JsonNode step : pre_tokenizer.all()) {
        if (Steps::type_of(step) != "Metaspace" || prepends || pre_tokenizer.all().size() > 1)
            pre_tokenizer.reject_step(step);
        read_metaspace(rules, step);
        replaces = true;
    }
    if (!replaces) pre_tokenizer.reject("has no split pattern, and nothing replaces spaces as SentencePiece does");
}

void read_decoder(SentencePieceRules& rules, const Steps& decoder) {
    rules.drop_prefix = false;
    for (JsonNode step : decoder.all()) {
        std::string type = Steps::type_of(step);
        bool strip = type == "Strip" && is_text(step, "content", " ") && step.integer("start", 0) == 1 &&
                     step.integer("stop", 0) == 0;
        bool known = strip || is_replace(step, space_symbol, " ") || type == "ByteFallback" || type == "Fuse" ||
                     type == "Metaspace";
        if (!known) decoder.reject_step(step);
        rules.drop_prefix = rules.drop_prefix || strip || (type == "Metaspace" && rules.prefix != SpacePrefix::none);
    }
}

}  // namespace

TokenizerJsonSettings read_settings(const TokenizerJsonSurvey& survey, std::string_view path) {
    Steps normalizer(survey.normalizer, path, "normalizer", "normalizers"),
        pre_tokenizer(survey.pre_tokenizer, path, "pre_tokenizer", "pretokenizers"),
        decoder(survey.decoder, path, "decoder", "decoders");
    TokenizerJsonSettings settings;
    bool spells_spaces = normalizer.has("Replace") || normalizer.has("Prepend") || pre_tokenizer.has("Metaspace");
    if (!spells_spaces) {
        settings.split = read_pattern(pre_tokenizer);
        expect_byte_level(normalizer, decoder);
        return settings;
    }
    settings.kind = VocabularyKind::sentencepiece;
    read_spaces(settings.rules, normalizer, pre_tokenizer);
    read_decoder(settings.rules, decoder);
    return settings;
}

// ---- writing

namespace {

constexpr std::string_view replace_spaces = R"({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})",
                           replace_symbols = R"({"type": "Replace", "pattern": {"String": "▁"}, "content": " "})";

std::string step_json(const PreTokenizerStep& step) {
    switch (step.kind) {
        case PreTokenizerStep::split:
            return fmt::format(
                R"({{"type": "Split", "pattern": {{"Regex": {}}}, "behavior": "Isolated", "invert": false}})",
                quote_json(step.pattern));
        case PreTokenizerStep::digits:
            return R"({"type": "Digits", "individual_digits": true})";
        case PreTokenizerStep::byte_level:
        case PreTokenizerStep::byte_level_regex:
            break;
    }
    return fmt::format(R"({{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": {}}})",
                       step.kind == PreTokenizerStep::byte_level_regex);
}

std::string sequence_json(const char* list, const std::vector<std::string>& steps) {
    if (steps.size() == 1) return steps[0];
    return fmt::format(R"({{"type": "Sequence", "{}": [
    {}]}})",
                       list, fmt::join(steps, ",\n    "));
}

}  // namespace

std::string normalizer_json(const Vocabulary& vocabulary) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    if (!has_space_normalizer(vocabulary)) return "null";
    if (rules.remove_extra_spaces)
        fail(ErrorKind::unsupported,
             "the vocabulary removes extra spaces, which a tokenizer.json of this kind cannot say");
    std::vector<std::string> steps;
    if (rules.prefix == SpacePrefix::segments) steps.emplace_back(R"({"type": "Prepend", "prepend": "▁"})");
    steps.emplace_back(replace_spaces);
    return sequence_json("normalizers", steps);
}

std::string pre_tokenizer_json(const Vocabulary& vocabulary) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    if (vocabulary.kind == VocabularyKind::byte_bpe) {
        std::vector<std::string> steps;
        for (const PreTokenizerStep& step : info(vocabulary.split).steps) steps.push_back(step_json(step));
        return sequence_json("pretokenizers", steps);
    }
    if (has_space_normalizer(vocabulary)) return "null";
    constexpr std::string_view schemes[] = {"never", "first", "always"};
    return fmt::format(R"({{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "{}", "split": {}}})",
                       schemes[static_cast<size_t>(rules.prefix)], rules.separate_spaces);
}

std::string decoder_json(const Vocabulary& vocabulary) {
    if (vocabulary.kind == VocabularyKind::byte_bpe)
        return R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true})";
    std::vector<std::string> steps = {std::string(replace_symbols), R"({"type": "ByteFallback"})",
                                      R"({"type": "Fuse"})"};
    if (vocabulary.sentencepiece.drop_prefix)
        steps.emplace_back(R"({"type": "Strip", "content": " ", "start": 1, "stop": 0})");
    return sequence_json("decoders", steps);
}

}  // namespace puna
