// SPDX-License-Identifier: Apache-2.0
//
// A grid of parameters, each cell a computation of its own: work for processors, so for processes.
// The cells of the map come back in order. A cell that fails is told from one whose process died,
// and neither takes the others with it.
//
// The pool is made first, before there are threads or a loop: it forks the program as it is then.
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "simul/concurrency/process_pool.hpp"
#include "simul/concurrency/run.hpp"

struct cell {
    double rate;
    int steps;
};

// Fits y = a x + b to points on y = 2 x + 1 by gradient descent, and returns what error is left.
double train(cell parameters) {
    double a = 0;
    double b = 0;
    double error = 0;
    for (int step = 0; step != parameters.steps; ++step) {
        double slope_a = 0;
        double slope_b = 0;
        error = 0;
        for (int x = 0; x != 10; ++x) {
            const double off = a * x + b - (2.0 * x + 1.0);
            error += off * off / 10;
            slope_a += off * x / 10;
            slope_b += off / 10;
        }
        a -= parameters.rate * slope_a;
        b -= parameters.rate * slope_b;
    }
    if (!std::isfinite(error) || error > 1e6) throw std::range_error{"it diverges"};
    return error;
}

double crash() {
    std::abort();
}

simul::task<> program(simul::process_pool& pool) {
    std::vector<cell> grid;
    for (const double rate : {0.001, 0.01, 0.03}) {
        for (const int steps : {10, 100, 1000}) grid.push_back(cell{rate, steps});
    }
    const std::vector<double> errors = co_await pool.map(train, grid, 1);
    std::cout << std::fixed << std::setprecision(3);
    for (std::size_t each = 0; each != grid.size(); ++each) {
        std::cout << "rate " << grid[each].rate << ", " << grid[each].steps << " steps: error "
                  << errors[each] << '\n';
    }

    try {
        const cell too_fast{0.5, 1000};
        co_await pool.run(train, too_fast);
    } catch (const simul::remote_error& error) {
        std::cout << "rate 0.500: " << error.what() << '\n';
    }
    try {
        co_await pool.run(crash);
    } catch (const simul::worker_died& death) {
        std::cout << "a worker died of signal " << death.signal() << '\n';
    }
    const cell again{0.03, 10};
    const double error = co_await pool.run(train, again);
    std::cout << "and the pool goes on: error " << error << '\n';
    co_await pool.close();
}

int main() {
    simul::process_pool pool{4};
    simul::run(program(pool));
}
