// SPDX-License-Identifier: Apache-2.0
//
// crawl/broken_sites.hpp: the server crawl/broken_sites.py, with the certificates that it shows,
// and a run of `simul crawl` that visits it.
#pragma once

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "program_path.hpp"
#include "support/child_process.hpp"
#include "support/test_authority.hpp"
#include "support/test_data.hpp"
#include "support/text_pieces.hpp"

namespace simul::test {

/// A certificate, what leads to its authority, and its key.
class shown_certificate {
public:
    shown_certificate(issued_certificate made, std::string issuers)
        : leaf{std::move(made)}, chain{std::move(issuers)} {}

    issued_certificate leaf;
    std::string chain;
};

/// A certificate for each way to be wrong, by the name of its host, and some that are right.
inline std::map<std::string, shown_certificate> certificates_of_broken_sites() {
    const test_authority& authority = test_authority::shared();
    const std::string& intermediate = authority.intermediate.certificate;
    std::map<std::string, shown_certificate> all;
    const auto host_of = [](const std::string& name) { return name + ".test"; };
    const auto add = [&](const std::string& name, auto change) {
        certificate_request wanted = server_named(host_of(name));
        change(wanted);
        all.try_emplace(name, authority.server(wanted), intermediate);
    };
    for (const char* name : {"good", "tls-old", "tls-client-certificate", "tls-cut", "tls-altered",
                             "incomplete-chain"}) {
        add(name, [](certificate_request&) {});
    }
    all.at("incomplete-chain").chain.clear();
    add("expired", [](certificate_request& wanted) {
        wanted.valid_from_days = -30;
        wanted.valid_until_days = -2;
    });
    add("not-yet-valid", [](certificate_request& wanted) { wanted.valid_from_days = 2; });
    add("other-host", [](certificate_request& wanted) { wanted.names = {"another.test"}; });
    add("wrong-purpose",
        [](certificate_request& wanted) { wanted.extended_key_usage = "clientAuth"; });
    add("weak-key", [](certificate_request& wanted) { wanted.key = "RSA1024"; });
    add("weak-digest", [](certificate_request& wanted) { wanted.digest = "SHA1"; });
    add("bad-signature", [](certificate_request& wanted) { wanted.signature_is_wrong = true; });

    all.try_emplace("self-signed", self_signed(server_named(host_of("self-signed"))), "");
    const test_authority stranger{"a stranger"};
    all.try_emplace("unknown-authority", stranger.server(server_named("unknown-authority.test")),
                    stranger.intermediate.certificate);

    const auto below = [&](const std::string& name,
                           const std::vector<certificate_request>& issuers) {
        issued_certificate issuer = authority.root;
        std::string chain;
        for (const certificate_request& each : issuers) {
            issuer = signed_by(issuer, each);
            chain.insert(0, issuer.certificate);
        }
        all.try_emplace(name, signed_by(issuer, server_named(host_of(name))), chain);
    };
    certificate_request last = authority_named("signs servers only");
    last.path_length = 0;
    below("path-too-long", {last, authority_named("too deep")});
    certificate_request constrained = authority_named("of example.test");
    constrained.name_constraints = "critical,permitted;DNS:example.test";
    below("name-constraint", {constrained});
    certificate_request server = server_named("someone.test");
    server.common_name = "only a server";
    below("invalid-authority", {server});
    std::vector<certificate_request> many;
    for (int i = 0; i < 11; ++i) {
        many.push_back(authority_named(joined({"authority ", std::to_string(i)})));
    }
    below("chain-too-long", many);

    certificate_request padding = authority_named("padding");
    for (int i = 0; i < 1000; ++i) {
        padding.names.push_back(joined({std::to_string(i), ".padding.example.test"}));
    }
    add("message-too-long", [](certificate_request&) {});
    const std::string one = self_signed(padding).certificate;
    for (int i = 0; i < 5; ++i) all.at("message-too-long").chain.append(one);
    return all;
}

/// The server. Each of its hosts has an address of its own, to which --resolve leads.
class broken_sites {
public:
    broken_sites() {
        for (const auto& [name, shown] : certificates_of_broken_sites()) {
            files_.write(joined({name, ".pem"}), shown.leaf.certificate + shown.chain);
            files_.write(joined({name, ".key"}), shown.leaf.key);
        }
        start({}, files_.directory().string());
    }

    /// The one with broken name servers, in a network of its own.
    explicit broken_sites(std::vector<std::string> in_network) {
        start(std::move(in_network), "--name-server");
    }

    [[nodiscard]] bool is_running() const noexcept { return !addresses_.empty(); }
    [[nodiscard]] ::pid_t pid() const noexcept { return process_->pid(); }

    [[nodiscard]] std::string at(std::string_view name, std::string_view path = "/") const {
        return address("http", name, http_, "80", path);
    }
    [[nodiscard]] std::string secure_at(std::string_view name, std::string_view path = "/") const {
        return address("https", name, https_, "443", path);
    }

    /// Arguments of the program: where the hosts are, and whom to believe.
    [[nodiscard]] std::vector<std::string> resolutions() const {
        std::vector<std::string> words{"--authority", authority_.string()};
        for (const auto& [host, where] : addresses_) {
            words.insert(words.end(), {"--resolve", joined({host, ":*:", where})});
        }
        return words;
    }

