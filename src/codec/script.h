// Bitcoin output scripts: the standard templates, by form alone.
#ifndef DP_CODEC_SCRIPT_H
#define DP_CODEC_SCRIPT_H
#include <stddef.h>
#include <stdint.h>

typedef enum dp_script_class {
	DP_SCRIPT_OTHER,
	DP_SCRIPT_P2PK,     // data: the key, 33 or 65 bytes with a right prefix
	DP_SCRIPT_P2PKH,    // data: 20 bytes
	DP_SCRIPT_P2SH,     // data: 20 bytes
	DP_SCRIPT_WITNESS,  // data: the program, 2..40 bytes; version says which
	DP_SCRIPT_MULTISIG, // m of n bare keys, n <= 20
	DP_SCRIPT_NULLDATA  // OP_RETURN ...; data: what follows
} dp_script_class;

typedef struct dp_script_info {
	dp_script_class class;
	const uint8_t *data;
	size_t data_size;
	uint8_t version; // witness version 0..16
	uint8_t m, n;    // multisig
} dp_script_info;

dp_script_info dp_script_classify(const uint8_t *script, size_t size);

// Bitcoin Cash, since May 2023: how many bytes at the beginning of an output's script field are
// tokens that the output carries, and not script. 0 when it begins with no well-formed prefix.
size_t dp_script_token_prefix(const uint8_t *field, size_t size);
#endif
