// See ledger_big.h. Random numbers are splitmix64 (Steele, Lea, Flood 2014, public domain), as in
// ledger_gen.c.
#include "bench/ledger_big.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	TOKENS = 8,
	BLOCK_TXS = 200,
	COIN_BLOCK_TXS = 2500,
	COIN_BLOCKS_FIRST = 64, // coinbases of many outputs, so that there is something to spend
	COINS_FIRST = 2000,
	WITHDRAWALS = 16,
	PROPOSERS = 64,
	POW_MAX = 24,
	ROUTERS = 32, // contracts that others call; the tokens come before them
	FIRST_PERSON = TOKENS + ROUTERS + PROPOSERS,
	FIRST_SERVICE = FIRST_PERSON + 3,
	ROWS_A_PLANTED_TX = 3,
	NOISE_NAMES = 1000,
	ROWS_MAX = 1 << 20 // of a block
};

typedef struct coin {
	uint64_t tx; // number
	uint64_t value;
	uint32_t vout, owner;
} coin;

typedef struct coins {
	coin *item;
	uint64_t count, cap;
} coins;

struct lg_big {
	lg_options options;
	const dp_chain *chain;
	dp_asset native, token[TOKENS];
	uint32_t decimals[TOKENS];
	uint8_t contract[TOKENS][20];
	uint64_t random;
	dp_block_builder builder;
	uint32_t *from, *to; // of the block's rows
	uint64_t from_cap, to_cap;
	uint8_t hash[32]; // of the last block
	lg_facts facts;
	uint64_t rows_whole, tx_next; // also of those that only_theft leaves out
	uint64_t planted_rows;
	// clean addresses are 0..clean-1, of which `known` have appeared; offspring follows
	uint32_t clean, known, offspring_max, offspring;
	bool stolen, is_planting;
	uint8_t theft_tx[32];
	// accounts
	uint64_t base_fee, tip_price;
	uint32_t proposer;
	dp_u128 *balance; // of offspring, in wei
	uint8_t *marked;  // by poison
	uint32_t *funded; // offspring that has something to send
	uint32_t funded_count;
	// coins
	coins open, tainted;
};

static dp_u128 pow10_of[POW_MAX];

//- chance ----------------------------------------------------------------------------------------

static uint64_t mix64(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t lg_random(uint64_t *io_state)
{
	*io_state += 0x9e3779b97f4a7c15u;
	return mix64(*io_state);
}

static inline uint64_t draw(lg_big *g)
{
	return lg_random(&g->random);
}

static inline uint32_t below(lg_big *g, uint32_t n)
{
	return (uint32_t)((draw(g) >> 32) * n >> 32);
}

static inline bool chance(lg_big *g, uint32_t percent)
{
	return below(g, 100) < percent;
}

// Log-uniform in 0..n-1, as in ledger_gen.c: weights fall as 1/rank by powers of two.
static inline uint32_t by_rank(lg_big *g, uint32_t n)
{
	DP_CHECK(n > 0);
	uint32_t bits = 32 - (uint32_t)__builtin_clz(n);
	for (;;) {
		uint64_t x = draw(g);
		uint32_t b = (uint32_t)((x & 0xffff) * bits >> 16);
		uint32_t r = (1u << b) - 1 + (uint32_t)((x >> 32) & ((1u << b) - 1));
		if (r < n) return r;
	}
}

//- names -----------------------------------------------------------------------------------------

static dp_addr account_address(const lg_big *g, uint32_t number)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	if (number < TOKENS) {
		memcpy(a.bytes, g->contract[number], 20);
		return a;
	}
	uint64_t x = mix64((uint64_t)number + 0x1d1e9acc), y = mix64(x + 1), z = mix64(y + 1);
	memcpy(a.bytes, &x, 8);
	memcpy(a.bytes + 8, &y, 8);
	memcpy(a.bytes + 16, &z, 4);
	return a;
}

