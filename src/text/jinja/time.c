#include "text/jinja/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

struct civil_time civil_now(void)
{
    struct timespec now = {0};
    struct tm tm = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    return (struct civil_time){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                               tm.tm_hour,        tm.tm_min,     tm.tm_sec < 60 ? tm.tm_sec : 59,
                               (int)(now.tv_nsec / 1000)};
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Exactly `width` digits. */
static bool take_number(const char **at, const char *end, int width, int *out)
{
    int value = 0;
    if (end - *at < width)
        return false;
    for (int i = 0; i < width; i++, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        value = value * 10 + (**at - '0');
    }
    *out = value;
    return true;
}

static bool take_char(const char **at, const char *end, const char *any_of)
{
    return *at < end && **at && strchr(any_of, **at) && ++*at;
}

bool civil_parse(struct civil_time *out, const char *at, size_t n)
{
    struct civil_time t = {0};
    const char *end = at + n;
    if (!take_number(&at, end, 4, &t.year) || !take_char(&at, end, "-") || !take_number(&at, end, 2, &t.month) ||
        !take_char(&at, end, "-") || !take_number(&at, end, 2, &t.day))
        return false;
    if (at < end && (!take_char(&at, end, "T ") || !take_number(&at, end, 2, &t.hour) || !take_char(&at, end, ":") ||
                     !take_number(&at, end, 2, &t.minute) || !take_char(&at, end, ":") ||
                     !take_number(&at, end, 2, &t.second) || at != end))
        return false;
    if (t.year < 1 || t.month < 1 || t.month > 12 || t.day < 1 || t.day > days_in(t.year, t.month) || t.hour > 23 ||
        t.minute > 59 || t.second > 59)
        return false;
    *out = t;
    return true;
}

static int year_day(const struct civil_time *t) /* from 0 */
{
    int day = t->day - 1;
    for (int month = 1; month < t->month; month++)
        day += days_in(t->year, month);
    return day;
}

/* Days since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms"). */
static long days_from_epoch(const struct civil_time *t)
{
    long y = t->year - (t->month <= 2), era = y / 400, yoe = y - era * 400;
    long doy = (153 * (t->month + (t->month > 2 ? -3 : 9)) + 2) / 5 + t->day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int weekday(const struct civil_time *t) /* 0: Sunday */
{
    return (int)((days_from_epoch(t) % 7 + 11) % 7);
}

/* ISO 8601: week 1 has the year's first Thursday. */
static int iso_week(const struct civil_time *t, int *year)
{
    int monday_first = (weekday(t) + 6) % 7, week = (year_day(t) - monday_first + 10) / 7;
    *year = t->year;
    if (week < 1) {
        struct civil_time last = {.year = t->year - 1, .month = 12, .day = 31};
        return iso_week(&last, year);
    }
    int days = is_leap(t->year) ? 366 : 365;
    if (week == 53 && year_day(t) - monday_first + 3 >= days) {
        *year = t->year + 1;
        return 1;
    }
    return week;
}

/* Numbers: value, width, padding. */
static bool number_directive(const struct civil_time *t, char c, long *value, int *width, char *pad)
{
    int hour12 = t->hour % 12 ? t->hour % 12 : 12, iso_year, week = iso_week(t, &iso_year), day = weekday(t);
    *width = 2;
    *pad = '0';
    switch (c) {
    case 'd': *value = t->day; return true;
    case 'e': *value = t->day; *pad = ' '; return true;
    case 'm': *value = t->month; return true;
    case 'y': *value = t->year % 100; return true;
    case 'C': *value = t->year / 100; return true;
    case 'g': *value = iso_year % 100; return true;
    case 'H': *value = t->hour; return true;
    case 'k': *value = t->hour; *pad = ' '; return true;
    case 'I': *value = hour12; return true;
    case 'l': *value = hour12; *pad = ' '; return true;
    case 'M': *value = t->minute; return true;
    case 'S': *value = t->second; return true;
    case 'U': *value = (year_day(t) + 7 - day) / 7; return true;
    case 'W': *value = (year_day(t) + 7 - (day + 6) % 7) / 7; return true;
    case 'V': *value = week; return true;
    case 'j': *value = year_day(t) + 1; *width = 3; return true;
    case 'f': *value = t->microsecond; *width = 6; return true;
    case 'Y': *value = t->year; *width = 1; return true;
    case 'G': *value = iso_year; *width = 1; return true;
    case 'u': *value = day ? day : 7; *width = 1; return true;
    case 'w': *value = day; *width = 1; return true;
    case 's': *value = days_from_epoch(t) * 86400 + t->hour * 3600 + t->minute * 60 + t->second; *width = 1; return true;
    default: return false;
    }
}

static const char *text_directive(const struct civil_time *t, char c, size_t *n)
{
    const char *text = NULL;
    switch (c) {
    case 'a':
    case 'A': text = weekdays[weekday(t)]; break;
    case 'b':
    case 'h':
    case 'B': text = months[t->month - 1]; break;
    case 'p': text = t->hour < 12 ? "AM" : "PM"; break;
    case 'P': text = t->hour < 12 ? "am" : "pm"; break;
    case 'n': text = "\n"; break;
    case 't': text = "\t"; break;
    case '%': text = "%"; break;
    case 'z':
    case 'Z': text = ""; break; /* a time without a zone */
    default: return NULL;
    }
    *n = c == 'a' || c == 'b' || c == 'h' ? 3 : strlen(text);
    return text;
}

static const char *composite_directive(char c)
{
    switch (c) {
    case 'c': return "%a %b %e %H:%M:%S %Y";
    case 'x':
    case 'D': return "%m/%d/%y";
    case 'X':
    case 'T': return "%H:%M:%S";
    case 'F': return "%Y-%m-%d";
    case 'R': return "%H:%M";
    case 'r': return "%I:%M:%S %p";
    default: return NULL;
    }
}

/* `flag`: '-' no padding, '_' spaces, '0' zeros, '^' upper case, 0 none. */
static bool put_directive(struct buf *text, const struct civil_time *t, char c, char flag, bool *known)
{
    long value;
    int width;
    char pad;
    size_t n = 0;
    *known = true;
    if (number_directive(t, c, &value, &width, &pad)) {
        if (flag == '-')
            width = 1;
        bool zeros = flag == '0' || (pad == '0' && flag != '_');
        return zeros ? buf_printf(text, "%0*ld", width, value) : buf_printf(text, "%*ld", width, value);
    }
    const char *words = text_directive(t, c, &n), *composite = composite_directive(c);
    if (composite)
        return civil_format(text, t, composite, strlen(composite));
    *known = words != NULL;
    for (size_t i = 0; words && i < n; i++) {
        char letter = flag == '^' && words[i] >= 'a' && words[i] <= 'z' ? (char)(words[i] - 32) : words[i];
        if (!buf_add(text, &letter, 1))
            return false;
    }
    return true;
}

bool civil_format(struct buf *text, const struct civil_time *t, const char *format, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t begin = i++;
        bool known = false;
        if (format[begin] == '%' && i < n) {
            char flag = strchr("-_0^", format[i]) && format[i] && i + 1 < n ? format[i++] : 0;
            if (!put_directive(text, t, format[i++], flag, &known))
                return false;
        }
        if (!known && !buf_add(text, format + begin, i - begin))
            return false;
    }
    return true;
}
