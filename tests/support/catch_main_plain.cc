// The main of every test program that knows no SystemC.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
