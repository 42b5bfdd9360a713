#!/usr/bin/python3
"""Our template interpreter renders the same bytes as Jinja2: chat templates in tests/templates and the snippets below,
compared with Jinja2 itself, and the cases of ../shared/derivatives. Where Jinja2 fails, ours must fail too.
usage: jinja_test.py RENDER_JINJA"""
import json
import os
import pathlib
import subprocess
import sys

import jinja2

from jinja_environment import environment

RENDER = os.path.abspath(sys.argv[1])
CASES = pathlib.Path("../shared/derivatives/jinja_cases.jsonl")
NOW = "2024-07-26T13:05:09"


def by_jinja2(case):
    try:
        return {"output": environment(case["now"]).from_string(case["template"]).render(**case["input"])}
    except Exception as problem:        # including Python's own exceptions
        return {"error": str(problem)}


def by_us(cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    run = subprocess.run([RENDER], input=lines, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run
    results = [json.loads(line) for line in run.stdout.rstrip("\n").split("\n")]
    assert len(results) == len(cases), run.stderr
    return results


def compare(cases, expected):
    wrong = 0
    for case, ours, theirs in zip(cases, by_us(cases), expected):
        same = ours.get("output") == theirs.get("output") and ("error" in ours) == ("error" in theirs)
        if same and case.get("compare_message"):
            same = case["compare_message"] in ours["error"]
        if not same:
            wrong += 1
            print(f"--- {case.get('name', '')} {case['template']!r}\n  ours   {ours}\n  jinja2 {theirs}")
    return wrong


def shared_cases():
    cases, expected = [], []
    for line in CASES.read_text().rstrip("\n").split("\n"):
        case = json.loads(line)
        error = case.get("error")
        case["compare_message"] = error["message"] if error and error["compare_message"] else None
        cases.append(case)
        expected.append({"error": error["message"]} if error else {"output": case["output"]})
    return cases, expected


TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The \"weather\" <now>",
          "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "enum": [1, 2]}}, "required": ["city"]}}}]
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Zürich", "days": 2}}}
MESSAGES = [{"role": "system", "content": " Be brief.\n"}, {"role": "user", "content": "Hi <b>there</b> & 東京 'quoted'"},
            {"role": "assistant", "content": "Hello!\n\n", "tool_calls": [CALL]}, {"role": "tool", "name": "weather", "content": "sunny", "tool_call_id": "c1"},
            {"role": "assistant", "content": "It's \"sunny\""}, {"role": "user", "content": "Straße, ǅ, ΌΣΟΣ and ﬁne"}]
BASE = {"tools": None, "documents": None, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}
CHATS = [{**BASE, "messages": MESSAGES}, {**BASE, "messages": MESSAGES[1:2], "tools": TOOLS},
         {**BASE, "messages": MESSAGES[:2] + MESSAGES[4:], "add_generation_prompt": False}, {**BASE, "messages": []}]

# One expression or block each, with the variables below.
VALUES = {"m": MESSAGES[2], "ms": MESSAGES, "tools": TOOLS, "s": "Hello, World", "u": "naïve ŉ ß ΣΑΣ ǆ", "n": 7, "f": 2.5, "z": 0, "none_value": None, "yes": True,
          "xs": [3, 1, 2], "ws": ["b", "A", "c", "a"], "d": {"b": 1, "a": 2, "B": 3}, "e": [], "big": 12345678901234567890123, "text": "l1\nl2\r\nl3\n\n",
          "pairs": [["a", 1], ["b", 2]], "floats": [1e16, 1e-5, 0.1, 1.0, 100000.0, 1e22, -0.0, 123456789.125], "odd": "a'b\"c\\d\x07\u200b\ue000é\U0001f600",
          "people": [{"name": "bob", "age": 3, "on": {"at": "x"}}, {"name": "Al", "age": 1, "on": {"at": "y"}}, {"name": "cy", "age": 3, "on": {}}]}
SNIPPETS = r"""
{{ s }}{{ n }}{{ f }}{{ none_value }}{{ yes }}{{ missing }}{{ xs }}{{ d }}{{ m }}{{ big }}{{ floats }}{{ odd }}{{ [odd] }}{{ ((1,), (), (1, 2)) }}
{{ 1 + 2 * 3 - 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 2 ** 3 ** 2 }} {{ 2 ** -1 }} {{ -2 ** 2 }} {{ 5 % -3 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 'a' * 3 }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'x' * -1 }}| {{ true + true }} {{ 'x' ~ 1 ~ none ~ [1] ~ 1.5 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ [1] + (2,) }}
{{ missing + 'x' }}
{{ missing.x }}
{{ missing[0] }}
{{ missing() }}
{{ m.nothing }}|{{ m['nothing'] }}|{{ m.nothing is defined }}
{{ m.nothing.more }}
{{ none_value.x }}|{{ n.x }}|{{ s.x }}
{{ none_value[0] }}|{{ n[0] }}
{{ s[0] }}{{ s[-1] }}{{ s[99] }}|{{ s[1:4] }}{{ s[::-1] }}{{ s[:-7:2] }}{{ s[-3:] }}{{ s[5:2] }}{{ s[::-2] }}{{ s[10:0:-3] }}
{{ xs[0] }}{{ xs[-1] }}{{ xs[99] }}|{{ xs[1:] }}{{ xs[::-1] }}{{ xs[:2] }}{{ xs[:] }}{{ xs[true] }}{{ ms[1:][0].role }}{{ (1, 2, 3)[1:] }}
{{ xs[::0] }}
{{ xs['a'] }}|{{ d['zz'] }}|{{ d[0] }}|{{ d[[1]] }}|{{ d[(1,)] }}
{{ none_value[1:] }}
{{ d[1:] }}
{{ xs.0 }}{{ xs.2 }}{{ pairs.1.0 }}
{{ 1 == 1.0 }} {{ true == 1 }} {{ '1' == 1 }} {{ none == none }} {{ missing == missing2 }} {{ [1, [2]] == [1, [2.0]] }} {{ d == {'a': 2, 'B': 3, 'b': 1} }} {{ (1,) == [1] }}
{{ 1 < 2 < 3 }} {{ 3 > 2 >= 2 > 1 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'a' < 'A' }} {{ 1 != 2 != 1 }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ missing < 1 }}
{{ 'el' in s }} {{ 'x' not in s }} {{ 1 in xs }} {{ 'a' in d }} {{ 9 not in xs }} {{ '' in '' }} {{ 1 in missing }} {{ 'role' in m }} {{ 2 in (1, 2) }}
{{ 1 in s }}
{{ 1 in 5 }}
{{ '' or 'b' }}{{ 'a' and 0 }}{{ not '' }}{{ not s }}{{ e or none or 'last' }}{{ 0 and missing.x }}{{ 'x' if z else 'y' }}{{ 'x' if z }}|{{ 1 if 0 else 2 if 0 else 3 }}
{{ not 1 == 2 }} {{ not (1 == 2 and true) or false }} {{ -n }} {{ +n }} {{ - -n }} {{ -f }} {{ -yes }} {{ +yes }}
{{ -s }}
{{ n is defined }} {{ missing is undefined }} {{ missing is not defined }} {{ s is string }} {{ d is mapping }} {{ s is mapping }} {{ s is iterable }} {{ n is iterable }} {{ none_value is none }}
{{ xs is sequence }} {{ d is sequence }} {{ s is sequence }} {{ n is sequence }} {{ missing is sequence }} {{ missing is iterable }} {{ n is number }} {{ f is float }} {{ n is integer }} {{ yes is integer }} {{ yes is boolean }} {{ yes is true }} {{ z is false }} {{ big is integer }} {{ big is number }}
{{ n is odd }} {{ n is even }} {{ n is divisibleby 7 }} {{ n is divisibleby(2) }} {{ n is eq 7 }} {{ n is in [7] }} {{ n is in(xs) }} {{ n is gt 3 }} {{ n is lt(3) }} {{ 'ab' is lower }} {{ 'AB' is upper }} {{ 'Ab' is upper }} {{ '1' is upper }} {{ n is sameas n }} {{ none is sameas none }} {{ range is callable }} {{ s is callable }} {{ 'upper' is filter }} {{ 'odd' is test }} {{ 'zz' is test }}
{{ n is nosuch }}
{{ n | nosuch }}
{{ n is defined is string }}
{{ s is defined and n is defined or missing is defined }} {{ n is not none and s is not mapping }} {{ (n is defined) if n else 0 }}
{{ s | upper }}{{ s | lower }}{{ 'they\'re IN-the (box) [x] {y} <z>' | title }}{{ 'they\'re HERE' | capitalize }}{{ "they're here x1y".title() }}{{ u | upper }}{{ u | lower }}{{ u | title }}{{ u.title() }}{{ u | capitalize }}{{ u.swapcase() }}
{{ '  x  ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ ' x '.strip() }}|{{ 'xya'.lstrip('yx') }}|{{ 'a\n\n'.rstrip('\n') }}|{{ ' x '.lstrip() }}|{{ ' x '.rstrip(none) }}|{{ '\u00a0\u3000x\x1f' | trim }}|
{{ s | replace('l', 'LL') }}{{ s | replace('l', 'L', 1) }}{{ 'abc'.replace('', '-') }}{{ 'abc'.replace('b', '') }}{{ 'aaa'.replace('aa', 'b') }}{{ 1212 | replace('1', 'x') }}
{{ s | length }}{{ xs | length }}{{ d | count }}{{ '東京😀' | length }}{{ e | length }}{{ missing | length }}
{{ n | length }}
{{ xs | first }}{{ xs | last }}{{ s | first }}{{ s | last }}{{ e | first }}{{ d | first }}{{ d | last }}
{{ xs | join }}{{ xs | join(', ') }}{{ ms | join('|', attribute='role') }}{{ ms | map(attribute='role') | join('+') }}{{ s | join('.') }}{{ d | join('-') }}
{{ xs | sort }}{{ xs | sort(reverse=true) }}{{ ws | sort }}{{ ws | sort(case_sensitive=true) }}{{ people | sort(attribute='age') | map(attribute='name') | list }}{{ people | sort(attribute='age,name') | map(attribute='name') | list }}{{ people | sort(attribute='on.at') | map(attribute='name') | list }}
{{ [1, 'a'] | sort }}
{{ d | dictsort }}{{ d | dictsort(true) }}{{ d | dictsort(by='value') }}{{ d | dictsort(reverse=true) }}
{{ xs | min }}{{ xs | max }}{{ ws | min }}{{ ws | max }}{{ people | max(attribute='age') }}{{ e | max }}|{{ xs | sum }}{{ people | sum(attribute='age') }}{{ people | sum('age', 10) }}
{{ ws | unique | list }}{{ ['a', 'A', 'b'] | unique | list }}{{ ['a', 'A'] | unique(case_sensitive=true) | list }}{{ [1, 1.0, true, 2] | unique | list }}{{ people | unique(attribute='age') | map(attribute='name') | list }}
{{ xs | reverse | list }}{{ s | reverse }}{{ xs | list }}{{ s | list }}{{ d | list }}{{ missing | list }}
{{ xs | select('odd') | list }}{{ xs | reject('odd') | list }}{{ xs | select('gt', 1) | list }}{{ [0, 1, '', 'a', none] | select | list }}{{ [0, 1] | reject | list }}
{{ ms | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }}{{ ms | rejectattr('role', 'in', ['user', 'tool']) | list | length }}{{ ms | selectattr('tool_calls') | list | length }}{{ ms | selectattr('name', 'defined') | list | length }}{{ people | selectattr('on.at', 'eq', 'x') | map(attribute='name') | first }}
{{ people | map(attribute='on') | map(attribute='at', default='?') | list }}{{ xs | map('string') | list }}{{ ws | map('upper') | join }}{{ ws | map('replace', 'a', 'z') | list }}{{ pairs | map('first') | list }}{{ pairs | map(attribute=1) | list }}{{ pairs | map(attribute='0') | list }}
{{ xs | select('odd') | length }}
{% set g = xs | select('odd') %}{{ g | list }}{{ g | list }}{% if xs | select('gt', 99) %}always{% endif %}{% set h = xs | map('string') %}{{ h | first }}{{ h | join }}
{{ people | groupby('age') | map('first') | list }}{% for age, group in people | groupby('age') %}{{ age }}:{{ group | map(attribute='name') | join(',') }};{% endfor %}{% for g in people | groupby('name') %}{{ g[0] }}{% endfor %}
{{ range(7) | batch(3) | list }}{{ range(7) | batch(3, 'x') | list }}{{ range(7) | slice(3) | list }}{{ range(7) | slice(3, 'x') | list }}
{{ missing | default('d') }}{{ '' | default('d') }}|{{ '' | default('d', true) }}{{ none | d('x') }}{{ none | default('x', boolean=true) }}{{ s | default('d') }}{{ missing | default }}
{{ '12' | int }}{{ ' 12 ' | int }}{{ '1_0' | int }}{{ 'x' | int }}{{ 'x' | int(5) }}{{ '4.7' | int }}{{ 4.7 | int }}{{ '0x1f' | int(base=16) }}{{ '1f' | int(0, 16) }}{{ none | int }}{{ '1e2' | int }}{{ true | int }}{{ -3.9 | int }}
{{ '1.5' | float }}{{ 'x' | float }}{{ 3 | float }}{{ 'x' | float(1.5) }}{{ '1e3' | float }}{{ 'inf' | float }}
{{ missing | int }}
{{ -5 | abs }}{{ -2.5 | abs }}{{ 2.567 | round(1) }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2, 'ceil') }} {{ 2.567 | round(1, 'floor') }} {{ 7 | round }} {{ 1234 | round(-2) }} {{ 0.125 | round(2) }} {{ 2.675 | round(2) }} {{ 1.005 | round(2) }}
{{ text | indent }}|{{ text | indent(2, true) }}|{{ text | indent(2, blank=true) }}|{{ text | indent('> ', first=true) }}|{{ '' | indent(2) }}|{{ '' | indent(2, true) }}|{{ 'a\n' | indent(1) }}|
{{ 'one two three four' | truncate(9) }}|{{ 'one two three four' | truncate(9, true) }}|{{ 'one two three' | truncate(11) }}|{{ 'one two three' | truncate(9, false, '!', 0) }}|{{ s | center(20) }}|{{ 'a b,c_d' | wordcount }}
{{ 'a<' + ('<b>' | safe) + '>' }}{{ ('&' | e) + '&' }}{{ ('<' | safe) ~ '<' }}{{ ('<' | safe) | upper + '<' }}{{ 'x' | e is escaped }}{{ ['<', '<' | safe] | join('&') }}{{ '<' | e | e }}{{ '<' | e | forceescape }}
{{ '<b>&"\'' | escape }}{{ '<b>' | e }}{{ '<b>' | safe }}{{ 5 | string }}{{ [1] | string | length }}{{ none | string }}
{{ '%s is %d' | format('x', 3) }}{{ '%s' % s }}{{ '%s %s' % (1, 2) }}{{ '%5d|%-5d|%05d|%+d|% d' % (1, 2, 3, 4, 5) }}{{ '%.2f|%8.3f|%e|%g|%G' % (1.005, 2.5, 12345.678, 0.0001, 1e20) }}{{ '%x %X %o %#x' % (255, 255, 8, 255) }}{{ '%r %s' % ('a', 'a') }}{{ '%5s|%-5s|%.2s' % ('ab', 'ab', 'abc') }}{{ '%%' % () }}{{ '%(a)s-%(b)d' % {'a': 1, 'b': 2} }}{{ '%(x)s' | format(x=1) }}{{ '%c%c' % ('a', 98) }}{{ '%d' % 3.9 }}{{ '%i' % true }}
{{ '%d' % 'x' }}
{{ '%s' % (1, 2) }}
{{ '%s %s' % 1 }}
{{ '{} {}'.format(1, 'a') }}{{ '{1}{0}'.format('a', 'b') }}{{ '{x}-{y[0]}-{z.a}'.format(x=1, y=[2], z={'a': 3}) }}{{ '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd') }}{{ '{:05d} {:+} {:,} {:.2f} {:x} {:%} {:e}'.format(3, 4, 1234567, 2.5, 255, 0.5, 12.5) }}{{ '{{}} {!r}'.format('a') }}{{ '{:{}}|'.format('a', 4) }}
{{ '{}'.format() }}
{{ 'a,b,,c'.split(',') }}{{ ' a  b '.split() }}{{ 'a,b,c'.split(',', 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ ' a b c '.rsplit(none, 1) }}{{ ' a b c '.split(none, 1) }}{{ ''.split() }}{{ ''.split(',') }}{{ 'a--b'.split('--')[-1] }}{{ 'a b'.split(maxsplit=0) }}
{{ 'a'.split('') }}
{{ text.splitlines() }}{{ text.splitlines(true) }}{{ 'a-b-c'.partition('-') }}{{ 'a-b-c'.rpartition('-') }}{{ 'abc'.partition('x') }}{{ 'abc'.rpartition('x') }}
{{ s.startswith('He') }}{{ s.endswith('ld') }}{{ s.startswith(('x', 'H')) }}{{ s.startswith('lo', 3) }}{{ s.find('o') }}{{ s.find('o', 5) }}{{ s.rfind('o') }}{{ s.find('zz') }}{{ s.index('W') }}{{ s.count('l') }}{{ 'aaa'.count('aa') }}{{ 'abc'.count('') }}
{{ s.index('zz') }}
{{ 'a'.join(['x', 'y']) }}{{ ', '.join(d) }}{{ '-'.join('abc') }}{{ 'ab'.center(7, '*') }}{{ 'abc'.center(6) }}|{{ 'ab'.ljust(4) }}|{{ 'ab'.rjust(4, '.') }}{{ '7'.zfill(3) }}{{ '-7'.zfill(4) }}{{ 'prefix-x'.removeprefix('prefix-') }}{{ 'x.txt'.removesuffix('.txt') }}
{{ ','.join([1]) }}
{{ 'abc'.isalpha() }}{{ 'a1'.isalnum() }}{{ '12'.isdigit() }}{{ '²'.isdigit() }}{{ ''.isdigit() }}{{ ' \n'.isspace() }}{{ 'AB'.isupper() }}{{ 'aB'.islower() }}{{ 'é'.isascii() }}{{ 'ab'.islower() }}{{ 'ª'.islower() }}
{{ d.get('a') }}{{ d.get('zz') }}{{ d.get('zz', 5) }}{{ d.keys() | list }}{{ d.values() | list }}{{ d.items() | list }}{{ d | items | list }}{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{{ d.copy() }}{{ xs.index(2) }}{{ xs.count(3) }}
{% for k, v in {'items': 1}.items() %}{{ k }}{{ v }}{% endfor %}{{ {'items': 5}['items'] }}{{ d['get'] is defined }}{{ d.get is callable }}{{ {'get': 1}.get('get') }}
{{ xs.append(4) }}
{{ d.update({'x': 1}) }}
{{ s.__class__ }}
{{ xs | tojson }}{{ d | tojson }}{{ m | tojson(indent=2) }}{{ odd | tojson }}{{ odd | tojson(ensure_ascii=true) }}{{ tools | tojson(indent=4) }}{{ d | tojson(sort_keys=true) }}{{ xs | tojson(separators=(',', ':')) }}{{ [none, true, 1.0, big] | tojson }}{{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }}{{ floats | tojson }}{{ (1, 2) | tojson }}{{ xs | tojson(indent='--') }}{{ [[], {}] | tojson(indent=0) }}
{{ missing | tojson }}
{{ {(1, 2): 3} | tojson }}
{{ [missing] | tojson }}
{% set x = 1 %}{{ x }}{% for i in xs %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 9 %}{% endif %}{{ x }}
{% set ns = namespace(a=1, b='x') %}{% for i in xs %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}|{{ ns['a'] }}{% set ns2 = namespace({'q': 1}) %}{{ ns2.q }}
{% set d.x = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, dd) = [3, 4] %}{{ c }}{{ dd }}{% set t = 1, 2 %}{{ t }}{% set q = (5) %}{{ q }}
{% set a, b = 1, 2, 3 %}
{% set block %}  in {{ n }}  {% endset %}[{{ block }}]{% set loud | upper | trim %} a{{ n }}b {% endset %}[{{ loud }}]{% set b2 %}{% set inner = 1 %}{% endset %}{{ inner }}|{{ b2 }}
{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }};{% endfor %}
{% for x in xs %}{% for y in ws %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}{% for x in xs if x > 1 %}{{ x }}{{ loop.length }}{% else %}none{% endfor %}{% for x in e %}x{% else %}empty{% endfor %}{% for x in missing %}x{% else %}nothing{% endfor %}
{% for x in none_value %}{% endfor %}
{% for x in n %}{% endfor %}
{% for a, b in pairs %}{{ a }}{{ b }}{% endfor %}{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}{% for c in 'ab' %}{{ c }}-{% endfor %}{% for k in d %}{{ k }}{% endfor %}
{% for a, b in [[1]] %}{% endfor %}
{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}never{% endfor %}{% for x in xs %}{% for y in xs %}{% break %}{% endfor %}{{ x }}{% endfor %}
{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}
{% for x in xs %}{{ loop(xs) }}{% endfor %}
{{ loop }}{% for x in [1] %}{% set keep = loop.index %}{% endfor %}{{ keep }}|
{% macro f(a, b=2, c=a) %}[{{ a }},{{ b }},{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=5, a=6) }}{{ f() }}{{ f(1) | length }}
{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{% endmacro %}{{ f(b=1) }}
{% macro f(a) %}{{ varargs }}{{ kwargs }}{{ a }}{% endmacro %}{{ f(1, 2, 3, x=4) }}{{ f(*[1, 2], **{'k': 'v'}) }}
{% macro outer(x) %}{% macro inner(y) %}{{ x }}{{ y }}{% endmacro %}{{ inner(1) }}{{ inner(2) }}{% endmacro %}{{ outer('o') }}{% macro count(n) %}{{ n }}{% if n > 0 %}{{ count(n - 1) }}{% endif %}{% endmacro %}{{ count(5) }}
{% macro g() %}{{ later }}{% endmacro %}{% set later = 'seen' %}{{ g() }}{% for x in [1] %}{% set later = 'hidden' %}{{ g() }}{% endfor %}
{% macro f(x) %}<{{ caller(x) }}>{% endmacro %}{% call(v) f(3) %}{{ v }}{{ n }}{% endcall %}{% call f(1) %}plain{% endcall %}
{% macro f() %}{% endmacro %}{% call f() %}x{% endcall %}
{% macro f(x) %}{{ caller }}{% endmacro %}{{ f(1) }}
{% filter upper %}ab{{ s }}{% endfilter %}{% filter replace('a', 'b') | trim %} aaa {% endfilter %}{% with %}{% set w = 1 %}{{ w }}{% endwith %}{{ w }}{% with a = 1, b = n %}{{ a + b }}{% endwith %}{% with a = 1 %}{% with b = a %}{{ b }}{% endwith %}{% endwith %}
{% raw %}{{ x }} {% if %} {# c #}{% endraw %}|{%- raw -%}  {{ y }}  {%- endraw -%}  |{# comment {{ #}{#- c -#}  x
{% generation %}{{ s }}{% set inside = 1 %}{{ inside }}{% endgeneration %}{{ inside }}|
{{ range(3) | list }}{{ range(1, 6, 2) | list }}{{ range(3, 0, -1) | list }}{{ range(5)[2] }}{{ range(5) | length }}{{ dict(a=1, b=2) }}{{ dict([('x', 1)]) }}{{ dict({'a': 1}, b=2) }}
{{ range(1000000) }}
{{ raise_exception('no ' ~ n) }}
{{ strftime_now('%Y-%m-%d %d %b %B %A %a %H:%M:%S %I %p %j %y %%') }}{{ strftime_now('%-d %e %F %T') }}
{{ 'a' 'b' "c" }}{{ 'a\tb\\n\'' }}{{ "\x41\u00e9\101\q" }}{{ 0x1f }}{{ 0b101 }}{{ 0o17 }}{{ 1_000 }}{{ 1e3 }}{{ 1.5e-3 }}{{ 1_0.5 }}{{ .5 if false else 1 }}
{{ {'a': {'b': [1, {'c': 2}]}}.a.b[1].c }}{{ [[1, 2], [3]][0][1] }}{{ {} }}{{ {'a': 1,} }}{{ [1, 2,] }}{{ (1, 2,) }}{{ () }}{{ 1, 2 }}
{{ m.content.strip().split(' ')[0] | upper | length }}{{ (m.content | trim) ~ '!' }}{{ 'a' + 'b' | upper }}{{ 1 + 2 ~ 'x' if false }}{{ n | string + 'x' }}{{ -1 | abs }}{{ (-1) | abs }}{{ xs | first + 1 }}
{% if s and n > 3 and not e %}yes{% elif z %}elif{% else %}no{% endif %}{% if e %}1{% elif d %}2{% endif %}{% if z %}{% endif %}
{% if n %}a
  {%- if s %}   b
  {%+ endif %}
c
{% endif %}   
  x   {# c #}   
  {{ n }}   
  {%- set q = 1 -%}   

 y
{{ 1 }}

{{- 2 -}}

   3
	{% if true %}
tab
	{% endif %}  
end{% if true %}  {% endif %}.
{%- for x in xs -%}
   {{ x }}
{%- endfor %}
{% for x in xs %}
 {{ x }}
{% endfor %}
{{ u[2:] }}{{ '東京タワー'[1:3] }}{{ '東京'[::-1] }}{{ 'ß'.upper() | length }}{{ u.split('ŉ') }}{{ 'İ' | lower | length }}{{ 'ὈΔΥΣΣΕΎΣ ΣΑΣ' | lower }}
{{ s | attr('upper') is callable }}{{ m | attr('role') }}|{{ n | attr('zz') }}|
{% set x = namespace(list=[]) %}{% for i in xs %}{% set x.list = x.list + [i] %}{% endfor %}{{ x.list }}{{ x.list | join(',') }}
{% set a = 1 %}{% macro f() %}{{ a }}{% set a = 2 %}{{ a }}{% endmacro %}{{ f() }}{{ a }}{% for i in [1, 2] %}{{ a }}{% set a = 5 %}{{ a }}{% endfor %}{{ a }}
{% macro f(x) -%}  {{ x }}  {%- endmacro %}[{{ f('a') }}]
{% unknown %}
{% if %}
{% if true %}
{{ }}
{{ 'a }}
{{ (1 }}
{{ 1 + }}
{% endif %}
{% for x in %}{% endfor %}
{% for x xs %}{% endfor %}
{% set = 1 %}
{% set true = 1 %}
{# open
{% raw %}x
{{ a b }}
{{ [1, 2 }}
{{ x. }}
{{ s | }}
{% break %}
{% macro f(a=1, b) %}{% endmacro %}
{{ '\xzz' }}
{% else %}
{{ $ }}
{{ d | items | list | length }}{{ missing | items | list }}
{{ xs | items | list }}
{{ e[0] }}|{{ e[-1] }}|{{ (e | first) is defined }}{{ ms[-1].content }}{{ ms[-1]['role'] == 'user' }}{{ ms | length - 1 }}{{ (ms | length) - 1 }}{{ ms[ms | length - 1].role }}
{{ ms[0].content.split('\n')[0] }}{{ 'x' in ms[0] }}{{ 'content' in ms[0] and ms[0].content }}{{ ms[2].tool_calls[0].function.arguments | tojson }}{{ ms[2].tool_calls[0]['function']['name'] }}
{{ [1, 2] in [[1, 2]] }}{{ {'a': 1} in [{'a': 1}] }}{{ none in [none] }}{{ missing in [1] }}{{ 'a' in ('a', 'b') }}{{ 'abc' in ['abc'] }}
{{ '' ~ missing }}|{{ missing | upper }}|{{ missing | trim }}|{{ missing | join(',') }}|{{ missing ~ 'x' }}|{{ missing is none }}|{{ missing == '' }}|{{ missing or 'x' }}
""".strip("\n")


def snippets():
    """A line each; lines that do not begin with a tag belong to the one before."""
    lines = []
    for line in SNIPPETS.split("\n"):
        if line.startswith(("{{", "{%", "{#")) and not line.startswith(("{{- ", "{%- ")):
            lines.append(line)
        else:
            lines[-1] += "\n" + line
    return [{"template": line, "input": VALUES, "now": NOW} for line in lines]


def chat_templates():
    return [{"name": path.name, "template": path.read_text(), "input": chat, "now": NOW}
            for path in sorted(pathlib.Path("tests/templates").glob("*.jinja")) for chat in CHATS]


own = snippets() + chat_templates()
wrong = compare(own, [by_jinja2(case) for case in own])
print(f"{len(own)} templates beside Jinja2 {jinja2.__version__}: {wrong} differ")
if not CASES.exists():
    if wrong:
        sys.exit(1)
    print("skipped: ../shared/derivatives is missing")
    sys.exit(77)
cases, expected = shared_cases()
wrong_cases = compare(cases, expected)
print(f"{len(cases)} cases of ../shared/derivatives: {wrong_cases} differ")
sys.exit(1 if wrong or wrong_cases else 0)
