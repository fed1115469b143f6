// Proves that something ends the process by a failed check: it runs in a child whose last words are
// read. For assertions that stay on in production (check.h).
#ifndef T_DIE_H
#define T_DIE_H

#include <stdbool.h>

// True when `act` aborted and `words` stood in what it wrote to standard error.
bool t_dies(void (*act)(void), const char *words);

#endif
