#include "sw/plan/formats.h"

#include "platform/check/check.h"
#include "platform/check/input_error.h"

namespace backboard {

namespace {

using npu::FormatMask;
using npu::Offer;
using npu::TensorFormat;

constexpr TensorFormat kFormats[] = {
#define TENSOR_FORMAT(name, value, description) TensorFormat::k##name,
#include "drivers/npu/npu_command.def"
};

std::string names_in(FormatMask mask) {
  std::string names;
  for (const TensorFormat format : kFormats)
    if (npu::has_format(mask, format)) names += (names.empty() ? "" : ", ") + lower_case_name(format);
  return names;
}

TensorFormat format_named(const std::string& name) {
  for (const TensorFormat format : kFormats)
    if (lower_case_name(format) == name) return format;
  throw InputError(fmt::format("unknown tensor format '{}'; known: {}", name, names_in(npu::kAllFormats)));
}

TensorFormat decide(const char* what, const std::string& chosen, TensorFormat standard, FormatMask taken,
                    const Offer& offer) {
  const TensorFormat format = chosen == "auto" ? standard : format_named(chosen);
  if (!npu::has_format(taken, format))
    throw InputError(fmt::format("engine {} does not take {} as format of {}; it takes: {}", offer.name,
                                 lower_case_name(format), what, names_in(taken)));
  return format;
}

}  // namespace

std::vector<std::string> plan_format_names() {
  std::vector<std::string> names{"auto"};
  for (const TensorFormat format : kFormats) names.push_back(lower_case_name(format));
  return names;
}

std::string lower_case_name(TensorFormat format) {
  std::string name = npu::name_of(format);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

ResolvedFormats resolve_formats(const PlanFormats& formats, const Offer& offer) {
  const bool mixed = npu::has_format(offer.multiply, TensorFormat::kFGMP);
  TensorFormat plain = TensorFormat::kFP32;
  for (const TensorFormat format : {TensorFormat::kFP16, TensorFormat::kBF16, TensorFormat::kFP32}) {
    if (npu::has_format(offer.multiply, format)) plain = format;
  }
  const TensorFormat main = mixed ? TensorFormat::kFGMP : plain;
  const TensorFormat last = mixed ? TensorFormat::kFP16 : plain;
  const TensorFormat input = mixed ? TensorFormat::kFP16Z : plain;
  const auto of_class = [&](const std::string& own) { return own == "auto" ? formats.all : own; };
  // U8 has no rounding to it that a training could use; it is a format of sources, labels and indices.
  const FormatMask usable = ~npu::mask_of(TensorFormat::kU8);
  const FormatMask multiplied = offer.multiply & offer.vector_out & usable;
  const FormatMask kept = multiplied & offer.vector_in;
  ResolvedFormats result{};
  result.input = decide("the input", of_class(formats.input), input, multiplied, offer);
  result.activation = decide("activations", of_class(formats.activation), main, kept, offer);
  result.error = decide("errors", of_class(formats.error), main, kept, offer);
  result.weight = decide("weights", of_class(formats.weight), main, multiplied, offer);
  result.last_weight = decide("the last layer's weights", formats.last_weight, last, multiplied, offer);
  result.logits = decide("logits", formats.logits, last, kept, offer);
  result.master = decide("master weights", formats.master, TensorFormat::kFP32, offer.vector_in, offer);
  result.rule = formats.rule == "relative" ? 1 : 0;
  return result;
}

}  // namespace backboard
