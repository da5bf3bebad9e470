// The fast scanner of the content-defined chunker: the same decisions as `ReferenceScanner` in the
// module Chunking, made with the processor's AES instructions.
//
// The header names no intrinsic and no vector type, so that Swift can import it anywhere.
#ifndef CCHUNKER_H
#define CCHUNKER_H

#include <stddef.h>
#include <stdint.h>

/// The two byte tables and the round keys of one chunker; immutable, so any number of threads may
/// scan with it at once.
struct cchunker;

/// The ways to scan, slowest first. All of them return the same positions.
enum {
  /// No instruction set of this machine is supported: use the portable scanner.
  cchunker_method_none = 0,
  /// AES-NI and SSE 4.2: any x86-64 server since about 2011.
  cchunker_method_aes = 1,
  /// VAES and AVX-512: Ice Lake, Zen 4 and later.
  cchunker_method_vaes = 2,
};

/// The fastest method this processor can run.
int cchunker_best_method(void);

/// Copies the tables and the key schedule into 64-byte aligned memory.
///
/// `in_table` and `out_table` hold 256 words of 16 bytes each (what a byte adds when it enters and
/// when it leaves the window); `round_keys` holds the 11 round keys of AES-128.
/// Returns NULL if there is no memory.
struct cchunker *cchunker_create(const uint8_t *in_table, const uint8_t *out_table,
                                 const uint8_t *round_keys);

/// Wipes and frees `c`; NULL is allowed.
void cchunker_destroy(struct cchunker *c);

/// Returns the smallest `i` in `from ..< to` for which a cut falls after `data[i]`, or `to`.
///
/// Reads `data[from - 63 ..< to]`: `from` must be at least 63 (if not, `to` is returned), and
/// `method` must be one that `cchunker_best_method` allows. Position `i` is a cut if the first 8
/// bytes, little-endian, of AES(hash of `data[i - 63 ... i]`) are below `threshold`.
size_t cchunker_scan(const struct cchunker *c, int method, const uint8_t *data, size_t from,
                     size_t to, uint64_t threshold);

#endif
