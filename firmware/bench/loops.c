/* Loops of control code and of integer arithmetic, one of them a run: what is not in the other programs' mixes. */
#include "firmware/bench/kernels.h"

#include <stddef.h>
#include <string.h>

#include "firmware/bench/bench.h"

#define WORDS 1024u

static uint32_t words[WORDS];
static uint8_t bytes[WORDS];

static uint32_t fill(uint32_t state) {
  for (size_t i = 0; i < WORDS; i++) {
    words[i] = bench_random(&state);
    bytes[i] = (uint8_t)(words[i] >> 7);
  }
  return state;
}

/* C. A. R. Hoare's partition, and insertion for short runs. */
static void quicksort(uint32_t* first, uint32_t* last) {
  while (last - first > 12) {
    const uint32_t pivot = first[(last - first) / 2];
    uint32_t *low = first, *high = last;
    while (low <= high) {
      while (*low < pivot) low++;
      while (*high > pivot) high--;
      if (low > high) break;
      const uint32_t swapped = *low;
      *low++ = *high;
      *high-- = swapped;
    }
    quicksort(first, high);
    first = low;
  }
  for (uint32_t* at = first + 1; at <= last; at++) {
    const uint32_t value = *at;
    uint32_t* place = at;
    for (; place > first && place[-1] > value; place--) *place = place[-1];
    *place = value;
  }
}

static uint32_t sort(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    fill(round + 1);
    quicksort(words, words + WORDS - 1);
    sum = sum * 31 + words[round % WORDS];
  }
  return sum;
}

/* CRC-32 (IEEE 802.3), reflected, by a table of 256 words. */
static uint32_t crc_by_table(uint32_t rounds) {
  static uint32_t table[256];
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ ((value & 1) ? 0xedb88320u : 0);
    table[i] = value;
  }
  fill(1);
  uint32_t crc = ~0u;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < WORDS; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
  }
  return ~crc;
}

static uint32_t crc_by_bits(uint32_t rounds) {
  fill(1);
  uint32_t crc = ~0u;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < WORDS; i++) {
      crc ^= bytes[i];
      for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
  }
  return ~crc;
}

/* A needle in text, character by character, and the C library's functions on strings. */
static uint32_t strings(uint32_t rounds) {
  static char text[WORDS];
  static const char kNeedle[] = "abacab";
  uint32_t state = 3, sum = 0;
  for (size_t i = 0; i + 1 < WORDS; i++) text[i] = (char)('a' + bench_random(&state) % 3);
  for (uint32_t round = 0; round < rounds; round++) {
    for (const char* at = text; *at != '\0'; at++) {
      size_t same = 0;
      while (kNeedle[same] != '\0' && at[same] == kNeedle[same]) same++;
      if (kNeedle[same] == '\0') sum += (uint32_t)(at - text);
    }
    text[round % (WORDS - 1)] = (char)('a' + round % 3);
    sum += (uint32_t)strlen(text) + (strcmp(text, text + 1) > 0) + (strchr(text, 'z') == NULL);
  }
  return sum;
}

typedef struct link {
  struct link* next;
  uint32_t value;
} link;

static uint32_t list(uint32_t rounds) {
  static link links[WORDS];
  fill(5);
  for (size_t i = 0; i < WORDS; i++) {
    links[i * 387 % WORDS].next = &links[(i + 1) * 387 % WORDS];
    links[i].value = words[i];
  }
  uint32_t sum = 0;
  const link* at = links;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < WORDS; i++) {
      sum = sum + at->value;
      at = at->next;
    }
    sum ^= sum >> 3;
  }
  return sum;
}

/* Products of 64 bits: an exponentiation modulo 2^61 - 1, and a linear congruence (Knuth's MMIX). */
static uint64_t reduced(uint64_t low, uint64_t high) {
  const uint64_t prime = ((uint64_t)1 << 61) - 1;
  uint64_t sum = (low & prime) + (low >> 61 | high << 3);
  sum = (sum & prime) + (sum >> 61);
  return sum >= prime ? sum - prime : sum;
}
static uint64_t product(uint64_t a, uint64_t b) {
  const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  const uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (uint32_t)middle;
  return reduced((uint64_t)(uint32_t)low | other << 32, a1 * b1 + (middle >> 32) + (other >> 32));
}
static uint32_t wide_products(uint32_t rounds) {
  uint64_t value = 3, state = 1;
  for (uint32_t round = 0; round < rounds; round++) {
    uint64_t power = 1;
    for (int bit = 0; bit < 32; bit++) {
      power = product(power, power);
      if (round >> (bit & 7) & 1) power = product(power, value);
    }
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = power + (state >> 33) + 2;
  }
  return (uint32_t)value ^ (uint32_t)(value >> 32);
}

