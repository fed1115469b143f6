// Splitting chain-agnostic names, see caip.h.
//
// Source: ChainAgnostic/CAIPs, CAIP-2, CAIP-10 and CAIP-19, whose grammars are regular expressions
// over ASCII. They need no engine: every part is a run of one class of characters with a least and
// a greatest length, and what separates parts is in no class.
#include "codec/caip.h"

#include "base/check.h"

// The three character classes of the grammars, as bits.
enum { CLASS_SPACE = 1, CLASS_REFERENCE = 2, CLASS_ACCOUNT = 4 };

static unsigned classes_of(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')
		return CLASS_SPACE | CLASS_REFERENCE | CLASS_ACCOUNT;
	if (c >= 'A' && c <= 'Z') return CLASS_REFERENCE | CLASS_ACCOUNT;
	if (c == '_') return CLASS_REFERENCE;
	if (c == '.' || c == '%') return CLASS_ACCOUNT;
	return 0;
}

// Takes the longest run of `class` from *at; false when it is shorter or longer than allowed.
static bool take(dp_caip_part *ret, const char *text, size_t n, size_t *at, unsigned class,
                 size_t size_min, size_t size_max)
{
	DP_CHECK(*at <= n);
	size_t size = 0;
	while (*at + size < n && (classes_of(text[*at + size]) & class) != 0) size++;
	if (size < size_min || size > size_max) return false;
	ret->text = text + *at;
	ret->size = size;
	*at += size;
	return true;
}

static bool take_char(const char *text, size_t n, size_t *at, char c)
{
	if (*at >= n || text[*at] != c) return false;
	(*at)++;
	return true;
}

static bool take_chain(dp_caip *name, const char *text, size_t n, size_t *at)
{
	size_t begin = *at;
	if (!take(&name->space, text, n, at, CLASS_SPACE, 3, 8)) return false;
	if (!take_char(text, n, at, ':')) return false;
	if (!take(&name->reference, text, n, at, CLASS_REFERENCE, 1, 32)) return false;
	name->chain.text = text + begin;
	name->chain.size = *at - begin;
	return true;
}

bool dp_caip2_split(dp_caip *ret_name, const char *text, size_t n)
{
	DP_CHECK(ret_name != NULL);
	DP_CHECK(text != NULL || n == 0);
	dp_caip name = {0};
	size_t at = 0;
	if (!take_chain(&name, text, n, &at) || at != n) return false;
	*ret_name = name;
	return true;
}

bool dp_caip10_split(dp_caip *ret_name, const char *text, size_t n)
{
	DP_CHECK(ret_name != NULL);
	DP_CHECK(text != NULL || n == 0);
	dp_caip name = {0};
	size_t at = 0;
	if (!take_chain(&name, text, n, &at) || !take_char(text, n, &at, ':')) return false;
	if (!take(&name.account, text, n, &at, CLASS_ACCOUNT, 1, 128) || at != n) return false;
	*ret_name = name;
	return true;
}

bool dp_caip19_split(dp_caip *ret_name, const char *text, size_t n)
{
	DP_CHECK(ret_name != NULL);
	DP_CHECK(text != NULL || n == 0);
	dp_caip name = {0};
	size_t at = 0;
	if (!take_chain(&name, text, n, &at) || !take_char(text, n, &at, '/')) return false;
	if (!take(&name.asset_space, text, n, &at, CLASS_SPACE, 3, 8)) return false;
	if (!take_char(text, n, &at, ':')) return false;
	if (!take(&name.asset_reference, text, n, &at, CLASS_ACCOUNT, 1, 128)) return false;
	if (at != n) {
		if (!take_char(text, n, &at, '/')) return false;
		if (!take(&name.token, text, n, &at, CLASS_ACCOUNT, 1, 78) || at != n) return false;
	}
	*ret_name = name;
	return true;
}
