/* What compilers make of Zba, Zbb and Zbs where they may use them: the same source is built with and without, and
 * prints the same. */
#include <stdint.h>
#include <stdio.h>

typedef unsigned long word; /* a register */
#define WORD_BITS (8 * (unsigned)sizeof(word))

static word rotated(word value, unsigned amount) {
  amount %= WORD_BITS;
  return value << amount | value >> (-amount % WORD_BITS);
}

static unsigned leading_zeros(word value) {
  return value == 0 ? WORD_BITS : (unsigned)__builtin_clzl(value);
}

static unsigned trailing_zeros(word value) {
  return value == 0 ? WORD_BITS : (unsigned)__builtin_ctzl(value);
}

static word next(word state) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^ state << 5;
}

static word mixed(const word* table, word state) {
  const long a = (long)state, b = (long)next(state);
  word sum = table[state % 16] + 5 * state + (word)(uint32_t)state;
  sum += leading_zeros(state >> state % WORD_BITS) + 67 * trailing_zeros(state << state % WORD_BITS);
  sum += (word)__builtin_popcountl(state) + (word)(a < b ? a : b) + (word)(a > b ? a : b);
  sum ^= rotated(sum, (unsigned)state) & ~state;
  sum ^= (word)(long)(int8_t)state + (word)(long)(int16_t)(state >> 3) + (uint16_t)(state >> 5);
  sum ^= sizeof(word) == 8 ? (word)__builtin_bswap64(state) : (word)__builtin_bswap32((uint32_t)state);
  sum |= (word)1 << state % WORD_BITS;
  return sum & ~((word)1 << (state >> 7) % WORD_BITS);
}

int main(void) {
  word table[16], state = 0x12345679, sum = 0;
  for (unsigned i = 0; i < 16; ++i) table[i] = state = next(state);
  for (unsigned i = 0; i < 10000; ++i) {
    state = next(state);
    sum = rotated(sum, 7) + mixed(table, state);
  }
  printf("sum %016llx\n", (unsigned long long)sum);
  return 0;
}
