// What is too large for net flows is followed movement by movement, and that is said.
// Covers: engine/swap.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>

#include "link/net.h"
#include "support/links_world.h"

static void what_is_too_large_is_said(void **state)
{
	(void)state;
	char text[400];
	lw_world *w = lw_new();
	(void)snprintf(text, sizeof text,
	               "incident: heist\ntitle: A theft\nchain: ethereum\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: ETH, amount: '10', block: 100}\n",
	               lw_hex("thief"));
	lw_case(w, text);
	for (int block = 0; block < 2; block++) {
		lw_block(w, LW_ETH, block + 1);
		lw_tx(w, block + 1);
		lw_move(w, "ETH", "thief", "pool", "5");
		lw_move(w, "USDC", "pool", "thief", "13000");
		for (uint32_t i = 0; block == 1 && i < DP_NET_ROWS_MAX; i++)
			lw_move(w, "DAI", "ann", "bob", "1");
	}
	lw_start(w, "fifo");
	lw_step(w, LW_ETH);
	assert_string_equal(lw_links(w, LW_ETH), "swap 100 -\n");
	lw_step(w, LW_ETH);
	assert_string_equal(lw_links(w, LW_ETH),
	                    "refused 0 -: too large to look into: what was swapped here is not "
	                    "followed\n");
	assert_u256(lw_tainted(w, LW_ETH, "pool", "ETH", 1), lw_amount(LW_ETH, "ETH", "5"));
	lw_check(w);
	lw_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_too_large_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
