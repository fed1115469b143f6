// Assertions that stay on in production. A broken invariant in a program that says where stolen
// money is must stop it, never let it go on and be wrong. DP_INVARIANT names the invariant of
// docs/INVARIANTS.md that would be broken.
#ifndef DP_BASE_CHECK_H
#define DP_BASE_CHECK_H

__attribute__((noreturn, cold)) void dp_check_failed(const char *file, int line, const char *what);

#define DP_CHECK(cond)                                                                             \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0)) dp_check_failed(__FILE__, __LINE__, #cond);      \
	} while (0)

#define DP_INVARIANT(id, cond)                                                                     \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			dp_check_failed(__FILE__, __LINE__, id ": " #cond);                        \
	} while (0)

#endif