// Kinds of outputs about as often as they are used today.
static dp_addr coin_address(uint32_t number)
{
	static const uint8_t kinds[8] = {DP_ADDR_P2WPKH, DP_ADDR_P2WPKH, DP_ADDR_P2WPKH,
	                                 DP_ADDR_P2WPKH, DP_ADDR_P2TR,   DP_ADDR_P2TR,
	                                 DP_ADDR_P2PKH,  DP_ADDR_P2SH};
	uint64_t x = mix64((uint64_t)number + 0xc0135), y = mix64(x + 1), z = mix64(y + 1);
	dp_addr a = {.kind = kinds[x >> 61], .len = 20};
	memcpy(a.bytes, &x, 8);
	memcpy(a.bytes + 8, &y, 8);
	memcpy(a.bytes + 16, &z, 4);
	if (a.kind == DP_ADDR_P2TR) {
		uint64_t w = mix64(z + 1);
		memcpy(a.bytes + 20, &w, 8);
		memcpy(a.bytes + 28, &y, 4);
		a.len = 32;
	}
	return a;
}

dp_addr lg_address(const lg_big *g, uint32_t number)
{
	return g->options.utxo ? coin_address(number) : account_address(g, number);
}

static void txid_of(uint8_t ret_id[32], uint64_t number)
{
	uint64_t x = mix64(number + 0x7715000000000000u);
	for (uint32_t i = 0; i < 4; i++) {
		memcpy(ret_id + 8 * (size_t)i, &x, 8);
		x = mix64(x + 1);
	}
}

uint64_t lg_address_count(const lg_big *g)
{
	return (uint64_t)g->clean + g->offspring_max;
}

uint32_t lg_thief(const lg_big *g)
{
	return g->clean;
}

uint32_t lg_service(const lg_big *g, uint32_t index)
{
	(void)g;
	DP_CHECK(index < LG_SERVICES);
	return FIRST_SERVICE + index;
}

bool lg_is_known(const lg_big *g, uint32_t number)
{
	return number < g->known || (number >= g->clean && number < g->clean + g->offspring);
}

const uint32_t *lg_from(const lg_big *g)
{
	return g->from;
}

const uint32_t *lg_to(const lg_big *g)
{
	return g->to;
}

void lg_facts_get(const lg_big *g, lg_facts *ret_facts)
{
	*ret_facts = g->facts;
}

//- rows ------------------------------------------------------------------------------------------

static void must(dp_code code)
{
	DP_CHECK(code == DP_OK); // only memory can be missing
}

static dp_tx *start_tx(lg_big *g)
{
	dp_tx *tx;
	must(dp_builder_tx(&g->builder, &tx, NULL));
	txid_of(tx->id, g->tx_next++);
	return tx;
}

static inline dp_movement *put_row(lg_big *g, uint32_t from, uint32_t to, dp_mv_kind kind,
                                   dp_u128 amount)
{
	dp_movement *mv;
	uint32_t i = g->builder.block.mv_count;
	DP_CHECK(i < ROWS_MAX);
	must(dp_builder_movement(&g->builder, &mv, NULL));
	g->from[i] = from;
	g->to[i] = to;
	mv->kind = (uint8_t)kind;
	mv->asset = g->native;
	mv->amount = dp_u256_of128(amount);
	if (from != LG_NOBODY) mv->from = lg_address(g, from);
	if (to != LG_NOBODY) mv->to = lg_address(g, to);
	return mv;
}

//- accounts: everybody else ----------------------------------------------------------------------

// Half of those who send came lately, the rest have been there long.
static uint32_t somebody(lg_big *g, uint32_t young_percent)
{
	uint32_t people = g->known - FIRST_PERSON, r = by_rank(g, people);
	return FIRST_PERSON + (chance(g, young_percent) ? people - 1 - r : r);
}

// New addresses come evenly over the whole ledger.
static uint32_t somebody_paid(lg_big *g)
{
	uint64_t due = g->rows_whole * g->clean / g->options.rows;
	if (g->known < g->clean && g->known < due + FIRST_SERVICE + LG_SERVICES) return g->known++;
	return somebody(g, 30);
}