    /// The same for crawl, which may ask all of them for what they have.
    [[nodiscard]] std::vector<std::string> arguments() const {
        std::vector<std::string> words = resolutions();
        for (const auto& [host, where] : addresses_) {
            words.insert(words.end(), {"--i-own-this", host});
        }
        return words;
    }

private:
    void start(std::vector<std::string> command, const std::string& argument) {
        authority_ =
            files_.write("authority.pem", test_authority::shared().root.certificate).string();
        command.insert(
            command.end(),
            {"python3", SIMUL_SOURCE_DIR "/tests/integration/crawl/broken_sites.py", argument});
        process_.emplace(std::move(command));
        std::istringstream ports{process_->read_line()};
        ports >> http_ >> https_;
        for (const std::string& each : split(process_->read_line(), ' ')) {
            const std::size_t equals = each.find('=');
            if (equals == std::string::npos) continue;
            addresses_.emplace(each.substr(0, equals), each.substr(equals + 1));
        }
    }

    static std::string address(std::string_view scheme, std::string_view name,
                               std::string_view port, std::string_view usual,
                               std::string_view path) {
        if (port == usual) return joined({scheme, "://", name, ".test", path});
        return joined({scheme, "://", name, ".test:", port, path});
    }

    temporary_files files_;
    std::filesystem::path authority_;
    std::optional<child_process> process_;
    std::string http_;
    std::string https_;
    std::map<std::string, std::string> addresses_;
};

/// One run of `simul crawl`, begun at once; its files are read when it has ended.
class crawl_run {
public:
    using json = nlohmann::json;

    /// `before` are the words of a command that goes on with the words behind it. The results go
    /// into a directory of its own unless the arguments name one.
    crawl_run(std::string_view backend, const std::vector<std::string>& arguments,
              std::vector<std::string> before = {}) {
        before.insert(
            before.end(),
            {"timeout", "120", "env", joined({"SIMUL_BACKEND=", backend}), "sh", "-c",
             joined({"exec \"$0\" \"$@\" 2>'", path("log"), "'"}), SIMUL_PROGRAM, "crawl"});
        if (std::ranges::find(arguments, "--state") == arguments.end()) {
            before.insert(before.end(), {"--state", path("state")});
        }
        before.insert(before.end(), arguments.begin(), arguments.end());
        process_.emplace(std::move(before));
    }

    /// Waits for its end.
    void finish() {
        said = process_->read_all();
        code = process_->wait();
        log = lines_of(read_whole_file(path("log")));
        read_files(path("state"));
    }

    /// Reads the files of a crawl, each line of which must be whole.
    void read_files(const std::filesystem::path& directory) {
        pages = records_of(directory / "pages.jsonl");
        failures = records_of(directory / "errors.jsonl");
        links = rows_of(directory / "links.tsv");
    }

    [[nodiscard]] std::string path(std::string_view name) const {
        return (folder_.path() / name).string();
    }

    [[nodiscard]] std::string whole_log() const {
        std::string text;
        for (const std::string& line : log) text.append(line).append("\n");
        return text;
    }

    /// The lines of the log that begin like this.
    [[nodiscard]] std::vector<std::string> told(std::string_view beginning) const {
        std::vector<std::string> lines;
        for (const std::string& line : log) {
            if (line.starts_with(beginning)) lines.push_back(line);
        }
        return lines;
    }

    /// The only record of this address, or null if there is none, or more than one.
    [[nodiscard]] static json record_of(const std::vector<json>& all, const std::string& url) {
        json found;
        int count = 0;
        for (const json& each : all) {
            if (each.value("url", "") != url) continue;
            found = each;
            ++count;
        }
        return count == 1 ? found : json{};
    }

    int code = -1;
    std::string said;              ///< standard output
    std::vector<std::string> log;  ///< standard error, by lines
    std::vector<json> pages;
    std::vector<json> failures;
    std::vector<std::vector<std::string>> links;  ///< without the header

private:
    static std::vector<std::string> whole_lines_of(const std::filesystem::path& path) {
        const std::string text = read_whole_file(path);
        EXPECT_TRUE(text.empty() || text.ends_with('\n')) << path << " ends within a line";
        return lines_of(text);
    }

    static std::vector<json> records_of(const std::filesystem::path& path) {
        std::vector<json> records;
        for (const std::string& line : whole_lines_of(path)) {
            json record = json::parse(line, nullptr, false);
            EXPECT_TRUE(record.is_object() && record.contains("url")) << path << ": " << line;
            records.push_back(std::move(record));
        }
        return records;
    }

    static std::vector<std::vector<std::string>> rows_of(const std::filesystem::path& path) {
        std::vector<std::vector<std::string>> rows;
        for (const std::string& line : whole_lines_of(path)) {
            rows.push_back(split(line, '\t'));
            EXPECT_EQ(rows.back().size(), 5U) << path << ": " << line;
        }
        if (rows.empty()) return rows;
        EXPECT_EQ(rows.front().front(), "source_url");
        rows.erase(rows.begin());
        return rows;
    }

    temporary_directory folder_;
    std::optional<child_process> process_;
};

}  // namespace simul::test
