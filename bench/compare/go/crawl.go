// SPDX-License-Identifier: Apache-2.0

// The crawler that one writes in Go: a goroutine for each address, a hundred requests at a time,
// links by regular expression. `go_crawl START PREFIX`
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
)

var link = regexp.MustCompile(`href="(.*?)"`)

type crawler struct {
	client                 http.Client
	prefix                 string
	atOnce                 chan struct{}
	running                sync.WaitGroup
	mutex                  sync.Mutex // of what follows
	seen                   map[string]bool
	pages, failures, bytes int
}

func (c *crawler) add(address string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.seen[address] {
		c.seen[address] = true
		c.running.Add(1)
		go c.visit(address)
	}
}

// Returns nil for what is no page.
func (c *crawler) fetch(address string) []byte {
	c.atOnce <- struct{}{}
	defer func() { <-c.atOnce }()
	answer, err := c.client.Get(address)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	isPage := answer.StatusCode == 200 && strings.Contains(answer.Header.Get("Content-Type"), "html")
	if err != nil || !isPage {
		return nil
	}
	return text
}

func (c *crawler) count(text []byte) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if text == nil {
		c.failures++
	} else {
		c.pages++
		c.bytes += len(text)
	}
}

func (c *crawler) visit(address string) {
	defer c.running.Done()
	text := c.fetch(address)
	c.count(text)
	base, err := url.Parse(address)
	if err != nil {
		return
	}
	for _, match := range link.FindAllSubmatch(text, -1) {
		target, err := base.Parse(string(match[1]))
		if err != nil {
			continue
		}
		target.Fragment = ""
		found := target.String()
		if strings.HasPrefix(found, c.prefix) && strings.HasSuffix(found, ".html") {
			c.add(found)
		}
	}
}

func main() {
	c := crawler{prefix: os.Args[2], atOnce: make(chan struct{}, 100), seen: map[string]bool{}}
	c.client.Transport = &http.Transport{
		MaxIdleConns: 200, MaxIdleConnsPerHost: 100, DisableCompression: true}
	c.add(os.Args[1])
	c.running.Wait()
	fmt.Printf("{\"pages\": %d, \"failures\": %d, \"bytes\": %d}\n", c.pages, c.failures, c.bytes)
}