// Of a coin of so many decimals, from a thousandth of one coin up.
static dp_u128 some_amount(lg_big *g, uint32_t decimals)
{
	uint32_t x = below(g, 100), low = decimals - 3;
	if (x < 50) return (1 + below(g, 99)) * pow10_of[low + below(g, 6)];
	if (x < 75) return (1 + (draw(g) >> 40)) * pow10_of[low > 4 ? low - 4 : 0];
	dp_u128 v = (dp_u128)(draw(g) | 1) << 3;
	return v % pow10_of[low + 1 + below(g, 5)] + 1;
}

static void put_fees(lg_big *g, uint32_t from, uint64_t gas)
{
	put_row(g, from, LG_NOBODY, DP_MV_FEE, (dp_u128)gas * g->base_fee);
	uint64_t price = g->tip_price;
	if (chance(g, 20)) price += below(g, 1000000000);
	put_row(g, from, g->proposer, DP_MV_FEE, (dp_u128)gas * price);
}

static uint32_t some_token(lg_big *g)
{
	uint32_t x = below(g, 100);
	return x < 40 ? 0 : x < 70 ? 1 : x < 85 ? 2 : 3 + below(g, TOKENS - 3);
}

static void put_token(lg_big *g, uint32_t from, uint32_t to, uint32_t token)
{
	dp_movement *mv = put_row(g, from, to, DP_MV_TOKEN, some_amount(g, g->decimals[token]));
	mv->asset = g->token[token];
}

// Something of no listed asset.
static void put_noise(lg_big *g, uint32_t from, uint32_t to)
{
	dp_movement *mv = put_row(g, from, to, DP_MV_TOKEN, draw(g) >> 10);
	uint64_t name = mix64(by_rank(g, NOISE_NAMES) + 0x5ca);
	mv->asset = DP_ASSET_NONE;
	memcpy(mv->noise.contract + 4, &name, 8);
	for (uint32_t i = 0; i < 5; i++) mv->noise.symbol[i] = (char)('A' + (name >> 8 * i & 0xf));
}

static void token_tx(lg_big *g, uint32_t from, uint32_t to)
{
	uint32_t token = some_token(g);
	bool noise = below(g, 12) == 0;
	uint32_t contract = noise ? TOKENS + below(g, ROUTERS) : token;
	put_row(g, from, contract, DP_MV_NATIVE, 0);
	if (noise)
		put_noise(g, from, to);
	else
		put_token(g, from, to, token);
	put_fees(g, from, 40000 + below(g, 30000));
}

static void contract_tx(lg_big *g, uint32_t from)
{
	uint32_t router = TOKENS + by_rank(g, ROUTERS), transfers = 2 + below(g, 5), at = from;
	bool with_value = chance(g, 40);
	put_row(g, from, router, DP_MV_NATIVE, with_value ? some_amount(g, 18) : 0);
	for (uint32_t i = 0; i < transfers; i++) {
		uint32_t next = i + 1 == transfers ? from : TOKENS + below(g, ROUTERS);
		if (i == 0 && chance(g, 20)) next = somebody_paid(g);
		if (chance(g, 25) && at != from)
			put_row(g, at, next, DP_MV_INTERNAL, some_amount(g, 18));
		else
			put_token(g, at, next, some_token(g));
		at = next;
	}
	put_fees(g, from, 100000 + below(g, 300000));
}

static void clean_tx(lg_big *g)
{
	uint32_t x = below(g, 100), from = somebody(g, 60);
	dp_tx *tx = start_tx(g);
	if (x < 42) {
		put_row(g, from, somebody_paid(g), DP_MV_NATIVE, some_amount(g, 18));
		put_fees(g, from, 21000);
	} else if (x < 82) {
		token_tx(g, from, somebody_paid(g));
	} else if (x < 97) {
		contract_tx(g, from);
	} else {
		tx->flags |= DP_TXF_FAILED;
		put_fees(g, from, 30000 + below(g, 100000));
	}
}

