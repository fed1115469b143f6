// Fuzzing the reader of contacts.yaml: whatever stands in it is either refused with a place or
// gives contacts whose names and selectors hold together. The same bytes then stand for what
// strangers write, in a question to the built-in contacts: every line stays one line.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alert/advice.h"
#include "alert/contacts.h"
#include "base/check.h"
#include "chain/asset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static dp_code hear(void *context, const char *text, dp_fault *fault)
{
	(void)fault;
	size_t n = strlen(text);
	DP_CHECK(n > 0 && n <= DP_ADVICE_LINE_MAX);
	for (size_t i = 0; i < n; i++) DP_CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
	*(uint32_t *)context += 1;
	return DP_OK;
}

static void check_contacts(const dp_contacts *c)
{
	uint8_t selector[4];
	for (uint32_t i = 0; i < c->service_count; i++) {
		const dp_contact_row *row = &c->service[i];
		DP_CHECK(row->name[0] != NULL);
		for (const char *const *n = row->name; *n != NULL; n++)
			DP_CHECK(dp_contact_is_label(*n, *n));
		DP_CHECK((row->contact.state == DP_CONTACT_OPEN) == (row->contact.report[0] != 0));
	}
	for (uint32_t i = 0; i < c->issuer_count; i++) {
		const dp_issuer *s = &c->issuer[i];
		DP_CHECK(s->has_call == (s->ask[0] != 0));
		dp_contact_selector(selector, s->ask);
		DP_CHECK(!s->has_call || memcmp(selector, s->selector, 4) == 0);
		const dp_asset_info *info = dp_asset_info_of(s->asset);
		DP_CHECK(memcmp(info->contract, s->contract, 20) == 0);
	}
}

static void ask(const char *text, uint8_t bits)
{
	static const char *const kinds[] = {"arrival", "move",    "wake",    "holder",
	                                    "link",    "watched", "finding", "freeze"};
	static dp_advice *advice;
	if (advice == NULL) DP_CHECK(dp_advice_load(&advice, NULL, NULL) == DP_OK);
	uint32_t lines = 0;
	dp_advice_question q = {.kind = kinds[bits & 7],
	                        .is_pending = (bits & 8) != 0,
	                        .actor = "",
	                        .label = text,
	                        .category = text,
	                        .address = text,
	                        .tx = text,
	                        .shown = text,
	                        .asset = {(uint16_t)(bits % (dp_asset_count() + 1))},
	                        .knows_frozen = (bits & 16) != 0,
	                        .is_frozen = (bits & 32) != 0,
	                        .age_s = (int64_t)bits * 10,
	                        .confirmations_s = bits};
	DP_CHECK(dp_advice_lines(advice, &q, hear, &lines, NULL) == DP_OK);
	DP_CHECK(lines > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_contacts c;
	dp_fault fault = {0};
	if (dp_contacts_parse(&c, (const char *)data, size, &fault) == DP_OK) {
		check_contacts(&c);
		dp_contacts_done(&c);
	} else {
		DP_CHECK(fault.code != DP_OK && fault.text[0] != 0);
	}
	char *text = calloc(size + 1, 1);
	if (text == NULL) return 0;
	if (size > 0) memcpy(text, data, size);
	ask(text, size > 0 ? data[size - 1] : 0);
	free(text);
	return 0;
}
