/* Arithmetic, on numbers and on sequences. */
#include "text/jinja/html.h"
#include "text/jinja/run.h"

#include <math.h>

static const char *const signs[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

static bool unsupported(struct jinja_run *r, enum binary_op op, struct value a, struct value b)
{
    return jinja_fail(r, "TypeError: unsupported operand type(s) for %s: '%s' and '%s'", signs[op], value_type(a),
                      value_type(b));
}

static bool overflow(struct jinja_run *r)
{
    return jinja_fail(r, "OverflowError: an integer does not fit in 64 bits");
}

static bool zero_division(struct jinja_run *r)
{
    return jinja_fail(r, "ZeroDivisionError: division by zero");
}

/* ---- Numbers --------------------------------------------------------------------------------------- */

/* By repeated squaring. */
static bool int_power(struct jinja_run *r, int64_t base, int64_t exponent, struct value *out)
{
    int64_t result = 1;
    if (exponent < 0 && base == 0)
        return zero_division(r);
    if (exponent < 0) {
        *out = value_float(pow((double)base, (double)exponent));
        return true;
    }
    for (; exponent; exponent >>= 1) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            return overflow(r);
        if (exponent > 1 && __builtin_mul_overflow(base, base, &base))
            return overflow(r);
    }
    *out = value_int(result);
    return true;
}

static bool int_divide(struct jinja_run *r, enum binary_op op, int64_t a, int64_t b, struct value *out)
{
    if (b == 0)
        return zero_division(r);
    if (op == OP_DIV) {
        *out = value_float((double)a / (double)b);
        return true;
    }
    if (b == -1) { /* the one division that can overflow */
        if (op == OP_FLOORDIV && a == INT64_MIN)
            return overflow(r);
        *out = value_int(op == OP_MOD ? 0 : -a);
        return true;
    }
    int64_t quotient = a / b, rest = a % b;
    if (rest && (rest < 0) != (b < 0)) { /* towards minus infinity */
        quotient--;
        rest += b;
    }
    *out = value_int(op == OP_MOD ? rest : quotient);
    return true;
}

static bool int_op(struct jinja_run *r, enum binary_op op, int64_t a, int64_t b, struct value *out)
{
    int64_t result;
    bool over;
    switch (op) {
    case OP_ADD: over = __builtin_add_overflow(a, b, &result); break;
    case OP_SUB: over = __builtin_sub_overflow(a, b, &result); break;
    case OP_MUL: over = __builtin_mul_overflow(a, b, &result); break;
    case OP_POW: return int_power(r, a, b, out);
    default: return int_divide(r, op, a, b, out);
    }
    if (over)
        return overflow(r);
    *out = value_int(result);
    return true;
}

/* Python's floor division and remainder, which has the sign of the divisor. */
static void float_divmod(double a, double b, double *quotient, double *rest)
{
    *rest = fmod(a, b);
    double exact = (a - *rest) / b;
    if (*rest != 0 && (b < 0) != (*rest < 0)) {
        *rest += b;
        exact -= 1;
    } else if (*rest == 0) {
        *rest = copysign(0, b);
    }
    if (exact == 0) {
        *quotient = copysign(0, a / b);
        return;
    }
    *quotient = floor(exact);
    if (exact - *quotient > 0.5)
        *quotient += 1;
}

