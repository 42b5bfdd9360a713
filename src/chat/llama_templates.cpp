#include "chat/llama_templates.h"

#include <string_view>

namespace puna {

namespace {

constexpr std::string_view opening = R"({{- bos_token }}
{%- set tools = tools if tools is defined and tools else [] %}
{%- macro header(role) %}{{- '<|start_header_id|>' + role + '<|end_header_id|>\n\n' }}{%- endmacro %}
{%- macro offer(words) %}
    {{- words + 'Respond in the format {"name": function name, ' }}
    {{- '"parameters": dictionary of argument name and its value}.' }}
    {{- 'Do not use variables.\n\n' }}
    {%- for tool in tools %}{{- tool | tojson(indent=4) + '\n\n' }}{%- endfor %}
{%- endmacro %}
)";

constexpr std::string_view some_builtin_tools =
    R"({%- set builtin_tools = builtin_tools if builtin_tools is defined and builtin_tools else [] %}
)";
constexpr std::string_view no_builtin_tools = R"({%- if builtin_tools is defined and builtin_tools %}
    {{- raise_exception('Built-in tools are only supported by Llama 3.1 and 3.3') }}
{%- endif %}
{%- set builtin_tools = [] %}
)";

constexpr std::string_view fixed_date =
    R"({%- set date_string = date_string if date_string is defined else '26 Jul 2024' %}
)";
constexpr std::string_view todays_date = R"({%- if date_string is not defined %}
    {%- set date_string = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' %}
{%- endif %}
)";

constexpr std::string_view system_turn =
    R"({%- set tools_in_user_message = tools_in_user_message if tools_in_user_message is defined else true %}
{%- set given = messages and messages[0].role == 'system' %}
{{- header('system') }}
{%- if tools or builtin_tools %}{{- 'Environment: ipython\n' }}{%- endif %}
{%- if builtin_tools %}
    {{- 'Tools: ' + builtin_tools | reject('equalto', 'code_interpreter') | join(', ') + '\n\n' }}
{%- endif %}
{{- 'Cutting Knowledge Date: December 2023\nToday Date: ' + date_string + '\n\n' }}
{%- if tools and not tools_in_user_message %}
    {{- offer('You have access to the following functions. To call a function, '
             + 'please respond with JSON for a function call.') }}
{%- endif %}
{{- messages[0].content | trim if given else '' }}{{- '<|eot_id|>' }}
{%- set messages = messages[1:] if given else messages %}
{%- set turn = namespace(offer=tools and tools_in_user_message) %}
)";
constexpr std::string_view no_system_turn = R"({%- set turn = namespace(offer=tools) %}
)";

constexpr std::string_view turns = R"({%- for message in messages %}
    {%- if message.role in ['tool', 'ipython'] %}
        {{- header('ipython') + message.content | tojson + '<|eot_id|>' }}
    {%- elif message.tool_calls %}
        {%- if message.tool_calls | length != 1 %}
            {{- raise_exception('This model supports one tool call at a time') }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- header('assistant') }}
        {%- if call.name in builtin_tools %}
            {{- '<|python_tag|>' + call.name + '.call(' }}
            {%- for name, value in call.arguments | items %}
                {%- if value is not string %}{{- raise_exception('The arguments of a built-in tool must be strings') }}{%- endif %}
                {{- name + '="' + value + '"' + ('' if loop.last else ', ') }}
            {%- endfor %}
            {{- ')' }}
        {%- else %}
            {{- '{"name": "' + call.name + '", "parameters": ' + call.arguments | tojson + '}' }}
        {%- endif %}
        {{- '<|eom_id|>' if builtin_tools else '<|eot_id|>' }}
    {%- elif turn.offer and message.role == 'user' %}
        {{- header('user') }}
        {{- offer('Given the following functions, please respond with a JSON for a function call '
                 + 'with its proper arguments that best answers the given prompt.\n\n') }}
        {{- message.content | trim + '<|eot_id|>' }}
        {%- set turn.offer = false %}
    {%- else %}
        {{- header(message.role) + message.content | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if tools and turn.offer %}
    {{- raise_exception('Cannot put the tools in the first user message: there is none') }}
{%- endif %}
{%- if add_generation_prompt %}{{- header('assistant') }}{%- endif %}
)";

}  // namespace

std::string llama_template(LlamaPrompt prompt) {
    bool has_builtin_tools = prompt == LlamaPrompt::llama3_1 || prompt == LlamaPrompt::llama3_3;
    std::string text(opening);
    text += has_builtin_tools ? some_builtin_tools : no_builtin_tools;
    if (prompt == LlamaPrompt::llama3) return text.append(no_system_turn).append(turns);
    text += prompt == LlamaPrompt::llama3_2 ? todays_date : fixed_date;
    return text.append(system_turn).append(turns);
}

}  // namespace puna
