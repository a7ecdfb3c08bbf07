// What docs/training.md says of the policies' memory and traffic is what the program prints, and what it says of the
// ratios between them holds.
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "tests/support/program.h"

using namespace backboard::test;

namespace {

const std::string kSource = SOURCE_FOLDER;

/// Rows of columns, the heading first.
using Table = std::vector<std::vector<std::string>>;

/// All tables of a text whose headings begin with "policy": lines of as many cells as their heading.
std::vector<Table> tables_of(const std::string& text) {
  std::vector<Table> tables;
  std::istringstream lines(text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; cells >> cell;) row.push_back(cell);
    const bool heading = row.size() > 6 && row[0] == "policy";
    if (heading) tables.emplace_back();
    inside = heading || (inside && !row.empty() && row[0].find('|') == std::string::npos);
    // "MAC a step" and "bytes moved" are one heading each: rows are compared with rows alone.
    if (inside && (heading || row.size() == tables.back().back().size() || tables.back().size() == 1))
      tables.back().push_back(row);
    else
      inside = false;
  }
  return tables;
}

/// Numbers by policy and column of the table that scripts/policies prints.
class Policies {
 public:
  explicit Policies(const Table& table) {
    for (size_t row = 1; row < table.size(); ++row) {
      REQUIRE(table[row].size() == table[0].size());
      for (size_t column = 1; column < table[0].size(); ++column)
        values_[table[row][0]][table[0][column]] = std::stod(table[row][column]);
    }
  }
  double operator()(const std::string& policy, const std::string& column) const {
    return values_.at(policy).at(column);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, row] : values_) names.push_back(name);
    return names;
  }

 private:
  std::map<std::string, std::map<std::string, double>> values_;
};

std::string page() {
  return read_text(kSource + "/docs/training.md");
}

/// The page's table `which` has the rows that `printed` has.
void check_page_has(const std::vector<Table>& printed, size_t which) {
  const std::vector<Table> shown = tables_of(page());
  REQUIRE(printed.size() == 1);
  REQUIRE(shown.size() == 3);
  REQUIRE(printed[0].size() > 4);
  CHECK(shown[which] == printed[0]);
}

std::string plan_policies(const std::string& arguments) {
  const ProgramResult result = run_program(BACKBOARD_PROGRAM, "plan " + kSource + "/configs/nets/" + arguments);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result.out;
}

}  // namespace

TEST_CASE("the page shows what plan --policies prints") {
  check_page_has(tables_of(plan_policies(
                     "resnet8.yaml --batch 16 --engine reference --policies last:1,bias,bn,lite-residual,full")),
                 0);
  check_page_has(tables_of(plan_policies(
                     "mobilenetv2_035.yaml --batch 8 --engine lnpu --policies last:1,bias,lite-residual,full")),
                 2);
}

TEST_CASE("the page shows what scripts/policies counts on the board, and its reasons hold") {
  const ProgramResult result =
      run_program("/usr/bin/env", "BACKBOARD=" BACKBOARD_PROGRAM " " + kSource + "/scripts/policies");
  INFO(result.out << result.err);
  REQUIRE(result.exit_code == 0);
  const std::vector<Table> printed = tables_of(result.out);
  check_page_has(printed, 1);

  const Policies at(printed[0]);
  REQUIRE(at.names().size() == 6);
  for (const std::string& name : at.names()) {
    INFO(name);
    // Each phase is rounded down to a byte a step.
    const double phases = at(name, "FF") + at(name, "BP") + at(name, "WG") + at(name, "UPDATE") + at(name, "other");
    CHECK(std::abs(phases - at(name, "counted")) <= 5);
    // Commands, descriptors and fences come on top of what the plan expects.
    CHECK(at(name, "counted") > at(name, "expected"));
    CHECK(at(name, "counted") < at(name, "expected") + 29e3);
  }
  // Forward: the same, but for batch moments where gamma trains, and for added branches.
  CHECK(at("bias", "FF") == at("last:1", "FF"));
  CHECK(at("bn", "FF") == at("full", "FF"));
  CHECK(at("full", "FF") - at("last:1", "FF") == Approx(7.9e6).epsilon(0.01));
  CHECK(at("lite-residual", "FF") > at("full", "FF"));
  // Errors go back through all layers for one bias at the front, in sparse through the last block, in last:1 nowhere.
  CHECK(at("last:1", "BP") == 0);
  CHECK(at("sparse", "BP") < 0.1 * at("full", "BP"));
  for (const char* name : {"bias", "bn", "lite-residual", "full"}) {
    INFO(name);
    CHECK(at(name, "BP") > 33e6);
    CHECK(at(name, "BP") < 50e6);
  }
  // Gradients re-read inputs and errors of each trained convolution; for biases and gammas the errors alone.
  CHECK(at("full", "WG") > 15 * at("sparse", "WG"));
  for (const char* name : {"bias", "bn"}) CHECK(at(name, "WG") < 0.4 * at("full", "WG"));
  // Memory follows what is kept.
  CHECK(at("last:1", "memory") < 0.34 * at("full", "memory"));
  CHECK(at("sparse", "memory") < 0.34 * at("full", "memory"));
  CHECK(at("bias", "memory") < at("lite-residual", "memory"));
  CHECK(at("lite-residual", "memory") < at("bn", "memory"));
  CHECK(at("bn", "memory") < at("full", "memory"));
  // Traffic in all, in the order of the page's last column.
  const std::vector<std::string> order = {"last:1", "sparse", "bias", "bn", "full", "lite-residual"};
  for (size_t i = 1; i < order.size(); ++i) CHECK(at(order[i - 1], "counted") < at(order[i], "counted"));
}
