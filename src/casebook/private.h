// A casebook's inside, for the files of this room only.
#ifndef DP_CASEBOOK_PRIVATE_H
#define DP_CASEBOOK_PRIVATE_H

#include "casebook/casebook.h"
#include "casebook/sql.h"

typedef struct dp_quiet_block {
	uint64_t height, movements, noise;
	uint8_t hash[32], chain[32];
} dp_quiet_block;

// One chain's run.
typedef struct dp_track {
	dp_engine *engine;
	const dp_chain *of; // the chain
	int64_t run, company;
	const dp_tags *tags; // NULL: none
	const dp_network *network;
	uint8_t chain[32]; // of the last block recorded; zeros before the first
	bool has_last, no_links;
	uint64_t height_last;      // of that block
	uint64_t movements, noise; // of the source's blocks up to that one
	uint32_t undo_keep;        // blocks whose hashes the journal keeps
	bool has_undo; // of blocks up to `undo_height`, the journal has the undo records
	uint64_t undo_height;
	// Live: blocks that brought nothing, whose rows of the journal are not written yet.
	dp_quiet_block *quiet;
	uint64_t quiet_cap;
	uint32_t quiet_count;
	uint64_t checked_saves; // since everything was added up anew
} dp_track;

enum { DP_TRACKS_MAX = 64 };

struct dp_casebook {
	sqlite3 *db;
	dp_casebook *root;  // whose connection and statements these are; itself, mostly
	bool is_live;       // of the root, as is what follows
	int64_t turn;       // of the last transaction of ours, or that we have seen
	uint32_t log_pages; // in the write-ahead log; of a live one
	dp_track track[DP_TRACKS_MAX];
	uint32_t track_count;
	dp_track *now; // of the call being served
	bool in_transaction, has_exchange;
	uint64_t rows_waiting;
	sqlite3_stmt *add_holder, *add_flow, *add_note, *add_hash, *trim_hash, *set_undo,
	    *drop_undo;
	sqlite3_stmt *set_holder, *gone_holder, *drop_parcels, *add_parcel, *add_service, *add_link,
	    *add_mixer;
	char txid[DP_TXID_TEXT_MAX];
	uint32_t txid_of;  // index in the block that `txid` stands for; DP_NO_INDEX = none
	int64_t *link_seq; // of the block's links: their rows
	uint64_t link_seq_cap;
};

// The transaction as people write it; NULL for DP_NO_INDEX.
const char *dp_casebook_tx(dp_casebook *cb, const dp_block *block, uint32_t tx);
// NULL where there is none.
const char *dp_casebook_asset(char out[DP_ASSET_TEXT_MAX], dp_asset asset);

//- links.c

#define DP_LINKS_SCHEMA                                                                            \
	"create table link(seq integer primary key, run integer not null,"                         \
	" height integer not null,"                                                                \
	" time integer not null, tx text, tx_index integer, mv_index integer, kind text not null," \
	" protocol text, key text, ref text, text text, refused text, address text, via text,"     \
	" counterparty text, chain_other text, there_tx text, there_height integer,"               \
	" there_time integer, asset_in text, units_in text not null, asset_out text,"              \
	" units_out text not null, confidence integer not null, alternatives integer not null,"    \
	" equal_part integer not null);"                                                           \
	"create index link_run on link(run, height);"                                              \
	"create table crossing(company integer not null, key text not null, protocol text,"        \
	" store text not null, proven integer not null, ref text, text text, chain text not null," \
	" height integer not null, time integer not null, tx text not null, address text,"         \
	" asset text, units text not null, to_chain text, to_address text, out_chain text,"        \
	" out_height integer, out_time integer, out_tx text, out_address text, out_asset text,"    \
	" out_units text, open integer not null, hop integer not null, mixes integer not null,"    \
	" state blob not null, primary key(company, key)) without rowid;"                          \
	"create table crossing_parcel(company integer not null, key text not null,"                \
	" pos integer not null, asset text not null, colour integer not null,"                     \
	" units text not null,"                                                                    \
	" origin text not null, primary key(company, key, pos)) without rowid;"                    \
	"create table seen(company integer not null, key blob not null, kind integer not null,"    \
	" count integer not null, chain text, height integer, time integer, tx blob);"             \
	"create index seen_at on seen(company, chain, height);"                                    \
	"create table mark(run integer not null, seq integer not null, kind integer not null,"     \
	" protocol text, asset_id integer not null, ident blob not null, height integer not null," \
	" primary key(run, seq)) without rowid;"                                                   \
	"create table mixer_event(run integer not null, height integer not null,"                  \
	" tx_index integer not null, log integer not null, part integer not null,"                 \
	" time integer not null, tx text not null, kind text not null, pool text not null,"        \
	" address text, sender text, relayer text, asset text, amount text not null,"              \
	" fixed integer not null, relayed integer not null, gas_price text, leaf integer,"         \
	" primary key(run, height, tx_index, log, part)) without rowid;"
#define DP_LINK_ADD                                                                                \
	"insert into link(run,height,time,tx,tx_index,mv_index,kind,protocol,key,ref,text,"        \
	"refused,"                                                                                 \
	"address,via,counterparty,chain_other,there_tx,there_height,there_time,asset_in,units_in," \
	"asset_out,units_out,confidence,alternatives,equal_part)"                                  \
	" values(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"

#define DP_MIXER_ADD                                                                               \
	"insert or replace into mixer_event(run,height,tx_index,log,part,time,tx,kind,pool,"       \
	"address,sender,relayer,asset,amount,fixed,relayed,gas_price,leaf)"                        \
	" values(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"

// A DP_EV_LINKED event.
DP_MUST dp_code dp_links_record(dp_casebook *cb, const dp_engine *e, const dp_block *block,
                                const dp_event *ev, dp_fault *fault);
// What contract mixers logged in a block, whoever's it is (link/mixer.h).
bool dp_links_has_mixers(const dp_casebook *cb, const dp_block *block);
DP_MUST dp_code dp_links_mixers(dp_casebook *cb, const dp_block *block, dp_fault *fault);
// Safes given to foreign code in a block, while a theft of the cases is still to come or is in it.
bool dp_takeovers_has(const dp_casebook *cb, const dp_engine *e, const dp_block *block);
DP_MUST dp_code dp_takeovers_record(dp_casebook *cb, const dp_engine *e, const dp_block *block,
                                    dp_fault *fault);
// The row of an event's link; 0 for none.
int64_t dp_links_row(const dp_casebook *cb, const dp_event *ev);
// What is in the exchange, and the marks of a run's engine.
DP_MUST dp_code dp_links_save(dp_casebook *cb, dp_exchange *x, dp_fault *fault);
DP_MUST dp_code dp_links_save_marks(dp_casebook *cb, dp_engine *e, dp_fault *fault);
DP_MUST dp_code dp_links_load(dp_casebook *cb, dp_exchange *x, dp_fault *fault);
DP_MUST dp_code dp_links_load_marks(dp_casebook *cb, dp_engine *e, dp_fault *fault);
// After a rollback to `height` (-1: to nothing).
DP_MUST dp_code dp_links_forget(dp_casebook *cb, int64_t height, dp_fault *fault);

#endif
