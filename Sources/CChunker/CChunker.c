// Rolling GENERAL hash of a 64-byte window over GF(2)[x] / (x^128 + x^7 + x^2 + x + 1)
// (Lemire & Kaser, "Recursive n-gram hashing is pairwise independent, at best", 2010), then AES-128,
// then a threshold (Truong et al., "Breaking and Fixing Content-Defined Chunking", eprint 2025/558).
//
// A hash word is 16 bytes, little-endian: bit n of the 128-bit number is the coefficient of x^n.
#define _GNU_SOURCE  // explicit_bzero
#include "CChunker.h"

#include <stdlib.h>
#include <string.h>

enum { window = 64, rounds = 10, group = 8 };

struct cchunker {
  uint8_t in[256][16];
  uint8_t out[256][16];
  uint8_t round_keys[rounds + 1][16];
};

struct cchunker *cchunker_create(const uint8_t *in_table, const uint8_t *out_table,
                                 const uint8_t *round_keys) {
  // aligned_alloc wants a multiple of the alignment.
  struct cchunker *c = aligned_alloc(64, (sizeof(struct cchunker) + 63) & ~(size_t)63);
  if (c == NULL) return NULL;
  memcpy(c->in, in_table, sizeof c->in);
  memcpy(c->out, out_table, sizeof c->out);
  memcpy(c->round_keys, round_keys, sizeof c->round_keys);
  return c;
}

void cchunker_destroy(struct cchunker *c) {
  if (c == NULL) return;
  explicit_bzero(c, sizeof *c);
  free(c);
}

#if defined(__x86_64__)

#include <immintrin.h>

int cchunker_best_method(void) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("sse4.2"))
    return cchunker_method_none;
  if (!__builtin_cpu_supports("vaes") || !__builtin_cpu_supports("avx512f") ||
      !__builtin_cpu_supports("avx512vl"))
    return cchunker_method_aes;
  return cchunker_method_vaes;
}

#define TARGET_AES __attribute__((target("aes,sse4.2")))
#define TARGET_AES_INLINE TARGET_AES __attribute__((always_inline)) static inline
#define TARGET_VAES __attribute__((target("aes,sse4.2,avx512f,avx512vl,vaes")))
#define TARGET_VAES_INLINE TARGET_VAES __attribute__((always_inline)) static inline

// Keeps the compiler from moving work that is off the dependent chain onto it: without these,
// clang regroups the exclusive-ors and the chain is half as long again.
#define SETTLED(v) __asm__("" : "+x"(v))
#define SETTLED_512(v) __asm__("" : "+v"(v))

// ---- one position at a time ----

/// h * x + change: doubles both halves, carries bit 63 to bit 64, folds bit 127 as x^7+x^2+x+1.
TARGET_AES_INLINE __m128i roll(__m128i h, __m128i change) {
  SETTLED(change);
  __m128i doubled = _mm_xor_si128(_mm_add_epi64(h, h), change);
  SETTLED(doubled);
  __m128i carry = _mm_shuffle_epi32(_mm_srai_epi32(h, 31), _MM_SHUFFLE(0, 1, 0, 3));
  return _mm_xor_si128(doubled, _mm_and_si128(carry, _mm_setr_epi32(0x87, 0, 1, 0)));
}

/// What position `p` adds: the byte that enters and the byte that leaves.
TARGET_AES_INLINE __m128i change(const struct cchunker *c, const uint8_t *p) {
  return _mm_xor_si128(_mm_load_si128((const __m128i *)c->in[p[0]]),
                       _mm_load_si128((const __m128i *)c->out[p[-window]]));
}

/// The hash of the window that ends with `last`.
TARGET_AES static __m128i hash_of_window(const struct cchunker *c, const uint8_t *last) {
  __m128i h = _mm_setzero_si128();
  for (int k = window - 1; k >= 0; k--)
    h = roll(h, _mm_load_si128((const __m128i *)c->in[last[-k]]));
  return h;
}

