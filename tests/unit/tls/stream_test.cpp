// SPDX-License-Identifier: Apache-2.0
#include "simul/tls/stream.hpp"

#include "unit/tls/connections.hpp"

namespace simul {
namespace {

using namespace test;
using namespace std::chrono_literals;
using tls::errc;

static_assert(byte_stream<tls::stream>);

// --- the rules of every stream, over memory, in both versions
// -------------------------------------

template <tls::version Spoken>
struct tls_ends : stream_ends {
    using stream = tls::stream;
    static constexpr bool close_reads_as_end = false;
    static constexpr std::size_t plenty = std::size_t{1} << 20;
    static task<std::pair<stream, stream>> make() {
        tls::client_options options = trusting_options();
        options.minimum = options.maximum = Spoken;
        return connected(tls::client_context{options}, usual_server());
    }
};
using every_version =
    testing::Types<tls_ends<tls::version::tls_1_2>, tls_ends<tls::version::tls_1_3>>;
INSTANTIATE_TYPED_TEST_SUITE_P(tls, stream_rules, every_version);

// --- the end ------------------------------------------------------------------------------------

// A client of ours, and a server whose bytes we can hold back.
class against_foreign {
public:
    against_foreign() = default;

    task<> open(int maximum = 0) {
        auto [near, far] = memory_stream_pair();
        foreign_tls_options options = foreign_server();
        options.maximum = maximum;
        peer = std::make_unique<foreign_tls>(any_stream{std::move(far)}, options);
        any_stream near_end{std::move(near)};
        const tls::client_context context = usual_client();
        auto opening = tls::connect(std::move(near_end), context, "localhost");
        auto [opened, answered] = co_await gather(std::move(opening), peer->handshake());
        client.emplace(std::move(opened));
    }

