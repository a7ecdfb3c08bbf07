/* Digests, ciphers and codes: long straight runs of integer arithmetic with many values at work at one time, and loops
 * over bytes with a table. */
#include <stddef.h>
#include <string.h>

#include "firmware/bench/bench.h"
#include "firmware/bench/kernels.h"

#define BYTES 4096u

static uint32_t words[BYTES / 4];
static uint8_t text[2 * BYTES];
static uint8_t decoded[BYTES + 16];

static uint32_t fill(uint32_t state) {
  for (size_t i = 0; i < BYTES / 4; i++) words[i] = bench_random(&state);
  return state;
}

static inline uint32_t turned_left(uint32_t value, unsigned by) {
  return value << by | value >> (32 - by);
}
static inline uint32_t turned_right(uint32_t value, unsigned by) {
  return value >> by | value << (32 - by);
}

/* MD5 (RFC 1321), every step written out. The constants are floor(2^32 abs(sin i)). */
#define MD5_F(x, y, z) (((x) & (y)) | (~(x) & (z)))
#define MD5_G(x, y, z) (((x) & (z)) | ((y) & ~(z)))
#define MD5_H(x, y, z) ((x) ^ (y) ^ (z))
#define MD5_I(x, y, z) ((y) ^ ((x) | ~(z)))
#define MD5_STEP(function, a, b, c, d, index, constant, by) \
  a = b + turned_left(a + MD5_##function(b, c, d) + message[index] + (constant), by)
#define MD5_FOUR(function, i0, i1, i2, i3, k0, k1, k2, k3, s0, s1, s2, s3) \
  MD5_STEP(function, a, b, c, d, i0, k0, s0);                              \
  MD5_STEP(function, d, a, b, c, i1, k1, s1);                              \
  MD5_STEP(function, c, d, a, b, i2, k2, s2);                              \
  MD5_STEP(function, b, c, d, a, i3, k3, s3)

static void md5_block(uint32_t state[4], const uint32_t* message) {
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  MD5_FOUR(F, 0, 1, 2, 3, 0xd76aa478u, 0xe8c7b756u, 0x242070dbu, 0xc1bdceeeu, 7, 12, 17, 22);
  MD5_FOUR(F, 4, 5, 6, 7, 0xf57c0fafu, 0x4787c62au, 0xa8304613u, 0xfd469501u, 7, 12, 17, 22);
  MD5_FOUR(F, 8, 9, 10, 11, 0x698098d8u, 0x8b44f7afu, 0xffff5bb1u, 0x895cd7beu, 7, 12, 17, 22);
  MD5_FOUR(F, 12, 13, 14, 15, 0x6b901122u, 0xfd987193u, 0xa679438eu, 0x49b40821u, 7, 12, 17, 22);
  MD5_FOUR(G, 1, 6, 11, 0, 0xf61e2562u, 0xc040b340u, 0x265e5a51u, 0xe9b6c7aau, 5, 9, 14, 20);
  MD5_FOUR(G, 5, 10, 15, 4, 0xd62f105du, 0x02441453u, 0xd8a1e681u, 0xe7d3fbc8u, 5, 9, 14, 20);
  MD5_FOUR(G, 9, 14, 3, 8, 0x21e1cde6u, 0xc33707d6u, 0xf4d50d87u, 0x455a14edu, 5, 9, 14, 20);
  MD5_FOUR(G, 13, 2, 7, 12, 0xa9e3e905u, 0xfcefa3f8u, 0x676f02d9u, 0x8d2a4c8au, 5, 9, 14, 20);
  MD5_FOUR(H, 5, 8, 11, 14, 0xfffa3942u, 0x8771f681u, 0x6d9d6122u, 0xfde5380cu, 4, 11, 16, 23);
  MD5_FOUR(H, 1, 4, 7, 10, 0xa4beea44u, 0x4bdecfa9u, 0xf6bb4b60u, 0xbebfbc70u, 4, 11, 16, 23);
  MD5_FOUR(H, 13, 0, 3, 6, 0x289b7ec6u, 0xeaa127fau, 0xd4ef3085u, 0x04881d05u, 4, 11, 16, 23);
  MD5_FOUR(H, 9, 12, 15, 2, 0xd9d4d039u, 0xe6db99e5u, 0x1fa27cf8u, 0xc4ac5665u, 4, 11, 16, 23);
  MD5_FOUR(I, 0, 7, 14, 5, 0xf4292244u, 0x432aff97u, 0xab9423a7u, 0xfc93a039u, 6, 10, 15, 21);
  MD5_FOUR(I, 12, 3, 10, 1, 0x655b59c3u, 0x8f0ccc92u, 0xffeff47du, 0x85845dd1u, 6, 10, 15, 21);
  MD5_FOUR(I, 8, 15, 6, 13, 0x6fa87e4fu, 0xfe2ce6e0u, 0xa3014314u, 0x4e0811a1u, 6, 10, 15, 21);
  MD5_FOUR(I, 4, 11, 2, 9, 0xf7537e82u, 0xbd3af235u, 0x2ad7d2bbu, 0xeb86d391u, 6, 10, 15, 21);
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

static uint32_t md5(uint32_t rounds) {
  uint32_t state[4] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};
  fill(29);
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < BYTES / 4; i += 16) md5_block(state, words + i);
  }
  return state[0] ^ state[1] ^ state[2] ^ state[3];
}