/// AES-128 of `h`, its low half read as a number.
TARGET_AES static uint64_t prf(const struct cchunker *c, __m128i h) {
  const __m128i *key = (const __m128i *)c->round_keys;
  h = _mm_xor_si128(h, key[0]);
  for (int r = 1; r < rounds; r++) h = _mm_aesenc_si128(h, key[r]);
  return (uint64_t)_mm_cvtsi128_si64(_mm_aesenclast_si128(h, key[rounds]));
}

TARGET_AES static size_t scan_singly(const struct cchunker *c, const uint8_t *data, size_t from,
                                     size_t to, uint64_t threshold) {
  if (from >= to) return to;
  __m128i h = hash_of_window(c, data + from);
  if (prf(c, h) < threshold) return from;
  for (size_t i = from + 1; i < to; i++) {
    h = roll(h, change(c, data + i));
    if (prf(c, h) < threshold) return i;
  }
  return to;
}

// ---- AES-NI: eight positions at a time ----

/// The hashes are one dependent chain, the eight AES run side by side; the hashes of the next eight
/// are computed between the rounds of these, or the processor would do one after the other.
TARGET_AES static size_t scan_aes(const struct cchunker *c, const uint8_t *data, size_t from,
                                  size_t to, uint64_t threshold) {
  size_t i = from;
  if (to - i < 2 * group) return scan_singly(c, data, i, to, threshold);
  const __m128i *key = (const __m128i *)c->round_keys;
  // The comparison instruction is signed: flip the top bit of both sides, for the PRF inside its
  // last round key.
  const __m128i last = _mm_xor_si128(key[rounds], _mm_set_epi64x(0, INT64_MIN));
  const __m128i limit = _mm_set1_epi64x((int64_t)(threshold ^ ((uint64_t)1 << 63)));

  __m128i next[group];
  __m128i h = hash_of_window(c, data + i);
  next[0] = _mm_xor_si128(h, key[0]);
  for (int k = 1; k < group; k++) {
    h = roll(h, change(c, data + i + k));
    next[k] = _mm_xor_si128(h, key[0]);
  }
  for (; to - i >= 2 * group; i += group) {
    __m128i b[group];
    for (int k = 0; k < group; k++) b[k] = next[k];
#pragma clang loop unroll(full)
    for (int r = 1; r < rounds; r++) {
      const __m128i round_key = key[r];
      for (int k = 0; k < group; k++) b[k] = _mm_aesenc_si128(b[k], round_key);
      if (r <= group) {
        h = roll(h, change(c, data + i + group + r - 1));
        next[r - 1] = _mm_xor_si128(h, key[0]);
        __asm__ volatile("" : "+m"(next[r - 1]));  // in memory: sixteen registers do not suffice
      }
    }
    __m128i below = _mm_setzero_si128();
    for (int k = 0; k < group; k += 2) {
      __m128i pair = _mm_unpacklo_epi64(_mm_aesenclast_si128(b[k], last),
                                        _mm_aesenclast_si128(b[k + 1], last));
      below = _mm_or_si128(below, _mm_cmpgt_epi64(limit, pair));
    }
    if (!_mm_testz_si128(below, below)) break;
  }
  // A group known to hold a cut, or the last few positions.
  return scan_singly(c, data, i, to, threshold);
}

// ---- VAES: four strips side by side, eight positions of each at a time ----

enum { lanes = 4, strip = 512 };

/// Positions at `p`, `p + strip`, …, one a lane.
TARGET_VAES_INLINE __m512i changes(const struct cchunker *c, const uint8_t *p) {
  __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(change(c, p)),
                                        change(c, p + strip), 1);
  __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(change(c, p + 2 * strip)),
                                         change(c, p + 3 * strip), 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/// `roll` in each of the four lanes.
TARGET_VAES_INLINE __m512i roll_lanes(__m512i h, __m512i change) {
  SETTLED_512(change);
  __m512i doubled = _mm512_xor_si512(_mm512_add_epi64(h, h), change);
  SETTLED_512(doubled);
  __m512i carry = _mm512_shuffle_epi32(_mm512_srai_epi32(h, 31), _MM_SHUFFLE(0, 1, 0, 3));
  __m512i fold = _mm512_set4_epi32(0, 1, 0, 0x87);
  return _mm512_ternarylogic_epi64(doubled, carry, fold, 0x78);  // doubled ^ (carry & fold)
}

