// library/yaml.h — the plain fields at the top of a YAML document: all that is read of model cards and of Jan's models.
//
//   for (const YamlField& field : read_yaml_fields("license: mit\nbase_model: [a/b, c/d]\n", "README.md"))
//       if (field.name == "license") license = field.values.at(0);
//
// A field has one value, or those of its list; of maps and lists of lists nothing is read, aliases are not followed.
// Parsed by libyaml as events, without a tree: memory is a small multiple of the text, whatever it contains.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct YamlField {
    std::string name;
    std::vector<std::string> values;
};

// In their order; none if the document is no map. where: begins the message of the Error for invalid YAML.
std::vector<YamlField> read_yaml_fields(std::string_view text, std::string_view where);

}  // namespace puna
