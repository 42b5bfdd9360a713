#include "library/yaml.h"

#include "core/error.h"

#include <yaml.h>

namespace puna {

namespace {

class YamlEvents {
 public:
    YamlEvents(std::string_view text, std::string_view where) : where_(where) {
        if (!yaml_parser_initialize(&parser_)) fail(ErrorKind::out_of_memory, "out of memory");
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    ~YamlEvents() {
        yaml_event_delete(&event_);
        yaml_parser_delete(&parser_);
    }
    YamlEvents(const YamlEvents&) = delete;

    const yaml_event_t& next() {
        yaml_event_delete(&event_);
        if (!yaml_parser_parse(&parser_, &event_))
            fail(ErrorKind::damaged, "{}: not valid YAML in line {}: {}", where_, parser_.problem_mark.line + 1,
                 parser_.problem ? parser_.problem : "cannot be read");
        return event_;
    }

 private:
    std::string where_;
    yaml_parser_t parser_{};
    yaml_event_t event_{};
};

std::string text_of(const yaml_event_t& event) {
    return {reinterpret_cast<const char*>(event.data.scalar.value), event.data.scalar.length};
}

}  // namespace

std::vector<YamlField> read_yaml_fields(std::string_view text, std::string_view where) {
    if (text.empty()) return {};  // libyaml wants a text
    YamlEvents events(text, where);
    std::vector<YamlField> fields;
    // Depth 1 is the map, depth 2 a list or map that is a value.
    int depth = 0;
    bool is_map = false, at_key = true, in_list = false;
    while (true) {
        const yaml_event_t& event = events.next();
        bool opens = event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT;
        bool closes = event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
        bool is_leaf = event.type == YAML_SCALAR_EVENT || event.type == YAML_ALIAS_EVENT;
        if (event.type == YAML_STREAM_END_EVENT || event.type == YAML_DOCUMENT_END_EVENT) return fields;
        if (opens && depth == 0) is_map = event.type == YAML_MAPPING_START_EVENT;
        if (is_map && depth == 1 && (opens || is_leaf)) {
            if (at_key) fields.push_back({event.type == YAML_SCALAR_EVENT ? text_of(event) : "", {}});
            if (!at_key && event.type == YAML_SCALAR_EVENT) fields.back().values.push_back(text_of(event));
            in_list = !at_key && event.type == YAML_SEQUENCE_START_EVENT;
            at_key = !at_key;
        } else if (is_map && depth == 2 && in_list && event.type == YAML_SCALAR_EVENT) {
            fields.back().values.push_back(text_of(event));
        }
        depth += opens - closes;
    }
}

}  // namespace puna
