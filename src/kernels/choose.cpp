#include "kernels/cpu/features.h"
#include "kernels/cpu/tables.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace puna {

namespace {

// Instructions that only some processors of an instruction set have; a table's name can exclude it: "avx512,-bf16".
struct Extension {
    std::string_view name;
    bool CpuFeatures::*supported;
    void (*use)(Kernels& table);
};

struct InstructionSet {
    std::string_view name;
    bool CpuFeatures::*supported;
    void (*use)(Kernels& table);  // on a copy of scalar
    std::vector<Extension> extensions;
};

// Best first.
const std::vector<InstructionSet>& instruction_sets() {
    static const std::vector<InstructionSet> list = {
#if defined(__x86_64__)
        {"avx512",
         &CpuFeatures::avx512,
         use_avx512,
         {{"vnni", &CpuFeatures::avx512_vnni, use_avx512_vnni}, {"bf16", &CpuFeatures::avx512_bf16, use_avx512_bf16}}},
        {"avx2", &CpuFeatures::avx2, use_avx2, {{"vnni", &CpuFeatures::avx_vnni, use_avx_vnni}}},
#endif
    };
    return list;
}

constexpr std::string_view names[] = {"cuda", "avx512", "avx2", "scalar"};

bool has(bool CpuFeatures::*feature) { return cpu_features().*feature; }

std::vector<std::string_view> split_at_commas(std::string_view text) {
    std::vector<std::string_view> parts;
    for (size_t at = 0; at <= text.size();) {
        size_t end = std::min(text.find(',', at), text.size());
        parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

struct Table {
    std::string extensions;
    Kernels kernels;
};

// The table named "avx512" or "avx512,-bf16"; empty if this machine cannot run it or lacks an excluded extension.
std::optional<Table> make_table(std::string_view name) {
    std::vector<std::string_view> parts = split_at_commas(name);
    for (const InstructionSet& set : instruction_sets()) {
        if (set.name != parts[0] || !has(set.supported)) continue;
        Table table{"", scalar_kernels};
        set.use(table.kernels);
        size_t excluded = 0;
        for (const Extension& extension : set.extensions) {
            if (!has(extension.supported)) continue;
            if (std::find(parts.begin(), parts.end(), "-" + std::string(extension.name)) != parts.end()) {
                ++excluded;
                continue;
            }
            extension.use(table.kernels);
            table.extensions += (table.extensions.empty() ? "" : ", ") + std::string(extension.name);
        }
        if (excluded + 1 == parts.size()) return table;
    }
    return {};
}

// Tables are created on first use and never destroyed.
const Kernels* find_table(std::string_view name) {
    static std::mutex mutex;
    static std::map<std::string, Table, std::less<>> tables;
    std::lock_guard lock(mutex);
    auto at = tables.find(name);
    if (at == tables.end()) {
        std::optional<Table> made = make_table(name);
        if (!made) return nullptr;
        at = tables.emplace(std::string(name), std::move(*made)).first;
        at->second.kernels.name = at->first;
        at->second.kernels.extensions = at->second.extensions;
    }
    return &at->second.kernels;
}

std::vector<const Kernels*> find_available() {
    std::vector<const Kernels*> list;
    if (const Kernels* cuda = cuda_kernels()) list.push_back(cuda);
    for (const InstructionSet& set : instruction_sets())
        if (const Kernels* table = find_table(set.name)) list.push_back(table);
    list.push_back(&scalar_kernels);
    return list;
}

// By processor generations: first without the newest extension, then also without the one before it.
std::vector<const Kernels*> find_restricted() {
    std::vector<const Kernels*> list;
    for (const InstructionSet& set : instruction_sets()) {
        std::string name(set.name);
        for (auto extension = set.extensions.rbegin(); extension != set.extensions.rend(); ++extension) {
            if (!has(set.supported) || !has(extension->supported)) continue;
            name += ",-" + std::string(extension->name);
            list.push_back(find_table(name));
        }
    }
    return list;
}

// Why find_kernels has no such table.
std::string problem_of(std::string_view name) {
    std::vector<std::string_view> parts = split_at_commas(name);
    if (std::find(std::begin(names), std::end(names), parts[0]) == std::end(names)) return "unknown kernels";
    for (const InstructionSet& set : instruction_sets()) {
        if (set.name != parts[0]) continue;
        for (std::string_view part : std::span(parts).subspan(1)) {
            auto is_part = [&](const Extension& extension) { return part == "-" + std::string(extension.name); };
            if (std::none_of(set.extensions.begin(), set.extensions.end(), is_part))
                return fmt::format("{} has no extension that '{}' excludes", set.name, printable(part));
        }
    }
    if (parts[0] == "scalar" && parts.size() > 1) return "scalar has no extensions";
    return "this machine cannot run these kernels";
}

}  // namespace

std::span<const Kernels* const> available_kernels() {
    static const std::vector<const Kernels*> list = find_available();
    return list;
}

std::span<const Kernels* const> restricted_kernels() {
    static const std::vector<const Kernels*> list = find_restricted();
    return list;
}

std::span<const std::string_view> known_kernels() { return names; }

const Kernels* find_kernels(std::string_view name) {
    for (const Kernels* table : available_kernels())
        if (table->name == name) return table;
    return find_table(name);
}

std::string exact_name(const Kernels& kernels) {
    std::string_view base = split_at_commas(kernels.name)[0];
    std::string name(base);
    for (const InstructionSet& set : instruction_sets()) {
        if (set.name != base) continue;
        for (auto extension = set.extensions.rbegin(); extension != set.extensions.rend(); ++extension)
            if (kernels.extensions.find(extension->name) == std::string_view::npos)
                name += ",-" + std::string(extension->name);
    }
    return name;
}

const Kernels& choose_kernels() {
    const char* wanted = std::getenv("PUNA_KERNELS");
    if (!wanted || !*wanted) return *available_kernels().front();
    if (const Kernels* table = find_kernels(wanted)) return *table;
    std::string here;
    for (std::span<const Kernels* const> tables : {available_kernels(), restricted_kernels()})
        for (const Kernels* table : tables) here += (here.empty() ? "" : " ") + std::string(table->name);
    fail(ErrorKind::usage, "PUNA_KERNELS={}: {}; use one of: {}", printable(wanted), problem_of(wanted), here);
}

}  // namespace puna
