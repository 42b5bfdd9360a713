#include "chat/llama_templates.h"

#include <algorithm>
#include <iterator>

namespace puna {

namespace {

// Of Llama 2, whose turns are text: a system message is part of the first user message, and each of them begins a text.
constexpr std::string_view llama2 = R"({%- if tools is defined and tools %}
    {{- raise_exception('The chat format of Llama 2 has no tools') }}
{%- endif %}
{%- set given = messages and messages[0].role == 'system' %}
{%- set turns = messages[1:] if given else messages %}
{%- for message in turns %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) or message.role not in ['user', 'assistant'] %}
        {{- raise_exception('The chat format of Llama 2 needs user and assistant messages in turn') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {%- set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' if given and loop.first else '' %}
        {{- bos_token + '[INST] ' + (system + message.content) | trim + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message.content | trim + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}
)";

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

// Llama 3.2's and 3.3's zero-shot function calling, [f(a=1), g(b='x')], if the variable pythonic_tools is true.
constexpr std::string_view maybe_pythonic =
    R"({%- set pythonic = pythonic_tools is defined and pythonic_tools and tools %}
{%- macro functions() %}
    {%- set all = namespace(list=[]) %}
    {%- for tool in tools %}{%- set all.list = all.list + [tool.function if tool.function is defined else tool] %}{%- endfor %}
    {{- all.list | tojson(indent=4) }}
{%- endmacro %}
{%- macro pythonic_system() %}
    {{- 'You are an expert in composing functions. You are given a question and a set of possible functions.\n' }}
    {{- 'Based on the question, you will need to make one or more function/tool calls to achieve the purpose.\n' }}
    {{- 'If none of the function can be used, point it out. If the given question lacks the parameters required by the function,\n' }}
    {{- 'also point it out. You should only return the function call in tools call sections.\n\n' }}
    {{- 'If you decide to invoke any of the function(s), you MUST put it in the format of ' }}
    {{- '[func_name1(params_name1=params_value1, params_name2=params_value2...), func_name2(params)]\n' }}
    {{- 'You SHOULD NOT include any other text in the response.\n\n' }}
    {{- 'Here is a list of functions in JSON format that you can invoke.\n\n' + functions() }}
{%- endmacro %}
{%- macro pythonic_user(content) %}
    {{- 'Questions: ' + content + '\nHere is a list of functions in JSON format that you can invoke:\n' + functions() }}
    {{- '\n\nShould you decide to return the function call(s),Put it in the format of ' }}
    {{- '[func1(params_name=params_value, params_name2=params_value2...), func2(params)]\n\n' }}
    {{- 'NO other text MUST be included.' }}
{%- endmacro %}
)";
constexpr std::string_view never_pythonic = R"({%- if pythonic_tools is defined and pythonic_tools %}
    {{- raise_exception('pythonic_tools is only supported by Llama 3.2 and 3.3') }}
{%- endif %}
{%- set pythonic = false %}
)";

constexpr std::string_view fixed_date =
    R"({%- set date_string = date_string if date_string is defined else '26 Jul 2024' %}
)";
constexpr std::string_view todays_date = R"({%- if date_string is not defined %}
    {%- set date_string = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' %}
{%- endif %}
)";

constexpr std::string_view system_turn =
    R"({%- set tools_in_user_message = tools_in_user_message if tools_in_user_message is defined else not pythonic %}
{%- set given = messages and messages[0].role == 'system' %}
{%- if pythonic and not tools_in_user_message %}
    {{- header('system') + (messages[0].content | trim + '\n\n' if given else '') + pythonic_system() + '<|eot_id|>' }}
{%- elif pythonic %}
    {{- header('system') + messages[0].content | trim + '<|eot_id|>' if given else '' }}
{%- else %}
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
{%- endif %}
{%- set messages = messages[1:] if given else messages %}
{%- set turn = namespace(offer=tools and tools_in_user_message) %}
)";
constexpr std::string_view no_system_turn = R"({%- set turn = namespace(offer=tools) %}
)";

constexpr std::string_view turns = R"({%- for message in messages %}
    {%- if message.role in ['tool', 'ipython'] %}
        {{- header('ipython') + message.content | tojson + '<|eot_id|>' }}
    {%- elif message.tool_calls and pythonic %}
        {{- header('assistant') + '[' }}
        {%- for call in message.tool_calls %}
            {{- call.function.name + '(' }}
            {%- for name, value in call.function.arguments | items %}
                {{- name + '=' + '%r' % value + ('' if loop.last else ', ') }}
            {%- endfor %}
            {{- ')' + ('' if loop.last else ', ') }}
        {%- endfor %}
        {{- ']<|eot_id|>' }}
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
    {%- elif turn.offer and message.role == 'user' and pythonic %}
        {{- header('user') + pythonic_user(message.content | trim) + '<|eot_id|>' }}
        {%- set turn.offer = false %}
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
    if (prompt == LlamaPrompt::llama2) return std::string(llama2);
    std::string text(opening);
    bool is_llama3 = prompt == LlamaPrompt::llama3, is_llama3_2 = prompt == LlamaPrompt::llama3_2;
    text += is_llama3 || is_llama3_2 ? no_builtin_tools : some_builtin_tools;
    text += is_llama3_2 || prompt == LlamaPrompt::llama3_3 ? maybe_pythonic : never_pythonic;
    if (is_llama3) return text.append(no_system_turn).append(turns);
    text += is_llama3_2 ? todays_date : fixed_date;
    return text.append(system_turn).append(turns);
}

std::optional<LlamaPrompt> find_llama_prompt(std::string_view name) {
    constexpr std::string_view names[] = {"llama2", "llama3", "llama3.1", "llama3.2", "llama3.3"};
    const auto* at = std::find(std::begin(names), std::end(names), name);
    if (at == std::end(names)) return {};
    return static_cast<LlamaPrompt>(at - names);
}

}  // namespace puna
