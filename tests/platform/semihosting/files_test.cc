// Semihosting's files: what an honest guest gets, and that a hostile one gets nothing else.
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "platform/semihosting/guest_files.h"
#include "tests/support/program.h"

using backboard::FileMode;
using backboard::GuestFiles;
using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::run_program;
using backboard::test::TemporaryFolder;

namespace {

const std::string kGuest = FIRMWARE_FOLDER "/test_files.elf";

/// A folder to give away, with links out of it, inside a folder with a secret.
struct Premises {
  TemporaryFolder host;
  std::string given = host.path("given");

  Premises() {
    host.write("secret", "secret");
    host.write("given/sub/given.txt", "given");
    host.write("given/sub/gone.txt", "gone");
    host.write("given/bait", "bait");
    std::filesystem::create_symlink("../secret", given + "/link");
    std::filesystem::create_symlink("../made", given + "/dangling");
    std::filesystem::create_symlink("..", given + "/folder_link");
    std::filesystem::create_symlink("../..", given + "/sub/up");
    REQUIRE(::mkfifo((given + "/pipe").c_str(), 0600) == 0);
  }
  std::vector<std::string> outside() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(host.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

}  // namespace

TEST_CASE("a guest works with files of the folder, and finds no way out of it") {
  const Premises premises;
  const ProgramResult result =
      run_program(BACKBOARD_PROGRAM, "exec '" + kGuest + "' --semihosting-dir '" + premises.given + "'");
  INFO(result.err);
  CHECK(result.exit_code == 0);
  const std::string expected =
      "write 0 close 0\r\n"
      "dotdot -1 errno 13\r\n"
      "append 0 length 13 close 0\r\n"
      "seek 0 read 10 89abc end 4 write 2\r\n"
      "close 0 again -1\r\n"
      "given 0 given\r\n"
      "rename 0 remove 0\r\n"
      "../secret: -1 -1 -1 -1 -1 -1\r\n"
      "sub/../../secret: -1 -1 -1 -1 -1 -1\r\n"
      "..: -1 -1 -1 -1 -1 -1\r\n"
      "/etc/passwd: -1 -1 -1 -1 -1 -1\r\n"
      "folder_link/secret: -1 -1 -1 -1 -1 -1\r\n"
      "sub/up/secret: -1 -1 -1 -1 -1 -1\r\n"
      "/: -1 -1 -1 -1 -1 -1\r\n"
      ": -1 -1 -1 -1 -1 -1\r\n"
      "//etc/passwd: -1 -1 -1 -1 -1 -1\r\n"
      "./../secret: -1 -1 -1 -1 -1 -1\r\n"
      "sub/..: -1 -1 -1 -1 -1 -1\r\n"
      "folder_link/new: -1 -1 -1 -1 -1 -1\r\n"
      "link: -1 -1 -1\r\n"
      "dangling: -1 -1 -1\r\n"
      "pipe: -1 -1 -1\r\n"
      "sub: -1 -1 -1\r\n"
      "system -1 errno 1\r\n"
      "handles -1 -1 -1\r\n"
      "wild -1 -1\r\n"
      "open 64\r\n";
  CHECK(result.out == expected);
  CHECK(result.err.find("SYS_SYSTEM is refused") != std::string::npos);
  CHECK(premises.outside() == std::vector<std::string>{"given", "secret"});
  CHECK(read_text(premises.host.path("secret")) == "secret");
  CHECK(read_text(premises.given + "/sub/moved.txt") == "0123456789abc");
  CHECK(!std::filesystem::exists(premises.given + "/sub/gone.txt"));
  CHECK(read_text(premises.given + "/bait") == "bait");
  CHECK(!std::filesystem::exists(premises.given + "/stolen"));
  CHECK(!std::filesystem::exists("ran"));
}

TEST_CASE("without a folder there are no files, and that is reported once") {
  const ProgramResult result = run_program(BACKBOARD_PROGRAM, "exec '" + kGuest + "'");
  CHECK(result.exit_code == 0);
  CHECK(result.out.find("dotdot -1 errno 1\r\n") != std::string::npos);
  CHECK(result.out.find("open 0\r\n") != std::string::npos);
  const size_t first = result.err.find("--semihosting-dir");
  CHECK(first != std::string::npos);
  CHECK(result.err.find("SYS_OPEN", first) == std::string::npos);
  // At the moment of the call, not at the start of the quantum that it is made in.
  CHECK(result.err.find("finding: ") == 0);
  CHECK(std::stod(result.err.substr(std::string("finding: ").size())) > 0.0);
  CHECK(result.err.find("us: semihosting: SYS_OPEN of") != std::string::npos);
  const ProgramResult nowhere =
      run_program(BACKBOARD_PROGRAM, "exec '" + kGuest + "' --semihosting-dir /nowhere/at/all");
  CHECK(nowhere.exit_code == 2);
  CHECK(nowhere.err.find("--semihosting-dir /nowhere/at/all") != std::string::npos);
}

TEST_CASE("sizes and numbers of files are bounded") {
  const TemporaryFolder folder;
  GuestFiles files(folder.path());
  FileMode make;
  make.write = make.create = true;
  const auto file = files.open("big", make);
  REQUIRE(file.error == 0);
  CHECK(files.seek(file.value, GuestFiles::kMaxFileBytes + 1) == EINVAL);
  CHECK(files.seek(file.value, GuestFiles::kMaxFileBytes - 1) == 0);
  const uint8_t bytes[2] = {1, 2};
  CHECK(files.write(file.value, bytes).error == EFBIG);
  CHECK(files.length(file.value).value == 0);
  CHECK(files.close(file.value) == 0);
  for (uint64_t i = 1; i < GuestFiles::kMaxCreated; ++i) {
    const auto made = files.open("f" + std::to_string(i), make);
    REQUIRE(made.error == 0);
    REQUIRE(files.close(made.value) == 0);
  }
  CHECK(files.open("one more", make).error == ENOSPC);
  CHECK(files.open("f1", make).error == 0);  // it is there already
  CHECK(files.open(std::string(GuestFiles::kMaxNameBytes + 1, 'a'), make).error == EINVAL);
  CHECK(files.open(std::string("a\0b", 3), make).error == EINVAL);
}
