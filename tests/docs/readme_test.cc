// README and docs stay true: the code that they show is the code that is built, the files that they name exist.
#include <catch2/catch.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

const std::filesystem::path kSource = SOURCE_FOLDER;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> pages() {
  std::vector<std::filesystem::path> found = {kSource / "README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSource / "docs")) {
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  }
  return found;
}

/// What links call the headings of a page: lower case, hyphens for spaces, other punctuation left out (as GitHub does).
std::set<std::string> anchors_of(const std::string& text) {
  std::set<std::string> anchors;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t title = line.find_first_not_of('#');
    if (title == 0 || title == std::string::npos || line[title] != ' ') continue;
    std::string anchor;
    for (const char c : line.substr(title + 1)) {
      if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-') {
        anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      } else if (c == ' ') {
        anchor += '-';
      }
    }
    anchors.insert(anchor);
  }
  return anchors;
}

}  // namespace

// firmware_example is built from that file, and tests/firmware/apps_test.cc runs it.
TEST_CASE("the README's firmware is firmware/apps/example/main.c, letter by letter") {
  const std::string readme = text_of(kSource / "README.md");
  const size_t first = readme.find("```c\n");
  REQUIRE(first != std::string::npos);
  const size_t begin = first + 5;
  CHECK(readme.substr(begin, readme.find("```", begin) - begin) == text_of(kSource / "firmware/apps/example/main.c"));
}

TEST_CASE("every link of a page leads to a file, and to a heading where it names one") {
  const std::regex link(R"(\]\(([^)#:]*)(?:#([^)]+))?\))");
  unsigned links = 0, anchors = 0;
  for (const auto& page : pages()) {
    const std::string text = text_of(page);
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
      const auto& match = *it;
      INFO(page << ": " << match[0]);
      const auto target = match[1].length() == 0 ? page : page.parent_path() / match[1].str();
      CHECK(std::filesystem::exists(target));
      ++links;
      if (!match[2].matched) continue;
      CHECK(anchors_of(text_of(target)).count(match[2].str()) == 1);
      ++anchors;
    }
  }
  CHECK(links >= 4);
  CHECK(anchors >= 4);
}

TEST_CASE("every file of the repository that a page names exists") {
  const std::regex name(
      R"((configs|scripts|data|docs|firmware|drivers|tests|npu|platform|sw)/[A-Za-z0-9_./-]*[A-Za-z0-9_])");
  unsigned names = 0;
  for (const auto& page : pages()) {
    const std::string text = text_of(page);
    for (std::sregex_iterator it(text.begin(), text.end(), name), end; it != end; ++it) {
      const std::string before = it->prefix().str();
      // Paths below build folders and patterns with capitals or stars are not files of the repository.
      if (!before.empty() && (std::isalnum(static_cast<unsigned char>(before.back())) || before.back() == '/'))
        continue;
      const std::string path = it->str();
      const char after = it->suffix().length() ? *it->suffix().first : ' ';
      if (it->suffix().str().substr(0, 2) == ".*") continue;  // every file of that name
      if (after == '*' || after == '{' || path.find("NAME") != std::string::npos) continue;
      INFO(page << ": " << path);
      CHECK(std::filesystem::exists(kSource / path));
      ++names;
    }
  }
  CHECK(names >= 10);
}
