"""Jinja2 as transformers sets it up for chat templates; what our interpreter is compared with.

The sandbox whose values cannot be changed, trim_blocks and lstrip_blocks, break and continue, a tojson that leaves HTML and
Unicode alone, raise_exception, strftime_now, and the generation tag. The clock stands still.
"""
import datetime
import json

import jinja2
import jinja2.ext
import jinja2.sandbox

NOW = datetime.datetime(2025, 7, 26, 12, 34, 56)
NOW_TEXT = "2025-07-26T12:34:56"


class Generation(jinja2.ext.Extension):
    """{% generation %}..{% endgeneration %}: what the model is to write; here, its text."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


ENVIRONMENT = environment()
_compiled = {}


def render(source, variables):
    """{"text": ..}, or {"error": .., "line": of a syntax error} with Python's class of the error."""
    try:
        if source not in _compiled:
            _compiled[source] = ENVIRONMENT.from_string(source)
        return {"text": _compiled[source].render(**variables)}
    except jinja2.exceptions.TemplateSyntaxError as e:
        return {"error": "%s: %s" % (type(e).__name__, e.message), "line": e.lineno}
    except RecursionError:
        return {"error": "RecursionError"}
    except Exception as e:
        return {"error": "%s: %s" % (type(e).__name__, e)}
