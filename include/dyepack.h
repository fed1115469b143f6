/* dyepack.h: is this address clean? dyepack's screening, for other programs to build in.
 *
 * A screener is made once, from tag files (sanctions lists, TagPacks), casebooks (what `dyepack
 * trace` found out about thefts) and rules (risk.yaml). Then it is only read: any number of threads
 * may ask one screener at the same time, no call below dyepack_open allocates memory (the two
 * that say so excepted), and each answer is a fixed-size value that the caller owns.
 *
 *     dyepack_screener *s;
 *     char error[DYEPACK_ERROR_MAX];
 *     dyepack_options o = {0};
 *     o.size = sizeof o; o.tags = files; o.tag_count = n;
 *     if (dyepack_open(&s, &o, error, sizeof error) != DYEPACK_OK) ...
 *     dyepack_query q = {0};
 *     q.text = "0x098b716b8aaf21512996dc57eb0615e2383e2f96";
 *     dyepack_verdict v;
 *     if (dyepack_screen(s, &q, &v) == DYEPACK_OK && v.level >= DYEPACK_HIGH) ...
 *     dyepack_close(s);
 *
 * C99 and C++. Link with `pkg-config --libs dyepack`. How to use it: docs/how-to/embed.md.
 * Times are unix seconds, UTC. Texts are UTF-8. Nothing is printed, logged or read from the
 * environment. A later version may add fields behind the last one of dyepack_options, whose first
 * field says how many of them the caller knows, and flags; it does not change what is here.
 */
#ifndef DYEPACK_H
#define DYEPACK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DYEPACK_API __attribute__((visibility("default")))
#else
#define DYEPACK_API
#endif

/* What calls return. */
enum {
	DYEPACK_OK = 0,
	DYEPACK_BAD_ADDRESS = 1, /* the text is no address (a wrong checksum is told apart) */
	DYEPACK_BAD_CHECKSUM = 2,
	DYEPACK_BAD_INPUT = 3, /* a file or an option is wrong; the error text has its place */
	DYEPACK_NO_MEMORY = 4,
	DYEPACK_NOT_FOUND = 5 /* a file or ledger is not there */
};

/* How bad: the worst of the rules that matched. */
enum {
	DYEPACK_NONE = 0,
	DYEPACK_LOW = 1,
	DYEPACK_MEDIUM = 2,
	DYEPACK_HIGH = 3,
	DYEPACK_SEVERE = 4
};

/* Flags: what is known, whatever the rules make of it. */
enum {
	DYEPACK_SANCTIONED = 1 << 0,     /* on a sanctions list at the time that was asked about */
	DYEPACK_WAS_SANCTIONED = 1 << 1, /* was on one before, and was no longer */
	DYEPACK_LATER_SANCTIONED = 1 << 2, /* was not on one yet, as far as we know, and came on it */
	DYEPACK_THIEF = 1 << 3,         /* tagged as thief, scammer, extortioner or terrorist */
	DYEPACK_SERVICE = 1 << 4,       /* an exchange, a payment processor, a mixer, ... */
	DYEPACK_TAINTED_NOW = 1 << 5,   /* holds stolen money of a case */
	DYEPACK_TAINTED_EVER = 1 << 6,  /* held some at that time or before */
	DYEPACK_ARRIVAL = 1 << 7,       /* stolen money of a case arrived at it as a service */
	DYEPACK_LOOKALIKE = 1 << 8,     /* made to be taken for a known address */
	DYEPACK_INFERRED = 1 << 9,      /* some of it is inferred, not stated by anybody */
	DYEPACK_SAME_KEY = 1 << 10,     /* a tag speaks of this key's address on another chain */
	DYEPACK_TAGGED = 1 << 11        /* has tags at all */
};

/* How a query gives its address. The binary forms need no parsing: 20 or 32 bytes as they stand
 * in transactions and scripts. */
enum {
	DYEPACK_TEXT = 0,
	DYEPACK_EVM = 1,    /* 20 bytes */
	DYEPACK_P2PKH = 2,  /* 20 bytes: hash160 of the key */
	DYEPACK_P2SH = 3,   /* 20 bytes: hash160 of the script */
	DYEPACK_P2WPKH = 4, /* 20 bytes */
	DYEPACK_P2WSH = 5,  /* 32 bytes */
	DYEPACK_P2TR = 6    /* 32 bytes */
};

