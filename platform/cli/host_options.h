// The options by which exec and run tie a board to its host.
#pragma once

#include <CLI/CLI.hpp>

#include "platform/run/host_link.h"

namespace backboard {

void declare_host_options(CLI::App& app, HostOptions& options);
/// Whether anything was asked for.
bool wants_host(const HostOptions& options);

}  // namespace backboard
