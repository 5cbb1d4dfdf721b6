#include "cli/run.hpp"

int main(int argc, char** argv) { return firstring::cli::run(argc, argv); }
