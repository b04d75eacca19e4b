#!/usr/bin/env python3
"""Writes tests/unit/data/jinja.json: small templates of every construct, and what Jinja2 makes of them.

usage: python3 tests/text/make_jinja_cases.py      (needs the packages jinja2 and markupsafe)

Run it after adding a template here; test_jinja.c reads the file. A template that fails has "error", Python's wording, which
ours need not be, and the line where it fails, which is ours, too.
"""
import json
import os
import sys
import traceback

import environment

VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  Hi \u00e9\n"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "7", "function": {"name": "f", "arguments": {"x": 1, "y": [True, None]}}}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]},
    ],
    "n": 7, "x": -2.5, "t": True, "nothing": None, "empty": "", "s": "Hello, World", "html": "<a href='x'>&\"</a>",
    "u": "Stra\u00dfe \u0130\u01c5 \u4e2d\U0001F600", "list": [3, 1, 2], "words": ["b", "A", "c", "a"],
    "d": {"b": 1, "a": [1, 2], "C": {"k": None}}, "rows": [{"k": "x", "v": 1}, {"k": "y", "v": 2}, {"k": "x", "v": 3}],
    "big": 9007199254740993, "lines": "one\n  two\n\nthree\n", "items": "not a method",
}

CASES = {
    "text": [
        "", "plain", "a\n", "a\n\n", "\na", "a\r\nb\rc\n", "{# note #}a{# {{ x }} #}b", "{{ '{{' }}{% raw %}{{ n }}{% x %}{# #}{% endraw %}",
        "{%- raw -%}  a  {%- endraw -%}  b", "}} %} #}", "{", "{ {n}", "{{ n }}{{n}}{{-n-}}", "\t{{ n }}\t", "\u4e2d{{ n }}\u00e9",
    ],
    "white space": [
        "a\n  {% if t %}\n  b\n  {% endif %}\nc", "a {% if t %} b {% endif %} c", "a\n  {%+ if t %}\nb{% endif +%}\nc", "a \n {%- if t -%} \n b \n {%- endif -%} \n c",
        "a \n {{- n -}} \n c", "a\n  {# note #}\nb", "a\n  {#- note -#}\nb", "a\n {% set q = 1 %} \n{{ q }}\n", "{% for i in list %}\n{{ i }}\n{% endfor %}\nend",
        "  {% for i in list -%}\n  {{ i }}\n  {%- endfor %}", "{{ n }}\n{{ n }}\n", "{{ n -}}\n\n{{ n }}", "x\n    {{ n }}", "\n\n{% if t %}\n\n{% endif %}\n\n",
        "  {%- if t +%}\n a{% endif %}", "{%if t%}a{%endif%}", "a\u00a0 {%- if t %}b{% endif %}", "{{ 'a' -}} \t\r\n b",
    ],
    "literals": [
        "{{ 1 }} {{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }} {{ 1.5 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 2e22 }} {{ 1e16 }} {{ 123456789.125 }}", "{{ 'a' }} {{ \"b\" }} {{ 'a\\n\\t\\\\\\'\\x41\\u00e9\\101' }}",
        "{{ 'a' 'b' }}", "{{ true }} {{ True }} {{ false }} {{ none }} {{ None }}", "{{ [1, 'a', none, [2.0]] }} {{ (1,) }} {{ () }} {{ (1, 2) }} {{ {'a': 1, 'b': {'c': []}} }} {{ [] }} {{ {} }}",
        "{{ [1, 2,] }} {{ (1, 2,) }} {{ {'a': 1,} }}", "{{ 9223372036854775807 }} {{ -9223372036854775807 }} {{ big }}", "{{ 0.1 + 0.2 }} {{ 1/3 }} {{ 1e300 * 1e10 }} {{ -0.0 }}", "{{ '\u00e9' }} {{ ['\u00e9', '\\'', '\"', '\\n', '\\\\'] }}",
        "{{ {1: 'a', 2.5: 'b', none: 'c', true: 'd', (1, 2): 'e'} }}", "{{ {'a': 1}['a'] }} {{ [1, 2][1] }} {{ (3, 4)[0] }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{{ 1, 2 }}",
    ],
    "arithmetic": [
        "{{ 7 + 2 }} {{ 7 - 2 }} {{ 7 * 2 }} {{ 7 / 2 }} {{ 7 // 2 }} {{ 7 % 2 }} {{ 2 ** 10 }}", "{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }}",
        "{{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ (2 ** 3) ** 2 }} {{ - -2 }} {{ +2 }}", "{{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }}", "{{ true + 1 }} {{ true * 3 }} {{ 1.0 * 2 }} {{ 4 / 2 }}", "{{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ 3 * [1] }} {{ [1] + [2] }} {{ (1,) + (2,) }}",
        "{{ 'a' ~ 1 ~ none ~ 1.5 ~ true ~ [1] }}", "{{ '%s is %d%% of %5.1f|%-5s|%05d|%x|%r' % ('a', 3, 2.25, 'b', 42, 255, 'q') }}", "{{ '%(a)s' % {'a': 1} }}", "{{ 10 ** 15 }} {{ 3.0 }} {{ 1e15 }} {{ 12345678901234567.0 }}",
        "{{ n / 0 }}", "{{ n // 0 }}", "{{ n % 0 }}", "{{ 'a' + 1 }}", "{{ none + 1 }}", "{{ [] + () }}", "{{ 'a' - 'b' }}", "{{ -'a' }}", "{{ {} + {} }}", "{{ 'a' * 'b' }}",
    ],
    "comparisons": [
        "{{ 1 == 1.0 }} {{ 1 != 2 }} {{ 'a' < 'b' }} {{ 2 > 10 }} {{ '2' > '10' }} {{ 1 <= 1 }} {{ 2 >= 3 }}", "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 > 1 == 1 }}", "{{ [1, 2] < [1, 3] }} {{ [1] == [1.0] }} {{ (1, 2) == (1, 2) }} {{ [1] == (1,) }} {{ {'a': 1} == {'a': 1.0} }}",
        "{{ true == 1 }} {{ none == false }} {{ 'a' == 'a' }} {{ '' == none }}", "{{ 'a' in 'abc' }} {{ 'a' not in 'abc' }} {{ 1 in [1, 2] }} {{ 'b' in d }} {{ 1 in d }} {{ '' in '' }} {{ 2 in (1, 2) }}", "{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or 2 }} {{ '' or 'x' }} {{ not 1 }} {{ not '' }} {{ not none }}",
        "{{ not 1 == 2 }} {{ not (1 in [2]) }} {{ 1 not in [2] }} {{ true and not false or false }}", "{{ 'a' if t else 'b' }} {{ 'a' if not t }} {{ 'a' if not t else 'b' if nothing else 'c' }}", "{{ 1 < 'a' }}", "{{ none < 1 }}", "{{ 1 in 2 }}", "{{ 1 in 'a' }}", "{{ [1] < [none] }}", "{{ {} < {} }}",
    ],
    "undefined": [
        "{{ missing }}|{{ missing is defined }}|{{ missing is undefined }}", "{{ d.missing }}|{{ d['missing'] }}|{{ list[10] }}|{{ s.missing }}", "{{ missing ~ 'a' }}{{ missing | length }}{{ missing | list }}{{ missing | default('d') }}{{ missing or 'o' }}", "{% for i in missing %}x{% else %}none{% endfor %}",
        "{% if missing %}a{% else %}b{% endif %}{{ not missing }}", "{{ missing == missing2 }}{{ missing == none }}{{ missing != 1 }}", "{{ nothing | default('d') }}|{{ nothing | default('d', true) }}|{{ '' | d('e', boolean=true) }}", "{{ missing.x }}", "{{ missing['x'] }}", "{{ d.missing.x }}", "{{ missing() }}",
        "{{ missing + 1 }}", "{{ -missing }}", "{{ missing < 1 }}", "{{ 1 in missing }}", "{{ missing in [1] }}", "{{ 'a' in missing }}", "a\n{{ n }}\n{{ missing.x }}", "{{ missing | tojson }}", "{{ [missing] }}", "{{ missing | upper }}", "{{ missing | join }}", "{{ missing | int }}", "{{ '%s' % missing }}", "{{ missing[0:1] }}", "{{ nothing.x }}|", "{{ nothing.x.y }}", "{{ n.x }}|{{ list.x }}",
        "{{ missing is none }} {{ missing is string }} {{ missing is mapping }} {{ missing is iterable }} {{ missing is sequence }}", "{{ missing | string }}{{ missing | trim }}|",
    ],
    "if and set": [
        "{% if n == 7 %}a{% elif n == 8 %}b{% else %}c{% endif %}", "{% if n == 8 %}a{% elif n == 7 %}b{% elif n %}x{% else %}c{% endif %}", "{% if nothing %}a{% endif %}", "{% if [] %}a{% elif {} %}b{% elif '' %}c{% elif 0.0 %}d{% elif [0] %}e{% endif %}", "{% set q = n + 1 %}{{ q }}{% set q = q * 2 %}{{ q }}",
        "{% set q %}a{{ n }}{% endset %}[{{ q }}]{{ q | length }}", "{% set q | upper | replace('A', 'x') %}a{{ s }}{% endset %}{{ q }}", "{% set (a, b) = [1, 2] %}{{ a + b }}", "{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}", "{% set q = 1 %}{% if t %}{% set q = 2 %}{% endif %}{{ q }}", "{% set q = 1 %}{% for i in list %}{% set q = q + i %}{{ q }}{% endfor %}{{ q }}",
        "{% set a, b = [1] %}", "{% set a, b = [1, 2, 3] %}", "{% set a, b = 1 %}", "{% if n %}", "{% endif %}", "{% if %}a{% endif %}", "{% else %}", "{% set %}", "{% set 1 = 2 %}", "{% set true = 1 %}", "{% set d.x = 1 %}", "{% elif n %}", "{% if n = 7 %}{% endif %}", "{% with a = 1, b = 2 %}{{ a + b }}{% set a = 5 %}{{ a }}{% endwith %}{{ a }}", "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z }}", "{% with a = n %}{% with n = a + 1 %}{{ n }}{% endwith %}{{ n }}{% endwith %}",
        "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter trim | replace(' ', '_') %}  a b {% endfilter %}", "{% do 1 %}", "{% unknown %}", "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% block a %}x{{ n }}{% endblock %}{{ self.a() }}",
    ],
    "for": [
        "{% for i in list %}{{ i }},{% endfor %}", "{% for i in [] %}a{% else %}none{% endfor %}", "{% for i in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}", "{% for i in words %}{{ loop.previtem }}-{{ loop.nextitem }};{% endfor %}",
        "{% for i in words %}{{ loop.cycle('x', 'y') }}{% endfor %}", "{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }} {% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for c in s %}{{ c }}.{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
        "{% for i in list if i > 1 %}{{ i }}{{ loop.index }}{{ loop.length }}{% endfor %}", "{% for i in list if i > 9 %}{{ i }}{% else %}none{% endfor %}", "{% for i in range(10) %}{% if i == 3 %}{% continue %}{% endif %}{% if i == 6 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in list %}{% for j in list %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "{% for i in list %}{% set outer = loop %}{% for j in words %}{{ outer.index }}{{ j }}{% endfor %}{% endfor %}",
        "{% for i in list %}{% for j in list %}{% if j == 1 %}{% break %}{% endif %}{{ j }}{% endfor %};{% endfor %}", "{% for r in rows recursive %}{{ r.k }}{% endfor %}", "{% for i in [1, [2, [3, 4]], 5] recursive %}{% if i is iterable %}({{ loop(i) }}{{ loop.depth }}){% else %}{{ i }}{% endif %}{% endfor %}", "{% for m in messages[1:] %}{{ m.role }}{% endfor %}{% for m in messages[::-1] %}{{ m['role'] }}{% endfor %}",
        "{% for m in messages if m.role != 'system' %}{{ loop.index0 }}{{ m.role }}{% if not loop.last %}, {% endif %}{% endfor %}", "{% set ns = namespace(n=0) %}{% for i in list %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "{% for i in list %}{{ i }}{% endfor %}{{ i }}", "{% set i = 9 %}{% for i in list %}{% endfor %}{{ i }}",
        "{% for i in n %}{% endfor %}", "{% for i in nothing %}{% endfor %}", "{% for a, b in list %}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for i in list %}", "{% endfor %}", "{% for i list %}{% endfor %}", "{% for in list %}{% endfor %}", "{% break %}", "{% continue %}", "{{ loop }}", "{% for i in list %}{{ loop.nope }}{% endfor %}", "{% for i in list %}{% break %}{% else %}e{% endfor %}", "{% for i in range(3) %}{{ loop.index if loop.first else loop.last }}{% endfor %}", "{% for i in list | sort %}{{ i }}{% endfor %}", "{% for i in (1, 2) %}{{ i }}{% endfor %}{% for i in 1, 2 %}{{ i }}{% endfor %}", "{% for loop in list %}{{ loop }}{% endfor %}",
    ],
    "macros": [
        "{% macro f() %}x{% endmacro %}{{ f() }}{{ f() }}", "{% macro f(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(1, c=4) }}{{ f(b=1, a=0) }}{{ f() }}", "{% macro f(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, k=4) }}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
        "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}in{{ n }}{% endcall %}", "{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}", "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(1) }}", "{% set q = 1 %}{% macro f() %}{{ q }}{{ n }}{% endmacro %}{% set q = 2 %}{{ f() }}", "{% macro f(x) %}{% set y = x * 2 %}{{ y }}{% endmacro %}{{ f(2) }}{{ y }}",
        "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=1) }}", "{% macro f(a, a) %}{% endmacro %}", "{% macro f(a=1, b) %}{% endmacro %}", "{% macro %}{% endmacro %}", "{% macro f() %}", "{{ f() }}{% macro f() %}a{% endmacro %}", "{% macro f(a) %}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}{{ f.caller }}{% endmacro %}{{ f(1) }}", "{{ f is callable }}{% macro g() %}{% endmacro %}{{ g is callable }}", "{% macro f(l) %}{% for i in l %}{{ f(i) if i is iterable else i }}{% endfor %}{% endmacro %}{{ f([1, [2, [3]]]) }}", "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(*[1]) }}{{ f(**{'a': 2}) }}", "{% macro f() %} a {% endmacro %}{{ f() | trim }}{{ f() ~ 'b' }}{{ f() | length }}",
    ],
    "namespace": [
        "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace(a=1, b='x') %}{{ ns.a }}{{ ns['b'] }}", "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace(l=[]) %}{% for i in list %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.l }}", "{% set ns = namespace(f=false) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.f = true %}{% endif %}{% endfor %}{{ ns.f }}", "{% set ns = namespace(a='') %}{% set ns.a %}x{{ n }}{% endset %}{{ ns.a }}", "{% set n.a = 1 %}", "{% set ns = namespace(1) %}", "{% set missing.a = 1 %}", "{% set ns = namespace(a=0) %}{% macro f() %}{% set ns.a = ns.a + 1 %}{{ ns.a }}{% endmacro %}{{ f() }}{{ f() }}{{ ns.a }}",
    ],
    "slices and items": [
        "{{ list[0] }}{{ list[-1] }}{{ list[1:] }}{{ list[:1] }}{{ list[:-1] }}{{ list[::2] }}{{ list[::-1] }}{{ list[5:] }}{{ list[-9:2] }}", "{{ s[0] }}{{ s[-1] }}{{ s[1:4] }}{{ s[::-1] }}{{ u[-1] }}{{ u[::2] }}", "{{ (1, 2, 3)[1:] }}{{ (1, 2, 3)[::-1] }}", "{{ d.a }}{{ d['a'] }}{{ d.C.k }}{{ d['C']['k'] }}{{ d.a.0 }}{{ d.a[1] }}", "{{ rows[0].k }}{{ rows.0.v }}{{ rows[-1]['v'] }}", "{{ messages[2].tool_calls[0].function.arguments.y[1] }}", "{{ list[n] }}|{{ d[n] }}|{{ s[99] }}|{{ list['a'] }}|{{ d[list[0]] }}", "{{ range(10)[2:5] }}{{ range(10)[-1] }}", "{{ range(10)[::3] }}{{ range(10)[::-3] }}{{ range(1, 9, 3)[1:] }}{{ range(10)[5::9223372036854775807] | list }}{{ range(3)[9:] }}", "{{ 7000000000000000000 in range(-9000000000000000000, 9000000000000000000, 1000000000000000) }}{{ 7 in range(-9000000000000000000, 9000000000000000000, 1000000000000000) }}{{ -2 in range(9223372036854775806, -9223372036854775807, -1000000000000000) }}", "{{ list[true] }}", "{{ 'abc'[1:][0] }}", "{{ list[1:2:0] }}", "{{ n[0] }}|", "{{ n[0:1] }}", "{{ d[list] }}", "{{ list[1.5] }}|", "{{ d.keys() | list }}{{ d.values() | list }}{{ d.items() | list }}",
    ],
    "string methods": [
        "{{ s.upper() }}{{ s.lower() }}{{ s.title() }}{{ s.capitalize() }}{{ s.swapcase() }}", "{{ u.upper() }}{{ u.lower() }}{{ u.title() }}{{ u.casefold() }}{{ u.swapcase() }}", "{{ '  a '.strip() }}|{{ '  a '.lstrip() }}|{{ '  a '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abcba'.strip('ab') }}|{{ '\u00a0a\u2003'.strip() }}|", "{{ s.split() }}{{ s.split(', ') }}{{ s.split('l', 1) }}{{ s.rsplit('l', 1) }}{{ ' a  b '.split() }}{{ ''.split() }}{{ ''.split('a') }}{{ 'a,b,c'.split(',', maxsplit=1) }}", "{{ lines.splitlines() }}{{ lines.splitlines(true) }}", "{{ s.startswith('He') }}{{ s.endswith('ld') }}{{ s.startswith(('a', 'H')) }}{{ s.startswith('l', 2) }}{{ s.endswith('o', 0, 5) }}", "{{ s.replace('l', 'L') }}{{ s.replace('l', 'L', 1) }}{{ s.replace('', '-') }}", "{{ s.find('o') }}{{ s.rfind('o') }}{{ s.find('z') }}{{ s.index('o') }}{{ s.count('l') }}{{ s.find('o', 5) }}{{ u.find('\u4e2d') }}", "{{ ','.join(words) }}{{ ''.join([]) }}", "{{ s.partition(', ') }}{{ s.rpartition('o') }}{{ s.partition('z') }}", "{{ 'a'.center(5) }}|{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '*') }}|{{ '7'.zfill(3) }}|{{ '-7'.zfill(4) }}", "{{ '12'.isdigit() }}{{ 'ab'.isalpha() }}{{ 'a1'.isalnum() }}{{ ' '.isspace() }}{{ 'A'.isupper() }}{{ 'a'.islower() }}{{ 'Ab'.istitle() }}{{ ''.isdigit() }}{{ '\u00b2'.isdigit() }}{{ '\u00bd'.isnumeric() }}{{ '\u0663'.isdecimal() }}{{ 'a_1'.isidentifier() }}", "{{ 'prefix-a'.removeprefix('prefix-') }}{{ 'a.txt'.removesuffix('.txt') }}", "{{ 'a\tb'.expandtabs(4) }}", "{{ '{} {1} {a}'.format(1, 2, a=3) if false else '{} {}'.format(1, 'b') }}{{ '{0:>5}|{0:<5}|{0:^5}|{1:05.1f}|{1:,}'.format('a', 1234.56) }}{{ '{a[0]}{b.c}'.format(a=[1], b={'c': 1}) if false }}{{ '{!r:>6}'.format('a') }}{{ '{{}}'.format() }}", "{{ s.nope() }}", "{{ s.index('z') }}", "{{ ','.join([1]) }}", "{{ s.split('') }}", "{{ s.upper(1) }}", "{{ 'a'.format_map({'a': 1}) }}", "{{ '{a.__class__}'.format(a=1) }}",
    ],
    "dict and list methods": [
        "{{ d.get('b') }}{{ d.get('z') }}{{ d.get('z', 5) }}{{ d.get('z', default=5) if false }}", "{{ d.keys() }}{{ d.values() }}{{ d.items() }}", "{{ list.index(1) }}{{ list.count(3) }}{{ (1, 2).index(2) }}", "{{ list.append(1) }}", "{{ list.pop() }}", "{{ d.update({}) }}", "{{ d.pop('a') }}", "{{ d.setdefault('z', 1) }}", "{{ list.sort() }}", "{{ d.copy() }}{{ list.copy() }}", "{{ list.index(9) }}", "{{ d.__class__ }}", "{{ ''.__class__ }}", "{{ n.bit_length() }}{{ x.is_integer() }}{{ 2.0.is_integer() }}", "{{ dict(a=1, b=2) }}{{ dict({'a': 1}, b=3) }}{{ dict([('a', 1)]) }}", "{{ cycler('a', 'b').next() }}{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}", "{% set j = joiner(', ') %}{% for i in list %}{{ j() }}{{ i }}{% endfor %}", "{{ range(3) }}{{ range(3) | list }}{{ range(1, 10, 3) | list }}{{ range(3, 0, -1) | list }}", "{{ range('a') }}", "{{ range(1, 2, 0) }}", "{{ range(1000000) }}",
    ],
    "text filters": [
        "{{ s | upper }}{{ s | lower }}{{ 'ab cd-ef' | title }}{{ s | capitalize }}{{ '  a ' | trim }}|{{ 'xax' | trim('x') }}", "{{ s | replace('l', 'L') }}{{ s | replace('l', 'L', 1) }}{{ 'aaa' | replace('a', 'b', count=2) }}", "{{ s | length }}{{ list | count }}{{ d | length }}{{ u | length }}", "{{ s | reverse }}{{ list | reverse | list }}", "{{ 'a' | center(5) }}|{{ s | truncate(8) }}|{{ s | truncate(8, true) }}|{{ 'a long text here' | truncate(9, false, '..', 0) }}", "{{ lines | indent }}|{{ lines | indent(2, true) }}|{{ lines | indent('> ', first=true, blank=true) }}", "{{ html | escape }}{{ html | e }}{{ html | safe }}{{ html | striptags }}{{ 'a b/\u00e9?' | urlencode }}{{ {'a': 'b c', 'd': 1} | urlencode }}", "{{ 'one two  three' | wordcount }}", "{{ '%s-%s' | format(1, 'a') }}", "{{ 5 | string }}{{ none | string }}{{ 1.0 | string ~ 'a' }}", "{{ s | nope }}", "{{ s | upper(1) }}", "{{ n | upper }}{{ nothing | trim }}|{{ list | upper }}", "{{ {'class': 'a', 'id': none, 'x': '<'} | xmlattr }}", "{{ none | length }}", "{{ 5 | length }}", "{{ html | forceescape }}", "{{ ('<a>' | escape) ~ '<b>' }}",
    ],
    "number filters": [
        "{{ 2.5 | round }}{{ 3.5 | round }}{{ 2.675 | round(2) }}{{ 1.21 | round(1, 'ceil') }}{{ 1.29 | round(1, 'floor') }}{{ 5 | round }}{{ 12345 | round(-2) }}", "{{ '12' | int }}{{ 'x' | int }}{{ 'x' | int(5) }}{{ 2.9 | int }}{{ -2.9 | int }}{{ '0x1f' | int(base=16) }}{{ none | int }}{{ '1.5' | int }}{{ true | int }}", "{{ '1.5' | float }}{{ 'x' | float }}{{ 2 | float }}{{ 'x' | float(1.5) }}", "{{ -5 | abs }}{{ x | abs }}", "{{ 1000 | filesizeformat }}{{ 1024 | filesizeformat(true) }}{{ 1 | filesizeformat }}{{ 123456789 | filesizeformat }}", "{{ 's' | abs }}", "{{ 1.5 | round(1, 'x') }}", "{{ [1, 2.5, 3] | sum }}{{ [] | sum }}{{ rows | sum(attribute='v') }}{{ [1] | sum(start=5) }}", "{{ ['a'] | sum }}",
    ],
    "list filters": [
        "{{ list | first }}{{ list | last }}{{ '' | first }}{{ s | first }}{{ [] | last }}", "{{ list | join }}{{ list | join(', ') }}{{ rows | join('-', attribute='k') }}{{ s | join('.') }}", "{{ list | sort }}{{ list | sort(reverse=true) }}{{ words | sort }}{{ words | sort(case_sensitive=true) }}{{ rows | sort(attribute='v', reverse=true) }}{{ rows | sort(attribute='k,v') }}", "{{ words | unique | list }}{{ [1, 1.0, 2] | unique | list }}{{ rows | unique(attribute='k') | list }}", "{{ list | min }}{{ list | max }}{{ words | min }}{{ words | max }}{{ [] | max }}{{ rows | max(attribute='v') }}", "{{ d | dictsort }}{{ d | dictsort(true) }}{{ {'a': 2, 'b': 1} | dictsort(by='value') }}{{ {'a': 1, 'b': 2} | dictsort(reverse=true) }}", "{{ rows | groupby('k') }}{% for g in rows | groupby('k') %}{{ g.grouper }}{{ g.list | length }}{% endfor %}{% for k, l in rows | groupby('k') %}{{ k }}{% endfor %}", "{{ list | batch(2) | list }}{{ list | batch(2, 'x') | list }}{{ range(7) | slice(3) | list }}{{ range(7) | slice(3, 'f') | list }}", "{{ s | list }}{{ d | list }}{{ d | items | list }}{{ (1, 2) | list }}", "{{ words | map('upper') | list }}{{ rows | map(attribute='k') | list }}{{ rows | map(attribute='z', default='-') | list }}{{ [[1, 2], [3]] | map('sum') | join(',') }}{{ ['a'] | map('replace', 'a', 'b') | list }}", "{{ list | select('odd') | list }}{{ list | reject('odd') | list }}{{ [0, 1, ''] | select | list }}{{ list | select('>', 1) | list }}{{ list | select('in', [1, 9]) | list }}", "{{ rows | selectattr('v', 'gt', 1) | list }}{{ rows | rejectattr('k', 'equalto', 'x') | map(attribute='v') | list }}{{ messages | selectattr('tool_calls', 'defined') | list | length }}{{ messages | selectattr('content') | list | length }}{{ messages | rejectattr('role', 'in', ['user']) | list | length }}", "{{ d | attr('b') }}|{{ d | attr('nope') is defined }}", "{{ list | first | string | length }}", "{{ list | map('nope') | list }}", "{{ list | select('nope') | list }}", "{{ [1, 'a'] | sort }}", "{{ list | map | list }}", "{{ n | list }}", "{{ n | join }}", "{{ list | batch(0) | list }}", "{{ list | sort(attribute='x') }}", "{{ messages | map(attribute='content') | select('string') | map('trim') | join('|') }}", "{{ [[1, 'b'], [0, 'a']] | sort(attribute='1') }}{{ rows | map(attribute='k') | unique | join }}", "{{ messages | map(attribute='tool_calls.0.function.name') | list }}",
    ],
    "tojson": [
        "{{ d | tojson }}", "{{ messages[2] | tojson }}", "{{ messages[2] | tojson(indent=2) }}", "{{ d | tojson(indent=4) }}{{ [] | tojson(indent=2) }}{{ {} | tojson(indent=2) }}{{ [[]] | tojson(indent=1) }}", "{{ html | tojson }}{{ u | tojson }}{{ u | tojson(ensure_ascii=true) }}", "{{ '\\x00\\x1f\\x7f\\u2028\\t\\n\\r\\b\\f\\\\/' | tojson }}", "{{ 1.0 | tojson }}{{ 1e100 | tojson }}{{ 1e-7 | tojson }}{{ true | tojson }}{{ none | tojson }}{{ big | tojson }}{{ -0.0 | tojson }}", "{{ d | tojson(separators=(',', ':')) }}{{ d | tojson(sort_keys=true) }}{{ d | tojson(separators=(',', ':'), indent=2) }}", "{{ (1, (2,)) | tojson }}", "{{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }}", "{{ missing | tojson }}", "{{ range(3) | tojson }}", "{{ {(1, 2): 3} | tojson }}", "{{ d | tojson(indent='--') }}", "{{ namespace(a=1) | tojson }}", "{{ d.items() | tojson }}", "{{ d.a | tojson | length }}",
    ],
    "tests": [
        "{{ 1 is odd }}{{ 2 is even }}{{ 6 is divisibleby 3 }}{{ 6 is divisibleby(4) }}", "{{ n is defined }}{{ n is number }}{{ x is float }}{{ n is integer }}{{ t is boolean }}{{ t is integer }}{{ t is number }}{{ nothing is none }}{{ s is string }}{{ d is mapping }}{{ list is sequence }}{{ s is sequence }}{{ d is iterable }}{{ n is iterable }}", "{{ t is true }}{{ t is false }}{{ 1 is true }}{{ false is false }}", "{{ 'a' is lower }}{{ 'A' is upper }}{{ 'a' is in ['a'] }}{{ 'a' is in 'abc' }}", "{{ 1 is eq 1 }}{{ 1 is ne 2 }}{{ 1 is lt 2 }}{{ 2 is gt 1 }}{{ 1 is le 1 }}{{ 1 is ge 2 }}{{ 1 is equalto 1 }}{{ 1 is sameas 1 }}{{ 1 is lessthan 2 }}{{ 1 is greaterthan 2 }}", "{{ n is not defined }}{{ missing is not defined }}{{ n is not none }}{{ not n is none }}", "{{ 'upper' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}{{ 'nope' is test }}", "{{ n is odd and t }}{{ n is divisibleby 7 and n is not even }}", "{{ n is nope }}", "{{ 's' is odd }}", "{{ n is }}", "{{ n is divisibleby }}", "{{ range is callable }}{{ s is callable }}{{ ('<' | e) is escaped }}{{ s is escaped }}", "{{ n is divisibleby 0 }}", "{{ range(3) is sequence }}{{ range(3) is iterable }}{{ (1,) is sequence }}{{ d is sequence }}{{ d.keys() is sequence }}",
    ],
    "globals": [
        "{{ strftime_now('%Y-%m-%d') }}", "{{ strftime_now('%d %b %Y, %H:%M:%S %A %B %j %y %p %I %%') }}", "{{ raise_exception('no') }}", "a\n{% if n %}\n  {{ raise_exception('role ' ~ messages[0].role) }}\n{% endif %}", "{{ raise_exception() }}", "{% generation %}a{{ n }}{% endgeneration %}b", "{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}", "{% generation %}", "{{ namespace(a=1).a }}", "{{ self }}",
    ],
    "syntax": [
        "{{ }}", "{{ 1 + }}", "{{ (1 }}", "{{ [1 }}", "{{ {1} }}", "{{ {1: } }}", "{{ 'a }}", "{{ a b }}", "{{ 1", "{% if 1", "{# note", "{{ a.}}", "{{ a. 1b }}", "{{ a[ }}", "{{ a | }}", "{{ a | 1 }}", "{{ @ }}", "{{ a ? b : c }}", "{{ a === b }}", "{{ a && b }}", "{{ !a }}", "{% for %}", "{% %}", "{{ f(a=1, 2) }}", "{{ f(**a, *b) }}", "{{ 1 if }}", "{{ 'a' 1 }}", "{% endmacro %}", "\n\n{% if x %}\n{% for y in z %}\n{% endif %}", "a\nb\n{{ c d }}", "{% raw %}", "{% set a = %}", "{% macro f(1) %}{% endmacro %}", "{{ not }}", "{{ ) }}", "{{ a } }}", "{% if a %}{% else %}{% else %}{% endif %}", "{{ a is not }}", "{{ 1..2 }}", "{{ lambda: 1 }}", "{% call %}{% endcall %}", "{{ 0777 }}", "{{ 1__0 }}", "{{ a.b.c d }}", "{{ \"\\q\" }}", "{{ '\\x4' }}",
    ],
    "formats": [
        "{{ '{:,}|{:_}|{:+,d}|{:012,}|{:09_d}'.format(1234567, 1234567, 1234567, 1234567, 1234) }}", "{{ '{:,.2f}|{:015,.1f}'.format(1234567.891, -1234.5) }}",
        "{{ '{:c}|{:>3c}|{:n}'.format(65, 20013, 12) }}", "{{ '{:c}'.format(-1) }}", "{{ '{:.2d}'.format(3) }}", "{{ '{:s}'.format(3) }}", "{{ '{:d}'.format('a') }}",
        "{{ '{:e}|{:E}|{:.0e}|{:g}|{:G}|{:.3g}'.format(1234.5, 0.00012, 5.5, 1e20, 1e-7, 1234.5) }}", "{{ '{:%}|{:.1%}|{:08.2%}'.format(0.5, 0.1234, 0.25) }}",
        "{{ '{:#x}|{:#b}|{:#o}|{:X}|{:#010x}|{:b}'.format(255, 5, 8, 255, 255, -5) }}", "{{ '{:^9}|{:*<6}|{:=+6d}|{:->5}'.format('mid', 'l', 4, 'r') }}",
        "{{ '{0[1]}|{1[b]}|{2.real}|{0!r}|{3!s:>5}'.format(list, d, n, 'x') }}", "{{ '{:{}}|{:.{}f}'.format('a', 4, 2.5, 3) }}", "{{ '{{}}|{}'.format(1) }}",
        "{{ '{'.format(1) }}", "{{ '{:q}'.format(1) }}", "{{ '{1}'.format(1) }}", "{{ '{a}|{b}'.format(a=1, b='z') }}", "{{ '{:.3}|{:6.2}|'.format('abcdef', 'abc') }}",
        "{{ '{:f}|{:f}|{:F}'.format(n * 1e308, n * -1e308, 1.0) }}", "{{ '{:-}|{: }|{:+}'.format(1, 2, 3) }}", "{{ '{:,}'.format(1234.5) }}", "{{ '{:<5}|{:>5}'.format(true, none | string) }}",
    ],
    "percent signs": [
        "{{ '%*d|%-*d|' % (5, 3, 4, 2) }}", "{{ '%.*f' % (2, 1.2345) }}", "{{ '%*d' % ('a', 3) }}", "{{ '%c%c|%3c' % ('x', 65, 'y') }}", "{{ '%c' % -1 }}", "{{ '%c' % 'ab' }}", "{{ '%c' % 1.5 }}",
        "{{ '%5.1f|%+d|% d|%05d|%-5d|%x|%X|%#x|%o' % (1.25, 3, 4, 5, 6, 255, 255, 255, 8) }}", "{{ '%e|%E|%g|%G' % (1234.5, 0.5, 1e-9, 1e20) }}", "{{ '%(b)s and %(a)r' % d }}", "{{ '%(z)s' % d }}",
        "{{ '%r|%a|%s' % ('\u00e9', '\u00e9', none) }}", "{{ '%d%%' % 50 }}", "{{ '%d' % 'a' }}", "{{ '%d' % 2.9 }}", "{{ '%s %s' % 'a' }}", "{{ '%s' % ('a', 'b') }}", "{{ '%y' % 1 }}", "{{ '%' % 1 }}", "{{ '%.3s|%5s|%-5s|' % ('abcdef', 'a', 'b') }}",
    ],
    "numbers": [
        "{{ 5.bit_length() if false else (255).bit_length() }}|{{ (7).bit_count() }}|{{ (7).conjugate() }}|{{ (7).as_integer_ratio() }}", "{{ (2.5).is_integer() }}|{{ (2.0).is_integer() }}",
        "{{ 1234.5 | round(-2) }}|{{ 49.9 | round(-2) }}|{{ 51 | round(-2) }}|{{ 0.5 | round }}|{{ 2.675 | round(2) }}|{{ -1.5 | round }}", "{{ 7.25 | round(1, 'ceil') }}|{{ 7.25 | round(1, 'floor') }}", "{{ 1 | round(1, 'up') }}",
        "{{ 1 == 1.0 }}|{{ 9007199254740993 == 9007199254740992.0 }}|{{ 9007199254740993 > 9007199254740992.0 }}|{{ true == 1 }}|{{ 1 < 1.5 }}", "{{ 7 // 2 }}|{{ -7 // 2 }}|{{ -7 % 3 }}|{{ 7.5 // 2 }}|{{ -7.5 % 2 }}|{{ 2 ** -1 }}|{{ 2 ** 10 }}",
        "{{ 1e16 }}|{{ 1e15 }}|{{ 1.5e-5 }}|{{ 0.0001 }}|{{ 123456789.123 }}|{{ -0.0 }}", "{{ 'ff' | int(0, 16) }}|{{ '0x1F' | int(0, 16) }}|{{ 'z' | int(-1) }}|{{ '3.7' | int }}|{{ '1_000' | int }}|{{ '1e3' | float }}", "{{ 13000 | filesizeformat }}|{{ 1 | filesizeformat }}|{{ 13000 | filesizeformat(true) }}|{{ '5e9' | filesizeformat }}|{{ 12 | filesizeformat }}",
        "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ 1 // 0.0 }}", "{{ 'a' | float(1.5) }}|{{ none | float }}|{{ ' 12 ' | int }}",
    ],
    "views and iterators": [
        "{{ d.keys() == {'C': 0, 'a': 0, 'b': 0}.keys() }}|{{ d.items() == d.items() }}|{{ d.keys().isdisjoint(['z']) }}|{{ d.keys().isdisjoint(['a']) }}", "{{ 'a' in d.keys() }}|{{ 1 in d.values() }}|{{ ('b', 1) in d.items() }}", "{{ {}.fromkeys(['a', 'b'], 1) }}|{{ {}.fromkeys('xy') }}",
        "{{ list | reverse | list }}|{{ 'abc' | reverse }}|{{ range(3) | reverse | list }}|{{ d | reverse | list }}", "{{ 3 | reverse }}", "{{ 5 in range(1, 9, 2) }}|{{ 4 in range(1, 9, 2) }}|{{ 3.0 in range(5) }}|{{ 2.5 in range(5) }}|{{ 3 in range(9, 0, -3) }}",
        "{{ range(10)[2:8:2] | list }}|{{ range(5)[-1] }}|{{ range(0) | list }}|{{ range(9, 0, -4) | list }}", "{{ range(1, 2, 0) | list }}", "{% set m = list | map('string') %}{{ '1' in m }}|{{ '3' in m }}|{{ m | list }}", "{{ list | batch(2, 'x') | list }}|{{ list | slice(2) | list }}|{{ words | sort(reverse=true) }}|{{ words | sort(case_sensitive=true) }}",
        "{{ rows | groupby('k') | list }}", "{% for k, g in rows | groupby('k') %}{{ k }}:{{ g | map(attribute='v') | join('+') }};{% endfor %}", "{{ words | unique | list }}|{{ rows | sum('v') }}|{{ words | min }}|{{ list | max }}|{{ [] | min }}", "{% set j = joiner('/') %}{{ j.sep }}{{ j.used }}{{ j() }}{{ j() }}{{ j.used }}", "{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.current }}{{ c.pos }}{{ c.items }}",
        "{% macro m(a, b=1) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m.name }}|{{ m.arguments }}|{{ m.catch_kwargs }}|{{ m.catch_varargs }}|{{ m.caller }}|{{ m.explicit_caller }}", "{{ list[5] }}|{{ d.missing }}|{{ d['missing'].x }}", "{{ [][0].x }}", "{{ list.append(4) }}{{ list }}", "{{ {'a': 1} == {'a': 1.0} }}|{{ [1, [2]] == [1, [2]] }}|{{ (1, 2) < (1, 3) }}|{{ 'a' < 'b' }}|{{ [1] < [1, 0] }}", "{{ 1 < 'a' }}",
    ],
    "markup": [
        "{{ '&lt;b&gt; &amp; &#65;&#x42; &eacute;&copy &nbsp;|&bogus; &#0; &#xD800; &#; &notin;' | striptags }}", "{{ html | striptags }}|{{ html | escape | striptags }}", "{{ html | e }}|{{ html | e | e }}|{{ html | forceescape }}|{{ (html | safe) | e }}", "{{ {'a': 1, 'b': none, 'c': '<'} | xmlattr }}|{{ {'a': 1} | xmlattr(false) }}", "{{ {'a b': 1} | xmlattr }}", "{{ ('<b>' | safe).unescape() }}|{{ ('<b>x</b>' | safe).striptags() }}|{{ ('%s' | safe) % '<' }}|{{ ('{}' | safe).format('<') }}", "{{ ['<', '>' | safe] | join('&' | safe) }}|{{ ('<' | safe) + '>' }}|{{ ('a' | safe) * 2 }}",
    ],
    "letters": [
        "{{ '\u039f\u03a3 \u03a3 \u0391\u03a3\u0391 \u0391\u03a3.' | lower }}|{{ u | upper }}|{{ u.casefold() }}|{{ u.swapcase() }}|{{ u | title }}|{{ u | capitalize }}", "{{ \"it's they're x-ray\" | title }}|{{ \"it's they're x-ray\".title() }}", "{{ 'Abc'.istitle() }}|{{ 'abc'.islower() }}|{{ '1a'.isidentifier() }}|{{ '\u00b2'.isdigit() }}|{{ '\u00b2'.isdecimal() }}|{{ '\u00bd'.isnumeric() }}|{{ ' \t'.isspace() }}|{{ 'a\n'.isprintable() }}|{{ '\u00e9'.isascii() }}|{{ 'a1'.isalnum() }}",
        "{{ 'a.b.c'.partition('.') }}|{{ 'a.b.c'.rpartition('.') }}|{{ 'abc'.partition('x') }}|{{ 'a,b,,c'.split(',') }}|{{ ' a  b '.split() }}|{{ 'a b c'.rsplit(none, 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ lines.splitlines(true) }}", "{{ 'abc'.zfill(6) }}|{{ '-5'.zfill(4) }}|{{ 'a\tb'.expandtabs(4) }}|{{ 'ab'.center(7, '*') }}|{{ 'ab'.ljust(4, '.') }}|{{ 'ab'.rjust(4) }}", "{{ 'banana'.count('an') }}|{{ 'banana'.rfind('an') }}|{{ 'banana'.find('x') }}|{{ 'banana'.index('n', 3) }}|{{ 'banana'.replace('a', 'o', 2) }}", "{{ 'banana'.index('x') }}", "{{ 'prefix-x'.removeprefix('prefix-') }}|{{ 'x.txt'.removesuffix('.txt') }}|{{ 'xxhixx'.strip('x') }}|{{ 'abc'.startswith(('x', 'a')) }}|{{ 'abc'.endswith('c', 0, 2) }}", "{{ 'abc'.startswith(1) }}", "{{ 'abc'.split('') }}", "{{ 'ab'.center(5, 'xy') }}", "{{ 'a'.join(['1', 2]) }}", "{{ '-'.join(words) }}",
    ],
    "times": [
        "{{ strftime_now('%a %A %b %B %h %d %e %m %y %C %H %I %M %S %p %j %U %W %V %G %g %u %w') }}", "{{ strftime_now('%Y-%m-%d|%F|%D|%T|%R|%r|%x|%X|%c|%n|%t|%%|%s|%k|%l|%f|%z|%Z') }}", "{{ strftime_now('') }}|{{ strftime_now('plain \u00e9') }}", "{{ strftime_now('%-d|%-H') }}",
    ],
}