//- accounts: the offspring -----------------------------------------------------------------------

static dp_u128 stolen_wei(void)
{
	return 401347 * pow10_of[18];
}

// So many digits at the front, the rest zeros.
static dp_u128 rounded(dp_u128 v, uint32_t digits)
{
	uint32_t n = 0;
	while (n < POW_MAX && pow10_of[n] <= v) n++;
	return n <= digits ? v : v / pow10_of[n - digits] * pow10_of[n - digits];
}

static uint32_t new_offspring(lg_big *g)
{
	DP_CHECK(g->offspring < g->offspring_max);
	return g->offspring++;
}

static void fund(lg_big *g, uint32_t who, dp_u128 amount, bool tainted)
{
	// Below this they are left alone: they could not pay their fees.
	dp_u128 least = 20 * pow10_of[16];
	bool had = g->balance[who] >= least;
	g->balance[who] += amount;
	if (tainted && g->marked[who] == 0) {
		g->marked[who] = 1;
		g->facts.reached++;
	}
	if (!had && g->balance[who] >= least) g->funded[g->funded_count++] = who;
}

// One row out of an offspring's ether, which is counted when it is tainted.
static void offspring_pays(lg_big *g, uint32_t who, uint32_t to, dp_mv_kind kind, dp_u128 amount)
{
	DP_CHECK(g->balance[who] >= amount);
	g->balance[who] -= amount;
	put_row(g, g->clean + who, to, kind, amount);
	if (g->marked[who] == 0) return;
	g->facts.tainted_rows++;
	g->facts.tainted_transfers += kind != DP_MV_FEE;
}

static void offspring_fees(lg_big *g, uint32_t who, uint64_t gas)
{
	offspring_pays(g, who, LG_NOBODY, DP_MV_FEE, (dp_u128)gas * g->base_fee);
	offspring_pays(g, who, g->proposer, DP_MV_FEE, (dp_u128)gas * g->tip_price);
}

static void transfer_within(lg_big *g, uint32_t who, uint32_t to, dp_mv_kind kind, dp_u128 amount)
{
	offspring_pays(g, who, g->clean + to, kind, amount);
	fund(g, to, amount, g->marked[who] != 0);
}

// Clean ether from somebody else: to an offspring that has some, or to one that nobody knows yet.
static void clean_money_tx(lg_big *g)
{
	uint32_t from = somebody(g, 0);
	uint32_t to = chance(g, 30) && g->offspring < g->offspring_max ? new_offspring(g)
	                                                               : below(g, g->offspring);
	dp_u128 amount = some_amount(g, 18) + pow10_of[18];
	put_row(g, from, g->clean + to, DP_MV_NATIVE, amount);
	put_fees(g, from, 21000);
	fund(g, to, amount, false);
}

// Several transfers in one transaction, as a contract that spreads money makes them.
static void spread_tx(lg_big *g, uint32_t who, dp_u128 have)
{
	uint32_t n = 2 + below(g, 6);
	for (uint32_t i = 0; i < n && g->offspring < g->offspring_max; i++)
		transfer_within(g, who, new_offspring(g), i == 0 ? DP_MV_NATIVE : DP_MV_INTERNAL,
		                rounded(have / (n + 1), 3));
	offspring_fees(g, who, 50000 + 30000 * (uint64_t)n);
}

// One that has something to send, the newest first. Those met on the way that hold too little are
// taken off.
static bool choose_funded(lg_big *g, uint32_t *ret_who)
{
	while (g->funded_count > 0) {
		uint32_t at = g->funded_count - 1 - by_rank(g, g->funded_count);
		uint32_t who = g->funded[at];
		if (g->balance[who] >= 20 * pow10_of[16]) {
			*ret_who = who;
			return true;
		}
		g->funded[at] = g->funded[--g->funded_count];
	}
	return false;
}

