/* The table of families, made of the list in families.h. */
#include "model/families/families.h"

#define FAMILY_ADDRESS(name) &family_##name,
const struct family *const families[] = {FAMILIES(FAMILY_ADDRESS) NULL};
