// SPDX-License-Identifier: Apache-2.0
#include "concurrency/process_pool_failure.hpp"

#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <typeinfo>

#include "simul/base/error.hpp"
#include "simul/concurrency/detail/process_call.hpp"
#include "simul/concurrency/process_pool.hpp"

namespace simul::detail {

namespace {

// What is sent of an exception, in this order.
struct failure {
    std::string message;
    std::string type_name;
    std::uint32_t category = 0;  // of std::system_error: its place in known_categories() plus one
    std::int32_t code = 0;
};

// These three exist in every program that uses the library, so that both ends know them.
std::array<const std::error_category*, 3> known_categories() noexcept {
    return {&std::generic_category(), &std::system_category(), &error_category()};
}

std::string name_of_current_exception() {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    if (type == nullptr) return "an unknown type";
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> readable{
        abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free};
    return status == 0 ? readable.get() : type->name();
}

// std::system_error appends the text of its code to what it is given; the other end does so again.
std::string message_before_code(const std::system_error& thrown) {
    std::string message = thrown.what();
    const std::string appended = ": " + thrown.code().message();
    if (message.ends_with(appended)) {
        message.resize(message.size() - appended.size());
    } else if (message == thrown.code().message()) {
        message.clear();
    }
    return message;
}

failure describe_current_exception() {
    failure described;
    described.type_name = name_of_current_exception();
    try {
        throw;
    } catch (const std::system_error& thrown) {
        described.message = thrown.what();
        std::uint32_t place = 0;
        for (const std::error_category* each : known_categories()) {
            ++place;
            if (thrown.code().category() != *each) continue;
            described.message = message_before_code(thrown);
            described.category = place;
            described.code = thrown.code().value();
        }
    } catch (const std::exception& thrown) {
        described.message = thrown.what();
    } catch (...) {
        described.message = "an exception of type " + described.type_name;
    }
    return described;
}

}  // namespace

std::vector<std::byte> carry_out(std::uintptr_t what, std::span<const std::byte> arguments) {
    process_writer reply = begin_process_message(static_cast<std::uintptr_t>(reply_kind::result));
    try {
        process_reader from{arguments};
        reinterpret_cast<process_entry>(what)(from, reply);
    } catch (...) {
        const failure thrown = describe_current_exception();
        reply = begin_process_message(static_cast<std::uintptr_t>(reply_kind::failure));
        process_codec<std::string>::write(reply, thrown.message);
        process_codec<std::string>::write(reply, thrown.type_name);
        process_codec<std::uint32_t>::write(reply, thrown.category);
        process_codec<std::int32_t>::write(reply, thrown.code);
    }
    return end_process_message(reply);
}

void throw_remote_failure(std::span<const std::byte> body) {
    process_reader from{body};
    const auto message = process_codec<std::string>::read(from);
    const auto type_name = process_codec<std::string>::read(from);
    const auto category = process_codec<std::uint32_t>::read(from);
    const auto code = process_codec<std::int32_t>::read(from);
    if (category == 0) throw remote_error{message, type_name};
    const std::error_code known{code, *known_categories().at(category - 1)};
    if (message.empty()) throw std::system_error{known};
    throw std::system_error{known, message};
}

}  // namespace simul::detail
