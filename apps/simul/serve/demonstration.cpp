// SPDX-License-Identifier: Apache-2.0
//
// The plan of the museum, which writer::build() follows:
//
//     /  ──▶ /halls/H/ (10 exhibits) ⇄ /halls/H/?page=2 (10 more) ──▶ /halls/H/NN-thing ⇄
//     neighbours
//        ──▶ /tours/ ──▶ /tours/N ──▶ one exhibit in each hall
//        ──▶ rooms of their own: about, visit, press, map, gallery, archive, notes …
#include "serve/demonstration.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/http/coding.hpp"
#include "simul/http/status.hpp"

namespace simul::program {

namespace {

struct hall {
    std::string_view name;
    std::string_view title;
    std::string_view about;
};

constexpr std::array<hall, 6> halls{{
    {"ocean", "Ocean", "Water lifted by wind, moon and earthquakes"},
    {"sound", "Sound", "Air and everything else that can be struck, plucked or blown"},
    {"light", "Light", "Colours, shadows and what happens at the edge of both"},
    {"earth", "Earth", "The ground, which is never quite still"},
    {"radio", "Radio", "Signals that walls do not stop"},
    {"crowd", "Crowd", "Waves in stadiums, traffic and rumours"},
}};

constexpr std::array<std::string_view, 20> things{
    "tank",     "gauge",  "bell",   "spring",   "mirror",  "string", "lens",
    "pendulum", "comb",   "horn",   "membrane", "beacon",  "coil",   "needle",
    "wheel",    "ribbon", "ladder", "lantern",  "grating", "drum"};

constexpr std::array<std::string_view, 8> openings{
    "Push the handle once and wait.",
    "Nothing moves until somebody comes close.",
    "This one was found in a cellar and still works.",
    "Stand at the far end first, then walk back slowly.",
    "Children usually understand it before their parents do.",
    "It was built to settle a bet, and it did.",
    "The original was three times as large.",
    "Listen before you look."};

constexpr std::array<std::string_view, 8> middles{
    "What travels along it is not the material but the push.",
    "Where two crests meet they add up, and where a crest meets a trough nothing is left.",
    "The short waves arrive first and the long ones carry the strength.",
    "Each end sends back what it cannot swallow.",
    "At one particular speed it grows until a stop catches it.",
    "Halve the length and the pitch doubles.",
    "The pattern stands still although every part of it moves.",
    "The further the edges are apart, the narrower the stripes become."};

constexpr std::array<std::string_view, 8> endings{
    "The drawing beside it was made by a visitor.",
    "Please do not lean on the glass.",
    "A second copy is in use at a harbour.",
    "It is wound up each morning at nine.",
    "The log book has been kept since the opening day.",
    "Ask the attendant for the long version.",
    "It has failed only twice, both times on a Sunday.",
    "The lamp above it is part of the exhibit."};

constexpr std::string_view html_type = "text/html; charset=utf-8";

// The date of every page: a site that changes with each start could not be asked for changes.
constexpr std::chrono::sys_seconds opening_day =
    std::chrono::sys_days{std::chrono::year{2026} / 1 / 15};

std::string fingerprint(std::string_view text) {
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const char each : text) {
        hash = (hash ^ static_cast<unsigned char>(each)) * 0x100000001B3;
    }
    return fmt::format("{:016x}", hash);
}

std::string hall_path(const hall& in) {
    return fmt::format("/halls/{}/", in.name);
}

std::string exhibit_path(const hall& in, std::size_t number) {
    return fmt::format("/halls/{}/{:02}-{}", in.name, number + 1, things[number]);
}

std::string exhibit_title(const hall& in, std::size_t number) {
    return fmt::format("{} {}", in.title, things[number]);
}

}  // namespace

/// Writes the pages and counts what it writes.
class demonstration_site::writer {
public:
    explicit writer(demonstration_site& into) : site_{into} {}

    void build() {
        front_door();
        for (const hall& each : halls) {
            hall_lists(each);
            for (std::size_t number = 0; number != things.size(); ++number) exhibit(each, number);
        }
        tours();
        rooms();
        rooms_with_pictures();
        other_answers();
        private_part();
        site_.expected_.external = external_.size();
    }

private:
    // --- pieces of the page that is being written ---------------------------------------------

    void begin(std::string_view title, std::string_view head = {}) {
        body_ = fmt::format(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
            "<title>{} - Museum of Waves</title>\n"
            "<link rel=\"stylesheet\" href=\"/style.css\">\n{}</head>\n<body>\n<nav>",
            title, head);
        link("/", "Museum of Waves");
        link("/tours/", "Tours");
        link("/visit", "Visit");
        link("/archive", "Archive");
        body_.append("</nav>\n");
        body_.append(fmt::format("<h1>{}</h1>\n", title));
    }

