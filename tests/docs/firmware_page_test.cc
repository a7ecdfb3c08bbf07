// docs/firmware.md is true: its commands are run in its order, and say what it shows.
#include <catch2/catch.hpp>
#include <optional>
#include <sstream>

#include "tests/support/background_program.h"

using backboard::test::BackgroundProgram;
using backboard::test::eventually;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;

namespace {

const std::filesystem::path kSource = SOURCE_FOLDER;

struct Block {
  std::string language;
  std::vector<std::string> lines;
};

std::vector<Block> blocks_of(const std::string& text) {
  std::vector<Block> blocks;
  std::istringstream lines(text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, 3, "```") == 0) {
      if (!inside) blocks.push_back({line.substr(3), {}});
      inside = !inside;
    } else if (inside) {
      blocks.back().lines.push_back(line);
    }
  }
  return blocks;
}

/// Replaces the page's TCP port by a socket of the test's own, so that tests may run side by side.
std::string own_socket(std::string command, const std::string& from, const std::string& to) {
  const size_t at = command.find(from);
  return at == std::string::npos ? command : command.replace(at, from.size(), to);
}

/// The commands of the page, in a folder that looks like the repository's root.
class Reader {
 public:
  Reader() {
    for (const auto& entry : std::filesystem::directory_iterator(kSource)) {
      const auto name = entry.path().filename();
      if (name != "build" && name != "out") std::filesystem::create_symlink(entry.path(), root_.path(name.string()));
    }
    std::filesystem::create_directory(root_.path("build"));
    std::filesystem::create_directory_symlink(BUILD_FOLDER, root_.path("build/release"));
  }

  void read(const Block& block) {
    if (block.language == "sh") {
      said_.clear();
      for (const std::string& line : block.lines) shell(line);
    } else if (block.language == "gdb") {
      debug(block.lines);
    } else if (block.language == "text") {
      check_said(block.lines);
      ++compared_;
    }
  }
  unsigned commands() const { return commands_; }
  unsigned compared() const { return compared_; }

 private:
  std::string in_root(const std::string& command) const { return "cd '" + root_.path() + "' && " + command; }

  void shell(const std::string& line) {
    ++commands_;
    INFO(line);
    if (line.compare(0, 6, "cmake ") == 0) return;
    if (line.compare(0, 14, "gdb-multiarch ") == 0) {
      gdb_ = line;
    } else if (line.find(" --gdb ") != std::string::npos) {
      board_.emplace("/bin/sh", std::vector<std::string>{
                                    "-c", in_root("exec " + own_socket(line, "--gdb 1234", "--gdb unix:gdb"))});
      REQUIRE(eventually(
          [&] { return board_->err().find("waiting for gdb on ") != std::string::npos || board_->ended(); }));
    } else {
      run(line);
    }
  }
  void debug(const std::vector<std::string>& commands) {
    REQUIRE(board_);
    std::string line = gdb_ + " -nx -batch -l 60";
    for (const std::string& command : commands) line += " -ex '" + own_socket(command, ":1234", "gdb") + "'";
    said_.clear();
    run(line);
    CHECK(board_->exit_code() == 0);
    commands_ += static_cast<unsigned>(commands.size());
  }
  void run(const std::string& command) {
    const std::string log = root_.path("said");
    root_.write("command", command + "\n");  // for a shell of its own that can be ended
    CHECK(std::system(in_root("timeout 60 /bin/sh command >said 2>&1 </dev/null").c_str()) == 0);
    said_ += read_text(log);
  }
  void check_said(const std::vector<std::string>& lines) const {
    INFO(said_);
    for (const std::string& line : lines) {
      INFO("the page shows: " << line);
      CHECK(said_.find(line) != std::string::npos);
    }
  }

  TemporaryFolder root_;
  std::optional<BackgroundProgram> board_;
  std::string gdb_, said_;
  unsigned commands_ = 0, compared_ = 0;
};

}  // namespace

TEST_CASE("every command of docs/firmware.md works, and says what the page shows") {
  Reader reader;
  std::string code;
  for (const Block& block : blocks_of(read_text((kSource / "docs/firmware.md").string()))) {
    reader.read(block);
    if (block.language != "c") continue;
    for (const std::string& line : block.lines) code += line + "\n";
  }
  CHECK(code == read_text((kSource / "firmware/apps/driver/main.c").string()));
  CHECK(reader.commands() >= 25);
  CHECK(reader.compared() >= 5);
}