static bool float_power(struct jinja_run *r, double a, double b, struct value *out)
{
    if (a == 0 && b < 0)
        return jinja_fail(r, "ZeroDivisionError: 0.0 cannot be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
        return jinja_fail(r, "TypeError: a complex number is not a value here");
    double result = pow(a, b);
    if (isinf(result) && isfinite(a) && isfinite(b))
        return jinja_fail(r, "OverflowError: (34, 'Numerical result out of range')");
    *out = value_float(result);
    return true;
}

static bool float_op(struct jinja_run *r, enum binary_op op, double a, double b, struct value *out)
{
    double quotient, rest;
    switch (op) {
    case OP_ADD: *out = value_float(a + b); return true;
    case OP_SUB: *out = value_float(a - b); return true;
    case OP_MUL: *out = value_float(a * b); return true;
    case OP_POW: return float_power(r, a, b, out);
    default: break;
    }
    if (b == 0)
        return zero_division(r);
    float_divmod(a, b, &quotient, &rest);
    *out = value_float(op == OP_DIV ? a / b : op == OP_MOD ? rest : quotient);
    return true;
}

/* ---- Sequences ----------------------------------------------------------------------------------------- */

static bool add_str(struct jinja_run *r, struct value a, struct value b, struct value *out)
{
    if (a.kind == V_STR && b.kind != V_STR)
        return jinja_fail(r, "TypeError: can only concatenate str (not \"%s\") to str", value_type(b));
    if (a.kind != V_STR)
        return unsupported(r, OP_ADD, a, b);
    if (!a.str->markup && !b.str->markup)
        return value_concat(r, a.str, b.str, out);
    if (!html_escape(r, a, &a) || !html_escape(r, b, &b) || !value_concat(r, a.str, b.str, out))
        return false;
    out->str->markup = true;
    return true;
}

static bool add_lists(struct jinja_run *r, struct value a, struct value b, struct value *out)
{
    struct list *l = list_new(r, a.list->n + b.list->n);
    for (size_t i = 0; l && i < a.list->n; i++)
        if (!list_add(r, l, a.list->at[i]))
            return false;
    for (size_t i = 0; l && i < b.list->n; i++)
        if (!list_add(r, l, b.list->at[i]))
            return false;
    *out = a.kind == V_TUPLE ? value_of_tuple(l) : value_of_list(l);
    return l != NULL;
}

static bool repeat_str(struct jinja_run *r, const struct str *s, int64_t times, struct value *out)
{
    size_t n, count = times > 0 ? (size_t)times : 0;
    if (!mem_mul(s->n, count, &n))
        n = SIZE_MAX / 2;
    char *text = run_alloc(r, n + 1, 1);
    if (!text || !run_tick(r, n / 64))
        return false;
    for (size_t i = 0; n && i < count; i++)
        for (size_t k = 0; k < s->n; k++)
            text[i * s->n + k] = s->at[k];
    if (!value_str_view(r, text, n, out))
        return false;
    out->str->markup = s->markup;
    return true;
}

static bool repeat_list(struct jinja_run *r, struct value v, int64_t times, struct value *out)
{
    size_t n = 0;
    if (times > 0 && !mem_mul(v.list->n, (size_t)times, &n))
        n = SIZE_MAX / 64;
    struct list *l = list_new(r, n);
    for (int64_t i = 0; l && v.list->n && i < times; i++)
        for (size_t k = 0; k < v.list->n; k++)
            if (!list_add(r, l, v.list->at[k]))
                return false;
    *out = v.kind == V_TUPLE ? value_of_tuple(l) : value_of_list(l);
    return l != NULL;
}

static bool repeat(struct jinja_run *r, struct value a, struct value b, struct value *out)
{
    struct value sequence = a.kind == V_STR || value_is_sequence(a) ? a : b, times = sequence.kind == a.kind ? b : a;
    if (value_is_int(a))
        sequence = b, times = a;
    if (!value_is_int(times))
        return jinja_fail(r, "TypeError: can't multiply sequence by non-int of type '%s'", value_type(times));
    if (sequence.kind == V_STR)
        return repeat_str(r, sequence.str, value_as_int(times), out);
    return repeat_list(r, sequence, value_as_int(times), out);
}

static bool is_repeatable(struct value v)
{
    return v.kind == V_STR || value_is_sequence(v);
}

bool op_binary(struct jinja_run *r, enum binary_op op, struct value a, struct value b, struct value *out)
{
    if (op == OP_MOD && a.kind == V_STR)
        return str_percent(r, a.str, b, out);
    if (a.kind == V_UNDEFINED || b.kind == V_UNDEFINED)
        return undefined_fail(r, a.kind == V_UNDEFINED ? a : b);
    if (value_is_int(a) && value_is_int(b))
        return int_op(r, op, value_as_int(a), value_as_int(b), out);
    if (value_is_number(a) && value_is_number(b))
        return float_op(r, op, value_as_float(a), value_as_float(b), out);
    if (op == OP_ADD && value_is_sequence(a) && a.kind == b.kind)
        return add_lists(r, a, b, out);
    if (op == OP_ADD && a.kind == V_STR)
        return add_str(r, a, b, out);
    if (op == OP_MUL && (is_repeatable(a) || is_repeatable(b)))
        return repeat(r, a, b, out);
    return unsupported(r, op, a, b);
}

bool op_unary(struct jinja_run *r, enum node_type op, struct value a, struct value *out)
{
    if (a.kind == V_UNDEFINED)
        return undefined_fail(r, a);
    if (!value_is_number(a))
        return jinja_fail(r, "TypeError: bad operand type for unary %c: '%s'", op == NODE_NEG ? '-' : '+',
                          value_type(a));
    if (a.kind == V_FLOAT) {
        *out = value_float(op == NODE_NEG ? -a.real : a.real);
        return true;
    }
    int64_t i = value_as_int(a);
    if (op == NODE_NEG && i == INT64_MIN)
        return overflow(r);
    *out = value_int(op == NODE_NEG ? -i : i);
    return true;
}
