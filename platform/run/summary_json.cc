// summary.json: each key is declared once, for writing and for reading.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "platform/check/input_error.h"
#include "platform/run/summary.h"

namespace backboard {
namespace {

using Json = nlohmann::ordered_json;

template <class T, template <class...> class Template>
constexpr bool kIs = false;
template <class... Args, template <class...> class Template>
constexpr bool kIs<Template<Args...>, Template> = true;
template <class T>
constexpr bool kIsStruct = std::is_class_v<T> && !std::same_as<T, std::string>;

template <class T>
Json json_of(const T& value);
template <class T>
void read_json(const Json& json, T& value);

/// Writes members under their keys, in the order in which they come.
class JsonWriter {
 public:
  explicit JsonWriter(Json& json) : json_(json) {}

  template <class T>
  void operator()(const char* key, const T& value) {
    json_[key] = json_of(value);
  }
  /// What follows from others: written, and not read.
  template <class T>
  void derived(const char* key, const T& value) {
    json_[key] = value;
  }
  template <class Fields>
  void part(const char* key, Fields fields_below) {
    Json below = Json::object();
    JsonWriter writer(below);
    fields_below(writer);
    json_[key] = std::move(below);
  }

 private:
  Json& json_;
};

/// Reads members from under their keys. Throws nlohmann's exceptions.
class JsonReader {
 public:
  explicit JsonReader(const Json& json) : json_(json) {}

  template <class T>
  void operator()(const char* key, T& value) {
    read_json(json_.at(key), value);
  }
  template <class T>
  void derived(const char*, const T&) {}
  template <class Fields>
  void part(const char* key, Fields fields_below) {
    JsonReader reader(json_.at(key));
    fields_below(reader);
  }

