// See spent.h.
//
// The JSON form is what Floresta's tests ship beside their blocks, the binary one what bcoin's
// tests do. Neither states a count or a checksum; what protects from a wrong companion is that its
// number of entries must fit the block and that every transaction must come out even.
#include "source/companion.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "codec/input.h"

enum { SCRIPT_SIZE_MAX = 1 << 20, PATH_SIZE_MAX = 4096 };
#define VALUE_MAX ((uint64_t)INT64_MAX) // amounts are serialised as signed numbers

static dp_code add(dp_companion *spent, uint64_t value, const uint8_t *script, size_t script_size,
                   dp_fault *fault)
{
	DP_CHECK(spent->count <= spent->cap);
	// Chains differ in how much there can be; settling knows the chain, and is stricter.
	if (value > VALUE_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "entry %llu: is worth more than there can be",
		               (unsigned long long)spent->count);
	DP_TRY(dp_grow((void **)&spent->coin, &spent->cap, sizeof *spent->coin, spent->count + 1,
	               DP_COMPANION_COUNT_MAX, fault));
	spent->coin[spent->count++] = (dp_spent_coin){
	    .value = value,
	    .from = spent->chain == NULL ? dp_addr_from_script(script, script_size)
	                                 : dp_addr_from_output(spent->chain, script, script_size),
	};
	return DP_OK;
}

dp_code dp_companion_parse_bcoin(dp_companion *spent, const uint8_t *bytes, size_t n,
                                 dp_fault *fault)
{
	DP_CHECK(spent != NULL && (bytes != NULL || n == 0));
	spent->count = 0;
	dp_bytes b = dp_bytes_of(bytes, n);
	while (b.at < n) {
		size_t at = b.at;
		uint64_t value = dp_bytes_u64le(&b);
		uint64_t size = dp_bytes_varint(&b);
		const uint8_t *script = b.failed ? NULL : dp_bytes_take(&b, (size_t)size);
		if (b.failed)
			return dp_fail_offset(fault, DP_BAD_BYTES, at,
			                      "entry %llu: runs past the end of the file",
			                      (unsigned long long)spent->count);
		DP_TRY(add(spent, value, script, (size_t)size, fault));
	}
	return DP_OK;
}

// One entry; the script goes through `buffer` of SCRIPT_SIZE_MAX bytes.
static dp_code parse_entry(dp_companion *spent, const dp_json *entry, uint8_t *buffer,
                           dp_fault *fault)
{
	const dp_json *out = dp_json_get(entry, "txout");
	if (out == NULL) out = entry;
	unsigned long long number = spent->count;
	uint64_t value;
	const dp_json *v = dp_json_get(out, "value");
	const dp_json *s = dp_json_get(out, "script_pubkey");
	const char *hex = s == NULL ? NULL : dp_json_text(s);
	if (v == NULL || !dp_json_u64(v, &value))
		return dp_fail(fault, DP_BAD_BYTES,
		               "entry %llu: `value` must be a whole number of satoshi", number);
	size_t n = hex == NULL ? 1 : strlen(hex);
	if (n % 2 != 0 || n / 2 > SCRIPT_SIZE_MAX || !dp_hex_decode(buffer, n / 2, hex))
		return dp_fail(fault, DP_BAD_BYTES,
		               "entry %llu: `script_pubkey` must be hexadecimal", number);
	return add(spent, value, buffer, n / 2, fault);
}

dp_code dp_companion_parse_json(dp_companion *spent, const char *text, size_t n, dp_fault *fault)
{
	DP_CHECK(spent != NULL && (text != NULL || n == 0));
	spent->count = 0;
	dp_json *doc;
	DP_TRY(dp_json_parse(&doc, text, n, fault));
	uint8_t *buffer = dp_alloc(SCRIPT_SIZE_MAX);
	dp_code code = DP_OK;
	if (buffer == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK && !dp_json_is_array(doc))
		code = dp_fail(fault, DP_BAD_BYTES, "must be a list of spent outputs");
	const dp_json *entry = code == DP_OK ? dp_json_first(doc) : NULL;
	for (; entry != NULL && code == DP_OK; entry = dp_json_next(entry))
		code = dp_json_is_object(entry)
		           ? parse_entry(spent, entry, buffer, fault)
		           : dp_fail(fault, DP_BAD_BYTES, "entry %llu: must be an object",
		                     (unsigned long long)spent->count);
	dp_free(buffer);
	dp_json_free(doc);
	return code;
}

//- finding it ------------------------------------------------------------------------------------

static const struct companion {
	const char *suffix;
	bool is_json;
} companions[] = {
    {".spent.json", true},
    {".spent.json.zst", true},
    {".undo.bcoin", false},
};

static dp_code load_from(dp_companion *spent, const char *path, bool is_json, dp_fault *fault)
{
	dp_input *in;
	uint8_t *bytes = NULL;
	size_t size = 0;
	DP_TRY(dp_input_open(&in, path, fault));
	dp_code code = dp_input_read_all(in, &bytes, &size, DP_COMPANION_BYTES_MAX, fault);
	dp_input_close(in);
	if (code != DP_OK) return code;
	code = is_json ? dp_companion_parse_json(spent, (const char *)bytes, size, fault)
	               : dp_companion_parse_bcoin(spent, bytes, size, fault);
	dp_free(bytes);
	if (code != DP_OK && fault != NULL) dp_fault_file(fault, path);
	return code;
}

dp_code dp_companion_load(dp_companion *spent, bool *ret_found, const char *path, dp_fault *fault)
{
	DP_CHECK(spent != NULL && ret_found != NULL && path != NULL);
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
	// Only a dot of the file's own name begins an extension.
	bool has_extension = dot != NULL && dot > (slash == NULL ? path : slash + 1);
	size_t stem = has_extension ? (size_t)(dot - path) : strlen(path);
	char name[PATH_SIZE_MAX];
	for (size_t i = 0; i < sizeof companions / sizeof companions[0]; i++) {
		const struct companion *c = &companions[i];
		if (stem + strlen(c->suffix) >= sizeof name) break; // no system opens such a path
		memcpy(name, path, stem);
		memcpy(name + stem, c->suffix, strlen(c->suffix) + 1);
		if (access(name, F_OK) != 0) continue;
		DP_TRY(load_from(spent, name, c->is_json, fault));
		size_t n = strnlen(name, sizeof spent->path - 1);
		memcpy(spent->path, name, n);
		spent->path[n] = 0;
		*ret_found = true;
		return DP_OK;
	}
	*ret_found = false;
	return DP_OK;
}

void dp_companion_done(dp_companion *spent)
{
	DP_CHECK(spent != NULL);
	dp_free(spent->coin);
	*spent = (dp_companion){0};
}