/* SHA-256 (FIPS 180-4, 6.2.2) with the eight variables in registers; the constants are made up. */
#define SHA_STEP(a, b, c, d, e, f, g, h, i)                                                           \
  do {                                                                                                \
    const uint32_t first = h + (turned_right(e, 6) ^ turned_right(e, 11) ^ turned_right(e, 25)) +     \
                           (g ^ (e & (f ^ g))) + constants[i] + schedule[i];                          \
    const uint32_t second =                                                                           \
        (turned_right(a, 2) ^ turned_right(a, 13) ^ turned_right(a, 22)) + ((a & b) | (c & (a | b))); \
    d += first;                                                                                       \
    h = first + second;                                                                               \
  } while (0)

static uint32_t sha256(uint32_t rounds) {
  static uint32_t schedule[64], constants[64];
  uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8}, made = 31;
  for (size_t i = 0; i < 64; i++) constants[i] = bench_random(&made);
  fill(37);
  for (uint32_t round = 0; round < rounds; round++) {
    memcpy(schedule, words + round % 64 * 16, 64);
    for (size_t i = 16; i < 64; i++) {
      const uint32_t early = schedule[i - 15], late = schedule[i - 2];
      schedule[i] = schedule[i - 16] + (turned_right(early, 7) ^ turned_right(early, 18) ^ early >> 3) +
                    schedule[i - 7] + (turned_right(late, 17) ^ turned_right(late, 19) ^ late >> 10);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6],
             h = state[7];
    for (size_t i = 0; i < 64; i += 8) {
      SHA_STEP(a, b, c, d, e, f, g, h, i);
      SHA_STEP(h, a, b, c, d, e, f, g, i + 1);
      SHA_STEP(g, h, a, b, c, d, e, f, i + 2);
      SHA_STEP(f, g, h, a, b, c, d, e, i + 3);
      SHA_STEP(e, f, g, h, a, b, c, d, i + 4);
      SHA_STEP(d, e, f, g, h, a, b, c, i + 5);
      SHA_STEP(c, d, e, f, g, h, a, b, i + 6);
      SHA_STEP(b, c, d, e, f, g, h, a, i + 7);
    }
    const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < 8; i++) state[i] += sums[i];
  }
  return state[0] ^ state[7];
}

/* ChaCha's double rounds (RFC 8439, 2.3): sixteen words at work, more than either machine has registers for. */
#define CHACHA_QUARTER(a, b, c, d)                                                                                   \
  a += b, d = turned_left(d ^ a, 16), c += d, b = turned_left(b ^ c, 12), a += b, d = turned_left(d ^ a, 8), c += d, \
          b = turned_left(b ^ c, 7)

static uint32_t chacha(uint32_t rounds) {
  fill(41);
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    uint32_t x[16];
    memcpy(x, words, sizeof x);
    x[12] += round;
    for (int twice = 0; twice < 10; twice++) {
      CHACHA_QUARTER(x[0], x[4], x[8], x[12]);
      CHACHA_QUARTER(x[1], x[5], x[9], x[13]);
      CHACHA_QUARTER(x[2], x[6], x[10], x[14]);
      CHACHA_QUARTER(x[3], x[7], x[11], x[15]);
      CHACHA_QUARTER(x[0], x[5], x[10], x[15]);
      CHACHA_QUARTER(x[1], x[6], x[11], x[12]);
      CHACHA_QUARTER(x[2], x[7], x[8], x[13]);
      CHACHA_QUARTER(x[3], x[4], x[9], x[14]);
    }
    for (size_t i = 0; i < 16; i++) sum += x[i] + words[i];
  }
  return sum;
}

