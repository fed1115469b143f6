// What a node answers to a batch of known calls, from hostile bytes, through the code that matches
// answers with calls. The first byte says how many calls were made. Invariants: afterwards each
// call has a fate, a result exactly where it says so, and a text that is short and terminated; one
// call alone is never told to come in smaller batches; and a copied text moves no cursor.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "source/rpc_private.h"

enum { CALLS_MAX = 16, ID_FIRST = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_rpc_slot slot[CALLS_MAX], *slots[CALLS_MAX];
	dp_fault fault;
	dp_json *doc;
	if (size == 0) return 0;
	uint32_t count = data[0] % CALLS_MAX + 1;
	memset(slot, 0, sizeof slot);
	for (uint32_t i = 0; i < count; i++) {
		slot[i].id = ID_FIRST + i;
		slots[i] = &slot[i];
	}
	dp_code code = dp_json_parse(&doc, (const char *)data + 1, size - 1, &fault);
	if (code != DP_OK) return 0;
	code = dp_rpc_match(slots, count, doc, &fault);
	DP_CHECK(code == DP_OK || code == DP_BAD_BYTES);
	for (uint32_t i = 0; i < count && code == DP_OK; i++) {
		const dp_rpc_slot *s = &slot[i];
		DP_CHECK(s->id == ID_FIRST + i && s->fate != DP_RPC_MISSING);
		DP_CHECK((s->result != NULL) == (s->fate == DP_RPC_RESULT));
		DP_CHECK((s->error[0] != 0) >= (s->fate == DP_RPC_BUSY));
		DP_CHECK(count > 1 || s->fate != DP_RPC_REFUSED);
		size_t length = strnlen(s->error, sizeof s->error);
		DP_CHECK(length < sizeof s->error);
		for (size_t k = 0; k < length; k++) DP_CHECK((unsigned char)s->error[k] >= 0x20);
	}
	dp_json_free(doc);
	return 0;
}
