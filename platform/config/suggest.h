// "Did you mean ...?" for mistyped names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace backboard {

/// Edit distance with transpositions of neighbours (optimal string alignment).
unsigned edit_distance(std::string_view a, std::string_view b);

/// The nearest of `known` when it is near enough to be meant; else empty. Ties go to the first.
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

/// "; did you mean 'rows'? known: rows, cols", or without the question when nothing is near.
std::string suggestion(std::string_view name, const std::vector<std::string>& known);

}  // namespace backboard