/* XTEA (R. Needham, D. Wheeler, "Tea extensions", 1997). */
static uint32_t xtea(uint32_t rounds) {
  fill(43);
  uint32_t left = 1, right = 2;
  for (uint32_t round = 0; round < rounds; round++) {
    uint32_t sum = 0;
    for (int i = 0; i < 32; i++) {
      left += ((right << 4 ^ right >> 5) + right) ^ (sum + words[sum & 3]);
      sum += 0x9e3779b9u;
      right += ((left << 4 ^ left >> 5) + left) ^ (sum + words[sum >> 11 & 3]);
    }
  }
  return left ^ right;
}

static const char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Base64 (RFC 4648, 4) of BYTES / 4 * 3 bytes, there and back. */
static uint32_t base64(uint32_t rounds) {
  static uint8_t value_of[256];
  for (size_t i = 0; i < 64; i++) value_of[(uint8_t)kDigits[i]] = (uint8_t)i;
  fill(47);
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    const uint8_t* from = (const uint8_t*)words;
    uint8_t* to = text;
    for (size_t i = 0; i < BYTES / 4; i++, from += 3, to += 4) {
      const uint32_t three = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
      to[0] = (uint8_t)kDigits[three >> 18];
      to[1] = (uint8_t)kDigits[three >> 12 & 63];
      to[2] = (uint8_t)kDigits[three >> 6 & 63];
      to[3] = (uint8_t)kDigits[three & 63];
    }
    const uint8_t* digit = text;
    uint8_t* back = decoded;
    for (size_t i = 0; i < BYTES / 4; i++, digit += 4, back += 3) {
      const uint32_t three = (uint32_t)value_of[digit[0]] << 18 | (uint32_t)value_of[digit[1]] << 12 |
                             (uint32_t)value_of[digit[2]] << 6 | value_of[digit[3]];
      back[0] = (uint8_t)(three >> 16);
      back[1] = (uint8_t)(three >> 8);
      back[2] = (uint8_t)three;
    }
    ((uint8_t*)words)[round % BYTES]++;
    sum = sum * 31 + text[round % BYTES] + decoded[round % (BYTES / 4 * 3)];
  }
  return sum;
}

/* Ones in words, in parallel and by clearing the lowest. */
static uint32_t ones(uint32_t rounds) {
  fill(53);
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < BYTES / 4; i++) {
      uint32_t value = words[i] ^ round;
      value -= value >> 1 & 0x55555555u;
      value = (value & 0x33333333u) + (value >> 2 & 0x33333333u);
      value = (value + (value >> 4)) & 0x0f0f0f0fu;
      sum += value * 0x01010101u >> 24;
    }
    for (uint32_t value = words[round % (BYTES / 4)]; value != 0; value &= value - 1) sum++;
  }
  return sum;
}

/* A recursive filter of second order: products of 64 bits, summed and rounded. */
static uint32_t recursive_filter(uint32_t rounds) {
  fill(59);
  int32_t x1 = 0, x2 = 0, y1 = 0, y2 = 0;
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < BYTES / 4; i++) {
      const int32_t x = (int32_t)words[i] >> 8;
      const int64_t all = (int64_t)x * 0x04000000 + (int64_t)x1 * 0x08000000 + (int64_t)x2 * 0x04000000 +
                          (int64_t)y1 * 0x2f000000 - (int64_t)y2 * 0x14000000;
      x2 = x1;
      x1 = x;
      y2 = y1;
      y1 = (int32_t)((all + 0x20000000) >> 30);
      sum += (uint32_t)y1;
    }
  }
  return sum;
}