// Fees are at most 0.08 ether here, and nobody is chosen who has less than 0.2.
static void offspring_tx(lg_big *g)
{
	uint32_t who = 0, x = below(g, 100);
	dp_tx *tx = start_tx(g);
	(void)tx;
	if (x < 8 || !choose_funded(g, &who)) {
		clean_money_tx(g);
		return;
	}
	dp_u128 fees = 8 * pow10_of[16], have = g->balance[who] - fees;
	uint32_t other = below(g, g->offspring);
	bool room = g->offspring < g->offspring_max;
	if (x < 45 && room) { // splits
		transfer_within(g, who, new_offspring(g), DP_MV_NATIVE,
		                rounded(have >> (1 + below(g, 3)), 3));
	} else if (x < 60) { // sweeps all but what the fee may cost
		transfer_within(g, who, room && chance(g, 50) ? new_offspring(g) : other,
		                DP_MV_NATIVE, have);
	} else if (x < 82) { // merges
		transfer_within(g, who, other, DP_MV_NATIVE, rounded(have / 3, 2));
	} else if (x < 88) {
		offspring_pays(g, who, lg_service(g, below(g, LG_SERVICES)), DP_MV_NATIVE,
		               rounded(have / 16, 2));
	} else if (x < 93) { // a token beside, not tainted
		token_tx(g, g->clean + who, somebody(g, 30));
		return;
	} else {
		spread_tx(g, who, have);
		return;
	}
	offspring_fees(g, who, 21000);
}

// The thief's address had a little of its own.
static void theft_tx(lg_big *g)
{
	uint32_t thief = new_offspring(g);
	DP_CHECK(thief == 0);
	start_tx(g);
	put_row(g, somebody(g, 0), g->clean + thief, DP_MV_NATIVE, 3 * pow10_of[18]);
	fund(g, thief, 3 * pow10_of[18], false);
	uint32_t victim = FIRST_PERSON;
	dp_tx *tx = start_tx(g);
	memcpy(g->theft_tx, tx->id, 32);
	put_row(g, victim, g->clean + thief, DP_MV_NATIVE, stolen_wei());
	put_fees(g, victim, 21000);
	fund(g, thief, stolen_wei(), true);
	g->stolen = true;
	g->facts.theft_height = g->builder.block.height;
}

// Is a planted transaction due? They come evenly between a tenth of the ledger and its end.
static bool is_due(const lg_big *g)
{
	uint64_t all = g->options.rows, begin = all / 10;
	if (g->rows_whole < begin) return false;
	uint64_t want = all / 100;
	uint64_t due = want * (g->rows_whole - begin) / (all - begin);
	return g->planted_rows < due;
}

// Takes the transactions from `txs` on off the block again.
static void drop_txs(lg_big *g, uint32_t txs, uint32_t rows)
{
	g->builder.block.tx_count = txs;
	g->builder.block.mv_count = rows;
}

// Counts what came since, and leaves it out if only the theft is wanted.
static void account_for(lg_big *g, uint32_t txs, uint32_t rows, bool planted)
{
	uint32_t added = g->builder.block.mv_count - rows;
	g->rows_whole += added;
	if (g->options.only_theft && !planted) drop_txs(g, txs, rows);
}

static void withdrawals_tx(lg_big *g)
{
	dp_tx *tx = start_tx(g);
	tx->flags = DP_TXF_COINBASE;
	uint32_t first = below(g, g->known - FIRST_PERSON - 4);
	for (uint32_t i = 0; i < WITHDRAWALS; i++)
		put_row(g, LG_NOBODY, FIRST_PERSON + first + i % 4, DP_MV_REWARD,
		        (dp_u128)(17000000 + below(g, 2000000)) * 1000000000);
}

