/* Numbers in files and templates have a point, whatever the program's locale writes in its place. Between these two the calling
 * thread, and no other, is in the locale "C", so that strtod and printf are of our mind. */
#ifndef PARALLM_BASE_LOCALE_H
#define PARALLM_BASE_LOCALE_H

#if defined(__APPLE__)
#include <xlocale.h>
#endif
#include <locale.h>

/* Returns what locale_leave puts back. */
locale_t locale_enter_c(void);
void locale_leave(locale_t before);

#endif
