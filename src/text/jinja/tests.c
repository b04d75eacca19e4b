/* Tests: what follows `is`. */
#include "text/jinja/run.h"
#include "text/jinja/text.h"

static bool give_bool(struct value *out, bool b)
{
    return give(out, value_bool(b));
}

static bool remainder_is(struct jinja_run *r, const struct bound *b, struct value divisor, int64_t wanted,
                         struct value *out)
{
    struct value rest;
    bool same;
    if (!op_binary(r, OP_MOD, b->self, divisor, &rest) || !value_equal(r, rest, value_int(wanted), &same))
        return false;
    return give_bool(out, same);
}

static bool test_odd(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return remainder_is(r, b, value_int(2), 1, out);
}

static bool test_even(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return remainder_is(r, b, value_int(2), 0, out);
}

static bool test_divisibleby(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return remainder_is(r, b, b->arg[0], 0, out);
}

static bool test_defined(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind != V_UNDEFINED);
}

static bool test_undefined(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_UNDEFINED);
}

/* Whether there is a filter (or test) of that name; names are looked up as dict keys, so lists are an error. */
static bool test_filter(struct jinja_run *r, const struct bound *b, struct value *out)
{
    uint64_t hash;
    const struct str *name = b->self.kind == V_STR ? b->self.str : NULL;
    return value_hash(r, b->self, &hash) && give_bool(out, name && jinja_filter(name->at, name->n));
}

static bool test_test(struct jinja_run *r, const struct bound *b, struct value *out)
{
    uint64_t hash;
    const struct str *name = b->self.kind == V_STR ? b->self.str : NULL;
    return value_hash(r, b->self, &hash) && give_bool(out, name && jinja_test(name->at, name->n));
}

static bool test_none(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_NONE);
}

static bool test_boolean(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_BOOL);
}

static bool test_true(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_BOOL && b->self.boolean);
}

static bool test_false(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_BOOL && !b->self.boolean);
}

static bool test_integer(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_INT);
}

static bool test_float(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_FLOAT);
}

static bool test_number(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, value_is_number(b->self));
}

static bool test_string(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_STR);
}

static bool test_mapping(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_DICT);
}

static bool test_iterable(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, value_is_iterable(b->self));
}

/* Has a length and items: also a dict, and undefined. */
static bool test_sequence(struct jinja_run *r, const struct bound *b, struct value *out)
{
    enum value_kind k = b->self.kind;
    (void)r;
    return give_bool(out, k == V_UNDEFINED || (k >= V_STR && k <= V_RANGE));
}

static bool test_callable(struct jinja_run *r, const struct bound *b, struct value *out)
{
    enum value_kind k = b->self.kind;
    (void)r;
    return give_bool(out, k == V_UNDEFINED || k == V_LOOP || k == V_MACRO || k == V_NATIVE || k == V_JOINER || k == V_BLOCK);
}

static bool test_sameas(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return run_tick(r, b->self.kind == V_STR ? b->self.str->n / 64 : 0) &&
           give_bool(out, value_identical(b->self, b->arg[0]));
}

static bool test_escaped(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give_bool(out, b->self.kind == V_STR && b->self.str->markup);
}

/* All letters have that case, and there is one. */
static bool has_case(struct jinja_run *r, struct value v, bool upper, struct value *out)
{
    bool any = false;
    if (!value_to_str(r, v, &v) || !run_tick(r, v.str->n / 8))
        return false;
    const char *at = v.str->at, *end = v.str->at + v.str->n;
    while (at < end) {
        uint32_t c = char_next(&at);
        bool is_upper = py_is_upper(c), is_lower = py_is_lower(c);
        if (py_is_title(c) || (upper ? is_lower : is_upper))
            return give_bool(out, false);
        any |= upper ? is_upper : is_lower;
    }
    return give_bool(out, any);
}

static bool test_lower(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return has_case(r, b->self, false, out);
}

static bool test_upper(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return has_case(r, b->self, true, out);
}

static bool test_in(struct jinja_run *r, const struct bound *b, struct value *out)
{
    bool in;
    return value_contains(r, b->arg[0], b->self, &in) && give_bool(out, in);
}

static bool test_eq(struct jinja_run *r, const struct bound *b, struct value *out)
{
    bool same;
    return value_equal(r, b->self, b->arg[0], &same) && give_bool(out, same);
}

static bool test_ne(struct jinja_run *r, const struct bound *b, struct value *out)
{
    bool same;
    return value_equal(r, b->self, b->arg[0], &same) && give_bool(out, !same);
}

static bool ordered(struct jinja_run *r, const struct bound *b, enum order op, struct value *out)
{
    bool holds;
    return value_order(r, b->self, b->arg[0], op, &holds) && give_bool(out, holds);
}

static bool test_lt(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return ordered(r, b, ORDER_LT, out);
}

static bool test_le(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return ordered(r, b, ORDER_LE, out);
}

static bool test_gt(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return ordered(r, b, ORDER_GT, out);
}

static bool test_ge(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return ordered(r, b, ORDER_GE, out);
}

const struct native jinja_tests[] = {
    {"odd", "", test_odd},
    {"even", "", test_even},
    {"divisibleby", "num", test_divisibleby},
    {"defined", "", test_defined},
    {"undefined", "", test_undefined},
    {"filter", "", test_filter},
    {"test", "", test_test},
    {"none", "", test_none},
    {"boolean", "", test_boolean},
    {"false", "", test_false},
    {"true", "", test_true},
    {"integer", "", test_integer},
    {"float", "", test_float},
    {"lower", "", test_lower},
    {"upper", "", test_upper},
    {"string", "", test_string},
    {"mapping", "", test_mapping},
    {"number", "", test_number},
    {"sequence", "", test_sequence},
    {"iterable", "", test_iterable},
    {"callable", "", test_callable},
    {"sameas", "other", test_sameas},
    {"escaped", "", test_escaped},
    {"in", "seq", test_in},
    {"==", "/b", test_eq},
    {"eq", "/b", test_eq},
    {"equalto", "/b", test_eq},
    {"!=", "/b", test_ne},
    {"ne", "/b", test_ne},
    {">", "/b", test_gt},
    {"gt", "/b", test_gt},
    {"greaterthan", "/b", test_gt},
    {"ge", "/b", test_ge},
    {">=", "/b", test_ge},
    {"<", "/b", test_lt},
    {"lt", "/b", test_lt},
    {"lessthan", "/b", test_lt},
    {"<=", "/b", test_le},
    {"le", "/b", test_le},
    {NULL, NULL, NULL},
};