static void account_rows(lg_big *g)
{
	static const uint32_t tips[8] = {10000000,   50000000,   100000000,  100000000,
	                                 1000000000, 1000000000, 1500000000, 2000000000};
	dp_block *b = &g->builder.block;
	g->base_fee = g->base_fee * 7 / 8 + (4000000000 + draw(g) % 20000000000) / 8;
	g->proposer = TOKENS + ROUTERS + by_rank(g, PROPOSERS);
	uint32_t n = BLOCK_TXS - 40 + below(g, 80);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t txs = b->tx_count, rows = b->mv_count;
		bool planted = is_due(g);
		uint64_t before = g->facts.tainted_rows;
		g->tip_price = tips[below(g, 8)];
		if (planted && !g->stolen)
			theft_tx(g);
		else if (planted)
			offspring_tx(g);
		else
			clean_tx(g);
		// A clean one in between counts for one, else it could be due for ever.
		if (planted) g->planted_rows += g->facts.tainted_rows - before;
		account_for(g, txs, rows, planted);
	}
	uint32_t txs = b->tx_count, rows = b->mv_count;
	withdrawals_tx(g);
	account_for(g, txs, rows, false);
}

//- coins -----------------------------------------------------------------------------------------

static void push_coin(coins *c, uint64_t tx, uint32_t vout, uint32_t owner, uint64_t value)
{
	void *items = c->item;
	must(dp_grow(&items, &c->cap, sizeof *c->item, c->count + 1, (uint64_t)1 << 32, NULL));
	c->item = items;
	c->item[c->count++] = (coin){.tx = tx, .value = value, .vout = vout, .owner = owner};
}

// Takes one of the newest out; the last takes its place.
static coin take_coin(lg_big *g, coins *c)
{
	DP_CHECK(c->count > 0 && c->count <= UINT32_MAX);
	uint64_t at = c->count - 1 - by_rank(g, (uint32_t)c->count);
	coin taken = c->item[at];
	c->item[at] = c->item[--c->count];
	return taken;
}

static void put_input(lg_big *g, const coin *c)
{
	dp_movement *mv = put_row(g, c->owner, LG_NOBODY, DP_MV_INPUT, c->value);
	txid_of(mv->spent.txid, c->tx);
	mv->spent.vout = c->vout;
}

static void put_output(lg_big *g, coins *to, uint32_t vout, uint32_t owner, uint64_t value)
{
	put_row(g, LG_NOBODY, owner, DP_MV_OUTPUT, value);
	push_coin(to, g->tx_next - 1, vout, owner, value);
}

static uint32_t coin_owner(lg_big *g)
{
	if (chance(g, 60)) return somebody_paid(g);
	return somebody(g, 50);
}

static uint64_t part_of(lg_big *g, uint64_t value)
{
	uint64_t part = value >> (1 + below(g, 4));
	if (part == 0 || chance(g, 60)) return part;
	return (uint64_t)rounded(part, 2);
}

static uint32_t some_inputs(lg_big *g)
{
	uint32_t x = below(g, 100);
	return x < 62 ? 1 : x < 82 ? 2 : x < 96 ? 3 + below(g, 3) : 6 + below(g, 12);
}

static uint32_t some_outputs(lg_big *g)
{
	uint32_t x = below(g, 100);
	return x < 14 ? 1 : x < 91 ? 2 : x < 98 ? 3 + below(g, 3) : 6 + below(g, 14);
}

static void clean_coin_tx(lg_big *g)
{
	start_tx(g);
	uint64_t value = 0;
	uint32_t inputs = some_inputs(g), outputs = some_outputs(g);
	for (uint32_t i = 0; i < inputs && g->open.count > 1000; i++) {
		coin c = take_coin(g, &g->open);
		put_input(g, &c);
		value += c.value;
	}
	value -= value / 4096;
	for (uint32_t i = 0; i < outputs; i++) {
		uint64_t part = i + 1 == outputs ? value : part_of(g, value);
		value -= part;
		put_output(g, &g->open, i, coin_owner(g), part);
	}
}

