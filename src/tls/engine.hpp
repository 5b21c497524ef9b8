// SPDX-License-Identifier: Apache-2.0
//
// tls/engine.hpp: one connection's TLS as a machine in memory. It never waits.
//
// Bytes from the transport go into space() and are announced with received(); bytes for it are
// taken with take_output(). OpenSSL takes all of the input before it asks for more, whole records
// or not, so the input needs room for one read only.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simul/tls/stream.hpp"
#include "tls/context_state.hpp"
#include "tls/failure.hpp"
#include "tls/host_name.hpp"

struct ssl_st;
struct x509_store_ctx_st;
struct bio_st;
struct bio_method_st;

namespace simul::tls::detail {

/// How far a step got.
enum class progress : unsigned char {
    done,
    wants_input,
    ended,   ///< the peer has said farewell
    failed,  ///< see why()
};

class engine {
public:
    explicit engine(std::shared_ptr<const context_state> context);
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;
    ~engine();

    /// Sets everything that depends on the host, in one place: the name sent to the server, what
    /// the certificate is compared with, and that it is verified at all.
    void expect(const host_name& host);

    progress handshake();
    progress read(std::span<std::byte> buffer, std::size_t& count);
    progress write(std::span<const std::byte> bytes, std::size_t& count);
    progress say_farewell();

    /// Where the next bytes of the transport go. Until received() or abandon_space() nothing else
    /// touches it.
    std::span<std::byte> space();
    void received(std::size_t count) noexcept;
    void abandon_space() noexcept { is_filling_ = false; }

    [[nodiscard]] std::vector<std::byte> take_output() noexcept {
        return std::exchange(output_, {});
    }
    [[nodiscard]] std::size_t output_size() const noexcept { return output_.size(); }

    /// True when the output of an ended handshake is no part of it. Tickets go out with the first
    /// data, so that nobody has to read them before accept() ends.
    [[nodiscard]] bool owes_tickets_only() const noexcept {
        return context_->is_server && protocol_version() == version::tls_1_3;
    }

    /// True when read() would not want input, or may not.
    [[nodiscard]] bool has_input() const noexcept;

    /// Why it failed, and stays failed.
    [[nodiscard]] const failure& why() const noexcept { return *failed_; }
    [[nodiscard]] bool has_failed() const noexcept { return failed_.has_value(); }
    progress fail(failure why);

    [[nodiscard]] duration handshake_timeout() const noexcept {
        return context_->handshake_timeout;
    }
    [[nodiscard]] std::string_view alpn() const noexcept;
    [[nodiscard]] version protocol_version() const noexcept;
    [[nodiscard]] std::string_view cipher() const noexcept;
    [[nodiscard]] std::string_view server_name() const noexcept;
    [[nodiscard]] std::optional<certificate_summary> peer_certificate() const;

private:
    static constexpr std::size_t input_size = 16896;  ///< a whole record of TLS 1.3, and its frame

    static int verified(int is_good, x509_store_ctx_st* at);
    static int bio_write(bio_st* bio, const char* data, std::size_t size, std::size_t* count);
    static int bio_read(bio_st* bio, char* data, std::size_t size, std::size_t* count);
    static const bio_method_st* bio_method();

    progress conclude(int result);
    progress check_handshake();
    void look_at_first_byte(unsigned value) noexcept;

    struct free_ssl {
        void operator()(ssl_st* owned) const noexcept;
    };

    std::shared_ptr<const context_state> context_;
    std::unique_ptr<std::byte[]> input_;
    std::size_t input_begin_ = 0;
    std::size_t input_end_ = 0;
    bool is_filling_ = false;    ///< the transport writes behind input_end_
    bool is_connected_ = false;  ///< the handshake has ended well
    bool is_not_tls_ = false;
    unsigned first_bytes_seen_ = 0;  ///< of the two that tell TLS from other protocols
    std::vector<std::byte> output_;
    std::optional<failure> rejected_;  ///< what the verification found first
    std::optional<failure> failed_;
    std::unique_ptr<ssl_st, free_ssl> ssl_;  ///< last: it refers to what is above
};

}  // namespace simul::tls::detail
