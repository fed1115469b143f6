// Worlds of three chains for the tests of links: Ethereum, Base and Bitcoin, written transaction by
// transaction, with the events that real bridges, mixers, issuers and positions log.
//
//   lw_block(w, LW_ETH, 1);                     a block, so many minutes after noon
//   lw_tx(w, 7);                                transaction number 7
//   lw_thor_deposit(w, "thief", "ETH", "10", "=:BTC.BTC:...");
//
// Addresses are names: the letters are the bytes of the address, on Bitcoin those of a witness
// program. Names that begin with 0x are addresses of their own. One exchange is shared by the three
// engines; lw_step applies the next block of a chain and lw_settle goes back where the exchange
// asks for it, as the program does (engine/exchange.h).
//
// lw_check_books adds everything up anew, over all chains and the exchange, in the obvious way.
#ifndef T_LINKS_WORLD_H
#define T_LINKS_WORLD_H

#include "casebook/casebook.h"
#include "engine/engine.h"
#include "support/ledger.h"

enum { LW_ETH, LW_BASE, LW_BTC, LW_CHAINS };
enum { LW_BLOCKS_MAX = 128, LW_FIRST = 100, LW_NOON = 1740139200, LW_CASES = 2 };

typedef struct lw_side {
	const dp_chain *chain;
	dp_block_builder builder[LW_BLOCKS_MAX];
	const dp_block *block[LW_BLOCKS_MAX];
	uint32_t count, next; // next: how many of them are applied
	dp_engine *engine;
} lw_side;

typedef struct lw_world {
	lw_side side[LW_CHAINS];
	dp_case cases[LW_CASES];
	const dp_case *list[LW_CASES];
	uint32_t case_count;
	dp_exchange *exchange;
	dp_engine_options options; // of each engine but for the chain
	lw_side *on;               // being written
	dp_block_builder *at;
	uint32_t rewinds;      // that lw_settle honoured
	dp_casebook *casebook; // lw_keep: what is applied and rolled back is recorded there
} lw_world;

lw_world *lw_new(void);
void lw_free(lw_world *w); // engines, exchange, cases and blocks
// Takes the cases that were read (lw_case), makes the exchange and the engines. Blocks written
// before stay; engines of an earlier start are freed.
void lw_case(lw_world *w, const char *yaml);
void lw_start(lw_world *w, const char *policy);
void lw_stop(lw_world *w); // closes the casebook, frees engines and exchange
// After lw_start: all of it is kept in a casebook from here on, or goes on where that one is.
// Commit with dp_casebook_commit.
void lw_keep(lw_world *w, const char *path);

//- writing ---------------------------------------------------------------------------------------

const char *lw_hex(const char *name); // as people write it; valid for four calls more
const char *lw_bc1(const char *name);
const char *lw_txid(int chain, int64_t id); // without 0x, as memos have it
dp_addr lw_addr(int chain, const char *name);
dp_asset lw_asset(int chain, const char *symbol);
dp_u256 lw_amount(int chain, const char *symbol, const char *amount);

void lw_block(lw_world *w, int chain, int64_t minute);
void lw_tx(lw_world *w, int64_t id);
// Rows. Amounts are decimals of whole coins; of Bitcoin's rows satoshi.
void lw_move(lw_world *w, const char *symbol, const char *from, const char *to, const char *amount);
void lw_internal(lw_world *w, const char *from, const char *to, const char *amount);
void lw_fee(lw_world *w, const char *from, const char *amount);
void lw_in(lw_world *w, int64_t tx, uint32_t vout, const char *from, uint64_t satoshi);
void lw_out(lw_world *w, const char *to, uint64_t satoshi);
void lw_memo(lw_world *w, const char *memo); // an OP_RETURN output
// An event alone: `topics` ended by NULL, words of the data ended by NULL; 0x and hexadecimal.
void lw_event(lw_world *w, const char *contract, const char *event, const char *const *topics,
              const char *const *words);

// What real protocols do, rows and events.
void lw_thor_deposit(lw_world *w, const char *from, const char *symbol, const char *amount,
                     const char *memo);
void lw_thor_out(lw_world *w, const char *to, const char *symbol, const char *amount,
                 const char *memo);
void lw_across_deposit(lw_world *w, const char *from, const char *to, const char *amount,
                       uint64_t deposit); // USDC, to the other of Ethereum and Base
// The deposit as it was made on the other side, and what is paid for it to whom.
void lw_across_fill(lw_world *w, const char *from, const char *to, const char *amount,
                    uint64_t deposit, const char *paid_to, const char *paid);
void lw_tornado(lw_world *w, const char *from); // 10 ether
void lw_freeze(lw_world *w, const char *who);   // Tether
void lw_release(lw_world *w, const char *who);
void lw_destroy(lw_world *w, const char *who, const char *amount);
// Positions of USDC and WETH.
void lw_position_in(lw_world *w, const char *from, uint64_t id, const char *usdc, const char *weth);
void lw_position_out(lw_world *w, const char *to, uint64_t id, const char *usdc, const char *weth);

//- running ---------------------------------------------------------------------------------------

dp_code lw_apply(lw_world *w, int chain, dp_fault *fault); // the next block, nothing else
void lw_step(lw_world *w, int chain); // the next block, which must succeed, and lw_settle
void lw_settle(lw_world *w);
bool lw_is_asked(const lw_world *w); // must any chain go back?
void lw_run(lw_world *w);            // all of Ethereum, then Base, then Bitcoin, until all is read
void lw_run_by_chance(lw_world *w, t_rng *rng);
void lw_undo(lw_world *w, int chain);                  // rolls one block back, and nothing else
void lw_back(lw_world *w, int chain, uint32_t blocks); // rolls back, and settles

//- looking ---------------------------------------------------------------------------------------

// What the pool holds of one colour, 0 where it is not followed.
dp_u256 lw_tainted(const lw_world *w, int chain, const char *who, const char *symbol,
                   uint16_t colour);
dp_u256 lw_origin(const lw_world *w, int chain, const char *who, const char *symbol,
                  uint16_t colour);
dp_u256 lw_coin_tainted(const lw_world *w, int64_t tx, uint32_t vout, uint16_t colour);
uint16_t lw_hop(const lw_world *w, int chain, const char *who, const char *symbol);
uint8_t lw_mixes(const lw_world *w, int chain, const char *who, const char *symbol);
dp_u256 lw_bucket(const lw_world *w, int chain, uint16_t colour, dp_bucket bucket);
dp_u256 lw_transit(const lw_world *w, uint16_t colour); // origin in the exchange, but for frozen
// The links of the last block applied on a chain, each a line: kind, confidence, protocol, why it
// was refused.
const char *lw_links(const lw_world *w, int chain);
// I-2 over all chains, colour by colour; between chains nothing may be asked for.
void lw_check_books(const lw_world *w, const char *file, int line);
#define lw_check(w) lw_check_books(w, __FILE__, __LINE__)
// Did a key lead back to before it went in so often that it is refused for good? Then what
// comes out depends on the order of reading (exchange.h).
bool lw_is_worn_out(const lw_world *w);
// Everything: books, holders with their mixes, marks, and the exchange. Two worlds with equal dumps
// are in one state. `order` leaves out what may differ with the order in which chains were read:
// serials and versions.
t_bytes lw_dump(lw_world *w, bool order);
t_bytes lw_dump_exchange(const lw_world *w, bool order);

#endif