// Of the offspring's coins and now and then a clean one; to the offspring and now and then to a
// service, whose coins are clean again.
static void tainted_coin_tx(lg_big *g)
{
	uint32_t inputs = some_inputs(g), before = g->builder.block.mv_count, outputs;
	uint64_t value = 0;
	start_tx(g);
	for (uint32_t i = 0; i < inputs && g->tainted.count > 0; i++) {
		coin c = take_coin(g, &g->tainted);
		put_input(g, &c);
		value += c.value;
	}
	if (chance(g, 15)) {
		coin c = take_coin(g, &g->open);
		put_input(g, &c);
		value += c.value;
	}
	value -= value / 65536;
	// While there are few coins more are made than spent.
	outputs = g->tainted.count < 1000 ? 4 : some_outputs(g);
	for (uint32_t i = 0; i < outputs; i++) {
		uint64_t part = i + 1 == outputs ? value : part_of(g, value);
		value -= part;
		bool is_service = i > 0 && i + 1 < outputs && chance(g, 20);
		uint32_t owner = g->offspring < g->offspring_max && chance(g, 70)
		                     ? new_offspring(g)
		                     : below(g, g->offspring);
		if (is_service)
			put_output(g, &g->open, i, lg_service(g, below(g, LG_SERVICES)), part);
		else
			put_output(g, &g->tainted, i, g->clean + owner, part);
		g->facts.reached += !is_service && part > 0;
	}
	g->facts.tainted_rows += g->builder.block.mv_count - before;
	g->facts.tainted_transfers = g->facts.tainted_rows;
}

static void coin_theft_tx(lg_big *g)
{
	dp_tx *tx = start_tx(g);
	uint32_t thief = new_offspring(g);
	uint64_t stolen = 0;
	DP_CHECK(thief == 0);
	memcpy(g->theft_tx, tx->id, 32);
	for (uint32_t i = 0; i < 100; i++) {
		coin c = take_coin(g, &g->open);
		put_input(g, &c);
		stolen += c.value;
	}
	put_output(g, &g->tainted, 0, g->clean + thief, stolen);
	g->facts.reached++;
	g->stolen = true;
	g->facts.theft_height = g->builder.block.height;
}

static void coinbase_tx(lg_big *g)
{
	dp_tx *tx = start_tx(g);
	tx->flags = DP_TXF_COINBASE;
	uint32_t n = g->facts.blocks < COIN_BLOCKS_FIRST ? COINS_FIRST : 1;
	for (uint32_t i = 0; i < n; i++)
		put_output(g, &g->open, i, coin_owner(g),
		           n == 1 ? 312500000 : 100000000 + (draw(g) >> 24));
}

static void coin_rows(lg_big *g)
{
	dp_block *b = &g->builder.block;
	uint32_t n = COIN_BLOCK_TXS - 500 + below(g, 1000);
	uint32_t txs = b->tx_count, rows = b->mv_count;
	coinbase_tx(g);
	account_for(g, txs, rows, false);
	for (uint32_t i = 0; i < n && g->facts.blocks >= COIN_BLOCKS_FIRST; i++) {
		txs = b->tx_count;
		rows = b->mv_count;
		bool planted = is_due(g);
		uint64_t before = g->facts.tainted_rows;
		if (planted && !g->stolen)
			coin_theft_tx(g);
		else if (planted && g->tainted.count > 0)
			tainted_coin_tx(g);
		else
			clean_coin_tx(g);
		if (planted) g->planted_rows += g->facts.tainted_rows - before;
		account_for(g, txs, rows, planted);
	}
}

//- the whole -------------------------------------------------------------------------------------

static void *need(uint64_t count, size_t size)
{
	void *p = dp_alloc(count * size);
	DP_CHECK(p != NULL);
	return p;
}