    std::unique_ptr<foreign_tls> peer;
    std::optional<tls::stream> client;
};

class outcome_of_reading {
public:
    outcome_of_reading() {}
    std::string text;
    std::error_code code;
};

task<outcome_of_reading> read_what_comes(tls::stream& from) {
    outcome_of_reading all;
    std::array<std::byte, 64> buffer{};
    while (true) {
        auto count = co_await as_result(from.read_some(buffer));
        if (!count) {
            all.code = count.error();
            co_return all;
        }
        if (*count == 0) co_return all;
        all.text.append(text_of(std::span{buffer}.first(*count)));
    }
}

TEST(tls_stream, an_answer_that_is_cut_anywhere_is_never_a_clean_end) {
    std::size_t size = 1;
    for (std::size_t cut = 0; cut <= size; ++cut) {
        const std::error_code code = simulate([&]() -> task<std::error_code> {
            against_foreign both;
            co_await both.open();
            both.peer->write_unsent("the answer");
            const std::string sent = both.peer->take_output();
            size = sent.size();
            co_await write_all(both.peer->transport(), bytes_of(sent).first(cut));
            both.peer->close();
            const outcome_of_reading read = co_await read_what_comes(*both.client);
            EXPECT_EQ(read.text, cut == size ? "the answer" : "") << cut;
            const outcome_of_reading again = co_await read_what_comes(*both.client);
            EXPECT_EQ(again.code, errc::truncated) << "it stays truncated";
            co_return read.code;
        });
        EXPECT_EQ(code, errc::truncated) << "cut after " << cut << " bytes";
    }
    EXPECT_GT(size, 10U);
}

TEST(tls_stream, the_farewell_is_the_end_even_if_the_transport_goes_on) {
    simulate([]() -> task<> {
        against_foreign both;
        co_await both.open();
        co_await both.peer->write("all of it");
        co_await both.peer->say_farewell();
        co_await write_all(both.peer->transport(), bytes_of("not encrypted"));
        const outcome_of_reading read = co_await read_what_comes(*both.client);
        EXPECT_EQ(read.text, "all of it");
        EXPECT_FALSE(read.code);
        EXPECT_TRUE(both.client->has_input());
    });
}

// T46: what was sent before the farewell arrives, however much it is.
TEST(tls_stream, delivers_everything_before_the_farewell) {
    simulate([]() -> task<> {
        auto [client, server] = co_await connected(usual_client(), usual_server());
        const std::string sent = numbered_text(4 << 20);
        auto [nothing, read] =
            co_await gather(write_and_shut_down(server, sent), read_to_end(client));
        EXPECT_TRUE(read == sent);
    });
}

TEST(tls_stream, a_record_that_was_altered_is_refused_and_stays_refused) {
    simulate([]() -> task<> {
        against_foreign both;
        co_await both.open();
        both.peer->write_unsent("the answer");
        std::string sent = both.peer->take_output();
        sent.back() = static_cast<char>(sent.back() ^ 1);
        co_await write_all(both.peer->transport(), bytes_of(sent));
        for (int again = 0; again < 2; ++again) {
            const outcome_of_reading read = co_await read_what_comes(*both.client);
            EXPECT_EQ(read.code, errc::bad_record);
            EXPECT_EQ(read.text, "");
        }
        const auto code = co_await code_of(both.client->write_some(bytes_of("x")));
        EXPECT_EQ(code, errc::bad_record);
        const auto late = co_await code_of(both.client->shutdown());
        EXPECT_EQ(late, errc::bad_record);
    });
}

TEST(tls_stream, unencrypted_bytes_in_between_are_refused) {
    simulate([]() -> task<> {
        against_foreign both;
        co_await both.open();
        co_await write_all(both.peer->transport(), bytes_of("HTTP/1.1 200 OK\r\n\r\n"));
        const outcome_of_reading read = co_await read_what_comes(*both.client);
        EXPECT_EQ(read.code, errc::protocol_error);
    });
}

// Breaks the connection where others close it.
class resetting {
public:
    explicit resetting(memory_stream inner) : inner_{std::move(inner)} {}
    auto read_some(std::span<std::byte> buffer) { return inner_.read_some(buffer); }
    auto write_some(std::span<const std::byte> bytes) { return inner_.write_some(bytes); }
    auto shutdown() { return inner_.shutdown(); }
    void close() noexcept { inner_.reset(); }
    bool has_input() const noexcept { return inner_.has_input(); }

private:
    memory_stream inner_;
};

TEST(tls_stream, a_broken_transport_is_reported_as_it_is) {
    simulate([]() -> task<> {
        auto [near, far] = memory_stream_pair();
        any_stream near_end{std::move(near)};
        foreign_tls_options options = foreign_server();
        const tls::client_context context = usual_client();
        any_stream far_end{resetting{std::move(far)}};
        foreign_tls peer{std::move(far_end), options};
        auto opening = tls::connect(std::move(near_end), context, "localhost");
        auto [client, nothing] = co_await gather(std::move(opening), peer.handshake());
        peer.close();
        const outcome_of_reading read = co_await read_what_comes(client);
        EXPECT_EQ(read.code, std::errc::connection_reset);
    });
}

// --- saying farewell ----------------------------------------------------------------------------

TEST(tls_stream, shutdown_leaves_the_transport_open) {
    simulate([]() -> task<> {
        against_foreign both;
        co_await both.open();
        co_await both.client->shutdown();
        const std::string end = co_await both.peer->read();
        EXPECT_EQ(end, "");
        co_await both.peer->write("still there");
        const std::string read = co_await read_count(*both.client, 11);
        EXPECT_EQ(read, "still there");
        const auto code = co_await code_of(both.client->write_some(bytes_of("x")));
        EXPECT_EQ(code, simul::errc::closed);
    });
}

task<> answer_after_a_second(tls::stream& at) {
    const std::string nothing = co_await read_to_end(at);
    EXPECT_EQ(nothing, "");
    co_await sleep_for(1s);
    co_await at.shutdown();
}

TEST(tls_stream, waits_for_the_farewell_of_the_peer_where_asked) {
    simulate([]() -> task<> {
        auto [client, server] = co_await connected(usual_client(), usual_server());
        co_await write_all(server, bytes_of("nobody reads this"));
        auto [said, nothing] =
            co_await gather(client.shutdown_and_wait(), answer_after_a_second(server));
        EXPECT_TRUE(said);
    });
}

TEST(tls_stream, waits_two_seconds_for_it_and_no_longer) {
    simulate([]() -> task<> {
        auto [client, server] = co_await connected(usual_client(), usual_server());
        const time_point since = now();
        const bool said = co_await client.shutdown_and_wait();
        EXPECT_FALSE(said);
        EXPECT_EQ(now() - since, 2s);
    });
}

TEST(tls_stream, does_not_wait_for_a_farewell_that_cannot_come) {
    simulate([]() -> task<> {
        auto [client, server] = co_await connected(usual_client(), usual_server());
        server.close();
        const auto said = co_await as_result(client.shutdown_and_wait());
        EXPECT_TRUE(!said || !*said);
    });
}

TEST(tls_stream, throws_away_256_kibibytes_while_it_waits_and_no_more) {
    for (const std::size_t size :
         {std::size_t{262'143}, std::size_t{262'144}, std::size_t{262'144 + 8192}}) {
        simulate([&]() -> task<> {
            auto [client, server] = co_await connected(usual_client(), usual_server());
            const std::string text(size, 'x');
            auto [said, written] = co_await gather_settled(client.shutdown_and_wait(),
                                                           write_and_shut_down(server, text));
            EXPECT_EQ(said.take(), size <= 262'144) << size;
        });
    }
}

// --- both directions at once --------------------------------------------------------------------

TEST(tls_stream, goes_on_through_key_updates) {
    simulate([]() -> task<> {
        against_foreign both;
        co_await both.open();
        for (int round = 0; round < 5; ++round) {
            both.peer->update_key(true);
            co_await both.peer->write("after an update");
            const std::string read = co_await read_count(*both.client, 15);
            EXPECT_EQ(read, "after an update");
            co_await write_all(*both.client, bytes_of("and back"));
            const std::string back = co_await both.peer->read();
            EXPECT_EQ(back, "and back");
        }
    });
}

TEST(tls_stream, a_reader_owes_the_answers_to_key_updates_until_the_next_write) {
    simulate([]() -> task<> {
        against_foreign both;
        co_await both.open();
        task_handle<std::string> reader = outermost_group().spawn(read_count(*both.client, 4));
        for (int update = 0; update < 1'000; ++update) {
            both.peer->update_key(true);
            co_await both.peer->flush();
        }
        co_await both.peer->write("done");
        const std::string done = co_await reader;
        EXPECT_EQ(done, "done");
        EXPECT_FALSE(both.peer->transport().has_input()) << "reading does not write";
        co_await write_all(*both.client, bytes_of("answer"));
        const std::string answer = co_await both.peer->read();
        EXPECT_EQ(answer, "answer");
    });
}

task<outcome_of_reading> read_and_close(tls::stream& from) {
    outcome_of_reading read = co_await read_what_comes(from);
    from.close();
    co_return read;
}

// In TLS 1.3 it asks for new keys, in TLS 1.2 for another handshake. What we owe it is bounded.
TEST(tls_stream, refuses_a_peer_that_wants_answers_without_end) {
    for (const int version : {0x0303, 0x0304}) {
        simulate([&]() -> task<> {
            against_foreign both;
            co_await both.open(version);
            task_handle<outcome_of_reading> reader =
                outermost_group().spawn(read_and_close(*both.client));
            int wishes = 0;
            while (wishes < 10'000) {
                if (version == 0x0303) both.peer->renegotiate();
                if (version == 0x0304) both.peer->update_key(true);
                const auto code = co_await code_of(both.peer->flush());
                if (code) break;
                co_await yield_now();
                ++wishes;
            }
            EXPECT_GT(wishes, 2000);
            EXPECT_LT(wishes, 6000);
            both.peer->close();
            const outcome_of_reading read = co_await reader;
            EXPECT_EQ(read.code, errc::protocol_error) << version;
        });
    }
}

TEST(tls_stream, does_not_renegotiate) {
    simulate([]() -> task<> {
        against_foreign both;
        co_await both.open(0x0303);
        EXPECT_EQ(both.client->protocol_version(), tls::version::tls_1_2);
        both.peer->renegotiate();
        co_await both.peer->flush();
        task_handle<std::string> reader = outermost_group().spawn(read_count(*both.client, 5));
        co_await some_turns();
        co_await write_all(*both.client, bytes_of("hello"));
        const auto answer = co_await as_outcome(both.peer->read());
        EXPECT_TRUE(answer.has_error()) << "its wish was refused";
        EXPECT_FALSE(reader.done());
        reader.cancel();
        co_await until_ended(reader);
    });
}

TEST(tls_stream, works_over_a_transport_that_gives_one_byte_at_a_time) {
    simulate([]() -> task<> {
        auto [near, far] = memory_stream_pair(7);
        near.limit_transfers(1);
        any_stream near_end{std::move(near)};
        any_stream far_end{std::move(far)};
        const tls::client_context at_client = usual_client();
        const tls::server_context at_server = usual_server();
        auto opening = tls::connect(std::move(near_end), at_client, "localhost");
        auto answering = tls::accept(std::move(far_end), at_server);
        auto [client, server] = co_await gather(std::move(opening), std::move(answering));
        const std::string sent = numbered_text(20'000);
        auto [nothing, also, there, back] =
            co_await gather(write_and_shut_down(client, sent), write_and_shut_down(server, sent),
                            read_to_end(server), read_to_end(client));
        EXPECT_TRUE(there == sent);
        EXPECT_TRUE(back == sent);
    });
}

// --- cancellation -------------------------------------------------------------------------------

TEST(tls_stream, nothing_follows_a_write_that_was_cancelled) {
    simulate([]() -> task<> {
        auto [client, server] = co_await connected(usual_client(), usual_server());
        const std::string much(std::size_t{1} << 20, 'x');
        task_handle<> writer = outermost_group().spawn(write_all(client, bytes_of(much)));
        co_await some_turns();
        EXPECT_FALSE(writer.done());
        writer.cancel();
        co_await until_ended(writer);
        const auto code = co_await code_of(client.write_some(bytes_of("x")));
        EXPECT_EQ(code, simul::errc::closed);
        const auto farewell = co_await code_of(client.shutdown());
        EXPECT_EQ(farewell, simul::errc::closed);
        co_await write_all(server, bytes_of("the other direction"));
        const std::string read = co_await read_count(client, 19);
        EXPECT_EQ(read, "the other direction");
        // What arrived is whole, and the peer learns that something is missing.
        client.close();
        const outcome_of_reading at_server = co_await read_what_comes(server);
        EXPECT_EQ(at_server.code, errc::truncated);
        EXPECT_EQ(at_server.text, much.substr(0, at_server.text.size()));
        EXPECT_GT(at_server.text.size(), 0U);
    });
}

TEST(tls_stream, a_write_that_waits_for_a_farewell_is_cancelled_cleanly) {
    simulate([]() -> task<> {
        auto [client, server] = co_await connected(usual_client(), usual_server());
        const std::string much(std::size_t{1} << 20, 'x');
        task_handle<std::error_code> writer =
            outermost_group().spawn(code_of(write_all(client, bytes_of(much))));
        co_await some_turns();
        task_handle<> farewell = outermost_group().spawn(client.shutdown());
        co_await some_turns();
        farewell.cancel();
        co_await until_ended(farewell);
        const std::string all = co_await read_count(server, much.size());
        EXPECT_TRUE(all == much);
        const std::error_code code = co_await writer;
        EXPECT_FALSE(code);
        co_await write_all(client, bytes_of("more"));
        const std::string more = co_await read_count(server, 4);
        EXPECT_EQ(more, "more");
    });
}

}  // namespace
}  // namespace simul