enum { DYEPACK_ERROR_MAX = 700 };

typedef struct dyepack_screener dyepack_screener;

typedef struct dyepack_options {
	size_t size; /* sizeof(dyepack_options) */
	/* Tag files of any kind that `dyepack tag import` reads, stores, folders. A bare list of
	 * addresses does not say what it is a list of, and makes nobody risky: import it first,
	 * with --category. */
	const char *const *tags;
	size_t tag_count;
	/* Casebooks. They are read, never written. */
	const char *const *casebooks;
	size_t casebook_count;
	const char *rules; /* a risk.yaml; NULL: the rules that ship with dyepack */
	int no_builtin;    /* leave out the tags that ship with dyepack */
	int no_lookalikes; /* do not compare with known addresses */
	int64_t now;       /* for tag files without a date; 0: the clock's */
} dyepack_options;

/* Zero-initialise, then set what is needed. */
typedef struct dyepack_query {
	const char *text; /* DYEPACK_TEXT: an address as people write it */
	size_t text_size; /* 0: up to its terminator */
	const void *bytes; /* the binary forms */
	uint16_t form;     /* DYEPACK_TEXT, DYEPACK_EVM, ... */
	uint16_t chain;    /* of dyepack_chain; 0: told by the form (0x..: Ethereum, bc1..: Bitcoin) */
	int64_t at;        /* judge as of this time; 0: by the latest that is known */
} dyepack_query;

typedef struct dyepack_verdict {
	int32_t code;   /* what dyepack_screen returned */
	uint8_t level;  /* DYEPACK_NONE .. DYEPACK_SEVERE */
	uint8_t confidence; /* of the tag that made the level, 0..100; 0: no tag did */
	uint16_t rule_count; /* rules that matched */
	uint32_t flags;
	uint32_t tag_count;  /* tags of this very address, and of its key on other chains */
	uint32_t case_count; /* cases whose money it held */
	uint16_t hops;       /* from the nearest theft; 0xffff: none */
	uint16_t chain;
	int64_t at; /* the query's; INT64_MAX: by the latest that is known */
	/* What the worst rule that matched speaks of, "" where there is none. The texts are the
	 * screener's and stay until dyepack_close. */
	const char *rule;  /* its id */
	const char *label; /* the tag's label, or the incident */
	const char *list;  /* the tag's list, or the policy of the casebook */
	/* The address itself, for dyepack_reasons. */
	uint8_t address[34];
	uint8_t reserved[6];
} dyepack_verdict;

/* Reads everything; takes memory. On failure *screener is untouched and `error` (may be NULL) says
 * in one line what is wrong, where, and what to do. */
DYEPACK_API int dyepack_open(dyepack_screener **screener, const dyepack_options *options,
                             char *error, size_t error_size);
DYEPACK_API void dyepack_close(dyepack_screener *screener); /* NULL is fine */

/* The number of a chain, for queries: "ethereum", "bitcoin", "eip155:56", "TRX". 0: unknown. */
DYEPACK_API uint16_t dyepack_chain(const char *name);

/* Judges one address. *verdict is always written; its code is what is returned. */
DYEPACK_API int dyepack_screen(const dyepack_screener *screener, const dyepack_query *query,
                               dyepack_verdict *verdict);
/* Judges many: faster, because memory is fetched ahead. Gives the number of those whose code is not
 * DYEPACK_OK. */
DYEPACK_API size_t dyepack_screen_many(const dyepack_screener *screener,
                                       const dyepack_query *queries, dyepack_verdict *verdicts,
                                       size_t count);

/* Why: one reason a line, the worst first, each with its source. Writes at most `size` bytes with
 * the terminator and gives the length that the whole has, as snprintf does. Takes memory while it
 * runs; -1: there was none. */
DYEPACK_API ptrdiff_t dyepack_reasons(const dyepack_screener *screener,
                                      const dyepack_verdict *verdict, char *out, size_t size);
/* The same as one JSON object on one line: docs/how-to/embed.md has its fields. */
DYEPACK_API ptrdiff_t dyepack_json(const dyepack_screener *screener,
                                   const dyepack_verdict *verdict, char *out, size_t size);

DYEPACK_API const char *dyepack_level_name(int level); /* "none", "low", ... */
DYEPACK_API const char *dyepack_version(void);

#ifdef __cplusplus
}
#endif

#endif
