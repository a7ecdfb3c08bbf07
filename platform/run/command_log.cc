#include "platform/run/command_log.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <sstream>

#include "npu/command/operands.h"
#include "platform/check/input_error.h"
#include "platform/check/write_error.h"
#include "platform/config/atomic_file.h"
#include "sw/npz/npz.h"

namespace backboard {
namespace {

constexpr const char* kHeader =
    "command,opcode,layer,start_ps,end_ps,tensor,class,format,shape,bytes_digest,values_digest,norm,largest,nonfinite";
constexpr size_t kColumns = 14;

std::string digest(const void* bytes, size_t size) {
  return fmt::format("{:016x}", XXH3_64bits(bytes, size));
}

template <class T>
T number(const std::string& cell, const std::string& where) {
  T value{};
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) throw InputError(where + "'" + cell + "' is no number");
  return value;
}

CommandRow row_of(const std::string& line, const std::string& where) {
  std::vector<std::string> cells;
  std::istringstream text(line);
  for (std::string cell; std::getline(text, cell, ',');) cells.push_back(cell);
  if (cells.size() != kColumns)
    throw InputError(fmt::format("{}{} columns instead of {}", where, cells.size(), kColumns));
  CommandRow row;
  row.command = number<uint64_t>(cells[0], where);
  row.opcode = cells[1];
  row.layer = cells[2];
  row.start_ps = number<uint64_t>(cells[3], where);
  row.end_ps = number<uint64_t>(cells[4], where);
  row.tensor = cells[5];
  row.tensor_class = cells[6];
  row.format = cells[7];
  row.shape = cells[8];
  row.bytes_digest = cells[9];
  row.values_digest = cells[10];
  row.norm = number<double>(cells[11], where);
  row.largest = number<double>(cells[12], where);
  row.nonfinite = number<uint64_t>(cells[13], where);
  return row;
}

/// A name as a cell and as part of a file's name.
std::string plain(std::string name) {
  for (char& c : name) {
    if (c == ',' || c == '"' || c == '/') c = '_';
  }
  return name;
}

void measure(std::span<const float> values, CommandRow& row) {
  double squares = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) {
      ++row.nonfinite;
      continue;
    }
    squares += static_cast<double>(value) * value;
    row.largest = std::max(row.largest, std::abs(static_cast<double>(value)));
  }
  row.norm = std::sqrt(squares);
}

}  // namespace

std::vector<CommandRow> read_command_log(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw InputError(path + ": cannot be opened; a run writes it with --set record.commands=true");
  std::vector<CommandRow> rows;
  std::string line;
  std::getline(file, line);
  if (line != kHeader) throw InputError(path + ":1: is no list of commands");
  for (unsigned at = 2; std::getline(file, line); ++at) rows.push_back(row_of(line, fmt::format("{}:{}: ", path, at)));
  return rows;
}

std::string tensor_file(const CommandRow& row) {
  return fmt::format("tensors/{:07}.{}.npy", row.command, row.tensor);
}

CommandLog::CommandLog(const RecordConfig& config, const std::string& folder, const Plan* plan, npu::ReadMemory read,
                       uint64_t first)
    : config_(config),
      folder_(folder),
      path_((std::filesystem::path(folder) / "commands.csv").string()),
      plan_(plan),
      read_(std::move(read)),
      number_(first) {
  file_.open(path_ + ".tmp", std::ios::trunc);
  if (!file_) throw write_error(path_);
  file_ << kHeader << '\n';
}

CommandLog::~CommandLog() {
  if (!file_.is_open()) return;
  file_.close();
  std::error_code ignored;
  std::filesystem::remove(path_ + ".tmp", ignored);
}

std::string CommandLog::tensor_name(const npu::Tensor& tensor) const {
  const int index = plan_ != nullptr ? plan_->descriptor_at(tensor.descriptor_address) : -1;
  return index >= 0 ? plain(plan_->tensors[static_cast<size_t>(index)].name)
                    : fmt::format("@{:#010x}", tensor.descriptor_address);
}

void CommandLog::on_command(const npu::Job& job, uint64_t start_ps, uint64_t end_ps) {
  if (job.ring != 0) return;
  for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
    const npu::Tensor& tensor = job[slot];
    if (npu::operand_of(job.command, slot) == nullptr || !tensor.present || !npu::writes(job.command, slot)) continue;
    // The result of a command in a group may stay on chip: memory does not hold it.
    if (slot == 2 && job.has(npu::kFlagLOCAL)) continue;
    CommandRow row;
    row.command = number_;
    row.start_ps = start_ps;
    row.end_ps = end_ps;
    record(job, tensor, row);
  }
  ++number_;
}

void CommandLog::record(const npu::Job& job, const npu::Tensor& tensor, CommandRow& row) {
  row.tensor = tensor_name(tensor);
  if (!npu::read_tensor(tensor, read_, contents_)) {
    // A command that completed has written its outputs; what is there now is not a tensor of this descriptor.
    if (error_.empty()) error_ = fmt::format("what command {} wrote as {} is no such tensor", row.command, row.tensor);
    return;
  }
  const std::span<const float> values = contents_.values;
  measure(values, row);
  const std::string layer =
      plan_ != nullptr ? plain(plan_->layer_name(job.command.layer)) : fmt::format("{}", job.command.layer);
  const std::array<uint32_t, 4>& s = tensor.shape;
  file_ << fmt::format("{},{},{},{},{},{},{},{},{}x{}x{}x{},{},{},{},{},{}\n", row.command, name_of(job.opcode()),
                       layer, row.start_ps, row.end_ps, row.tensor, name_of(tensor.tensor_class),
                       name_of(tensor.format), s[0], s[1], s[2], s[3],
                       digest(contents_.stored.data(), contents_.stored.size()),
                       digest(values.data(), values.size_bytes()), row.norm, row.largest, row.nonfinite);
  if (!writes_tensors()) return;
  const std::string path = (std::filesystem::path(folder_) / tensor_file(row)).string();
  try {
    write_file_atomically(path, write_npy(Array::of_floats({s[0], s[1], s[2], s[3]}, values)));
  } catch (const InputError& error) {  // not through the simulation: finish() tells it
    if (error_.empty()) error_ = error.what();
  }
}

void CommandLog::finish() {
  file_.close();
  if (!file_) throw write_error(path_);
  std::error_code error;
  std::filesystem::rename(path_ + ".tmp", path_, error);
  if (error) throw write_error(path_, error.value());
  if (!error_.empty()) throw InputError(path_ + ": is not complete: " + error_);
}

}  // namespace backboard