static uint32_t congruence(uint32_t rounds) {
  uint64_t state = 1;
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds * WORDS; round++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    sum += (uint32_t)(state >> 33);
  }
  return sum;
}

static uint32_t divisions(uint32_t rounds) {
  fill(11);
  uint32_t sum = 0;
  for (uint32_t round = 1; round <= rounds; round++) {
    for (size_t i = 0; i < WORDS; i++) {
      sum += words[i] / (round + i) + words[i] % (i | 7);
      sum ^= (uint32_t)((int32_t)words[i] / (int32_t)(round + 2 * i));
    }
  }
  return sum;
}

/* Decimal digits: a division and a remainder for each. */
static uint32_t decimals(uint32_t rounds) {
  fill(13);
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    const volatile uint32_t ten = 10;
    const uint32_t base = ten;
    for (size_t i = 0; i < WORDS; i++) {
      for (uint32_t value = words[i]; value != 0; value /= base) sum = sum * 5 + value % base;
    }
  }
  return sum;
}

static uint32_t wide_divisions(uint32_t rounds) {
  fill(17);
  uint64_t sum = 0;
  for (uint32_t round = 1; round <= rounds; round++) {
    for (size_t i = 0; i + 1 < WORDS; i++) {
      sum += ((uint64_t)words[i] << 32 | words[i + 1]) / (words[i] * (uint64_t)round + 1);
    }
  }
  return (uint32_t)sum ^ (uint32_t)(sum >> 32);
}

/* The rounds of SHA-256 (FIPS 180-4, 6.2.2), with made-up constants. */
static uint32_t turned(uint32_t value, unsigned by) {
  return value >> by | value << (32 - by);
}
static uint32_t hash(uint32_t rounds) {
  fill(19);
  uint32_t v[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (uint32_t round = 0; round < rounds; round++) {
    for (uint32_t i = 16; i < 64; i++) {
      const uint32_t early = words[i - 15], late = words[i - 2];
      words[i] = words[i - 16] + (turned(early, 7) ^ turned(early, 18) ^ early >> 3) + words[i - 7] +
                 (turned(late, 17) ^ turned(late, 19) ^ late >> 10);
    }
    for (uint32_t i = 0; i < 64; i++) {
      const uint32_t first = v[7] + (turned(v[4], 6) ^ turned(v[4], 11) ^ turned(v[4], 25)) +
                             ((v[4] & v[5]) ^ (~v[4] & v[6])) + words[i] + words[i + 64];
      const uint32_t second =
          (turned(v[0], 2) ^ turned(v[0], 13) ^ turned(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      memmove(v + 1, v, 7 * sizeof v[0]);
      v[4] += first;
      v[0] = first + second;
    }
  }
  return v[0] ^ v[7];
}

static uint32_t fibonacci_of(uint32_t n) {
  return n < 2 ? n : fibonacci_of(n - 1) + fibonacci_of(n - 2);
}
static uint32_t calls(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) sum += fibonacci_of(14 + (round & 1));
  return sum;
}

/* An interpreter of its own: a switch for each byte. */
static uint32_t switches(uint32_t rounds) {
  fill(23);
  uint32_t value = 1;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < WORDS; i++) {
      switch (bytes[i] & 7) {
        case 0:
          value += bytes[i];
          break;
        case 1:
          value ^= value << 5;
          break;
        case 2:
          value -= i;
          break;
        case 3:
          value = value >> 3 | value << 29;
          break;
        case 4:
          value *= 33;
          break;
        case 5:
          words[i] = value;
          break;
        case 6:
          value += words[value % WORDS];
          break;
        default:
          value = ~value;
          break;
      }
    }
  }
  return value;
}

uint32_t bench_run(uint32_t rounds) {
  switch (bench_kernel()) {
#define LOOP(name, text, turns) \
  case KERNEL_##name:           \
    return name(rounds);
#include "firmware/bench/kernels.def"
  }
  return 0;
}
