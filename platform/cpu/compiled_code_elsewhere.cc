// Hosts that nothing is compiled for.
#include "platform/cpu/compiled_code.h"

namespace backboard {

std::unique_ptr<CompiledCode> CompiledCode::create(const CompiledPlaces&) {
  return nullptr;
}
CompiledBlock* CompiledCode::find(uint64_t) {
  return nullptr;
}
CompiledBlock* CompiledCode::compile(const Block&, const CompiledData&, uint32_t) {
  return nullptr;
}
bool CompiledCode::full() const {
  return false;
}
void CompiledCode::clear() {}

}  // namespace backboard
