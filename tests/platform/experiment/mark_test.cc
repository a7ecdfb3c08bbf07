// Marks over seeds: what is a loss, what is none.
#include "platform/experiment/mark.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

using namespace backboard;

TEST_CASE("the sign test counts fair coins: nine of ten or more come by chance in eleven of 1024") {
  CHECK(sign_chance(10, 10) == 1.0 / 1024);
  CHECK(sign_chance(9, 10) == 11.0 / 1024);
  CHECK(sign_chance(8, 10) == 56.0 / 1024);
  CHECK(sign_chance(0, 10) == 1.0);
  CHECK(sign_chance(0, 0) == 1.0);
  CHECK(sign_chance(1, 1) == 0.5);
  CHECK(sign_chance(1000, 1000) < 1e-300);  // neither nan nor an overflow
}

TEST_CASE("a standard error is the deviation over the root of the count") {
  CHECK(standard_error(std::vector<double>{1, 3}) == Approx(1.0));  // deviation sqrt 2 over sqrt 2
  CHECK(standard_error(std::vector<double>{2, 2, 2}) == 0.0);
  CHECK(standard_error(std::vector<double>{2}) == 0.0);
}

TEST_CASE("a loss must clear two standard errors") {
  // mean 1, deviation sqrt(2.5), error sqrt(0.5) = 0.707
  const std::vector<double> spread{-1, 0, 1, 2, 3};
  CHECK_FALSE(judge(Mark::loses, 0, spread).holds);
  CHECK(judge(Mark::loses, 0, std::vector<double>{1, 2, 3, 4, 5}).holds);
  CHECK_FALSE(judge(Mark::loses, 0, std::vector<double>{-1, -2, -3, -4, -5}).holds);
  const MarkResult result = judge(Mark::loses, 0, spread);
  CHECK(result.mean == 1.0);
  CHECK(result.error == Approx(std::sqrt(0.5)));
  CHECK(result.above == 3);
  CHECK(result.below == 1);
}

TEST_CASE("what keeps is within two standard errors or the tolerance, and no sign test sees a loss") {
  CHECK(judge(Mark::keeps, 0, std::vector<double>{-1, 0, 1, 2, 1}).holds);
  CHECK_FALSE(judge(Mark::keeps, 0, std::vector<double>{1, 2, 3, 4, 5}).holds);
  // Small but of one sign: ten of ten come by chance once in 1024, six of six once in 64, five of five in 32.
  CHECK_FALSE(judge(Mark::keeps, 0.25, std::vector<double>(10, 0.1)).holds);
  CHECK_FALSE(judge(Mark::keeps, 0.25, std::vector<double>(6, 0.1)).holds);
  CHECK(judge(Mark::keeps, 0.25, std::vector<double>(5, 0.1)).holds);
  CHECK(judge(Mark::keeps, 0.25, std::vector<double>(10, -0.1)).holds);  // a gain is no loss
  CHECK_FALSE(judge(Mark::keeps, 0.05, std::vector<double>(5, 0.1)).holds);
}

TEST_CASE("a few seeds are not judged") {
  const MarkResult few = judge(Mark::loses, 0, std::vector<double>{5, 5.1, 5.2, 5.3});
  CHECK_FALSE(few.judged);
  CHECK_FALSE(few.holds);
  CHECK(mark_text(Mark::loses, few).find("not judged") != std::string::npos);
  CHECK(mark_text(Mark::loses, judge(Mark::loses, 0, std::vector<double>{1, 2, 3, 4, 5})) ==
        "3.00 +- 0.71 (standard error), above zero in 5 of 5, by chance 0.031: loses, holds");
}
