"""Random templates of the language's whole breadth, small enough to be read when they differ."""
from make_jinja_cases import VARIABLES

VARIABLES = {**VARIABLES, "bos_token": "<s>", "eos_token": "</s>"}
NAMES = [*VARIABLES, "missing", "loop", "i", "q"]
ATOMS = ["1", "0", "-1", "2.5", "''", "'a'", "'b c'", "' x '", "none", "true", "false", "[]", "{}", "()", "[1, 2]", "['b', 'a']", "(1, 'a')", "{'a': 1, 'b': [2]}", "'\u00e9\\n'",
         "range(3)", "messages[0]", "rows[0]", "d.a", "s[1:4]", "list[0]", "messages[1]['content']", "1e3", "10", "'<b>'", "u"]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "count", "list", "first", "last", "join", "join(', ')", "sort", "reverse", "reverse | list", "unique | list", "string", "int",
           "float", "abs", "round", "round(1)", "sum", "min", "max", "default('d')", "default('d', true)", "tojson", "tojson(indent=2)", "items | list", "dictsort", "e", "safe", "replace('a', 'X')",
           "map('string') | list", "map('upper') | list", "map(attribute='k') | list", "map(attribute='role') | join('-')", "select | list", "reject('none') | list", "select('string') | list",
           "selectattr('role') | list | length", "selectattr('k', 'equalto', 'x') | list", "rejectattr('v', 'gt', 1) | list", "batch(2) | list", "slice(2) | list", "indent", "indent(2, true)",
           "center(9)", "truncate(5)", "wordcount", "format(1, 'a')", "striptags", "urlencode", "groupby('k') | list", "sort(attribute='v')", "sort(reverse=true)", "attr('k')", "filesizeformat",
           "int(default=7)", "float(0.5)", "join('|', attribute='k')", "sum(attribute='v')", "xmlattr", "tojson(sort_keys=true)", "dictsort(by='value')", "first | string", "last | list"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable", "callable", "odd", "even", "true", "false", "lower", "upper",
         "divisibleby(2)", "eq(1)", "gt(1)", "in([1, 'a'])", "in('abc')", "sameas(none)", "ne('a')", "escaped"]
METHODS = ["upper()", "lower()", "strip()", "lstrip()", "rstrip('l')", "split()", "split(',')", "split('\\n')", "splitlines()", "startswith('H')", "endswith('d')", "replace('l', 'L')", "title()", "find('o')",
           "count('a')", "keys() | list", "values() | list", "items() | list", "get('a')", "get('z', 1)", "index(1)", "join(words)", "isdigit()", "isalpha()", "capitalize()", "zfill(5)", "format(1)",
           "partition(' ')", "removeprefix('He')", "casefold()", "swapcase()", "copy()", "rsplit(' ', 1)", "center(8, '*')", "ljust(4)", "expandtabs()", "rfind('l')", "isupper()", "split('l', 1)[0]"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">", "<=", ">=", "and", "or", "in", "not in"]
SUBSCRIPTS = ["[0]", "[-1]", "['a']", "[n]", ".a", ".k", ".role", ".0", "['role']", ".content", "[none]", "[true]"]
# Of constants Jinja2 works slices out when it compiles, by other rules than when it runs: here are only variables.
SLICES = ["[1:]", "[:2]", "[::-1]", "[-2:]", "[1:2]"]


