// SPDX-License-Identifier: Apache-2.0
#include "crawl/frontier.hpp"

namespace simul::program {

frontier::host& frontier::host_of(const web::url& address) {
    const auto found = hosts_.find(address.host());
    if (found != hosts_.end()) return found->second;
    std::string name{address.host()};
    return hosts_.try_emplace(name, name, make_rate_(address)).first->second;
}

bool frontier::meet_again(const web::url& address, unsigned depth) {
    const auto known = entries_.find(address);
    if (known == entries_.end()) return false;
    if (depth < known->second.depth) known->second.depth = depth;
    return true;
}

frontier::added frontier::add(const web::url& address, unsigned depth, const entry* found_on,
                              unsigned redirects) {
    if (meet_again(address, depth)) return added::known;
    if (entries_.size() >= max_pages_) return added::page_limit;
    host& at = host_of(address);
    if (at.admitted >= max_pages_per_host_) return added::host_page_limit;
    const auto made = entries_.try_emplace(address).first;
    entry& fresh = made->second;
    fresh.address = &made->first;
    fresh.at = &at;
    fresh.found_on = found_on;
    fresh.depth = depth;
    fresh.redirects = redirects;
    ++at.admitted;
    ++waiting_;
    at.queue.push_back(&fresh);
    if (at.queue.size() == 1) refresh(at);
    return added::fresh;
}

frontier::taken frontier::take(time_point now) {
    while (!later_.empty() && later_.begin()->first <= now) {
        entry& due = *later_.begin()->second;
        later_.erase(later_.begin());
        due.at->queue.push_back(&due);
        if (due.at->queue.size() == 1) refresh(*due.at);
    }
    taken result;
    if (!index_.empty() && index_.begin()->first.first <= now) {
        host& open = *index_.begin()->second;
        result.what = open.queue.front();
        open.queue.pop_front();
        --waiting_;
        open.turn = ++turns_;
        refresh(open);
        return result;
    }
    if (!index_.empty()) result.again = index_.begin()->first.first;
    if (!later_.empty() && (!result.again || later_.begin()->first < *result.again)) {
        result.again = later_.begin()->first;
    }
    return result;
}

void frontier::begin(host& asked, time_point now) {
    asked.rate.started(now);
    refresh(asked);
}

void frontier::finish(host& asked, time_point now) {
    asked.rate.ended(now);
    refresh(asked);
}

void frontier::hold(host& which) {
    which.rate.hold();
    refresh(which);
}

void frontier::release(host& which) {
    which.rate.release();
    refresh(which);
}

void frontier::refresh(host& changed) {
    if (changed.in_index) {
        index_.erase(*changed.in_index);
        changed.in_index.reset();
    }
    if (changed.queue.empty()) return;
    // What a closed host has left is given out at once: nobody will ask it.
    const auto opens = changed.closed ? std::optional{time_point::min()} : changed.rate.opens_at();
    if (!opens) return;
    changed.in_index = host::place{*opens, changed.turn};
    while (!index_.try_emplace(*changed.in_index, &changed).second) {
        changed.turn = ++turns_;
        changed.in_index->second = changed.turn;
    }
}

void frontier::put_back(entry& returned) {
    returned.at->queue.push_front(&returned);
    ++waiting_;
    refresh(*returned.at);
}

void frontier::retry(entry& returned, time_point when) {
    later_.emplace(when, &returned);
    ++waiting_;
}

}  // namespace simul::program
