// SPDX-License-Identifier: Apache-2.0
//
// support/scoped_variable.hpp: an environment variable that is as before when the test has ended.
#pragma once

#include <cstdlib>
#include <string>

namespace simul::test {

/// Sets an environment variable for a scope, or unsets it with nullptr.
class scoped_variable {
public:
    scoped_variable(const char* name, const char* value) : name_{name} {
        if (const char* old = std::getenv(name)) {
            had_value_ = true;
            old_ = old;
        }
        set(value);
    }
    scoped_variable(const scoped_variable&) = delete;
    scoped_variable& operator=(const scoped_variable&) = delete;
    ~scoped_variable() { set(had_value_ ? old_.c_str() : nullptr); }

private:
    void set(const char* value) {
        if (value == nullptr) {
            ::unsetenv(name_);
        } else {
            ::setenv(name_, value, 1);
        }
    }

    const char* name_;
    bool had_value_ = false;
    std::string old_;
};

}  // namespace simul::test
