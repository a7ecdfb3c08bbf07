#include "platform/experiment/formula.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <span>

namespace backboard {
namespace {

constexpr unsigned kDepth = 64;
constexpr size_t kLongest = 4096;

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool in_name(char c) {
  return starts_name(c) || (c >= '0' && c <= '9') || c == '.';
}

}  // namespace

/// Recursive descent over the text; appends postfix steps.
class Formula::Parser {
 public:
  Parser(const std::string& text, Formula& formula) : text_(text), formula_(formula) {}

  void parse() {
    if (text_.size() > kLongest) fail("is too long");
    sum();
    if (!at_end()) fail(fmt::format("expected an operator, found '{}'", text_[at_]));
  }

 private:
  struct Function {
    const char* name;
    Op op;
    bool one_argument;
  };
  static constexpr Function kFunctions[] = {{"min", Op::kMin, false},
                                            {"max", Op::kMax, false},
                                            {"mean", Op::kMean, false},
                                            {"abs", Op::kAbs, true},
                                            {"sqrt", Op::kSqrt, true}};

  [[noreturn]] void fail(const std::string& message) const {
    throw FormulaError(fmt::format("column {}: {}", at_ + 1, message));
  }
  bool at_end() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ == text_.size();
  }
  bool accept(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}'", c));
  }
  void emit(Op op, size_t count = 0) { formula_.steps_.push_back({op, 0.0, count}); }

  void sum() {
    if (++depth_ > kDepth) fail("is nested too deeply");
    product();
    for (;;) {
      if (accept('+')) {
        product(), emit(Op::kAdd);
      } else if (accept('-')) {
        product(), emit(Op::kSubtract);
      } else {
        break;
      }
    }
    --depth_;
  }
  void product() {
    factor();
    for (;;) {
      if (accept('*')) {
        factor(), emit(Op::kMultiply);
      } else if (accept('/')) {
        factor(), emit(Op::kDivide);
      } else {
        break;
      }
    }
  }
  void factor() {
    if (++depth_ > kDepth) fail("is nested too deeply");
    if (accept('-')) {
      factor();
      emit(Op::kNegate);
    } else if (accept('(')) {
      sum();
      expect(')');
    } else if (at_end()) {
      fail("expected a value, found the end");
    } else if (starts_name(text_[at_])) {
      name();
    } else {
      number();
    }
    --depth_;
  }
  void number() {
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{}) fail(fmt::format("expected a value, found '{}'", text_[at_]));
    at_ = static_cast<size_t>(end - text_.data());
    formula_.steps_.push_back({Op::kNumber, value, 0});
  }
  void name() {
    const size_t start = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    const std::string word = text_.substr(start, at_ - start);
    if (accept('(')) return call(word, start);
    Reference reference{word, "", false};
    if (accept('[')) {
      const size_t close = text_.find(']', at_);
      if (close == std::string::npos) fail("expected ']'");
      reference.point = text_.substr(at_, close - at_);
      if (reference.point.empty()) fail("expected the name of a point");
      at_ = close + 1;
    }
    reference.optional = accept('?');
    auto& known = formula_.references_;
    const auto found = std::find(known.begin(), known.end(), reference);
    emit(Op::kReference, static_cast<size_t>(found - known.begin()));
    if (found == known.end()) known.push_back(std::move(reference));
  }
  void call(const std::string& word, size_t start) {
    const auto* function =
        std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const Function& f) { return word == f.name; });
    if (function == std::end(kFunctions)) {
      at_ = start;
      fail(fmt::format("there is no function '{}'; known: min, max, mean, abs, sqrt", word));
    }
    size_t arguments = 0;
    do {
      sum();
      ++arguments;
    } while (accept(','));
    expect(')');
    if (function->one_argument && arguments != 1) fail(fmt::format("{} takes one argument", word));
    emit(function->op, arguments);
  }

  const std::string& text_;
  Formula& formula_;
  size_t at_ = 0;
  unsigned depth_ = 0;
};

Formula::Formula(const std::string& text) {
  Parser(text, *this).parse();
}

std::optional<double> Formula::evaluate(const Lookup& lookup) const {
  std::vector<double> values;
  for (const Reference& reference : references_) {
    const std::optional<double> value = lookup(reference);
    if (!value && !reference.optional) return std::nullopt;
    values.push_back(value.value_or(0.0));
  }
  std::vector<double> stack;
  const auto pop = [&stack] {
    const double top = stack.back();
    stack.pop_back();
    return top;
  };
  for (const Step& step : steps_) {
    switch (step.op) {
      case Op::kNumber:
        stack.push_back(step.number);
        break;
      case Op::kReference:
        stack.push_back(values[step.count]);
        break;
      case Op::kNegate:
        stack.back() = -stack.back();
        break;
      case Op::kAbs:
        stack.back() = std::abs(stack.back());
        break;
      case Op::kSqrt:
        stack.back() = std::sqrt(stack.back());
        break;
      case Op::kAdd:
      case Op::kSubtract:
      case Op::kMultiply:
      case Op::kDivide: {
        const double right = pop(), left = pop();
        stack.push_back(step.op == Op::kAdd        ? left + right
                        : step.op == Op::kSubtract ? left - right
                        : step.op == Op::kMultiply ? left * right
                                                   : left / right);
        break;
      }
      case Op::kMin:
      case Op::kMax:
      case Op::kMean: {
        const std::span<const double> arguments(stack.data() + stack.size() - step.count, step.count);
        const double result = step.op == Op::kMin   ? *std::min_element(arguments.begin(), arguments.end())
                              : step.op == Op::kMax ? *std::max_element(arguments.begin(), arguments.end())
                                                    : std::accumulate(arguments.begin(), arguments.end(), 0.0) /
                                                          static_cast<double>(step.count);
        stack.resize(stack.size() - step.count);
        stack.push_back(result);
        break;
      }
    }
  }
  const double result = stack.back();
  return std::isfinite(result) ? std::optional<double>(result) : std::nullopt;
}

}  // namespace backboard