# Whole templates in the manner of those in the wild.
CHATS = [
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | string | trim + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ (message['content'] or '') + eos_token }}{% endif %}{% endfor %}",
    "{%- for m in messages %}\n    {{- '<|' ~ m.role ~ '|>\\n' }}\n    {%- if m.content is string %}\n        {{- m.content | trim }}\n    {%- elif m.content %}\n        {%- for part in m.content if part.type == 'text' %}\n            {{- part.text }}\n        {%- endfor %}\n    {%- endif %}\n    {%- if m.tool_calls %}\n        {%- for call in m.tool_calls %}\n            {{- '\\n' + {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}\n        {%- endfor %}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|assistant|>' }}\n{%- endif %}\n",
    "{%- if messages[0]['role'] == 'system' -%}{%- set system = messages[0]['content'] -%}{%- set rest = messages[1:] -%}{%- else -%}{%- set rest = messages -%}{%- endif -%}\n{%- set ns = namespace(last=-1) -%}{%- for m in rest -%}{%- if m.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}{%- endfor -%}\n{%- for m in rest -%}{%- if loop.index0 == ns.last and system is defined -%}{{ system + '\\n\\n' }}{%- endif -%}[{{ m.role[0] | upper }}]{{ loop.index0 > ns.last }}{%- endfor -%}",
    "{%- macro show(schema, depth=0) -%}\n{%- if schema.type == 'object' -%}\n{ {%- for k, v in schema.properties | dictsort -%}{{ k }}: {{ show(v, depth + 1) }}{{ ', ' if not loop.last }}{%- endfor -%} }\n{%- elif schema.type is string -%}{{ schema.type }}\n{%- else -%}{{ schema.type | join(' | ') }}{%- endif -%}\n{%- endmacro -%}\n{{ show({'type': 'object', 'properties': {'b': {'type': ['a', 'null']}, 'a': {'type': 'object', 'properties': {'c': {'type': 'n'}}}}}) }}",
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate ' + m['role']) }}{% endif %}{% endfor %}",
]


def failing_line(error):
    """Of the template, from Python's traceback."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<template>"]
    return lines[-1] if lines else None


def outcome(source, variables):
    result = environment.render(source, variables)
    if "error" in result and result.get("line") is None:
        result.pop("line", None)
        try:
            environment.ENVIRONMENT.from_string(source).render(**variables)
        except Exception as e:
            line = failing_line(e)
            if line:
                result["line"] = line
    return result


def main():
    variables = {**VARIABLES, "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True}
    cases = [{"group": group, "source": source, **outcome(source, variables)}
             for group, sources in {**CASES, "chats": CHATS}.items() for source in sources]
    for case in cases:
        assert " at 0x" not in case.get("text", ""), case  # an address is not the same twice
    out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit", "data", "jinja.json")
    with open(out, "w", encoding="utf-8") as f:
        f.write('{"date": %s, "variables": %s,\n"cases": [\n' % (json.dumps(environment.NOW_TEXT), json.dumps(variables)))
        f.write(",\n".join(json.dumps(case) for case in cases))
        f.write("\n]}\n")
    print("%d cases, %d of them errors" % (len(cases), sum("error" in c for c in cases)), file=sys.stderr)


if __name__ == "__main__":
    main()