    void link(std::string_view where, std::string_view text, std::string_view rel = {}) {
        if (rel.empty()) {
            body_.append(fmt::format("<a href=\"{}\">{}</a>\n", where, text));
        } else {
            body_.append(fmt::format("<a href=\"{}\" rel=\"{}\">{}</a>\n", where, rel, text));
        }
        ++anchors_;
        if (where.find("://") != where.npos) external_.emplace(where.substr(0, where.find('#')));
    }

    void say(std::string_view text) { body_.append(fmt::format("<p>{}</p>\n", text)); }

    void end(std::string path, bool is_public = true) {
        body_.append("</body>\n</html>\n");
        site_.add(std::move(path), std::string{html_type}, std::move(body_));
        body_.clear();
        if (is_public) {
            ++site_.expected_.pages;
            site_.expected_.anchors += anchors_;
        }
        anchors_ = 0;
    }

    // --- the pages ----------------------------------------------------------------------------

    void front_door() {
        begin("Welcome");
        say("Six halls, one hundred and twenty exhibits, and no two of them in step.");
        for (const hall& each : halls) {
            link(hall_path(each), each.title);
            say(each.about);
        }
        link("/about", "About the museum");
        link("/people", "People");
        link("/press", "Press");
        link("/map", "Map");
        link("/gallery", "Gallery");
        link("/glossary", "Glossary");
        link("/notes/", "Notebook");
        link("/contact", "Contact");
        link("/lost-wing", "The lost wing");
        end("/");
    }

    void hall_lists(const hall& in) {
        for (const std::size_t first : {std::size_t{0}, things.size() / 2}) {
            begin(fmt::format("{} hall{}", in.title, first == 0 ? "" : ", second room"));
            say(in.about);
            body_.append("<ul>\n");
            for (std::size_t number = first; number != first + things.size() / 2; ++number) {
                body_.append("<li>");
                link(exhibit_path(in, number), exhibit_title(in, number));
            }
            body_.append("</ul>\n");
            if (first == 0) {
                link("?page=2", "Second room", "next");
                end(hall_path(in));
            } else {
                link(hall_path(in), "First room", "prev");
                end(hall_path(in).append("?page=2"));
            }
        }
    }

    void exhibit(const hall& in, std::size_t number) {
        begin(exhibit_title(in, number));
        // Two numbers without a common divisor with 8 keep neighbours from sounding alike.
        const auto place = static_cast<std::size_t>(&in - halls.data());
        say(openings[(number * 3 + place) % openings.size()]);
        say(middles[(number * 5 + place * 3) % middles.size()]);
        say(endings[(number + place * 5) % endings.size()]);
        if (number != 0) link(exhibit_path(in, number - 1), "Previous", "prev");
        if (number + 1 != things.size()) link(exhibit_path(in, number + 1), "Next", "next");
        link(number < things.size() / 2 ? "./" : "./?page=2", "Back to the hall");
        link("#top", "To the top");
        end(exhibit_path(in, number));
    }

    void tours() {
        constexpr std::array<std::string_view, 5> names{"The short one", "The quiet one",
                                                        "The wet one", "The one in the dark",
                                                        "The one for returning visitors"};
        begin("Tours");
        for (std::size_t number = 0; number != names.size(); ++number) {
            link(fmt::format("{}", number + 1), names[number]);
        }
        end("/tours/");
        for (std::size_t number = 0; number != names.size(); ++number) {
            begin(names[number]);
            say("One stop in each hall; allow an hour.");
            for (const hall& each : halls) {
                const std::size_t stop = (number * 4 + each.name.size()) % things.size();
                link(fmt::format("..{}", exhibit_path(each, stop)), exhibit_title(each, stop));
            }
            end(fmt::format("/tours/{}", number + 1));
        }
    }

