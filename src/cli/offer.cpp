#include "cli/offer.h"

#include "cli/terminal_mode.h"
#include "cli/transfer.h"
#include "core/console.h"
#include "core/log.h"
#include "core/system_memory.h"
#include "library/hub/pull.h"
#include "library/well_known.h"

#include <fmt/core.h>

#include <csignal>
#include <cstdlib>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr double patience_seconds = 1;  // somebody waits for the chat

// What would be downloaded; none if the hub cannot be asked, or refuses.
std::optional<PullPlan> plan_quickly(const HubName& name) {
    try {
        HubSettings settings = hub_settings();
        settings.http.connect_seconds = settings.request_stall_seconds = patience_seconds;
        settings.retry.attempts = 1;
        Hub hub(settings);
        return plan_pull(hub, name);
    } catch (const Error&) {
        return {};
    }
}

// One key, without Enter where the terminal can do that.
bool presses_y(const std::string& question) {
    print_status("{}", question);
    std::string key;
    {
        TerminalMode terminal;
        terminal.set(TerminalMode::typing);
        TerminalMode::Event event = terminal.wait();
        while (event == TerminalMode::Event::resized || event == TerminalMode::Event::resumed) event = terminal.wait();
        key = terminal.read();
    }
    print_status("\n");
    if (key == "\x03") std::raise(SIGINT);
    return key.starts_with('y') || key.starts_with('Y');
}

std::string question(const PullPlan& plan, const fs::path& model) {
    std::string license = plan.info.license.empty() ? "" : ", license " + printable(plan.info.license);
    return fmt::format("A larger model fits in the memory: {}, {}{}.\ny downloads it, any other key goes on with {}. ",
                       plan.name.text(), format_quantity(static_cast<double>(plan.bytes_to_fetch), "B"), license,
                       model.filename().string());
}

fs::path download(const PullPlan& plan) {
    Hub hub(hub_settings());
    Transfer transfer(plan.name.repository);
    fs::path path;
    int code = transfer.run(
        [&] { path = pull(hub, plan, {.on_begin = transfer.on_begin(), .on_bytes = transfer.on_bytes()}).path; });
    if (code != 0) std::exit(code);
    return path;
}

}  // namespace

fs::path offer_larger_model(const fs::path& model, const EngineOptions& options) {
    const WellKnownModel* larger = largest_that_fits(choose_kernels(), options, available_memory());
    if (!larger) return model;
    HubName name = *parse_hub_name(larger->name);
    try {
        if (std::optional<PullResult> cached = find_cached(HubCache(hub_cache_folder()), name))
            return presses_y(fmt::format("{} is here: y chats with it, any other key goes on with {}. ", name.text(),
                                         model.filename().string()))
                       ? cached->path
                       : model;
        std::optional<PullPlan> plan = plan_quickly(name);
        return plan && presses_y(question(*plan, model)) ? download(*plan) : model;
    } catch (const Error& problem) {
        log_warning("{}; going on with {}", problem.what(), model.string());
        return model;
    }
}

}  // namespace puna
