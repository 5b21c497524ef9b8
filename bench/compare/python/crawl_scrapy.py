#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A crawl with Scrapy, a hundred requests at a time.

    crawl_scrapy.py START PREFIX"""

import json
import re
import sys
import urllib.parse

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor

START, PREFIX = sys.argv[1:3]
found = {"pages": 0, "failures": 0, "bytes": 0}


class Site(scrapy.Spider):
    name = "site"
    start_urls = [START]
    links = LinkExtractor(allow=[f"^{re.escape(PREFIX)}.*\\.html$"], tags=("a", "link"),
                          canonicalize=False)

    def parse(self, response):
        found["pages"] += 1
        found["bytes"] += len(response.body)
        for link in self.links.extract_links(response):
            yield scrapy.Request(urllib.parse.urldefrag(link.url).url, callback=self.parse)


process = CrawlerProcess({
    "LOG_ENABLED": False, "ROBOTSTXT_OBEY": False, "COOKIES_ENABLED": False,
    "RETRY_ENABLED": False, "TELNETCONSOLE_ENABLED": False, "CONCURRENT_REQUESTS": 100,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 100})
process.crawl(Site)
process.start()
print(json.dumps(found))
