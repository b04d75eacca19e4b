/* Filters that make numbers, or text of numbers. */
#include "text/jinja/number.h"
#include "text/jinja/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static bool filter_abs(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct value v = b->self;
    if (!value_is_number(v))
        return jinja_fail(r, "TypeError: bad operand type for abs(): '%s'", value_type(v));
    if (v.kind == V_FLOAT) {
        *out = value_float(fabs(v.real));
        return true;
    }
    if (value_as_int(v) == INT64_MIN)
        return jinja_fail(r, "OverflowError: an integer does not fit in 64 bits");
    *out = value_int(llabs(value_as_int(v)));
    return true;
}

/* int("12"), or else int(float("1.5")); what is neither is `otherwise`. */
static bool int_of_text(struct jinja_run *r, const struct str *s, int64_t base, struct value otherwise, struct value *out)
{
    int64_t i;
    double f;
    bool valid;
    if (!run_tick(r, s->n / 8))
        return false;
    enum number_read read = number_parse_int(s->at, s->n, base, &i);
    if (read == NUMBER_TOO_LARGE)
        return jinja_fail(r, "OverflowError: an integer does not fit in 64 bits");
    *out = read == NUMBER_OK ? value_int(i) : otherwise;
    if (read == NUMBER_OK)
        return true;
    if (!number_parse_float(r, s, &f, &valid))
        return false;
    return !isfinite(f) || number_truncate(r, f, out);
}

/* What cannot be read as a number gives the default; undefined is an error. */
static bool filter_int(struct jinja_run *r, const struct bound *b, struct value *out)
{
    const struct value v = b->self, otherwise = bound_has(b, 0) ? b->arg[0] : value_int(0);
    int64_t base;
    if (v.kind == V_UNDEFINED)
        return undefined_fail(r, v);
    if (!bound_int(r, b, 1, 10, &base))
        return false;
    if (v.kind == V_STR)
        return int_of_text(r, v.str, base, otherwise, out);
    if (v.kind == V_FLOAT && !isnan(v.real))
        return number_truncate(r, v.real, out);
    *out = value_is_int(v) ? value_int(value_as_int(v)) : otherwise;
    return true;
}

static bool filter_float(struct jinja_run *r, const struct bound *b, struct value *out)
{
    double f = 0;
    bool valid = value_is_number(b->self);
    if (b->self.kind == V_UNDEFINED)
        return undefined_fail(r, b->self);
    if (valid)
        f = value_as_float(b->self);
    else if (b->self.kind == V_STR && !number_parse_float(r, b->self.str, &f, &valid))
        return false;
    *out = valid || !bound_has(b, 0) ? value_float(valid ? f : 0) : b->arg[0];
    return true;
}

static bool round_by_method(struct jinja_run *r, double f, int64_t precision, bool up, struct value *out)
{
    double scale = pow(10, (double)precision), scaled = f * scale;
    if (!isfinite(scaled))
        return jinja_fail(r, "OverflowError: cannot convert float infinity to integer");
    *out = value_float((up ? ceil(scaled) : floor(scaled)) / scale);
    return true;
}

static bool filter_round(struct jinja_run *r, const struct bound *b, struct value *out)
{
    int64_t precision;
    struct value v = b->self;
    const struct str *method = b->arg[1].kind == V_STR ? b->arg[1].str : NULL;
    bool up = method && str_equals(method, "ceil"), down = method && str_equals(method, "floor");
    if (bound_has(b, 1) && !up && !down && !(method && str_equals(method, "common")))
        return jinja_fail(r, "FilterArgumentError: method must be common, ceil or floor");
    if (v.kind == V_UNDEFINED && (up || down))
        return undefined_fail(r, v);
    if (!value_is_number(v))
        return jinja_fail(r, "TypeError: type %s doesn't define __round__ method", value_type(v));
    if (!bound_int(r, b, 0, 0, &precision))
        return false;
    return up || down ? round_by_method(r, value_as_float(v), precision, up, out)
                      : number_round(r, v, precision, out);
}

/* "13 kB", "4.1 MB"; binary: "13 KiB". */
static bool filter_filesizeformat(struct jinja_run *r, const struct bound *b, struct value *out)
{
    static const char letters[] = "kMGTPEZY";
    struct value number;
    size_t mark = r->scratch.n;
    bool binary = bound_flag(b, 0), valid = value_is_number(b->self), ok;
    double base = binary ? 1024 : 1000, unit, bytes = 0;
    if (b->self.kind == V_UNDEFINED)
        return undefined_fail(r, b->self);
    if (valid)
        bytes = value_as_float(b->self);
    else if (b->self.kind == V_STR && !number_parse_float(r, b->self.str, &bytes, &valid))
        return false;
    if (!valid)
        return jinja_fail(r, "ValueError: could not convert to float");
    if (bytes == 1)
        return value_text(r, "1 Byte", out);
    if (bytes < base) {
        ok = number_truncate(r, bytes, &number) && buf_printf(&r->scratch, "%" PRId64 " Bytes", number.integer);
        return (ok || jinja_no_memory(r)) && run_take(r, mark, out);
    }
    size_t i = 0;
    for (unit = base * base; i < 7 && !(bytes < unit); i++)
        unit *= base;
    ok = buf_printf(&r->scratch, "%.1f %c%sB", base * bytes / unit, binary && i == 0 ? 'K' : letters[i], binary ? "i" : "");
    return (ok || jinja_no_memory(r)) && run_take(r, mark, out);
}

const struct native jinja_number_filters[] = {
    {"abs", "", filter_abs},
    {"int", "default? base?", filter_int},
    {"float", "default?", filter_float},
    {"round", "precision? method?", filter_round},
    {"filesizeformat", "binary?", filter_filesizeformat},
    {NULL, NULL, NULL},
};