def expression(rng, depth=0):
    kind = rng.randrange(12)
    if depth > 3 or kind < 3:
        return rng.choice(ATOMS) if rng.random() < 0.5 else rng.choice(NAMES)
    inner = lambda: expression(rng, depth + 1)
    if kind < 5:
        return "%s | %s" % (inner(), rng.choice(FILTERS))
    if kind == 5:
        return "%s is %s%s" % (inner(), rng.choice(("", "", "not ")), rng.choice(TESTS))
    if kind == 6:
        return "(%s).%s" % (inner(), rng.choice(METHODS))
    if kind == 7:
        return "(%s %s %s)" % (inner(), rng.choice(OPERATORS), inner())
    if kind == 8:
        return "%s %s %s" % (inner(), rng.choice(OPERATORS), inner())
    if kind == 9:
        return rng.choice(NAMES) + rng.choice(SLICES) if rng.random() < 0.3 else "(%s)%s" % (inner(), rng.choice(SUBSCRIPTS))
    if kind == 10:
        return "(%s if %s else %s)" % (inner(), inner(), inner()) if rng.random() < 0.7 else "(%s if %s)" % (inner(), inner())
    return rng.choice(["[%s, %s]", "(%s, %s)", "{'a': %s, 'k': %s}", "(not %s) ~ -%s", "dict(a=%s, b=%s)", "f(%s, %s)", "namespace(a=%s, b=%s).a"]) % (inner(), inner())


def block(rng, depth):
    dash = lambda: rng.choice(("", "", "", "-", "+"))
    open_, close = lambda: "{%" + dash(), lambda: rng.choice(("", "-")) + "%}"
    body = lambda: statements(rng, depth + 1)
    tag = lambda text: "%s %s %s" % (open_(), text, close())
    kind = rng.randrange(9)
    if kind == 0:
        return tag("if " + expression(rng, 2)) + body() + (tag("elif " + expression(rng, 2)) + body() if rng.random() < 0.3 else "") + (tag("else") + body() if rng.random() < 0.5 else "") + tag("endif")
    if kind in (1, 2):
        leave = tag("if loop.index > 2") + tag(rng.choice(("break", "continue"))) + tag("endif") if rng.random() < 0.3 else ""
        names = rng.choice(("i", "i", "i", "i, q"))
        test = " if " + expression(rng, 3) if rng.random() < 0.2 else ""
        over = expression(rng, 2)
        over = "q" if over == "loop" else over  # a loop over the loop itself, in pairs with it, is refused with a message
        return (tag("for %s in %s%s" % (names, over, test)) + leave + "{{ i }}" +
                rng.choice(("", "{{ loop.index }}", "{{ loop.last }}", "{{ loop.previtem }}", "{{ loop.cycle(1, 2) }}", "{{ loop.changed(i) }}")) + body() +
                (tag("else") + "none" if rng.random() < 0.3 else "") + tag("endfor"))
    if kind == 3:
        return tag("set q = " + expression(rng, 1)) + "{{ q }}"
    if kind == 4:
        return tag("set q" + rng.choice(("", " | upper", " | trim | length"))) + body() + tag("endset") + "[{{ q }}]"
    if kind == 5:
        return tag("macro f(i, q=%s)" % expression(rng, 3)) + "{{ i }}{{ q }}" + body() + tag("endmacro") + "{{ f(%s) }}" % expression(rng, 3)
    if kind == 6:
        return tag("set ns = namespace(a=%s)" % expression(rng, 3)) + tag("for i in [1, 2]") + tag("set ns.a = ns.a ~ i") + tag("endfor") + "{{ ns.a }}"
    if kind == 7:
        return tag(rng.choice(("filter upper", "filter trim", "filter indent", "generation"))).replace("\0", "") + body() + "\0"
    return tag("with i = %s" % expression(rng, 3)) + "{{ i }}" + body() + tag("endwith")


def statements(rng, depth=0):
    out = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(6)
        if kind == 0:
            out.append(rng.choice(("a", " ", "\n", "\n  ", "  b\n\n", "x \n", "\t")))
        elif kind < 4 or depth > 2:
            out.append("{{%s %s %s}}" % (rng.choice(("", "", "-")), expression(rng), rng.choice(("", "", "-"))))
        else:
            text = block(rng, depth)
            if text.endswith("\0"):
                end = "{% endgeneration %}" if " generation " in text.split("%}")[0] else "{% endfilter %}"
                text = text[:-1] + end
            out.append(text)
    return "".join(out)


def template(rng):
    return statements(rng)
