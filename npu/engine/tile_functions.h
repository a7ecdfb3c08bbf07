// A tile engine from its offer and free functions: an engine's own file keeps what sets it apart.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "npu/engine/energy_constants.h"
#include "npu/engine/table.h"
#include "npu/engine/tile_engine.h"

namespace backboard::npu {

/// TileArithmetic as functions of an engine's configuration.
template <class Config>
struct TileFunctions {
  void (*multiply)(const Config& config, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                   float* acc, Workspace& workspace);
  void (*count)(const Config& config, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                Facts& facts, Workspace& workspace);
  Price (*price)(const Facts& facts, const Config& config, const EnergyConstants& energy);
  bool wants_classes = false;
  bool begins_sums = false;  ///< TileArithmetic::begins_sums()
  /// Null: operands are multiplied as they are.
  std::pair<Operand, Operand> (*prepare)(const Config& config, Pass pass, const ConvTile& tile, const Operand& first,
                                         const Operand& second, Workspace& workspace) = nullptr;
  /// Null: complete sums stay as they are.
  void (*finish)(const Config& config, Pass pass, uint32_t layer, std::span<float> sums) = nullptr;
  /// TileArithmetic::rounds_masters() and round_masters(); both or none.
  bool (*rounds_masters)(const Config& config) = nullptr;
  uint64_t (*round_masters)(const Config& config, uint32_t layer, const SgdParameters& parameters,
                            uint32_t first_element, std::span<const float> gradient,
                            std::span<float> masters) = nullptr;
};

template <class Config>
class FunctionArithmetic final : public TileArithmetic {
 public:
  FunctionArithmetic(const Offer& offer, const TileFunctions<Config>& functions, const Config& config,
                     const EnergyConstants& energy)
      : offer_(offer), functions_(functions), config_(config), energy_(energy) {}

  const Offer& offer() const override { return offer_; }
  bool wants_classes() const override { return functions_.wants_classes; }
  bool begins_sums() const override { return functions_.begins_sums; }
  std::pair<Operand, Operand> prepare(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                                      Workspace& workspace) const override {
    if (functions_.prepare == nullptr) return {first, second};
    return functions_.prepare(config_, pass, tile, first, second, workspace);
  }
  void multiply(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                Workspace& workspace) const override {
    functions_.multiply(config_, pass, tile, first, second, acc, workspace);
  }
  void count(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, Facts& facts,
             Workspace& workspace) const override {
    functions_.count(config_, pass, tile, first, second, facts, workspace);
  }
  void finish(Pass pass, uint32_t layer, std::span<float> sums) const override {
    if (functions_.finish != nullptr) functions_.finish(config_, pass, layer, sums);
  }
  Price price(const Facts& facts) const override { return functions_.price(facts, config_, energy_); }
  bool rounds_masters() const override {
    return functions_.rounds_masters != nullptr && functions_.rounds_masters(config_);
  }
  uint64_t round_masters(uint32_t layer, const SgdParameters& parameters, uint32_t first_element,
                         std::span<const float> gradient, std::span<float> masters) const override {
    return functions_.round_masters(config_, layer, parameters, first_element, gradient, masters);
  }

 private:
  const Offer& offer_;  ///< a constant of the engine's file
  TileFunctions<Config> functions_;
  Config config_;
  EnergyConstants energy_;
};

/// `config`: the engine's part of `configs`.
template <class Config>
std::unique_ptr<TileEngine> make_tile_engine(const Offer& offer, const TileFunctions<Config>& functions,
                                             const Config& config, const EngineConfigs& configs) {
  return std::make_unique<TileEngine>(
      std::make_unique<FunctionArithmetic<Config>>(offer, functions, config, configs.energy), configs);
}

}  // namespace backboard::npu
