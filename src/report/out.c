// Printing for the report formats: exact amounts, short addresses, an error that sticks.
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "report/private.h"

// Does a control character stand at `p`? Also those of Latin-1, which some terminals obey.
static bool is_control(const unsigned char *p)
{
	return (*p < 0x20 && *p != '\n') || *p == 0x7f ||
	       (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);
}

// Our own texts have no control characters; a casebook that somebody tampered with might. They
// must not reach the reader's terminal, so each becomes a question mark.
void dp_out_text(dp_out *o, const char *text)
{
	while (o->code == DP_OK && *text != 0) {
		size_t n = 0;
		while (text[n] != 0 && !is_control((const unsigned char *)text + n)) n++;
		if (n > 0) o->code = o->w->write(o->w->context, text, n, o->fault);
		text += n;
		if (o->code != DP_OK || *text == 0) return;
		o->code = o->w->write(o->w->context, "?", 1, o->fault);
		text += (unsigned char)*text == 0xc2 ? 2 : 1;
	}
}

void dp_out_printf(dp_out *o, const char *format, ...)
{
	char text[2048];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	DP_CHECK(n >= 0);
	dp_out_text(o, text); // cut at 2047: no line of ours is longer
}

const char *dp_asset_symbol(dp_asset asset)
{
	return asset.v == 0 ? "" : dp_asset_info_of(asset)->symbol;
}

const char *dp_asset_caip(char out[DP_ASSET_TEXT_MAX], dp_asset asset)
{
	out[0] = 0;
	if (asset.v != 0) dp_asset_caip19(out, asset);
	return out;
}

const char *dp_amount_text(char out[DP_AMOUNT_TEXT_MAX], dp_u256 units, dp_asset asset)
{
	char plain[DP_U256_DEC_MAX];
	dp_u256_format(plain, units, asset.v == 0 ? 0 : dp_asset_info_of(asset)->decimals);
	size_t whole = strcspn(plain, ".");
	size_t n = 0;
	for (size_t i = 0; i < whole; i++) {
		if (i > 0 && (whole - i) % 3 == 0) out[n++] = ',';
		out[n++] = plain[i];
	}
	memcpy(out + n, plain + whole, strlen(plain + whole) + 1);
	return out;
}

const char *dp_amount_short(char out[DP_AMOUNT_TEXT_MAX], dp_u256 units, dp_asset asset,
                            uint32_t places)
{
	char full[DP_AMOUNT_TEXT_MAX];
	dp_amount_text(full, units, asset);
	char *point = strchr(full, '.');
	// "~0.0000" says nothing: keep at least one digit that counts.
	if (point != NULL && point == full + 1 && full[0] == '0') {
		uint32_t zeros = (uint32_t)strspn(point + 1, "0");
		if (zeros >= places) places = zeros + 1;
	}
	bool cut = point != NULL && strlen(point + 1) > places;
	if (cut) point[places == 0 ? 0 : places + 1] = 0;
	(void)snprintf(out, DP_AMOUNT_TEXT_MAX, "%s%.100s", cut ? "~" : "", full);
	return out;
}

const char *dp_address_short(char out[DP_SHORT_MAX], const char *address)
{
	size_t n = strlen(address);
	if (n <= 18)
		(void)snprintf(out, DP_SHORT_MAX, "%s", address);
	else
		(void)snprintf(out, DP_SHORT_MAX, "%.8s..%s", address, address + n - 6);
	return out;
}
