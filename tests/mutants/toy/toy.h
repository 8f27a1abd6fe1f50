#pragma once

#include <string>
#include <vector>

int largest(int least, const std::vector<int>& x);
long wait(long steps);
void append(std::string& to, const std::string& what);
