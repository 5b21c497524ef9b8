// SPDX-License-Identifier: Apache-2.0
#include "http/server_workspace.hpp"

namespace simul::http::detail {

void server_workspace::give_up_excess() noexcept {
    constexpr std::size_t usual = std::size_t{64} * 1024;
    for (std::string* const text : {&body, &response.body, &out}) {
        if (text->capacity() > usual) std::string{}.swap(*text);
    }
}

void workspace_lease::give_back() noexcept {
    if (lent_ == nullptr) return;
    if (pool_->idle_.size() == workspace_pool::most_idle) {
        lent_.reset();
        return;
    }
    lent_->give_up_excess();
    pool_->idle_.push_back(std::move(lent_));
}

workspace_lease workspace_pool::take() {
    if (idle_.empty()) return {*this, std::make_unique<server_workspace>(limits_)};
    std::unique_ptr<server_workspace> lent = std::move(idle_.back());
    idle_.pop_back();
    lent->parser.restart();
    lent->body.clear();
    lent->response.clear();
    lent->out.clear();
    return {*this, std::move(lent)};
}

}  // namespace simul::http::detail
