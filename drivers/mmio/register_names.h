/* Turns the next included register description (*.def) into C names. For each register: NAME_OFFSET (arrays also
 * NAME_COUNT and NAME_STRIDE). For each FIELD(REGISTER, NAME, ...): NAME_LSB, NAME_WIDTH and NAME_MASK (in place).
 * No include guard: every header of registers includes this file once before its .def. */
#undef REG
#undef REG_ARRAY
#undef REG8
#undef REG8_BANK
#undef FIELD
#define REG(name, offset, access, reset, description) enum { name##_OFFSET = offset };
#define REG_ARRAY(name, offset, access, reset, count, stride, description) \
  enum { name##_OFFSET = offset, name##_COUNT = count, name##_STRIDE = stride };
#define REG8(name, offset, access, reset, description) enum { name##_OFFSET = offset };
#define REG8_BANK(bank, name, offset, access, reset, description) enum { name##_OFFSET = offset };
#define FIELD(reg, name, lsb, width, description)  \
  enum { name##_LSB = lsb, name##_WIDTH = width }; \
  static const uint32_t name##_MASK = (0xFFFFFFFFu >> (32 - (width))) << (lsb);
