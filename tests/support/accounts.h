// Ledgers of accounts for the tests of entity/account.h: transactions that are signed and pay a
// fee, with one transfer each; the folder they are imported to; and tags in a file. Addresses are
// the numbers of support/ledger.h.
#ifndef T_ACCOUNTS_H
#define T_ACCOUNTS_H

#include "entity/account.h"
#include "support/folder.h"
#include "support/ledger.h"

enum { T_ETH = 0, T_USDC, T_UNI, T_WORTHLESS };

typedef struct t_transfer {
	uint64_t height;
	int64_t signer; // T_NOBODY: nobody pays a fee
	int64_t from, to;
	int asset;
	uint8_t kind; // dp_mv_kind; 0: as the asset has it
	dp_u256 amount;
	uint64_t fee;
} t_transfer;

typedef struct t_accounts {
	t_transfer *item; // in order of height
	uint32_t count;
	char folder[T_PATH_MAX];
	dp_ledger *ledger;
	dp_tags *tags;
} t_accounts;

// The ordinary one: `from` signs and pays `fee` 1.
void t_send(t_accounts *w, uint64_t height, int64_t from, int64_t to, int asset, uint64_t amount);
void t_send_as(t_accounts *w, t_transfer t);
// Writes the ledger with small segments and opens it. `exchanges` etc.: numbers, ended by T_NOBODY.
void t_accounts_open(t_accounts *w, const int64_t *exchanges, const int64_t *miners);
void t_accounts_done(t_accounts *w); // for the next one
dp_asset t_account_asset(int asset);

#endif
