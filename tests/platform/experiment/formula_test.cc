#include "platform/experiment/formula.h"

#include <catch2/catch.hpp>
#include <map>

using namespace backboard;

namespace {

std::optional<double> value_of(const std::string& text, const std::map<std::string, double>& values = {}) {
  return Formula(text).evaluate([&](const Formula::Reference& reference) -> std::optional<double> {
    const auto found = values.find(reference.point.empty() ? reference.name : reference.name + "@" + reference.point);
    return found == values.end() ? std::nullopt : std::optional<double>(found->second);
  });
}

std::string error_of(const std::string& text) {
  try {
    const Formula formula(text);
  } catch (const FormulaError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("formulas follow the usual precedence, from left to right") {
  CHECK(value_of("2 + 3 * 4") == 14.0);
  CHECK(value_of("(2 + 3) * 4") == 20.0);
  CHECK(value_of("8 / 4 / 2") == 1.0);
  CHECK(value_of("8 - 4 - 2") == 2.0);
  CHECK(value_of("-2 * -(3 - 1)") == 4.0);
  CHECK(value_of("1.5e2 / 3") == 50.0);
  CHECK(value_of("min(3, 1 + 1, 5) + max(1, 7) + mean(1, 2, 6) + abs(-4) + sqrt(9)") == 2.0 + 7.0 + 3.0 + 4.0 + 3.0);
}

TEST_CASE("references name values and points, and may have a value of 0 when they are absent") {
  const std::map<std::string, double> values{{"npu.energy.total", 6.0}, {"bytes@fp16", 4.0}, {"bytes@a-b.c", 2.0}};
  CHECK(value_of("npu.energy.total / 2", values) == 3.0);
  CHECK(value_of("bytes[fp16] / bytes[a-b.c]", values) == 2.0);
  CHECK(value_of("npu.absent + 1", values) == std::nullopt);
  CHECK(value_of("npu.absent? + 1", values) == 1.0);
  const Formula formula("a + b[x] + a + b[x]?");
  REQUIRE(formula.references().size() == 3);
  CHECK(formula.references()[1].name == "b");
  CHECK(formula.references()[1].point == "x");
  CHECK(formula.references()[2].optional);
}

TEST_CASE("a result that is no finite number is no result") {
  CHECK(value_of("1 / 0") == std::nullopt);
  CHECK(value_of("0 / 0") == std::nullopt);
  CHECK(value_of("sqrt(-1)") == std::nullopt);
}

TEST_CASE("what is wrong with a formula is said with its column") {
  CHECK(error_of("1 +") == "column 4: expected a value, found the end");
  CHECK(error_of("1 2") == "column 3: expected an operator, found '2'");
  CHECK(error_of("(1 + 2") == "column 7: expected ')'");
  CHECK(error_of("a[b") == "column 3: expected ']'");
  CHECK(error_of("a[]") == "column 3: expected the name of a point");
  CHECK(error_of("median(1)") == "column 1: there is no function 'median'; known: min, max, mean, abs, sqrt");
  CHECK(error_of("abs(1, 2)") == "column 10: abs takes one argument");
  CHECK(error_of("$") == "column 1: expected a value, found '$'");
  CHECK(error_of("") == "column 1: expected a value, found the end");
  CHECK(error_of(std::string(10'000, '(')) == "column 1: is too long");
  CHECK(error_of(std::string(1000, '(')).find("nested too deeply") != std::string::npos);
  CHECK(error_of(std::string(1000, '-')).find("nested too deeply") != std::string::npos);
}
