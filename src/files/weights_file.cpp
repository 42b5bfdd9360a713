#include "files/weights_file.h"

namespace puna {

namespace {

SafetensorsTable parse_weights(const MappedFile& file) {
    std::string path = file.path().string();
    if (file.path().extension() == ".safetensors") return parse_safetensors(file.bytes(), path);
    return {JsonStrings(""), parse_torch(file.bytes(), path)};
}

}  // namespace

WeightsFile::WeightsFile(const std::filesystem::path& path) : file_(path), table_(parse_weights(file_)) {}

}  // namespace puna
