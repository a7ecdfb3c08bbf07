#include "platform/config/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "platform/config/atomic_file.h"
#include "platform/config/suggest.h"
#include "tests/platform/config/board_like.h"

using namespace backboard;
using namespace backboard::config_test;

namespace {

Board parse(const std::string& text) {
  return config_from<Board>(load_yaml_text(text, "edge.yaml"));
}

std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

/// A folder that goes away with the test.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("backboard_config_{}", getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text) const {
    const auto path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  std::filesystem::path path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a file sets what it names and leaves the rest at the defaults") {
  const Board board = parse(
      "clock: 250 MHz\n"
      "refresh: 12.5 ns\n"
      "timing: at\n"
      "trace: on\n"
      "npu: {engine: reference, buffer: 128 KiB}\n"
      "shuffle: 7\n"
      "learning_rate: [{epoch: 0, rate: 0.02}, {epoch: 10, rate: 1e-3}]\n"
      "subsets: [1, 2, 0x10]\n");
  CHECK(board.clock_hz == 250'000'000);
  CHECK(board.refresh_ps == 12'500);
  CHECK(board.timing == Timing::at);
  CHECK(board.trace);
  CHECK(board.npu.engine == "reference");
  CHECK(board.npu.buffer_bytes == 131072);
  CHECK(board.npu.array.rows == 16);
  CHECK(board.shuffle == 7u);
  REQUIRE(board.learning_rate.size() == 2);
  CHECK(board.learning_rate[1].rate == 1e-3f);
  CHECK(board.subsets == std::vector<uint16_t>{1, 2, 16});
  CHECK(parse("") == Board{});
}

TEST_CASE("a lone scalar stands for a list of one, and for the struct that allows it") {
  const Board board = parse("learning_rate: 0.05\nshuffle: off\nsubsets: 3\n");
  REQUIRE(board.learning_rate.size() == 1);
  CHECK(board.learning_rate[0].rate == 0.05f);
  CHECK_FALSE(board.shuffle.has_value());
  CHECK(board.subsets == std::vector<uint16_t>{3});
}

TEST_CASE("an unknown key is an error with place, suggestion and the known keys") {
  CHECK(error_of("npu:\n  array:\n    rowz: 3\n") ==
        "edge.yaml:3: npu.array: unknown key 'rowz'; did you mean 'rows'? known: rows, cols");
  CHECK(error_of("npu: {array: {zebra: 3}}\n") == "edge.yaml:1: npu.array: unknown key 'zebra'; known: rows, cols");
}

TEST_CASE("every wrong value is an error at its own line that says what was expected") {
  CHECK(error_of("\nnpu:\n  array: {rows: 300}\n") ==
        "edge.yaml:3: npu.array.rows: 300 is out of range: expected integer from 1 to 256");
  CHECK(error_of("npu: {array: {rows: '3'}}") ==
        "edge.yaml:1: npu.array.rows: expected integer from 1 to 256, found '3'");
  CHECK(error_of("npu: {array: {rows: 3.5}}").find("expected integer") != std::string::npos);
  CHECK(error_of("npu: {array: {rows: 99999999999999999999}}").find("out of range") != std::string::npos);
  CHECK(error_of("npu: {array: [1]}") == "edge.yaml:1: npu.array: expected a mapping, found a list");
  CHECK(error_of("trace: maybe") == "edge.yaml:1: trace: expected true or false, found 'maybe'");
  CHECK(error_of("timing: ut") == "edge.yaml:1: timing: unknown value 'ut'; did you mean 'lt'? known: lt, at");
  CHECK(error_of("npu: {engine: lnpv}") ==
        "edge.yaml:1: npu.engine: unknown value 'lnpv'; did you mean 'lnpu'? known: reference, lnpu");
  CHECK(error_of("learning_rate: nan").find("out of range") != std::string::npos);
  CHECK(error_of("learning_rate: []") ==
        "edge.yaml:1: learning_rate: 0 elements: expected list of 1 to 8 of: a "
        "mapping, or number from 0 to 10");
  CHECK(error_of("subsets: [1, 2, 100]").find("edge.yaml:1: subsets.2: 100 is out of range") == 0);
  CHECK(error_of("name: [a]").find("edge.yaml:1: name: expected text, found a list") == 0);
  CHECK(error_of("name:\n") == "edge.yaml:1: name: expected text, found nothing");
}

TEST_CASE("quantities need a known unit and must be whole in the stored one") {
  CHECK(error_of("npu: {buffer: 64 Kib}").find("unknown unit 'Kib'; known: B, kB, KiB") != std::string::npos);
  CHECK(error_of("npu: {buffer: 1.5 B}").find("is no whole number of bytes") != std::string::npos);
  CHECK(error_of("refresh: 100").find("needs a unit: ps, ns, us, ms, s") != std::string::npos);
  CHECK(error_of("refresh: 0.5 ps").find("is no whole number of ps") != std::string::npos);
  CHECK(error_of("clock: 3 GHz").find("expected frequency from 1 MHz to 2 GHz") != std::string::npos);
  CHECK(error_of("npu: {buffer: 99999999999 GiB}").find("is too large") != std::string::npos);
  CHECK(error_of("npu: {buffer: -1}").find("is no number with a unit") != std::string::npos);
  CHECK(parse("npu: {buffer: 0.5 MiB}").npu.buffer_bytes == 524288);
  CHECK(parse("npu: {buffer: 1_000}").npu.buffer_bytes == 1000);
  CHECK(error_of("clock: 1.5e9 Hz").find("unknown unit 'e9 Hz'") != std::string::npos);
}

TEST_CASE("duplicate keys, anchors, tags, several documents and syntax errors are errors with their line") {
  CHECK(error_of("name: a\ntrace: on\nname: b\n") == "edge.yaml:3: duplicate key 'name'");
  CHECK(error_of("npu: &a {engine: lnpu}\n").find("edge.yaml:1: anchors are not supported") == 0);
  CHECK(error_of("name: !!int 3\n").find("edge.yaml:1: tags are not supported") == 0);
  CHECK(error_of("name: a\n---\nname: b\n") == "edge.yaml: holds more than one document");
  CHECK(error_of("name: a\n  trace: [on\n").find("edge.yaml:2: YAML: ") == 0);
  CHECK(error_of("? [a]\n: b\n") == "edge.yaml:1: a key must be a name, not a list");
  CHECK(error_of("- a\n") == "edge.yaml:1: expected a mapping, found a list");
}

TEST_CASE("rules between keys name the key and its line") {
  CHECK(error_of("npu:\n  array:\n    cols: 4\n    rows: 8\n") == "edge.yaml:4: npu.array.rows: must not exceed cols");
}

TEST_CASE("input that would exhaust memory, the stack or time ends in an error") {
  CHECK(error_of(std::string(100'000, '[')).find("edge.yaml:1: ") == 0);
  CHECK(error_of("a: " + std::string(20'000, '{')).find("edge.yaml:1: ") == 0);
  CHECK(error_of(std::string(300 * 1024, 'a')).find("larger than 256 KiB") != std::string::npos);
  CHECK(error_of(std::string("a\0b", 3)).find("zero byte") != std::string::npos);
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    bomb += fmt::format("{}: &{} [*{},*{},*{},*{}]\n", c, c, c - 1, c - 1, c - 1, c - 1);
  }
  CHECK(error_of(bomb).find("anchors are not supported") != std::string::npos);
  std::string list = "subsets: [";
  for (int i = 0; i < 60'000; ++i) list += "1,";
  CHECK(error_of(list + "1]").find("more than 50000 values") != std::string::npos);
}

TEST_CASE("files that extend the next one many times end at a limit of all values or bytes together") {
  const Folder folder;
  const auto many_times = [](const std::string& name, int count) {
    std::string text = "list:\n";
    for (int i = 0; i < count; ++i) text += "  - {extends: " + name + "}\n";
    return text;
  };
  // 100 * 100 * 100 values: three short files.
  folder.write("values2.yaml", many_times("leaf.yaml", 100));
  folder.write("values1.yaml", many_times("values2.yaml", 100));
  folder.write("leaf.yaml", "a: 1\n");
  const std::string values = folder.write("values.yaml", many_times("values1.yaml", 100));
  CHECK_THROWS_WITH(load_yaml(values), Catch::Contains("more than 50000 values"));
  // 20 times 255 KiB of a comment.
  folder.write("comment.yaml", "#" + std::string(255 * 1024, 'x'));
  const std::string bytes = folder.write("bytes.yaml", many_times("comment.yaml", 20));
  CHECK_THROWS_WITH(load_yaml(bytes), Catch::StartsWith(bytes + ":18: extends: more than 4096 KiB"));
  const std::string fits = folder.write("fits.yaml", many_times("comment.yaml", 16));
  CHECK(load_yaml(fits).find("list")->items.size() == 16);
}

TEST_CASE("extends lays a file over another, relative to the file that says it, at any depth") {
  const Folder folder;
  folder.write("base/npu.yaml", "engine: reference\narray: {rows: 4, cols: 8}\n");
  folder.write("base/board.yaml",
               "name: base\nclock: 100 MHz\nfirmware: fw.elf\nnpu: {extends: npu.yaml, buffer: 1 KiB}\n");
  const std::string top =
      folder.write("runs/top.yaml", "extends: ../base/board.yaml\nname: top\nnpu: {array: {rows: 2}}\n");
  const Board board = load_config<Board>(top);
  CHECK(board.name == "top");
  CHECK(board.clock_hz == 100'000'000);
  CHECK(board.npu.engine == "reference");
  CHECK(board.npu.buffer_bytes == 1024);
  CHECK(board.npu.array.rows == 2);
  CHECK(board.npu.array.cols == 8);
  CHECK(board.firmware == (folder.path() / "base/fw.elf").string());
}

TEST_CASE("errors in an extended file name that file, and cycles and missing files are errors") {
  const Folder folder;
  const std::string base = folder.write("base.yaml", "name: x\nclok: 1 MHz\n");
  const std::string top = folder.write("top.yaml", "extends: base.yaml\n");
  CHECK_THROWS_WITH(load_config<Board>(top), Catch::StartsWith(base + ":2: unknown key 'clok'; did you mean 'clock'?"));
  const std::string cycle = folder.write("cycle.yaml", "name: a\nextends: other.yaml\n");
  const std::string other = folder.write("other.yaml", "extends: cycle.yaml\n");
  CHECK_THROWS_WITH(load_config<Board>(cycle), Catch::StartsWith(other + ":1: extends: ") && Catch::Contains("itself"));
  const std::string missing = folder.write("missing.yaml", "\nextends: nothing.yaml\n");
  CHECK_THROWS_WITH(load_config<Board>(missing),
                    Catch::StartsWith(missing + ":2: extends: ") && Catch::Contains("no such file"));
  CHECK_THROWS_WITH(load_config<Board>((folder.path() / "absent.yaml").string()), Catch::Contains("cannot open"));
  CHECK_THROWS_WITH(load_config<Board>(folder.path().string()), Catch::Contains("is a folder"));
  // It opens, but its first page cannot be read: an error, not an empty file.
  CHECK_THROWS_WITH(load_config<Board>("/proc/self/mem"), Catch::StartsWith("/proc/self/mem: cannot read"));
  for (int i = 0; i < 20; ++i)
    folder.write(fmt::format("chain{}.yaml", i), fmt::format("extends: chain{}.yaml\n", i + 1));
  CHECK_THROWS_WITH(load_config<Board>((folder.path() / "chain0.yaml").string()),
                    Catch::Contains("a chain of more than 16 files"));
}

TEST_CASE("overrides go the same way as the file and are named in errors") {
  const Folder folder;
  const std::string file = folder.write("b.yaml", "npu: {engine: lnpu}\nlearning_rate: [0.1, 0.2]\n");
  const auto load = [&](const std::string& text) {
    const Overrides::Item item = parse_override(text, "--set");
    return load_config<Board>(file, std::span(&item, 1));
  };
  CHECK(load("npu.engine=reference").npu.engine == "reference");
  CHECK(load("npu.array={rows: 2, cols: 3}").npu.array.cols == 3);
  CHECK(load("learning_rate.1.rate=0.5").learning_rate[1].rate == 0.5f);
  CHECK(load("subsets=[1,2]").subsets.size() == 2);
  CHECK(load("name=last:1").name == "last:1");
  CHECK_THROWS_WITH(load("npu.engin=x"),
                    "--set npu.engin=x: npu: unknown key 'engin'; did you mean 'engine'? known: "
                    "engine, buffer, array");
  CHECK_THROWS_WITH(load("npu.array.rows=0"),
                    Catch::StartsWith("--set npu.array.rows=0: npu.array.rows: 0 is out of range"));
  CHECK_THROWS_WITH(load("learning_rate.7=1"), Catch::Contains("'7' is no element of a list of 2"));
  CHECK_THROWS_WITH(load("npu..engine=x"), Catch::Contains("is no dotted path"));
  CHECK_THROWS_WITH(parse_override("npu.engine", "--set"), "--set npu.engine: expected KEY=VALUE");
}

TEST_CASE("the dumped configuration loads to an equal one, whatever the values") {
  Board board;
  board.name = "a: \"strange\" #name\n\\ 'x'\t~ \x01";
  board.clock_hz = 123'456'789;
  board.refresh_ps = 3'904'001;
  board.timing = Timing::at;
  board.npu.buffer_bytes = 3 * kMiB;
  board.learning_rate = {{0, 0.02f}, {5, 1e-7f}};
  board.subsets = {1, 2};
  board.shuffle = 0;
  const std::string text = dump_config(board);
  INFO(text);
  CHECK(parse(text) == board);
  CHECK(text.find("buffer: 3 MiB\n") != std::string::npos);
  CHECK(text.find("subsets: [1, 2]\n") != std::string::npos);
  CHECK(text.find("rate: 0.02\n") != std::string::npos);
  for (const char* name :
       {"", "~", "null", "yes", "-", "- a", "a: b", "1.5", "{", "a #b", "%x", "0x10", " a ", "?", "\xc3\xa9"}) {
    board.name = name;
    CHECK(parse(dump_config(board)).name == name);
  }
  CHECK(parse(dump_config(Board{})) == Board{});
}

TEST_CASE("explain knows every key with meaning, type and default") {
  const auto docs = explain_config<Board>();
  const auto find = [&](const std::string& path) {
    for (const KeyDoc& doc : docs) {
      if (doc.path == path) return doc;
    }
    return KeyDoc{};
  };
  CHECK(find("npu.array.rows").meaning == "Rows of the array");
  CHECK(find("npu.array.rows").type == "integer from 1 to 256");
  CHECK(find("npu.array.rows").standard == "16");
  CHECK(find("base").type == "address from 0x0 to 0xffffffff");
  CHECK(find("base").standard == "0x80000000");
  CHECK(find("npu.buffer").type == "size from 1 B to 16 MiB");
  CHECK(find("npu.buffer").standard == "64 KiB");
  CHECK(find("learning_rate[].rate").type == "number from 0 to 10");
  CHECK(find("shuffle").type == "integer from 0 to 4294967295, or off");
  CHECK(find("shuffle").standard == "off");
}

TEST_CASE("the JSON Schema refuses unknown keys and states ranges") {
  const auto schema = nlohmann::json::parse(schema_of<Board>("board"));
  CHECK(schema["title"] == "board");
  CHECK(schema["additionalProperties"] == false);
  const auto& rows = schema["properties"]["npu"]["properties"]["array"]["properties"]["rows"];
  CHECK(rows["minimum"] == 1);
  CHECK(rows["maximum"] == 256);
  CHECK(rows["description"] == "Rows of the array");
  CHECK(schema["properties"]["npu"]["properties"]["engine"]["enum"].size() == 2);
}

TEST_CASE("edit distance counts insertions, deletions, replacements and swaps of neighbours") {
  CHECK(edit_distance("rows", "rowz") == 1);
  CHECK(edit_distance("rwos", "rows") == 1);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(nearest_name("xyz", {"rows", "cols"}).empty());
}

TEST_CASE("an output file is whole or absent") {
  const Folder folder;
  const std::string path = (folder.path() / "deep/er/file.txt").string();
  write_file_atomically(path, "first");
  write_file_atomically(path, "second");
  std::ifstream file(path);
  std::string text;
  file >> text;
  CHECK(text == "second");
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path() / "deep/er")) ++files;
  CHECK(files == 1);
  CHECK_THROWS_WITH(write_file_atomically((folder.path() / "deep").string(), "x"),
                    Catch::Contains("cannot be written"));
}

TEST_CASE("an output that is a pipe stays one, and a symbolic link goes on naming the file") {
  const Folder folder;
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = open(pipe.c_str(), O_RDWR | O_NONBLOCK);
  write_file_atomically(pipe, "through");
  char text[16] = {};
  CHECK(read(reader, text, sizeof text - 1) == 7);
  CHECK(std::string(text) == "through");
  close(reader);
  CHECK(std::filesystem::is_fifo(pipe));
  const std::string file = folder.write("there/file.txt", "first"), link = (folder.path() / "link").string();
  std::filesystem::create_symlink("there/file.txt", link);
  write_file_atomically(link, "second");
  CHECK(std::filesystem::is_symlink(link));
  std::string word;
  std::ifstream(file) >> word;
  CHECK(word == "second");
}