lg_big *lg_new(const lg_options *options)
{
	static const char *const symbols[TOKENS] = {"USDT", "USDC",  "WETH",   "DAI",
	                                            "WBTC", "stETH", "wstETH", "LINK"};
	lg_big *g = need(1, sizeof *g);
	g->options = *options;
	g->random = mix64(options->seed);
	const char *name = options->utxo ? "bitcoin" : "ethereum";
	g->chain = dp_chain_find(name, strlen(name));
	DP_CHECK(g->chain != NULL);
	g->native = dp_asset_native(g->chain);
	pow10_of[0] = 1;
	for (uint32_t i = 1; i < POW_MAX; i++) pow10_of[i] = pow10_of[i - 1] * 10;
	for (uint32_t i = 0; i < TOKENS && !options->utxo; i++) {
		g->token[i] = dp_asset_by_symbol(g->chain, symbols[i], strlen(symbols[i]));
		DP_CHECK(g->token[i].v != 0);
		const dp_asset_info *info = dp_asset_info_of(g->token[i]);
		g->decimals[i] = info->decimals;
		memcpy(g->contract[i], info->contract, 20);
	}
	DP_CHECK(options->rows >= 100000 && options->rows <= UINT32_MAX);
	g->clean = (uint32_t)(options->rows / 5);
	g->offspring_max = (uint32_t)(options->rows / 100);
	g->known = FIRST_SERVICE + LG_SERVICES;
	g->base_fee = 12345678901;
	g->from = need(ROWS_MAX, sizeof *g->from);
	g->to = need(ROWS_MAX, sizeof *g->to);
	if (options->utxo) return g;
	g->balance = need(g->offspring_max, sizeof *g->balance);
	g->marked = need(g->offspring_max, sizeof *g->marked);
	g->funded = need((uint64_t)g->offspring_max * 2, sizeof *g->funded);
	return g;
}

void lg_free(lg_big *g)
{
	if (g == NULL) return;
	dp_builder_done(&g->builder);
	dp_free(g->from);
	dp_free(g->to);
	dp_free(g->balance);
	dp_free(g->marked);
	dp_free(g->funded);
	dp_free(g->open.item);
	dp_free(g->tainted.item);
	dp_free(g);
}

const dp_block *lg_next(lg_big *g)
{
	const dp_block *block;
	if (g->rows_whole >= g->options.rows) return NULL;
	uint64_t height = g->facts.blocks + 1;
	int64_t step = g->options.utxo ? 600 : 12;
	dp_builder_start(&g->builder, g->chain, height, 1700000000 + (int64_t)height * step);
	memcpy(g->builder.block.prev, g->hash, 32);
	txid_of(g->hash, height << 40);
	memcpy(g->builder.block.hash, g->hash, 32);
	if (g->options.utxo)
		coin_rows(g);
	else
		account_rows(g);
	if (g->options.only_theft) {
		// Dropped transactions leave gaps in the numbers of a whole block.
		dp_block *b = &g->builder.block;
		for (uint32_t i = 0; i < b->tx_count; i++) {
			b->tx[i].no = i;
			b->tx[i].mv_no = b->tx[i].mv_first;
		}
	}
	g->facts.blocks++;
	g->facts.txs += g->builder.block.tx_count;
	g->facts.rows += g->builder.block.mv_count;
	must(dp_builder_finish(&g->builder, &block, NULL));
	return block;
}

void lg_case_of(const lg_big *g, lg_case *ret_case, const dp_policy *policy)
{
	DP_CHECK(g->stolen);
	memset(ret_case, 0, sizeof *ret_case);
	dp_seed *s = &ret_case->seed;
	s->chain = g->chain;
	s->has_addr = s->has_tx = true;
	s->addr = lg_address(g, lg_thief(g));
	s->asset = g->native;
	memcpy(s->tx, g->theft_tx, 32);
	for (uint32_t i = 0; i < LG_SERVICES; i++) {
		dp_stop *stop = &ret_case->stop[i];
		stop->chain = g->chain;
		stop->addr = lg_address(g, lg_service(g, i));
		stop->bucket = DP_BUCKET_SERVICE;
		stop->name = "service";
		stop->by = "bench";
	}
	dp_case *c = &ret_case->incident;
	*c = (dp_case){.incident = "bench", .title = "bench", .chain = g->chain};
	c->policy = policy;
	c->theft_time = INT64_MAX;
	c->seed = s;
	c->seed_count = 1;
	c->stop = ret_case->stop;
	c->stop_count = LG_SERVICES;
}
