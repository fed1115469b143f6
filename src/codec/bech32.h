// Segregated-witness addresses: bech32 (BIP 173, version 0) and bech32m (BIP 350, versions 1-16).
#ifndef DP_CODEC_BECH32_H
#define DP_CODEC_BECH32_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DP_SEGWIT_TEXT_MAX = 91 };
// Returns the length, 0 when version/program are not allowed (program 2..40, v0 only 20 or 32).
size_t dp_segwit_encode(char out[DP_SEGWIT_TEXT_MAX], const char *hrp, uint8_t version,
                        const uint8_t *program, size_t program_size);
typedef enum {
	DP_SEGWIT_OK,
	DP_SEGWIT_FORM,
	DP_SEGWIT_HRP,
	DP_SEGWIT_CHECKSUM,
	DP_SEGWIT_PROGRAM
} dp_segwit_result;
dp_segwit_result dp_segwit_decode(uint8_t *ret_version, uint8_t ret_program[40],
                                  size_t *ret_program_size, const char *hrp, const char *text,
                                  size_t n);
#endif
