#include "core/file_kind.h"

#include "core/error.h"

namespace puna {

const FileKind* find_encoding(std::string_view beginning) {
    static constexpr FileKind encodings[] = {
        {"\x1f\x8b", "gzip data", "decompress it first (gzip -dc)"},
        {"\x28\xb5\x2f\xfd", "zstd data", "decompress it first (zstd -dc)"},
        {std::string_view("\xff\xfe\0\0", 4), "UTF-32", "convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)"},
        {"\xff\xfe", "UTF-16", "convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"},
        {std::string_view("\0\0\xfe\xff", 4), "UTF-32", "convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)"},
        {"\xfe\xff", "UTF-16", "convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"},
    };
    for (const FileKind& encoding : encodings)
        if (beginning.starts_with(encoding.magic)) return &encoding;
    return nullptr;
}

void reject_foreign_file(std::string_view beginning, std::string_view path) {
    constexpr FileKind kinds[] = {
        {"GGUF", "a GGUF file", "use the model's folder in Hugging Face format (safetensors)"},
        {"PK\x03\x04", "a zip archive or a pickled PyTorch checkpoint", "use the model's safetensors files"},
        {"\x80\x02", "a PyTorch checkpoint in the format from before PyTorch 1.6",
         "save it again with a newer torch.save, or use the model's safetensors files"},
        {git_lfs_magic, "a Git LFS pointer, not the file itself", "fetch it with 'git lfs pull'"},
        {"<!DOCTYPE", "an HTML page", "download the file again"},
        {"<html", "an HTML page", "download the file again"},
    };
    if (const FileKind* encoding = find_encoding(beginning))
        fail(ErrorKind::damaged, "{}: is {}: {}", path, encoding->name, encoding->remedy);
    for (const FileKind& kind : kinds)
        if (beginning.starts_with(kind.magic)) fail(ErrorKind::damaged, "{}: is {}: {}", path, kind.name, kind.remedy);
}

}  // namespace puna