    void rooms() {
        begin("About the museum");
        say("Founded by people who had watched a harbour for too long.");
        link("/old-entrance", "The old entrance");
        link("/catalogue.txt", "Catalogue");
        link("/private/", "Staff only", "nofollow");
        end("/about");

        begin("Visit");
        body_.append("<h2 id=\"hours\">Hours</h2>\n");
        say("Open from nine to five; the tide decides about the terrace.");
        link("/visit#hours", "Hours");
        link("mailto:desk@museum.example", "Ask the desk");
        end("/visit");

        begin("People");
        say("Four curators, two engineers and a retired lighthouse keeper.");
        link("/private/rota", "Rota");
        link("/about", "About the museum");
        end("/people");

        begin("Press");
        say("What others wrote.");
        link("https://example.org/", "Example Weekly");
        link("https://example.org/reviews/waves?year=2026", "A review");
        link("http://www.example.org/letters#first", "Letters");
        link("https://example.com/interview", "An interview", "external nofollow");
        end("/press");

        begin("Archive");
        say("This page comes gzip-coded to whoever takes it that way.");
        link("/halls/ocean/", "Begin with the ocean");
        end("/archive");
        answer& archive = site_.answers_.find("/archive")->second;
        archive.gzip_body = text_of(http::encode_gzip(bytes_of(archive.body)));

        begin("Notebook");
        link("caf%C3%A9-waves", "Waves in a caf&eacute;");
        end("/notes/");
        begin("Waves in a caf&eacute;");
        say("A spoon, a cup, and the pattern of rings at its rim.");
        link("../halls/sound/", "More about rims");
        end("/notes/caf%C3%A9-waves");

        begin("Contact");
        body_.append("<form action=\"/contact\" method=\"post\"><input name=\"text\"></form>\n");
        link("tel:+1-555-0100", "Telephone");
        end("/contact");

        begin("Glossary");
        for (const std::string_view word : {"amplitude", "crest", "node", "trough"}) {
            body_.append(fmt::format("<h2 id=\"{0}\">{0}</h2>\n", word));
            link(fmt::format("#{}", word), word);
        }
        end("/glossary");
    }

    void rooms_with_pictures() {
        begin("Map", "<base href=\"/halls/ocean/\">\n");
        say("Addresses on this page are read from the ocean hall.");
        link("01-tank", "Tank");
        link("02-gauge", "Gauge");
        link("../light/", "Light");
        link("/", "Way out");
        body_.append("<img src=\"../../images/wave-1.svg\" alt=\"Plan\">\n");
        end("/map");

        begin("Gallery");
        body_.append(
            "<img src=\"images/wave-1.svg\" alt=\"Small\""
            " srcset=\"images/wave-2.svg 2x, images/wave-3.svg 3x\">\n"
            "<picture><source srcset=\"/images/wave-4.svg 1000w\" src=\"/images/wave-4.svg\">"
            "<img src=\"/images/wave-2.svg\" alt=\"Large\"></picture>\n");
        link("images/wave-4.svg", "The largest");
        end("/gallery");
    }

    void other_answers() {
        answer moved = status_page(http::status::moved_permanently);
        moved.location = "/visit";
        site_.answers_.emplace("/old-entrance", std::move(moved));
        ++site_.expected_.redirects;
        ++site_.expected_.missing;  // /lost-wing

        std::string catalogue{"CATALOGUE OF THE MUSEUM OF WAVES\n\n"};
        for (const hall& each : halls) {
            for (std::size_t number = 0; number != things.size(); ++number) {
                catalogue.append(
                    fmt::format("{:02}  {}\n", number + 1, exhibit_title(each, number)));
            }
        }
        site_.add("/catalogue.txt", "text/plain; charset=utf-8", std::move(catalogue));
        site_.add("/style.css", "text/css; charset=utf-8",
                  "body { max-width: 42em; margin: auto; font-family: serif; }\n");
        for (int number = 1; number != 5; ++number) {
            site_.add(fmt::format("/images/wave-{}.svg", number), "image/svg+xml",
                      fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" "
                                  "height=\"60\"><path d=\"M0 30q{1}-40 {0} 0\"/></svg>\n",
                                  number * 100, number * 50));
        }
        site_.expected_.texts = 2;  // the catalogue and the picture that is linked
    }

    void private_part() {
        site_.add("/robots.txt", "text/plain; charset=utf-8",
                  "User-agent: *\nDisallow: /private/\n");
        for (const std::string_view path : {"/private/", "/private/rota"}) {
            begin("Staff only");
            say("A crawler that reads this has not asked robots.txt.");
            link("/private/rota", "Rota");
            end(std::string{path}, false);
            ++site_.expected_.disallowed;
        }
    }

    demonstration_site& site_;
    std::string body_;
    std::size_t anchors_ = 0;
    std::set<std::string, std::less<>> external_;
};

demonstration_site::demonstration_site() : not_found_{status_page(http::status::not_found)} {
    writer{*this}.build();
}

void demonstration_site::add(std::string path, std::string type, std::string body) {
    answer made;
    made.type = std::move(type);
    made.tag = fingerprint(body);
    made.modified = opening_day;
    made.body = std::move(body);
    answers_.emplace(std::move(path), std::move(made));
}

const answer& demonstration_site::find(std::string_view path_and_query) const {
    const auto found = answers_.find(path_and_query);
    return found == answers_.end() ? not_found_ : found->second;
}

task<answer> demonstration_site::look_up(const http::wire::request_head& asked) {
    co_return find(path_and_query_of(asked));
}

}  // namespace simul::program
