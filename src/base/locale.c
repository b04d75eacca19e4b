#include "base/locale.h"

#include <pthread.h>

static locale_t c_locale; /* lives as long as the program; 0, which changes nothing, where there was no memory for it */

static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

locale_t locale_enter_c(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return uselocale(c_locale);
}

void locale_leave(locale_t before)
{
    uselocale(before);
}