 private:
  const Json& json_;
};

/// `S`: a summary, const when it is written.
template <class S, class T>
concept SummaryOf = std::same_as<std::remove_const_t<S>, T>;

template <class V, SummaryOf<CacheSummary> S>
void fields(V& v, S& s) {
  v("data", s.data);
  v("accesses", s.accesses);
  v("hits", s.hits);
  v("fills", s.fills);
  v("write_backs", s.write_backs);
  v("maintenance", s.maintenance);
}

template <class V, SummaryOf<TrainingSummary> S>
void fields(V& v, S& s) {
  v("policy", s.policy);
  v("examples", s.examples);
  v("epochs", s.epochs);
  v("steps", s.steps);
  v("overflows", s.overflows);
  v("skipped", s.skipped);
  v("bad_steps", s.bad_steps);
  v("first_bad_step", s.first_bad_step);
  v("first_bad_tensor", s.first_bad_tensor);
  v("loss", s.loss);
  v("accuracy_before", s.accuracy_before);
  v("accuracy_after", s.accuracy_after);
  v("accuracy_by_epoch", s.accuracy_by_epoch);
  v("loss_scale", s.loss_scale);
  v("fgmp_share", s.fgmp_share);
}

template <class V, SummaryOf<InferenceSummary> S>
void fields(V& v, S& s) {
  v("priority", s.priority);
  v("every_us", s.every_us);
  v("requests", s.requests);
  v("served", s.served);
  v("beside_training", s.beside);
  v("p50_us", s.p50_us);
  v("p99_us", s.p99_us);
  v("largest_us", s.largest_us);
  v("most_waiting", s.most_waiting);
  v("images", s.images);
  v("correct", s.correct);
  v.derived("accuracy", s.accuracy());
  v("refreshes", s.refreshes);
  v("digest", s.digest);
}

template <class V, SummaryOf<RunSummary> S>
void fields(V& v, S& s) {
  v("run", s.run);
  v("variant", s.variant);
  v("subset", s.subset);
  v("engine", s.engine);
  v("timing", s.timing);
  v("exit_code", s.exit_code);
  v("stop", s.stop);
  v("reason", s.reason);
  v("interrupted", s.interrupted);
  v("simulated_seconds", s.simulated_seconds);
  v("wall_seconds", s.wall_seconds);
  v.part("cpu", [&](auto& cpu) {
    cpu("instructions", s.cpu_instructions);
    cpu.derived("mips", s.mips());
    cpu("icache", s.icache);
    cpu("dcache", s.dcache);
  });
  v.part("npu", [&](auto& npu) {
    npu("commands", s.npu_commands);
    npu("macs", s.npu_macs);
    npu("macs_skipped", s.npu_macs_skipped);
    npu("busy_cycles", s.npu_busy_cycles);
    npu("interrupts", s.npu_interrupts);
    npu("energy_uj", s.npu_energy_uj);
  });
  v.part("dram", [&](auto& dram) {
    dram("read_bytes", s.dram_read_bytes);
    dram("write_bytes", s.dram_write_bytes);
    dram("core_bytes", s.core_dram_bytes);
  });
  v("findings", s.findings);
  v("resets", s.resets);
  v("training", s.training);
  v("training_seconds", s.training_seconds);
  v("inference", s.inference);
  v("failures", s.failures);
  v.derived("passed", s.passed());
}

template <class V, SummaryOf<VariantMean> S>
void fields(V& v, S& s) {
  v("variant", s.variant);
  v("engine", s.engine);
  v("policy", s.policy);
  v("points", s.points);
  v("accuracy_before", s.accuracy_before);
  v("accuracy_after", s.accuracy_after);
  v("accuracy_after_spread", s.accuracy_after_spread);
  v("simulated_seconds", s.simulated_seconds);
  v("dram_bytes", s.dram_bytes);
  v("npu_energy_uj", s.npu_energy_uj);
  v("wall_seconds", s.wall_seconds);
}

template <class T>
Json json_of(const T& value) {
  if constexpr (kIs<T, std::optional>) {
    return value ? json_of(*value) : Json(nullptr);
  } else if constexpr (kIs<T, std::vector>) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(json_of(item));
    return list;
  } else if constexpr (kIsStruct<T>) {
    Json json = Json::object();
    JsonWriter writer(json);
    fields(writer, value);
    return json;
  } else {
    return value;
  }
}

template <class T>
void read_json(const Json& json, T& value) {
  if constexpr (kIs<T, std::optional>) {
    if (json.is_null()) return value.reset();
    typename T::value_type content{};
    read_json(json, content);
    value = std::move(content);
  } else if constexpr (kIs<T, std::vector>) {
    value.clear();
    for (const Json& item : json.get_ref<const Json::array_t&>()) read_json(item, value.emplace_back());
  } else if constexpr (kIsStruct<T>) {
    JsonReader reader(json);
    fields(reader, value);
  } else if constexpr (std::floating_point<T>) {
    value = json.is_null() ? std::nan("") : json.get<T>();  // JSON has neither NaN nor infinity: null stands for both
  } else {
    value = json.get<T>();
  }
}

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string summary_json(const RunSummary& summary) {
  return text_of(json_of(summary));
}

RunSummary parse_summary(const std::string& text, const std::string& file) {
  try {
    RunSummary summary;
    read_json(Json::parse(text), summary);
    return summary;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("{}: is no summary of a run: {}", file, error.what()));
  }
}

std::string group_json(const std::string& run, std::span<const RunSummary> points,
                       const std::vector<std::string>& failures) {
  bool passed = failures.empty();
  int exit_code = 0;
  for (const RunSummary& point : points) {
    passed = passed && point.passed();
    exit_code = std::max(exit_code, point.exit_code);
  }
  Json json;
  JsonWriter v(json);
  v("run", run);
  v("exit_code", exit_code);
  v("variants", means_of(points));
  v("points", std::vector(points.begin(), points.end()));
  v("failures", failures);
  v("passed", passed);
  return text_of(json);
}

}  // namespace backboard