/// Hashes of the windows that end just before `p`, `p + strip`, …
TARGET_VAES static __m512i hashes_before(const struct cchunker *c, const uint8_t *p) {
  __m128i h[lanes];
  for (int l = 0; l < lanes; l++) h[l] = _mm_setzero_si128();
  for (int k = window; k >= 1; k--)
    for (int l = 0; l < lanes; l++)
      h[l] = roll(h[l], _mm_load_si128((const __m128i *)c->in[p[l * strip - k]]));
  __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(h[0]), h[1], 1);
  __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(h[2]), h[3], 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/// Takes 4 × 512 positions at a time, so that four hash chains run side by side. When a lane finds
/// a cut, what the lanes before it had not tested yet is scanned in order.
TARGET_VAES static size_t scan_vaes(const struct cchunker *c, const uint8_t *data, size_t from,
                                    size_t to, uint64_t threshold) {
  size_t i = from;
  if (i < window) {  // a lane starts from the window before it
    size_t end = to < window ? to : window;
    i = scan_singly(c, data, from, end, threshold);
    if (i < end || end == to) return i;
  }
  __m512i key[rounds + 1];
  for (int r = 0; r <= rounds; r++)
    key[r] = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)c->round_keys[r]));
  const __m512i limit = _mm512_set1_epi64((int64_t)threshold);

  for (; to - i >= lanes * strip; i += lanes * strip) {
    __m512i h = hashes_before(c, data + i), next[group];
    for (int k = 0; k < group; k++) {
      h = roll_lanes(h, changes(c, data + i + k));
      next[k] = _mm512_xor_si512(h, key[0]);
    }
    for (size_t j = 0; j < strip; j += group) {
      __m512i b[group];
      for (int k = 0; k < group; k++) b[k] = next[k];
      // The last group of a strip has no next: it hashes its own bytes again, for nothing.
      const uint8_t *ahead = data + i + (j + group < strip ? j + group : j);
#pragma clang loop unroll(full)
      for (int r = 1; r < rounds; r++) {
        for (int k = 0; k < group; k++) b[k] = _mm512_aesenc_epi128(b[k], key[r]);
        if (r <= group) {
          h = roll_lanes(h, changes(c, ahead + r - 1));
          next[r - 1] = _mm512_xor_si512(h, key[0]);
        }
      }
      __mmask8 below = 0;
      for (int k = 0; k < group; k++)
        below |= _mm512_cmplt_epu64_mask(_mm512_aesenclast_epi128(b[k], key[rounds]), limit);
      below &= 0x55;  // the first 8 bytes of each lane
      if (below == 0) continue;
      size_t lane = (size_t)__builtin_ctz(below) / 2;
      for (size_t l = 0; l < lane; l++) {
        size_t end = i + (l + 1) * strip;
        size_t cut = scan_aes(c, data, i + l * strip + j + group, end, threshold);
        if (cut < end) return cut;
      }
      return scan_singly(c, data, i + lane * strip + j, to, threshold);
    }
  }
  return i < to ? scan_aes(c, data, i, to, threshold) : to;
}

size_t cchunker_scan(const struct cchunker *c, int method, const uint8_t *data, size_t from,
                     size_t to, uint64_t threshold) {
  if (from >= to || from < window - 1) return to;
  return method == cchunker_method_vaes ? scan_vaes(c, data, from, to, threshold)
                                        : scan_aes(c, data, from, to, threshold);
}

#else

int cchunker_best_method(void) { return cchunker_method_none; }

size_t cchunker_scan(const struct cchunker *c, int method, const uint8_t *data, size_t from,
                     size_t to, uint64_t threshold) {
  (void)c, (void)method, (void)data, (void)from, (void)threshold;
  return to;
}

#endif
