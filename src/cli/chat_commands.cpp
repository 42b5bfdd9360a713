// The commands of a chat: one row in the table and one function each.
#include "chat/encode.h"
#include "cli/answer.h"
#include "cli/chat_session.h"
#include "cli/terminal.h"
#include "cli/terminal_mode.h"
#include "core/atomic_file.h"
#include "core/console.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "core/utf8.h"
#include "data/input_files.h"
#include "model/weights.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace puna {

namespace {

constexpr size_t shown_turns = 2, listed_turns = 5, max_excerpt = 60;

struct TrimOptions {
    double share = default_trim_share;
};
template <class F>
void fields(TrimOptions& o, F field) {
    field("share", o.share, "how much of the context is to be free",
          {.min = 0, .max = 1, .above_min = true, .below_max = true});
}

// The beginning of its first line, in quotes.
std::string excerpt(std::string_view text) {
    std::string_view line = text.substr(0, text.find('\n'));
    size_t end = 0;
    for (size_t clusters = 0; end < line.size() && clusters < max_excerpt; ++clusters) end = cluster_end(line, end);
    return fmt::format("\"{}{}\"", line.substr(0, end), end < text.size() ? "..." : "");
}

std::string describe(const Turn& turn) {
    return excerpt(text_of(turn[0])) + (turn.size() > 1 ? " and its answer" : "");
}

// Flags and fields are the same options: max-tokens, max_tokens.
std::string field_name(std::string_view name) {
    std::string field(name);
    std::replace(field.begin(), field.end(), '-', '_');
    return field;
}

// The value, or what it stands for, such as "off".
std::string shown_value(const Field& field) {
    GenerateOptions unset;
    std::vector<Field> defaults = list_fields(unset);
    bool is_default = to_text(field) == to_text(find_field(defaults, field.name, ""));
    std::string_view meaning = field.values.unset;
    if (is_default && !meaning.empty()) return std::string(meaning);
    std::string value = to_text(field);
    return value.empty() ? "none" : printable(value);
}

bool is_conversation(const std::filesystem::path& path) {
    MappedFile existing(path);
    try {
        parse_conversation(existing.text(), path.string(), {});
        return true;
    } catch (const Error&) {
        return false;
    }
}

// A chat is saved as one JSON file of its own.
void check_save_name(const std::string& path) {
    if (names_record(path))
        fail(ErrorKind::usage, "{}: is one of several conversations of a file: choose a file of its own", path);
    if (format_of(path) == InputFormat::jsonl)
        fail(ErrorKind::usage,
             "{}: each line of a .jsonl file is a conversation: choose a name that ends in .json, data pack reads both",
             path);
}

constexpr std::string_view force_flag = "--force", blanks = " \t";

// "--force FILE" without the flag; the whole argument if it does not begin with it.
std::string_view without_force(std::string_view argument) {
    if (!argument.starts_with(force_flag)) return argument;
    std::string_view rest = argument.substr(force_flag.size());
    size_t begin = rest.find_first_not_of(blanks);
    return begin == 0 ? argument : rest.substr(std::min(begin, rest.size()));
}

bool can_be_typed(std::string_view name) {
    return find_utf8_errors(name).count == 0 && without_controls(name) == name && name.find('\t') == name.npos;
}

// Paths that begin as the one typed; hidden files only where their dot was typed.
std::vector<std::string> files_like(std::string_view typed) {
    size_t slash = typed.rfind('/');
    std::string folder(typed.substr(0, slash == typed.npos ? 0 : slash + 1));
    std::string_view begin = typed.substr(folder.size());
    std::vector<std::string> paths;
    std::error_code problem;
    std::filesystem::directory_iterator entries(folder.empty() ? "." : folder, problem), end;
    for (; !problem && entries != end; entries.increment(problem)) {
        std::string name = entries->path().filename().string();
        bool is_hidden = name.starts_with('.') && !begin.starts_with('.');
        if (!name.starts_with(begin) || is_hidden || !can_be_typed(name)) continue;
        std::error_code unknown;
        paths.push_back(folder + name + (entries->is_directory(unknown) ? "/" : ""));
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

}  // namespace

const ChatSession::Command ChatSession::commands[] = {
    {"/help", "", "show this help; also /?", &ChatSession::help},
    {"/?", "", "", &ChatSession::help},
    {"/retry", "", "answer the last message again", &ChatSession::retry},
    {"/undo", "", "remove the last message and its answer", &ChatSession::undo},
    {"/trim", "[SHARE]", "remove the oldest turns until this share of the context is free [0.5]", &ChatSession::trim},
    {"/reset", "", "start a new conversation; the system message stays", &ChatSession::reset},
    {"/system", "[TEXT]", "set the system message; - removes it; without TEXT: show it", &ChatSession::system},
    {"/set", "[NAME VALUE]", "set an option; VALUE default: as at the start; alone: show all options",
     &ChatSession::set},
    {"/info", "", "show the model, the context and the options", &ChatSession::info},
    {"/save", "[--force] FILE", "write the conversation and the options as JSON", &ChatSession::save},
    {"/load", "[FILE]", "continue a saved conversation; without FILE: the last one", &ChatSession::load},
    {"/exit", "", "leave; also /bye or Ctrl-D", &ChatSession::exit},
    {"/bye", "", "", &ChatSession::exit},
};

void ChatSession::run_command(std::string_view line) {
    std::string_view name = line.substr(0, line.find_first_of(" \t"));
    std::string_view rest = line.substr(name.size());
    size_t begin = rest.find_first_not_of(" \t"), end = rest.find_last_not_of(" \t");
    std::string argument(begin == rest.npos ? std::string_view() : rest.substr(begin, end - begin + 1));
    std::vector<std::string_view> known;
    for (const Command& command : commands) {
        known.push_back(command.name);
        if (command.name != name) continue;
        if (command.argument.ends_with(" FILE") && without_force(argument).empty())
            fail("{0} needs a file: {0} FILE", name);
        if (command.argument.empty() && !argument.empty())
            fail("{} takes no argument, '{}' was given", name, printable(argument));
        return (this->*command.run)(argument);
    }
    std::string_view guess = closest(name, known);
    fail("unknown command '{}'{}", printable(name),
         guess.empty() ? "; /help lists the commands" : fmt::format(". Did you mean '{}'?", guess));
}

TabCompletion ChatSession::complete(std::string_view text) const {
    TabCompletion found;
    size_t blank = text.find(' ');
    if (!begins_message_ || !text.starts_with('/') || text.find('\n') != text.npos) return found;
    if (blank == text.npos) {
        for (const Command& command : commands)
            if (command.name.starts_with(text) && !command.about.empty())
                found.words.push_back(std::string(command.name) + (command.argument.empty() ? "" : " "));
        std::sort(found.words.begin(), found.words.end());
        return found;
    }
    std::string_view name = text.substr(0, blank), argument = text.substr(blank + 1);
    found.begin = blank + 1;
    if (name == "/save" || name == "/load") {
        std::string_view path = name == "/save" ? without_force(argument) : argument;
        found.begin += argument.size() - path.size();
        found.words = files_like(path);
    }
    if (name != "/set") return found;
    GenerateOptions options;
    for (const Field& field : list_fields(options))
        if (field.name.starts_with(argument)) found.words.push_back(field.name + " ");
    return found;
}

void ChatSession::help(const std::string&) {
    for (const Command& command : commands)
        if (!command.about.empty()) note(fmt::format("{} {}", command.name, command.argument), command.about);
    note("\"\"\"", "begins and ends a message of several lines");
    note("\\", "at the end of a line: the message continues on the next line");
    if (!terminal_) return;
    note("Alt-Enter", "a new line in the message");
    note("Ctrl-C", "stops the answer; at the prompt: clears the message");
    note("up, down, Ctrl-R", "earlier messages, kept in " + history_file().string());
    note("Tab", "completes commands, options and file names");
}

// A fixed seed would give the same answer: each further try takes the next one.
void ChatSession::retry(const std::string&) {
    if (conversation_.turns() == 0) fail("/retry: there is no message to answer");
    Conversation again = conversation_;
    Turn last = again.remove_last_turn();
    again.messages.push_back(last[0]);
    note("again: " + excerpt(text_of(last[0])));
    if (conversation_.options.sample.temperature == 0)
        note("temperature is 0: the answer does not change; /set temperature 0.7 varies it");
    ++retries_;
    answer_last(std::move(again.messages));
}

void ChatSession::undo(const std::string&) {
    if (conversation_.turns() == 0) fail("/undo: there is no message to remove");
    note("removed " + describe(conversation_.remove_last_turn()));
    warned_ = ContextLevel::roomy;
}

void ChatSession::trim(const std::string& share) {
    TrimOptions options;
    std::vector<Field> list = list_fields(options);
    if (!share.empty()) set_from_text(list[0], share);
    auto max_tokens = static_cast<int64_t>((1 - options.share) * static_cast<double>(engine_.context()));
    size_t count = turns_to_trim(conversation_, max_tokens,
                                 [&](std::span<const Message> messages) { return count_tokens(messages, false); });
    std::vector<Turn> removed = conversation_.remove_oldest_turns(count);
    for (size_t i = 0; i < std::min(count, listed_turns); ++i) note("removed " + describe(removed[i]));
    if (count > listed_turns) note(fmt::format("removed {} more", count - listed_turns));
    ContextUse use = context_use();
    note(fmt::format("{} of {} are free{}", use.context - use.used, format_count(use.context, "token"),
                     use.used <= max_tokens || use.turns > 1 ? "" : "; the last turn stays: /undo removes it"));
    warned_ = ContextLevel::roomy;
}

void ChatSession::reset(const std::string&) {
    conversation_.reset();
    warned_ = ContextLevel::roomy;
    note("conversation cleared");
}

void ChatSession::system(const std::string& text) {
    if (!text.empty()) conversation_.set_system(text == "-" ? "" : text);
    if (!conversation_.has_system()) return note("no system message");
    note("system message: " + text_of(conversation_.messages[0]));
}

void ChatSession::set(const std::string& assignment) {
    GenerateOptions changed = conversation_.options, initial = setup_.options;
    std::vector<Field> list = list_fields(changed), initial_list = list_fields(initial);
    if (assignment.empty()) {
        for (const Field& field : list) note(field.name, fmt::format("{}: {}", shown_value(field), field.help));
        return;
    }
    size_t blank = assignment.find(' ');
    std::string name = field_name(assignment.substr(0, blank));
    Field& field = find_field(list, name, "/set", "option");
    if (blank != assignment.npos) {
        std::string value = assignment.substr(assignment.find_first_not_of(' ', blank));
        if (value == "default")
            copy_value(field, find_field(initial_list, name, "/set"));
        else
            set_from_text(field, value);
        if (name == "stop" && value != "default") unescape_stops(changed);
        auto is_set = [&](std::string_view other) { return other == name; };
        std::vector<FieldNote> notes = notes_on(changed, engine_, is_set);
        conversation_.options = changed;
        for (const FieldNote& remark : notes) note(fmt::format("{}: {}", remark.field, remark.text));
    }
    note(fmt::format("{} {}", field.name, shown_value(field)));
}

void ChatSession::info(const std::string&) {
    ContextUse use = context_use();
    note("model", fmt::format("{}: {} parameters", setup_.model,
                              format_quantity(static_cast<double>(parameter_count(engine_.config())), "")));
    note("template", template_.origin());
    note("context", fmt::format("{} of {} used by {}, {} left", use.used, format_count(use.context, "token"),
                                format_count(std::ssize(conversation_.messages), "message"), use.context - use.used));
    for (const Field& field : list_fields(conversation_.options)) note(field.name, shown_value(field));
}

// Without --force it overwrites only what this chat has saved or loaded.
void ChatSession::save(const std::string& named) {
    std::string path(without_force(named));
    bool force = path != named;
    check_save_name(path);
    std::error_code absent;
    if (std::filesystem::is_regular_file(path, absent) && !std::filesystem::is_empty(path, absent)) {
        if (!is_conversation(path)) fail("{}: already exists and is not a conversation; choose another file", path);
        if (!force && !files_.contains(path))
            fail("{0}: already exists; choose another file, or /save --force {0}", path);
    }
    write_file(path, conversation_json(conversation_));
    files_.insert(path);
    note(fmt::format("saved {} to {}", format_count(std::ssize(conversation_.messages), "message"), path));
}

void ChatSession::load(const std::string& named) {
    std::string path = named.empty() ? last_conversation_file().string() : named;
    conversation_ = load_conversation(path, conversation_.options);
    files_.insert(path);
    warned_ = ContextLevel::roomy;
    note(fmt::format("loaded {} from {}", format_count(std::ssize(conversation_.messages), "message"), path));
    if (!terminal_) return;
    size_t turns = conversation_.turns();
    if (turns > shown_turns)
        note(fmt::format("... {}", format_count(static_cast<int64_t>(turns - shown_turns), "turn")));
    for (const Turn& turn : conversation_.last_turns(shown_turns)) show_turn(turn);
}

// As it looked when it was typed and answered.
void ChatSession::show_turn(const Turn& turn) {
    for (const Message& message : turn) {
        WordWrap wrap(reader_.widths());
        if (message.role == "user") print_now("\n> ");
        print_answer(text_of(message), wrap);
        print_now("\n");
    }
}

}  // namespace puna
