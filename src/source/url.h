// URLs of nodes: cut into parts, and what may be shown of them. Only http and https; RFC 3986,
// stricter where leniency would guess: what is odd is refused, because a wrong guess here sends a
// password to the wrong host or into a message. (dp_url_is and dp_url_show stand in source.h.)
#ifndef DP_SOURCE_URL_H
#define DP_SOURCE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

// All point into the URL that was split.
typedef struct dp_url {
	bool is_https, has_port;
	uint32_t port;    // the scheme's own where none is written
	const char *host; // an IPv6 address with its brackets
	size_t host_size;
	const char *login; // "user:password", percent-encoded; NULL when there is none
	size_t login_size;
	const char *rest; // path and query, without the fragment; may be empty
	size_t rest_size;
} dp_url;

enum { DP_URL_MAX = 8192 }; // bytes of a URL

// DP_BAD_CASE when it is no URL that can be used; the fault holds no part of it.
DP_MUST dp_code dp_url_split(dp_url *ret_url, const char *text, dp_fault *fault);
// Same scheme, host and port: what one may be sent the other may be sent, too.
bool dp_url_same_place(const dp_url *a, const dp_url *b);
// The URL again without login and fragment, and the login with its %xx decoded; for dp_free.
DP_MUST dp_code dp_url_without_login(char **ret_text, const dp_url *url, dp_fault *fault);
DP_MUST dp_code dp_url_login(char **ret_login, const dp_url *url, dp_fault *fault);
DP_MUST dp_code dp_url_name(char **ret_name, const dp_url *url, dp_fault *fault); // "host:port"

#endif
