"""Random conversations: roles in any order, contents of any kind, tools, documents, and what templates ask for besides."""
import random_text

MARKS = ["</think>", "<think>", "<|im_start|>", "<|im_end|>", "[INST]", "[/INST]", "<<SYS>>", "<tool_call>", "</tool_call>", "{{ x }}", "{% if %}",
         "<b>&amp;</b>", "\"quoted\"", "it's", "\\n", "<|channel|>", "<|start_header_id|>", "/no_think", "<tool_response>", "```json\n{}\n```"]
ROLES = ["user", "user", "user", "assistant", "assistant", "system", "tool", "developer", "ipython", "observation", "function", "tool_response"]
TYPES = ["string", "integer", "number", "boolean", "array", "object", "null"]


def word(rng):
    return rng.choice(["location", "unit", "city", "q", "n", "x", "get_weather", "search", "a-b", "\u00e9t\u00e9", "value", "type", "items"])


def content(rng):
    kind = rng.randrange(5)
    if kind == 0:
        return random_text.text(rng, MARKS)[:400]
    if kind == 1:
        return rng.choice(["", " ", "\n", "  padded  ", "a\n\nb\n", "<think>\nhm\n</think>\n\nyes", "<think>a</think>b</think>c", "None", "0"])
    return " ".join(rng.choice(random_text.WORDS + MARKS) for _ in range(rng.randint(1, 8)))


def value(rng, depth=0):
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 6:
        return [content(rng)[:30], rng.randint(-10 ** rng.randint(0, 15), 10 ** 15), rng.choice([0.5, 1e-7, 1e22, -2.0, 3.14]), True, None, False][kind]
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {word(rng): value(rng, depth + 1) for _ in range(rng.randint(0, 3))}


def parts(rng):
    out = []
    for _ in range(rng.randint(0, 3)):
        kind = rng.choice(["text", "text", "text", "image", "image_url", "video", "audio"])
        out.append({"type": kind, **({"text": content(rng)} if kind == "text" else {rng.choice(["url", "image", kind]): "http://a/b.png"})})
    return out


def call(rng):
    arguments = {word(rng): value(rng) for _ in range(rng.randint(0, 3))}
    if rng.random() < 0.2:
        arguments = rng.choice(["{\"x\": 1}", "", "not json"])
    function = {"name": word(rng), "arguments": arguments}
    wrapped = {"type": "function", "function": function} if rng.random() < 0.8 else function
    if rng.random() < 0.6:
        wrapped["id"] = rng.choice(["abcdefghi", "123456789", "call_1", "x"])
    return wrapped


def message(rng, role):
    out = {"role": role}
    if rng.random() < 0.97:
        out["content"] = parts(rng) if rng.random() < 0.12 else None if rng.random() < 0.06 else value(rng) if rng.random() < 0.03 else content(rng)
    if role == "assistant" and rng.random() < 0.3:
        out["tool_calls"] = [call(rng) for _ in range(rng.choice((0, 1, 1, 2)))]
    if role == "assistant" and rng.random() < 0.2:
        out[rng.choice(["reasoning_content", "thinking", "reasoning", "prefix", "tool_plan"])] = rng.choice([content(rng), None, True])
    if role in ("tool", "function", "ipython", "tool_response"):
        out.update({k: v for k, v in (("name", word(rng)), ("tool_call_id", rng.choice(["abcdefghi", "call_1"]))) if rng.random() < 0.7})
        if rng.random() < 0.3:
            out["content"] = value(rng)
    return out


def schema(rng, depth=0):
    kind = rng.choice(TYPES)
    out = {"type": kind if rng.random() < 0.85 else rng.sample(TYPES, 2)}
    if rng.random() < 0.6:
        out["description"] = content(rng)[:60]
    if kind == "object" and depth < 3:
        names = [word(rng) for _ in range(rng.randint(0, 3))]
        out["properties"] = {n: schema(rng, depth + 1) for n in names}
        out["required"] = names[:rng.randint(0, len(names))]
    if kind == "array" and depth < 3:
        out["items"] = schema(rng, depth + 1)
    if rng.random() < 0.15:
        out["enum"] = [value(rng, 3) for _ in range(rng.randint(1, 3))]
    for key, chance in (("nullable", 0.05), ("default", 0.1), ("format", 0.05)):
        if rng.random() < chance:
            out[key] = value(rng, 3)
    if rng.random() < 0.05:
        out["oneOf"] = [schema(rng, depth + 2) for _ in range(2)]
    return out


def tool(rng):
    names = [word(rng) for _ in range(rng.randint(0, 4))]
    function = {"name": word(rng), "description": content(rng)[:80],
                "parameters": {"type": "object", "properties": {n: schema(rng) for n in names}, "required": names[:rng.randint(0, len(names))]}}
    if rng.random() < 0.1:
        function["return"] = schema(rng)
    if rng.random() < 0.1:
        del function[rng.choice(["description", "parameters"])]
    return {"type": "function", "function": function} if rng.random() < 0.9 else function


def roles(rng):
    """Mostly an order that templates accept."""
    if rng.random() < 0.2:
        return [rng.choice(ROLES) for _ in range(rng.randint(0, 6))]
    out = ["system"] if rng.random() < 0.5 else []
    for _ in range(rng.randint(1, 4)):
        out += ["user", "assistant"]
        if rng.random() < 0.25:
            out += [rng.choice(["tool", "tool", "ipython", "function"]), "assistant"]
    return out[:-1] if rng.random() < 0.7 else out


def conversation(rng, source):
    out = {"messages": [message(rng, r) for r in roles(rng)], "add_generation_prompt": rng.random() < 0.7, "bos_token": "<s>", "eos_token": "</s>"}
    if rng.random() < 0.35:
        out["tools"] = [tool(rng) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.1:
        out["documents"] = [{"title": content(rng)[:20], rng.choice(["text", "contents"]): content(rng)} for _ in range(rng.randint(0, 2))]
    options = {"enable_thinking": [True, False], "thinking": [True, False], "reasoning_effort": ["low", "high"], "builtin_tools": [["python", "browser"], []],
               "tools_in_user_message": [True, False], "date_string": ["1 Jan 2025"], "model_identity": ["You are X."], "xml_tools": [[]],
               "custom_tools": [[{"name": "f"}], []], "python_tools": [[]], "available_tools": [[]], "controls": [{"length": "short"}], "add_vision_id": [True],
               "keep_past_thinking": [True], "clear_thinking": [False], "system_message": ["S"], "continue_final_message": [True], "citations": [True]}
    for key, choices in options.items():
        if key in source and rng.random() < 0.3:
            out[key] = rng.choice(choices)
    return out
