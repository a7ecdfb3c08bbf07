#include "platform/config/config.h"
#include "sw/net/network.h"

namespace backboard {

Network load_network(const std::string& path) {
  return load_config<Network>(path);
}

Network parse_network(const std::string& text, const std::string& file) {
  return config_from<Network>(load_yaml_text(text, file));
}

}  // namespace backboard
