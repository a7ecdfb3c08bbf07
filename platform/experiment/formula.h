// Formulas of experiment files: arithmetic over named values.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace backboard {

/// What is wrong with a formula; `what()` names the column, the first is 1.
class FormulaError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A parsed formula.
///
///     formula   = term (('+' | '-') term)*
///     term      = factor (('*' | '/') factor)*
///     factor    = '-' factor | number | '(' formula ')' | function '(' formula (',' formula)* ')' | reference
///     reference = name ['[' point ']'] ['?']
///
/// Names are letters, digits, '_' and '.'; a reference that ends in '?' is 0 when it has no value. Functions: min, max
/// and mean of one or more arguments, abs and sqrt of one.
class Formula {
 public:
  /// A name and the point in brackets behind it, empty without brackets.
  struct Reference {
    std::string name, point;
    bool optional = false;
    bool operator==(const Reference&) const = default;
  };
  using Lookup = std::function<std::optional<double>(const Reference&)>;

  /// Throws FormulaError.
  explicit Formula(const std::string& text);

  const std::vector<Reference>& references() const { return references_; }
  /// Nothing when a reference that is not optional has no value, or the result is not finite (a division by zero).
  std::optional<double> evaluate(const Lookup& lookup) const;

 private:
  class Parser;
  enum class Op : uint8_t {
    kNumber,
    kReference,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kNegate,
    kMin,
    kMax,
    kMean,
    kAbs,
    kSqrt
  };
  /// One step of the formula in postfix order.
  struct Step {
    Op op;
    double number = 0;  ///< kNumber
    size_t count = 0;   ///< kReference: index; functions: arguments
  };

  std::vector<Step> steps_;
  std::vector<Reference> references_;
};

}  // namespace backboard