/* Products of numbers of 512 bits, word by word with carries. */
static uint32_t long_products(uint32_t rounds) {
  uint32_t product[32];
  fill(61);
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    const uint32_t *a = words, *b = words + 16 + round % 64;
    memset(product, 0, sizeof product);
    for (size_t i = 0; i < 16; i++) {
      uint32_t carry = 0;
      for (size_t j = 0; j < 16; j++) {
        const uint64_t at = (uint64_t)a[i] * b[j] + product[i + j] + carry;
        product[i + j] = (uint32_t)at;
        carry = (uint32_t)(at >> 32);
      }
      product[i + 16] = carry;
    }
    sum = sum * 31 + product[round % 32];
  }
  return sum;
}

/* Bytes as runs of literals and copies of what is there already, as LZ77's descendants write them. A command is a byte:
 * below 32 that many literals and one more follow, else the length of a copy, in its upper three bits, and a byte of
 * its distance. */
static uint32_t unpack(uint32_t rounds) {
  uint32_t state = 67, sum = 0;
  size_t packed = 0, made = 0;
  while (made + 64 < BYTES) {
    const uint32_t random = bench_random(&state);
    if (made < 256 || (random & 3) == 0) {
      const uint32_t literals = random >> 2 & 15;
      text[packed++] = (uint8_t)literals;
      for (uint32_t i = 0; i <= literals; i++) text[packed++] = (uint8_t)(bench_random(&state) & 0x5f);
      made += literals + 1;
    } else {
      const uint32_t length = 1 + (random >> 2) % 7;
      text[packed++] = (uint8_t)(length << 5);
      text[packed++] = (uint8_t)(random >> 16);
      made += length + 2;
    }
  }
  for (uint32_t round = 0; round < rounds; round++) {
    uint8_t* to = decoded;
    for (const uint8_t* from = text; from < text + packed;) {
      const uint32_t command = *from++;
      if (command < 32) {
        for (uint32_t i = 0; i <= command; i++) *to++ = *from++;
      } else {
        const uint8_t* copied = to - *from++ - 1;
        for (uint32_t left = (command >> 5) + 2; left != 0; left--) *to++ = *copied++;
      }
    }
    sum = sum * 31 + decoded[round % made] + (uint32_t)(to - decoded);
  }
  return sum;
}

/* Adler-32 (RFC 1950, 8.2), sixteen bytes a turn. */
static uint32_t adler(uint32_t rounds) {
  fill(71);
  uint32_t a = 1, b = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    const uint8_t* from = (const uint8_t*)words;
    for (size_t i = 0; i < BYTES; i += 16) {
      for (size_t j = 0; j < 16; j++) {
        a += from[i + j];
        b += a;
      }
    }
    a %= 65521;
    b %= 65521;
  }
  return b << 16 | a;
}

static inline uint64_t turned_left_64(uint64_t value, unsigned by) {
  return value << by | value >> (64 - by);
}

/* SipHash's rounds, two for each of 32 words (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF",
 * 2012). */
static uint32_t siphash(uint32_t rounds) {
  fill(73);
  uint64_t v0 = 1, v1 = 2, v2 = 3, v3 = 4;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < 64; i += 2) {
      const uint64_t word = (uint64_t)words[i + 1] << 32 | words[i];
      v3 ^= word;
      for (int twice = 0; twice < 2; twice++) {
        v0 += v1, v1 = turned_left_64(v1, 13) ^ v0, v0 = turned_left_64(v0, 32);
        v2 += v3, v3 = turned_left_64(v3, 16) ^ v2;
        v0 += v3, v3 = turned_left_64(v3, 21) ^ v0;
        v2 += v1, v1 = turned_left_64(v1, 17) ^ v2, v2 = turned_left_64(v2, 32);
      }
      v0 ^= word;
    }
  }
  const uint64_t all = v0 ^ v1 ^ v2 ^ v3;
  return (uint32_t)(all ^ all >> 32);
}

/* xorshift128+ (S. Vigna, "Further scramblings of Marsaglia's xorshift generators", 2017). */
static uint32_t xorshift128(uint32_t rounds) {
  uint64_t a = 1, b = 2, sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    const uint64_t last = b;
    sum += a + b;
    a ^= a << 23;
    b = a ^ last ^ a >> 18 ^ last >> 5;
    a = last;
  }
  return (uint32_t)(sum ^ sum >> 32);
}

uint32_t bench_run(uint32_t rounds) {
  switch (bench_kernel()) {
#define CODE(function, text, turns) \
  case KERNEL_##function:           \
    return function(rounds);
#include "firmware/bench/kernels.def"
  }
  return 0;
}
