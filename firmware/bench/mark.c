/* What CoreMark is made of, written anew: a linked list that is searched and sorted, a small matrix, a state machine
 * that reads numbers from text, and a CRC over all results. */
#include <stddef.h>

#include "firmware/bench/bench.h"

#define NODES 64u
#define SIZE 10

typedef struct node {
  struct node* next;
  int16_t key, value;
} node;

static node nodes[NODES];
static int16_t left[SIZE][SIZE], right[SIZE][SIZE];
static int32_t product[SIZE][SIZE];
static const char kText[] = "12,-7,0x1f,3.25,+880,1e4,abc,77.5e-2,,0,-0.5,9f,123456,+,0xzz,42";

/* CRC-16/ARC, bit by bit: polynomial 0x8005 reflected. */
static uint16_t crc16(uint16_t crc, uint32_t value) {
  for (int bit = 0; bit < 32; bit++) {
    const uint32_t carry = (crc ^ value) & 1u;
    crc = (uint16_t)(crc >> 1);
    value >>= 1;
    if (carry) crc ^= 0xA001u;
  }
  return crc;
}

static node* merge(node* a, node* b) {
  node head = {NULL, 0, 0};
  node* last = &head;
  while (a != NULL && b != NULL) {
    node** smaller = a->key <= b->key ? &a : &b;
    last->next = *smaller;
    last = *smaller;
    *smaller = (*smaller)->next;
  }
  last->next = a != NULL ? a : b;
  return head.next;
}

static node* sort_list(node* list) {
  if (list == NULL || list->next == NULL) return list;
  node* middle = list;
  for (node* end = list->next; end != NULL && end->next != NULL; end = end->next->next) middle = middle->next;
  node* second = middle->next;
  middle->next = NULL;
  return merge(sort_list(list), sort_list(second));
}

static uint16_t list_work(uint32_t seed, uint16_t crc) {
  for (uint32_t i = 0; i < NODES; i++) {
    nodes[i].key = (int16_t)bench_random(&seed);
    nodes[i].value = (int16_t)i;
    nodes[i].next = i + 1 < NODES ? &nodes[i + 1] : NULL;
  }
  node* list = sort_list(nodes);
  for (int16_t wanted = 0; wanted < (int16_t)NODES; wanted += 5) {
    uint32_t steps = 0;
    for (const node* at = list; at != NULL && at->value != wanted; at = at->next) steps++;
    crc = crc16(crc, steps);
  }
  return crc;
}

static uint16_t matrix_work(uint32_t seed, uint16_t crc) {
  for (int i = 0; i < SIZE; i++) {
    for (int j = 0; j < SIZE; j++) {
      left[i][j] = (int16_t)(bench_random(&seed) & 0xff);
      right[i][j] = (int16_t)(bench_random(&seed) & 0xff);
    }
  }
  int32_t sum = 0;
  for (int i = 0; i < SIZE; i++) {
    for (int j = 0; j < SIZE; j++) {
      int32_t dot = 0;
      for (int k = 0; k < SIZE; k++) dot += (int32_t)left[i][k] * right[k][j];
      product[i][j] = dot;
      sum += (dot >> 2 & 0xf) * (dot >> 5 & 0x7f);
    }
  }
  return crc16(crc, (uint32_t)sum);
}

enum state { START, SIGN, INTEGER, POINT, EXPONENT, HEXADECIMAL, INVALID, STATES };

static enum state step(enum state state, char c) {
  const int digit = c >= '0' && c <= '9';
  switch (state) {
    case START:
      return digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN:
      return digit ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER:
      return digit ? INTEGER : c == '.' ? POINT : c == 'e' ? EXPONENT : c == 'x' ? HEXADECIMAL : INVALID;
    case POINT:
      return digit ? POINT : c == 'e' ? EXPONENT : INVALID;
    case EXPONENT:
      return digit || c == '+' || c == '-' ? EXPONENT : INVALID;
    case HEXADECIMAL:
      return digit || (c >= 'a' && c <= 'f') ? HEXADECIMAL : INVALID;
    default:
      return INVALID;
  }
}

static uint16_t text_work(uint16_t crc) {
  uint32_t ends[STATES] = {0}, steps[STATES] = {0};
  enum state state = START;
  for (const char* c = kText; *c != '\0'; c++) {
    if (*c == ',') {
      ends[state]++;
      state = START;
    } else {
      state = step(state, *c);
      steps[state]++;
    }
  }
  for (int i = 0; i < STATES; i++) crc = crc16(crc, ends[i] << 16 | steps[i]);
  return crc;
}

uint32_t bench_run(uint32_t rounds) {
  uint16_t crc = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    crc = list_work(round + 1, crc);
    crc = matrix_work(round + 1, crc);
    crc = text_work(crc);
  }
  return crc;
}
